/* Filters of Email/query (RFC 8621 §4.4.1): checked, made into a tree, and asked of one email after the other. What a condition needs that isn't
 * said of an email itself is found before, once for all: the emails in which a text is, the threads that have a keyword. */
#ifndef JMAP_EMAIL_FILTER_H
#define JMAP_EMAIL_FILTER_H

#include "jmap/mail.h"

enum {
	JMAP_FILTER_TEXTS_MAX = 30,    /* conditions that look for text, in one filter */
	JMAP_SEARCH_MS_MAX = 15 * 1000, /* of one of them, while messages have to be read for want of an index */
};

/** Threads in which some email has a keyword, and those in which some has it not; ids, ascending. */
struct jmap_thread_keyword {
	struct slice keyword;
	int64_t *some, *lacking;
	size_t some_count, lacking_count;
};
bool jmap_thread_some(const struct jmap_thread_keyword *keyword, int64_t thread);
bool jmap_thread_all(const struct jmap_thread_keyword *keyword, int64_t thread);
/** Finds it out of all emails of the account. */
void jmap_thread_keyword_find(struct jmap_thread_keyword *keyword, const struct email *list, size_t count, struct arena *arena);
/** Has the email the keyword? */
bool jmap_email_has_keyword(const struct email *email, struct slice keyword);

struct jmap_filter;
/** Reads a filter that jmap_email_filter_check() let pass; NULL (no filter) lets everything pass. In the call's arena. */
struct jmap_filter *jmap_filter_read(struct jmap_call *call, const json_t *filter);
/** Finds what it needs, once. `list`: all emails of the account; needed where jmap_filter_asks_threads(). False: answered. */
bool jmap_filter_prepare(struct jmap_call *call, struct jmap_filter *filter, const struct email *list, size_t count);
/** Only of these emails (ids, ascending, which outlive the filter) it is to be said whether they pass: no others are looked at for texts. Before it is prepared. */
void jmap_filter_among(struct jmap_filter *filter, const int64_t *ids, size_t count);
bool jmap_filter_asks_threads(const struct jmap_filter *filter);
/** Does it ask for attachments, of which only summaries tell? */
bool jmap_filter_asks_attachments(const struct jmap_filter *filter);
/** Does it ask for what isn't said of emails: texts, which are soon found in more of them, and who sleeps? */
bool jmap_filter_asks_others(const struct jmap_filter *filter);
/** A mailbox that all that passes is in; 0: there is none. `only`: that is all it asks. */
int64_t jmap_filter_mailbox(const struct jmap_filter *filter, bool *only);

/** Once it is prepared: ids, ascending, without which nothing passes, as few as are known; false: there are none such. */
bool jmap_filter_candidates(const struct jmap_filter *filter, const int64_t **ids, size_t *count);

enum jmap_passes { PASSES_NOT, PASSES, PASSES_MAYBE /* that depends on whether it has attachments */ };
/** Does an email pass? `attachment`: 1: it has one, 0: it has none, -1: that isn't known. */
enum jmap_passes jmap_filter_passes(const struct jmap_filter *filter, const struct email *email, int attachment);

#endif
