/* SELECT, EXAMINE, CLOSE and UNSELECT (RFC 3501 §6.3.1, §6.3.2, §6.4.2, RFC 3691). */
#include "imap/session.h"

static void send_state(struct imap_command *command, struct imap_selected *selected, const struct mailbox *mailbox)
{
	struct conn *conn = command->imap->conn;
	struct slice keywords = buf_slice(&selected->keywords);
	const char *blank = keywords.len > 0 ? " " : "";
	conn_printf(conn, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft%s%.*s)\r\n", blank, SLICE_ARG(keywords));
	conn_printf(conn, "* %zu EXISTS\r\n* %zu RECENT\r\n", selected->told, selected->told_recent);
	if (selected->told_unseen > 0)
		conn_printf(conn, "* OK [UNSEEN %zu] The first unseen message\r\n", selected->told_unseen);
	if (selected->read_only)
		conn_send_text(conn, "* OK [PERMANENTFLAGS ()] Nothing can be changed\r\n");
	else
		conn_printf(conn, "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft%s%.*s \\*)] These flags and any keyword can be changed\r\n",
			    blank, SLICE_ARG(keywords));
	conn_printf(conn, "* OK [UIDNEXT %u] The next UID, or more\r\n", mailbox->uidnext);
	conn_printf(conn, "* OK [UIDVALIDITY %u] UIDs are valid\r\n", mailbox->uidvalidity);
}

/* A SELECT that fails leaves nothing selected (RFC 3501 §6.3.1). Who may only read gets what EXAMINE gives. */
static enum net_run open_mailbox(struct imap_command *command, bool examine)
{
	bool read_only = examine || !(command->imap->scopes & AUTH_MAY_CHANGE);
	struct imap *imap = command->imap;
	struct slice name;
	bool valid;
	struct mailbox mailbox;
	struct error error;
	if (!imap_parse_space(&command->parser) || !imap_parse_mailbox(&command->parser, &name, &valid) || !imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	imap_unselect(imap);
	if (!valid)
		return imap_reply_bad_name(command);
	if (!imap_command_account(command, &error))
		return imap_reply_error(command, &error);
	if (!mailbox_find(command->account, name, command->arena, &mailbox, &error))
		return error.kind == ERROR_NOT_FOUND ? imap_reply_no_mailbox(command, "NONEXISTENT") : imap_reply_error(command, &error);
	if (!mailbox.selectable)
		return imap_reply_no(command, "NONEXISTENT", "This name only holds other mailboxes");
	struct imap_selected *selected = imap_selected_open(command, &mailbox, read_only, &error);
	if (!selected)
		return imap_reply_error(command, &error);
	send_state(command, selected, &mailbox);
	imap->selected = selected;
	imap->state = STATE_SELECTED;
	return imap_reply_ok(command, read_only ? "READ-ONLY" : "READ-WRITE", read_only ? "EXAMINE done" : "SELECT done");
}

enum net_run imap_cmd_select(struct imap_command *command)
{
	return open_mailbox(command, false);
}

enum net_run imap_cmd_examine(struct imap_command *command)
{
	return open_mailbox(command, true);
}

enum net_run imap_cmd_unselect(struct imap_command *command)
{
	if (!imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	imap_unselect(command->imap);
	return imap_reply_ok(command, NULL, "UNSELECT done");
}

/* Expunges in silence. If that fails the messages stay as they are, marked \Deleted, and so does the session. */
enum net_run imap_cmd_close(struct imap_command *command)
{
	struct imap *imap = command->imap;
	struct error error;
	uint32_t *removed;
	size_t count = 0;
	if (!imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	if (!imap->selected->read_only && !imap_expunge_deleted(command, NULL, &removed, &count, &error))
		return imap_reply_error(command, &error);
	imap_unselect(imap);
	return count > 0 ? imap_reply_when_durable(command, NULL, "CLOSE done") : imap_reply_ok(command, NULL, "CLOSE done");
}
