/* What is remembered of backups, and when somebody is warned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/backup_notes.h"

enum { NOW = 1000000000, DAY = 86400 };

static void the_last_one_counts(void **state)
{
	(void)state;
	const struct cli_backup fresh = {.made = NOW - DAY, .found = CLI_BACKUP_WHOLE}, unseen = {.made = NOW - DAY}, broken = {.made = NOW - DAY, .found = CLI_BACKUP_DAMAGED},
		old = {.made = NOW - 9 * DAY, .found = CLI_BACKUP_WHOLE}, daily = {.made = NOW - 3 * DAY, .every = DAY}, monthly = {.made = NOW - 9 * DAY, .every = 30 * DAY, .found = CLI_BACKUP_WHOLE};
	assert_int_equal(cli_backup_judge(NULL, 0, NOW), CLI_BACKUP_NEVER);
	assert_int_equal(cli_backup_judge(&fresh, 1, NOW), CLI_BACKUP_GOOD);
	assert_int_equal(cli_backup_judge(&unseen, 1, NOW), CLI_BACKUP_NOT_VERIFIED);
	assert_int_equal(cli_backup_judge((const struct cli_backup[]){unseen, old}, 2, NOW), CLI_BACKUP_GOOD);
	assert_int_equal(cli_backup_judge((const struct cli_backup[]){broken, fresh}, 2, NOW), CLI_BACKUP_IS_DAMAGED);
	assert_int_equal(cli_backup_judge(&old, 1, NOW), CLI_BACKUP_OLD);
	assert_int_equal(cli_backup_judge(&daily, 1, NOW), CLI_BACKUP_OLD);
	assert_int_equal(cli_backup_judge(&monthly, 1, NOW), CLI_BACKUP_GOOD);
}

static void the_newest_are_remembered(void **state)
{
	(void)state;
	char data[] = "/tmp/pombal-backups-XXXXXX";
	struct arena *arena = arena_new();
	struct cli_backup *list;
	size_t count;
	struct error error = {0};
	assert_non_null(mkdtemp(data));
	assert_true(cli_backup_read(data, arena, &list, &count, &error) && count == 0);
	for (int i = 0; i < CLI_BACKUPS_MAX + 2; i++) {
		struct cli_backup backup = {.where = arena_printf(arena, "host:/copy \"%d\"", i), .by = SLICE("root"), .made = NOW + i, .noted = NOW + i + 1, .size = i ? i : -1, .every = DAY, .found = CLI_BACKUP_DAMAGED};
		assert_true(cli_backup_add(data, &backup, arena, &error));
	}
	assert_true(cli_backup_read(data, arena, &list, &count, &error));
	assert_int_equal(count, CLI_BACKUPS_MAX);
	assert_true(slice_equal(list[0].where, SLICE("host:/copy \"21\"")) && list[0].made == NOW + 21 && list[0].noted == NOW + 22 && list[0].size == 21 && list[0].every == DAY);
	assert_true(list[0].found == CLI_BACKUP_DAMAGED && slice_equal(list[0].by, SLICE("root")));
	assert_true(list[CLI_BACKUPS_MAX - 1].made == NOW + 2);
	/* One that is damaged is said to be, and doesn't keep the next from being remembered. */
	const char *path = arena_printf(arena, "%s/backups.json", data).at;
	assert_true(file_replace(path, SLICE("[{\"where\": 1}]"), 0600, &error));
	assert_false(cli_backup_read(data, arena, &list, &count, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_true(cli_backup_add(data, &(struct cli_backup){.where = SLICE("x"), .by = SLICE("")}, arena, &error));
	assert_true(cli_backup_read(data, arena, &list, &count, &error) && count == 1);
	unlink(path);
	rmdir(data);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_last_one_counts), cmocka_unit_test(the_newest_are_remembered)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
