/* The order of emails in Email/query (RFC 8621 §4.4.2), and what only their summaries say of them. */
#ifndef JMAP_EMAIL_SORT_H
#define JMAP_EMAIL_SORT_H

#include "jmap/email_filter.h"

/** Can emails be sorted so? False: answered. */
bool jmap_sort_check(struct jmap_call *call, const struct jmap_query *query);
/** Is it the order in which the store walks through emails? */
bool jmap_sort_is_by_received(const struct jmap_query *query, bool *ascending);
/** Does it ask which keywords threads have? */
bool jmap_sort_asks_threads(const struct jmap_query *query);
/** Does it ask until when emails sleep? */
bool jmap_sort_asks_snoozes(const struct jmap_query *query);
/** Sorts `list` (pointers into `all`, which are all emails of the account where jmap_sort_asks_threads()). False: answered. */
bool jmap_sort_emails(struct jmap_call *call, const struct jmap_query *query, const struct email **list, size_t count, const struct email *all, size_t all_count);

/** Sorts by keys, those with the same one as they stood: digit by digit, which of many is sooner done than comparing, and reads memory in its order. *list is either
 * array then. */
struct jmap_keyed { uint64_t key; uint32_t number; };
void jmap_keyed_sort(struct jmap_keyed **list, struct jmap_keyed **other, size_t count);

/** Calls `take` with the structure of each of these emails, NULL where there is none; they come in pieces, so that they need little memory. False: answered. */
bool jmap_summaries_visit(struct jmap_call *call, const struct email **list, size_t count,
			  void (*take)(void *context, size_t index, const struct mime_part *root, struct arena *arena), void *context);

/** What only the structure of a message says, texts as the comparator wants them; root NULL: there is none. */
void jmap_keys_read(const struct mime_part *root, const struct jmap_comparator *by, struct arena *arena, struct email_keys *keys);
/** A number for each email, by which they stand to one another as that key of theirs: of the index, and of summaries where it lacks some. *known false: there is no
 * index, they aren't many, or it lacks too many. `list` ascends by ids, unless there are few. False: answered. */
bool jmap_keys_find(struct jmap_call *call, enum email_key key, const struct email **list, size_t count, int64_t *numbers, bool *known);

#endif
