/* Unit tests of requests for administration, and of what carries them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "admin/request.h"

static struct arena *arena;
static struct admin_request request;
static struct error error;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static bool reads(const char *text) { return admin_request_read(slice_of(text), arena, &request, &error); }

static void a_whole_request_is_read(void **state)
{
	(void)state;
	assert_true(reads("{\"command\": \"account set\", \"arguments\": [\"anna@example.org\", \"\\u00e4\"],"
			  " \"options\": {\"disabled\": true, \"enabled\": false, \"name\": \"A\\nB\", \"map\": [\"a=b\", \"c=d\"]}, \"input\": \"secret\\n\"}"));
	assert_string_equal(request.command.at, "account set");
	assert_int_equal(request.argument_count, 2);
	assert_string_equal(request.arguments[1].at, "\xc3\xa4");
	assert_int_equal(request.option_count, 4);
	assert_true(request.options[0].flag);
	assert_string_equal(request.options[1].value.at, "A\nB");
	assert_string_equal(request.options[3].value.at, "c=d");
	assert_true(slice_equal(request.input, SLICE("secret\n")));
}

static void all_but_the_command_may_be_left_out(void **state)
{
	(void)state;
	assert_true(reads("{\"command\": \"status\"}"));
	assert_int_equal(request.argument_count + request.option_count + request.input.len, 0);
}

static void what_is_none_is_refused(void **state)
{
	static const char *const wrong[] = {
		"", "{", "[]", "\"status\"", "{}", "{\"command\": \"\"}", "{\"command\": 1}", "{\"command\": \"a\", \"command\": \"b\"}", "{\"command\": \"a\", \"more\": 1}",
		"{\"command\": \"a\", \"arguments\": {}}", "{\"command\": \"a\", \"arguments\": [1]}", "{\"command\": \"a\", \"arguments\": [\"a\\nb\"]}",
		"{\"command\": \"a\", \"arguments\": [\"a\\u0000b\"]}", "{\"command\": \"a\", \"arguments\": [\"\\u007f\"]}", "{\"command\": \"a\", \"options\": []}",
		"{\"command\": \"a\", \"options\": {\"x\": null}}", "{\"command\": \"a\", \"options\": {\"x\": 1}}", "{\"command\": \"a\", \"options\": {\"x\": \"\\u001b\"}}",
		"{\"command\": \"a\", \"options\": {\"x\": [\"a\\nb\"]}}", "{\"command\": \"a\", \"options\": {\"x\": [true]}}", "{\"command\": \"a\", \"options\": {\"x\": {}}}",
		"{\"command\": \"a\", \"options\": {\"x\\n\": \"\"}}", "{\"command\": \"a\", \"input\": []}", "{\"command\": \"a\"} b", "{\"command\": \"\xff\"}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		error.kind = ERROR_NONE;
		if (reads(wrong[i]))
			fail_msg("taken: %s", wrong[i]);
		assert_int_equal(error.kind, ERROR_INVALID);
	}
}

/* {"command": "a", "arguments": ["x", …]} */
static bool reads_many(size_t count, size_t length)
{
	struct buf text = BUF(1 << 24);
	buf_append_text(&text, "{\"command\": \"a\", \"arguments\": [");
	for (size_t i = 0; i < count; i++) {
		buf_append_text(&text, i > 0 ? ",\"" : "\"");
		for (size_t k = 0; k < length; k++)
			buf_append_char(&text, 'x');
		buf_append_char(&text, '"');
	}
	buf_append_text(&text, "]}");
	bool done = admin_request_read(buf_slice(&text), arena, &request, &error);
	buf_free(&text);
	return done;
}

static void limits_hold(void **state)
{
	(void)state;
	assert_true(reads_many(ADMIN_ARGUMENTS_MAX, ADMIN_ARGUMENT_MAX));
	assert_false(reads_many(ADMIN_ARGUMENTS_MAX + 1, 1));
	assert_false(reads_many(1, ADMIN_ARGUMENT_MAX + 1));
	struct buf deep = BUF(1 << 20);
	buf_append_text(&deep, "{\"command\": ");
	for (int i = 0; i < 100000; i++)
		buf_append_char(&deep, '[');
	assert_false(admin_request_read(buf_slice(&deep), arena, &request, &error));
	buf_free(&deep);
}

static void a_question_comes_as_it_went(void **state)
{
	(void)state;
	struct admin_asker asker = {true, SLICE("pombaladmin_x"), SLICE("192.0.2.1")}, read;
	struct slice body;
	struct buf text = BUF(1000);
	assert_true(admin_question_write(&asker, SLICE("{}"), &text));
	assert_true(admin_question_read(buf_slice(&text), &read, &body));
	assert_true(read.key && slice_equal(read.proof, asker.proof) && slice_equal(read.address, asker.address) && slice_equal(body, SLICE("{}")));
	for (size_t cut = 0; cut < text.len - 2; cut++)
		assert_false(admin_question_read(slice_sub(buf_slice(&text), 0, cut), &read, &body));
	buf_free(&text);
}

static void an_answer_comes_as_it_went(void **state)
{
	(void)state;
	struct admin_answer answer = {.status = 403, .delay_ms = 7, .body = SLICE("{\"error\": {}}")}, read = {0};
	struct buf text = BUF(1000);
	admin_answer_write(&answer, &text);
	assert_true(admin_answer_read(buf_slice(&text), &read));
	assert_true(read.status == 403 && read.delay_ms == 7 && slice_equal(read.body, answer.body));
	assert_false(admin_answer_read(slice_sub(buf_slice(&text), 0, 15), &read));
	text.at[0] = 1; /* no status of HTTP */
	text.at[1] = 0;
	assert_false(admin_answer_read(buf_slice(&text), &read));
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_whole_request_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_but_the_command_may_be_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_none_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_hold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_question_comes_as_it_went, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_answer_comes_as_it_went, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
