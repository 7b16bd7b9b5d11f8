/* What methods read their arguments with, and answer with. */
#include <stdarg.h>
#include <string.h>

#include "jmap/internal.h"

/* ---- Answers ---- */

static void put_response(struct jmap_call *call, const char *name, json_t *arguments)
{
	struct buf *out = &call->request->out;
	json_t *id = json_stringn(call->id.at, call->id.len); /* as it came */
	bool first = call->request->response_count == 0 && !call->request->responded;
	call->request->responded = true;
	buf_printf(out, "%s[\"%s\",", first ? "" : ",", name);
	jmap_json_write(out, arguments);
	buf_append_text(out, ",");
	jmap_json_write(out, id);
	buf_append_text(out, "]");
	json_decref(id);
}

void jmap_respond(struct jmap_call *call, const char *name, json_t *arguments)
{
	struct jmap_request *request = call->request;
	put_response(call, name, arguments);
	char *id = arena_text(call->arena, call->id);
	if (request->response_count < JMAP_RESPONSES_MAX && json_object_get(request->referred, id))
		request->responses[request->response_count++] = (struct jmap_response){call->id, name, json_incref(arguments)};
	json_decref(arguments);
	call->answered = true;
}

bool jmap_fail(struct jmap_call *call, const char *type, const char *why, ...)
{
	json_t *arguments = json_pack("{s:s}", "type", type);
	char text[256] = "";
	va_list list;
	va_start(list, why);
	if (why)
		vsnprintf(text, sizeof text, why, list);
	va_end(list);
	if (why)
		json_object_set_new(arguments, "description", jmap_text(slice_of(text)));
	jmap_respond(call, "error", arguments);
	return false;
}

bool jmap_fail_error(struct jmap_call *call, const struct error *error)
{
	switch (error->kind) {
	case ERROR_TEMPORARY:
	case ERROR_INTERRUPTED:
		return jmap_fail(call, "serverUnavailable", NULL);
	case ERROR_DENIED:
		return jmap_fail(call, "forbidden", NULL);
	default:
		return jmap_fail(call, "serverFail", "%s", error->kind == ERROR_FULL ? "the disk is full" : "that didn't work");
	}
}

bool jmap_spend(struct jmap_call *call, size_t bytes)
{
	if (bytes > JMAP_ROOM_MAX - call->request->spent)
		return jmap_fail(call, "requestTooLarge", "the answer would be too large: ask for less at a time");
	if (jmap_share_take_bytes(call->request->person.account, bytes) != JMAP_SHARE_TAKEN)
		return jmap_fail(call, "serverUnavailable", "too much is being answered at the moment: try again later");
	call->request->spent += bytes;
	call->request->held += bytes;
	return true;
}

/* ---- Arguments ---- */

json_t *jmap_argument(const struct jmap_call *call, const char *name)
{
	json_t *value = json_object_get(call->arguments, name);
	return json_is_null(value) ? NULL : value;
}

bool jmap_argument_text(struct jmap_call *call, const char *name, bool needed, struct slice *value)
{
	json_t *given = jmap_argument(call, name);
	*value = jmap_slice_of(given);
	if (given ? json_is_string(given) : !needed)
		return true;
	return jmap_fail(call, "invalidArguments", "%s isn't a string", name);
}

bool jmap_argument_bool(struct jmap_call *call, const char *name, bool *value)
{
	json_t *given = jmap_argument(call, name);
	if (given && !json_is_boolean(given))
		return jmap_fail(call, "invalidArguments", "%s isn't a boolean", name);
	if (given)
		*value = json_is_true(given);
	return true;
}

enum { NUMBER_BITS = 53 }; /* RFC 8620 §1.3 */

bool jmap_argument_number(struct jmap_call *call, const char *name, int64_t least, int64_t *value)
{
	json_t *given = jmap_argument(call, name);
	int64_t most = ((int64_t)1 << NUMBER_BITS) - 1, number = json_integer_value(given);
	if (given && (!json_is_integer(given) || number > most || number < -most || number < least))
		return jmap_fail(call, "invalidArguments", "%s isn't such a number", name);
	if (given)
		*value = number;
	return true;
}

bool jmap_argument_object(struct jmap_call *call, const char *name, json_t **value)
{
	*value = jmap_argument(call, name);
	if (!*value || json_is_object(*value))
		return true;
	return jmap_fail(call, "invalidArguments", "%s isn't an object", name);
}

bool jmap_argument_array(struct jmap_call *call, const char *name, json_t **value)
{
	*value = jmap_argument(call, name);
	if (!*value || json_is_array(*value))
		return true;
	return jmap_fail(call, "invalidArguments", "%s isn't a list", name);
}

bool jmap_argument_ids(struct jmap_call *call, const char *name, size_t most, json_t **ids)
{
	json_t *given, *one, *seen = json_object(), *list = json_array();
	size_t i;
	bool done = jmap_argument_array(call, name, &given) && (given || jmap_fail(call, "invalidArguments", "%s is missing", name)) &&
		    (json_array_size(given) <= most || jmap_fail(call, "requestTooLarge", "at most %zu ids at a time", most));
	json_array_foreach(done ? given : NULL, i, one) {
		if (!json_is_string(one) || jmap_json_has_nul(one)) {
			done = jmap_fail(call, "invalidArguments", "%s isn't a list of ids", name);
			break;
		}
		if (!json_object_get(seen, json_string_value(one)))
			json_array_append(list, one);
		json_object_set_new(seen, json_string_value(one), json_true());
	}
	json_decref(seen);
	if (done)
		json_object_set(call->arguments, name, list);
	json_decref(list);
	*ids = json_object_get(call->arguments, name);
	return done;
}

bool jmap_arguments_known(struct jmap_call *call, const char *names)
{
	const char *name;
	json_t *value;
	json_object_foreach(call->arguments, name, value) {
		struct slice word, rest = slice_of(names);
		bool known = strcmp(name, "accountId") == 0;
		while (!known && rest.len > 0) {
			slice_cut(rest, ' ', &word, &rest);
			known = slice_equal(word, slice_of(name));
		}
		if (!known)
			return jmap_fail(call, "invalidArguments", "there is no argument of the name %.100s", name);
	}
	return true;
}

struct slice jmap_resolve_id(const struct jmap_call *call, struct slice text)
{
	if (text.len == 0 || text.at[0] != '#')
		return text;
	text = slice_skip(text, 1);
	return jmap_slice_of(json_object_getn(call->request->created, text.at, text.len));
}
