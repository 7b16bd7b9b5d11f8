/* What was reported is kept once, found again as it was, and bounded, whoever wants to fill it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "policy/reports.h"

enum { DAY = 24 * 3600, ROWS = 300 };
static const int64_t now = 1795910400;

struct test {
	char folder[64], path[96];
	struct arena *arena;
};

static int set_up(void **state)
{
	struct test *test = calloc(1, sizeof *test);
	snprintf(test->folder, sizeof test->folder, "/tmp/reports_test.XXXXXX");
	assert_non_null(mkdtemp(test->folder));
	snprintf(test->path, sizeof test->path, "%s/reports", test->folder);
	test->arena = arena_new();
	*state = test;
	return 0;
}

static int tear_down(void **state)
{
	struct test *test = *state;
	arena_free(&test->arena);
	unlink(test->path);
	assert_int_equal(rmdir(test->folder), 0);
	free(test);
	return 0;
}

static struct policy_kept_report some(struct test *test, const char *author, const char *id, size_t rows)
{
	struct policy_kept_report kept = {.received = now, .proved = true, .author = slice_of(author)};
	struct report *report = &kept.report;
	*report = (struct report){.reporter = SLICE("Peer Ltd"), .id = slice_of(id), .domain = SLICE("example.com"), .begin = now - DAY, .end = now - 1, .p = SLICE("none"), .row_count = rows};
	report->rows = arena_array(test->arena, rows, sizeof *report->rows);
	for (size_t i = 0; i < rows; i++) {
		report->rows[i] = (struct report_row){.source = SLICE("192.0.2.1"), .count = i + 1, .domain = SLICE("example.com"), .passed = true, .dkim = true,
			.disposition = REPORT_QUARANTINE, .reason = SLICE("other"), .sender = {.domain = SLICE("b.example"), .result = SLICE("fail")}, .signature_count = 2};
		report->rows[i].signatures = arena_array(test->arena, 2, sizeof(struct report_result));
		report->rows[i].signatures[0] = (struct report_result){.domain = SLICE("other.example"), .result = SLICE("fail")};
		report->rows[i].signatures[1] = (struct report_result){.domain = SLICE("example.com"), .result = SLICE("pass")};
	}
	return kept;
}

static enum policy_report_outcome add(struct test *test, const struct policy_kept_report *kept)
{
	struct error error = {0};
	enum policy_report_outcome outcome = policy_reports_add(test->path, kept, &error);
	assert_string_equal(error.kind == ERROR_NONE || error.kind == ERROR_NOT_FOUND || outcome != POLICY_REPORT_FAILED ? "" : error.text, "");
	return outcome;
}

struct seen {
	size_t reports, rows, of_one, unproved;
	const char *one;
};

static void see(void *context, const struct policy_kept_report *kept)
{
	struct seen *seen = context;
	seen->reports++;
	seen->rows += kept->report.row_count;
	seen->unproved += !kept->proved;
	seen->of_one += slice_equal(kept->author, slice_of(seen->one));
	for (size_t i = 0; i < kept->report.row_count; i++) {
		const struct report_row *row = &kept->report.rows[i];
		assert_true(row->count == i + 1 && row->dkim && !row->spf && row->passed && row->disposition == REPORT_QUARANTINE);
		assert_true(slice_equal(row->source, SLICE("192.0.2.1")) && slice_equal(row->reason, SLICE("other")) && slice_equal(row->sender.domain, SLICE("b.example")));
		assert_true(row->signature_count == 1 && slice_equal(row->signatures[0].domain, SLICE("example.com")));
	}
	assert_true(kept->report.begin == now - DAY && slice_equal(kept->report.domain, SLICE("example.com")) && slice_equal(kept->report.p, SLICE("none")));
}

static struct seen look(struct test *test, const char *one, int64_t when)
{
	struct seen seen = {.one = one};
	struct error error;
	assert_true(policy_reports_read(test->path, when, see, &seen, &error));
	return seen;
}

static void a_report_is_kept_once(void **state)
{
	struct test *test = *state;
	struct policy_kept_report kept = some(test, "peer.example", "1", 3), other = some(test, "peer.example", "2", 2), forged = some(test, "peer.example", "3", 1);
	forged.proved = false;
	assert_int_equal(look(test, "", now).reports, 0);
	assert_int_equal(add(test, &kept), POLICY_REPORT_KEPT);
	assert_int_equal(add(test, &kept), POLICY_REPORT_KNOWN);
	assert_int_equal(add(test, &other), POLICY_REPORT_KEPT);
	assert_int_equal(add(test, &forged), POLICY_REPORT_KEPT);
	forged.proved = true; /* what somebody else has sent in its name keeps it from nothing */
	assert_int_equal(add(test, &forged), POLICY_REPORT_KEPT);
	struct seen seen = look(test, "peer.example", now);
	assert_true(seen.reports == 4 && seen.rows == 7 && seen.of_one == 4 && seen.unproved == 1);
	assert_int_equal(look(test, "", now + (int64_t)(POLICY_REPORTS_DAYS + 1) * DAY).reports, 0);
}

static void one_domain_is_listened_to_so_often_a_day(void **state)
{
	struct test *test = *state;
	char id[16];
	for (int i = 0; i <= POLICY_REPORTS_PER_DAY; i++) {
		snprintf(id, sizeof id, "%d", i);
		struct policy_kept_report kept = some(test, "peer.example", id, 1), other = some(test, "other.example", id, 1);
		assert_int_equal(add(test, &kept), i < POLICY_REPORTS_PER_DAY ? POLICY_REPORT_KEPT : POLICY_REPORT_TOO_MANY);
		if (i == POLICY_REPORTS_PER_DAY)
			assert_int_equal(add(test, &other), POLICY_REPORT_KEPT);
		arena_reset(test->arena);
	}
}

static void nobody_fills_the_file(void **state)
{
	struct test *test = *state;
	char id[16];
	struct policy_kept_report first = some(test, "good.example", "1", ROWS);
	assert_int_equal(add(test, &first), POLICY_REPORT_KEPT);
	for (int i = 0; i < 900; i++) {
		snprintf(id, sizeof id, "%d", i);
		struct policy_kept_report kept = some(test, i % 2 ? "evil.example" : "nobody.example", id, ROWS);
		kept.received = now + i;
		kept.proved = i % 2;
		assert_int_equal(add(test, &kept), POLICY_REPORT_KEPT);
		struct stat status;
		assert_true(stat(test->path, &status) == 0 && status.st_size <= POLICY_REPORTS_SIZE);
		arena_reset(test->arena);
	}
	struct seen seen = look(test, "good.example", now + 900);
	assert_int_equal(seen.of_one, 1);
	assert_true(seen.reports > 100 && seen.reports < 700);
}

static void what_is_damaged_is_passed_over(void **state)
{
	struct test *test = *state;
	FILE *file = fopen(test->path, "w");
	fputs("row\t1.2.3.4\t5\nnonsense\n\nreport\t\t\t\nreport\nreport\tx\trow\nrow\n", file);
	fprintf(file, "report\t%lld\t1\tpeer.example\tkey\tdmarc\tPeer\t1\texample.com\t%lld\t%lld\tnone\t0\nrow\t192.0.2.1\t0\nrow\t192.0.2.1\tx\n"
		"row\t192.0.2.1\t1\texample.com\t1\tother\tquarantine\t1\t0\tb.example\tfail\texample.com\tpass\t", (long long)now, (long long)now - DAY, (long long)now - 1);
	fclose(file); /* in the midst of a line */
	struct policy_kept_report more = some(test, "peer.example", "2", 1);
	assert_true(look(test, "peer.example", now).of_one == 1 && look(test, "peer.example", now).rows == 1);
	assert_int_equal(add(test, &more), POLICY_REPORT_KEPT);
	assert_true(look(test, "peer.example", now).of_one == 2 && look(test, "peer.example", now).rows == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(a_report_is_kept_once), TEST(one_domain_is_listened_to_so_often_a_day), TEST(nobody_fills_the_file), TEST(what_is_damaged_is_passed_over)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
