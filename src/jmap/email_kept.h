/* Results of queries that were answered before: a client that scrolls asks for one window after the other, and after each change of an email what has
 * become of its query. A list is kept with the state that it is of; some emails that have changed since are put where they belong now, and nothing
 * else is looked at. Bounded for all accounts together: the list that nobody has asked for the longest goes first. */
#ifndef JMAP_EMAIL_KEPT_H
#define JMAP_EMAIL_KEPT_H

#include "jmap/email_sort.h"

enum {
	JMAP_KEPT_BYTES_MAX = 8 * 1024 * 1024,   /* of all lists; one may have a quarter */
	JMAP_KEPT_LISTS_MAX = 64,
	JMAP_KEPT_KEY_MAX = 4096,                /* bytes of a query */
	JMAP_KEPT_LEAST = 200,                   /* emails that have to be looked at: fewer are, each time */
};

struct jmap_kept_list {
	char state[JMAP_STATE_MAX + 1];
	int64_t *ids;                            /* in the order of the query */
	size_t count;
};

/** What a query is called by, in the call's arena; NULL: its results aren't to be kept. */
struct slice jmap_kept_key(struct jmap_call *call, const struct jmap_query *query, bool collapse);
/** Copies the list to the call's arena. Any thread. */
bool jmap_kept_find(struct jmap_call *call, struct slice key, struct jmap_kept_list *list);
/** Keeps a copy, in the place of what was kept under that key. Any thread. */
void jmap_kept_put(struct slice key, const struct jmap_kept_list *list);

#endif
