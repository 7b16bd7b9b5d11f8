/* Entries of the option `dns_lists`: what they mean, and what is wrong with those that mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "config/config_dns_list.h"

static void entries_are_read(void **state)
{
	(void)state;
	struct config_dns_list list;
	struct error error;
	assert_true(config_parse_dns_list(SLICE("zen.spamhaus.org 4"), &list, &error));
	assert_true(slice_equal(list.zone, SLICE("zen.spamhaus.org")));
	assert_int_equal(list.points, 400);
	assert_int_equal(list.kinds, 1U << CONFIG_DNS_LIST_ADDRESS);
	assert_int_equal(list.answer_count, 0);
	assert_int_equal(list.deed, CONFIG_DNS_LIST_POINTS);
	assert_true(config_parse_dns_list(SLICE("  list.example -1.5  do=permit answers=127.0.0.2-127.0.0.11,127.0.0.x&6:2.25,127.0.9.1:-3 "), &list, &error));
	assert_int_equal(list.deed, CONFIG_DNS_LIST_PERMIT);
	assert_int_equal(list.answer_count, 3);
	assert_int_equal(list.answers[0].first, 0x7f000002);
	assert_int_equal(list.answers[0].last, 0x7f00000b);
	assert_int_equal(list.answers[0].points, -150);
	assert_int_equal(list.answers[1].first, 0x7f000000);
	assert_int_equal(list.answers[1].bits, 6);
	assert_int_equal(list.answers[1].points, 225);
	assert_int_equal(list.answers[2].points, -300);
	assert_true(config_parse_dns_list(SLICE("dbl.example 2 answers=127.x.0.1&3 kind=links,sender test=dbltest.com"), &list, &error));
	assert_int_equal(list.answers[0].bits, 3U << 16);
	assert_int_equal(list.kinds, 1U << CONFIG_DNS_LIST_LINKS | 1U << CONFIG_DNS_LIST_SENDER);
	assert_true(slice_equal(list.test, SLICE("dbltest.com")));
	assert_true(config_parse_dns_list(SLICE("dbl.example 2 test=none"), &list, &error));
	assert_true(list.untested);
}

static void what_means_nothing_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "zen.spamhaus.org", "zen..org 1", "zen.spamhaus.org x", "zen.spamhaus.org 1000", "a.example 1.234", "a/b.example 1", "a.example 1 kind=", "a.example 1 kind=address,helo",
		"a.example 1 kind=mail", "a.example 1 answers=", "a.example 1 answers=10.0.0.1", "a.example 1 answers=127.0.0.9-127.0.0.2", "a.example 1 answers=127.0.0.x&0",
		"a.example 1 answers=127.0.0.x&256", "a.example 1 answers=x.0.0.1&2", "a.example 1 answers=127.0.0.2&1", "a.example 1 answers=127.0.0.1x&2", "a.example 1 answers=127.0.0.2:",
		"a.example 1 do=drop", "a.example 1 do=reject do=reject", "a.example 1 test=", "a.example 1 more",
		"a.example 1 answers=127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1",
	};
	struct config_dns_list list;
	struct error error;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		error.text[0] = '\0';
		if (config_parse_dns_list(slice_of(bad[i]), &list, &error))
			fail_msg("taken: %s", bad[i]);
		assert_true(error.text[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(entries_are_read), cmocka_unit_test(what_means_nothing_is_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
