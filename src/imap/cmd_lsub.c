/* LSUB (RFC 3501 §6.3.9). What LIST (SUBSCRIBED) tells better, this tells to older clients. */
#include "base/map.h"
#include "imap/pattern.h"
#include "imap/session.h"

/* " reference pattern": the one is put before the other. *pattern is NULL if no name can match; *root: only the root is asked for. */
static bool parse_arguments(struct imap_command *command, struct imap_pattern **pattern, bool *root)
{
	struct imap_parser *parser = &command->parser;
	struct slice reference, text;
	bool reference_valid, valid;
	*pattern = NULL;
	if (!imap_parse_space(parser) || !imap_parse_list_mailbox(parser, &reference, &reference_valid) || !imap_parse_space(parser) ||
	    !imap_parse_list_mailbox(parser, &text, &valid) || !imap_parse_end(parser))
		return false;
	*root = valid && text.len == 0;
	if (valid && reference_valid && !*root)
		*pattern = imap_pattern_of(reference, text, command->arena);
	return true;
}

static void write_lsub(struct buf *out, struct slice name, bool selectable)
{
	buf_append_text(out, selectable ? "* LSUB () \"/\" " : "* LSUB (\\Noselect) \"/\" ");
	imap_write_mailbox(out, name);
	buf_append_text(out, "\r\n");
}

/* "foo/bar" is subscribed and matches not, "foo" isn't and matches "%": it is told of, as \Noselect, once (RFC 3501 §6.3.9).
 * `told` holds all subscribed names and the parents that were told of. */
static void write_parents(struct buf *out, struct imap_pattern *pattern, struct slice name, struct map *told)
{
	static char marker;
	for (size_t i = 0; i < name.len; i++) {
		struct slice parent = slice_sub(name, 0, i);
		if (name.at[i] != '/' || map_get(told, parent) || !imap_pattern_match(pattern, parent))
			continue;
		map_put(told, parent, &marker);
		write_lsub(out, parent, false);
	}
}

static void send_subscriptions(struct imap *imap, struct imap_pattern *pattern, const struct slice *names, size_t count)
{
	struct buf out = BUF(RESPONSE_MAX);
	static char marker;
	struct map *told = map_new();
	for (size_t i = 0; i < count; i++)
		map_put(told, names[i], &marker);
	for (size_t i = 0; i < count; i++) {
		if (imap_pattern_match(pattern, names[i]))
			write_lsub(&out, names[i], true);
		else
			write_parents(&out, pattern, names[i], told);
		imap_send_some(imap, &out);
	}
	imap_send(imap, &out);
	buf_free(&out);
	map_free(&told);
}

enum net_run imap_cmd_lsub(struct imap_command *command)
{
	struct slice *names;
	struct imap_pattern *pattern;
	bool root;
	size_t count;
	struct error error;
	if (!parse_arguments(command, &pattern, &root))
		return imap_reply_syntax(command);
	if (root)
		conn_send_text(command->imap->conn, "* LSUB (\\Noselect) \"/\" \"\"\r\n");
	if (!pattern)
		return imap_reply_ok(command, NULL, "LSUB done");
	if (!imap_command_account(command, &error) || !mailbox_subscriptions(command->account, command->arena, &names, &count, &error))
		return imap_reply_error(command, &error);
	send_subscriptions(command->imap, pattern, names, count);
	return imap_reply_ok(command, NULL, "LSUB done");
}
