/* What strangers do is counted, wears off, and is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "smtp/crowd.h"

enum { START = 1000 };

static void test_an_hour_has_its_limit(void **state)
{
	(void)state;
	struct slice who = SLICE("a@count.example");
	for (int i = 0; i < 60; i++)
		assert_true(smtp_crowd_count(COUNTED_MESSAGES, who, 60, START));
	assert_false(smtp_crowd_count(COUNTED_MESSAGES, SLICE("A@count.example"), 60, START));
	assert_true(smtp_crowd_count(COUNTED_RECIPIENTS, who, 60, START));
	assert_true(smtp_crowd_count(COUNTED_MESSAGES, SLICE("b@count.example"), 60, START));
	assert_true(smtp_crowd_count(COUNTED_MESSAGES, who, 60, START + CROWD_HOUR_MS / 60));
	assert_false(smtp_crowd_count(COUNTED_MESSAGES, who, 60, START + CROWD_HOUR_MS / 60));
	assert_true(smtp_crowd_count(COUNTED_MESSAGES, who, 1, START + 3 * CROWD_HOUR_MS));
	assert_false(smtp_crowd_count(COUNTED_MESSAGES, who, 1, START + 3 * CROWD_HOUR_MS));
}

static void test_who_guesses_is_shut_out(void **state)
{
	(void)state;
	struct slice network = SLICE("\x0a\0\1");
	for (int i = 1; i < 10; i++)
		assert_int_equal(smtp_crowd_missed(network, 1, 10, 5000, START), i);
	assert_false(smtp_crowd_is_shut_out(network, START));
	assert_int_equal(smtp_crowd_missed(network, 1, 10, 5000, START), 10);
	assert_true(smtp_crowd_is_shut_out(network, START) && smtp_crowd_is_shut_out(network, START + 4999));
	assert_false(smtp_crowd_is_shut_out(network, START + 5000) || smtp_crowd_is_shut_out(SLICE("\x0a\0\2"), START));
	assert_int_equal(smtp_crowd_missed(network, 1, 10, 5000, START + 5000), 1);
}

static void test_who_finds_people_is_no_guesser(void **state)
{
	(void)state;
	struct slice network = SLICE("\x0a\0\3");
	for (int i = 0; i < 100; i++) {
		assert_int_equal(smtp_crowd_missed(network, 1, 10, 5000, START), 1);
		smtp_crowd_found(network, 10, START);
	}
	smtp_crowd_found(network, 10, START);
	assert_int_equal(smtp_crowd_missed(network, 1, 10, 5000, START), 1);
}

static void test_a_flood_of_others_frees_nobody(void **state)
{
	(void)state;
	char name[40];
	struct slice network = SLICE("\x0a\0\4");
	for (int i = 0; i < 10; i++)
		smtp_crowd_missed(network, 1, 10, 1000 * 1000, START);
	for (int i = 0; i < 10 * CROWD_ROWS; i++) {
		snprintf(name, sizeof name, "u%d@flood.example", i);
		assert_true(smtp_crowd_count(COUNTED_MESSAGES, slice_of(name), 100, START + i / 100));
	}
	assert_true(smtp_crowd_is_shut_out(network, START + 10 * CROWD_ROWS / 100));
}

static void test_networks(void **state)
{
	(void)state;
	struct slice four = SLICE("\xc0\0\2\7"), six = SLICE("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), both = SLICE("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7");
	assert_true(slice_equal(smtp_crowd_network(four), SLICE("\xc0\0\2")) && slice_equal(smtp_crowd_network(both), SLICE("\xc0\0\2")));
	assert_true(slice_equal(smtp_crowd_address(both), four));
	assert_true(slice_equal(smtp_crowd_network(six), SLICE("\x20\1\x0d\xb8\0\0\0\0")) && slice_equal(smtp_crowd_address(six), smtp_crowd_network(six)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_hour_has_its_limit),
		cmocka_unit_test(test_who_guesses_is_shut_out),
		cmocka_unit_test(test_who_finds_people_is_no_guesser),
		cmocka_unit_test(test_a_flood_of_others_frees_nobody),
		cmocka_unit_test(test_networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
