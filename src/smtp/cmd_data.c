/* DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030): a message's text, and its way into the queue. The reply to its end is the
 * moment from which we answer for the message: it is given only when the queue has put it on disk. */
#include "smtp/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "message/date.h"
#include "smtp/frame.h"
#include "smtp/parse.h"
#include "smtp/promise.h"

static void log_waiting(const struct queue_message *message)
{
	char until[DATE_TEXT_MAX];
	if (message->release == 0)
		return;
	date_format_internet(message->release, until);
	log_info("message.waits", log_id("id", message->id), log_text("until", until));
}

static void log_accepted(const struct smtp_session *session)
{
	const struct smtp_transaction *transaction = &session->transaction;
	const struct queue_message *message = &transaction->message;
	struct conn_tls tls;
	conn_tls(session->conn, &tls);
	log_info("message.accepted", log_id("id", message->id), log_id("session", conn_id(session->conn)), log_slice("from", message->from),
		 log_slice("to", message->recipients[0].address), log_number("recipients", (int64_t)message->recipient_count),
		 log_number("size", (int64_t)message->size), log_slice("client", message->client), log_text("tls", tls.active ? tls.version : ""),
		 log_text("cipher", tls.active ? tls.cipher : ""),
		 log_slice("account", message->account), log_slice("msgid", transaction->content.message_id));
	for (size_t i = 1; i < message->recipient_count; i++)
		log_info("message.recipient", log_id("id", message->id), log_slice("to", message->recipients[i].address));
	log_waiting(message);
}

static void log_refused(const struct smtp_session *session)
{
	const struct smtp_transaction *transaction = &session->transaction;
	const struct queue_message *message = &transaction->message;
	static struct log_paces paces;
	uint64_t unsaid;
	if (!log_is_due_of(&paces, smtp_who(session), "message.refused", &unsaid))
		return;
	log_info("message.refused", log_id("id", message->id), log_id("session", conn_id(session->conn)), log_slice("from", message->from),
		 log_slice("to", message->recipients[0].address), log_number("recipients", (int64_t)message->recipient_count),
		 log_number("size", (int64_t)transaction->content.size), log_slice("client", message->client),
		 log_slice("account", message->account), log_slice("msgid", transaction->content.message_id),
		 log_text("reason", transaction->content.refused), log_number("others", (int64_t)unsaid));
}

/* LMTP wants a reply for each recipient that it has accepted (RFC 2033 §4.2), though our answer is one for all. A refused
 * message is one error of the client. */
static void reply_to_end(struct smtp_session *session, const char *reply, const char *id)
{
	int64_t errors = session->errors + (reply[0] == '5');
	size_t count = session->service->kind == SMTP_LMTP ? session->transaction.replies : 1;
	for (size_t i = 0; i < count; i++)
		smtp_reply(session, "%s%s", reply, id);
	session->errors = errors;
}

/* Now its true size is known. If none of its recipients has room, also beside what others have sent meanwhile, the sender is told here; if
 * one has, it is taken. */
static void take_room(struct smtp_session *session)
{
	const struct smtp_transaction *transaction = &session->transaction;
	uint64_t size = transaction->content.size;
	int64_t now_ms = clock_monotonic_ms();
	const char *reply = NULL;
	size_t fitting = 0, count = transaction->message.recipient_count;
	for (size_t i = 0; i < count; i++) {
		struct smtp_known_recipient *known = &transaction->known[i];
		const char *why = smtp_mail_fits(&known->room, size);
		known->fits = !why && smtp_promise_make(&known->room, size, now_ms);
		fitting += known->fits;
		reply = why ? why : smtp_mailbox_full;
	}
	if (fitting == 0)
		smtp_content_refuse(session, reply);
	for (size_t i = 0; fitting > 0 && i < count; i++)
		if (!transaction->known[i].fits)
			smtp_promise_overdraw(&transaction->known[i].room, size, now_ms);
}

/* Answers, and forgets the message. */
static void end_transaction(struct smtp_session *session, bool accepted)
{
	char id[ID_TEXT_LEN + 1] = "";
	if (accepted) {
		log_accepted(session);
		session->messages++;
		session->useless = 0;
		id_format(session->transaction.message.id, id);
		reply_to_end(session, "250 2.0.0 queued as ", id);
	} else {
		log_refused(session);
		reply_to_end(session, session->transaction.content.refused, "");
	}
	smtp_reset(session);
}

static void commit_message(struct smtp_session *session)
{
	if (!session->transaction.content.refused)
		take_room(session);
	smtp_content_commit(session);
	if (!session->ticket)
		end_transaction(session, false);
	else if (queue_commit_is_done(session->ticket))
		end_transaction(session, smtp_content_is_committed(session));
}

static void end_text(struct smtp_session *session)
{
	session->transaction.ended = !smtp_authors_check(session);
	if (!session->transaction.ended && (session->transaction.content.refused || !smtp_judge_begin(session)))
		commit_message(session);
}

/* First come the authors, then the judgement, then the queue. */
void smtp_message_conclude(struct smtp_session *session)
{
	if (session->transaction.ended)
		end_text(session);
	else if (session->ticket) {
		if (queue_commit_is_done(session->ticket))
			end_transaction(session, smtp_content_is_committed(session));
	} else if (smtp_judge_is_done(session) && (!smtp_judge_rewrites(session) || smtp_content_get_second_file(session))) {
		smtp_judge_conclude(session);
		if (smtp_edits_add_recipients(session))
			commit_message(session);
	}
}

void smtp_message_abandon(struct smtp_session *session)
{
	struct error error;
	bool accepted = queue_commit_end(&session->ticket, &error);
	log_warning("message.unanswered", log_id("id", session->transaction.message.id), log_text("accepted", accepted ? "yes" : "unknown"));
}

static void end_message(struct smtp_session *session)
{
	smtp_content_finish(session);
	end_text(session);
}

/* A message that is refused is read on to its end, but not for ever. */
static bool is_endless(const struct smtp_session *session)
{
	const struct smtp_content *content = &session->transaction.content;
	return content->refused && content->size > 2 * (uint64_t)session->config->max_message;
}

void smtp_cmd_data(struct smtp_session *session, struct slice argument)
{
	if (argument.len > 0)
		smtp_reply(session, "501 5.5.4 DATA takes no parameter");
	else if (session->transaction.message.recipient_count == 0)
		smtp_reply(session, "554 5.5.1 no valid recipients");
	else if (session->transaction.message.body == BODY_BINARYMIME)
		smtp_reply(session, "503 5.5.1 a BINARYMIME message comes by BDAT"); /* RFC 3030 §3 */
	else {
		smtp_content_begin(session);
		session->input = INPUT_DATA;
		session->line_start = true;
		session->scanned = 0;
		smtp_reply(session, "354 send the message, and a line with a dot at its end");
	}
}

void smtp_data_received(struct smtp_session *session, struct slice bytes, bool ends)
{
	struct slice text;
	session->scanned = 0;
	if (ends)
		bytes.len -= 3; /* the line with the dot */
	while (smtp_frame_unstuff(&bytes, &session->line_start, &text))
		smtp_content_add(session, text, true);
	if (ends) {
		session->input = INPUT_LINE;
		end_message(session);
	} else if (is_endless(session))
		smtp_give_up(session, "4.3.4", "the message is far too large");
}

/* ---- Chunks ---- */

static void end_chunk(struct smtp_session *session, uint64_t size)
{
	struct smtp_content *content = &session->transaction.content;
	session->input = INPUT_LINE;
	if (session->chunk_refused)
		smtp_reply(session, "503 5.5.1 BDAT is not due now");
	else if (session->chunk_last)
		end_message(session);
	else if (content->refused) {
		log_refused(session);
		smtp_reply(session, "%s", content->refused);
		smtp_reset(session); /* later chunks of it are out of sequence */
	} else
		smtp_reply(session, "250 2.0.0 %llu octets taken", (unsigned long long)size);
}

/* The octets of the chunk come in any case, and must not be taken for commands. */
void smtp_cmd_bdat(struct smtp_session *session, struct slice argument)
{
	struct smtp_bdat_command command;
	const char *reply = smtp_parse_bdat(argument, &command);
	bool too_large = !reply && command.size > 2 * (uint64_t)session->config->max_message;
	if (reply || too_large) {
		smtp_reply(session, "%s", reply ? reply : "552 5.3.4 the chunk is too large");
		smtp_give_up(session, "4.5.4", "where that chunk ends can't be told");
		return;
	}
	session->chunk_refused = !(smtp_state(session) & (STATE_RCPT | STATE_CHUNKS));
	session->chunk_last = command.last;
	session->chunk_left = session->chunk_size = command.size;
	if (!session->chunk_refused && !session->transaction.chunks) {
		session->transaction.chunks = true;
		smtp_content_begin(session);
	}
	if (command.size > 0)
		session->input = INPUT_CHUNK;
	else
		end_chunk(session, 0);
}

void smtp_chunk_received(struct smtp_session *session, struct slice bytes)
{
	session->chunk_left -= bytes.len;
	if (!session->chunk_refused)
		smtp_content_add(session, bytes, false);
	if (session->chunk_left == 0)
		end_chunk(session, session->chunk_size);
}
