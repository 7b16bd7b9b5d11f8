/* Leases: which deliverer is at a message, so that no other takes it, too.
 *
 * A deliverer is a row with a time until which it lives, and puts its number on each message that it takes. It renews its one row, not
 * those of its messages. Its number is its process's, a generation: the next process of the same node removes the row of the one
 * before, and so that one's leases end at once after a crash; other nodes wait until its time is over.
 *
 * Nothing here waits for the disk: numbers go onto messages in one transaction for all that are taken at a time, and off them with the
 * next one. After a power cut leases don't matter, since whoever held them has gone. */
#include "queue/internal.h"

#include "base/clock.h"

enum { LEASE_SECONDS = 300 };

/* A data directory belongs to one node. */
#define THIS_NODE SLICE("local")

/* Also the first time in a process: whoever was there before from this node has gone. */
static bool begin(struct queue *queue, struct db *db, int64_t until, struct error *error)
{
	struct db_statement *former = db_prepare(db, "DELETE FROM deliverer WHERE node = $1");
	db_bind_text(former, 1, THIS_NODE);
	if (!db_run(former, error))
		return false;
	struct db_statement *own = db_prepare(db, "INSERT INTO deliverer (id, node, until) VALUES ($1, $2, $3)");
	db_bind_number(own, 1, queue->deliverer);
	db_bind_text(own, 2, THIS_NODE);
	db_bind_number(own, 3, until);
	return db_run(own, error);
}

/* A clock that was set back makes it due, too. */
static bool is_renewal_due(const struct queue *queue, int64_t now)
{
	int64_t left = queue->leased_until - now;
	return left < LEASE_SECONDS / 2 || left > LEASE_SECONDS;
}

static bool renew(struct queue *queue, struct db *db, int64_t until, struct error *error)
{
	struct db_statement *own = db_prepare(db, "UPDATE deliverer SET until = $2 WHERE id = $1");
	db_bind_number(own, 1, queue->deliverer);
	db_bind_number(own, 2, until);
	return db_run(own, error);
}

/* Messages that have gone meanwhile need nothing. */
static bool give_back(struct queue *queue, struct db *db, const struct id_list *released, struct error *error)
{
	for (size_t i = 0; i < released->count; i++) {
		struct db_statement *message = db_prepare(db, "UPDATE message SET lease = 0 WHERE id = $1 AND lease = $2");
		db_bind_number(message, 1, released->at[i]);
		db_bind_number(message, 2, queue->deliverer);
		if (!db_run(message, error))
			return false;
	}
	return true;
}

static bool put_on(struct queue *queue, struct db *db, const int64_t *ids, size_t count, bool *ours, int64_t now, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct db_statement *message = db_prepare(db, "UPDATE message SET lease = $2 WHERE id = $1 AND (lease = 0 OR lease = $2"
			" OR NOT EXISTS (SELECT 1 FROM deliverer WHERE deliverer.id = message.lease AND deliverer.until > $3))");
		db_bind_number(message, 1, ids[i]);
		db_bind_number(message, 2, queue->deliverer);
		db_bind_number(message, 3, now);
		if (!db_run(message, error))
			return false;
		ours[i] = db_changes(db) > 0;
	}
	return true;
}

static bool write_all(struct queue *queue, struct db *db, const struct id_list *released, const int64_t *ids, size_t count, bool *ours,
		      struct error *error)
{
	int64_t now = clock_now(), until = is_renewal_due(queue, now) ? now + LEASE_SECONDS : queue->leased_until;
	if (released->count == 0 && count == 0 && until == queue->leased_until)
		return true;
	if (!db_begin(db, error))
		return false;
	bool done = until == queue->leased_until || (queue->leased_until == 0 ? begin(queue, db, until, error) : renew(queue, db, until, error));
	done = done && give_back(queue, db, released, error) && put_on(queue, db, ids, count, ours, now, error) && db_commit(db, error);
	if (done)
		queue->leased_until = until;
	else
		db_rollback(db);
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

void queue_end_leases(struct queue *queue)
{
	struct error ignored;
	if (queue->leased_until == 0)
		return;
	struct db_statement *own = db_prepare(queue->writes.db, "DELETE FROM deliverer WHERE id = $1");
	db_bind_number(own, 1, queue->deliverer);
	db_run(own, &ignored); /* else its time ends, or a successor begins */
}
