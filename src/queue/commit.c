/* Accepting messages: the one place where a message becomes ours.
 *
 * queue_commit() hands its message to the writer thread and waits. The writer takes all that are waiting, writes them in
 * one transaction, and that transaction's one fsync acknowledges them all. While it runs, the next ones gather: the more
 * load, the larger the batches. When a batch fails, each of its messages is tried alone, so that one that can't be stored
 * harms no other.
 *
 * The writer also removes body files whose rows have gone: only when the removal of the row is on disk, since a row
 * without its body would be a lost message after a power cut. And it makes the courier's settled rows durable soon after,
 * many at a time: what was sent in the last SETTLED_SYNC_MS before a power cut is all that is sent once more. */
#include "queue/internal.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"

enum {
	BATCH_MESSAGES = 200,            /* of one transaction; bounds how long others wait for the write lock */
	BATCH_BYTES = 8 * 1024 * 1024,
	ID_TRIES = 3,
	SETTLED_SYNC_MS = 100,
};

static bool insert_message(struct db *db, const struct commit *commit, struct error *error)
{
	const struct queue_message *message = commit->message;
	struct db_statement *row = db_prepare(db, "INSERT INTO message (" MESSAGE_COLUMNS ", in_file)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
	db_bind_number(row, 1, message->id);
	db_bind_text(row, 2, message->from);
	db_bind_number(row, 3, message->body);
	db_bind_number(row, 4, message->smtputf8);
	db_bind_number(row, 5, message->require_tls);
	db_bind_number(row, 6, message->ret);
	db_bind_text(row, 7, message->envid);
	db_bind_text(row, 8, message->account);
	db_bind_text(row, 9, message->client);
	db_bind_number(row, 10, message->arrived);
	db_bind_number(row, 11, (int64_t)message->size);
	db_bind_number(row, 12, commit->in_file);
	return db_run(row, error);
}

static bool insert_body(struct db *db, const struct commit *commit, struct error *error)
{
	struct db_statement *row = db_prepare(db, "INSERT INTO body (message, bytes) VALUES ($1, $2)");
	struct buf whole = BUF(commit->prepend.len + commit->body.len);
	if (commit->prepend.len > 0) {
		buf_append(&whole, commit->prepend);
		buf_append(&whole, commit->body);
	}
	db_bind_number(row, 1, commit->message->id);
	db_bind_blob(row, 2, commit->prepend.len > 0 ? buf_slice(&whole) : commit->body);
	bool done = db_run(row, error);
	buf_free(&whole);
	return done;
}

static bool insert_recipients(struct db *db, const struct queue_message *message, struct error *error)
{
	int64_t retry_for = config_current()->retry_for;
	for (size_t i = 0; i < message->recipient_count; i++) {
		struct queue_recipient *recipient = &message->recipients[i];
		recipient->id = (int64_t)i + 1;
		recipient->next_attempt = message->arrived;
		recipient->expires = message->arrived + retry_for;
		struct db_statement *row = db_prepare(db, "INSERT INTO recipient (message, number, address, original, notify, held, next_attempt,"
			" expires, last_attempt, attempts, delay_notified, last_error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, '')");
		db_bind_number(row, 1, message->id);
		db_bind_number(row, 2, recipient->id);
		db_bind_text(row, 3, recipient->address);
		db_bind_text(row, 4, recipient->original);
		db_bind_number(row, 5, recipient->notify);
		db_bind_number(row, 6, message->held);
		db_bind_number(row, 7, recipient->next_attempt);
		db_bind_number(row, 8, recipient->expires);
		if (!db_run(row, error))
			return false;
	}
	return true;
}

static bool insert_one(struct db *db, const struct commit *commit, struct error *error)
{
	return insert_message(db, commit, error) && (commit->in_file || insert_body(db, commit, error)) &&
	       insert_recipients(db, commit->message, error);
}

/* Writes the messages from `first` up to `end` in one transaction: all of them, or none. */
static bool write_batch(struct db *db, struct commit *first, const struct commit *end, struct error *error)
{
	if (!db_begin(db, error))
		return false;
	bool done = true;
	for (struct commit *commit = first; done && commit != end; commit = commit->next)
		done = insert_one(db, commit, error);
	if (done && first == end)
		done = db_run(db_prepare(db, "UPDATE barrier SET passed = passed + 1 WHERE id = 1"), error);
	if (done && db_commit(db, error))
		return true;
	db_rollback(db);
	return false;
}

static void write_alone(struct db *db, struct commit *commit)
{
	for (int i = 0; i < ID_TRIES; i++) {
		commit->done = write_batch(db, commit, commit->next, &commit->error);
		if (commit->done || commit->error.kind != ERROR_EXISTS || !commit->chosen_here)
			return;
		commit->message->id = id_new();
	}
}

/* Tells the courier, then wakes the one that waits. That one may be gone before this returns: `commit` isn't touched after
 * the unlock. */
static void end_commit(struct queue *queue, struct commit *commit)
{
	pthread_mutex_lock(&queue->lock);
	void (*committed)(void *, int64_t) = commit->done ? queue->committed : NULL;
	void *context = queue->committed_context;
	pthread_mutex_unlock(&queue->lock);
	if (committed)
		committed(context, commit->message->id);
	pthread_mutex_lock(&queue->lock);
	commit->ended = true;
	pthread_cond_signal(&commit->wake);
	pthread_mutex_unlock(&queue->lock);
}

/* Returns whether anything was committed, and so everything before it is on disk, too. */
static bool write_and_answer(struct queue *queue, struct db *db, struct commit *first)
{
	struct error error = {0};
	bool done = write_batch(db, first, NULL, &error), durable = done;
	bool again = !done && (first->next || (first->chosen_here && error.kind == ERROR_EXISTS));
	for (struct commit *commit = first, *next; commit; commit = next) {
		next = commit->next;
		commit->done = done;
		commit->error = error;
		if (again)
			write_alone(db, commit);
		durable |= commit->done;
		end_commit(queue, commit);
	}
	return durable;
}

static void answer_all(struct queue *queue, struct commit *first, const struct error *error)
{
	for (struct commit *commit = first, *next; commit; commit = next) {
		next = commit->next;
		commit->error = *error;
		end_commit(queue, commit);
	}
}

/* Takes as many of the waiting messages as make a batch. With queue->lock held. */
static struct commit *take_batch(struct queue *queue)
{
	struct commit *first = queue->first, **end = &queue->first;
	size_t bytes = 0;
	for (int count = 0; *end && count < BATCH_MESSAGES && bytes < BATCH_BYTES; count++) {
		bytes += (*end)->body.len;
		end = &(*end)->next;
	}
	queue->first = *end;
	if (!queue->first)
		queue->last = &queue->first;
	*end = NULL;
	return first;
}

static void remove_files(struct queue *queue, const int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[BODY_NAME_MAX];
		queue_body_name(ids[i], name);
		if (unlinkat(queue->folder, name, 0) != 0 && errno != ENOENT)
			log_warning("queue.body_not_removed", log_id("id", ids[i]), log_number("errno", errno));
	}
}

static void run_batch(struct queue *queue, struct db **db, struct commit *first, const int64_t *doomed, size_t doomed_count)
{
	struct error error = {0};
	bool durable = false;
	if (!*db)
		*db = queue_connect(queue, DB_DURABLE_COMMIT, &error);
	if (!*db) {
		log_error("queue.not_opened", log_text("reason", error.text));
		answer_all(queue, first, &error);
		return;
	}
	if (first)
		durable = write_and_answer(queue, *db, first);
	if (!durable) /* for the rows that went, and for what was settled */
		durable = write_batch(*db, NULL, NULL, &error);
	if (durable)
		remove_files(queue, doomed, doomed_count); /* if it can't be done now, they stay until the next sweep */
}

static bool is_hurried(const struct queue *queue)
{
	return queue->first || queue->doomed_count > 0 || queue->stopping;
}

/* What was settled can wait a moment for company. With queue->lock held. */
static void gather_settled(struct queue *queue)
{
	int64_t deadline = clock_monotonic_ms() + SETTLED_SYNC_MS;
	while (!is_hurried(queue) && clock_wait(&queue->work, &queue->lock, deadline))
		;
}

static void *writer_main(void *argument)
{
	struct queue *queue = argument;
	struct db *db = NULL;
	pthread_mutex_lock(&queue->lock);
	for (;;) {
		while (!is_hurried(queue) && !queue->settled)
			pthread_cond_wait(&queue->work, &queue->lock);
		gather_settled(queue);
		if (!queue->first && queue->doomed_count == 0 && !queue->settled)
			break;
		queue->settled = false;
		struct commit *first = take_batch(queue);
		int64_t *doomed = queue->doomed;
		size_t doomed_count = queue->doomed_count;
		queue->doomed = NULL;
		queue->doomed_count = queue->doomed_room = 0;
		pthread_mutex_unlock(&queue->lock);
		queue->writing_since = clock_monotonic_ms();
		run_batch(queue, &db, first, doomed, doomed_count);
		queue->writing_since = 0;
		free(doomed);
		pthread_mutex_lock(&queue->lock);
	}
	pthread_mutex_unlock(&queue->lock);
	db_close(&db);
	return NULL;
}

/* With queue->lock held. */
static bool start_writer(struct queue *queue, struct error *error)
{
	if (queue->started)
		return true;
	int failure = pthread_create(&queue->writer, NULL, writer_main, queue);
	if (failure != 0)
		return error_set_errno(error, failure, "starting the queue's writer thread");
	queue->started = true;
	return true;
}

void queue_stop_writer(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->stopping = true;
	bool started = queue->started;
	queue->started = false;
	pthread_cond_signal(&queue->work);
	pthread_mutex_unlock(&queue->lock);
	if (started)
		pthread_join(queue->writer, NULL);
}

void queue_doom_body(struct queue *queue, int64_t id)
{
	struct error error;
	pthread_mutex_lock(&queue->lock);
	if (queue->doomed_count == queue->doomed_room) {
		queue->doomed_room = queue->doomed_room ? queue->doomed_room * 2 : 8;
		queue->doomed = memory_resize(queue->doomed, queue->doomed_room * sizeof *queue->doomed);
	}
	queue->doomed[queue->doomed_count++] = id;
	if (start_writer(queue, &error))
		pthread_cond_signal(&queue->work);
	else
		log_error("queue.no_writer", log_text("reason", error.text));
	pthread_mutex_unlock(&queue->lock);
}

bool queue_is_slow(const struct queue *queue)
{
	int64_t since = queue->writing_since;
	return since != 0 && clock_monotonic_ms() - since >= QUEUE_SLOW_SECONDS * 1000;
}

void queue_note_settled(struct queue *queue)
{
	struct error error;
	pthread_mutex_lock(&queue->lock);
	if (!queue->settled && start_writer(queue, &error))
		pthread_cond_signal(&queue->work);
	queue->settled = true; /* without a writer a later commit, or the kernel's own time, makes it durable */
	pthread_mutex_unlock(&queue->lock);
}

static bool wait_for_writer(struct queue *queue, struct commit *commit, struct error *error)
{
	pthread_cond_init(&commit->wake, NULL);
	pthread_mutex_lock(&queue->lock);
	if (start_writer(queue, &commit->error)) {
		*queue->last = commit;
		queue->last = &commit->next;
		pthread_cond_signal(&queue->work);
		while (!commit->ended)
			pthread_cond_wait(&commit->wake, &queue->lock);
	}
	pthread_mutex_unlock(&queue->lock);
	pthread_cond_destroy(&commit->wake);
	return commit->done || error_set(error, commit->error.kind, "%s", commit->error.text);
}

bool queue_commit(struct queue *queue, struct queue_draft **draft, struct slice prepend, struct queue_message *message, struct error *error)
{
	struct commit commit = {.message = message, .prepend = prepend, .in_file = draft_in_file(*draft)};
	bool done = draft_is_sound(*draft, error);
	if (done && message->recipient_count == 0)
		done = error_set(error, ERROR_INVALID, "a message without recipients");
	if (message->id == 0) {
		message->id = id_new();
		commit.chosen_here = !commit.in_file;
	}
	if (message->arrived == 0)
		message->arrived = clock_now();
	message->size = queue_draft_size(*draft) + prepend.len;
	commit.body = draft_inline(*draft);
	if (done && commit.in_file)
		done = draft_finish_file(*draft, message->id, prepend, error);
	if (done)
		done = wait_for_writer(queue, &commit, error);
	if (done)
		draft_free(draft);
	else
		queue_draft_abort(draft);
	return done;
}
