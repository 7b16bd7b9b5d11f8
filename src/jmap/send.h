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
	/** Called once it is as it will be, before it is committed; a SetError has it refused. May be NULL. */
	json_t *(*ready)(struct jmap_sending *sending);
	void *context;              /* of that */
	/* Found: */
	struct queue_message queue; /* in the call's arena */
	struct submit_header header;
	bool in_doubt;              /* it is refused, but may be in the queue all the same */
	json_t *invalid;            /* recipients that are none */
	/* How far it is: */
	struct {
		enum { ASKING_SENDER, ASKING_AUTHORS, ASKING_RECIPIENTS, ASKING_ALLOWANCE, ASKING_NOTHING } step;
		const struct submit_author *author; /* to be asked about next */
		size_t recipient;
	} asked;
	enum { SENDING_IS_ASKED, SENDING_BEGINS, SENDING_WRITES, SENDING_IS_JUDGED, SENDING_CHANGES, SENDING_COMMITS, SENDING_WAITS, SENDING_IS_OVER } step;
	struct queue_draft *draft, *changed;
	struct jmap_weighing *weighing;
	struct queue_ticket *ticket;
	struct buf lines;
};

/** May it go, as far as it is known here? A SetError (invalidEmail, noRecipients, …), or NULL. What is left is the auth role's to know (send_ask.h). */
json_t *jmap_send_check(struct jmap_sending *sending);
/** The envelope that it goes with, as JSON; new. */
json_t *jmap_send_envelope(const struct jmap_sending *sending);
/** Puts it into the queue, durably, once it was checked. RUN_WAIT: another role, or the disk, is at it: to be called again after conn_resume(). RUN_DONE: *refused
 * is a SetError, or NULL: it is in the queue. */
enum net_run jmap_send_go_on(struct jmap_sending *sending, json_t **refused);
/** Gives it up, wherever it is; after RUN_DONE there is nothing to give up any more. */
void jmap_send_drop(struct jmap_sending *sending);

/** What the capability says (RFC 8621 §1.3.2). */
json_t *jmap_send_about(const struct jmap_request *request);

#endif
