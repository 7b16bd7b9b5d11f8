/* Paths, queries, hosts, cookies, ranges, tags, weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/memory.h"
#include "http/target.h"

static struct arena *arena;

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

/* A copy of its own size, so that reading past its end is seen; in `copies`, freed at the end. */
static struct slice own(const char *text)
{
	static char *copies[16];
	static size_t next;
	size_t length = strlen(text);
	next = (next + 1) % 16;
	free(copies[next]);
	copies[next] = length > 0 ? memory_copy(text, length) : NULL;
	return slice_make(copies[next], length);
}

static const char *path_of(const char *text)
{
	struct slice path;
	return http_path_decode(own(text), arena, &path) ? arena_text(arena, path) : NULL;
}

static void paths_are_decoded(void **state)
{
	(void)state;
	assert_string_equal(path_of("/a/b"), "/a/b");
	assert_string_equal(path_of("/%41%c3%A4+%2e%2e%20."), "/A\xc3\xa4+.. .");
	assert_string_equal(path_of("/a//b/"), "/a//b/");
	assert_string_equal(path_of("/..."), "/...");
	assert_string_equal(path_of("/%252e%252e/x"), "/%2e%2e/x"); /* decoded once */
	assert_string_equal(path_of("*"), "*");
}

static void ambiguous_paths_are_refused(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"/%", "/%4", "/%4g", "/%g4", "/%%41", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%00b", "/.", "/..", "/../x", "/x/..", "/x/./y", "/%2e", "/%2e%2E/x", "/.%2e/x",
		"/x/%2e%2e", "/%c0%af", "/%c0%ae%c0%ae/x", "/%e0%80%af", "/%f0%80%80%af", "/%ff", "/%c3", "/%c3%41", "/%ed%a0%80", "/%f4%90%80%80",
	};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (path_of(refused[i]))
			fail_msg("%s is taken", refused[i]);
	assert_null(path_of("/a%0d%0aX:y")); /* no control character: it stands in logs, and in what is answered */
	assert_null(path_of("/a%7f"));
}

static const char *parameter_of(const char *query, const char *name)
{
	struct slice value;
	return http_query_find(own(query), name, arena, &value) ? arena_text(arena, value) : NULL;
}

static void parameters_are_found(void **state)
{
	(void)state;
	assert_string_equal(parameter_of("a=1&b=2&a=3", "a"), "1");
	assert_string_equal(parameter_of("a=1&B=x+y%2B%26%c3%a4", "b"), "x y+&\xc3\xa4");
	assert_string_equal(parameter_of("a&b=", "a"), "");
	assert_string_equal(parameter_of("a&b=", "b"), "");
	assert_string_equal(parameter_of("&&=x&a=b=c", "a"), "b=c");
	assert_null(parameter_of("", "a"));
	assert_null(parameter_of("ab=1", "a"));
	assert_null(parameter_of("a=%", "a"));
	assert_null(parameter_of("a=%0", "a"));
	assert_null(parameter_of("a=%00", "a"));
	assert_null(parameter_of("a=%ff", "a"));
	assert_null(parameter_of("a=%c0%80", "a"));
}

static void assert_host(const char *authority, const char *wanted)
{
	struct slice host = http_host(own(authority));
	if (!slice_equal(host, slice_of(wanted)))
		fail_msg("%.*s in the place of %s", SLICE_ARG(host), wanted);
}

static void hosts_lose_their_port(void **state)
{
	(void)state;
	assert_host("a.test", "a.test");
	assert_host("a.test:80", "a.test");
	assert_host("a.test.:80", "a.test");
	assert_host("A.test.", "A.test");
	assert_host("[::1]", "[::1]");
	assert_host("[::1]:80", "[::1]");
	assert_host("", "");
	assert_host(":", "");
}

static const char *cookie_of(const char *field, const char *name)
{
	struct slice value;
	return http_cookie_find(own(field), name, &value) ? arena_text(arena, value) : NULL;
}

static void cookies_are_found(void **state)
{
	(void)state;
	assert_string_equal(cookie_of("a=1; b=2", "b"), "2");
	assert_string_equal(cookie_of("a=1;b=2", "b"), "2");
	assert_string_equal(cookie_of("  a=1  ", "a"), "1");
	assert_string_equal(cookie_of("a=1; a=2", "a"), "1");
	assert_string_equal(cookie_of("a=b=c", "a"), "b=c");
	assert_string_equal(cookie_of("a=", "a"), "");
	assert_null(cookie_of("", "a"));
	assert_null(cookie_of("a", "a"));
	assert_null(cookie_of("xa=1; A=2; a =3; \"a=4\"", "a"));
}

static void seats_are_cut_off(void **state)
{
	(void)state;
	struct slice path = own("/~0123456789abcdef/session"), seat = {0};
	assert_true(http_seat_cut(&path, &seat));
	assert_string_equal(arena_text(arena, path), "/session");
	assert_string_equal(arena_text(arena, seat), "0123456789abcdef");
	static const char *const others[] = {"", "/", "/~", "/~0123456789abcdef", "/~0123456789abcde/x", "/~0123456789abcdef0/x", "/~0123456789ABCDEF/x", "/~0123456789abcdeg/x",
		"~0123456789abcdef/x", "//~0123456789abcdef/x", "/session"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		path = own(others[i]);
		assert_false(http_seat_cut(&path, &seat));
		assert_int_equal(path.len, strlen(others[i]));
	}
}

static void an_account_has_one_seat(void **state)
{
	(void)state;
	char one[HTTP_SEAT_SIZE + 1], other[HTTP_SEAT_SIZE + 1];
	http_seat_of(own("alice@example.test"), one);
	assert_string_equal(one, "69b1145a03334875"); /* of sha256sum */
	http_seat_of(own("bob@example.test"), other);
	assert_string_not_equal(one, other);
	assert_true(http_is_seat(slice_of(one)) && !http_is_seat(SLICE("")) && !http_is_seat(own("0123456789abcde ")));
}

static void assert_range(const char *field, uint64_t size, enum http_range wanted, uint64_t first, uint64_t count)
{
	uint64_t got_first = 0, got_count = 0;
	enum http_range range = http_range_parse(own(field), size, &got_first, &got_count);
	if (range != wanted || (range == HTTP_RANGE_PART && (got_first != first || got_count != count)))
		fail_msg("%s of %llu: %d, %llu, %llu", field, (unsigned long long)size, range, (unsigned long long)got_first, (unsigned long long)got_count);
}

static void ranges_are_read(void **state)
{
	(void)state;
	assert_range("bytes=0-0", 10, HTTP_RANGE_PART, 0, 1);
	assert_range("bytes=0-9", 10, HTTP_RANGE_PART, 0, 10);
	assert_range("bytes=0-10", 10, HTTP_RANGE_PART, 0, 10);
	assert_range("bytes=9-", 10, HTTP_RANGE_PART, 9, 1);
	assert_range("bytes=9-9", 10, HTTP_RANGE_PART, 9, 1);
	assert_range("BYTES= 2-4 ", 10, HTTP_RANGE_PART, 2, 3);
	assert_range("bytes=0-18446744073709551615", 10, HTTP_RANGE_PART, 0, 10);
	assert_range("bytes=-1", 10, HTTP_RANGE_PART, 9, 1);
	assert_range("bytes=-10", 10, HTTP_RANGE_PART, 0, 10);
	assert_range("bytes=-18446744073709551615", 10, HTTP_RANGE_PART, 0, 10);
	assert_range("bytes=0-", UINT64_MAX, HTTP_RANGE_PART, 0, UINT64_MAX);
	assert_range("bytes=10-", 10, HTTP_RANGE_OUTSIDE, 0, 0);
	assert_range("bytes=10-20", 10, HTTP_RANGE_OUTSIDE, 0, 0);
	assert_range("bytes=-0", 10, HTTP_RANGE_OUTSIDE, 0, 0);
	assert_range("bytes=0-0", 0, HTTP_RANGE_OUTSIDE, 0, 0);
	assert_range("bytes=-1", 0, HTTP_RANGE_OUTSIDE, 0, 0);
	static const char *const none[] = {"", "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=5-4", "bytes=0-1,3-4", "bytes=a-b", "bytes=0-x", "bytes=+0-1", "bytes=0--1", "bytes=--1",
		"bytes=0 - 1", "items=0-1", "bytes=0-18446744073709551616", "bytes=18446744073709551616-"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_range(none[i], 10, HTTP_RANGE_NONE, 0, 0);
}

static void tags_are_compared(void **state)
{
	(void)state;
	struct slice tag = SLICE("\"abc\"");
	assert_true(http_tags_match(own("\"abc\""), tag));
	assert_true(http_tags_match(own("W/\"abc\""), tag));
	assert_true(http_tags_match(own("\"x\" , W/\"y\",\"abc\""), tag));
	assert_true(http_tags_match(own("*"), tag));
	assert_false(http_tags_match(own(""), tag));
	assert_false(http_tags_match(own("abc"), tag));
	assert_false(http_tags_match(own("\"ABC\""), tag));
	assert_false(http_tags_match(own("\"abcd\", \"ab\""), tag));
}

static void codings_are_weighed(void **state)
{
	(void)state;
	assert_int_equal(http_coding_weight(own("gzip"), "gzip"), 1000);
	assert_int_equal(http_coding_weight(own("br;q=0.5, GZip ; Q=0.25"), "gzip"), 250);
	assert_int_equal(http_coding_weight(own("gzip;q=0"), "gzip"), 0);
	assert_int_equal(http_coding_weight(own("gzip;q=0.000"), "gzip"), 0);
	assert_int_equal(http_coding_weight(own("gzip;q=0.001"), "gzip"), 1);
	assert_int_equal(http_coding_weight(own("gzip;q=1.000"), "gzip"), 1000);
	assert_int_equal(http_coding_weight(own("*;q=0.3"), "gzip"), 300);
	assert_int_equal(http_coding_weight(own("*, gzip;q=0"), "gzip"), 0);
	assert_int_equal(http_coding_weight(own("gzip;q=x"), "gzip"), 0);
	assert_int_equal(http_coding_weight(own("gzip;q="), "gzip"), 0);
	assert_int_equal(http_coding_weight(own("gzipped, x-gzip"), "gzip"), 0);
	assert_int_equal(http_coding_weight(own(""), "gzip"), 0);
	assert_true(http_coding_weight(own("gzip;q=9"), "gzip") <= 1000);
	assert_true(http_coding_weight(own("gzip;q=1.999"), "gzip") <= 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_decoded), cmocka_unit_test(ambiguous_paths_are_refused), cmocka_unit_test(parameters_are_found),
		cmocka_unit_test(hosts_lose_their_port), cmocka_unit_test(cookies_are_found), cmocka_unit_test(seats_are_cut_off), cmocka_unit_test(an_account_has_one_seat),
		cmocka_unit_test(ranges_are_read),
		cmocka_unit_test(tags_are_compared), cmocka_unit_test(codings_are_weighed),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
