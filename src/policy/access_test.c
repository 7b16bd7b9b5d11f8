/* Who is allowed and who is denied, by the lists of the server, a domain and an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "policy/access.h"

static const char lists[] =
	"access_allow = {\"192.0.2.7\", \"friend.example\", \"ann@deny.example\"}\n"
	"access_deny = {\"192.0.2.0/24\", \"2001:db8::/32\", \"deny.example\", \"country=xx\", \"bücher.example\"}\n"
	"access_for = {\"ours.example deny=friend.example\", \"anna@ours.example allow=deny.example,192.0.2.8 deny=192.0.2.7\"}\n";

static struct config *config;

static int set_up(void **state)
{
	struct error error;
	(void)state;
	config = config_parse(slice_of(lists), "test", &error);
	return config ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	config_free(&config);
	return 0;
}

#define FOUR "\xc6\x33\x64\1" /* 198.51.100.1 */
#define NET "\xc0\0\2"

static enum policy_access find(const char *recipient, struct policy_access_facts facts)
{
	struct policy_access_verdict verdict;
	struct arena *arena = arena_new();
	policy_access_find(config, slice_of(recipient), &facts, arena, &verdict);
	arena_free(&arena);
	return verdict.access;
}

static void test_clients(void **state)
{
	(void)state;
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR)}), POLICY_ACCESS_OPEN);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(NET "\1")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE("\0\0\0\0\0\0\0\0\0\0\xff\xff" NET "\1")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(NET "\7")}), POLICY_ACCESS_ALLOWED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .country = SLICE("XX")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .name = SLICE("mx.deny.example")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .name = SLICE("mx.friend.example")}), POLICY_ACCESS_ALLOWED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE("")}), POLICY_ACCESS_OPEN);
}

static void test_senders(void **state)
{
	(void)state;
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .sender = SLICE("a@deny.example")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .sender = SLICE("a@sub.DENY.example")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .sender = SLICE("a@notdeny.example")}), POLICY_ACCESS_OPEN);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .sender = SLICE("a@xn--bcher-kva.example")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .sender = SLICE("a@friend.example")}), POLICY_ACCESS_OPEN);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .sender = SLICE("a@friend.example"), .proved = true}), POLICY_ACCESS_ALLOWED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(NET "\1"), .sender = SLICE("a@friend.example")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(NET "\1"), .sender = SLICE("a@friend.example"), .proved = true}), POLICY_ACCESS_ALLOWED);
	assert_int_equal(find("x@a.example", (struct policy_access_facts){.client = SLICE(FOUR), .sender = SLICE("Ann@deny.example"), .proved = true}), POLICY_ACCESS_ALLOWED);
}

static void test_an_address_before_its_domain_before_the_server(void **state)
{
	(void)state;
	struct policy_access_facts friend = {.client = SLICE(FOUR), .sender = SLICE("a@friend.example"), .proved = true};
	assert_int_equal(find("boris@ours.example", friend), POLICY_ACCESS_DENIED);
	assert_int_equal(find("boris@sub.ours.example", friend), POLICY_ACCESS_ALLOWED);
	assert_int_equal(find("Anna@ours.example", (struct policy_access_facts){.client = SLICE(NET "\7")}), POLICY_ACCESS_DENIED);
	assert_int_equal(find("anna@ours.example", (struct policy_access_facts){.client = SLICE(NET "\10")}), POLICY_ACCESS_ALLOWED);
	assert_int_equal(find("anna@ours.example", (struct policy_access_facts){.client = SLICE(FOUR), .sender = SLICE("a@deny.example"), .proved = true}), POLICY_ACCESS_ALLOWED);
	assert_true(policy_access_is_own(config, SLICE("ANNA@ours.example")));
	assert_false(policy_access_is_own(config, SLICE("boris@ours.example")));
	assert_true(policy_access_has_country(config) && policy_access_has_domain(config) && policy_access_denies(config));
}

static void test_what_is_no_entry_is_told(void **state)
{
	(void)state;
	static const char *const bad[] = {"access_deny = {\"192.0.2.0/33\"}", "access_deny = {\"country=Germany\"}", "access_allow = {\"a@\"}", "access_allow = {\"a.example,b.example\"}",
					  "access_for = {\"a.example\"}", "access_for = {\"a.example allow=\"}", "access_for = {\"a.example let=b.example\"}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct error error = {0};
		assert_null(config_parse(slice_of(bad[i]), "test", &error));
		assert_int_equal(error.kind, ERROR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_senders),
		cmocka_unit_test(test_an_address_before_its_domain_before_the_server),
		cmocka_unit_test(test_what_is_no_entry_is_told),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
