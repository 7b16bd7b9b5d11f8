/* Sequence sets: parsing, normalising, what they select. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "imap/set.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct ranges parsed(const char *text)
{
	struct ranges set;
	assert_true(imap_set_parse(slice_of(text), arena, &set));
	return set;
}

static void check_normal(const char *text, uint32_t star, const char *wanted)
{
	struct ranges set = parsed(text);
	struct buf out = BUF(1000);
	imap_set_normalise(&set, star);
	for (size_t i = 0; i < set.count; i++)
		buf_printf(&out, "%s%u:%u", i > 0 ? "," : "", set.at[i].first, set.at[i].last);
	assert_string_equal(out.at, wanted);
	buf_free(&out);
}

static void sets_are_normalised(void **state)
{
	(void)state;
	check_normal("1", 9, "1:1");
	check_normal("5:3", 9, "3:5");
	check_normal("*", 9, "9:9");
	check_normal("*:*", 9, "9:9");
	check_normal("12:*", 9, "9:12");
	check_normal("7,1:3,4,2:6", 9, "1:7");
	check_normal("4294967295,1", 9, "1:1,4294967295:4294967295");
	check_normal("4294967290:4294967295,4294967295", 9, "4294967290:4294967295");
	check_normal("1:4294967295,5", 9, "1:4294967295");
}

static void broken_sets_are_refused(void **state)
{
	(void)state;
	static const char *const broken[] = {"", "0", "1,", ",1", "1::2", "1:2:3", "a", "1:", ":1", "4294967296", "99999999999999999999", "1 ", "-1", "**", "+1", "1:0"};
	struct ranges set;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		assert_false(imap_set_parse(slice_of(broken[i]), arena, &set));
}

static void numbers_select_messages(void **state)
{
	(void)state;
	struct ranges set = parsed("1,3:*"), indexes;
	assert_true(imap_set_to_indexes(&set, 5, arena, &indexes));
	assert_int_equal(ranges_size(&indexes), 4);
	assert_true(ranges_contain(&indexes, 0) && !ranges_contain(&indexes, 1) && ranges_contain(&indexes, 4));
	set = parsed("6");
	assert_false(imap_set_to_indexes(&set, 5, arena, &indexes));
	set = parsed("1:6");
	assert_false(imap_set_to_indexes(&set, 5, arena, &indexes));
	set = parsed("9:*");
	assert_true(imap_set_to_indexes(&set, 5, arena, &indexes));
	assert_int_equal(ranges_size(&indexes), 1);
	set = parsed("1:*");
	assert_true(imap_set_to_indexes(&set, 0, arena, &indexes));
	assert_int_equal(ranges_size(&indexes), 0);
	set = parsed("1");
	assert_false(imap_set_to_indexes(&set, 0, arena, &indexes));
}

static void uids_select_messages(void **state)
{
	(void)state;
	static struct imap_uid_run runs[] = {{2, 0}, {5, 1}, {4294967295, 3}};
	static const struct imap_uids uids = {.runs = runs, .run_count = 3, .count = 4}, none;
	struct ranges set = parsed("1:5,100:200,4294967295"), indexes;
	imap_set_uids_to_indexes(&set, &uids, arena, &indexes);
	assert_int_equal(ranges_size(&indexes), 3);
	assert_true(ranges_contain(&indexes, 0) && ranges_contain(&indexes, 1) && ranges_contain(&indexes, 3));
	set = parsed("1:4294967295");
	imap_set_uids_to_indexes(&set, &uids, arena, &indexes);
	assert_int_equal(ranges_size(&indexes), 4);
	set = parsed("*");
	imap_set_uids_to_indexes(&set, &none, arena, &indexes);
	assert_int_equal(ranges_size(&indexes), 0);
}

static void sets_are_walked_and_written(void **state)
{
	(void)state;
	static const uint32_t uids[] = {1, 2, 3, 7, 9, 10, 4294967294, 4294967295};
	struct buf out = BUF(1000);
	imap_set_write(uids, 8, &out);
	assert_string_equal(out.at, "1:3,7,9:10,4294967294:4294967295");
	buf_free(&out);
	struct ranges set = parsed("3,4294967294:4294967295,1");
	struct ranges_cursor cursor = {0};
	uint32_t number, sum = 0;
	imap_set_normalise(&set, 1);
	while (ranges_next(&set, &cursor, &number))
		sum ^= number;
	assert_int_equal(sum, 1 ^ 3 ^ 4294967294u ^ 4294967295u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_normalised), cmocka_unit_test(broken_sets_are_refused), cmocka_unit_test(numbers_select_messages),
		cmocka_unit_test(uids_select_messages), cmocka_unit_test(sets_are_walked_and_written),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
