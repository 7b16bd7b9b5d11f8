/* The account's row, and the numbers that are given from it and from its mailboxes.
 *
 * Commits reach the disk later (DB_DURABLE_LATER), yet a number that a client may have seen must never be given again,
 * even when a power cut takes the newest commits back. So every number stays under a ceiling that is on disk: when the
 * next number would pass it, a durable transaction of its own raises it by DURABLE_BLOCK first. After an unclean stop
 * (the account's epoch is older than the store's) counting goes on from the ceilings. The same durable transaction notes
 * up to which id messages are known to be on disk (durable_id): after an unclean stop just the files above it are compared
 * with their rows, see recover/restart.c. */
#include "base/clock.h"
#include "base/random.h"
#include "store/mail/internal.h"

bool change_read_row(struct db *db, struct mail_row *row, struct error *error)
{
	struct db_statement *s = db_prepare(db, "SELECT epoch, modseq, modseq_ceiling, uidvalidity, last_id, durable_id, bytes,"
		" messages, max_bytes, max_messages, email_modseq, thread_modseq, mailbox_modseq, emails, threads, delivery_modseq,"
		" (SELECT id FROM mailbox WHERE special_use = 8 LIMIT 1) FROM account");
	enum db_step step = db_step(s, error);
	if (step == DB_ROW)
		*row = (struct mail_row){db_number(s, 0), db_number(s, 1), db_number(s, 2), db_number(s, 3), db_number(s, 4),
			db_number(s, 5), db_number(s, 6), db_number(s, 7), db_number(s, 8), db_number(s, 9), db_number(s, 10), db_number(s, 11),
			db_number(s, 12), db_number(s, 13), db_number(s, 14), .delivery_modseq = db_number(s, 15), .snoozed = db_number(s, 16)};
	db_reset(s);
	if (step == DB_ROW)
		return (row->max_bytes == 0 && row->max_messages == 0) || change_count_copies(db, row, error);
	return step == DB_DONE && error_set(error, ERROR_INVALID, "the account's row is missing");
}

bool change_count_copies(struct db *db, struct mail_row *row, struct error *error)
{
	struct db_statement *s = db_prepare(db, "SELECT COALESCE(sum(messages), 0), COALESCE(sum(keyword_bytes), 0),"
		" (SELECT bytes FROM contact_numbers) FROM mailbox");
	enum db_step step = db_step(s, error);
	row->copies = step == DB_ROW ? db_number(s, 0) - row->messages : 0;
	row->keyword_bytes = step == DB_ROW ? db_number(s, 1) : 0;
	row->contact_bytes = step == DB_ROW ? db_number(s, 2) : 0;
	db_reset(s);
	return step == DB_ROW;
}

struct usage change_usage(const struct mail_row *row)
{
	uint64_t copies = row->copies > 0 ? (uint64_t)row->copies : 0, keywords = row->keyword_bytes > 0 ? (uint64_t)row->keyword_bytes : 0,
		 contacts = row->contact_bytes > 0 ? (uint64_t)row->contact_bytes : 0;
	return (struct usage){
		.bytes = (row->bytes > 0 ? (uint64_t)row->bytes : 0) + copies * QUOTA_COPY_BYTES + keywords + contacts,
		.messages = (row->messages > 0 ? (uint64_t)row->messages : 0) + copies,
		.max_bytes = (uint64_t)row->max_bytes,
		.max_messages = (uint64_t)row->max_messages,
	};
}

void change_note_usage(const struct mail *mail, const struct mail_row *row)
{
	struct usage usage = change_usage(row);
	usage_note(mail->usage, mail->account, &usage);
}

bool change_write_row(struct db *db, const struct mail_row *row, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE account SET epoch = $1, modseq = $2, modseq_ceiling = $3, uidvalidity = $4, last_id = $5,"
		" durable_id = $6, bytes = $7, messages = $8, max_bytes = $9, max_messages = $10, email_modseq = $11, thread_modseq = $12,"
		" mailbox_modseq = $13, emails = $14, threads = $15, delivery_modseq = $16",
		row->epoch, row->modseq, row->modseq_ceiling, row->uidvalidity, row->last_id, row->durable_id, row->bytes,
		row->messages, row->max_bytes, row->max_messages, row->email_modseq, row->thread_modseq, row->mailbox_modseq, row->emails, row->threads,
		row->delivery_modseq), error);
}

/* ---- Ceilings ---- */

static bool uids_suffice(struct db *db, const struct mail_uid_need *need, bool *suffice, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT uid_ceiling - uidnext + 1, uidnext FROM mailbox WHERE id = $1", need->mailbox);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW && db_number(s, 0) < need->count)
		*suffice = false;
	bool left = step != DB_ROW || db_number(s, 1) + need->count - 1 <= UINT32_MAX;
	db_reset(s);
	if (!left)
		return error_set(error, ERROR_LIMIT, "the mailbox has no UIDs left");
	return step != DB_FAILED; /* that a mailbox doesn't exist is found out by who uses it */
}

bool change_numbers_suffice(struct change *change, const struct mail_uid_need *needs, size_t count, bool *suffice, struct error *error)
{
	*suffice = change->row.modseq < change->row.modseq_ceiling;
	for (size_t i = 0; i < count; i++)
		if (!uids_suffice(change->db, &needs[i], suffice, error))
			return false;
	return true;
}

/* UIDs are 32 bits (RFC 3501 §2.3.1.1); so is the ceiling. */
static bool raise_uid_ceiling(struct db *db, const struct mail_uid_need *need, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE mailbox SET uid_ceiling = CASE WHEN uidnext + $2 > $3 THEN $3 ELSE uidnext + $2 END"
		" WHERE id = $1 AND uid_ceiling < uidnext + $2", need->mailbox, (int64_t)need->count + DURABLE_BLOCK, UINT32_MAX), error);
}

static bool raise_ceilings(struct db *db, struct mail_row *row, const struct mail_uid_need *needs, size_t count, struct error *error)
{
	row->modseq_ceiling = row->modseq + DURABLE_BLOCK;
	for (size_t i = 0; i < count; i++)
		if (!raise_uid_ceiling(db, &needs[i], error))
			return false;
	return change_write_row(db, row, error);
}

bool change_reserve(struct mail *mail, const struct mail_uid_need *needs, size_t count, int64_t synced_id, struct error *error)
{
	struct mail_row row;
	if (!durable_sync(mail->durable, error) || !db_begin_durable(mail->db, error))
		return false;
	bool done = change_read_row(mail->db, &row, error);
	if (done && row.durable_id < synced_id)
		row.durable_id = synced_id;
	if (done && raise_ceilings(mail->db, &row, needs, count, error))
		return db_commit(mail->db, error);
	db_rollback(mail->db);
	return false;
}

/* ---- After an unclean stop ---- */

/* States between what is known and what may have been told led to what a power cut has taken back: who has one of them is to read
 * everything anew (changes.c). It is noted among what has vanished, as the message 0. */
static bool note_gap(struct db *db, int64_t last, int64_t ceiling, struct error *error)
{
	return last >= ceiling || db_run(PREPARE(db, "INSERT INTO vanished (modseq, message, thread, appeared) VALUES ($1, 0, 0, $2) ON CONFLICT DO NOTHING",
						 ceiling, last), error);
}

bool change_go_on(struct change *change, int64_t epoch, struct error *error)
{
	struct mail_row *row = &change->row;
	int64_t last = row->modseq;
	row->modseq = row->modseq > row->modseq_ceiling ? row->modseq : row->modseq_ceiling; /* whatever damage did to it */
	row->modseq_ceiling = row->modseq + DURABLE_BLOCK;
	row->epoch = epoch;
	/* files that are here without a row now belong to commits that the cut took back: older than all to come, see recover/fsck.c */
	int64_t now_id = id_new();
	row->last_id = row->last_id > now_id ? row->last_id : now_id;
	return note_gap(change->db, last, row->modseq, error) &&
	       db_run(PREPARE(change->db, "UPDATE mailbox SET uidnext = uid_ceiling + 1,"
		" uid_ceiling = CASE WHEN uid_ceiling + $1 > $2 THEN $2 ELSE uid_ceiling + $1 END WHERE uidnext <= uid_ceiling",
		DURABLE_BLOCK, UINT32_MAX), error);
}
