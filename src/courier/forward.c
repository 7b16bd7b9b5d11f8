/* An alias that leads to several places, some of them on other servers: those get a message of their own in the queue, so
 * that each has its own schedule and nobody gets it twice because another's server was away. The envelope's sender stays
 * (RFC 5321 §3.9.1). */
#include "base/log.h"
#include "courier/body.h"
#include "courier/internal.h"

/* RFC 3461 §5.2.7: the sender hears "expanded" from us, and nothing of each success behind the alias. */
static unsigned forwarded_notify(unsigned notify)
{
	unsigned rest = notify & ~(unsigned)NOTIFY_SUCCESS;
	return notify != 0 && rest == 0 ? NOTIFY_NEVER : rest;
}

struct queue_message courier_forward_message(const struct queue_message *original)
{
	return (struct queue_message){
		.from = original->from, .body = original->body, .smtputf8 = original->smtputf8, .require_tls = original->require_tls,
		.ret = original->ret, .envid = original->envid, .account = original->account, .arrived = queue_begins(original), .client = original->client,
	};
}

struct queue_recipient courier_forward_recipient(const struct queue_recipient *recipient, struct slice address, struct arena *arena)
{
	return (struct queue_recipient){
		.address = address, .notify = forwarded_notify(recipient->notify),
		.original = recipient->original.len > 0 ? recipient->original : arena_printf(arena, "rfc822;%.*s", SLICE_ARG(recipient->address)),
	};
}

/* In the transaction that queues the message it is written down with the recipient that this was done: a crash before he is settled repeats nothing. */
static bool queue_noted(struct courier_addressee *addressee, struct queue_draft *draft, struct queue_message *message, struct error *error)
{
	struct queue_result noted = {.message = addressee->letter->work->message.id, .recipient = addressee->recipient->id, .outcome = OUTCOME_APART, .apart = COURIER_FORWARDED};
	struct queue_deposit deposit = {.draft = draft, .message = message, .results = &noted, .result_count = 1};
	queue_deposit_all(addressee->letter->courier->queue, &deposit, 1);
	return deposit.done || error_set(error, deposit.error.kind, "%s", deposit.error.text);
}

bool courier_forward_letter(struct courier_addressee *addressee, struct error *error)
{
	struct queue *queue = addressee->letter->courier->queue;
	const struct queue_message *original = &addressee->letter->work->message;
	const struct queue_recipient *recipient = addressee->recipient;
	if (courier_apart_was_done(addressee, COURIER_FORWARDED))
		return true;
	struct arena *arena = arena_new();
	struct queue_message message = courier_forward_message(original);
	message.client = arena_printf(arena, "alias %.*s, from %.*s", SLICE_ARG(recipient->address), SLICE_ARG(original->client)); /* a stranger's stays one */
	message.recipients = arena_array(arena, addressee->route_count, sizeof *message.recipients);
	for (size_t i = 0; i < addressee->route_count; i++)
		if (!addressee->routes[i].local)
			message.recipients[message.recipient_count++] = courier_forward_recipient(recipient, addressee->routes[i].address, arena);
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	bool done = courier_body_copy(queue, original, draft, error);
	if (done)
		done = queue_noted(addressee, draft, &message, error);
	else
		queue_draft_abort(&draft);
	if (done)
		log_info("message.forwarded", log_id("id", original->id), log_slice("to", recipient->address), log_id("as", message.id),
			 log_number("recipients", (int64_t)message.recipient_count));
	arena_free(&arena);
	return done;
}
