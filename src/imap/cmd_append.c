/* APPEND (RFC 3501 §6.3.11) of one or several messages (MULTIAPPEND, RFC 3502), with APPENDUID (RFC 4315).
 *
 * A message is never gathered in memory: the command runs when its literal is announced, and then (MODE_APPEND) every
 * piece of the literal is a unit that goes to a draft of the store. Behind a literal comes either the end of the line,
 * and all drafts are committed at once, or the announcement of a further message.
 *
 * What fails is answered at once where the client waits for "+"; where it doesn't wait (LITERAL+), or is already
 * sending, the rest is taken in and thrown away first, so that no part of a message is ever read as a command.
 *
 * Line ends and NULs of old mail are mended by the store (message/canonical.h). Of many messages only the first few wait for the
 * commit in memory; the others are closed files. What is unfinished counts against the quota, and the memory of it against the
 * account's share. */
#include "base/array.h"
#include "base/log.h"
#include "base/memory.h"
#include "imap/session.h"

enum {
	APPEND_PIECE = 64 * 1024,     /* gathered before a worker is troubled */
	APPEND_PIECE_MAX = 1024 * 1024,
	APPEND_OPEN_BYTES = 64 * 1024, /* so many bytes of messages wait in memory for the commit, which is faster then */
	APPEND_OPEN_MAX = 100,        /* … and so many messages */
	SKIP_FACTOR = 4,              /* a message that isn't waited for is thrown away up to so many times max_message */
};

struct imap_append {
	struct mailbox mailbox;   /* its name isn't kept */
	struct draft **drafts;
	struct placement *placements;
	size_t draft_room, placement_room;
	size_t count;             /* the last one is being written while in_literal */
	size_t closed;            /* so many, the first ones, are complete in their files */
	uint64_t open_bytes;      /* announced of those that aren't */
	uint64_t memory;          /* of all those closed, and of the command's arena */
	size_t arena_counted;
	uint64_t left;            /* bytes of the literal still to come */
	bool in_literal;
	/* Why it fails, when everything has been taken in; NULL: it doesn't. */
	const char *failure, *failure_code;
	bool failure_is_bad;
};

/* The announcement of a message at the end of a line. */
struct announced {
	bool there, synchronising;
	uint64_t size;
};

static void abort_drafts(struct imap_append *append)
{
	for (size_t i = 0; i < append->count; i++)
		if (append->drafts[i])
			draft_abort(&append->drafts[i]);
	append->count = append->closed = 0;
}

void imap_append_free(struct imap *imap)
{
	struct imap_append *append = imap->append;
	if (!append)
		return;
	abort_drafts(append);
	free(append->drafts);
	free(append->placements);
	free(append);
	imap->append = NULL;
}

static enum net_run finish(struct imap_command *command, enum net_run result)
{
	imap_append_free(command->imap);
	command->imap->mode = MODE_COMMAND;
	return result;
}

static bool fail(struct imap_command *command, const char *code, const char *text)
{
	struct imap_append *append = command->imap->append;
	if (!append->failure) {
		append->failure_code = code;
		append->failure = arena_text(command->arena, slice_of(text));
	}
	abort_drafts(append); /* nothing will be committed; what they hold is needed by others */
	return false;
}

static bool fail_syntax(struct imap_command *command)
{
	command->imap->append->failure_is_bad = !command->imap->append->failure;
	return fail(command, NULL, command->parser.error);
}

/* What is wrong inside is for the log; the client is told what it can act on. */
static bool fail_error(struct imap_command *command, const struct error *error, const char *limit_code)
{
	switch (error->kind) {
	case ERROR_LIMIT:
		return fail(command, limit_code, "The message is too large, or the mailbox over its quota");
	case ERROR_NOT_FOUND:
		return fail(command, "TRYCREATE", "There is no such mailbox");
	default:
		log_error("imap.failed", log_id("session", command->imap->id), log_slice("account", command->imap->account),
			  log_text("command", "APPEND"), log_text("reason", error->text));
		return fail(command, "UNAVAILABLE", error->kind == ERROR_FULL ? "The disk is full, try again later" :
										"The message can't be stored now, try again later");
	}
}

static enum net_run reply_failure(struct imap_command *command)
{
	struct imap_append *append = command->imap->append;
	if (append->failure_is_bad)
		return finish(command, imap_reply_bad(command, append->failure));
	return finish(command, imap_reply_no(command, append->failure_code, append->failure));
}

/* ---- announcements ---- */

static struct announced find_announcement(struct slice line)
{
	struct announced announced = {0};
	size_t unused;
	announced.there = imap_frame_literal_marker(line, &unused, &announced.size, &announced.synchronising);
	return announced;
}

/* " [(flags) ][\"date\" ]{size}" up to the end of the line. */
static bool parse_announcement(struct imap_parser *parser, struct imap_flags *flags, int64_t *received)
{
	struct announced announced;
	size_t marker_at;
	*flags = (struct imap_flags){0};
	*received = 0;
	if (!imap_parse_space(parser))
		return false;
	if (slice_starts(parser->rest, SLICE("(")) && (!imap_parse_flag_list(parser, flags) || !imap_parse_space(parser)))
		return false;
	if (slice_starts(parser->rest, SLICE("\"")) && (!imap_parse_date_time(parser, received) || !imap_parse_space(parser)))
		return false;
	if (slice_starts(parser->rest, SLICE("~")))
		return imap_parse_fail(parser, "Binary literals are not taken");
	if (!imap_frame_literal_marker(parser->rest, &marker_at, &announced.size, &announced.synchronising) || marker_at != 0)
		return imap_parse_fail(parser, "APPEND takes a mailbox, flags, a date-time and the message as a literal");
	return true;
}

static bool check_size(struct imap_command *command, uint64_t size)
{
	if (size == 0)
		return fail(command, "CANNOT", "A message can't be empty");
	if (size > (uint64_t)config_current()->max_message)
		return fail(command, "TOOBIG", "The message is too large");
	return true;
}

/* Those that wait in memory go to their files when they are many; the memory that is left of them is counted. */
static bool close_drafts(struct imap_command *command)
{
	struct imap_append *append = command->imap->append;
	struct error error;
	uint64_t before = append->memory;
	for (; append->closed < append->count; append->closed++) {
		size_t at = append->closed;
		if (!draft_close(append->drafts[at], append->placements[at].received, &error))
			return fail_error(command, &error, "TOOBIG");
		append->memory += draft_memory(append->drafts[at]) + sizeof *append->placements;
	}
	append->open_bytes = 0;
	append->memory += arena_used(command->arena) - append->arena_counted;
	append->arena_counted = arena_used(command->arena);
	uint64_t uncounted = before > UNCOUNTED_MEMORY ? before : UNCOUNTED_MEMORY;
	if (append->memory > uncounted && !imap_borrow(command->imap, append->memory - uncounted))
		return fail(command, "LIMIT", "So many messages in one command take more memory than the account may use");
	return true;
}

static bool open_draft(struct imap_command *command, struct imap_flags flags, int64_t received, uint64_t size)
{
	struct imap_append *append = command->imap->append;
	struct error error;
	bool many = append->open_bytes + size > APPEND_OPEN_BYTES || append->count - append->closed == APPEND_OPEN_MAX;
	if (many && !close_drafts(command))
		return false;
	ARRAY_GROW(append->drafts, append->count, append->draft_room);
	ARRAY_GROW(append->placements, append->count, append->placement_room);
	struct draft *draft = draft_new(command->account);
	append->drafts[append->count] = draft;
	append->placements[append->count++] = (struct placement){.mailbox = append->mailbox.id, .flags = flags.system,
		.keywords = arena_copy(command->arena, flags.keywords), .received = received};
	append->open_bytes += size;
	return draft_reserve(draft, size, &error) || fail_error(command, &error, "OVERQUOTA");
}

static bool start_message(struct imap_command *command, const struct announced *announced)
{
	struct imap_flags flags;
	int64_t received;
	if (!parse_announcement(&command->parser, &flags, &received))
		return fail_syntax(command);
	return check_size(command, announced->size) && open_draft(command, flags, received, announced->size);
}

/* Goes on after an announcement: `ready` or not, what the client sends unasked has to be taken in. */
static enum net_run expect_literal(struct imap_command *command, const struct announced *announced, bool ready)
{
	struct imap *imap = command->imap;
	struct imap_append *append = imap->append;
	if (!ready && (!announced->there || announced->synchronising))
		return reply_failure(command);
	if (!ready && announced->size > (uint64_t)config_current()->max_message * SKIP_FACTOR) {
		imap_bye(imap, "The message is far too large");
		return RUN_DONE;
	}
	imap->mode = MODE_APPEND;
	append->in_literal = announced->size > 0;
	append->left = announced->size;
	if (announced->synchronising)
		conn_send_text(imap->conn, "+ Send the message\r\n");
	return RUN_DONE;
}

/* ---- the first line ---- */

static bool find_mailbox(struct imap_command *command)
{
	struct slice name;
	bool valid;
	struct error error = {0};
	struct imap_append *append = command->imap->append;
	if (!(command->imap->scopes & AUTH_MAY_CHANGE))
		return fail(command, "NOPERM", IMAP_READS_ONLY);
	if (!imap_parse_space(&command->parser) || !imap_parse_mailbox(&command->parser, &name, &valid))
		return fail_syntax(command);
	if (!valid)
		return fail(command, "CANNOT", "The mailbox name is not valid modified UTF-7 (RFC 3501 section 5.1.3)");
	if (!imap_command_account(command, &error) || !mailbox_find(command->account, name, command->arena, &append->mailbox, &error))
		return fail_error(command, &error, "OVERQUOTA");
	if (!append->mailbox.selectable)
		return fail(command, "TRYCREATE", "This name only holds other mailboxes");
	return true;
}

enum net_run imap_cmd_append(struct imap_command *command)
{
	struct announced announced = find_announcement(command->parser.rest);
	command->imap->append = memory_new(sizeof *command->imap->append);
	bool ready = find_mailbox(command) && start_message(command, &announced);
	return expect_literal(command, &announced, ready);
}

/* ---- what follows ---- */

enum net_unit imap_append_peek(struct imap *imap, struct slice input, size_t *length)
{
	struct imap_append *append = imap->append;
	imap->pending = PENDING_APPEND;
	if (append->in_literal) {
		size_t there = input.len < append->left ? input.len : (size_t)append->left;
		if (there < append->left && there < APPEND_PIECE)
			return UNIT_INCOMPLETE;
		*length = there < APPEND_PIECE_MAX ? there : APPEND_PIECE_MAX;
		return UNIT_WORK;
	}
	size_t end = slice_find_char(input, '\n');
	if (end != SLICE_NONE && end <= LINE_MAX_LEN) {
		*length = end + 1;
		return UNIT_WORK;
	}
	if (input.len <= LINE_MAX_LEN)
		return UNIT_INCOMPLETE;
	imap->pending = PENDING_TOO_LONG;
	*length = input.len;
	return UNIT_QUICK;
}

static bool write_piece(struct imap_command *command, struct slice bytes)
{
	struct imap_append *append = command->imap->append;
	struct error error;
	if (append->failure)
		return false;
	struct draft *draft = append->drafts[append->count - 1];
	if (!draft_write(draft, bytes, &error))
		return fail_error(command, &error, "TOOBIG");
	return draft_header(draft) <= (uint64_t)config_current()->max_header || fail(command, "TOOBIG", "The message's header is too large");
}

static enum net_run commit(struct imap_command *command)
{
	struct imap_append *append = command->imap->append;
	struct error error;
	if (append->closed > 0 && !close_drafts(command))
		return reply_failure(command);
	if (!draft_commit_durably(command->account, append->drafts, append->placements, append->count, &error)) {
		fail_error(command, &error, "OVERQUOTA");
		return reply_failure(command);
	}
	struct buf code = BUF(RESPONSE_MAX);
	uint32_t *uids = arena_array(command->arena, append->count, sizeof *uids);
	for (size_t i = 0; i < append->count; i++)
		uids[i] = append->placements[i].uid;
	buf_printf(&code, "APPENDUID %u ", append->mailbox.uidvalidity);
	imap_set_write(uids, append->count, &code);
	imap_learn_appended(command, &append->mailbox, append->placements, uids, append->count);
	append->count = 0; /* they are committed */
	enum net_run result = imap_reply_ok(command, code.at, "APPEND done");
	buf_free(&code);
	return finish(command, result);
}

/* The line behind a message: empty, or the announcement of another. */
static enum net_run take_line(struct imap_command *command, struct slice line)
{
	struct imap_append *append = command->imap->append;
	if (slice_trim(line).len == 0)
		return append->failure ? reply_failure(command) : commit(command);
	struct announced announced = find_announcement(line);
	command->parser = (struct imap_parser){.rest = line, .arena = command->arena};
	bool ready = !append->failure && start_message(command, &announced);
	return expect_literal(command, &announced, ready);
}

enum net_run imap_append_run(struct imap *imap, struct slice unit)
{
	struct imap_append *append = imap->append;
	if (!append->in_literal) {
		if (unit.len > 0 && unit.at[unit.len - 1] == '\n')
			unit.len--;
		if (unit.len > 0 && unit.at[unit.len - 1] == '\r')
			unit.len--;
		return take_line(imap->command, unit);
	}
	write_piece(imap->command, unit);
	append->left -= unit.len;
	append->in_literal = append->left > 0;
	return RUN_DONE;
}
