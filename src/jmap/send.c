/* Sending a message; see send.h. The rules are those of SMTP's submission: who may write as whom, what is taken out of a header, and how much an account
 * may send. What can be told at once is refused here, in JMAP's words. */
#include "jmap/send.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "jmap/send_envelope.h"
#include "jmap/send_weigh.h"
#include "message/address.h"
#include "message/date.h"
#include "message/downgrade.h"

static struct auth *auth_of(const struct jmap_sending *sending) { return sending->call->request->service->auth; }
static struct slice account_of(const struct jmap_sending *sending) { return account_name(sending->call->account); }

static json_t *cant_tell(void) { return jmap_set_error("serverFail", NULL, "that can't be told now, try again later"); }

/* ---- The message ---- */

/* What SMTP would say of it, as the property that is wrong. */
static json_t *invalid_email(const struct jmap_sending *sending, const char *reply)
{
	return jmap_set_error("invalidEmail", sending->header.sender_count > 1 ? "sender" : "from", "%s", reply + sizeof "554 5.6.0 " - 1);
}

static json_t *check_message(struct jmap_sending *sending)
{
	const struct config *config = sending->call->request->config;
	if (sending->message.len > (uint64_t)config->max_message) {
		json_t *error = jmap_set_error("tooLarge", NULL, NULL);
		json_object_set_new(error, "maxSize", json_integer((json_int_t)config->max_message));
		return error;
	}
	if (sending->header.header.len > (uint64_t)config->max_header)
		return jmap_set_error("invalidEmail", "headers", "its header is too large");
	if (sending->header.received > (size_t)config->max_received)
		return jmap_set_error("invalidEmail", "headers", "it goes round in circles");
	return sending->header.from_count == 0 ? jmap_set_error("invalidEmail", "from", "nobody is its author") : NULL;
}

/* ---- Who ---- */

static json_t *check_sender(struct jmap_sending *sending)
{
	struct slice from = sending->queue.from;
	if (from.len == 0) /* receipts and the like go with it */
		return NULL;
	switch (auth_may_send_as(auth_of(sending), NULL, account_of(sending), from)) {
	case SENDER_OWN:
		return NULL;
	case SENDER_OTHERS:
		return jmap_set_error("forbiddenMailFrom", NULL, "that sender's address isn't yours");
	default:
		return cant_tell();
	}
}

static json_t *check_authors(struct jmap_sending *sending)
{
	sending->header.from = sending->queue.from;
	const char *reply = submit_judge(&sending->header);
	if (reply)
		return invalid_email(sending, reply);
	for (const struct submit_author *author = sending->header.authors; author; author = author->next) {
		enum auth_sender_right right = auth_may_send_as(auth_of(sending), NULL, account_of(sending), author->address);
		if (right == SENDER_OTHERS)
			return jmap_set_error("forbiddenFrom", NULL, "the %s field names an address that isn't yours", author->field);
		if (right != SENDER_OWN)
			return cant_tell();
	}
	return NULL;
}

/* ---- To whom ---- */

/* Somebody of ours who isn't there is no address to send to. */
static bool is_recipient(struct jmap_sending *sending, struct slice address, json_t **refused)
{
	switch (auth_recipient(auth_of(sending), NULL, address, NULL)) {
	case RECIPIENT_LOCAL:
	case RECIPIENT_FOREIGN:
		return true;
	case RECIPIENT_TEMPORARY:
	case RECIPIENT_AWAITED:
		*refused = cant_tell();
		return true;
	default:
		return false;
	}
}

static json_t *count_recipients(const struct jmap_sending *sending, const json_t *invalid)
{
	size_t count = sending->queue.recipient_count, most = (size_t)sending->call->request->config->max_recipients;
	if (count + json_array_size(invalid) == 0)
		return jmap_set_error("noRecipients", NULL, NULL);
	if (count <= most)
		return NULL;
	json_t *error = jmap_set_error("tooManyRecipients", NULL, NULL);
	json_object_set_new(error, "maxRecipients", json_integer((json_int_t)most));
	return error;
}

static json_t *check_recipients(struct jmap_sending *sending, json_t *invalid)
{
	json_t *refused = count_recipients(sending, invalid);
	for (size_t i = 0; !refused && i < sending->queue.recipient_count; i++)
		if (!is_recipient(sending, sending->queue.recipients[i].address, &refused))
			json_array_append_new(invalid, jmap_text(sending->queue.recipients[i].address));
	if (refused || json_array_size(invalid) == 0)
		return refused;
	refused = jmap_set_error("invalidRecipients", NULL, NULL);
	json_object_set(refused, "invalidRecipients", invalid);
	return refused;
}

static json_t *check_release(const struct jmap_sending *sending)
{
	int64_t most = sending->call->request->config->future_release, wait = sending->queue.release - clock_now();
	return sending->queue.release != 0 && wait > most ? jmap_set_error("invalidProperties", "envelope", "so long a message can't wait here") : NULL;
}

static json_t *check_envelope(struct jmap_sending *sending)
{
	json_t *invalid = json_array();
	json_t *refused = sending->envelope ? jmap_envelope_read(sending, invalid) : jmap_envelope_make(sending, invalid);
	refused = refused ? refused : check_release(sending);
	refused = refused ? refused : check_sender(sending);
	refused = refused ? refused : check_authors(sending);
	refused = refused ? refused : check_recipients(sending, invalid);
	json_decref(invalid);
	return refused;
}

json_t *jmap_send_check(struct jmap_sending *sending)
{
	struct arena *arena = sending->call->arena;
	sending->queue = (struct queue_message){.id = id_new(), .arrived = clock_now(), .account = account_of(sending), .tracked = sending->tracked};
	sending->header = (struct submit_header){.arena = arena, .header = slice_sub(sending->message, 0, header_length(sending->message)), .account = account_of(sending),
		.hostname = sending->call->request->config->hostname, .id = sending->queue.id, .arrived = sending->queue.arrived};
	submit_inspect(&sending->header);
	json_t *refused = check_message(sending);
	return refused ? refused : check_envelope(sending);
}

/* ---- Into the queue ---- */

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

/* As of somebody who has signed in to SMTP. */
static void set_allowance(struct jmap_sending *sending)
{
	const struct config *config = sending->call->request->config;
	struct auth_rates rates = {0};
	if (auth_rates(auth_of(sending), NULL, account_of(sending), &rates) != RATES_KNOWN)
		rates = (struct auth_rates){0};
	sending->queue.allowance = (struct queue_allowance){
		.counts = true,
		.per_hour = rates.per_hour == 0 ? config->submission_rate : rates.per_hour < 0 ? 0 : rates.per_hour,
		.per_day = rates.per_day == 0 ? config->submission_rate_day : rates.per_day < 0 ? 0 : rates.per_day,
	};
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

static json_t *commit(struct jmap_sending *sending)
{
	struct queue *queue = sending->call->request->service->queue;
	struct writing writing = {.draft = queue_draft_new(queue, sending->queue.from)};
	if (!write_message(sending, &writing)) {
		queue_draft_abort(&writing.draft);
		return refusal_of(&writing.error);
	}
	json_t *refused = jmap_send_weigh(sending, writing.draft);
	if (refused) {
		queue_draft_abort(&writing.draft);
		return refused;
	}
	if (!queue_commit(queue, &writing.draft, &sending->queue, &writing.error))
		return refusal_of(&writing.error);
	log_accepted(sending);
	return NULL;
}

json_t *jmap_send_queue(struct jmap_sending *sending)
{
	struct buf lines = BUF(2 * sending->message.len + 64 * 1024);
	if (queue_is_slow(sending->call->request->service->queue))
		return jmap_set_error("serverFail", NULL, "the disk is slow at the moment, try again later");
	sending->queue.client = arena_printf(sending->call->arena, "JMAP [%.*s]", SLICE_ARG(conn_peer(sending->call->request->conn)));
	sending->queue.smtputf8 = needs_utf8(&sending->queue, &sending->header);
	set_allowance(sending);
	json_t *refused = make_lines(sending, &lines) ? commit(sending) : jmap_set_error("invalidEmail", "headers", "it can't be sent as it is");
	buf_free(&lines);
	return refused;
}

/* ---- What is announced ---- */

json_t *jmap_send_about(const struct jmap_request *request)
{
	char size[32], wait[32];
	snprintf(size, sizeof size, "%lld", (long long)request->config->max_message);
	snprintf(wait, sizeof wait, "%lld", (long long)request->config->future_release);
	json_t *extensions = json_pack("{s:[s], s:[], s:[], s:[]}", "SIZE", size, "8BITMIME", "SMTPUTF8", "DSN");
	if (request->config->future_release > 0) /* the session is the same from second to second: only the interval bounds it */
		json_object_set_new(extensions, "FUTURERELEASE", json_pack("[s, s]", wait, "9999-12-31T23:59:59Z"));
	return json_pack("{s:I, s:o}", "maxDelayedSend", (json_int_t)request->config->future_release, "submissionExtensions", extensions);
}
