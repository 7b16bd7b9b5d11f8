/* One request (RFC 8620 §3): what was asked is read, its calls run one after the other, and what they respond is gathered as text. A response is kept
 * as JSON only while a later call refers to it. */
#include <string.h>

#include "base/memory.h"
#include "jmap/internal.h"

/* ---- Problems (RFC 8620 §3.6.1, RFC 7807) ---- */

/* Returns false. */
static bool refuse(struct jmap_problem *problem, int status, const char *type, const char *detail)
{
	*problem = (struct jmap_problem){status, type, NULL, detail};
	return false;
}

json_t *jmap_problem_json(const struct jmap_problem *problem)
{
	char type[100];
	snprintf(type, sizeof type, "%s%s", problem->type ? "urn:ietf:params:jmap:error:" : "about:blank", problem->type ? problem->type : "");
	json_t *object = json_pack("{s:s, s:i, s:s}", "type", type, "status", problem->status, "detail", problem->detail);
	if (problem->limit)
		json_object_set_new(object, "limit", json_string(problem->limit));
	return object;
}

/* ---- Reading ---- */

static bool is_array_of_texts(const json_t *array)
{
	size_t i;
	json_t *one;
	json_array_foreach(array, i, one)
		if (!json_is_string(one))
			return false;
	return json_is_array(array);
}

static bool read_using(struct jmap_request *request, const json_t *using, struct jmap_problem *problem)
{
	size_t i;
	json_t *one;
	if (!is_array_of_texts(using))
		return refuse(problem, 400, "notRequest", "using isn't a list of capabilities");
	json_array_foreach(using, i, one) {
		unsigned known = 0;
		for (unsigned c = 0; c < JMAP_CAPABILITY_COUNT; c++)
			if (slice_equal(jmap_slice_of(one), slice_of(jmap_capabilities[c].urn)))
				known = 1u << c;
		if (known == 0)
			return refuse(problem, 400, "unknownCapability", "using names a capability that isn't there");
		request->using |= known;
	}
	return true;
}

static bool is_call(const json_t *call)
{
	const json_t *id = json_array_get(call, 2), *name = json_array_get(call, 0);
	return json_array_size(call) == 3 && json_is_string(name) && json_is_object(json_array_get(call, 1)) && json_is_string(id) &&
	       json_string_length(name) <= JMAP_NAME_MAX && json_string_length(id) <= JMAP_NAME_MAX;
}

/* Notes the calls whose responses others refer to. */
static void note_references(struct jmap_request *request, json_t *arguments)
{
	const char *name;
	json_t *value;
	json_object_foreach(arguments, name, value)
		if (name[0] == '#' && json_is_string(json_object_get(value, "resultOf")))
			json_object_set_new(request->referred, json_string_value(json_object_get(value, "resultOf")), json_true());
}

static bool read_calls(struct jmap_request *request, json_t *calls, struct jmap_problem *problem)
{
	size_t i;
	json_t *call;
	if (!json_is_array(calls))
		return refuse(problem, 400, "notRequest", "methodCalls isn't a list");
	if (json_array_size(calls) > JMAP_CALLS_MAX) {
		*problem = (struct jmap_problem){400, "limit", "maxCallsInRequest", "too many calls"};
		return false;
	}
	json_array_foreach(calls, i, call) {
		if (!is_call(call))
			return refuse(problem, 400, "notRequest", "a call is a list of a name, arguments, and an id");
		note_references(request, json_array_get(call, 1));
	}
	request->calls = calls;
	return true;
}

static bool read_created(struct jmap_request *request, json_t *created, struct jmap_problem *problem)
{
	const char *key;
	json_t *value;
	if (!created || json_is_null(created))
		return true;
	json_object_foreach(created, key, value)
		if (!jmap_is_id(slice_of(key)) || !jmap_is_id(jmap_slice_of(value)))
			return refuse(problem, 400, "notRequest", "createdIds isn't a map of ids");
	if (!json_is_object(created))
		return refuse(problem, 400, "notRequest", "createdIds isn't a map of ids");
	request->tells_created = true;
	json_object_update(request->created, created);
	return true;
}

bool jmap_request_read(struct jmap_request *request, struct slice text, struct jmap_problem *problem)
{
	request->root = jmap_json_read(text, problem);
	return request->root && jmap_request_take(request, problem);
}

bool jmap_request_take(struct jmap_request *request, struct jmap_problem *problem)
{
	request->created = json_object();
	request->referred = json_object();
	request->referred_room = JMAP_REFERRED_MAX;
	if (!json_is_object(request->root))
		return refuse(problem, 400, "notRequest", "a request is an object");
	if (!read_using(request, json_object_get(request->root, "using"), problem) || !read_calls(request, json_object_get(request->root, "methodCalls"), problem) ||
	    !read_created(request, json_object_get(request->root, "createdIds"), problem))
		return false;
	request->responses = arena_array(request->arena, JMAP_RESPONSES_MAX, sizeof *request->responses);
	request->out = BUF(JMAP_RESPONSE_MAX);
	return true;
}

/* ---- Opening, closing ---- */

bool jmap_request_open(struct jmap_request *request, struct jmap_problem *problem)
{
	struct error error;
	request->account = store_open_account(request->service->store, request->person.account, &error);
	if (!request->account)
		return refuse(problem, 503, NULL, "the account can't be opened now");
	jmap_id_format(JMAP_ID_ACCOUNT, account_incarnation(request->account), request->account_id);
	return true;
}

static void end_call(struct jmap_request *request)
{
	struct jmap_call *call = request->call;
	if (!call)
		return;
	if (call->drop)
		call->drop(call->state);
	json_decref(call->arguments);
	arena_free(&call->arena);
	free(call);
	request->call = NULL;
}

void jmap_request_close(struct jmap_request *request)
{
	end_call(request);
	for (size_t i = 0; i < request->response_count; i++)
		json_decref(request->responses[i].arguments);
	jmap_share_give_bytes(request->person.account, request->held);
	request->held = 0;
	json_decref(request->root);
	json_decref(request->created);
	json_decref(request->referred);
	buf_free(&request->out);
	store_release_account(&request->account);
}

/* ---- Results of former calls as arguments (RFC 8620 §3.7) ---- */

/* The first response to the call of that id, if it has that name. */
static json_t *find_result(const struct jmap_request *request, struct slice id, struct slice name)
{
	for (size_t i = 0; i < request->response_count; i++)
		if (slice_equal(request->responses[i].id, id))
			return slice_equal(slice_of(request->responses[i].name), name) ? request->responses[i].arguments : NULL;
	return NULL;
}

static bool resolve(struct jmap_call *call, json_t *resolved, const char *name, const json_t *reference)
{
	json_t *id = json_object_get(reference, "resultOf"), *method = json_object_get(reference, "name"), *path = json_object_get(reference, "path");
	if (!json_is_string(id) || !json_is_string(method) || !json_is_string(path))
		return jmap_fail(call, "invalidResultReference", "%s isn't a reference", name);
	json_t *result = find_result(call->request, jmap_slice_of(id), jmap_slice_of(method));
	json_t *value = result ? jmap_pointer(result, jmap_slice_of(path), &call->request->referred_room) : NULL;
	if (!value)
		return jmap_fail(call, "invalidResultReference", "%s leads to nothing, or to too much", name);
	json_object_set_new(resolved, name + 1, value);
	return true;
}

/* The call's arguments, with results in the place of references. False: answered. */
static bool resolve_arguments(struct jmap_call *call, json_t *given)
{
	const char *name;
	json_t *value;
	json_object_foreach(given, name, value) {
		if (name[0] != '#')
			json_object_set(call->arguments, name, value);
		else if (json_object_get(given, name + 1))
			return jmap_fail(call, "invalidArguments", "%s is there twice, also as a reference", name + 1);
		else if (!resolve(call, call->arguments, name, value))
			return false;
	}
	return true;
}

/* ---- Running ---- */

static const struct jmap_method *find_method(const struct jmap_request *request, struct slice name)
{
	for (size_t i = 0; i < jmap_method_count; i++)
		if (slice_equal(name, slice_of(jmap_methods[i].name)))
			return request->using & 1u << jmap_methods[i].capability ? &jmap_methods[i] : NULL;
	return NULL;
}

/* No text that is kept or looked for has U+0000 in it. What objects have is refused object by object (set.c). */
static bool check_texts(struct jmap_call *call)
{
	static const char *const objects[] = {"create", "update", "emails"};
	const char *name;
	json_t *value;
	if (!(call->method->about & JMAP_OF_ACCOUNT))
		return true;
	json_object_foreach(call->arguments, name, value) {
		bool later = false;
		for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
			later |= json_is_object(value) && strcmp(name, objects[i]) == 0;
		if (!later && jmap_json_has_nul(value))
			return jmap_fail(call, "invalidArguments", "%.100s has U+0000 in it", name);
	}
	return true;
}

/* May who asks call it? What he has shown may let him do less than its owner (auth.h). */
static bool check_scopes(struct jmap_call *call)
{
	unsigned about = call->method->about, scopes = call->request->person.scopes;
	if (about & JMAP_SENDS)
		return scopes & AUTH_MAY_SEND || jmap_fail(call, "forbidden", NULL);
	if (about & JMAP_CHANGES)
		return scopes & AUTH_MAY_CHANGE || jmap_fail(call, "accountReadOnly", NULL);
	return !(about & JMAP_OF_ACCOUNT) || scopes & AUTH_MAY_READ || jmap_fail(call, "forbidden", NULL);
}

/* Of whom an account of another number is isn't told. */
static bool check_account(struct jmap_call *call)
{
	struct slice id;
	if (!(call->method->about & JMAP_OF_ACCOUNT))
		return true;
	if (!jmap_argument_text(call, "accountId", true, &id))
		return false;
	if (!slice_equal(id, slice_of(call->request->account_id)))
		return jmap_fail(call, "accountNotFound", NULL);
	call->account = call->request->account;
	return true;
}

/* The next call: what can be said of it before it runs. */
static void begin_call(struct jmap_request *request)
{
	json_t *given = json_array_get(request->calls, request->next++);
	struct jmap_call *call = request->call = memory_new(sizeof *call);
	*call = (struct jmap_call){.request = request, .arena = arena_new(), .arguments = json_object(), .id = jmap_slice_of(json_array_get(given, 2))};
	call->method = find_method(request, jmap_slice_of(json_array_get(given, 0)));
	if (!call->method)
		jmap_fail(call, "unknownMethod", NULL);
	else if (resolve_arguments(call, json_array_get(given, 1)) && check_account(call) && check_texts(call))
		check_scopes(call);
}

static enum net_run run_call(struct jmap_request *request)
{
	struct jmap_call *call = request->call;
	if (!call->answered || call->running) {
		call->running = true;
		request->changed |= (call->method->about & JMAP_CHANGES) != 0;
		enum net_run result = call->method->run(call);
		if (result != RUN_DONE)
			return result;
		if (!call->answered)
			jmap_fail(call, "serverFail", "the method didn't answer");
	}
	end_call(request);
	return RUN_DONE;
}

/* What was changed is on the disk before anybody hears of it. */
static bool make_durable(struct jmap_request *request, struct jmap_problem *problem)
{
	struct error error;
	if (!request->changed || store_sync(request->service->store, &error))
		return true;
	return refuse(problem, 500, NULL, "what was changed isn't safely on the disk");
}

/* The calls' responses stand in `out` already. */
static void complete_answer(struct jmap_request *request)
{
	char state[JMAP_STATE_MAX + 1];
	struct buf *out = &request->out;
	jmap_session_state(request, state);
	buf_append_text(out, "]");
	if (request->tells_created) {
		buf_append_text(out, ",\"createdIds\":");
		jmap_json_write(out, request->created);
	}
	buf_printf(out, ",\"sessionState\":\"%s\"}", state);
}

enum net_run jmap_request_run(struct jmap_request *request, struct jmap_problem *problem)
{
	if (request->out.len == 0)
		buf_append_text(&request->out, request->opening ? request->opening : "{\"methodResponses\":[");
	while (request->next < json_array_size(request->calls) || request->call) {
		if (!request->call)
			begin_call(request);
		enum net_run result = run_call(request);
		if (result != RUN_DONE)
			return result;
		if (request->next < json_array_size(request->calls) && request->conn && conn_should_pause(request->conn))
			return RUN_AGAIN;
	}
	complete_answer(request);
	if (request->out.overflow)
		refuse(problem, 500, NULL, "the answer is too large");
	else
		make_durable(request, problem);
	return RUN_DONE;
}
