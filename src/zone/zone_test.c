/* Unit tests of a domain's records: their lines, and what is said of what stands in the DNS instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "zone/zone.h"

static const struct zone_key test_keys[] = {{SLICE("k1"), SLICE("v=DKIM1; k=ed25519; p=AAAABBBB")}};
static const struct zone_service test_services[] = {{SLICE("_imaps"), 993, 0}, {SLICE("_pop3"), 0, 30}};
static const unsigned char test_digests[][ZONE_DIGEST_SIZE] = {{0xab}, {0, 1}};
static const struct zone_plan test_plan = {SLICE("example.test"), SLICE("mail.example.test"), test_keys, 1, test_services, 2, SLICE("ca.example"), 443,
	SLICE("v=UAAC1; a=sha256; d=AAAA"), {NULL, 0, NULL, 0}, test_digests, 2};

struct made { struct arena *arena; struct zone_record *list; size_t count; };

static struct made make(const struct zone_plan *plan)
{
	struct made made = {.arena = arena_new()};
	zone_make(plan, made.arena, &made.list, &made.count);
	return made;
}

static const char *line_of(struct arena *arena, const struct zone_record *record)
{
	struct buf line = BUF(ZONE_LINE_MAX);
	zone_write(record, &line);
	const char *text = arena_text(arena, buf_slice(&line));
	buf_free(&line);
	return text;
}

static void the_policy_is_as_wanted(void **state)
{
	(void)state;
	static const char *const hosts[] = {"backup.example.net", "*.example.org"};
	struct zone_plan plan = test_plan;
	struct made first = make(&plan);
	assert_true(slice_equal(zone_policy(&plan, first.arena), SLICE("version: STSv1\nmode: testing\nmx: mail.example.test\nmax_age: 604800\n")));
	plan.sts = (struct zone_sts){"enforce", 3600, hosts, 2};
	struct made second = make(&plan);
	assert_true(slice_equal(zone_policy(&plan, second.arena), SLICE("version: STSv1\nmode: enforce\nmx: mail.example.test\nmx: backup.example.net\nmx: *.example.org\nmax_age: 3600\n")));
	for (size_t i = 0; i < first.count; i++) /* another policy has another id */
		assert_int_equal(slice_equal(first.list[i].value.data, second.list[i].value.data), first.list[i].purpose != ZONE_STS);
	arena_free(&first.arena);
	arena_free(&second.arena);
}

static void every_record_is_a_line(void **state)
{
	static const char *const lines[] = {
		"example.test. MX 10 mail.example.test.",
		"example.test. TXT ( \"v=spf1 mx -all\" )",
		"k1._domainkey.example.test. TXT ( \"v=DKIM1; k=ed25519; p=AAAABBBB\" )",
		"_dmarc.example.test. TXT ( \"v=DMARC1; p=quarantine; rua=mailto:postmaster@example.test\" )",
		NULL, /* its id is a hash */
		"mta-sts.example.test. CNAME mail.example.test.",
		"_smtp._tls.example.test. TXT ( \"v=TLSRPTv1; rua=mailto:postmaster@example.test\" )",
		"_imaps._tcp.example.test. SRV 0 1 993 mail.example.test.",
		"_pop3._tcp.example.test. SRV 0 0 0 .",
		"autoconfig.example.test. CNAME mail.example.test.",
		"autodiscover.example.test. CNAME mail.example.test.",
		"_autodiscover._tcp.example.test. SRV 0 1 443 mail.example.test.",
		"ua-auto-config.example.test. CNAME mail.example.test.",
		"_ua-auto-config.example.test. TXT ( \"v=UAAC1; a=sha256; d=AAAA\" )",
		"example.test. CAA 0 issue \"ca.example\"",
		"_25._tcp.mail.example.test. TLSA 3 1 1 ab00000000000000000000000000000000000000000000000000000000000000",
		"_25._tcp.mail.example.test. TLSA 3 1 1 0001000000000000000000000000000000000000000000000000000000000000",
	};
	struct made made = make(&test_plan);
	(void)state;
	assert_int_equal(made.count, sizeof lines / sizeof *lines);
	for (size_t i = 0; i < made.count; i++)
		if (lines[i])
			assert_string_equal(line_of(made.arena, &made.list[i]), lines[i]);
	assert_non_null(strstr(line_of(made.arena, &made.list[4]), "_mta-sts.example.test. TXT ( \"v=STSv1; id="));
	arena_free(&made.arena);
}

static void the_servers_own_name_is_no_alias(void **state)
{
	struct zone_plan plan = test_plan;
	(void)state;
	plan.hostname = SLICE("autoconfig.example.test");
	struct made made = make(&plan);
	for (size_t i = 0; i < made.count; i++)
		assert_string_not_equal(line_of(made.arena, &made.list[i]), "autoconfig.example.test. CNAME autoconfig.example.test.");
	arena_free(&made.arena);
}

static bool has_name(const struct made *made, struct slice name)
{
	for (size_t i = 0; i < made->count; i++)
		if (slice_equal(made->list[i].name, name))
			return true;
	return false;
}

static void what_is_not_given_has_no_record(void **state)
{
	struct zone_plan plan = test_plan;
	(void)state;
	plan.agents = SLICE("");
	struct made made = make(&plan);
	assert_true(has_name(&made, SLICE("_autodiscover._tcp.example.test")) && !has_name(&made, SLICE("ua-auto-config.example.test")));
	arena_free(&made.arena);
	plan = test_plan;
	plan.web_port = 0;
	made = make(&plan);
	assert_false(has_name(&made, SLICE("_autodiscover._tcp.example.test")) || has_name(&made, SLICE("_ua-auto-config.example.test")));
	assert_true(has_name(&made, SLICE("autodiscover.example.test")));
	arena_free(&made.arena);
}

static void long_texts_are_cut_and_all_is_quoted(void **state)
{
	char text[600];
	struct arena *arena = arena_new();
	(void)state;
	memset(text, 'a', sizeof text);
	struct zone_record record = {.type = LOOKUP_TXT, .name = SLICE("t.test"), .value = {.data = slice_make(text, sizeof text)}};
	const char *line = line_of(arena, &record);
	assert_int_equal(strlen(line), strlen("t.test. TXT ( \"\" \"\" \"\" )") + sizeof text);
	assert_int_equal(strcspn(line + strlen("t.test. TXT ( \""), "\""), ZONE_STRING_MAX);
	record.value.data = SLICE("a\"b\\c\n;\xff");
	assert_string_equal(line_of(arena, &record), "t.test. TXT ( \"a\\\"b\\\\c\\010;\\255\" )");
	record.value.data = SLICE("");
	assert_string_equal(line_of(arena, &record), "t.test. TXT ( \"\" )");
	arena_free(&arena);
}

enum { THERE_MAX = 3 };
static const struct { enum zone_purpose purpose; const char *there[THERE_MAX]; enum zone_state state; } cases[] = {
	{ZONE_SPF, {"v=spf1 mx -all"}, ZONE_RIGHT},
	{ZONE_SPF, {"v=spf1 include:other.test +MX ~all", "google-site=1"}, ZONE_RIGHT},
	{ZONE_SPF, {"v=spf1 -mx -all"}, ZONE_DIFFERENT},
	{ZONE_SPF, {"v=spf1 ip4:192.0.2.1 -all"}, ZONE_DIFFERENT},
	{ZONE_SPF, {"v=spf10 mx", "other"}, ZONE_MISSING},
	{ZONE_SPF, {"v=spf1 mx -all", "v=spf1 -all"}, ZONE_SEVERAL},
	{ZONE_DKIM, {"v=DKIM1; k=ed25519; p=AAAA BBBB"}, ZONE_RIGHT},
	{ZONE_DKIM, {"v=DKIM1; k=ed25519; p=AAAA"}, ZONE_DIFFERENT},
	{ZONE_DKIM, {"v=DKIM1; p="}, ZONE_DIFFERENT},
	{ZONE_DKIM, {"v=DKIM1; p=AAAABBBB", "v=DKIM1; p=CCCC"}, ZONE_SEVERAL},
	{ZONE_DMARC, {"v=DMARC1; p=none"}, ZONE_RIGHT},
	{ZONE_DMARC, {"v=DMARC1"}, ZONE_DIFFERENT},
	{ZONE_DMARC, {"v=DMARC1; p=none", "v=DMARC1; p=reject"}, ZONE_SEVERAL},
	{ZONE_STS, {"v=STSv1; id=1;"}, ZONE_RIGHT},
	{ZONE_TLSRPT, {"v=TLSRPTv1; rua="}, ZONE_DIFFERENT},
	{ZONE_MX, {"MAIL.example.test", "backup.test"}, ZONE_RIGHT},
	{ZONE_MX, {""}, ZONE_DIFFERENT},
	{ZONE_ALIAS, {"mail.example.test"}, ZONE_RIGHT},
	{ZONE_AGENTS, {"v=UAAC1; a=sha256; d=CCCC", "v=UAAC1; d=AAAA; a=sha256"}, ZONE_RIGHT},
	{ZONE_AGENTS, {"v=UAAC1; a=sha256; d=CCCC", "v=spf1 -all"}, ZONE_DIFFERENT},
	{ZONE_AUTHORITY, {"issue other.test", "issue ca.example"}, ZONE_RIGHT},
	{ZONE_AUTHORITY, {"issue ;"}, ZONE_DIFFERENT},
	{ZONE_AUTHORITY, {"iodef mailto:a@b"}, ZONE_MISSING},
};

static const struct zone_record *of_purpose(const struct made *made, enum zone_purpose purpose)
{
	size_t i = 0;
	while (i + 1 < made->count && made->list[i].purpose != purpose)
		i++;
	return &made->list[i];
}

static void what_stands_there_is_judged(void **state)
{
	struct made made = make(&test_plan);
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct lookup_record there[THERE_MAX];
		struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = there};
		for (; answer.count < THERE_MAX && cases[i].there[answer.count]; answer.count++)
			there[answer.count] = (struct lookup_record){.data = slice_of(cases[i].there[answer.count])};
		struct zone_finding finding = zone_compare(of_purpose(&made, cases[i].purpose), &answer, made.arena);
		if (finding.state != cases[i].state)
			fail_msg("%s: %s", cases[i].there[0], zone_state_name(finding.state));
		assert_int_equal(finding.advice != NULL, finding.state != ZONE_RIGHT);
	}
	arena_free(&made.arena);
}

/* Other keys may stand beside, but not instead. */
static void a_key_is_there_to_the_byte(void **state)
{
	struct made made = make(&test_plan);
	const struct zone_record *now = of_purpose(&made, ZONE_KEY), *next = now + 1;
	struct lookup_record there[] = {{.data = SLICE("\3\1\1short")}, now->value};
	(void)state;
	assert_int_equal(zone_compare(now, &(struct lookup_answer){.status = LOOKUP_FOUND, .records = there, .count = 1}, made.arena).state, ZONE_DIFFERENT);
	struct lookup_answer both = {.status = LOOKUP_FOUND, .records = there, .count = 2};
	assert_int_equal(zone_compare(now, &both, made.arena).state, ZONE_RIGHT);
	struct zone_finding other = zone_compare(next, &both, made.arena);
	assert_int_equal(other.state, ZONE_MISSING);
	struct zone_finding instead = zone_compare(now, &(struct lookup_answer){.status = LOOKUP_FOUND, .records = there, .count = 1}, made.arena);
	assert_true(slice_equal(instead.there, SLICE("TLSA 3 1 1 73686f7274")));
	arena_free(&made.arena);
}

static void a_service_is_a_host_with_a_port(void **state)
{
	struct made made = make(&test_plan);
	struct lookup_record there = {.data = SLICE("mail.example.test"), .port = 993};
	struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = &there, .count = 1};
	(void)state;
	assert_int_equal(zone_compare(of_purpose(&made, ZONE_SERVICE), &answer, made.arena).state, ZONE_RIGHT);
	there.port = 143;
	struct zone_finding finding = zone_compare(of_purpose(&made, ZONE_SERVICE), &answer, made.arena);
	assert_int_equal(finding.state, ZONE_DIFFERENT);
	assert_true(slice_equal(finding.there, SLICE("SRV 0 0 143 mail.example.test.")));
	arena_free(&made.arena);
}

static void no_answer_is_not_missing(void **state)
{
	struct made made = make(&test_plan);
	struct lookup_answer none = {.status = LOOKUP_NO_NAME}, failed = {.status = LOOKUP_FAILED};
	(void)state;
	assert_int_equal(zone_compare(&made.list[0], &none, made.arena).state, ZONE_MISSING);
	assert_int_equal(zone_compare(&made.list[0], &failed, made.arena).state, ZONE_UNKNOWN);
	arena_free(&made.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_policy_is_as_wanted), cmocka_unit_test(every_record_is_a_line), cmocka_unit_test(the_servers_own_name_is_no_alias),
		cmocka_unit_test(what_is_not_given_has_no_record), cmocka_unit_test(long_texts_are_cut_and_all_is_quoted),
		cmocka_unit_test(what_stands_there_is_judged), cmocka_unit_test(a_key_is_there_to_the_byte), cmocka_unit_test(a_service_is_a_host_with_a_port), cmocka_unit_test(no_answer_is_not_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
