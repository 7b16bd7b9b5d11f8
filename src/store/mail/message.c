/* Reading messages: lists, UIDs, what was expunged. Everything here takes time by what it returns, not by the size
 * of the mailbox (message_uids returns the whole mailbox). */
#include "base/array.h"
#include "base/memory.h"
#include "store/mail/internal.h"

#define PLACEMENT_COLUMNS "p.uid, p.flags, p.keywords, p.modseq, p.message, p.size, p.received"
#define WITH_NOTHING "SELECT " PLACEMENT_COLUMNS " FROM placement p "
#define WITH_SUMMARY "SELECT " PLACEMENT_COLUMNS ", m.summary FROM placement p JOIN message m ON m.id = p.message "
#define WITH_EXCERPT(table) "SELECT " PLACEMENT_COLUMNS ", e.text FROM placement p LEFT JOIN " table " e ON e.message = p.message "
#define WITH_BOTH(table) "SELECT " PLACEMENT_COLUMNS ", e.text, m.summary FROM placement p JOIN message m ON m.id = p.message LEFT JOIN " table " e" \
	" ON e.message = p.message "
/* Two ways to the same rows: along the UIDs, or along the newest changes. A + keeps a column from choosing the way. */
#define BY_UID "WHERE p.mailbox = $1 AND p.uid >= $2 AND p.uid <= $3 AND p.modseq > $4 ORDER BY p.uid LIMIT $5"
#define BY_CHANGE "WHERE p.mailbox = $1 AND +p.uid >= $2 AND +p.uid <= $3 AND p.modseq > $4 ORDER BY +p.uid LIMIT $5"

enum { KEYWORD_LISTS_MAX = 500 }; /* different lists of keywords of a mailbox that are looked at */
enum { FEW_CHANGES = 4096 }; /* up to so many changes are found faster by their mod-sequence than by reading along the UIDs */

/* Are there just a few changes after `since`? */
static bool few_changes(struct db *db, int64_t mailbox, int64_t since)
{
	if (since <= 0)
		return false;
	struct db_statement *s = PREPARE(db, "SELECT count(*) FROM (SELECT 1 FROM placement WHERE mailbox = $1 AND modseq > $2 LIMIT $3) AS changed",
		mailbox, since, FEW_CHANGES + 1);
	bool few = db_step(s, NULL) == DB_ROW && db_number(s, 0) <= FEW_CHANGES;
	db_reset(s);
	return few;
}

/* What else is wanted of each stands behind the columns of its placement. */
static const char *const along_uids[] = {
	[MESSAGE_FLAGS] = WITH_NOTHING BY_UID, [MESSAGE_SUMMARY] = WITH_SUMMARY BY_UID,
	[MESSAGE_EXCERPT] = WITH_EXCERPT("excerpt") BY_UID, [MESSAGE_EXCERPT | MESSAGE_SUMMARY] = WITH_BOTH("excerpt") BY_UID,
	[MESSAGE_LONG_EXCERPT] = WITH_EXCERPT("long_excerpt") BY_UID, [MESSAGE_LONG_EXCERPT | MESSAGE_SUMMARY] = WITH_BOTH("long_excerpt") BY_UID,
};
static const char *const along_changes[] = {[MESSAGE_FLAGS] = WITH_NOTHING BY_CHANGE, [MESSAGE_SUMMARY] = WITH_SUMMARY BY_CHANGE};

static void read_message(struct db_statement *s, enum message_wanted wanted, struct arena *arena, struct message *message)
{
	bool excerpt = wanted & (MESSAGE_EXCERPT | MESSAGE_LONG_EXCERPT);
	*message = (struct message){
		.uid = (uint32_t)db_number(s, 0), .flags = (unsigned)db_number(s, 1), .modseq = db_number(s, 3), .id = db_number(s, 4),
		.size = (uint64_t)db_number(s, 5), .received = db_number(s, 6),
	};
	struct slice keywords = db_text(s, 2);
	if (!slice_empty(keywords))
		message->keywords = arena_copy(arena, keywords);
	if (excerpt)
		message->excerpt = arena_copy(arena, db_blob(s, 7));
	if (wanted & MESSAGE_SUMMARY)
		message->summary = arena_copy(arena, db_blob(s, 7 + excerpt));
}

/* Grows outside of the arena, then moves there once: chunks that were outgrown would stay in it. Ends early, with *cut, when
 * the arena has more than `bytes`. */
static bool read_list(struct db_statement *s, enum message_wanted wanted, size_t bytes, struct arena *arena, struct message **list, size_t *count,
		      bool *cut, struct error *error)
{
	struct message *found = NULL;
	size_t room = 0;
	enum db_step step;
	*count = 0;
	*cut = false;
	while ((step = db_step(s, error)) == DB_ROW) {
		if (*count > 0 && arena_used(arena) > bytes) {
			*cut = true;
			db_reset(s);
			step = DB_DONE;
			break;
		}
		ARRAY_GROW(found, *count, room);
		read_message(s, wanted, arena, &found[(*count)++]);
	}
	*list = arena_array(arena, *count + 1, sizeof **list);
	if (*count > 0)
		memcpy(*list, found, *count * sizeof **list);
	free(found);
	return step == DB_DONE;
}

bool mail_list(struct db *db, int64_t mailbox, uint32_t first, uint32_t last, int64_t since, size_t limit,
		  enum message_wanted wanted, struct arena *arena, struct message **list, size_t *count, struct error *error)
{
	bool cut;
	const char *sql = wanted <= MESSAGE_SUMMARY && few_changes(db, mailbox, since) ? along_changes[wanted] : along_uids[wanted];
	struct db_statement *s = PREPARE(db, sql, mailbox, first, last, since,
		limit == 0 || limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
	bool done = read_list(s, wanted, SIZE_MAX, arena, list, count, &cut, error);
	return done;
}

bool mail_list_some(struct db *db, int64_t mailbox, uint32_t first, uint32_t last, size_t bytes, enum message_wanted wanted,
		       struct arena *arena, struct message **list, size_t *count, bool *cut, struct error *error)
{
	const char *sql = along_uids[wanted];
	struct db_statement *s = PREPARE(db, sql, mailbox, first, last, 0, INT64_MAX);
	bool done = read_list(s, wanted, arena_used(arena) + bytes, arena, list, count, cut, error);
	return done;
}

/* The next list of keywords behind *last, which becomes it. */
static enum db_step next_keywords(struct db *db, int64_t mailbox, struct arena *arena, struct slice *last, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT keywords FROM placement WHERE mailbox = $1 AND keywords <> '' AND keywords > $2 ORDER BY keywords LIMIT 1",
		mailbox);
	db_bind_text(s, 2, *last);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW)
		*last = arena_copy(arena, db_text(s, 0));
	db_reset(s);
	return step;
}

bool mail_keywords(struct db *db, int64_t mailbox, struct arena *arena, struct slice *keywords, struct error *error)
{
	struct buf lists = BUF(MAILBOX_KEYWORDS_MAX);
	struct slice last = slice_make("", 0);
	enum db_step step = DB_ROW;
	for (int i = 0; i < KEYWORD_LISTS_MAX && !lists.overflow && step == DB_ROW; i++)
		if ((step = next_keywords(db, mailbox, arena, &last, error)) == DB_ROW)
			buf_printf(&lists, "%s%.*s", lists.len > 0 ? " " : "", SLICE_ARG(last));
	*keywords = arena_copy(arena, buf_slice(&lists));
	buf_free(&lists);
	return step != DB_FAILED;
}

/* ---- Opening a mailbox ---- */

/* Where the first message without \Seen is among the first `look`, from 1; 0: not there. */
static bool first_unseen(struct db *db, int64_t mailbox, size_t look, size_t *number, struct error *error)
{
	enum db_step step;
	size_t at = 0;
	struct db_statement *s = PREPARE(db, "SELECT flags FROM placement WHERE mailbox = $1 ORDER BY uid LIMIT $2", mailbox, (int64_t)look);
	for (*number = 0; *number == 0 && (step = db_step(s, error)) == DB_ROW; at++)
		*number = (db_number(s, 0) & FLAG_SEEN) == 0 ? at + 1 : 0;
	db_reset(s);
	return *number != 0 || step != DB_FAILED;
}

static bool open_in(struct db *db, int64_t id, size_t look, struct arena *arena, struct mailbox *mailbox, int64_t *modseq, size_t *unseen, struct error *error)
{
	struct mail_row row;
	*unseen = 0;
	if (!change_read_row(db, &row, error) || !mail_get_mailbox(db, id, arena, mailbox, error))
		return false;
	*modseq = row.modseq;
	return mailbox->unseen == 0 || first_unseen(db, id, look, unseen, error);
}

bool mail_open_mailbox(struct db *db, int64_t id, size_t look, struct arena *arena, struct mailbox *mailbox, int64_t *modseq, size_t *unseen,
		       struct error *error)
{
	bool done = db_begin_read(db, error) && open_in(db, id, look, arena, mailbox, modseq, unseen, error);
	db_rollback(db);
	return done;
}

static bool read_uids(struct db_statement *s, size_t expected, uint32_t **uids, size_t *count, struct error *error)
{
	size_t room = expected + 16;
	enum db_step step;
	*uids = memory_array(room, sizeof **uids);
	*count = 0;
	while ((step = db_step(s, error)) == DB_ROW) {
		ARRAY_GROW(*uids, *count, room);
		(*uids)[(*count)++] = (uint32_t)db_number(s, 0);
	}
	if (step == DB_DONE)
		return true;
	free(*uids);
	*uids = NULL;
	*count = 0;
	return false;
}

static bool uids_in(struct db *db, int64_t mailbox, uint32_t **uids, size_t *count, int64_t *modseq, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT (SELECT modseq FROM account), messages FROM mailbox WHERE id = $1", mailbox);
	enum db_step step = db_step(s, error);
	if (step != DB_ROW)
		return step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "no such mailbox");
	*modseq = db_number(s, 0);
	size_t expected = (size_t)db_number(s, 1);
	db_reset(s);
	s = PREPARE(db, "SELECT uid FROM placement WHERE mailbox = $1 ORDER BY uid", mailbox);
	return read_uids(s, expected, uids, count, error);
}

bool mail_uids(struct db *db, int64_t mailbox, uint32_t **uids, size_t *count, int64_t *modseq, struct error *error)
{
	*uids = NULL;
	*count = 0;
	bool done = db_begin_read(db, error) && uids_in(db, mailbox, uids, count, modseq, error);
	db_rollback(db);
	return done;
}

static bool expunged_in(struct db *db, int64_t mailbox, int64_t since, struct arena *arena, uint32_t **uids, size_t *count,
			bool *complete, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT log_floor FROM mailbox WHERE id = $1", mailbox);
	enum db_step step = db_step(s, error);
	if (step != DB_ROW)
		return step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "no such mailbox");
	*complete = since >= db_number(s, 0);
	db_reset(s);
	uint32_t *found;
	s = PREPARE(db, "SELECT uid FROM expunged WHERE mailbox = $1 AND modseq > $2 ORDER BY uid", mailbox, since);
	if (!read_uids(s, 0, &found, count, error))
		return false;
	*uids = arena_array(arena, *count + 1, sizeof **uids);
	memcpy(*uids, found, *count * sizeof **uids);
	free(found);
	return true;
}

bool mail_list_gone(struct db *db, int64_t mailbox, int64_t since, struct arena *arena, uint32_t **uids,
		      size_t *count, bool *complete, struct error *error)
{
	bool done = db_begin_read(db, error) && expunged_in(db, mailbox, since, arena, uids, count, complete, error);
	db_rollback(db);
	return done;
}

/* ---- \Recent ---- */

static bool claim_in(struct db *db, int64_t mailbox, uint32_t *first, uint32_t *next, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT recent_from, uidnext FROM mailbox WHERE id = $1", mailbox);
	enum db_step step = db_step(s, error);
	*first = step == DB_ROW ? (uint32_t)db_number(s, 0) : 0;
	*next = step == DB_ROW ? (uint32_t)db_number(s, 1) : 0;
	db_reset(s);
	if (step != DB_ROW)
		return step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "no such mailbox");
	return db_run(PREPARE(db, "UPDATE mailbox SET recent = 0, recent_from = uidnext WHERE id = $1", mailbox), error);
}

/* No change in the sense of change.c: nobody needs to hear of it. */
bool mail_claim_recent(struct db *db, int64_t mailbox, uint32_t *first, uint32_t *next, struct error *error)
{
	bool done = db_begin(db, error);
	if (done) {
		done = claim_in(db, mailbox, first, next, error) && db_commit(db, error);
		db_rollback(db);
	}
	return done;
}

/* ---- One message ---- */

bool mail_size(struct db *db, int64_t id, uint64_t *size, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT size FROM message WHERE id = $1 AND refs > 0", id);
	enum db_step step = db_step(s, error);
	*size = step == DB_ROW ? (uint64_t)db_number(s, 0) : 0;
	db_reset(s);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "the message is no longer there"));
}

struct slice mail_find_summary(struct db *db, int64_t id, struct arena *arena)
{
	struct db_statement *s = PREPARE(db, "SELECT summary FROM message WHERE id = $1", id);
	struct slice summary = db_step(s, NULL) == DB_ROW ? arena_copy(arena, db_blob(s, 0)) : slice_make(NULL, 0);
	db_reset(s);
	return summary;
}

void mail_renew_summary(struct db *db, int64_t id, struct slice summary)
{
	if (!db_begin(db, NULL))
		return;
	struct db_statement *s = PREPARE(db, "UPDATE message SET summary = $2 WHERE id = $1", id);
	db_bind_blob(s, 2, summary);
	if (!db_run(s, NULL) || !db_commit(db, NULL))
		db_rollback(db);
}
