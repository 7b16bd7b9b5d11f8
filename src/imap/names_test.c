/* Mailbox names and the patterns that find them: modified UTF-7, LIST's wildcards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "imap/pattern.h"
#include "imap/utf7.h"

static void names_go_both_ways(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{"", ""}, {"INBOX", "INBOX"}, {"A&-B", "A&B"}, {"&-&-", "&&"}, {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"},
		{"&2D3eAA-", "😀"}, {"Entw&APw-rfe", "Entwürfe"}, {"&BB8EQAQ4BDIENQRC-", "Привет"}, {"&AOkA6ADp-", "éèé"}, {"a&AOk-&-b", "aé&b"},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct buf utf8 = BUF(1000), utf7 = BUF(1000);
		assert_true(utf7_to_utf8(slice_of(pairs[i][0]), &utf8));
		assert_true(slice_equal(buf_slice(&utf8), slice_of(pairs[i][1])));
		assert_true(utf7_from_utf8(slice_of(pairs[i][1]), &utf7));
		assert_true(slice_equal(buf_slice(&utf7), slice_of(pairs[i][0])));
		buf_free(&utf8);
		buf_free(&utf7);
	}
}

/* Every text has one name only: what isn't the canonical form is no name. */
static void other_forms_are_refused(void **state)
{
	(void)state;
	static const char *const broken[] = {
		"&", "a&b", "&AOk", "&AOk=-", "&AO-", "&A-", "&AOk-&AOk-" /* one shift would do */, "&AGE-" /* 'a' */, "&ACY-" /* '&' */,
		"&2D0-" /* half a pair */, "&3gA-", "&3gDYPQ-", "&2D3YPQ-", "&AOl-" /* bits left over */, "&AOkA-", "&AAA-" /* NUL */, "&AAo-",
		"\xc3\xa9", "a\tb", "a\x7f", "&AO k-", "&AO/k-", "&!!!-",
	};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct buf utf8 = BUF(1000);
		assert_false(utf7_to_utf8(slice_of(broken[i]), &utf8));
		buf_free(&utf8);
	}
	struct buf out = BUF(1000);
	assert_false(utf7_to_utf8(SLICE("a\0b"), &out));
	assert_false(utf7_from_utf8(SLICE("\xff"), &out));
	buf_free(&out);
}

static bool matches(const char *pattern, const char *name)
{
	struct arena *arena = arena_new();
	bool result = pattern_match(pattern_new(slice_of(pattern), arena), slice_of(name));
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
		cmocka_unit_test(names_go_both_ways), cmocka_unit_test(other_forms_are_refused), cmocka_unit_test(patterns_match),
		cmocka_unit_test(hostile_patterns_take_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
