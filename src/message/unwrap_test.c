/* Tests of taking junk out of the report that it came in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "message/unwrap.h"

static struct slice unwrapped(const char *text)
{
	struct arena *arena = arena_new();
	struct slice message = slice_of(text), inside = message_unwrap(message, mime_parse(message, arena));
	arena_free(&arena);
	return inside;
}

#define REPORT(field, type) field "Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nWhy.\r\n\r\n--b\r\nContent-Type: " type "\r\n\r\n"
#define INSIDE "From: x@nothing.example\r\n\r\n--c\r\nText.\r\n"

static void what_is_inside_is_found(void **state)
{
	(void)state;
	assert_true(slice_equal(unwrapped(REPORT("X-Spam-Wrapped: 1\r\n", "message/rfc822") INSIDE "\r\n--b--\r\n"), SLICE(INSIDE)));
	assert_true(slice_equal(unwrapped(REPORT("x-spam-wrapped: 2\r\n", "text/plain") INSIDE "\r\n--b--\r\n"), SLICE(INSIDE)));
}

static void what_is_no_report_stays(void **state)
{
	(void)state;
	static const char *const others[] = {
		"", "X-Spam-Wrapped: 1\r\n\r\nText.\r\n", REPORT("", "message/rfc822") INSIDE "\r\n--b--\r\n",
		"X-Spam-Wrapped: 1\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nOne part.\r\n--b--\r\n", "X-Spam-Wrapped: 1\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_true(slice_equal(unwrapped(others[i]), slice_of(others[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_inside_is_found), cmocka_unit_test(what_is_no_report_stays)};
	return cmocka_run_group_tests_name("unwrap", tests, NULL, NULL);
}
