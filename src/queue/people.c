/* What `pombal queue` shows and changes. Changes are made a thousand messages at a time, each chunk a transaction of its
 * own: mail that comes in meanwhile waits for one chunk at most. */
#include "queue/internal.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"

enum { PATTERN_MAX = 1024 };

/* Which messages: $1 is a LIKE pattern for sender or recipient, $8 one for recipients (lower case, empty: any). The id is part of the text, since
 * one condition for both cases would read the whole table to find one message; likewise for what is set apart, which has an index. */
#define HAS_RECIPIENT(pattern) "EXISTS (SELECT 1 FROM recipient WHERE message = id AND lower(address) LIKE " pattern " ESCAPE '\\')"
#define MATCHES_ADDRESS "($1 = '' OR lower(sender) LIKE $1 ESCAPE '\\' OR " HAS_RECIPIENT("$1") ")"
#define MATCHES_REST "($4 = '' OR account = $4) AND (CAST($5 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM recipient WHERE message = id AND held = 1))" \
	" AND (CAST($6 AS BIGINT) = 0 OR reason = $6) AND (CAST($7 AS BIGINT) = 0 OR arrived < $7) AND ($8 = '' OR " HAS_RECIPIENT("$8") ")"
#define SELECT_SOME(which) "SELECT " MESSAGE_COLUMNS " FROM message WHERE " which MATCHES_ADDRESS " AND " MATCHES_REST " AND id > $3 "
#define SELECT_ONE SELECT_SOME("") "AND id = $9 ORDER BY id LIMIT $2"
#define SELECT_ANY SELECT_SOME("") "ORDER BY id LIMIT $2"
#define SELECT_APART SELECT_SOME("account = '' AND reason <> 0 AND ") "ORDER BY id LIMIT $2"

/* "@domain" becomes "%@domain", an address stays one; what LIKE would read as a pattern is escaped. */
static bool make_pattern(struct slice address, struct buf *pattern, struct error *error)
{
	if (slice_starts(address, SLICE("@")))
		buf_append_char(pattern, '%');
	for (size_t i = 0; i < address.len; i++) {
		if (memchr("%_\\", address.at[i], 3))
			buf_append_char(pattern, '\\');
		buf_append_char(pattern, ascii_lower(address.at[i]));
	}
	return !pattern->overflow || error_set(error, ERROR_INVALID, "the address is too long");
}

/* Lists without recipients. With reads.lock held. */
static bool list_messages(struct db *db, const struct queue_filter *filter, struct arena *arena, struct queue_message **list, size_t *count,
			  struct error *error)
{
	struct buf pattern = BUF(PATTERN_MAX), recipient = BUF(PATTERN_MAX);
	struct db_statement *rows = db_prepare(db, filter->id ? SELECT_ONE : filter->reason == REASON_SET_APART ? SELECT_APART : SELECT_ANY);
	size_t room = 0;
	enum db_step step = DB_FAILED;
	if (make_pattern(filter->address, &pattern, error) && make_pattern(filter->recipient, &recipient, error)) {
		db_bind_text(rows, 1, buf_slice(&pattern));
		db_bind_number(rows, 2, filter->limit && filter->limit < INT64_MAX ? (int64_t)filter->limit : INT64_MAX);
		db_bind_number(rows, 3, filter->after);
		db_bind_text(rows, 4, filter->account);
		db_bind_number(rows, 5, filter->held);
		db_bind_number(rows, 6, filter->reason);
		db_bind_number(rows, 7, filter->before);
		db_bind_text(rows, 8, buf_slice(&recipient));
		if (filter->id)
			db_bind_number(rows, 9, filter->id);
		while ((step = db_step(rows, error)) == DB_ROW) {
			ARENA_GROW(arena, *list, *count, room);
			queue_read_message(rows, arena, &(*list)[(*count)++]);
		}
	}
	buf_free(&pattern);
	buf_free(&recipient);
	return step == DB_DONE;
}

bool queue_list(struct queue *queue, const struct queue_filter *filter, struct arena *arena, struct queue_message **list, size_t *count,
		struct error *error)
{
	*list = NULL;
	*count = 0;
	pthread_mutex_lock(&queue->reads.lock);
	bool done = list_messages(queue->reads.db, filter, arena, list, count, error);
	for (size_t i = 0; done && i < *count; i++) {
		struct db_statement *rows = db_prepare(queue->reads.db, "SELECT " RECIPIENT_COLUMNS " FROM recipient WHERE message = $1 ORDER BY number");
		db_bind_number(rows, 1, (*list)[i].id);
		done = queue_read_recipients(rows, arena, &(*list)[i], error);
	}
	pthread_mutex_unlock(&queue->reads.lock);
	return done;
}

enum order { ORDER_FLUSH, ORDER_HOLD, ORDER_RELEASE, ORDER_REMOVE, ORDER_RETURN };
static const char *const order_sql[] = {
	[ORDER_FLUSH] = "UPDATE recipient SET next_attempt = $2 WHERE message = $1 AND held = 0",
	[ORDER_HOLD] = "UPDATE recipient SET held = 1 WHERE message = $1 AND held <> 1",
	/* The time that it was held isn't taken off the time for which it is tried. What was held while it waited (HOLD_UNTIL) waits again. */
	[ORDER_RELEASE] = "UPDATE recipient SET held = CASE WHEN held = 1 AND attempts = 0 AND next_attempt > $3 THEN 2 ELSE 0 END,"
		" next_attempt = CASE WHEN held = 2 THEN $3 ELSE next_attempt END, expires = CASE WHEN expires < $2 OR held = 2 THEN $2 ELSE expires END"
		" WHERE message = $1 AND (held = 1 OR (held = 2 AND CAST($4 AS BIGINT) <> 0))",
	[ORDER_REMOVE] = "DELETE FROM recipient WHERE message = $1",
	[ORDER_RETURN] = ("UPDATE recipient SET returned = $3, held = 0, next_attempt = $2 WHERE message = $1 AND returned = ''"
			  " AND EXISTS (SELECT 1 FROM message WHERE id = $1 AND sender <> '' AND (account <> '' OR (junk = 0 AND reason = 0)))"),
};

struct change {
	enum order order;
	int64_t now, expires; /* expires: until when what is released is tried */
	bool named;           /* a message is named by its id */
	struct slice reason;  /* why it is given back */
	size_t count;
	size_t changed[QUEUE_CHUNK]; /* places in the list */
	int64_t doomed[QUEUE_CHUNK]; /* messages removed whose bodies are files */
	size_t doomed_count;
};

/* What somebody has looked at and let go isn't junk, whatever it weighs. */
static bool forget_suspicion(struct db *db, int64_t id, struct error *error)
{
	if (!queue_habit_released(db, id, error))
		return false;
	struct db_statement *statement = db_prepare(db, "UPDATE message SET reason = 0, sent = 0, allowed = 0, junk = 0, weighed = 0, suspect = 0 WHERE id = $1 AND reason <> 0");
	db_bind_number(statement, 1, id);
	return db_run(statement, error);
}

/* What goes back isn't held any more, nor is it junk, of which nobody would be told. It isn't what its account usually does. */
static bool forget_verdict(struct db *db, int64_t id, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "UPDATE message SET reason = 0, sent = 0, allowed = 0, junk = 0, weighed = 0, suspect = 0 WHERE id = $1");
	db_bind_number(statement, 1, id);
	return db_run(statement, error);
}

static bool change_one(struct db *db, struct change *change, const struct queue_message *list, size_t place, struct error *error)
{
	int64_t id = list[place].id;
	struct db_statement *statement = db_prepare(db, order_sql[change->order]);
	db_bind_number(statement, 1, id);
	if (change->order == ORDER_FLUSH || change->order == ORDER_RETURN)
		db_bind_number(statement, 2, change->now);
	if (change->order == ORDER_RETURN)
		db_bind_text(statement, 3, change->reason);
	if (change->order == ORDER_RELEASE) {
		db_bind_number(statement, 2, change->expires);
		db_bind_number(statement, 3, change->now);
		db_bind_number(statement, 4, change->named);
	}
	if (!db_run(statement, error))
		return false;
	bool any = db_changes(db) > 0;
	if (any)
		change->changed[change->count++] = place;
	if (change->order == ORDER_RETURN && any && (!forget_verdict(db, id, error) || !queue_later_end(db, id, change->now, error)))
		return false;
	if (change->order == ORDER_RELEASE && (!forget_suspicion(db, id, error) || !queue_later_end(db, id, change->now, error)))
		return false;
	bool in_file = false;
	if (change->order == ORDER_REMOVE && !queue_remove_if_done(db, id, &in_file, error))
		return false;
	if (in_file)
		change->doomed[change->doomed_count++] = id;
	return true;
}

static bool change_chunk(struct queue *queue, struct change *change, const struct queue_message *list, size_t count, struct error *error)
{
	struct db *db = queue->writes.db;
	pthread_mutex_lock(&queue->writes.lock);
	bool done = db_begin(db, error);
	for (size_t i = 0; done && i < count; i++)
		done = change_one(db, change, list, i, error);
	if (done && (change->order == ORDER_RELEASE || change->order == ORDER_REMOVE || change->order == ORDER_RETURN))
		done = queue_outgoing_settle(db, error);
	if (!done || !db_commit(db, error)) {
		db_rollback(db);
		done = false;
	}
	pthread_mutex_unlock(&queue->writes.lock);
	for (size_t i = 0; done && i < change->doomed_count; i++)
		queue_doom_body(queue, change->doomed[i]);
	return done;
}

static bool find(struct queue *queue, const struct queue_filter *filter, struct arena *arena, struct queue_message **list, size_t *count,
		 struct error *error)
{
	*list = NULL;
	*count = 0;
	pthread_mutex_lock(&queue->reads.lock);
	bool done = list_messages(queue->reads.db, filter, arena, list, count, error);
	pthread_mutex_unlock(&queue->reads.lock);
	return done;
}

static bool change_all(struct queue *queue, const struct queue_filter *filter, enum order order, struct slice reason, size_t *changed, struct error *error)
{
	struct change *change = memory_new(sizeof *change);
	struct arena *arena = arena_new();
	struct queue_filter step = *filter;
	struct queue_message *list;
	size_t total = 0;
	bool done = true;
	step.limit = QUEUE_CHUNK;
	for (size_t count = QUEUE_CHUNK; done && count == QUEUE_CHUNK; arena_reset(arena)) {
		*change = (struct change){.order = order, .now = clock_now(), .expires = clock_now() + config_current()->retry_for, .named = filter->id != 0, .reason = reason};
		done = find(queue, &step, arena, &list, &count, error) && change_chunk(queue, change, list, count, error);
		total += done ? change->count : 0;
		for (size_t i = 0; done && filter->changed && i < change->count; i++)
			filter->changed(filter->context, &list[change->changed[i]]);
		step.after = count > 0 ? list[count - 1].id : step.after;
	}
	arena_free(&arena);
	free(change);
	if (changed)
		*changed = total;
	return done;
}

bool queue_flush(struct queue *queue, const struct queue_filter *filter, size_t *changed, struct error *error)
{
	return change_all(queue, filter, ORDER_FLUSH, SLICE(""), changed, error);
}

bool queue_hold(struct queue *queue, const struct queue_filter *filter, bool held, size_t *changed, struct error *error)
{
	return change_all(queue, filter, held ? ORDER_HOLD : ORDER_RELEASE, SLICE(""), changed, error);
}

bool queue_remove(struct queue *queue, const struct queue_filter *filter, size_t *changed, struct error *error)
{
	return change_all(queue, filter, ORDER_REMOVE, SLICE(""), changed, error);
}

static bool has_control(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return true;
	return false;
}

bool queue_return(struct queue *queue, const struct queue_filter *filter, struct slice reason, size_t *changed, struct error *error)
{
	if (reason.len > QUEUE_REASON_MAX || !slice_is_utf8(reason) || has_control(reason))
		return error_set(error, ERROR_INVALID, "the reason isn't one line of %d bytes at most", QUEUE_REASON_MAX);
	return change_all(queue, filter, ORDER_RETURN, reason.len > 0 ? reason : SLICE("an administrator of this server has stopped its delivery"), changed, error);
}

static bool count_rows(struct db *db, const char *sql, uint64_t *count, struct error *error)
{
	struct db_statement *row = db_prepare(db, sql);
	bool done = db_step(row, error) == DB_ROW;
	*count = done ? (uint64_t)db_number(row, 0) : 0;
	if (done)
		db_reset(row);
	return done;
}

bool queue_count(struct queue *queue, uint64_t *messages, uint64_t *recipients, struct error *error)
{
	pthread_mutex_lock(&queue->reads.lock);
	bool done = count_rows(queue->reads.db, "SELECT count(*) FROM message", messages, error) &&
		    count_rows(queue->reads.db, "SELECT count(*) FROM recipient", recipients, error);
	pthread_mutex_unlock(&queue->reads.lock);
	return done;
}
