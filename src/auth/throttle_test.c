/* Unit tests of throttling and of the memory of verified passwords, with a clock of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <unistd.h>

#include "auth/known.h"
#include "auth/lines.h"
#include "auth/network.h"
#include "auth/recent.h"
#include "auth/test_folder.h"
#include "auth/throttle.h"
#include "auth/verified.h"

static const struct auth_throttle_limits limits = {.failures = 3, .failures_per_address = 10, .delay_max_ms = 8000, .memory_ms = 900000};
static int64_t now_ms;
static struct throttle *throttle;

static int set_up(void **state)
{
	(void)state;
	now_ms = 1000000;
	throttle = auth_throttle_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	auth_throttle_free(&throttle);
	return 0;
}

static struct auth_throttle_try try_of(const char *address, const char *account, bool known)
{
	return (struct auth_throttle_try){.address = slice_of(address), .account = slice_of(account), .exists = true, .known = known};
}

/* One try with a wrong password, and the answer waited for; returns for how long, or THROTTLE_LATER. */
static int64_t guess_as(const struct auth_throttle_limits *with, const struct auth_throttle_try *try, bool patient)
{
	int64_t wait = auth_throttle_wait(throttle, with, now_ms, try, true);
	if (patient && wait > 0)
		now_ms += wait;
	auth_throttle_failed(throttle, with, now_ms, try);
	return wait;
}

static int64_t guess(const char *address, const char *account)
{
	struct auth_throttle_try try = try_of(address, account, false);
	return guess_as(&limits, &try, true);
}

static int64_t wait_for(const char *address, const char *account)
{
	struct auth_throttle_try try = try_of(address, account, false);
	return auth_throttle_wait(throttle, &limits, now_ms, &try, false);
}

static void succeed(const char *address, const char *account)
{
	struct auth_throttle_try try = try_of(address, account, false);
	auth_throttle_succeeded(throttle, &limits, now_ms, &try);
}

/* Who guesses patiently is answered, ever more slowly. */
static void delays_grow_and_are_forgotten(void **state)
{
	(void)state;
	const int64_t delays[] = {0, 0, 0, 1000, 2000, 4000, 8000, 8000, 8000};
	for (size_t i = 0; i < sizeof delays / sizeof *delays; i++)
		assert_int_equal(guess("192.0.2.1", "alice"), delays[i]);
	now_ms += limits.memory_ms;
	assert_int_equal(guess("192.0.2.1", "alice"), 0);
}

/* Who doesn't wait for answers gains nothing: in a minute from one address there are as many as the delays allow. */
static void many_at_once_gain_nothing(void **state)
{
	(void)state;
	struct auth_throttle_try try = try_of("192.0.2.1", "alice", false);
	int answered = 0;
	for (int64_t end = now_ms + 60000; now_ms < end; now_ms += 10)
		answered += guess_as(&limits, &try, false) != THROTTLE_LATER;
	assert_in_range(answered, 4, 20);
}

static void a_stranger_locks_nobody_out(void **state)
{
	(void)state;
	struct auth_throttle_try known = try_of("203.0.113.5", "alice", true);
	for (int i = 0; i < 1000; i++)
		guess("198.51.100.7", "alice");
	assert_int_equal(wait_for("198.51.100.7", "alice"), 8000);
	assert_int_equal(wait_for("192.0.2.1", "alice"), 0); /* a network that was never seen */
	struct auth_throttle_try guilty = try_of("198.51.100.7", "bob", false), clean = try_of("192.0.2.1", "alice", false);
	assert_false(auth_throttle_is_clean(throttle, &limits, now_ms, &guilty));
	assert_true(auth_throttle_is_clean(throttle, &limits, now_ms, &clean));
	assert_int_equal(auth_throttle_wait(throttle, &limits, now_ms, &known, false), 0);
	assert_int_equal(guess("192.0.2.1", "alice"), 0);
	assert_in_range(guess("192.0.2.1", "alice"), 0, 400);  /* and one from which somebody mistyped */
	assert_in_range(guess("192.0.2.1", "alice"), 0, 800);
	assert_in_range(wait_for("192.0.2.1", "alice"), 0, 2000);
}

/* A thousand tries a second from 10,000 addresses, for five minutes. What they learn is bounded by how many they are; and as soon as they
 * have tried once, who hasn't comes before them. */
static void ten_thousand_lock_nobody_out(void **state)
{
	(void)state;
	enum { ATTACKERS = 10000, PER_SECOND = 1000, SECONDS = 300, OWNER_EVERY = 10 };
	char address[40];
	int answered = 0, owner_turned_away = 0;
	int64_t longest = 0;
	for (int i = 0; i < PER_SECOND * SECONDS; i++) {
		int attacker = i % ATTACKERS;
		snprintf(address, sizeof address, "10.%d.%d.7", attacker / 256, attacker % 256);
		struct auth_throttle_try try = try_of(address, "alice", false);
		answered += guess_as(&limits, &try, false) != THROTTLE_LATER;
		now_ms += i % PER_SECOND == 0 ? 1000 : 0;
		if (i % (PER_SECOND * OWNER_EVERY) != 0)
			continue;
		snprintf(address, sizeof address, "192.168.%d.7", i / PER_SECOND % 256);
		int64_t wait = wait_for(address, "alice");
		owner_turned_away += wait == THROTTLE_LATER;
		longest = wait > longest ? wait : longest;
	}
	assert_in_range(answered, 1, 8000);
	assert_in_range(owner_turned_away, 0, 1); /* in the first seconds, when all were new */
	assert_true(longest <= limits.delay_max_ms);
	assert_int_equal(wait_for("192.0.2.1", "alice"), 0);
}

/* In a network that is known only its own failures count, and they delay nobody elsewhere. */
static void known_networks_count_for_themselves(void **state)
{
	(void)state;
	struct auth_throttle_try known = try_of("192.0.2.1", "alice", true), other = try_of("192.0.2.2", "alice", true);
	const int64_t delays[] = {0, 0, 0, 1000, 2000, 4000, 8000, 8000};
	for (size_t i = 0; i < sizeof delays / sizeof *delays; i++)
		assert_int_equal(guess_as(&limits, &known, true), delays[i]);
	assert_int_equal(auth_throttle_wait(throttle, &limits, now_ms, &other, false), 0);
	assert_int_equal(wait_for("203.0.113.5", "alice"), 0);
	assert_int_equal(wait_for("192.0.2.1", "bob"), 0); /* others behind the same address */
	auth_throttle_succeeded(throttle, &limits, now_ms, &known);
	assert_int_equal(guess_as(&limits, &known, true), 0);
}

static void many_accounts_from_one_address(void **state)
{
	(void)state;
	char name[20];
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "name%d", i);
		assert_int_equal(guess("192.0.2.1", name), 0);
	}
	assert_int_equal(guess("192.0.2.1", "a"), 1000);
	assert_int_equal(guess("192.0.2.1", "b"), 2000);
	assert_int_equal(guess("192.0.2.1", "c"), 4000);
	assert_int_equal(wait_for("192.0.2.9", "d"), 0);
	/* As a development instance has it, where everybody comes from one address. */
	static const struct auth_throttle_limits by_account = {.failures = 3, .failures_per_address = 0, .delay_max_ms = 8000, .memory_ms = 900000};
	struct auth_throttle_try try = try_of("192.0.2.1", "e", false);
	assert_int_equal(auth_throttle_wait(throttle, &by_account, now_ms, &try, false), 0);
}

static void a_mistake_is_taken_back(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		assert_int_equal(guess("192.0.2.1", "alice"), 0);
		assert_int_equal(guess("192.0.2.1", "alice"), 0);
		succeed("192.0.2.1", "alice");
	}
}

static void an_account_of_ones_own_is_no_eraser(void **state)
{
	(void)state;
	char name[20];
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "victim%d", i);
		guess("192.0.2.1", name);
		succeed("192.0.2.1", "mallory");
	}
	assert_int_equal(wait_for("192.0.2.1", "victim10"), 1000);
}

/* Guesses from so many networks of an IPv6 prefix until one more is delayed; each network is `step` apart from the next. */
static int free_guesses(const char *format, int step)
{
	char address[INET6_ADDRSTRLEN];
	for (int i = 0; i < 2000; i++) {
		static int accounts; /* the network's count alone */
		char account[20];
		snprintf(account, sizeof account, "v%d", accounts++);
		snprintf(address, sizeof address, format, i * step);
		if (wait_for(address, account) != 0)
			return i;
		guess(address, account);
	}
	return 2000;
}

static void an_ipv6_customer_is_one(void **state)
{
	(void)state;
	assert_int_equal(free_guesses("2001:db8:1:2::%x", 1), 10);   /* one /64 */
	assert_int_equal(free_guesses("2001:db8:2:%x::1", 1), 40);   /* /64s of one /56 */
	assert_int_equal(free_guesses("2001:db8:3:%x::1", 256), 160); /* /56s of one /48 */
	assert_int_equal(free_guesses("192.0.2.%d", 0), 10);
	assert_int_equal(wait_for("192.0.2.0", "x"), 1000);
	assert_int_equal(wait_for("192.0.3.1", "x"), 0);
}

/* The tries of a whole /48 for one account are the tries of one. */
static void an_ipv6_prefix_earns_its_line(void **state)
{
	(void)state;
	char address[INET6_ADDRSTRLEN];
	for (int i = 0; i < 1000; i++) {
		snprintf(address, sizeof address, "2001:db8:7:%x::1", i * 37 % 65536);
		struct auth_throttle_try try = try_of(address, "alice", false);
		guess_as(&limits, &try, false);
	}
	now_ms += limits.delay_max_ms - 1;
	assert_true(wait_for("2001:db8:7:ffff::1", "alice") != 0);
	assert_int_equal(wait_for("2001:db8:8::1", "alice"), 0);
}

/* Whoever guesses from next door doesn't move his neighbour. */
static void a_neighbour_is_no_danger(void **state)
{
	(void)state;
	static const char *const enemies[] = {"192.0.2.66", "2001:db8:1:200::66"}, *const owners[] = {"192.0.2.1", "2001:db8:1:201::1"};
	for (int i = 0; i < 2; i++) {
		struct auth_throttle_try enemy = try_of(enemies[i], "alice", false);
		for (int k = 0; k < 2000; k++)
			guess_as(&limits, &enemy, false);
		now_ms += limits.delay_max_ms; /* what was promised to others is over */
		assert_int_equal(guess(owners[i], "alice"), 0);
	}
}

static void odd_addresses_and_names_do_no_harm(void **state)
{
	(void)state;
	char longest[2000];
	memset(longest, 'x', sizeof longest);
	struct auth_throttle_try tries[] = {
		{.address = slice_make(longest, sizeof longest), .account = slice_make(longest, sizeof longest)},
		{.address = SLICE(""), .account = SLICE("")},
		{.address = SLICE("1.2\0.3"), .account = SLICE("a\0b")},
	};
	for (int i = 0; i < 5; i++)
		for (size_t k = 0; k < 3; k++)
			guess_as(&limits, &tries[k], true);
	assert_int_equal(wait_for("192.0.2.1", "alice"), 0);
	static const struct auth_throttle_limits none = {.failures = 3, .failures_per_address = 3, .delay_max_ms = 0, .memory_ms = 900000};
	for (int i = 0; i < 20; i++)
		assert_int_equal(guess_as(&none, &tries[0], false), 0);
}

static void a_flood_of_names_hides_nothing(void **state)
{
	(void)state;
	char name[40], address[40];
	for (int i = 0; i < 20; i++)
		guess("192.0.2.1", "alice");
	for (int i = 0; i < 40000; i++) {
		snprintf(name, sizeof name, "name%d", i);
		snprintf(address, sizeof address, "10.0.0.%d", i % 100);
		struct auth_throttle_try try = {.address = slice_of(address), .account = slice_of(name), .exists = false};
		guess_as(&limits, &try, false);
	}
	assert_true(wait_for("192.0.2.1", "alice") > 0);
}

static void networks_as_text(void **state)
{
	(void)state;
	char out[NETWORK_TEXT_MAX];
	static const struct { const char *address, *text; } cases[] = {
		{"192.0.2.1", "192.0.2.1"}, {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"}, {"local", "local"}, {"", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_true(slice_equal(auth_network_text(slice_of(cases[i].address), out), slice_of(cases[i].text)));
}

/* ---- Known networks ---- */

static void known_networks_are_kept(void **state)
{
	(void)state;
	enum { NOW = 1700000000, DAY = 24 * 3600 };
	struct test_folder folder;
	char address[40];
	test_folder_make(&folder);
	struct known *known = auth_known_open(folder.path);
	assert_false(auth_known_has(known, SLICE("alice"), 7, SLICE("192.0.2.1"), NOW));
	auth_known_add(known, SLICE("alice"), 7, SLICE("192.0.2.1"), NOW);
	auth_known_add(known, SLICE("bob"), 8, SLICE("2001:db8::1"), NOW);
	auth_known_close(&known);
	known = auth_known_open(folder.path); /* as after a restart */
	assert_true(auth_known_has(known, SLICE("alice"), 7, SLICE("192.0.2.1"), NOW + DAY));
	assert_false(auth_known_has(known, SLICE("alice"), 7, SLICE("192.0.2.2"), NOW));
	assert_false(auth_known_has(known, SLICE("alice"), 9, SLICE("192.0.2.1"), NOW)); /* another password */
	assert_false(auth_known_has(known, SLICE("bob"), 8, SLICE("192.0.2.1"), NOW));
	assert_true(auth_known_has(known, SLICE("bob"), 8, SLICE("2001:db8::ffff:2"), NOW));
	assert_false(auth_known_has(known, SLICE("bob"), 8, SLICE("2001:db8:0:1::1"), NOW));
	assert_false(auth_known_has(known, SLICE("alice"), 7, SLICE("192.0.2.1"), NOW + (int64_t)(KNOWN_DAYS + 1) * DAY));
	assert_false(auth_known_has(known, SLICE("nobody"), 0, SLICE("192.0.2.1"), NOW));
	for (int i = 0; i < 2 * KNOWN_PER_ACCOUNT; i++) {
		snprintf(address, sizeof address, "198.51.100.%d", i);
		auth_known_add(known, SLICE("alice"), 7, slice_of(address), NOW + i);
	}
	assert_false(auth_known_has(known, SLICE("alice"), 7, SLICE("192.0.2.1"), NOW)); /* made room */
	assert_false(auth_known_has(known, SLICE("alice"), 7, SLICE("198.51.100.0"), NOW));
	assert_true(auth_known_has(known, SLICE("alice"), 7, slice_of(address), NOW));
	assert_true(auth_known_has(known, SLICE("bob"), 8, SLICE("2001:db8::1"), NOW));
	auth_known_close(&known);
	test_folder_remove(&folder);
}

static void a_damaged_file_makes_strangers_of_all(void **state)
{
	(void)state;
	struct test_folder folder;
	char path[300];
	test_folder_make(&folder);
	struct known *known = auth_known_open(folder.path);
	auth_known_add(known, SLICE("alice"), 7, SLICE("192.0.2.1"), 1700000000);
	auth_known_close(&known);
	snprintf(path, sizeof path, "%s/directory/known.db", folder.path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 5000; i++)
		fputs("rubbish ", file);
	fclose(file);
	snprintf(path, sizeof path, "%s/directory/known.db-wal", folder.path);
	unlink(path);
	known = auth_known_open(folder.path);
	assert_false(auth_known_has(known, SLICE("alice"), 7, SLICE("192.0.2.1"), 1700000000));
	auth_known_add(known, SLICE("alice"), 7, SLICE("192.0.2.1"), 1700000000);
	assert_true(auth_known_has(known, SLICE("alice"), 7, SLICE("192.0.2.1"), 1700000000));
	auth_known_close(&known);
	test_folder_remove(&folder);
}

static void dropped(void *value)
{
	now_ms += *(int *)value;
}

static void the_oldest_makes_room(void **state)
{
	(void)state;
	struct recent *recent = auth_recent_new(2, sizeof(int), dropped);
	*(int *)auth_recent_add(recent, SLICE("a")) = 1;
	*(int *)auth_recent_add(recent, SLICE("b")) = 10;
	assert_int_equal(*(int *)auth_recent_find(recent, SLICE("a")), 1);
	now_ms = 0;
	*(int *)auth_recent_add(recent, SLICE("c")) = 100;
	assert_int_equal(now_ms, 10);
	assert_null(auth_recent_find(recent, SLICE("b")));
	assert_int_equal(auth_recent_count(recent), 2);
	assert_int_equal(*(int *)auth_recent_oldest(recent), 1);
	auth_recent_remove(recent, SLICE("a"));
	assert_int_equal(now_ms, 11);
	auth_recent_free(&recent);
	assert_int_equal(now_ms, 111);
}

static void verified_passwords_are_forgotten(void **state)
{
	(void)state;
	struct verified *verified = auth_verified_new();
	auth_verified_add(verified, SLICE("alice"), SLICE("secret"), 5, 1000);
	assert_true(auth_verified_has(verified, SLICE("alice"), SLICE("secret"), 5, 1000));
	assert_false(auth_verified_has(verified, SLICE("alic"), SLICE("esecret"), 5, 1000));
	assert_false(auth_verified_has(verified, SLICE("alice"), SLICE("Secret"), 5, 1000));
	assert_false(auth_verified_has(verified, SLICE("bob"), SLICE("secret"), 5, 1000));
	assert_true(auth_verified_has(verified, SLICE("alice"), SLICE("secret"), 5, 999 + VERIFIED_MS));
	assert_false(auth_verified_has(verified, SLICE("alice"), SLICE("secret"), 5, 1000 + VERIFIED_MS));
	auth_verified_add(verified, SLICE("alice"), SLICE("secret"), 5, 1000);
	assert_false(auth_verified_has(verified, SLICE("alice"), SLICE("secret"), 6, 1000)); /* the row has changed */
	assert_false(auth_verified_has(verified, SLICE("alice"), SLICE("secret"), 5, 1000));
	auth_verified_free(&verified);
}

static void networks_take_turns(void **state)
{
	enum { MANY = 5 };
	(void)state;
	struct auth_waiting greedy[MANY], modest[2];
	struct auth_lines lines;
	auth_lines_init(&lines);
	for (int i = 0; i < MANY; i++)
		auth_lines_add(&lines, SLICE("192.0.2.1"), &greedy[i]);
	auth_lines_add(&lines, SLICE("2001:db8::1"), &modest[0]);
	auth_lines_add(&lines, SLICE("2001:db8::2"), &modest[1]); /* the same network */
	assert_ptr_equal(auth_lines_take_last(&lines), &greedy[MANY - 1]);
	assert_int_equal(lines.count, MANY + 1);
	const struct auth_waiting *order[] = {&greedy[0], &modest[0], &greedy[1], &modest[1], &greedy[2], &greedy[3]};
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		assert_ptr_equal(auth_lines_take(&lines), order[i]);
	assert_true(!auth_lines_take(&lines) && !auth_lines_take_last(&lines) && lines.count == 0);
	auth_lines_add(&lines, SLICE("192.0.2.1"), &greedy[0]);
	assert_ptr_equal(auth_lines_take_last(&lines), &greedy[0]);
	auth_lines_add(&lines, SLICE("192.0.2.1"), &greedy[1]);
	assert_ptr_equal(auth_lines_take(&lines), &greedy[1]);
}

#define THROTTLE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		THROTTLE_TEST(delays_grow_and_are_forgotten),
		THROTTLE_TEST(many_at_once_gain_nothing),
		THROTTLE_TEST(a_stranger_locks_nobody_out),
		THROTTLE_TEST(ten_thousand_lock_nobody_out),
		THROTTLE_TEST(known_networks_count_for_themselves),
		THROTTLE_TEST(many_accounts_from_one_address),
		THROTTLE_TEST(a_mistake_is_taken_back),
		THROTTLE_TEST(an_account_of_ones_own_is_no_eraser),
		THROTTLE_TEST(an_ipv6_customer_is_one),
		THROTTLE_TEST(an_ipv6_prefix_earns_its_line),
		THROTTLE_TEST(a_neighbour_is_no_danger),
		THROTTLE_TEST(odd_addresses_and_names_do_no_harm),
		THROTTLE_TEST(a_flood_of_names_hides_nothing),
		THROTTLE_TEST(networks_as_text),
		THROTTLE_TEST(known_networks_are_kept),
		THROTTLE_TEST(a_damaged_file_makes_strangers_of_all),
		THROTTLE_TEST(the_oldest_makes_room),
		THROTTLE_TEST(verified_passwords_are_forgotten),
		cmocka_unit_test(networks_take_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
