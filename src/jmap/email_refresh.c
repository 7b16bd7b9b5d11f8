/* Bringing results that were kept up to date (email_kept.h): what has changed since is taken out, and put in where it belongs now. */
#include "jmap/email_query.h"

enum { REFRESHED_MOST = 24 /* emails: a place for each is found by looking at some others; more are found anew with all */ };

void jmap_refresh_begin(struct jmap_asking *asking)
{
	if (!jmap_filter_asks_others(asking->filter) && !jmap_asks_threads(asking) && !jmap_sort_asks_snoozes(&asking->query))
		asking->key = jmap_kept_key(asking->call, &asking->query, asking->collapse);
}

void jmap_refresh_end(const struct jmap_asking *asking)
{
	struct jmap_kept_list list = {.ids = asking->ids, .count = asking->id_count};
	if (asking->key.len == 0 || asking->all_count < JMAP_KEPT_LEAST)
		return;
	jmap_asking_state(asking, list.state);
	jmap_kept_put(asking->key, &list);
}

/* ---- what has changed ---- */

/* With `few` it is no failure if that can't be said: then *count is more. */
static bool list_changed(struct jmap_asking *asking, jmap_changes_reader *read, struct slice since, size_t few, int64_t **ids, size_t *count)
{
	struct jmap_call *call = asking->call;
	struct changes_point point;
	struct changes changes;
	struct error error;
	if (few == SIZE_MAX)
		return jmap_changed_since(call, read, since, ids, count);
	*count = few + 1;
	if (!changes_point_read(since, &point))
		return true;
	if (!read(call->account, &point, few, call->arena, &changes, &error))
		return jmap_fail_error(call, &error);
	if (!changes.known || changes.more)
		return true;
	const struct { const int64_t *at; size_t count; } lists[] = {{changes.created, changes.created_count}, {changes.updated, changes.updated_count}, {changes.destroyed, changes.destroyed_count}};
	*ids = arena_array(call->arena, few + 1, sizeof **ids);
	*count = 0;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (size_t k = 0; k < lists[i].count; k++)
			(*ids)[(*count)++] = lists[i].at[k];
	*count = jmap_ids_sort(*ids, *count);
	return true;
}

/* Ids of all threads that have changed, and of those emails; *count as many. */
static bool list_threads(struct jmap_asking *asking, struct slice since, size_t few, const int64_t *emails, size_t email_count, int64_t **threads, size_t *count)
{
	struct jmap_call *call = asking->call;
	struct error error;
	struct email *list;
	int64_t *changed = NULL;
	if (!list_changed(asking, thread_changes, since, few, &changed, count))
		return false;
	if (*count > few)
		return true;
	if (!email_get(call->account, emails, email_count, MESSAGE_FLAGS, call->arena, &list, NULL, &error))
		return jmap_fail_error(call, &error);
	*threads = arena_array(call->arena, *count + email_count + 1, sizeof **threads);
	for (size_t i = 0; i < *count; i++)
		(*threads)[i] = changed[i];
	for (size_t i = 0; i < email_count; i++)
		if (list[i].id != 0)
			(*threads)[(*count)++] = list[i].thread;
	*count = jmap_ids_sort(*threads, *count);
	return true;
}

/* Where results depend on threads, whatever shares one with what has changed may have come, gone or moved. */
static bool add_companions(struct jmap_asking *asking, struct slice since, size_t few, int64_t **ids, size_t *count)
{
	struct jmap_call *call = asking->call;
	struct error error;
	struct thread *list;
	int64_t *threads = NULL;
	size_t thread_count, used = *count, more = 0;
	if (!list_threads(asking, since, few, *ids, *count, &threads, &thread_count))
		return false;
	if (thread_count > few) {
		*count = thread_count;
		return true;
	}
	if (!thread_get(call->account, threads, thread_count, call->arena, &list, NULL, &error))
		return jmap_fail_error(call, &error);
	for (size_t i = 0; i < thread_count; i++)
		more += list[i].count;
	int64_t *all = arena_array(call->arena, used + more + 1, sizeof *all);
	for (size_t i = 0; i < used; i++)
		all[i] = (*ids)[i];
	for (size_t i = 0; i < thread_count; i++)
		for (size_t k = 0; k < list[i].count; k++)
			all[used++] = list[i].emails[k];
	*ids = all;
	*count = jmap_ids_sort(all, used);
	return true;
}

bool jmap_touched_since(struct jmap_asking *asking, struct slice state, bool threads, size_t few, int64_t **ids, size_t *count)
{
	struct slice emails_since, threads_since;
	slice_cut(state, ':', &emails_since, &threads_since);
	return list_changed(asking, email_changes, emails_since, few, ids, count) &&
	       (!threads || *count > few || add_companions(asking, threads_since, few, ids, count));
}

/* ---- putting it where it belongs ---- */

/* Does the email come before the one of that id? False with *lost: that isn't there any more; or with *answered. */
static bool comes_before(struct jmap_asking *asking, const struct email *email, int64_t id, bool *lost, bool *answered)
{
	struct jmap_call *call = asking->call;
	struct error error;
	struct email *other;
	if (!email_get(call->account, &id, 1, MESSAGE_FLAGS, call->arena, &other, NULL, &error) || other->id == 0) {
		*lost = true;
		return false;
	}
	const struct email *pair[] = {email, other};
	if (!jmap_sort_emails(call, &asking->query, pair, 2, NULL, 0))
		*lost = *answered = true;
	return pair[0] == email;
}

static bool put_in(struct jmap_asking *asking, struct jmap_kept_list *list, const struct email *email, bool *answered)
{
	size_t low = 0, high = list->count;
	bool lost = false;
	while (low < high && !lost) {
		size_t middle = low + (high - low) / 2;
		if (comes_before(asking, email, list->ids[middle], &lost, answered))
			high = middle;
		else
			low = middle + 1;
	}
	memmove(list->ids + low + 1, list->ids + low, (list->count - low) * sizeof *list->ids);
	list->ids[low] = email->id;
	list->count++;
	return !lost;
}

static void take_out(struct jmap_kept_list *list, const int64_t *touched, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->count; i++)
		if (!jmap_ids_have(touched, count, list->ids[i]))
			list->ids[kept++] = list->ids[i];
	list->count = kept;
}

/* Those of the touched that are results: asking->found. */
static bool judge(struct jmap_asking *asking, const int64_t *touched, size_t count)
{
	struct jmap_call *call = asking->call;
	struct email *list;
	struct error error;
	if (!email_get(call->account, touched, count, MESSAGE_FLAGS, call->arena, &list, NULL, &error))
		return jmap_fail_error(call, &error);
	if (!jmap_filter_prepare(call, asking->filter, NULL, 0))
		return false;
	asking->found = arena_array(call->arena, count + 1, sizeof *asking->found);
	asking->found_count = 0;
	for (size_t i = 0; i < count; i++)
		if (list[i].id != 0 && jmap_filter_passes(asking->filter, &list[i], -1) != PASSES_NOT)
			asking->found[asking->found_count++] = &list[i];
	return jmap_results_settle(asking);
}

/* False: it is to be found anew. */
static bool renew(struct jmap_asking *asking, struct jmap_kept_list *list, const int64_t *touched, size_t count, bool *answered)
{
	*answered = !judge(asking, touched, count);
	if (*answered)
		return false;
	int64_t *wider = arena_array(asking->call->arena, list->count + asking->found_count + 1, sizeof *wider);
	if (list->count > 0)
		memcpy(wider, list->ids, list->count * sizeof *wider);
	list->ids = wider;
	take_out(list, touched, count);
	for (size_t i = 0; i < asking->found_count; i++)
		if (!put_in(asking, list, asking->found[i], answered))
			return false;
	return true;
}

/* The states are read first: what changes from then on is looked at the next time. */
static bool refresh(struct jmap_asking *asking, struct jmap_kept_list *list, bool *answered)
{
	struct error error;
	char state[JMAP_STATE_MAX + 1];
	int64_t *touched = NULL;
	size_t count;
	if (!account_get_states(asking->call->account, &asking->states, &error)) {
		*answered = true;
		return jmap_fail_error(asking->call, &error);
	}
	jmap_asking_state(asking, state);
	if (strcmp(state, list->state) == 0)
		return true;
	*answered = !jmap_touched_since(asking, slice_of(list->state), asking->collapse, REFRESHED_MOST, &touched, &count);
	if (*answered || count > REFRESHED_MOST || !renew(asking, list, touched, count, answered))
		return false;
	memcpy(list->state, state, sizeof state);
	jmap_kept_put(asking->key, list);
	return true;
}

bool jmap_refresh(struct jmap_asking *asking, bool *answered)
{
	struct jmap_kept_list list;
	if (asking->key.len == 0 || !jmap_kept_find(asking->call, asking->key, &list) || !refresh(asking, &list, answered))
		return false;
	asking->ids = list.ids;
	asking->id_count = list.count;
	return true;
}
