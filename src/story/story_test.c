/* Tests of stories: who sees what of a message, and that nobody sees another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "story/story.h"

#define ANNA "anna@example.test"
#define BORIS "boris@example.test"
#define T(second) "time=2026-11-22T23:19:" second ".123Z level=info role=smtp "
static char folder[64], first_id[ID_TEXT_LEN + 1], second_id[ID_TEXT_LEN + 1], third_id[ID_TEXT_LEN + 1];
static int64_t first, second, third;
static struct arena *arena;

static void put(const char *name, const char *text)
{
	char path[128];
	struct error error;
	snprintf(path, sizeof path, "%s/log/%s", folder, name);
	assert_true(file_replace(path, slice_of(text), 0600, &error));
}

static int set_up(void **state)
{
	char path[128];
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/pombal-story-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/log", folder);
	mkdir(path, 0700);
	first = id_new(), second = id_new(), third = id_new();
	id_format(first, first_id), id_format(second, second_id), id_format(third, third_id);
	arena = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	char command[128];
	(void)state;
	arena_free(&arena);
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static struct story ask(const char *account, int64_t id, const char *message_id)
{
	struct story story;
	struct error error;
	struct story_question question = {slice_of(account), id, slice_of(message_id)};
	if (!story_find(folder, &question, arena, &story, &error))
		fail_msg("%s", error.text);
	return story;
}

static bool has(const struct story_row *row, enum story_field field, const char *value)
{
	return value ? slice_equal(row->values[field], slice_of(value)) : row->values[field].at == NULL;
}

/* Of a stranger's message to anna and boris. */
static void put_incoming(void)
{
	const char *text = arena_printf(arena,
		T("01") "event=message.judged id=%s session=1 action=accept points=-0.25 spf=pass dkim=pass dmarc=pass iprev=pass reason= findings=\"SPF_PASS -0.25;HTML_ONLY 0.50 a detail\"\n"
		T("02") "event=message.accepted id=%s from=x@far.test to=" ANNA " recipients=2 size=4096 client=\"mx.far.test [192.0.2.1]\" tls=TLSv1.3 cipher=c account= msgid=<m1@far.test>\n"
		T("02") "event=message.recipient id=%s to=" BORIS "\n"
		T("03") "event=delivery.weighed id=%s account=" BORIS " junk=yes hundredths=600 findings=\"LEARNED_SPAM 6.00\"\n"
		T("04") "event=delivery.done id=%s to=" ANNA " status=2.0.0 reply=\"INBOX of " ANNA "\" uid=3 delay=0\n"
		T("04") "event=delivery.filed id=%s to=" BORIS " account=" BORIS " mailbox=Junk uid=7 duplicate=\n"
		T("05") "event=delivery.done id=%s to=" BORIS " status=2.0.0 reply=\"filed in Junk\" uid=7 delay=1\n", first_id, first_id, first_id, first_id, first_id, first_id, first_id).at;
	put("events.log", text);
}

static void who_gets_a_message_sees_his_own_alone(void **state)
{
	(void)state;
	put_incoming();
	struct story story = ask(ANNA, first, "");
	assert_true(story.complete);
	assert_int_equal(story.count, 3);
	assert_int_equal(story.rows[0].event, STORY_JUDGED);
	assert_true(has(&story.rows[0], STORY_FIELD_SPF, "pass") && has(&story.rows[0], STORY_FIELD_POINTS, "-0.25") && has(&story.rows[0], STORY_FIELD_ACTION, "accept"));
	assert_int_equal(story.rows[1].event, STORY_ACCEPTED);
	assert_true(has(&story.rows[1], STORY_FIELD_HOST, "mx.far.test [192.0.2.1]") && has(&story.rows[1], STORY_FIELD_TLS, "TLSv1.3") && has(&story.rows[1], STORY_FIELD_DIRECTION, "in"));
	assert_true(has(&story.rows[1], STORY_FIELD_SIZE, "4096") && has(&story.rows[1], STORY_FIELD_FROM, "x@far.test") && has(&story.rows[1], STORY_FIELD_RECIPIENT, NULL));
	assert_true(story.rows[2].event == STORY_FILED && has(&story.rows[2], STORY_FIELD_MAILBOX, "INBOX"));
	for (size_t i = 0; i < story.count; i++) /* of boris there is nothing anywhere */
		for (size_t k = 0; k < STORY_FIELDS; k++)
			assert_true(slice_find(story.rows[i].values[k], SLICE("boris")) == SLICE_NONE);
	story = ask(BORIS, first, "");
	assert_int_equal(story.count, 4);
	assert_true(story.rows[2].event == STORY_WEIGHED && has(&story.rows[2], STORY_FIELD_HUNDREDTHS, "600") && has(&story.rows[2], STORY_FIELD_JUNK, "yes"));
	assert_int_equal(ask(ANNA, 0, "m1@far.test").count, 3); /* by its Message-ID, too */
}

static void who_has_nothing_to_do_with_it_sees_nothing(void **state)
{
	(void)state;
	put_incoming();
	assert_int_equal(ask("carl@example.test", first, "").count, 0);
	assert_int_equal(ask("carl@example.test", 0, "m1@far.test").count, 0);
	assert_int_equal(ask("x@far.test", first, "").count, 0);
	assert_int_equal(ask(ANNA, second, "").count, 0);
	assert_int_equal(ask(ANNA, 0, "m1").count, 0);
	assert_int_equal(ask(ANNA, 0, "").count, 0);
	/* what a stranger says can't make a line of another: it is in quotes */
	put("events.log", arena_printf(arena, T("01") "event=message.accepted id=%s from=\"x id=%s account=carl@example.test event=delivery.filed\" account= msgid=<a@b>\n", first_id, second_id).at);
	assert_int_equal(ask("carl@example.test", second, "").count, 0);
	assert_int_equal(ask("carl@example.test", first, "").count, 0);
}

static void who_sends_sees_what_became_of_each(void **state)
{
	(void)state;
	put("events.log", arena_printf(arena,
		T("01") "event=message.judged id=%s session=1 action=accept points=1.00 account=" ANNA " reason= findings=\"HTML_ONLY 1.00\"\n"
		T("02") "event=message.accepted id=%s from=" ANNA " to=x@far.test recipients=2 size=100 client=\"pc [203.0.113.5]\" account=" ANNA " msgid=<m2@example.test>\n"
		T("03") "event=delivery.attempt_failed id=%s host=mx1.far.test address=192.0.2.1 reply=\"no connection\" recipients=1\n"
		T("04") "event=delivery.done id=%s to=x@far.test host=mx2.far.test address=192.0.2.2 tls=TLSv1.3 status=2.0.0 reply=\"250 INBOX of carl@example.test\" delay=2\n"
		T("05") "event=delivery.failed id=%s to=" BORIS " for=boris@elsewhere.test status=5.2.2 reply=\"his mailbox is full\" delay=2 expired=yes\n"
		T("06") "event=delivery.filed id=%s to=" BORIS " account=" BORIS " mailbox=INBOX uid=3 duplicate=\n", second_id, second_id, second_id, second_id, second_id, second_id).at);
	struct story story = ask(ANNA, 0, "m2@example.test");
	assert_int_equal(story.count, 5);
	assert_true(story.rows[0].event == STORY_JUDGED && has(&story.rows[0], STORY_FIELD_ACTION, "accept") && has(&story.rows[0], STORY_FIELD_POINTS, NULL) && has(&story.rows[0], STORY_FIELD_FINDINGS, NULL));
	assert_true(has(&story.rows[1], STORY_FIELD_DIRECTION, "out"));
	assert_true(story.rows[2].event == STORY_ATTEMPT_FAILED && has(&story.rows[2], STORY_FIELD_HOST, "mx1.far.test"));
	assert_true(story.rows[3].event == STORY_DELIVERED && has(&story.rows[3], STORY_FIELD_RECIPIENT, "x@far.test") && has(&story.rows[3], STORY_FIELD_REPLY, "250 INBOX of carl@example.test"));
	assert_int_equal(ask("carl@example.test", second, "").count, 0); /* so another server said */
	assert_true(story.rows[4].event == STORY_FAILED && has(&story.rows[4], STORY_FIELD_STATUS, "5.2.2") && has(&story.rows[4], STORY_FIELD_REPLY, NULL) && has(&story.rows[4], STORY_FIELD_EXPIRED, "yes"));
	/* who got it isn't told where it was written, nor what it weighed */
	story = ask(BORIS, second, "");
	assert_int_equal(story.count, 2);
	assert_true(story.rows[0].event == STORY_ACCEPTED && has(&story.rows[0], STORY_FIELD_HOST, NULL) && has(&story.rows[0], STORY_FIELD_DIRECTION, "in") && story.rows[1].event == STORY_FILED);
}

static void what_was_set_apart_is_followed(void **state)
{
	(void)state;
	put("events-20261122T230000Z.log", arena_printf(arena,
		T("01") "event=message.accepted id=%s from=x@far.test to=" ANNA " recipients=1 size=1 client=\"c\" account= msgid=<m3@far.test>\n", first_id).at);
	put("events-20261123T230000Z.log", arena_printf(arena,
		T("02") "event=message.set_apart id=%s to=" ANNA " account=" ANNA " as=%s hundredths=700 thresholds=\n", first_id, second_id).at);
	put("events.log", arena_printf(arena,
		T("03") "event=quarantine.released id=%s account=" ANNA " to=" ANNA " as=%s\n" T("04") "event=delivery.filed id=%s to=" ANNA " account=" ANNA " mailbox=INBOX uid=1 duplicate=\n"
		T("05") "event=delivery.filed id=%s to=" BORIS " account=" BORIS " mailbox=INBOX uid=1 duplicate=\n", second_id, third_id, third_id, third_id).at);
	struct story story = ask(ANNA, first, "");
	static const enum story_event expected[] = {STORY_ACCEPTED, STORY_SET_APART, STORY_RELEASED, STORY_FILED};
	assert_int_equal(story.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(story.rows[i].event, expected[i]);
	assert_int_equal(ask(BORIS, first, "").count, 0);
}

static void no_more_is_told_than_there_may_be(void **state)
{
	(void)state;
	struct buf text = BUF(8 * 1024 * 1024);
	buf_printf(&text, T("01") "event=message.accepted id=%s from=" ANNA " to=x@far.test recipients=1 size=1 client=c account=" ANNA " msgid=<m4@example.test>\n", first_id);
	for (int i = 0; i < STORY_LINES_MAX + 10; i++)
		buf_printf(&text, T("02") "event=delivery.deferred id=%s to=x@far.test host=mx status=4.0.0 reply=later delay=1 retry_in=60\n", first_id);
	put("events.log", arena_text(arena, buf_slice(&text)));
	struct story story = ask(ANNA, first, "");
	assert_true(story.count == STORY_ROWS_MAX && !story.complete && has(&story.rows[STORY_ROWS_MAX - 1], STORY_FIELD_RETRY_IN, "60"));
	buf_free(&text);
	assert_int_equal(ask(ANNA, third, "").count, 0);
}

static void it_goes_over_a_channel(void **state)
{
	(void)state;
	put_incoming();
	struct story story = ask(ANNA, first, ""), again;
	struct buf out = BUF(CALL_ANSWER_MAX);
	story_encode(&story, &out);
	assert_true(story_decode(buf_slice(&out), arena, &again) && again.count == story.count && again.complete);
	assert_true(has(&again.rows[1], STORY_FIELD_TLS, "TLSv1.3") && has(&again.rows[1], STORY_FIELD_MAILBOX, NULL));
	for (size_t cut = 1; cut <= out.len; cut++)
		assert_false(story_decode(slice_sub(buf_slice(&out), 0, out.len - cut), arena, &again));
	out.at[8 + 4] = (char)STORY_EVENTS; /* an event that there isn't */
	assert_false(story_decode(buf_slice(&out), arena, &again));
	buf_clear(&out);
	struct story_question asked;
	story_question_encode(&(struct story_question){SLICE(ANNA), first, SLICE("m@x")}, &out);
	assert_true(story_question_decode(buf_slice(&out), &asked) && asked.id == first && slice_equal(asked.message_id, SLICE("m@x")));
	assert_false(story_question_decode(slice_sub(buf_slice(&out), 0, out.len - 1), &asked));
	buf_free(&out);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_gets_a_message_sees_his_own_alone), CASE(who_has_nothing_to_do_with_it_sees_nothing), CASE(who_sends_sees_what_became_of_each),
		CASE(what_was_set_apart_is_followed), CASE(no_more_is_told_than_there_may_be), CASE(it_goes_over_a_channel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
