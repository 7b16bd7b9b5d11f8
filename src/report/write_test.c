/* Reports as we write them: what is written is read again as it was, whatever strangers have put into it; and where they go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "report/report.h"

enum { XML_MAX = 4 * 1024 * 1024 };

static int make_arena(void **state)
{
	*state = arena_new();
	return 0;
}

static int free_arena(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

static void same(struct slice found, struct slice expected)
{
	if (!slice_equal(found, expected))
		fail_msg("\"%.*s\" where \"%.*s\" was expected", SLICE_ARG(found), SLICE_ARG(expected));
}

/* ---- DMARC ---- */

static struct report_result signatures[] = {
	{SLICE("list.example"), SLICE("s2026"), SLICE("pass")},
	{SLICE("author.example"), SLICE("s1"), SLICE("fail")},
};

static struct report_row rows[] = {
	{.source = SLICE("192.0.2.1"), .count = 7, .domain = SLICE("author.example"), .passed = true, .dkim = true, .envelope = SLICE("bounce.author.example"),
	 .sender = {.domain = SLICE("bounce.author.example"), .result = SLICE("softfail")}, .signatures = signatures, .signature_count = 1},
	{.source = SLICE("2001:db8::25"), .count = 1, .domain = SLICE("sub.author.example"), .disposition = REPORT_QUARANTINE, .reason = SLICE("local_policy"), .comment = SLICE("arc=pass as[1].d=list.example"),
	 .sender = {.domain = SLICE("helo.example"), .result = SLICE("none")}, .signatures = signatures, .signature_count = 2},
};

static struct report sample(void)
{
	return (struct report){.kind = REPORT_DMARC, .reporter = SLICE("mail.ours.example"), .contact = SLICE("postmaster@ours.example"), .id = SLICE("1.author.example@ours.example"),
			       .domain = SLICE("author.example"), .begin = 1795824000, .end = 1795910399, .p = SLICE("reject"), .sp = SLICE("quarantine"), .np = SLICE("reject"),
			       .adkim = SLICE("r"), .aspf = SLICE("s"), .testing = SLICE("n"), .rows = rows, .row_count = sizeof rows / sizeof *rows};
}

static void check_row(const struct report_row *found, const struct report_row *row)
{
	same(found->source, row->source);
	same(found->domain, row->domain);
	same(found->envelope, row->envelope);
	same(found->reason, row->reason);
	same(found->comment, row->comment);
	same(found->sender.domain, row->sender.domain);
	same(found->sender.result, row->sender.result);
	assert_true(found->count == row->count && found->disposition == row->disposition && found->dkim == row->dkim && found->spf == row->spf && found->passed == row->passed);
	assert_int_equal(found->signature_count, row->signature_count);
	for (size_t i = 0; i < row->signature_count; i++) {
		same(found->signatures[i].domain, row->signatures[i].domain);
		same(found->signatures[i].selector, row->signatures[i].selector);
		same(found->signatures[i].result, row->signatures[i].result);
	}
}

static void read_back(void **state, const struct report *report, struct report *found)
{
	struct buf text = BUF(XML_MAX), packed = BUF(XML_MAX);
	struct error error = {0};
	assert_true((report->kind == REPORT_TLS ? report_write_tls : report_write_aggregate)(report, &text));
	assert_true(report_pack(buf_slice(&text), &packed));
	if (!report_read(buf_slice(&packed), *state, found, &error))
		fail_msg("%s: %.*s", error.text, SLICE_ARG(buf_slice(&text)));
	assert_null(found->fault);
	assert_int_equal(found->kind, report->kind);
	buf_free(&text);
	buf_free(&packed);
}

static void what_is_written_is_read_again(void **state)
{
	struct report report = sample(), found;
	read_back(state, &report, &found);
	same(found.reporter, report.reporter);
	same(found.contact, report.contact);
	same(found.id, report.id);
	same(found.domain, report.domain);
	same(found.p, report.p);
	same(found.sp, report.sp);
	same(found.np, report.np);
	same(found.adkim, report.adkim);
	same(found.aspf, report.aspf);
	same(found.testing, report.testing);
	assert_true(found.begin == report.begin && found.end == report.end && found.row_count == report.row_count);
	for (size_t i = 0; i < report.row_count; i++)
		check_row(&found.rows[i], &rows[i]);
}

/* RFC 9990 §3.1.1: the elements of a record, of a row and of what was evaluated come in this order. */
static void elements_come_in_the_order_that_is_demanded(void **state)
{
	static const char *const order[] = {"<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">", "<version>1.0</version>", "<report_metadata>", "<date_range>", "<policy_published>",
		"<discovery_method>treewalk<", "<record>", "<row>", "<source_ip>192.0.2.1<", "<count>7<", "<policy_evaluated>", "<disposition>none<", "<dkim>pass<", "<spf>fail<", "</row>",
		"<identifiers>", "<header_from>author.example<", "<envelope_from>bounce.author.example<", "<auth_results>", "<dkim>", "<selector>s2026<", "<spf>", "<scope>mfrom<",
		"<result>softfail<", "</record>", "<disposition>quarantine<", "<dkim>fail<", "<spf>fail<", "<reason>", "<type>local_policy<", "</feedback>"};
	struct report report = sample();
	struct buf xml = BUF(XML_MAX);
	(void)state;
	assert_true(report_write_aggregate(&report, &xml));
	struct slice rest = buf_slice(&xml);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		size_t at = slice_find(rest, slice_of(order[i]));
		if (at == SLICE_NONE)
			fail_msg("%s is missing after %zu others", order[i], i);
		rest = slice_skip(rest, at);
	}
	buf_free(&xml);
}

static void strangers_words_stay_text(void **state)
{
	static const struct { struct slice written, read; } words[] = {
		{SLICE("</domain></dkim><x>&lt;&\"'"), SLICE("</domain></dkim><x>&lt;&\"'")},
		{SLICE("a\x01" "b\r\nc\x7f"), SLICE("a b  c")},
		{SLICE("caf\xc3\xa9"), SLICE("caf\xc3\xa9")},
		{SLICE("caf\xe9"), SLICE("caf?")},
		{SLICE("x\xef\xbf\xbf"), SLICE("x???")},
		{SLICE("]]>"), SLICE("]]>")},
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct report_result signature = {words[i].written, words[i].written, SLICE("pass")};
		struct report_row row = {.source = SLICE("192.0.2.1"), .count = 1, .domain = words[i].written, .signatures = &signature, .signature_count = 1};
		struct report report = sample(), found;
		report.rows = &row;
		report.row_count = 1;
		read_back(state, &report, &found);
		same(found.rows[0].domain, words[i].read);
		same(found.rows[0].signatures[0].selector, words[i].read);
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	struct report report = sample();
	struct buf small = BUF(500), tiny = BUF(20);
	(void)state;
	assert_false(report_write_aggregate(&report, &small));
	assert_false(report_pack(SLICE("a text that needs more than twenty bytes, packed or not"), &tiny));
	report.kind = REPORT_TLS;
	buf_clear(&small);
	assert_false(report_write_tls(&report, &tiny));
	buf_free(&small);
	buf_free(&tiny);
}

static void many_rows_are_written_and_packed_well(void **state)
{
	enum { MANY = 2000 };
	struct report report = sample(), found;
	struct buf xml = BUF(XML_MAX), packed = BUF(XML_MAX);
	report.rows = arena_array(*state, MANY, sizeof *report.rows);
	for (size_t i = 0; i < MANY; i++) {
		report.rows[i] = rows[1];
		report.rows[i].source = arena_printf(*state, "2001:db8::%zx", i + 1);
	}
	report.row_count = MANY;
	assert_true(report_write_aggregate(&report, &xml) && report_pack(buf_slice(&xml), &packed));
	assert_true(packed.len < xml.len / 20);
	read_back(state, &report, &found);
	assert_int_equal(found.row_count, MANY);
	same(found.rows[MANY - 1].source, report.rows[MANY - 1].source);
	buf_free(&xml);
	buf_free(&packed);
}

/* ---- TLS ---- */

static void a_tls_report_is_read_again(void **state)
{
	struct report_row sessions[] = {
		{.domain = SLICE("peer.example"), .policy = SLICE("no-policy-found"), .passed = true, .count = 12},
		{.domain = SLICE("peer.example"), .policy = SLICE("no-policy-found"), .count = 3, .reason = SLICE("certificate-expired"), .source = SLICE("mx.peer.example"),
		 .address = SLICE("192.0.2.7")},
		{.domain = SLICE("peer.example"), .policy = SLICE("no-policy-found"), .count = 1, .reason = SLICE("starttls-not-supported"), .source = SLICE("192.0.2.8"),
		 .address = SLICE("192.0.2.8")},
		{.domain = SLICE("peer.example"), .policy = SLICE("sts"), .passed = true, .count = 2},
	};
	struct report report = sample(), found;
	report.kind = REPORT_TLS;
	report.rows = sessions;
	report.row_count = sizeof sessions / sizeof *sessions;
	read_back(state, &report, &found);
	same(found.domain, SLICE("peer.example"));
	assert_true(found.begin == report.begin && found.end == report.end && found.row_count == report.row_count);
	for (size_t i = 0; i < report.row_count; i++) {
		same(found.rows[i].source, sessions[i].source);
		same(found.rows[i].address, sessions[i].address);
		same(found.rows[i].reason, sessions[i].reason);
		same(found.rows[i].policy, sessions[i].policy);
		assert_true(found.rows[i].count == sessions[i].count && found.rows[i].passed == sessions[i].passed);
	}
}

static void a_policy_is_told_with_what_it_says(void **state)
{
	(void)state;
	struct report_row sessions[] = {
		{.domain = SLICE("peer.example"), .policy = SLICE("sts=mode:enforce|mx:mx.peer.example|mx:*.example.net|max_age:86400"), .passed = true, .count = 2},
		{.domain = SLICE("peer.example"), .policy = SLICE("sts=mode:none|max_age:1"), .count = 1, .reason = SLICE("validation-failure")},
	};
	struct report report = sample();
	struct buf text = BUF(REPORT_TEXT_MAX), plain = BUF(REPORT_TEXT_MAX);
	report.kind = REPORT_TLS;
	report.rows = sessions;
	report.row_count = 2;
	assert_true(report_write_tls(&report, &text));
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != ' ' && text.at[i] != '\n')
			buf_append_char(&plain, text.at[i]);
	static const char *const parts[] = {
		"\"policy-type\":\"sts\",\"policy-domain\":\"peer.example\",\"policy-string\":[\"version:STSv1\",\"mode:enforce\",\"mx:mx.peer.example\",\"mx:*.example.net\",\"max_age:86400\"],"
		"\"mx-host\":[\"mx.peer.example\",\"*.example.net\"]",
		"\"policy-string\":[\"version:STSv1\",\"mode:none\",\"max_age:1\"],\"mx-host\":[]", /* another policy is another entry */
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (slice_find(buf_slice(&plain), slice_of(parts[i])) == SLICE_NONE)
			fail_msg("%.*s", SLICE_ARG(buf_slice(&plain)));
	buf_free(&text);
	buf_free(&plain);
}

/* ---- Destinations ---- */

static void expect(void **state, const char *rua, const char *expected)
{
	struct report_destination list[REPORT_DESTINATIONS_MAX];
	struct buf text = BUF(4096);
	size_t count = report_destinations(slice_of(rua), *state, list);
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%s%.*s/%.*s/%llu", i > 0 ? " " : "", SLICE_ARG(list[i].address), SLICE_ARG(list[i].host), (unsigned long long)list[i].most);
	same(buf_slice(&text), slice_of(expected));
	buf_free(&text);
}

static void destinations_are_read(void **state)
{
	expect(state, "mailto:dmarc@a.example", "dmarc@a.example/a.example/0");
	expect(state, " MAILTO:dmarc@A.Example!10m , mailto:b@b.example!5k,mailto:c@c.example!7", "dmarc@A.Example/a.example/10485760 b@b.example/b.example/5120 c@c.example/c.example/7");
	expect(state, "mailto:a%2Btag@a.example?subject=x%20y", "a+tag@a.example/a.example/0");
	expect(state, "mailto:a@a.example,mailto:A@a.example", "a@a.example/a.example/0");
	expect(state, "mailto:a@1.example,mailto:a@2.example,mailto:a@3.example,mailto:a@4.example,mailto:a@5.example",
	       "a@1.example/1.example/0 a@2.example/2.example/0 a@3.example/3.example/0 a@4.example/4.example/0");
}

static void what_is_no_destination_is_passed_over(void **state)
{
	static const char *const none[] = {"", ",", ",,,", "mailto:", "mailto:@", "mailto:a", "a@a.example", "https://a.example/report", "mailto:a@[192.0.2.1]", "mailto:a@a.example!10x",
		"mailto:a@a.example!99999999999999999999m", "mailto:a%0d%0ab@a.example", "mailto:a%00@a.example", "mailto:<a@a.example>", "mailto:a@a.example%3e%0aRCPT",
		"mailto:a@a..example", "mailto:a b@a.example", "mailto:caf\xc3\xa9@a.example", "mailto:a%@a.example%", "mailto:a@b@a.example x"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		expect(state, none[i], "");
	expect(state, "https://a.example/,mailto:b@b.example", "b@b.example/b.example/0");
	char *lengthy = arena_alloc(*state, REPORT_URI_MAX + 100);
	memset(lengthy, 'a', REPORT_URI_MAX + 80);
	memcpy(lengthy, "mailto:", 7);
	expect(state, lengthy, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read_again), TEST(elements_come_in_the_order_that_is_demanded), TEST(strangers_words_stay_text), TEST(what_does_not_fit_is_refused),
		TEST(many_rows_are_written_and_packed_well), TEST(a_tls_report_is_read_again), TEST(a_policy_is_told_with_what_it_says), TEST(destinations_are_read), TEST(what_is_no_destination_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
