/* /get and /changes (RFC 8620 §5.1, §5.2): what all types do in the same way. */
#include <string.h>

#include "jmap/internal.h"

/* ---- Reading ---- */

static bool are_known(struct jmap_call *call, const char *names, const char *further)
{
	return jmap_arguments_known(call, arena_printf(call->arena, "%s %s", names, further ? further : "").at);
}

/* None twice. */
static bool read_ids(struct jmap_call *call, struct jmap_get *get)
{
	json_t *given, *one, *seen;
	size_t i;
	if (!jmap_argument_array(call, "ids", &given))
		return false;
	if (!given)
		return true;
	if (json_array_size(given) > JMAP_GET_MAX)
		return jmap_fail(call, "requestTooLarge", "at most %d objects at a time", JMAP_GET_MAX);
	get->ids = json_array();
	seen = json_object();
	json_array_foreach(given, i, one) {
		struct slice id = jmap_resolve_id(call, jmap_slice_of(one));
		if (!json_is_string(one)) {
			json_decref(seen);
			json_decref(get->ids);
			return jmap_fail(call, "invalidArguments", "ids isn't a list of ids");
		}
		if (id.at == NULL)
			id = jmap_slice_of(one); /* a creation id that stands for nothing isn't found */
		if (!json_object_getn(seen, id.at, id.len)) {
			json_object_setn_new(seen, id.at, id.len, json_true());
			json_array_append_new(get->ids, json_stringn(id.at, id.len));
		}
	}
	json_decref(seen);
	return true;
}

static bool is_property(const struct jmap_type *type, struct slice name)
{
	for (size_t i = 0; type->properties[i]; i++)
		if (slice_equal(name, slice_of(type->properties[i])))
			return true;
	return type->is_property && type->is_property(name);
}

static bool read_properties(struct jmap_call *call, struct jmap_get *get)
{
	json_t *one;
	size_t i;
	if (!jmap_argument_array(call, "properties", &get->properties))
		return false;
	json_array_foreach(get->properties, i, one)
		if (!json_is_string(one) || !is_property(get->type, jmap_slice_of(one)))
			return jmap_fail(call, "invalidArguments", "properties names one that isn't there");
	return true;
}

bool jmap_get_begin(struct jmap_call *call, const struct jmap_type *type, const char *further, struct jmap_get *get)
{
	struct error error;
	*get = (struct jmap_get){.type = type};
	if (!are_known(call, "ids properties", further) || !read_properties(call, get))
		return false;
	if (!type->state(call->account, get->state, &error))
		return jmap_fail_error(call, &error);
	if (!read_ids(call, get))
		return false;
	get->list = json_array();
	get->not_found = json_array();
	return true;
}

bool jmap_get_wants(const struct jmap_get *get, const char *property)
{
	json_t *one;
	size_t i;
	if (!get->properties)
		return true;
	json_array_foreach(get->properties, i, one)
		if (slice_equal(jmap_slice_of(one), slice_of(property)))
			return true;
	return strcmp(property, "id") == 0;
}

/* ---- Answering ---- */

void jmap_get_add(struct jmap_get *get, json_t *object) { json_array_append_new(get->list, object); }

void jmap_get_miss(struct jmap_get *get, struct slice id) { json_array_append_new(get->not_found, jmap_text(id)); }

void jmap_get_end(struct jmap_call *call, struct jmap_get *get)
{
	jmap_respond(call, call->method->name, json_pack("{s:s, s:s, s:O, s:O}", "accountId", call->request->account_id, "state", get->state, "list", get->list,
							 "notFound", get->not_found));
	jmap_get_drop(get);
}

void jmap_get_drop(struct jmap_get *get)
{
	json_decref(get->ids);
	json_decref(get->list);
	json_decref(get->not_found);
}

/* ---- /changes ---- */

bool jmap_changes_begin(struct jmap_call *call, struct jmap_changes *changes)
{
	*changes = (struct jmap_changes){.most = JMAP_GET_MAX};
	if (!jmap_arguments_known(call, "sinceState maxChanges") || !jmap_argument_text(call, "sinceState", true, &changes->since) ||
	    !jmap_argument_number(call, "maxChanges", 1, &changes->most))
		return false;
	if (changes->most > JMAP_GET_MAX)
		changes->most = JMAP_GET_MAX;
	changes->created = json_array();
	changes->updated = json_array();
	changes->destroyed = json_array();
	return true;
}

void jmap_changes_drop(struct jmap_changes *changes)
{
	json_decref(changes->created);
	json_decref(changes->updated);
	json_decref(changes->destroyed);
}

void jmap_changes_end(struct jmap_call *call, struct jmap_changes *changes, json_t *further)
{
	json_t *response = json_pack("{s:s, s:s%, s:s, s:b, s:O, s:O, s:O}", "accountId", call->request->account_id, "oldState", changes->since.at, changes->since.len,
				     "newState", changes->state, "hasMoreChanges", changes->more, "created", changes->created, "updated", changes->updated, "destroyed",
				     changes->destroyed);
	if (further)
		json_object_update_new(response, further);
	jmap_respond(call, call->method->name, response);
	jmap_changes_drop(changes);
}
