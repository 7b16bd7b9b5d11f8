/* A message's way into the queue, without a thread that waits for what the auth role knows of its addresses, for the queue's file, for what the policy role makes
 * of it, or for the disk: jmap_send_go_on() is called again when one of them has answered. What engines want changed is done to it as to what is submitted over
 * SMTP (submit/edits.h). */
#include "base/log.h"
#include "base/random.h"
#include "jmap/send_ask.h"
#include "jmap/send_weigh.h"
#include "message/date.h"
#include "message/downgrade.h"
#include "submit/edits.h"

enum { OWN_FIELDS_MAX = 4096 /* about what our own fields take; what isn't foreseen is waited for in a thread */ };

/* ---- Writing ---- */

struct writing {
	struct queue_draft *draft;
	struct error error;
	bool failed;
};

static bool put_bytes(void *context, struct slice bytes)
{
	struct writing *writing = context;
	writing->failed = writing->failed || !queue_draft_write(writing->draft, bytes, &writing->error);
	return !writing->failed;
}

static void put(void *context, struct slice text) { put_bytes(context, text); }

static void put_received(const struct jmap_sending *sending, struct writing *writing)
{
	struct arena *arena = sending->call->arena;
	struct slice peer = conn_peer(sending->call->request->conn);
	char id[ID_TEXT_LEN + 1], date[DATE_TEXT_MAX];
	id_format(sending->queue.id, id);
	date_format(sending->queue.arrived, date);
	put(writing, arena_printf(arena, "Received: from [%s%.*s]\r\n\tby %s with HTTP id %s;\r\n\t%s\r\n", slice_find_char(peer, ':') == SLICE_NONE ? "" : "IPv6:", SLICE_ARG(peer),
				  sending->call->request->config->hostname, id, date));
}

static void put_header(struct jmap_sending *sending, struct writing *writing)
{
	struct slice rest = sending->header.header;
	struct header_field field;
	const char *hostname = sending->header.hostname;
	bool ended = true;
	submit_write_missing(&sending->header, put, writing);
	while (!writing->failed && header_next(&rest, &field)) {
		if (field.name.len == 0 || submit_is_dropped(&field) || submit_is_forged(&field, hostname, sending->call->arena))
			continue;
		struct slice text = submit_field_text(&sending->header, &field);
		put(writing, text);
		ended = text.len == 0 || text.at[text.len - 1] == '\n';
	}
	put(writing, ended ? SLICE("\r\n") : SLICE("\r\n\r\n"));
}

/* What a mail client has put into a mailbox needn't be lines as SMTP has them: then it is made so. */
static bool write_message(struct jmap_sending *sending, struct writing *writing)
{
	struct message_facts facts;
	put_received(sending, writing);
	message_examine(sending->message, &facts);
	sending->queue.body = facts.eight_bit ? BODY_8BITMIME : BODY_7BIT;
	put_header(sending, writing);
	put(writing, slice_skip(sending->message, sending->header.header.len));
	if (!slice_ends_nocase(sending->message, SLICE("\n")))
		put(writing, SLICE("\r\n"));
	return !writing->failed;
}

static bool collect(void *context, struct slice bytes) { return buf_append(context, bytes); }

/* The message as lines, in `lines`; its header is looked at anew. */
static bool make_lines(struct jmap_sending *sending, struct buf *lines)
{
	struct message_facts facts;
	message_examine(sending->message, &facts);
	if (!facts.not_lines && !facts.long_line)
		return true;
	if (!message_downgrade(sending->message, true, collect, lines) || lines->overflow)
		return false;
	sending->message = buf_slice(lines);
	struct submit_header former = sending->header;
	sending->header = (struct submit_header){.arena = former.arena, .header = slice_sub(sending->message, 0, header_length(sending->message)), .from = former.from,
		.account = former.account, .hostname = former.hostname, .id = former.id, .arrived = former.arrived};
	submit_inspect(&sending->header);
	return submit_judge(&sending->header) == NULL;
}

static bool needs_utf8(const struct queue_message *message, const struct submit_header *header)
{
	bool ascii = slice_is_ascii(message->from) && slice_is_ascii(header->header);
	for (size_t i = 0; ascii && i < message->recipient_count; i++)
		ascii = slice_is_ascii(message->recipients[i].address);
	return !ascii;
}

static json_t *refusal_of(const struct error *error)
{
	if (error->kind == ERROR_DENIED)
		return jmap_set_error("forbiddenToSend", NULL, "too much mail of this account is held already, which the postmaster can let go or remove");
	if (error->kind == ERROR_LIMIT)
		return jmap_set_error("overQuota", NULL, "too much mail of this account waits for its time already");
	log_error("jmap.not_queued", log_text("reason", error->text));
	return jmap_set_error("serverFail", NULL, "the message can't be queued now, try again later");
}

static void log_accepted(const struct jmap_sending *sending)
{
	const struct queue_message *message = &sending->queue;
	log_info("message.accepted", log_id("id", message->id), log_id("session", conn_id(sending->call->request->conn)), log_slice("from", message->from),
		 log_slice("to", message->recipients[0].address), log_number("recipients", (int64_t)message->recipient_count), log_number("size", (int64_t)message->size),
		 log_slice("client", message->client), log_slice("account", message->account), log_slice("msgid", sending->header.message_id));
	for (size_t i = 1; i < message->recipient_count; i++)
		log_info("message.recipient", log_id("id", message->id), log_slice("to", message->recipients[i].address));
}

/* ---- Steps ---- */

static void resume(void *conn) { conn_resume(conn); }

/* With enough room for its file, if it needs one. False: it waits for that. */
static bool has_file(const struct jmap_sending *sending, struct queue_draft *draft, size_t bytes)
{
	return !queue_draft_needs_file(draft, bytes + OWN_FIELDS_MAX) || queue_draft_get_file(draft, resume, sending->call->request->conn);
}

static json_t *begin(struct jmap_sending *sending)
{
	struct queue *queue = sending->call->request->service->queue;
	if (queue_is_slow(queue))
		return jmap_set_error("serverFail", NULL, "the disk is slow at the moment, try again later");
	sending->queue.client = arena_printf(sending->call->arena, "JMAP [%.*s]", SLICE_ARG(conn_peer(sending->call->request->conn)));
	sending->queue.smtputf8 = needs_utf8(&sending->queue, &sending->header);
	sending->lines = BUF(2 * sending->message.len + 64 * 1024);
	if (!make_lines(sending, &sending->lines))
		return jmap_set_error("invalidEmail", "headers", "it can't be sent as it is");
	sending->draft = queue_draft_new(queue, sending->queue.from);
	return NULL;
}

static json_t *write_draft(struct jmap_sending *sending)
{
	struct writing writing = {.draft = sending->draft};
	bool done = write_message(sending, &writing);
	buf_free(&sending->lines);
	return done ? NULL : refusal_of(&writing.error);
}

/* Our own field is at the front. */
static size_t own_length(struct slice message)
{
	struct header_field field;
	return header_next(&message, &field) ? field.whole.len : 0;
}

/* The message as it is wanted goes to another draft. */
static json_t *write_changed(struct jmap_sending *sending, struct queue_draft *changed)
{
	const struct policy_answer *answer = jmap_weigh_answer(sending->weighing);
	struct writing writing = {.draft = changed};
	struct message_facts facts;
	struct slice message, body = jmap_weigh_body(sending->weighing);
	if (!queue_draft_view(sending->draft, &message, &writing.error))
		return refusal_of(&writing.error);
	if (!policy_edits_fit(&answer->edits, message, own_length(message), slice_of(sending->call->request->config->hostname))) {
		log_error("policy.wrong_answer", log_id("id", sending->queue.id), log_text("reason", "its edits don't fit the message"));
		return jmap_set_error("serverFail", NULL, "the message can't be checked at the moment, try again later");
	}
	put(&writing, answer->field);
	submit_write_changed(message, answer, body, put, &writing);
	message_examine(body, &facts);
	if (facts.eight_bit)
		sending->queue.body = BODY_8BITMIME;
	return writing.failed ? refusal_of(&writing.error) : NULL;
}

static json_t *change(struct jmap_sending *sending)
{
	struct queue_draft *bare = sending->draft, *changed = sending->changed;
	json_t *refused = write_changed(sending, changed);
	sending->draft = changed;
	sending->changed = NULL;
	queue_draft_abort(&bare);
	return refused;
}

static void begin_change(struct jmap_sending *sending)
{
	sending->changed = queue_draft_new(sending->call->request->service->queue, sending->queue.from);
	queue_draft_pass_file(sending->draft, sending->changed);
}

static json_t *begin_commit(struct jmap_sending *sending)
{
	json_t *refused = sending->ready ? sending->ready(sending) : NULL;
	if (!refused)
		sending->ticket = queue_commit_begin(sending->call->request->service->queue, &sending->draft, &sending->queue, resume, sending->call->request->conn);
	return refused;
}

static json_t *end_commit(struct jmap_sending *sending)
{
	struct error error;
	if (queue_commit_end(&sending->ticket, &error)) {
		log_accepted(sending);
		return NULL;
	}
	sending->in_doubt = error.kind != ERROR_DENIED && error.kind != ERROR_LIMIT;
	return refusal_of(&error);
}

/* One step. False: something has to be waited for. */
static bool take_step(struct jmap_sending *sending, json_t **refused)
{
	size_t changed_size = sending->message.len + (sending->weighing ? jmap_weigh_body(sending->weighing).len : 0);
	switch (sending->step) {
	case SENDING_IS_ASKED:
		if (!jmap_send_ask(sending, refused))
			return false;
		sending->step = sending->asked.step == ASKING_NOTHING ? SENDING_BEGINS : SENDING_IS_ASKED;
		return true;
	case SENDING_BEGINS:
		*refused = begin(sending);
		sending->step = SENDING_WRITES;
		return true;
	case SENDING_WRITES:
		if (!has_file(sending, sending->draft, sending->message.len))
			return false;
		*refused = write_draft(sending);
		if (!*refused)
			jmap_weigh_begin(sending, resume, sending->call->request->conn);
		sending->step = SENDING_IS_JUDGED;
		return true;
	case SENDING_IS_JUDGED:
		if (!jmap_weigh_is_done(sending))
			return false;
		*refused = jmap_weigh_end(sending);
		sending->step = !*refused && sending->weighing && jmap_weigh_answer(sending->weighing) ? SENDING_CHANGES : SENDING_COMMITS;
		if (!*refused && sending->step == SENDING_CHANGES)
			begin_change(sending);
		return true;
	case SENDING_CHANGES:
		if (!has_file(sending, sending->changed, changed_size))
			return false;
		*refused = change(sending);
		sending->step = SENDING_COMMITS;
		return true;
	case SENDING_COMMITS:
		*refused = begin_commit(sending);
		sending->step = SENDING_WAITS;
		return true;
	case SENDING_WAITS:
		if (!queue_commit_is_done(sending->ticket))
			return false;
		*refused = end_commit(sending);
		sending->step = SENDING_IS_OVER;
		return true;
	default:
		return true;
	}
}

enum net_run jmap_send_go_on(struct jmap_sending *sending, json_t **refused)
{
	*refused = NULL;
	while (!*refused && sending->step != SENDING_IS_OVER)
		if (!take_step(sending, refused))
			return RUN_WAIT;
	jmap_send_drop(sending);
	return RUN_DONE;
}

void jmap_send_drop(struct jmap_sending *sending)
{
	struct error ignored;
	if (sending->ticket)
		queue_commit_end(&sending->ticket, &ignored);
	if (sending->weighing)
		jmap_weigh_drop(sending);
	if (sending->draft)
		queue_draft_abort(&sending->draft);
	if (sending->changed)
		queue_draft_abort(&sending->changed);
	buf_free(&sending->lines);
	json_decref(sending->invalid);
	sending->invalid = NULL;
}
