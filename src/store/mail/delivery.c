/* Deliveries that were made: ids that keep a repeated one from being made again, and for imports what they were given. */
#include "store/mail/internal.h"

bool mail_is_delivered(struct change *change, int64_t delivery_id, bool *known, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "SELECT 1 FROM delivery WHERE id = $1", delivery_id);
	enum db_step step = db_step(s, error);
	*known = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

bool mail_add_delivery(struct change *change, const struct placement *placement, struct slice keywords, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "INSERT INTO delivery (id, message, mailbox, uid, at, flags, keywords)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)", placement->delivery_id, placement->id, placement->mailbox, placement->uid, change->now,
		placement->flags);
	db_bind_text(s, 7, keywords);
	return db_run(s, error);
}

bool mail_find_placed(struct change *change, struct placement *placement, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "SELECT message, uid, COALESCE((SELECT modseq FROM placement p WHERE p.mailbox = d.mailbox"
		" AND p.uid = d.uid), 0), COALESCE((SELECT thread FROM message m WHERE m.id = d.message), 0) FROM delivery d WHERE id = $1", placement->delivery_id);
	enum db_step step = db_step(s, error);
	placement->duplicate = step == DB_ROW;
	if (step == DB_ROW) {
		placement->id = db_number(s, 0);
		placement->uid = (uint32_t)db_number(s, 1);
		placement->modseq = db_number(s, 2);
		placement->thread = db_number(s, 3);
	}
	db_reset(s);
	return step != DB_FAILED;
}

bool mail_find_delivery(struct db *db, int64_t delivery_id, struct arena *arena, struct delivered *delivered, struct error *error)
{
	*delivered = (struct delivered){0};
	struct db_statement *s = PREPARE(db, "SELECT d.mailbox, d.uid, d.flags, d.keywords, p.flags, p.keywords FROM delivery d"
		" LEFT JOIN placement p ON p.mailbox = d.mailbox AND p.uid = d.uid WHERE d.id = $1", delivery_id);
	enum db_step step = db_step(s, error);
	if (step == DB_ROW) {
		*delivered = (struct delivered){.mailbox = db_number(s, 0), .uid = (uint32_t)db_number(s, 1), .flags = (unsigned)db_number(s, 2),
			.keywords = arena_copy(arena, db_text(s, 3)), .shown = !db_is_null(s, 4), .flags_now = (unsigned)db_number(s, 4),
			.keywords_now = arena_copy(arena, db_text(s, 5))};
	}
	db_reset(s);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_NOT_FOUND, "no such delivery"));
}

bool mail_note_delivery(struct change *change, int64_t delivery_id, unsigned flags, struct slice keywords, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "UPDATE delivery SET flags = $2, keywords = $3 WHERE id = $1", delivery_id, flags);
	db_bind_text(s, 3, keywords);
	change_modseq(change);
	return db_run(s, error);
}
