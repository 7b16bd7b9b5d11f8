/* Tests of what waits for its time: it isn't tried before, and its sender has it back exactly if nobody gets it. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/random.h"
#define FIXTURE_ROLE QUEUE_DELIVERER
#define FIXTURE_OPTIONS "future_release_messages = 200\nretry_for = 1000\n"
#include "queue/fixture.h"

enum { RACERS = 150, LARGE = 40000 };
static const struct slice anna = {"anna@example.test", 17};

static bool send_at(struct queue *queue, int64_t release, size_t size, int64_t *id, struct error *error)
{
	struct queue_recipient recipients[] = {{.address = SLICE("bob@example.test")}, {.address = SLICE("x@elsewhere.test")}};
	struct queue_message message = {.from = anna, .account = anna, .recipients = recipients, .recipient_count = 2, .client = SLICE("pc [127.0.0.1]"),
					.release = release};
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	char *body = memory_new(size + 1);
	memset(body, 'x', size);
	*error = (struct error){0};
	bool done = queue_draft_write(draft, slice_make(body, size), error) && queue_commit(queue, &draft, &message, error);
	free(body);
	*id = message.id;
	return done;
}

static int64_t must_send_at(struct queue *queue, int64_t release)
{
	struct error error;
	int64_t id;
	if (!send_at(queue, release, 10, &id, &error))
		fail_msg("%s", error.text);
	return id;
}

/* The id of the one message that is due, 0: none is; *next_due: when the next one is. */
static int64_t take(struct queue *queue, int64_t now, int64_t *next_due)
{
	struct queue_work *work[2];
	struct error error;
	size_t count = queue_take(queue, now, 2, work, next_due, &error);
	int64_t id = count > 0 ? work[0]->message.id : 0;
	assert_true(count <= 1);
	if (count > 0)
		queue_release(queue, &work[0]);
	return id;
}

static enum queue_withdrawal withdraw(struct queue *queue, struct slice account, int64_t id)
{
	enum queue_withdrawal outcome;
	struct error error = {0};
	if (!queue_withdraw(queue, account, id, &outcome, &error))
		fail_msg("%s", error.text);
	return outcome;
}

static struct queue_message look(struct queue *queue, int64_t id, struct arena *arena)
{
	struct queue_message *list;
	struct error error;
	size_t count;
	assert_true(queue_list(queue, &(struct queue_filter){.id = id}, arena, &list, &count, &error));
	return count > 0 ? list[0] : (struct queue_message){0};
}

static bool is_there(struct queue *queue, int64_t id)
{
	struct arena *arena = arena_new();
	bool there = look(queue, id, arena).id != 0;
	arena_free(&arena);
	return there;
}

static void it_isnt_tried_before_its_time(void **state)
{
	struct fixture *fixture = *state;
	int64_t now = clock_now(), next_due, id = must_send_at(fixture->queue, now + 500);
	assert_int_equal(take(fixture->queue, now, &next_due), 0);
	assert_int_equal(next_due, now + 500);
	queue_close(&fixture->queue);
	open_queue(fixture);
	struct arena *arena = arena_new();
	struct queue_message message = look(fixture->queue, id, arena);
	assert_true(message.waiting && !message.held);
	assert_int_equal(message.release, now + 500);
	assert_int_equal(message.recipients[0].expires, now + 1500);
	arena_free(&arena);
	int64_t earlier = must_send_at(fixture->queue, now + 300);
	assert_int_equal(take(fixture->queue, now, &next_due), 0);
	assert_int_equal(next_due, now + 300);
	assert_int_equal(take(fixture->queue, now + 300, &next_due), earlier);
	assert_int_equal(take(fixture->queue, now + 499, &next_due), earlier);
	assert_int_equal(withdraw(fixture->queue, anna, earlier), WITHDRAWN_TOO_LATE);
	assert_int_equal(withdraw(fixture->queue, anna, id), WITHDRAWN);
}

static void a_clock_that_is_set_back_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	int64_t now = clock_now(), next_due;
	struct error error;
	size_t changed;
	must_send_at(fixture->queue, now + 100000);
	assert_true(queue_pull_back(fixture->queue, now, now + 10, now + 1000, &changed, &error));
	assert_int_equal(changed, 0);
	assert_int_equal(take(fixture->queue, now, &next_due), 0);
}

static void its_sender_has_it_back(void **state)
{
	struct fixture *fixture = *state;
	int64_t id = must_send_at(fixture->queue, clock_now() + 500);
	assert_int_equal(withdraw(fixture->queue, SLICE("boris@example.test"), id), WITHDRAWN_TOO_LATE);
	assert_int_equal(withdraw(fixture->queue, SLICE(""), id), WITHDRAWN_TOO_LATE);
	assert_true(is_there(fixture->queue, id));
	assert_int_equal(withdraw(fixture->queue, anna, id), WITHDRAWN);
	assert_false(is_there(fixture->queue, id));
	assert_int_equal(withdraw(fixture->queue, anna, id), WITHDRAWN); /* asked again, it is the same */
	assert_int_equal(withdraw(fixture->queue, SLICE("boris@example.test"), id), WITHDRAWN_TOO_LATE);
	assert_int_equal(withdraw(fixture->queue, anna, 12345), WITHDRAWN_TOO_LATE);
}

static void what_is_due_is_gone(void **state)
{
	struct fixture *fixture = *state;
	int64_t id = must_send_at(fixture->queue, 0);
	assert_int_equal(withdraw(fixture->queue, anna, id), WITHDRAWN_TOO_LATE);
	assert_true(is_there(fixture->queue, id));
}

static void a_person_sends_it_now(void **state)
{
	struct fixture *fixture = *state;
	int64_t now = clock_now(), next_due, id = must_send_at(fixture->queue, now + 500);
	struct queue_filter all = {.account = anna}, one = {.id = id};
	struct error error;
	size_t changed;
	assert_true(queue_hold(fixture->queue, &all, false, &changed, &error)); /* it isn't held */
	assert_int_equal(changed, 0);
	assert_true(queue_hold(fixture->queue, &one, true, &changed, &error));
	assert_int_equal(changed, 1);
	assert_int_equal(take(fixture->queue, now + 600, &next_due), 0);
	assert_true(queue_hold(fixture->queue, &one, false, &changed, &error)); /* waits again */
	assert_int_equal(take(fixture->queue, now, &next_due), 0);
	assert_int_equal(next_due, now + 500);
	assert_true(queue_hold(fixture->queue, &one, false, &changed, &error)); /* goes */
	assert_int_equal(changed, 1);
	assert_int_equal(take(fixture->queue, clock_now(), &next_due), id);
	struct arena *arena = arena_new();
	struct queue_message message = look(fixture->queue, id, arena);
	assert_false(message.waiting);
	assert_true(message.release <= clock_now());
	arena_free(&arena);
}

static void what_is_held_can_be_had_back(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	size_t changed;
	int64_t id = must_send_at(fixture->queue, 0);
	assert_true(queue_hold(fixture->queue, &(struct queue_filter){.id = id}, true, &changed, &error));
	assert_int_equal(withdraw(fixture->queue, anna, id), WITHDRAWN);
}

static void so_many_wait_at_most(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	int64_t now = clock_now(), id;
	set_options("future_release_messages = 2\nfuture_release_size = 1024\n");
	must_send_at(fixture->queue, now + 500);
	assert_false(send_at(fixture->queue, now + 500, 1020, &id, &error));
	assert_int_equal(error.kind, ERROR_LIMIT);
	int64_t second = must_send_at(fixture->queue, now + 500);
	assert_false(send_at(fixture->queue, now + 500, 10, &id, &error));
	assert_int_equal(error.kind, ERROR_LIMIT);
	must_send_at(fixture->queue, 0);
	assert_int_equal(withdraw(fixture->queue, anna, second), WITHDRAWN);
	must_send_at(fixture->queue, now + 500);
}

static void a_large_body_goes_with_it(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	char path[160], name[BODY_NAME_MAX];
	int64_t id;
	assert_true(send_at(fixture->queue, clock_now() + 500, LARGE, &id, &error));
	queue_body_name(id, name);
	snprintf(path, sizeof path, "%s/queue/body/%s", fixture->data, name);
	assert_int_equal(access(path, F_OK), queue_is_shared(fixture->queue) ? -1 : 0);
	assert_int_equal(withdraw(fixture->queue, anna, id), WITHDRAWN);
	queue_close(&fixture->queue); /* the writer has removed it by then */
	assert_int_not_equal(access(path, F_OK), 0);
	open_queue(fixture);
}

/* ---- Races ---- */

struct race {
	struct queue *keeper;
	int64_t ids[RACERS];
	bool back[RACERS];
};

static void *want_all_back(void *argument)
{
	struct race *race = argument;
	for (size_t i = RACERS; i-- > 0;) /* they meet */
		race->back[i] = withdraw(race->keeper, anna, race->ids[i]) == WITHDRAWN;
	return NULL;
}

static bool is_among(const int64_t *taken, size_t count, int64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (taken[i] == id)
			return true;
	return false;
}

/* While all become due in one second, another process's queue takes them back. */
static void nobody_gets_what_was_taken_back(void **state)
{
	struct fixture *fixture = *state;
	struct race *race = memory_new(sizeof *race);
	struct error error;
	pthread_t thread;
	struct queue_work *work[RACERS + 1];
	int64_t taken[RACERS], now = clock_now(), next_due;
	size_t count = 0, back = 0;
	assert_non_null(race->keeper = queue_open_in(fixture->data, fixture->storage, QUEUE_KEEPER, &error));
	for (size_t i = 0; i < RACERS; i++)
		race->ids[i] = must_send_at(race->keeper, now + 1000 + (int64_t)i);
	assert_int_equal(pthread_create(&thread, NULL, want_all_back, race), 0);
	for (int64_t i = 0; i < RACERS; i++)
		count += queue_take(fixture->queue, now + 1000 + i, RACERS - count, work + count, &next_due, &error);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < RACERS; i++)
		back += race->back[i];
	for (int i = 0; i < 6000 && count + back < RACERS; i++, usleep(10000)) /* whose row he had locked just then is passed over for a moment */
		count += queue_take(fixture->queue, now + 1000 + RACERS, RACERS - count, work + count, &next_due, &error);
	for (size_t i = 0; i < count; i++)
		taken[i] = work[i]->message.id;
	for (size_t i = 0; i < RACERS; i++)
		assert_int_equal(race->back[i], !is_among(taken, count, race->ids[i]));
	for (size_t i = 0; i < count; i++)
		queue_release(fixture->queue, &work[i]);
	assert_int_equal(count + back, RACERS); /* however they met */
	queue_close(&race->keeper);
	free(race);
}

static void take_back_until_killed(const struct fixture *fixture, const int64_t *ids, size_t count, int pipe)
{
	struct error error;
	struct queue *queue = queue_open_in(fixture->data, fixture->storage, QUEUE_KEEPER, &error);
	for (size_t i = 0; queue && i < count; i++)
		if (withdraw(queue, anna, ids[i]) == WITHDRAWN && write(pipe, &ids[i], sizeof ids[i]) < 0)
			break;
	_exit(0);
}

static void what_was_said_to_be_gone_is_after_a_kill(void **state)
{
	struct fixture *fixture = *state;
	int64_t ids[RACERS], said;
	int ends[2], found = 0;
	for (size_t i = 0; i < RACERS; i++)
		ids[i] = must_send_at(fixture->queue, clock_now() + 500);
	queue_close(&fixture->queue);
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0)
		take_back_until_killed(fixture, ids, RACERS, ends[1]);
	close(ends[1]);
	for (; found < RACERS / 3 && read(ends[0], &said, sizeof said) == sizeof said; found++)
		;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	while (read(ends[0], &said, sizeof said) == sizeof said)
		found++;
	close(ends[0]);
	open_queue(fixture);
	for (int i = 0; i < RACERS; i++)
		if (i < found)
			assert_false(is_there(fixture->queue, ids[i]));
		else if (i > found) /* of one nobody heard */
			assert_true(is_there(fixture->queue, ids[i]));
	assert_true(found >= RACERS / 3);
}

static bool resolve(struct queue *queue, struct slice account, int64_t id)
{
	struct error error = {0};
	bool there;
	if (!queue_resolve(queue, account, id, &there, &error))
		fail_msg("%s", error.text);
	return there;
}

/* A message with an id that its account has chosen, and whose outcome that account wants to know. */
static bool send_tracked(struct queue *queue, int64_t id, struct error *error)
{
	struct queue_recipient recipient = {.address = SLICE("boris@example.test")};
	struct queue_message message = {.id = id, .from = anna, .account = anna, .recipients = &recipient, .recipient_count = 1, .arrived = clock_now(), .tracked = true};
	struct queue_draft *draft = queue_draft_new(queue, anna);
	*error = (struct error){0};
	return queue_draft_write(draft, SLICE("x\r\n"), error) && queue_commit(queue, &draft, &message, error);
}

static void who_does_not_know_is_told_for_good(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	int64_t first = id_new(), second = id_new();
	assert_true(send_tracked(fixture->queue, first, &error));
	assert_true(resolve(fixture->queue, anna, first));
	assert_true(resolve(fixture->queue, anna, first));
	assert_false(resolve(fixture->queue, SLICE("boris@example.test"), first));
	assert_true(is_there(fixture->queue, first));
	assert_false(resolve(fixture->queue, anna, second)); /* what comes now is too late */
	assert_false(resolve(fixture->queue, anna, second));
	assert_false(send_tracked(fixture->queue, second, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_false(is_there(fixture->queue, second));
	queue_close(&fixture->queue);
	open_queue(fixture);
	assert_false(send_tracked(fixture->queue, second, &error));
	assert_true(send_tracked(fixture->queue, id_new(), &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_isnt_tried_before_its_time),
		CASE(a_clock_that_is_set_back_changes_nothing),
		CASE(its_sender_has_it_back),
		CASE(what_is_due_is_gone),
		CASE(a_person_sends_it_now),
		CASE(what_is_held_can_be_had_back),
		CASE(so_many_wait_at_most),
		CASE(a_large_body_goes_with_it),
		CASE(nobody_gets_what_was_taken_back),
		CASE(what_was_said_to_be_gone_is_after_a_kill),
		CASE(who_does_not_know_is_told_for_good),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
