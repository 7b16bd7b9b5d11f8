/* Thread/get and Thread/changes (RFC 8621 §3). */
#include "jmap/mail.h"

static bool thread_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	struct account_states states;
	if (!account_get_states(account, &states, error))
		return false;
	jmap_state_write(&states, STATE_OF_THREADS, out);
	return true;
}

static const char *const properties[] = {"id", "emailIds", NULL};
const struct jmap_type jmap_thread_type = {"Thread", JMAP_MAIL, properties, NULL, thread_state};

static json_t *thread_object(const struct jmap_get *get, const struct thread *thread)
{
	json_t *ids = json_array(), *object = json_pack("{s:o}", "id", jmap_id(JMAP_ID_THREAD, thread->id));
	for (size_t i = 0; i < thread->count; i++)
		json_array_append_new(ids, jmap_id(JMAP_ID_EMAIL, thread->emails[i]));
	if (jmap_get_wants(get, "emailIds"))
		json_object_set(object, "emailIds", ids);
	json_decref(ids);
	return object;
}

/* All threads of the account, if they aren't too many. */
static int64_t *all_threads(struct jmap_call *call, size_t *count, struct error *error)
{
	struct email *list;
	size_t emails;
	if (!email_list(call->account, 0, call->arena, &list, &emails, NULL, error))
		return NULL;
	int64_t *ids = arena_array(call->arena, emails + 1, sizeof *ids);
	for (size_t i = 0; i < emails; i++)
		ids[i] = list[i].thread;
	*count = jmap_ids_sort(ids, emails);
	return ids;
}

static bool get_threads(struct jmap_call *call, struct jmap_get *get)
{
	enum { EMAIL_BYTES = 80 };
	struct account_states states;
	struct thread *list;
	struct error error;
	size_t count = json_array_size(get->ids);
	int64_t *ids = get->ids ? jmap_ids_read(call, get->ids, JMAP_ID_THREAD) : all_threads(call, &count, &error);
	if (!ids)
		return jmap_fail_error(call, &error);
	if (count > JMAP_GET_MAX)
		return jmap_fail(call, "requestTooLarge", "at most %d objects at a time", JMAP_GET_MAX);
	if (!thread_get(call->account, ids, count, call->arena, &list, &states, &error))
		return jmap_fail_error(call, &error);
	jmap_state_write(&states, STATE_OF_THREADS, get->state);
	for (size_t i = 0; i < count; i++) {
		if (list[i].count > 0)
			jmap_get_add(get, thread_object(get, &list[i]));
		else if (get->ids)
			jmap_get_miss(get, jmap_slice_of(json_array_get(get->ids, i)));
		if (!jmap_spend(call, (list[i].count + 1) * EMAIL_BYTES))
			return false;
	}
	return true;
}

enum net_run jmap_thread_get(struct jmap_call *call)
{
	struct jmap_get get;
	if (!jmap_get_begin(call, &jmap_thread_type, NULL, &get))
		return RUN_DONE;
	if (get_threads(call, &get))
		jmap_get_end(call, &get);
	else
		jmap_get_drop(&get);
	return RUN_DONE;
}

enum net_run jmap_thread_changes(struct jmap_call *call)
{
	jmap_changes_run(call, thread_changes, JMAP_ID_THREAD, NULL);
	return RUN_DONE;
}
