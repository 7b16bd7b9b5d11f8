/* What is reported to other domains: counting within bounds, the files of periods, when a report is due, and whom it may go to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "config/config.h"
#include "policy/destination.h"
#include "policy/feedback_internal.h"
#include "policy/outgoing.h"
#include "policy/sent.h"

enum { DAY = 86400, TODAY = 1795824000 };

static struct report_row row_from(const char *source, const char *author)
{
	return (struct report_row){.source = slice_of(source), .count = 1, .domain = slice_of(author), .sender = {.domain = SLICE("env.example"), .result = SLICE("pass")}};
}

static const struct report about = {.kind = REPORT_DMARC, .domain = SLICE("author.example"), .p = SLICE("reject"), .sp = SLICE("none"), .np = SLICE("none"),
				    .adkim = SLICE("r"), .aspf = SLICE("s"), .testing = SLICE("n")};
#define RUA SLICE("mailto:Dmarc@author.example")

static void same(struct slice found, const char *expected)
{
	if (!slice_equal(found, slice_of(expected)))
		fail_msg("\"%.*s\" where \"%s\" was expected", SLICE_ARG(found), expected);
}

/* ---- Counting ---- */

static void the_same_is_one_row(void **state)
{
	struct policy_tally tally, again;
	struct report report;
	struct slice rua;
	struct buf file = BUF(POLICY_TALLY_FILE_MAX);
	struct arena *arena = arena_new();
	struct report_result signatures[] = {{SLICE("author.example"), SLICE("S1"), SLICE("pass")}, {SLICE("list.example"), SLICE("x"), SLICE("fail")}};
	struct report_row signed_row = row_from("192.0.2.1", "Author.example");
	(void)state;
	signed_row.signatures = signatures;
	signed_row.signature_count = 2;
	signed_row.dkim = true;
	signed_row.reason = SLICE("local_policy");
	signed_row.comment = SLICE("arc=pass");
	policy_tally_begin(&tally, TODAY);
	for (int i = 0; i < 5; i++) {
		policy_tally_add(&tally, &about, RUA, &signed_row);
		policy_tally_add(&tally, &about, RUA, &(struct report_row){.source = SLICE("192.0.2.9"), .count = 2, .domain = SLICE("a\tb\nrow\t9\t")});
	}
	assert_true(policy_tally_write(&tally, &file));
	policy_tally_begin(&again, 0);
	policy_tally_read(&again, buf_slice(&file));
	assert_int_equal(again.begin, TODAY);
	assert_int_equal(again.count, 1);
	policy_tally_report(again.told[0], arena, &report, &rua);
	assert_int_equal(report.row_count, 2);
	same(report.domain, "author.example");
	same(report.p, "reject");
	same(report.aspf, "s");
	same(rua, "mailto:Dmarc@author.example");
	same(report.rows[0].source, "192.0.2.1");
	same(report.rows[0].domain, "author.example");
	same(report.rows[0].reason, "local_policy");
	same(report.rows[0].comment, "arc=pass");
	same(report.rows[0].sender.result, "pass");
	assert_true(report.rows[0].count == 5 && report.rows[0].dkim && report.rows[0].signature_count == 2);
	same(report.rows[0].signatures[0].selector, "s1");
	same(report.rows[0].signatures[1].result, "fail");
	same(report.rows[1].domain, "a?b?row?9?");
	assert_int_equal(report.rows[1].count, 10);
	assert_int_equal(policy_tally_sum(again.told[0]), 15);
	policy_tally_end(&tally);
	policy_tally_end(&again);
	arena_free(&arena);
	buf_free(&file);
}

static void what_finds_no_room_is_counted(void **state)
{
	struct policy_tally tally;
	char source[64];
	(void)state;
	policy_tally_begin(&tally, TODAY);
	for (int i = 0; i < POLICY_TALLY_ROWS_MAX + 50; i++) {
		snprintf(source, sizeof source, "2001:db8::%x", i);
		struct report_row row = row_from(source, "author.example");
		policy_tally_add(&tally, &about, RUA, &row);
	}
	assert_int_equal(map_count(tally.told[0]->rows), POLICY_TALLY_ROWS_MAX);
	assert_int_equal(tally.told[0]->left_off, 50);
	assert_int_equal(policy_tally_sum(tally.told[0]), POLICY_TALLY_ROWS_MAX + 50);
	for (int i = 0; i < POLICY_TALLY_DOMAINS_MAX + 10; i++) {
		struct report other = about;
		snprintf(source, sizeof source, "d%d.example", i);
		other.domain = slice_of(source);
		struct report_row row = row_from("192.0.2.1", source);
		policy_tally_add(&tally, &other, RUA, &row);
	}
	assert_int_equal(tally.count, POLICY_TALLY_DOMAINS_MAX);
	assert_int_equal(tally.left_off, 11);
	policy_tally_end(&tally);
}

static void bytes_are_bounded(void **state)
{
	struct policy_tally tally;
	char name[64], lengthy[300];
	struct buf file = BUF(POLICY_TALLY_FILE_MAX);
	(void)state;
	memset(lengthy, 'x', sizeof lengthy);
	policy_tally_begin(&tally, TODAY);
	for (int d = 0; d < 40; d++)
		for (int i = 0; i < POLICY_TALLY_ROWS_MAX; i++) {
			struct report other = about;
			snprintf(name, sizeof name, "d%d.example", d);
			other.domain = slice_of(name);
			struct report_row row = row_from("192.0.2.1", name);
			char own[16];
			snprintf(own, sizeof own, "%d", i);
			row.envelope = slice_of(own);
			row.reason = slice_make(lengthy, sizeof lengthy);
			policy_tally_add(&tally, &other, RUA, &row);
		}
	assert_true(tally.bytes <= POLICY_TALLY_SIZE_MAX);
	assert_true(policy_tally_write(&tally, &file) && file.len < POLICY_TALLY_SIZE_MAX);
	assert_true(tally.told[39]->left_off > 0 && tally.told[0]->left_off == 0);
	policy_tally_end(&tally);
	buf_free(&file);
}

static void a_damaged_file_is_read_as_far_as_it_goes(void **state)
{
	static const char file[] = "period\t1795824000\t3\nrow\t1\tlost\ndomain\tdmarc\ta.example\t0\tnone\nrow\tx\tbad\nrow\t0\tnone\nrow\t2\tgood\nnonsense\n\ndomain\t\t\t\nrow\t1\tlost\n"
				   "domain\ttls\tb.example\t99999999999999999999\nrow\t7\tsts\t1\nrow\t5\tcut off";
	struct policy_tally tally;
	(void)state;
	policy_tally_begin(&tally, 0);
	policy_tally_read(&tally, slice_of(file));
	assert_int_equal(tally.begin, TODAY);
	assert_int_equal(tally.count, 2);
	assert_int_equal(policy_tally_sum(tally.told[0]), 2);
	assert_int_equal(policy_tally_sum(tally.told[1]), 7);
	policy_tally_end(&tally);
}

static void a_list_of_addresses_is_cut_between_them(void **state)
{
	struct policy_tally tally;
	struct report report;
	struct slice rua;
	struct arena *arena = arena_new();
	struct buf many = BUF(8 * 1024);
	struct report_row row = row_from("192.0.2.1", "author.example");
	(void)state;
	while (many.len < 2 * POLICY_TALLY_RUA_MAX)
		buf_append_text(&many, "mailto:reports@victim.example.com,");
	policy_tally_begin(&tally, TODAY);
	policy_tally_add(&tally, &about, buf_slice(&many), &row);
	policy_tally_report(tally.told[0], arena, &report, &rua);
	assert_true(rua.len > 0 && rua.len <= POLICY_TALLY_RUA_MAX && slice_ends_nocase(rua, SLICE("victim.example.com")));
	policy_tally_end(&tally);
	buf_free(&many);
	arena_free(&arena);
}

/* ---- Periods ---- */

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/pombal-feedback-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[100];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void count(struct policy_feedback *feedback, const char *domain, int64_t now)
{
	struct report report = about;
	struct report_row row = row_from("192.0.2.1", domain);
	report.domain = slice_of(domain);
	policy_feedback_count(feedback, &report, RUA, &row, now);
}

static void a_day_is_reported_within_hours_after_it(void **state)
{
	struct policy_feedback *feedback = policy_feedback_open(folder);
	int64_t begin, end;
	(void)state;
	count(feedback, "a.example", TODAY + 100);
	count(feedback, "b.example", TODAY + 200);
	policy_feedback_tend(feedback, TODAY + DAY - 1);
	assert_null(policy_feedback_next(feedback, TODAY + DAY - 1, &begin, &end));
	policy_feedback_close(&feedback); /* and all of it goes on after a restart */
	feedback = policy_feedback_open(folder);
	count(feedback, "b.example", TODAY + 300);
	policy_feedback_tend(feedback, TODAY + DAY + 1);
	count(feedback, "c.example", TODAY + DAY + 2);
	assert_null(policy_feedback_next(feedback, TODAY + DAY, &begin, &end));
	for (int i = 0; i < 2; i++) {
		const struct policy_told *told = policy_feedback_next(feedback, TODAY + DAY + 4 * 3600, &begin, &end);
		assert_non_null(told);
		assert_true(begin == TODAY && end == TODAY + DAY - 1);
		assert_int_equal(policy_tally_sum(told), slice_equal(told->domain, SLICE("a.example")) ? 1 : 2);
		policy_feedback_told(feedback, told, "queued", SLICE("x@y.example"), 1234, TODAY + DAY + 4 * 3600);
	}
	assert_null(policy_feedback_next(feedback, TODAY + DAY + 4 * 3600, &begin, &end));
	policy_feedback_tend(feedback, TODAY + 2 * DAY);
	const struct policy_told *told = policy_feedback_next(feedback, TODAY + 2 * DAY + 4 * 3600, &begin, &end);
	same(told->domain, "c.example");
	assert_int_equal(begin, TODAY + DAY);
	policy_feedback_close(&feedback);
}

static void what_was_told_is_not_told_again(void **state)
{
	struct policy_feedback *feedback = policy_feedback_open(folder);
	int64_t begin, end, late = TODAY + DAY + 5 * 3600;
	(void)state;
	count(feedback, "a.example", TODAY);
	count(feedback, "b.example", TODAY);
	policy_feedback_tend(feedback, TODAY + DAY);
	const struct policy_told *told = policy_feedback_next(feedback, late, &begin, &end);
	struct slice first = slice_equal(told->domain, SLICE("a.example")) ? SLICE("a.example") : SLICE("b.example");
	policy_feedback_told(feedback, told, "queued", slice_of(NULL), 1, late);
	policy_feedback_close(&feedback);
	feedback = policy_feedback_open(folder);
	told = policy_feedback_next(feedback, late, &begin, &end);
	assert_non_null(told);
	assert_false(slice_equal(told->domain, first));
	policy_feedback_told(feedback, told, "queued", slice_of(NULL), 1, late);
	assert_null(policy_feedback_next(feedback, late, &begin, &end));
	policy_feedback_close(&feedback);
	feedback = policy_feedback_open(folder);
	assert_null(policy_feedback_next(feedback, late, &begin, &end));
	policy_feedback_close(&feedback);
}

static void who_asks_gets_it_at_once(void **state)
{
	struct policy_feedback *feedback = policy_feedback_open(folder);
	int64_t begin, end;
	struct error error;
	char path[100];
	(void)state;
	snprintf(path, sizeof path, "%s/" POLICY_SENT_NOW, folder);
	count(feedback, "a.example", TODAY + 10);
	assert_true(file_replace(path, SLICE(""), 0600, &error));
	policy_feedback_tend(feedback, TODAY + 50);
	const struct policy_told *told = policy_feedback_next(feedback, TODAY + 50, &begin, &end);
	assert_non_null(told);
	assert_true(begin == TODAY && end == TODAY + 50);
	policy_feedback_told(feedback, told, "queued", slice_of(NULL), 1, TODAY + 50);
	count(feedback, "a.example", TODAY + 60);
	assert_true(file_replace(path, SLICE(""), 0600, &error));
	policy_feedback_tend(feedback, TODAY + 70);
	assert_non_null(policy_feedback_next(feedback, TODAY + 70, &begin, &end));
	assert_true(begin == TODAY + 51 && end == TODAY + 70); /* periods don't overlap */
	policy_feedback_told(feedback, policy_feedback_next(feedback, TODAY + 70, &begin, &end), "queued", slice_of(NULL), 1, TODAY + 70);
	count(feedback, "a.example", TODAY + 70);
	assert_true(file_replace(path, SLICE(""), 0600, &error));
	policy_feedback_tend(feedback, TODAY + 70);
	assert_non_null(policy_feedback_next(feedback, TODAY + 70, &begin, &end));
	assert_true(begin == TODAY + 71 && end == TODAY + 71); /* nor if they are asked for twice within a second */
	policy_feedback_close(&feedback);
}

static void who_can_not_be_asked_is_given_up(void **state)
{
	struct policy_feedback *feedback = policy_feedback_open(folder);
	int64_t begin, end, now = TODAY + DAY + 5 * 3600;
	(void)state;
	count(feedback, "a.example", TODAY);
	policy_feedback_tend(feedback, TODAY + DAY);
	const struct policy_told *told = policy_feedback_next(feedback, now, &begin, &end);
	assert_true(policy_feedback_put_off(feedback, told, now));
	assert_null(policy_feedback_next(feedback, now + 1, &begin, &end));
	assert_ptr_equal(policy_feedback_next(feedback, now + 3600, &begin, &end), told);
	assert_false(policy_feedback_put_off(feedback, told, now + DAY));
	assert_null(policy_feedback_next(feedback, now + 10 * DAY, &begin, &end)); /* too old for anybody */
	policy_feedback_close(&feedback);
}

static int seen;

static void see(void *context, const struct policy_sent *sent)
{
	(void)context;
	seen++;
	assert_true(sent->when > 0 && sent->kind == REPORT_DMARC);
	same(sent->outcome, "queued");
	same(sent->addresses, "x@y.example z@y.example");
}

static void the_file_of_what_was_sent_is_bounded(void **state)
{
	char path[100];
	struct error error;
	struct stat status;
	struct policy_sent sent = {.when = 7, .domain = SLICE("a.example"), .begin = 1, .end = 2, .id = SLICE("1.dmarc.a.example@ours.example"), .outcome = SLICE("queued"),
				   .messages = 3, .rows = 2, .bytes = 1000, .addresses = SLICE("x@y.example z@y.example")};
	(void)state;
	snprintf(path, sizeof path, "%s/sent", folder);
	for (int i = 0; i < 30000; i++)
		assert_true(policy_sent_add(path, &sent, &error));
	assert_true(stat(path, &status) == 0 && status.st_size <= POLICY_SENT_SIZE && status.st_size > POLICY_SENT_SIZE / 3);
	seen = 0;
	assert_true(policy_sent_read(path, see, NULL, &error));
	assert_true(seen > 5000 && seen < 30000);
}

/* ---- What of a message ---- */

static void messages_become_rows(void **state)
{
	static const struct { enum dmarc_result result; enum dmarc_policy policy, disposition; bool override; enum policy_action action; const char *row; } cases[] = {
		{DMARC_PASS, DMARC_POLICY_REJECT, DMARC_POLICY_NONE, false, POLICY_JUNK, "none "}, /* that it is junk is nobody's affair */
		{DMARC_FAIL, DMARC_POLICY_NONE, DMARC_POLICY_NONE, false, POLICY_REJECT, "none "},
		{DMARC_FAIL, DMARC_POLICY_REJECT, DMARC_POLICY_REJECT, false, POLICY_REJECT, "reject "},
		{DMARC_FAIL, DMARC_POLICY_REJECT, DMARC_POLICY_REJECT, false, POLICY_JUNK, "quarantine local_policy"},
		{DMARC_FAIL, DMARC_POLICY_REJECT, DMARC_POLICY_QUARANTINE, false, POLICY_JUNK, "quarantine policy_test_mode"},
		{DMARC_FAIL, DMARC_POLICY_QUARANTINE, DMARC_POLICY_QUARANTINE, false, POLICY_ACCEPT, "none local_policy"},
		{DMARC_FAIL, DMARC_POLICY_REJECT, DMARC_POLICY_NONE, true, POLICY_ACCEPT, "none local_policy arc=pass"},
		{DMARC_TEMPERROR, DMARC_POLICY_REJECT, DMARC_POLICY_NONE, false, POLICY_ACCEPT, NULL},
	};
	struct error error;
	struct dkim_verdict signatures[] = {{.result = DKIM_FAIL, .domain = SLICE("x.example"), .selector = SLICE("f")}, {.result = DKIM_PASS, .domain = SLICE("list.example"), .selector = SLICE("l")},
					    {.result = DKIM_PASS, .domain = SLICE("a.example"), .selector = SLICE("s")}};
	struct policy_mail mail = {.client = slice_make("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16), .sender = SLICE("x@env.example")};
	struct arena *arena = arena_new();
	(void)state;
	config_set_current(config_parse(SLICE("reports_from = postmaster@ours.example\n"), "settings", &error));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char domain[32];
		snprintf(domain, sizeof domain, "d%zu.example", i);
		struct policy_verdict verdict = {.spf = {.result = SPF_SOFTFAIL, .domain = SLICE("env.example")}, .dkim = signatures, .dkim_count = 3,
			.dmarc = {.result = cases[i].result, .policy = cases[i].policy, .disposition = cases[i].disposition, .author = SLICE("a.example"), .policy_domain = slice_of(domain),
				  .organization = SLICE("a.example"), .record = {.rua = RUA}}, .override = cases[i].override ? SLICE("arc=pass") : slice_of(NULL)};
		struct policy_feedback *feedback = policy_feedback_open(folder);
		policy_feedback_note(feedback, &mail, &verdict, cases[i].action);
		policy_feedback_close(&feedback);
		struct buf file = BUF(64 * 1024);
		char path[100];
		snprintf(path, sizeof path, "%s/gathered", folder);
		struct policy_tally tally;
		policy_tally_begin(&tally, 0);
		if (file_read(path, &file, &error))
			policy_tally_read(&tally, buf_slice(&file));
		assert_int_equal(tally.count, cases[i].row ? 1 : 0);
		if (cases[i].row) {
			struct report report;
			struct slice rua;
			policy_tally_report(tally.told[0], arena, &report, &rua);
			const struct report_row *row = &report.rows[0];
			same(row->source, "192.0.2.1");
			same(row->envelope, "env.example");
			same(row->sender.result, "softfail");
			assert_int_equal(row->signature_count, 3); /* aligned first, those that fail last */
			same(row->signatures[0].selector, "s");
			same(row->signatures[2].selector, "f");
			same(arena_printf(arena, "%s %.*s%s%.*s", report_disposition_name(row->disposition), SLICE_ARG(row->reason), row->comment.len > 0 ? " " : "", SLICE_ARG(row->comment)), cases[i].row);
		}
		policy_tally_end(&tally);
		buf_free(&file);
		unlink(path);
	}
	config_free_all();
	arena_free(&arena);
}

/* ---- Where to ---- */

static void answer(struct lookup *table, const char *name, const char *text)
{
	struct lookup_record record = {.data = slice_of(text)};
	lookup_put(table, LOOKUP_TXT, slice_of(name), &(struct lookup_answer){.status = text ? LOOKUP_FOUND : LOOKUP_NO_NAME, .records = &record, .count = text != NULL});
}

/* Everything that isn't named below has no such name. */
static enum policy_destination check(struct lookup *table, struct arena *arena, const char *domain, const char *address, struct slice *to)
{
	struct report_destination list[REPORT_DESTINATIONS_MAX];
	assert_int_equal(report_destinations(arena_printf(arena, "mailto:%s", address), arena, list), 1);
	enum policy_destination found;
	while ((found = policy_destination_check(slice_of(domain), &list[0], table, arena)) == POLICY_DESTINATION_PENDING) {
		size_t cursor = 0;
		enum lookup_type type;
		struct slice name;
		struct { enum lookup_type type; struct slice name; } wanted[50];
		size_t count = 0;
		while (count < 50 && lookup_next_wanted(table, &cursor, &type, &name)) {
			wanted[count].type = type;
			wanted[count++].name = arena_copy(arena, name);
		}
		for (size_t i = 0; i < count; i++)
			lookup_put(table, wanted[i].type, wanted[i].name, &(struct lookup_answer){.status = LOOKUP_NO_NAME});
	}
	*to = list[0].address;
	return found;
}

static void only_who_wants_reports_gets_them(void **state)
{
	static const struct { const char *domain, *address; enum policy_destination found; const char *to; } cases[] = {
		{"blue.example", "a@blue.example", POLICY_DESTINATION_GRANTED, "a@blue.example"},
		{"blue.example", "a@reports.blue.example", POLICY_DESTINATION_GRANTED, "a@reports.blue.example"},
		{"sub.blue.example", "a@blue.example", POLICY_DESTINATION_GRANTED, "a@blue.example"},
		{"blue.example", "a@victim.example", POLICY_DESTINATION_REFUSED, "a@victim.example"},
		{"blue.example", "a@taker.example", POLICY_DESTINATION_GRANTED, "a@taker.example"},
		{"blue.example", "a@other.example", POLICY_DESTINATION_GRANTED, "all@other.example"},
		{"blue.example", "a@crooked.example", POLICY_DESTINATION_REFUSED, "a@crooked.example"},
		{"blue.example", "a@wrong.example", POLICY_DESTINATION_REFUSED, "a@wrong.example"},
		{"blue.example", "a@away.example", POLICY_DESTINATION_FAILED, "a@away.example"},
	};
	struct lookup *table = lookup_new();
	struct arena *arena = arena_new();
	(void)state;
	answer(table, "_dmarc.blue.example", "v=DMARC1; p=none; rua=mailto:a@blue.example");
	answer(table, "blue.example._report._dmarc.taker.example", "v=DMARC1");
	answer(table, "blue.example._report._dmarc.other.example", "v=DMARC1; rua=mailto:all@other.example");
	answer(table, "blue.example._report._dmarc.crooked.example", "v=DMARC1; rua=mailto:a@victim.example");
	answer(table, "blue.example._report._dmarc.wrong.example", "v=spf1 -all");
	lookup_put(table, LOOKUP_TXT, SLICE("blue.example._report._dmarc.away.example"), &(struct lookup_answer){.status = LOOKUP_FAILED});
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice to;
		assert_int_equal(check(table, arena, cases[i].domain, cases[i].address, &to), cases[i].found);
		same(to, cases[i].to);
	}
	lookup_free(&table);
	arena_free(&arena);
}

/* ---- What crosses ---- */

static void what_crosses_is_checked(void **state)
{
	struct arena *arena = arena_new();
	struct policy_outgoing sent = {.kind = REPORT_DMARC, .id = SLICE("1.dmarc.a.example@ours.example"), .domain = SLICE("a.example"), .begin = 1, .end = 2, .messages = 3,
				       .to = {{.address = SLICE("x@a.example")}}, .count = 1, .packed = SLICE("\x1f\x8bpacked")}, found;
	struct slice *fields[] = {&sent.id, &sent.domain, &sent.to[0].address};
	struct slice wrong[] = {SLICE(""), SLICE("a\r\nBcc: b@c.example"), SLICE("<a>"), SLICE("a b"), SLICE("a\xff")};
	struct buf text = BUF(4096);
	(void)state;
	assert_true(policy_outgoing_encode(&sent, &text) && policy_outgoing_decode(buf_slice(&text), arena, &found));
	assert_true(found.messages == 3 && found.count == 1 && found.begin == 1 && found.end == 2);
	same(found.to[0].address, "x@a.example");
	for (size_t length = 0; length + 8 < text.len; length++)
		assert_false(policy_outgoing_decode(slice_sub(buf_slice(&text), 0, length), arena, &found));
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
			struct slice right = *fields[i];
			*fields[i] = wrong[k];
			buf_clear(&text);
			assert_true(policy_outgoing_encode(&sent, &text));
			assert_false(policy_outgoing_decode(buf_slice(&text), arena, &found));
			*fields[i] = right;
		}
	buf_free(&text);
	arena_free(&arena);
}

static void sessions_cross_line_by_line(void **state)
{
	struct report_row row = {.policy = SLICE("no-policy-found"), .reason = SLICE("certificate-expired"), .source = SLICE("mx.a.example"), .address = SLICE("192.0.2.1"), .count = 4}, found;
	struct buf text = BUF(4096);
	struct slice domain;
	(void)state;
	assert_true(policy_outgoing_session(SLICE("a.example"), &row, &text));
	buf_append_text(&text, "b.example\t\t\n\nb..\tsts\t1\t\t\t\t4\nb.example\tsts\t1\ta b\t\t\t4\n");
	struct slice rest = buf_slice(&text);
	assert_true(policy_outgoing_next_session(&rest, &domain, &found));
	same(domain, "a.example");
	same(found.reason, "certificate-expired");
	assert_true(found.count == 4 && !found.passed);
	for (int i = 0; i < 4; i++) {
		assert_true(policy_outgoing_next_session(&rest, &domain, &found));
		assert_int_equal(domain.len, 0);
	}
	assert_false(policy_outgoing_next_session(&rest, &domain, &found));
	buf_free(&text);
}

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_one_row), cmocka_unit_test(what_finds_no_room_is_counted), cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(a_damaged_file_is_read_as_far_as_it_goes), cmocka_unit_test(a_list_of_addresses_is_cut_between_them),
		IN_FOLDER(a_day_is_reported_within_hours_after_it), IN_FOLDER(what_was_told_is_not_told_again), IN_FOLDER(who_asks_gets_it_at_once),
		IN_FOLDER(who_can_not_be_asked_is_given_up), IN_FOLDER(the_file_of_what_was_sent_is_bounded), IN_FOLDER(messages_become_rows), cmocka_unit_test(only_who_wants_reports_gets_them),
		cmocka_unit_test(what_crosses_is_checked), cmocka_unit_test(sessions_cross_line_by_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
