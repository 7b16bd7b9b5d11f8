/* What the files that answer Email/query share. */
#ifndef JMAP_EMAIL_QUERY_H
#define JMAP_EMAIL_QUERY_H

#include "jmap/email_kept.h"

/* A query while it is answered. */
struct jmap_asking {
	struct jmap_call *call;
	struct jmap_query query;
	struct jmap_filter *filter;
	bool collapse;
	struct account_states states;
	struct email *all;    /* of the mailbox, or of the account */
	size_t all_count;
	const struct email **found;
	size_t found_count;
	int64_t *ids;         /* the results, once they are known */
	size_t id_count;
	struct slice key;     /* under which they are kept; empty: they aren't */
};

/** Do the results depend on keywords of other emails of a thread? */
bool jmap_asks_threads(const struct jmap_asking *asking);
/** As text: of emails, and of threads, which some queries depend on. */
void jmap_asking_state(const struct jmap_asking *asking, char out[JMAP_STATE_MAX + 1]);

/* email_results.c */

/** Finds and sorts all results: asking->ids. `whole`: all emails of the account are to be known, whatever the filter. False: answered. */
bool jmap_results_find(struct jmap_asking *asking, bool whole);
/** Of asking->found, which may pass, those that do, in order, a thread once if that is wanted. False: answered. */
bool jmap_results_settle(struct jmap_asking *asking);
/** Ids without which nothing passes, where they are few. */
bool jmap_results_few(const struct jmap_asking *asking, const int64_t **ids, size_t *count);

/** Threads that were seen. */
struct jmap_seen { int64_t *slots; size_t room, count; struct arena *arena; };
/** Is it new? */
bool jmap_seen_add(struct jmap_seen *seen, int64_t thread);

/* email_refresh.c */

/** Begins the use of results that are kept, if there can be any. */
void jmap_refresh_begin(struct jmap_asking *asking);
/** Results out of what was kept: asking->ids and states. False: they are to be found, or, with *answered, an error was told. */
bool jmap_refresh(struct jmap_asking *asking, bool *answered);
/** Keeps results that were found. */
void jmap_refresh_end(const struct jmap_asking *asking);
/** What may have come into results, gone or moved since the states: the emails that have changed, and, with `threads`, all of the threads that have. `few`: no more
 * are wanted; then *count is more. Ascending. False: answered. */
bool jmap_touched_since(struct jmap_asking *asking, struct slice state, bool threads, size_t few, int64_t **ids, size_t *count);

#endif
