/* Checking an account against the invariants of mail/mail.h, and mending it.
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
#include <stdarg.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/recover/recover.h"

struct recover_check {
	struct durable *durable;
	const char *folder, *database; /* a place of db.h's */
	struct slice name;
	struct fsck_report *report;
	int64_t kept_since;
	bool repair;
	struct change *change;
	bool ceiling_behind;          /* as found, before anything raises it */
	struct mail_ids suspects;          /* messages whose file or summary looked wrong */
	struct mail_ids misquoted;         /* messages of which excerpts say something else than their files */
	struct mail_ids newer, leftovers;  /* files without a message */
	struct durable_kept_list kept; /* when only looking: what the journal will give back at the next start */
	struct mail_ids arrived;           /* likewise: letters that will be taken in when the account is opened, ascending */
};

__attribute__((format(printf, 2, 3))) static void found(struct recover_check *check, const char *format, ...)
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

void recover_note_lost(struct recover_check *check, struct slice account, int64_t id)
{
	char text[ID_TEXT_LEN + 1];
	id_format(id, text);
	if (check)
		found(check, "message %s was not on disk when the machine stopped", text);
	else
		log_warning("message.lost_unsynced", log_slice("account", account), log_id("message", id));
}

static int compare_with_kept(const void *id, const void *kept)
{
	int64_t a = *(const int64_t *)id, b = ((const struct durable_kept *)kept)->id;
	return (a > b) - (a < b);
}

static bool is_kept(const struct recover_check *check, int64_t id)
{
	return check->kept.count > 0 && bsearch(&id, check->kept.at, check->kept.count, sizeof *check->kept.at, compare_with_kept);
}

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* An interrupted try to take it in may have linked its file already. */
static bool has_arrived(const struct recover_check *check, int64_t id)
{
	return check->arrived.count > 0 && bsearch(&id, check->arrived.at, check->arrived.count, sizeof *check->arrived.at, compare_ids);
}

static struct slice id_slice(int64_t id, char text[ID_TEXT_LEN + 1])
{
	id_format(id, text);
	return slice_make(text, ID_TEXT_LEN);
}

/* ---- The database ---- */

static bool verify_database(struct recover_check *check, struct error *error)
{
	struct mail_row row;
	struct db *db = mail_open(check->database, DB_DURABLE_LATER, false, error);
	bool done = db && db_verify(db, error) && change_read_row(db, &row, error);
	check->ceiling_behind = done && row.modseq_ceiling < row.modseq;
	db_close(&db);
	return done;
}

/* What can be made again of the message files alone; a damaged file is put aside for that. */
static bool rebuild(struct recover_check *check, enum error_kind kind, bool *from_snapshot, struct error *error)
{
	if (db_place_is_file(check->database))
		return recover_rebuild(check->durable, check->folder, check->database, check->name, from_snapshot, error);
	*from_snapshot = false;
	if (kind != ERROR_NOT_FOUND)
		return error_set(error, ERROR_INVALID, "the rows are to be brought back from a backup of their database");
	return recover_begin_anew(check->durable, check->database, check->name, error);
}

bool recover_check_database(struct recover_check *check, bool *rebuilt, struct error *error)
{
	struct error cause = {0};
	bool from_snapshot;
	*rebuilt = false;
	if (verify_database(check, &cause))
		return true;
	if (cause.kind != ERROR_INVALID && cause.kind != ERROR_NOT_FOUND)
		return error_set(error, cause.kind, "%s", cause.text);
	found(check, "the database is damaged or missing: %s", cause.text);
	if (!check->repair)
		return error_set(error, ERROR_INVALID, "%s", cause.text);
	*rebuilt = true;
	if (!rebuild(check, cause.kind, &from_snapshot, error))
		return false;
	found(check, from_snapshot ? "rebuilt from the newest snapshot" : "rebuilt from the message files: there is no sound snapshot");
	check->report->problems--; /* that was news, no problem */
	check->report->repaired--;
	return true;
}

/* ---- Messages and their files ---- */

static enum blob_state state_of(struct recover_check *check, const struct mail_content *row, struct error *error)
{
	enum blob_state state = blob_check(check->folder, row->id, row->size, slice_make((const char *)row->hash, row->hash_len), error);
	/* its time is over: account_clean() has begun, or may begin, to remove it */
	bool due = row->refs == 0 && row->expunged != 0 && row->expunged <= check->kept_since;
	return state == BLOB_MISSING && due ? BLOB_FINE : state;
}

/* Of a file that is what was written. */
static bool look_at_excerpts(struct recover_check *check, struct db *db, int64_t id, struct error *error)
{
	struct slice content;
	bool right;
	if (!blob_map(check->folder, id, &content, NULL, NULL))
		return true;
	bool done = mail_check_excerpts(db, id, content, &right, error);
	blob_unmap(content);
	if (done && !right)
		mail_ids_add(&check->misquoted, id);
	return done;
}

/* Looks at every message through a connection of its own, so that nobody waits. */
static bool find_suspects(struct recover_check *check, struct error *error)
{
	enum { AT_A_TIME = 256 };
	struct mail_content *rows = memory_array(AT_A_TIME, sizeof *rows);
	struct db *db = mail_open(check->database, DB_DURABLE_LATER, false, error);
	bool done = db != NULL;
	int64_t last = 0;
	for (size_t count = AT_A_TIME; done && count == AT_A_TIME;) {
		done = mail_list_contents(db, last, rows, AT_A_TIME, &count, error);
		for (size_t i = 0; done && i < count; i++) {
			last = rows[i].id;
			check->report->messages += rows[i].refs > 0;
			if (!rows[i].decodable || state_of(check, &rows[i], NULL) != BLOB_FINE)
				mail_ids_add(&check->suspects, rows[i].id);
			else
				done = look_at_excerpts(check, db, rows[i].id, error);
		}
	}
	db_close(&db);
	free(rows);
	return done;
}

/* Notes size, hash and summary of the file as it is now. */
static bool describe_anew(struct recover_check *check, int64_t id, struct error *error)
{
	struct slice content;
	unsigned char hash[MAIL_HASH_SIZE];
	if (!blob_map(check->folder, id, &content, NULL, error))
		return false;
	blob_hash(content, hash);
	bool done = mail_describe(check->change, id, content, hash, error);
	blob_unmap(content);
	return done;
}

static bool mend_content(struct recover_check *check, const struct mail_content *row, struct error *error)
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
		return !check->repair || describe_anew(check, row->id, error);
	case BLOB_FINE:
		break;
	}
	if (row->decodable || !blob_is_there(check->folder, row->id))
		return true;
	found(check, "the summary of message %.*s cannot be read", SLICE_ARG(id_slice(row->id, id)));
	return !check->repair || describe_anew(check, row->id, error);
}

/* Once more, now that nothing changes. */
static bool check_suspects(struct recover_check *check, struct error *error)
{
	size_t count = check->repair ? check->suspects.count : 0;
	bool done = change_index_messages(check->change, true, count, error);
	for (size_t i = 0; done && i < check->suspects.count; i++) {
		struct mail_content row;
		bool there;
		done = mail_get_content(check->change->db, check->suspects.at[i], &row, &there, error) && (!there || mend_content(check, &row, error));
	}
	return done && change_index_messages(check->change, false, count, error);
}

/* What is missing is made again of the file by who wants it. */
static bool check_excerpts(struct recover_check *check, struct error *error)
{
	bool done = true;
	for (size_t i = 0; done && i < check->misquoted.count; i++) {
		char id[ID_TEXT_LEN + 1];
		found(check, "the excerpt of message %.*s is not what its file says", SLICE_ARG(id_slice(check->misquoted.at[i], id)));
		if (!check->repair)
			continue;
		done = mail_drop_excerpts(check->change->db, check->misquoted.at[i], error);
		change_modseq(check->change);
	}
	return done;
}

/* ---- Rows against rows ---- */

/* Messages that placements show, but whose row was lost. What has a file is seen again where it was. */
static bool check_lost_rows(struct recover_check *check, struct error *error)
{
	struct mail_ids lost = {0}, received = {0}, threads = {0};
	bool done = mail_list_lost(check->change->db, &lost, &received, &threads, error);
	for (size_t i = 0; done && check->repair && i < lost.count; i++) {
		char id[ID_TEXT_LEN + 1];
		bool added;
		done = recover_adopt_shown(check->change, check->folder, lost.at[i], received.at[i], threads.at[i], &added, error);
		if (done && added)
			found(check, "nothing was noted of message %.*s, which is shown", SLICE_ARG(id_slice(lost.at[i], id)));
	}
	mail_ids_free(&lost);
	mail_ids_free(&received);
	mail_ids_free(&threads);
	return done;
}

static void found_rows(void *context, const char *problem, int64_t count)
{
	found(context, "%s: %lld", problem, (long long)count);
}

static bool check_inbox(struct recover_check *check, int64_t *inbox, struct error *error)
{
	if (!mail_inbox(check->change->db, true, inbox, error))
		return false;
	if (*inbox != 0)
		return true;
	found(check, "there is no INBOX");
	return !check->repair || mail_add_mailbox(check->change->db, SLICE("INBOX"), USE_NONE, change_modseq(check->change),
						  &check->change->row.uidvalidity, inbox, error);
}

/* Messages that nothing shows and nobody expunged. Runs with counters that are mended afterwards. */
static bool check_stray(struct recover_check *check, int64_t inbox, struct error *error)
{
	struct mail_ids strays = {0};
	bool done = mail_list_strays(check->change->db, &strays, error);
	if (strays.count > 0)
		found(check, "messages that no mailbox shows: %zu", strays.count);
	for (size_t i = 0; done && check->repair && i < strays.count; i++)
		done = mail_show_stray(check->change, inbox, strays.at[i], error);
	mail_ids_free(&strays);
	return done;
}

static bool check_mailboxes(struct recover_check *check, struct error *error)
{
	struct mail_ids ids = {0};
	char name[MAILBOX_NAME_MAX + 1];
	bool wrong;
	bool done = mail_list_mailbox_ids(check->change->db, &ids, error);
	for (size_t i = 0; done && i < ids.count; i++) {
		done = mail_check_counters(check->change, ids.at[i], check->repair, &wrong, name, error);
		if (done && wrong)
			found(check, "the counters of mailbox \"%s\" are wrong", name);
	}
	mail_ids_free(&ids);
	return done;
}

/* Last: all else has been mended. */
static bool check_emails(struct recover_check *check, struct error *error)
{
	bool wrong;
	if (!mail_recount(check->change, check->repair, &wrong, error))
		return false;
	if (wrong)
		found(check, "the counts of emails and threads are wrong");
	return true;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool check_account_row(struct recover_check *check, int64_t modseq_before, struct error *error)
{
	struct mail_row *row = &check->change->row;
	int64_t messages, bytes, last_id;
	if (!mail_count_messages(check->change->db, &messages, &bytes, &last_id, error))
		return false;
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
	struct recover_check *check = context;
	(void)error;
	if (id == 0) {
		found(check, "a file that is no message of ours: %s", path);
		check->report->repaired -= check->repair;
		return true;
	}
	if (blob_is_right(check->folder, id, path))
		return true;
	found(check, "a message's file is in the wrong folder: %s", path);
	if (!check->repair || !blob_set_right(check->folder, id, path))
		check->report->repaired -= check->repair;
	return true;
}

static bool look_at_file(void *context, int64_t id, const char *path, struct error *error)
{
	struct recover_check *check = context;
	bool known = id == 0 || is_kept(check, id) || has_arrived(check, id);
	if (!known && !mail_is_known(check->change->db, id, &known, error))
		return false;
	if (known)
		return true;
	found(check, "a file without a message: %s", path);
	mail_ids_add(id > check->change->row.last_id ? &check->newer : &check->leftovers, id);
	return true;
}

static bool look_at_arrival(struct recover_check *check, struct arrival *arrival, struct error *error)
{
	bool known;
	struct slice content;
	if (!mail_is_delivered(check->change, arrival->delivery_id, &known, error))
		return false;
	if (known)
		return true;
	mail_ids_add(&check->arrived, arrival->id);
	bool mapped = blob_map_arrival(check->folder, arrival, &content, NULL);
	if (mapped && blob_is_what_arrived(arrival, content)) {
		check->report->messages++;
	} else {
		char path[PATH_MAX];
		blob_arrival_path(check->folder, arrival, path);
		found(check, "a letter that waits to be taken in is not what was written: %s", path);
	}
	if (mapped)
		blob_unmap(content);
	return true;
}

/* Opening the account for a repair has taken in all of them. */
static bool check_arrivals(struct recover_check *check, struct error *error)
{
	struct blob_arrivals waiting = {0};
	bool done = check->repair || blob_list_arrivals(check->folder, &waiting, error);
	for (size_t i = 0; done && i < waiting.count; i++)
		done = look_at_arrival(check, &waiting.at[i], error);
	free(waiting.at);
	return done;
}

/* ---- All of it ---- */

/* A folder lists its files in no order; their ids tell in which they came. */
static void sort_ids(struct mail_ids *ids)
{
	if (ids->count > 1)
		qsort(ids->at, ids->count, sizeof *ids->at, compare_ids);
}

struct recover_check *recover_check_new(struct durable *durable, const char *folder, const char *database, struct slice name, int64_t kept_since, bool repair, struct fsck_report *report)
{
	struct recover_check *check = memory_new(sizeof *check);
	*check = (struct recover_check){.durable = durable, .folder = folder, .database = database, .name = name, .kept_since = kept_since, .repair = repair, .report = report};
	return check;
}

void recover_check_free(struct recover_check **check)
{
	struct recover_check *c = *check;
	mail_ids_free(&c->suspects);
	mail_ids_free(&c->misquoted);
	mail_ids_free(&c->newer);
	mail_ids_free(&c->leftovers);
	mail_ids_free(&c->arrived);
	durable_kept_list_free(&c->kept);
	free(c);
	*check = NULL;
}

bool recover_check_files(struct recover_check *check, struct error *error)
{
	return (check->repair || durable_find_kept(check->durable, durable_epoch(check->durable) + 1, check->name, &check->kept, error)) &&
	       blob_list(check->folder, look_at_place, check, error) && find_suspects(check, error);
}

bool recover_check_rows(struct recover_check *check, struct change *change, struct error *error)
{
	int64_t inbox, modseq = change->row.modseq;
	check->change = change;
	bool done = check_arrivals(check, error) && check_lost_rows(check, error) &&
		    mail_check_rows(change, check->repair, found_rows, check, error) && check_suspects(check, error) && check_excerpts(check, error) &&
		    check_inbox(check, &inbox, error) && check_stray(check, inbox, error) &&
		    blob_list(check->folder, look_at_file, check, error) && change_settle(change, error) && check_mailboxes(check, error) &&
		    check_emails(check, error) && check_account_row(check, modseq, error);
	if (!check->repair)
		change->modseq = 0; /* nothing was changed, nothing is to be written */
	sort_ids(&check->newer);
	sort_ids(&check->leftovers);
	return done;
}

const struct mail_ids *recover_newer(const struct recover_check *check)
{
	return &check->newer;
}

const struct mail_ids *recover_leftovers(const struct recover_check *check)
{
	return &check->leftovers;
}
