/* What all methods share: requests and their problems, results of former calls, patches, ids, dates, and the patterns of RFC 8620 §5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "jmap/core_fixture.h"
#include "jmap/email_sort.h"

static void assert_json(json_t *got, const char *wanted)
{
	json_error_t error;
	json_t *value = json_loads(wanted, JSON_DECODE_ANY, &error);
	assert_non_null(value);
	if (!json_equal(got, value)) {
		char *text = got ? json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
		fail_msg("%s instead of %s", text ? text : "nothing", wanted);
	}
	json_decref(value);
	json_decref(got);
}

/* ---- Requests ---- */

#define ECHO(arguments, id) "[\"Core/echo\"," arguments ",\"" id "\"]"
#define CORE "\"using\":[\"urn:ietf:params:jmap:core\"]"

/* The responses to calls. */
static json_t *responses(const char *calls)
{
	struct buf text = BUF(100000);
	buf_printf(&text, "{" CORE ",\"methodCalls\":[%s]}", calls);
	json_t *answer = fixture_ask(buf_slice(&text)), *list = json_incref(json_object_get(answer, "methodResponses"));
	assert_true(json_is_string(json_object_get(answer, "sessionState")) && !json_object_get(answer, "createdIds"));
	json_decref(answer);
	buf_free(&text);
	return list;
}

static void assert_problem(const char *request, const char *type, const char *limit)
{
	json_t *answer = fixture_ask(slice_of(request));
	assert_true(slice_ends_nocase(jmap_slice_of(json_object_get(answer, "type")), slice_of(type)));
	assert_true(json_integer_value(json_object_get(answer, "status")) == 400);
	assert_true(slice_equal(jmap_slice_of(json_object_get(answer, "limit")), slice_of(limit)));
	json_decref(answer);
}

/* RFC 8620 §4.1. */
static void echo_is_answered(void **state)
{
	(void)state;
	assert_json(responses(ECHO("{\"hello\":true,\"high\":5}", "b3ff")), "[[\"Core/echo\",{\"hello\":true,\"high\":5},\"b3ff\"]]");
}

static void what_is_no_request_is_refused(void **state)
{
	(void)state;
	assert_problem("", "notJSON", NULL);
	assert_problem("{\"a\":1,\"a\":2}", "notJSON", NULL); /* I-JSON: a name twice */
	assert_problem("{\"a\":\"\xff\"}", "notJSON", NULL);
	assert_problem("{\"a\":\"\\ud800\"}", "notJSON", NULL);
	assert_problem("{\"a\":\"\\ufdd0\"}", "notJSON", NULL); /* a noncharacter */
	assert_problem("{\"\\ud83f\\udfff\":0}", "notJSON", NULL);
	assert_problem("{\"a\\u0000\":0}", "notRequest", NULL);
	assert_problem("[]", "notRequest", NULL);
	assert_problem("{}", "notRequest", NULL);
	assert_problem("{" CORE "}", "notRequest", NULL);
	assert_problem("{" CORE ",\"methodCalls\":[[\"Core/echo\",{}]]}", "notRequest", NULL);
	assert_problem("{" CORE ",\"methodCalls\":[[\"Core/echo\",[],\"a\"]]}", "notRequest", NULL);
	assert_problem("{" CORE ",\"methodCalls\":[[\"Core/echo\",{},1]]}", "notRequest", NULL);
	assert_problem("{" CORE ",\"methodCalls\":[],\"createdIds\":{\"a\":1}}", "notRequest", NULL);
	assert_problem("{\"using\":[\"https://example.com/apis/foobar\"],\"methodCalls\":[]}", "unknownCapability", NULL);
	assert_problem("{\"using\":\"urn:ietf:params:jmap:core\",\"methodCalls\":[]}", "notRequest", NULL);
}

static void requests_have_limits(void **state)
{
	(void)state;
	struct buf text = BUF(1000000);
	buf_append_text(&text, "{" CORE ",\"methodCalls\":[");
	for (int i = 0; i <= JMAP_CALLS_MAX; i++)
		buf_printf(&text, "%s[\"Core/echo\",{},\"%d\"]", i > 0 ? "," : "", i);
	buf_append_text(&text, "]}");
	assert_problem(text.at, "limit", "maxCallsInRequest");
	buf_clear(&text);
	for (int i = 0; i <= JMAP_DEPTH_MAX; i++)
		buf_append_text(&text, "[");
	assert_problem(text.at, "limit", "maxSizeRequest");
	buf_clear(&text);
	buf_append_text(&text, "[1");
	for (int i = 0; i < JMAP_VALUES_MAX; i++)
		buf_append_text(&text, ",1");
	buf_append_text(&text, "]");
	assert_problem(text.at, "limit", "maxSizeRequest");
	buf_free(&text);
}

static void errors_are_those_of_one_call(void **state)
{
	(void)state;
	assert_json(responses("[\"Foo/get\",{},\"a\"]," ECHO("{}", "b")), "[[\"error\",{\"type\":\"unknownMethod\"},\"a\"],[\"Core/echo\",{},\"b\"]]");
	json_t *answer = fixture_ask(SLICE("{\"using\":[],\"methodCalls\":[[\"Core/echo\",{},\"a\"]],\"createdIds\":{\"x\":\"y\"}}")); /* a method of what isn't used */
	assert_json(json_incref(json_object_get(answer, "methodResponses")), "[[\"error\",{\"type\":\"unknownMethod\"},\"a\"]]");
	assert_json(json_incref(json_object_get(answer, "createdIds")), "{\"x\":\"y\"}");
	json_decref(answer);
}

/* ---- Results of former calls ---- */

/* The example of RFC 8620 §3.7: all email ids of all threads, in one list. */
static void results_are_referred_to(void **state)
{
	(void)state;
	assert_json(responses(ECHO("{\"list\":[{\"id\":\"trd194\",\"emailIds\":[\"msg1020\",\"msg1021\",\"msg1023\"]},{\"id\":\"trd114\",\"emailIds\":[\"msg201\",\"msg223\"]}]}", "t3") ","
			      ECHO("{\"#ids\":{\"resultOf\":\"t3\",\"name\":\"Core/echo\",\"path\":\"/list/*/emailIds\"},\"properties\":null}", "t4")),
		    "[[\"Core/echo\",{\"list\":[{\"id\":\"trd194\",\"emailIds\":[\"msg1020\",\"msg1021\",\"msg1023\"]},{\"id\":\"trd114\",\"emailIds\":[\"msg201\",\"msg223\"]}]},\"t3\"],"
		    "[\"Core/echo\",{\"ids\":[\"msg1020\",\"msg1021\",\"msg1023\",\"msg201\",\"msg223\"],\"properties\":null},\"t4\"]]");
}

static void assert_reference(const char *reference, const char *type)
{
	struct buf calls = BUF(1000);
	buf_printf(&calls, "%s,[\"Core/echo\",{%s},\"b\"]", ECHO("{\"x\":[1]}", "a"), reference);
	json_t *list = responses(calls.at), *second = json_array_get(json_array_get(list, 1), 1);
	assert_true(slice_equal(jmap_slice_of(json_object_get(second, "type")), slice_of(type)));
	json_decref(list);
	buf_free(&calls);
}

static void references_that_lead_nowhere_fail(void **state)
{
	(void)state;
	assert_reference("\"#y\":{\"resultOf\":\"c\",\"name\":\"Core/echo\",\"path\":\"/x\"}", "invalidResultReference");
	assert_reference("\"#y\":{\"resultOf\":\"a\",\"name\":\"Foo/get\",\"path\":\"/x\"}", "invalidResultReference");
	assert_reference("\"#y\":{\"resultOf\":\"a\",\"name\":\"Core/echo\",\"path\":\"/z\"}", "invalidResultReference");
	assert_reference("\"#y\":{\"resultOf\":\"b\",\"name\":\"Core/echo\",\"path\":\"\"}", "invalidResultReference"); /* itself */
	assert_reference("\"#y\":{\"resultOf\":\"a\",\"name\":\"Core/echo\"}", "invalidResultReference");
	assert_reference("\"#y\":1", "invalidResultReference");
	assert_reference("\"y\":1,\"#y\":{\"resultOf\":\"a\",\"name\":\"Core/echo\",\"path\":\"/x\"}", "invalidArguments");
}

/* Each call twice what the one before was: it ends where the request's share does. */
static void references_do_not_explode(void **state)
{
	(void)state;
	struct buf calls = BUF(100000);
	buf_append_text(&calls, ECHO("{\"x\":[1,2,3,4,5,6,7,8]}", "0"));
	for (int i = 1; i < JMAP_CALLS_MAX; i++)
		buf_printf(&calls, ",[\"Core/echo\",{\"#a\":{\"resultOf\":\"%d\",\"name\":\"Core/echo\",\"path\":\"\"},\"#b\":{\"resultOf\":\"%d\",\"name\":\"Core/echo\",\"path\":\"\"}},\"%d\"]", i - 1, i - 1, i);
	json_t *list = responses(calls.at), *last = json_array_get(json_array_get(list, JMAP_CALLS_MAX - 1), 1);
	assert_int_equal(json_array_size(list), JMAP_CALLS_MAX);
	assert_true(slice_equal(jmap_slice_of(json_object_get(last, "type")), SLICE("invalidResultReference")));
	json_decref(list);
	buf_free(&calls);
}

static void assert_pointer(const char *json, const char *path, const char *wanted)
{
	json_error_t error;
	size_t room = 1000;
	json_t *value = json_loads(json, JSON_DECODE_ANY, &error), *found = jmap_pointer(value, slice_of(path), &room);
	if (wanted)
		assert_json(found, wanted);
	else
		assert_null(found);
	json_decref(value);
}

/* RFC 6901 §5, and what RFC 8620 §3.7 adds. */
static void pointers_lead_to_values(void **state)
{
	(void)state;
	static const char document[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"*\":9}";
	assert_pointer("[1]", "", "[1]");
	assert_pointer(document, "/foo", "[\"bar\",\"baz\"]");
	assert_pointer(document, "/foo/0", "\"bar\"");
	assert_pointer(document, "/", "0");
	assert_pointer(document, "/a~1b", "1");
	assert_pointer(document, "/c%d", "2");
	assert_pointer(document, "/i\\j", "5");
	assert_pointer(document, "/ ", "7");
	assert_pointer(document, "/m~0n", "8");
	assert_pointer(document, "/*", "9"); /* of an object it is a name like any other */
	assert_pointer(document, "/foo/*", "[\"bar\",\"baz\"]");
	assert_pointer("[[1,2],3,[[4]]]", "/*", "[1,2,3,[4]]");
	assert_pointer("{\"l\":[]}", "/l/*/id", "[]");
	assert_pointer("{\"l\":[{\"id\":1},{}]}", "/l/*/id", NULL);
	static const char *const broken[] = {"foo", "/foo/00", "/foo/2", "/foo/-", "/foo/+1", "/foo/bar", "/foo/0/x", "/m~n", "/m~2n", "/m~", "/nothing"};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		assert_pointer(document, broken[i], NULL);
}

/* ---- Patches ---- */

static void assert_patch(const char *object, const char *patch, const char *wanted)
{
	json_error_t error;
	json_t *before = json_loads(object, 0, &error), *changes = json_loads(patch, 0, &error), *untouched = json_deep_copy(before), *after = jmap_patch(before, changes);
	assert_true(json_equal(before, untouched));
	if (wanted)
		assert_json(after, wanted);
	else
		assert_null(after);
	json_decref(before);
	json_decref(changes);
	json_decref(untouched);
}

/* RFC 8620 §5.3. */
static void patches_change_what_they_name(void **state)
{
	(void)state;
	assert_patch("{\"a\":{\"b\":1,\"c\":2},\"d\":3}", "{\"a/b\":5,\"a/x\":6,\"d\":null}", "{\"a\":{\"b\":5,\"c\":2,\"x\":6}}");
	assert_patch("{\"a\":{\"b\":1}}", "{\"a\":{\"c\":2}}", "{\"a\":{\"c\":2}}");
	assert_patch("{\"a\":{\"b/c\":1}}", "{\"a/b~1c\":null}", "{\"a\":{}}");
	assert_patch("{\"a\":[1]}", "{\"a/0\":2}", NULL);        /* into an array */
	assert_patch("{\"a\":1}", "{\"b/c\":2}", NULL);          /* what leads there must be there */
	assert_patch("{\"a\":{}}", "{\"a\":{},\"a/b\":1}", NULL); /* one is the beginning of another */
	assert_patch("{\"a\":{}}", "{\"a/b\":1,\"a\":{}}", NULL);
	assert_patch("{\"a\":{}}", "{\"a~2\":1}", NULL);
}

/* ---- Texts, dates, ids ---- */

static void dates_are_read_strictly(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t seconds; } good[] = {
		{"2014-10-30T06:12:00Z", 1414649520}, {"2014-10-30T14:12:00+08:00", 1414649520}, {"1970-01-01T00:00:00Z", 0}, {"2014-10-30T06:12:00.25Z", 1414649520}, {"2000-02-29T00:00:00-00:30", 951784200}};
	static const char *const bad[] = {"", "2014-10-30", "2014-10-30T06:12:00", "2014-10-30t06:12:00z", "2014-10-30T06:12:00.Z", "2014-10-30T06:12:00.000Z", "2014-13-30T06:12:00Z", "2014-02-30T06:12:00Z",
					  "2014-10-30T24:12:00Z", "2014-10-30T06:12:00+0800", "2014-10-30T06:12:00Zx", "14-10-30T06:12:00Z"};
	int64_t seconds;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(jmap_date_read(slice_of(good[i].text), &seconds));
		assert_int_equal(seconds, good[i].seconds);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(jmap_date_read(slice_of(bad[i]), &seconds));
	assert_json(jmap_date(1414649520), "\"2014-10-30T06:12:00Z\"");
}

static void ids_are_those_that_were_given(void **state)
{
	(void)state;
	char id[JMAP_ID_SIZE];
	jmap_id_format(JMAP_ID_EMAIL, 123456789, id);
	struct slice text = slice_of(id);
	assert_true(jmap_is_id(text) && jmap_id_parse(JMAP_ID_EMAIL, text) == 123456789);
	assert_true(jmap_id_parse(JMAP_ID_MAILBOX, text) == 0);
	assert_true(jmap_id_parse(JMAP_ID_EMAIL, slice_sub(text, 0, text.len - 1)) == 0 && jmap_id_parse(JMAP_ID_EMAIL, SLICE("")) == 0);
	assert_false(jmap_is_id(SLICE("")) || jmap_is_id(SLICE("a b")) || jmap_is_id(SLICE("a/b")) || jmap_is_id(SLICE("\xc3\xa4")));
}

static void what_is_no_text_is_mended(void **state)
{
	(void)state;
	assert_json(jmap_text(SLICE("a\xff\xc3\xa4\xe2\x82")), "\"a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_json(jmap_text((struct slice){0}), "\"\"");
	assert_json(jmap_text(slice_make("a\0b\xef\xbf\xbf\xef\xbf\xbc\xf0\x9f\xbf\xbe", 13)), "\"ab\xef\xbf\xbd\xef\xbf\xbc\xef\xbf\xbd\"");
}

static void bytes_have_a_share(void **state)
{
	(void)state;
	struct slice one = SLICE("one@example.test"), two = SLICE("two@example.test"), three = SLICE("three@example.test");
	assert_int_equal(jmap_share_take_bytes(one, JMAP_BYTES_ACCOUNT - 1), JMAP_SHARE_TAKEN);
	assert_int_equal(jmap_share_take_bytes(one, 2), JMAP_SHARE_USED_UP);
	assert_int_equal(jmap_share_take_bytes(two, JMAP_BYTES_ACCOUNT), JMAP_SHARE_TAKEN);
	assert_int_equal(jmap_share_take_bytes(three, 2 + JMAP_BYTES_ALL - 2 * JMAP_BYTES_ACCOUNT), JMAP_SHARE_BUSY);
	assert_int_equal(jmap_share_enter(three, JMAP_SHARE_REQUEST), JMAP_SHARE_TAKEN);
	jmap_share_give_bytes(two, JMAP_BYTES_ACCOUNT);
	assert_int_equal(jmap_share_take_bytes(three, 2), JMAP_SHARE_TAKEN);
	jmap_share_give_bytes(three, 2);
	jmap_share_leave(three, JMAP_SHARE_REQUEST);
	jmap_share_give_bytes(one, JMAP_BYTES_ACCOUNT - 1);
}

/* ---- The patterns of RFC 8620 §5 ---- */

static bool fixed_state(struct account *account, char out[JMAP_STATE_MAX + 1], struct error *error)
{
	(void)account, (void)error;
	snprintf(out, JMAP_STATE_MAX + 1, "s1");
	return true;
}
static const char *const properties[] = {"id", "name", NULL};
static const struct jmap_type type = {.name = "Foo", .properties = properties, .state = fixed_state};

/* Makes what is called as it was asked, and refers to others by `parent`; what is called "bad" isn't made. */
static json_t *create(struct jmap_call *call, struct jmap_set *set, json_t *object, json_t **made)
{
	struct slice name = jmap_slice_of(json_object_get(object, "name")), parent = jmap_slice_of(json_object_get(object, "parent"));
	(void)set;
	if (slice_equal(name, SLICE("bad")))
		return jmap_set_error("invalidProperties", "name", "it is bad");
	if (parent.len > 0 && jmap_resolve_id(call, parent).len == 0)
		return jmap_set_error("invalidProperties", "parent", NULL);
	*made = json_pack("{s:s%}", "id", name.at, name.len);
	return NULL;
}

static json_t *destroy(struct jmap_call *call, struct jmap_set *set, struct slice id)
{
	(void)call, (void)set;
	return slice_equal(id, SLICE("x")) ? jmap_set_error("notFound", NULL, NULL) : NULL;
}

/* Runs a method of our own; the arguments of its response. */
static json_t *run(enum net_run (*function)(struct jmap_call *call), const char *arguments)
{
	struct jmap_request request;
	json_error_t error;
	fixture_begin(&request);
	request.created = json_object();
	request.referred = json_object();
	request.out = BUF(100000);
	const struct jmap_method method = {"Foo/method", JMAP_CORE, 0, function};
	struct jmap_call call = {.request = &request, .method = &method, .arguments = json_loads(arguments, 0, &error), .id = SLICE("c"), .arena = arena_new()};
	assert_non_null(call.arguments);
	function(&call);
	json_t *response = json_loadb(request.out.at, request.out.len, 0, &error), *answer = json_incref(json_array_get(response, 1));
	json_decref(response);
	json_decref(call.arguments);
	arena_free(&call.arena);
	snprintf(request.account_id, sizeof request.account_id, "a");
	fixture_end(&request);
	return answer;
}

static enum net_run foo_set(struct jmap_call *call)
{
	static const struct jmap_setter setter = {.create = create, .destroy = destroy};
	snprintf(call->request->account_id, JMAP_ID_SIZE, "a");
	jmap_set_run(call, &type, &setter, NULL, NULL);
	return RUN_DONE;
}

static void changes_are_made_one_by_one(void **state)
{
	(void)state;
	assert_json(run(foo_set, "{\"create\":{\"k1\":{\"name\":\"a\",\"parent\":\"#k2\"},\"k2\":{\"name\":\"b\"},\"k3\":{\"name\":\"bad\"},\"k4\":{\"name\":\"c\",\"parent\":\"#k3\"}},"
				 "\"update\":{\"y\":{}},\"destroy\":[\"x\",\"y\",\"y\",\"#k2\"],\"ifInState\":\"s1\"}"),
		    "{\"accountId\":\"a\",\"oldState\":\"s1\",\"newState\":\"s1\",\"created\":{\"k1\":{\"id\":\"a\"},\"k2\":{\"id\":\"b\"}},\"updated\":null,\"destroyed\":[\"y\",\"b\"],"
		    "\"notCreated\":{\"k3\":{\"type\":\"invalidProperties\",\"description\":\"it is bad\",\"properties\":[\"name\"]},\"k4\":{\"type\":\"invalidProperties\",\"properties\":[\"parent\"]}},"
		    "\"notUpdated\":{\"y\":{\"type\":\"willDestroy\"}},\"notDestroyed\":{\"x\":{\"type\":\"notFound\"}}}");
	assert_json(run(foo_set, "{\"ifInState\":\"s0\"}"), "{\"type\":\"stateMismatch\"}");
	assert_json(run(foo_set, "{\"create\":{\"k1\":{\"name\":\"a\",\"parent\":\"#k1\"}}}"), /* itself */
		    "{\"accountId\":\"a\",\"oldState\":\"s1\",\"newState\":\"s1\",\"created\":null,\"updated\":null,\"destroyed\":null,"
		    "\"notCreated\":{\"k1\":{\"type\":\"invalidProperties\",\"properties\":[\"parent\"]}},\"notUpdated\":null,\"notDestroyed\":null}");
}

static enum net_run foo_get(struct jmap_call *call)
{
	struct jmap_get get;
	size_t i;
	json_t *id;
	snprintf(call->request->account_id, JMAP_ID_SIZE, "a");
	if (!jmap_get_begin(call, &type, NULL, &get))
		return RUN_DONE;
	json_array_foreach(get.ids, i, id)
		if (slice_equal(jmap_slice_of(id), SLICE("x")))
			jmap_get_miss(&get, SLICE("x"));
		else
			jmap_get_add(&get, jmap_get_wants(&get, "name") ? json_pack("{s:O, s:s}", "id", id, "name", "n") : json_pack("{s:O}", "id", id));
	jmap_get_end(call, &get);
	return RUN_DONE;
}

static void objects_are_got(void **state)
{
	(void)state;
	assert_json(run(foo_get, "{\"ids\":[\"a\",\"x\",\"a\"]}"), "{\"accountId\":\"a\",\"state\":\"s1\",\"list\":[{\"id\":\"a\",\"name\":\"n\"}],\"notFound\":[\"x\"]}");
	assert_json(run(foo_get, "{\"ids\":[\"a\"],\"properties\":[]}"), "{\"accountId\":\"a\",\"state\":\"s1\",\"list\":[{\"id\":\"a\"}],\"notFound\":[]}");
	assert_json(run(foo_get, "{\"ids\":[\"#k\"]}"), "{\"accountId\":\"a\",\"state\":\"s1\",\"list\":[{\"id\":\"#k\",\"name\":\"n\"}],\"notFound\":[]}");
	assert_json(run(foo_get, "{\"ids\":[],\"properties\":[\"size\"]}"), "{\"type\":\"invalidArguments\",\"description\":\"properties names one that isn't there\"}");
	assert_json(run(foo_get, "{\"ids\":[1]}"), "{\"type\":\"invalidArguments\",\"description\":\"ids isn't a list of ids\"}");
}

static enum net_run foo_query(struct jmap_call *call)
{
	static const int64_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	struct jmap_query query;
	snprintf(call->request->account_id, JMAP_ID_SIZE, "a");
	if (jmap_query_begin(call, NULL, &query))
		jmap_query_answer(call, &query, "s1", true, 'e', ids, 10);
	return RUN_DONE;
}

/* `first` to `last`, at a position. */
static void assert_window(const char *arguments, int position, int first, int last)
{
	json_t *answer = run(foo_query, arguments), *ids = json_object_get(answer, "ids");
	assert_int_equal(json_integer_value(json_object_get(answer, "position")), position);
	assert_int_equal(json_array_size(ids), last - first + 1);
	for (int i = first; i <= last; i++)
		assert_int_equal(jmap_id_parse('e', jmap_slice_of(json_array_get(ids, (size_t)(i - first)))), i);
	json_decref(answer);
}

/* RFC 8620 §5.5. */
static void windows_of_results(void **state)
{
	(void)state;
	assert_window("{}", 0, 1, 10);
	assert_window("{\"position\":3,\"limit\":2}", 3, 4, 5);
	assert_window("{\"position\":-3}", 7, 8, 10);
	assert_window("{\"position\":-30,\"limit\":1}", 0, 1, 1);
	assert_window("{\"position\":10}", 10, 1, 0);
	assert_window("{\"limit\":0}", 0, 1, 0);
	assert_window("{\"anchor\":\"e0000000000005\",\"position\":99}", 4, 5, 10);
	assert_window("{\"anchor\":\"e0000000000005\",\"anchorOffset\":-2,\"limit\":2}", 2, 3, 4);
	assert_window("{\"anchor\":\"e0000000000005\",\"anchorOffset\":-20}", 0, 1, 10);
	assert_window("{\"anchor\":\"e0000000000005\",\"anchorOffset\":3}", 7, 8, 10);
	assert_json(run(foo_query, "{\"anchor\":\"e000000000000u\"}"), "{\"type\":\"anchorNotFound\"}");
	assert_json(run(foo_query, "{\"limit\":-1}"), "{\"type\":\"invalidArguments\",\"description\":\"limit isn't such a number\"}");
	assert_json(run(foo_query, "{\"sort\":[{}]}"), "{\"type\":\"invalidArguments\",\"description\":\"sort isn't a list of comparators\"}");
}

static enum net_run foo_query_changes(struct jmap_call *call)
{
	static const int64_t ids[] = {5, 4, 3, 1}, touched[] = {2, 4, 5};
	struct jmap_query query;
	snprintf(call->request->account_id, JMAP_ID_SIZE, "a");
	if (jmap_query_changes_begin(call, NULL, &query))
		jmap_query_changes_answer(call, &query, "s2", 'e', ids, 4, touched, 3);
	return RUN_DONE;
}

/* RFC 8620 §5.6. */
static void changes_of_results(void **state)
{
	(void)state;
	assert_json(run(foo_query_changes, "{\"sinceQueryState\":\"s1\",\"calculateTotal\":true}"),
		    "{\"accountId\":\"a\",\"oldQueryState\":\"s1\",\"newQueryState\":\"s2\",\"removed\":[\"e0000000000002\",\"e0000000000004\",\"e0000000000005\"],"
		    "\"added\":[{\"id\":\"e0000000000005\",\"index\":0},{\"id\":\"e0000000000004\",\"index\":1}],\"total\":4}");
	assert_json(run(foo_query_changes, "{\"sinceQueryState\":\"s1\",\"maxChanges\":2}"), "{\"type\":\"tooManyChanges\"}");
	assert_json(run(foo_query_changes, "{}"), "{\"type\":\"invalidArguments\",\"description\":\"sinceQueryState isn't a string\"}");
}

static bool any_condition(struct jmap_call *call, json_t *condition, void *context)
{
	(void)call;
	++*(int *)context;
	return json_is_object(condition);
}

static enum net_run foo_filter(struct jmap_call *call)
{
	int conditions = 0;
	if (jmap_filter_check(call, jmap_argument(call, "filter"), any_condition, &conditions))
		jmap_respond(call, "Foo/method", json_pack("{s:i}", "conditions", conditions));
	return RUN_DONE;
}

static void filters_are_trees(void **state)
{
	(void)state;
	assert_json(run(foo_filter, "{}"), "{\"conditions\":0}");
	assert_json(run(foo_filter, "{\"filter\":{\"operator\":\"NOT\",\"conditions\":[{\"a\":1},{\"operator\":\"AND\",\"conditions\":[{},{}]}]}}"), "{\"conditions\":3}");
	static const char *const bad[] = {"1", "{\"operator\":\"XOR\",\"conditions\":[]}", "{\"operator\":\"AND\"}", "{\"operator\":\"AND\",\"conditions\":[1]}", "{\"operator\":\"AND\",\"conditions\":[],\"a\":1}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[200];
		snprintf(text, sizeof text, "{\"filter\":%s}", bad[i]);
		json_t *answer = run(foo_filter, text);
		assert_true(slice_equal(jmap_slice_of(json_object_get(answer, "type")), SLICE("invalidArguments")));
		json_decref(answer);
	}
}

/* ---- sorting ---- */

enum { SORTED = 3000 };

static int order_of(const struct jmap_query *query, const struct email *a, const struct email *b)
{
	for (size_t i = 0; i < query->sort_count; i++) {
		bool by_size = slice_equal(query->sort[i].property, SLICE("size"));
		int64_t x = by_size ? (int64_t)a->size : a->received, y = by_size ? (int64_t)b->size : b->received;
		if (x != y)
			return (x > y) == query->sort[i].ascending ? 1 : -1;
	}
	return (a->id > b->id) == query->sort[query->sort_count - 1].ascending ? 1 : -1;
}

/* Of few and of many, which are sorted in different ways; ids as they come, or not; numbers of all kinds. */
static void numbers_tell_the_order(void **state)
{
	struct arena *arena = arena_new();
	(void)state;
	static const struct { const char *first, *second; bool ascending, second_ascending; } cases[] = {
		{"receivedAt", NULL, true, false}, {"receivedAt", NULL, false, false}, {"size", NULL, true, true}, {"size", "receivedAt", false, true},
		{"receivedAt", "size", true, false}, {"size", "size", true, false}};
	struct email *emails = arena_array(arena, SORTED, sizeof *emails);
	const struct email **list = arena_array(arena, SORTED, sizeof *list);
	struct jmap_call call = {.arena = arena};
	uint64_t random = 7;
	for (size_t i = 0; i < SORTED; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		emails[i] = (struct email){.id = (int64_t)(i + 1) << 40 | (int64_t)(random >> 50), .size = random >> 60, .received = i % 3 ? (int64_t)(random >> 40) : -(int64_t)(random >> 1)};
	}
	for (size_t one = 0; one < sizeof cases / sizeof *cases; one++)
		for (size_t count = 0; count <= SORTED; count += count == 0 ? 1 : count < 10 ? 99 : SORTED - 100) {
			struct jmap_query query = {.sort = {{.property = slice_of(cases[one].first), .ascending = cases[one].ascending},
							    {.property = slice_of(cases[one].second ? cases[one].second : ""), .ascending = cases[one].second_ascending}},
						   .sort_count = cases[one].second ? 2 : 1};
			for (size_t i = 0; i < count; i++)
				list[i] = &emails[one % 2 ? i : (i * 7 + 5) % count]; /* 7 shares nothing with the counts */
			assert_true(jmap_sort_emails(&call, &query, list, count, NULL, 0));
			for (size_t i = 1; i < count; i++)
				assert_true(order_of(&query, list[i - 1], list[i]) < 0);
		}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_is_answered), cmocka_unit_test(what_is_no_request_is_refused), cmocka_unit_test(requests_have_limits),
		cmocka_unit_test(errors_are_those_of_one_call), cmocka_unit_test(results_are_referred_to), cmocka_unit_test(references_that_lead_nowhere_fail),
		cmocka_unit_test(references_do_not_explode), cmocka_unit_test(pointers_lead_to_values), cmocka_unit_test(patches_change_what_they_name),
		cmocka_unit_test(dates_are_read_strictly), cmocka_unit_test(ids_are_those_that_were_given), cmocka_unit_test(what_is_no_text_is_mended),
		cmocka_unit_test(bytes_have_a_share),
		cmocka_unit_test(changes_are_made_one_by_one), cmocka_unit_test(objects_are_got), cmocka_unit_test(windows_of_results),
		cmocka_unit_test(changes_of_results), cmocka_unit_test(filters_are_trees), cmocka_unit_test(numbers_tell_the_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
