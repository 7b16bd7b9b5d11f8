/* Tests of the pure parts: where lines and messages end, and what the arguments of commands say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "smtp/frame.h"
#include "smtp/parse.h"

/* ---- Framing ---- */

/* Receives `wire` in pieces as session.c does, and returns the message's text; *rest is what follows its end. False: no end. */
static bool receive(struct slice wire, size_t piece, struct buf *message, struct slice *rest)
{
	bool line_start = true, ends = false;
	size_t arrived = 0, consumed = 0, scanned = 0;
	while (!ends) {
		if (arrived == wire.len)
			return false;
		arrived = arrived + piece < wire.len ? arrived + piece : wire.len;
		struct slice input = slice_make(wire.at + consumed, arrived - consumed), text;
		size_t taken = smtp_frame_data(input, line_start, scanned, &ends);
		if (!ends && taken == 0) {
			scanned = input.len > 4 ? input.len - 4 : 0;
			continue;
		}
		struct slice unit = slice_make(input.at, taken - (ends ? 3 : 0));
		while (smtp_frame_unstuff(&unit, &line_start, &text))
			buf_append(message, text);
		consumed += taken;
		scanned = 0;
	}
	*rest = slice_skip(wire, consumed);
	return true;
}

static void assert_message(struct slice wire, struct slice expected, struct slice expected_rest)
{
	for (size_t piece = 1; piece <= wire.len; piece++) {
		struct buf message = BUF(100000);
		struct slice rest;
		assert_true(receive(wire, piece, &message, &rest));
		if (!slice_equal(buf_slice(&message), expected))
			fail_msg("pieces of %zu: got \"%.*s\"", piece, (int)message.len, message.at);
		assert_true(slice_equal(rest, expected_rest));
		buf_free(&message);
	}
}

static void dots_are_unstuffed_across_pieces(void **state)
{
	(void)state;
	assert_message(SLICE("\r\n.\r\n"), SLICE("\r\n"), SLICE(""));
	assert_message(SLICE(".\r\n"), SLICE(""), SLICE(""));
	assert_message(SLICE(".\r\nQUIT\r\n"), SLICE(""), SLICE("QUIT\r\n"));
	assert_message(SLICE("..\r\n...\r\n.a\r\nb.\r\n.\r\nNOOP\r\n"), SLICE(".\r\n..\r\na\r\nb.\r\n"), SLICE("NOOP\r\n"));
	assert_message(SLICE("..\r\n.\r\n"), SLICE(".\r\n"), SLICE(""));
	assert_message(SLICE("a\r\n..\r\n.\r\n.\r\n"), SLICE("a\r\n.\r\n"), SLICE(".\r\n"));
}

/* None of these ends a message for us: what follows stays its text, until CR LF . CR LF. */
static void nothing_else_ends_a_message(void **state)
{
	(void)state;
	static const struct slice fakes[] = {
		{"\n.\n", 3}, {"\r.\r", 3}, {"\n.\r\n", 4}, {"\r\n.\n", 4}, {"\r.\r\n", 4}, {"\r\n.\r", 4}, {"\n\n.\r\n", 5}, {"\r\r\n.\n", 5},
		{"\r\n.\0\r\n", 6}, {"\r\n\0.\r\n", 6}, {"\r\n. \r\n", 6}, {"\r\0\n.\r\n", 6}, {"\n.\r\r\n", 5},
	};
	for (size_t i = 0; i < sizeof fakes / sizeof *fakes; i++) {
		struct buf wire = BUF(1000), message = BUF(1000);
		struct slice rest;
		buf_append(&wire, SLICE("one"));
		buf_append(&wire, fakes[i]);
		buf_append(&wire, SLICE("MAIL FROM:<a@b>\r\n.\r\nNOOP\r\n"));
		for (size_t piece = 1; piece < wire.len; piece++) {
			buf_clear(&message);
			assert_true(receive(buf_slice(&wire), piece, &message, &rest));
			assert_true(slice_equal(rest, SLICE("NOOP\r\n")));
			assert_true(slice_ends_nocase(buf_slice(&message), SLICE("MAIL FROM:<a@b>\r\n")));
		}
		buf_free(&wire);
		buf_free(&message);
	}
	/* CR CR LF . CR LF holds the true end */
	assert_message(SLICE("a\r\r\n.\r\nNOOP\r\n"), SLICE("a\r\r\n"), SLICE("NOOP\r\n"));
}

/* What a sender stuffs, we get back, whatever the bytes and the pieces. */
static void random_texts_survive(void **state)
{
	(void)state;
	static const char alphabet[] = ".\r\na";
	for (int round = 0; round < 20000; round++) {
		struct buf text = BUF(200), wire = BUF(500), message = BUF(500);
		struct slice rest;
		for (uint64_t left = random_below(20); left > 0; left--) {
			if (random_below(3) == 0)
				buf_append(&text, SLICE("\r\n"));
			else
				buf_append_char(&text, alphabet[random_below(4)]);
		}
		buf_append(&text, SLICE("\r\n"));
		for (size_t i = 0; i < text.len; i++) {
			bool start = i == 0 || (i >= 2 && text.at[i - 2] == '\r' && text.at[i - 1] == '\n');
			if (start && text.at[i] == '.')
				buf_append_char(&wire, '.');
			buf_append_char(&wire, text.at[i]);
		}
		buf_append(&wire, SLICE(".\r\nRSET\r\n"));
		assert_true(receive(buf_slice(&wire), 1 + random_below(wire.len), &message, &rest));
		assert_true(slice_equal(buf_slice(&message), buf_slice(&text)));
		assert_true(slice_equal(rest, SLICE("RSET\r\n")));
		buf_free(&text);
		buf_free(&wire);
		buf_free(&message);
	}
}

static enum smtp_frame_fault check_in_pieces(struct slice text, size_t piece, uint64_t line_max)
{
	bool after_cr = false;
	uint64_t line = 0;
	for (size_t at = 0; at < text.len; at += piece) {
		enum smtp_frame_fault fault = smtp_frame_check(slice_sub(text, at, piece), line_max, &after_cr, &line);
		if (fault != FRAME_FINE)
			return fault;
	}
	return after_cr ? FRAME_BARE_CR : FRAME_FINE;
}

static void bare_line_ends_are_seen(void **state)
{
	(void)state;
	static const struct { struct slice text; enum smtp_frame_fault fault; } cases[] = {
		{{"a\r\nb\r\n", 6}, FRAME_FINE}, {{"\r\n\r\n", 4}, FRAME_FINE}, {{"", 0}, FRAME_FINE}, {{"abc", 3}, FRAME_FINE},
		{{"a\nb\r\n", 5}, FRAME_BARE_LF}, {{"\n", 1}, FRAME_BARE_LF}, {{"a\r\n\n", 4}, FRAME_BARE_LF}, {{"a\rb\r\n", 5}, FRAME_BARE_CR},
		{{"a\r\r\n", 4}, FRAME_BARE_CR}, {{"a\r", 2}, FRAME_BARE_CR}, {{"\r", 1}, FRAME_BARE_CR}, {{"a\r\0\n", 4}, FRAME_NUL},
		{{"\0", 1}, FRAME_NUL}, {{"a\r\n\0.\r\n", 7}, FRAME_NUL}, {{"a\r\n.\0\r\n", 7}, FRAME_NUL}, {{"a\0\r\n", 4}, FRAME_NUL},
		{{"12345\r\n", 7}, FRAME_FINE}, {{"1234567890\r\n", 12}, FRAME_FINE}, {{"12345678901\r\n", 13}, FRAME_LONG_LINE},
		{{"1\r\n12345678901", 14}, FRAME_FINE}, {{"1\r\n123456789012", 15}, FRAME_LONG_LINE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t piece = 1; piece <= 20; piece++)
			if (check_in_pieces(cases[i].text, piece, 10) != cases[i].fault)
				fail_msg("case %zu in pieces of %zu", i, piece);
}

static void assert_mended(struct slice wire, bool stuffed, struct slice expected)
{
	for (size_t piece = 1; piece <= wire.len; piece++) {
		struct buf message = BUF(1000);
		bool after_cr = false, after_lf = false;
		for (size_t at = 0; at < wire.len; at += piece) {
			struct slice bytes = slice_sub(wire, at, piece);
			if (smtp_frame_needs_mending(bytes, after_cr, after_lf))
				smtp_frame_mend(bytes, stuffed, after_cr, &after_lf, &message);
			else
				buf_append(&message, bytes);
			after_cr = message.len > 0 && message.at[message.len - 1] == '\r';
		}
		if (!slice_equal(buf_slice(&message), expected))
			fail_msg("pieces of %zu: got \"%.*s\"", piece, (int)message.len, message.at);
		buf_free(&message);
	}
}

static void lone_lfs_are_mended(void **state)
{
	(void)state;
	assert_mended(SLICE("a\nb\r\n\nc\n\n"), true, SLICE("a\r\nb\r\n\r\nc\r\n\r\n"));
	assert_mended(SLICE("\n"), true, SLICE("\r\n"));
	assert_mended(SLICE("a\r\nb\r\n"), true, SLICE("a\r\nb\r\n"));
	assert_mended(SLICE("a\n.b\n..c\n.\n.\r\n.d\r\n"), true, SLICE("a\r\nb\r\n.c\r\n\r\n\r\n.d\r\n"));
	assert_mended(SLICE("a\n.b\n..c\n.\n.\r\n.d\r\n"), false, SLICE("a\r\n.b\r\n..c\r\n.\r\n.\r\n.d\r\n"));
	assert_mended(SLICE("a\n.\r\n\n.\n"), true, SLICE("a\r\n\r\n\r\n\r\n"));
	assert_mended(SLICE("a\r\r\n\rb\n\r\n"), true, SLICE("a\r\r\n\rb\r\n\r\n")); /* a CR that stands alone stays, and refuses it */
}

static void lines_end_with_crlf_only(void **state)
{
	(void)state;
	assert_int_equal(smtp_frame_line(SLICE("NOOP\r\nQUIT\r\n")), 6);
	assert_int_equal(smtp_frame_line(SLICE("NOOP\nQUIT\r\n")), 11);
	assert_int_equal(smtp_frame_line(SLICE("NOOP\r")), 0);
	assert_int_equal(smtp_frame_line(SLICE("NOOP\r\r\n")), 7);
	assert_int_equal(smtp_frame_line(SLICE("")), 0);
	assert_true(smtp_frame_has_control(SLICE("a\nb")) && smtp_frame_has_control(SLICE("a\0")) && !smtp_frame_has_control(SLICE("")));
}

/* ---- Commands ---- */

struct fixture {
	struct arena *arena;
	struct smtp_mail_command mail;
	struct smtp_rcpt_command rcpt;
};

static int set_up(void **state)
{
	struct fixture *fixture = memory_new(sizeof *fixture);
	fixture->arena = arena_new();
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	arena_free(&fixture->arena);
	free(fixture);
	return 0;
}

static void mail_fine(struct fixture *fixture, const char *argument)
{
	const char *reply = smtp_parse_mail(slice_of(argument), fixture->arena, &fixture->mail);
	if (reply)
		fail_msg("%s: %s", argument, reply);
}

static void mail_refused(struct fixture *fixture, const char *argument, const char *code)
{
	const char *reply = smtp_parse_mail(slice_of(argument), fixture->arena, &fixture->mail);
	if (!reply || strncmp(reply, code, strlen(code)) != 0)
		fail_msg("%s: %s", argument, reply ? reply : "accepted");
}

static void mail_parameters(void **state)
{
	struct fixture *fixture = *state;
	struct smtp_mail_command *mail = &fixture->mail;
	mail_fine(fixture, "FROM:<a@example.test>");
	assert_true(slice_equal(mail->from, SLICE("a@example.test")) && mail->size == 0 && mail->body == BODY_7BIT);
	mail_fine(fixture, "from:<>");
	assert_true(slice_empty(mail->from));
	mail_fine(fixture, "FROM: <a@example.test>   SIZE=1000  ");
	assert_true(mail->size == 1000);
	mail_fine(fixture, "FROM:<@relay.test:a@example.test> BODY=8bitmime RET=HDRS ENVID=a+3Db AUTH=<>");
	assert_true(mail->body == BODY_8BITMIME && mail->ret == RET_HEADERS && slice_equal(mail->envid, SLICE("a=b")));
	assert_true(slice_equal(mail->from, SLICE("a@example.test")));
	mail_fine(fixture, "FROM:taro..yama.@docomo.test. SIZE=3");
	assert_true(mail->size == 3 && slice_equal(mail->from, SLICE("\"taro..yama.\"@docomo.test")));
	mail_fine(fixture, "FROM: < cron@web_01.example.test > SIZE=4");
	assert_true(mail->size == 4 && slice_equal(mail->from, SLICE("cron@web_01.example.test")));
	mail_fine(fixture, "FROM:<\xd0\xb3@example.test> SMTPUTF8 BODY=BINARYMIME");
	assert_true(mail->smtputf8 && mail->body == BODY_BINARYMIME);
	mail_refused(fixture, "FROM:<\xd0\xb3@example.test>", "553 5.6.7");
	mail_refused(fixture, "TO:<a@example.test>", "501 5.5.4");
	mail_refused(fixture, "FROM:a@example.test>", "501 5.1.7");
	mail_refused(fixture, "FROM:a@example.test b@example.test", "501 5.5.4");
	mail_refused(fixture, "FROM:a b@example.test", "501 5.1.7");
	mail_refused(fixture, "FROM:<a@example.test", "501 5.1.7");
	mail_refused(fixture, "FROM:<a@b@example.test>", "501 5.1.7");
	mail_refused(fixture, "FROM:<a b@example.test>", "501 5.1.7");
	mail_refused(fixture, "FROM:<a@example.test>SIZE=3", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> SIZE=3 SIZE=4", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> SIZE", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> SIZE=", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> SIZE=-1", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> SIZE=18446744073709551616", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> SMTPUTF8=yes", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> BODY=9BIT", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> ENVID=a+0D+0Ab", "501 5.5.4"); /* would be a header line in a report */
	mail_refused(fixture, "FROM:<a@example.test> ENVID=a+0d", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> ENVID=a+4", "501 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> NONSENSE=1", "555 5.5.4");
	mail_refused(fixture, "FROM:<a@example.test> =1", "501 5.5.4");
}

static void rcpt_refused(struct fixture *fixture, const char *argument, const char *code)
{
	const char *reply = smtp_parse_rcpt(slice_of(argument), false, fixture->arena, &fixture->rcpt);
	if (!reply || strncmp(reply, code, strlen(code)) != 0)
		fail_msg("%s: %s", argument, reply ? reply : "accepted");
}

static void rcpt_parameters(void **state)
{
	struct fixture *fixture = *state;
	struct smtp_rcpt_command *rcpt = &fixture->rcpt;
	assert_null(smtp_parse_rcpt(SLICE("TO:<b@example.test> NOTIFY=SUCCESS,failure ORCPT=rfc822;b+2Bx@example.test"), false, fixture->arena, rcpt));
	assert_true(slice_equal(rcpt->to, SLICE("b@example.test")) && rcpt->notify == (NOTIFY_SUCCESS | NOTIFY_FAILURE));
	assert_true(slice_equal(rcpt->original, SLICE("rfc822;b+x@example.test")));
	assert_null(smtp_parse_rcpt(SLICE("TO:<PostMaster>"), false, fixture->arena, rcpt));
	assert_true(slice_equal(rcpt->to, SLICE("postmaster")));
	assert_null(smtp_parse_rcpt(SLICE("TO:postmaster NOTIFY=NEVER"), false, fixture->arena, rcpt));
	assert_true(slice_equal(rcpt->to, SLICE("postmaster")) && rcpt->notify == NOTIFY_NEVER);
	assert_null(smtp_parse_rcpt(SLICE("TO:b@example.test"), false, fixture->arena, rcpt));
	assert_true(slice_equal(rcpt->to, SLICE("b@example.test")));
	assert_null(smtp_parse_rcpt(SLICE("TO:<b@example.test> NOTIFY=NEVER"), false, fixture->arena, rcpt));
	assert_true(rcpt->notify == NOTIFY_NEVER);
	assert_null(smtp_parse_rcpt(SLICE("TO:<\xd0\xb3@example.test> ORCPT=utf-8;\xd0\xb3@example.test"), true, fixture->arena, rcpt));
	rcpt_refused(fixture, "TO:<>", "501 5.1.3");
	rcpt_refused(fixture, "TO:<\xd0\xb3@example.test>", "553 5.6.7");
	rcpt_refused(fixture, "TO:<b@example.test> NOTIFY=NEVER,DELAY", "501 5.5.4");
	rcpt_refused(fixture, "TO:<b@example.test> NOTIFY=,", "501 5.5.4");
	rcpt_refused(fixture, "TO:<b@example.test> NOTIFY", "501 5.5.4");
	rcpt_refused(fixture, "TO:<b@example.test> ORCPT=rfc822", "501 5.5.4");
	rcpt_refused(fixture, "TO:<b@example.test> ORCPT=rfc822;", "501 5.5.4");
	rcpt_refused(fixture, "TO:<b@example.test> ORCPT=rfc822;a+0A@b", "501 5.5.4");
	rcpt_refused(fixture, "TO:<b@example.test> SIZE=3", "555 5.5.4");
	rcpt_refused(fixture, "TO:<\"\"@example.test", "501 5.1.3");
	rcpt_refused(fixture, "FROM:<b@example.test>", "501 5.5.4");
}

static void bdat_sizes(void **state)
{
	(void)state;
	struct smtp_bdat_command bdat;
	assert_null(smtp_parse_bdat(SLICE("0"), &bdat));
	assert_true(bdat.size == 0 && !bdat.last);
	assert_null(smtp_parse_bdat(SLICE("4294967295 last"), &bdat));
	assert_true(bdat.size == 4294967295u && bdat.last);
	const char *const wrong[] = {"", "LAST", "-1", "1 FIRST", "1 LAST x", "18446744073709551616", "0x10", "1LAST", "99999999999999999999999"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_non_null(smtp_parse_bdat(slice_of(wrong[i]), &bdat));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dots_are_unstuffed_across_pieces),
		cmocka_unit_test(nothing_else_ends_a_message),
		cmocka_unit_test(random_texts_survive),
		cmocka_unit_test(bare_line_ends_are_seen),
		cmocka_unit_test(lone_lfs_are_mended),
		cmocka_unit_test(lines_end_with_crlf_only),
		cmocka_unit_test_setup_teardown(mail_parameters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rcpt_parameters, set_up, tear_down),
		cmocka_unit_test(bdat_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
