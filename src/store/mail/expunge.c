/* Removing messages from mailboxes, bringing them back, and removing what nobody can bring back any more.
 *
 * The last placement of a message gone, its row stays with the time of that, and its file with it, for undelete_seconds.
 * account_clean() removes the row first and the file after the commit: a crash in between leaves a file without a row. */
#include "base/array.h"
#include "base/memory.h"
#include "store/mail/internal.h"

/* ---- Expunging ---- */

static bool touch_placed(struct change *change, int64_t mailbox, uint32_t uid, bool *there, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "SELECT thread FROM placement WHERE mailbox = $1 AND uid = $2", mailbox, uid);
	enum db_step step = db_step(s, error);
	int64_t thread = step == DB_ROW ? db_number(s, 0) : 0;
	*there = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED && (!*there || change_touch(change, thread, error));
}

/* A placement leaves its mailbox: the mailbox's counters go to *tally, the UID to the log. */
static bool take_out(struct change *change, int64_t mailbox, uint32_t uid, uint32_t recent_from, struct mail_tally *tally, bool *was_there,
		     struct error *error)
{
	if (!touch_placed(change, mailbox, uid, was_there, error))
		return false;
	if (!*was_there)
		return true;
	struct db_statement *s = PREPARE(change->db, "DELETE FROM placement WHERE mailbox = $1 AND uid = $2 RETURNING message, flags, size, length(keywords)",
		mailbox, uid);
	if (db_step(s, error) != DB_ROW)
		return false;
	int64_t message = db_number(s, 0);
	mail_tally_add(tally, (unsigned)db_number(s, 1), (uint64_t)db_number(s, 2), -1);
	tally->keywords -= db_number(s, 3);
	tally->recent -= uid >= recent_from;
	db_reset(s);
	return change_drop_refs(change, message, 1, error) &&
	       db_run(PREPARE(change->db, "INSERT INTO expunged (mailbox, modseq, uid, message) VALUES ($1, $2, $3, $4)", mailbox, change_modseq(change), uid, message), error);
}

static bool read_recent_from(struct db *db, int64_t mailbox, uint32_t *recent_from, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT recent_from FROM mailbox WHERE id = $1", mailbox);
	enum db_step step = db_step(s, error);
	*recent_from = step == DB_ROW ? (uint32_t)db_number(s, 0) : 0;
	db_reset(s);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "no such mailbox"));
}

bool change_take_out(struct change *change, int64_t mailbox, const uint32_t *uids, size_t count, uint32_t *removed, size_t *removed_count,
		     struct error *error)
{
	struct mail_tally tally = {0};
	uint32_t recent_from;
	if (!read_recent_from(change->db, mailbox, &recent_from, error))
		return false;
	*removed_count = 0;
	for (size_t i = 0; i < count; i++) {
		bool was_there;
		if (!take_out(change, mailbox, uids[i], recent_from, &tally, &was_there, error))
			return false;
		if (was_there)
			removed[(*removed_count)++] = uids[i];
	}
	return *removed_count == 0 || change_tally(change, mailbox, &tally, error);
}

/* Those of the given UIDs (ascending) that have \Deleted; found by their index, however large the mailbox is. */
static bool choose_deleted(struct db *db, int64_t mailbox, const uint32_t *uids, size_t count, uint32_t *chosen, size_t *chosen_count,
			   struct error *error)
{
	/* modseq > 0 is always true: with it, and without a use for the order of UIDs, the index of the deleted is the way */
	struct db_statement *s = PREPARE(db, "SELECT uid FROM placement WHERE mailbox = $1 AND (flags & 8) <> 0 AND modseq > 0"
		" ORDER BY +uid", mailbox);
	enum db_step step;
	size_t i = 0;
	*chosen_count = 0;
	while ((step = db_step(s, error)) == DB_ROW) {
		uint32_t uid = (uint32_t)db_number(s, 0);
		while (i < count && uids[i] < uid)
			i++;
		if (i < count && uids[i] == uid)
			chosen[(*chosen_count)++] = uid;
	}
	return step == DB_DONE;
}

bool mail_expunge(struct change *change, int64_t mailbox, const uint32_t *uids, size_t count, bool any, uint32_t *removed, size_t *removed_count,
		  struct error *error)
{
	*removed_count = 0;
	if (any)
		return change_take_out(change, mailbox, uids, count, removed, removed_count, error);
	uint32_t *chosen = memory_array(count, sizeof *chosen);
	size_t chosen_count;
	bool done = choose_deleted(change->db, mailbox, uids, count, chosen, &chosen_count, error) &&
		    change_take_out(change, mailbox, chosen, chosen_count, removed, removed_count, error);
	free(chosen);
	return done;
}

/* ---- Bringing back ---- */

bool mail_list_expunged(struct db *db, int64_t since, size_t limit, struct arena *arena, struct expunged_message **list, size_t *count,
			   struct error *error)
{
	struct expunged_message *found = NULL;
	size_t room = 0;
	enum db_step step;
	*count = 0;
	struct db_statement *s = PREPARE(db, "SELECT id, size, received, expunged, summary, thread FROM message WHERE expunged <> 0"
		" AND expunged > $1 ORDER BY expunged DESC, id DESC LIMIT $2", since,
		limit == 0 || limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
	while ((step = db_step(s, error)) == DB_ROW) {
		ARRAY_GROW(found, *count, room);
		found[(*count)++] = (struct expunged_message){db_number(s, 0), (uint64_t)db_number(s, 1), db_number(s, 2), db_number(s, 3),
			arena_copy(arena, db_blob(s, 4)), db_number(s, 5), 0};
	}
	*list = arena_array(arena, *count + 1, sizeof **list);
	if (*count > 0)
		memcpy(*list, found, *count * sizeof **list);
	free(found);
	return step == DB_DONE;
}

bool mail_expunged_ids(struct db *db, int64_t since, size_t limit, struct arena *arena, int64_t **ids, size_t *count, struct error *error)
{
	enum db_step step;
	*count = 0;
	*ids = arena_array(arena, limit + 1, sizeof **ids);
	struct db_statement *s = PREPARE(db, "SELECT id FROM message WHERE expunged <> 0 AND expunged > $1 ORDER BY expunged DESC, id DESC LIMIT $2", since, (int64_t)limit);
	while ((step = db_step(s, error)) == DB_ROW)
		(*ids)[(*count)++] = db_number(s, 0);
	return step == DB_DONE;
}

static bool find_one_expunged(struct db *db, int64_t since, int64_t id, struct arena *arena, struct expunged_message *found, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT size, received, expunged, summary, thread FROM message WHERE id = $1 AND expunged <> 0 AND expunged > $2", id, since);
	enum db_step step = db_step(s, error);
	*found = (struct expunged_message){0};
	if (step == DB_ROW)
		*found = (struct expunged_message){id, (uint64_t)db_number(s, 0), db_number(s, 1), db_number(s, 2), arena_copy(arena, db_blob(s, 3)), db_number(s, 4), 0};
	db_reset(s);
	return step != DB_FAILED;
}

/* Its place in `ids`, and the mod-sequence by which it left the mailbox that is known so far. */
struct departure { int64_t id, modseq; size_t at; };

static int by_departed(const void *a, const void *b)
{
	int64_t left = ((const struct departure *)a)->id, right = ((const struct departure *)b)->id;
	return (left > right) - (left < right);
}

/* The log of expunges has no index of messages, which few would ask: it is gone through once for all of them. */
static bool find_mailboxes_left(struct db *db, const int64_t *ids, size_t count, struct expunged_message *list, struct error *error)
{
	struct departure *wanted = memory_array(count, sizeof *wanted);
	enum db_step step;
	for (size_t i = 0; i < count; i++)
		wanted[i] = (struct departure){.id = ids[i], .at = i};
	qsort(wanted, count, sizeof *wanted, by_departed);
	struct db_statement *s = PREPARE(db, "SELECT message, mailbox, modseq FROM expunged WHERE message BETWEEN $1 AND $2", wanted[0].id, wanted[count - 1].id);
	while ((step = db_step(s, error)) == DB_ROW) {
		struct departure key = {.id = db_number(s, 0)}, *found = bsearch(&key, wanted, count, sizeof key, by_departed);
		if (!found || db_number(s, 2) < found->modseq)
			continue;
		found->modseq = db_number(s, 2);
		list[found->at].mailbox = db_number(s, 1);
	}
	free(wanted);
	return step == DB_DONE;
}

bool mail_find_expunged(struct db *db, int64_t since, const int64_t *ids, size_t count, struct arena *arena, struct expunged_message **list, struct error *error)
{
	*list = arena_array(arena, count + 1, sizeof **list);
	for (size_t i = 0; i < count; i++)
		if (!find_one_expunged(db, since, ids[i], arena, &(*list)[i], error))
			return false;
	return count == 0 || find_mailboxes_left(db, ids, count, *list, error);
}

static bool revive(struct change *change, int64_t message, struct mail_placement *new, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "SELECT size, received, thread FROM message WHERE id = $1 AND refs = 0", message);
	enum db_step step = db_step(s, error);
	new->size = step == DB_ROW ? (uint64_t)db_number(s, 0) : 0;
	new->received = step == DB_ROW ? db_number(s, 1) : 0;
	new->thread = step == DB_ROW ? db_number(s, 2) : 0;
	db_reset(s);
	if (step == DB_DONE)
		return error_set(error, ERROR_NOT_FOUND, "no expunged message of that id is left");
	return step == DB_ROW && change_check_quota(change, new->size, error) && change_place(change, new, error) &&
	       db_run(PREPARE(change->db, "UPDATE message SET refs = 1, expunged = 0 WHERE id = $1", message), error);
}

bool mail_undelete(struct change *change, int64_t message, int64_t mailbox, uint32_t *uid, struct error *error)
{
	struct mail_placement new = {.mailbox = mailbox, .message = message};
	if (!revive(change, message, &new, error))
		return false;
	change->row.messages++;
	change->row.bytes += (int64_t)new.size;
	*uid = new.uid;
	return true;
}

/* ---- Cleaning ---- */

bool mail_forget_some(struct db *db, int64_t before, int64_t ids[MAIL_FORGET_AT_A_TIME], int *count, struct error *error)
{
	*count = 0;
	bool done = db_begin(db, error);
	enum db_step step = DB_FAILED;
	if (done) {
		struct db_statement *s = PREPARE(db, "DELETE FROM message WHERE id IN (SELECT id FROM message WHERE expunged <> 0"
			" AND expunged <= $1 LIMIT $2) RETURNING id", before, MAIL_FORGET_AT_A_TIME);
		while ((step = db_step(s, error)) == DB_ROW && *count < MAIL_FORGET_AT_A_TIME)
			ids[(*count)++] = db_number(s, 0);
		db_reset(s);
	}
	done = done && step == DB_DONE;
	for (int i = 0; done && i < *count; i++)
		done = mail_drop_excerpts(db, ids[i], error);
	done = done && (*count == 0 || *count == MAIL_FORGET_AT_A_TIME || mail_forget_threads(db, error)) && db_commit(db, error);
	db_rollback(db);
	return done;
}

/* What has vanished, likewise. */
static bool shorten_vanished(struct db *db, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE account SET vanished_floor = v.modseq FROM (SELECT modseq FROM vanished ORDER BY modseq DESC LIMIT 1 OFFSET $1) AS v"
			" WHERE v.modseq > vanished_floor", EXPUNGED_KEPT), error) &&
	       db_run(db_prepare(db, "DELETE FROM vanished WHERE modseq <= (SELECT vanished_floor FROM account)"), error);
}

/* What is known of removed mailboxes and their messages has bounds for all of them together. */
static bool shorten_removed(struct db *db, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE account SET removed_floor = COALESCE((SELECT modseq FROM removed_mailbox ORDER BY modseq DESC LIMIT 1 OFFSET $1),"
			" removed_floor)", REMOVED_KEPT), error) &&
	       db_run(PREPARE(db, "UPDATE account SET removed_floor = f.modseq FROM (SELECT e.modseq FROM expunged e JOIN removed_mailbox r ON r.id = e.mailbox"
			" ORDER BY e.modseq DESC LIMIT 1 OFFSET $1) AS f WHERE f.modseq > removed_floor", EXPUNGED_KEPT), error) &&
	       db_run(db_prepare(db, "DELETE FROM expunged WHERE modseq <= (SELECT removed_floor FROM account)"
			" AND mailbox IN (SELECT id FROM removed_mailbox)"), error) &&
	       db_run(db_prepare(db, "DELETE FROM removed_mailbox WHERE modseq <= (SELECT removed_floor FROM account)"), error);
}

/* The oldest rows of a log that has grown too long go; who asks for what was before compares UIDs instead. */
bool mail_shorten_log(struct db *db, int64_t now, struct error *error)
{
	bool done = db_begin(db, error) &&
		db_run(PREPARE(db, "UPDATE mailbox SET log_floor = COALESCE((SELECT modseq FROM expunged e WHERE e.mailbox = mailbox.id"
			" ORDER BY e.modseq DESC LIMIT 1 OFFSET $1), log_floor)", EXPUNGED_KEPT), error) &&
		db_run(db_prepare(db, "DELETE FROM expunged WHERE modseq <= (SELECT log_floor FROM mailbox m WHERE m.id = expunged.mailbox)"), error) &&
		shorten_removed(db, error) && shorten_vanished(db, error) && db_run(PREPARE(db, "DELETE FROM delivery WHERE at < $1 AND id > 0", now - DELIVERY_KEPT_SECONDS), error) && db_commit(db, error);
	db_rollback(db);
	return done;
}

