/* Tests of what is counted of an account's mail, and held. */
#include "base/clock.h"

#define FIXTURE_ROLE QUEUE_KEEPER
#define FIXTURE_OPTIONS ""
#include "queue/fixture.h"

enum { RECIPIENTS_MAX = 20 };

/* ERROR_NONE: it was taken. */
static enum error_kind send_some(struct fixture *fixture, const char *account, size_t count, struct queue_message *message)
{
	static struct queue_recipient recipients[RECIPIENTS_MAX];
	struct error error = {0};
	for (size_t i = 0; i < count; i++)
		recipients[i] = (struct queue_recipient){.address = SLICE("bob@elsewhere.test")};
	*message = (struct queue_message){.from = slice_of(account), .account = slice_of(account), .recipients = recipients, .recipient_count = count,
		.client = SLICE("test [192.0.2.1]"), .allowance = {.counts = true, .per_hour = 10, .per_day = 15}};
	struct queue_draft *draft = queue_draft_new(fixture->queue, message->from);
	assert_true(queue_draft_write(draft, SLICE("Subject: x\r\n\r\nText.\r\n"), &error));
	bool done = queue_commit(fixture->queue, &draft, message, &error);
	assert_int_equal(done, error.kind == ERROR_NONE);
	return error.kind;
}

static void run_sql(struct fixture *fixture, const char *sql, int64_t number)
{
	struct error error;
	struct db_statement *statement = db_prepare(fixture->queue->writes.db, sql);
	db_bind_number(statement, 1, number);
	assert_true(db_run(statement, &error));
}

static size_t count_listed(struct fixture *fixture, const struct queue_filter *filter)
{
	struct arena *arena = arena_new();
	struct queue_message *list;
	struct error error;
	size_t count;
	assert_true(queue_list(fixture->queue, filter, arena, &list, &count, &error));
	arena_free(&arena);
	return count;
}

static void more_than_an_hours_is_held(void **state)
{
	struct queue_message message;
	char why[SUSPICION_TEXT_MAX];
	assert_int_equal(send_some(*state, "anna@example.test", 10, &message), ERROR_NONE);
	assert_false(message.held);
	assert_int_equal(send_some(*state, "anna@example.test", 1, &message), ERROR_NONE);
	assert_true(message.held);
	assert_string_equal(queue_suspicion_text(&message.suspicion, why), "11 recipients within an hour, where 10 are allowed");
	assert_int_equal(send_some(*state, "boris@example.test", 10, &message), ERROR_NONE);
	assert_false(message.held);
	assert_int_equal(count_listed(*state, &(struct queue_filter){.account = SLICE("anna@example.test")}), 2);
	assert_int_equal(count_listed(*state, &(struct queue_filter){.account = SLICE("anna@example.test"), .held = true}), 1);
	assert_int_equal(count_listed(*state, &(struct queue_filter){.held = true}), 1);
}

static void a_day_is_longer_than_an_hour(void **state)
{
	struct queue_message message;
	assert_int_equal(send_some(*state, "anna@example.test", 10, &message), ERROR_NONE);
	run_sql(*state, "UPDATE outgoing SET slot = slot - $1", 6); /* an hour passes */
	assert_int_equal(send_some(*state, "anna@example.test", 5, &message), ERROR_NONE);
	assert_false(message.held);
	assert_int_equal(send_some(*state, "anna@example.test", 2, &message), ERROR_NONE);
	assert_true(message.held);
	assert_int_equal(message.suspicion.reason, REASON_DAY);
	assert_int_equal(message.suspicion.count, 17);
	run_sql(*state, "UPDATE outgoing SET slot = slot - $1", 144);
	assert_int_equal(send_some(*state, "anna@example.test", 10, &message), ERROR_NONE);
	assert_false(message.held);
}

static enum error_kind receive_one(struct fixture *fixture, bool set_apart, struct queue_message *message)
{
	static struct queue_recipient recipient;
	struct error error = {0};
	recipient = (struct queue_recipient){.address = SLICE("anna@example.test")};
	*message = (struct queue_message){.from = SLICE("x@elsewhere.test"), .recipients = &recipient, .recipient_count = 1, .set_apart = set_apart};
	struct queue_draft *draft = queue_draft_new(fixture->queue, message->from);
	assert_true(queue_draft_write(draft, SLICE("Subject: x\r\n\r\nText.\r\n"), &error));
	return queue_commit(fixture->queue, &draft, message, &error) ? ERROR_NONE : error.kind;
}

static void what_is_set_apart_waits_and_is_bounded(void **state)
{
	struct queue_message message;
	size_t changed;
	struct error error;
	set_options("quarantine_messages = 2\nsubmission_held = 0\n");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(receive_one(*state, true, &message), ERROR_NONE);
		assert_true(message.held && message.suspicion.reason == REASON_SET_APART);
	}
	assert_int_equal(receive_one(*state, true, &message), ERROR_DENIED);
	assert_int_equal(receive_one(*state, false, &message), ERROR_NONE);
	assert_false(message.held);
	assert_int_equal(count_listed(*state, &(struct queue_filter){.held = true}), 2);
	struct fixture *fixture = *state;
	assert_int_equal(count_listed(fixture, &(struct queue_filter){.reason = REASON_SET_APART, .recipient = SLICE("Anna@Example.test")}), 2);
	assert_int_equal(count_listed(fixture, &(struct queue_filter){.reason = REASON_SET_APART, .recipient = SLICE("@example.test"), .before = clock_now() + 10}), 2);
	assert_int_equal(count_listed(fixture, &(struct queue_filter){.reason = REASON_SET_APART, .before = clock_now() - 10}), 0);
	assert_int_equal(count_listed(fixture, &(struct queue_filter){.reason = REASON_SET_APART, .recipient = SLICE("x@elsewhere.test")}), 0);
	assert_int_equal(count_listed(fixture, &(struct queue_filter){.id = message.id, .reason = REASON_SET_APART}), 0);
	assert_true(queue_hold(fixture->queue, &(struct queue_filter){.held = true}, false, &changed, &error));
	assert_int_equal(changed, 2);
	assert_int_equal(receive_one(*state, true, &message), ERROR_NONE); /* there is room again */
	assert_int_equal(count_listed(fixture, &(struct queue_filter){.reason = REASON_SET_APART}), 1);
	set_options("quarantine_size = 1024\n");
	enum error_kind kind = ERROR_NONE;
	for (int i = 0; i < 100 && kind == ERROR_NONE; i++)
		kind = receive_one(*state, true, &message);
	assert_int_equal(kind, ERROR_DENIED);
}

/* What others send in the same transaction is taken. */
static void what_is_held_is_bounded(void **state)
{
	struct queue_message message;
	set_options("submission_held = 2\n");
	for (int i = 0; i < 2; i++)
		assert_int_equal(send_some(*state, "anna@example.test", 11, &message), ERROR_NONE);
	assert_int_equal(send_some(*state, "anna@example.test", 11, &message), ERROR_DENIED);
	assert_int_equal(count_listed(*state, &(struct queue_filter){.held = true}), 2);
	set_options("submission_held = 10\nsubmission_held_size = 1024\n");
	enum error_kind kind = ERROR_NONE;
	for (int i = 0; i < 100 && kind == ERROR_NONE; i++)
		kind = send_some(*state, "boris@example.test", 11, &message);
	assert_int_equal(kind, ERROR_DENIED);
}

static void release_and_removal_end_it(void **state)
{
	struct fixture *fixture = *state;
	struct queue_filter all = {.account = SLICE("anna@example.test")};
	struct queue_message message;
	struct error error;
	size_t changed;
	assert_int_equal(send_some(fixture, "anna@example.test", 11, &message), ERROR_NONE);
	assert_int_equal(send_some(fixture, "anna@example.test", 1, &message), ERROR_NONE);
	run_sql(fixture, "UPDATE recipient SET expires = $1", 1000);
	assert_true(queue_hold(fixture->queue, &(struct queue_filter){.id = message.id}, false, &changed, &error));
	assert_int_equal(changed, 1);
	struct arena *arena = arena_new();
	struct queue_message *list;
	size_t count;
	assert_true(queue_list(fixture->queue, &all, arena, &list, &count, &error));
	assert_int_equal(count, 2);
	assert_int_equal(list[0].suspicion.reason, REASON_HOUR);
	assert_int_equal(list[1].suspicion.reason, REASON_NONE);
	assert_true(list[1].recipients[0].expires > clock_now());
	assert_true(queue_remove(fixture->queue, &all, &changed, &error));
	assert_int_equal(changed, 2);
	arena_free(&arena);
}

static void what_isnt_counted_goes_on(void **state)
{
	struct queue_message message = {0};
	struct fixture *fixture = *state;
	struct queue_recipient recipients[RECIPIENTS_MAX] = {0};
	struct error error;
	for (size_t i = 0; i < RECIPIENTS_MAX; i++)
		recipients[i].address = SLICE("bob@elsewhere.test");
	message = (struct queue_message){.account = SLICE("anna@example.test"), .recipients = recipients, .recipient_count = RECIPIENTS_MAX};
	struct queue_draft *draft = queue_draft_new(fixture->queue, message.from);
	assert_true(queue_commit(fixture->queue, &draft, &message, &error));
	assert_false(message.held);
	assert_int_equal(send_some(fixture, "anna@example.test", 10, &message), ERROR_NONE);
	assert_false(message.held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(more_than_an_hours_is_held),
		CASE(a_day_is_longer_than_an_hour),
		CASE(what_is_held_is_bounded),
		CASE(what_is_set_apart_waits_and_is_bounded),
		CASE(release_and_removal_end_it),
		CASE(what_isnt_counted_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
