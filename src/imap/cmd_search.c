/* SEARCH and UID SEARCH (RFC 3501 §6.4.4). The numbers go out as they are found. */
#include "imap/search.h"

enum { SEARCH_PIECE = 500, SEARCH_PIECE_SUMMARY = 64, SEARCH_OUTPUT = 8 * 1024 };

struct search_job {
	struct walk walk;
	struct search_node *root;
	bool begun;
};

static void search_piece(struct command *command, struct search_job *job, struct arena *arena, struct buf *out)
{
	struct walk *walk = &job->walk;
	for (; walk->at < walk->count; walk->at++) {
		struct candidate candidate = {.source = {.command = command, .message = walk->messages[walk->at], .fd = -1},
					      .index = walk->positions[walk->at], .arena = arena};
		candidate.recent = selected_is_recent(command->imap->selected, candidate.source.message->uid);
		if (search_match(job->root, &candidate)) {
			buf_append_char(out, ' ');
			buf_append_number(out, command->uid ? candidate.source.message->uid : candidate.index + 1);
		}
		source_close(&candidate.source);
		buf_free(&candidate.header);
		arena_reset(arena);
	}
}

static enum run search_some(struct command *command, struct search_job *job)
{
	struct buf out = BUF(RESPONSE_MAX);
	struct arena *arena = arena_new();
	struct error error;
	bool more = true, loaded = true;
	if (!job->begun)
		buf_append_text(&out, "* SEARCH");
	job->begun = true;
	while (more && !conn_should_pause(command->imap->conn)) {
		search_piece(command, job, arena, &out);
		if (out.len > SEARCH_OUTPUT) {
			imap_send(command->imap, &out);
			buf_clear(&out);
		}
		loaded = walk_load(command, &job->walk, &more, &error);
		more = more && loaded;
	}
	if (!more)
		buf_append_text(&out, "\r\n");
	imap_send(command->imap, &out);
	buf_free(&out);
	arena_free(&arena);
	if (more)
		return RUN_AGAIN;
	return loaded ? reply_ok(command, NULL, "SEARCH done") : reply_error(command, &error);
}

enum run imap_cmd_search(struct command *command)
{
	struct search_job *job = command->job;
	bool bad_charset;
	if (job)
		return search_some(command, job);
	job = arena_alloc(command->arena, sizeof *job);
	job->root = search_parse(&command->parser, command->imap->selected, &bad_charset);
	if (bad_charset)
		return reply_no(command, "BADCHARSET (US-ASCII UTF-8)", "Text is searched for in US-ASCII or UTF-8");
	if (!job->root)
		return reply_syntax(command);
	job->walk.indexes = search_range(job->root, command->imap->selected, command->arena);
	job->walk.wanted = job->root->cost > SEARCH_COST_ROW ? MESSAGE_SUMMARY : MESSAGE_FLAGS;
	job->walk.piece = job->root->cost > SEARCH_COST_ROW ? SEARCH_PIECE_SUMMARY : SEARCH_PIECE;
	command->job = job;
	return search_some(command, job);
}
