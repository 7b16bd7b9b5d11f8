/* SEARCH and UID SEARCH (RFC 3501 §6.4.4). The numbers go out as they are found. */
#include "imap/search.h"

enum {
	SEARCH_PIECE = 500, SEARCH_PIECE_SUMMARY = 64, SEARCH_OUTPUT = 8 * 1024,
	ENVELOPE_FACTOR = 24, /* the structure and folded lists of a message, in sizes of its summary */
	ENVELOPE_COUNTED = 32 * 1024, /* a summary from which on that is more than goes uncounted */
};

struct search_job {
	struct walk walk;
	struct search search;
	struct arena *arena, *step; /* see struct candidate */
	bool begun, over_share;
};

/* One message; false if there is no memory for it. */
static bool search_message(struct command *command, struct search_job *job, struct buf *out)
{
	struct walk *walk = &job->walk;
	struct candidate candidate = {.source = {.command = command, .message = walk->messages[walk->at], .fd = -1, .arena = job->arena},
				      .search = &job->search, .index = walk->positions[walk->at], .arena = job->arena, .step = job->step};
	size_t summary = candidate.source.message->summary.len;
	candidate.recent = selected_is_recent(command->imap->selected, candidate.source.message->uid);
	for (struct search_node *node = job->search.texts; node; node = node->next_text)
		node->found = false;
	if (summary > ENVELOPE_COUNTED && !imap_borrow(command->imap, summary * ENVELOPE_FACTOR))
		return false;
	if (search_match(job->search.root, &candidate) && !candidate.source.over_share) {
		buf_append_char(out, ' ');
		buf_append_number(out, command->uid ? candidate.source.message->uid : candidate.index + 1);
	}
	source_close(&candidate.source);
	arena_reset(job->arena);
	imap_repay(command->imap, command->imap->borrowed);
	walk->at++;
	return !candidate.source.over_share;
}

/* Searches until it is time to rest; *more is false at the end. False: *error, or there is no memory for a message. */
static bool search_pieces(struct command *command, struct search_job *job, struct buf *out, bool *more, struct error *error)
{
	struct walk *walk = &job->walk;
	while (*more && !conn_should_pause(command->imap->conn)) {
		if (walk->at == walk->count) {
			if (!walk_load(command, walk, more, error))
				return false;
			continue;
		}
		job->over_share = !search_message(command, job, out);
		if (job->over_share)
			return false;
		if (out->len > SEARCH_OUTPUT) {
			imap_send(command->imap, out);
			buf_clear(out);
		}
	}
	return true;
}

static enum run search_some(struct command *command, struct search_job *job)
{
	struct buf out = BUF(RESPONSE_MAX);
	struct error error;
	bool more = true;
	if (!job->begun)
		buf_append_text(&out, "* SEARCH");
	job->begun = true;
	bool done = search_pieces(command, job, &out, &more, &error);
	if (!more || !done)
		buf_append_text(&out, "\r\n");
	imap_send(command->imap, &out);
	buf_free(&out);
	if (!done)
		return job->over_share ? reply_over_share(command) : reply_error(command, &error);
	return more ? RUN_AGAIN : reply_ok(command, NULL, "SEARCH done");
}

static void end_job(struct command *command)
{
	struct search_job *job = command->job;
	arena_free(&job->arena);
	arena_free(&job->step);
}

enum run imap_cmd_search(struct command *command)
{
	struct search_job *job = command->job;
	bool bad_charset;
	if (job)
		return search_some(command, job);
	job = arena_alloc(command->arena, sizeof *job);
	bool parsed = search_parse(&command->parser, command->imap->selected, &job->search, &bad_charset);
	if (bad_charset)
		return reply_no(command, "BADCHARSET (US-ASCII UTF-8)", "Text is searched for in US-ASCII or UTF-8");
	if (!parsed)
		return reply_syntax(command);
	bool rows = job->search.root->cost == SEARCH_COST_ROW;
	job->walk.indexes = search_range(job->search.root, command->imap->selected, command->arena);
	job->walk.wanted = rows ? MESSAGE_FLAGS : MESSAGE_SUMMARY;
	job->walk.piece = rows ? SEARCH_PIECE : SEARCH_PIECE_SUMMARY;
	job->arena = arena_new();
	job->step = arena_new();
	command->job = job;
	command->end = end_job;
	return search_some(command, job);
}
