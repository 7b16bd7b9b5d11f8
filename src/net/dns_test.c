/* Tests of look-ups against a DNS server of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/dns.h"
#include "net/dns_fake.h"
#include "net/dns_probe.h"

static const struct dns_fake_record records[] = {
	{"example.test", "MX", "10 mx1.example.test"},
	{"example.test", "MX", "20 mx2.example.test"},
	{"mx1.example.test", "A", "192.0.2.1"},
	{"mx1.example.test", "AAAA", "2001:db8::1"},
	{"mx2.example.test", "A", "192.0.2.2"},
	{"null.test", "MX", "0 ."},
	{"nothing.test", "A", "192.0.2.9"},
	{"alias.test", "CNAME", "example.test"},
	{"loop.test", "CNAME", "loop.test"},
	{"broken.test", "SERVFAIL", ""},
	{"1.2.0.192.in-addr.arpa", "PTR", "mx1.example.test"},
	{"text.test", "TXT", "v=DKIM1; k=rsa; p=; n=more than one string"},
	{"text.test", "TXT", "another"},
	{"9.2.0.192.in-addr.arpa", "PTR", "mx1.example.test"}, /* a lie */
};

struct fixture {
	struct dns_fake *fake;
	struct dns *dns;
	struct arena *arena;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	struct error error = {0};
	fixture.fake = dns_fake_start(records, sizeof records / sizeof *records);
	fixture.arena = arena_new();
	const char *none = "none";
	struct dns_options options = {.resolver = dns_fake_resolver(fixture.fake), .trust_anchors = &none, .trust_anchor_count = 1};
	fixture.dns = dns_new(&options, &error);
	*state = &fixture;
	return fixture.dns ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	dns_free(&fixture->dns);
	dns_fake_stop(&fixture->fake);
	arena_free(&fixture->arena);
	return 0;
}

static const struct lookup_answer *answer_of(struct lookup *table, enum lookup_type type, const char *name)
{
	return lookup_get(table, type, slice_of(name));
}

static void a_table_is_answered_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct lookup *table = lookup_new();
	static const struct { enum lookup_type type; const char *name; enum lookup_status status; size_t count; } cases[] = {
		{LOOKUP_TXT, "text.test", LOOKUP_FOUND, 2}, {LOOKUP_MX, "Example.Test.", LOOKUP_FOUND, 2}, {LOOKUP_A, "mx1.example.test", LOOKUP_FOUND, 1},
		{LOOKUP_AAAA, "mx1.example.test", LOOKUP_FOUND, 1}, {LOOKUP_PTR, "1.2.0.192.in-addr.arpa", LOOKUP_FOUND, 1}, {LOOKUP_MX, "null.test", LOOKUP_FOUND, 1},
		{LOOKUP_TXT, "nothing.test", LOOKUP_NO_DATA, 0}, {LOOKUP_TXT, "nowhere.test", LOOKUP_NO_NAME, 0}, {LOOKUP_TXT, "broken.test", LOOKUP_FAILED, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(answer_of(table, cases[i].type, cases[i].name)->status, LOOKUP_WANTED);
	dns_answer(fixture->dns, table, clock_monotonic_ms() + DNS_TIMEOUT_SECONDS * 1000);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(answer_of(table, cases[i].type, cases[i].name)->status, cases[i].status);
		assert_int_equal(answer_of(table, cases[i].type, cases[i].name)->count, cases[i].count);
	}
	const struct lookup_record *texts = answer_of(table, LOOKUP_TXT, "text.test")->records, *mx = answer_of(table, LOOKUP_MX, "example.test")->records;
	size_t first = texts[0].data.len == strlen("another");
	assert_true(slice_equal(texts[first].data, SLICE("v=DKIM1; k=rsa; p=; n=more than one string")));
	assert_true(slice_equal(mx[mx[0].preference == 20].data, SLICE("mx1.example.test")));
	assert_memory_equal(answer_of(table, LOOKUP_A, "mx1.example.test")->records[0].data.at, "\xc0\0\2\1", 4);
	assert_int_equal(answer_of(table, LOOKUP_MX, "null.test")->records[0].data.len, 0);
	assert_true(slice_equal(answer_of(table, LOOKUP_PTR, "1.2.0.192.in-addr.arpa")->records[0].data, SLICE("mx1.example.test")));
	lookup_free(&table);
}

/* ---- Without a thread that waits ---- */

static void count_one(void *context) { ++*(_Atomic int *)context; }

static void wait_until_told(_Atomic int *told)
{
	for (int i = 0; i < 2000 && *told == 0; i++)
		usleep(10000);
	assert_int_equal(*told, 1);
}

static void answers_come_without_a_thread(void **state)
{
	struct fixture *fixture = *state;
	struct lookup *table = lookup_new();
	_Atomic int told = 0;
	assert_null(dns_begin(fixture->dns, table, count_one, &told)); /* nothing is wanted */
	answer_of(table, LOOKUP_TXT, "text.test");
	answer_of(table, LOOKUP_MX, "nowhere.test");
	answer_of(table, LOOKUP_A, "broken.test");
	struct dns_round *round = dns_begin(fixture->dns, table, count_one, &told);
	if (round) { /* the tests before have asked for some of it */
		wait_until_told(&told);
		dns_end(&round, table);
	}
	assert_int_equal(answer_of(table, LOOKUP_TXT, "text.test")->status, LOOKUP_FOUND);
	assert_int_equal(answer_of(table, LOOKUP_MX, "nowhere.test")->status, LOOKUP_NO_NAME);
	assert_int_equal(answer_of(table, LOOKUP_A, "broken.test")->status, LOOKUP_FAILED);
	assert_null(dns_begin(fixture->dns, table, count_one, &told));
	lookup_free(&table);
}

/* A round that is ended has failed, and one that nobody is to wait for any longer is told. */
static void rounds_end_at_any_time(void **state)
{
	(void)state;
	static const struct dns_fake_record silent[] = {{"silent.test", "SILENT", ""}};
	struct dns_fake *fake = dns_fake_start(silent, 1);
	const char *none = "none";
	struct dns *dns = dns_new(&(struct dns_options){dns_fake_resolver(fake), &none, 1}, NULL);
	struct lookup *tables[3] = {lookup_new(), lookup_new(), lookup_new()};
	struct dns_round *rounds[3];
	_Atomic int told[3] = {0};
	for (int i = 0; i < 3; i++) {
		answer_of(tables[i], LOOKUP_TXT, "silent.test");
		assert_non_null(rounds[i] = dns_begin(dns, tables[i], count_one, &told[i]));
	}
	dns_end(&rounds[1], tables[1]);
	assert_int_equal(answer_of(tables[1], LOOKUP_TXT, "silent.test")->status, LOOKUP_FAILED);
	dns_stop(dns);
	assert_true(told[0] == 1 && told[1] == 0 && told[2] == 1);
	for (int i = 0; i < 3; i += 2) {
		dns_end(&rounds[i], tables[i]);
		assert_int_equal(answer_of(tables[i], LOOKUP_TXT, "silent.test")->status, LOOKUP_FAILED);
	}
	answer_of(tables[0], LOOKUP_A, "silent.test");
	assert_null(dns_begin(dns, tables[0], count_one, &told[0]));
	assert_int_equal(answer_of(tables[0], LOOKUP_A, "silent.test")->status, LOOKUP_FAILED);
	assert_int_equal(told[0], 1);
	for (int i = 0; i < 3; i++)
		lookup_free(&tables[i]);
	dns_free(&dns);
	dns_fake_stop(&fake);
}

static enum dns_status mx_of(struct fixture *fixture, const char *name, struct dns_mx **list, size_t *count)
{
	struct error error = {0};
	enum dns_security security;
	enum dns_status status = dns_mx(fixture->dns, slice_of(name), fixture->arena, list, count, &security, &error);
	assert_int_equal(security, DNS_INSECURE);
	return status;
}

static void mx_records_are_read(void **state)
{
	struct dns_mx *list;
	size_t count;
	assert_int_equal(mx_of(*state, "example.test", &list, &count), DNS_FOUND);
	assert_int_equal(count, 2);
	size_t first = list[0].preference == 10 ? 0 : 1;
	assert_true(slice_equal(list[first].host, SLICE("mx1.example.test")));
	assert_int_equal(list[1 - first].preference, 20);
	assert_int_equal(mx_of(*state, "alias.test", &list, &count), DNS_FOUND);
	assert_int_equal(count, 2);
}

static void null_mx_is_an_empty_host(void **state)
{
	struct dns_mx *list;
	size_t count;
	assert_int_equal(mx_of(*state, "null.test", &list, &count), DNS_FOUND);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].host.len, 0);
}

static void absence_and_trouble_are_told_apart(void **state)
{
	struct dns_mx *list;
	size_t count;
	assert_int_equal(mx_of(*state, "nothing.test", &list, &count), DNS_NO_DATA);
	assert_int_equal(mx_of(*state, "nowhere.test", &list, &count), DNS_NO_NAME);
	assert_int_equal(mx_of(*state, "broken.test", &list, &count), DNS_TEMPORARY);
	assert_int_equal(mx_of(*state, "loop.test", &list, &count), DNS_TEMPORARY);
	assert_int_equal(mx_of(*state, "", &list, &count), DNS_NO_NAME);
}

static void both_families_are_found(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_storage *list;
	size_t count;
	assert_int_equal(dns_addresses(fixture->dns, SLICE("mx1.example.test"), fixture->arena, &list, &count, NULL, NULL), DNS_FOUND);
	assert_int_equal(count, 2);
	assert_int_equal(list[0].ss_family, AF_INET6);
	assert_int_equal(list[1].ss_family, AF_INET);
	assert_int_equal(ntohl(((struct sockaddr_in *)&list[1])->sin_addr.s_addr), 0xc0000201);
	assert_int_equal(dns_addresses(fixture->dns, SLICE("example.test"), fixture->arena, &list, &count, NULL, NULL), DNS_NO_DATA);
	assert_int_equal(dns_addresses(fixture->dns, SLICE("nowhere.test"), fixture->arena, &list, &count, NULL, NULL), DNS_NO_NAME);
}

static void reverse_names_are_verified(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_storage address = {.ss_family = AF_INET};
	struct slice host;
	inet_pton(AF_INET, "192.0.2.1", &((struct sockaddr_in *)&address)->sin_addr);
	assert_int_equal(dns_reverse(fixture->dns, &address, fixture->arena, &host), DNS_FOUND);
	assert_true(slice_equal(host, SLICE("mx1.example.test")));
	inet_pton(AF_INET, "192.0.2.9", &((struct sockaddr_in *)&address)->sin_addr);
	assert_int_not_equal(dns_reverse(fixture->dns, &address, fixture->arena, &host), DNS_FOUND);
	assert_int_equal(host.len, 0);
}

static void silence_is_bounded(void **state)
{
	(void)state;
	static const struct dns_fake_record silent[] = {{"silent.test", "SILENT", ""}};
	struct dns_fake *fake = dns_fake_start(silent, 1);
	struct arena *arena = arena_new();
	const char *none = "none";
	struct dns *dns = dns_new(&(struct dns_options){dns_fake_resolver(fake), &none, 1}, NULL);
	struct dns_mx *list;
	size_t count;
	int64_t began = clock_monotonic_ms();
	assert_int_equal(dns_mx(dns, SLICE("silent.test"), arena, &list, &count, NULL, NULL), DNS_TEMPORARY);
	assert_true(clock_monotonic_ms() - began < (DNS_TIMEOUT_SECONDS + 30) * 1000);
	dns_free(&dns);
	arena_free(&arena);
	dns_fake_stop(&fake);
}

static void *stop_soon(void *dns)
{
	usleep(200000);
	dns_stop(dns);
	return NULL;
}

static void a_stop_waits_for_no_answer(void **state)
{
	(void)state;
	static const struct dns_fake_record silent[] = {{"silent.test", "SILENT", ""}};
	struct dns_fake *fake = dns_fake_start(silent, 1);
	struct arena *arena = arena_new();
	const char *none = "none";
	struct dns *dns = dns_new(&(struct dns_options){dns_fake_resolver(fake), &none, 1}, NULL);
	struct sockaddr_storage *list;
	struct dns_mx *mx;
	struct error error = {0};
	size_t count;
	pthread_t stopper;
	assert_int_equal(pthread_create(&stopper, NULL, stop_soon, dns), 0);
	assert_int_equal(dns_addresses(dns, SLICE("silent.test"), arena, &list, &count, NULL, &error), DNS_TEMPORARY);
	assert_int_equal(error.kind, ERROR_INTERRUPTED);
	pthread_join(stopper, NULL);
	error = (struct error){0};
	assert_int_equal(dns_mx(dns, SLICE("silent.test"), arena, &mx, &count, NULL, &error), DNS_TEMPORARY); /* nor later ones */
	assert_int_equal(error.kind, ERROR_INTERRUPTED);
	dns_free(&dns);
	arena_free(&arena);
	dns_fake_stop(&fake);
}

static void a_bad_resolver_is_refused(void **state)
{
	(void)state;
	struct error error = {0};
	assert_null(dns_new(&(struct dns_options){.resolver = "not an address"}, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	assert_true(dns_probe_is_resolver(SLICE("::1@5353")) && dns_probe_is_resolver(SLICE("fe80::1%eth0")));
	assert_false(dns_probe_is_resolver(SLICE("::1@x")) || dns_probe_is_resolver(SLICE("@53")) || dns_probe_is_resolver(SLICE("%eth0")));
	const char *nowhere = "/nonexistent";
	assert_null(dns_new(&(struct dns_options){.trust_anchors = &nowhere, .trust_anchor_count = 1}, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

/* ---- Resolvers that remove signatures ---- */

static void signatures_are_looked_for(void **state)
{
	(void)state;
#define HEADER(flags, rcode, answers) "\x01\x02" flags rcode "\0\x01\0" answers "\0\0\0\0" "\0\0\x06\0\x01"
#define RECORD(type) "\0\0" type "\0\x01\0\0\0\x0a\0\x02xx"
	assert_int_equal(dns_probe_read(SLICE(HEADER("\x81", "\x80", "\x02") RECORD("\x06") RECORD("\x2e")), 0x102), DNS_PROBE_SIGNED);
	assert_int_equal(dns_probe_read(SLICE(HEADER("\x81", "\x80", "\x01") RECORD("\x06")), 0x102), DNS_PROBE_STRIPPED);
	assert_int_equal(dns_probe_read(SLICE(HEADER("\x81", "\x80", "\x01") "\xc0\x0c" "\0\x2e\0\x01\0\0\0\x0a\0\x02xx"), 0x102), DNS_PROBE_SIGNED);
	assert_int_equal(dns_probe_read(SLICE(HEADER("\x81", "\x83", "\0")), 0x102), DNS_PROBE_STRIPPED);
	assert_int_equal(dns_probe_read(SLICE(HEADER("\x81", "\x81", "\0")), 0x102), DNS_PROBE_STRIPPED); /* no EDNS */
	assert_int_equal(dns_probe_read(SLICE(HEADER("\x81", "\x82", "\0")), 0x102), DNS_PROBE_UNKNOWN); /* server failure */
	assert_int_equal(dns_probe_read(SLICE(HEADER("\x81", "\x80", "\0")), 0x103), DNS_PROBE_UNKNOWN); /* another's */
	assert_int_equal(dns_probe_read(SLICE(HEADER("\x01", "\0", "\0")), 0x102), DNS_PROBE_UNKNOWN); /* a question */
	assert_int_equal(dns_probe_read(SLICE(HEADER("\x81", "\x80", "\xff") "\x3f"), 0x102), DNS_PROBE_STRIPPED);
	assert_int_equal(dns_probe_read(SLICE("\x01\x02\x81"), 0x102), DNS_PROBE_UNKNOWN);
#undef HEADER
#undef RECORD
}

/* The status and security of a look-up with the root's real key, at a resolver with these records. */
static enum dns_status look_up_validating(const struct dns_fake_record *list, size_t count, bool *stripped)
{
	char path[] = "/tmp/pombal-anchors-XXXXXX";
	static const char key[] = "; the root's\n. 172800 IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n";
	struct dns_fake *fake = dns_fake_start(list, count);
	struct arena *arena = arena_new();
	struct error error = {0};
	struct dns_mx *mx;
	size_t found;
	int fd = mkstemp(path);
	assert_int_equal(write(fd, key, sizeof key - 1), sizeof key - 1);
	close(fd);
	const char *anchors = path;
	struct dns *dns = dns_new(&(struct dns_options){dns_fake_resolver(fake), &anchors, 1}, &error);
	assert_non_null(dns);
	enum dns_status status = dns_mx(dns, SLICE("example.test"), arena, &mx, &found, NULL, &error);
	*stripped = dns_is_stripped(dns);
	dns_retest(dns);
	dns_free(&dns);
	dns_fake_stop(&fake);
	arena_free(&arena);
	unlink(path);
	return status;
}

static void without_signatures_nothing_is_validated(void **state)
{
	(void)state;
	static const struct dns_fake_record bare[] = {{"example.test", "MX", "10 mx1.example.test"}};
	static const struct dns_fake_record forged[] = {{"", "RRSIG", "x"}, {"example.test", "MX", "10 mx1.example.test"}};
	bool stripped;
	log_set_role("test", LOG_LEVEL_ERROR + 1);
	assert_int_equal(look_up_validating(bare, 1, &stripped), DNS_FOUND);
	assert_true(stripped);
	assert_int_equal(look_up_validating(forged, 2, &stripped), DNS_TEMPORARY);
	assert_false(stripped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_answered_at_once),
		cmocka_unit_test(answers_come_without_a_thread),
		cmocka_unit_test(rounds_end_at_any_time),
		cmocka_unit_test(mx_records_are_read),
		cmocka_unit_test(null_mx_is_an_empty_host),
		cmocka_unit_test(absence_and_trouble_are_told_apart),
		cmocka_unit_test(both_families_are_found),
		cmocka_unit_test(reverse_names_are_verified),
		cmocka_unit_test(silence_is_bounded),
		cmocka_unit_test(a_stop_waits_for_no_answer),
		cmocka_unit_test(a_bad_resolver_is_refused),
		cmocka_unit_test(signatures_are_looked_for),
		cmocka_unit_test(without_signatures_nothing_is_validated),
	};
	return cmocka_run_group_tests_name("dns", tests, set_up, tear_down);
}
