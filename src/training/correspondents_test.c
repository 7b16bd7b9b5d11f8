/* With whom an account is in touch: within bounds, for a time, and whatever the file holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "training/correspondents.h"

static const int64_t now = 1795910400; /* in November 2026 */
enum { DAY = 24 * 3600 };
static char folder[64], path[96];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/correspondents_test.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/" TRAINING_CORRESPONDENTS, folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void note(enum training_touch touch, const char *address, int64_t when)
{
	struct slice text = slice_of(address);
	training_correspondents_note(path, touch, &text, 1, when);
}

static bool has(enum training_touch touch, const char *address, int64_t when) { return training_correspondents_has(path, touch, slice_of(address), when); }

static void who_was_written_to_is_known_for_two_years(void **state)
{
	(void)state;
	assert_false(has(TRAINING_WRITTEN_TO, "ann@example.org", now));
	note(TRAINING_WRITTEN_TO, "ann@example.org", now);
	assert_true(has(TRAINING_WRITTEN_TO, "ann@example.org", now) && has(TRAINING_WRITTEN_TO, "ann@example.org", now + 730 * (int64_t)DAY));
	assert_false(has(TRAINING_WRITTEN_TO, "ann@example.org", now + 731 * (int64_t)DAY));
	note(TRAINING_WRITTEN_TO, "ann@example.org", now + 400 * (int64_t)DAY);
	assert_true(has(TRAINING_WRITTEN_TO, "ann@example.org", now + 731 * (int64_t)DAY));
	assert_true(has(TRAINING_WRITTEN_TO, "ann@example.org", now)); /* a clock that was ahead */
	assert_false(has(TRAINING_WRITTEN_TO, "bob@example.org", now) || has(TRAINING_HEARD_FROM, "ann@example.org", now) || has(TRAINING_WRITTEN_TO, "", now));
}

static void no_number_of_strangers_drives_out_whom_one_has_written_to(void **state)
{
	(void)state;
	struct stat status;
	note(TRAINING_WRITTEN_TO, "ann@example.org", now);
	for (int i = 0; i < 20000; i++) {
		char address[64];
		snprintf(address, sizeof address, "stranger%d@example.net", i);
		note(TRAINING_HEARD_FROM, address, now);
	}
	assert_true(has(TRAINING_WRITTEN_TO, "ann@example.org", now));
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size <= 128 * 1024);
}

/* Of many to whom one has written the last are kept. */
static void the_last_are_kept(void **state)
{
	(void)state;
	int known = 0;
	for (int i = 0; i < 6000; i++) {
		char address[64];
		snprintf(address, sizeof address, "friend%d@example.net", i);
		note(TRAINING_WRITTEN_TO, address, now + i / 100 * (int64_t)DAY);
	}
	for (int i = 0; i < 6000; i++) {
		char address[64];
		snprintf(address, sizeof address, "friend%d@example.net", i);
		bool is_known = has(TRAINING_WRITTEN_TO, address, now + 60 * (int64_t)DAY);
		known += is_known;
		assert_true(is_known || i < 5500);
	}
	assert_true(known <= TRAINING_CORRESPONDENTS_MAX && known > 3500);
}

static void a_list_of_hundreds_is_no_correspondence(void **state)
{
	(void)state;
	struct slice list[TRAINING_RECIPIENTS_MAX + 1];
	char texts[TRAINING_RECIPIENTS_MAX + 1][32];
	for (int i = 0; i <= TRAINING_RECIPIENTS_MAX; i++) {
		snprintf(texts[i], sizeof texts[i], "r%d@example.org", i);
		list[i] = slice_of(texts[i]);
	}
	training_correspondents_note(path, TRAINING_WRITTEN_TO, list, TRAINING_RECIPIENTS_MAX + 1, now);
	assert_true(has(TRAINING_WRITTEN_TO, texts[TRAINING_RECIPIENTS_MAX - 1], now));
	assert_false(has(TRAINING_WRITTEN_TO, texts[TRAINING_RECIPIENTS_MAX], now));
}

static void whatever_the_file_holds_it_can_be_used(void **state)
{
	(void)state;
	note(TRAINING_WRITTEN_TO, "ann@example.org", now);
	for (off_t size = 128 * 1024; size >= 0; size -= 1021) { /* cut short, and torn */
		int fd = open(path, O_RDWR);
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(pwrite(fd, "torn", 4, size / 2), 4);
		close(fd);
		has(TRAINING_WRITTEN_TO, "ann@example.org", now);
		assert_false(has(TRAINING_WRITTEN_TO, "bob@example.org", now));
	}
	note(TRAINING_WRITTEN_TO, "ann@example.org", now);
	assert_true(has(TRAINING_WRITTEN_TO, "ann@example.org", now));
	training_correspondents_note("/tmp/there-is-no-such-folder/x", TRAINING_WRITTEN_TO, &SLICE("ann@example.org"), 1, now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_was_written_to_is_known_for_two_years, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_number_of_strangers_drives_out_whom_one_has_written_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_list_of_hundreds_is_no_correspondence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whatever_the_file_holds_it_can_be_used, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
