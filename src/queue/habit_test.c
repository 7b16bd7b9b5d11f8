/* Tests of sudden changes of habit: what isn't usual is held, what somebody lets go is usual. */
#include "base/clock.h"

#define FIXTURE_ROLE QUEUE_KEEPER
#define FIXTURE_OPTIONS "submission_habit = 10\n"
#include "queue/fixture.h"

enum { RECIPIENTS_MAX = 200 };

static struct slice country; /* from which all write; empty: not known */

static enum queue_reason send_to(struct fixture *fixture, const char *client, const char *to, size_t count, int64_t *id)
{
	static struct queue_recipient recipients[RECIPIENTS_MAX];
	struct error error = {0};
	for (size_t i = 0; i < count; i++)
		recipients[i] = (struct queue_recipient){.address = slice_of(to)};
	struct queue_message message = {.from = SLICE("anna@example.test"), .account = SLICE("anna@example.test"), .recipients = recipients, .recipient_count = count,
		.client = slice_of(client), .country = country, .allowance = {.counts = true, .per_hour = 100000, .per_day = 100000}};
	struct queue_draft *draft = queue_draft_new(fixture->queue, message.from);
	assert_true(queue_draft_write(draft, SLICE("Subject: x\r\n\r\nText.\r\n"), &error));
	assert_true(queue_commit(fixture->queue, &draft, &message, &error));
	assert_true(message.held == (message.suspicion.reason != REASON_NONE));
	if (id)
		*id = message.id;
	return message.suspicion.reason;
}

static void days_pass(struct fixture *fixture, int64_t days)
{
	static const char *const statements[] = {"UPDATE habit SET day = day - $1", "UPDATE habit_seen SET first = first - $1, last = last - $1"};
	struct error error;
	for (size_t i = 0; i < 2; i++) {
		struct db_statement *statement = db_prepare(fixture->queue->writes.db, statements[i]);
		db_bind_number(statement, 1, days);
		assert_true(db_run(statement, &error));
	}
}

static const char *const home = "pc.example [192.0.2.7]";

/* Ten recipients on its busiest day. */
static void work_for(struct fixture *fixture, int days)
{
	for (int day = 0; day < days; day++) {
		assert_int_equal(send_to(fixture, home, "bob@friends.test", day % 2 ? 10 : 3, NULL), REASON_NONE);
		days_pass(fixture, 1);
	}
}

static void who_is_new_has_no_habit(void **state)
{
	work_for(*state, 3);
	assert_int_equal(send_to(*state, "far.example [203.0.113.9]", "x@strangers.test", 200, NULL), REASON_NONE);
}

static void more_than_usual_is_held(void **state)
{
	work_for(*state, 8);
	assert_int_equal(send_to(*state, home, "bob@friends.test", 100, NULL), REASON_NONE);
	assert_int_equal(send_to(*state, "pc.example [192.0.2.200]", "BOB@Friends.test", 1, NULL), REASON_HABIT); /* the same network, the same domain */
	days_pass(*state, 1); /* what went was usual, what was held wasn't */
	assert_int_equal(send_to(*state, home, "bob@friends.test", 200, NULL), REASON_NONE);
}

static void a_new_network_or_new_people_are_less_usual(void **state)
{
	work_for(*state, 8);
	assert_int_equal(send_to(*state, "far.example [203.0.113.9]", "bob@friends.test", 51, NULL), REASON_HABIT_NETWORK);
	days_pass(*state, 1);
	assert_int_equal(send_to(*state, home, "x@strangers.test", 51, NULL), REASON_HABIT_PEOPLE);
	days_pass(*state, 1);
	assert_int_equal(send_to(*state, "far.example [IPv6:2001:db8:1:2::9]", "x@strangers.test", 50, NULL), REASON_NONE); /* so many always */
	days_pass(*state, 1); /* now they are known */
	assert_int_equal(send_to(*state, "far.example [IPv6:2001:db8:1:99::1]", "y@strangers.test", 100, NULL), REASON_NONE);
}

static void a_new_country_is_less_usual(void **state)
{
	work_for(*state, 8);
	country = SLICE("XX"); /* countries are known from today on: it is as good as any */
	assert_int_equal(send_to(*state, home, "bob@friends.test", 15, NULL), REASON_NONE);
	days_pass(*state, 1);
	country = SLICE("YY");
	assert_int_equal(send_to(*state, home, "bob@friends.test", 76, NULL), REASON_HABIT_COUNTRY); /* half of ten times fifteen for a new one … */
	days_pass(*state, 1);
	country = SLICE("XX");
	assert_int_equal(send_to(*state, home, "bob@friends.test", 150, NULL), REASON_NONE); /* … and all for one in which it was */
	country = slice_of(NULL);
}

static void what_is_let_go_is_usual(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	int64_t id;
	size_t changed;
	work_for(fixture, 8);
	assert_int_equal(send_to(fixture, home, "bob@friends.test", 150, &id), REASON_HABIT);
	assert_true(queue_hold(fixture->queue, &(struct queue_filter){.id = id}, false, &changed, &error));
	assert_int_equal(changed, 1);
	days_pass(fixture, 1);
	assert_int_equal(send_to(fixture, home, "bob@friends.test", 150, NULL), REASON_NONE);
}

static void it_is_an_option(void **state)
{
	work_for(*state, 8);
	set_options("submission_habit = 0\n");
	assert_int_equal(send_to(*state, "far.example [203.0.113.9]", "x@strangers.test", 200, NULL), REASON_NONE);
}

static void what_is_old_is_forgotten(void **state)
{
	struct fixture *fixture = *state;
	work_for(fixture, 8);
	days_pass(fixture, 40);
	fixture->queue->habits_forgotten = 0;
	assert_int_equal(send_to(fixture, home, "bob@friends.test", 200, NULL), REASON_NONE); /* there is no habit any more */
	struct db_statement *row = db_prepare(fixture->queue->writes.db, "SELECT COUNT(*) FROM habit");
	struct error error;
	assert_int_equal(db_step(row, &error), DB_ROW);
	assert_int_equal(db_number(row, 0), 1);
	db_reset(row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_is_new_has_no_habit),
		CASE(more_than_usual_is_held),
		CASE(a_new_network_or_new_people_are_less_usual),
		CASE(a_new_country_is_less_usual),
		CASE(what_is_let_go_is_usual),
		CASE(it_is_an_option),
		CASE(what_is_old_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
