/* pombal account use: which mailbox mail programs take for Sent, Trash and so on (RFC 6154). */
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/opened.h"
#include "imap/special_use.h"

static const char *use_of(const struct mailbox *mailbox)
{
	const char *name = imap_special_use_name(mailbox->use);
	return name ? name + 1 : "none";
}

static json_t *json_of(const void *entry)
{
	const struct mailbox *mailbox = entry;
	return json_pack("{s:o, s:s, s:I}", "mailbox", cli_json_of_slice(mailbox->name), "use", use_of(mailbox), "messages", (json_int_t)mailbox->messages);
}

static void print(const void *entry)
{
	const struct mailbox *mailbox = entry;
	printf("%-8s %7lu  ", use_of(mailbox), (unsigned long)mailbox->messages);
	cli_print_safe(mailbox->name);
	putchar('\n');
}

static const struct command_shape shape = {sizeof(struct mailbox), json_of, print};

static bool list(struct cli_opened *opened)
{
	struct mailbox *mailboxes;
	size_t count;
	if (!mailbox_list(opened->account, opened->line->arena, &mailboxes, &count, &opened->error))
		return false;
	command_print_list(opened->line, &shape, mailboxes, count);
	return true;
}

static bool parse_use(struct cli_opened *opened, struct slice word, enum special_use *use)
{
	*use = imap_special_use_parse(word);
	return *use != USE_NONE || slice_equal_nocase(word, SLICE("none")) ||
	       error_set(&opened->error, ERROR_INVALID, "a use is one of Sent, Trash, Drafts, Junk, Archive, All, Flagged, none");
}

static bool set(struct cli_opened *opened)
{
	enum special_use use;
	struct slice mailbox = command_argument(opened->line, 1);
	if (!parse_use(opened, command_argument(opened->line, 2), &use) || !mailbox_set_use(opened->account, mailbox, use, &opened->error) ||
	    !store_sync(opened->store, &opened->error))
		return false;
	instance_tell_changed(opened->line, opened->name);
	return true;
}

static bool act(struct cli_opened *opened)
{
	return opened->line->count == 1 ? list(opened) :
	       opened->line->count == 3 ? set(opened) : error_set(&opened->error, ERROR_INVALID, "to which use? See --help");
}

static int run(struct command_line *line) { return cli_opened_run(line, act); }

const struct command cli_special_use_commands[] = {
	{"account use", "ADDRESS [MAILBOX USE]", "Lists the mailboxes of an account and what they are for, or says it of one: Sent, Trash, Drafts, "
		"Junk, Archive, All, Flagged, none.", run, NULL, 1, 3, COMMAND_JSON, ADMIN_CHANGES | ADMIN_DOMAIN},
	{0},
};
