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

static bool keep(void *context, struct slice bytes)
{
	return buf_append(context, bytes);
}

static bool refuse(void *context, struct slice bytes)
{
	size_t *left = context;
	bool fits = bytes.len <= *left;
	*left -= fits ? bytes.len : *left;
	return fits;
}

static void assert_downgraded(struct slice message, bool eight_bit_ok, struct slice expected)
{
	struct buf out = BUF(1 << 20);
	struct message_facts facts;
	assert_true(message_downgrade(message, eight_bit_ok, keep, &out));
	if (!slice_equal(buf_slice(&out), expected))
		fail_msg("%.*s\n---- became ----\n%.*s\n---- instead of ----\n%.*s", SLICE_ARG(message), SLICE_ARG(buf_slice(&out)), SLICE_ARG(expected));
	message_examine(expected, &facts);
	assert_false(message_needs_downgrade(&facts, eight_bit_ok));
	buf_free(&out);
}

static void eight_bit_text_is_encoded(void **state)
{
	(void)state;
	static const struct { struct slice message, expected; } cases[] = {
		{SLICE("Subject: x\r\n\r\ntext\r\n"), SLICE("Subject: x\r\n\r\ntext\r\n")},
		/* the label that was missing, too */
		{SLICE("Subject: x\r\n\r\na caf\xc3\xa9 = 1 \r\nb\t\r\n"),
		 SLICE("Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n"
		       "a caf=C3=A9 =3D 1=20\r\nb=09\r\n")},
		{SLICE("Subject: x\r\n\r\nmuch text and caf\xe9\r\n"),
		 SLICE("Subject: x\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n"
		       "much text and caf=E9\r\n")},
		{SLICE("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/html; charset=koi8-r\r\n\r\n<p>\xf0\xd2\xc9\xd7\xc5\xd4\r\n"),
		 SLICE("MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/html; charset=koi8-r\r\n\r\nPHA+8NLJ18XUDQo=\r\n")},
		{SLICE("Content-Transfer-Encoding: 8bit\r\n\r\nascii\r\n"), SLICE("Content-Transfer-Encoding: 7bit\r\nMIME-Version: 1.0\r\n\r\nascii\r\n")},
		/* part by part; the signed one that can be sent stays as it is */
		{SLICE("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\npre\xc3\xa9\r\n--b\r\n"
		       "Content-Type: multipart/signed; boundary=c\r\n\r\n--c\r\nX:  y\r\n\r\nsigned \r\n--c\r\n\r\nsignature\r\n--c--\r\n--b\r\n"
		       "Content-Type: image/png\r\n\r\n\x89PNG\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
		       "Subject: inner\r\n\r\nmuch text and caf\xc3\xa9\r\n--b--\r\nepilogue"),
		 SLICE("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\npre??\r\n--b\r\n"
		       "Content-Type: multipart/signed; boundary=c\r\n\r\n--c\r\nX:  y\r\n\r\nsigned \r\n--c\r\n\r\nsignature\r\n--c--\r\n--b\r\n"
		       "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--b\r\nContent-Type: message/rfc822\r\n"
		       "Content-Transfer-Encoding: 7bit\r\n\r\nSubject: inner\r\nContent-Type: text/plain; charset=utf-8\r\n"
		       "Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\nmuch text and caf=C3=A9\r\n--b--\r\nepilogue")},
		/* what is encoded already, and not quite */
		{SLICE("MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain\r\n\r\n\xe9=E9= \r\n=zz =3d\r\n"),
		 SLICE("MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain\r\n\r\n=E9=E9=\r\n=3Dzz =3d\r\n")},
		{SLICE("Content-Transfer-Encoding: base64\r\n\r\nQU\xe9JD\r\nQUJD!\r\n"), SLICE("Content-Transfer-Encoding: base64\r\n\r\nQUJDQUJD\r\n")},
		{SLICE("Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 600 \xe9.txt\r\n"), SLICE("Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 600 ?.txt\r\n")},
		/* a multipart that is none, and one whose boundary can't be sent */
		{SLICE("Content-Type: multipart/mixed; boundary=b\r\nMIME-Version: 1.0\r\n\r\nmuch text and caf\xc3\xa9\r\n"),
		 SLICE("Content-Type: text/plain\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nmuch text and caf=C3=A9\r\n")},
		{SLICE("Content-Type: multipart/mixed; boundary=\"\xc3\xa9\"\r\n\r\n--\xc3\xa9\r\n\r\nx\r\n--\xc3\xa9--\r\n"),
		 SLICE("Content-Type: multipart/mixed;\r\n boundary=\"??\"\r\n\r\n--??\r\n\r\nx\r\n--?\?--\r\n")},
		/* a header that isn't ended */
		{SLICE("Subject: x\r\nmuch text and caf\xc3\xa9\r\n"),
		 SLICE("Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n"
		       "much text and caf=C3=A9\r\n")},
		{SLICE("Content-Type: message/global\r\n\r\nSubject: much text and caf\xc3\xa9\r\n\r\nx"),
		 SLICE("Content-Type: message/global\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\nSubject: much text and caf=C3=A9\r\n\r\nx")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_downgraded(cases[i].message, false, cases[i].expected);
		assert_downgraded(cases[i].expected, false, cases[i].expected);
	}
}

static void eight_bit_headers_are_encoded(void **state)
{
	(void)state;
	static const struct { struct slice field, expected; } cases[] = {
		{SLICE("Subject: much text and caf\xc3\xa9"), SLICE("Subject: much text and =?utf-8?b?Y2Fmw6k=?=")},
		{SLICE("Subject: =?koi8-r?b?8NLJ18XU?= \xd0\xbf"), SLICE("Subject: =?utf-8?b?0J/RgNC40LLQtdGCINC/?=")},
		{SLICE("X-Note: caf\xe9s"), SLICE("X-Note: =?utf-8?b?Y2Fmw6lz?=")},
		{SLICE("From: J\xc3\xb6rg Doe <j@x.test>"), SLICE("From: =?utf-8?b?SsO2cmc=?= Doe\r\n <j@x.test>")},
		{SLICE("To: \"Doe, J\xc3\xb6rg\" <j@x.test>, b@y.test,\r\n Friends: c@z.test;"),
		 SLICE("To: =?utf-8?q?Doe=2C_J=C3=B6rg?=\r\n <j@x.test>,\r\n <b@y.test>,\r\n Friends:\r\n <c@z.test>;")},
		{SLICE("Cc: \xd0\xb0@x.test, b@\xd0\xbf.test"), SLICE("Cc: =?utf-8?b?0LBAeC50ZXN0?=:;,\r\n <b@xn--o1a.test>")},
		{SLICE("Content-Disposition: attachment; filename=\"a \xd0\xbf.png\"; size=3"),
		 SLICE("Content-Disposition: attachment;\r\n filename*0*=utf-8''a%20%D0%BF.png;\r\n size=\"3\"")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf message = BUF(1000), expected = BUF(1000);
		buf_printf(&message, "%.*s\r\nA: b\r\n\r\nx\r\n", SLICE_ARG(cases[i].field));
		buf_printf(&expected, "%.*s\r\nA: b\r\n\r\nx\r\n", SLICE_ARG(cases[i].expected));
		assert_downgraded(buf_slice(&message), false, buf_slice(&expected));
		assert_downgraded(buf_slice(&message), true, buf_slice(&message));
		buf_free(&message);
		buf_free(&expected);
	}
}

static void long_lines_are_folded_or_encoded(void **state)
{
	struct arena *arena = *state;
	char text[1201];
	memset(text, 'x', sizeof text);
	struct slice word = slice_make(text, 1200), short_word = slice_make(text, 600);
	struct slice message = arena_printf(arena, "X: %.*s %.*s\r\nY: %.*s\r\n\r\n\xc3\xa9%.*s\r\n", SLICE_ARG(short_word), SLICE_ARG(short_word), SLICE_ARG(word), SLICE_ARG(word));
	struct buf out = BUF(10000);
	assert_true(message_downgrade(message, true, keep, &out));
	struct slice expected = arena_printf(arena, "X: %.*s\r\n %.*s\r\nY: %.995s\r\n %.*s\r\n", SLICE_ARG(short_word), SLICE_ARG(short_word), text, (int)(1200 - 995), text);
	assert_true(slice_starts(buf_slice(&out), expected));
	assert_true(slice_find(buf_slice(&out), SLICE("\r\n\r\n=C3=A9xxx")) != SLICE_NONE);
	buf_free(&out);
}

static void a_sink_that_is_full_is_heeded(void **state)
{
	(void)state;
	struct buf message = BUF(1 << 20);
	buf_append_text(&message, "A: b\r\n\r\n");
	while (message.len < HUGE_BYTES)
		buf_append_text(&message, "\xc3\xa9 text\r\n");
	size_t left = 10000;
	assert_false(message_downgrade(buf_slice(&message), false, refuse, &left));
	left = SIZE_MAX;
	assert_true(message_downgrade(buf_slice(&message), false, refuse, &left));
	buf_free(&message);
}

/* ATTACKS: no shape of message takes more than linear time. */
static void huge_messages_are_downgraded_in_linear_time(void **state)
{
	(void)state;
	static const struct { const char *start, *unit; } cases[] = {
		{"To: \xc3\xa9", ", a@b"}, {"To: ", "\xc3\xa9,"}, {"To: ", "\xc3\xa9:;"}, {"Subject: \xc3\xa9", " a"}, {"Subject: ", "\xc3\xa9"}, {"X: ", "a "}, {"X:", " "},
		{"", "A: \xc3\xa9\r\n"}, {"Content-Type: a/b", "; \xc3\xa9=\xc3\xa9"}, {"Content-Type: a/b; c=\"\xc3\xa9", "x"}, {"A: b\r\n\r\n", "\xc3\xa9"}, {"A: b\r\n\r\n", "\r"},
		{"Content-Transfer-Encoding: quoted-printable\r\n\r\n\xc3", "= "}, {"Content-Transfer-Encoding: quoted-printable\r\n\r\n\xc3", "  "},
		{"Content-Type: multipart/mixed; boundary=b\r\n\r\n\xc3", "--b\r\n\r\n\xc3\r\n"}, {"Content-Type: text/plain\r\n\r\n\xc3", "  "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf message = BUF(1 << 20);
		size_t left = SIZE_MAX;
		buf_append_text(&message, cases[i].start);
		while (message.len < HUGE_BYTES)
			buf_append_text(&message, cases[i].unit);
		int64_t start = cpu_ms();
		message_downgrade(buf_slice(&message), false, refuse, &left);
		if (cpu_ms() - start > HUGE_MS)
			fail_msg("slow: %s %s: %d ms", cases[i].start, cases[i].unit, (int)(cpu_ms() - start));
		buf_free(&message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_message_holds_is_found),
		cmocka_unit_test(long_lines_are_found),
		cmocka_unit_test(eight_bit_text_is_encoded),
		cmocka_unit_test(eight_bit_headers_are_encoded),
		cmocka_unit_test_setup_teardown(long_lines_are_folded_or_encoded, make_arena, free_arena),
		cmocka_unit_test(a_sink_that_is_full_is_heeded),
		cmocka_unit_test(huge_messages_are_downgraded_in_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
