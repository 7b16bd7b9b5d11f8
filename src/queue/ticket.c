/* queue_commit() for who doesn't wait in a thread: a ticket holds what is needed until the owner of the queue has answered. */
#include "base/memory.h"
#include "queue/handin.h"

struct queue_ticket {
	struct queue_handin_ticket handin; /* if it was begun */
	struct queue_draft *draft;   /* whose file is handed in; NULL: it isn't needed any more */
	bool begun, done;            /* done: without having been begun */
	struct error error;
};

/* False: nothing was begun, and `done` wasn't called. */
static bool begin(struct queue *queue, struct queue_ticket *ticket, struct queue_message *message, void (*done)(void *context), void *context)
{
	struct queue_draft *draft = ticket->draft;
	int shown = -1;
	if (!queue_commit_complete(draft, message, &ticket->error))
		return false;
	struct queue_handin handin = {.message = *message, .body = queue_draft_inline(draft), .in_file = queue_draft_in_file(draft)};
	if (handin.in_file && !queue_draft_finish_remote(draft, &shown, &ticket->error))
		return false;
	for (size_t i = 0; i < message->recipient_count; i++)
		message->recipients[i].id = (int64_t)i + 1;
	queue_handin_begin(&ticket->handin, queue, &handin, shown, done, context);
	if (!handin.in_file) /* it was copied */
		queue_draft_free(&ticket->draft);
	return true;
}

struct queue_ticket *queue_commit_begin(struct queue *queue, struct queue_draft **draft, struct queue_message *message,
					void (*done)(void *context), void *context)
{
	struct queue_ticket *ticket = memory_new(sizeof *ticket);
	ticket->draft = *draft;
	*draft = NULL;
	if (!queue->owner)
		ticket->done = queue_commit(queue, &ticket->draft, message, &ticket->error);
	else
		ticket->begun = begin(queue, ticket, message, done, context);
	if (!ticket->begun)
		done(context);
	return ticket;
}

bool queue_commit_is_done(const struct queue_ticket *ticket)
{
	return !ticket->begun || queue_handin_is_done(&ticket->handin);
}

bool queue_commit_end(struct queue_ticket **ticket_pointer, struct error *error)
{
	struct queue_ticket *ticket = *ticket_pointer;
	*ticket_pointer = NULL;
	bool done = ticket->begun ? queue_handin_end(&ticket->handin, &ticket->error) : ticket->done;
	*error = ticket->error;
	queue_draft_abort(&ticket->draft); /* a file that was handed in is another's, whatever became of it */
	free(ticket);
	return done;
}
