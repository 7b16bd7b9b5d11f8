/* Email/query and Email/queryChanges (RFC 8621 §4.4, §4.5).
 *
 * What clients ask most, a mailbox by date, is answered while the store walks through it, and takes time by what is answered. All else looks at all emails
 * of the mailbox, or of the account: at what the store says of each without its summary, and at summaries only of those where the filter or the order asks
 * for what only they say. */
#include "jmap/email_query.h"

/* ---- states: of emails, and of threads, which some queries depend on ---- */

void jmap_asking_state(const struct jmap_asking *asking, char out[JMAP_STATE_MAX + 1])
{
	char emails[JMAP_STATE_MAX + 1], threads[JMAP_STATE_MAX + 1];
	jmap_state_write(&asking->states, STATE_OF_EMAILS, emails);
	jmap_state_write(&asking->states, STATE_OF_THREADS, threads);
	snprintf(out, JMAP_STATE_MAX + 1, "%.30s:%.30s", emails, threads);
}

static bool begin(struct jmap_asking *asking)
{
	struct jmap_call *call = asking->call;
	if (!jmap_argument_bool(call, "collapseThreads", &asking->collapse) || !jmap_email_filter_check(call, asking->query.filter) || !jmap_sort_check(call, &asking->query))
		return false;
	asking->filter = jmap_filter_read(call, asking->query.filter);
	jmap_refresh_begin(asking);
	return true;
}

/* ---- while the store walks ---- */

enum { NEAR = 2500 /* results that are walked over to those that are wanted */ };

struct walking {
	struct jmap_asking *asking;
	struct jmap_seen seen;
	size_t first, last; /* which of the results are answered */
	bool to_the_end;    /* all are counted */
	size_t count;
	int64_t *ids;
	size_t id_count, id_room;
};

static bool walk_over(void *context, const struct email *email)
{
	struct walking *walking = context;
	struct arena *arena = walking->asking->call->arena;
	if (jmap_filter_passes(walking->asking->filter, email, 0) == PASSES_NOT || (walking->asking->collapse && !jmap_seen_add(&walking->seen, email->thread)))
		return true;
	if (walking->count >= walking->first && walking->count < walking->last) {
		ARENA_GROW(arena, walking->ids, walking->id_count, walking->id_room);
		walking->ids[walking->id_count++] = email->id;
	}
	walking->count++;
	return walking->to_the_end || walking->count < walking->last;
}

/* How many there are, where that needn't be counted. */
static bool known_total(struct jmap_asking *asking, int64_t mailbox, size_t *total, struct error *error)
{
	struct account_states states;
	struct mailbox found;
	if (!account_get_states(asking->call->account, &states, error))
		return false;
	*total = (size_t)(asking->collapse ? states.thread_count : states.email_count);
	if (mailbox == 0)
		return true;
	bool there = mailbox_get(asking->call->account, mailbox, asking->call->arena, &found, error);
	if (!there && error->kind != ERROR_NOT_FOUND)
		return false;
	*total = !there ? 0 : asking->collapse ? found.threads : found.emails;
	return true;
}

static void answer_walk(struct jmap_asking *asking, const struct walking *walking, size_t total)
{
	char state[JMAP_STATE_MAX + 1];
	json_t *ids = json_array();
	for (size_t i = 0; i < walking->id_count; i++)
		json_array_append_new(ids, jmap_id(JMAP_ID_EMAIL, walking->ids[i]));
	jmap_asking_state(asking, state);
	jmap_query_end(asking->call, &asking->query, state, true, ids, walking->first, total);
}

/* False: it can't be answered so. */
static bool try_walk(struct jmap_asking *asking)
{
	struct error error;
	bool only, ascending;
	struct jmap_query *query = &asking->query;
	int64_t mailbox = jmap_filter_mailbox(asking->filter, &only);
	size_t total = 0, few;
	const int64_t *ids;
	if (asking->key.len > 0 && ((!only && query->total) || query->position + query->limit > NEAR))
		return false; /* all of it would be gone through: then it is kept */
	if (!jmap_sort_is_by_received(query, &ascending) || query->anchor.len > 0 || query->position < 0 || jmap_filter_asks_attachments(asking->filter) || jmap_asks_threads(asking))
		return false;
	struct walking walking = {.asking = asking, .seen = {.arena = asking->call->arena}, .first = (size_t)query->position, .to_the_end = query->total && !only};
	walking.last = walking.first + (size_t)query->limit;
	if (!jmap_filter_prepare(asking->call, asking->filter, NULL, 0))
		return true;
	if (jmap_results_few(asking, &ids, &few))
		return false;
	if (!email_walk(asking->call->account, mailbox, ascending, walk_over, &walking, &asking->states, &error) ||
	    (query->total && only && !known_total(asking, mailbox, &total, &error))) {
		jmap_fail_error(asking->call, &error);
		return true;
	}
	answer_walk(asking, &walking, only ? total : walking.count);
	return true;
}

/* What is kept, or found. False: answered. */
static bool know_results(struct jmap_asking *asking, bool whole)
{
	bool answered = false;
	if (jmap_refresh(asking, &answered))
		return true;
	if (answered || !jmap_results_find(asking, whole))
		return false;
	jmap_refresh_end(asking);
	return true;
}

enum net_run jmap_email_query(struct jmap_call *call)
{
	struct jmap_asking asking = {.call = call};
	char state[JMAP_STATE_MAX + 1];
	if (!jmap_query_begin(call, "collapseThreads", &asking.query) || !begin(&asking) || try_walk(&asking) || !know_results(&asking, false))
		return RUN_DONE;
	jmap_asking_state(&asking, state);
	jmap_query_answer(call, &asking.query, state, true, JMAP_ID_EMAIL, asking.ids, asking.id_count);
	return RUN_DONE;
}

/* ---- Email/queryChanges ---- */

/* Has nothing changed of what the results depend on? Then it is answered, and nothing looked at; also if it can't be said. */
static bool answer_unchanged(struct jmap_asking *asking, bool threads)
{
	struct jmap_call *call = asking->call;
	struct slice emails_since, threads_since;
	int64_t *ids;
	size_t count = 0;
	slice_cut(asking->query.since, ':', &emails_since, &threads_since);
	if (!jmap_changed_since(call, email_changes, emails_since, &ids, &count) ||
	    (count == 0 && threads && !jmap_changed_since(call, thread_changes, threads_since, &ids, &count)))
		return true;
	if (count > 0 || asking->query.total)
		return false;
	jmap_query_changes_answer(call, &asking->query, arena_text(call->arena, asking->query.since), JMAP_ID_EMAIL, NULL, 0, NULL, 0);
	return true;
}

enum net_run jmap_email_query_changes(struct jmap_call *call)
{
	struct jmap_asking asking = {.call = call};
	char state[JMAP_STATE_MAX + 1];
	int64_t *touched;
	size_t count;
	if (!jmap_query_changes_begin(call, "collapseThreads", &asking.query) || !begin(&asking))
		return RUN_DONE;
	bool threads = asking.collapse || jmap_asks_threads(&asking);
	/* Changes are read behind the results: what changes in between is told as changed once more, the next time. */
	if (answer_unchanged(&asking, threads) || !know_results(&asking, threads) || !jmap_touched_since(&asking, asking.query.since, threads, SIZE_MAX, &touched, &count))
		return RUN_DONE;
	jmap_asking_state(&asking, state);
	asking.query.up_to = slice_make("", 0); /* mailboxes and keywords change: all of it counts (RFC 8620 §5.6) */
	jmap_query_changes_answer(call, &asking.query, state, JMAP_ID_EMAIL, asking.ids, asking.id_count, touched, count);
	return RUN_DONE;
}
