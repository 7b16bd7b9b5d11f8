/* The small verbs: CAPABILITY, NOOP, LOGOUT, ID, ENABLE, NAMESPACE, STARTTLS. */
#include "imap/session.h"

enum { ID_PAIRS_MAX = 30 };

enum run imap_cmd_capability(struct command *command)
{
	if (!parse_end(&command->parser))
		return reply_syntax(command);
	struct buf out = BUF(RESPONSE_MAX);
	buf_append_text(&out, "* CAPABILITY ");
	capability_write(command->imap, &out);
	buf_append_text(&out, "\r\n");
	imap_send(command->imap, &out);
	buf_free(&out);
	return reply_ok(command, NULL, "CAPABILITY done");
}

/* NOOP and CHECK: the news that every reply brings is all there is to do; what is acknowledged is on disk already. */
enum run imap_cmd_noop(struct command *command)
{
	if (!parse_end(&command->parser))
		return reply_syntax(command);
	return reply_ok(command, NULL, command->verb->name[0] == 'N' ? "NOOP done" : "CHECK done");
}

enum run imap_cmd_logout(struct command *command)
{
	struct imap *imap = command->imap;
	if (!parse_end(&command->parser))
		return reply_syntax(command);
	imap_bye(imap, "Goodbye");
	return reply_ok(command, NULL, "LOGOUT done");
}

/* RFC 2971 §3.1: NIL or a list of at most 30 pairs of field and value. Its name helps people to tell sessions apart; nothing else
 * that a client tells is of use to us. */
static bool parse_id(struct parser *parser, struct slice *name)
{
	struct slice field, value;
	if (!parse_space(parser))
		return false;
	if (parse_optional_word(parser, "NIL"))
		return parse_end(parser);
	if (!parse_open(parser))
		return false;
	for (int pairs = 0; !parse_optional_char(parser, ')'); pairs++) {
		if (pairs == ID_PAIRS_MAX)
			return parse_fail(parser, "ID takes at most 30 fields");
		if (!parse_string(parser, &field) || !parse_space(parser) || !parse_nstring(parser, &value))
			return false;
		if (!parse_more(parser) && (parser->rest.len == 0 || parser->rest.at[0] != ')'))
			return parse_fail(parser, "A space is expected between arguments");
		if (slice_equal_nocase(field, SLICE("name")))
			*name = value;
	}
	return parse_end(parser);
}

enum run imap_cmd_id(struct command *command)
{
	struct slice name = {NULL, 0};
	if (!parse_id(&command->parser, &name))
		return reply_syntax(command);
	conn_set_client(command->imap->conn, name);
	conn_send_text(command->imap->conn, "* ID (\"name\" \"Pombal\" \"version\" \"" POMBAL_VERSION "\")\r\n");
	return reply_ok(command, NULL, "ID done");
}

/* RFC 5161: names that can't be enabled are passed over; so far there are no others. */
enum run imap_cmd_enable(struct command *command)
{
	struct parser *parser = &command->parser;
	if (!parse_space(parser))
		return reply_syntax(command);
	do {
		struct slice name;
		if (!parse_atom(parser, &name))
			return reply_syntax(command);
	} while (parse_more(parser));
	if (!parse_end(parser))
		return reply_syntax(command);
	conn_send_text(command->imap->conn, "* ENABLED\r\n");
	return reply_ok(command, NULL, "ENABLE done");
}

/* RFC 2342: everything of one's own, with "/" between levels; nobody else's, nothing shared. */
enum run imap_cmd_namespace(struct command *command)
{
	if (!parse_end(&command->parser))
		return reply_syntax(command);
	conn_send_text(command->imap->conn, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return reply_ok(command, NULL, "NAMESPACE done");
}

enum run imap_cmd_starttls(struct command *command)
{
	struct conn *conn = command->imap->conn;
	if (!parse_end(&command->parser))
		return reply_syntax(command);
	if (conn_is_tls(conn))
		return reply_bad(command, "TLS is active already");
	if (!conn_can_tls(conn))
		return reply_bad(command, "TLS is not available");
	reply_ok(command, NULL, "Begin TLS now");
	conn_start_tls(conn);
	return RUN_DONE;
}
