/* IDLE (RFC 2177): what others change is told as soon as it happens, until the client says DONE. Meanwhile the session
 * holds no account handle, only the mailbox's place among those that the store calls on a change. */
#include "imap/session.h"

enum net_run imap_cmd_idle(struct imap_command *command)
{
	struct imap *imap = command->imap;
	if (!imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	imap->mode = MODE_IDLE;
	conn_send_text(imap->conn, "+ idling\r\n");
	if (imap->selected) {
		imap->selected->idling = true; /* before the look, so that nothing falls between */
		imap_selected_sync(command, true);
	}
	return RUN_DONE;
}

void imap_idle_stop(struct imap *imap)
{
	if (imap->selected)
		imap->selected->idling = false;
}

void imap_idle_wake(struct imap *imap)
{
	if (!imap->selected || !imap->command)
		return;
	imap_selected_sync(imap->command, true);
	if (imap->command->account)
		store_release_account(&imap->command->account);
}

enum net_run imap_idle_line(struct imap *imap, struct slice line)
{
	imap_idle_stop(imap);
	imap->mode = MODE_COMMAND;
	if (!slice_equal_nocase(slice_trim(line), SLICE("DONE")))
		return imap_reply_bad(imap->command, "IDLE ends with DONE");
	return imap_reply_ok(imap->command, NULL, "IDLE done");
}
