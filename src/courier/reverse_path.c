/* With which reverse-path a message goes to another server; see reverse_path.h. It is rewritten when it is sent, not in the queue: our own
 * reports about it go to the sender himself. */
#include "courier/reverse_path.h"

#include "base/log.h"
#include "courier/report.h"

bool courier_reverse_path(const struct courier_addressee *addressee, struct arena *arena, struct slice *from)
{
	const struct queue_message *message = &addressee->letter->work->message;
	*from = message->from;
	if (message->from.len == 0 || !courier_is_strangers(message))
		return true;
	if (!auth_forward_sender(addressee->letter->courier->auth, message->from, addressee->recipient->address, arena, from))
		return false;
	if (!slice_equal(*from, message->from))
		log_info("sender.rewritten", log_id("id", message->id), log_slice("from", message->from), log_slice("as", *from));
	return true;
}
