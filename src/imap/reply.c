/* Tagged replies, and the untagged news that goes before them. Response codes: RFC 3501 §7.1, RFC 5530. */
#include "base/log.h"
#include "imap/session.h"

void imap_send(struct imap *imap, const struct buf *out)
{
	conn_send_buf(imap->conn, out);
}

void imap_send_some(struct imap *imap, struct buf *out)
{
	if (out->len < SEND_STEP)
		return;
	imap_send(imap, out);
	buf_clear(out);
}

void imap_bye(struct imap *imap, const char *text)
{
	if (imap->state == STATE_LOGOUT)
		return;
	imap->state = STATE_LOGOUT;
	conn_printf(imap->conn, "* BYE %s\r\n", text);
	conn_close(imap->conn);
}

void imap_count_error(struct imap *imap)
{
	if (++imap->errors >= config_current()->max_errors)
		imap_bye(imap, "Too many errors");
}

static void send_tagged(struct imap_command *command, const char *status, const char *code, const char *text)
{
	struct conn *conn = command->imap->conn;
	if (command->imap->state == STATE_LOGOUT && command->verb && command->verb->run != imap_cmd_logout)
		return;
	conn_send(conn, command->tag);
	if (code)
		conn_printf(conn, " %s [%s] %s\r\n", status, code, text);
	else
		conn_printf(conn, " %s %s\r\n", status, text);
}

static void send_news(struct imap_command *command)
{
	if (!command->imap->selected || command->imap->told || !command->verb || !(command->verb->flags & VERB_WORK))
		return;
	imap_selected_sync(command, command->uid || !(command->verb->flags & VERB_KEEPS_NUMBERS));
}

enum net_run imap_reply_ok(struct imap_command *command, const char *code, const char *text)
{
	send_news(command);
	if (command->imap->state != STATE_GREETED)
		command->imap->errors = 0; /* only a client that never gets anything right is sent away */
	send_tagged(command, "OK", code, text);
	return RUN_DONE;
}

enum net_run imap_reply_no(struct imap_command *command, const char *code, const char *text)
{
	send_news(command);
	send_tagged(command, "NO", code, text);
	return RUN_DONE;
}

/* Texts of replies are printable ASCII (RFC 3501: TEXT-CHAR); an error may quote a name that isn't. */
static const char *printable(struct imap_command *command, const char *text)
{
	char *copy = arena_text(command->arena, slice_of(text));
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = '?';
	copy[0] = ascii_upper(copy[0]);
	return copy;
}

/* What is wrong inside is for the log; the client is told what it can act on. */
enum net_run imap_reply_error(struct imap_command *command, const struct error *error)
{
	struct imap *imap = command->imap;
	static const char *const codes[] = {
		[ERROR_NONE] = "UNAVAILABLE", [ERROR_TEMPORARY] = "UNAVAILABLE", [ERROR_INVALID] = "CANNOT", [ERROR_NOT_FOUND] = "NONEXISTENT",
		[ERROR_EXISTS] = "ALREADYEXISTS", [ERROR_DENIED] = "CANNOT", [ERROR_LIMIT] = "LIMIT", [ERROR_FULL] = "UNAVAILABLE",
	};
	if (error->kind != ERROR_TEMPORARY && error->kind != ERROR_FULL && error->kind != ERROR_NONE)
		return imap_reply_no(command, codes[error->kind], printable(command, error->text));
	log_error("imap.failed", log_id("session", imap->id), log_slice("account", imap->account),
		  log_text("command", command->verb ? command->verb->name : ""), log_text("reason", error->text));
	const char *text = error->kind == ERROR_FULL ? "The disk is full, try again later" : "Not possible now, try again later";
	return imap_reply_no(command, codes[error->kind], text);
}

enum net_run imap_reply_bad(struct imap_command *command, const char *text)
{
	send_tagged(command, "BAD", NULL, text);
	imap_count_error(command->imap);
	return RUN_DONE;
}

enum net_run imap_reply_syntax(struct imap_command *command)
{
	return imap_reply_bad(command, command->parser.error ? command->parser.error : "Syntax error");
}

enum net_run imap_reply_bad_name(struct imap_command *command)
{
	return imap_reply_no(command, "CANNOT", "The mailbox name is not valid modified UTF-7 (RFC 3501 section 5.1.3)");
}

enum net_run imap_reply_no_mailbox(struct imap_command *command, const char *code)
{
	return imap_reply_no(command, code, "There is no such mailbox");
}

enum net_run imap_reply_over_share(struct imap_command *command)
{
	return imap_reply_no(command, "LIMIT", "This account uses as much memory as it may, try again when its other commands are done");
}

enum net_run imap_reply_when_durable(struct imap_command *command, const char *code, const char *text)
{
	struct error error;
	if (!store_sync(command->imap->service->store, &error))
		return imap_reply_error(command, &error);
	return imap_reply_ok(command, code, text);
}
