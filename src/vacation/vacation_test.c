/* Tests of who is answered, and with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "message/header.h"
#include "vacation/vacation.h"

static const char plain[] = "From: Bob <bob@friends.example>\r\nTo: Anna <anna@example.test>\r\nSubject: Hello\r\nMessage-ID: <1@friends.example>\r\n\r\n";

static bool is_answered(const char *sender, const char *fields)
{
	struct buf header = BUF(10000);
	buf_printf(&header, "%s%s", fields, plain);
	bool answered = !vacation_hindrance(slice_of(sender), buf_slice(&header));
	buf_free(&header);
	return answered;
}

static void people_are_answered(void **state)
{
	(void)state;
	assert_true(is_answered("bob@friends.example", ""));
	assert_true(is_answered("bob@friends.example", "Auto-Submitted: no\r\n"));
	assert_true(is_answered("bob@friends.example", "auto-submitted: No (really)\r\n"));
	assert_true(is_answered("bob@friends.example", "Precedence: first-class\r\n"));
	assert_true(is_answered("requester@friends.example", "X-Auto-Response-Suppress: None\r\n"));
	assert_true(is_answered("owner@friends.example", "Content-Type: multipart/mixed; boundary=x\r\n"));
}

static void programs_are_not(void **state)
{
	(void)state;
	static const char *const senders[] = {"", "MAILER-DAEMON@friends.example", "mailer-daemon@x.example", "owner-list@x.example", "list-request@x.example", "LIST-OWNER@x.example",
		"listserv@x.example", "majordomo@x.example", "no-reply@x.example", "noreply@x.example", "bounces+17@x.example", "list-bounces@x.example", "list-bounces+anna=example.test@x.example",
		"list-return-12@x.example"};
	static const char *const fields[] = {"List-Id: <x>\r\n", "List-Unsubscribe: <mailto:x@y>\r\n", "LIST-POST: NO\r\n", "Auto-Submitted: auto-generated\r\n", "Auto-Submitted: auto-replied; x=y\r\n",
		"Auto-Submitted:\r\n auto-notified\r\n", "Auto-Submitted:\r\n", "Precedence: bulk\r\n", "Precedence: List\r\n", "Precedence: JUNK\r\n", "X-Auto-Response-Suppress: OOF, DR\r\n",
		"Content-Type: multipart/report; report-type=delivery-status\r\n", "X-Spam-Flag: YES\r\n", "X-Loop: x\r\n"};
	for (size_t i = 0; i < sizeof senders / sizeof *senders; i++)
		if (is_answered(senders[i], ""))
			fail_msg("%s", senders[i]);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (is_answered("bob@friends.example", fields[i]))
			fail_msg("%s", fields[i]);
}

static void those_it_is_addressed_to(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct slice *list;
	size_t count;
	vacation_addressed(SLICE("To: Anna <Anna@Example.Test>, team: b@x.example, \"c d\"@x.example;\r\nX: y@z.example\r\nCc: nobody, e@x.example\r\nResent-To: f@x.example\r\n\r\n"), arena, &list, &count);
	assert_int_equal(count, 5);
	assert_true(slice_equal(list[0], SLICE("anna@example.test")));
	assert_true(slice_equal(list[2], SLICE("\"c d\"@x.example")));
	assert_true(slice_equal(list[4], SLICE("f@x.example")));
	arena_free(&arena);
}

static void times_bound_it(void **state)
{
	(void)state;
	const struct vacation always = {.enabled = true}, off = {0}, bounded = {.enabled = true, .from = 100, .to = 200};
	assert_true(vacation_is_active(&always, 1) && !vacation_is_active(&off, 1));
	assert_false(vacation_is_active(&bounded, 99));
	assert_true(vacation_is_wanted(&bounded, 99));
	assert_true(vacation_is_active(&bounded, 100) && vacation_is_active(&bounded, 199));
	assert_false(vacation_is_active(&bounded, 200) || vacation_is_wanted(&bounded, 200));
}

static void it_is_kept_as_json(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct vacation vacation = {.enabled = true, .from = 1795389572, .subject = SLICE("F\xc3\xa9rias \"x\""), .text = SLICE("a\nb"), .html = SLICE("")}, again;
	assert_true(vacation_read(vacation_write(&vacation, arena), arena, &again));
	assert_true(again.enabled && again.from == 1795389572 && again.to == 0);
	assert_true(slice_equal(again.subject, vacation.subject) && slice_equal(again.text, vacation.text) && again.html.at && again.html.len == 0);
	assert_false(vacation_read(SLICE("[]"), arena, &again));
	assert_false(vacation_read(SLICE(""), arena, &again));
	assert_false(vacation_read(SLICE("{\"fromDate\": \"tomorrow\"}"), arena, &again));
	assert_true(vacation_read(SLICE("{}"), arena, &again) && !again.enabled && !again.text.at);
	arena_free(&arena);
}

static struct slice write_for(const struct vacation *vacation, const char *header, struct arena *arena)
{
	struct buf out = BUF(VACATION_ANSWER_MAX);
	assert_true(vacation_write_answer(&(struct vacation_answer){.vacation = vacation, .from = SLICE("anna@example.test"), .to = SLICE("bob@friends.example"), .header = slice_of(header),
		.prefix = "Auto", .words = "Away.\r\n", .id = 1, .now = 1795389572, .hostname = "mail.example.test"}, &out));
	struct slice answer = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return answer;
}

static struct slice field_of(struct slice answer, const char *name, struct arena *arena)
{
	struct header_field field;
	return header_find(slice_sub(answer, 0, header_length(answer)), slice_of(name), &field) ? header_unfold(field.body, arena) : SLICE("(none)");
}

static void the_answer_says_what_it_is(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const struct vacation vacation = {.enabled = true};
	struct slice answer = write_for(&vacation, plain, arena);
	assert_true(slice_equal(field_of(answer, "From", arena), SLICE("<anna@example.test>")));
	assert_true(slice_equal(field_of(answer, "To", arena), SLICE("<bob@friends.example>")));
	assert_true(slice_equal(field_of(answer, "Subject", arena), SLICE("Auto: Hello")));
	assert_true(slice_equal(field_of(answer, "Auto-Submitted", arena), SLICE("auto-replied")));
	assert_true(slice_equal(field_of(answer, "In-Reply-To", arena), SLICE("<1@friends.example>")));
	assert_true(slice_equal(field_of(answer, "References", arena), SLICE("<1@friends.example>")));
	assert_true(slice_ends_nocase(answer, SLICE("\r\n\r\nAway.\r\n")));
	arena_free(&arena);
}

static void it_belongs_to_the_thread(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const struct vacation vacation = {.enabled = true};
	struct slice answer = write_for(&vacation, "References: <a@x> junk <b@x>\r\n\t<c@x>\r\nMessage-ID: <d@x>\r\n\r\n", arena);
	assert_true(slice_equal(field_of(answer, "References", arena), SLICE("<a@x> <b@x> <c@x> <d@x>")));
	answer = write_for(&vacation, "In-Reply-To: <a@x>\r\nMessage-ID: <d@x>\r\n\r\n", arena);
	assert_true(slice_equal(field_of(answer, "References", arena), SLICE("<a@x> <d@x>")));
	answer = write_for(&vacation, "Message-ID: none\r\n\r\n", arena);
	assert_true(slice_equal(field_of(answer, "References", arena), SLICE("(none)")));
	arena_free(&arena);
}

static void its_own_words_go(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const struct vacation vacation = {.enabled = true, .subject = SLICE("F\xc3\xa9rias\r\nBcc: x@y"), .text = SLICE("one\ntwo"), .html = SLICE("<p>three</p>")};
	struct slice answer = write_for(&vacation, plain, arena);
	assert_true(slice_equal(field_of(answer, "Bcc", arena), SLICE("(none)")));
	assert_true(slice_starts(field_of(answer, "Subject", arena), SLICE("=?")));
	assert_true(slice_find(answer, SLICE("\r\n\r\none\r\ntwo\r\n")) != SLICE_NONE);
	assert_true(slice_find(answer, SLICE("\r\n\r\n<p>three</p>\r\n")) != SLICE_NONE);
	const struct vacation marked = {.enabled = true, .html = SLICE("<p>three</p>")};
	answer = write_for(&marked, plain, arena);
	assert_true(slice_find(answer, SLICE("text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nthree")) != SLICE_NONE);
	char *line = arena_alloc(arena, 3000);
	memset(line, 'x', 3000);
	const struct vacation endless = {.enabled = true, .text = slice_make(line, 3000)};
	answer = write_for(&endless, plain, arena);
	assert_true(slice_find(answer, SLICE("base64")) != SLICE_NONE);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(people_are_answered), cmocka_unit_test(programs_are_not), cmocka_unit_test(those_it_is_addressed_to), cmocka_unit_test(times_bound_it),
		cmocka_unit_test(it_is_kept_as_json), cmocka_unit_test(the_answer_says_what_it_is), cmocka_unit_test(it_belongs_to_the_thread), cmocka_unit_test(its_own_words_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
