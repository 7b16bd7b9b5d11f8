/* One SMTP connection: which bytes are the next unit, running it, replies, time-outs. The commands are in verbs.c. */
#include "smtp/session.h"

#include <netinet/in.h>
#include <stdarg.h>

#include "base/log.h"
#include "base/memory.h"
#include "smtp/frame.h"

/* ---- Replies ---- */

void smtp_reply(struct smtp_session *session, const char *format, ...)
{
	char line[REPLY_MAX - 1];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line - 1, format, args);
	va_end(args);
	session->errors += line[0] == '5';
	conn_send_text(session->conn, line);
	conn_send(session->conn, SLICE("\r\n"));
}

struct slice smtp_who(const struct smtp_session *session)
{
	return session->account ? slice_of(session->account) : conn_peer(session->conn);
}

static void end_session(struct smtp_session *session)
{
	session->closing = true;
	conn_close(session->conn);
}

void smtp_give_up(struct smtp_session *session, const char *enhanced, const char *why)
{
	smtp_reply(session, "421 %s %s %s", enhanced, smtp_hostname(session), why);
	static struct log_paces paces;
	uint64_t unsaid;
	if (log_is_due_of(&paces, smtp_who(session), "session.given_up", &unsaid))
		log_info("session.given_up", log_id("session", conn_id(session->conn)), log_slice("client", conn_peer(session->conn)), log_text("reason", why),
			 log_number("others", (int64_t)unsaid));
	end_session(session);
}

void smtp_unsynchronised(struct smtp_session *session, const char *behind)
{
	smtp_reply(session, "554 5.5.0 %s answers first: your input came too early", smtp_hostname(session));
	static struct log_paces paces;
	uint64_t unsaid;
	if (log_is_due_of(&paces, smtp_who(session), "session.unsynchronised", &unsaid))
		log_info("session.unsynchronised", log_id("session", conn_id(session->conn)), log_slice("client", conn_peer(session->conn)),
			 log_text("behind", behind), log_number("others", (int64_t)unsaid));
	end_session(session);
}

bool smtp_is_trusted(const struct smtp_session *session)
{
	return session->account || session->may_relay || session->service->kind == SMTP_LMTP || session->service->kind == SMTP_LOCAL;
}

/* ---- The transaction ---- */

unsigned smtp_state(const struct smtp_session *session)
{
	const struct smtp_transaction *transaction = &session->transaction;
	if (!session->hello)
		return STATE_NEW;
	if (!transaction->active)
		return STATE_READY;
	if (transaction->chunks)
		return STATE_CHUNKS;
	return transaction->message.recipient_count > 0 ? STATE_RCPT : STATE_MAIL;
}

void smtp_reset(struct smtp_session *session)
{
	smtp_content_free(&session->transaction.content);
	arena_free(&session->transaction.arena);
	session->transaction = (struct smtp_transaction){0};
}

/* ---- Opening and closing ---- */

void smtp_resume(void *conn) { conn_resume(conn); }

struct auth_wait *smtp_wait(struct smtp_session *session)
{
	return session->service->kind == SMTP_LOCAL ? NULL : &session->wait;
}

/* RFC 5321 §3.1: the client waits for it. */
static void greet(struct smtp_session *session)
{
	session->input = INPUT_LINE;
	if (conn_has_more(session->conn, 0)) {
		smtp_unsynchronised(session, "greeting");
		smtp_strangers_early(session);
	} else
		smtp_reply(session, "220 %s %s Pombal", smtp_hostname(session), session->service->kind == SMTP_LMTP ? "LMTP" : "ESMTP");
}

static void *smtp_open(struct conn *conn, void *context)
{
	struct smtp_session *session = memory_new(sizeof *session);
	session->conn = conn;
	session->wait = (struct auth_wait){.wake = smtp_resume, .context = conn};
	session->service = context;
	session->config = config_current();
	struct sockaddr_storage peer;
	conn_peer_address(conn, &peer);
	session->may_relay = config_networks_hold(&session->config->relay_networks, &peer);
	session->user = conn_peer_user(conn);
	conn_set_idle(conn, session->config->smtp_idle);
	conn_set_deadline(conn, session->config->smtp_total);
	int wait_ms = smtp_strangers_greeting_ms(session);
	session->input = wait_ms > 0 ? INPUT_GREETING : INPUT_LINE;
	if (queue_is_slow(session->service->queue))
		smtp_give_up(session, "4.3.2", "the disk is slow at the moment, come back soon");
	else if (smtp_strangers_are_shut_out(session))
		smtp_give_up(session, "4.7.1", "your network has tried too many addresses that nobody has, come again later");
	else if (wait_ms > 0)
		conn_delay(conn, wait_ms);
	else
		greet(session);
	return session;
}

static void smtp_close(void *at)
{
	struct smtp_session *session = at;
	auth_wait_end(&session->wait);
	if (session->ticket)
		smtp_message_abandon(session);
	smtp_gate_abandon(session);
	smtp_judge_abandon(session);
	smtp_auth_cancel(session);
	smtp_reset(session);
	free(session->hello);
	free(session->account);
	free((char *)(uintptr_t)session->entering.name.at);
	free(session);
}

/* For another role's answer. */
static bool is_waiting(const struct smtp_session *session)
{
	return session->ticket || smtp_judge_is_pending(session) || smtp_gate_is_pending(session) || auth_is_awaited(&session->wait) ||
	       smtp_content_awaits_file(session);
}

static bool smtp_has_nothing_to_end(const void *at)
{
	const struct smtp_session *session = at;
	return !is_waiting(session) && session->input == INPUT_LINE && !session->transaction.chunks;
}

static void smtp_expire(void *at, enum net_expiry why)
{
	struct smtp_session *session = at;
	static const char *const reasons[] = {
		[EXPIRY_IDLE] = "421 4.4.2 %s nothing heard for too long",
		[EXPIRY_TOTAL] = "421 4.4.2 %s this connection has lasted long enough",
		[EXPIRY_SHUTDOWN] = "421 4.3.2 %s is being stopped, come back soon",
		[EXPIRY_OVERFLOW] = "421 4.5.2 %s too much input",
		[EXPIRY_ENDED] = "421 4.7.0 %s this session was ended, sign in again",
	};
	char line[REPLY_MAX - 2];
	size_t mark = slice_find(slice_of(reasons[why]), SLICE("%s"));
	snprintf(line, sizeof line, "%.*s%s%s", (int)mark, reasons[why], smtp_hostname(session), reasons[why] + mark + 2);
	smtp_reply(session, "%s", line);
}

/* ---- Input ---- */

/* A line that never ends is passed on in pieces, the last CR kept back: its LF may follow. */
static size_t without_last_cr(struct slice input)
{
	return input.len - (input.len > 0 && input.at[input.len - 1] == '\r');
}

/* A text that has begun to come by BDAT may be in a file, which some commands throw away. */
static bool is_quick(const struct smtp_session *session, const struct smtp_verb *verb)
{
	unsigned quick = session->service->kind == SMTP_LOCAL ? VERB_QUICK : VERB_QUICK | VERB_ASKS;
	return !verb || (verb->flags & quick && !session->transaction.chunks);
}

static enum net_unit peek_line(struct smtp_session *session, struct slice input, size_t *length)
{
	struct slice argument;
	*length = smtp_frame_line(slice_sub(input, 0, LINE_MAX_SIZE));
	if (*length == 0) {
		if (input.len < LINE_MAX_SIZE)
			return UNIT_INCOMPLETE;
		*length = without_last_cr(slice_sub(input, 0, LINE_MAX_SIZE)); /* no CR LF in it: run_line sees that it isn't whole */
		return session->input == INPUT_ANSWER ? UNIT_WORK : UNIT_QUICK;
	}
	if (session->input == INPUT_ANSWER)
		return session->dialogue.proved ? UNIT_WORK : UNIT_ASK;
	const struct smtp_verb *verb = smtp_find_verb(session->service->kind, slice_sub(input, 0, *length - 2), &argument);
	if (is_quick(session, verb))
		return UNIT_QUICK;
	return verb->flags & VERB_ENTERS && !session->transaction.chunks ? UNIT_ASK : UNIT_WORK;
}

static enum net_unit peek_skip(struct slice input, size_t *length)
{
	*length = smtp_frame_line(input);
	if (*length == 0)
		*length = without_last_cr(input);
	return *length > 0 ? UNIT_QUICK : UNIT_INCOMPLETE;
}

/* The whole of a small message: it stays in memory, and whoever is asked about it is awaited without a thread. */
static bool is_quick_text(const struct smtp_session *session, size_t length)
{
	return length <= QUICK_TEXT_MAX && session->transaction.content.size == 0;
}

static enum net_unit unit_of_text(const struct smtp_session *session, size_t length)
{
	return smtp_content_needs_file(session, length) ? UNIT_ASK : UNIT_WORK;
}

static enum net_unit peek_data(struct smtp_session *session, struct slice input, size_t *length)
{
	size_t taken = smtp_frame_data(input, session->line_start, session->scanned, &session->data_ends);
	if (!session->data_ends && input.len < CONTENT_CHUNK) {
		session->scanned = input.len > 4 ? input.len - 4 : 0; /* an end may have begun in the last four bytes */
		return UNIT_INCOMPLETE;
	}
	*length = taken;
	if (taken == 0)
		return UNIT_INCOMPLETE;
	return session->data_ends && is_quick_text(session, taken) ? UNIT_QUICK : unit_of_text(session, taken);
}

static enum net_unit peek_chunk(struct smtp_session *session, struct slice input, size_t *length)
{
	uint64_t wanted = session->chunk_left < CONTENT_CHUNK ? session->chunk_left : CONTENT_CHUNK;
	if (input.len < wanted)
		return UNIT_INCOMPLETE;
	*length = (size_t)wanted;
	return unit_of_text(session, *length);
}

static enum net_unit smtp_peek(void *at, struct slice input, size_t *length)
{
	struct smtp_session *session = at;
	switch (session->input) {
	case INPUT_GREETING:
		*length = 0;
		return UNIT_QUICK;
	case INPUT_LINE:
	case INPUT_ANSWER:
		return peek_line(session, input, length);
	case INPUT_SKIP:
		return peek_skip(input, length);
	case INPUT_DATA:
		return peek_data(session, input, length);
	case INPUT_CHUNK:
		return peek_chunk(session, input, length);
	}
	return UNIT_INCOMPLETE;
}

/* ---- Running ---- */

/* What the client must have waited for our answer to, if this line is such a thing; else NULL. */
static const char *answered_first(const struct smtp_session *session, struct slice line)
{
	if (session->input == INPUT_ANSWER)
		return "AUTH";
	const struct smtp_verb *meant = smtp_meant_verb(session->service->kind, line);
	if (smtp_frame_has_control(line)) /* where it ends for the client can't be told; of BDAT, smtp_refuse_line says so */
		return meant && meant->run == smtp_cmd_bdat ? NULL : "a malformed line";
	return meant && meant->flags & VERB_LAST ? meant->name : NULL;
}

/* The first piece of a line that is longer than any may be; the rest is passed over. */
static void begin_skip(struct smtp_session *session, struct slice piece)
{
	session->skipped = piece.len;
	conn_note_violation(session->conn, "the line is too long");
	if (session->input == INPUT_ANSWER)
		smtp_auth_answer_too_long(session);
	else
		smtp_refuse_line(session, piece, "500 5.5.2 line too long");
	session->input = INPUT_SKIP;
}

static void run_line(struct smtp_session *session, struct slice unit)
{
	struct slice end = SLICE("\r\n");
	bool whole = unit.len >= 2 && memcmp(unit.at + unit.len - 2, end.at, 2) == 0;
	struct slice line = slice_sub(unit, 0, unit.len - (whole ? 2 : 0));
	const char *behind = answered_first(session, line);
	if (!whole)
		begin_skip(session, unit);
	else if (behind && conn_has_more(session->conn, unit.len))
		smtp_unsynchronised(session, behind);
	else if (session->input == INPUT_ANSWER)
		smtp_auth_answer(session, line);
	else
		smtp_run_command(session, line);
}

/* The reply has been given when the line was found to be too long. */
static void run_skip(struct smtp_session *session, struct slice unit)
{
	session->skipped += unit.len;
	if (smtp_frame_line(unit) > 0)
		session->input = INPUT_LINE;
	else if (session->skipped > SKIPPED_LINE_MAX)
		smtp_give_up(session, "4.5.2", "that line never ends");
}

static void run_unit(struct smtp_session *session, struct slice unit)
{
	switch (session->input) {
	case INPUT_GREETING:
		greet(session);
		break;
	case INPUT_LINE:
	case INPUT_ANSWER:
		run_line(session, unit);
		break;
	case INPUT_SKIP:
		run_skip(session, unit);
		break;
	case INPUT_DATA:
		if (smtp_content_get_file(session, unit.len))
			smtp_data_received(session, unit, session->data_ends);
		break;
	case INPUT_CHUNK:
		if (smtp_content_get_file(session, unit.len))
			smtp_chunk_received(session, unit);
		break;
	}
}

static enum net_run smtp_run(void *at, struct slice unit)
{
	struct smtp_session *session = at;
	session->again = false;
	if (session->ticket || session->transaction.ended || smtp_judge_is_pending(session))
		smtp_message_conclude(session);
	else if (smtp_gate_is_pending(session))
		smtp_gate_conclude(session);
	else if (session->entering.name.at)
		smtp_auth_conclude(session);
	else
		run_unit(session, unit);
	if (is_waiting(session))
		return RUN_WAIT;
	if (session->errors >= session->config->max_errors && !session->closing && session->input != INPUT_DATA)
		smtp_give_up(session, "4.7.0", "too many errors");
	return session->again ? RUN_AGAIN : RUN_DONE;
}

const struct net_protocol smtp_protocol = {
	.name = "smtp",
	.alpn = "smtp esmtp", /* not registered; Exim says them */
	.max_input = INPUT_MAX,
	.open = smtp_open,
	.peek = smtp_peek,
	.run = smtp_run,
	.expire = smtp_expire,
	.busy = "421 4.3.2 too many connections, come back soon\r\n",
	.close = smtp_close,
	.has_nothing_to_end = smtp_has_nothing_to_end,
};
