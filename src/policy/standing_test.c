/* The standing of a sender: who isn't proved to be somebody gains nothing by his name, and nobody's own points feed his name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/standing.h"

static const int64_t now = 1795910400;
enum { DAY = 24 * 3600 };
static char folder[64], path[96];
static struct policy_reputation *table;
static const struct policy_verdict proved = {.dmarc = {.result = DMARC_PASS, .author = SLICE("mail.good.example")}};
static const struct policy_verdict unproved = {.dmarc = {.result = DMARC_NONE, .author = SLICE("good.example")}};

static int set_up(void **state)
{
	struct error error;
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/standing_test.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/" POLICY_REPUTATIONS, folder);
	table = policy_reputation_open(folder, now, &error);
	return table ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	policy_reputation_close(&table);
	unlink(path);
	return rmdir(folder);
}

static struct policy_standing find(const struct policy_verdict *verdict, const char *client, int64_t when)
{
	const struct policy_mail mail = {.client = slice_make(client, 4), .now = when};
	return policy_standing_find(table, &mail, verdict);
}

/* As many messages as count, on several days. */
static void let_come(const struct policy_verdict *verdict, const char *client, int points, int by_standing)
{
	struct score_settings settings;
	score_settings_default(&settings);
	for (int i = 0; i < 3 * POLICY_REPUTATION_A_DAY; i++) {
		struct policy_findings findings = {.arena = arena_new()};
		int64_t when = now + i / POLICY_REPUTATION_A_DAY * DAY;
		struct policy_standing standing = find(verdict, client, when);
		policy_findings_add(&findings, SLICE("HTML_ONLY"), points, SLICE(""));
		policy_findings_add(&findings, SLICE("BAD_REPUTATION"), by_standing, SLICE(""));
		policy_standing_settle(table, &standing, &settings, &findings, when);
		arena_free(&findings.arena);
	}
}

static void a_domain_earns_its_name_wherever_it_sends_from(void **state)
{
	(void)state;
	let_come(&proved, "\300\0\2\1", -100, 0);
	assert_int_equal(find(&proved, "\300\0\7\1", now + 3 * DAY).value, 100);
	assert_int_equal(find(&unproved, "\300\0\7\1", now + 3 * DAY).value, 0);
}

static void who_only_writes_a_name_harms_his_network_alone(void **state)
{
	(void)state;
	let_come(&unproved, "\300\0\2\1", 900, 0);
	assert_int_equal(find(&unproved, "\300\0\2\377", now + 3 * DAY).value, -100);
	assert_int_equal(find(&proved, "\300\0\7\1", now + 3 * DAY).value, 0);
	assert_int_equal(find(&unproved, "\300\0\7\1", now + 3 * DAY).value, 0);
}

static void a_name_does_not_feed_itself(void **state)
{
	(void)state;
	let_come(&proved, "\300\0\2\1", 450, 150); /* junk only by what is known of it */
	assert_int_equal(find(&proved, "\300\0\2\1", now + 3 * DAY).value, 0);
}

static void without_a_table_nothing_is_known(void **state)
{
	(void)state;
	const struct policy_mail mail = {.client = SLICE("\300\0\2\1"), .now = now};
	struct policy_standing standing = policy_standing_find(NULL, &mail, &proved);
	struct policy_findings findings = {.points = 900};
	struct score_settings settings;
	score_settings_default(&settings);
	policy_standing_settle(NULL, &standing, &settings, &findings, now);
	assert_true(standing.value == 0 && standing.days == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_domain_earns_its_name_wherever_it_sends_from, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_only_writes_a_name_harms_his_network_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_does_not_feed_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_table_nothing_is_known, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
