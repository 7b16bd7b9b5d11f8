/* What a search needs of the rows: which messages there are, which have come and gone since the index was last brought up to date, and where
 * those that were found stand. */
#include "store/mail/internal.h"

bool mail_list_shown(struct db *db, int64_t after, int64_t *ids, size_t room, size_t *count, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT id FROM message WHERE id > $1 AND refs > 0 ORDER BY id LIMIT $2", after, (int64_t)room);
	enum db_step step;
	*count = 0;
	while ((step = db_step(s, error)) == DB_ROW)
		ids[(*count)++] = db_number(s, 0);
	return step == DB_DONE;
}

/* CROSS JOIN: mailboxes first, few of which have changed, and of those what has, by its index; SQLite may choose to go through everything else. */
static const char CHANGED_PLACES[] = "SELECT p.message FROM mailbox m CROSS JOIN placement p WHERE m.modseq > $1 AND p.mailbox = m.id AND p.modseq > $1";

static bool add_ids(struct db_statement *s, struct mail_ids *ids, struct error *error)
{
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW)
		mail_ids_add(ids, db_number(s, 0));
	return step == DB_DONE;
}

bool mail_list_touched(struct db *db, int64_t since, struct mail_ids *ids, struct error *error)
{
	return add_ids(PREPARE(db, CHANGED_PLACES, since), ids, error);
}

bool mail_list_left(struct db *db, int64_t since, struct mail_ids *ids, bool *complete, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT count(*) FROM mailbox WHERE log_floor > $1", since);
	*complete = db_step(s, error) == DB_ROW && db_number(s, 0) == 0;
	db_reset(s);
	return add_ids(PREPARE(db, "SELECT e.message FROM (SELECT id FROM mailbox UNION ALL SELECT id FROM removed_mailbox) AS m"
			       " CROSS JOIN expunged e WHERE e.mailbox = m.id AND e.modseq > $1"
			       " AND NOT EXISTS (SELECT 1 FROM message WHERE message.id = e.message AND message.refs > 0)", since), ids, error);
}

bool mail_is_shown(struct db *db, int64_t message, bool *shown, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT 1 FROM message WHERE id = $1 AND refs > 0", message);
	enum db_step step = db_step(s, error);
	*shown = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

bool mail_list_places(struct db *db, int64_t mailbox, const int64_t *ids, size_t count, struct arena *arena, uint32_t **uids, size_t *found,
		      struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT uid, message FROM placement WHERE mailbox = $1 ORDER BY uid", mailbox);
	size_t room = 0;
	enum db_step step = DB_DONE;
	*uids = NULL;
	*found = 0;
	while (count > 0 && (step = db_step(s, error)) == DB_ROW) {
		int64_t message = db_number(s, 1);
		if (!bsearch(&message, ids, count, sizeof message, compare))
			continue;
		ARENA_GROW(arena, *uids, *found, room);
		(*uids)[(*found)++] = (uint32_t)db_number(s, 0);
	}
	return step == DB_DONE;
}
