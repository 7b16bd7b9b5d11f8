/* Accepting messages: the one place where a message becomes ours.
 *
 * queue_commit() hands its message to the writer thread and waits. The writer takes all that are waiting, writes them in
 * one transaction, and that transaction's one fsync acknowledges them all. While it runs, the next ones gather: the more
 * load, the larger the batches. When a batch fails, each of its messages is tried alone, so that one that can't be stored
 * harms no other; not if the database was locked or the disk failed, which is no message's doing and would be waited for again.
 *
 * The writer also removes body files whose rows have gone: only when the removal of the row is on disk, since a row
 * without its body would be a lost message after a power cut. And it makes the courier's settled rows durable soon after,
 * many at a time: what was sent in the last SETTLED_SYNC_MS before a power cut is all that is sent once more. */
#include "queue/internal.h"

#include <errno.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/distrust.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "queue/handin.h"

enum {
	BATCH_MESSAGES = 200,            /* of one transaction; bounds how long others wait for the write lock */
	BATCH_BYTES = 8 * 1024 * 1024,
	ID_TRIES = 3,
	SETTLED_SYNC_MS = 100,
};

static bool insert_message(struct db *db, const struct queue_commit *commit, enum queue_body_place place, struct error *error)
{
	const struct queue_message *message = commit->message;
	struct db_statement *row = db_prepare(db, "INSERT INTO message (" MESSAGE_COLUMNS ", in_file)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)");
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
	db_bind_number(row, 12, (int64_t)message->preface);
	db_bind_number(row, 13, message->suspicion.reason);
	db_bind_number(row, 14, message->suspicion.count);
	db_bind_number(row, 15, message->suspicion.most);
	db_bind_number(row, 16, message->junk);
	db_bind_text(row, 17, message->findings);
	db_bind_number(row, 18, message->weighed);
	db_bind_number(row, 19, message->points);
	db_bind_number(row, 20, message->suspect);
	db_bind_text(row, 21, message->author);
	db_bind_number(row, 22, message->release);
	db_bind_number(row, 23, message->tracked);
	db_bind_number(row, 24, place);
	return db_run(row, error);
}

static bool insert_body(const struct queue *queue, struct db *db, const struct queue_commit *commit, enum queue_body_place place, struct error *error)
{
	if (place == BODY_IN_PIECES)
		return queue_body_put_pieces(queue, db, commit->message, error);
	if (place == BODY_IN_FILE)
		return true;
	struct db_statement *row = db_prepare(db, "INSERT INTO body (message, bytes) VALUES ($1, $2)");
	db_bind_number(row, 1, commit->message->id);
	db_bind_blob(row, 2, commit->body);
	return db_run(row, error);
}

static bool insert_recipients(struct db *db, const struct queue_message *message, struct error *error)
{
	int64_t begins = queue_begins(message), retry_for = config_current()->retry_for;
	enum queue_hold hold = message->held ? HOLD_BY_ORDER : message->release > clock_now() ? HOLD_UNTIL : HOLD_NONE;
	for (size_t i = 0; i < message->recipient_count; i++) {
		struct queue_recipient *recipient = &message->recipients[i];
		recipient->id = (int64_t)i + 1;
		recipient->next_attempt = begins;
		recipient->expires = begins + retry_for;
		struct db_statement *row = db_prepare(db, "INSERT INTO recipient (message, number, address, original, notify, held, next_attempt,"
			" expires, last_attempt, attempts, delay_notified, last_error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, '')");
		db_bind_number(row, 1, message->id);
		db_bind_number(row, 2, recipient->id);
		db_bind_text(row, 3, recipient->address);
		db_bind_text(row, 4, recipient->original);
		db_bind_number(row, 5, recipient->notify);
		db_bind_number(row, 6, hold);
		db_bind_number(row, 7, recipient->next_attempt);
		db_bind_number(row, 8, recipient->expires);
		if (!db_run(row, error))
			return false;
	}
	return true;
}

/* One that is refused leaves nothing. */
static bool insert_one(struct queue *queue, struct db *db, struct queue_commit *commit, struct queue_doomed *doomed, struct error *error)
{
	bool given_up;
	if (!queue_later_is_given_up(db, commit->message, &given_up, error))
		return false;
	if (given_up) {
		commit->refused = true;
		error_set(&commit->error, ERROR_NOT_FOUND, "it was given up before it came");
		return true;
	}
	if (!queue_outgoing_admit(queue, db, commit, error))
		return false;
	enum queue_body_place place = !commit->in_file ? BODY_IN_ROW : db_is_shared(db) ? BODY_IN_PIECES : BODY_IN_FILE;
	return commit->refused || (insert_message(db, commit, place, error) && insert_body(queue, db, commit, place, error) &&
	       insert_recipients(db, commit->message, error) && queue_settle_in(db, commit->results, commit->result_count, doomed, error) &&
				  (!commit->tells || queue_outgoing_note_told(db, commit->tells, error)));
}

/* ---- What was handed in last ----
 *
 * Who hands in and hears nothing, since the keeper has died, asks its successor for the same again. Most such messages have their
 * row by then, or none was written; but one whose answer got lost may have been delivered and removed meanwhile, and would be
 * delivered twice. So each transaction also leaves the ids of what is handed in with it. The answers to all before it have gone
 * out when it begins, so it may write over theirs; not over what the keeper found when it started, as long as somebody may still
 * ask for that. */

static bool note_handed(struct queue *queue, struct db *db, const struct queue_commit *first, const struct queue_commit *end, struct error *error)
{
	struct buf ids = BUF(QUEUE_HANDED_MAX + BATCH_MESSAGES * 8);
	for (const struct queue_commit *commit = first; commit != end; commit = commit->next)
		if (commit->handed_in && !commit->refused)
			wire_put_number(&ids, (uint64_t)commit->message->id);
	bool done = true;
	if (ids.len > 0) {
		if (clock_monotonic_ms() < queue->handed_until)
			buf_append(&ids, buf_slice(&queue->handed));
		struct db_statement *row = db_prepare(db, "UPDATE handed SET ids = $1 WHERE id = $2");
		db_bind_blob(row, 1, slice_sub(buf_slice(&ids), 0, QUEUE_HANDED_MAX));
		db_bind_number(row, 2, queue->node);
		done = db_run(row, error);
	}
	buf_free(&ids);
	return done;
}

/* In a database of several nodes each has a row of its own. */
static bool make_handed(const struct queue *queue, struct error *error)
{
	struct db_statement *row = db_prepare(queue->writes.db, "INSERT INTO handed (id, ids) VALUES ($1, '') ON CONFLICT DO NOTHING");
	db_bind_number(row, 1, queue->node);
	return db_run(row, error);
}

bool queue_load_handed(struct queue *queue, struct error *error)
{
	if (queue_is_shared(queue) && !make_handed(queue, error))
		return false;
	struct db_statement *row = db_prepare(queue->reads.db, "SELECT ids FROM handed WHERE id = $1");
	db_bind_number(row, 1, queue->node);
	bool done = db_step(row, error) == DB_ROW && buf_append(&queue->handed, db_blob(row, 0));
	db_reset(row);
	queue->handed_until = clock_monotonic_ms() + HANDIN_END_SECONDS * 1000;
	return done;
}

bool queue_was_handed_in(struct queue *queue, int64_t id, bool *known, struct error *error)
{
	struct wire_reader ids = {.rest = buf_slice(&queue->handed)};
	*known = false;
	while (!*known && ids.rest.len > 0 && !ids.broken)
		*known = wire_number(&ids, UINT64_MAX) == (uint64_t)id;
	if (*known)
		return true;
	pthread_mutex_lock(&queue->reads.lock);
	struct db_statement *row = db_prepare(queue->reads.db, "SELECT 1 FROM message WHERE id = $1");
	db_bind_number(row, 1, id);
	enum db_step step = db_step(row, error);
	db_reset(row);
	pthread_mutex_unlock(&queue->reads.lock);
	*known = step == DB_ROW;
	return step != DB_FAILED;
}

/* ---- Writing ---- */

/* Body files and their names reach the disk before the rows that name them. One syncfs(2) does that for all of a batch: a tenth of the
 * time that an fdatasync(2) each takes for 20 of them, and for one it is no slower. */
static bool sync_files(const struct queue *queue, struct queue_commit *first, const struct queue_commit *end, struct error *error)
{
	bool any = false;
	for (const struct queue_commit *commit = first; commit != end; commit = commit->next)
		any |= commit->file_unsynced;
	if (any && !queue_is_shared(queue) && syncfs(queue->folder) != 0) {
		int number = errno;
		distrust_disk("queue/body", number);
		return error_set_errno(error, number, "syncing queue/body");
	}
	for (struct queue_commit *commit = first; commit != end; commit = commit->next)
		commit->file_unsynced = false; /* however often its row is tried */
	return true;
}

static size_t count_results(const struct queue_commit *first, const struct queue_commit *end)
{
	size_t count = 0;
	for (const struct queue_commit *commit = first; commit != end; commit = commit->next)
		count += commit->result_count;
	return count;
}

static bool write_in_transaction(struct queue *queue, struct db *db, struct queue_commit *first, const struct queue_commit *end, struct queue_doomed *doomed, struct error *error)
{
	bool done = true, any = false;
	for (struct queue_commit *commit = first; done && commit != end; commit = commit->next) {
		done = insert_one(queue, db, commit, doomed, error);
		any |= !commit->refused;
	}
	if (done && !any)
		done = db_run(db_prepare(db, "UPDATE barrier SET passed = passed + 1 WHERE id = 1"), error);
	return done && note_handed(queue, db, first, end, error) && db_commit(db, error);
}

/* Writes the messages from `first` up to `end` in one transaction: all of them, or none. */
static bool write_batch(struct queue *queue, struct db *db, struct queue_commit *first, const struct queue_commit *end, struct error *error)
{
	if (!sync_files(queue, first, end, error) || !db_begin(db, error))
		return false;
	struct queue_doomed doomed = {.ids = memory_array(count_results(first, end) + 1, sizeof *doomed.ids)};
	bool done = write_in_transaction(queue, db, first, end, &doomed, error);
	if (!done)
		db_rollback(db);
	for (size_t i = 0; done && i < doomed.count; i++)
		queue_doom_body(queue, doomed.ids[i]);
	for (const struct queue_commit *commit = first; done && queue_is_shared(queue) && commit != end; commit = commit->next)
		if (commit->in_file && !commit->refused) /* it is in the database now */
			queue_body_remove_files(queue, &commit->message->id, 1);
	free(doomed.ids);
	return done;
}

static void write_alone(struct queue *queue, struct db *db, struct queue_commit *commit)
{
	for (int i = 0; i < ID_TRIES; i++) {
		commit->done = write_batch(queue, db, commit, commit->next, &commit->error) && !commit->refused;
		if (commit->done || commit->refused || commit->error.kind != ERROR_EXISTS || !commit->chosen_here)
			return;
		commit->message->id = id_new();
	}
}

/* Before anybody is answered: if this process dies in between, the courier knows. */
static void tell_committed(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	void (*committed)(void *) = queue->committed;
	void *context = queue->committed_context;
	pthread_mutex_unlock(&queue->lock);
	if (committed)
		committed(context);
}

/* What has waited longer than who asked for it meant to is ended here, unwritten. Gives the rest. */
static struct queue_commit *drop_late(struct queue *queue, struct queue_commit *first)
{
	int64_t now = clock_monotonic_ms();
	struct queue_commit *kept = NULL, **last = &kept;
	for (struct queue_commit *commit = first, *next; commit; commit = next) {
		next = commit->next;
		if (commit->begin_by == 0 || now < commit->begin_by) {
			*last = commit;
			last = &commit->next;
			continue;
		}
		error_set(&commit->error, ERROR_TEMPORARY, "the disk was too slow");
		commit->end(queue, commit);
	}
	*last = NULL;
	return kept;
}

/* What couldn't be written together, one by one. Returns whether any was. */
static bool write_each(struct queue *queue, struct db *db, struct queue_commit *first)
{
	bool any = false;
	for (struct queue_commit *commit = first; commit; commit = commit->next) {
		write_alone(queue, db, commit);
		any |= commit->done;
	}
	return any;
}

/* Returns whether anything was committed, and so everything before it is on disk, too. */
static bool write_and_answer(struct queue *queue, struct db *db, struct queue_commit *first)
{
	struct error error = {0};
	bool done = write_batch(queue, db, first, NULL, &error);
	bool again = !done && error.kind != ERROR_TEMPORARY && (first->next || (first->chosen_here && error.kind == ERROR_EXISTS));
	for (struct queue_commit *commit = first; commit; commit = commit->next) {
		commit->done = done && !commit->refused;
		commit->error = commit->refused && done ? commit->error : error;
	}
	if (again)
		done = write_each(queue, db, first);
	if (done)
		tell_committed(queue);
	for (struct queue_commit *commit = first, *next; commit; commit = next) {
		next = commit->next; /* it may be gone with its end */
		queue_outgoing_log(commit);
		commit->end(queue, commit);
	}
	return done;
}

static void answer_all(struct queue *queue, struct queue_commit *first, const struct error *error)
{
	for (struct queue_commit *commit = first, *next; commit; commit = next) {
		next = commit->next;
		commit->error = *error;
		commit->end(queue, commit);
	}
}

/* Takes as many of the waiting messages as make a batch. With queue->lock held. */
static struct queue_commit *take_batch(struct queue *queue)
{
	struct queue_commit *first = queue->first, **end = &queue->first;
	size_t bytes = 0;
	for (int count = 0; *end && count < BATCH_MESSAGES && bytes < BATCH_BYTES; count++) {
		bytes += (*end)->in_file && queue_is_shared(queue) ? (size_t)(*end)->message->size : (*end)->body.len;
		end = &(*end)->next;
	}
	queue->first = *end;
	if (!queue->first)
		queue->last = &queue->first;
	*end = NULL;
	return first;
}

static void run_batch(struct queue *queue, struct db **db, struct queue_commit *first, const int64_t *doomed, size_t doomed_count)
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
	first = drop_late(queue, first);
	if (first)
		durable = write_and_answer(queue, *db, first);
	if (!durable) /* for the rows that went, and for what was settled */
		durable = write_batch(queue, *db, NULL, NULL, &error);
	if (durable)
		queue_body_remove_files(queue, doomed, doomed_count); /* if it can't be done now, they stay until the next sweep */
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
		struct queue_commit *first = take_batch(queue);
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
	pthread_mutex_unlock(&queue->lock);
	pthread_cond_signal(&queue->work);
	if (started)
		pthread_join(queue->writer, NULL);
}

void queue_doom_body(struct queue *queue, int64_t id)
{
	struct error error;
	pthread_mutex_lock(&queue->lock);
	ARRAY_GROW(queue->doomed, queue->doomed_count, queue->doomed_room);
	queue->doomed[queue->doomed_count++] = id;
	if (start_writer(queue, &error))
		pthread_cond_signal(&queue->work);
	else
		log_error("queue.no_writer", log_text("reason", error.text));
	pthread_mutex_unlock(&queue->lock);
}

bool queue_is_slow(const struct queue *queue)
{
	int64_t since = queue->owner ? caller_waiting_since(queue->owner) : queue->writing_since;
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

void queue_submit(struct queue *queue, struct queue_commit *commit)
{
	struct error error = {0};
	pthread_mutex_lock(&queue->lock);
	bool started = start_writer(queue, &error);
	if (started) {
		*queue->last = commit;
		while (*queue->last)
			queue->last = &(*queue->last)->next;
	}
	pthread_mutex_unlock(&queue->lock);
	if (started)
		pthread_cond_signal(&queue->work); /* who is woken finds the lock free */
	else
		answer_all(queue, commit, &error);
}

/* Who waits for some commits to end. */
struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	size_t left; /* of them, guarded by lock */
};

/* A commit that somebody waits for. */
struct awaited {
	struct queue_commit commit;
	struct waiter *waiter;
};

static void wake_waiter(struct queue *queue, struct queue_commit *commit)
{
	struct waiter *waiter = ((struct awaited *)commit)->waiter;
	(void)queue;
	pthread_mutex_lock(&waiter->lock);
	if (--waiter->left == 0)
		pthread_cond_signal(&waiter->wake);
	pthread_mutex_unlock(&waiter->lock);
}

static void wait_for_writer(struct queue *queue, struct awaited *list, size_t count)
{
	struct waiter waiter = {.left = count};
	if (count == 0)
		return;
	pthread_mutex_init(&waiter.lock, NULL);
	pthread_cond_init(&waiter.wake, NULL);
	for (size_t i = 0; i < count; i++) {
		list[i].commit.end = wake_waiter;
		list[i].commit.next = i + 1 < count ? &list[i + 1].commit : NULL;
		list[i].waiter = &waiter;
	}
	queue_submit(queue, &list[0].commit);
	pthread_mutex_lock(&waiter.lock);
	while (waiter.left > 0)
		pthread_cond_wait(&waiter.wake, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	pthread_cond_destroy(&waiter.wake);
	pthread_mutex_destroy(&waiter.lock);
}

static bool commit_there(struct queue *queue, struct queue_draft *draft, struct queue_message *message, struct error *error)
{
	struct queue_handin handin = {.message = *message, .body = queue_draft_inline(draft), .in_file = queue_draft_in_file(draft)};
	int shown = -1;
	if (handin.in_file && !queue_draft_finish_remote(draft, &shown, error))
		return false;
	if (!queue_handin_commit(queue, &handin, shown, error))
		return false;
	for (size_t i = 0; i < message->recipient_count; i++)
		message->recipients[i].id = (int64_t)i + 1;
	return true;
}

bool queue_commit_complete(struct queue_draft *draft, struct queue_message *message, struct error *error)
{
	if (message->id == 0)
		message->id = id_new();
	if (message->arrived == 0)
		message->arrived = clock_now();
	queue_draft_settle(draft);
	message->preface = queue_draft_preface(draft);
	message->size = queue_draft_size(draft) - message->preface;
	return queue_draft_is_sound(draft, error) && (message->recipient_count > 0 || error_set(error, ERROR_INVALID, "a message without recipients"));
}

/* What is ready to be written; false: it failed already. */
static bool make_ready(struct queue_deposit *deposit, struct awaited *awaited)
{
	struct queue_draft *draft = deposit->draft;
	bool new_id = deposit->message->id == 0, complete = queue_commit_complete(draft, deposit->message, &deposit->error), in_file = queue_draft_in_file(draft);
	if (!complete || (in_file && !queue_draft_finish_file(draft, deposit->message->id, &deposit->error)))
		return false;
	*awaited = (struct awaited){.commit = {.message = deposit->message, .body = queue_draft_inline(draft), .in_file = in_file, .file_unsynced = in_file,
		.results = deposit->results, .result_count = deposit->result_count, .tells = deposit->tells, .chosen_here = new_id && !in_file}};
	return true;
}

static void end_draft(struct queue_draft **draft, bool done)
{
	if (done)
		queue_draft_free(draft);
	else
		queue_draft_abort(draft);
}

void queue_deposit_all(struct queue *queue, struct queue_deposit *list, size_t count)
{
	struct awaited *awaited = memory_array(count + 1, sizeof *awaited);
	struct queue_deposit **ready = memory_array(count + 1, sizeof(struct queue_deposit *));
	size_t ready_count = 0;
	for (size_t i = 0; i < count; i++) {
		list[i].done = false;
		if (make_ready(&list[i], &awaited[ready_count]))
			ready[ready_count++] = &list[i];
	}
	wait_for_writer(queue, awaited, ready_count);
	for (size_t i = 0; i < ready_count; i++) {
		ready[i]->done = awaited[i].commit.done;
		ready[i]->error = awaited[i].commit.error;
	}
	for (size_t i = 0; i < count; i++)
		end_draft(&list[i].draft, list[i].done);
	free(ready);
	free(awaited);
}

bool queue_commit(struct queue *queue, struct queue_draft **draft, struct queue_message *message, struct error *error)
{
	if (queue->owner) {
		bool done = queue_commit_complete(*draft, message, error) && commit_there(queue, *draft, message, error);
		end_draft(draft, done);
		return done;
	}
	struct queue_deposit deposit = {.draft = *draft, .message = message};
	*draft = NULL;
	queue_deposit_all(queue, &deposit, 1);
	return deposit.done || error_set(error, deposit.error.kind, "%s", deposit.error.text);
}
