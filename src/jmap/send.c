/* Sending a message; see send.h. The rules are those of SMTP's submission: who may write as whom, what is taken out of a header, and how much an account
 * may send. What can be told of the message itself is refused here, in JMAP's words; what the auth role knows, in send_ask.c. */
#include "jmap/send.h"

#include "base/clock.h"
#include "base/random.h"
#include "jmap/send_envelope.h"
#include "message/address.h"

static struct slice account_of(const struct jmap_sending *sending) { return account_name(sending->call->account); }

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

static json_t *check_authors(struct jmap_sending *sending)
{
	sending->header.from = sending->queue.from;
	const char *reply = submit_judge(&sending->header);
	return reply ? invalid_email(sending, reply) : NULL;
}

/* ---- To whom ---- */

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

static json_t *check_release(const struct jmap_sending *sending)
{
	int64_t most = sending->call->request->config->future_release, wait = sending->queue.release - clock_now();
	return sending->queue.release != 0 && wait > most ? jmap_set_error("invalidProperties", "envelope", "so long a message can't wait here") : NULL;
}

static json_t *check_envelope(struct jmap_sending *sending)
{
	sending->invalid = json_array();
	json_t *refused = sending->envelope ? jmap_envelope_read(sending, sending->invalid) : jmap_envelope_make(sending, sending->invalid);
	refused = refused ? refused : check_release(sending);
	refused = refused ? refused : check_authors(sending);
	return refused ? refused : count_recipients(sending, sending->invalid);
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
