/* Deliveries that were made: ids that keep a repeated one from being made again, and for imports what they were given. */
#include "store/internal.h"

bool delivery_is_known(struct change *change, int64_t delivery_id, bool *known, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "SELECT 1 FROM delivery WHERE id = $1", delivery_id);
	enum db_step step = db_step(s, error);
	*known = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

bool delivery_add(struct change *change, const struct placement *placement, struct slice keywords, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "INSERT INTO delivery (id, message, mailbox, uid, at, flags, keywords)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)", placement->delivery_id, placement->id, placement->mailbox, placement->uid, change->now,
		placement->flags);
	db_bind_text(s, 7, keywords);
	return db_run(s, error);
}

bool delivery_find(struct account *account, int64_t delivery_id, struct arena *arena, struct delivered *delivered, struct error *error)
{
	*delivered = (struct delivered){0};
	if (!account_enter(account, error))
		return false;
	struct db_statement *s = PREPARE(account->db, "SELECT d.mailbox, d.uid, d.flags, d.keywords, p.flags, p.keywords FROM delivery d"
		" LEFT JOIN placement p ON p.mailbox = d.mailbox AND p.uid = d.uid WHERE d.id = $1", delivery_id);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW) {
		*delivered = (struct delivered){.mailbox = db_number(s, 0), .uid = (uint32_t)db_number(s, 1), .flags = (unsigned)db_number(s, 2),
			.keywords = arena_copy(arena, db_text(s, 3)), .shown = !db_is_null(s, 4), .flags_now = (unsigned)db_number(s, 4),
			.keywords_now = arena_copy(arena, db_text(s, 5))};
	}
	db_reset(s);
	account_leave(account);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "no such delivery"));
}

bool delivery_note(struct account *account, int64_t delivery_id, unsigned flags, struct slice keywords, struct error *error)
{
	struct change change;
	if (!change_begin(account, NULL, 0, &change, error))
		return false;
	struct db_statement *s = PREPARE(change.db, "UPDATE delivery SET flags = $2, keywords = $3 WHERE id = $1", delivery_id, flags);
	db_bind_text(s, 3, keywords);
	bool done = db_run(s, error);
	change_modseq(&change);
	return change_end(&change, done, error);
}
