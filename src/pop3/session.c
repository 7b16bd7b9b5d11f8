/* One POP3 connection (RFC 1939): cuts the input into lines, runs each, replies. Lines end with CRLF and nothing else; what is too
 * long is passed over. Too many errors, silence, or no sign-in within login_time close the connection, and a closed
 * connection deletes nothing (RFC 1939 §6). */
#include "pop3/session.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

/* ---- Replies ---- */

static void reply(struct pop3_session *session, const char *status, const char *format, va_list args)
{
	conn_send_text(session->conn, status);
	conn_vprintf(session->conn, format, args);
	conn_send_text(session->conn, "\r\n");
}

void pop3_ok(struct pop3_session *session, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	reply(session, "+OK ", format, args);
	va_end(args);
}

void pop3_error(struct pop3_session *session, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	reply(session, "-ERR ", format, args);
	va_end(args);
	if (++session->errors < session->config->max_errors)
		return;
	conn_send_text(session->conn, "-ERR too many errors\r\n");
	static struct log_paces paces;
	uint64_t unsaid;
	if (log_is_due_of(&paces, conn_peer(session->conn), "pop3.errors", &unsaid))
		log_info("pop3.errors", log_id("session", session->id), log_slice("peer", conn_peer(session->conn)), log_number("others", (int64_t)unsaid));
	conn_close(session->conn);
}

void pop3_trouble(struct pop3_session *session, const char *what, const struct error *error)
{
	log_error("pop3.trouble", log_id("session", session->id), log_text("what", what), log_text("reason", error->text));
	conn_printf(session->conn, "-ERR [SYS/TEMP] %s; try again later\r\n", what);
}

/* ---- Input ---- */

static size_t line_max(const struct pop3_session *session)
{
	return session->dialogue.exchange ? ANSWER_LINE_MAX : LINE_MAX_SIZE;
}

static enum net_unit pop3_peek(void *context, struct slice input, size_t *length)
{
	const struct pop3_session *session = context;
	struct slice argument, line = slice_sub(input, 0, session->skipped ? input.len : line_max(session));
	size_t end = slice_find_char(line, '\n');
	*length = end == SLICE_NONE ? line.len : end + 1;
	if (session->skipped)
		return *length > 0 ? UNIT_QUICK : UNIT_INCOMPLETE;
	if (end == SLICE_NONE)
		return line.len < line_max(session) ? UNIT_INCOMPLETE : UNIT_QUICK; /* run_line sees that it isn't whole */
	if (session->dialogue.exchange)
		return session->dialogue.proved ? UNIT_WORK : UNIT_ASK;
	const struct pop3_verb *verb = pop3_find_verb(slice_trim(slice_sub(line, 0, end)), &argument);
	return verb ? verb->unit : UNIT_QUICK;
}

static void run_skip(struct pop3_session *session, struct slice unit)
{
	session->skipped += unit.len;
	if (unit.at[unit.len - 1] == '\n') {
		session->skipped = 0;
		pop3_error(session, "that line is too long");
	} else if (session->skipped > SKIPPED_LINE_MAX) {
		conn_send_text(session->conn, "-ERR that line is too long\r\n");
		conn_close(session->conn);
	}
}

/* The first piece of a line that is longer than any may be. If it would have been a sign-in, that was one. */
static void begin_skip(struct pop3_session *session, struct slice piece)
{
	struct slice argument;
	const struct pop3_verb *verb = pop3_find_verb(piece, &argument);
	bool names = verb && verb->run == pop3_cmd_user;
	if (session->dialogue.exchange)
		auth_dialogue_refuse(&session->dialogue, "the line is too long");
	else if (names || (verb && (verb->run == pop3_cmd_pass || verb->run == pop3_cmd_auth)))
		pop3_note_refusal(session, SLICE(""), names ? argument : SLICE(""), "the line is too long");
	pop3_forget_sign_in(session);
	session->skipped = piece.len;
	conn_note_violation(session->conn, "the line is too long");
}

/* Takes the CRLF off; false, having replied, if the unit isn't a line. */
static bool check_line(struct pop3_session *session, struct slice unit, struct slice *line)
{
	if (unit.at[unit.len - 1] != '\n') {
		begin_skip(session, unit);
		return false;
	}
	*line = slice_sub(unit, 0, unit.len >= 2 ? unit.len - 2 : 0);
	if (unit.len < 2 || unit.at[unit.len - 2] != '\r' || slice_find_char(*line, '\r') != SLICE_NONE || slice_find_char(*line, '\0') != SLICE_NONE) {
		pop3_error(session, "a line ends with CR LF, and holds neither of them nor NUL");
		return false;
	}
	return true;
}

static enum net_run run_command(struct pop3_session *session, struct slice line)
{
	struct slice argument;
	const struct pop3_verb *verb = pop3_find_verb(line, &argument);
	if (!verb)
		pop3_error(session, "that command is not known here");
	else if (!(verb->states & session->state))
		pop3_error(session, session->state == STATE_AUTHORIZATION ? "sign in first" : "you are signed in already");
	else {
		conn_set_doing(session->conn, verb->name);
		enum net_run result = verb->run(session, argument);
		session->resumed = result == RUN_AGAIN;
		return result;
	}
	return RUN_DONE;
}

enum net_run pop3_goes_on(const struct pop3_session *session)
{
	return auth_is_awaited(&session->wait) ? RUN_WAIT : session->again ? RUN_AGAIN : RUN_DONE;
}

static enum net_run pop3_run(void *context, struct slice unit)
{
	struct pop3_session *session = context;
	struct slice line;
	session->again = false;
	if (session->entering.name.at)
		pop3_enter(session);
	else if (session->skipped)
		run_skip(session, unit);
	else if (!check_line(session, unit, &line))
		return RUN_DONE;
	else if (session->dialogue.exchange)
		pop3_answer(session, line);
	else
		return run_command(session, line);
	return pop3_goes_on(session);
}

/* ---- Beginning and end ---- */

static void resume(void *conn) { conn_resume(conn); }

static void *pop3_open(struct conn *conn, void *context)
{
	struct pop3_session *session = memory_new(sizeof *session);
	session->conn = conn;
	session->wait = (struct auth_wait){.wake = resume, .context = conn};
	session->id = conn_id(conn);
	session->service = context;
	session->config = config_current();
	session->state = STATE_AUTHORIZATION;
	session->transfer.fd = -1;
	conn_set_deadline(conn, session->config->login_time);
	conn_set_idle(conn, session->config->login_time);
	pop3_ok(session, "%.200s POP3 Pombal", session->config->hostname); /* no timestamp: there is no APOP here */
	return session;
}

void pop3_log_end(const struct pop3_session *session, const char *event, size_t removed)
{
	log_info(event, log_id("session", session->id), log_slice("account", session->maildrop->account),
		 log_number("retrieved", (int64_t)session->retrieved), log_number("bytes", (int64_t)session->retrieved_bytes),
		 log_number("removed", (int64_t)removed));
}

static void pop3_close(void *context)
{
	struct pop3_session *session = context;
	if (session->maildrop)
		pop3_log_end(session, "pop3.lost", 0); /* it hasn't said QUIT */
	auth_wait_end(&session->wait);
	pop3_forget_sign_in(session);
	maildrop_close(&session->maildrop);
	free((char *)(uintptr_t)session->entering.name.at);
	if (session->transfer.fd >= 0)
		close(session->transfer.fd);
	free(session);
}

static bool pop3_has_nothing_to_end(const void *context)
{
	const struct pop3_session *session = context;
	return !session->maildrop && !auth_is_awaited(&session->wait);
}

static void pop3_expire(void *context, enum net_expiry why)
{
	struct pop3_session *session = context;
	/* RFC 1939 §3: a client that was silent for too long is closed without a word. */
	if (why == EXPIRY_IDLE && session->state == STATE_TRANSACTION)
		return;
	static const char *const reasons[] = {
		[EXPIRY_IDLE] = "nothing heard for too long",
		[EXPIRY_TOTAL] = "you have not signed in in time",
		[EXPIRY_SHUTDOWN] = "the server is being stopped, come back soon",
		[EXPIRY_OVERFLOW] = "too much input",
		[EXPIRY_ENDED] = "this session was ended, sign in again",
	};
	conn_printf(session->conn, "-ERR [SYS/TEMP] %s\r\n", reasons[why]);
}

struct maildrop_message *pop3_message(struct pop3_session *session, struct slice text)
{
	uint64_t number;
	struct maildrop *maildrop = session->maildrop;
	if (!slice_to_number(text, UINT32_MAX, &number) || number == 0)
		pop3_error(session, "the number of a message is expected");
	else if (number > maildrop->count)
		pop3_error(session, "there are only %zu messages", maildrop->count);
	else if (maildrop->messages[number - 1].deleted)
		pop3_error(session, "message %u is deleted", (unsigned)number);
	else
		return &maildrop->messages[number - 1];
	return NULL;
}

const struct net_protocol pop3_protocol = {
	.name = "pop3",
	.alpn = "pop3",
	.max_input = 16 * 1024,
	.open = pop3_open,
	.peek = pop3_peek,
	.run = pop3_run,
	.expire = pop3_expire,
	.close = pop3_close, .has_nothing_to_end = pop3_has_nothing_to_end,
};
