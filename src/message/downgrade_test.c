/* Unit tests of what is found in a message before it is sent, and of the form that every server takes. */
#include "message/fixture.h"

#include "message/downgrade.h"

static void what_a_message_holds_is_found(void **state)
{
	(void)state;
	enum { EIGHT = 1, HEADER = 2, LONG = 4, NOT_LINES = 8 };
	static const struct { struct slice message; unsigned facts; } cases[] = {
		{SLICE("Subject: x\r\n\r\ntext\r\n"), 0},
		{SLICE("Subject: x\r\n\r\ntext"), 0},
		{SLICE(""), 0},
		{SLICE("Subject: x\r\n\r\nтекст\r\n"), EIGHT},
		{SLICE("Subject: тема\r\n\r\ntext\r\n"), EIGHT | HEADER},
		{SLICE("Subject: x\r\nтекст\r\n"), EIGHT}, /* the header had ended */
		{SLICE("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png; name=\xd0\xb0\r\n\r\nx\r\n--b--\r\n"), EIGHT | HEADER},
		{SLICE("Content-Type: message/rfc822\r\n\r\nFrom: \xd0\xb0 <a@x>\r\n\r\nx\r\n"), EIGHT | HEADER},
		{SLICE("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: \xd0\xb0\r\n\r\nx\r\n--b--\r\n"), EIGHT | HEADER},
		{SLICE("Content-Type: message/global\r\n\r\nSubject: \xd0\xb0\r\n\r\nx\r\n"), EIGHT}, /* may be encoded as a whole */
		{SLICE("Content-Type: text/rfc822-headers\r\n\r\nSubject: \xd0\xb0\r\n\r\nx\r\n"), EIGHT},
		{SLICE("Subject: x\n\r\n"), NOT_LINES},
		{SLICE("Subject: x\r\n\r\na\rb\r\n"), NOT_LINES},
		{SLICE("Subject: x\r\n\r\na\r"), NOT_LINES},
		{SLICE("Subject: x\r\n\r\na\0b\r\n"), NOT_LINES},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct message_facts facts;
		message_examine(cases[i].message, &facts);
		unsigned found = (facts.eight_bit ? EIGHT : 0) | (facts.utf8_header ? HEADER : 0) | (facts.long_line ? LONG : 0) | (facts.not_lines ? NOT_LINES : 0);
		if (found != cases[i].facts)
			fail_msg("case %zu: %u instead of %u", i, found, cases[i].facts);
		assert_int_equal(message_needs_downgrade(&facts, true), (found & (LONG | NOT_LINES)) != 0);
		assert_int_equal(message_needs_downgrade(&facts, false), (found & (LONG | NOT_LINES | EIGHT)) != 0);
	}
}

static void long_lines_are_found(void **state)
{
	(void)state;
	for (size_t len = MESSAGE_LINE_MAX - 1; len <= MESSAGE_LINE_MAX + 1; len++)
		for (int ended = 0; ended < 2; ended++) {
			struct buf text = BUF(2000);
			struct message_facts facts;
			buf_append_text(&text, "A: b\r\n\r\n");
			for (size_t i = 0; i < len; i++)
				buf_append_char(&text, 'x');
			buf_append_text(&text, ended ? "\r\n" : "");
			message_examine(buf_slice(&text), &facts);
			assert_int_equal(facts.long_line, len > MESSAGE_LINE_MAX);
			buf_free(&text);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_message_holds_is_found),
		cmocka_unit_test(long_lines_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
