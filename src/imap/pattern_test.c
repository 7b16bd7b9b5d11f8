/* The patterns that find mailboxes: LIST's wildcards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "imap/pattern.h"

static bool matches(const char *pattern, const char *name)
{
	struct arena *arena = arena_new();
	bool result = imap_pattern_match(imap_pattern_new(slice_of(pattern), arena), slice_of(name));
	arena_free(&arena);
	return result;
}

static void patterns_match(void **state)
{
	(void)state;
	assert_true(matches("*", "a/b/c") && matches("%", "a") && !matches("%", "a/b") && matches("%/%", "a/b"));
	assert_true(matches("a/*", "a/b/c") && !matches("a/%", "a/b/c") && !matches("a/*", "a"));
	assert_true(matches("*c", "a/b/c") && matches("%*", "a/b") && matches("*%", "a/b") && matches("%%", "a") && !matches("%%", "a/b"));
	assert_true(matches("a%c", "abbc") && !matches("a%c", "ab/c") && matches("a*c", "ab/c"));
	assert_true(matches("inbox", "INBOX") && matches("InB%", "INBOX") && matches("inbox/x", "INBOX/x") && !matches("inbox/X", "INBOX/x"));
	assert_true(!matches("work", "Work") && !matches("inboxes", "INBOXES") && matches("*", "INBOX"));
	assert_true(matches("", "") && !matches("", "a") && matches("*", "") && !matches("a", "ab") && !matches("ab", "a"));
}

/* The time of a hopeless pattern grows with length times length, not with two to the power of its wildcards. */
static void hostile_patterns_take_no_time(void **state)
{
	(void)state;
	char pattern[1001], name[1001];
	for (size_t i = 0; i < 1000; i++)
		pattern[i] = i % 2 ? '*' : 'a';
	memset(name, 'a', 1000);
	pattern[999] = 'b';
	pattern[1000] = name[1000] = '\0';
	int64_t start = clock_monotonic_ms();
	for (int i = 0; i < 20; i++)
		assert_false(matches(pattern, name));
	assert_true(clock_monotonic_ms() - start < 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match),
		cmocka_unit_test(hostile_patterns_take_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
