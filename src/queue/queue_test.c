/* Tests of the queue: what comes in comes out, once, in order, also after a kill -9, and nothing is left behind. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#define FIXTURE_ROLE QUEUE_DELIVERER
#define FIXTURE_OPTIONS ""
#include "queue/fixture.h"
#include "store/db/db.h"

static void reopen(struct fixture *fixture)
{
	queue_close(&fixture->queue);
	open_queue(fixture);
}

static int64_t commit(struct queue *queue, struct slice body, const char *from, const char *const *to, size_t count)
{
	struct queue_recipient recipients[20] = {0};
	for (size_t i = 0; i < count; i++)
		recipients[i].address = slice_of(to[i]);
	struct queue_message message = {.from = slice_of(from), .recipients = recipients, .recipient_count = count,
					.client = SLICE("test [127.0.0.1]"), .arrived = 1000};
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	struct error error = {0};
	if (!queue_draft_write(draft, body, &error) || !queue_commit(queue, &draft, &message, &error))
		fail_msg("%s", error.text);
	assert_null(draft);
	assert_true(message.id > 0);
	return message.id;
}

static const char *const bob[] = {"bob@example.test"};
static const char *const three[] = {"bob@example.test", "carol@example.test", "dave@elsewhere.test"};

/* The body as the courier sees it. */
static void read_body(struct queue *queue, int64_t id, struct buf *out)
{
	struct arena *arena = arena_new();
	struct slice bytes;
	struct error error = {0};
	int fd;
	if (!queue_body(queue, id, arena, &bytes, &fd, &error))
		fail_msg("%s", error.text);
	if (fd >= 0) {
		assert_true(slice_empty(bytes));
		assert_true(file_read_fd(fd, out, &error));
		close(fd);
	} else
		buf_append(out, bytes);
	arena_free(&arena);
}

static size_t files_in(const char *data)
{
	char path[128];
	size_t count = 0;
	snprintf(path, sizeof path, "%s/queue/body", data);
	DIR *folder = opendir(path);
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void wait_for_files(const char *data, size_t count)
{
	for (int i = 0; i < 500 && files_in(data) != count; i++)
		usleep(10000);
	assert_int_equal(files_in(data), count);
}

static void problem_found(void *context, struct slice what)
{
	(void)what;
	(*(int *)context)++;
}

static int problems(struct queue *queue, bool repair)
{
	int count = 0;
	struct error error = {0};
	if (!queue_fsck(queue, repair, problem_found, &count, &error))
		fail_msg("%s", error.text);
	return count;
}

static struct queue_work *take_one(struct queue *queue, int64_t now)
{
	struct queue_work *work[2] = {0};
	int64_t next_due;
	struct error error;
	size_t count = queue_take(queue, now, 1, work, &next_due, &error);
	assert_int_equal(error.kind, ERROR_NONE);
	return count ? work[0] : NULL;
}

static void settle(struct queue *queue, struct queue_work *work, enum queue_outcome outcome, int64_t next_attempt)
{
	struct queue_result results[20] = {0};
	struct error error = {0};
	for (size_t i = 0; i < work->message.recipient_count; i++)
		results[i] = (struct queue_result){.message = work->message.id, .recipient = work->message.recipients[i].id, .outcome = outcome,
						   .next_attempt = next_attempt, .last_error = SLICE("450 later")};
	if (!queue_settle(queue, results, work->message.recipient_count, &error))
		fail_msg("%s", error.text);
}

static void a_message_goes_through(void **state)
{
	struct fixture *fixture = *state;
	int64_t id = commit(fixture->queue, SLICE("Subject: hi\r\n\r\nbody\0with NUL\r\n"), "alice@example.test", three, 3);
	assert_null(take_one(fixture->queue, 999));
	struct queue_work *work = take_one(fixture->queue, 1000);
	assert_non_null(work);
	assert_true(work->message.id == id);
	assert_true(slice_equal(work->message.from, SLICE("alice@example.test")));
	assert_int_equal(work->message.recipient_count, 3);
	assert_true(slice_equal(work->message.recipients[2].address, SLICE("dave@elsewhere.test")));
	assert_true(work->message.recipients[0].expires > 1000);
	assert_false(work->message.held);
	struct buf body = BUF(1000);
	read_body(fixture->queue, id, &body);
	assert_true(slice_equal(buf_slice(&body), SLICE("Return-Path: <alice@example.test>\r\nSubject: hi\r\n\r\nbody\0with NUL\r\n")));
	assert_true(work->message.preface + work->message.size == body.len && work->message.preface == 35);
	buf_free(&body);
	settle(fixture->queue, work, OUTCOME_DELIVERED, 0);
	queue_release(fixture->queue, &work);
	assert_null(work);
	assert_null(take_one(fixture->queue, 1 << 30));
	uint64_t messages, recipients;
	assert_true(queue_count(fixture->queue, &messages, &recipients, NULL));
	assert_true(messages == 0 && recipients == 0);
	assert_int_equal(problems(fixture->queue, false), 0);
}

/* Sizes about the borders between row and file, and memory and file, which the Return-Path field counts for, written in one go and in pieces. */
static void bodies_of_all_sizes(void **state)
{
	struct fixture *fixture = *state;
	const struct slice preface = SLICE("Return-Path: <alice@example.test>\r\n");
	const size_t border = QUEUE_INLINE_MAX - preface.len, held = QUEUE_HELD_MAX - preface.len;
	const size_t sizes[] = {0, 1, border - 1, border, border + 1, 3 * QUEUE_INLINE_MAX + 7, held, held + 1};
	const size_t pieces[] = {1 << 30, 1000, border - 1, QUEUE_INLINE_MAX};
	char *bytes = memory_new(2 * QUEUE_HELD_MAX);
	random_bytes(bytes, 2 * QUEUE_HELD_MAX);
	for (size_t i = 0; i < 8 * 4 * 2; i++) {
		size_t size = sizes[i % 8], piece = pieces[i / 8 % 4];
		struct queue_recipient recipient = {.address = SLICE("bob@example.test")};
		struct queue_message message = {.recipients = &recipient, .recipient_count = 1, .id = id_new(), .arrived = 1000,
						.from = SLICE("alice@example.test")};
		struct queue_draft *draft = queue_draft_new(fixture->queue, message.from);
		struct slice viewed;
		if (i >= 8 * 4)
			queue_draft_hold(draft);
		for (size_t at = 0; at < size; at += piece)
			assert_true(queue_draft_write(draft, slice_sub(slice_make(bytes, size), at, piece), NULL));
		struct error error = {0};
		assert_true(queue_draft_view(draft, &viewed, &error) && slice_equal(viewed, slice_make(bytes, size)));
		assert_true(queue_draft_in_file(draft) == (size > (i < 8 * 4 ? border : held)));
		if (!queue_commit(fixture->queue, &draft, &message, &error))
			fail_msg("%s", error.text);
		struct buf body = BUF(3 * QUEUE_HELD_MAX);
		read_body(fixture->queue, message.id, &body);
		assert_true(slice_starts(buf_slice(&body), preface) && message.preface == preface.len);
		assert_true(slice_equal(slice_skip(buf_slice(&body), preface.len), slice_make(bytes, size)));
		assert_true(message.size == size);
		buf_free(&body);
	}
	free(bytes);
	assert_int_equal(problems(fixture->queue, false), 0);
	assert_int_equal(files_in(fixture->data), queue_is_shared(fixture->queue) ? 0 : 4 * 4 * 2);
	for (struct queue_work *work; (work = take_one(fixture->queue, 1000)); queue_release(fixture->queue, &work))
		settle(fixture->queue, work, OUTCOME_DELIVERED, 0);
	wait_for_files(fixture->data, 0);
}

static void taken_messages_are_not_given_twice(void **state)
{
	struct fixture *fixture = *state;
	int64_t first = commit(fixture->queue, SLICE("a"), "", three, 3);
	int64_t second = commit(fixture->queue, SLICE("b"), "", bob, 1);
	struct queue_work *work[4] = {0};
	int64_t next_due;
	assert_int_equal(queue_take(fixture->queue, 2000, 1, work, &next_due, NULL), 1);
	assert_true(work[0]->message.id == first);
	assert_true(next_due == 1000); /* the second is due but there was no room */
	assert_int_equal(queue_take(fixture->queue, 2000, 4, work + 1, &next_due, NULL), 1);
	assert_true(work[1]->message.id == second && next_due == 0);
	/* one of the first message's recipients is done, two are deferred */
	struct queue_result results[] = {
		{.message = first, .recipient = 1, .outcome = OUTCOME_DELIVERED},
		{.message = first, .recipient = 2, .outcome = OUTCOME_DEFERRED, .next_attempt = 3000, .last_error = SLICE("451 busy"), .delay_notified = true},
		{.message = first, .recipient = 3, .outcome = OUTCOME_DEFERRED, .next_attempt = 4000},
	};
	assert_true(queue_settle(fixture->queue, results, 3, NULL));
	assert_int_equal(queue_take(fixture->queue, 5000, 4, work + 2, &next_due, NULL), 0);
	queue_release(fixture->queue, &work[0]);
	assert_int_equal(queue_take(fixture->queue, 2999, 4, work, &next_due, NULL), 0);
	assert_true(next_due == 3000);
	assert_int_equal(queue_take(fixture->queue, 3000, 4, work, &next_due, NULL), 1);
	const struct queue_recipient *recipient = &work[0]->message.recipients[0];
	assert_int_equal(work[0]->message.recipient_count, 1);
	assert_true(recipient->id == 2 && recipient->attempts == 1 && recipient->delay_notified && recipient->last_attempt > 0);
	assert_true(slice_equal(recipient->last_error, SLICE("451 busy")));
	queue_release(fixture->queue, &work[0]);
	queue_release(fixture->queue, &work[1]);
}

static void run_sql(struct fixture *fixture, const char *format, int64_t number)
{
	char sql[200];
	struct error error = {0};
	snprintf(sql, sizeof sql, format, (long long)number);
	struct db *db = db_open(fixture->queue->database, &(struct db_options){0}, &error);
	if (!db_exec(db, sql, &error))
		fail_msg("%s", error.text);
	db_close(&db);
}

/* Whose lease is on the one message. */
static int64_t lease(struct fixture *fixture)
{
	struct db_statement *row = db_prepare(fixture->queue->reads.db, "SELECT lease FROM message");
	assert_int_equal(db_step(row, NULL), DB_ROW);
	int64_t found = db_number(row, 0);
	db_reset(row);
	return found;
}

/* What another has is looked at again after a moment. */
static struct queue_work *take_when_it_is_free(struct queue *queue)
{
	struct queue_work *work;
	for (int i = 0; !(work = take_one(queue, 2000)) && i < 6000; i++)
		usleep(10000);
	assert_non_null(work);
	return work;
}

static void leases_of_another_node_hold_for_their_time(void **state)
{
	struct fixture *fixture = *state;
	struct queue_work *work;
	commit(fixture->queue, SLICE("a"), "", bob, 1);
	run_sql(fixture, "INSERT INTO deliverer (id, node, until) VALUES (5, 'another', %lld); UPDATE message SET lease = 5", clock_now() + 1000);
	assert_null(take_one(fixture->queue, 2000));
	assert_true(lease(fixture) == 5);
	run_sql(fixture, "UPDATE deliverer SET until = %lld WHERE id = 5", clock_now() - 1);
	work = take_when_it_is_free(fixture->queue);
	assert_true(lease(fixture) == fixture->queue->deliverer);
	assert_null(take_one(fixture->queue, 2000)); /* it is ours, and given once */
	queue_release(fixture->queue, &work);
	work = take_one(fixture->queue, 2000);
	assert_non_null(work);
	queue_release(fixture->queue, &work);
	assert_null(take_one(fixture->queue, 999)); /* with nothing to take, what was released is given back nevertheless */
	assert_true(lease(fixture) == 0);
}

static void leases_end_with_the_process(void **state)
{
	struct fixture *fixture = *state;
	int status;
	commit(fixture->queue, SLICE("a"), "", bob, 1);
	queue_close(&fixture->queue);
	pid_t child = fork();
	if (child == 0) {
		reopen(fixture);
		fixture->queue->lease_seconds = 1;
		_exit(take_one(fixture->queue, 2000) ? 0 : 1);
	}
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	reopen(fixture);
	assert_true(lease(fixture) != 0); /* the former process's */
	struct queue_work *work = queue_is_shared(fixture->queue) ? take_when_it_is_free(fixture->queue) : take_one(fixture->queue, 2000);
	assert_non_null(work);
	queue_release(fixture->queue, &work);
}

/* How many durable commits made earlier ones durable. */
static int64_t barriers_passed(struct queue *queue)
{
	struct db *db = queue->reads.db;
	pthread_mutex_lock(&queue->reads.lock);
	struct db_statement *row = db_prepare(db, "SELECT passed FROM barrier WHERE id = 1");
	assert_int_equal(db_step(row, NULL), DB_ROW);
	int64_t passed = db_number(row, 0);
	db_reset(row);
	pthread_mutex_unlock(&queue->reads.lock);
	return passed;
}

static void what_was_settled_is_soon_durable(void **state)
{
	struct fixture *fixture = *state;
	for (int round = 0; round < 2; round++) {
		int64_t id = commit(fixture->queue, SLICE("a"), "", bob, 1), before = barriers_passed(fixture->queue);
		struct queue_result result = {.message = id, .recipient = 1, .outcome = OUTCOME_DELIVERED};
		assert_true(queue_settle(fixture->queue, &result, 1, NULL));
		for (int i = 0; i < 500 && barriers_passed(fixture->queue) == before; i++)
			usleep(10000);
		assert_true(barriers_passed(fixture->queue) > before);
	}
}

static void the_oldest_due_comes_first(void **state)
{
	struct fixture *fixture = *state;
	int64_t late = commit(fixture->queue, SLICE("a"), "", bob, 1);
	int64_t early = commit(fixture->queue, SLICE("b"), "", bob, 1);
	struct queue_result result = {.message = late, .recipient = 1, .outcome = OUTCOME_DEFERRED, .next_attempt = 1500};
	assert_true(queue_settle(fixture->queue, &result, 1, NULL));
	struct queue_work *work[2] = {0};
	assert_int_equal(queue_take(fixture->queue, 2000, 2, work, NULL, NULL), 2);
	assert_true(work[0]->message.id == early && work[1]->message.id == late);
	queue_release(fixture->queue, &work[0]);
	queue_release(fixture->queue, &work[1]);
}

/* More than a page of the schedule belongs to one message. */
static void a_message_with_many_recipients_hides_no_other(void **state)
{
	struct fixture *fixture = *state;
	enum { MANY = 5000 };
	struct queue_recipient *recipients = memory_array(MANY, sizeof *recipients);
	for (int i = 0; i < MANY; i++)
		recipients[i].address = SLICE("bob@example.test");
	struct queue_message message = {.recipients = recipients, .recipient_count = MANY, .arrived = 1000};
	struct queue_draft *draft = queue_draft_new(fixture->queue, SLICE(""));
	assert_true(queue_commit(fixture->queue, &draft, &message, NULL));
	free(recipients);
	int64_t other = commit(fixture->queue, SLICE("b"), "", bob, 1), next_due;
	struct queue_work *work[3] = {0};
	assert_int_equal(queue_take(fixture->queue, 1000, 3, work, &next_due, NULL), 2);
	assert_int_equal(work[0]->message.recipient_count, MANY);
	assert_true(work[1]->message.id == other && next_due == 0);
	queue_release(fixture->queue, &work[0]);
	queue_release(fixture->queue, &work[1]);
}

static size_t list_count(struct queue *queue, int64_t id, const char *address)
{
	struct arena *arena = arena_new();
	struct queue_message *list;
	size_t count;
	struct error error = {0};
	if (!queue_list(queue, &(struct queue_filter){.id = id, .address = slice_of(address)}, arena, &list, &count, &error))
		fail_msg("%s", error.text);
	arena_free(&arena);
	return count;
}

static void people_find_messages(void **state)
{
	struct fixture *fixture = *state;
	int64_t id = commit(fixture->queue, SLICE("a"), "Alice_1@Example.test", three, 3);
	commit(fixture->queue, SLICE("b"), "", bob, 1);
	assert_int_equal(list_count(fixture->queue, 0, ""), 2);
	assert_int_equal(list_count(fixture->queue, id, ""), 1);
	assert_int_equal(list_count(fixture->queue, id, "nobody@example.test"), 0);
	assert_int_equal(list_count(fixture->queue, 0, "ALICE_1@example.test"), 1);
	assert_int_equal(list_count(fixture->queue, 0, "alice%@example.test"), 0);
	assert_int_equal(list_count(fixture->queue, 0, "alicex1@example.test"), 0);
	assert_int_equal(list_count(fixture->queue, 0, "@elsewhere.test"), 1);
	assert_int_equal(list_count(fixture->queue, 0, "@example.test"), 2);
	assert_int_equal(list_count(fixture->queue, 0, "@ample.test"), 0);
	assert_int_equal(list_count(fixture->queue, 0, "' OR 1=1 --"), 0);
	struct arena *arena = arena_new();
	struct queue_message *list;
	size_t count;
	assert_true(queue_list(fixture->queue, &(struct queue_filter){.limit = 1}, arena, &list, &count, NULL));
	assert_true(count == 1 && list[0].id == id && list[0].recipient_count == 3);
	arena_free(&arena);
}

static void people_hold_flush_and_remove(void **state)
{
	struct fixture *fixture = *state;
	int64_t id = commit(fixture->queue, SLICE("a"), "alice@example.test", three, 3);
	struct queue_filter filter = {.id = id};
	size_t changed;
	assert_true(queue_hold(fixture->queue, &filter, true, &changed, NULL) && changed == 1);
	assert_true(queue_hold(fixture->queue, &filter, true, &changed, NULL) && changed == 0);
	assert_null(take_one(fixture->queue, 1 << 30));
	assert_true(queue_flush(fixture->queue, &filter, &changed, NULL) && changed == 0);
	assert_true(queue_hold(fixture->queue, &filter, false, &changed, NULL) && changed == 1);
	struct queue_work *work = take_one(fixture->queue, 1000);
	assert_non_null(work);
	settle(fixture->queue, work, OUTCOME_DEFERRED, (int64_t)1 << 40);
	queue_release(fixture->queue, &work);
	assert_null(take_one(fixture->queue, (int64_t)1 << 39));
	assert_true(queue_flush(fixture->queue, &filter, &changed, NULL) && changed == 1);
	assert_non_null(work = take_one(fixture->queue, (int64_t)1 << 39));
	/* removed under the courier's hands: what it settles then is nobody's */
	assert_true(queue_remove(fixture->queue, &filter, &changed, NULL) && changed == 1);
	settle(fixture->queue, work, OUTCOME_DEFERRED, 5000);
	queue_release(fixture->queue, &work);
	assert_int_equal(list_count(fixture->queue, 0, ""), 0);
	assert_int_equal(problems(fixture->queue, false), 0);
}

static size_t give_back(struct queue *queue, int64_t id, struct slice reason)
{
	size_t changed;
	struct error error = {0};
	if (!queue_return(queue, &(struct queue_filter){.id = id}, reason, &changed, &error))
		fail_msg("%s", error.text);
	return changed;
}

static int64_t commit_as(struct queue *queue, struct queue_message message)
{
	struct queue_recipient recipient = {.address = SLICE("bob@example.test")};
	message.recipients = &recipient;
	message.recipient_count = 1;
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	assert_true(queue_draft_write(draft, SLICE("a"), NULL) && queue_commit(queue, &draft, &message, NULL));
	return message.id;
}

static void people_give_back(void **state)
{
	struct fixture *fixture = *state;
	struct queue *queue = fixture->queue;
	const int64_t ever = (int64_t)1 << 40;
	int64_t id = commit(queue, SLICE("a"), "alice@example.test", bob, 1);
	size_t changed;
	struct queue_filter filter = {.id = id};
	/* Also what is held; once; and what is being tried meanwhile doesn't wait for its next time. */
	assert_true(queue_hold(queue, &filter, true, &changed, NULL) && changed == 1);
	assert_int_equal(give_back(queue, id, SLICE("Wrong address")), 1);
	assert_int_equal(give_back(queue, id, SLICE("again")), 0);
	struct queue_work *work = take_one(queue, clock_now());
	assert_non_null(work);
	assert_true(slice_equal(work->message.recipients[0].returned, SLICE("Wrong address")));
	settle(queue, work, OUTCOME_FAILED, 0);
	queue_release(queue, &work);
	id = commit(queue, SLICE("a"), "alice@example.test", bob, 1);
	assert_non_null(work = take_one(queue, 1000));
	assert_int_equal(give_back(queue, id, SLICE("")), 1);
	settle(queue, work, OUTCOME_DEFERRED, ever);
	queue_release(queue, &work);
	assert_non_null(work = take_one(queue, clock_now()));
	assert_true(work->message.recipients[0].returned.len > 0);
	settle(queue, work, OUTCOME_FAILED, 0);
	queue_release(queue, &work);
	/* Of these nobody would be told, or somebody whose address is forged. */
	assert_int_equal(give_back(queue, commit(queue, SLICE("a"), "", bob, 1), SLICE("")), 0);
	assert_int_equal(give_back(queue, commit_as(queue, (struct queue_message){.from = SLICE("x@far.test"), .junk = true}), SLICE("")), 0);
	assert_int_equal(give_back(queue, commit_as(queue, (struct queue_message){.from = SLICE("x@far.test"), .set_apart = true}), SLICE("")), 0);
	/* What an account sends is told of whatever it was taken for. */
	id = commit_as(queue, (struct queue_message){.from = SLICE("alice@example.test"), .account = SLICE("alice@example.test"), .junk = true, .doubt = {REASON_SPAM, 9, 8}});
	assert_int_equal(give_back(queue, id, SLICE("")), 1);
	struct error error;
	struct arena *arena = arena_new();
	struct queue_message *list;
	size_t count;
	assert_true(queue_list(queue, &(struct queue_filter){.id = id}, arena, &list, &count, &error) && count == 1);
	assert_true(!list[0].junk && !list[0].held && list[0].suspicion.reason == REASON_NONE && list[0].recipients[0].returned.len > 0);
	arena_free(&arena);
	assert_false(queue_return(queue, &(struct queue_filter){0}, SLICE("a\r\nBcc: b"), &changed, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

static enum error_kind edit(struct queue *queue, int64_t id, struct queue_edit wanted)
{
	struct arena *arena = arena_new();
	struct queue_message before;
	struct error error = {0};
	queue_edit(queue, id, &wanted, arena, &before, &error);
	arena_free(&arena);
	return error.kind;
}

static void people_change_where_mail_goes(void **state)
{
	struct fixture *fixture = *state;
	struct queue *queue = fixture->queue;
	const struct slice via = SLICE("mx.example.test:25"), none = SLICE("");
	int64_t id = commit(queue, SLICE("a"), "alice@example.test", three, 3);
	assert_int_equal(edit(queue, id + 1, (struct queue_edit){.via = &via}), ERROR_NOT_FOUND);
	assert_int_equal(edit(queue, id, (struct queue_edit){.address = SLICE("nobody@example.test"), .via = &via}), ERROR_NOT_FOUND);
	assert_int_equal(edit(queue, id, (struct queue_edit){.address = SLICE("bob@example.test"), .to = SLICE("\xd0\xb1@example.test")}), ERROR_INVALID);
	/* Not while somebody has it. */
	struct queue_work *work = take_one(queue, 1000);
	assert_int_equal(edit(queue, id, (struct queue_edit){.via = &via}), ERROR_TEMPORARY);
	settle(queue, work, OUTCOME_DEFERRED, (int64_t)1 << 40);
	queue_release(queue, &work);
	assert_null(take_one(queue, clock_now())); /* gives the lease back */
	assert_int_equal(edit(queue, id, (struct queue_edit){.address = SLICE("Bob@example.test"), .to = SLICE("carol@other.test")}), ERROR_NONE);
	assert_int_equal(edit(queue, id, (struct queue_edit){.address = SLICE("dave@elsewhere.test"), .via = &via}), ERROR_NONE);
	assert_non_null(work = take_one(queue, clock_now()));
	assert_int_equal(work->message.recipient_count, 2); /* who wasn't changed waits on */
	const struct queue_recipient *first = &work->message.recipients[0], *second = &work->message.recipients[1];
	assert_true(slice_equal(first->address, SLICE("carol@other.test")) && slice_equal(first->original, SLICE("rfc822;bob@example.test")) && first->via.len == 0);
	assert_true(slice_equal(second->address, SLICE("dave@elsewhere.test")) && slice_equal(second->via, via));
	settle(queue, work, OUTCOME_DEFERRED, 1);
	queue_release(queue, &work);
	assert_non_null(work = take_one(queue, 1));
	queue_release(queue, &work);
	assert_null(take_one(queue, 0));
	/* And back; what its sender named first stays the original. */
	assert_int_equal(edit(queue, id, (struct queue_edit){.via = &none}), ERROR_NONE);
	assert_int_equal(edit(queue, id, (struct queue_edit){.address = SLICE("carol@other.test"), .to = SLICE("dave@other.test")}), ERROR_NONE);
	assert_non_null(work = take_one(queue, clock_now()));
	assert_true(slice_equal(work->message.recipients[0].original, SLICE("rfc822;bob@example.test")) && work->message.recipients[2].via.len == 0);
	queue_release(queue, &work);
	assert_null(take_one(queue, 0));
	assert_int_equal(give_back(queue, id, SLICE("")), 1);
	assert_int_equal(edit(queue, id, (struct queue_edit){.via = &via}), ERROR_INVALID);
	assert_int_equal(problems(queue, false), 0);
}

static void what_is_wrong_is_found(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	char *big = memory_new(QUEUE_INLINE_MAX + 1);
	int64_t small = commit(fixture->queue, SLICE("a"), "", bob, 1);
	int64_t large = commit(fixture->queue, slice_make(big, QUEUE_INLINE_MAX + 1), "", bob, 1);
	free(big);
	assert_int_equal(problems(fixture->queue, false), 0);
	run_sql(fixture, "DELETE FROM body WHERE message = %lld", small);
	run_sql(fixture, "DELETE FROM recipient WHERE message = %lld", small);
	char id[ID_TEXT_LEN + 1];
	id_format(large, id);
	snprintf(path, sizeof path, "%s/queue/body/%s", fixture->data, id);
	if (queue_is_shared(fixture->queue))
		run_sql(fixture, "DELETE FROM piece WHERE message = %lld", large);
	else
		assert_int_equal(truncate(path, 5), 0);
	assert_int_equal(problems(fixture->queue, false), 3);
}

/* What a crash may leave: a body file without a row. A draft of a living process is none of that. */
static void orphans_are_swept_and_drafts_are_not(void **state)
{
	struct fixture *fixture = *state;
	char path[128], target[128];
	char *big = memory_new(2 * QUEUE_INLINE_MAX);
	snprintf(path, sizeof path, "%s/queue/body/0000000000001", fixture->data);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	snprintf(path, sizeof path, "%s/queue/body/0123456789abc.new", fixture->data);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	struct queue_draft *draft = queue_draft_new(fixture->queue, SLICE(""));
	assert_true(queue_draft_write(draft, slice_make(big, 2 * QUEUE_INLINE_MAX), NULL));
	assert_int_equal(files_in(fixture->data), 3);
	assert_int_equal(problems(fixture->queue, false), 2);
	assert_int_equal(problems(fixture->queue, true), 2);
	assert_int_equal(files_in(fixture->data), 1);
	queue_draft_abort(&draft);
	assert_int_equal(files_in(fixture->data), 0);
	/* a symbolic link is reported, and what it points to is left alone */
	snprintf(path, sizeof path, "%s/queue/body/0000000000002", fixture->data);
	snprintf(target, sizeof target, "%s/queue", fixture->data);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(problems(fixture->queue, true), 1);
	assert_int_equal(access(target, F_OK), 0);
	free(big);
}

static void files_are_private_and_links_refused(void **state)
{
	struct fixture *fixture = *state;
	if (queue_is_shared(fixture->queue)) /* there are none */
		return;
	char path[128], elsewhere[128];
	struct stat status;
	char *big = memory_new(QUEUE_INLINE_MAX + 1);
	int64_t large = commit(fixture->queue, slice_make(big, QUEUE_INLINE_MAX + 1), "", bob, 1);
	free(big);
	char id[ID_TEXT_LEN + 1];
	id_format(large, id);
	const char *const names[] = {"queue", "queue/body", "queue/queue.db", "queue/queue.db-wal", NULL};
	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof path, "%s/%s%s", fixture->data, names[i] ? names[i] : "queue/body/", names[i] ? "" : id);
		assert_int_equal(lstat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, S_ISDIR(status.st_mode) ? 0700 : 0600);
	}
	struct arena *arena = arena_new();
	struct slice bytes;
	struct error error;
	int fd;
	snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", fixture->data);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_false(queue_body(fixture->queue, large, arena, &bytes, &fd, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_false(queue_body(fixture->queue, large, arena, &bytes, &fd, &error));
	arena_free(&arena);
	queue_close(&fixture->queue);
	unlink(path);
	snprintf(path, sizeof path, "%s/queue/body", fixture->data);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/tmp", path), 0);
	fixture->queue = queue_open(fixture->data, QUEUE_DELIVERER, &error);
	assert_null(fixture->queue);
	unlink(path);
}

struct many {
	struct queue *queue;
	int64_t taken_id; /* an id that is there already: the writer's batch fails for it */
	int number, accepted, refused;
};

static void *commit_many(void *argument)
{
	struct many *many = argument;
	for (int i = 0; i < 50; i++) {
		struct queue_recipient recipient = {.address = SLICE("bob@example.test")};
		struct queue_message message = {.recipients = &recipient, .recipient_count = 1, .arrived = 1000};
		bool bad = many->number == 0 && i % 5 == 0;
		message.id = bad ? many->taken_id : 0;
		struct queue_draft *draft = queue_draft_new(many->queue, message.from);
		queue_draft_write(draft, SLICE("Subject: many\r\n\r\n"), NULL);
		struct error error = {0};
		bool done = queue_commit(many->queue, &draft, &message, &error);
		assert_true(done == !bad);
		assert_true(done || error.kind == ERROR_EXISTS);
		many->accepted += done;
		many->refused += !done;
	}
	return NULL;
}

static void count_group(void *context)
{
	__atomic_add_fetch((int *)context, 1, __ATOMIC_RELAXED);
}

static void one_bad_message_harms_no_other(void **state)
{
	struct fixture *fixture = *state;
	enum { THREADS = 16 };
	pthread_t threads[THREADS];
	struct many many[THREADS];
	int64_t id = commit(fixture->queue, SLICE("a"), "", bob, 1);
	int groups = 0;
	uint64_t messages, recipients;
	queue_on_commit(fixture->queue, count_group, &groups);
	for (int i = 0; i < THREADS; i++) {
		many[i] = (struct many){.queue = fixture->queue, .taken_id = id, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, commit_many, &many[i]), 0);
	}
	int accepted = 0, refused = 0;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		accepted += many[i].accepted;
		refused += many[i].refused;
	}
	assert_int_equal(refused, 10);
	assert_int_equal(accepted, THREADS * 50 - 10);
	assert_true(queue_count(fixture->queue, &messages, &recipients, NULL));
	assert_true(messages == (uint64_t)accepted + 1);
	queue_on_commit(fixture->queue, NULL, NULL);
	assert_in_range(__atomic_load_n(&groups, __ATOMIC_RELAXED), 1, accepted); /* once for each group of them */
}

/* In a child: commits messages, every fourth a large one, and writes each id to `pipe` once it is acknowledged. */
static void commit_until_killed(const struct fixture *fixture, int pipe)
{
	struct error error;
	struct queue *queue = queue_open_in(fixture->data, fixture->storage, QUEUE_PERSON, &error);
	char *big = memory_new(QUEUE_INLINE_MAX + 1);
	for (int i = 0; queue; i++) {
		int64_t id = commit(queue, slice_make(big, i % 4 ? 4096 : QUEUE_INLINE_MAX + 1), "alice@example.test", three, 3);
		if (write(pipe, &id, sizeof id) != sizeof id)
			break;
	}
	_exit(1);
}

static void acknowledged_messages_survive_a_kill(void **state)
{
	struct fixture *fixture = *state;
	size_t acknowledged = 0;
	for (int round = 0; round < 8; round++) {
		queue_close(&fixture->queue);
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			commit_until_killed(fixture, ends[1]);
		close(ends[1]);
		poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, 60000); /* it has begun */
		usleep(50000 + (unsigned)random_below(100000));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		reopen(fixture);
		for (int64_t id; read(ends[0], &id, sizeof id) == sizeof id; acknowledged++) {
			assert_int_equal(list_count(fixture->queue, id, ""), 1);
			struct buf body = BUF(2 * QUEUE_INLINE_MAX);
			read_body(fixture->queue, id, &body);
			assert_true(slice_starts(buf_slice(&body), SLICE("Return-Path: <alice@example.test>\r\n")));
			assert_true(body.len >= 4096);
			buf_free(&body);
		}
		close(ends[0]);
		assert_int_equal(problems(fixture->queue, false), 0); /* opening as the deliverer has swept the orphans */
	}
	assert_true(acknowledged > 0);
}

/* smtp commits in one process while the courier settles in another and people list: nobody waits for ever, nothing is lost. */
static void processes_share_the_queue(void **state)
{
	struct fixture *fixture = *state;
	enum { MESSAGES = 300 };
	queue_close(&fixture->queue);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct error error;
		struct queue *queue = queue_open_in(fixture->data, fixture->storage, QUEUE_PERSON, &error);
		for (int i = 0; i < MESSAGES; i++)
			commit(queue, SLICE("a"), "", three, 3);
		queue_close(&queue);
		_exit(0);
	}
	open_queue(fixture);
	int done = 0;
	for (int tries = 0; done < MESSAGES && tries < 20000; tries++) {
		struct queue_work *work = take_one(fixture->queue, 1000);
		if (!work) {
			usleep(1000);
			continue;
		}
		settle(fixture->queue, work, OUTCOME_DELIVERED, 0);
		queue_release(fixture->queue, &work);
		done++;
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(done, MESSAGES);
	uint64_t messages, recipients;
	assert_true(queue_count(fixture->queue, &messages, &recipients, NULL) && messages == 0 && recipients == 0);
}

static void nothing_without_recipients(void **state)
{
	struct fixture *fixture = *state;
	struct queue_message message = {0};
	struct queue_draft *draft = queue_draft_new(fixture->queue, SLICE(""));
	struct error error;
	assert_false(queue_commit(fixture->queue, &draft, &message, &error));
	assert_null(draft);
	assert_int_equal(error.kind, ERROR_INVALID);
}

/* Messages with what became of others; the second has an id that is taken already, the third no recipients. */
static void deposits_settle_what_they_tell_of(void **state)
{
	struct fixture *fixture = *state;
	struct queue *queue = fixture->queue;
	static char big[QUEUE_INLINE_MAX + 1];
	int64_t first = commit(queue, slice_make(big, sizeof big), "x@example.test", bob, 1), second = commit(queue, SLICE("b"), "y@example.test", bob, 1);
	struct queue_recipient recipient = {.address = SLICE("x@example.test")};
	struct queue_message messages[3] = {{.recipients = &recipient, .recipient_count = 1}, {.id = second, .recipients = &recipient, .recipient_count = 1}};
	struct queue_result results[2] = {{.message = first, .recipient = 1, .outcome = OUTCOME_FAILED}, {.message = second, .recipient = 1, .outcome = OUTCOME_FAILED}};
	struct queue_deposit list[3] = {{.message = &messages[0], .results = &results[0], .result_count = 1},
					{.message = &messages[1], .results = &results[1], .result_count = 1}, {.message = &messages[2]}};
	for (int i = 0; i < 3; i++) {
		list[i].draft = queue_draft_new(queue, SLICE(""));
		assert_true(queue_draft_write(list[i].draft, SLICE("report"), NULL));
	}
	queue_deposit_all(queue, list, 3);
	assert_true(list[0].done && !list[1].done && !list[2].done);
	assert_int_equal(list[1].error.kind, ERROR_EXISTS);
	assert_int_equal(list[2].error.kind, ERROR_INVALID);
	uint64_t count, recipients;
	assert_true(queue_count(queue, &count, &recipients, NULL));
	assert_int_equal(count, 2); /* the first one's report, and the second */
	wait_for_files(fixture->data, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_message_goes_through),
		CASE(bodies_of_all_sizes),
		CASE(taken_messages_are_not_given_twice),
		CASE(leases_of_another_node_hold_for_their_time),
		CASE(leases_end_with_the_process),
		CASE(what_was_settled_is_soon_durable),
		CASE(the_oldest_due_comes_first),
		CASE(a_message_with_many_recipients_hides_no_other),
		CASE(people_find_messages),
		CASE(people_hold_flush_and_remove),
		CASE(people_give_back), CASE(people_change_where_mail_goes),
		CASE(what_is_wrong_is_found),
		CASE(orphans_are_swept_and_drafts_are_not),
		CASE(files_are_private_and_links_refused),
		CASE(one_bad_message_harms_no_other),
		CASE(acknowledged_messages_survive_a_kill),
		CASE(processes_share_the_queue),
		CASE(nothing_without_recipients),
		CASE(deposits_settle_what_they_tell_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
