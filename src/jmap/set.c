/* /set (RFC 8620 §5.3): what all types do in the same way. What refers to what the same request creates is created after it. */
#include <stdarg.h>
#include <string.h>

#include "jmap/internal.h"

/* ---- SetErrors ---- */

json_t *jmap_set_error(const char *type, const char *properties, const char *why, ...)
{
	char text[256];
	va_list list;
	json_t *error = json_pack("{s:s}", "type", type);
	if (why) {
		va_start(list, why);
		vsnprintf(text, sizeof text, why, list);
		va_end(list);
		json_object_set_new(error, "description", jmap_text(slice_of(text)));
	}
	if (properties) {
		json_t *names = json_array();
		struct slice name, rest = slice_of(properties);
		while (rest.len > 0) {
			slice_cut(rest, ' ', &name, &rest);
			json_array_append_new(names, jmap_text(name));
		}
		json_object_set_new(error, "properties", names);
	}
	return error;
}

json_t *jmap_set_error_of(const struct error *error)
{
	switch (error->kind) {
	case ERROR_NOT_FOUND:
		return jmap_set_error("notFound", NULL, NULL);
	case ERROR_LIMIT:
		return jmap_set_error("overQuota", NULL, NULL);
	case ERROR_DENIED:
		return jmap_set_error("forbidden", NULL, NULL);
	case ERROR_FULL:
		return jmap_set_error("serverFail", NULL, "the disk is full");
	case ERROR_TEMPORARY:
	case ERROR_INTERRUPTED:
		return jmap_set_error("serverFail", NULL, "that isn't possible now, try again later");
	default:
		return jmap_set_error("serverFail", NULL, NULL);
	}
}

json_t *jmap_set_refuse_nul(const json_t *object)
{
	const char *name;
	json_t *value, *names = json_array();
	json_object_foreach((json_t *)object, name, value)
		if (jmap_json_has_nul(value))
			json_array_append_new(names, json_string(name));
	json_t *error = json_array_size(names) > 0 ? jmap_set_error("invalidProperties", NULL, "no text has U+0000 in it") : NULL;
	if (error)
		json_object_set(error, "properties", names);
	json_decref(names);
	return error;
}

/* ---- Reading ---- */

static bool are_objects(const json_t *map, bool ids)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)map, key, value)
		if (!json_is_object(value) || (ids && !jmap_is_id(slice_of(key))))
			return false;
	return true;
}

static bool are_texts(const json_t *array)
{
	size_t i;
	json_t *one;
	json_array_foreach(array, i, one)
		if (!json_is_string(one))
			return false;
	return true;
}

bool jmap_set_check(struct jmap_call *call, const struct jmap_set *set)
{
	if (!are_objects(set->create, true))
		return jmap_fail(call, "invalidArguments", "create isn't a map of creation ids to objects");
	if (!are_objects(set->update, false))
		return jmap_fail(call, "invalidArguments", "update isn't a map of ids to patches");
	if (!are_texts(set->destroy))
		return jmap_fail(call, "invalidArguments", "destroy isn't a list of ids");
	if (json_object_size(set->create) + json_object_size(set->update) + json_array_size(set->destroy) > JMAP_SET_MAX)
		return jmap_fail(call, "requestTooLarge", "at most %d changes at a time", JMAP_SET_MAX);
	return true;
}

static bool check_state(struct jmap_call *call, struct jmap_set *set)
{
	struct slice expected;
	struct error error;
	if (!jmap_argument_text(call, "ifInState", false, &expected))
		return false;
	if (!set->type->state(call->account, set->old_state, &error))
		return jmap_fail_error(call, &error);
	if (jmap_argument(call, "ifInState") && !slice_equal(expected, slice_of(set->old_state)))
		return jmap_fail(call, "stateMismatch", NULL);
	return true;
}

bool jmap_set_begin(struct jmap_call *call, const struct jmap_type *type, const char *further, struct jmap_set *set)
{
	*set = (struct jmap_set){.type = type};
	const char *known = arena_printf(call->arena, "ifInState create update destroy %s", further ? further : "").at;
	if (!jmap_arguments_known(call, known) || !jmap_argument_object(call, "create", &set->create) || !jmap_argument_object(call, "update", &set->update) ||
	    !jmap_argument_array(call, "destroy", &set->destroy) || !jmap_set_check(call, set) || !check_state(call, set))
		return false;
	json_t **results[] = {&set->created, &set->updated, &set->not_created, &set->not_updated, &set->not_destroyed};
	for (size_t i = 0; i < sizeof results / sizeof *results; i++)
		*results[i] = json_object();
	set->destroyed = json_array();
	return true;
}

/* ---- Creating, in the order of references ---- */

struct creating {
	struct jmap_call *call;
	struct jmap_set *set;
	const struct jmap_setter *setter;
	json_t *begun; /* creation ids: object */
	unsigned depth; /* of references to what refers to others */
};

enum { REFERENCES_MAX = 40 };

static void create_one(struct creating *creating, const char *key, json_t *object);

/* Creates what the text refers to, if it is still to be created. */
static void create_referred(struct creating *creating, const char *text)
{
	json_t *object = text[0] == '#' ? json_object_get(creating->set->create, text + 1) : NULL;
	if (object && creating->depth < REFERENCES_MAX && !json_object_get(creating->begun, text + 1))
		create_one(creating, text + 1, object);
}

/* References are ids: values, or names of members. */
static void create_all_referred(struct creating *creating, json_t *value)
{
	const char *key;
	json_t *part;
	size_t i;
	if (json_is_string(value))
		create_referred(creating, json_string_value(value));
	json_array_foreach(value, i, part)
		create_all_referred(creating, part);
	json_object_foreach(value, key, part) {
		create_referred(creating, key);
		create_all_referred(creating, part);
	}
}

static json_t *run_create(struct creating *creating, json_t *object, json_t **made)
{
	const struct jmap_setter *setter = creating->setter;
	json_t *refused = setter->create ? jmap_set_refuse_nul(object) : jmap_set_error("forbidden", NULL, NULL);
	return refused ? refused : setter->create(creating->call, creating->set, object, made);
}

static void create_one(struct creating *creating, const char *key, json_t *object)
{
	json_t *made = NULL;
	json_object_set_new(creating->begun, key, json_true());
	creating->depth++;
	create_all_referred(creating, object);
	creating->depth--;
	json_t *error = run_create(creating, object, &made);
	if (error) {
		json_decref(made);
		json_object_set_new(creating->set->not_created, key, error);
		return;
	}
	json_object_set(creating->call->request->created, key, json_object_get(made, "id"));
	json_object_set_new(creating->set->created, key, made);
}

void jmap_set_create(struct jmap_call *call, struct jmap_set *set, const struct jmap_setter *setter)
{
	const char *key;
	json_t *object;
	struct creating creating = {call, set, setter, json_object(), 0};
	json_object_foreach(set->create, key, object)
		if (!json_object_get(creating.begun, key))
			create_one(&creating, key, object);
	json_decref(creating.begun);
}

/* ---- Updating, destroying ---- */

static bool is_to_be_destroyed(const struct jmap_call *call, const struct jmap_set *set, struct slice id)
{
	size_t i;
	json_t *one;
	json_array_foreach(set->destroy, i, one)
		if (slice_equal(jmap_resolve_id(call, jmap_slice_of(one)), id))
			return true;
	return false;
}

static json_t *update_one(struct jmap_call *call, struct jmap_set *set, const struct jmap_setter *setter, struct slice id, json_t *patch, json_t **changed)
{
	if (id.len == 0)
		return jmap_set_error("notFound", NULL, NULL);
	if (json_array_size(set->destroy) > 0 && is_to_be_destroyed(call, set, id))
		return jmap_set_error("willDestroy", NULL, NULL);
	json_t *refused = setter->update ? jmap_set_refuse_nul(patch) : jmap_set_error("forbidden", NULL, NULL);
	return refused ? refused : setter->update(call, set, id, patch, changed);
}

void jmap_set_update(struct jmap_call *call, struct jmap_set *set, const struct jmap_setter *setter)
{
	const char *key;
	json_t *patch;
	json_object_foreach(set->update, key, patch) {
		json_t *changed = NULL;
		struct slice id = jmap_resolve_id(call, slice_of(key));
		json_t *error = update_one(call, set, setter, id, patch, &changed);
		if (error) {
			json_decref(changed);
			json_object_set_new(set->not_updated, key, error);
		} else
			json_object_setn_new(set->updated, id.at, id.len, changed ? changed : json_null());
	}
}

static json_t *destroy_one(struct jmap_call *call, struct jmap_set *set, const struct jmap_setter *setter, struct slice id)
{
	if (id.len == 0)
		return jmap_set_error("notFound", NULL, NULL);
	return setter->destroy ? setter->destroy(call, set, id) : jmap_set_error("forbidden", NULL, NULL);
}

void jmap_set_destroy(struct jmap_call *call, struct jmap_set *set, const struct jmap_setter *setter)
{
	size_t i;
	json_t *one, *done = json_object();
	json_array_foreach(set->destroy, i, one) {
		struct slice id = jmap_resolve_id(call, jmap_slice_of(one));
		if (id.len > 0 && json_object_getn(done, id.at, id.len))
			continue; /* it is named twice */
		json_t *error = destroy_one(call, set, setter, id);
		if (error)
			json_object_set_new(set->not_destroyed, json_string_value(one), error);
		else {
			json_object_setn_new(done, id.at, id.len, json_true());
			json_array_append_new(set->destroyed, json_stringn(id.at, id.len));
		}
	}
	json_decref(done);
}

/* ---- Answering ---- */

/* Null where nothing happened. */
static json_t *or_null(json_t *value)
{
	return json_object_size(value) + json_array_size(value) > 0 ? json_incref(value) : json_null();
}

void jmap_set_end(struct jmap_call *call, struct jmap_set *set)
{
	char state[JMAP_STATE_MAX + 1];
	struct error error;
	if (!set->type->state(call->account, state, &error))
		jmap_fail(call, "serverPartialFail", NULL); /* what was changed is changed: the client looks anew */
	else
		jmap_respond(call, call->method->name,
			     json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "accountId", call->request->account_id, "oldState", set->old_state, "newState", state,
				       "created", or_null(set->created), "updated", or_null(set->updated), "destroyed", or_null(set->destroyed), "notCreated",
				       or_null(set->not_created), "notUpdated", or_null(set->not_updated), "notDestroyed", or_null(set->not_destroyed)));
	jmap_set_drop(set);
}

void jmap_set_drop(struct jmap_set *set)
{
	json_t *all[] = {set->created, set->updated, set->destroyed, set->not_created, set->not_updated, set->not_destroyed};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		json_decref(all[i]);
}

void jmap_set_run(struct jmap_call *call, const struct jmap_type *type, const struct jmap_setter *setter, const char *further, void *context)
{
	struct jmap_set set;
	if (!jmap_set_begin(call, type, further, &set))
		return;
	set.context = context;
	jmap_set_create(call, &set, setter);
	jmap_set_update(call, &set, setter);
	jmap_set_destroy(call, &set, setter);
	jmap_set_end(call, &set);
}

/* ---- /copy (RFC 8620 §5.4) ---- */

enum net_run jmap_copy_from_nowhere(struct jmap_call *call)
{
	struct slice from;
	json_t *create;
	if (!jmap_arguments_known(call, "fromAccountId ifFromInState ifInState create onSuccessDestroyOriginal destroyFromIfInState") ||
	    !jmap_argument_text(call, "fromAccountId", true, &from) || !jmap_argument_object(call, "create", &create))
		return RUN_DONE;
	if (!create)
		jmap_fail(call, "invalidArguments", "create is missing");
	else if (slice_equal(from, slice_of(call->request->account_id)))
		jmap_fail(call, "invalidArguments", "that is the same account");
	else
		jmap_fail(call, "fromAccountNotFound", NULL);
	return RUN_DONE;
}
