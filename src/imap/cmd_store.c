/* STORE (RFC 3501 §6.4.6). */
#include "imap/session.h"

enum { STORE_PIECE = 500 };

struct store_job {
	struct walk walk;
	enum flags_change change;
	bool silent;
	struct flags flags;
};

static bool parse_item(struct parser *parser, struct store_job *job)
{
	job->change = parse_optional_char(parser, '+') ? FLAGS_ADD : parse_optional_char(parser, '-') ? FLAGS_REMOVE : FLAGS_SET;
	if (parse_optional_word(parser, "FLAGS.SILENT"))
		job->silent = true;
	else if (!parse_optional_word(parser, "FLAGS"))
		return parse_fail(parser, "STORE takes FLAGS, +FLAGS or -FLAGS, with or without .SILENT");
	return true;
}

static bool keywords_fit(const struct flags *flags)
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
static enum run report(struct command *command, struct store_job *job)
{
	struct walk *walk = &job->walk;
	struct error error;
	struct buf out = BUF(RESPONSE_MAX);
	bool more = true, loaded = true;
	while (more && !conn_should_pause(command->imap->conn)) {
		for (; walk->at < walk->count; walk->at++)
			selected_write_flags(command->imap->selected, &out, walk->positions[walk->at], walk->messages[walk->at]);
		imap_send(command->imap, &out);
		buf_clear(&out);
		loaded = walk_load(command, walk, &more, &error);
		more = more && loaded;
	}
	buf_free(&out);
	if (more)
		return RUN_AGAIN;
	if (!loaded)
		return reply_error(command, &error);
	return reply_ok(command, command->some_gone ? "EXPUNGEISSUED" : NULL, command->some_gone ? "Some messages have been expunged" : "STORE done");
}

enum run imap_cmd_store(struct command *command)
{
	struct store_job *job = command->job;
	struct selected *selected = command->imap->selected;
	struct error error;
	if (job)
		return report(command, job);
	command->job = job = arena_alloc(command->arena, sizeof *job);
	job->walk.piece = STORE_PIECE;
	struct parser *parser = &command->parser;
	if (!parse_space(parser) || !command_parse_indexes(command, &job->walk.indexes) || !parse_space(parser) ||
	    !parse_item(parser, job) || !parse_space(parser) || !parse_store_flags(parser, &job->flags) || !parse_end(parser))
		return reply_syntax(command);
	if (selected->read_only)
		return reply_no(command, "CANNOT", "The mailbox was opened read-only");
	if (!keywords_fit(&job->flags))
		return reply_no(command, "LIMIT", "A keyword is too long, or there are too many");
	/* What others did before is told before, so that only this command's own changes are kept quiet. */
	selected_sync(command, false);
	if (!command_account(command, &error))
		return reply_error(command, &error);
	command->quiet = command_uids(command, &job->walk.indexes, &command->quiet_count);
	if (!message_store_flags(command->account, selected->mailbox, command->quiet, command->quiet_count, job->change, job->flags.system,
				 job->flags.keywords, -1, command->arena, NULL, NULL, &error))
		return reply_error(command, &error);
	if (job->silent)
		return reply_ok(command, NULL, "STORE done");
	return report(command, job);
}
