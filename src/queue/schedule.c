/* The courier's side of the queue: which recipients are due, what became of them.
 *
 * The schedule is an index (next_attempt, message) over recipients that aren't held. queue_take() reads it from its
 * beginning, a page at a time, and begins each page behind the last pair of the page before: so a message with a hundred
 * thousand recipients costs it one page and not a hundred thousand rows, and a queue of a million costs no more than one
 * of a hundred. When more is due than can be taken, a part of what is taken is the newest: mail that has just come doesn't wait
 * behind a million messages that are due again. */
#include "queue/internal.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
	SCHEDULE_PAGE = 64,
	NEWEST_SHARE = 4,      /* one of so many is taken from the end */
	POLL_SECONDS = 30, POLL_SHARED_SECONDS = 5,
	NEWEST_PAGES_MAX = 40, /* the newest may all have been taken already: looking further would take too long */
};

int queue_poll_seconds(const struct queue *queue) { return queue_is_shared(queue) ? POLL_SHARED_SECONDS : POLL_SECONDS; }

static struct slice id_key(const int64_t *id)
{
	return slice_make((const char *)id, sizeof *id);
}

/* True if the message wasn't taken and is now. */
static bool mark_taken(struct queue *queue, int64_t id)
{
	pthread_mutex_lock(&queue->taken_lock);
	bool free_before = !map_get(queue->taken, id_key(&id));
	if (free_before)
		map_put(queue->taken, id_key(&id), queue);
	pthread_mutex_unlock(&queue->taken_lock);
	return free_before;
}

static bool is_taken(struct queue *queue, int64_t id)
{
	pthread_mutex_lock(&queue->taken_lock);
	bool taken = map_get(queue->taken, id_key(&id)) != NULL;
	pthread_mutex_unlock(&queue->taken_lock);
	return taken;
}

static void unmark_taken(struct queue *queue, int64_t id, bool leased)
{
	struct id_list *released = &queue->released;
	pthread_mutex_lock(&queue->taken_lock);
	map_remove(queue->taken, id_key(&id));
	if (leased) {
		ARRAY_GROW(released->at, released->count, released->room);
		released->at[released->count++] = id;
	}
	pthread_mutex_unlock(&queue->taken_lock);
}

/* Ids grow with time. */
static int by_age(const void *a, const void *b)
{
	int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
	return (first > second) - (first < second);
}

struct scan {
	int64_t now, next_due;
	int64_t *ids;      /* taken by this scan */
	size_t count, max;
	int64_t at, message; /* the last pair seen */
	bool ended;
};

static void scan_row(struct queue *queue, struct scan *scan)
{
	bool room = scan->at <= scan->now && scan->count < scan->max;
	if (room && mark_taken(queue, scan->message))
		scan->ids[scan->count++] = scan->message;
	else if (!room && !is_taken(queue, scan->message)) {
		scan->next_due = scan->at;
		scan->ended = true;
	}
}

/* With reads.lock held. */
static bool scan_page(struct queue *queue, struct scan *scan, struct error *error)
{
	struct db_statement *rows = db_prepare(queue->reads.db, "SELECT next_attempt, message FROM recipient"
		" WHERE held = 0 AND (next_attempt, message) > ($1, $2) ORDER BY next_attempt, message LIMIT $3");
	db_bind_number(rows, 1, scan->at);
	db_bind_number(rows, 2, scan->message);
	db_bind_number(rows, 3, SCHEDULE_PAGE);
	size_t seen = 0;
	enum db_step step = DB_DONE;
	while (!scan->ended && (step = db_step(rows, error)) == DB_ROW) {
		scan->at = db_number(rows, 0);
		scan->message = db_number(rows, 1);
		scan_row(queue, scan);
		seen++;
	}
	db_reset(rows);
	scan->ended |= seen < SCHEDULE_PAGE;
	return step != DB_FAILED;
}

/* Takes from what became due last. With reads.lock held. */
static bool scan_newest(struct queue *queue, struct scan *scan, struct error *error)
{
	int64_t at = scan->now, message = INT64_MAX;
	enum db_step step = DB_ROW;
	for (int page = 0; page < NEWEST_PAGES_MAX && step == DB_ROW && scan->count < scan->max; page++) {
		struct db_statement *rows = db_prepare(queue->reads.db, "SELECT next_attempt, message FROM recipient"
			" WHERE held = 0 AND (next_attempt, message) < ($1, $2) ORDER BY next_attempt DESC, message DESC LIMIT $3");
		db_bind_number(rows, 1, at);
		db_bind_number(rows, 2, message);
		db_bind_number(rows, 3, SCHEDULE_PAGE);
		for (int i = 0; i < SCHEDULE_PAGE && scan->count < scan->max && (step = db_step(rows, error)) == DB_ROW; i++) {
			at = db_number(rows, 0);
			message = db_number(rows, 1);
			if (mark_taken(queue, message))
				scan->ids[scan->count++] = message;
		}
		db_reset(rows);
	}
	return step != DB_FAILED;
}

/* NULL without an error: it has gone meanwhile. With reads.lock held. */
static struct queue_work *load_work(struct queue *queue, int64_t id, int64_t now, struct error *error)
{
	struct queue_work *work = memory_new(sizeof *work);
	work->arena = arena_new();
	struct db_statement *row = db_prepare(queue->reads.db, "SELECT " MESSAGE_COLUMNS " FROM message WHERE id = $1");
	db_bind_number(row, 1, id);
	enum db_step step = db_step(row, error);
	if (step == DB_ROW) {
		queue_read_message(row, work->arena, &work->message);
		db_reset(row);
		row = db_prepare(queue->reads.db, "SELECT " RECIPIENT_COLUMNS " FROM recipient"
			" WHERE message = $1 AND next_attempt <= $2 AND held = 0 ORDER BY number");
		db_bind_number(row, 1, id);
		db_bind_number(row, 2, now);
		queue_read_recipients(row, work->arena, &work->message, error);
	}
	if (work->message.recipient_count > 0)
		return work;
	arena_free(&work->arena);
	free(work);
	return NULL;
}

/* What was found and can be leased. *others: another has some of it. */
static size_t load_all(struct queue *queue, const struct scan *scan, struct queue_work **work, bool *others, struct error *error)
{
	size_t count = 0;
	bool *ours = memory_array(scan->count + 1, sizeof *ours);
	bool leased = queue_lease(queue, scan->ids, scan->count, ours, error);
	pthread_mutex_lock(&queue->reads.lock);
	for (size_t i = 0; i < scan->count; i++) {
		bool have = leased && ours[i];
		work[count] = have ? load_work(queue, scan->ids[i], scan->now, error) : NULL;
		if (work[count])
			count++;
		else if (leased && !ours[i] && queue_leave_to_another(queue, scan->ids[i]))
			*others = true;
		else
			unmark_taken(queue, scan->ids[i], have);
	}
	pthread_mutex_unlock(&queue->reads.lock);
	free(ours);
	return count;
}

/* *others: what was found is another's, in part: there may be more behind it. */
static size_t take_some(struct queue *queue, int64_t now, size_t max, struct queue_work **work, int64_t *next_due, bool *others, struct error *error)
{
	struct scan scan = {.now = now, .max = max - max / NEWEST_SHARE, .ids = memory_array(max ? max : 1, sizeof *scan.ids), .at = INT64_MIN};
	pthread_mutex_lock(&queue->reads.lock);
	while (!scan.ended && scan_page(queue, &scan, error))
		;
	scan.max = max;
	if (scan.next_due != 0 && scan.next_due <= now && scan_newest(queue, &scan, error))
		qsort(scan.ids, scan.count, sizeof *scan.ids, by_age);
	pthread_mutex_unlock(&queue->reads.lock);
	size_t count = load_all(queue, &scan, work, others, error);
	free(scan.ids);
	*next_due = scan.next_due;
	return count;
}

/* The nearer of two times; 0: there is none. */
static int64_t nearer(int64_t a, int64_t b) { return a == 0 || (b != 0 && b < a) ? b : a; }

size_t queue_take(struct queue *queue, int64_t now, size_t max, struct queue_work **work, int64_t *next_due, struct error *error)
{
	struct error trouble = {0};
	int64_t waiting = 0, next = 0;
	size_t count = 0;
	bool more = true;
	queue_look_at_others(queue);
	queue_let_go(queue, now, &waiting, &trouble);
	while (more && count < max) {
		more = false;
		count += take_some(queue, now, max - count, work + count, &next, &more, &trouble);
	}
	if (next_due)
		*next_due = nearer(next, waiting);
	if (error)
		*error = trouble;
	return count;
}

void queue_release(struct queue *queue, struct queue_work **work)
{
	struct queue_work *old = *work;
	*work = NULL;
	if (!old)
		return;
	unmark_taken(queue, old->message.id, true);
	arena_free(&old->arena);
	free(old);
}

/* The end of the schedule's index tells at once whether there is anything to do. */
static bool is_anybody_later(struct queue *queue, int64_t latest, bool *any, struct error *error)
{
	pthread_mutex_lock(&queue->reads.lock);
	struct db_statement *row = db_prepare(queue->reads.db, "SELECT 1 FROM recipient WHERE held = 0 AND next_attempt > $1 LIMIT 1");
	db_bind_number(row, 1, latest);
	enum db_step step = db_step(row, error);
	db_reset(row);
	pthread_mutex_unlock(&queue->reads.lock);
	*any = step == DB_ROW;
	return step != DB_FAILED;
}

/* QUEUE_CHUNK of them in a transaction of its own. */
static bool pull_some(struct queue *queue, int64_t now, int64_t latest, int64_t expires, size_t *changed, struct error *error)
{
	struct db *db = queue->writes.db;
	pthread_mutex_lock(&queue->writes.lock);
	struct db_statement *update = db_prepare(db, "UPDATE recipient SET next_attempt = $1, expires = CASE WHEN expires > $3 THEN $3 ELSE expires END"
		" WHERE (message, number) IN (SELECT message, number FROM recipient WHERE held = 0 AND next_attempt > $2 LIMIT $4)");
	db_bind_number(update, 1, now);
	db_bind_number(update, 2, latest);
	db_bind_number(update, 3, expires);
	db_bind_number(update, 4, QUEUE_CHUNK);
	bool done = db_run(update, error);
	*changed += done ? (size_t)db_changes(db) : 0;
	pthread_mutex_unlock(&queue->writes.lock);
	return done;
}

bool queue_pull_back(struct queue *queue, int64_t now, int64_t latest, int64_t expires, size_t *changed, struct error *error)
{
	bool any = true, done = true;
	*changed = 0;
	while (done && any) {
		done = is_anybody_later(queue, latest, &any, error);
		if (done && any)
			done = pull_some(queue, now, latest, expires, changed, error);
	}
	return done;
}

static bool note_apart(struct db *db, const struct queue_result *result, struct error *error)
{
	struct db_statement *note = db_prepare(db, "UPDATE recipient SET apart = apart || $3 || $4 WHERE message = $1 AND number = $2");
	db_bind_number(note, 1, result->message);
	db_bind_number(note, 2, result->recipient);
	db_bind_text(note, 3, result->apart);
	db_bind_text(note, 4, SLICE("\n"));
	return db_run(note, error);
}

static bool note_told(struct db *db, const struct queue_result *result, int64_t now, struct error *error)
{
	struct db_statement *note = db_prepare(db, "UPDATE recipient SET told = $3 WHERE message = $1 AND number = $2");
	db_bind_number(note, 1, result->message);
	db_bind_number(note, 2, result->recipient);
	db_bind_number(note, 3, now);
	return db_run(note, error);
}

static bool settle_one(struct db *db, const struct queue_result *result, int64_t now, struct error *error)
{
	if (result->outcome == OUTCOME_TOLD)
		return note_told(db, result, now, error);
	if (result->outcome == OUTCOME_APART)
		return note_apart(db, result, error);
	if (result->outcome != OUTCOME_DEFERRED) {
		struct db_statement *removal = db_prepare(db, "DELETE FROM recipient WHERE message = $1 AND number = $2");
		db_bind_number(removal, 1, result->message);
		db_bind_number(removal, 2, result->recipient);
		return db_run(removal, error);
	}
	struct db_statement *update = db_prepare(db, "UPDATE recipient SET next_attempt = CASE WHEN returned = '' THEN CAST($3 AS BIGINT) ELSE CAST($4 AS BIGINT) END," /* what is given back meanwhile waits for nothing */
		" last_attempt = CASE WHEN CAST($7 AS BIGINT) = 0 THEN $4 ELSE last_attempt END, attempts = attempts + 1 - $7,"
		" unsure = unsure + $8, delay_notified = $5, last_error = $6 WHERE message = $1 AND number = $2");
	db_bind_number(update, 1, result->message);
	db_bind_number(update, 2, result->recipient);
	db_bind_number(update, 3, result->next_attempt);
	db_bind_number(update, 4, now);
	db_bind_number(update, 5, result->delay_notified);
	db_bind_text(update, 6, result->last_error);
	db_bind_number(update, 7, result->untried);
	db_bind_number(update, 8, result->unsure);
	return db_run(update, error);
}

bool queue_remove_if_done(struct db *db, int64_t id, bool *in_file, struct error *error)
{
	struct db_statement *removal = db_prepare(db, "DELETE FROM message WHERE id = $1"
		" AND NOT EXISTS (SELECT 1 FROM recipient WHERE message = $1) RETURNING in_file");
	db_bind_number(removal, 1, id);
	enum db_step step = db_step(removal, error);
	if (step != DB_ROW)
		return step == DB_DONE;
	enum queue_body_place place = (enum queue_body_place)db_number(removal, 0);
	*in_file = place == BODY_IN_FILE;
	return db_run(removal, error) && queue_body_remove_rows(db, id, place, error);
}

/* The last of a message's results in the list looks whether the message is done. Results come message by message as a
 * rule; where they don't, looking more often is harmless. */
bool queue_settle_in(struct db *db, const struct queue_result *results, size_t count, struct queue_doomed *doomed, struct error *error)
{
	int64_t now = clock_now();
	for (size_t i = 0; i < count; i++) {
		bool in_file = false;
		if (!settle_one(db, &results[i], now, error))
			return false;
		if (i + 1 < count && results[i + 1].message == results[i].message)
			continue;
		if (!queue_remove_if_done(db, results[i].message, &in_file, error))
			return false;
		if (in_file)
			doomed->ids[doomed->count++] = results[i].message;
	}
	return true;
}

bool queue_settle(struct queue *queue, const struct queue_result *results, size_t count, struct error *error)
{
	struct queue_doomed doomed = {.ids = memory_array(count ? count : 1, sizeof *doomed.ids)};
	struct db *db = queue->writes.db;
	pthread_mutex_lock(&queue->writes.lock);
	bool done = db_begin(db, error);
	if (done) {
		done = queue_settle_in(db, results, count, &doomed, error) && db_commit(db, error);
		if (!done)
			db_rollback(db);
	}
	pthread_mutex_unlock(&queue->writes.lock);
	if (done && queue->user == QUEUE_DELIVERER)
		queue_note_settled(queue);
	for (size_t i = 0; done && i < doomed.count; i++)
		queue_doom_body(queue, doomed.ids[i]);
	free(doomed.ids);
	return done;
}
