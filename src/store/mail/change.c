/* A writing transaction of an account, and the numbers that it gives.
 *
 * Commits reach the disk later (DB_DURABLE_LATER), yet a number that a client may have seen must never be given again,
 * even when a power cut takes the newest commits back. So every number stays under a ceiling that is on disk: when the
 * next number would pass it, a durable transaction of its own raises it by DURABLE_BLOCK first. After an unclean stop
 * (the account's epoch is older than the store's) counting goes on from the ceilings. The same durable transaction notes
 * up to which id messages are known to be on disk (durable_id): after an unclean stop just the files above it are compared
 * with their rows, and a message whose file didn't make it (it was never acknowledged, or it would be in the journal) is
 * dropped whole, so that its delivery, when it is repeated, isn't taken for done. */
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/reserve.h"
#include "store/internal.h"

bool change_read_row(struct db *db, struct account_row *row, struct error *error)
{
	struct db_statement *s = db_prepare(db, "SELECT epoch, modseq, modseq_ceiling, uidvalidity, last_id, durable_id, bytes,"
		" messages, max_bytes, max_messages FROM account");
	enum db_step step = db_step(s, error);
	if (step == DB_ROW)
		*row = (struct account_row){db_number(s, 0), db_number(s, 1), db_number(s, 2), db_number(s, 3), db_number(s, 4),
			db_number(s, 5), db_number(s, 6), db_number(s, 7), db_number(s, 8), db_number(s, 9)};
	db_reset(s);
	if (step == DB_ROW)
		return (row->max_bytes == 0 && row->max_messages == 0) || change_count_copies(db, row, error);
	return step == DB_DONE && error_set(error, ERROR_INVALID, "the account's row is missing");
}

bool change_count_copies(struct db *db, struct account_row *row, struct error *error)
{
	struct db_statement *s = db_prepare(db, "SELECT COALESCE(sum(messages), 0) FROM mailbox");
	enum db_step step = db_step(s, error);
	row->copies = step == DB_ROW ? db_number(s, 0) - row->messages : 0;
	db_reset(s);
	return step == DB_ROW;
}

struct usage change_usage(const struct account_row *row)
{
	uint64_t copies = row->copies > 0 ? (uint64_t)row->copies : 0;
	return (struct usage){
		.bytes = (row->bytes > 0 ? (uint64_t)row->bytes : 0) + copies * QUOTA_COPY_BYTES,
		.messages = (row->messages > 0 ? (uint64_t)row->messages : 0) + copies,
		.max_bytes = (uint64_t)row->max_bytes,
		.max_messages = (uint64_t)row->max_messages,
	};
}

void change_note_usage(const struct account *account, const struct account_row *row)
{
	struct usage usage = change_usage(row);
	usage_note(account->store->usage, account->name, &usage);
}

bool change_write_row(struct db *db, const struct account_row *row, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE account SET epoch = $1, modseq = $2, modseq_ceiling = $3, uidvalidity = $4, last_id = $5,"
		" durable_id = $6, bytes = $7, messages = $8, max_bytes = $9, max_messages = $10",
		row->epoch, row->modseq, row->modseq_ceiling, row->uidvalidity, row->last_id, row->durable_id, row->bytes,
		row->messages, row->max_bytes, row->max_messages), error);
}

/* ---- Ceilings ---- */

static bool uids_suffice(struct db *db, const struct uid_need *need, bool *suffice, struct error *error)
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

static bool numbers_suffice(struct change *change, const struct uid_need *needs, size_t count, bool *suffice, struct error *error)
{
	*suffice = change->row.modseq < change->row.modseq_ceiling;
	for (size_t i = 0; i < count; i++)
		if (!uids_suffice(change->db, &needs[i], suffice, error))
			return false;
	return true;
}

/* UIDs are 32 bits (RFC 3501 §2.3.1.1); so is the ceiling. */
static bool raise_uid_ceiling(struct db *db, const struct uid_need *need, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE mailbox SET uid_ceiling = CASE WHEN uidnext + $2 > $3 THEN $3 ELSE uidnext + $2 END"
		" WHERE id = $1 AND uid_ceiling < uidnext + $2", need->mailbox, (int64_t)need->count + DURABLE_BLOCK, UINT32_MAX), error);
}

static bool raise_ceilings(struct db *db, struct account_row *row, const struct uid_need *needs, size_t count, struct error *error)
{
	row->modseq_ceiling = row->modseq + DURABLE_BLOCK;
	for (size_t i = 0; i < count; i++)
		if (!raise_uid_ceiling(db, &needs[i], error))
			return false;
	return change_write_row(db, row, error);
}

/* Makes room under the ceilings, durably. The account is locked; no transaction is open. */
static bool reserve(struct account *account, const struct uid_need *needs, size_t count, int64_t synced_id, struct error *error)
{
	struct account_row row;
	if (!store_sync(account->store, error) || !db_begin_durable(account->db, error))
		return false;
	bool done = change_read_row(account->db, &row, error);
	if (done && row.durable_id < synced_id)
		row.durable_id = synced_id;
	if (done && raise_ceilings(account->db, &row, needs, count, error))
		return db_commit(account->db, error);
	db_rollback(account->db);
	return false;
}

/* ---- A change ---- */

static bool begin(struct change *change, bool durable, struct error *error)
{
	if (!(durable ? db_begin_durable(change->db, error) : db_begin(change->db, error)))
		return false;
	if (change_read_row(change->db, &change->row, error))
		return true;
	db_rollback(change->db);
	return false;
}

static bool begin_with_numbers(struct change *change, const struct uid_need *needs, size_t count, bool durable, struct error *error)
{
	for (;;) {
		bool suffice;
		if (!begin(change, durable, error))
			return false;
		bool known = numbers_suffice(change, needs, count, &suffice, error);
		if (known && suffice)
			return true;
		db_rollback(change->db);
		if (!known || !reserve(change->account, needs, count, change->row.last_id, error))
			return false;
	}
}

static bool begin_in(struct account *account, const struct uid_need *needs, size_t count, bool durable, struct change *change, struct error *error)
{
	*change = (struct change){.account = account, .db = account->db, .now = clock_now()};
	return begin_with_numbers(change, needs, count, durable, error);
}

static bool enter_and_begin(struct account *account, const struct uid_need *needs, size_t count, bool durable, struct change *change,
			    struct error *error)
{
	if (!account_enter(account, error))
		return false;
	if (begin_in(account, needs, count, durable, change, error))
		return true;
	account_leave(account);
	return false;
}

bool change_begin(struct account *account, const struct uid_need *needs, size_t need_count, struct change *change, struct error *error)
{
	return enter_and_begin(account, needs, need_count, false, change, error);
}

bool change_begin_entered(struct account *account, const struct uid_need *needs, size_t need_count, struct change *change, struct error *error)
{
	return begin_in(account, needs, need_count, false, change, error);
}

bool change_begin_durable(struct account *account, struct change *change, struct error *error)
{
	return enter_and_begin(account, NULL, 0, true, change, error);
}

bool change_begin_looking(struct account *account, struct change *change, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	*change = (struct change){.account = account, .db = account->db, .now = clock_now()};
	if (begin(change, false, error))
		return true;
	account_leave(account);
	return false;
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

bool change_has_room_now(const struct account *account, const struct error *error)
{
	char folder[PATH_MAX];
	return error && error->kind == ERROR_FULL && snprintf(folder, sizeof folder, "%s/accounts", account->store->data) < PATH_MAX && reserve_give(folder);
}

bool change_finish(struct change *change, bool done, struct error *error)
{
	bool changed = done && change->modseq != 0;
	if (changed && (change->row.max_bytes > 0 || change->row.max_messages > 0))
		change_note_usage(change->account, &change->row); /* before the commit, while nobody else can change the account: in order */
	if (changed)
		done = changed = change_write_row(change->db, &change->row, error) && db_commit(change->db, error);
	if (!changed)
		db_rollback(change->db);
	return done;
}

bool change_end(struct change *change, bool done, struct error *error)
{
	bool changed = done && change->modseq != 0;
	done = change_finish(change, done, error);
	account_leave(change->account);
	if (changed && done)
		watch_changed(change->account->store, change->account->name);
	return done;
}

/* ---- Counters ---- */

void tally_add(struct tally *tally, unsigned flags, uint64_t size, int sign)
{
	tally->messages += sign;
	tally->unseen += flags & FLAG_SEEN ? 0 : sign;
	tally->deleted += flags & FLAG_DELETED ? sign : 0;
	tally->bytes += sign * (int64_t)size;
}

bool change_tally(struct change *change, int64_t mailbox, const struct tally *tally, struct error *error)
{
	return db_run(PREPARE(change->db, "UPDATE mailbox SET messages = messages + $2, unseen = unseen + $3, deleted = deleted + $4,"
		" recent = recent + $5, bytes = bytes + $6, modseq = $7 WHERE id = $1",
		mailbox, tally->messages, tally->unseen, tally->deleted, tally->recent, tally->bytes, change_modseq(change)), error);
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

/* ---- After an unclean stop ---- */

static bool continue_from_ceilings(struct db *db, struct account_row *row, int64_t epoch, struct error *error)
{
	row->modseq = row->modseq > row->modseq_ceiling ? row->modseq : row->modseq_ceiling; /* whatever damage did to it */
	row->modseq_ceiling = row->modseq + DURABLE_BLOCK;
	row->epoch = epoch;
	/* files that are here without a row now belong to commits that the cut took back: older than all to come, see fsck.c */
	int64_t now_id = id_new();
	row->last_id = row->last_id > now_id ? row->last_id : now_id;
	return db_run(PREPARE(db, "UPDATE mailbox SET uidnext = uid_ceiling + 1,"
		" uid_ceiling = CASE WHEN uid_ceiling + $1 > $2 THEN $2 ELSE uid_ceiling + $1 END WHERE uidnext <= uid_ceiling",
		DURABLE_BLOCK, UINT32_MAX), error);
}

/* The messages above durable_id whose file isn't what was committed. */
static bool find_lost(struct account *account, const struct account_row *row, struct ids *lost, struct error *error)
{
	struct db_statement *s = PREPARE(account->db, "SELECT id, size, hash FROM message WHERE id > $1", row->durable_id);
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW) {
		enum blob_state state = blob_check(account->folder, db_number(s, 0), (uint64_t)db_number(s, 1), db_blob(s, 2), error);
		if (state == BLOB_FINE)
			continue;
		if (state == BLOB_UNREADABLE)
			break;
		ids_add(lost, db_number(s, 0));
	}
	db_reset(s);
	return step == DB_DONE;
}

bool change_index_messages(struct change *change, bool on, size_t count, struct error *error)
{
	if (count < WORTH_AN_INDEX)
		return true;
	return db_exec(change->db, on ? "CREATE INDEX placement_message ON placement (message); CREATE INDEX delivery_message ON delivery (message)"
				      : "DROP INDEX placement_message; DROP INDEX delivery_message", error);
}

static bool drop_placements(struct change *change, int64_t message, struct error *error)
{
	for (;;) {
		struct db_statement *s = PREPARE(change->db, "SELECT mailbox, uid FROM placement WHERE message = $1 LIMIT 1", message);
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
	return drop_placements(change, message, error) &&
	       db_run(PREPARE(change->db, "DELETE FROM delivery WHERE message = $1", message), error) &&
	       db_run(PREPARE(change->db, "DELETE FROM message WHERE id = $1", message), error);
}

static bool drop_lost(struct change *change, const struct ids *lost, struct error *error)
{
	if (!change_index_messages(change, true, lost->count, error))
		return false;
	for (size_t i = 0; i < lost->count; i++) {
		if (!change_forget_message(change, lost->at[i], error))
			return false;
		blob_put_aside(change->account->folder, lost->at[i]);
		fsck_note_lost(change->account, lost->at[i]);
	}
	return change_index_messages(change, false, lost->count, error);
}

/* What was appended and acknowledged before the cut. Before anything else gives numbers. */
static bool restore_kept(struct change *change, struct error *error)
{
	struct durable_kept_list list;
	if (!durable_find_kept(change->account->store->durable, change->account->store->epoch, change->account->name, &list, error))
		return false;
	bool done = true;
	for (size_t i = 0; done && i < list.count; i++)
		done = adopt_kept(change, &list.at[i], error);
	durable_kept_list_free(&list);
	change->modseq = 0;
	return done;
}

static bool recover(struct account *account, struct error *error)
{
	struct change change = {.account = account, .db = account->db, .now = clock_now()};
	struct ids lost = {0};
	if (!begin(&change, true, error))
		return false;
	bool done = true;
	if (change.row.epoch == 0) /* made before the first service: nobody has seen its numbers */
		change.row.epoch = account->store->epoch;
	else if (change.row.epoch < account->store->epoch)
		done = restore_kept(&change, error) && find_lost(account, &change.row, &lost, error) &&
		       continue_from_ceilings(change.db, &change.row, account->store->epoch, error) && drop_lost(&change, &lost, error);
	ids_free(&lost);
	if (done && change_write_row(change.db, &change.row, error))
		return db_commit(change.db, error);
	db_rollback(change.db);
	return false;
}

bool change_recover(struct account *account, struct error *error)
{
	struct account_row row;
	if (!change_read_row(account->db, &row, error))
		return false;
	if (row.epoch < account->store->epoch && (!recover(account, error) || !change_read_row(account->db, &row, error)))
		return false;
	change_note_usage(account, &row);
	return true;
}
