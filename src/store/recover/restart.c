/* After an unclean stop. What was committed since the last sync may not be on disk, in part or at all: counting goes on from the ceilings,
 * and of the messages above durable_id, which are all that can be concerned, each is compared with its file. A message whose file didn't
 * make it (it was never acknowledged, or it would be in the journal) is dropped whole, so that its delivery, when it is repeated, isn't
 * taken for done. */
#include "base/log.h"
#include "base/memory.h"
#include "store/recover/recover.h"

/* The messages above durable_id whose file isn't what was committed. */
static bool find_lost(struct change *change, const char *folder, struct mail_ids *lost, struct error *error)
{
	enum { AT_A_TIME = 256 };
	struct mail_content *list = memory_array(AT_A_TIME, sizeof *list);
	int64_t last = change->row.durable_id;
	bool done = true;
	for (size_t count = AT_A_TIME; done && count == AT_A_TIME;) {
		done = mail_list_contents(change->db, last, list, AT_A_TIME, &count, error);
		for (size_t i = 0; done && i < count; i++) {
			last = list[i].id;
			enum blob_state state = blob_check(folder, last, list[i].size, slice_make((const char *)list[i].hash, list[i].hash_len), error);
			if (state != BLOB_FINE)
				mail_ids_add(lost, last);
			done = state != BLOB_UNREADABLE;
		}
	}
	free(list);
	return done;
}

static bool drop_lost(struct change *change, const char *folder, const struct mail_ids *lost, struct recover_check *check, struct error *error)
{
	if (!change_index_messages(change, true, lost->count, error))
		return false;
	for (size_t i = 0; i < lost->count; i++) {
		if (!change_forget_message(change, lost->at[i], error))
			return false;
		blob_put_aside(folder, lost->at[i]);
		recover_note_lost(check, change->mail->account, lost->at[i]);
	}
	return change_index_messages(change, false, lost->count, error);
}

/* What was appended and acknowledged before the cut. Before anything else gives numbers. */
static bool restore_kept(struct change *change, const char *folder, struct error *error)
{
	struct durable *durable = change->mail->durable;
	struct durable_kept_list list;
	if (!durable_find_kept(durable, durable_epoch(durable), change->mail->account, &list, error))
		return false;
	bool done = true;
	for (size_t i = 0; done && i < list.count; i++)
		done = recover_kept(change, folder, &list.at[i], error);
	durable_kept_list_free(&list);
	return done;
}

static bool restart(struct change *change, const char *folder, struct recover_check *check, struct error *error)
{
	int64_t epoch = durable_epoch(change->mail->durable);
	struct mail_ids lost = {0};
	bool done = true;
	if (change->row.epoch == 0) /* made before the first service: nobody has seen its numbers */
		change->row.epoch = epoch;
	else if (change->row.epoch < epoch)
		done = restore_kept(change, folder, error) && find_lost(change, folder, &lost, error) &&
		       change_go_on(change, epoch, error) && drop_lost(change, folder, &lost, check, error);
	mail_ids_free(&lost);
	return done;
}

bool recover_account(struct mail *mail, const char *folder, struct recover_check *check, struct error *error)
{
	struct mail_row row;
	struct change change;
	if (!change_read_row(mail->db, &row, error))
		return false;
	if (row.epoch < durable_epoch(mail->durable)) {
		if (!change_begin_plain(mail, true, &change, error))
			return false;
		bool done = restart(&change, folder, check, error);
		change.modseq = change.row.modseq; /* the row is to be written, whatever was changed */
		if (!change_end(&change, done, error) || !change_read_row(mail->db, &row, error))
			return false;
	}
	change_note_usage(mail, &row);
	return true;
}
