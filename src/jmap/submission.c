/* EmailSubmission (RFC 8621 §7). How one is made is submission_create.c; what becomes of it the courier writes into it (courier/submission.c). Taking it back is
 * decided by the queue. */
#include "jmap/submission.h"

#include <string.h>

#include "base/log.h"
#include "queue/queue.h"

static const char *const properties[] = {"id", "identityId", "emailId", "threadId", "envelope", "sendAt", "undoStatus", "deliveryStatus", "dsnBlobIds", "mdnBlobIds", NULL};

static bool state_of(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	return jmap_object_state(account, OBJECT_SUBMISSION, out, error);
}

const struct jmap_type jmap_submission_type = {.name = "EmailSubmission", .capability = JMAP_SUBMISSION, .properties = properties, .state = state_of};

/* ---- /get, /changes ---- */

static bool add_all(struct jmap_call *call, struct jmap_get *get, struct error *error)
{
	struct object *list;
	size_t count;
	int64_t state;
	if (!object_list(call->account, OBJECT_SUBMISSION, call->arena, &list, &count, &state, error))
		return false;
	for (size_t i = 0; i < count; i++)
		jmap_get_add(get, jmap_object_wanted(get, jmap_object_json(&list[i], JMAP_ID_SUBMISSION)));
	return true;
}

static bool add_named(struct jmap_call *call, struct jmap_get *get, struct error *error)
{
	size_t i;
	json_t *id;
	json_array_foreach(get->ids, i, id) {
		struct object object;
		int64_t number = jmap_id_parse(JMAP_ID_SUBMISSION, jmap_slice_of(id));
		if (number != 0 && object_get(call->account, OBJECT_SUBMISSION, number, call->arena, &object, error))
			jmap_get_add(get, jmap_object_wanted(get, jmap_object_json(&object, JMAP_ID_SUBMISSION)));
		else if (number == 0 || error->kind == ERROR_NOT_FOUND)
			jmap_get_miss(get, jmap_slice_of(id));
		else
			return false;
	}
	return true;
}

enum net_run jmap_submission_get(struct jmap_call *call)
{
	struct jmap_get get;
	struct error error;
	jmap_submissions_settle(call);
	if (!jmap_get_begin(call, &jmap_submission_type, NULL, &get))
		return RUN_DONE;
	if (get.ids ? add_named(call, &get, &error) : add_all(call, &get, &error))
		jmap_get_end(call, &get);
	else {
		jmap_get_drop(&get);
		jmap_fail_error(call, &error);
	}
	return RUN_DONE;
}

enum net_run jmap_submission_changes(struct jmap_call *call)
{
	jmap_submissions_settle(call);
	return jmap_object_changes(call, OBJECT_SUBMISSION, JMAP_ID_SUBMISSION);
}

/* ---- Updating: having it back ---- */

static bool set_canceled(void *context, const struct object *object, struct arena *arena, struct slice *text)
{
	json_t *json = json_loadb(object->text.at, object->text.len, 0, NULL);
	(void)context;
	json_object_set_new(json, "undoStatus", json_string("canceled"));
	char *written = json_dumps(json, JSON_COMPACT);
	*text = arena_copy(arena, slice_of(written ? written : ""));
	free(written);
	json_decref(json);
	return text->len > 0;
}

static json_t *take_back(struct jmap_call *call, const struct object *object)
{
	enum queue_withdrawal outcome;
	struct error error;
	if (!queue_withdraw(call->request->service->queue, account_name(call->account), object->reference, &outcome, &error))
		return jmap_set_error("serverFail", NULL, "that isn't possible now, try again later");
	if (outcome != WITHDRAWN)
		return jmap_set_error("cannotUnsend", NULL, "it has been sent, or is being sent");
	log_info("message.withdrawn", log_id("id", object->reference), log_slice("account", account_name(call->account)));
	return object_edit(call->account, OBJECT_SUBMISSION, object->reference, set_canceled, NULL, &error) ? NULL : jmap_set_error_of(&error);
}

static json_t *apply(struct jmap_call *call, const struct object *object, json_t *former, json_t *patch)
{
	const char *key;
	json_t *value, *now = jmap_patch(former, patch), *refused = NULL;
	if (!now)
		return jmap_set_error("invalidPatch", NULL, NULL);
	struct slice before = jmap_slice_of(json_object_get(former, "undoStatus")), after = jmap_slice_of(json_object_get(now, "undoStatus"));
	json_object_foreach(now, key, value)
		if (!refused && strcmp(key, "undoStatus") != 0 && !json_equal(value, json_object_get(former, key)))
			refused = jmap_set_error("invalidProperties", key, "it can't be changed");
	if (!refused && json_object_size(now) != json_object_size(former))
		refused = jmap_set_error("invalidProperties", NULL, "nothing of it can be taken away");
	if (!refused && !slice_equal(before, after)) {
		bool undo = slice_equal(after, SLICE("canceled"));
		refused = !undo ? jmap_set_error("invalidProperties", "undoStatus", NULL)
			  : slice_equal(before, SLICE("pending")) ? take_back(call, object) : jmap_set_error("cannotUnsend", NULL, "it has been sent");
	}
	json_decref(now);
	return refused;
}

static json_t *find(struct jmap_call *call, struct slice id, struct object *object)
{
	struct error error;
	int64_t number = jmap_id_parse(JMAP_ID_SUBMISSION, id);
	if (number == 0)
		return jmap_set_error("notFound", NULL, NULL);
	return object_get(call->account, OBJECT_SUBMISSION, number, call->arena, object, &error) ? NULL : jmap_set_error_of(&error);
}

/* Which emails submissions are of, as long as it is known: id: emailId. */
static void note_email(const struct jmap_set *set, struct slice id, const json_t *submission)
{
	json_object_setn(set->context, id.at, id.len, json_object_get(submission, "emailId"));
}

static json_t *update(struct jmap_call *call, struct jmap_set *set, struct slice id, json_t *patch, json_t **changed)
{
	struct object object;
	(void)changed;
	json_t *refused = find(call, id, &object);
	if (refused)
		return refused;
	json_t *former = jmap_object_json(&object, JMAP_ID_SUBMISSION);
	note_email(set, id, former);
	refused = apply(call, &object, former, patch);
	json_decref(former);
	return refused;
}

/* What is on its way is none the less. */
static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice id)
{
	struct object object;
	json_t *refused = find(call, id, &object);
	if (refused)
		return refused;
	json_t *former = jmap_object_json(&object, JMAP_ID_SUBMISSION);
	note_email(set, id, former);
	json_decref(former);
	return jmap_object_put(call, OBJECT_SUBMISSION, &object.id, 0, NULL);
}

/* ---- What follows ---- */

static bool is_in(const json_t *array, struct slice id)
{
	size_t i;
	json_t *one;
	json_array_foreach(array, i, one)
		if (slice_equal(jmap_slice_of(one), id))
			return true;
	return false;
}

/* The email of a submission that was created, updated or destroyed by this call; NULL: it wasn't. `name`: its id, or "#" and its creation id. */
static json_t *email_of(const struct jmap_call *call, const struct jmap_set *set, const char *name)
{
	if (name[0] == '#' && json_object_get(set->created, name + 1)) {
		json_t *object = json_object_get(set->create, name + 1);
		struct slice id = jmap_resolve_id(call, jmap_slice_of(json_object_get(object, "emailId")));
		return id.at ? json_stringn(id.at, id.len) : NULL;
	}
	struct slice id = jmap_resolve_id(call, slice_of(name));
	bool done = id.len > 0 && (json_object_getn(set->updated, id.at, id.len) || is_in(set->destroyed, id));
	return done ? json_incref(json_object_getn(set->context, id.at, id.len)) : NULL;
}

static json_t *emails_to_update(const struct jmap_call *call, const struct jmap_set *set, json_t *wanted)
{
	const char *name;
	json_t *patch, *update = json_object();
	json_object_foreach(wanted, name, patch) {
		json_t *email = email_of(call, set, name), *former = email ? json_object_get(update, json_string_value(email)) : NULL;
		if (former)
			json_object_update(former, patch);
		else if (email)
			json_object_set_new(update, json_string_value(email), json_copy(patch));
		json_decref(email);
	}
	return update;
}

static json_t *emails_to_destroy(const struct jmap_call *call, const struct jmap_set *set, const json_t *wanted)
{
	size_t i;
	json_t *name, *destroy = json_array();
	json_array_foreach(wanted, i, name) {
		json_t *email = email_of(call, set, json_string_value(name));
		if (email && !is_in(destroy, jmap_slice_of(email)))
			json_array_append(destroy, email);
		json_decref(email);
	}
	return destroy;
}

static bool are_good(struct jmap_call *call, json_t *update, const json_t *destroy)
{
	const char *name;
	json_t *value;
	size_t i;
	json_object_foreach(update, name, value)
		if (!json_is_object(value))
			return jmap_fail(call, "invalidArguments", "onSuccessUpdateEmail isn't a map of ids to patches");
	json_array_foreach(destroy, i, value)
		if (!json_is_string(value))
			return jmap_fail(call, "invalidArguments", "onSuccessDestroyEmail isn't a list of ids");
	return true;
}

/* How far an EmailSubmission/set is. */
struct setting {
	struct jmap_call *call;
	struct jmap_set set;
	void *next;                     /* of set.create: what is to be created */
	struct jmap_creating *creating; /* what is being created; NULL: nothing */
	json_t *update_emails, *destroy_emails;
};

static void drop_setting(void *state)
{
	struct setting *setting = state;
	if (setting->creating)
		jmap_creating_drop(setting->creating);
	json_decref(setting->set.context);
	jmap_set_drop(&setting->set);
}

static void note_created(struct setting *setting, const char *key, json_t *made, json_t *refused)
{
	if (refused) {
		json_decref(made);
		json_object_set_new(setting->set.not_created, key, refused);
		return;
	}
	json_object_set(setting->call->request->created, key, json_object_get(made, "id"));
	json_object_set_new(setting->set.created, key, made);
}

/* One after the other, each without a thread while others are at it. */
static enum net_run create_all(struct setting *setting)
{
	while (setting->next) {
		json_t *made = NULL, *refused;
		if (!setting->creating)
			setting->creating = jmap_creating_begin(setting->call, json_object_iter_value(setting->next));
		if (jmap_creating_go_on(setting->creating, &made, &refused) == RUN_WAIT)
			return RUN_WAIT;
		setting->creating = NULL;
		note_created(setting, json_object_iter_key(setting->next), made, refused);
		setting->next = json_object_iter_next(setting->set.create, setting->next);
	}
	return RUN_DONE;
}

static enum net_run go_on(struct setting *setting)
{
	static const struct jmap_setter setter = {NULL, update, destroy};
	struct jmap_call *call = setting->call;
	if (create_all(setting) == RUN_WAIT)
		return RUN_WAIT;
	jmap_set_update(call, &setting->set, &setter);
	jmap_set_destroy(call, &setting->set, &setter);
	json_t *update_list = emails_to_update(call, &setting->set, setting->update_emails), *destroy_list = emails_to_destroy(call, &setting->set, setting->destroy_emails);
	json_decref(setting->set.context);
	jmap_set_end(call, &setting->set);
	call->state = NULL;
	call->drop = NULL;
	return jmap_implied_email_set(call, update_list, destroy_list);
}

enum net_run jmap_submission_set(struct jmap_call *call)
{
	json_t *update_emails, *destroy_emails;
	bool under_way;
	if (call->drop == drop_setting)
		return go_on(call->state);
	enum net_run result = jmap_implied_go_on(call, &under_way);
	if (under_way)
		return result;
	jmap_submissions_settle(call);
	struct setting *setting = arena_alloc(call->arena, sizeof *setting);
	if (!jmap_argument_object(call, "onSuccessUpdateEmail", &update_emails) || !jmap_argument_array(call, "onSuccessDestroyEmail", &destroy_emails) ||
	    !are_good(call, update_emails, destroy_emails) || !jmap_set_begin(call, &jmap_submission_type, "onSuccessUpdateEmail onSuccessDestroyEmail", &setting->set))
		return RUN_DONE;
	setting->call = call;
	setting->set.context = json_object();
	setting->update_emails = update_emails;
	setting->destroy_emails = destroy_emails;
	setting->next = json_object_iter(setting->set.create);
	call->state = setting;
	call->drop = drop_setting;
	return go_on(setting);
}
