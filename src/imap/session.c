/* One IMAP connection (RFC 3501): greeting, commands, goodbye. Commands come as whole units (frame.c); what spreads over
 * several units (AUTHENTICATE, IDLE, APPEND) has a mode of its own. Between commands a session holds its name, its state and
 * the UIDs of the selected mailbox; buffers, arenas and the account's handle are given back. */
#include "base/log.h"
#include "base/memory.h"
#include "imap/sign_in.h"

/* ---- the command in progress ---- */

struct imap_command *imap_command_new(struct imap *imap)
{
	struct arena *arena = arena_new();
	struct imap_command *command = arena_alloc(arena, sizeof *command);
	command->imap = imap;
	command->arena = arena;
	imap->command = command;
	return command;
}

void imap_command_end(struct imap *imap)
{
	if (!imap->command)
		return;
	struct arena *arena = imap->command->arena;
	imap_append_free(imap); /* its drafts belong to the account */
	if (imap->command->end)
		imap->command->end(imap->command);
	if (imap->command->account)
		store_release_account(&imap->command->account);
	arena_free(&imap->command->scratch);
	arena_free(&imap->command->message_arena);
	imap->command = NULL;
	arena_free(&arena);
}

struct account *imap_command_account(struct imap_command *command, struct error *error)
{
	struct imap *imap = command->imap;
	if (command->account)
		return command->account;
	command->account = store_open_account(imap->service->store, imap->account, error);
	if (command->account && account_incarnation(command->account) != imap->incarnation) {
		store_release_account(&command->account);
		error_set(error, ERROR_NOT_FOUND, "The account was made anew, sign in again");
		imap_bye(imap, error->text);
	}
	return command->account;
}

/* ---- memory ---- */

bool imap_borrow(struct imap *imap, uint64_t bytes)
{
	if (!imap_account_limit_borrow(imap->account, bytes, (uint64_t)config_current()->account_memory))
		return false;
	imap->borrowed += bytes;
	return true;
}

void imap_repay(struct imap *imap, uint64_t bytes)
{
	if (bytes == 0)
		return;
	imap_account_limit_repay(imap->account, bytes);
	imap->borrowed -= bytes;
}

/* ---- signing in ---- */

struct sign_in_client imap_client(struct imap *imap, struct conn_tls *tls)
{
	conn_tls(imap->conn, tls);
	return (struct sign_in_client){
		.service = "imap", .address = conn_peer(imap->conn), .session = imap->id, .encrypted = tls->active,
		.tls_exporter = slice_make((const char *)tls->exporter, tls->exporter_size),
		.tls_unique = slice_make((const char *)tls->unique, tls->unique_size),
		.binding_offered = auth_offers_binding(config_current()->scram_over_tls),
	};
}

/* An account that the directory knows and the store doesn't yet (it came from outside) gets its mailboxes now. */
static bool open_mail(struct imap *imap, struct slice account, struct error *error)
{
	struct store *store = imap->service->store;
	struct account *handle = store_open_account(store, account, error);
	if (!handle && error->kind == ERROR_NOT_FOUND && (store_create_account(store, account, error) || error->kind == ERROR_EXISTS))
		handle = store_open_account(store, account, error);
	if (!handle)
		return false;
	imap->incarnation = account_incarnation(handle);
	store_release_account(&handle);
	return true;
}

static bool begin_entering(struct imap *imap, const struct auth_account *entered, struct error *error)
{
	struct slice account = entered->name;
	if (!imap_account_limit_enter(account, config_current()->account_connections))
		return error_set(error, ERROR_LIMIT, "This account has too many connections");
	if (!open_mail(imap, account, error)) {
		imap_account_limit_leave(account);
		return false;
	}
	conn_sign_in(imap->conn, account, entered->identity, entered->credential);
	imap->scopes = entered->scopes;
	imap->account = slice_make(memory_copy(account.at, account.len), account.len);
	imap->entering = *entered;
	imap->entering.name = imap->account;
	return true;
}

static void give_up_entering(struct imap *imap)
{
	conn_sign_out(imap->conn);
	imap_account_limit_leave(imap->account);
	free((char *)imap->account.at);
	imap->account = slice_make(NULL, 0);
}

/* In this order: from the moment it is listed a change of the account ends the session, and what was changed before is asked for. A
 * mail account that was opened while that was so is the right one. */
enum imap_entry imap_enter(struct imap *imap, const struct auth_account *entered, struct error *error)
{
	if (!imap_is_entering(imap) && !begin_entering(imap, entered, error))
		return ENTRY_FAILED;
	enum auth_standing standing = auth_stands(imap->service->auth, &imap->wait, &imap->entering);
	if (standing == AUTH_STANDING_AWAITED)
		return ENTRY_AWAITED;
	imap->entering = (struct auth_account){0};
	if (standing != AUTH_STANDS) {
		give_up_entering(imap);
		error_set(error, ERROR_TEMPORARY, "The account has just been changed, sign in again");
		return ENTRY_FAILED;
	}
	struct slice account = imap->account;
	imap->state = STATE_SIGNED_IN;
	conn_set_deadline(imap->conn, 0);
	conn_set_idle(imap->conn, config_current()->imap_idle);
	log_info("imap.signed_in", log_id("session", imap->id), log_slice("account", account),
		 log_slice("address", conn_peer(imap->conn)), log_text("tls", conn_is_tls(imap->conn) ? "yes" : "no"));
	return ENTRY_DONE;
}

/* ---- framing ---- */

static size_t command_limit(void)
{
	return (size_t)config_current()->max_command;
}

static struct slice peek_word(struct slice *rest)
{
	size_t from = 0, len = 0;
	while (from < rest->len && rest->at[from] == ' ')
		from++;
	while (from + len < rest->len && imap_is_atom_char(rest->at[from + len]))
		len++;
	struct slice word = slice_sub(*rest, from, len);
	*rest = slice_skip(*rest, from + len);
	return word;
}

/* Does the literal stand in the place of APPEND's mailbox? */
static bool is_first_argument(const struct imap *imap, struct slice input, size_t arguments_at)
{
	return slice_trim(slice_sub(input, arguments_at, imap->frame.marker_at - arguments_at)).len == 0;
}

/* The verb of a command that has arrived up to some point, and where its arguments begin; NULL if it is none that may run now. */
static const struct imap_verb *peek_verb(const struct imap *imap, struct slice input, size_t *arguments_at)
{
	struct slice tag, rest;
	slice_cut(input, ' ', &tag, &rest);
	struct slice name = peek_word(&rest);
	bool uid = slice_equal_nocase(name, SLICE("UID"));
	if (uid)
		name = peek_word(&rest);
	*arguments_at = (size_t)(rest.at - input.at);
	const struct imap_verb *verb = imap_verb_find(name, uid);
	return verb && (verb->states & imap->state) ? verb : NULL;
}

static enum net_unit pend(struct imap *imap, enum imap_pending pending, enum net_unit unit)
{
	imap->pending = pending;
	return unit;
}

/* A line has ended in a literal's announcement. APPEND's message isn't gathered: its command runs when it is announced,
 * that is with the first literal that doesn't stand in the place of the mailbox name. */
static enum net_unit peek_literal(struct imap *imap, struct slice input, size_t *length)
{
	struct imap_frame *frame = &imap->frame;
	size_t arguments_at;
	const struct imap_verb *verb = peek_verb(imap, slice_sub(input, 0, frame->scanned), &arguments_at);
	*length = frame->scanned;
	if (verb && verb->run == imap_cmd_append && !is_first_argument(imap, input, arguments_at))
		return pend(imap, PENDING_COMMAND, UNIT_WORK);
	bool fits = frame->literal_size <= command_limit() - frame->scanned;
	if (!fits && !frame->synchronising) {
		imap->too_long_literal = true;
		*length = input.len;
		return pend(imap, PENDING_TOO_LONG, UNIT_QUICK);
	}
	/* The client waits: what won't run is answered now instead of asking for more of it (RFC 3501 §7.5). */
	if (!fits || (frame->synchronising && !verb))
		return pend(imap, fits ? PENDING_COMMAND : PENDING_REFUSE, UNIT_QUICK);
	if (frame->synchronising) {
		*length = 0;
		return pend(imap, PENDING_CONTINUE, UNIT_QUICK);
	}
	imap_frame_accept_literal(frame);
	return UNIT_INCOMPLETE;
}

/* Most who ask for news hear that there are none, in the loop. What comes after this look is told by the next command. */
static enum net_unit unit_of(struct imap *imap, const struct imap_verb *verb)
{
	if (!verb || !(verb->flags & VERB_WORK))
		return UNIT_QUICK;
	imap->told = (verb->flags & VERB_NEWS) && (!imap->selected || imap_selected_is_told(imap->selected, true));
	if (imap->told)
		return UNIT_QUICK;
	return verb->flags & VERB_LASTS ? UNIT_LONG : UNIT_WORK;
}

static enum net_unit peek_command(struct imap *imap, struct slice input, size_t *length)
{
	for (;;) {
		enum imap_frame_event event = imap_frame_scan(&imap->frame, input);
		if (imap->frame.scanned > command_limit()) {
			*length = input.len;
			return pend(imap, PENDING_TOO_LONG, UNIT_QUICK);
		}
		if (event == FRAME_INCOMPLETE)
			return UNIT_INCOMPLETE;
		if (event == FRAME_LINE) {
			size_t unused;
			const struct imap_verb *verb = peek_verb(imap, slice_sub(input, 0, imap->frame.scanned), &unused);
			*length = imap->frame.scanned;
			return pend(imap, PENDING_COMMAND, unit_of(imap, verb));
		}
		enum net_unit unit = peek_literal(imap, input, length);
		if (unit != UNIT_INCOMPLETE)
			return unit;
	}
}

/* Single lines: SASL responses and the end of IDLE. */
static enum net_unit peek_line(struct imap *imap, struct slice input, size_t *length)
{
	size_t end = slice_find_char(input, '\n');
	if (end == SLICE_NONE && input.len <= LINE_MAX_LEN)
		return UNIT_INCOMPLETE;
	if (end == SLICE_NONE || end > LINE_MAX_LEN) {
		*length = input.len;
		return pend(imap, PENDING_TOO_LONG, UNIT_QUICK);
	}
	*length = end + 1;
	return pend(imap, PENDING_LINE, imap->mode == MODE_SASL && !imap->dialogue.proved ? UNIT_ASK : UNIT_WORK);
}

static enum net_unit imap_peek(void *session, struct slice input, size_t *length)
{
	struct imap *imap = session;
	imap->told = false;
	if (imap->mode == MODE_APPEND)
		return imap_append_peek(imap, input, length);
	if (imap->mode != MODE_COMMAND)
		return peek_line(imap, input, length);
	if (imap->state == STATE_GREETED)
		return imap_before_peek(imap, input, length);
	return peek_command(imap, input, length);
}

/* ---- running units ---- */

static struct slice without_line_end(struct slice line)
{
	if (line.len > 0 && line.at[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Reads the tag; without one there is nobody to answer but "*". */
static bool start_command(struct imap_command *command, struct slice unit)
{
	command->parser = (struct imap_parser){.rest = without_line_end(unit), .arena = command->arena};
	command->tag = SLICE("*");
	struct slice tag;
	if (!imap_parse_tag(&command->parser, &tag))
		return false;
	if (tag.len > TAG_MAX)
		return imap_parse_fail(&command->parser, "The tag is too long");
	command->tag = arena_copy(command->arena, tag);
	return imap_parse_space(&command->parser);
}

static enum net_run dispatch(struct imap_command *command)
{
	struct imap *imap = command->imap;
	const struct imap_verb *verb = imap_verb_parse(&command->parser, &command->uid);
	if (!verb)
		return imap_reply_syntax(command);
	if (!(verb->states & imap->state))
		return imap_reply_bad(command, "Select a mailbox first");
	command->verb = verb;
	if ((verb->flags & VERB_CHANGES) && !(imap->scopes & AUTH_MAY_CHANGE))
		return imap_reply_no(command, "NOPERM", IMAP_READS_ONLY); /* RFC 5530 §3 */
	struct error error;
	if ((verb->flags & VERB_NUMBERS) && !imap_selected_load(command, &error))
		return imap_reply_error(command, &error);
	conn_set_doing(imap->conn, verb->name);
	return verb->run(command);
}

static enum net_run run_command(struct imap *imap, struct slice unit)
{
	struct imap_command *command = imap->command;
	if (command)
		return command->verb->run(command);
	imap->frame = (struct imap_frame){0};
	command = imap_command_new(imap);
	command->length = unit.len;
	/* The unit may lie elsewhere when it is run again, and goes away before IDLE, AUTHENTICATE and APPEND are done. */
	size_t unused;
	const struct imap_verb *verb = peek_verb(imap, unit, &unused);
	if (verb && (verb->flags & VERB_LONG))
		unit = arena_copy(command->arena, unit);
	if (!start_command(command, unit))
		return imap_reply_syntax(command);
	return dispatch(command);
}

static enum net_run refuse_literal(struct imap *imap, struct slice unit)
{
	struct imap_command *command = imap_command_new(imap);
	imap->frame = (struct imap_frame){0};
	start_command(command, unit);
	return imap_reply_bad(command, "The literal is too long");
}

static enum net_run run_too_long(struct imap *imap, struct slice unit)
{
	const char *why = imap->too_long_literal ? "The literal is too long" : "The line is too long";
	conn_note_violation(imap->conn, why);
	if (imap->mode == MODE_COMMAND) {
		struct imap_command *command = imap_command_new(imap);
		if (start_command(command, unit))
			imap_reply_bad(command, "The command is too long");
	}
	imap_bye(imap, why);
	return RUN_DONE;
}

static enum net_run run_continue(struct imap *imap)
{
	if (imap->state == STATE_GREETED) {
		imap_before_continue(imap);
		return RUN_DONE;
	}
	conn_send_text(imap->conn, "+ Go on\r\n");
	imap_frame_accept_literal(&imap->frame);
	return RUN_DONE;
}

static enum net_run run_line(struct imap *imap, struct slice unit)
{
	struct slice line = without_line_end(unit);
	return imap->mode == MODE_SASL ? imap_authenticate_line(imap, line) : imap_idle_line(imap, line);
}

static enum net_run run_pending(struct imap *imap, struct slice unit)
{
	switch (imap->pending) {
	case PENDING_COMMAND:
		return run_command(imap, unit);
	case PENDING_BEFORE:
		return imap_before_run(imap, unit);
	case PENDING_CONTINUE:
		return run_continue(imap);
	case PENDING_REFUSE:
		return refuse_literal(imap, unit);
	case PENDING_TOO_LONG:
		return run_too_long(imap, unit);
	case PENDING_LINE:
		return run_line(imap, unit);
	case PENDING_APPEND:
		return imap_append_run(imap, unit);
	case PENDING_NOTHING:
		break;
	}
	return RUN_DONE;
}

static enum net_run imap_run(void *session, struct slice unit)
{
	struct imap *imap = session;
	if (!imap->command && imap->borrowed > 0)
		imap_repay(imap, imap->borrowed);
	enum net_run result = imap_is_entering(imap) ? imap_sign_in_enter(imap->command, NULL) : run_pending(imap, unit);
	if (result != RUN_DONE)
		return result;
	imap->pending = PENDING_NOTHING;
	if (imap->mode == MODE_COMMAND || imap->state == STATE_LOGOUT)
		imap_command_end(imap);
	else if (imap->mode == MODE_IDLE && imap->command && imap->command->account)
		store_release_account(&imap->command->account);
	return result;
}

/* ---- coming and going ---- */

static void resume(void *conn) { conn_resume(conn); }

static void *imap_open(struct conn *conn, void *context)
{
	struct imap *imap = memory_new(sizeof *imap);
	imap->conn = conn;
	imap->wait = (struct auth_wait){.wake = resume, .context = conn};
	imap->id = conn_id(conn);
	imap->service = context;
	imap->state = STATE_GREETED;
	conn_set_deadline(conn, config_current()->login_time);
	struct buf capabilities = BUF(RESPONSE_MAX);
	imap_capability_write(imap, &capabilities);
	conn_printf(conn, "* OK [CAPABILITY%.*s] %s is ready\r\n", SLICE_ARG(buf_slice(&capabilities)), config_current()->hostname);
	buf_free(&capabilities);
	return imap;
}

static void imap_wake(void *session)
{
	struct imap *imap = session;
	if (imap->mode == MODE_IDLE && imap->state != STATE_LOGOUT)
		imap_idle_wake(imap);
}

static void imap_expire(void *session, enum net_expiry why)
{
	static const char *const texts[] = {
		[EXPIRY_IDLE] = "Nothing heard for too long", [EXPIRY_TOTAL] = "Not signed in in time",
		[EXPIRY_SHUTDOWN] = "The server is being stopped, come back soon", [EXPIRY_OVERFLOW] = "The command is too long",
		[EXPIRY_ENDED] = "This session was ended, sign in again",
	};
	imap_bye(session, texts[why]);
}

static void imap_close(void *session)
{
	struct imap *imap = session;
	auth_wait_end(&imap->wait);
	imap_idle_stop(imap);
	auth_dialogue_end(&imap->dialogue);
	imap_command_end(imap);
	imap_selected_free(&imap->selected);
	if (imap->account.at) {
		if (imap->state != STATE_GREETED)
			log_info("imap.closed", log_id("session", imap->id), log_slice("account", imap->account));
		imap_repay(imap, imap->borrowed);
		imap_account_limit_leave(imap->account);
	}
	free((char *)imap->account.at);
	free(imap);
}

static bool imap_has_nothing_to_end(const void *session)
{
	const struct imap *imap = session;
	return !imap->selected && !imap->command && imap->mode == MODE_COMMAND && !auth_is_awaited(&imap->wait);
}

const struct net_protocol imap_protocol = {
	.name = "imap", .alpn = "imap", .max_input = COMMAND_MAX_LARGEST + 64 * 1024, .open = imap_open, .peek = imap_peek, .run = imap_run,
	.wake = imap_wake, .expire = imap_expire, .close = imap_close, .has_nothing_to_end = imap_has_nothing_to_end, .busy = "* BYE Too many connections, try again later\r\n",
};
