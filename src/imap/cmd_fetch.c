/* FETCH (RFC 3501 §6.4.5). Messages come in pieces from the store (walk.c); envelopes and structures from the stored
 * summary; bodies go from their file to the connection without passing through here, unless they are small. */
#include <fcntl.h>

#include "base/log.h"
#include "imap/fetch.h"
#include "imap/session.h"
#include "imap/source.h"
#include "message/date.h"

enum {
	FETCH_PIECE = 500,        /* messages at a time when their flags and the like are asked for */
	FETCH_PIECE_SUMMARY = 64, /* … when summaries are */
	FETCH_PIECE_SEEN = 16,    /* … when they become \Seen: not long before they are sent */
	FETCH_INLINE_MAX = 16 * 1024, /* longer ranges are sent from the file */
	FETCH_OUTPUT = 16 * 1024,     /* gathered before it goes to the connection */
};

struct fetch_job {
	struct walk walk;
	struct fetch_items items;
	bool sets_seen, wants_flags, has_sections;
	bool *became_seen;     /* of the piece at hand */
	uint32_t *seen;        /* UIDs that this command has marked */
	size_t seen_count;
	bool some_unreadable;
	struct buf out;        /* freed before the job rests */
};

/* ---- one message ---- */

static void flush(struct command *command, struct fetch_job *job)
{
	imap_send(command->imap, &job->out);
	buf_clear(&job->out);
}

static bool send_range(struct command *command, struct fetch_job *job, struct source *source, uint64_t offset, uint64_t length)
{
	buf_printf(&job->out, " {%llu}\r\n", (unsigned long long)length);
	if (length <= FETCH_INLINE_MAX)
		return source_read(source, offset, length, &job->out);
	int own = fcntl(source->fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return false;
	flush(command, job);
	conn_send_file(command->imap->conn, own, offset, length);
	return true;
}

static void clip_partial(const struct fetch_item *item, uint64_t *offset, uint64_t *length)
{
	if (!item->partial)
		return;
	uint64_t skipped = item->first < *length ? item->first : *length;
	*offset += skipped;
	*length -= skipped;
	if (*length > item->most)
		*length = item->most;
}

static bool send_fields(struct fetch_job *job, const struct fetch_item *item, struct source *source, uint64_t offset, uint64_t length)
{
	struct buf header = BUF(length + 1), subset = BUF(length + 4);
	bool done = source_read(source, offset, length, &header);
	if (done) {
		section_filter(&item->section, buf_slice(&header), &subset);
		uint64_t from = 0, size = subset.len;
		clip_partial(item, &from, &size);
		buf_printf(&job->out, " {%llu}\r\n", (unsigned long long)size);
		buf_append(&job->out, slice_sub(buf_slice(&subset), (size_t)from, (size_t)size));
	}
	buf_free(&header);
	buf_free(&subset);
	return done;
}

static bool send_section(struct command *command, struct fetch_job *job, const struct fetch_item *item, struct source *source)
{
	uint64_t offset, length;
	const struct part *root = section_needs_structure(&item->section) ? source_structure(source) : NULL;
	buf_append(&job->out, item->label);
	if (!section_find(&item->section, root, source->size, &offset, &length)) {
		buf_append_text(&job->out, " NIL");
		return true;
	}
	if (item->section.text == SECTION_FIELDS || item->section.text == SECTION_FIELDS_NOT)
		return send_fields(job, item, source, offset, length);
	clip_partial(item, &offset, &length);
	return send_range(command, job, source, offset, length);
}

static void write_date(struct buf *out, int64_t received)
{
	char date[DATE_TEXT_MAX];
	size_t len = date_format_imap(received, date);
	buf_printf(out, "\"%.*s\"", (int)len, date);
}

static bool write_item(struct command *command, struct fetch_job *job, const struct fetch_item *item, struct source *source)
{
	struct buf *out = &job->out;
	const struct message *message = source->message;
	if (item->kind == FETCH_SECTION)
		return send_section(command, job, item, source);
	buf_append(out, item->label);
	buf_append_char(out, ' ');
	switch (item->kind) {
	case FETCH_FLAGS:
		write_flags(out, message->flags | (selected_is_recent(command->imap->selected, message->uid) ? FLAG_RECENT : 0), message->keywords);
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
		write_envelope(out, source_structure(source)->envelope);
		break;
	case FETCH_BODY:
	case FETCH_BODYSTRUCTURE:
		write_structure(out, source_structure(source), item->kind == FETCH_BODYSTRUCTURE);
		break;
	case FETCH_SECTION:
		break;
	}
	return true;
}

/* Once a response has begun it must be brought to its end; whoever can't loses the connection. */
static void send_message(struct command *command, struct fetch_job *job, struct source *source, size_t index, bool became_seen)
{
	if (job->wants_flags || became_seen)
		selected_write_keywords(command->imap->selected, &job->out, source->message->keywords);
	buf_printf(&job->out, "* %zu FETCH (", index + 1);
	for (size_t i = 0; i < job->items.count; i++) {
		if (i > 0)
			buf_append_char(&job->out, ' ');
		if (!write_item(command, job, &job->items.list[i], source)) {
			imap_bye(command->imap, "A message can't be read");
			return;
		}
	}
	if (became_seen && !job->wants_flags) {
		buf_append_char(&job->out, ' ');
		write_item(command, job, &(struct fetch_item){.kind = FETCH_FLAGS, .label = SLICE("FLAGS")}, source);
	}
	buf_append_text(&job->out, ")\r\n");
	if (job->out.len > FETCH_OUTPUT)
		flush(command, job);
}

static void fetch_message(struct command *command, struct fetch_job *job, size_t at)
{
	struct source source = {.command = command, .message = job->walk.messages[at], .fd = -1};
	struct error error;
	/* What the response needs is got before it begins. */
	bool ready = (!job->has_sections || source_open(&source, &error)) && (job->walk.wanted != MESSAGE_SUMMARY || source_structure(&source));
	if (ready) {
		send_message(command, job, &source, job->walk.positions[at], job->became_seen && job->became_seen[at]);
	} else if (source.gone) {
		command->some_gone = true;
	} else {
		job->some_unreadable = true;
		log_error("message.unreadable", log_id("session", command->imap->id), log_slice("account", command->imap->account),
			  log_number("uid", source.message->uid));
	}
	source_close(&source);
}

/* ---- many ---- */

/* Marks those of the piece that aren't \Seen yet. A failure here isn't the client's business: it gets its message. */
static void mark_seen(struct command *command, struct fetch_job *job)
{
	struct walk *walk = &job->walk;
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

static bool parse_job(struct command *command, struct fetch_job *job)
{
	struct parser *parser = &command->parser;
	if (!parse_space(parser) || !command_parse_indexes(command, &job->walk.indexes) || !parse_space(parser) || !fetch_parse(parser, &job->items))
		return false;
	bool has_uid = false;
	for (size_t i = 0; i < job->items.count; i++) {
		const struct fetch_item *item = &job->items.list[i];
		job->sets_seen |= item->sets_seen;
		job->wants_flags |= item->kind == FETCH_FLAGS;
		has_uid |= item->kind == FETCH_UID;
		job->has_sections |= item->kind == FETCH_SECTION;
		if (item->kind == FETCH_ENVELOPE || item->kind == FETCH_BODY || item->kind == FETCH_BODYSTRUCTURE ||
		    (item->kind == FETCH_SECTION && section_needs_structure(&item->section)))
			job->walk.wanted = MESSAGE_SUMMARY;
	}
	/* UID FETCH tells the UID whether it was asked for or not (RFC 3501 §6.4.8). */
	if (command->uid && !has_uid)
		job->items.list[job->items.count++] = (struct fetch_item){.kind = FETCH_UID, .label = SLICE("UID")};
	job->sets_seen &= !command->imap->selected->read_only;
	job->walk.piece = job->sets_seen ? FETCH_PIECE_SEEN : job->walk.wanted == MESSAGE_SUMMARY ? FETCH_PIECE_SUMMARY : FETCH_PIECE;
	if (job->sets_seen)
		job->seen = arena_array(command->arena, set_size(&job->walk.indexes), sizeof *job->seen);
	return true;
}

static enum run finish(struct command *command, const struct fetch_job *job)
{
	if (job->some_unreadable)
		return reply_no(command, "UNAVAILABLE", "Some messages can't be read");
	if (command->some_gone)
		return reply_ok(command, "EXPUNGEISSUED", "Some messages have been expunged");
	return reply_ok(command, NULL, "FETCH done");
}

/* Sends what there is room for; false at the end or after a failure. */
static bool fetch_some(struct command *command, struct fetch_job *job, bool *failed, struct error *error)
{
	struct walk *walk = &job->walk;
	while (!conn_should_pause(command->imap->conn)) {
		if (walk->at == walk->count) {
			bool more;
			*failed = !walk_load(command, walk, &more, error);
			if (*failed || !more)
				return false;
			if (job->sets_seen)
				mark_seen(command, job);
			continue;
		}
		fetch_message(command, job, walk->at++);
		if (command->imap->state == STATE_LOGOUT)
			return false;
	}
	return true;
}

enum run imap_cmd_fetch(struct command *command)
{
	struct fetch_job *job = command->job;
	struct error error;
	bool failed = false;
	if (!job) {
		command->job = job = arena_alloc(command->arena, sizeof *job);
		job->out = BUF(RESPONSE_MAX);
		if (!parse_job(command, job))
			return reply_syntax(command);
	}
	bool more = fetch_some(command, job, &failed, &error);
	flush(command, job);
	buf_free(&job->out);
	if (more)
		return RUN_AGAIN;
	return failed ? reply_error(command, &error) : finish(command, job);
}
