/* With which reverse-path a message goes to another server; see reverse_path.h. It is rewritten when it is sent, not in the queue: our own
 * reports about it go to the sender himself. */
#include "courier/reverse_path.h"

#include "base/log.h"
#include "courier/report.h"

/* A message of its own for an alias's targets has that in its client (forward.c), the alias that was written to last. */
struct slice courier_passed_on_by(const struct courier_addressee *addressee)
{
	struct slice client = addressee->letter->work->message.client, via = addressee->recipient->address, begin = SLICE("alias "), next = SLICE(", from ");
	while (courier_is_strangers(&addressee->letter->work->message) && slice_starts(client, begin)) {
		size_t end = slice_find(client, next);
		via = slice_skip(slice_sub(client, 0, end == SLICE_NONE ? client.len : end), begin.len);
		client = slice_skip(client, end == SLICE_NONE ? client.len : end + next.len);
	}
	return via;
}

bool courier_reverse_path(const struct courier_addressee *addressee, struct arena *arena, struct slice *from)
{
	const struct queue_message *message = &addressee->letter->work->message;
	*from = message->from;
	if (message->from.len == 0 || !courier_is_strangers(message))
		return true;
	if (!auth_forward_sender(addressee->letter->courier->auth, message->from, courier_passed_on_by(addressee), arena, from))
		return false;
	if (!slice_equal(*from, message->from))
		log_info("sender.rewritten", log_id("id", message->id), log_slice("from", message->from), log_slice("as", *from));
	return true;
}
