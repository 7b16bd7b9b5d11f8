/* Reputations: who is new, who has a good or a bad name, and that nobody gets one within a day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/reputation.h"

static const int64_t now = 1795910400; /* in November 2026 */
enum { DAY = 24 * 3600 };
static char folder[64], path[96];
static struct policy_reputation *table;

static void open_at(int64_t when)
{
	struct error error;
	policy_reputation_close(&table);
	table = policy_reputation_open(folder, when, &error);
	assert_non_null(table);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/reputation_test.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/" POLICY_REPUTATIONS, folder);
	open_at(now);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	policy_reputation_close(&table);
	unlink(path);
	return rmdir(folder);
}

static void count(const char *domain, enum policy_repute repute, int messages, int64_t when)
{
	for (int i = 0; i < messages; i++)
		policy_reputation_count(table, policy_reputation_domain(slice_of(domain)), repute, when);
}

static struct policy_renown look(const char *domain, int64_t when) { return policy_reputation_look(table, policy_reputation_domain(slice_of(domain)), when); }

static void nobody_gets_a_name_within_a_day(void **state)
{
	(void)state;
	count("spam.example", POLICY_REPUTE_BAD, 5000, now);
	count("kind.example", POLICY_REPUTE_GOOD, 5000, now);
	assert_true(look("spam.example", now).value == 0 && look("kind.example", now).value == 0 && look("kind.example", now).messages == 5000);
	for (int day = 1; day <= 3; day++) {
		count("spam.example", POLICY_REPUTE_BAD, 100, now + day * DAY);
		count("kind.example", POLICY_REPUTE_GOOD, 100, now + day * DAY);
	}
	assert_true(look("spam.example", now + 3 * DAY).value == -100 && look("kind.example", now + 3 * DAY).value == 100);
	open_at(now + 3 * DAY); /* and it is kept */
	assert_true(look("spam.example", now + 3 * DAY).value == -100);
	assert_true(look("other.example", now + 3 * DAY).value == 0);
}

/* What came lately counts more than what came long ago, and what isn't heard of for a year is forgotten. */
static void a_name_can_be_lost(void **state)
{
	(void)state;
	for (int day = 0; day < 30; day++)
		count("kind.example", POLICY_REPUTE_GOOD, 100, now + day * DAY);
	assert_int_equal(look("kind.example", now + 30 * DAY).value, 100);
	for (int day = 30; day < 60; day++)
		count("kind.example", POLICY_REPUTE_BAD, 100, now + day * DAY);
	assert_true(look("kind.example", now + 60 * DAY).value < -60);
	assert_int_equal(look("kind.example", now + (60 + 364) * (int64_t)DAY).messages, 6000);
	assert_int_equal(look("kind.example", now + (60 + 366) * (int64_t)DAY).messages, 0);
}

static void only_an_old_table_knows_who_is_new(void **state)
{
	(void)state;
	assert_int_equal(look("new.example", now).days, 0);
	count("old.example", POLICY_REPUTE_NONE, 1, now + 20 * DAY);
	assert_int_equal(look("old.example", now + 29 * DAY).days, 0);
	assert_int_equal(look("old.example", now + 30 * DAY).days, 11);
	assert_int_equal(look("new.example", now + 30 * DAY).days, 1);
	open_at(now + 800 * (int64_t)DAY);
	assert_int_equal(look("new.example", now + 800 * (int64_t)DAY).days, 1);
	assert_true(look("old.example", now).days == 0); /* a clock that was ahead */
}

/* 300,000 domains that nobody knows: the file stays as large as it may be, and who has a name keeps it. */
static void a_crowd_drives_out_itself(void **state)
{
	(void)state;
	struct stat status;
	for (int day = 0; day < 3; day++)
		count("kind.example", POLICY_REPUTE_GOOD, 10, now + day * DAY);
	for (int i = 0; i < 300000; i++) {
		char domain[64];
		snprintf(domain, sizeof domain, "crowd%d.example", i);
		count(domain, POLICY_REPUTE_GOOD, 1, now + 10 * DAY);
	}
	assert_int_equal(look("kind.example", now + 10 * DAY).value, 100);
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size <= POLICY_REPUTATION_ENTRIES * 32 + 256);
}

static void networks_are_of_many_addresses(void **state)
{
	(void)state;
	assert_true(policy_reputation_network(SLICE("\300\0\2\1")) == policy_reputation_network(SLICE("\300\0\2\377")));
	assert_true(policy_reputation_network(SLICE("\300\0\2\1")) != policy_reputation_network(SLICE("\300\0\3\1")));
	assert_true(policy_reputation_network(SLICE("\x20\1\xd\xb8\0\1\0\0\0\0\0\0\0\0\0\1")) == policy_reputation_network(SLICE("\x20\1\xd\xb8\0\1\xff\0\0\0\0\0\0\0\0\1")));
	assert_true(policy_reputation_network(SLICE("\x20\1\xd\xb8\0\1\0\0\0\0\0\0\0\0\0\1")) != policy_reputation_network(SLICE("\x20\1\xd\xb8\0\2\0\0\0\0\0\0\0\0\0\1")));
}

static void what_nobody_vouches_for_earns_nothing(void **state)
{
	(void)state;
	const struct policy_renown good = {.value = 90}, bad = {.value = -90}, unknown = {.value = 0};
	assert_int_equal(policy_reputation_of(&unknown, &good, false), 0);
	assert_int_equal(policy_reputation_of(&unknown, &bad, false), -90);
	assert_int_equal(policy_reputation_of(&good, &bad, true), 90);
	assert_int_equal(policy_reputation_of(&unknown, &good, true), 90);
}

static void what_is_damaged_is_nothing(void **state)
{
	(void)state;
	for (int day = 0; day < 3; day++)
		count("kind.example", POLICY_REPUTE_GOOD, 10, now + day * DAY);
	struct stat status;
	int fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &status), 0);
	for (off_t at = 16; at < status.st_size; at += 32)
		assert_int_equal(pwrite(fd, "torn", 4, at), 4);
	close(fd);
	assert_true(look("kind.example", now + 3 * DAY).messages == 0 && look("kind.example", now + 3 * DAY).value == 0);
	count("kind.example", POLICY_REPUTE_GOOD, 1, now + 3 * DAY);
	assert_int_equal(look("kind.example", now + 3 * DAY).messages, 1);
}

/* What several people agree on is worth a day's verdicts, no more. */
static void agreement_counts_as_a_day(void **state)
{
	(void)state;
	uint64_t key = policy_reputation_domain(SLICE("list.example"));
	for (int i = 0; i < 10; i++)
		policy_reputation_agreed(table, key, POLICY_REPUTE_BAD, now);
	assert_int_equal(look("list.example", now).value, 0);
	policy_reputation_agreed(table, key, POLICY_REPUTE_BAD, now + DAY);
	assert_int_equal(look("list.example", now + DAY).value, -100);
	assert_int_equal(look("list.example", now + DAY).messages, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_gets_a_name_within_a_day, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_can_be_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_an_old_table_knows_who_is_new, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_crowd_drives_out_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(networks_are_of_many_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_nobody_vouches_for_earns_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_damaged_is_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(agreement_counts_as_a_day, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
