/* Whole deliveries to other servers, also to those that make no sense. */
#include "courier/delivery_fixture.h"

#include <stdlib.h>
#include <sys/syscall.h>

#include "base/random.h"
#include "store/object.h"

static void mail_goes_out(void **state)
{
	(void)state;
	serve_friendly(NULL, 0);
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME},
		     SLICE("Subject: x\r\n\r\n.\r\n..a\n.\nMAIL FROM:<evil@x>\r.\r\xc3\xa9"), TO({"carol@FAR.test", 0, NULL}, {"dave@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_true(slice_equal(smtp_fake_last(t.server), SLICE("Subject: x\r\n\r\n..\r\n...a\r\n..\r\nMAIL FROM:<evil@x>\r\n..\r\n\xc3\xa9\r\n")));
	assert_int_equal(smtp_fake_heard(t.server, "EHLO mail.here.test"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "MAIL FROM:<alice@here.test> SIZE="), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<"), 2);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
}

/* Whatever the DNS says of its domain, or that all goes through a smarthost. */
static void mail_goes_through_a_server_that_was_named(void **state)
{
	(void)state;
	struct queue_edit edit = {0};
	struct queue_message before;
	struct error error = {0};
	serve_friendly(NULL, 0);
	configure("smarthost = \"127.0.0.1:9\"\nsmarthost_tls = none\n");
	struct slice via = arena_printf(t.arena, "127.0.0.1:%d", smtp_fake_port(t.server));
	int64_t id = post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello, TO({"carol@gone.test", 0, NULL}));
	edit.via = &via;
	if (!queue_edit(t.queue, id, &edit, t.arena, &before, &error))
		fail_msg("%s", error.text);
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol@gone.test>"), 1);
}

static void old_servers_are_spoken_to(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "", RULES({"EHLO", "502 what", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "HELO mail.here.test"), 1);
}

static void who_hangs_up_at_ehlo_hears_helo(const char *answer)
{
	t.server = serve(NULL, 0, "STARTTLS", RULES({"EHLO", answer, 0}));
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_connections(t.server), 2);
	assert_int_equal(smtp_fake_heard(t.server, "EHLO"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "HELO mail.here.test"), 1);
}

static void servers_that_hang_up_at_ehlo_are_spoken_to(void **state)
{
	(void)state;
	who_hangs_up_at_ehlo_hears_helo("(close)");
}

static void servers_that_refuse_ehlo_and_hang_up_are_spoken_to(void **state)
{
	(void)state;
	who_hangs_up_at_ehlo_hears_helo("(last)502 what");
}

static void helo_is_not_said_where_tls_is_required(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"EHLO", "(close)", 0}));
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .require_tls = true}, hello, TO({"carol@far.test", 0, NULL}));
	start();
	eventually(smtp_fake_heard(t.server, "EHLO") >= 2);
	assert_int_equal(smtp_fake_heard(t.server, "HELO"), 0);
}

static void connections_are_used_again(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, NULL, 0);
	configure("connections_per_destination = 2\n");
	for (int i = 0; i < 60; i++)
		post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 60);
	assert_true(smtp_fake_connections(t.server) <= 4);
}

static void a_dead_idle_connection_costs_nothing(void **state)
{
	(void)state;
	/* After the first message the server takes its leave at the next MAIL. */
	t.server = serve(NULL, 0, FRIENDLY, RULES({"MAIL FROM:<bob", "421 4.4.2 too long idle", 1}));
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	post("bob@here.test", "carol@far.test");
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 2);
	assert_int_equal(smtp_fake_connections(t.server), 2);
}

static void the_next_host_is_tried(void **state)
{
	(void)state;
	t.server = serve("127.0.0.2", 0, FRIENDLY, NULL, 0);
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@two.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void a_busy_host_is_passed_over(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"(connect)", "421 4.3.2 busy", 0}));
	t.second = serve("127.0.0.2", smtp_fake_port(t.server), FRIENDLY, NULL, 0);
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@both.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.second), 1);
}

static void each_recipient_has_its_own_fate(void **state)
{
	(void)state;
	serve_friendly(RULES({"RCPT TO:<gone", "550-5.1.1 there is\r\n550 5.1.1 nobody", 0}, {"RCPT TO:<later", "450 4.2.1 later", 1}));
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .envid = SLICE("e=1")}, hello,
		     TO({"carol@far.test", 0, NULL}, {"gone@far.test", 0, "rfc822;old@far.test"}, {"later@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 2);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<gone"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<later"), 2);
	eventually(mailbox_count("alice@here.test", "INBOX") == 1);
	assert_report("Original-Envelope-Id: e=1\r\n");
	assert_report("Original-Recipient: rfc822; old@far.test\r\n");
	assert_report("Remote-MTA: dns; mx.far.test\r\n");
	assert_report("Diagnostic-Code: smtp; 550 5.1.1 there is 5.1.1 nobody\r\n");
}

static void nobody_accepted_is_no_message(void **state)
{
	(void)state;
	serve_friendly(RULES({"RCPT", "550 no", 0}));
	post("alice@here.test", "carol@far.test");
	start();
	eventually(mailbox_count("alice@here.test", "INBOX") == 1);
	assert_report("Status: 5.1.0\r\n");
	/* The fake says 354 all the same: it got an empty message and nothing else. */
	assert_int_equal(smtp_fake_last(t.server).len, 0);
}

static void a_report_that_takes_long_holds_up_no_verdict(void **state)
{
	(void)state;
	serve_friendly(RULES({"RCPT TO:<gone", "550 5.1.1 nobody", 0}));
	people.silent = true;
	post("alice@here.test", "gone@far.test");
	start();
	eventually(smtp_fake_heard(t.server, "RCPT TO:<gone") == 1);
	for (int i = 0; i < 10; i++)
		post("alice@here.test", "carol@far.test");
	post("carol@far.test", "bob@here.test");
	eventually(waiting() == 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol"), 10);
	people.silent = false;
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1);
}

static void a_thousand_refusals_are_told(void **state)
{
	(void)state;
	serve_friendly(RULES({"RCPT", "550 5.1.1 nobody", 0}));
	for (int i = 0; i < 1000; i++)
		post_message((struct queue_message){.from = arena_printf(t.arena, "alice+%d@here.test", i), .arrived = clock_now()}, hello, TO({"gone@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1000);
}

static void what_is_known_at_the_end_is_told(void **state)
{
	(void)state;
	serve_friendly(RULES({"RCPT TO:<gone", "550 5.1.1 nobody", 0}));
	people.silent = true;
	post("alice@here.test", "gone@far.test");
	post("alice@here.test", "gone@far.test");
	start();
	eventually(smtp_fake_heard(t.server, "RCPT TO:<gone") == 2);
	people.silent = false;
	stop();
	assert_int_equal(waiting(), 2); /* the two reports, for the next start */
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT"), 2);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 2);
}

static void too_many_recipients_are_split(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"RCPT TO:<b@", "452 4.5.3 too many", 1}));
	configure("retry_schedule = {\"1h\"}\n");
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello, TO({"a@far.test", 0, NULL}, {"b@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 2);
	assert_int_equal(smtp_fake_connections(t.server), 1);
}

static void a_lost_final_reply_is_tried_later(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"(data)", "(close)", 1}));
	t.second = serve("127.0.0.2", smtp_fake_port(t.server), FRIENDLY, NULL, 0);
	configure("");
	post("alice@here.test", "carol@both.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_messages(t.second), 0); /* it might have had it twice */
}

static void blank_lines_are_passed_over(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "", RULES({"(connect)", "\r\n220 here", 1}, {"MAIL", "\r\n\r\n250 ok", 1}, {"(data)", "\r\n250 OK id=1", 0}));
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "(data)"), 1);
}

static void long_and_odd_final_replies_are_taken(void **state)
{
	(void)state;
	char *endless = memset(arena_alloc(t.arena, 9001), 'x', 9000);
	memcpy(endless, "250 ", 4);
	t.server = serve(NULL, 0, "", RULES({"(data)", endless, 1}, {"(data)", "queued\r\n250OK", 1}, {"(data)", "250-a\r\n\r\nb\r\n250 c", 1}));
	configure("retry_schedule = {\"1h\"}\n");
	for (int i = 0; i < 3; i++)
		post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "(data)"), 3);
}

static void an_unreadable_end_is_not_repeated_for_ever(void **state)
{
	(void)state;
	serve_friendly(RULES({"(data)", "(close)", 1}, {"(data)", "354 more", 1}, {"(data)", "250-a\r\n550 b", 0}));
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "(data)"), UNSURE_TRIES_MAX);
	assert_report("Action: failed\r\nStatus: 5.4.2\r\n");
	assert_report("It may have been delivered all the same");
}

static void refusals_are_not_counted_as_unsure(void **state)
{
	(void)state;
	serve_friendly(RULES({"(data)", "451 4.3.0 not now", 4}, {"MAIL", "(close)", 2}));
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void time_runs_out(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"MAIL", "451 4.7.1 not today", 0}));
	configure("retry_for = 3\ndelay_notice = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 2); /* one warning, one failure */
	assert_report("Action: delayed\r\nStatus: 4.7.1\r\n");
	assert_report("Will-Retry-Until: ");
	assert_report("Action: failed\r\nStatus: 4.4.7\r\n");
	assert_report("mx.far.test said: 451 4.7.1 not today");
}

static void a_server_with_our_name_is_us(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"(connect)", "220 MAIL.here.test ESMTP", 0}));
	t.second = serve("127.0.0.2", smtp_fake_port(t.server), FRIENDLY, NULL, 0);
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@both.test");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.second), 1); /* the other host takes it */
	assert_report("Final-Recipient: rfc822; carol@far.test\r\nAction: failed\r\nStatus: 5.4.6\r\n");
	assert_int_equal(smtp_fake_heard(t.server, "EHLO"), 0);
}

static void farewells_come_anywhere(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "8BITMIME", RULES({"(connect)", "421 4.3.2 a", 1}, {"EHLO", "421 4.3.2 b", 1}, {"MAIL", "421 4.3.2 c", 1}, {"RCPT", "421 4.3.2 d", 1},
			 {"DATA", "421 4.3.2 e", 1}, {"(data)", "421 4.3.2 f", 1}, {"EHLO", "(close)", 1}, {"QUIT", "(close)", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "(data)"), 2);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
}

static void returned_text_holds_no_nul(void **state)
{
	(void)state;
	size_t count;
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, SLICE("Subject: x\r\n\r\na\0b\r\n"), TO({"nobody@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(slice_find_char(read_mailbox("alice@here.test", "INBOX", &count), '\0'), SLICE_NONE);
	assert_report("\r\n\r\na\x80" "b\r\n");
}

static void a_clock_that_was_ahead_delays_nothing(void **state)
{
	(void)state;
	struct error error = {0};
	struct queue_message *list;
	size_t count;
	t.server = serve(NULL, 0, "8BITMIME", RULES({"MAIL", "451 4.7.1 not yet", 1}));
	configure("retry_schedule = {\"1s\", \"1h\"}\n");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .arrived = clock_now() + 365 * 86400}, hello, TO({"carol@far.test", 0, NULL}));
	start();
	eventually(smtp_fake_heard(t.server, "MAIL") == 1);
	assert_true(queue_list(t.queue, &(struct queue_filter){0}, t.arena, &list, &count, &error));
	assert_true(count == 0 || list[0].recipients[0].expires <= clock_now() + config_current()->retry_for);
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void dead_ends_come_back_at_once(void **state)
{
	(void)state;
	serve_friendly(NULL, 0);
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello,
		     TO({"a@null.test", 0, NULL}, {"b@unheard.test", 0, NULL}, {"c@mail.here.test", 0, NULL}, {"d@-bad-.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_report("Final-Recipient: rfc822; a@null.test\r\nAction: failed\r\nStatus: 5.1.10\r\n");
	assert_report("Final-Recipient: rfc822; b@unheard.test\r\nAction: failed\r\nStatus: 5.1.2\r\n");
	assert_report("Final-Recipient: rfc822; d@-bad-.test\r\nAction: failed\r\nStatus: 5.1.2\r\n");
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1); /* all in one */
}

static void size_is_checked_before_sending(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "SIZE 20", NULL, 0);
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(mailbox_count("alice@here.test", "INBOX") == 1);
	assert_report("Status: 5.3.4\r\n");
	assert_int_equal(smtp_fake_heard(t.server, "MAIL"), 0);
}

static void internationalised_addresses(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "8BITMIME", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .smtputf8 = true}, hello,
		     TO({"carol@пример.test", 0, NULL}, {"кэрол@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol@xn--e1afmkfd.test>"), 1);
	assert_report("Final-Recipient: utf-8; кэрол@far.test\r\nAction: failed\r\nStatus: 5.6.7\r\n");
	assert_report("message/global-delivery-status");
}

/* What the server got is ASCII in lines of 998 bytes, and was announced with its size. */
static void assert_plain(size_t messages)
{
	char announced[60];
	struct slice rest = smtp_fake_last(t.server), line;
	assert_int_equal(smtp_fake_messages(t.server), messages);
	assert_true(slice_is_ascii(rest));
	assert_int_equal(slice_find_char(rest, '\0'), SLICE_NONE);
	snprintf(announced, sizeof announced, "MAIL FROM:<alice@here.test> SIZE=%zu", rest.len);
	assert_true(smtp_fake_heard(t.server, announced) > 0);
	assert_int_equal(smtp_fake_heard(t.server, "MAIL FROM:<alice@here.test> SIZE="), messages);
	while (slice_cut(rest, '\n', &line, &rest))
		assert_true(line.len <= MESSAGE_LINE_MAX + 1);
}

static void text_is_written_for_who_takes_only_ascii(void **state)
{
	(void)state;
	static const char head[] = "Subject: \xd1\x82\xd0\xb5\xd0\xbc\xd0\xb0\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: 8bit\r\n\r\n";
	struct buf large = BUF(400000);
	buf_append_text(&large, head);
	while (large.len < 2 * QUEUE_INLINE_MAX) /* a file */
		buf_append_text(&large, "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, ");
	t.server = serve(NULL, 0, "SIZE 10000000", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME}, slice_make(head, sizeof head - 1), TO({"carol@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_plain(1);
	assert_true(holds(smtp_fake_last(t.server), "=?"));
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME}, buf_slice(&large), TO({"carol@far.test", 0, NULL}));
	eventually(waiting() == 0);
	assert_plain(2);
	assert_int_equal(smtp_fake_heard(t.server, "BODY="), 0);
	buf_free(&large);
}

static void long_lines_go_to_nobody(void **state)
{
	(void)state;
	char *text = memset(arena_alloc(t.arena, 5001), 'x', 5000);
	memcpy(text, "Subject: long\r\n\r\n", 17);
	memcpy(text + 4998, "\r\n", 2);
	serve_friendly(NULL, 0);
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, slice_of(text), TO({"carol@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_plain(1);
	assert_true(holds(smtp_fake_last(t.server), "Subject: long\r\n"));
}

static void binary_bodies_go_by_bdat_or_encoded(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "SIZE 100000\n8BITMIME", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_BINARYMIME}, hello, TO({"carol@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_true(slice_equal(smtp_fake_last(t.server), hello));
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_BINARYMIME},
		     SLICE("MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n\xff"), TO({"dave@far.test", 0, NULL}));
	eventually(waiting() == 0);
	assert_plain(2);
}

static void headers_that_need_smtputf8_are_found_in_parts(void **state)
{
	(void)state;
	static const struct slice inner = {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename=\xd1\x84\r\n\r\nx\r\n--b--\r\n", 108};
	static const struct slice body = {"Subject: x\r\n\r\n\xd1\x84\r\n", 18};
	t.server = serve(NULL, 0, "8BITMIME", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME, .smtputf8 = true}, inner, TO({"carol@far.test", 0, NULL}));
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME, .smtputf8 = true}, body, TO({"carol@\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol@xn--e1afmkfd.test>"), 1);
	assert_report("Final-Recipient: rfc822; carol@far.test\r\nAction: failed\r\nStatus: 5.6.9\r\n");
}

static void success_is_reported_where_it_was_asked_for(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "PIPELINING", NULL, 0);
	t.second = serve("127.0.0.2", smtp_fake_port(t.server), "DSN", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .ret = RET_HEADERS, .envid = SLICE("q+1")}, hello,
		     TO({"carol@far.test", NOTIFY_SUCCESS | NOTIFY_FAILURE, "rfc822;c@far.test"}, {"dave@two.test", NOTIFY_SUCCESS, NULL}, {"bob@here.test", NOTIFY_SUCCESS, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.second, "MAIL FROM:<alice@here.test> RET=HDRS ENVID=q+2B1"), 1);
	assert_int_equal(smtp_fake_heard(t.second, "RCPT TO:<dave@two.test> NOTIFY=SUCCESS"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol@far.test>\n"), 0);
	assert_report("Final-Recipient: rfc822; carol@far.test\r\nAction: relayed\r\n");
	assert_report("Final-Recipient: rfc822; bob@here.test\r\nAction: delivered\r\n");
	size_t count;
	assert_false(holds(read_mailbox("alice@here.test", "INBOX", &count), "dave@two.test"));
	assert_int_equal(count, 1);
}

static void aliases_lead_out(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "DSN", NULL, 0);
	configure("");
	post("alice@here.test", "team@here.test");
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello, TO({"away@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 1);
	assert_int_equal(smtp_fake_messages(t.server), 2);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol@far.test> ORCPT=rfc822;team@here.test"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<moved@far.test> ORCPT=rfc822;away@here.test"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "MAIL FROM:<alice@here.test>"), 2);
}

static void a_wrong_target_is_told_to_the_postmaster(void **state)
{
	(void)state;
	post("carol@far.test", "flawed@here.test");
	start();
	eventually(mailbox_count("bob@here.test", "INBOX") == 1);
	eventually(mailbox_count("alice@here.test", "INBOX") == 1);
	assert_report("Return-Path: <>\r\n");
	assert_report("To: <postmaster@here.test>\r\n");
	assert_report("  <flawed@here.test> -> <gone@here.test>\r\n    which is nobody's address\r\n");
	post("carol@far.test", "flawed@here.test"); /* once a day is enough */
	post("", "flawed@here.test");
	eventually(waiting() == 0 && mailbox_count("bob@here.test", "INBOX") == 3);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1);
}

static void big_messages_stream(void **state)
{
	(void)state;
	struct error error = {0};
	size_t count;
	char *line = memset(arena_alloc(t.arena, 1 << 20), 'x', 1 << 20);
	for (size_t i = 61; i < 1 << 20; i += 64)
		memcpy(line + i, "\r\n.", 3);
	serve_friendly(NULL, 0);
	struct queue_recipient recipients[] = {{.address = SLICE("bob@here.test")}, {.address = SLICE("carol@far.test")}};
	struct queue_message message = {.from = SLICE("alice@here.test"), .recipients = recipients, .recipient_count = 2, .arrived = clock_now()};
	struct queue_draft *draft = queue_draft_new(t.queue, message.from);
	assert_true(queue_draft_write(draft, hello, &error));
	for (size_t i = 0; i < BIG >> 20; i++)
		assert_true(queue_draft_write(draft, slice_make(line, 1 << 20), &error));
	assert_true(queue_commit(t.queue, &draft, &message, &error));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_last(t.server).len, hello.len + BIG + BIG / 64 + 2);
	assert_int_equal(read_mailbox("bob@here.test", "INBOX", &count).len, 32 + BIG + slice_of("Return-Path: <alice@here.test>\r\n").len);
}

/* ---- Servers that make no sense ---- */

static void nonsense_is_survived(void **state)
{
	(void)state;
	char *endless = memset(arena_alloc(t.arena, 5001), 'x', 5000);
	struct buf lines = BUF(100000);
	for (int i = 0; i < 300; i++)
		buf_append_text(&lines, "250-more\r\n");
	buf_append_text(&lines, "250 end");
	t.server = serve(NULL, 0, "PIPELINING", RULES({"(connect)", "HELLO", 1}, {"(connect)", endless, 1}, {"EHLO", lines.at, 1}, {"MAIL", "250-a\r\n550 b", 1},
			 {"RCPT", "(close)", 1}, {"DATA", "250 already", 1}, {"(data)", "354 again", 1}, {"(data)", "\x01\x02\xff", 1}));
	configure("reply_timeout = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
	buf_free(&lines);
}

static void silence_is_waited_for_and_no_longer(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "PIPELINING", RULES({"(connect)", "(silence)", 1}));
	configure("reply_timeout = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void stopping_does_not_wait_for_others(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "PIPELINING", RULES({"(connect)", "(silence)", 0}));
	configure("reply_timeout = 300\n");
	for (int i = 0; i < 20; i++)
		post("alice@here.test", "carol@far.test");
	start();
	eventually(smtp_fake_connections(t.server) > 0);
	int64_t began = clock_monotonic_ms();
	courier_stop(&t.courier, 1);
	assert_true(clock_monotonic_ms() - began < 60000);
	struct queue_message *list;
	size_t count;
	assert_true(queue_list(t.queue, &(struct queue_filter){0}, t.arena, &list, &count, NULL));
	assert_int_equal(count, 20);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(list[i].recipients[0].attempts, 0);
}

/* ---- What of accounts is on the disk ---- */

static bool disk_is_kept;

static void shell(const char *command)
{
	char line[1024];
	snprintf(line, sizeof line, "cd %s && %s", t.data, command);
	assert_int_equal(system(line), 0);
}

/* In the place of the C library's: what is synced is put aside. (Another process reads, or locks would be lost.) */
int syncfs(int fd)
{
	long result = syscall(SYS_syncfs, fd);
	if (disk_is_kept)
		shell("rm -rf disk && cp -r accounts disk");
	return (int)result;
}

static void cut_power(void)
{
	struct error error = {0};
	disk_is_kept = false;
	stop();
	store_close(&t.store);
	shell("rm -rf accounts && mv disk accounts && rm -f accounts/*/*/*-shm");
	t.store = store_open(&(struct store_options){.data = t.data}, &error);
	assert_non_null(t.store);
}

static void what_was_sent_is_known_after_a_power_cut(void **state)
{
	(void)state;
	struct error error = {0};
	struct object object;
	struct object_change made = {.reference = id_new(), .text = SLICE("{\"deliveryStatus\":{\"carol@far.test\":{\"smtpReply\":\"250 2.0.0 queued\"}}}")};
	serve_friendly(NULL, 0);
	struct account *account = store_open_account(t.store, SLICE("alice@here.test"), &error);
	assert_true(object_change(account, OBJECT_SENDING, &made, 1, &error));
	store_release_account(&account);
	disk_is_kept = true;
	assert_true(store_sync(t.store, &error));
	post_message((struct queue_message){.id = made.reference, .from = SLICE("alice@here.test"), .account = SLICE("alice@here.test"), .tracked = true}, hello, TO({"carol@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	cut_power();
	account = store_open_account(t.store, SLICE("alice@here.test"), &error);
	assert_true(object_find(account, OBJECT_SENDING, made.reference, t.arena, &object, &error));
	assert_false(holds(object.text, "queued"));
	assert_true(holds(object.text, "final"));
	store_release_account(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mail_goes_out), CASE(mail_goes_through_a_server_that_was_named),
		CASE(what_was_sent_is_known_after_a_power_cut),
		CASE(old_servers_are_spoken_to),
		CASE(servers_that_hang_up_at_ehlo_are_spoken_to),
		CASE(servers_that_refuse_ehlo_and_hang_up_are_spoken_to),
		CASE(helo_is_not_said_where_tls_is_required),
		CASE(connections_are_used_again),
		CASE(a_dead_idle_connection_costs_nothing),
		CASE(the_next_host_is_tried),
		CASE(a_busy_host_is_passed_over),
		CASE(each_recipient_has_its_own_fate),
		CASE(nobody_accepted_is_no_message), CASE(a_report_that_takes_long_holds_up_no_verdict),
		CASE(a_thousand_refusals_are_told), CASE(what_is_known_at_the_end_is_told),
		CASE(too_many_recipients_are_split),
		CASE(a_lost_final_reply_is_tried_later),
		CASE(blank_lines_are_passed_over),
		CASE(long_and_odd_final_replies_are_taken),
		CASE(an_unreadable_end_is_not_repeated_for_ever),
		CASE(refusals_are_not_counted_as_unsure),
		CASE(time_runs_out),
		CASE(a_server_with_our_name_is_us),
		CASE(farewells_come_anywhere),
		CASE(returned_text_holds_no_nul),
		CASE(a_clock_that_was_ahead_delays_nothing),
		CASE(dead_ends_come_back_at_once),
		CASE(size_is_checked_before_sending),
		CASE(internationalised_addresses),
		CASE(text_is_written_for_who_takes_only_ascii),
		CASE(long_lines_go_to_nobody),
		CASE(binary_bodies_go_by_bdat_or_encoded),
		CASE(headers_that_need_smtputf8_are_found_in_parts),
		CASE(success_is_reported_where_it_was_asked_for),
		CASE(aliases_lead_out),
		CASE(a_wrong_target_is_told_to_the_postmaster),
		CASE(big_messages_stream),
		CASE(nonsense_is_survived),
		CASE(silence_is_waited_for_and_no_longer),
		CASE(stopping_does_not_wait_for_others),
	};
	int failed = cmocka_run_group_tests_name("remote", tests, NULL, NULL);
	config_free_all();
	return failed;
}
