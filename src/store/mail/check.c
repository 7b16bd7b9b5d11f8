/* Rows against rows, for who checks an account and mends it (recover/fsck.c). */
#include "message/summary.h"
#include "store/mail/internal.h"

/* ---- Contents ---- */

#define CONTENT_COLUMNS "id, size, refs, expunged, hash, summary"
#define EXCERPT_COLUMN "(SELECT text FROM excerpt WHERE excerpt.message = message.id)"

static void read_content(struct db_statement *s, struct mail_content *content)
{
	struct slice hash = db_blob(s, 4);
	*content = (struct mail_content){.id = db_number(s, 0), .size = (uint64_t)db_number(s, 1), .refs = db_number(s, 2), .expunged = db_number(s, 3)};
	content->hash_len = hash.len < MAIL_HASH_SIZE ? hash.len : MAIL_HASH_SIZE;
	memcpy(content->hash, hash.at ? hash.at : "", content->hash_len);
}

static bool is_decodable(struct db_statement *s, struct arena *arena)
{
	arena_reset(arena);
	return summary_decode(db_blob(s, 5), arena) != NULL;
}

bool mail_list_contents(struct db *db, int64_t after, struct mail_content *list, size_t room, size_t *count, struct error *error)
{
	struct arena *arena = arena_new();
	struct db_statement *s = PREPARE(db, "SELECT " CONTENT_COLUMNS " FROM message WHERE id > $1 ORDER BY id LIMIT $2", after, (int64_t)room);
	enum db_step step = DB_DONE;
	for (*count = 0; *count < room && (step = db_step(s, error)) == DB_ROW; (*count)++) {
		read_content(s, &list[*count]);
		list[*count].decodable = is_decodable(s, arena);
	}
	db_reset(s);
	arena_free(&arena);
	return step != DB_FAILED;
}

bool mail_read_content(struct db *db, int64_t id, struct mail_content *content, struct mail_gist *gist, struct arena *arena, bool *there,
		       struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT " CONTENT_COLUMNS ", " EXCERPT_COLUMN " FROM message WHERE id = $1", id);
	enum db_step step = db_step(s, error);
	*there = step == DB_ROW;
	if (*there) {
		read_content(s, content);
		gist->summary = arena_copy(arena, db_blob(s, 5));
		gist->excerpt = arena_copy(arena, db_blob(s, 6));
	}
	db_reset(s);
	return step != DB_FAILED;
}

bool mail_get_content(struct db *db, int64_t id, struct mail_content *content, bool *there, struct error *error)
{
	struct arena *arena = arena_new(), *tree = arena_new();
	struct mail_gist gist;
	bool done = mail_read_content(db, id, content, &gist, arena, there, error);
	if (done && *there)
		content->decodable = summary_decode(gist.summary, tree) != NULL;
	arena_free(&tree);
	arena_free(&arena);
	return done;
}

bool mail_describe(struct change *change, int64_t id, struct slice content, const unsigned char *hash, struct error *error)
{
	struct arena *arena = arena_new();
	struct mail_gist gist = mail_gist(content, arena);
	struct db_statement *s = PREPARE(change->db, "UPDATE message SET size = $2, hash = $3, summary = $4 WHERE id = $1", id, (int64_t)content.len);
	db_bind_blob(s, 3, slice_make((const char *)hash, MAIL_HASH_SIZE));
	db_bind_blob(s, 4, gist.summary);
	bool done = db_run(s, error) && mail_drop_excerpts(change->db, id, error) && mail_put_excerpt(change->db, EXCERPT_SHORT, id, gist.excerpt, error) &&
		    db_run(PREPARE(change->db, "UPDATE placement SET size = $2 WHERE message = $1 AND thread = (SELECT thread FROM message WHERE id = $1)", id,
			(int64_t)content.len), error);
	arena_free(&arena);
	return done && change_cut_history(change, error);
}

/* ---- Rules ---- */

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
	{"messages without a thread", "SELECT count(*) FROM message WHERE thread = 0", "UPDATE message SET thread = id WHERE thread = 0"},
	{"placements with another thread than their message's",
	 "SELECT count(*) FROM placement p JOIN message m ON m.id = p.message WHERE p.thread <> m.thread",
	 "UPDATE placement SET thread = (SELECT thread FROM message m WHERE m.id = placement.message)"},
	{"messages of which it is not noted rightly whether they are seen as emails",
	 "SELECT count(*) FROM message WHERE (appeared <> 0) <> (id IN (SELECT message FROM placement WHERE (flags & 8) = 0))",
	 "UPDATE message SET appeared = CASE WHEN id IN (SELECT message FROM placement WHERE (flags & 8) = 0) THEN (SELECT modseq FROM account) ELSE 0 END"
	 " WHERE (appeared <> 0) <> (id IN (SELECT message FROM placement WHERE (flags & 8) = 0))"},
	{"messages that are shown and expunged at once", "SELECT count(*) FROM message WHERE refs > 0 AND expunged <> 0",
	 "UPDATE message SET expunged = 0 WHERE refs > 0 AND expunged <> 0"},
	{"messages that sleep and aren't where those are", "SELECT count(*) FROM snooze WHERE message NOT IN (SELECT message FROM placement"
	 " WHERE (flags & 8) = 0 AND mailbox IN (SELECT id FROM mailbox WHERE special_use = 8))",
	 "DELETE FROM snooze WHERE message NOT IN (SELECT message FROM placement WHERE (flags & 8) = 0 AND mailbox IN"
	 " (SELECT id FROM mailbox WHERE special_use = 8))"},
	{"excerpts of messages that don't exist", "SELECT count(*) FROM excerpt WHERE message NOT IN (SELECT id FROM message)",
	 "DELETE FROM excerpt WHERE message NOT IN (SELECT id FROM message)"},
	{"long excerpts of messages that don't exist", "SELECT count(*) FROM long_excerpt WHERE message NOT IN (SELECT id FROM message)",
	 "DELETE FROM long_excerpt WHERE message NOT IN (SELECT id FROM message)"},
	{"address books that are missing, though there are cards", "SELECT CASE WHEN EXISTS (SELECT 1 FROM object WHERE kind = 9)"
	 " AND NOT EXISTS (SELECT 1 FROM object WHERE kind = 8) THEN 1 ELSE 0 END",
	 "INSERT INTO object (kind, id, created, made, modseq, reference, text) SELECT 8, last_id + 1, 0, modseq, modseq, 1, '{\"name\":\"Contacts\"}' FROM account"},
	{"address books too many or too few that are the default", "SELECT CASE WHEN EXISTS (SELECT 1 FROM object WHERE kind = 8)"
	 " AND (SELECT count(*) FROM object WHERE kind = 8 AND reference = 1) <> 1 THEN 1 ELSE 0 END",
	 "UPDATE object SET reference = CASE WHEN id = (SELECT min(id) FROM object WHERE kind = 8) THEN 1 ELSE 0 END WHERE kind = 8"},
	{"places of cards in address books of which one doesn't exist", "SELECT count(*) FROM contact_place"
	 " WHERE card NOT IN (SELECT id FROM object WHERE kind = 9) OR book NOT IN (SELECT id FROM object WHERE kind = 8)",
	 "DELETE FROM contact_place WHERE card NOT IN (SELECT id FROM object WHERE kind = 9) OR book NOT IN (SELECT id FROM object WHERE kind = 8)"},
	{"cards in no address book", "SELECT count(*) FROM object WHERE kind = 9 AND id NOT IN (SELECT card FROM contact_place)",
	 "INSERT INTO contact_place (card, book) SELECT c.id, b.id FROM object c JOIN object b ON b.kind = 8 AND b.reference = 1"
	 " WHERE c.kind = 9 AND c.id NOT IN (SELECT card FROM contact_place)"},
	{"photos of cards that don't exist", "SELECT count(*) FROM contact_photo WHERE card NOT IN (SELECT id FROM object WHERE kind = 9)",
	 "DELETE FROM contact_photo WHERE card NOT IN (SELECT id FROM object WHERE kind = 9)"},
	{"sizes of cards that don't exist", "SELECT count(*) FROM contact_size WHERE card NOT IN (SELECT id FROM object WHERE kind = 9)",
	 "DELETE FROM contact_size WHERE card NOT IN (SELECT id FROM object WHERE kind = 9)"},
	{"cards whose size isn't noted", "SELECT count(*) FROM object WHERE kind = 9 AND id NOT IN (SELECT card FROM contact_size)",
	 "INSERT INTO contact_size (card, bytes) SELECT id, length(text) + COALESCE((SELECT sum(size) FROM contact_photo p WHERE p.card = object.id), 0)"
	 " FROM object WHERE kind = 9 AND id NOT IN (SELECT card FROM contact_size)"},
	{"a wrong sum of what contacts take", "SELECT count(*) FROM contact_numbers WHERE bytes <> (SELECT COALESCE(sum(bytes), 0) FROM contact_size)",
	 "UPDATE contact_numbers SET bytes = (SELECT COALESCE(sum(bytes), 0) FROM contact_size)"},
};

static bool count_wrong(struct db *db, const char *sql, int64_t *count, struct error *error)
{
	struct db_statement *s = db_prepare(db, sql);
	enum db_step step = db_step(s, error);
	*count = step == DB_ROW ? db_number(s, 0) : 0;
	db_reset(s);
	return step == DB_ROW;
}

bool mail_check_rows(struct change *change, bool repair, mail_found *found, void *context, struct error *error)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		int64_t count;
		if (!count_wrong(change->db, rules[i].count, &count, error))
			return false;
		if (count == 0)
			continue;
		found(context, rules[i].problem, count);
		if (repair && (!db_run(db_prepare(change->db, rules[i].mend), error) || !change_cut_history(change, error)))
			return false;
		change_modseq(change);
	}
	return true;
}

/* ---- What is lost or astray ---- */

bool mail_list_lost(struct db *db, struct mail_ids *lost, struct mail_ids *received, struct mail_ids *threads, struct error *error)
{
	struct db_statement *s = db_prepare(db, "SELECT message, min(received), min(thread) FROM placement"
		" WHERE message NOT IN (SELECT id FROM message) GROUP BY message");
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW) {
		mail_ids_add(lost, db_number(s, 0));
		mail_ids_add(received, db_number(s, 1));
		mail_ids_add(threads, db_number(s, 2));
	}
	return step == DB_DONE;
}

static bool list_ids(struct db_statement *s, struct mail_ids *ids, struct error *error)
{
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW)
		mail_ids_add(ids, db_number(s, 0));
	return step == DB_DONE;
}

bool mail_list_strays(struct db *db, struct mail_ids *strays, struct error *error)
{
	return list_ids(db_prepare(db, "SELECT id FROM message WHERE refs = 0 AND expunged = 0"), strays, error);
}

bool mail_list_mailbox_ids(struct db *db, struct mail_ids *ids, struct error *error)
{
	return list_ids(db_prepare(db, "SELECT id FROM mailbox"), ids, error);
}

bool mail_show_stray(struct change *change, int64_t mailbox, int64_t message, struct error *error)
{
	struct mail_placement new = {.mailbox = mailbox, .message = message};
	struct db_statement *s = PREPARE(change->db, "UPDATE message SET refs = 1 WHERE id = $1 RETURNING size, received, thread", message);
	bool done = db_step(s, error) == DB_ROW;
	new.size = done ? (uint64_t)db_number(s, 0) : 0;
	new.received = done ? db_number(s, 1) : 0;
	new.thread = done ? db_number(s, 2) : 0;
	db_reset(s);
	return done && change_place(change, &new, error);
}

/* ---- Counters ---- */

struct counts { int64_t messages, unseen, deleted, bytes, recent, uidnext, modseq, keyword_bytes; };

static bool count_placements(struct db *db, int64_t mailbox, int64_t recent_from, struct counts *counts, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT count(*), COALESCE(sum(CASE WHEN (flags & 1) = 0 THEN 1 ELSE 0 END), 0),"
		" COALESCE(sum(CASE WHEN (flags & 8) <> 0 THEN 1 ELSE 0 END), 0), COALESCE(sum(size), 0),"
		" COALESCE(sum(CASE WHEN uid >= $2 THEN 1 ELSE 0 END), 0), COALESCE(max(uid), 0) + 1, COALESCE(max(modseq), 0),"
		" COALESCE(sum(length(keywords)), 0)"
		" FROM placement WHERE mailbox = $1", mailbox, recent_from);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW)
		*counts = (struct counts){db_number(s, 0), db_number(s, 1), db_number(s, 2), db_number(s, 3), db_number(s, 4), db_number(s, 5),
			db_number(s, 6), db_number(s, 7)};
	db_reset(s);
	return step == DB_ROW;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool mend_counters(struct db *db, int64_t mailbox, const struct counts *right, struct error *error)
{
	return db_run(PREPARE(db, "UPDATE mailbox SET messages = $2, unseen = $3, deleted = $4, bytes = $5, recent = $6, uidnext = $7, modseq = $8, keyword_bytes = $9,"
		" uid_ceiling = CASE WHEN uid_ceiling >= CAST($7 AS BIGINT) - 1 THEN uid_ceiling ELSE CAST($7 AS BIGINT) - 1 END WHERE id = $1",
		mailbox, right->messages, right->unseen, right->deleted, right->bytes, right->recent, right->uidnext, right->modseq, right->keyword_bytes), error);
}

bool mail_check_counters(struct change *change, int64_t mailbox, bool repair, bool *wrong, char name[MAILBOX_NAME_MAX + 1], struct error *error)
{
	struct db *db = change->db;
	struct db_statement *s = PREPARE(db, "SELECT messages, unseen, deleted, bytes, recent, uidnext, modseq, keyword_bytes, uid_ceiling, recent_from, name"
		" FROM mailbox WHERE id = $1", mailbox);
	if (db_step(s, error) != DB_ROW)
		return false;
	struct counts noted = {db_number(s, 0), db_number(s, 1), db_number(s, 2), db_number(s, 3), db_number(s, 4), db_number(s, 5), db_number(s, 6),
		db_number(s, 7)};
	int64_t ceiling = db_number(s, 8), recent_from = db_number(s, 9);
	snprintf(name, MAILBOX_NAME_MAX + 1, "%.*s", SLICE_ARG(db_text(s, 10)));
	db_reset(s);
	struct counts right;
	if (!count_placements(db, mailbox, recent_from, &right, error))
		return false;
	right.uidnext = larger(right.uidnext, noted.uidnext);
	right.modseq = larger(right.modseq, noted.modseq);
	change->row.modseq = larger(change->row.modseq, right.modseq);
	*wrong = memcmp(&noted, &right, sizeof noted) != 0 || ceiling < noted.uidnext - 1;
	if (!*wrong)
		return true;
	change_modseq(change);
	return !repair || mend_counters(db, mailbox, &right, error);
}

bool mail_count_messages(struct db *db, int64_t *messages, int64_t *bytes, int64_t *last_id, struct error *error)
{
	struct db_statement *s = db_prepare(db, "SELECT count(*), COALESCE(sum(size), 0), COALESCE((SELECT max(id) FROM message), 0)"
		" FROM message WHERE refs > 0");
	if (db_step(s, error) != DB_ROW)
		return false;
	*messages = db_number(s, 0);
	*bytes = db_number(s, 1);
	*last_id = db_number(s, 2);
	db_reset(s);
	return true;
}
