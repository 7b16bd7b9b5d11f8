/* What a message weighs: its own rules, what others have found, where it comes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "policy/weigh.h"

static const char plain_text[] = "From: Ann <ann@good.example>\r\nTo: bob@here.example\r\nSubject: Tuesday\r\nMessage-ID: <1@good.example>\r\n"
				 "Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\nShall we meet?\r\n";

struct found {
	struct policy_verdict verdict;
	struct policy_findings findings;
	struct config_thresholds thresholds;
};

static void weigh(struct found *found)
{
	struct score_settings settings;
	struct policy_mail mail = {.now = 1795860000};
	struct policy_weighed weighed = {.message = slice_of(plain_text), .mail = &mail, .verdict = &found->verdict};
	if (!found->findings.arena)
		found->findings.arena = arena_new();
	score_settings_default(&settings);
	policy_weigh(&weighed, &settings, found->thresholds, &found->findings);
}

static bool has(const struct found *found, const char *rule)
{
	for (size_t i = 0; i < found->findings.count; i++)
		if (slice_equal(found->findings.list[i].rule, slice_of(rule)))
			return true;
	return false;
}

static bool says(const struct found *found, const char *text)
{
	return slice_find(found->findings.fields, slice_of(text)) != SLICE_NONE;
}

static void good_mail_is_accepted(void **state)
{
	(void)state;
	struct found found = {.verdict = {.spf = {.result = SPF_PASS}, .iprev = POLICY_IPREV_PASS, .dmarc = {.result = DMARC_PASS}}};
	weigh(&found);
	assert_int_equal(found.findings.action, POLICY_ACCEPT);
	assert_true(has(&found, "SPF_PASS") && has(&found, "DMARC_PASS") && says(&found, "X-Spam-Status: No, score=-"));
	arena_free(&found.findings.arena);
}

static void where_it_comes_from_counts(void **state)
{
	(void)state;
	struct dkim_verdict signatures[] = {{.result = DKIM_FAIL}, {.result = DKIM_PASS}};
	struct found found = {.verdict = {.spf = {.result = SPF_FAIL}, .iprev = POLICY_IPREV_FAIL, .dkim = signatures, .dkim_count = 1,
					  .dmarc = {.result = DMARC_FAIL, .disposition = DMARC_POLICY_QUARANTINE}}};
	weigh(&found);
	assert_true(has(&found, "SPF_FAIL") && has(&found, "DKIM_FAIL") && has(&found, "DMARC_QUARANTINE"));
	assert_int_equal(found.findings.action, POLICY_JUNK);
	assert_true(says(&found, "X-Spam-Flag: YES\r\n"));
	arena_free(&found.findings.arena);

	struct found one_holds = {.verdict = {.spf = {.result = SPF_TEMPERROR}, .iprev = POLICY_IPREV_TEMPERROR, .dkim = signatures, .dkim_count = 2}};
	weigh(&one_holds);
	assert_true(has(&one_holds, "DKIM_PASS") && !has(&one_holds, "DKIM_FAIL"));
	arena_free(&one_holds.findings.arena);
}

static void what_others_have_found_counts(void **state)
{
	(void)state;
	struct found found = {.verdict = {.iprev = POLICY_IPREV_PASS}, .findings = {.arena = arena_new()}};
	policy_findings_add(&found.findings, SLICE("SCANNER_SAYS"), 1700, SLICE("so"));
	weigh(&found);
	assert_int_equal(found.findings.action, POLICY_REJECT);
	assert_true(slice_starts(found.findings.reply, SLICE("the message looks like spam, with 1")) && says(&found, "tests=SCANNER_SAYS"));
	arena_free(&found.findings.arena);
}

static void its_recipients_thresholds_count(void **state)
{
	(void)state;
	struct found strict = {.verdict = {.iprev = POLICY_IPREV_PASS}, .findings = {.arena = arena_new()}, .thresholds = {.junk = 100, .reject = 200}};
	policy_findings_add(&strict.findings, SLICE("SCANNER_SAYS"), 210, SLICE("so"));
	weigh(&strict);
	assert_int_equal(strict.findings.action, POLICY_REJECT);
	assert_true(strict.findings.usual < POLICY_REJECT);
	assert_true(!strict.findings.suspect && says(&strict, "X-Spam-Flag: YES") && says(&strict, " required=1.0\r\n"));
	arena_free(&strict.findings.arena);
	struct found mild = {.verdict = {.iprev = POLICY_IPREV_PASS}, .findings = {.arena = arena_new()},
			     .thresholds = {THRESHOLD_NEVER, THRESHOLD_NEVER, THRESHOLD_NEVER, THRESHOLD_NEVER}};
	policy_findings_add(&mild.findings, SLICE("SCANNER_SAYS"), 1700, SLICE("so"));
	weigh(&mild);
	assert_int_equal(mild.findings.action, POLICY_ACCEPT);
	assert_true(mild.findings.usual == POLICY_REJECT && !says(&mild, "X-Spam-Flag") && says(&mild, " required=1000.0\r\n"));
	arena_free(&mild.findings.arena);
}

static void what_was_demanded_stays(void **state)
{
	(void)state;
	struct found found = {.verdict = {.iprev = POLICY_IPREV_PASS}, .findings = {.arena = arena_new()}};
	policy_findings_demand(&found.findings, POLICY_QUARANTINE, SLICE(""));
	weigh(&found);
	assert_int_equal(found.findings.action, POLICY_QUARANTINE);
	arena_free(&found.findings.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_mail_is_accepted), cmocka_unit_test(where_it_comes_from_counts), cmocka_unit_test(what_others_have_found_counts),
		cmocka_unit_test(its_recipients_thresholds_count),
		cmocka_unit_test(what_was_demanded_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
