/* Unit tests of dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "message/date.h"

static void dates_are_read(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t seconds; int zone; } cases[] = {
		{"Sun, 22 Nov 2026 23:19:32 +0000", 1795389572, 0},
		{"Sun, 22 Nov 2026 23:19:32 +0130", 1795384172, 90},
		{"22 Nov 2026 23:19 -0500", 1795407540, -300},
		{" Sun ,\r\n 22 (a (nested) comment) nov 26 23:19:32 EST (x)", 1795407572, -300},
		{"Sun Nov 22 23:19:32 2026", 1795389572, 0},
		{"Sun Nov 22 23:19:32 UTC 2026", 1795389572, 0},
		{"Sunday, 22-Nov-26 23:19:32 GMT", 1795389572, 0},
		{"2026-11-22T23:19:32Z", 1795389572, 0},
		{"2026-11-22 23:19:32.125 +02:00", 1795382372, 120},
		{"22 Nov 2026", 1795305600, 0},
		{"22 Nov 2026 11:19:32 PM", 1795389572, 0},
		{"1 Jan 70 00:00:00 +0000", 0, 0},
		{"31 Dec 1969 23:59:59 GMT", -1, 0},
		{"29 Feb 2000 12:00:00 +0000", 951825600, 0},
		{"Thu, 1 Jan 103 00:00:00 +0000", 1041379200, 0},
		{"22 Nov 2026 23:19:60 +0000", 1795389600, 0},
		{"22 Nov 2026 23:19:32 -0000", 1795389572, 0},
		{"22 Nov 2026 23:19:32 +9999", 1795389572, 0},
		{"22 Nov 2026 23:19:32 GMT+0100", 1795385972, 60},
		{"22 Nov 2026 23:19:32 +1", 1795385972, 60},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t seconds = 42;
		int zone = 42;
		assert_true(date_parse(slice_of(cases[i].text), &seconds, &zone));
		assert_true(seconds == cases[i].seconds);
		assert_int_equal(zone, cases[i].zone);
	}
}

static void what_is_no_date_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"", "Sun", "22 Nov", "Nov 2026", "32 Nov 2026", "31 Nov 2026", "29 Feb 2026", "22 Nov 2026 24:00:00 +0000", "22 Nov 2026 23:60 +0000",
		"22 Nov 2026 23:19:61 +0000", "0 Nov 2026", "22 Foo 2026", "((((((((", "99999999999999999999 Nov 2026", "-1 -1 -1", "2026-13-01T00:00:00Z",
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t seconds;
		if (date_parse(slice_of(cases[i]), &seconds, NULL))
			fail_msg("read as a date: %s", cases[i]);
	}
}

static void the_day_is_that_of_the_written_zone(void **state)
{
	(void)state;
	int64_t day;
	assert_true(date_day(SLICE("1 Feb 1994 23:30:00 -0800"), &day));
	assert_true(day == 8797);
	assert_true(date_day(SLICE("1 Feb 1994 00:30:00 +0800"), &day));
	assert_true(day == 8797);
}

static void imap_dates_go_both_ways(void **state)
{
	(void)state;
	static const int64_t moments[] = {0, -1, 951825600, 1795389572, 253402128000, -62167132800};
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
		char text[DATE_TEXT_MAX];
		int64_t seconds;
		assert_int_equal(date_format_imap(moments[i], text), 26);
		assert_int_equal(strlen(text), 26);
		assert_true(date_parse_imap(slice_of(text), &seconds));
		assert_true(seconds == moments[i]);
	}
	char text[DATE_TEXT_MAX];
	assert_int_equal(date_format_imap(INT64_MAX, text), 26);
	assert_int_equal(date_format_imap(INT64_MIN, text), 26);
	date_format_imap(1767225601, text);
	assert_string_equal(text, " 1-Jan-2026 00:00:01 +0000");
}

static void imap_dates_are_strict(void **state)
{
	(void)state;
	int64_t n;
	assert_true(date_parse_imap(SLICE("22-Nov-2026 23:19:32 -0130"), &n));
	assert_true(n == 1795394972);
	assert_true(date_parse_imap(SLICE("2-Nov-2026 23:19:32 +0000"), &n));
	static const char *const cases[] = {
		"", "22-Nov-2026", "22-Nov-2026 23:19:32", "22-Nov-2026 23:19 +0000", "22-Nov-26 23:19:32 +0000", "22-Foo-2026 23:19:32 +0000",
		"22 Nov 2026 23:19:32 +0000", "22-Nov-2026 23:19:32 +00:00", "22-Nov-2026 23:19:32 +000", "22-Nov-2026 25:19:32 +0000",
		"31-Feb-2026 23:19:32 +0000", "22-Nov-2026 23:19:32 +0060", "22-Nov-2026 23.19.32 +0000", "22-Nov-2026 23:19:3 +00000",
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (date_parse_imap(slice_of(cases[i]), &n))
			fail_msg("read as a date: %s", cases[i]);
	assert_true(date_parse_imap_day(SLICE("1-Feb-1994"), &n));
	assert_true(n == 8797);
	assert_true(date_parse_imap_day(SLICE("\"01-feb-1994\""), &n));
	assert_true(n == 8797);
	assert_false(date_parse_imap_day(SLICE("1-Feb-94"), &n));
	assert_false(date_parse_imap_day(SLICE("\"1-Feb-1994"), &n));
	assert_false(date_parse_imap_day(SLICE("1-Feb-1994 "), &n));
	assert_false(date_parse_imap_day(SLICE(""), &n));
}

static void written_dates_can_be_read(void **state)
{
	(void)state;
	static const int64_t moments[] = {0, 1795389572, INT64_MAX, INT64_MIN, 1750000000};
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
		char text[DATE_TEXT_MAX];
		int64_t seconds;
		size_t len = date_format(moments[i], text);
		assert_int_equal(strlen(text), len);
		assert_true(date_parse(slice_make(text, len), &seconds, NULL));
		if (moments[i] != INT64_MAX && moments[i] != INT64_MIN)
			assert_true(seconds == moments[i]);
	}
}

static void internet_dates_are_strict(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t seconds; } good[] = {
		{"2026-11-22T23:19:32Z", 1795389572}, {"2026-11-22t23:19:32z", 1795389572}, {"2026-11-22T23:19:32.25Z", 1795389572},
		{"2026-11-23T00:49:32+01:30", 1795389572}, {"2026-11-22T18:19:32-05:00", 1795389572}, {"1970-01-01T00:00:00Z", 0},
	};
	static const char *const bad[] = {"", "2026-11-22", "2026-11-22 23:19:32Z", "2026-11-22T23:19:32", "2026-11-22T23:19Z", "2026-11-31T23:19:32Z", "2026-13-01T23:19:32Z",
		"2026-11-22T24:19:32Z", "26-11-22T23:19:32Z", "2026-11-22T23:19:32Zx", "2026-11-22T23:19:32.Z", "2026-11-22T23:19:32+0130", "2026-11-22T23:19:32+24:00", "2026-1-22T23:19:32Z"};
	char text[DATE_TEXT_MAX];
	int64_t seconds;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(date_parse_internet(slice_of(good[i].text), &seconds));
		assert_int_equal(seconds, good[i].seconds);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (date_parse_internet(slice_of(bad[i]), &seconds))
			fail_msg("%s", bad[i]);
	assert_int_equal(date_format_internet(1795389572, text), 20);
	assert_string_equal(text, "2026-11-22T23:19:32Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_read),
		cmocka_unit_test(what_is_no_date_is_refused),
		cmocka_unit_test(the_day_is_that_of_the_written_zone),
		cmocka_unit_test(imap_dates_go_both_ways),
		cmocka_unit_test(imap_dates_are_strict),
		cmocka_unit_test(written_dates_can_be_read),
		cmocka_unit_test(internet_dates_are_strict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
