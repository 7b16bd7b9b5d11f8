/* The text of a message while it comes in. Its header is kept until it is complete, looked at and stored with what we add
 * (trace.c); what follows goes straight into the draft. What can't be taken is read to its end nevertheless, since only there
 * the client hears the answer; from the moment of refusal nothing of it is kept.
 *
 * Stored text has CR LF line ends only, and no NUL. A message with a CR or LF that stands alone is refused: somebody else would
 * read other lines in it than we do, and that is how messages are smuggled. Two exceptions: an LF of somebody whom we trust (option
 * bare_lf) becomes CR LF before anything else looks at the text, so that everybody sees the same lines; and the binary parts of a
 * message that was announced as BODY=BINARYMIME may have both: they become base64 when it is complete (binary.c). */
#include "smtp/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "message/header.h"
#include "policy/judge.h"
#include "smtp/frame.h"
#include "submit/edits.h"

enum { OWN_FIELDS_MAX = 4096 /* about what our own fields take; what isn't foreseen is waited for in a thread */ };

/* Programs and devices that write lines with LF alone are somebody's own; from elsewhere it is an attempt at smuggling. */
static bool may_have_lf(const struct smtp_session *session)
{
	struct slice whose = slice_of(session->config->bare_lf);
	bool lines = session->transaction.message.body != BODY_BINARYMIME; /* its binary parts hold any bytes: nothing is to be changed in it */
	return lines && (slice_equal(whose, SLICE("all")) || (slice_equal(whose, SLICE("trusted")) && smtp_is_trusted(session)));
}

void smtp_content_begin(struct smtp_session *session)
{
	struct smtp_content *content = &session->transaction.content;
	struct queue_message *message = &session->transaction.message;
	message->id = id_new(); /* before the commit, since our Received field names it */
	message->arrived = clock_now();
	content->draft = queue_draft_new(session->service->queue, session->transaction.message.from);
	content->held_max = QUEUE_INLINE_MAX;
	if (smtp_judge_is_due(session)) { /* it will have other fields before it, and shouldn't go through two files */
		queue_draft_hold(content->draft);
		content->held_max = QUEUE_HELD_MAX;
	}
	content->header = BUF((size_t)session->config->max_header + 2 * INPUT_MAX); /* mending makes two bytes of one at most */
	content->mend = may_have_lf(session);
}

/* What all messages that are coming in hold in memory, in all sessions of the process. */
static _Atomic size_t held_by_all;

/* Counts anew what this message holds: its header, and of its text what isn't in a file. */
static void count_memory(struct smtp_session *session)
{
	struct smtp_content *content = &session->transaction.content;
	size_t text = content->size < content->held_max ? (size_t)content->size : content->held_max, held = content->header.len + text;
	held_by_all += held - content->held;
	content->held = held;
	if (held_by_all > (size_t)session->config->receiving_memory)
		smtp_content_refuse(session, "451 4.3.2 more is coming in at the moment than there is memory for, try again later");
}

void smtp_content_free(struct smtp_content *content)
{
	held_by_all -= content->held;
	content->held = 0;
	if (content->draft)
		queue_draft_abort(&content->draft);
	buf_free(&content->header);
}

void smtp_content_refuse(struct smtp_session *session, const char *reply)
{
	struct smtp_content *content = &session->transaction.content;
	if (content->refused)
		return;
	content->refused = reply;
	smtp_content_free(content);
}

static const char *storage_reply(const struct error *error)
{
	return error->kind == ERROR_FULL ? "452 4.3.1 there is no room for the message now, try again later"
					 : "451 4.3.0 the message can't be stored now, try again later";
}

static void refuse_unstored(struct smtp_session *session, const struct error *error)
{
	log_error("message.not_stored", log_id("session", conn_id(session->conn)), log_text("reason", error->text));
	smtp_content_refuse(session, storage_reply(error));
}

bool smtp_content_needs_file(const struct smtp_session *session, size_t more)
{
	const struct smtp_content *content = &session->transaction.content;
	return content->draft && queue_draft_needs_file(content->draft, content->header.len + more + OWN_FIELDS_MAX);
}

bool smtp_content_get_file(struct smtp_session *session, size_t more)
{
	return !smtp_content_needs_file(session, more) || queue_draft_get_file(session->transaction.content.draft, smtp_resume, session->conn);
}

bool smtp_content_get_second_file(struct smtp_session *session)
{
	const struct smtp_content *content = &session->transaction.content;
	bool large = content->draft && content->size + OWN_FIELDS_MAX > QUEUE_INLINE_MAX;
	return !large || queue_draft_get_file(content->draft, smtp_resume, session->conn);
}

bool smtp_content_awaits_file(const struct smtp_session *session)
{
	const struct smtp_content *content = &session->transaction.content;
	return content->draft && queue_draft_awaits_file(content->draft);
}

void smtp_content_store(struct smtp_session *session, struct slice bytes)
{
	struct smtp_content *content = &session->transaction.content;
	struct error error;
	if (content->refused || queue_draft_write(content->draft, bytes, &error))
		return;
	refuse_unstored(session, &error);
}

void smtp_content_commit(struct smtp_session *session)
{
	struct smtp_content *content = &session->transaction.content;
	struct queue_message *message = &session->transaction.message;
	if (content->eight_bit && message->body == BODY_7BIT)
		message->body = BODY_8BITMIME; /* it was declared wrongly: the courier must know what it has */
	if (!content->refused)
		session->ticket = queue_commit_begin(session->service->queue, &content->draft, message, smtp_resume, session->conn);
}

bool smtp_content_is_committed(struct smtp_session *session)
{
	struct error error;
	if (session->transaction.content.refused || queue_commit_end(&session->ticket, &error))
		return !session->transaction.content.refused;
	if (error.kind == ERROR_DENIED) { /* the queue has written down why */
		smtp_content_refuse(session, session->transaction.message.set_apart
					     ? "452 4.7.1 too much mail is set apart already, which the postmaster can let go or remove"
					     : "452 4.7.1 too much mail of this account is held already, which the postmaster can let go or remove");
		return false;
	}
	if (error.kind == ERROR_LIMIT && session->transaction.message.release > 0) {
		smtp_content_refuse(session, "452 4.7.1 too much mail of this account waits for its time already"); /* X.7.16 is another's: RFC 6710 §8 */
		return false;
	}
	log_error("message.not_queued", log_id("id", session->transaction.message.id), log_id("session", conn_id(session->conn)), log_text("reason", error.text));
	smtp_content_refuse(session, storage_reply(&error));
	return false;
}

void smtp_content_check_lines(struct smtp_session *session, struct slice bytes)
{
	struct smtp_content *content = &session->transaction.content;
	switch (smtp_frame_check(bytes, (uint64_t)session->config->max_line, &content->after_cr, &content->line)) {
	case FRAME_FINE:
		break;
	case FRAME_BARE_CR:
		smtp_content_refuse(session, "550 5.6.0 the message has a CR without LF, lines must end with CR LF");
		break;
	case FRAME_BARE_LF:
		smtp_content_refuse(session, "550 5.6.0 the message has an LF without CR, lines must end with CR LF");
		break;
	case FRAME_NUL:
		smtp_content_refuse(session, "550 5.6.0 the message has a NUL in it"); /* some leave it out, and read other lines */
		break;
	case FRAME_LONG_LINE:
		smtp_content_refuse(session, "550 5.6.0 the message has a line that is too long");
		break;
	}
}

/* Looks at the lines that have come completely: does the header end in them (header.h)? *length: with its empty line. */
static bool header_ends(struct smtp_content *content, size_t *length)
{
	struct slice line, rest = slice_skip(buf_slice(&content->header), content->header_seen), after;
	bool ends = false;
	while (!ends && slice_cut(rest, '\n', &line, &after)) {
		line.len++;
		enum header_line kind = header_line(line, content->header_seen == 0);
		ends = kind == HEADER_EMPTY || kind == HEADER_NONE;
		content->header_seen += kind == HEADER_NONE ? 0 : line.len;
		rest = after;
	}
	*length = content->header_seen;
	return ends;
}

static void add_to_header(struct smtp_session *session, struct slice bytes)
{
	struct smtp_content *content = &session->transaction.content;
	size_t length, max = (size_t)session->config->max_header;
	buf_append(&content->header, bytes);
	struct slice text = buf_slice(&content->header);
	bool ends = header_ends(content, &length);
	if ((ends ? length : text.len) > max)
		smtp_content_refuse(session, "552 5.3.4 the message's header is too large");
	else if (ends) {
		content->header_done = true;
		smtp_trace_store_header(session, slice_sub(text, 0, length));
		if (!content->refused)
			smtp_content_store(session, slice_skip(text, length));
		buf_free(&content->header);
	}
}

static void add_whole_lines(struct smtp_session *session, struct slice bytes)
{
	struct smtp_content *content = &session->transaction.content;
	content->size += bytes.len;
	if (content->size > (uint64_t)session->config->max_message)
		smtp_content_refuse(session, "552 5.3.4 the message is too large");
	if (!content->refused && session->transaction.message.body != BODY_BINARYMIME)
		smtp_content_check_lines(session, bytes);
	if (content->refused)
		return;
	content->eight_bit = content->eight_bit || !slice_is_ascii(bytes);
	if (content->header_done)
		smtp_content_store(session, bytes);
	else
		add_to_header(session, bytes);
	if (!content->refused)
		count_memory(session);
}

void smtp_content_add(struct smtp_session *session, struct slice bytes, bool stuffed)
{
	struct smtp_content *content = &session->transaction.content;
	if (!content->mend || content->refused || !smtp_frame_needs_mending(bytes, content->after_cr, content->after_lf)) {
		add_whole_lines(session, bytes);
		return;
	}
	struct buf mended = BUF(2 * bytes.len);
	smtp_frame_mend(bytes, stuffed, content->after_cr, &content->after_lf, &mended);
	add_whole_lines(session, buf_slice(&mended));
	buf_free(&mended);
}

static void store_piece(void *session, struct slice text) { smtp_content_store(session, text); }

/* The bytes of our own field at the front. */
static size_t own_length(struct slice message)
{
	struct header_field field;
	return header_next(&message, &field) ? field.whole.len : 0;
}

static bool fits(const struct smtp_session *session, const struct smtp_rewriting *rewriting, struct slice message)
{
	const struct policy_edits *edits = rewriting->answer ? &rewriting->answer->edits : NULL;
	return !edits || policy_edits_fit(edits, message, own_length(message), slice_of(smtp_hostname(session)));
}

/* What it has become in size. */
static void count_anew(struct smtp_session *session, const struct smtp_rewriting *rewriting, struct slice message)
{
	struct smtp_content *content = &session->transaction.content;
	if (!rewriting->answer || !rewriting->answer->edits.body)
		return;
	content->size = header_length(message) + rewriting->body.len;
	content->eight_bit = content->eight_bit || !slice_is_ascii(rewriting->body);
}

void smtp_content_rewrite(struct smtp_session *session, const struct smtp_rewriting *rewriting)
{
	struct smtp_content *content = &session->transaction.content;
	struct queue_draft *bare = content->draft;
	struct error error;
	struct slice message;
	content->draft = queue_draft_new(session->service->queue, session->transaction.message.from);
	queue_draft_pass_file(bare, content->draft);
	if (!queue_draft_view(bare, &message, &error))
		refuse_unstored(session, &error);
	else if (!fits(session, rewriting, message)) {
		log_error("policy.wrong_answer", log_id("id", session->transaction.message.id), log_text("reason", "its edits don't fit the message"));
		smtp_content_refuse(session, "451 4.7.0 the message can't be checked at the moment, try again later");
	} else {
		smtp_content_store(session, rewriting->fields);
		if (rewriting->answer)
			submit_write_changed(message, rewriting->answer, rewriting->body, store_piece, session);
		else
			smtp_content_store(session, message);
		count_anew(session, rewriting, message);
	}
	queue_draft_abort(&bare);
}

/* Writes the draft anew with its binary parts as base64, which checks its lines, too. */
static void convert_draft(struct smtp_session *session)
{
	struct smtp_content *content = &session->transaction.content;
	struct queue_draft *binary = content->draft;
	struct error error;
	struct slice message;
	content->draft = queue_draft_new(session->service->queue, session->transaction.message.from);
	if (queue_draft_view(binary, &message, &error))
		smtp_binary_convert(session, message);
	else
		refuse_unstored(session, &error);
	queue_draft_abort(&binary);
	session->transaction.message.body = BODY_8BITMIME;
}

void smtp_content_finish(struct smtp_session *session)
{
	struct smtp_content *content = &session->transaction.content;
	if (!content->refused && !content->header_done) {
		/* What is left is a header alone, or a line of text without an end. */
		struct slice text = buf_slice(&content->header);
		size_t length = header_length(text);
		content->header_done = true;
		smtp_trace_store_header(session, slice_sub(text, 0, length));
		smtp_content_store(session, slice_skip(text, length));
		if (length == text.len)
			content->line = 0;
		buf_free(&content->header);
	}
	if (!content->refused && session->transaction.message.body == BODY_BINARYMIME)
		convert_draft(session);
	if (content->after_cr)
		smtp_content_refuse(session, "550 5.6.0 the message ends with a CR without LF");
	if (!content->refused && content->line > 0) /* only a chunk may leave its last line open (RFC 3030 §2) */
		smtp_content_store(session, SLICE("\r\n"));
}
