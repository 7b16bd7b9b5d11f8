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
