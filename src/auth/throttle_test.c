/* Unit tests of throttling and of the memory of verified passwords, with a clock of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "auth/recent.h"
#include "auth/throttle.h"
#include "auth/verified.h"

static const struct throttle_limits limits = {.failures = 3, .failures_per_address = 3, .delay_max_ms = 8000, .memory_ms = 900000};
static int64_t now_ms;
static struct throttle *throttle;

static int set_up(void **state)
{
	(void)state;
	now_ms = 1000000;
	throttle = throttle_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	throttle_free(&throttle);
	return 0;
}

static bool may_try(const char *address, const char *account)
{
	int wait_ms;
	bool may = throttle_may_try(throttle, &limits, now_ms, slice_of(address), slice_of(account), &wait_ms);
	assert_true(may == (wait_ms == 0));
	return may;
}

static int failure(const char *address, const char *account)
{
	return throttle_failed(throttle, &limits, now_ms, slice_of(address), slice_of(account));
}

static void succeed(const char *address, const char *account)
{
	throttle_succeeded(throttle, &limits, now_ms, slice_of(address), slice_of(account));
}

/* As a development instance has it, where everybody comes from one address. */
static void addresses_need_not_count(void **state)
{
	(void)state;
	static const struct throttle_limits by_account = {.failures = 3, .failures_per_address = 0, .delay_max_ms = 8000, .memory_ms = 900000};
	int wait_ms;
	for (int i = 0; i < 5; i++)
		throttle_failed(throttle, &by_account, now_ms, SLICE("192.0.2.1"), SLICE("alice"));
	assert_false(throttle_may_try(throttle, &by_account, now_ms, SLICE("192.0.2.1"), SLICE("alice"), &wait_ms));
	assert_int_equal(wait_ms, 4000);
	assert_true(throttle_may_try(throttle, &by_account, now_ms, SLICE("192.0.2.1"), SLICE("bob"), &wait_ms));
}

static void delays_grow_and_are_forgotten(void **state)
{
	(void)state;
	const int delays[] = {0, 0, 1000, 2000, 4000, 8000, 8000};
	for (size_t i = 0; i < 7; i++) {
		assert_true(may_try("192.0.2.1", "alice"));
		assert_int_equal(failure("192.0.2.1", "alice"), delays[i]);
		if (delays[i]) {
			now_ms += delays[i] - 1;
			assert_false(may_try("192.0.2.1", "alice"));
			assert_false(may_try("192.0.2.1", "bob"));   /* by address */
			assert_false(may_try("192.0.2.99", "alice")); /* by account */
			assert_true(may_try("192.0.2.99", "bob"));
			now_ms++;
		}
	}
	now_ms += limits.memory_ms;
	assert_int_equal(failure("192.0.2.1", "alice"), 0);
}

static void others_cannot_lock_somebody_out(void **state)
{
	(void)state;
	succeed("192.0.2.1", "alice");
	for (int i = 0; i < 100; i++)
		failure("198.51.100.7", "alice");
	assert_false(may_try("198.51.100.7", "alice"));
	assert_false(may_try("203.0.113.5", "alice"));
	assert_true(may_try("192.0.2.1", "alice"));
	/* but the trusted address has its own count */
	for (int i = 0; i < 3; i++)
		failure("192.0.2.1", "alice");
	assert_false(may_try("192.0.2.1", "alice"));
	assert_true(may_try("192.0.2.1", "bob")); /* it doesn't count against others behind the same address */
}

static void a_mistake_is_taken_back(void **state)
{
	(void)state;
	failure("192.0.2.1", "alice");
	failure("192.0.2.1", "alice");
	failure("192.0.2.1", "bob");
	assert_false(may_try("192.0.2.1", "carol"));
	now_ms += 1000;
	succeed("192.0.2.1", "alice");
	assert_int_equal(failure("192.0.2.1", "carol"), 0); /* the second of the address: bob's stays */
	assert_int_equal(failure("192.0.2.1", "carol"), 1000);
}

static void an_account_of_ones_own_is_no_eraser(void **state)
{
	(void)state;
	failure("192.0.2.1", "victim1");
	failure("192.0.2.1", "victim2");
	succeed("192.0.2.1", "mallory");
	assert_int_equal(failure("192.0.2.1", "victim3"), 1000);
}

static void an_ipv6_customer_is_one(void **state)
{
	(void)state;
	failure("2001:db8:1:2::1", "a");
	failure("2001:db8:1:2:ffff::2", "b");
	assert_int_equal(failure("2001:db8:1:2:3:4:5:6", "c"), 1000);
	assert_int_equal(failure("2001:db8:1:3::1", "d"), 0);
	failure("::ffff:192.0.2.1", "e");
	failure("192.0.2.1", "f");
	assert_int_equal(failure("::ffff:192.0.2.1", "g"), 1000);
	assert_int_equal(failure("::ffff:192.0.2.2", "h"), 0);
}

static void odd_addresses_and_names_do_no_harm(void **state)
{
	(void)state;
	char longest[2000];
	memset(longest, 'x', sizeof longest);
	for (int i = 0; i < 5; i++) {
		throttle_failed(throttle, &limits, now_ms, slice_make(longest, sizeof longest), slice_make(longest, sizeof longest));
		throttle_failed(throttle, &limits, now_ms, SLICE(""), SLICE(""));
		throttle_failed(throttle, &limits, now_ms, SLICE("1.2\0.3"), SLICE("a\0b"));
	}
	assert_true(may_try("192.0.2.1", "alice"));
}

static void a_flood_of_names_pushes_nobody_trusted_out(void **state)
{
	(void)state;
	char name[40];
	succeed("192.0.2.1", "alice");
	for (int i = 0; i < 50000; i++) {
		snprintf(name, sizeof name, "name%d", i);
		failure("198.51.100.7", name);
		if (i % 5 == 0)
			failure("198.51.100.8", "alice");
	}
	assert_false(may_try("198.51.100.9", "alice"));
	assert_true(may_try("192.0.2.1", "alice"));
}

static void dropped(void *value)
{
	now_ms += *(int *)value;
}

static void the_oldest_makes_room(void **state)
{
	(void)state;
	struct recent *recent = recent_new(2, sizeof(int), dropped);
	*(int *)recent_add(recent, SLICE("a")) = 1;
	*(int *)recent_add(recent, SLICE("b")) = 10;
	assert_int_equal(*(int *)recent_find(recent, SLICE("a")), 1);
	now_ms = 0;
	*(int *)recent_add(recent, SLICE("c")) = 100;
	assert_int_equal(now_ms, 10);
	assert_null(recent_find(recent, SLICE("b")));
	assert_int_equal(recent_count(recent), 2);
	assert_int_equal(*(int *)recent_oldest(recent), 1);
	recent_remove(recent, SLICE("a"));
	assert_int_equal(now_ms, 11);
	recent_free(&recent);
	assert_int_equal(now_ms, 111);
}

static void verified_passwords_are_forgotten(void **state)
{
	(void)state;
	struct verified *verified = verified_new();
	verified_add(verified, SLICE("alice"), SLICE("secret"), 5, 1000);
	assert_true(verified_has(verified, SLICE("alice"), SLICE("secret"), 5, 1000));
	assert_false(verified_has(verified, SLICE("alic"), SLICE("esecret"), 5, 1000));
	assert_false(verified_has(verified, SLICE("alice"), SLICE("Secret"), 5, 1000));
	assert_false(verified_has(verified, SLICE("bob"), SLICE("secret"), 5, 1000));
	assert_true(verified_has(verified, SLICE("alice"), SLICE("secret"), 5, 999 + VERIFIED_MS));
	assert_false(verified_has(verified, SLICE("alice"), SLICE("secret"), 5, 1000 + VERIFIED_MS));
	verified_add(verified, SLICE("alice"), SLICE("secret"), 5, 1000);
	assert_false(verified_has(verified, SLICE("alice"), SLICE("secret"), 6, 1000)); /* the row has changed */
	assert_false(verified_has(verified, SLICE("alice"), SLICE("secret"), 5, 1000));
	verified_free(&verified);
}

#define THROTTLE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		THROTTLE_TEST(delays_grow_and_are_forgotten),
		THROTTLE_TEST(addresses_need_not_count),
		THROTTLE_TEST(others_cannot_lock_somebody_out),
		THROTTLE_TEST(a_mistake_is_taken_back),
		THROTTLE_TEST(an_account_of_ones_own_is_no_eraser),
		THROTTLE_TEST(an_ipv6_customer_is_one),
		THROTTLE_TEST(odd_addresses_and_names_do_no_harm),
		THROTTLE_TEST(a_flood_of_names_pushes_nobody_trusted_out),
		THROTTLE_TEST(the_oldest_makes_room),
		THROTTLE_TEST(verified_passwords_are_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
