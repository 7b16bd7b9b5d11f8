/* Tests of finding hosts, against a DNS server of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "config/config.h"
#include "courier/route.h"
#include "net/dns_fake.h"

static const struct dns_fake_record records[] = {
	{"two.test", "MX", "20 second.test"},
	{"two.test", "MX", "10 first.test"},
	{"first.test", "A", "127.0.0.1"},
	{"first.test", "AAAA", "::1"},
	{"second.test", "A", "127.0.0.2"},
	{"implicit.test", "A", "127.0.0.3"},
	{"null.test", "MX", "0 ."},
	{"hollow.test", "MX", "10 nowhere.test"},
	{"half.test", "MX", "10 nowhere.test"},
	{"half.test", "MX", "20 second.test"},
	{"loop.test", "MX", "10 us.test"},
	{"loop.test", "MX", "20 second.test"},
	{"backup.test", "MX", "10 first.test"},
	{"backup.test", "MX", "20 US.test"},
	{"backup.test", "MX", "20 second.test"},
	{"broken.test", "SERVFAIL", ""},
	{"weak.test", "MX", "10 broken.test"},
	{"us.test", "A", "127.0.0.9"},
	{"alias.test", "CNAME", "two.test"},
};

struct fixture {
	struct dns_fake *fake;
	struct dns *dns;
	struct arena *arena;
	struct config *config;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	const char *none = "none";
	fixture.fake = dns_fake_start(records, sizeof records / sizeof *records);
	fixture.arena = arena_new();
	fixture.dns = dns_new(&(struct dns_options){dns_fake_resolver(fixture.fake), &none, 1}, NULL);
	fixture.config = config_parse(SLICE("hostname = us.test\nmx_port = 2525\nsmarthost = \"first.test:587\"\n"), "test", NULL);
	*state = &fixture;
	return fixture.dns && fixture.config ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	dns_free(&fixture->dns);
	dns_fake_stop(&fixture->fake);
	arena_free(&fixture->arena);
	config_free(&fixture->config);
	return 0;
}

static size_t route(void **state, const char *domain, struct courier_peer **peers, struct courier_trouble *trouble)
{
	struct fixture *fixture = *state;
	*trouble = (struct courier_trouble){0};
	return courier_route_domain(fixture->dns, fixture->config, slice_of(domain), 10, fixture->arena, peers, trouble);
}

static void hosts_come_by_preference(void **state)
{
	struct courier_peer *peers;
	struct courier_trouble trouble;
	static const char *const domains[] = {"two.test", "alias.test"};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(route(state, domains[i], &peers, &trouble), 3);
		assert_string_equal(peers[0].host, "first.test");
		assert_string_equal(peers[0].address_text, "::1");
		assert_string_equal(peers[1].address_text, "127.0.0.1");
		assert_string_equal(peers[2].host, "second.test");
		assert_int_equal(peers[2].port, 2525);
	}
	assert_int_equal(route(state, "implicit.test", &peers, &trouble), 1);
	assert_string_equal(peers[0].address_text, "127.0.0.3");
	assert_int_equal(route(state, "half.test", &peers, &trouble), 1);
}

static void literals_are_addresses(void **state)
{
	struct courier_peer *peers;
	struct courier_trouble trouble;
	assert_int_equal(route(state, "[127.0.0.7]", &peers, &trouble), 1);
	assert_string_equal(peers[0].address_text, "127.0.0.7");
	assert_int_equal(route(state, "[IPv6:2001:db8::5]", &peers, &trouble), 1);
	assert_string_equal(peers[0].address_text, "2001:db8::5");
	assert_int_equal(route(state, "[nonsense]", &peers, &trouble), 0);
	assert_string_equal(trouble.status, "5.1.3");
}

static void what_cannot_be_reached_is_explained(void **state)
{
	static const struct { const char *domain, *status; bool permanent; } cases[] = {
		{"null.test", "5.1.10", true}, {"unheard.test", "5.1.2", true}, {"hollow.test", "5.4.4", true}, {"loop.test", "5.4.6", true},
		{"us.test", "5.4.6", true}, {"broken.test", "4.4.3", false}, {"weak.test", "4.4.3", false}};
	struct courier_peer *peers;
	struct courier_trouble trouble;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(route(state, cases[i].domain, &peers, &trouble), 0);
		assert_string_equal(trouble.status, cases[i].status);
		assert_int_equal(trouble.permanent, cases[i].permanent);
	}
}

static void a_backup_never_sends_back(void **state)
{
	struct courier_peer *peers;
	struct courier_trouble trouble;
	assert_int_equal(route(state, "backup.test", &peers, &trouble), 2);
	assert_string_equal(peers[1].host, "first.test");
}

static void equals_are_shuffled(void **state)
{
	(void)state;
	size_t first[4] = {0};
	for (int i = 0; i < 400; i++) {
		struct dns_mx list[] = {{10, SLICE("0")}, {10, SLICE("1")}, {10, SLICE("2")}, {5, SLICE("3")}};
		bool cut;
		assert_int_equal(courier_route_order(list, 4, SLICE("self"), &cut), 4);
		assert_true(!cut && list[0].host.at[0] == '3');
		first[list[1].host.at[0] - '0']++;
	}
	for (int i = 0; i < 3; i++)
		assert_true(first[i] > 60 && first[i] < 240);
}

static void the_smarthost_has_its_port(void **state)
{
	struct fixture *fixture = *state;
	struct courier_peer *peers;
	struct courier_trouble trouble;
	assert_int_equal(courier_route_host(fixture->dns, slice_of(fixture->config->smarthost), 10, fixture->arena, &peers, &trouble), 2);
	assert_string_equal(peers[1].address_text, "127.0.0.1");
	assert_int_equal(peers[1].port, 587);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_come_by_preference),
		cmocka_unit_test(literals_are_addresses),
		cmocka_unit_test(what_cannot_be_reached_is_explained),
		cmocka_unit_test(a_backup_never_sends_back),
		cmocka_unit_test(equals_are_shuffled),
		cmocka_unit_test(the_smarthost_has_its_port),
	};
	return cmocka_run_group_tests_name("route", tests, set_up, tear_down);
}
