/* A writing transaction of an account. */
#include "base/clock.h"
#include "base/random.h"
#include "store/mail/internal.h"

/* ---- A change ---- */

static bool begin(struct change *change, bool durable, struct error *error)
{
	if (!(durable ? db_begin_durable(change->db, error) : db_begin(change->db, error)))
		return false;
	if (change_read_row(change->db, &change->row, error)) {
		change->last_id = change->row.last_id;
		return true;
	}
	db_rollback(change->db);
	return false;
}

static bool begin_with_numbers(struct change *change, const struct mail_uid_need *needs, size_t count, bool durable, struct error *error)
{
	for (;;) {
		bool suffice;
		if (!begin(change, durable, error))
			return false;
		bool known = change_numbers_suffice(change, needs, count, &suffice, error);
		if (known && suffice)
			return true;
		db_rollback(change->db);
		if (!known || !change_reserve(change->mail, needs, count, change->row.last_id, error))
			return false;
	}
}

static bool begin_in(struct mail *mail, const struct mail_uid_need *needs, size_t count, bool durable, struct change *change, struct error *error)
{
	*change = (struct change){.mail = mail, .db = mail->db, .now = clock_now()};
	return begin_with_numbers(change, needs, count, durable, error);
}

bool change_begin(struct mail *mail, const struct mail_uid_need *needs, size_t need_count, struct change *change, struct error *error)
{
	return begin_in(mail, needs, need_count, false, change, error);
}

bool change_begin_durable(struct mail *mail, struct change *change, struct error *error)
{
	return begin_in(mail, NULL, 0, true, change, error);
}

bool change_begin_plain(struct mail *mail, bool durable, struct change *change, struct error *error)
{
	*change = (struct change){.mail = mail, .db = mail->db, .now = clock_now()};
	return begin(change, durable, error);
}

int64_t change_next_id(struct change *change)
{
	int64_t id = id_new();
	if (id <= change->row.last_id)
		id = change->row.last_id + 1;
	return change->row.last_id = id;
}

int64_t change_modseq(struct change *change)
{
	if (change->modseq == 0)
		change->modseq = ++change->row.modseq;
	return change->modseq;
}

bool change_end(struct change *change, bool done, struct error *error)
{
	if (done && change->modseq != 0)
		done = change_settle(change, error);
	change_forget_touched(change);
	done = done && change_note_wake(change, error);
	bool changed = done && change->modseq != 0;
	if (changed && (change->row.max_bytes > 0 || change->row.max_messages > 0))
		change_note_usage(change->mail, &change->row); /* before the commit, while nobody else can change the account: in order */
	if (changed)
		db_tell(change->db, change->mail->account);
	if (changed)
		done = changed = change_write_row(change->db, &change->row, error) && db_commit(change->db, error);
	if (!changed)
		db_rollback(change->db);
	change_end_snoozes(change, changed);
	return done;
}

/* ---- Counters ---- */

void mail_tally_add(struct mail_tally *tally, unsigned flags, uint64_t size, int sign)
{
	tally->messages += sign;
	tally->unseen += flags & FLAG_SEEN ? 0 : sign;
	tally->deleted += flags & FLAG_DELETED ? sign : 0;
	tally->bytes += sign * (int64_t)size;
}

bool change_tally(struct change *change, int64_t mailbox, const struct mail_tally *tally, struct error *error)
{
	change->row.keyword_bytes += tally->keywords;
	return db_run(PREPARE(change->db, "UPDATE mailbox SET messages = messages + $2, unseen = unseen + $3, deleted = deleted + $4,"
		" recent = recent + $5, bytes = bytes + $6, modseq = $7, keyword_bytes = keyword_bytes + $8 WHERE id = $1",
		mailbox, tally->messages, tally->unseen, tally->deleted, tally->recent, tally->bytes, change_modseq(change), tally->keywords), error);
}

bool change_drop_refs(struct change *change, int64_t message, int64_t times, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "UPDATE message SET refs = refs - $2,"
		" expunged = CASE WHEN refs = $2 THEN CAST($3 AS BIGINT) ELSE 0 END WHERE id = $1 RETURNING refs, size", message, times, change->now);
	enum db_step step = db_step(s, error);
	bool last = step == DB_ROW && db_number(s, 0) == 0;
	change->row.copies -= last ? times - 1 : times;
	if (last) {
		change->row.messages--;
		change->row.bytes -= db_number(s, 1);
	}
	db_reset(s);
	return step != DB_FAILED;
}

/* ---- Forgetting a message ---- */

bool change_index_messages(struct change *change, bool on, size_t count, struct error *error)
{
	if (count < WORTH_AN_INDEX)
		return true;
	return db_index_for_now(change->db, "CREATE INDEX delivery_message ON delivery (message)", "DROP INDEX delivery_message", on, error);
}

static bool drop_placements(struct change *change, int64_t message, struct error *error)
{
	for (;;) {
		struct db_statement *s = PREPARE(change->db, "SELECT mailbox, uid FROM placement WHERE message = $1"
			" AND thread = (SELECT thread FROM message WHERE id = $1) LIMIT 1", message);
		enum db_step step = db_step(s, error);
		if (step != DB_ROW)
			return step == DB_DONE;
		int64_t mailbox = db_number(s, 0);
		uint32_t uid = (uint32_t)db_number(s, 1), removed;
		size_t count;
		db_reset(s);
		if (!change_take_out(change, mailbox, &uid, 1, &removed, &count, error))
			return false;
	}
}

bool change_forget_message(struct change *change, int64_t message, struct error *error)
{
	return drop_placements(change, message, error) && change_settle(change, error) &&
	       db_run(PREPARE(change->db, "DELETE FROM delivery WHERE message = $1", message), error) && mail_drop_excerpts(change->db, message, error) &&
	       db_run(PREPARE(change->db, "DELETE FROM message WHERE id = $1", message), error);
}
