/* The table of how full mailboxes are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/usage/usage.h"

static char folder[] = "/tmp/usage-test-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	char path[100];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/accounts", folder);
	return mkdir(path, 0700);
}

static int tear_down(void **state)
{
	(void)state;
	char path[100];
	snprintf(path, sizeof path, "%s/accounts/.usage", folder);
	unlink(path);
	snprintf(path, sizeof path, "%s/accounts", folder);
	rmdir(path);
	return rmdir(folder);
}

static void what_is_noted_is_found_by_others(void **state)
{
	(void)state;
	struct usage found;
	assert_int_equal(usage_open(folder, false), -1);
	assert_false(usage_find(-1, SLICE("anna@example.test"), &found));
	usage_note(-1, SLICE("anna@example.test"), &(struct usage){1, 1, 1, 1});
	int writer = usage_open(folder, true), reader = usage_open(folder, false);
	assert_true(writer >= 0 && reader >= 0);
	assert_false(usage_find(reader, SLICE("anna@example.test"), &found));
	usage_note(writer, SLICE("anna@example.test"), &(struct usage){100, 3, 1000, 0});
	usage_note(writer, SLICE("boris@example.test"), &(struct usage){5, 1, 0, 0}); /* no limits: not entered */
	assert_true(usage_find(reader, SLICE("anna@example.test"), &found));
	assert_true(found.bytes == 100 && found.messages == 3 && found.max_bytes == 1000 && found.max_messages == 0);
	assert_false(usage_find(reader, SLICE("boris@example.test"), &found));
	usage_note(writer, SLICE("anna@example.test"), &(struct usage){1001, 4, 1000, 0});
	assert_true(usage_find(reader, SLICE("anna@example.test"), &found) && usage_room(&found) == 0);
	usage_note(writer, SLICE("anna@example.test"), &(struct usage){1001, 4, 0, 0}); /* the quota is gone */
	assert_false(usage_find(reader, SLICE("anna@example.test"), &found));
	close(writer);
	close(reader);
}

static void many_accounts_have_their_rows(void **state)
{
	(void)state;
	enum { MANY = 20000 };
	struct usage found;
	char name[40];
	int fd = usage_open(folder, true), wrong = 0;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "user%d@example.test", i);
		usage_note(fd, slice_of(name), &(struct usage){(uint64_t)i, 1, MANY, 0});
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "user%d@example.test", i);
		wrong += !usage_find(fd, slice_of(name), &found) || found.bytes != (uint64_t)i;
	}
	assert_true(wrong < 20); /* a bucket that is full has no row for one more: that one has room as far as is known */
	close(fd);
}

static void room_is_what_is_left(void **state)
{
	(void)state;
	assert_true(usage_room(&(struct usage){10, 1, 100, 0}) == 90);
	assert_true(usage_room(&(struct usage){100, 1, 100, 0}) == 0);
	assert_true(usage_room(&(struct usage){200, 1, 100, 0}) == 0);
	assert_true(usage_room(&(struct usage){10, 5, 100, 5}) == 0);
	assert_true(usage_room(&(struct usage){10, 4, 0, 5}) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_noted_is_found_by_others),
		cmocka_unit_test(many_accounts_have_their_rows),
		cmocka_unit_test(room_is_what_is_left),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
