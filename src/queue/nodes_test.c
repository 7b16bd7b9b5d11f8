/* Tests of a queue that several nodes share, in a database of their own: tests/e2e/test_sql.py runs them with a PostgreSQL. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#define FIXTURE_ROLE QUEUE_PERSON
#define FIXTURE_OPTIONS ""
#include "queue/fixture.h"

enum { MANY = 100, HELD = 20, AT_A_TIME = 5, TRIES = 6000, PAUSE_US = 10000 };

static bool try_to_send(struct queue *queue, struct slice body, int64_t *id, struct error *error)
{
	struct queue_recipient recipient = {.address = SLICE("bob@example.test")};
	struct queue_message message = {.from = SLICE("alice@example.test"), .recipients = &recipient, .recipient_count = 1, .arrived = 1000};
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	*error = (struct error){0};
	bool done = queue_draft_write(draft, body, error) && queue_commit(queue, &draft, &message, error);
	queue_draft_abort(&draft);
	*id = message.id;
	return done;
}

static int64_t send_one(struct queue *queue, struct slice body)
{
	struct error error;
	int64_t id;
	if (!try_to_send(queue, body, &id, &error))
		fail_msg("%s", error.text);
	return id;
}

static bool try_to_settle(struct queue *queue, const struct queue_work *work, struct error *error)
{
	struct queue_result result = {.message = work->message.id, .recipient = work->message.recipients[0].id, .outcome = OUTCOME_DELIVERED};
	return queue_settle(queue, &result, 1, error);
}

static bool is_empty(struct queue *queue)
{
	uint64_t messages = 1, recipients;
	return queue_count(queue, &messages, &recipients, NULL) && messages == 0;
}

/* ---- Who takes what ---- */

static struct queue *open_node(const struct fixture *fixture)
{
	struct error error;
	struct queue *queue = queue_open_in(fixture->data, fixture->storage, QUEUE_DELIVERER, &error);
	if (!queue)
		_exit(2);
	queue->lease_seconds = 60;
	return queue;
}

static size_t take(struct queue *queue, size_t max, struct queue_work **work, int told)
{
	struct error error;
	size_t count = queue_take(queue, 2000, max, work, NULL, &error);
	for (size_t i = 0; i < count; i++)
		if (write(told, &work[i]->message.id, sizeof(int64_t)) != sizeof(int64_t))
			_exit(3);
	return count;
}

static _Noreturn void work_until_all_is_done(const struct fixture *fixture, int told)
{
	struct queue *queue = open_node(fixture);
	struct queue_work *work[AT_A_TIME];
	struct error error;
	while (!is_empty(queue)) {
		size_t count = take(queue, AT_A_TIME, work, told);
		for (size_t i = 0; i < count; i++) {
			if (!try_to_settle(queue, work[i], &error))
				_exit(4);
			queue_release(queue, &work[i]);
		}
		if (count == 0)
			usleep(PAUSE_US);
	}
	queue_close(&queue);
	_exit(0);
}

static _Noreturn void hold_until_killed(const struct fixture *fixture, int told)
{
	struct queue_work *work[HELD];
	take(open_node(fixture), HELD, work, told);
	for (;;)
		pause();
}

static pid_t start(const struct fixture *fixture, void (*run)(const struct fixture *fixture, int told), int ends[2])
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		run(fixture, ends[1]); /* which doesn't return */
	}
	return child;
}

static void read_ids(int fd, int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(read(fd, &ids[i], sizeof *ids), sizeof *ids);
}

static size_t times(const int64_t *ids, size_t count, int64_t id)
{
	size_t found = 0;
	for (size_t i = 0; i < count; i++)
		found += ids[i] == id;
	return found;
}

static void end_well(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Most of the time is over that the one has who took this message. */
static void let_its_time_pass(struct fixture *fixture, int64_t message)
{
	struct error error;
	struct db_statement *pass = db_prepare(fixture->queue->writes.db, "UPDATE deliverer SET until = " DB_NOW " + 1 WHERE id = (SELECT lease FROM message WHERE id = $1)");
	db_bind_number(pass, 1, message);
	assert_true(db_run(pass, &error) && db_changes(fixture->queue->writes.db) == 1);
}

/* One takes some and is killed; two others take the rest, each message once, and then, when its time is over, what the first one had. */
static void each_is_taken_once_and_passes_on(void **state)
{
	struct fixture *fixture = *state;
	int64_t sent[MANY], held[HELD], taken[MANY], beyond;
	int holder_ends[2], ends[2];
	for (size_t i = 0; i < MANY; i++)
		sent[i] = send_one(fixture->queue, SLICE("x"));
	assert_true(pipe(holder_ends) == 0 && pipe(ends) == 0);
	pid_t holder = start(fixture, hold_until_killed, holder_ends);
	read_ids(holder_ends[0], held, HELD);
	pid_t workers[2] = {start(fixture, work_until_all_is_done, ends), start(fixture, work_until_all_is_done, ends)};
	close(ends[1]);
	read_ids(ends[0], taken, MANY - HELD);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	let_its_time_pass(fixture, held[0]);
	read_ids(ends[0], taken + MANY - HELD, HELD);
	assert_int_equal(read(ends[0], &beyond, sizeof beyond), 0);
	end_well(workers[0]);
	end_well(workers[1]);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(times(taken, MANY, sent[i]), 1);
		assert_int_equal(times(taken + MANY - HELD, HELD, sent[i]), times(held, HELD, sent[i]));
	}
	close(ends[0]);
	close(holder_ends[0]);
	close(holder_ends[1]);
}

static int64_t lives_until(struct fixture *fixture, int64_t deliverer)
{
	struct db_statement *row = db_prepare(fixture->queue->writes.db, "SELECT until FROM deliverer WHERE id = $1");
	db_bind_number(row, 1, deliverer);
	int64_t until = db_step(row, NULL) == DB_ROW ? db_number(row, 0) : 0;
	db_reset(row);
	return until;
}

static void wait_for_a_life_beyond(struct fixture *fixture, int64_t deliverer, int64_t until)
{
	for (int i = 0; i < TRIES && lives_until(fixture, deliverer) <= until; i++)
		usleep(PAUSE_US);
	assert_true(lives_until(fixture, deliverer) > until);
}

/* However long it waits for something else; also when its row was taken for that of one who has gone. */
static void a_node_that_lives_renews_its_lease(void **state)
{
	struct fixture *fixture = *state;
	struct queue *queue = open_node(fixture);
	struct queue_work *work[1];
	struct error error;
	queue->lease_seconds = 2;
	send_one(fixture->queue, SLICE("x"));
	assert_int_equal(queue_take(queue, 2000, 1, work, NULL, &error), 1);
	pthread_mutex_lock(&queue->writes.lock);
	int64_t until = lives_until(fixture, queue->deliverer);
	assert_true(until > 0);
	wait_for_a_life_beyond(fixture, queue->deliverer, until);
	assert_true(db_run(db_prepare(fixture->queue->writes.db, "DELETE FROM deliverer"), &error));
	wait_for_a_life_beyond(fixture, queue->deliverer, 0);
	pthread_mutex_unlock(&queue->writes.lock);
	queue_release(queue, &work[0]);
	int64_t number = queue->deliverer;
	queue_close(&queue);
	assert_int_equal(lives_until(fixture, number), 0); /* who ends well leaves nothing to be waited for */
}

/* ---- Bodies ---- */

static size_t files_in(const char *data)
{
	char command[200];
	unsigned count = 0;
	snprintf(command, sizeof command, "ls '%s/queue/body' | wc -l", data);
	FILE *listed = popen(command, "r");
	assert_true(listed && fscanf(listed, "%u", &count) == 1);
	pclose(listed);
	return count;
}

static void expect_body(struct queue *queue, int64_t id, struct slice body)
{
	struct arena *arena = arena_new();
	struct buf got = BUF(64 * 1024 * 1024);
	struct slice bytes;
	struct error error = {0};
	int fd;
	if (!queue_body(queue, id, arena, &bytes, &fd, &error))
		fail_msg("%s", error.text);
	assert_true(fd >= 0 && file_read_fd(fd, &got, &error));
	assert_true(slice_equal(slice_skip(buf_slice(&got), sizeof "Return-Path: <alice@example.test>\r\n" - 1), body));
	close(fd);
	buf_free(&got);
	arena_free(&arena);
}

static void fail_at(void *context, struct slice what)
{
	(void)context;
	fail_msg("%.*s", SLICE_ARG(what));
}

/* Accepted by one node, with a data directory of its own, and delivered by another. */
static void large_bodies_are_found_by_all(void **state)
{
	enum { SIZE = 5 * 1024 * 1024 / 2 };
	struct fixture *fixture = *state, elsewhere = *fixture;
	struct queue_work *work[2];
	struct error error;
	char *bytes = memory_new(SIZE), command[128];
	snprintf(elsewhere.data, sizeof elsewhere.data, "/tmp/pombal-node-XXXXXX");
	assert_non_null(mkdtemp(elsewhere.data));
	random_bytes(bytes, SIZE);
	int64_t id = send_one(fixture->queue, slice_make(bytes, SIZE));
	assert_int_equal(files_in(fixture->data), 0);
	struct queue *other = open_node(&elsewhere);
	assert_int_equal(queue_take(other, 2000, 2, work, NULL, &error), 1);
	assert_true(work[0]->message.id == id);
	expect_body(other, id, slice_make(bytes, SIZE));
	assert_int_equal(files_in(elsewhere.data), 0);
	assert_true(queue_fsck(fixture->queue, false, fail_at, NULL, &error));
	assert_true(try_to_settle(other, work[0], &error));
	queue_release(other, &work[0]);
	assert_true(queue_fsck(fixture->queue, false, fail_at, NULL, &error)); /* no piece is left */
	assert_true(is_empty(fixture->queue));
	queue_close(&other);
	snprintf(command, sizeof command, "rm -rf '%s'", elsewhere.data);
	assert_int_equal(system(command), 0);
	free(bytes);
}

/* ---- Trouble ---- */

#define CUT_ALL "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pombal' AND pid <> pg_backend_pid()"

static void send_until_it_works(struct queue *queue)
{
	struct error error;
	int64_t id;
	for (int i = 0; i < TRIES && !try_to_send(queue, SLICE("x"), &id, &error); i++) {
		assert_int_equal(error.kind, ERROR_TEMPORARY);
		usleep(PAUSE_US);
	}
	assert_int_equal(error.kind, ERROR_NONE);
}

/* With every connection cut, also in between, each of them comes back by itself, and nothing was lost. */
static void lost_connections_come_back(void **state)
{
	struct fixture *fixture = *state;
	struct queue *queue = open_node(fixture);
	struct queue_work *work[2] = {0};
	struct error error = {0};
	send_until_it_works(queue);
	assert_true(db_fixture_run(fixture->storage, CUT_ALL, &error));
	send_until_it_works(queue);
	assert_true(db_fixture_run(fixture->storage, CUT_ALL, &error));
	size_t count = 0;
	for (int i = 0; i < TRIES && count < 2; i++, usleep(PAUSE_US))
		count += queue_take(queue, 2000, 2 - count, work + count, NULL, &error);
	assert_int_equal(count, 2);
	assert_true(db_fixture_run(fixture->storage, CUT_ALL, &error));
	for (size_t i = 0; i < count; i++) {
		bool done = false;
		for (int tries = 0; tries < TRIES && !(done = try_to_settle(queue, work[i], &error)); tries++)
			usleep(PAUSE_US);
		assert_true(done);
		queue_release(queue, &work[i]);
	}
	for (int i = 0; i < TRIES && !is_empty(fixture->queue); i++)
		usleep(PAUSE_US);
	assert_true(is_empty(fixture->queue));
	queue_close(&queue);
}

/* Says to whoever adds a message what the server says with this SQLSTATE. */
static void refuse_messages(struct fixture *fixture, const char *state)
{
	struct error error;
	char sql[400];
	snprintf(sql, sizeof sql, "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''%s''; END';"
		 "CREATE TRIGGER refusal BEFORE INSERT ON message EXECUTE FUNCTION refuse()", state);
	if (!db_exec(fixture->queue->writes.db, sql, &error))
		fail_msg("%s", error.text);
}

static void what_the_server_refuses_is_refused(void **state)
{
	static const struct { const char *state; enum error_kind kind; } cases[] = {
		{"53100", ERROR_FULL}, {"25006", ERROR_TEMPORARY}, {"57P01", ERROR_TEMPORARY}, {"40001", ERROR_TEMPORARY},
	};
	struct fixture *fixture = *state;
	struct error error;
	int64_t id;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		refuse_messages(fixture, cases[i].state);
		assert_false(try_to_send(fixture->queue, SLICE("x"), &id, &error));
		assert_int_equal(error.kind, cases[i].kind);
		assert_true(db_exec(fixture->queue->writes.db, "DROP TRIGGER refusal ON message; DROP FUNCTION refuse()", &error));
		assert_true(is_empty(fixture->queue));
	}
	send_one(fixture->queue, SLICE("x"));
}

/* The words of another server, in whatever charset. */
static void words_that_are_no_utf8_are_kept(void **state)
{
	struct fixture *fixture = *state;
	struct queue *queue = open_node(fixture);
	struct queue_work *work[1];
	struct error error = {0};
	send_one(queue, SLICE("x"));
	assert_int_equal(queue_take(queue, 2000, 1, work, NULL, &error), 1);
	struct queue_result later = {.message = work[0]->message.id, .recipient = 1, .outcome = OUTCOME_DEFERRED, .next_attempt = 1500, .last_error = SLICE("450 sp\xe4ter\0 \xc3\xa4")};
	if (!queue_settle(queue, &later, 1, &error))
		fail_msg("%s", error.text);
	queue_release(queue, &work[0]);
	assert_int_equal(queue_take(queue, 2000, 1, work, NULL, &error), 1);
	assert_true(slice_equal(work[0]->message.recipients[0].last_error, SLICE("450 sp?ter? \xc3\xa4")));
	queue_release(queue, &work[0]);
	queue_close(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_is_taken_once_and_passes_on),
		CASE(a_node_that_lives_renews_its_lease),
		CASE(large_bodies_are_found_by_all),
		CASE(lost_connections_come_back),
		CASE(what_the_server_refuses_is_refused),
		CASE(words_that_are_no_utf8_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
