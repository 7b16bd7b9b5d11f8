/* COPY and MOVE (RFC 3501 §6.4.7, RFC 6851), with COPYUID (RFC 4315). */
#include "imap/session.h"

struct copy {
	struct ranges indexes;
	struct mailbox target;
	uint32_t *source, *copies;
	size_t count;
};

/* False: the reply was sent. */
static bool prepare(struct imap_command *command, struct copy *copy)
{
	struct imap_parser *parser = &command->parser;
	struct slice name;
	bool valid;
	struct error error = {0};
	if (!imap_parse_space(parser) || !imap_command_parse_indexes(command, &copy->indexes) || !imap_parse_space(parser) ||
	    !imap_parse_mailbox(parser, &name, &valid) || !imap_parse_end(parser)) {
		imap_reply_syntax(command);
		return false;
	}
	if (!valid)
		imap_reply_bad_name(command);
	else if (!imap_command_account(command, &error))
		imap_reply_error(command, &error);
	else if (mailbox_find(command->account, name, command->arena, &copy->target, &error) && copy->target.selectable)
		return true;
	else if (error.kind == ERROR_NOT_FOUND || error.kind == ERROR_NONE)
		imap_reply_no_mailbox(command, "TRYCREATE");
	else
		imap_reply_error(command, &error);
	return false;
}

static bool copy_messages(struct imap_command *command, struct copy *copy, bool move, struct error *error)
{
	size_t count;
	uint32_t *uids = imap_command_uids(command, &copy->indexes, &count);
	if (count == 0)
		return true;
	if (!message_copy(command->account, command->imap->selected->mailbox, uids, count, copy->target.id, move, command->arena,
			  &copy->source, &copy->copies, &copy->count, error))
		return false;
	imap_learn_copied(command, &copy->target, copy->copies, copy->count);
	return true;
}

/* NULL if it would be longer than any answer may be: a client can do without it (RFC 4315 §3). */
static const char *copyuid(struct imap_command *command, const struct copy *copy)
{
	struct buf code = BUF(RESPONSE_MAX);
	buf_printf(&code, "COPYUID %u ", copy->target.uidvalidity);
	imap_set_write(copy->source, copy->count, &code);
	buf_append_char(&code, ' ');
	imap_set_write(copy->copies, copy->count, &code);
	const char *text = code.overflow ? NULL : arena_text(command->arena, buf_slice(&code));
	buf_free(&code);
	return text;
}

static enum net_run failed(struct imap_command *command, const struct error *error)
{
	if (error->kind == ERROR_LIMIT)
		return imap_reply_no(command, "OVERQUOTA", error->text);
	if (error->kind == ERROR_NOT_FOUND)
		return imap_reply_no_mailbox(command, "TRYCREATE");
	return imap_reply_error(command, error);
}

/* UIDs that never were are no error (RFC 3501 §6.4.8); messages that another session has expunged meanwhile are one. */
static enum net_run nothing_done(struct imap_command *command, const struct copy *copy, const char *text)
{
	if (copy->indexes.count > 0)
		return imap_reply_no(command, "EXPUNGEISSUED", "These messages have been expunged");
	return imap_reply_ok(command, NULL, text);
}

enum net_run imap_cmd_copy(struct imap_command *command)
{
	struct copy copy = {0};
	struct error error;
	if (!prepare(command, &copy))
		return RUN_DONE;
	if (!copy_messages(command, &copy, false, &error))
		return failed(command, &error);
	if (copy.count == 0)
		return nothing_done(command, &copy, "Nothing to copy");
	return imap_reply_when_durable(command, copyuid(command, &copy), "COPY done");
}

/* The COPYUID comes before the EXPUNGEs, as an untagged OK (RFC 6851 §4.3), and both only when the disk has them. */
enum net_run imap_cmd_move(struct imap_command *command)
{
	struct copy copy = {0};
	struct error error;
	if (command->imap->selected->read_only)
		return imap_reply_no(command, "CANNOT", "The mailbox was opened read-only");
	if (!prepare(command, &copy))
		return RUN_DONE;
	if (!copy_messages(command, &copy, true, &error))
		return failed(command, &error);
	if (copy.count == 0)
		return nothing_done(command, &copy, "Nothing to move");
	if (!store_sync(command->imap->service->store, &error))
		return imap_reply_error(command, &error);
	const char *code = copyuid(command, &copy);
	if (code)
		conn_printf(command->imap->conn, "* OK [%s] Moved\r\n", code);
	return imap_reply_ok(command, NULL, "MOVE done");
}
