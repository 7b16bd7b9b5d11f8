/* What sendmail makes of letters, how event lines are read, and names of folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cli/mail_folders.h"
#include "cli/sendmail.h"
#include "base/event.h"
#include "store/store.h"

static struct cli_sendmail_job job;
static struct buf letter;

static int set_up(void **state)
{
	(void)state;
	job = (struct cli_sendmail_job){.arena = arena_new(), .sender = SLICE("anna@here.test"), .domain = SLICE("here.test"), .hostname = SLICE("mx.here.test"), .user = "anna"};
	letter = BUF(100000);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&job.arena);
	buf_free(&letter);
	return 0;
}

static bool make(const char *raw)
{
	struct error error;
	struct slice message_id = {NULL, 0};
	return cli_sendmail_make_letter(&job, 1, slice_of(raw), &letter, &message_id, &error);
}

static bool holds(const char *text) { return slice_find(buf_slice(&letter), slice_of(text)) != SLICE_NONE; }

static void what_is_missing_is_added(void **state)
{
	(void)state;
	job.full_name = SLICE("Anna");
	assert_true(make("Subject: x\n\nText\n"));
	assert_true(holds("From: Anna <anna@here.test>\r\n") && holds("\r\nDate: ") && holds("\r\nMessage-ID: <"));
	assert_true(slice_starts(buf_slice(&letter), SLICE("Received: ")));
	assert_true(slice_ends_nocase(buf_slice(&letter), SLICE("Subject: x\r\n\r\nText\r\n")));
}

static void what_is_there_stays(void **state)
{
	(void)state;
	assert_true(make("From: b@c.test\r\nDate: now\r\nMessage-Id: <1@x>\r\n\r\nText"));
	assert_true(holds("From: b@c.test\r\nDate: now\r\nMessage-Id: <1@x>\r\n\r\nText\r\n"));
	assert_false(holds("anna@here.test") || holds("\r\r"));
}

static void recipients_come_from_the_fields(void **state)
{
	(void)state;
	job.from_header = true;
	assert_true(make("To: bob, \"C, D\" <cd@there.test>\nCc: Group: e@f.test;,\n bob@here.test\nBcc: secret@here.test\n\nText\n"));
	assert_int_equal(job.recipient_count, 4);
	assert_true(slice_equal(job.recipients[0], SLICE("bob@here.test")));
	assert_true(slice_equal(job.recipients[3], SLICE("secret@here.test")));
	assert_false(holds("secret") || holds("Bcc"));
}

static void a_body_without_header_is_a_body(void **state)
{
	(void)state;
	assert_true(make("just some words\nmore: words\n"));
	assert_true(slice_ends_nocase(buf_slice(&letter), SLICE("\r\n\r\njust some words\r\nmore: words\r\n")));
}

static void line_ends_and_dots(void **state)
{
	(void)state;
	job.dots = true;
	assert_true(make("Subject: x\n\na\rb\r\n..\n.\nnot this\n"));
	assert_true(slice_ends_nocase(buf_slice(&letter), SLICE("\r\n\r\na\r\nb\r\n..\r\n")));
}

static void a_lone_cr_ends_no_letter(void **state)
{
	(void)state;
	job.dots = true;
	static const char *const raws[] = {"S: x\r\n\r\na\r.\rb\n", "S: x\n\na\n.\rb\n", "S: x\n\na\r.\nb\n", "S: x\n\na\n.\r\r\nb\n", "S: x\n\na\n. \nb"};
	for (size_t i = 0; i < sizeof raws / sizeof *raws; i++) {
		buf_clear(&letter);
		assert_true(make(raws[i]));
		if (job.cut > 0 || !slice_ends_nocase(buf_slice(&letter), SLICE("b\r\n")))
			fail_msg("case %zu: %.*s", i, (int)letter.len, letter.at);
	}
}

/* It ends where the dot stands, as for every sendmail; but the caller can say so. */
static void what_is_cut_off_is_counted(void **state)
{
	(void)state;
	job.dots = true;
	assert_true(make("S: x\n\na\n.\n"));
	assert_int_equal(job.cut, 0);
	assert_true(make("S: x\n\na\r\n.\r\nmore\n"));
	assert_int_equal(job.cut, 5);
	assert_false(holds("more"));
	job.dots = false;
	assert_true(make("S: x\n\na\n.\nmore\n"));
	assert_true(job.cut == 0 && holds("\r\n.\r\nmore\r\n"));
}

static void nul_is_refused(void **state)
{
	(void)state;
	struct error error;
	struct slice message_id;
	assert_false(cli_sendmail_make_letter(&job, 1, SLICE("S: x\n\na\n\0.\n"), &letter, &message_id, &error));
	assert_false(cli_sendmail_make_letter(&job, 1, SLICE("S: x\0\n\na\n"), &letter, &message_id, &error));
}

static void a_name_is_a_phrase(void **state)
{
	(void)state;
	static const struct { const char *name, *field; } cases[] = {
		{"Anna Maria", "From: Anna Maria <"}, {"Doe, John", "From: \"Doe, John\" <"}, {"J. \"Q\" D\\", "From: \"J. \\\"Q\\\" D\\\\\" <"},
		{"J\xc3\xb6rg", "From: =?utf-8?b?SsO2cmc=?= <"}, {"Doe, J\xc3\xb6rg", "From: \"Doe,\" =?utf-8?b?SsO2cmc=?= <"},
		{"D\xc3\xb6, J.", "From: =?utf-8?b?RMO2LA==?= \"J.\" <"}, {"a <x@evil.test>, b", "From: \"a <x@evil.test>, b\" <"},
		{"=?utf-8?q?x?=, y", "From: =?utf-8?b?PT91dGYtOD9xP3g/PSw=?= y <"}, {"root (Cron)", "From: \"root (Cron)\" <"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_clear(&letter);
		job.full_name = slice_of(cases[i].name);
		assert_true(make("Subject: x\n\nText\n"));
		if (!holds(cases[i].field))
			fail_msg("%s: %.*s", cases[i].name, (int)letter.len, letter.at);
	}
}

static void a_bad_recipient_is_refused(void **state)
{
	(void)state;
	struct error error;
	assert_false(cli_sendmail_add_recipient(&job, SLICE("a b@c.test"), &error));
	assert_false(cli_sendmail_add_recipient(&job, SLICE("a@b@c.test"), &error));
	assert_true(cli_sendmail_add_recipient(&job, SLICE("<a@c.test>"), &error) && cli_sendmail_add_recipient(&job, SLICE("a@C.test"), &error));
	assert_int_equal(job.recipient_count, 1);
}

static void events_are_read(void **state)
{
	(void)state;
	struct event event;
	assert_true(event_parse(SLICE("time=1 level=info event=message.accepted from=\"a \\\"b\\\" \\\\ \\x0a\" to= size=3"), job.arena, &event));
	assert_true(slice_equal(event_get(&event, "from"), SLICE("a \"b\" \\ \n")));
	assert_true(slice_equal(event_get(&event, "size"), SLICE("3")));
	assert_int_equal(event_get(&event, "to").len, 0);
	assert_false(event_parse(SLICE("time=1 from=\"cut off"), job.arena, &event));
	assert_false(event_parse(SLICE("time=1 from=\"cut off\\"), job.arena, &event));
	assert_false(event_parse(SLICE("ready"), job.arena, &event));
	assert_false(event_parse(SLICE(""), job.arena, &event));
}

static void folders_and_flags(void **state)
{
	(void)state;
	char letters[8];
	assert_true(slice_equal(cli_folder_to_mailbox(SLICE(".Work.Old"), job.arena), SLICE("Work/Old")));
	assert_true(slice_equal(cli_folder_to_mailbox(SLICE(".Entw&APw-rfe"), job.arena), SLICE("Entw\xc3\xbcrfe")));
	assert_true(slice_equal(cli_folder_from_mailbox(SLICE("Entw\xc3\xbcrfe/a.b"), job.arena), SLICE(".Entw&APw-rfe.a&AC4-b")));
	assert_int_equal(cli_flags_from_name(SLICE("1.x.host:2,FS")), FLAG_FLAGGED | FLAG_SEEN);
	assert_int_equal(cli_flags_from_name(SLICE("1.FS.host")), 0);
	assert_string_equal(cli_flags_to_name(FLAG_SEEN | FLAG_ANSWERED | FLAG_DRAFT, letters), "DRS");
	assert_int_equal(cli_flags_from_status(SLICE("RO")), FLAG_SEEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_missing_is_added, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_there_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(recipients_come_from_the_fields, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_body_without_header_is_a_body, set_up, tear_down),
		cmocka_unit_test_setup_teardown(line_ends_and_dots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lone_cr_ends_no_letter, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_cut_off_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nul_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_is_a_phrase, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bad_recipient_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(events_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(folders_and_flags, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
