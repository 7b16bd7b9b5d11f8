/* The agenda: what is due is told, in order, and what isn't can wait; what isn't ours is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/agenda/agenda.h"

static char data[] = "/tmp/pombal-agenda-XXXXXX";
static int agenda;

static int set_up(void **state)
{
	char path[256];
	(void)state;
	assert_non_null(mkdtemp(data));
	snprintf(path, sizeof path, "%s/accounts", data);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(agenda_open(data, false), -1);
	agenda = agenda_open(data, true);
	assert_true(agenda >= 0);
	return 0;
}

static int tear_down(void **state)
{
	char command[300];
	(void)state;
	close(agenda);
	snprintf(command, sizeof command, "rm -rf %s", data);
	return system(command);
}

static size_t due(int64_t now, struct arena *arena, struct agenda_entry **list, int64_t *next)
{
	struct error error;
	size_t count;
	assert_true(agenda_list_due(agenda, now, arena, list, &count, next, &error));
	return count;
}

static void is_told_when_it_is_due(void **state)
{
	struct arena *arena = arena_new();
	struct agenda_entry *list;
	struct error error;
	int64_t next, before = agenda_stamp(agenda);
	(void)state;
	assert_int_equal(due(1000, arena, &list, &next), 0);
	assert_int_equal(next, INT64_MAX);
	assert_true(agenda_mark(agenda, SLICE("bob@example.test"), 300, &error) && agenda_mark(agenda, SLICE("alice@example.test"), 200, &error));
	assert_true(agenda_mark(agenda, SLICE("alice@example.test"), 200, &error)); /* again */
	assert_true(agenda_mark(agenda, SLICE("alice@example.test"), -5, &error));
	assert_true(agenda_stamp(agenda) != before);
	assert_int_equal(due(100, arena, &list, &next), 1);
	assert_int_equal(next, 200);
	assert_int_equal(due(300, arena, &list, &next), 3);
	assert_int_equal(next, INT64_MAX);
	assert_true(slice_equal(list[1].account, SLICE("alice@example.test")));
	assert_true(slice_equal(list[2].account, SLICE("bob@example.test")));
	for (size_t i = 0; i < 3; i++)
		agenda_remove(agenda, &list[i]);
	assert_int_equal(due(300, arena, &list, &next), 0);
	arena_free(&arena);
}

static void leaves_what_is_not_its_own(void **state)
{
	static const char *const names[] = {"README", ".new-x", "000000000000000g-0123456789abcdef0123456789abcdef", "0000000000000001-0"};
	struct arena *arena = arena_new();
	struct agenda_entry *list;
	int64_t next;
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		close(openat(agenda, names[i], O_WRONLY | O_CREAT, 0600));
	assert_int_equal(due(INT64_MAX, arena, &list, &next), 0);
	arena_free(&arena);
}

static void tells_the_earliest_of_many(void **state)
{
	struct arena *arena = arena_new();
	struct agenda_entry *list;
	struct error error;
	char name[64];
	int64_t next;
	(void)state;
	for (int i = AGENDA_DUE_MAX + 20; i > 0; i--) {
		snprintf(name, sizeof name, "p%d@example.test", i);
		assert_true(agenda_mark(agenda, slice_of(name), i, &error));
	}
	assert_int_equal(due(10000, arena, &list, &next), AGENDA_DUE_MAX);
	assert_true(next <= 10000); /* there is more */
	assert_true(slice_equal(list[0].account, SLICE("p1@example.test")));
	for (size_t i = 0; i < AGENDA_DUE_MAX; i++)
		agenda_remove(agenda, &list[i]);
	assert_int_equal(due(10000, arena, &list, &next), 20);
	for (size_t i = 0; i < 20; i++)
		agenda_remove(agenda, &list[i]);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_told_when_it_is_due),
		cmocka_unit_test(leaves_what_is_not_its_own),
		cmocka_unit_test(tells_the_earliest_of_many),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
