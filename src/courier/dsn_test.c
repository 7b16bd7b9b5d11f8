/* Tests of the text of notifications, and of what hostile texts can do to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "courier/words.h"
#include "message/header.h"

static const char failed[] =
	"From: Mail Delivery System <MAILER-DAEMON@example.test>\r\n"
	"To: <alice@example.test>\r\n"
	"Subject: Your message could not be delivered\r\n"
	"Date: Thu, 1 Jan 1970 00:16:40 +0000\r\n"
	"Message-ID: <0000000000007@mail.example.test>\r\n"
	"Auto-Submitted: auto-replied\r\n"
	"MIME-Version: 1.0\r\n"
	"Content-Type: multipart/report; report-type=delivery-status;\r\n"
	"\tboundary=\"=_b\"\r\n"
	"Content-Transfer-Encoding: 8bit\r\n"
	"\r\n"
	"--=_b\r\n"
	"Content-Type: text/plain; charset=us-ascii\r\n"
	"Content-Transfer-Encoding: 7bit\r\n"
	"\r\n"
	"This is the mail server mail.example.test.\r\n"
	"\r\n"
	"Your message could not be delivered to the recipients named below.\r\n"
	"They have not received it, and it will not be tried again.\r\n"
	"\r\n"
	"  <bob@far.test>\r\n"
	"    There is no mailbox with this address. Please check how it is written.\r\n"
	"    mx.far.test said: 550 5.1.1 no such user\r\n"
	"\r\n"
	"The header of your message is attached.\r\n"
	"\r\n"
	"--=_b\r\n"
	"Content-Type: message/delivery-status\r\n"
	"Content-Transfer-Encoding: 7bit\r\n"
	"\r\n"
	"Original-Envelope-Id: envelope 1\r\n"
	"Reporting-MTA: dns; mail.example.test\r\n"
	"Arrival-Date: Thu, 1 Jan 1970 00:15:00 +0000\r\n"
	"\r\n"
	"Original-Recipient: rfc822; robert@far.test\r\n"
	"Final-Recipient: rfc822; bob@far.test\r\n"
	"Action: failed\r\n"
	"Status: 5.1.1\r\n"
	"Remote-MTA: dns; mx.far.test\r\n"
	"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
	"Last-Attempt-Date: Thu, 1 Jan 1970 00:16:40 +0000\r\n"
	"\r\n"
	"--=_b\r\n"
	"Content-Type: text/rfc822-headers\r\n"
	"Content-Transfer-Encoding: 7bit\r\n"
	"\r\n"
	"Subject: hello\r\n"
	"\r\n"
	"--=_b--\r\n";

static struct queue_message message = {.from = {"alice@example.test", 18}, .envid = {"envelope 1", 10}, .arrived = 900};

static struct courier_dsn dsn_of(const struct courier_dsn_recipient *recipient, enum courier_dsn_kind kind)
{
	return (struct courier_dsn){.kind = kind, .hostname = "mail.example.test", .domain = SLICE("example.test"), .message = &message, .recipients = recipient, .count = 1,
			    .now = 1000, .id = 7, .boundary = "=_b", .original = SLICE("Subject: hello\r\n")};
}

static void a_failure_reads_well(void **state)
{
	(void)state;
	struct courier_dsn_recipient recipient = {.address = SLICE("bob@far.test"), .original = SLICE("rfc822;robert@far.test"), .action = ACTION_FAILED,
		.status = SLICE("5.1.1"), .text = SLICE("550 5.1.1 no such user"), .from_peer = true, .host = SLICE("mx.far.test"), .last_attempt = 1000};
	struct courier_dsn dsn = dsn_of(&recipient, DSN_FAILED);
	struct buf out = BUF(10000);
	assert_true(courier_dsn_write(&dsn, &out));
	assert_string_equal(out.at, failed);
	buf_free(&out);
}

static void hostile_texts_stay_in_their_field(void **state)
{
	(void)state;
	struct courier_dsn_recipient recipient = {.address = SLICE("bob@far.test\r\nBcc: x@y"), .action = ACTION_DELAYED, .status = SLICE("4.0.0\r\nX: y"),
		.text = SLICE("450 a\r\n--=_b\r\n\r\nBoo\n.\n\xff\xfe"), .from_peer = true, .host = SLICE("mx\nHost: z"), .retry_until = 5000};
	struct courier_dsn dsn = dsn_of(&recipient, DSN_DELAYED);
	struct buf out = BUF(10000);
	assert_true(courier_dsn_write(&dsn, &out));
	struct slice text = buf_slice(&out);
	assert_int_equal(slice_find(text, SLICE("\nBcc")), SLICE_NONE);
	assert_int_equal(slice_find(text, SLICE("\nX: y")), SLICE_NONE);
	assert_int_equal(slice_find(text, SLICE("\nHost")), SLICE_NONE);
	assert_int_equal(slice_find(text, SLICE("\nBoo")), SLICE_NONE);
	assert_true(slice_is_ascii(text));
	assert_true(slice_find(text, SLICE("Will-Retry-Until: Thu, 1 Jan 1970 01:23:20 +0000\r\n")) != SLICE_NONE);
	buf_free(&out);
}

static void internationalised_mail_gets_its_forms(void **state)
{
	(void)state;
	struct courier_dsn_recipient recipient = {.address = SLICE("боб@пример.test"), .action = ACTION_RELAYED, .status = SLICE("2.0.0")};
	struct courier_dsn dsn = dsn_of(&recipient, DSN_SUCCESS);
	struct queue_message utf8 = message;
	struct buf out = BUF(10000);
	utf8.smtputf8 = true;
	dsn.message = &utf8;
	dsn.full = true;
	assert_true(courier_dsn_write(&dsn, &out));
	struct slice text = buf_slice(&out);
	assert_true(slice_find(text, SLICE("message/global-delivery-status")) != SLICE_NONE);
	assert_true(slice_find(text, SLICE("Final-Recipient: utf-8; боб@пример.test\r\n")) != SLICE_NONE);
	assert_true(slice_find(text, SLICE("Content-Type: message/global\r\n")) != SLICE_NONE);
	assert_true(slice_find(text, SLICE("Action: relayed\r\n")) != SLICE_NONE);
	buf_free(&out);
}

static void reasons_never_lack(void **state)
{
	(void)state;
	assert_string_equal(courier_words_reason(LANGUAGE_EN, SLICE("5.1.10")), "The domain of this address accepts no mail at all.");
	assert_string_equal(courier_words_reason(LANGUAGE_EN, SLICE("5.9.9")), "The other server refused the message.");
	assert_non_null(courier_words_reason(LANGUAGE_EN, SLICE("")));
}

static void every_language_has_all_words(void **state)
{
	(void)state;
	static const char *const statuses[] = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.8", "5.1.10", "5.2.1", "4.2.2", "5.2.3", "5.3.4", "4.4.1", "4.4.2", "4.4.3",
					       "5.4.4", "5.4.6", "4.4.7", "5.6.1", "5.6.7", "5.6.9", "5.7.1", "4.7.10", "5.9.9", "4.0.0"};
	for (enum auth_language language = LANGUAGE_EN; language < LANGUAGE_COUNT; language++) {
		const char *const *text = (const char *const *)courier_words_in(language);
		for (size_t i = 0; i < sizeof(struct courier_words) / sizeof *text; i++)
			assert_true(text[i] && *text[i] && slice_is_utf8(slice_of(text[i])));
		for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
			assert_true(slice_is_utf8(slice_of(courier_words_reason(language, slice_of(statuses[i])))));
	}
}

static void reports_speak_the_senders_language(void **state)
{
	(void)state;
	struct courier_dsn_recipient recipient = {.address = SLICE("bob@far.test"), .action = ACTION_DELAYED, .status = SLICE("4.2.2"), .unsure = true,
		.text = SLICE("452 \xd0\xbd\xd0\xb5\xd1\x82"), .from_peer = true, .host = SLICE("mx.far.test"), .retry_until = 5000};
	for (enum auth_language language = LANGUAGE_PT; language < LANGUAGE_COUNT; language++) {
		struct courier_dsn dsn = dsn_of(&recipient, DSN_DELAYED);
		struct buf out = BUF(10000);
		struct arena *arena = arena_new();
		struct header_field field;
		dsn.language = language;
		assert_true(courier_dsn_write(&dsn, &out));
		struct slice text = buf_slice(&out), header = slice_sub(text, 0, slice_find(text, SLICE("\r\n\r\n")));
		assert_true(slice_is_ascii(header));
		assert_true(header_find(header, SLICE("Subject"), &field));
		assert_true(slice_equal(header_decode(field.body, arena), slice_of(courier_words_in(language)->subject[DSN_DELAYED])));
		assert_true(slice_find(text, SLICE("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")) != SLICE_NONE);
		assert_true(slice_find(text, slice_of(courier_words_reason(language, SLICE("4.2.2")))) != SLICE_NONE);
		assert_true(slice_find(text, slice_of(courier_words_in(language)->unsure)) != SLICE_NONE);
		assert_true(slice_find(text, SLICE(": 1970-01-01 01:23 +0000\r\n")) != SLICE_NONE);
		/* The part for programs stays ASCII. */
		assert_true(slice_find(text, SLICE("Diagnostic-Code: smtp; 452 ???")) != SLICE_NONE);
		arena_free(&arena);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_reads_well),
		cmocka_unit_test(hostile_texts_stay_in_their_field),
		cmocka_unit_test(internationalised_mail_gets_its_forms),
		cmocka_unit_test(reasons_never_lack),
		cmocka_unit_test(every_language_has_all_words),
		cmocka_unit_test(reports_speak_the_senders_language),
	};
	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests_name("dsn", tests, NULL, NULL);
}
