/* Unit tests of reading what was written down of a message, and of what is said about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "policy/record.h"

static void findings_are_read_from_queue_and_log(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct score_found *list;
	size_t count = policy_record_read(SLICE("ATTACH_MACROS 1.50 a; b.doc\nHTML_ONLY 0.60\nSPF_PASS -0.10\n"), '\n', SCORE_ENGLISH, arena, &list);
	assert_int_equal(count, 3);
	assert_true(slice_equal(list[0].name, SLICE("ATTACH_MACROS")) && list[0].points == 150 && slice_equal(list[0].detail, SLICE("a; b.doc")));
	assert_true(list[1].points == 60 && list[1].detail.len == 0 && list[2].points == -10);
	/* in the log a detail may hold what divides */
	count = policy_record_read(SLICE("ATTACH_MACROS 1.50 a; b;HTML 9.doc;HTML_ONLY 0.60"), ';', SCORE_ENGLISH, arena, &list);
	assert_int_equal(count, 2);
	assert_true(slice_equal(list[0].detail, SLICE("a; b;HTML 9.doc")) && list[1].points == 60);
	arena_free(&arena);
}

static void what_is_no_finding_is_passed_over(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct score_found *list;
	assert_int_equal(policy_record_read(SLICE(""), '\n', SCORE_ENGLISH, arena, &list), 0);
	assert_int_equal(policy_record_read(SLICE("\n\n;; x\nlower 1.0\nRULE\nRULE x\nRULE 1.234\nRULE 99999999999\n RULE 1\n"), '\n', SCORE_ENGLISH, arena, &list), 0);
	assert_null(policy_record_main(list, 0));
	struct buf many = BUF(100000);
	for (int i = 0; i < 1000; i++)
		buf_append_text(&many, "RULE 1.00 detail\n");
	assert_int_equal(policy_record_read(buf_slice(&many), '\n', SCORE_ENGLISH, arena, &list), POLICY_RECORD_FINDINGS_MAX);
	buf_free(&many);
	arena_free(&arena);
}

static void each_finding_has_its_words(void **state)
{
	(void)state;
	static const char *const names[] = {"HTML_ONLY", "ATTACH_BOMB", "ATTACH_TOO_LARGE", "VIRUS_FOUND", "SCANNER_POINTS", "LISTED_LINK", "HELO_UNKNOWN", "SENDER_UNKNOWN", "DMARC_REJECT"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (enum score_language language = 0; language < SCORE_LANGUAGES; language++) {
			const char *text = policy_record_text(slice_of(names[i]), language);
			assert_true(text[0] && slice_is_utf8(slice_of(text)));
			assert_true(language == SCORE_ENGLISH || !slice_equal(slice_of(text), slice_of(policy_record_text(slice_of(names[i]), SCORE_ENGLISH))));
		}
	assert_string_equal(policy_record_text(SLICE("NOBODY_KNOWS"), SCORE_RUSSIAN), "");
}

static void the_main_one_is_the_demand_or_the_heaviest(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct score_found *list;
	size_t count = policy_record_read(SLICE("HTML_ONLY 0.60\nBAYES_99 5\nSPF_PASS -0.1\n"), '\n', SCORE_ENGLISH, arena, &list);
	assert_true(slice_equal(policy_record_main(list, count)->name, SLICE("BAYES_99")));
	count = policy_record_read(SLICE("BAYES_99 5\nATTACH_DOUBTFUL_KIND 0.00 x.iso\n"), '\n', SCORE_ENGLISH, arena, &list);
	assert_true(slice_equal(policy_record_main(list, count)->name, SLICE("ATTACH_DOUBTFUL_KIND")));
	arena_free(&arena);
}

static bool told(struct slice record, int total, unsigned done, const char *reason, const char *what)
{
	struct arena *arena = arena_new();
	struct buf out = BUF(65536);
	struct score_settings settings;
	struct score_found *list;
	size_t count = policy_record_read(record, '\n', SCORE_ENGLISH, arena, &list);
	score_settings_default(&settings);
	score_explain_found(&out, &settings, list, count, total, done, slice_of(reason), SCORE_ENGLISH);
	bool found = slice_find(buf_slice(&out), slice_of(what)) != SLICE_NONE;
	buf_free(&out);
	arena_free(&arena);
	return found;
}

static void what_would_have_turned_it_is_told(void **state)
{
	(void)state;
	struct slice record = SLICE("BAYES_99 5.00\nHTML_ONLY 0.60\n");
	assert_true(told(record, 560, SCORE_JUNK, "", "5.6 points: into Junk."));
	assert_true(told(record, 560, SCORE_JUNK, "", "Without BAYES_99 it would have had 0.6: into the inbox."));
	assert_true(told(record, 560, SCORE_JUNK, "", "With 4.4 points more (10.0 in all): into quarantine."));
	assert_true(told(record, 660, SCORE_JUNK, "", "Further findings, of 1.0 points, aren't written down."));
	assert_true(told(record, 560, SCORE_REJECT, "nobody is who he says", "What decided, whatever the points: nobody is who he says."));
	assert_true(told(record, 560, SCORE_REJECT, "nobody is who he says", "By its points alone, without that: into Junk."));
	assert_true(told(record, 560, SCORE_INBOX, "", "With the thresholds of today so many points lead elsewhere: into Junk."));
	assert_true(told(SLICE(""), 0, SCORE_FATE_UNCHECKED, "", "taken unchecked") && !told(SLICE(""), 0, SCORE_FATE_UNCHECKED, "", "points more"));
	assert_true(told(SLICE(""), 0, SCORE_FATE_DEFERRED, "", "put off"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_are_read_from_queue_and_log),
		cmocka_unit_test(what_is_no_finding_is_passed_over),
		cmocka_unit_test(each_finding_has_its_words),
		cmocka_unit_test(the_main_one_is_the_demand_or_the_heaviest),
		cmocka_unit_test(what_would_have_turned_it_is_told),
	};
	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
