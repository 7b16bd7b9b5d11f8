/* SEARCH and UID SEARCH (RFC 3501 §6.4.4). The numbers go out as they are found. */
#include "imap/search.h"

enum {
	SEARCH_PIECE = 500, SEARCH_PIECE_SUMMARY = 64, SEARCH_OUTPUT = 8 * 1024,
	ENVELOPE_FACTOR = 24, /* the structure and folded lists of a message, in sizes of its summary */
	ENVELOPE_COUNTED = 32 * 1024, /* a summary from which on that is more than goes uncounted */
};

struct search_job {
	struct imap_walk walk;
	struct query query;
	struct arena *arena, *step; /* see struct query_message */
	bool begun, over_share;
};

/* ---- what the query asks about the message at hand, a struct imap_source ---- */

static bool read_source(void *source, uint64_t offset, uint64_t length, char *at)
{
	return imap_source_read_into(source, offset, length, at);
}

static const struct mime_part *structure_of_source(void *source)
{
	return imap_source_structure(source);
}

static bool borrow_for_source(void *source, uint64_t bytes)
{
	return imap_borrow(((struct imap_source *)source)->command->imap, bytes);
}

static void repay_for_source(void *source, uint64_t bytes)
{
	imap_repay(((struct imap_source *)source)->command->imap, bytes);
}

static bool client_is_gone(void *source)
{
	return conn_is_gone(((struct imap_source *)source)->command->imap->conn);
}

static const struct query_asks asks = {
	.read = read_source, .structure = structure_of_source, .borrow = borrow_for_source, .repay = repay_for_source, .is_over = client_is_gone,
};

/* ---- the command ---- */

/* Of the messages in `range` those that have one of these UIDs. */
static struct ranges pick_uids(const struct imap_selected *selected, const struct ranges *range, const uint32_t *uids, size_t count, struct arena *arena)
{
	struct ranges picked = {.at = arena_array(arena, count + 1, sizeof *picked.at)};
	size_t index;
	for (size_t i = 0; i < count; i++) {
		if (!imap_uids_find(&selected->uids, uids[i], &index) || !ranges_contain(range, (uint32_t)index))
			continue;
		struct range *last = picked.count > 0 ? &picked.at[picked.count - 1] : NULL;
		if (last && last->last + 1 == (uint32_t)index)
			last->last = (uint32_t)index;
		else
			picked.at[picked.count++] = (struct range){(uint32_t)index, (uint32_t)index};
	}
	return picked;
}

/* The index narrows, the messages decide: what it leaves out can't match. Without its help all are looked at. */
static struct ranges narrow(struct imap_command *command, const struct query *query)
{
	const struct imap_selected *selected = command->imap->selected;
	struct ranges range = imap_search_range(query, selected, command->arena);
	struct error error;
	uint32_t *uids;
	size_t count;
	bool narrowed;
	if (!imap_command_account(command, &error) ||
	    !mailbox_narrow(command->account, selected->mailbox, query, command->arena, &uids, &count, &narrowed, &error) || !narrowed)
		return range;
	return pick_uids(selected, &range, uids, count, command->arena);
}

/* One message; false if there is no memory for it. */
static bool search_message(struct imap_command *command, struct search_job *job, struct buf *out)
{
	struct imap_walk *walk = &job->walk;
	uint32_t index = walk->positions[walk->at];
	const struct message *row = walk->messages[walk->at++];
	if (row->summary.len > ENVELOPE_COUNTED && !imap_borrow(command->imap, row->summary.len * ENVELOPE_FACTOR))
		return false;
	struct imap_source source = {.command = command, .message = row, .fd = -1, .arena = job->arena};
	bool recent = imap_selected_is_recent(command->imap->selected, row->uid);
	struct query_message message = {
		.asks = &asks, .context = &source, .number = index, .uid = row->uid, .flags = row->flags | (recent ? FLAG_RECENT : 0),
		.keywords = row->keywords, .size = row->size, .received = row->received, .arena = job->arena, .step = job->step,
	};
	bool found = query_matches(&job->query, &message), refused = message.refused || source.over_share;
	if (found && !refused) {
		buf_append_char(out, ' ');
		buf_append_number(out, command->uid ? row->uid : index + 1);
	}
	imap_source_close(&source);
	arena_reset(job->arena);
	imap_repay(command->imap, command->imap->borrowed);
	return !refused;
}

/* Searches until it is time to rest; *more is false at the end. False: *error, or there is no memory for a message. */
static bool search_pieces(struct imap_command *command, struct search_job *job, struct buf *out, bool *more, struct error *error)
{
	struct imap_walk *walk = &job->walk;
	while (*more && !conn_should_pause(command->imap->conn)) {
		if (walk->at == walk->count) {
			if (!imap_walk_load(command, walk, more, error))
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

static enum net_run search_some(struct imap_command *command, struct search_job *job)
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
		return job->over_share ? imap_reply_over_share(command) : imap_reply_error(command, &error);
	return more ? RUN_AGAIN : imap_reply_ok(command, NULL, "SEARCH done");
}

static void end_job(struct imap_command *command)
{
	struct search_job *job = command->job;
	arena_free(&job->arena);
	arena_free(&job->step);
}

enum net_run imap_cmd_search(struct imap_command *command)
{
	struct search_job *job = command->job;
	bool bad_charset;
	if (job)
		return search_some(command, job);
	job = arena_alloc(command->arena, sizeof *job);
	bool parsed = imap_search_parse(&command->parser, command->imap->selected, &job->query, &bad_charset);
	if (bad_charset)
		return imap_reply_no(command, "BADCHARSET (US-ASCII UTF-8)", "Text is searched for in US-ASCII or UTF-8");
	if (!parsed)
		return imap_reply_syntax(command);
	bool rows = job->query.root->cost == QUERY_COST_ROW;
	job->walk.indexes = narrow(command, &job->query);
	job->walk.wanted = rows ? MESSAGE_FLAGS : MESSAGE_SUMMARY;
	job->walk.piece = rows ? SEARCH_PIECE : SEARCH_PIECE_SUMMARY;
	job->arena = arena_new();
	job->step = arena_new();
	command->job = job;
	command->end = end_job;
	return search_some(command, job);
}
