/* Checking an account against the invariants of internal.h, and mending it.
 *
 * In this order: the database itself (else it is rebuilt); files that are not where they belong; each message against its
 * file, without a lock, as it takes long; then, holding the write lock so that nothing changes meanwhile, rows against rows,
 * what was suspicious once more, and files against rows. What a repair decides:
 *   - a file in the wrong folder is moved before anything is concluded from its absence;
 *   - a message that is shown, but whose row was lost, is noted anew from its file, and shown where it was;
 *   - a message whose file is missing goes, from every mailbox;
 *   - a file that differs from what was noted of it is kept and noted anew: nobody has the former content;
 *   - a message that no mailbox shows and that was not expunged appears in the INBOX;
 *   - a file without a message appears in the INBOX if it is newer than all that the database knows of (the database was
 *     restored or rebuilt); an older one belongs to a change that a crash has undone, was never acknowledged and may have
 *     been delivered again: it becomes an expunged message, which can be brought back;
 *   - counters and ceilings are counted anew. */
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "message/summary.h"
#include "store/internal.h"

struct check {
	struct store *store;
	struct slice name;
	struct account *account;
	struct fsck_report *report;
	bool repair;
	struct change *change;
	bool ceiling_behind;          /* as found, before anything raises it */
	struct ids suspects;          /* messages whose file or summary looked wrong */
	struct ids newer, leftovers;  /* files without a message */
	struct durable_kept_list kept;        /* when only looking: what the journal will give back at the next start */
	struct ids arrived;           /* likewise: letters that will be taken in when the account is opened, ascending */
};

__attribute__((format(printf, 2, 3))) static void found(struct check *check, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	check->report->problems++;
	check->report->repaired += check->repair;
	if (check->report->found)
		check->report->found(check->report->context, check->name, slice_of(text));
	log_warning("fsck.found", log_slice("account", check->name), log_text("problem", text), log_text("repair", check->repair ? "yes" : "no"));
}

void fsck_note_lost(struct account *account, int64_t id)
{
	char text[ID_TEXT_LEN + 1];
	id_format(id, text);
	if (account->store->repair)
		found(account->store->repair, "message %s was not on disk when the machine stopped", text);
	else
		log_warning("message.lost_unsynced", log_slice("account", account->name), log_id("message", id));
}

static int compare_with_kept(const void *id, const void *kept)
{
	int64_t a = *(const int64_t *)id, b = ((const struct durable_kept *)kept)->id;
	return (a > b) - (a < b);
}

static bool is_kept(const struct check *check, int64_t id)
{
	return check->kept.count > 0 && bsearch(&id, check->kept.at, check->kept.count, sizeof *check->kept.at, compare_with_kept);
}

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* An interrupted try to take it in may have linked its file already. */
static bool has_arrived(const struct check *check, int64_t id)
{
	return check->arrived.count > 0 && bsearch(&id, check->arrived.at, check->arrived.count, sizeof *check->arrived.at, compare_ids);
}

static struct slice id_slice(int64_t id, char text[ID_TEXT_LEN + 1])
{
	id_format(id, text);
	return slice_make(text, ID_TEXT_LEN);
}

/* ---- The database ---- */

static bool verify_database(struct check *check, const char *folder, struct error *error)
{
	struct account_row row;
	struct db *db = account_database(folder, DB_DURABLE_LATER, false, error);
	bool done = db && db_verify(db, error) && change_read_row(db, &row, error);
	check->ceiling_behind = done && row.modseq_ceiling < row.modseq;
	db_close(&db);
	return done;
}

static bool check_database(struct check *check, const char *folder, struct error *error)
{
	struct error cause = {0};
	bool from_snapshot;
	if (verify_database(check, folder, &cause))
		return true;
	if (cause.kind != ERROR_INVALID && cause.kind != ERROR_NOT_FOUND)
		return error_set(error, cause.kind, "%s", cause.text);
	found(check, "the database is damaged or missing: %s", cause.text);
	if (!check->repair)
		return error_set(error, ERROR_INVALID, "%s", cause.text);
	if (!rebuild_database(check->store, folder, check->name, &from_snapshot, error))
		return false;
	found(check, from_snapshot ? "rebuilt from the newest snapshot" : "rebuilt from the message files: there is no sound snapshot");
	check->report->problems--; /* that was news, no problem */
	check->report->repaired--;
	return true;
}

/* ---- Messages and their files ---- */

struct content_row {
	int64_t id, refs, expunged;
	uint64_t size;
	unsigned char hash[BLOB_HASH_SIZE];
	size_t hash_len;
	bool decodable;
};

static void read_content_row(struct db_statement *s, struct arena *arena, struct content_row *row)
{
	struct slice hash = db_blob(s, 4);
	*row = (struct content_row){.id = db_number(s, 0), .size = (uint64_t)db_number(s, 1), .refs = db_number(s, 2), .expunged = db_number(s, 3)};
	row->hash_len = hash.len < BLOB_HASH_SIZE ? hash.len : BLOB_HASH_SIZE;
	memcpy(row->hash, hash.at ? hash.at : "", row->hash_len);
	arena_reset(arena);
	row->decodable = summary_decode(db_blob(s, 5), arena) != NULL;
}

#define CONTENT_COLUMNS "id, size, refs, expunged, hash, summary"

static enum blob_state state_of(struct check *check, const struct content_row *row, struct error *error)
{
	enum blob_state state = blob_check(check->account->folder, row->id, row->size, slice_make((const char *)row->hash, row->hash_len), error);
	/* its time is over: account_clean() has begun, or may begin, to remove it */
	bool due = row->refs == 0 && row->expunged != 0 && row->expunged <= clock_now() - check->store->undelete_seconds;
	return state == BLOB_MISSING && due ? BLOB_FINE : state;
}

/* Looks at every message through a connection of its own, so that nobody waits. */
static bool find_suspects(struct check *check, struct error *error)
{
	enum { AT_A_TIME = 256 };
	struct arena *arena = arena_new();
	struct content_row *rows = memory_array(AT_A_TIME, sizeof *rows);
	struct db *db = account_database(check->account->folder, DB_DURABLE_LATER, false, error);
	bool done = db != NULL;
	int64_t last = 0;
	for (size_t count = AT_A_TIME; done && count == AT_A_TIME;) {
		struct db_statement *s = PREPARE(db, "SELECT " CONTENT_COLUMNS " FROM message WHERE id > $1 ORDER BY id LIMIT $2", last, AT_A_TIME);
		enum db_step step = DB_DONE;
		for (count = 0; count < AT_A_TIME && (step = db_step(s, error)) == DB_ROW; count++)
			read_content_row(s, arena, &rows[count]);
		db_reset(s);
		done = step != DB_FAILED;
		for (size_t i = 0; i < count; i++) {
			last = rows[i].id;
			check->report->messages += rows[i].refs > 0;
			if (!rows[i].decodable || state_of(check, &rows[i], NULL) != BLOB_FINE)
				ids_add(&check->suspects, rows[i].id);
		}
	}
	db_close(&db);
	free(rows);
	arena_free(&arena);
	return done;
}

/* Notes size, hash and summary of the file as it is now. */
static bool describe_anew(struct change *change, int64_t id, struct error *error)
{
	struct slice content;
	unsigned char hash[BLOB_HASH_SIZE];
	if (!blob_map(change->account->folder, id, &content, NULL, error))
		return false;
	struct arena *arena = arena_new();
	blob_hash(content, hash);
	struct db_statement *s = PREPARE(change->db, "UPDATE message SET size = $2, hash = $3, summary = $4 WHERE id = $1", id, (int64_t)content.len);
	db_bind_blob(s, 3, slice_make((char *)hash, sizeof hash));
	db_bind_blob(s, 4, content_summary(content, arena));
	bool done = db_run(s, error) &&
		    db_run(PREPARE(change->db, "UPDATE placement SET size = $2 WHERE message = $1", id, (int64_t)content.len), error);
	arena_free(&arena);
	blob_unmap(content);
	change_modseq(change);
	return done;
}

static bool mend_content(struct check *check, const struct content_row *row, struct error *error)
{
	char id[ID_TEXT_LEN + 1];
	struct error cause = {0};
	if (is_kept(check, row->id))
		return true;
	switch (state_of(check, row, &cause)) {
	case BLOB_UNREADABLE:
		found(check, "message %.*s cannot be read: %s", SLICE_ARG(id_slice(row->id, id)), cause.text);
		check->report->repaired -= check->repair;
		return true;
	case BLOB_MISSING:
		found(check, "message %.*s has lost its file", SLICE_ARG(id_slice(row->id, id)));
		return !check->repair || change_forget_message(check->change, row->id, error);
	case BLOB_DIFFERENT:
		found(check, "the file of message %.*s is not what was written", SLICE_ARG(id_slice(row->id, id)));
		return !check->repair || describe_anew(check->change, row->id, error);
	case BLOB_FINE:
		break;
	}
	if (row->decodable || !blob_is_there(check->account->folder, row->id))
		return true;
	found(check, "the summary of message %.*s cannot be read", SLICE_ARG(id_slice(row->id, id)));
	return !check->repair || describe_anew(check->change, row->id, error);
}

/* Once more, now that nothing changes. */
static bool check_suspects(struct check *check, struct error *error)
{
	struct arena *arena = arena_new();
	size_t count = check->repair ? check->suspects.count : 0;
	bool done = change_index_messages(check->change, true, count, error);
	for (size_t i = 0; done && i < check->suspects.count; i++) {
		struct content_row row;
		struct db_statement *s = PREPARE(check->change->db, "SELECT " CONTENT_COLUMNS " FROM message WHERE id = $1", check->suspects.at[i]);
		enum db_step step = db_step(s, error);
		if (step == DB_ROW)
			read_content_row(s, arena, &row);
		db_reset(s);
		done = step == DB_DONE || (step == DB_ROW && mend_content(check, &row, error));
	}
	arena_free(&arena);
	return done && change_index_messages(check->change, false, count, error);
}

/* ---- Rows against rows ---- */

/* Messages that placements show, but whose row was lost. What has a file is seen again where it was. */
static bool check_lost_rows(struct check *check, struct error *error)
{
	struct ids lost = {0}, received = {0};
	struct db_statement *s = db_prepare(check->change->db, "SELECT message, min(received) FROM placement"
		" WHERE message NOT IN (SELECT id FROM message) GROUP BY message");
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW) {
		ids_add(&lost, db_number(s, 0));
		ids_add(&received, db_number(s, 1));
	}
	bool done = step == DB_DONE;
	for (size_t i = 0; done && check->repair && i < lost.count; i++) {
		char id[ID_TEXT_LEN + 1];
		bool added;
		done = adopt_shown(check->change, lost.at[i], received.at[i], &added, error);
		if (done && added)
			found(check, "nothing was noted of message %.*s, which is shown", SLICE_ARG(id_slice(lost.at[i], id)));
	}
	ids_free(&lost);
	ids_free(&received);
	return done;
}

/* A question whose answer is the number of wrong rows, and what mends them. */
struct rule { const char *problem, *count, *mend; };

static const struct rule rules[] = {
	{"placements in a mailbox that doesn't exist", "SELECT count(*) FROM placement WHERE mailbox NOT IN (SELECT id FROM mailbox)",
	 "DELETE FROM placement WHERE mailbox NOT IN (SELECT id FROM mailbox)"},
	{"placements of a message that doesn't exist", "SELECT count(*) FROM placement WHERE message NOT IN (SELECT id FROM message)",
	 "DELETE FROM placement WHERE message NOT IN (SELECT id FROM message)"},
	{"placements with another size or date than their message's",
	 "SELECT count(*) FROM placement p JOIN message m ON m.id = p.message WHERE p.size <> m.size OR p.received <> m.received",
	 "UPDATE placement SET size = (SELECT size FROM message m WHERE m.id = placement.message),"
	 " received = (SELECT received FROM message m WHERE m.id = placement.message)"},
	{"messages with a wrong count of placements",
	 "SELECT count(*) FROM message m LEFT JOIN (SELECT message, count(*) AS n FROM placement GROUP BY message) AS p ON p.message = m.id"
	 " WHERE m.refs <> COALESCE(p.n, 0)",
	 "UPDATE message SET refs = COALESCE((SELECT n FROM (SELECT message, count(*) AS n FROM placement GROUP BY message) AS p"
	 " WHERE p.message = message.id), 0)"},
	{"messages that are shown and expunged at once", "SELECT count(*) FROM message WHERE refs > 0 AND expunged <> 0",
	 "UPDATE message SET expunged = 0 WHERE refs > 0 AND expunged <> 0"},
};

static bool count_wrong(struct db *db, const char *sql, int64_t *count, struct error *error)
{
	struct db_statement *s = db_prepare(db, sql);
	enum db_step step = db_step(s, error);
	*count = step == DB_ROW ? db_number(s, 0) : 0;
	db_reset(s);
	return step == DB_ROW;
}

static bool check_rules(struct check *check, struct error *error)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		int64_t count;
		if (!count_wrong(check->change->db, rules[i].count, &count, error))
			return false;
		if (count == 0)
			continue;
		found(check, "%s: %lld", rules[i].problem, (long long)count);
		if (check->repair && !db_run(db_prepare(check->change->db, rules[i].mend), error))
			return false;
		change_modseq(check->change);
	}
	return true;
}

static bool check_inbox(struct check *check, int64_t *inbox, struct error *error)
{
	struct db_statement *s = db_prepare(check->change->db, "SELECT id FROM mailbox WHERE name = 'INBOX' AND selectable = 1");
	enum db_step step = db_step(s, error);
	*inbox = step == DB_ROW ? db_number(s, 0) : 0;
	db_reset(s);
	if (step != DB_DONE)
		return step == DB_ROW;
	found(check, "there is no INBOX");
	return !check->repair || schema_add_mailbox(check->change->db, SLICE("INBOX"), USE_NONE, change_modseq(check->change),
						    &check->change->row.uidvalidity, inbox, error);
}

/* Messages that nothing shows and nobody expunged. Runs with counters that are mended afterwards. */
static bool check_stray(struct check *check, int64_t inbox, struct error *error)
{
	struct db *db = check->change->db;
	struct ids strays = {0};
	struct db_statement *s = db_prepare(db, "SELECT id FROM message WHERE refs = 0 AND expunged = 0");
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW)
		ids_add(&strays, db_number(s, 0));
	bool done = step == DB_DONE;
	if (strays.count > 0)
		found(check, "messages that no mailbox shows: %zu", strays.count);
	for (size_t i = 0; done && check->repair && i < strays.count; i++) {
		struct new_placement new = {.mailbox = inbox, .message = strays.at[i]};
		s = PREPARE(db, "UPDATE message SET refs = 1 WHERE id = $1 RETURNING size, received", strays.at[i]);
		done = db_step(s, error) == DB_ROW;
		new.size = done ? (uint64_t)db_number(s, 0) : 0;
		new.received = done ? db_number(s, 1) : 0;
		db_reset(s);
		done = done && change_place(check->change, &new, error);
	}
	ids_free(&strays);
	return done;
}

/* ---- Counters ---- */

struct counts { int64_t messages, unseen, deleted, bytes, recent, uidnext, modseq; };

static bool count_placements(struct db *db, int64_t mailbox, int64_t recent_from, struct counts *counts, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT count(*), COALESCE(sum(CASE WHEN (flags & 1) = 0 THEN 1 ELSE 0 END), 0),"
		" COALESCE(sum(CASE WHEN (flags & 8) <> 0 THEN 1 ELSE 0 END), 0), COALESCE(sum(size), 0),"
		" COALESCE(sum(CASE WHEN uid >= $2 THEN 1 ELSE 0 END), 0), COALESCE(max(uid), 0) + 1, COALESCE(max(modseq), 0)"
		" FROM placement WHERE mailbox = $1", mailbox, recent_from);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW)
		*counts = (struct counts){db_number(s, 0), db_number(s, 1), db_number(s, 2), db_number(s, 3), db_number(s, 4), db_number(s, 5),
			db_number(s, 6)};
	db_reset(s);
	return step == DB_ROW;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool mend_counters(struct db *db, int64_t mailbox, const struct counts *right, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE mailbox SET messages = $2, unseen = $3, deleted = $4, bytes = $5, recent = $6, uidnext = $7, modseq = $8,"
		" uid_ceiling = CASE WHEN uid_ceiling >= CAST($7 AS BIGINT) - 1 THEN uid_ceiling ELSE CAST($7 AS BIGINT) - 1 END WHERE id = $1",
		mailbox, right->messages, right->unseen, right->deleted, right->bytes, right->recent, right->uidnext, right->modseq), error);
}

static bool check_counters(struct check *check, int64_t mailbox, struct error *error)
{
	struct db *db = check->change->db;
	struct db_statement *s = PREPARE(db, "SELECT messages, unseen, deleted, bytes, recent, uidnext, modseq, uid_ceiling, recent_from, name"
		" FROM mailbox WHERE id = $1", mailbox);
	if (db_step(s, error) != DB_ROW)
		return false;
	struct counts noted = {db_number(s, 0), db_number(s, 1), db_number(s, 2), db_number(s, 3), db_number(s, 4), db_number(s, 5), db_number(s, 6)};
	int64_t ceiling = db_number(s, 7), recent_from = db_number(s, 8);
	char name[MAILBOX_NAME_MAX + 1];
	snprintf(name, sizeof name, "%.*s", SLICE_ARG(db_text(s, 9)));
	db_reset(s);
	struct counts right;
	if (!count_placements(db, mailbox, recent_from, &right, error))
		return false;
	right.uidnext = larger(right.uidnext, noted.uidnext);
	right.modseq = larger(right.modseq, noted.modseq);
	check->change->row.modseq = larger(check->change->row.modseq, right.modseq);
	if (memcmp(&noted, &right, sizeof noted) == 0 && ceiling >= noted.uidnext - 1)
		return true;
	found(check, "the counters of mailbox \"%s\" are wrong", name);
	change_modseq(check->change);
	return !check->repair || mend_counters(db, mailbox, &right, error);
}

static bool check_mailboxes(struct check *check, struct error *error)
{
	struct ids ids = {0};
	struct db_statement *s = db_prepare(check->change->db, "SELECT id FROM mailbox");
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW)
		ids_add(&ids, db_number(s, 0));
	bool done = step == DB_DONE;
	for (size_t i = 0; done && i < ids.count; i++)
		done = check_counters(check, ids.at[i], error);
	ids_free(&ids);
	return done;
}

static bool check_account_row(struct check *check, int64_t modseq_before, struct error *error)
{
	struct account_row *row = &check->change->row;
	struct db_statement *s = db_prepare(check->change->db, "SELECT count(*), COALESCE(sum(size), 0), COALESCE((SELECT max(id) FROM message), 0)"
		" FROM message WHERE refs > 0");
	if (db_step(s, error) != DB_ROW)
		return false;
	int64_t messages = db_number(s, 0), bytes = db_number(s, 1), last_id = db_number(s, 2);
	db_reset(s);
	if (row->messages != messages || row->bytes != bytes) {
		found(check, "the account counts %lld messages of %lld bytes, but keeps %lld of %lld", (long long)row->messages,
		      (long long)row->bytes, (long long)messages, (long long)bytes);
		change_modseq(check->change);
	}
	if (row->last_id < last_id || modseq_before < row->modseq - (check->change->modseq != 0) || check->ceiling_behind) {
		found(check, "the account's numbers are behind those it has given");
		change_modseq(check->change);
	}
	row->messages = messages;
	row->bytes = bytes;
	row->last_id = larger(row->last_id, last_id);
	row->modseq_ceiling = larger(row->modseq_ceiling, row->modseq);
	return true;
}

/* ---- Files against rows ---- */

/* Before the messages are compared with their files: what is only astray isn't lost. */
static bool look_at_place(void *context, int64_t id, const char *path, struct error *error)
{
	struct check *check = context;
	(void)error;
	if (id == 0) {
		found(check, "a file that is no message of ours: %s", path);
		check->report->repaired -= check->repair;
		return true;
	}
	if (blob_is_right(check->account->folder, id, path))
		return true;
	found(check, "a message's file is in the wrong folder: %s", path);
	if (!check->repair || !blob_set_right(check->account->folder, id, path))
		check->report->repaired -= check->repair;
	return true;
}

static bool look_at_file(void *context, int64_t id, const char *path, struct error *error)
{
	struct check *check = context;
	struct db_statement *s = PREPARE(check->change->db, "SELECT 1 FROM message WHERE id = $1", id);
	enum db_step step = id == 0 || is_kept(check, id) || has_arrived(check, id) ? DB_ROW : db_step(s, error);
	db_reset(s);
	if (step != DB_DONE)
		return step == DB_ROW;
	found(check, "a file without a message: %s", path);
	ids_add(id > check->change->row.last_id ? &check->newer : &check->leftovers, id);
	return true;
}

static bool look_at_arrival(struct check *check, struct arrival *arrival, struct error *error)
{
	bool known;
	struct slice content;
	if (!delivery_is_known(check->change, arrival->delivery_id, &known, error))
		return false;
	if (known)
		return true;
	ids_add(&check->arrived, arrival->id);
	bool mapped = blob_map_arrival(check->account->folder, arrival, &content, NULL);
	if (mapped && blob_is_what_arrived(arrival, content)) {
		check->report->messages++;
	} else {
		char path[PATH_MAX];
		blob_arrival_path(check->account->folder, arrival, path);
		found(check, "a letter that waits to be taken in is not what was written: %s", path);
	}
	if (mapped)
		blob_unmap(content);
	return true;
}

/* Opening the account for a repair has taken in all of them. */
static bool check_arrivals(struct check *check, struct error *error)
{
	struct blob_arrivals waiting = {0};
	bool done = check->repair || blob_list_arrivals(check->account->folder, &waiting, error);
	for (size_t i = 0; done && i < waiting.count; i++)
		done = look_at_arrival(check, &waiting.at[i], error);
	free(waiting.at);
	return done;
}

/* ---- All of it ---- */

static bool check_rows(struct check *check, struct error *error)
{
	int64_t inbox, modseq = check->change->row.modseq;
	return check_arrivals(check, error) && check_lost_rows(check, error) &&
	       check_rules(check, error) && check_suspects(check, error) && check_inbox(check, &inbox, error) && check_stray(check, inbox, error) &&
	       blob_list(check->account->folder, look_at_file, check, error) && check_mailboxes(check, error) &&
	       check_account_row(check, modseq, error);
}

/* A folder lists its files in no order; their ids tell in which they came. */
static void sort_ids(struct ids *ids)
{
	if (ids->count > 1)
		qsort(ids->at, ids->count, sizeof *ids->at, compare_ids);
}

static bool check_account(struct check *check, struct error *error)
{
	struct change change;
	if (!check->repair && !durable_find_kept(check->store->durable, check->store->epoch + 1, check->name, &check->kept, error))
		return false;
	check->store->repair = check->repair ? check : NULL;
	check->account = store_open_account(check->store, check->name, error);
	check->store->repair = NULL;
	if (!check->account)
		return false;
	bool done = blob_list(check->account->folder, look_at_place, check, error) && find_suspects(check, error) &&
		    (check->repair ? change_begin_durable(check->account, &change, error) : change_begin_looking(check->account, &change, error));
	if (done) {
		check->change = &change;
		done = check_rows(check, error);
		if (!check->repair)
			change.modseq = 0; /* nothing was changed, nothing is to be written */
		done = change_end(&change, done, error);
	}
	sort_ids(&check->newer);
	sort_ids(&check->leftovers);
	if (done && check->repair)
		done = adopt_files(check->account, &check->newer, false, error) && adopt_files(check->account, &check->leftovers, true, error) &&
		       store_sync(check->store, error);
	store_release_account(&check->account);
	return done;
}

bool store_fsck(struct store *store, struct slice account, bool repair, struct fsck_report *report, struct error *error)
{
	struct check check = {.store = store, .name = account, .report = report, .repair = repair};
	struct stat status;
	char *folder = blob_account_folder(store->data, account, error);
	if (!folder)
		return false;
	bool done = stat(folder, &status) == 0 || error_set(error, ERROR_NOT_FOUND, "no account %.*s", SLICE_ARG(account));
	done = done && check_database(&check, folder, error);
	if (done)
		done = check_account(&check, error);
	else if (error && error->kind == ERROR_INVALID && !repair)
		done = true; /* that it is damaged has been reported */
	ids_free(&check.suspects);
	ids_free(&check.newer);
	ids_free(&check.leftovers);
	ids_free(&check.arrived);
	durable_kept_list_free(&check.kept);
	free(folder);
	return done;
}
