/* APPEND (RFC 3501 §6.3.11) of one or several messages (MULTIAPPEND, RFC 3502), with APPENDUID (RFC 4315).
 *
 * A message is never gathered in memory: the command runs when its literal is announced, and then (MODE_APPEND) every
 * piece of the literal is a unit that goes to a draft of the store. Behind a literal comes either the end of the line,
 * and all drafts are committed at once, or the announcement of a further message.
 *
 * What fails is answered at once where the client waits for "+"; where it doesn't wait (LITERAL+), or is already
 * sending, the rest is taken in and thrown away first, so that no part of a message is ever read as a command.
 *
 * Line ends: messages are kept and served with CRLF, so a bare LF is stored as CRLF; everything else stays byte for byte,
 * bare CR included. NUL bytes are refused, as RFC 3501 §4.3 demands. */
#include "base/log.h"
#include "base/memory.h"
#include "imap/session.h"

enum {
	APPEND_PIECE = 64 * 1024,     /* gathered before a worker is troubled */
	APPEND_PIECE_MAX = 1024 * 1024,
	APPEND_MESSAGES_MAX = 100,    /* each holds a file open until the commit */
	SKIP_FACTOR = 4,              /* a message that isn't waited for is thrown away up to so many times max_message */
};

struct append {
	struct mailbox mailbox;   /* its name isn't kept */
	struct draft *drafts[APPEND_MESSAGES_MAX];
	struct placement placements[APPEND_MESSAGES_MAX];
	size_t count;             /* the last one is being written while in_literal */
	uint64_t left;            /* bytes of the literal still to come */
	bool in_literal;
	bool after_cr;            /* the last byte was a CR */
	/* Why it fails, when everything has been taken in; NULL: it doesn't. */
	const char *failure, *failure_code;
	bool failure_is_bad;
};

/* The announcement of a message at the end of a line. */
struct announced {
	bool there, synchronising;
	uint64_t size;
};

void append_free(struct imap *imap)
{
	struct append *append = imap->append;
	if (!append)
		return;
	for (size_t i = 0; i < append->count; i++)
		if (append->drafts[i])
			draft_abort(&append->drafts[i]);
	free(append);
	imap->append = NULL;
}

static enum run finish(struct command *command, enum run result)
{
	append_free(command->imap);
	command->imap->mode = MODE_COMMAND;
	return result;
}

static bool fail(struct command *command, const char *code, const char *text)
{
	struct append *append = command->imap->append;
	if (!append->failure) {
		append->failure_code = code;
		append->failure = arena_text(command->arena, slice_of(text));
	}
	return false;
}

static bool fail_syntax(struct command *command)
{
	command->imap->append->failure_is_bad = !command->imap->append->failure;
	return fail(command, NULL, command->parser.error);
}

/* What is wrong inside is for the log; the client is told what it can act on. */
static bool fail_error(struct command *command, const struct error *error, const char *limit_code)
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

static enum run reply_failure(struct command *command)
{
	struct append *append = command->imap->append;
	if (append->failure_is_bad)
		return finish(command, reply_bad(command, append->failure));
	return finish(command, reply_no(command, append->failure_code, append->failure));
}

/* ---- announcements ---- */

static struct announced find_announcement(struct slice line)
{
	struct announced announced = {0};
	size_t unused;
	announced.there = frame_literal_marker(line, &unused, &announced.size, &announced.synchronising);
	return announced;
}

/* " [(flags) ][\"date\" ]{size}" up to the end of the line. */
static bool parse_announcement(struct parser *parser, struct flags *flags, int64_t *received)
{
	struct announced announced;
	size_t marker_at;
	*flags = (struct flags){0};
	*received = 0;
	if (!parse_space(parser))
		return false;
	if (slice_starts(parser->rest, SLICE("(")) && (!parse_flag_list(parser, flags) || !parse_space(parser)))
		return false;
	if (slice_starts(parser->rest, SLICE("\"")) && (!parse_date_time(parser, received) || !parse_space(parser)))
		return false;
	if (slice_starts(parser->rest, SLICE("~")))
		return parse_fail(parser, "Binary literals are not taken");
	if (!frame_literal_marker(parser->rest, &marker_at, &announced.size, &announced.synchronising) || marker_at != 0)
		return parse_fail(parser, "APPEND takes a mailbox, flags, a date-time and the message as a literal");
	return true;
}

static bool check_size(struct command *command, uint64_t size)
{
	struct quota quota;
	struct error error;
	if (size == 0)
		return fail(command, "CANNOT", "A message can't be empty");
	if (size > (uint64_t)config_current()->max_message)
		return fail(command, "TOOBIG", "The message is too large");
	if (!account_quota(command->account, &quota, &error))
		return fail_error(command, &error, "OVERQUOTA");
	if (quota.max_bytes > 0 && (quota.bytes > quota.max_bytes || size > quota.max_bytes - quota.bytes))
		return fail(command, "OVERQUOTA", "The message would pass the quota");
	return true;
}

static bool open_draft(struct command *command, struct flags flags, int64_t received)
{
	struct append *append = command->imap->append;
	struct error error;
	if (append->count == APPEND_MESSAGES_MAX)
		return fail(command, "LIMIT", "Too many messages in one APPEND");
	struct draft *draft = draft_new(command->account, &error);
	if (!draft)
		return fail_error(command, &error, "OVERQUOTA");
	append->drafts[append->count] = draft;
	append->placements[append->count++] = (struct placement){.mailbox = append->mailbox.id, .flags = flags.system,
		.keywords = arena_copy(command->arena, flags.keywords), .received = received};
	append->after_cr = false;
	return true;
}

static bool start_message(struct command *command, const struct announced *announced)
{
	struct flags flags;
	int64_t received;
	if (!parse_announcement(&command->parser, &flags, &received))
		return fail_syntax(command);
	return check_size(command, announced->size) && open_draft(command, flags, received);
}

/* Goes on after an announcement: `ready` or not, what the client sends unasked has to be taken in. */
static enum run expect_literal(struct command *command, const struct announced *announced, bool ready)
{
	struct imap *imap = command->imap;
	struct append *append = imap->append;
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

static bool find_mailbox(struct command *command)
{
	struct slice name;
	bool valid;
	struct error error = {0};
	struct append *append = command->imap->append;
	if (!parse_space(&command->parser) || !parse_mailbox(&command->parser, &name, &valid))
		return fail_syntax(command);
	if (!valid)
		return fail(command, "CANNOT", "The mailbox name is not valid modified UTF-7 (RFC 3501 section 5.1.3)");
	if (!command_account(command, &error) || !mailbox_find(command->account, name, command->arena, &append->mailbox, &error))
		return fail_error(command, &error, "OVERQUOTA");
	if (!append->mailbox.selectable)
		return fail(command, "TRYCREATE", "This name only holds other mailboxes");
	return true;
}

enum run imap_cmd_append(struct command *command)
{
	struct announced announced = find_announcement(command->parser.rest);
	command->imap->append = memory_new(sizeof *command->imap->append);
	bool ready = find_mailbox(command) && start_message(command, &announced);
	return expect_literal(command, &announced, ready);
}

/* ---- what follows ---- */

enum unit append_peek(struct imap *imap, struct slice input, size_t *length)
{
	struct append *append = imap->append;
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

/* Appends `bytes` to `out`, every bare LF as CRLF. */
static void convert_line_ends(struct append *append, struct slice bytes, struct buf *out)
{
	struct slice rest = bytes;
	for (;;) {
		size_t end = slice_find_char(rest, '\n');
		if (end == SLICE_NONE)
			break;
		bool bare = end > 0 ? rest.at[end - 1] != '\r' : !append->after_cr;
		buf_append(out, slice_sub(rest, 0, end));
		buf_append_text(out, bare ? "\r\n" : "\n");
		rest = slice_skip(rest, end + 1);
		append->after_cr = false;
	}
	buf_append(out, rest);
	if (rest.len > 0)
		append->after_cr = rest.at[rest.len - 1] == '\r';
}

static bool write_piece(struct command *command, struct slice bytes)
{
	struct append *append = command->imap->append;
	struct error error;
	if (append->failure)
		return false;
	if (slice_find_char(bytes, '\0') != SLICE_NONE)
		return fail(command, "CANNOT", "A message must not hold NUL bytes");
	struct buf converted = BUF(bytes.len * 2);
	convert_line_ends(append, bytes, &converted);
	bool written = draft_write(append->drafts[append->count - 1], buf_slice(&converted), &error);
	buf_free(&converted);
	return written || fail_error(command, &error, "TOOBIG");
}

static enum run commit(struct command *command)
{
	struct append *append = command->imap->append;
	struct error error;
	uint32_t uids[APPEND_MESSAGES_MAX];
	if (!draft_commit_durably(command->account, append->drafts, append->placements, append->count, &error)) {
		fail_error(command, &error, "OVERQUOTA");
		return reply_failure(command);
	}
	struct buf code = BUF(RESPONSE_MAX);
	for (size_t i = 0; i < append->count; i++)
		uids[i] = append->placements[i].uid;
	buf_printf(&code, "APPENDUID %u ", append->mailbox.uidvalidity);
	set_write(uids, append->count, &code);
	enum run result = reply_ok(command, code.at, "APPEND done");
	buf_free(&code);
	return finish(command, result);
}

/* The line behind a message: empty, or the announcement of another. */
static enum run take_line(struct command *command, struct slice line)
{
	struct append *append = command->imap->append;
	if (line.len == 0)
		return append->failure ? reply_failure(command) : commit(command);
	struct announced announced = find_announcement(line);
	command->parser = (struct parser){.rest = line, .arena = command->arena};
	bool ready = !append->failure && start_message(command, &announced);
	return expect_literal(command, &announced, ready);
}

enum run append_run(struct imap *imap, struct slice unit)
{
	struct append *append = imap->append;
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
