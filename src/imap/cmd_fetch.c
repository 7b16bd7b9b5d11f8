/* FETCH (RFC 3501 §6.4.5). Messages come in pieces from the store (walk.c); envelopes and structures from the stored
 * summary; bodies go from their file to the connection without passing through here, unless they are small. A message with a
 * long answer is sent in parts, with a rest between them (RUN_AGAIN), so what it needs is kept in the job. */
#include <fcntl.h>

#include "base/log.h"
#include "imap/fetch.h"
#include "imap/session.h"
#include "message/date.h"

enum {
	FETCH_PIECE = 500,        /* messages at a time when their flags and the like are asked for */
	FETCH_PIECE_SUMMARY = 64, /* … when summaries are */
	FETCH_PIECE_EXCERPT = 200, /* … when excerpts are */
	FETCH_PIECE_SEEN = 16,    /* … when they become \Seen: not long before they are sent */
	FETCH_INLINE_MAX = 16 * 1024, /* longer ranges are sent from the file */
	FETCH_FIELDS_BYTES_MAX = 64 * 1024 * 1024, /* of headers that are gone through for one message, each once for every HEADER.FIELDS */
	MADE_MAX = 500, MADE_BYTES = 256 * 1024, /* excerpts that wait to be kept, until they are so many or so much */
	SUMMARY_COUNTED = 16 * 1024,  /* a summary of more bytes needs more memory than goes uncounted, … */
	SUMMARY_FACTOR = 64,          /* … so many times its size, with structure and answer */
};

/* Excerpts that were made, since there were none, and wait to be kept. */
struct fetch_made {
	struct arena *arena;
	struct message_excerpt *list;
	size_t count;
	bool failed;           /* they can't be kept now */
};

struct fetch_job {
	struct imap_walk walk;
	struct imap_fetch_items items;
	bool sets_seen, wants_flags;
	size_t sections;       /* items that are sections of messages */
	size_t field_items;    /* items that ask for some fields of a header … */
	size_t excerpt_items;  /* … of which an excerpt of the message may tell: these */
	uint64_t excerpt_fields;
	struct fetch_made made;
	bool *became_seen;     /* of the piece at hand */
	uint32_t *seen;        /* UIDs that this command has marked */
	size_t seen_count;
	bool some_unreadable, over_share, over_budget;
	struct buf out;        /* freed before the job rests */
	/* the message at hand */
	bool in_message;
	bool served;           /* its excerpt tells of all fields that are asked for */
	struct imap_source source;
	size_t item;           /* the next of the items */
	struct imap_fields fields;  /* of that item, while they are being sent */
	bool in_fields;
	uint64_t skip, left;   /* of a partial subset: bytes that come before, bytes to be sent */
	uint64_t borrowed;     /* for those before it */
};

static void flush(struct imap_command *command, struct fetch_job *job)
{
	imap_send(command->imap, &job->out);
	buf_clear(&job->out);
}

/* ---- sections ---- */

static void announce(struct fetch_job *job, uint64_t length)
{
	buf_append_text(&job->out, " {");
	buf_append_number(&job->out, length);
	buf_append_text(&job->out, "}\r\n");
}

static bool send_range(struct imap_command *command, struct fetch_job *job, uint64_t offset, uint64_t length)
{
	announce(job, length);
	if (length <= FETCH_INLINE_MAX)
		return imap_source_read(&job->source, offset, length, &job->out);
	int own = fcntl(job->source.fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return false;
	flush(command, job);
	conn_send_file(command->imap->conn, own, offset, length);
	return true;
}

static void clip_partial(const struct imap_fetch_item *item, uint64_t *offset, uint64_t *length)
{
	if (!item->partial)
		return;
	uint64_t skipped = item->first < *length ? item->first : *length;
	*offset += skipped;
	*length -= skipped;
	if (*length > item->most)
		*length = item->most;
}

static bool begin_fields(struct imap_command *command, struct fetch_job *job, const struct imap_fetch_item *item, uint64_t offset, uint64_t length)
{
	uint64_t size;
	if (!job->fields.window)
		job->fields.window = arena_alloc(command->arena, FIELDS_WINDOW);
	imap_fields_begin(&job->fields, &item->section, offset, length);
	if (!imap_fields_measure(&job->fields, &job->source, &size))
		return false;
	job->skip = 0;
	clip_partial(item, &job->skip, &size);
	job->left = size;
	job->in_fields = true;
	announce(job, size);
	imap_fields_begin(&job->fields, &item->section, offset, length);
	return true;
}

/* Sends what there is room for. False: the file can't be read. */
static bool send_fields(struct imap_command *command, struct fetch_job *job)
{
	struct slice piece;
	while (job->left > 0 && !conn_should_pause(command->imap->conn)) {
		if (!imap_fields_next(&job->fields, &job->source, &piece) || piece.len == 0)
			return false;
		size_t skipped = job->skip < piece.len ? (size_t)job->skip : piece.len;
		piece = slice_sub(piece, skipped, job->left < piece.len - skipped ? (size_t)job->left : piece.len - skipped);
		job->skip -= skipped;
		job->left -= piece.len;
		buf_append(&job->out, piece);
		imap_send_some(command->imap, &job->out);
	}
	job->in_fields = job->left > 0;
	return true;
}

/* As much as an excerpt holds, at most. */
static void send_excerpt(struct fetch_job *job, const struct imap_fetch_item *item)
{
	struct slice excerpt = job->source.message->excerpt;
	uint64_t skip = 0, size = imap_excerpt_measure(excerpt, &item->section);
	clip_partial(item, &skip, &size);
	buf_append(&job->out, item->label);
	announce(job, size);
	imap_excerpt_write(excerpt, &item->section, skip, size, &job->out);
}

static bool send_section(struct imap_command *command, struct fetch_job *job, const struct imap_fetch_item *item)
{
	uint64_t offset, length;
	if (job->served && item->section.excerpt != 0) {
		send_excerpt(job, item);
		return true;
	}
	const struct mime_part *root = imap_section_needs_structure(&item->section) ? imap_source_structure(&job->source) : NULL;
	buf_append(&job->out, item->label);
	if (!imap_section_find(&item->section, root, job->source.size, &offset, &length)) {
		buf_append_text(&job->out, " NIL");
		return true;
	}
	if (item->section.text == SECTION_FIELDS || item->section.text == SECTION_FIELDS_NOT)
		return begin_fields(command, job, item, offset, length) && send_fields(command, job);
	clip_partial(item, &offset, &length);
	return send_range(command, job, offset, length);
}

/* ---- one message ---- */

static void write_date(struct buf *out, int64_t received)
{
	char date[DATE_TEXT_MAX];
	size_t len = date_format_imap(received, date);
	buf_printf(out, "\"%.*s\"", (int)len, date);
}

static bool write_item(struct imap_command *command, struct fetch_job *job, const struct imap_fetch_item *item)
{
	struct buf *out = &job->out;
	const struct message *message = job->source.message;
	if (item->kind == FETCH_SECTION)
		return send_section(command, job, item);
	buf_append(out, item->label);
	buf_append_char(out, ' ');
	switch (item->kind) {
	case FETCH_FLAGS:
		imap_write_flags(out, message->flags | (imap_selected_is_recent(command->imap->selected, message->uid) ? FLAG_RECENT : 0), message->keywords);
		break;
	case FETCH_UID:
		buf_append_number(out, message->uid);
		break;
	case FETCH_INTERNALDATE:
		write_date(out, message->received);
		break;
	case FETCH_SIZE:
		buf_append_number(out, message->size);
		break;
	case FETCH_ENVELOPE:
		imap_write_envelope(out, imap_source_structure(&job->source)->envelope);
		break;
	case FETCH_BODY:
	case FETCH_BODYSTRUCTURE:
		imap_write_structure(out, imap_source_structure(&job->source), item->kind == FETCH_BODYSTRUCTURE);
		break;
	case FETCH_SECTION:
		break;
	}
	return true;
}

/* Memory for the structure and the answer, and headers that aren't too much work: asked before the response begins, which must
 * be brought to its end then. */
static bool is_affordable(struct imap_command *command, struct fetch_job *job)
{
	uint64_t summary = job->source.message->summary.len;
	job->borrowed = command->imap->borrowed;
	job->over_share = summary > SUMMARY_COUNTED && !imap_borrow(command->imap, summary * SUMMARY_FACTOR);
	if (job->over_share)
		return false;
	size_t passes = job->field_items - (job->served ? job->excerpt_items : 0);
	const struct mime_part *root = passes > 0 ? imap_source_structure(&job->source) : NULL;
	job->over_budget = root && passes * root->header_size > FETCH_FIELDS_BYTES_MAX && passes > 1;
	return !job->over_budget;
}

/* ---- excerpts that are missing ---- */

static void keep_made(struct imap_command *command, struct fetch_made *made, bool are_long)
{
	if (made->count > 0)
		made->failed = !command->account || !message_keep_excerpts(command->account, are_long, made->list, made->count);
	made->count = 0;
	arena_free(&made->arena);
}

/* Of a message whose file is open. */
static void make_excerpt(struct imap_command *command, struct fetch_job *job)
{
	struct fetch_made *made = &job->made;
	const struct mime_part *root = imap_source_structure(&job->source);
	bool is_long = job->walk.wanted & MESSAGE_LONG_EXCERPT;
	if (made->failed || !root)
		return;
	if (!made->arena) {
		made->arena = arena_new();
		made->list = arena_array(made->arena, MADE_MAX, sizeof *made->list);
	}
	size_t length = root->header_size <= EXCERPT_HEADER_MAX ? (size_t)root->header_size : EXCERPT_HEADER_MAX + 1;
	char *header = arena_alloc(command->message_arena, length + 1);
	if (!imap_source_read_into(&job->source, 0, length, header))
		return;
	made->list[made->count++] = (struct message_excerpt){job->source.message->id,
		excerpt_make(slice_make(header, length), is_long ? EXCERPT_LONG : EXCERPT_SHORT, made->arena)};
	if (made->count == MADE_MAX || arena_used(made->arena) > MADE_BYTES)
		keep_made(command, made, is_long);
}

/* Gets what the fields need that an excerpt doesn't tell. */
static void see_excerpt(struct imap_command *command, struct fetch_job *job)
{
	struct message *message = job->walk.messages[job->walk.at];
	job->served = job->excerpt_items > 0 && imap_excerpt_serves(message->excerpt, job->excerpt_fields);
	if (job->excerpt_items > 0 && !job->served && message->summary.len == 0 && command->account)
		message->summary = message_find_summary(command->account, message->id, command->message_arena);
}

/* Is there anything that only the file tells? */
static bool needs_file(const struct fetch_job *job)
{
	return job->sections > (job->served ? job->excerpt_items : 0);
}

/* ---- the response ---- */

/* Gets what the response needs before it begins. */
static bool begin_message(struct imap_command *command, struct fetch_job *job)
{
	struct imap_walk *walk = &job->walk;
	struct error error;
	if (!command->message_arena)
		command->message_arena = arena_new();
	job->source = (struct imap_source){.command = command, .message = walk->messages[walk->at], .fd = -1, .arena = command->message_arena};
	job->fields.window_len = 0;
	job->item = 0;
	see_excerpt(command, job);
	if (!is_affordable(command, job))
		return false;
	bool needs_structure = (walk->wanted & MESSAGE_SUMMARY) || (job->excerpt_items > 0 && !job->served);
	if ((needs_file(job) && !imap_source_open(&job->source, &error)) || (needs_structure && !imap_source_structure(&job->source))) {
		if (job->source.gone) {
			command->some_gone = true;
		} else if (job->source.over_share) {
			job->over_share = true;
		} else {
			job->some_unreadable = true;
			log_error("message.unreadable", log_id("session", command->imap->id), log_slice("account", command->imap->account),
				  log_number("uid", job->source.message->uid));
		}
		return false;
	}
	if (job->wants_flags || (job->became_seen && job->became_seen[walk->at]))
		imap_selected_write_keywords(command->imap->selected, &job->out, job->source.message->keywords);
	if (job->excerpt_items > 0 && !excerpt_is_current(job->source.message->excerpt))
		make_excerpt(command, job);
	buf_append_text(&job->out, "* ");
	buf_append_number(&job->out, (uint64_t)walk->positions[walk->at] + 1);
	buf_append_text(&job->out, " FETCH (");
	return true;
}

static void end_message(struct imap_command *command, struct fetch_job *job)
{
	imap_source_close(&job->source);
	arena_reset(command->message_arena);
	job->in_message = job->in_fields = false;
	job->walk.at++;
	if (conn_queued(command->imap->conn) < UNCOUNTED_MEMORY)
		imap_repay(command->imap, command->imap->borrowed);
}

/* The items that are left, as far as there is room for their answers. Once a response has begun it must be brought to its end;
 * whoever can't loses the connection. */
static bool write_items(struct imap_command *command, struct fetch_job *job)
{
	struct conn *conn = command->imap->conn;
	while (job->in_fields || job->item < job->items.count) {
		if (conn_should_pause(conn))
			return true;
		if (!job->in_fields && job->item > 0)
			buf_append_char(&job->out, ' ');
		if (!(job->in_fields ? send_fields(command, job) : write_item(command, job, &job->items.list[job->item])))
			return false;
		job->item += !job->in_fields;
		imap_send_some(command->imap, &job->out);
	}
	if (job->became_seen && job->became_seen[job->walk.at] && !job->wants_flags) {
		buf_append_char(&job->out, ' ');
		write_item(command, job, &(struct imap_fetch_item){.kind = FETCH_FLAGS, .label = SLICE("FLAGS")});
	}
	buf_append_text(&job->out, ")\r\n");
	imap_send_some(command->imap, &job->out);
	end_message(command, job);
	return true;
}

static void fetch_message(struct imap_command *command, struct fetch_job *job)
{
	if (!job->in_message && !begin_message(command, job)) {
		end_message(command, job);
		return;
	}
	job->in_message = true;
	if (!write_items(command, job))
		imap_bye(command->imap, "A message can't be read");
}

/* ---- many ---- */

/* Marks those of the piece that aren't \Seen yet. A failure here isn't the client's business: it gets its message. */
static void mark_seen(struct imap_command *command, struct fetch_job *job)
{
	struct imap_walk *walk = &job->walk;
	struct error error;
	uint32_t *uids = job->seen + job->seen_count;
	size_t count = 0;
	job->became_seen = arena_array(command->scratch, walk->count, sizeof *job->became_seen);
	for (size_t i = 0; i < walk->count; i++)
		if (!(walk->messages[i]->flags & FLAG_SEEN))
			uids[count++] = walk->messages[i]->uid;
	if (count == 0 || !message_store_flags(command->account, command->imap->selected->mailbox, uids, count, FLAGS_ADD, FLAG_SEEN,
					       slice_make("", 0), -1, command->scratch, NULL, NULL, &error))
		return;
	for (size_t i = 0; i < walk->count; i++) {
		job->became_seen[i] = !(walk->messages[i]->flags & FLAG_SEEN);
		walk->messages[i]->flags |= FLAG_SEEN;
	}
	job->seen_count += count;
	command->quiet = job->seen;
	command->quiet_count = job->seen_count;
}

/* Which of what the store keeps of each message the items need. */
static void note_needs(struct fetch_job *job, const struct imap_fetch_item *item)
{
	bool is_section = item->kind == FETCH_SECTION, kept = is_section && item->section.excerpt != 0;
	job->sets_seen |= item->sets_seen;
	job->wants_flags |= item->kind == FETCH_FLAGS;
	job->sections += is_section;
	job->field_items += is_section && item->section.field_count > 0;
	job->excerpt_items += kept;
	job->excerpt_fields |= kept ? item->section.excerpt : 0;
	if (item->kind == FETCH_ENVELOPE || item->kind == FETCH_BODY || item->kind == FETCH_BODYSTRUCTURE ||
	    (is_section && !kept && imap_section_needs_structure(&item->section)))
		job->walk.wanted |= MESSAGE_SUMMARY;
}

static size_t piece_of(const struct fetch_job *job)
{
	enum message_wanted wanted = job->walk.wanted;
	return job->sets_seen ? FETCH_PIECE_SEEN : wanted & MESSAGE_SUMMARY ? FETCH_PIECE_SUMMARY : wanted != MESSAGE_FLAGS ? FETCH_PIECE_EXCERPT : FETCH_PIECE;
}

static bool parse_job(struct imap_command *command, struct fetch_job *job)
{
	struct imap_parser *parser = &command->parser;
	if (!imap_parse_space(parser) || !imap_command_parse_indexes(command, &job->walk.indexes) || !imap_parse_space(parser) ||
	    !imap_fetch_parse(parser, &job->items))
		return false;
	bool has_uid = false;
	for (size_t i = 0; i < job->items.count; i++) {
		has_uid |= job->items.list[i].kind == FETCH_UID;
		note_needs(job, &job->items.list[i]);
	}
	if (job->excerpt_items > 0)
		job->walk.wanted |= excerpt_kind_for(job->excerpt_fields) == EXCERPT_LONG ? MESSAGE_LONG_EXCERPT : MESSAGE_EXCERPT;
	/* UID FETCH tells the UID whether it was asked for or not (RFC 3501 §6.4.8). */
	if (command->uid && !has_uid)
		job->items.list[job->items.count++] = (struct imap_fetch_item){.kind = FETCH_UID, .label = SLICE("UID")};
	job->sets_seen &= !command->imap->selected->read_only;
	job->walk.piece = piece_of(job);
	if (job->sets_seen)
		job->seen = arena_array(command->arena, ranges_size(&job->walk.indexes), sizeof *job->seen);
	return true;
}

static enum net_run finish(struct imap_command *command, const struct fetch_job *job)
{
	if (job->over_share)
		return imap_reply_over_share(command);
	if (job->over_budget)
		return imap_reply_no(command, "LIMIT", "So many parts of so long a header are too much for one command");
	if (job->some_unreadable)
		return imap_reply_no(command, "UNAVAILABLE", "Some messages can't be read");
	if (command->some_gone)
		return imap_reply_ok(command, "EXPUNGEISSUED", "Some messages have been expunged");
	return imap_reply_ok(command, NULL, "FETCH done");
}

/* Sends what there is room for; false at the end or after a failure. */
static bool fetch_some(struct imap_command *command, struct fetch_job *job, bool *failed, struct error *error)
{
	struct imap_walk *walk = &job->walk;
	imap_repay(command->imap, job->in_message ? job->borrowed : command->imap->borrowed); /* those answers have been sent */
	job->borrowed = 0;
	while (!conn_should_pause(command->imap->conn)) {
		if (job->over_share || job->over_budget)
			return false;
		if (walk->at == walk->count) {
			bool more;
			keep_made(command, &job->made, walk->wanted & MESSAGE_LONG_EXCERPT);
			*failed = !imap_walk_load(command, walk, &more, error);
			if (*failed || !more)
				return false;
			if (job->sets_seen)
				mark_seen(command, job);
			continue;
		}
		fetch_message(command, job);
		if (command->imap->state == STATE_LOGOUT)
			return false;
	}
	return true;
}

static void end_job(struct imap_command *command)
{
	struct fetch_job *job = command->job;
	if (job->in_message)
		imap_source_close(&job->source);
	arena_free(&job->made.arena);
}

enum net_run imap_cmd_fetch(struct imap_command *command)
{
	struct fetch_job *job = command->job;
	struct error error;
	bool failed = false;
	if (!job) {
		command->job = job = arena_alloc(command->arena, sizeof *job);
		job->out = BUF(RESPONSE_MAX);
		command->end = end_job;
		if (!parse_job(command, job))
			return imap_reply_syntax(command);
	}
	bool more = fetch_some(command, job, &failed, &error);
	flush(command, job);
	buf_free(&job->out);
	if (more)
		return RUN_AGAIN;
	return failed ? imap_reply_error(command, &error) : finish(command, job);
}
