/* Tests of reading SMTP replies and of putting bodies into DATA's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "courier/body.h"
#include "courier/reply.h"

static enum courier_reply_state add(struct courier_reply *reply, const char *line)
{
	struct slice content;
	return courier_reply_add_line(reply, slice_of(line), &content);
}

static void replies_are_put_together(void **state)
{
	(void)state;
	struct courier_reply reply;
	courier_reply_begin(&reply);
	assert_int_equal(add(&reply, "550-5.1.1 No such"), REPLY_MORE);
	assert_int_equal(add(&reply, "550 user here"), REPLY_DONE);
	assert_int_equal(reply.code, 550);
	assert_string_equal(reply.status, "5.1.1");
	assert_true(slice_equal(reply_text(&reply), SLICE("550 5.1.1 No such user here")));
	courier_reply_begin(&reply);
	assert_int_equal(add(&reply, "250"), REPLY_DONE);
	assert_true(reply_is_positive(&reply) && reply.status[0] == '\0');
	courier_reply_begin(&reply);
	assert_int_equal(add(&reply, "250 5.1.1 of another class"), REPLY_DONE);
	assert_string_equal(reply.status, "");
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	static const char *const lines[] = {"2", "25", "2500 x", "199 x", "600 x", "25a x", "abc", " 250 x", "-250", "HTTP/1.1 400 Bad"};
	struct courier_reply reply;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		courier_reply_begin(&reply);
		assert_int_equal(add(&reply, lines[i]), REPLY_BROKEN);
	}
	courier_reply_begin(&reply);
	assert_int_equal(add(&reply, "250-one"), REPLY_MORE);
	assert_int_equal(add(&reply, "550 two"), REPLY_BROKEN); /* mixed codes */
}

static void odd_forms_are_understood(void **state)
{
	(void)state;
	struct courier_reply reply;
	struct slice content;
	courier_reply_begin(&reply);
	assert_int_equal(add(&reply, ""), REPLY_MORE);
	assert_int_equal(add(&reply, " \t"), REPLY_MORE);
	assert_int_equal(add(&reply, "250-queued"), REPLY_MORE);
	assert_int_equal(add(&reply, ""), REPLY_MORE);
	assert_int_equal(add(&reply, "as you like"), REPLY_MORE);
	assert_int_equal(add(&reply, "250\tOK"), REPLY_DONE);
	assert_int_equal(reply.code, 250);
	courier_reply_begin(&reply);
	assert_int_equal(courier_reply_add_line(&reply, SLICE("250OK"), &content), REPLY_DONE);
	assert_true(slice_equal(content, SLICE("OK")));
	courier_reply_begin(&reply);
	for (int i = 0; i < REPLY_LINES_MAX; i++)
		assert_int_equal(add(&reply, ""), REPLY_MORE);
	assert_int_equal(add(&reply, "250 end"), REPLY_BROKEN);
}

static void replies_are_bounded(void **state)
{
	(void)state;
	struct courier_reply reply;
	courier_reply_begin(&reply);
	for (int i = 0; i < REPLY_LINES_MAX; i++)
		assert_int_equal(add(&reply, "250-\xd0\xb3\xd1\x83\xd0\xb3\xd1\x83 and more of it"), REPLY_MORE);
	assert_int_equal(add(&reply, "250 end"), REPLY_BROKEN);
	assert_true(reply.text_len < REPLY_TEXT_MAX);
	assert_true(slice_is_utf8(reply_text(&reply)));
}

static void text_of_replies_is_cleaned(void **state)
{
	(void)state;
	struct courier_reply reply;
	struct slice content;
	courier_reply_begin(&reply);
	assert_int_equal(courier_reply_add_line(&reply, slice_make("550 a\0b\x1b[2Jc\xff", 11), &content), REPLY_DONE);
	assert_true(slice_equal(reply_text(&reply), SLICE("550 a b [2Jc?")) || slice_equal(reply_text(&reply), SLICE("550 a b [2J")));
	for (size_t i = 0; i < reply.text_len; i++)
		assert_true((unsigned char)reply.text[i] >= ' ' && (unsigned char)reply.text[i] < 0x7f);
}

static void offers_are_read(void **state)
{
	(void)state;
	struct courier_offers offers = {0};
	courier_offers_add(&offers, SLICE("SIZE 10240000"));
	courier_offers_add(&offers, SLICE("pipelining"));
	courier_offers_add(&offers, SLICE("AUTH=LOGIN"));
	courier_offers_add(&offers, SLICE("AUTH PLAIN SCRAM-SHA-256"));
	courier_offers_add(&offers, SLICE("XSTARTTLS"));
	assert_true(offers.size && offers.size_limit == 10240000 && offers.pipelining);
	assert_true(offers.auth_login && offers.auth_plain && offers.auth_scram);
	assert_false(offers.starttls || offers.dsn);
	courier_offers_add(&offers, SLICE("SIZE 99999999999999999999999"));
	assert_int_equal(offers.size_limit, 0);
}

/* Stuffs `text` in pieces of every size up to its own, and compares. */
static void assert_stuffed(struct slice text, struct slice wanted)
{
	for (size_t size = 1; size <= text.len + 1; size++) {
		struct courier_stuffing stuffing = {0};
		struct buf out = BUF(1000);
		for (size_t at = 0; at < text.len; at += size)
			courier_stuffing_add(&stuffing, slice_sub(text, at, size), &out);
		courier_stuffing_end(&stuffing, &out);
		assert_true(slice_equal(buf_slice(&out), wanted));
		buf_free(&out);
	}
}

static void no_body_holds_a_false_end(void **state)
{
	(void)state;
	assert_stuffed(SLICE("a\r\n.b\r\n"), SLICE("a\r\n..b\r\n.\r\n"));
	assert_stuffed(SLICE(""), SLICE(".\r\n"));
	assert_stuffed(SLICE("a"), SLICE("a\r\n.\r\n"));
	assert_stuffed(SLICE("a\r\n.\r\nMAIL"), SLICE("a\r\n..\r\nMAIL\r\n.\r\n"));
	assert_stuffed(SLICE("a\n.\nMAIL\n"), SLICE("a\r\n..\r\nMAIL\r\n.\r\n"));
	assert_stuffed(SLICE("a\r.\rMAIL\r"), SLICE("a\r\n..\r\nMAIL\r\n.\r\n"));
	assert_stuffed(SLICE("a\n.\r\nMAIL"), SLICE("a\r\n..\r\nMAIL\r\n.\r\n"));
	assert_stuffed(SLICE("a\r\n.\nMAIL"), SLICE("a\r\n..\r\nMAIL\r\n.\r\n"));
	assert_stuffed(SLICE("a\r\r\n.\r\r\n"), SLICE("a\r\n\r\n..\r\n\r\n.\r\n"));
	assert_stuffed(SLICE(".\0.\n"), SLICE("..\0.\r\n.\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_put_together),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(odd_forms_are_understood),
		cmocka_unit_test(replies_are_bounded),
		cmocka_unit_test(text_of_replies_is_cleaned),
		cmocka_unit_test(offers_are_read),
		cmocka_unit_test(no_body_holds_a_false_end),
	};
	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
