/* EXPUNGE (RFC 3501 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1). The untagged EXPUNGEs come from imap_selected_sync(), which tells
 * what others have expunged in the same order. */
#include "imap/session.h"

enum { EXPUNGE_PIECE = 2000 };

/* The UIDs of the messages in `indexes` (NULL: all) that carry \Deleted. */
static bool find_deleted(struct imap_command *command, const struct ranges *indexes, struct buf *uids, struct error *error)
{
	struct imap_selected *selected = command->imap->selected;
	struct range whole = {0, selected->uids.count ? (uint32_t)selected->uids.count - 1 : 0};
	struct imap_walk walk = {.indexes = indexes ? *indexes : (struct ranges){&whole, selected->uids.count ? 1 : 0}, .piece = EXPUNGE_PIECE};
	for (bool more = true; more;) {
		if (!imap_walk_load(command, &walk, &more, error))
			return false;
		for (; walk.at < walk.count; walk.at++)
			if (walk.messages[walk.at]->flags & FLAG_DELETED)
				buf_append(uids, slice_make((const char *)&walk.messages[walk.at]->uid, sizeof(uint32_t)));
	}
	return true;
}

bool imap_expunge_deleted(struct imap_command *command, const struct ranges *indexes, uint32_t **removed, size_t *count, struct error *error)
{
	struct mailbox mailbox;
	struct imap_selected *selected = command->imap->selected;
	*count = 0;
	if (!imap_command_account(command, error) || !mailbox_get(command->account, selected->mailbox, command->arena, &mailbox, error))
		return false;
	if (mailbox.deleted == 0)
		return true;
	struct buf uids = BUF(selected->uids.count * sizeof(uint32_t));
	bool done = find_deleted(command, indexes, &uids, error);
	if (done && uids.len > 0)
		done = message_expunge(command->account, selected->mailbox, (const uint32_t *)(const void *)uids.at, uids.len / sizeof(uint32_t), false,
				       command->arena, removed, count, error);
	buf_free(&uids);
	return done;
}

enum net_run imap_cmd_expunge(struct imap_command *command)
{
	struct error error;
	struct ranges indexes;
	uint32_t *removed;
	size_t count;
	if (command->uid && (!imap_parse_space(&command->parser) || !imap_command_parse_indexes(command, &indexes)))
		return imap_reply_syntax(command);
	if (!imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	if (command->imap->selected->read_only)
		return imap_reply_no(command, "CANNOT", "The mailbox was opened read-only");
	if (!imap_expunge_deleted(command, command->uid ? &indexes : NULL, &removed, &count, &error))
		return imap_reply_error(command, &error);
	return count > 0 ? imap_reply_when_durable(command, NULL, "EXPUNGE done") : imap_reply_ok(command, NULL, "EXPUNGE done");
}
