/* Email/query and Email/queryChanges (RFC 8621 §4.4, §4.5).
 *
 * What clients ask most, a mailbox by date, is answered while the store walks through it, and takes time by what is answered. All else looks at all emails
 * of the mailbox, or of the account: at what the store says of each without its summary, and at summaries only of those where the filter or the order asks
 * for what only they say. */
#include "jmap/email_sort.h"

#include "base/map.h"

/* A query while it is answered. */
struct asking {
	struct jmap_call *call;
	struct jmap_query query;
	struct jmap_filter *filter;
	bool collapse;
	struct account_states states;
	struct email *all;    /* of the mailbox, or of the account */
	size_t all_count;
	const struct email **found;
	size_t found_count;
};

/* ---- states: of emails, and of threads, which some queries depend on ---- */

static void write_state(const struct account_states *states, char out[JMAP_STATE_MAX + 1])
{
	char emails[JMAP_STATE_MAX + 1], threads[JMAP_STATE_MAX + 1];
	jmap_state_write(states, STATE_OF_EMAILS, emails);
	jmap_state_write(states, STATE_OF_THREADS, threads);
	snprintf(out, JMAP_STATE_MAX + 1, "%.30s:%.30s", emails, threads);
}

static bool begin(struct asking *asking)
{
	struct jmap_call *call = asking->call;
	if (!jmap_argument_bool(call, "collapseThreads", &asking->collapse) || !jmap_email_filter_check(call, asking->query.filter) || !jmap_sort_check(call, &asking->query))
		return false;
	asking->filter = jmap_filter_read(call, asking->query.filter);
	return true;
}

static bool asks_threads(const struct asking *asking) { return jmap_filter_asks_threads(asking->filter) || jmap_sort_asks_threads(&asking->query); }

/* ---- few that come into question: those in which a text is ---- */

enum { FEW = 2000 };

/* Reads them instead of the whole mailbox. False: they aren't few. */
static bool has_few(const struct asking *asking, const int64_t **ids, size_t *count)
{
	return !asks_threads(asking) && jmap_filter_candidates(asking->filter, ids, count) && *count <= FEW;
}

static bool read_few(struct asking *asking, const int64_t *ids, size_t count, struct error *error)
{
	struct email *list;
	if (!email_get(asking->call->account, ids, count, MESSAGE_FLAGS, asking->call->arena, &list, &asking->states, error))
		return false;
	for (size_t i = 0; i < count; i++)
		if (list[i].id != 0)
			list[asking->all_count++] = list[i];
	asking->all = list;
	return true;
}

/* ---- threads that were seen: open addressing, ids are odd enough to be their own hashes once mixed ---- */

struct seen { int64_t *slots; size_t room, count; struct arena *arena; };

static size_t slot_of(const struct seen *seen, int64_t thread)
{
	size_t at = (size_t)map_hash(slice_make((const char *)&thread, sizeof thread)) & (seen->room - 1);
	while (seen->slots[at] != 0 && seen->slots[at] != thread)
		at = (at + 1) & (seen->room - 1);
	return at;
}

static void widen(struct seen *seen)
{
	struct seen wider = {.room = seen->room > 0 ? seen->room * 2 : 256, .count = seen->count, .arena = seen->arena};
	wider.slots = arena_array(seen->arena, wider.room, sizeof *wider.slots);
	for (size_t i = 0; i < seen->room; i++)
		if (seen->slots[i] != 0)
			wider.slots[slot_of(&wider, seen->slots[i])] = seen->slots[i];
	*seen = wider;
}

/* Is it new? */
static bool see(struct seen *seen, int64_t thread)
{
	if (seen->count * 2 >= seen->room)
		widen(seen);
	size_t at = slot_of(seen, thread);
	bool is_new = seen->slots[at] == 0;
	seen->slots[at] = thread;
	seen->count += is_new;
	return is_new;
}

/* ---- while the store walks ---- */

struct walking {
	struct asking *asking;
	struct seen seen;
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
	if (jmap_filter_passes(walking->asking->filter, email, 0) == PASSES_NOT || (walking->asking->collapse && !see(&walking->seen, email->thread)))
		return true;
	if (walking->count >= walking->first && walking->count < walking->last) {
		ARENA_GROW(arena, walking->ids, walking->id_count, walking->id_room);
		walking->ids[walking->id_count++] = email->id;
	}
	walking->count++;
	return walking->to_the_end || walking->count < walking->last;
}

/* How many there are, where that needn't be counted. */
static bool known_total(struct asking *asking, int64_t mailbox, size_t *total, struct error *error)
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

static void answer_walk(struct asking *asking, const struct walking *walking, size_t total)
{
	char state[JMAP_STATE_MAX + 1];
	json_t *ids = json_array();
	for (size_t i = 0; i < walking->id_count; i++)
		json_array_append_new(ids, jmap_id(JMAP_ID_EMAIL, walking->ids[i]));
	write_state(&asking->states, state);
	jmap_query_end(asking->call, &asking->query, state, true, ids, walking->first, total);
}

/* False: it can't be answered so. */
static bool try_walk(struct asking *asking)
{
	struct error error;
	bool only, ascending;
	struct jmap_query *query = &asking->query;
	int64_t mailbox = jmap_filter_mailbox(asking->filter, &only);
	size_t total = 0, few;
	const int64_t *ids;
	if (!jmap_sort_is_by_received(query, &ascending) || query->anchor.len > 0 || query->position < 0 || jmap_filter_asks_attachments(asking->filter) || asks_threads(asking))
		return false;
	struct walking walking = {.asking = asking, .seen = {.arena = asking->call->arena}, .first = (size_t)query->position, .to_the_end = query->total && !only};
	walking.last = walking.first + (size_t)query->limit;
	if (!jmap_filter_prepare(asking->call, asking->filter, NULL, 0))
		return true;
	if (has_few(asking, &ids, &few))
		return false;
	if (!email_walk(asking->call->account, mailbox, ascending, walk_over, &walking, &asking->states, &error) ||
	    (query->total && only && !known_total(asking, mailbox, &total, &error))) {
		jmap_fail_error(asking->call, &error);
		return true;
	}
	answer_walk(asking, &walking, only ? total : walking.count);
	return true;
}

/* ---- with all that is there ---- */

/* Of those that pass if they have attachments, which have. */
struct attachments { struct asking *asking; bool *pass; };

static void look_for_attachments(void *context, size_t index, const struct mime_part *root, struct arena *arena)
{
	struct attachments *attachments = context;
	struct jmap_body body;
	bool has = false;
	if (root) {
		jmap_body_read(root, arena, &body);
		has = jmap_body_has_attachment(&body);
	}
	attachments->pass[index] = jmap_filter_passes(attachments->asking->filter, attachments->asking->found[index], has) == PASSES;
}

/* `found` holds those that pass or may pass. */
static bool settle_attachments(struct asking *asking)
{
	struct attachments attachments = {asking, arena_array(asking->call->arena, asking->found_count + 1, sizeof(bool))};
	size_t kept = 0;
	if (!jmap_summaries_visit(asking->call, asking->found, asking->found_count, look_for_attachments, &attachments))
		return false;
	for (size_t i = 0; i < asking->found_count; i++)
		if (attachments.pass[i])
			asking->found[kept++] = asking->found[i];
	asking->found_count = kept;
	return true;
}

static void collapse(struct asking *asking)
{
	struct seen seen = {.arena = asking->call->arena};
	size_t kept = 0;
	for (size_t i = 0; i < asking->found_count; i++)
		if (see(&seen, asking->found[i]->thread))
			asking->found[kept++] = asking->found[i];
	asking->found_count = kept;
}

/* Reads the emails that come into question, and prepares the filter. False: answered. */
static bool read_all(struct asking *asking, bool whole)
{
	struct jmap_call *call = asking->call;
	struct error error;
	const int64_t *ids;
	size_t few;
	bool only;
	int64_t mailbox = whole ? 0 : jmap_filter_mailbox(asking->filter, &only);
	if (!asks_threads(asking) && !jmap_filter_prepare(call, asking->filter, NULL, 0))
		return false;
	bool done = !whole && has_few(asking, &ids, &few) ? read_few(asking, ids, few, &error)
							   : email_list(call->account, mailbox, call->arena, &asking->all, &asking->all_count, &asking->states, &error);
	if (!done)
		return jmap_fail_error(call, &error);
	return jmap_filter_prepare(call, asking->filter, asking->all, asking->all_count);
}

/* Finds and sorts all results. `whole`: all emails of the account are to be known, whatever the filter. False: answered. */
static bool find_all(struct asking *asking, bool whole)
{
	struct jmap_call *call = asking->call;
	if (!read_all(asking, whole || asks_threads(asking)))
		return false;
	asking->found = arena_array(call->arena, asking->all_count + 1, sizeof *asking->found);
	for (size_t i = 0; i < asking->all_count; i++)
		if (jmap_filter_passes(asking->filter, &asking->all[i], -1) != PASSES_NOT)
			asking->found[asking->found_count++] = &asking->all[i];
	if ((jmap_filter_asks_attachments(asking->filter) && !settle_attachments(asking)) ||
	    !jmap_sort_emails(call, &asking->query, asking->found, asking->found_count, asking->all, asking->all_count))
		return false;
	if (asking->collapse)
		collapse(asking);
	return true;
}

static int64_t *found_ids(const struct asking *asking)
{
	int64_t *ids = arena_array(asking->call->arena, asking->found_count + 1, sizeof *ids);
	for (size_t i = 0; i < asking->found_count; i++)
		ids[i] = asking->found[i]->id;
	return ids;
}

enum net_run jmap_email_query(struct jmap_call *call)
{
	struct asking asking = {.call = call};
	char state[JMAP_STATE_MAX + 1];
	if (!jmap_query_begin(call, "collapseThreads", &asking.query) || !begin(&asking) || try_walk(&asking) || !find_all(&asking, false))
		return RUN_DONE;
	write_state(&asking.states, state);
	jmap_query_answer(call, &asking.query, state, true, JMAP_ID_EMAIL, found_ids(&asking), asking.found_count);
	return RUN_DONE;
}

/* ---- Email/queryChanges ---- */

/* Where results depend on threads, whatever shares one with what has changed may have come, gone or moved. */
static bool add_companions(struct asking *asking, struct slice threads_since, int64_t **touched, size_t *count)
{
	int64_t *threads, *all = arena_array(asking->call->arena, *count + asking->all_count + 1, sizeof *all);
	size_t thread_count, used = *count;
	if (!jmap_changed_since(asking->call, thread_changes, threads_since, &threads, &thread_count))
		return false;
	int64_t *changed = arena_array(asking->call->arena, asking->all_count + thread_count + 1, sizeof *changed);
	for (size_t i = 0; i < thread_count; i++)
		changed[i] = threads[i];
	for (size_t i = 0; i < asking->all_count; i++)
		if (jmap_ids_have(*touched, *count, asking->all[i].id))
			changed[thread_count++] = asking->all[i].thread;
	thread_count = jmap_ids_sort(changed, thread_count);
	for (size_t i = 0; i < *count; i++)
		all[i] = (*touched)[i];
	for (size_t i = 0; i < asking->all_count; i++)
		if (jmap_ids_have(changed, thread_count, asking->all[i].thread))
			all[used++] = asking->all[i].id;
	*touched = all;
	*count = jmap_ids_sort(all, used);
	return true;
}

/* Has nothing changed of what the results depend on? Then it is answered, and nothing looked at; also if it can't be said. */
static bool answer_unchanged(struct asking *asking, struct slice emails_since, struct slice threads_since, bool threads)
{
	struct jmap_call *call = asking->call;
	int64_t *ids;
	size_t count = 0;
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
	struct asking asking = {.call = call};
	char state[JMAP_STATE_MAX + 1];
	struct slice emails_since, threads_since;
	int64_t *touched;
	size_t count;
	if (!jmap_query_changes_begin(call, "collapseThreads", &asking.query) || !begin(&asking))
		return RUN_DONE;
	slice_cut(asking.query.since, ':', &emails_since, &threads_since);
	bool threads = asking.collapse || asks_threads(&asking);
	/* Changes are read behind the results: what changes in between is told as changed once more, the next time. */
	if (answer_unchanged(&asking, emails_since, threads_since, threads) || !find_all(&asking, threads) || !jmap_changed_since(call, email_changes, emails_since, &touched, &count) ||
	    (threads && !add_companions(&asking, threads_since, &touched, &count)))
		return RUN_DONE;
	write_state(&asking.states, state);
	asking.query.up_to = slice_make("", 0); /* mailboxes and keywords change: all of it counts (RFC 8620 §5.6) */
	jmap_query_changes_answer(call, &asking.query, state, JMAP_ID_EMAIL, found_ids(&asking), asking.found_count, touched, count);
	return RUN_DONE;
}
