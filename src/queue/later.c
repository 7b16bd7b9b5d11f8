/* What isn't to be tried before a time that its sender has named (RFC 4865), and what he wants back before.
 *
 * Such a recipient's row is HOLD_UNTIL, and its time next_attempt. When that has come the courier, in a transaction, makes it like any other; who takes
 * the message back deletes its rows in one, too. So either it was let go, and nobody can have it back, or it has gone before anybody could take it.
 * What was withdrawn is remembered for a while: who asked, and heard nothing since the keeper died, asks its successor the same. So is what somebody has given
 * up who doesn't know whether it was committed: should it still be on its way here, it isn't taken. */
#include "base/clock.h"
#include "config/config.h"
#include "queue/internal.h"

enum { WITHDRAWN_SECONDS = 3600 /* at least HANDIN_END_SECONDS */ };

/* ---- Its time ---- */

static bool next_waiting(struct queue *queue, int64_t *next, struct error *error)
{
	pthread_mutex_lock(&queue->reads.lock);
	struct db_statement *row = db_prepare(queue->reads.db, "SELECT next_attempt FROM recipient WHERE held = 2 ORDER BY next_attempt, message LIMIT 1");
	enum db_step step = db_step(row, error);
	*next = step == DB_ROW ? db_number(row, 0) : 0;
	db_reset(row);
	pthread_mutex_unlock(&queue->reads.lock);
	return step != DB_FAILED;
}

/* QUEUE_CHUNK of them. */
static bool let_some_go(struct queue *queue, int64_t now, struct error *error)
{
	pthread_mutex_lock(&queue->writes.lock);
	struct db_statement *update = db_prepare(queue->writes.db, "UPDATE recipient SET held = 0 WHERE (message, number) IN"
		" (SELECT message, number FROM recipient WHERE held = 2 AND next_attempt <= $1 ORDER BY next_attempt, message LIMIT $2)");
	db_bind_number(update, 1, now);
	db_bind_number(update, 2, QUEUE_CHUNK);
	bool done = db_run(update, error);
	pthread_mutex_unlock(&queue->writes.lock);
	return done;
}

bool queue_let_go(struct queue *queue, int64_t now, int64_t *next, struct error *error)
{
	bool done = next_waiting(queue, next, error);
	while (done && *next != 0 && *next <= now)
		done = let_some_go(queue, now, error) && next_waiting(queue, next, error);
	return done;
}

bool queue_later_has_room(struct db *db, const struct queue_message *message, bool *room, struct error *error)
{
	const struct config *config = config_current();
	struct db_statement *row = db_prepare(db, "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM message WHERE account = $1 AND release > $2 AND release <> 0");
	db_bind_text(row, 1, message->account);
	db_bind_number(row, 2, clock_now());
	if (db_step(row, error) != DB_ROW)
		return false;
	int64_t left = config->future_release_size - db_number(row, 1);
	*room = db_number(row, 0) < config->future_release_messages && left > 0 && message->size <= (uint64_t)left;
	db_reset(row);
	return true;
}

bool queue_later_end(struct db *db, int64_t id, int64_t now, struct error *error)
{
	struct db_statement *update = db_prepare(db, "UPDATE message SET release = $2 WHERE id = $1 AND release > $2"
		" AND NOT EXISTS (SELECT 1 FROM recipient WHERE message = $1 AND held = 2)");
	db_bind_number(update, 1, id);
	db_bind_number(update, 2, now);
	return db_run(update, error);
}

/* ---- Taking it back ---- */

static bool forget_old(struct db *db, int64_t now, struct error *error)
{
	struct db_statement *removal = db_prepare(db, "DELETE FROM withdrawn WHERE at < $1");
	db_bind_number(removal, 1, now - WITHDRAWN_SECONDS);
	return db_run(removal, error);
}

static bool was_withdrawn(struct db *db, struct slice account, int64_t id, bool *was, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT 1 FROM withdrawn WHERE id = $1 AND account = $2");
	db_bind_number(row, 1, id);
	db_bind_text(row, 2, account);
	enum db_step step = db_step(row, error);
	db_reset(row);
	*was = step == DB_ROW;
	return step != DB_FAILED;
}

/* Nobody was tried, and nobody is at it: a message that was taken keeps its lease a moment longer than it is worked on, and then it is too late, too. */
static bool is_anybody_at_it(struct db *db, struct slice account, int64_t id, bool *is, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT 1 FROM message WHERE id = $1 AND account = $2 AND account <> '' AND lease = 0" DB_FOR_UPDATE);
	db_bind_number(row, 1, id);
	db_bind_text(row, 2, account);
	enum db_step step = db_step(row, error);
	db_reset(row);
	*is = step != DB_ROW;
	return step != DB_FAILED;
}

static bool remove_untried(struct db *db, struct slice account, int64_t id, bool *removed, struct error *error)
{
	bool is;
	*removed = false;
	if (!is_anybody_at_it(db, account, id, &is, error) || is)
		return is;
	struct db_statement *removal = db_prepare(db, "DELETE FROM recipient WHERE message = $1"
		" AND NOT EXISTS (SELECT 1 FROM recipient r WHERE r.message = $1 AND (r.held = 0 OR r.attempts > 0))");
	db_bind_number(removal, 1, id);
	bool done = db_run(removal, error);
	*removed = done && db_changes(db) > 0;
	return done;
}

static bool remember(struct db *db, struct slice account, int64_t id, int64_t now, struct error *error)
{
	struct db_statement *note = db_prepare(db, "INSERT INTO withdrawn (id, account, at) VALUES ($1, $2, $3)");
	db_bind_number(note, 1, id);
	db_bind_text(note, 2, account);
	db_bind_number(note, 3, now);
	return db_run(note, error);
}

bool queue_later_is_given_up(struct db *db, const struct queue_message *message, bool *given_up, struct error *error)
{
	*given_up = false;
	return !message->tracked || was_withdrawn(db, message->account, message->id, given_up, error);
}

static bool withdraw_in(struct db *db, struct slice account, int64_t id, bool *in_file, bool *gone, struct error *error)
{
	int64_t now = clock_now();
	bool removed = false;
	*gone = false;
	if (!forget_old(db, now, error) || !was_withdrawn(db, account, id, gone, error))
		return false;
	if (*gone)
		return true;
	if (!remove_untried(db, account, id, &removed, error))
		return false;
	*gone = removed;
	return !removed || (queue_remove_if_done(db, id, in_file, error) && queue_outgoing_settle(db, error) && remember(db, account, id, now, error));
}

bool queue_withdraw_here(struct queue *queue, struct slice account, int64_t id, enum queue_withdrawal *outcome, struct error *error)
{
	struct db *db = queue->writes.db;
	bool in_file = false, gone = false;
	pthread_mutex_lock(&queue->writes.lock);
	bool done = db_begin(db, error);
	if (done) {
		done = withdraw_in(db, account, id, &in_file, &gone, error) && db_commit(db, error);
		if (!done)
			db_rollback(db);
	}
	pthread_mutex_unlock(&queue->writes.lock);
	*outcome = gone ? WITHDRAWN : WITHDRAWN_TOO_LATE;
	if (done && in_file)
		queue_doom_body(queue, id);
	return done;
}

/* ---- Not knowing ---- */

static bool is_there(struct db *db, struct slice account, int64_t id, bool *there, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT 1 FROM message WHERE id = $1 AND account = $2");
	db_bind_number(row, 1, id);
	db_bind_text(row, 2, account);
	enum db_step step = db_step(row, error);
	db_reset(row);
	*there = step == DB_ROW;
	return step != DB_FAILED;
}

static bool resolve_in(struct db *db, struct slice account, int64_t id, bool *there, struct error *error)
{
	int64_t now = clock_now();
	bool given_up;
	if (!is_there(db, account, id, there, error) || !forget_old(db, now, error) || !was_withdrawn(db, account, id, &given_up, error))
		return false;
	return *there || given_up || remember(db, account, id, now, error);
}

bool queue_resolve_here(struct queue *queue, struct slice account, int64_t id, bool *there, struct error *error)
{
	struct db *db = queue->writes.db;
	*there = false;
	pthread_mutex_lock(&queue->writes.lock);
	bool done = db_begin(db, error);
	if (done) {
		done = resolve_in(db, account, id, there, error) && db_commit(db, error);
		if (!done)
			db_rollback(db);
	}
	pthread_mutex_unlock(&queue->writes.lock);
	return done;
}
