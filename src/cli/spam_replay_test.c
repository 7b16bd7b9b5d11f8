/* What was found of a message when it came, with the points of now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cli/spam_replay.h"

static void fields_of_ours_are_read(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct score_settings settings;
	struct slice *names;
	size_t count;
	int total;
	score_settings_default(&settings);
	struct buf out = BUF(4096);
	const struct slice tests[] = {SLICE("HTML_ONLY"), SLICE("SPF_FAIL"), SLICE("LISTED"), SLICE("DATE_IN_FUTURE"), SLICE("NAME_IS_OTHER_ADDRESS"), SLICE("SUBJECT_EXCLAIMS"), SLICE("BAYES_999")};
	score_write_fields(&out, &settings, 1234, tests, 7);
	struct slice text = buf_slice(&out);
	assert_true(cli_spam_replay_field(slice_skip(text, slice_find(text, SLICE("X-Spam-Status:")) + 14), arena, &total, &names, &count));
	assert_int_equal(total, 1234);
	assert_int_equal(count, 7);
	for (size_t i = 0; i < count; i++)
		assert_true(slice_equal(names[i], tests[i]));
	buf_clear(&out);
	score_write_fields(&out, &settings, -50, NULL, 0);
	assert_true(cli_spam_replay_field(buf_slice(&out), arena, &total, &names, &count));
	assert_true(total == -50 && count == 0);
	static const char *const wrong[] = {"", "Yes", "score=x tests=A", "score=1", "tests=A", "score=99999999999 tests=A"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(cli_spam_replay_field(slice_of(wrong[i]), arena, &total, &names, &count));
	buf_free(&out);
	arena_free(&arena);
}

static void what_was_asked_counts_as_now(void **state)
{
	(void)state;
	struct score_settings settings;
	const struct slice names[] = {SLICE("HTML_ONLY"), SLICE("SPF_FAIL"), SLICE("LISTED"), SLICE("SOMETHING_ELSE")};
	const int points[] = {60, 150, 400, 25};
	score_settings_default(&settings);
	assert_int_equal(cli_spam_replay_asked(&settings, names, points, 4, 635), 150 + 400 + 25);
	assert_int_equal(cli_spam_replay_asked(&settings, names, NULL, 4, 635), 150 + 425); /* what the rules of the table leave */
	assert_int_equal(cli_spam_replay_asked(&settings, names, NULL, 2, 210), 150);
	assert_int_equal(cli_spam_replay_asked(&settings, names, NULL, 1, 9999), 0); /* what it says is looked at anew */
	settings.points[SCORE_SPF_FAIL] = 10;
	assert_int_equal(cli_spam_replay_asked(&settings, names, points, 2, 210), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fields_of_ours_are_read), cmocka_unit_test(what_was_asked_counts_as_now)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
