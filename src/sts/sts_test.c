/* Policies about TLS: what they say, which hosts they name, and keeping them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "sts/sts.h"

enum { NOW = 1700000000 };

static struct arena *arena;
static char folder[40], path[60];

static int begin(void **state)
{
	(void)state;
	arena = arena_new();
	snprintf(folder, sizeof folder, "/tmp/sts-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/policies", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	unlink(path);
	return rmdir(folder);
}

#define HEAD "version: STSv1\nmode: enforce\nmax_age: 100\n"

static struct sts_policy policy_of(const char *text)
{
	struct sts_policy policy;
	struct error error = {0};
	if (!sts_read_policy(slice_of(text), arena, &policy, &error))
		fail_msg("%s", error.text);
	return policy;
}

/* ---- Reading ---- */

static void policies_are_read(void **state)
{
	(void)state;
	struct sts_policy policy = policy_of("version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx:backupmx.example.com.\r\nmax_age: 604800\r\n");
	assert_int_equal(policy.mode, STS_ENFORCE);
	assert_int_equal(policy.max_age, 604800);
	assert_int_equal(policy.host_count, 3);
	assert_true(slice_equal(policy.hosts[2], SLICE("backupmx.example.com")));
	policy = policy_of("max_age: 9999999999\n\nmode: testing\nx-later: anything: at all\nmode: enforce\nmx: xn--e1afmkfd.example\nversion: STSv1\nmode: odd");
	assert_int_equal(policy.mode, STS_TESTING); /* the first counts */
	assert_int_equal(policy.max_age, STS_AGE_MAX);
	assert_int_equal(policy_of("version: STSv1\nmode: none\nmax_age: 0").mode, STS_NONE);
}

static void what_is_no_policy_is_refused(void **state)
{
	(void)state;
	static const struct { const char *text, *words; } bad[] = {
		{"", "lacks its version"}, {"version: STSv1\nmode: enforce\nmx: a.example", "lacks its max_age"}, {"version: STSv1\nmax_age: 1\nmx: a.example", "lacks its mode"},
		{"version: STSv2\nmode: enforce\nmax_age: 1\nmx: a.example", "another version"}, {HEAD, "no MX host"}, {HEAD "mx: \n", "is no MX host"}, {HEAD "mx: a..b\n", "is no MX host"},
		{HEAD "mx: *\n", "is no MX host"}, {HEAD "mx: a.*.example\n", "is no MX host"}, {HEAD "mx: *.*.example\n", "is no MX host"}, {HEAD "mx: a b\n", "is no MX host"},
		{HEAD "mx: a,b\n", "is no MX host"}, {HEAD "mx: a.example\nno field\n", "is no field"}, {HEAD "mx: a.example\nx: \x01\n", "is no field"}, {HEAD "mx: b\xc3\xbc" "cher.example\n", "is no field"},
		{"version: STSv1\nmode: enforce\nmax_age: -1\nmx: a.example", "max_age"}, {"version: STSv1\nmode: enforce\nmax_age: 99999999999\nmx: a.example", "max_age"},
		{"version: STSv1\nmode: Enforce\nmax_age: 1\nmx: a.example", "its mode"}, {"<html><body>Not found</body></html>", "is no field"},
	};
	struct sts_policy policy;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct error error = {0};
		if (sts_read_policy(slice_of(bad[i].text), arena, &policy, &error) || !strstr(error.text, bad[i].words))
			fail_msg("%s: %s", bad[i].text, error.text);
	}
}

static void policies_are_bounded(void **state)
{
	(void)state;
	struct buf text = BUF(2 * STS_POLICY_MAX);
	struct sts_policy policy;
	struct error error;
	buf_append(&text, SLICE(HEAD));
	for (int i = 0; i < STS_HOSTS_MAX; i++)
		buf_printf(&text, "mx: mx%d.example\n", i);
	assert_true(sts_read_policy(buf_slice(&text), arena, &policy, &error));
	assert_int_equal(policy.host_count, STS_HOSTS_MAX);
	buf_append(&text, SLICE("mx: one.more.example\n"));
	assert_false(sts_read_policy(buf_slice(&text), arena, &policy, &error));
	buf_clear(&text);
	buf_append(&text, SLICE(HEAD "mx: a.example\n"));
	while (text.len <= STS_POLICY_MAX)
		buf_append(&text, SLICE("x: some of the later versions' fields\n"));
	assert_false(sts_read_policy(buf_slice(&text), arena, &policy, &error));
	assert_int_equal(error.kind, ERROR_LIMIT);
	buf_free(&text);
}

static void hosts_are_named(void **state)
{
	(void)state;
	static const struct { const char *pattern, *host; bool named; } cases[] = {
		{"mx.example.org", "mx.example.org", true}, {"mx.example.org", "MX.Example.ORG.", true}, {"mx.example.org", "example.org", false}, {"mx.example.org", "a.mx.example.org", false},
		{"*.example.org", "mx.example.org", true}, {"*.example.org", "a.mx.example.org", false}, {"*.example.org", "example.org", false}, {"*.example.org", ".example.org", false},
		{"*.example.org", "mxexample.org", false}, {"*.mx.example.org", "a.mx.example.org", true}, {"*.xn--e1afmkfd.example", "mx.XN--E1AFMKFD.example", true},
		{"xn--mx-xka.example.org", "xn--mx-xka.example.org", true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sts_policy policy = policy_of(arena_printf(arena, HEAD "mx: other.example\nmx: %s\n", cases[i].pattern).at);
		if (sts_names_host(&policy, slice_of(cases[i].host)) != cases[i].named)
			fail_msg("%s %s", cases[i].pattern, cases[i].host);
	}
}

static void records_are_read(void **state)
{
	(void)state;
	static const struct { const char *text, *id; } cases[] = {
		{"v=STSv1; id=20160831085700Z;", "20160831085700Z"}, {"v=STSv1;id=1", "1"}, {"v=STSv1; x=y; id=abc ; z=1", "abc"}, {"v=STSv1;", NULL}, {"v=STSv1; id=", NULL}, {"v=STSv1; id=a-b;", NULL},
		{"v=STSv1; id=012345678901234567890123456789012;", NULL}, {"v=STSv1", NULL}, {"v=STSv2; id=1;", NULL}, {"id=1; v=STSv1;", NULL}, {"", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice id;
		bool read = sts_read_record(slice_of(cases[i].text), &id);
		if (read != (cases[i].id != NULL) || (read && !slice_equal(id, slice_of(cases[i].id))))
			fail_msg("%s", cases[i].text);
	}
}

/* ---- Keeping ---- */

static bool put(struct sts_cache *cache, const char *domain, const char *id, const char *hosts, int64_t fetched, int64_t age)
{
	struct sts_kept kept = {.id = slice_of(id), .policy = policy_of(arena_printf(arena, "version: STSv1\nmode: enforce\nmax_age: %lld\n%s", (long long)age, hosts).at), .fetched = fetched};
	struct error error = {0};
	return sts_cache_put(cache, slice_of(domain), &kept, &error);
}

static bool has(struct sts_cache *cache, const char *domain, int64_t now, const char *id)
{
	struct sts_kept kept;
	return sts_cache_get(cache, slice_of(domain), now, arena, &kept) && slice_equal(kept.id, slice_of(id)) && kept.policy.mode == STS_ENFORCE && sts_names_host(&kept.policy, SLICE("mx.example.org"));
}

#define HOSTS "mx: mx.example.org\nmx: *.example.net\n"

static void policies_are_kept(void **state)
{
	(void)state;
	struct sts_cache *cache = sts_cache_open(path);
	assert_false(has(cache, "example.org", NOW, "1"));
	assert_true(put(cache, "Example.org", "1", HOSTS, NOW, 100));
	assert_true(put(cache, "example.net", "2", HOSTS, NOW, 1000));
	assert_true(put(cache, "example.org", "3", HOSTS, NOW, 200));
	assert_true(has(cache, "example.ORG", NOW, "3"));
	assert_true(has(cache, "example.org", NOW + 199, "3"));
	assert_false(has(cache, "example.org", NOW + 200, "3"));
	assert_false(has(cache, "example.org", NOW - 1, "3")); /* a clock that was put back */
	sts_cache_free(&cache);
	cache = sts_cache_open(path);
	assert_true(has(cache, "example.org", NOW, "3"));
	assert_true(has(cache, "example.net", NOW, "2"));
	sts_cache_free(&cache);
}

static void damage_costs_its_line_alone(void **state)
{
	(void)state;
	struct error error;
	assert_true(file_replace(path, SLICE("example.org\t1\tenforce\t1700000000\t100\tmx.example.org\nrubbish\n\n\t\t\t\nexample.com\t1\tenforce\t1700000000\t100\t\n"
					     "example.net\t2\tenforce\t1700000000\t100\tmx.example.org\nexample.edu\t3\tenforce\t17000"), 0600, &error));
	struct sts_cache *cache = sts_cache_open(path);
	assert_true(has(cache, "example.org", NOW, "1"));
	assert_true(has(cache, "example.net", NOW, "2"));
	assert_false(has(cache, "example.com", NOW, "1"));
	assert_true(put(cache, "example.edu", "4", HOSTS, NOW, 100));
	sts_cache_free(&cache);
	cache = sts_cache_open(path);
	assert_true(has(cache, "example.org", NOW, "1") && has(cache, "example.edu", NOW, "4"));
	sts_cache_free(&cache);
	struct buf text = BUF(10000);
	assert_true(file_read(path, &text, &error));
	assert_int_equal(slice_find(buf_slice(&text), SLICE("rubbish")), SLICE_NONE);
	buf_free(&text);
}

static void what_is_used_stays(void **state)
{
	(void)state;
	struct sts_cache *cache = sts_cache_open(path);
	struct buf text = BUF(4 * STS_CACHE_SIZE_MAX);
	struct error error;
	sts_cache_free(&cache);
	for (int i = 0; i < STS_CACHE_DOMAINS_MAX + 10; i++)
		buf_printf(&text, "d%d.example\t1\tenforce\t%d\t100\tmx.example.org\n", i, NOW);
	assert_true(file_replace(path, buf_slice(&text), 0600, &error));
	buf_free(&text);
	cache = sts_cache_open(path);
	assert_false(has(cache, "d9.example", NOW, "1"));
	assert_true(has(cache, "d10.example", NOW, "1")); /* is used, and newer than d11 from here on */
	assert_true(put(cache, "new.example", "1", HOSTS, NOW, 100));
	assert_true(has(cache, "d10.example", NOW, "1"));
	assert_false(has(cache, "d11.example", NOW, "1"));
	sts_cache_free(&cache);
}

static void the_file_stays_small(void **state)
{
	(void)state;
	struct sts_cache *cache = sts_cache_open(path);
	struct buf text = BUF(1024 * 1024);
	struct error error;
	for (int i = 0; i < 3000; i++)
		assert_true(put(cache, "example.org", arena_printf(arena, "%d", i).at, HOSTS, NOW, 100));
	sts_cache_free(&cache);
	assert_true(file_read(path, &text, &error));
	assert_true(text.len < 70 * 1024);
	buf_free(&text);
	cache = sts_cache_open(path);
	assert_true(has(cache, "example.org", NOW, "2999"));
	sts_cache_free(&cache);
}

static void a_file_that_cannot_be_written_is_said(void **state)
{
	(void)state;
	struct sts_cache *cache = sts_cache_open("/nonexistent-folder/policies");
	assert_false(put(cache, "example.org", "1", HOSTS, NOW, 100));
	assert_true(has(cache, "example.org", NOW, "1"));
	sts_cache_free(&cache);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(policies_are_read), CASE(what_is_no_policy_is_refused), CASE(policies_are_bounded), CASE(hosts_are_named), CASE(records_are_read), CASE(policies_are_kept),
		CASE(damage_costs_its_line_alone), CASE(what_is_used_stays), CASE(the_file_stays_small), CASE(a_file_that_cannot_be_written_is_said),
	};
	return cmocka_run_group_tests_name("sts", tests, NULL, NULL);
}
