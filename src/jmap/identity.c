/* Identities (RFC 8621 §6): as whom somebody may write. The first, of the account's own address, is there from the beginning, and can't be destroyed. */
#include "jmap/identity.h"

#include <string.h>

#include "message/address.h"

enum { DEFAULT_ID = 1, IDENTITY_TEXT_MAX = 64 * 1024, IDENTITY_ADDRESSES_MAX = 100 };

static const char *const properties[] = {"id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete", NULL};
static const char *const settable[] = {"name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", NULL};

static bool state_of(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	return jmap_object_state(account, OBJECT_IDENTITY, out, error);
}

const struct jmap_type jmap_identity_type = {.name = "Identity", .capability = JMAP_SUBMISSION, .properties = properties, .state = state_of};

/* ---- What is kept ---- */

static json_t *with_defaults(json_t *identity)
{
	static const struct { const char *name; bool text; } defaults[] = {{"name", true}, {"replyTo", false}, {"bcc", false}, {"textSignature", true}, {"htmlSignature", true}};
	for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
		if (!json_object_get(identity, defaults[i].name))
			json_object_set_new(identity, defaults[i].name, defaults[i].text ? json_string("") : json_null());
	return identity;
}

/* There is always one. */
static bool ensure_default(struct jmap_call *call, struct error *error)
{
	struct object object;
	if (object_get(call->account, OBJECT_IDENTITY, DEFAULT_ID, call->arena, &object, error))
		return true;
	if (error->kind != ERROR_NOT_FOUND)
		return false;
	json_t *identity = with_defaults(json_pack("{s:o}", "email", jmap_text(account_name(call->account))));
	int64_t id = DEFAULT_ID;
	json_t *refused = jmap_object_put(call, OBJECT_IDENTITY, &id, 0, identity);
	json_decref(identity);
	bool done = !refused;
	json_decref(refused);
	*error = (struct error){0};
	return done || error_set(error, ERROR_TEMPORARY, "the identity can't be made");
}

static json_t *shown(const struct object *object)
{
	json_t *json = jmap_object_json(object, JMAP_ID_IDENTITY);
	json_object_set_new(json, "mayDelete", json_boolean(object->id != DEFAULT_ID));
	return json;
}

bool jmap_identity_find(struct jmap_call *call, struct slice id, json_t **identity, struct error *error)
{
	struct object object;
	int64_t number = jmap_id_parse(JMAP_ID_IDENTITY, id);
	*identity = NULL;
	if (!ensure_default(call, error))
		return false;
	if (number == 0 || !object_get(call->account, OBJECT_IDENTITY, number, call->arena, &object, error))
		return number == 0 ? error_set(error, ERROR_NOT_FOUND, "there is no such identity") : false;
	*identity = shown(&object);
	return true;
}

/* ---- /get, /changes ---- */

static const struct object *find(const struct object *list, size_t count, int64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].id == id)
			return &list[i];
	return NULL;
}

static void answer_get(struct jmap_get *get, const struct object *list, size_t count)
{
	size_t i;
	json_t *id;
	for (i = 0; !get->ids && i < count; i++)
		jmap_get_add(get, jmap_object_wanted(get, shown(&list[i])));
	json_array_foreach(get->ids, i, id) {
		const struct object *object = find(list, count, jmap_id_parse(JMAP_ID_IDENTITY, jmap_slice_of(id)));
		if (object)
			jmap_get_add(get, jmap_object_wanted(get, shown(object)));
		else
			jmap_get_miss(get, jmap_slice_of(id));
	}
}

enum net_run jmap_identity_get(struct jmap_call *call)
{
	struct jmap_get get;
	struct object *list;
	struct error error;
	size_t count;
	int64_t state;
	if (!ensure_default(call, &error)) {
		jmap_fail_error(call, &error);
		return RUN_DONE;
	}
	if (!jmap_get_begin(call, &jmap_identity_type, NULL, &get))
		return RUN_DONE;
	if (!object_list(call->account, OBJECT_IDENTITY, call->arena, &list, &count, &state, &error)) {
		jmap_get_drop(&get);
		jmap_fail_error(call, &error);
		return RUN_DONE;
	}
	answer_get(&get, list, count);
	jmap_get_end(call, &get);
	return RUN_DONE;
}

enum net_run jmap_identity_changes(struct jmap_call *call) { return jmap_object_changes(call, OBJECT_IDENTITY, JMAP_ID_IDENTITY); }

/* ---- /set ---- */

static bool is_text(const json_t *value, size_t max) { return json_is_string(value) && json_string_length(value) <= max; }

static bool is_address(struct slice text, struct arena *arena)
{
	struct error error;
	struct slice address;
	return address_parse(text, true, arena, &address, &error);
}

/* EmailAddress[]|null. */
static bool are_addresses(const json_t *list, struct arena *arena)
{
	static const char *const names[] = {"name", "email", NULL};
	size_t i;
	json_t *one;
	if (json_is_null(list))
		return true;
	if (!json_is_array(list) || json_array_size(list) > IDENTITY_ADDRESSES_MAX)
		return false;
	json_array_foreach(list, i, one) {
		json_t *name = json_object_get(one, "name");
		if (!json_is_object(one) || jmap_object_unknown(one, names) || (name && !json_is_null(name) && !is_text(name, IDENTITY_TEXT_MAX)) ||
		    !is_address(jmap_slice_of(json_object_get(one, "email")), arena))
			return false;
	}
	return true;
}

/* All that is wrong, names separated by blanks; empty: nothing. */
static struct slice wrong_properties(const json_t *identity, struct arena *arena)
{
	struct buf wrong = BUF(1024);
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)identity, key, value) {
		bool good = strcmp(key, "email") == 0 ? is_address(jmap_slice_of(value), arena)
			    : strcmp(key, "replyTo") == 0 || strcmp(key, "bcc") == 0 ? are_addresses(value, arena) : is_text(value, IDENTITY_TEXT_MAX);
		if (!good)
			buf_printf(&wrong, "%s%s", wrong.len > 0 ? " " : "", key);
	}
	struct slice names = arena_copy(arena, buf_slice(&wrong));
	buf_free(&wrong);
	return names;
}

static json_t *check(struct jmap_call *call, const json_t *identity)
{
	const char *unknown = jmap_object_unknown(identity, settable);
	if (unknown)
		return jmap_set_error("invalidProperties", unknown, NULL);
	if (!json_object_get(identity, "email"))
		return jmap_set_error("invalidProperties", "email", "it is missing");
	struct slice wrong = wrong_properties(identity, call->arena);
	return wrong.len > 0 ? jmap_set_error("invalidProperties", arena_text(call->arena, wrong), NULL) : NULL;
}

/* Who may write as whom is the same for every way that mail goes out. */
static json_t *check_right(struct jmap_call *call, struct slice email)
{
	switch (auth_may_send_as(call->request->service->auth, NULL, account_name(call->account), email)) {
	case SENDER_OWN:
		return NULL;
	case SENDER_OTHERS:
		return jmap_set_error("forbiddenFrom", NULL, "that address isn't yours");
	default:
		return jmap_set_error("serverFail", NULL, "whose address that is can't be told now, try again later");
	}
}

/* What the client hasn't said itself. */
static json_t *rest_of(json_t *identity, const json_t *object)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)object, name, value)
		json_object_del(identity, name);
	return identity;
}

static json_t *create(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made)
{
	int64_t id = 0;
	(void)set;
	json_t *refused = check(call, object);
	if (!refused)
		refused = check_right(call, jmap_slice_of(json_object_get(object, "email")));
	if (refused)
		return refused;
	json_t *identity = with_defaults(json_copy(object));
	refused = jmap_object_put(call, OBJECT_IDENTITY, &id, 0, identity);
	json_object_set_new(identity, "id", jmap_id(JMAP_ID_IDENTITY, id));
	json_object_set_new(identity, "mayDelete", json_true());
	*made = rest_of(identity, object);
	return refused;
}

/* What the server sets may be named if it isn't changed. */
static json_t *check_unchanged(const json_t *former, const json_t *now)
{
	static const char *const fixed[] = {"id", "email", "mayDelete"};
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (!json_equal(json_object_get(former, fixed[i]), json_object_get(now, fixed[i])))
			return jmap_set_error("invalidProperties", fixed[i], "it can't be changed");
	return NULL;
}

/* What is taken away has its default again (RFC 8620 §5.3). */
static json_t *apply(struct jmap_call *call, json_t *former, json_t *patch, int64_t id)
{
	json_t *now = jmap_patch(former, patch);
	if (!now)
		return jmap_set_error("invalidPatch", NULL, NULL);
	json_t *refused = check_unchanged(former, with_defaults(now));
	json_object_del(now, "id");
	json_object_del(now, "mayDelete");
	refused = refused ? refused : check(call, now);
	refused = refused ? refused : jmap_object_put(call, OBJECT_IDENTITY, &id, 0, now);
	json_decref(now);
	return refused;
}

static json_t *update(struct jmap_call *call, struct jmap_set *set, struct slice id, json_t *patch, json_t **changed)
{
	json_t *former;
	struct error error;
	(void)set, (void)changed;
	if (!jmap_identity_find(call, id, &former, &error))
		return jmap_set_error_of(&error);
	json_t *refused = apply(call, former, patch, jmap_id_parse(JMAP_ID_IDENTITY, id));
	json_decref(former);
	return refused;
}

static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice id)
{
	int64_t number = jmap_id_parse(JMAP_ID_IDENTITY, id);
	(void)set;
	if (number == 0)
		return jmap_set_error("notFound", NULL, NULL);
	return number == DEFAULT_ID ? jmap_set_error("forbidden", NULL, "it is the account's own address") : jmap_object_put(call, OBJECT_IDENTITY, &number, 0, NULL);
}

enum net_run jmap_identity_set(struct jmap_call *call)
{
	static const struct jmap_setter setter = {create, update, destroy};
	struct error error;
	if (!ensure_default(call, &error))
		jmap_fail_error(call, &error);
	else
		jmap_set_run(call, &jmap_identity_type, &setter, NULL, NULL);
	return RUN_DONE;
}
