/* What crosses between those who ask and the policy role: nothing else than what it should be gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "policy/judge.h"

#define FIELD "Authentication-Results: mx.example;\r\n\tspf=pass smtp.mailfrom=ann@example.org\r\n"

static void test_a_question_arrives_as_it_was_asked(void **state)
{
	(void)state;
	struct buf out = BUF(4096);
	struct policy_question asked = {.client = SLICE("\1\2\3\4"), .helo = SLICE("h.example"), .sender = SLICE("a@b.example"), .receiver = SLICE("mx.example"), .recipients = SLICE("anna@x.example\n"),
		.text = SLICE("From: x\r\n\r\n"), .skip = 77, .for_reports = true, .own = true, .user = SLICE("anna@x.example"),
		.thresholds = {.tag = 1, .junk = THRESHOLD_NEVER, .quarantine = 99999, .reject = 250}}, heard;
	assert_true(policy_question_encode(&asked, &out));
	assert_true(policy_question_decode(buf_slice(&out), &heard));
	assert_true(slice_equal(heard.client, asked.client) && slice_equal(heard.helo, asked.helo) && slice_equal(heard.sender, asked.sender));
	assert_true(slice_equal(heard.receiver, asked.receiver) && slice_equal(heard.recipients, asked.recipients) && slice_equal(heard.text, asked.text) && heard.skip == 77 && !heard.in_file && heard.for_reports && heard.own && slice_equal(heard.user, asked.user));
	assert_true(config_thresholds_are_same(heard.thresholds, asked.thresholds));
	for (size_t len = 0; len < out.len; len++)
		assert_false(policy_question_decode(slice_make(out.at, len), &heard));
	buf_clear(&out);
	asked.thresholds.reject = THRESHOLD_MOST + 1;
	assert_true(policy_question_encode(&asked, &out));
	assert_false(policy_question_decode(buf_slice(&out), &heard));
	buf_free(&out);
}

static bool gets_through(struct slice reply, struct slice field)
{
	struct buf out = BUF(64 * 1024);
	struct policy_answer given = {.known = true, .action = POLICY_REJECT, .reply = reply, .field = field, .spf = SLICE("pass")}, heard;
	assert_true(policy_answer_encode(&given, &out));
	bool through = policy_answer_decode(buf_slice(&out), &heard);
	assert_true(!through || (slice_equal(heard.field, field) && slice_equal(heard.reply, reply) && heard.action == POLICY_REJECT && slice_equal(heard.spf, SLICE("pass"))));
	buf_free(&out);
	return through;
}

static void test_an_answer_adds_one_field_and_no_line_of_a_reply(void **state)
{
	(void)state;
	assert_true(gets_through(SLICE("go away"), SLICE(FIELD)));
	assert_true(gets_through(SLICE("go away"), SLICE(FIELD "X-Attachment-Findings: ATTACH_MACROS\r\n")));
	assert_false(gets_through(SLICE("go away"), SLICE("X-Attachment-Findings: ATTACH_MACROS\r\n")));
	static const char *const replies[] = {"a\r\n250 b", "a\nb", "a\tb", "\xc3\xa9"};
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
		assert_false(gets_through(slice_of(replies[i]), SLICE(FIELD)));
	static const char *const fields[] = {"", "Subject: x\r\n", "Authentication-Results: a", "Authentication-Results: a\n", "Authentication-Results: a\r\nSubject: x\r\n",
		"Authentication-Results: a\r\n\r\n", "Authentication-Results: a\r\n\tb\r\r\n", "Authentication-Results: a\x01\r\n", FIELD "x"};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		assert_false(gets_through(SLICE("a"), slice_of(fields[i])));
	assert_false(gets_through(SLICE("a"), SLICE("Authentication-Results: a\0b\r\n")));
	struct buf out = BUF(1024);
	struct policy_answer own = {.known = true, .own = true, .country = SLICE("PT"), .action = POLICY_REJECT, .reply = SLICE("go away"), .points = 500, .record = SLICE("A 5.00\n")}, heard;
	assert_true(policy_answer_encode(&own, &out) && policy_answer_decode(buf_slice(&out), &heard) && heard.own && heard.points == 500 && heard.action == POLICY_REJECT && slice_equal(heard.country, SLICE("PT")));
	buf_clear(&out);
	own.country = SLICE("p\n");
	assert_true(policy_answer_encode(&own, &out));
	assert_false(policy_answer_decode(buf_slice(&out), &heard));
	own.country = SLICE("PT");
	buf_clear(&out);
	own.field = SLICE(FIELD);
	assert_true(policy_answer_encode(&own, &out));
	assert_false(policy_answer_decode(buf_slice(&out), &heard));
	buf_free(&out);
}

static bool author_gets_through(struct slice author)
{
	struct buf out = BUF(64 * 1024);
	struct policy_answer given = {.known = true, .field = SLICE(FIELD), .points = -375, .weighed = true, .suspect = true, .author = author}, heard;
	assert_true(policy_answer_encode(&given, &out));
	bool through = policy_answer_decode(buf_slice(&out), &heard);
	assert_true(!through || (heard.points == -375 && heard.weighed && heard.suspect && slice_equal(heard.author, author)));
	buf_free(&out);
	return through;
}

static void test_an_author_is_an_address(void **state)
{
	(void)state;
	assert_true(author_gets_through(SLICE("")) && author_gets_through(SLICE("j\xc3\xbcrgen@example.org")));
	assert_false(author_gets_through(SLICE("a@b.example\nc")) || author_gets_through(SLICE("a b@c.example")) || author_gets_through(SLICE("\xff@b.example")));
}

static bool cut_gets_through(struct policy_cut first, struct policy_cut second)
{
	struct buf out = BUF(64 * 1024);
	struct policy_answer given = {.known = true, .field = SLICE(FIELD), .cuts = {first, second}, .cut_count = 2}, heard;
	assert_true(policy_answer_encode(&given, &out));
	bool through = policy_answer_decode(buf_slice(&out), &heard);
	assert_true(!through || (heard.cut_count == 2 && heard.cuts[1].at == second.at && heard.cuts[1].len == second.len && slice_equal(heard.cuts[0].text, first.text)));
	buf_free(&out);
	return through;
}

static void test_cuts_are_in_order_and_begin_no_parts(void **state)
{
	(void)state;
	struct policy_cut good = {10, 20, SLICE("Content-Type: x\r\n\r\nx")}, next = {30, 5, SLICE("x")};
	assert_true(cut_gets_through(good, next));
	next.at = 29;
	assert_false(cut_gets_through(good, next));
	next.at = 40;
	static const char *const texts[] = {"", "--b", "a\r\n--b", "a\nb", "a\rb", "a\r", "\xc3\xa9", "a\x01"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		next.text = slice_of(texts[i]);
		assert_false(cut_gets_through(good, next));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_question_arrives_as_it_was_asked),
		cmocka_unit_test(test_cuts_are_in_order_and_begin_no_parts),
		cmocka_unit_test(test_an_author_is_an_address),
		cmocka_unit_test(test_an_answer_adds_one_field_and_no_line_of_a_reply),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
