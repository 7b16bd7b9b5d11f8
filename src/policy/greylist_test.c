/* Who is put off, who comes again, and who is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/greylist.h"

static const struct policy_grey_times times = {.delay = 300, .expect = 172800, .keep = 3000000};
static const int64_t start = 1800000000;

#define NET SLICE("192.0.2.0/24")

struct place {
	char folder[64], path[96];
	struct policy_greylist *list;
};

static void begin(struct place *place)
{
	snprintf(place->folder, sizeof place->folder, "/tmp/greylist_test.XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->path, sizeof place->path, "%s/greylist", place->folder);
	place->list = policy_greylist_new(place->path, start);
}

static void end(struct place *place)
{
	policy_greylist_free(&place->list);
	unlink(place->path);
	rmdir(place->folder);
}

static void test_who_comes_again_is_known(void **state)
{
	(void)state;
	struct place place;
	begin(&place);
	struct slice domain = SLICE("a.example");
	assert_false(policy_greylist_knows(place.list, NET, domain, &times, start));
	assert_int_equal(policy_greylist_ask(place.list, NET, domain, &times, start), 300);
	assert_int_equal(policy_greylist_ask(place.list, NET, domain, &times, start + 10), 290);
	assert_false(policy_greylist_knows(place.list, NET, domain, &times, start + 299));
	assert_int_equal(policy_greylist_ask(place.list, NET, SLICE("A.example"), &times, start + 300), 0);
	assert_true(policy_greylist_knows(place.list, NET, domain, &times, start + 301));
	assert_false(policy_greylist_knows(place.list, SLICE("192.0.3.0/24"), domain, &times, start + 301));
	assert_true(policy_greylist_knows(place.list, NET, domain, &times, start + 301 + times.keep));
	assert_false(policy_greylist_knows(place.list, NET, domain, &times, start + 302 + 2 * times.keep));
	end(&place);
}

static void test_who_comes_too_late_begins_anew(void **state)
{
	(void)state;
	struct place place;
	begin(&place);
	assert_int_equal(policy_greylist_ask(place.list, NET, SLICE(""), &times, start), 300);
	assert_int_equal(policy_greylist_ask(place.list, NET, SLICE(""), &times, start + times.expect + 1), 300);
	assert_int_equal(policy_greylist_ask(place.list, NET, SLICE(""), &times, start - 5000), 300); /* the clock was put back */
	assert_int_equal(policy_greylist_ask(place.list, NET, SLICE(""), &times, start - 4700), 0);
	end(&place);
}

static void test_a_network_with_a_good_record_never_waits(void **state)
{
	(void)state;
	struct place place;
	begin(&place);
	policy_greylist_learn(place.list, NET, SLICE("a.example"), true, start);
	policy_greylist_learn(place.list, NET, SLICE("b.example"), true, start);
	assert_true(policy_greylist_knows(place.list, NET, SLICE("a.example"), &times, start));
	assert_false(policy_greylist_knows(place.list, NET, SLICE("new.example"), &times, start));
	policy_greylist_learn(place.list, NET, SLICE("c.example"), true, start);
	assert_true(policy_greylist_knows(place.list, NET, SLICE("new.example"), &times, start));
	policy_greylist_learn(place.list, NET, SLICE("c.example"), false, start);
	assert_false(policy_greylist_knows(place.list, NET, SLICE("new.example"), &times, start));
	assert_false(policy_greylist_knows(place.list, NET, SLICE("c.example"), &times, start));
	end(&place);
}

static void test_the_file_brings_it_back(void **state)
{
	(void)state;
	struct place place;
	begin(&place);
	policy_greylist_ask(place.list, NET, SLICE("a.example"), &times, start);
	policy_greylist_learn(place.list, SLICE("2001:db8::/64"), SLICE("b.example"), true, start);
	policy_greylist_save(place.list, 60, start + 59);
	assert_int_not_equal(access(place.path, F_OK), 0);
	policy_greylist_save(place.list, 60, start + 60);
	assert_int_equal(access(place.path, F_OK), 0);
	policy_greylist_free(&place.list);
	FILE *file = fopen(place.path, "a");
	fputs("x\n192.0.2.0/24 c.example 5 5 5 odd\n192.0.2.0/24 d.example -1 5 5 known\n192.0.2.0/24  5 5 5 known\n\n", file);
	fclose(file);
	place.list = policy_greylist_new(place.path, start + 100);
	assert_true(policy_greylist_knows(place.list, SLICE("2001:db8::/64"), SLICE("b.example"), &times, start + 100));
	assert_false(policy_greylist_knows(place.list, NET, SLICE("d.example"), &times, start + 100));
	assert_int_equal(policy_greylist_ask(place.list, NET, SLICE("a.example"), &times, start + 100), 200);
	end(&place);
}

static void test_nobody_fills_it(void **state)
{
	(void)state;
	struct place place;
	char network[40], domain[40];
	begin(&place);
	policy_greylist_learn(place.list, SLICE("198.51.100.0/24"), SLICE("good.example"), true, start);
	for (int i = 0; i < POLICY_GREY_PER_NETWORK + 50; i++) { /* one network, any number of domains */
		snprintf(domain, sizeof domain, "d%d.example", i);
		policy_greylist_ask(place.list, NET, slice_of(domain), &times, start);
	}
	assert_int_equal(policy_greylist_ask(place.list, NET, SLICE("one-more.example"), &times, start + 200), 100);
	for (int i = 0; i < 3 * POLICY_GREY_ENTRIES / 2; i++) { /* any number of networks */
		snprintf(network, sizeof network, "10.%d.%d.0/24", i / 256 % 256, i % 256 + i / 65536 * 300);
		policy_greylist_ask(place.list, slice_of(network), SLICE("d.example"), &times, start + 1 + i / 100);
	}
	assert_true(policy_greylist_knows(place.list, SLICE("198.51.100.0/24"), SLICE("good.example"), &times, start + 2000));
	end(&place);
}

static void test_names_look_dynamic(void **state)
{
	(void)state;
	struct slice client = SLICE("\xc0\x00\x02\x07"); /* 192.0.2.7 */
	assert_true(policy_grey_is_dynamic(SLICE("7-2-0-192.access.example"), client));
	assert_true(policy_grey_is_dynamic(SLICE("host-192-0-2-7.example.net"), client));
	assert_true(policy_grey_is_dynamic(SLICE("C0000207.example.net"), client));
	assert_true(policy_grey_is_dynamic(SLICE("x17.pool.example.net"), client));
	assert_false(policy_grey_is_dynamic(SLICE("mail7.example.net"), client));
	assert_false(policy_grey_is_dynamic(SLICE("smtp.whirlpool.example"), client));
	assert_false(policy_grey_is_dynamic(SLICE(""), client));
	assert_true(policy_grey_is_dynamic(SLICE("dsl-x.example"), SLICE("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1")));
}

static void test_networks(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	assert_true(slice_equal(policy_grey_network(SLICE("\xc0\x00\x02\x07"), arena), NET));
	assert_true(slice_equal(policy_grey_network(SLICE("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07"), arena), NET));
	assert_true(slice_equal(policy_grey_network(SLICE("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), arena), SLICE("2001:db8::/64")));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_comes_again_is_known),
		cmocka_unit_test(test_who_comes_too_late_begins_anew),
		cmocka_unit_test(test_a_network_with_a_good_record_never_waits),
		cmocka_unit_test(test_the_file_brings_it_back),
		cmocka_unit_test(test_nobody_fills_it),
		cmocka_unit_test(test_names_look_dynamic),
		cmocka_unit_test(test_networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
