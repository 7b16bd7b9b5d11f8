/* A database that was rebuilt, or comes from a snapshot, can't know which numbers were given since. So every mailbox gets a new
 * UIDVALIDITY, and mod-sequences go on from the clock's milliseconds, far above any that counting could have reached; clients read the
 * mailboxes anew. */
#include "base/clock.h"
#include "store/mail/internal.h"

static bool renew_uidvalidities(struct db *db, struct mail_row *row, struct error *error)
{
	struct mail_ids ids = {0};
	bool done = mail_list_mailbox_ids(db, &ids, error);
	for (size_t i = 0; done && i < ids.count; i++) {
		row->uidvalidity = mail_next_uidvalidity(row->uidvalidity);
		done = db_run(PREPARE(db, "UPDATE mailbox SET uidvalidity = $2, modseq = $3, log_floor = $3, created = $3, noted = $3, counted = $3 WHERE id = $1", ids.at[i],
				      row->uidvalidity, row->modseq), error);
	}
	mail_ids_free(&ids);
	return done;
}

static bool renew_numbers(struct db *db, int64_t epoch, struct error *error)
{
	struct mail_row row;
	if (!change_read_row(db, &row, error))
		return false;
	int64_t now = clock_now_ms();
	row.modseq = (row.modseq_ceiling > now ? row.modseq_ceiling : now) + 1;
	row.modseq_ceiling = row.modseq + DURABLE_BLOCK;
	row.epoch = epoch;
	row.email_modseq = row.thread_modseq = row.mailbox_modseq = row.delivery_modseq = row.modseq;
	return renew_uidvalidities(db, &row, error) &&
	       db_run(PREPARE(db, "UPDATE placement SET modseq = $1", row.modseq), error) &&
	       db_run(db_prepare(db, "DELETE FROM expunged"), error) && db_run(db_prepare(db, "DELETE FROM removed_mailbox"), error) &&
	       db_run(db_prepare(db, "DELETE FROM vanished"), error) && db_run(PREPARE(db, "UPDATE message SET appeared = $1 WHERE appeared <> 0", row.modseq), error) &&
	       db_run(PREPARE(db, "UPDATE account SET removed_floor = $1, vanished_floor = $1", row.modseq), error) && change_write_row(db, &row, error) &&
	       mail_renew_objects(db, row.modseq, error);
}

bool mail_renew(struct db *db, int64_t epoch, struct error *error)
{
	if (!db_migrate(db, mail_schema, mail_schema_count, error) || !mail_begin_emails(db, error) || !db_begin(db, error))
		return false;
	bool done = renew_numbers(db, epoch, error) && db_commit(db, error);
	db_rollback(db);
	return done;
}
