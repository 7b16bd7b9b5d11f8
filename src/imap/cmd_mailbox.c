/* Mailboxes as such: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 §6.3.3 - §6.3.7), and STATUS (§6.3.10). */
#include "imap/session.h"
#include "imap/special_use.h"
#include "imap/status.h"

/* " name" up to the end of the command. False: the reply was sent. */
static bool prepare(struct imap_command *command, struct slice *name, bool whole)
{
	bool valid;
	struct error error;
	if (!imap_parse_space(&command->parser) || !imap_parse_mailbox(&command->parser, name, &valid) || (whole && !imap_parse_end(&command->parser)))
		imap_reply_syntax(command);
	else if (!valid)
		imap_reply_bad_name(command);
	else if (!imap_command_account(command, &error))
		imap_reply_error(command, &error);
	else
		return true;
	return false;
}

/* RFC 6154 §3: "(USE (\Sent))" after the name. */
static bool parse_use(struct imap_parser *parser, enum special_use *use)
{
	struct slice name;
	*use = USE_NONE;
	if (imap_parse_at_end(parser) || !imap_parse_more(parser))
		return imap_parse_end(parser);
	if (!imap_parse_open(parser))
		return false;
	if (!imap_parse_optional_word(parser, "USE"))
		return imap_parse_fail(parser, "CREATE takes a name and (USE (\\…))");
	if (!imap_parse_space(parser) || !imap_parse_open(parser))
		return false;
	if (imap_parse_optional_char(parser, '\\')) {
		if (!imap_parse_atom(parser, &name))
			return false;
		*use = imap_special_use_parse(name);
	}
	return imap_parse_close(parser) && imap_parse_close(parser) && imap_parse_end(parser);
}

/* A name that ends in the delimiter announces that names below it will follow (RFC 3501 §6.3.3): the same name without it. */
enum net_run imap_cmd_create(struct imap_command *command)
{
	struct slice name;
	enum special_use use;
	struct error error;
	if (!prepare(command, &name, false))
		return RUN_DONE;
	bool wants_use = slice_trim(command->parser.rest).len > 0;
	if (!parse_use(&command->parser, &use))
		return imap_reply_syntax(command);
	if (wants_use && use == USE_NONE)
		return imap_reply_no(command, "USEATTR", "This special use is not known");
	if (name.len > 1 && name.at[name.len - 1] == '/')
		name.len--;
	if (!mailbox_create(command->account, name, use, &error))
		return imap_reply_error(command, &error);
	return imap_reply_when_durable(command, NULL, "CREATE done");
}

enum net_run imap_cmd_delete(struct imap_command *command)
{
	struct imap *imap = command->imap;
	struct slice name;
	struct mailbox mailbox;
	struct error error;
	if (!prepare(command, &name, true))
		return RUN_DONE;
	if (!mailbox_find(command->account, name, command->arena, &mailbox, &error) || !mailbox_delete(command->account, name, &error))
		return imap_reply_error(command, &error);
	if (imap->selected && imap->selected->mailbox == mailbox.id)
		imap_unselect(imap);
	return imap_reply_when_durable(command, NULL, "DELETE done");
}

enum net_run imap_cmd_rename(struct imap_command *command)
{
	struct slice from, to;
	bool valid;
	struct error error;
	if (!prepare(command, &from, false))
		return RUN_DONE;
	if (!imap_parse_space(&command->parser) || !imap_parse_mailbox(&command->parser, &to, &valid) || !imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	if (!valid)
		return imap_reply_bad_name(command);
	if (to.len > 1 && to.at[to.len - 1] == '/')
		to.len--;
	if (!mailbox_rename(command->account, from, to, &error))
		return imap_reply_error(command, &error);
	return imap_reply_when_durable(command, NULL, "RENAME done");
}

enum net_run imap_cmd_subscribe(struct imap_command *command)
{
	struct slice name;
	struct mailbox mailbox;
	struct error error;
	if (!prepare(command, &name, true))
		return RUN_DONE;
	if (!mailbox_find(command->account, name, command->arena, &mailbox, &error) || !mailbox_subscribe(command->account, name, true, &error))
		return imap_reply_error(command, &error);
	return imap_reply_when_durable(command, NULL, "SUBSCRIBE done");
}

enum net_run imap_cmd_unsubscribe(struct imap_command *command)
{
	struct slice name;
	struct error error;
	if (!prepare(command, &name, true))
		return RUN_DONE;
	if (!mailbox_subscribe(command->account, name, false, &error))
		return imap_reply_error(command, &error);
	return imap_reply_when_durable(command, NULL, "UNSUBSCRIBE done");
}

/* ---- STATUS ---- */

enum net_run imap_cmd_status(struct imap_command *command)
{
	struct slice name;
	unsigned items;
	struct mailbox mailbox;
	struct error error;
	if (!prepare(command, &name, false))
		return RUN_DONE;
	if (!imap_parse_space(&command->parser) || !imap_status_parse(&command->parser, &items) || !imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	if (!mailbox_find(command->account, name, command->arena, &mailbox, &error))
		return imap_reply_error(command, &error);
	if (!mailbox.selectable)
		return imap_reply_no(command, "NONEXISTENT", "This name only holds other mailboxes");
	struct buf out = BUF(RESPONSE_MAX);
	imap_status_write(command->imap, &out, &mailbox, items);
	imap_send(command->imap, &out);
	buf_free(&out);
	return imap_reply_ok(command, NULL, "STATUS done");
}
