/* Leases: which deliverer is at a message, so that no other takes it, too.
 *
 * A deliverer is a row with a time until which it lives, and puts its number on each message that it takes. It renews its one row, not
 * those of its messages. Its number is its process's, a generation. Times are those of the database's clock.
 *
 * In a data directory of its own the next process removes the row of the one before, and so that one's leases end at once after a crash; the row
 * is rarely written. In a database that several machines share nobody can tell that another has gone, but by its time: it is short, a thread of its own
 * renews it whatever else the process waits for, and the leases of one that was killed pass on within LEASE_SHARED_SECONDS.
 *
 * Nothing here waits for the disk: numbers go onto messages in one transaction for all that are taken at a time, and off them with the
 * next one. After a power cut leases don't matter, since whoever held them has gone. Where several take at a time, who finds a message's row
 * locked passes it over. What another has is left alone for a moment, so that the schedule's front, being worked on there, hides nothing. */
#include "queue/internal.h"

#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	LEASE_SECONDS = 300,
	LEASE_SHARED_SECONDS = 15,
	LEASE_ANOTHERS_MS = 3000, /* for so long it isn't looked whether another still has it */
	NODE_NAME_MAX = 256, BEATS = 4, /* in the time of a lease */
};

int queue_lease_seconds(const struct queue *queue)
{
	return queue_is_shared(queue) ? LEASE_SHARED_SECONDS : LEASE_SECONDS;
}

/* Who it is, for people. A data directory belongs to one node. */
static struct slice node_name(const struct queue *queue, char out[NODE_NAME_MAX])
{
	if (!queue_is_shared(queue) || gethostname(out, NODE_NAME_MAX - 1) != 0)
		return SLICE("local");
	out[NODE_NAME_MAX - 1] = 0;
	return slice_of(out);
}

/* ---- Being alive ---- */

/* Rows of who has gone are nobody's: their leases are over. */
static bool forget_former(struct db *db, struct error *error)
{
	struct db_statement *over = db_prepare(db, "DELETE FROM deliverer WHERE until <= " DB_NOW " OR node = $1");
	db_bind_text(over, 1, db_is_shared(db) ? SLICE("") : SLICE("local"));
	return db_run(over, error);
}

static bool renew(const struct queue *queue, struct db *db, struct error *error)
{
	char name[NODE_NAME_MAX];
	struct db_statement *own = db_prepare(db, "INSERT INTO deliverer (id, node, until) VALUES ($1, $2, " DB_NOW " + $3) ON CONFLICT (id) DO UPDATE SET until = excluded.until");
	db_bind_number(own, 1, queue->deliverer);
	db_bind_text(own, 2, node_name(queue, name));
	db_bind_number(own, 3, queue->lease_seconds);
	return db_run(own, error);
}

static bool is_renewal_due(const struct queue *queue)
{
	return queue->renewed_ms == 0 || clock_monotonic_ms() - queue->renewed_ms >= queue->lease_seconds * 1000 / 2;
}

static bool live(const struct queue *queue, struct db *db, struct error *error)
{
	return (queue->renewed_ms != 0 || forget_former(db, error)) && renew(queue, db, error);
}

/* ---- A thread that keeps it alive ---- */

static bool beat(const struct queue *queue, struct db *db, struct error *error)
{
	if (!db_begin_rows(db, error))
		return false;
	if (renew(queue, db, error) && db_commit(db, error))
		return true;
	db_rollback(db);
	return false;
}

static bool has_ended(struct queue *queue)
{
	int64_t until = clock_monotonic_ms() + queue->lease_seconds * 1000 / BEATS;
	pthread_mutex_lock(&queue->beat.lock);
	while (!queue->beat.ends && clock_wait(&queue->beat.wake, &queue->beat.lock, until))
		;
	bool ended = queue->beat.ends;
	pthread_mutex_unlock(&queue->beat.lock);
	return ended;
}

static void *beat_main(void *argument)
{
	struct queue *queue = argument;
	struct db *db = NULL;
	bool failing = false;
	while (!has_ended(queue)) {
		struct error error = {0};
		if (!db)
			db = queue_connect(queue, DB_DURABLE_LATER, &error);
		bool done = db && beat(queue, db, &error);
		if (!done && !failing)
			log_error("queue.lease_not_renewed", log_text("reason", error.text));
		failing = !done;
	}
	db_close(&db);
	return NULL;
}

/* With writes.lock held. */
static bool start_beating(struct queue *queue, struct error *error)
{
	if (queue->beat.started || !queue_is_shared(queue))
		return true;
	int failure = pthread_create(&queue->beat.thread, NULL, beat_main, queue);
	queue->beat.started = failure == 0;
	return queue->beat.started || error_set_errno(error, failure, "starting the thread that renews leases");
}

static void stop_beating(struct queue *queue)
{
	if (!queue->beat.started)
		return;
	pthread_mutex_lock(&queue->beat.lock);
	queue->beat.ends = true;
	pthread_mutex_unlock(&queue->beat.lock);
	pthread_cond_signal(&queue->beat.wake);
	pthread_join(queue->beat.thread, NULL);
	queue->beat.started = false;
}

/* ---- Messages ---- */

/* Messages that have gone meanwhile need nothing. One whose row is locked, by who removes it mostly, stays ours. */
static bool give_back(struct queue *queue, struct db *db, const struct id_list *released, struct error *error)
{
	for (size_t i = 0; i < released->count; i++) {
		struct db_statement *message = db_prepare(db, "UPDATE message SET lease = 0 WHERE" DB_IF_UNLOCKED("message") "id = $1 AND lease = $2" DB_IF_UNLOCKED_END);
		db_bind_number(message, 1, released->at[i]);
		db_bind_number(message, 2, queue->deliverer);
		if (!db_run(message, error))
			return false;
	}
	return true;
}

static bool put_on(struct queue *queue, struct db *db, const int64_t *ids, size_t count, bool *ours, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct db_statement *message = db_prepare(db, "UPDATE message SET lease = $2 WHERE" DB_IF_UNLOCKED("message") "id = $1 AND (lease = 0 OR lease = $2"
			" OR NOT EXISTS (SELECT 1 FROM deliverer WHERE deliverer.id = message.lease AND deliverer.until > " DB_NOW "))" DB_IF_UNLOCKED_END);
		db_bind_number(message, 1, ids[i]);
		db_bind_number(message, 2, queue->deliverer);
		if (!db_run(message, error))
			return false;
		ours[i] = db_changes(db) > 0;
	}
	return true;
}

static bool write_all(struct queue *queue, struct db *db, const struct id_list *released, const int64_t *ids, size_t count, bool *ours,
		      struct error *error)
{
	bool renewal = is_renewal_due(queue);
	if (released->count == 0 && count == 0 && !renewal)
		return true;
	int64_t now = clock_monotonic_ms();
	if (!start_beating(queue, error) || !db_begin_rows(db, error))
		return false;
	bool done = (!renewal || live(queue, db, error)) && give_back(queue, db, released, error) && put_on(queue, db, ids, count, ours, error) && db_commit(db, error);
	if (!done)
		db_rollback(db);
	else if (renewal)
		queue->renewed_ms = now;
	return done;
}

bool queue_lease(struct queue *queue, const int64_t *ids, size_t count, bool *ours, struct error *error)
{
	pthread_mutex_lock(&queue->taken_lock);
	struct id_list released = queue->released;
	queue->released = (struct id_list){0};
	pthread_mutex_unlock(&queue->taken_lock);
	pthread_mutex_lock(&queue->writes.lock);
	/* If it fails, what was released stays ours in its row: we take it again all the same. */
	bool done = write_all(queue, queue->writes.db, &released, ids, count, ours, error);
	pthread_mutex_unlock(&queue->writes.lock);
	free(released.at);
	return done;
}

bool queue_leave_to_another(struct queue *queue, int64_t id)
{
	struct others *others = &queue->others;
	if (!queue_is_shared(queue))
		return false;
	pthread_mutex_lock(&queue->taken_lock);
	ARRAY_GROW(others->at, others->count, others->room);
	others->at[others->count++] = (struct another){id, clock_monotonic_ms() + LEASE_ANOTHERS_MS};
	pthread_mutex_unlock(&queue->taken_lock);
	return true;
}

void queue_look_at_others(struct queue *queue)
{
	struct others *others = &queue->others;
	int64_t now = clock_monotonic_ms();
	size_t kept = 0;
	pthread_mutex_lock(&queue->taken_lock);
	for (size_t i = 0; i < others->count; i++)
		if (others->at[i].until_ms > now)
			others->at[kept++] = others->at[i];
		else
			map_remove(queue->taken, slice_make((const char *)&others->at[i].id, sizeof others->at[i].id));
	others->count = kept;
	pthread_mutex_unlock(&queue->taken_lock);
}

void queue_end_leases(struct queue *queue)
{
	struct error ignored;
	stop_beating(queue);
	if (queue->renewed_ms == 0)
		return;
	struct db_statement *own = db_prepare(queue->writes.db, "DELETE FROM deliverer WHERE id = $1");
	db_bind_number(own, 1, queue->deliverer);
	db_run(own, &ignored); /* else its time ends, or a successor begins */
}
