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

static bool copy_body(struct queue *queue, const struct queue_message *original, struct queue_draft *draft, struct error *error)
{
	struct slice piece;
	struct courier_body *body = courier_body_open(queue, original, error);
	bool done = body != NULL;
	while (done && courier_body_next(body, &piece, error))
		done = queue_draft_write(draft, piece, error);
	done = done && !body->failed;
	courier_body_close(&body);
	return done;
}

bool courier_forward_letter(struct courier_addressee *addressee, struct error *error)
{
	struct queue *queue = addressee->letter->courier->queue;
	const struct queue_message *original = &addressee->letter->work->message;
	const struct queue_recipient *recipient = addressee->recipient;
	struct arena *arena = arena_new();
	struct queue_message message = {
		.from = original->from, .body = original->body, .smtputf8 = original->smtputf8, .require_tls = original->require_tls,
		.ret = original->ret, .envid = original->envid, .account = original->account, .arrived = original->arrived,
		.client = arena_printf(arena, "alias %.*s, from %.*s", SLICE_ARG(recipient->address), SLICE_ARG(original->client)), /* a stranger's stays one */
	};
	message.recipients = arena_array(arena, addressee->route_count, sizeof *message.recipients);
	for (size_t i = 0; i < addressee->route_count; i++) {
		if (addressee->routes[i].local)
			continue;
		struct queue_recipient *target = &message.recipients[message.recipient_count++];
		target->address = addressee->routes[i].address;
		target->notify = forwarded_notify(recipient->notify);
		target->original = recipient->original.len > 0 ? recipient->original : arena_printf(arena, "rfc822;%.*s", SLICE_ARG(recipient->address));
	}
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	bool done = copy_body(queue, original, draft, error);
	if (done)
		done = queue_commit(queue, &draft, &message, error);
	else
		queue_draft_abort(&draft);
	if (done)
		log_info("message.forwarded", log_id("id", original->id), log_slice("to", recipient->address), log_id("as", message.id),
			 log_number("recipients", (int64_t)message.recipient_count));
	arena_free(&arena);
	return done;
}
