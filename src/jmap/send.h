/* Sending a message for the person who asks: whether it may go, to whom, and its way into the queue, as of any message that is submitted (RFC 6409). */
#ifndef JMAP_SEND_H
#define JMAP_SEND_H

#include "jmap/internal.h"
#include "queue/queue.h"
#include "submit/submit.h"

struct jmap_sending {
	/* Given: */
	struct jmap_call *call;
	struct slice message;       /* its bytes, which last until it is sent */
	struct slice identity;      /* the address of the identity as which it is sent */
	const json_t *envelope;     /* as the client gave it (RFC 8621 §7); NULL: it is made of the message's header */
	bool tracked;               /* its account has an object that says what becomes of it */
	/* Found: */
	struct queue_message queue; /* in the call's arena */
	struct submit_header header;
	bool eight_bit;
};

/** May it go? A SetError (invalidEmail, noRecipients, …), or NULL. */
json_t *jmap_send_check(struct jmap_sending *sending);
/** The envelope that it goes with, as JSON; new. */
json_t *jmap_send_envelope(const struct jmap_sending *sending);
/** Puts it into the queue, durably. A SetError, or NULL. Blocks. */
json_t *jmap_send_queue(struct jmap_sending *sending);

/** What the capability says (RFC 8621 §1.3.2). */
json_t *jmap_send_about(const struct jmap_request *request);

#endif
