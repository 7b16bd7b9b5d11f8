/* Unit tests of the configuration's history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "config/config_history.h"

static char data[64];
static struct arena *arena;
static struct error error;

static void write_configuration(const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/pombal.conf", data);
	assert_true(file_replace(path, slice_of(text), 0600, &error));
}

static const char *configuration(void)
{
	char path[128];
	struct buf text = BUF(1000);
	snprintf(path, sizeof path, "%s/pombal.conf", data);
	assert_true(file_read(path, &text, &error));
	const char *copy = arena_text(arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

static int set_up(void **state)
{
	(void)state;
	snprintf(data, sizeof data, "/tmp/pombal-history-XXXXXX");
	arena = arena_new();
	if (!mkdtemp(data))
		return -1;
	int lock = config_history_lock(data, &error);
	close(lock);
	return lock >= 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return nftw(data, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct config_change make(uint64_t number, enum config_change_state state, int64_t confirm_by)
{
	struct config_change change = {.number = number, .time = 1000, .confirm_by = confirm_by, .state = state, .by = SLICE("anna@example.org"), .peer = SLICE("192.0.2.1"),
		.before = SLICE("workers = 1\n"), .after = SLICE("workers = 2\n")};
	assert_true(config_history_write(data, &change, &error));
	return change;
}

static void a_change_is_read_as_it_was_written(void **state)
{
	uint64_t last;
	struct config_change read;
	(void)state;
	assert_true(config_history_last(data, &last, &error) && last == 0);
	make(1, CHANGE_KEPT, 0);
	assert_true(config_history_last(data, &last, &error) && last == 1);
	assert_true(config_history_read(data, 1, arena, &read, &error));
	assert_true(read.number == 1 && read.time == 1000 && read.state == CHANGE_KEPT && slice_equal(read.by, SLICE("anna@example.org")) && slice_equal(read.peer, SLICE("192.0.2.1")));
	assert_true(slice_equal(read.before, SLICE("workers = 1\n")) && slice_equal(read.after, SLICE("workers = 2\n")));
	assert_false(config_history_read(data, 2, arena, &read, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
}

static void what_waits_is_taken_back(void **state)
{
	struct config_change waiting;
	bool done;
	(void)state;
	make(1, CHANGE_WAITING, 2000);
	write_configuration("workers = 2\n");
	assert_false(config_history_is_due(data, 1999));
	assert_true(config_history_is_due(data, 2000));
	assert_true(config_history_waiting(data, arena, &waiting, &error) && waiting.number == 1 && waiting.confirm_by == 2000);
	assert_true(config_history_take_back(data, &waiting, &done, &error) && done);
	assert_string_equal(configuration(), "workers = 1\n");
	assert_false(config_history_is_due(data, 3000));
	assert_true(config_history_read(data, 1, arena, &waiting, &error) && waiting.state == CHANGE_TAKEN_BACK);
	assert_true(config_history_waiting(data, arena, &waiting, &error) && waiting.number == 0);
}

static void what_is_confirmed_stays(void **state)
{
	struct config_change waiting;
	(void)state;
	make(1, CHANGE_WAITING, 2000);
	write_configuration("workers = 2\n");
	assert_true(config_history_waiting(data, arena, &waiting, &error) && config_history_confirm(data, &waiting, &error));
	assert_false(config_history_is_due(data, 3000));
	assert_string_equal(configuration(), "workers = 2\n");
	assert_true(config_history_read(data, 1, arena, &waiting, &error) && waiting.state == CHANGE_KEPT);
}

static void what_somebody_has_written_since_stays(void **state)
{
	struct config_change waiting;
	bool done = false;
	(void)state;
	make(1, CHANGE_WAITING, 2000);
	write_configuration("workers = 3\n");
	assert_true(config_history_waiting(data, arena, &waiting, &error) && config_history_take_back(data, &waiting, &done, &error));
	assert_false(done);
	assert_string_equal(configuration(), "workers = 3\n");
	assert_false(config_history_is_due(data, 3000));
}

static void the_oldest_go(void **state)
{
	struct config_change read;
	(void)state;
	make(1, CHANGE_KEPT, 0);
	make(2, CHANGE_KEPT, 0);
	make(CONFIG_HISTORY_KEPT + 1, CHANGE_KEPT, 0);
	assert_false(config_history_read(data, 1, arena, &read, &error));
	assert_true(config_history_read(data, 2, arena, &read, &error));
}

static void damage_is_said(void **state)
{
	static const char *const broken[] = {"", "number 1\n", "number 1\nbefore 5\nafter 5\n\nabc", "nonsense\n\n", "number 1\nstate odd\n\n"};
	struct config_change read;
	char path[128];
	(void)state;
	snprintf(path, sizeof path, "%s/history/1", data);
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		assert_true(file_replace(path, slice_of(broken[i]), 0600, &error));
		assert_true(!config_history_read(data, 1, arena, &read, &error) || read.before.len + read.after.len == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_change_is_read_as_it_was_written, set_up, tear_down), cmocka_unit_test_setup_teardown(what_waits_is_taken_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_confirmed_stays, set_up, tear_down), cmocka_unit_test_setup_teardown(what_somebody_has_written_since_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_go, set_up, tear_down), cmocka_unit_test_setup_teardown(damage_is_said, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
