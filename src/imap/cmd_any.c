/* The small verbs: CAPABILITY, NOOP, LOGOUT, ID, ENABLE, NAMESPACE. */
#include "imap/session.h"

enum { ID_PAIRS_MAX = 30 };

enum net_run imap_tell_capability(struct imap_command *command)
{
	struct buf out = BUF(RESPONSE_MAX);
	buf_append_text(&out, "* CAPABILITY");
	imap_capability_write(command->imap, &out);
	buf_append_text(&out, "\r\n");
	imap_send(command->imap, &out);
	buf_free(&out);
	return imap_reply_ok(command, NULL, "CAPABILITY done");
}

enum net_run imap_cmd_capability(struct imap_command *command)
{
	return imap_parse_end(&command->parser) ? imap_tell_capability(command) : imap_reply_syntax(command);
}

/* NOOP and CHECK: the news that every reply brings is all there is to do; what is acknowledged is on disk already. */
enum net_run imap_cmd_noop(struct imap_command *command)
{
	if (!imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	return imap_reply_ok(command, NULL, command->verb->name[0] == 'N' ? "NOOP done" : "CHECK done");
}

enum net_run imap_tell_logout(struct imap_command *command)
{
	imap_bye(command->imap, "Goodbye");
	return imap_reply_ok(command, NULL, "LOGOUT done");
}

enum net_run imap_cmd_logout(struct imap_command *command)
{
	return imap_parse_end(&command->parser) ? imap_tell_logout(command) : imap_reply_syntax(command);
}

/* RFC 2971 §3.1: NIL or a list of at most 30 pairs of field and value. Its name helps people to tell sessions apart; nothing else
 * that a client tells is of use to us. */
static bool parse_id(struct imap_parser *parser, struct slice *name)
{
	struct slice field, value;
	if (!imap_parse_space(parser))
		return false;
	if (imap_parse_optional_word(parser, "NIL"))
		return imap_parse_end(parser);
	if (!imap_parse_open(parser))
		return false;
	for (int pairs = 0; !imap_parse_optional_char(parser, ')'); pairs++) {
		if (pairs == ID_PAIRS_MAX)
			return imap_parse_fail(parser, "ID takes at most 30 fields");
		if (!imap_parse_string(parser, &field) || !imap_parse_space(parser) || !imap_parse_nstring(parser, &value))
			return false;
		if (!imap_parse_more(parser) && (parser->rest.len == 0 || parser->rest.at[0] != ')'))
			return imap_parse_fail(parser, "A space is expected between arguments");
		if (slice_equal_nocase(field, SLICE("name")))
			*name = value;
	}
	return imap_parse_end(parser);
}

enum net_run imap_tell_id(struct imap_command *command, struct slice client)
{
	conn_set_client(command->imap->conn, client);
	conn_send_text(command->imap->conn, "* ID (\"name\" \"Pombal\" \"version\" \"" POMBAL_VERSION "\")\r\n");
	return imap_reply_ok(command, NULL, "ID done");
}

enum net_run imap_cmd_id(struct imap_command *command)
{
	struct slice client = {NULL, 0};
	return parse_id(&command->parser, &client) ? imap_tell_id(command, client) : imap_reply_syntax(command);
}

static bool parse_enable(struct imap_parser *parser, struct slice *names)
{
	struct slice name;
	if (!imap_parse_space(parser))
		return false;
	*names = parser->rest;
	do {
		if (!imap_parse_atom(parser, &name))
			return false;
	} while (imap_parse_more(parser));
	return imap_parse_end(parser);
}

/* RFC 5161: names that can't be enabled are passed over. */
enum net_run imap_cmd_enable(struct imap_command *command)
{
	struct slice name, names;
	if (!parse_enable(&command->parser, &names))
		return imap_reply_syntax(command);
	conn_send_text(command->imap->conn, "* ENABLED");
	while (names.len > 0) {
		slice_cut(names, ' ', &name, &names);
		const char *enabled = imap_extension_enable(command->imap, slice_trim(name));
		if (enabled)
			conn_printf(command->imap->conn, " %s", enabled);
	}
	conn_send_text(command->imap->conn, "\r\n");
	return imap_reply_ok(command, NULL, "ENABLE done");
}

/* RFC 2342: everything of one's own, with "/" between levels; nobody else's, nothing shared. */
enum net_run imap_cmd_namespace(struct imap_command *command)
{
	if (!imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	conn_send_text(command->imap->conn, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return imap_reply_ok(command, NULL, "NAMESPACE done");
}
