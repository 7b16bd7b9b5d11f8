/* Unit tests of the score: each rule by a message that it is about and one that it isn't, ordinary mail, settings, what is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "score/internal.h"

static const int64_t now = 1795910400; /* Sun, 29 Nov 2026 00:00:00 +0000 */

struct scored {
	struct arena *arena;
	struct shown shown;
	struct score_facts facts;
	struct score_settings settings;
	struct score_result result;
};

static void score(struct scored *scored, const char *message)
{
	scored->arena = arena_new();
	scored->facts.message = slice_of(message);
	scored->facts.root = mime_parse(scored->facts.message, scored->arena);
	scored->facts.shown = &scored->shown;
	scored->facts.now = now;
	shown_read(scored->facts.message, scored->facts.root, scored->arena, &scored->shown);
	score_evaluate(&scored->facts, &scored->settings, scored->arena, &scored->result);
}

static struct scored scored_of(const char *message)
{
	struct scored scored = {.facts = {.bayes = -1}};
	score_settings_default(&scored.settings);
	score(&scored, message);
	return scored;
}

static bool hits(const struct scored *scored, enum score_rule rule)
{
	for (size_t i = 0; i < scored->result.count; i++)
		if (scored->result.hits[i].rule == rule)
			return true;
	return false;
}

#define FIELDS "Date: Sat, 28 Nov 2026 23:59:00 +0000\r\nFrom: Ann <ann@example.org>\r\nTo: bob@example.test\r\nMessage-ID: <1@example.org>\r\n"
#define PLAIN FIELDS "Subject: The minutes\r\n"
#define HTML PLAIN "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"

static void each_rule_knows_its_message(void **state)
{
	(void)state;
	static const struct {
		enum score_rule rule;
		const char *holds, *not;
	} cases[] = {
		{SCORE_MISSING_DATE, "From: a@example.org\r\n\r\n", PLAIN "\r\n"},
		{SCORE_INVALID_DATE, "Date: yesterday\r\n\r\n", PLAIN "\r\n"},
		{SCORE_DATE_IN_FUTURE, "Date: Wed, 2 Dec 2026 00:00:00 +0000\r\n\r\n", PLAIN "\r\n"},
		{SCORE_DATE_IN_PAST, "Date: Sat, 1 Aug 2026 00:00:00 +0000\r\n\r\n", PLAIN "\r\n"},
		{SCORE_MISSING_FROM, "Subject: x\r\n\r\n", PLAIN "\r\n"},
		{SCORE_SEVERAL_FROM, "From: a@x.example\r\nFrom: b@x.example\r\n\r\n", PLAIN "\r\n"},
		{SCORE_MISSING_MESSAGE_ID, "Subject: x\r\n\r\n", PLAIN "\r\n"},
		{SCORE_ODD_MESSAGE_ID, "Message-ID: 12345\r\n\r\n", PLAIN "\r\n"},
		{SCORE_MISSING_RECIPIENT, "To: \r\n\r\n", "Cc: a@x.example\r\n\r\n"},
		{SCORE_MISSING_SUBJECT, "Subject:\r\n\r\n", PLAIN "\r\n"},
		{SCORE_SUBJECT_CAPITALS, "Subject: BUY NOW OR NEVER\r\n\r\n", "Subject: ISO 9001\r\n\r\n"},
		{SCORE_SUBJECT_EXCLAIMS, "Subject: now!!\r\n\r\n", "Subject: now!\r\n\r\n"},
		{SCORE_SUBJECT_GAPPY, "Subject: get F R E E stuff, v i a g r a\r\n\r\n", "Subject: I a m not a s pe\r\n\r\n"},
		{SCORE_SUBJECT_TAIL, "Subject: Buy now             xk2fq\r\n\r\n", "Subject: Buy now or never\r\n\r\n"},
		{SCORE_FALSE_REPLY, "Subject: Re: offer\r\n\r\n", "Subject: Re: offer\r\nReferences: <1@x>\r\n\r\n"},
		{SCORE_THREAD, "Subject: Re: offer\r\nIn-Reply-To: <1@x>\r\n\r\n", "Subject: offer\r\n\r\n"},
		{SCORE_NAME_IS_OTHER_ADDRESS, "From: \"service@bank.example\" <x@evil.example.net>\r\n\r\n", "From: \"ann@mail.example.org\" <ann@example.org>\r\n\r\n"},
		{SCORE_FROM_MANY_DIGITS, "From: x1234567@x.example\r\n\r\n", "From: ann1978@x.example\r\n\r\n"},
		{SCORE_SENDER_LOOKALIKE, "From: a@p\xd0\xb0ypal.example\r\n\r\n", "From: a@\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.example\r\n\r\n"},
		{SCORE_RECEIVED_MALFORMED, "Received: whatever; Sat, 28 Nov 2026 23:59:00 +0000\r\n\r\n", "Received: from a by b; Sat, 28 Nov 2026 23:59:00 +0000\r\n\r\n"},
		{SCORE_RECEIVED_BACKWARDS, "Received: from a by b; Sat, 28 Nov 2026 23:59:00 +0000\r\nReceived: from c by a; Mon, 30 Nov 2026 23:59:00 +0000\r\n\r\n",
		 "Received: from a by b; Sat, 28 Nov 2026 23:59:00 +0000\r\nReceived: from c by a; Sun, 29 Nov 2026 10:59:00 +0000\r\n\r\n"},
		{SCORE_HEADER_RAW_BYTES, "Subject: \xfc" "ber\r\n\r\n", "Subject: \xc3\xbc" "ber\r\n\r\n"},
		{SCORE_HEADER_REVERSED, "Subject: a\xe2\x80\xae" "b\r\n\r\n", PLAIN "\r\n"},
		{SCORE_URGENT_WITHOUT_PROGRAM, "X-Priority: 1 (Highest)\r\n\r\n", "X-Priority: 1\r\nX-Mailer: x\r\n\r\n"},
		{SCORE_LIST_MAIL, "List-Id: <l.example.org>\r\n\r\n", PLAIN "\r\n"},
		{SCORE_NEWSLETTER, "List-Unsubscribe: <https://news.example.org/u>\r\n\r\n", "List-Unsubscribe: <mailto:l-request@example.org>\r\nList-Post: <mailto:l@example.org>\r\n\r\n"},
		{SCORE_HTML_ONLY, HTML "<p>text", PLAIN "\r\ntext"},
		{SCORE_IMAGE_ONLY, HTML "<img src=x>", HTML "some words"},
		{SCORE_EMPTY_BODY, PLAIN "\r\n \r\n", PLAIN "\r\ntext"},
		{SCORE_BOUNDARY_MISSING, PLAIN "Content-Type: multipart/mixed; boundary=a\r\n\r\n--b\r\n\r\ntext", PLAIN "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\ntext\r\n--a--"},
		{SCORE_BASE64_TEXT, PLAIN "Content-Transfer-Encoding: base64\r\n\r\naWYgaXQgaXMgYWxsIEFTQ0lJLCB0aGVyZSBpcyBubyBuZWVkIGZvciBiYXNlNjQ=", PLAIN "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\naWYgaXQgaXMgYWxsIEFTQ0lJLCB0aGVyZSBpcyBubyBuZWVkIGZvciBiYXNlNjQ="},
		{SCORE_NO_MIME_VERSION, PLAIN "Content-Type: text/plain\r\n\r\n", PLAIN "\r\n"},
		{SCORE_HTML_FORM, HTML "<form action=x>", HTML "<p>x"},
		{SCORE_HTML_SCRIPT, HTML "<script>x</script>", HTML "<p>x"},
		{SCORE_EXECUTABLE, PLAIN "Content-Type: application/x; name=photo.scr\r\n\r\n", PLAIN "Content-Type: application/x; name=photo.jpg\r\n\r\n"},
		{SCORE_DOUBLE_EXTENSION, PLAIN "Content-Disposition: attachment; filename=\"bill.pdf .exe\"\r\n\r\n", PLAIN "Content-Disposition: attachment; filename=setup.1.2.exe\r\n\r\n"},
		{SCORE_TEST_OF_FILTERS, PLAIN "\r\nXJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n", PLAIN "\r\nGTUBE"},
		{SCORE_LINK_TEXT_ELSEWHERE, HTML "<a href='http://evil.example.net/'>https://www.bank.example/login</a>", HTML "<a href='http://click.bank.example/'>www.bank.example</a>"},
		{SCORE_LINK_NUMBER, HTML "<a href='http://3221225985/'>x</a>", HTML "<a href='tel:+4912345'>x</a><a href='http://1.example/'>x</a>"},
		{SCORE_LINK_SHORTENED, PLAIN "\r\nhttp://bit.ly/x", PLAIN "\r\nhttp://orbit.ly/x"},
		{SCORE_LINK_WITH_USER, PLAIN "\r\nhttp://bank.example@evil.example.net/", PLAIN "\r\nhttp://www.example/a@b.example"},
		{SCORE_LINK_LOOKALIKE, HTML "<a href='http://xn--pypal-4ve.example/'>x</a>", HTML "<a href='http://xn--80a1acny.example/'>x</a>"},
		{SCORE_LINK_ENCODED_HOST, HTML "<a href='http://%65vil.example/'>x</a>", HTML "<a href='http://x.example/%65'>x</a>"},
		{SCORE_LINK_ODD_PORT, PLAIN "\r\nhttp://x.example:82/", PLAIN "\r\nhttp://x.example:8080/"},
		{SCORE_INVISIBLE_CHARACTERS, HTML "v&#8203;i&#8203;a&#8203;g&#8203;r&#8203;a", HTML "<div style='display:none'>&zwnj;&nbsp;&zwnj;&nbsp;&zwnj;&nbsp;&zwnj;&nbsp;&zwnj;&nbsp;&zwnj;</div>"},
		{SCORE_MIXED_ALPHABETS, HTML "p\xd0\xb0y us\xd0\xb5 b\xd0\xb0nk", HTML "IT-\xd0\xbe\xd1\x82\xd0\xb4\xd0\xb5\xd0\xbb, \xce\xb1 and b"},
		{SCORE_CHARSET_UTF7, PLAIN "Content-Type: text/plain; charset=utf-7\r\n\r\nx", PLAIN "\r\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scored holds = scored_of(cases[i].holds), not = scored_of(cases[i].not);
		if (!hits(&holds, cases[i].rule) || hits(&not, cases[i].rule))
			fail_msg("%s: %d where it holds, %d where it doesn't", score_rule_name(cases[i].rule), hits(&holds, cases[i].rule), hits(&not, cases[i].rule));
		arena_free(&holds.arena);
		arena_free(&not.arena);
	}
}

/* A newsletter, a receipt, what a device sends, a mailing list. */
static void ordinary_mail_is_not_junk(void **state)
{
	(void)state;
	static const char *const messages[] = {
		PLAIN "\r\nHello Bob,\r\n\r\nhere they are.\r\n\r\nAnn\r\n",
		FIELDS "Subject: Our autumn offers: up to 50 % off!\r\nList-Unsubscribe: <https://news.example.org/u>\r\nList-Id: <news.example.org>\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/html; charset=utf-8\r\n\r\n<div style='display:none;max-height:0'>Preview &zwnj;&nbsp;&zwnj;&nbsp;&zwnj;</div><img src='https://news.example.org/logo.png'>"
		"<p>Dear customer, <a href='https://click.news.example.org/1'>www.example.org</a></p><a href='https://bit.ly/x'>more</a>",
		"From: scanner@printer.local\r\nTo: bob@example.test\r\nSubject: SCAN FROM DEVICE 4711\r\nContent-Type: application/pdf; name=scan.pdf\r\n\r\nx",
		"From: root (Cron Daemon)\r\nTo: root\r\nSubject: Cron <root@host> backup\r\n\r\ndone\r\n",
		"Received: from a by lists.example.org; Sat, 28 Nov 2026 23:59:00 +0000\r\n" FIELDS "Subject: Re: [list] IMPORTANT\r\nReferences: <0@x>\r\nList-Id: <list.example.org>\r\n"
		"Precedence: bulk\r\n\r\n> quoted\r\nYes!!\r\n",
		FIELDS "Subject: =?utf-8?b?0KHRh9GR0YI=?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n0JfQtNGA0LDQstGB0YLQstGD0LnRgtC1\r\n",
	};
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		struct scored scored = scored_of(messages[i]);
		if (scored.result.verdict >= SCORE_JUNK || scored.result.total >= 400)
			fail_msg("message %zu has %d", i, scored.result.total);
		arena_free(&scored.arena);
	}
}

static int total_of(struct score_origin origin, double bayes)
{
	struct scored scored = {.facts = {.origin = origin, .bayes = bayes}};
	score_settings_default(&scored.settings);
	score(&scored, PLAIN "\r\ntext");
	arena_free(&scored.arena);
	return scored.result.total;
}

static void what_the_caller_knows_counts(void **state)
{
	(void)state;
	assert_int_equal(total_of((struct score_origin){0}, -1), 0);
	assert_int_equal(total_of((struct score_origin){.spf = SCORE_PASS, .dkim = SCORE_PASS, .dmarc = SCORE_PASS}, -1), -60);
	assert_int_equal(total_of((struct score_origin){.spf = SCORE_NONE, .dkim = SCORE_NONE}, -1), 60);
	assert_int_equal(total_of((struct score_origin){.dmarc = SCORE_FAIL, .policy = SCORE_POLICY_REJECT}, -1), 600);
	assert_int_equal(total_of((struct score_origin){.dmarc = SCORE_FAIL, .policy = SCORE_POLICY_REJECT, .arc_trusted = true}, -1), -150);
	assert_int_equal(total_of((struct score_origin){.listed = 350, .welcomed = -100}, -1), 250);
	assert_int_equal(total_of((struct score_origin){.domain_days = 2, .reputation = -80, .first_contact = true}, -1), 290);
	assert_int_equal(total_of((struct score_origin){0}, 0.001), -200);
	assert_int_equal(total_of((struct score_origin){0}, 0.5), 0);
	assert_int_equal(total_of((struct score_origin){.known_correspondent = true}, 1), -450);
}

static void settings_are_read(void **state)
{
	(void)state;
	struct score_settings settings;
	struct error error;
	int points;
	score_settings_default(&settings);
	assert_true(score_parse_points(SLICE("4.5"), &points) && points == 450);
	assert_true(score_parse_points(SLICE("-0.05"), &points) && points == -5);
	static const char *const bad[] = {"", "x", "1.", ".5", "1.234", "99999999", "--1", "1e3", "1,5"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(score_parse_points(slice_of(bad[i]), &points));
	assert_true(score_settings_rule(&settings, SLICE("html_only 0"), &error) && settings.points[SCORE_HTML_ONLY] == 0);
	assert_false(score_settings_rule(&settings, SLICE("NO_SUCH 1"), &error));
	assert_false(score_settings_rule(&settings, SLICE("HTML_ONLY"), &error));
	assert_true(score_settings_threshold(&settings, SCORE_JUNK, SLICE("7"), &error) && settings.threshold[SCORE_JUNK] == 700);
	assert_true(score_settings_rule(&settings, SLICE("MISSING_DATE 6"), &error));
	struct scored scored = {.settings = settings, .facts = {.bayes = -1}};
	score(&scored, "Message-ID: <1@x.example>\r\n\r\n");
	assert_int_equal(scored.result.verdict, SCORE_JUNK);
	arena_free(&scored.arena);
}

static bool says(const struct buf *out, const char *text) { return slice_find(buf_slice(out), slice_of(text)) != SLICE_NONE; }

static void fields_are_as_spamassassin_writes_them(void **state)
{
	(void)state;
	struct buf out = BUF(8192);
	struct scored scored = scored_of("Subject: BUY NOW OR NEVER\r\nContent-Type: application/x; name=a.pdf.exe\r\n\r\n");
	score_write_fields(&out, &scored.settings, scored.result.total, score_result_tests(&scored.result, scored.arena), scored.result.count);
	assert_true(slice_starts(buf_slice(&out), SLICE("X-Spam-Flag: YES\r\nX-Spam-Level: *********\r\nX-Spam-Status: Yes, score=9.1 required=5.0\r\n\ttests=MISSING_DATE,MISSING_FROM,")));
	struct slice line, rest = buf_slice(&out);
	while (slice_cut(rest, '\n', &line, &rest))
		assert_true(line.len <= 78 && line.at[line.len - 1] == '\r');
	arena_free(&scored.arena);
	buf_clear(&out);
	scored = scored_of(PLAIN "\r\ntext");
	score_write_fields(&out, &scored.settings, scored.result.total, score_result_tests(&scored.result, scored.arena), scored.result.count);
	assert_true(slice_starts(buf_slice(&out), SLICE("X-Spam-Status: No, score=0.0 required=5.0\r\n\ttests=none\r\n")));
	arena_free(&scored.arena);
	buf_free(&out);
}

/* The smallest change that would have turned the verdict: one rule if one suffices, and of those the one with the fewest points. */
static void it_is_explained(void **state)
{
	(void)state;
	struct buf out = BUF(64 * 1024);
	struct scored scored = scored_of(PLAIN "Content-Type: application/x; name=a.exe\r\n\r\n");
	score_explain(&out, &scored.settings, &scored.result, SCORE_ENGLISH);
	assert_true(says(&out, "3.2 points: into the inbox, marked.") && says(&out, "+3.0  EXECUTABLE ") && says(&out, "A program is attached."));
	assert_true(says(&out, "Without EXECUTABLE it would have had 0.2: into the inbox.") && says(&out, "With 1.8 points more (5.0 in all): into Junk."));
	buf_clear(&out);
	score_explain(&out, &scored.settings, &scored.result, score_language(SLICE("ru_RU.UTF-8")));
	assert_true(says(&out, "Без EXECUTABLE было бы 0.2: во входящие."));
	buf_clear(&out);
	score_explain(&out, &scored.settings, &scored.result, score_language(SLICE("pt-BR")));
	assert_true(says(&out, "Sem EXECUTABLE teria 0.2: para a caixa de entrada."));
	arena_free(&scored.arena);
	buf_clear(&out);
	scored = scored_of("From: 1234567@x.example\r\nSubject: V I A G R A!!\r\nContent-Type: text/html; charset=utf-7\r\n\r\n<form><script></script>");
	assert_int_equal(scored.result.verdict, SCORE_JUNK);
	score_explain(&out, &scored.settings, &scored.result, SCORE_ENGLISH);
	assert_true(says(&out, "into Junk.\n") && says(&out, ": into the inbox, marked."));
	arena_free(&scored.arena);
	buf_free(&out);
}

/* Rules with points, that are told apart, in three languages. */
static void the_table_is_whole(void **state)
{
	(void)state;
	for (enum score_rule rule = 0; rule < SCORE_RULES; rule++)
		for (enum score_language language = 0; language < SCORE_LANGUAGES; language++) {
			struct slice text = slice_of(score_rule_text(rule, language));
			assert_true(text.len > 10 && slice_is_utf8(text) && text.at[text.len - 1] == '.');
			assert_true((language == SCORE_RUSSIAN) == (slice_find(text, SLICE("\xd0")) != SLICE_NONE));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_knows_its_message), cmocka_unit_test(ordinary_mail_is_not_junk), cmocka_unit_test(what_the_caller_knows_counts),
		cmocka_unit_test(settings_are_read), cmocka_unit_test(fields_are_as_spamassassin_writes_them), cmocka_unit_test(it_is_explained),
		cmocka_unit_test(the_table_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
