/* Promises: what was taken for a mailbox is held against its room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "smtp/promise.h"

enum { MINUTE = 60 * 1000 };

static uint64_t look(uint64_t account, uint64_t now, int64_t now_ms)
{
	struct auth_recipient_room room = {now, 1000, account};
	smtp_promise_look(&room, now_ms);
	return room.now;
}

static bool make(uint64_t account, uint64_t now, uint64_t size, int64_t now_ms)
{
	return smtp_promise_make(&(struct auth_recipient_room){now, 1000, account}, size, now_ms);
}

static void what_was_taken_is_not_there_for_the_next(void **state)
{
	(void)state;
	assert_int_equal(look(1, 1000, 0), 1000);
	assert_true(make(1, 1000, 600, 0));
	assert_int_equal(look(1, 1000, MINUTE), 400);
	assert_false(make(1, 1000, 600, MINUTE)); /* who was told of the room before */
	assert_int_equal(look(1, 1000, MINUTE), 400);
	smtp_promise_overdraw(&(struct auth_recipient_room){400, 1000, 1}, 600, MINUTE); /* who was taken for another, too */
	assert_int_equal(look(1, 1000, MINUTE), 0);
	assert_int_equal(look(2, 1000, MINUTE), 1000);
}

static void what_has_arrived_is_not_counted_twice(void **state)
{
	(void)state;
	assert_int_equal(look(3, 1000, 0), 1000);
	assert_true(make(3, 1000, 300, 0));
	assert_true(make(3, 1000, 200, 0));
	assert_int_equal(look(3, 690, 1), 500); /* the first one is in, with the header fields of its delivery */
	assert_int_equal(look(3, 480, 2), 480);
	assert_int_equal(look(3, 1000, 3), 1000); /* the owner has removed all */
}

static void promises_end(void **state)
{
	(void)state;
	assert_true(make(4, 1000, 900, 0));
	assert_int_equal(look(4, 1000, PROMISE_MS - 1), 100);
	assert_int_equal(look(4, 1000, PROMISE_MS), 1000);
}

static void unlimited_mailboxes_are_promised_anything(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(make(0, UINT64_MAX, UINT64_MAX, 0) && make(5, UINT64_MAX, UINT64_MAX, 0));
	assert_true(look(5, UINT64_MAX, 1) == UINT64_MAX);
}

static void the_table_is_bounded(void **state)
{
	(void)state;
	for (uint64_t account = 1; account < 4 * PROMISES; account++)
		assert_true(make(account * 7919, 1000, 10, 100 * MINUTE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_taken_is_not_there_for_the_next),
		cmocka_unit_test(what_has_arrived_is_not_counted_twice),
		cmocka_unit_test(promises_end),
		cmocka_unit_test(unlimited_mailboxes_are_promised_anything),
		cmocka_unit_test(the_table_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
