/* COMPRESS (RFC 4978): from its answer on both sides speak through DEFLATE. */
#include "base/log.h"
#include "imap/deflate.h"
#include "imap/session.h"

/* The client must wait for the answer (§3): of what it has sent behind the command nobody could say whether it is packed. */
enum net_run imap_cmd_compress(struct imap_command *command)
{
	struct conn *conn = command->imap->conn;
	struct slice algorithm;
	if (!imap_parse_space(&command->parser) || !imap_parse_atom(&command->parser, &algorithm) || !imap_parse_end(&command->parser))
		return imap_reply_syntax(command);
	if (!slice_equal_nocase(algorithm, SLICE("DEFLATE")))
		return imap_reply_bad(command, "DEFLATE is the only algorithm");
	if (conn_is_filtered(conn))
		return imap_reply_bad(command, "[COMPRESSIONACTIVE] DEFLATE is active already");
	if (conn_has_more(conn, command->length))
		return imap_reply_bad(command, "Wait for the answer to COMPRESS");
	imap_reply_ok(command, NULL, "DEFLATE is active");
	log_info("imap.compressed", log_id("session", command->imap->id));
	conn_set_filter(conn, &imap_deflate, imap_deflate_new());
	return RUN_DONE;
}
