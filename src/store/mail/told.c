/* Who was told lately that somebody doesn't read his mail. */
#include "base/clock.h"
#include "store/mail/internal.h"

bool mail_forget_told(struct db *db, struct error *error)
{
	return db_run(db_prepare(db, "DELETE FROM vacation_told"), error);
}

static bool has_room(struct db *db, int64_t most, bool *room, struct error *error)
{
	struct db_statement *row = db_prepare(db, "SELECT COUNT(*) FROM vacation_told");
	enum db_step step = db_step(row, error);
	*room = step == DB_ROW && db_number(row, 0) < most;
	db_reset(row);
	return step != DB_FAILED;
}

static bool claim(struct db *db, struct slice sender, int64_t message, int64_t since, int64_t most, bool *claimed, struct error *error)
{
	bool room;
	if (!db_run(PREPARE(db, "DELETE FROM vacation_told WHERE at < $1", since), error) || !has_room(db, most, &room, error))
		return false;
	struct db_statement *claim = PREPARE(db, room ? "INSERT INTO vacation_told (sender, at, message) VALUES ($3, $1, $2)"
		" ON CONFLICT (sender) DO UPDATE SET at = $1 WHERE vacation_told.message = $2"
		: "UPDATE vacation_told SET at = $1 WHERE sender = $3 AND message = $2", clock_now(), message);
	db_bind_text(claim, 3, sender);
	bool done = db_run(claim, error);
	*claimed = done && db_changes(db) > 0;
	return done;
}

bool mail_claim_told(struct db *db, struct slice sender, int64_t message, int64_t since, int64_t most, bool *claimed, struct error *error)
{
	bool done = db_begin(db, error) && claim(db, sender, message, since, most, claimed, error) && db_commit(db, error);
	if (!done)
		db_rollback(db);
	*claimed &= done;
	return done;
}
