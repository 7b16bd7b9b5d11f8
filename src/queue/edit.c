/* What an administrator changes of a message that waits: to which address a recipient's mail goes, and through which server. Its text stays as its sender has written it,
 * and so do the fields that name its recipients.
 *
 * A deliverer that has the message knows the recipients as they were; what it would write down of them would be of others. So nothing is changed while somebody has the
 * lease on it (lease.c): who wants to, comes again. */
#include "queue/internal.h"

#include "base/clock.h"
#include "config/config.h"

/* ---- Whether it may be ---- */

static bool find_message(struct db *db, int64_t id, struct arena *arena, struct queue_message *message, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT " MESSAGE_COLUMNS " FROM message WHERE id = $1");
	char text[ID_TEXT_LEN + 1];
	db_bind_number(row, 1, id);
	enum db_step step = db_step(row, error);
	if (step == DB_ROW)
		queue_read_message(row, arena, message);
	db_reset(row);
	if (step == DB_FAILED)
		return false;
	id_format(id, text);
	if (step == DB_DONE)
		return error_set(error, ERROR_NOT_FOUND, "nothing in the queue is named \"%s\"", text);
	row = db_prepare(db, "SELECT " RECIPIENT_COLUMNS " FROM recipient WHERE message = $1 ORDER BY number");
	db_bind_number(row, 1, id);
	return queue_read_recipients(row, arena, message, error);
}

static bool is_free(struct db *db, int64_t id, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT 1 FROM message JOIN deliverer ON deliverer.id = message.lease WHERE message.id = $1 AND deliverer.until > " DB_NOW);
	db_bind_number(row, 1, id);
	enum db_step step = db_step(row, error);
	db_reset(row);
	if (step == DB_ROW)
		return error_set(error, ERROR_TEMPORARY, "it is being tried at the moment");
	return step == DB_DONE;
}

static bool is_meant(const struct queue_edit *edit, const struct queue_recipient *recipient)
{
	return edit->address.len == 0 || slice_equal_nocase(edit->address, recipient->address);
}

static bool may_be(const struct queue_edit *edit, const struct queue_message *message, struct error *error)
{
	size_t meant = 0;
	for (size_t i = 0; i < message->recipient_count; i++) {
		bool is = is_meant(edit, &message->recipients[i]);
		meant += is;
		if (is && message->recipients[i].returned.len > 0)
			return error_set(error, ERROR_INVALID, "it is being given back to its sender");
	}
	if (meant == 0)
		return error_set(error, ERROR_NOT_FOUND, "it doesn't wait for <%.*s>", SLICE_ARG(edit->address));
	return message->smtputf8 || slice_is_ascii(edit->to) ||
	       error_set(error, ERROR_INVALID, "the message wasn't sent as an internationalised one, so it can't go to an address with letters outside of ASCII");
}

/* ---- Changing ---- */

/* What was known of the former address isn't known of the new one. */
static bool set_address(struct db *db, int64_t id, const struct queue_recipient *recipient, struct slice to, struct arena *arena, struct error *error)
{
	struct slice original = recipient->original;
	if (original.len == 0)
		original = arena_printf(arena, "%s;%.*s", slice_is_ascii(recipient->address) ? "rfc822" : "utf-8", SLICE_ARG(recipient->address));
	struct db_statement *update = db_prepare(db, "UPDATE recipient SET address = $3, original = $4, unsure = 0, last_error = '', told = 0, apart = ''"
		" WHERE message = $1 AND number = $2");
	db_bind_number(update, 1, id);
	db_bind_number(update, 2, recipient->id);
	db_bind_text(update, 3, to);
	db_bind_text(update, 4, original);
	return db_run(update, error);
}

static bool set_via(struct db *db, int64_t id, const struct queue_recipient *recipient, struct slice via, struct error *error)
{
	struct db_statement *update = db_prepare(db, "UPDATE recipient SET via = $3 WHERE message = $1 AND number = $2");
	db_bind_number(update, 1, id);
	db_bind_number(update, 2, recipient->id);
	db_bind_text(update, 3, via);
	return db_run(update, error);
}

/* Who isn't held, nor waits for his time, is due, and tried as long as a new one. */
static bool make_due(struct db *db, int64_t id, const struct queue_recipient *recipient, int64_t now, struct error *error)
{
	struct db_statement *update = db_prepare(db, "UPDATE recipient SET next_attempt = CASE WHEN held = 2 THEN next_attempt ELSE $3 END,"
		" expires = CASE WHEN expires < $4 THEN $4 ELSE expires END WHERE message = $1 AND number = $2");
	db_bind_number(update, 1, id);
	db_bind_number(update, 2, recipient->id);
	db_bind_number(update, 3, now);
	db_bind_number(update, 4, now + config_current()->retry_for);
	return db_run(update, error);
}

static bool edit_one(struct db *db, int64_t id, const struct queue_recipient *recipient, const struct queue_edit *edit, struct arena *arena, struct error *error)
{
	return (edit->to.len == 0 || set_address(db, id, recipient, edit->to, arena, error)) && (!edit->via || set_via(db, id, recipient, *edit->via, error)) &&
	       make_due(db, id, recipient, clock_now(), error);
}

static bool edit_in(struct db *db, int64_t id, const struct queue_edit *edit, struct arena *arena, struct queue_message *before, struct error *error)
{
	if (!find_message(db, id, arena, before, error) || !is_free(db, id, error) || !may_be(edit, before, error))
		return false;
	bool done = true;
	for (size_t i = 0; done && i < before->recipient_count; i++)
		done = !is_meant(edit, &before->recipients[i]) || edit_one(db, id, &before->recipients[i], edit, arena, error);
	return done;
}

bool queue_edit(struct queue *queue, int64_t id, const struct queue_edit *edit, struct arena *arena, struct queue_message *before, struct error *error)
{
	struct db *db = queue->writes.db;
	*before = (struct queue_message){0};
	pthread_mutex_lock(&queue->writes.lock);
	bool done = db_begin(db, error);
	if (done) {
		done = edit_in(db, id, edit, arena, before, error) && db_commit(db, error);
		if (!done)
			db_rollback(db);
	}
	pthread_mutex_unlock(&queue->writes.lock);
	return done;
}
