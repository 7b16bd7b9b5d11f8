/* STORE (RFC 3501 §6.4.6). */
#include "imap/session.h"

enum { STORE_PIECE = 500 };

struct store_job {
	struct imap_walk walk;
	enum flags_change change;
	bool silent;
	struct imap_flags flags;
};

static bool parse_item(struct imap_parser *parser, struct store_job *job)
{
	job->change = imap_parse_optional_char(parser, '+') ? FLAGS_ADD : imap_parse_optional_char(parser, '-') ? FLAGS_REMOVE : FLAGS_SET;
	if (imap_parse_optional_word(parser, "FLAGS.SILENT"))
		job->silent = true;
	else if (!imap_parse_optional_word(parser, "FLAGS"))
		return imap_parse_fail(parser, "STORE takes FLAGS, +FLAGS or -FLAGS, with or without .SILENT");
	return true;
}

static bool keywords_fit(const struct imap_flags *flags)
{
	struct slice rest = flags->keywords;
	while (rest.len > 0) {
		struct slice keyword;
		slice_cut(rest, ' ', &keyword, &rest);
		if (keyword.len > KEYWORD_MAX)
			return false;
	}
	return flags->keyword_count <= KEYWORDS_PER_MESSAGE_MAX;
}

/* Sends the new flags of the messages. */
static enum net_run report(struct imap_command *command, struct store_job *job)
{
	struct imap_walk *walk = &job->walk;
	struct error error;
	struct buf out = BUF(RESPONSE_MAX);
	bool more = true, loaded = true;
	while (more && !conn_should_pause(command->imap->conn)) {
		for (; walk->at < walk->count; walk->at++)
			imap_selected_write_flags(command->imap->selected, &out, walk->positions[walk->at], walk->messages[walk->at]);
		imap_send(command->imap, &out);
		buf_clear(&out);
		loaded = imap_walk_load(command, walk, &more, &error);
		more = more && loaded;
	}
	buf_free(&out);
	if (more)
		return RUN_AGAIN;
	if (!loaded)
		return imap_reply_error(command, &error);
	return imap_reply_ok(command, command->some_gone ? "EXPUNGEISSUED" : NULL, command->some_gone ? "Some messages have been expunged" : "STORE done");
}

enum net_run imap_cmd_store(struct imap_command *command)
{
	struct store_job *job = command->job;
	struct imap_selected *selected = command->imap->selected;
	struct error error;
	if (job)
		return report(command, job);
	command->job = job = arena_alloc(command->arena, sizeof *job);
	job->walk.piece = STORE_PIECE;
	struct imap_parser *parser = &command->parser;
	if (!imap_parse_space(parser) || !imap_command_parse_indexes(command, &job->walk.indexes) || !imap_parse_space(parser) ||
	    !parse_item(parser, job) || !imap_parse_space(parser) || !imap_parse_store_flags(parser, &job->flags) || !imap_parse_end(parser))
		return imap_reply_syntax(command);
	if (selected->read_only)
		return imap_reply_no(command, "CANNOT", "The mailbox was opened read-only");
	if (!keywords_fit(&job->flags))
		return imap_reply_no(command, "LIMIT", "A keyword is too long, or there are too many");
	/* What others did before is told before, so that only this command's own changes are kept quiet. */
	imap_selected_sync(command, false);
	if (!imap_command_account(command, &error))
		return imap_reply_error(command, &error);
	command->quiet = imap_command_uids(command, &job->walk.indexes, &command->quiet_count);
	if (!message_store_flags(command->account, selected->mailbox, command->quiet, command->quiet_count, job->change, job->flags.system,
				 job->flags.keywords, -1, command->arena, NULL, NULL, &error))
		return imap_reply_error(command, &error);
	if (job->change != FLAGS_REMOVE)
		imap_learn_flagged(command, command->quiet, command->quiet_count, job->flags.system, job->flags.keywords);
	if (job->silent)
		return imap_reply_ok(command, NULL, "STORE done");
	return report(command, job);
}
