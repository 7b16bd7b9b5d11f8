/* Unit tests of Authentication-Results fields. */
#include "message/fixture.h"

#include "authres/authres.h"

static void results_are_written_and_read_again(void **state)
{
	static const struct authres_result results[] = {
		{.method = SLICE("spf"), .result = SLICE("pass"), .properties = {{SLICE("smtp"), SLICE("mailfrom"), SLICE("ann@example.org")}}, .count = 1},
		{.method = SLICE("dkim"), .result = SLICE("fail"), .comment = SLICE("2048-bit key (RSA)"), .reason = SLICE("the body isn't \"what\" was signed"),
		 .properties = {{SLICE("header"), SLICE("d"), SLICE("b\xc3\xbc" "cher.example")}, {SLICE("header"), SLICE("b"), SLICE("a/c+=")},
			       {SLICE("header"), SLICE("i"), SLICE("\"a b\"@example.org")}}, .count = 3},
	};
	struct buf out = BUF(AUTHRES_FIELD_MAX);
	authres_write(SLICE("mx.example.net"), results, 2, &out);
	assert_slice(buf_slice(&out), "Authentication-Results: mx.example.net;\r\n\tspf=pass smtp.mailfrom=ann@example.org;\r\n"
		"\tdkim=fail (2048-bit key \\(RSA\\))\r\n\treason=\"the body isn't \\\"what\\\" was signed\" header.d=b\xc3\xbc" "cher.example\r\n"
		"\theader.b=\"a/c+=\" header.i=\"\\\"a b\\\"@example.org\"\r\n");
	struct slice by;
	struct authres_result *read;
	size_t count;
	assert_true(authres_read(slice_skip(buf_slice(&out), strlen("Authentication-Results:")), *state, &by, &read, &count));
	assert_slice(by, "mx.example.net");
	assert_int_equal(count, 2);
	assert_slice(read[1].method, "dkim");
	assert_slice(read[1].result, "fail");
	assert_slice(read[1].reason, "the body isn't \"what\" was signed");
	assert_int_equal(read[1].count, 3);
	assert_slice(read[1].properties[1].value, "a/c+=");
	assert_slice(read[1].properties[2].name, "i");
	assert_slice(read[1].properties[2].value, "\"a b\"@example.org");
	buf_free(&out);
}

static void nothing_checked_is_said(void **state)
{
	struct buf out = BUF(AUTHRES_FIELD_MAX);
	struct slice by;
	struct authres_result *read;
	size_t count = 1;
	authres_write(SLICE("mx.example.net"), NULL, 0, &out);
	assert_slice(buf_slice(&out), "Authentication-Results: mx.example.net; none\r\n");
	assert_true(authres_read(SLICE(" mx.example.net; none"), *state, &by, &read, &count));
	assert_int_equal(count, 0);
	buf_free(&out);
}

/* What strangers choose (addresses, names, reasons made of them) stays where it is. */
static void values_cannot_end_what_they_stand_in(void **state)
{
	static const struct { struct slice value; const char *written; } cases[] = {
		{SLICE("a\r\nX-Evil: b"), "\"a??X-Evil: b\""},
		{SLICE("a; dkim=pass"), "\"a; dkim=pass\""},
		{SLICE("a\" smtp.x=\"b"), "\"a\\\" smtp.x=\\\"b\""},
		{SLICE("a\\"), "\"a\\\\\""},
		{SLICE("a(b"), "\"a(b\""},
		{SLICE("a\0b"), "\"a?b\""},
		{SLICE("a\xff" "b"), "\"a?b\""},
		{SLICE("\xd1\x8f@\xd1\x8f.example"), "\xd1\x8f@\xd1\x8f.example"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = BUF(AUTHRES_FIELD_MAX), wanted = BUF(1000);
		struct authres_result result = {.method = SLICE("spf"), .result = SLICE("fail"), .properties = {{SLICE("smtp"), SLICE("helo"), cases[i].value}}, .count = 1};
		authres_write(SLICE("m"), &result, 1, &out);
		buf_printf(&wanted, "Authentication-Results: m;\r\n\tspf=fail smtp.helo=%s\r\n", cases[i].written);
		assert_slice(buf_slice(&out), wanted.at);
		buf_free(&out);
		buf_free(&wanted);
	}
}

/* Lines stay below the 998 bytes of RFC 5322 §2.1.1, and characters whole. */
static void long_values_are_cut(void **state)
{
	(void)state;
	static char text[3000], quotes[3000];
	for (size_t i = 0; i < sizeof text - 1; i += 2)
		memcpy(text + 1 + i, "\xd1\x8f", i + 3 <= sizeof text ? 2 : 1);
	text[0] = 'x';
	memset(quotes, '"', sizeof quotes);
	struct authres_result result = {.method = SLICE("dkim"), .result = SLICE("fail"), .comment = {quotes, sizeof quotes}, .reason = {quotes, sizeof quotes},
		.properties = {{SLICE("header"), SLICE("i"), {text, sizeof text}}, {SLICE("header"), SLICE("d"), {quotes, sizeof quotes}}}, .count = 2};
	struct buf out = BUF(AUTHRES_FIELD_MAX);
	authres_write(SLICE("m"), &result, 1, &out);
	assert_true(slice_is_utf8(buf_slice(&out)));
	struct slice line, rest = buf_slice(&out);
	for (bool more = true; more;) {
		more = slice_cut(rest, '\n', &line, &rest);
		assert_true(line.len < 998);
	}
	buf_free(&out);
}

static void fields_of_others_are_read(void **state)
{
	static const struct { struct slice body; bool sound; const char *by; size_t count; const char *first; } cases[] = {
		{SLICE(" example.org 1; none"), true, "example.org", 0, NULL},
		{SLICE(" example.com;\r\n spf=pass smtp.mailfrom=example.net"), true, "example.com", 1, "example.net"},
		{SLICE(" example.com; auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net"), true, "example.com", 2, "sender@example.net"},
		{SLICE(" foo.example.net (foobar) 1 (baz);\r\n\tdkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
		       "\tpolicy (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it) 1362471462"), false, "foo.example.net", 0, NULL},
		{SLICE(" a; dkim/1 = fail reason = \"x y\" header . d=b"), false, "a", 0, NULL},
		{SLICE(" a; dkim=pass header.i=\"joe smith\"@b.c;"), true, "a", 1, "joe smith@b.c"},
		{SLICE(" \"mx a\"; x=y z.z=1"), true, "mx a", 1, "1"},
		{SLICE(""), false, "", 0, NULL},
		{SLICE(" a"), false, "a", 0, NULL},
		{SLICE(" a;"), false, "a", 0, NULL},
		{SLICE(" a; spf"), false, "a", 0, NULL},
		{SLICE(" a; spf="), false, "a", 0, NULL},
		{SLICE(" a; spf=pass smtp=x"), false, "a", 0, NULL},
		{SLICE(" a; spf=pass (never closed"), false, "a", 0, NULL},
		{SLICE(" a; spf=pass smtp.helo=\"never closed"), false, "a", 0, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice by;
		struct authres_result *read;
		size_t count;
		if (authres_read(cases[i].body, *state, &by, &read, &count) != cases[i].sound || count != cases[i].count)
			fail_msg("%.*s", SLICE_ARG(cases[i].body));
		assert_slice(by, cases[i].by);
		if (cases[i].first)
			assert_slice(read[0].properties[0].value, cases[i].first);
	}
}

static void reading_is_linear(void **state)
{
	struct buf text = BUF(AUTHRES_FIELD_MAX + 10);
	struct slice by;
	struct authres_result *read;
	size_t count;
	int64_t before = cpu_ms();
	buf_append_text(&text, "a; x=y");
	while (text.len < AUTHRES_FIELD_MAX - 10)
		buf_append_text(&text, " p.q=r");
	assert_true(authres_read(buf_slice(&text), *state, &by, &read, &count));
	assert_int_equal(read[0].count, AUTHRES_PROPERTIES_MAX);
	assert_true(arena_used(*state) < 4 * AUTHRES_FIELD_MAX);
	while (text.len <= AUTHRES_FIELD_MAX)
		buf_append_text(&text, " ");
	assert_false(authres_read(buf_slice(&text), *state, &by, &read, &count));
	buf_clear(&text);
	while (text.len < AUTHRES_FIELD_MAX)
		buf_append_text(&text, "a;x=y;(");
	assert_false(authres_read(slice_sub(buf_slice(&text), 0, AUTHRES_FIELD_MAX), *state, &by, &read, &count));
	assert_true(cpu_ms() - before < HUGE_MS);
	buf_free(&text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)
	const struct CMUnitTest tests[] = {
		TEST(results_are_written_and_read_again),
		TEST(nothing_checked_is_said),
		TEST(values_cannot_end_what_they_stand_in),
		TEST(long_values_are_cut),
		TEST(fields_of_others_are_read),
		TEST(reading_is_linear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
