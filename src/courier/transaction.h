/* One message over a session: MAIL, RCPT, DATA (RFC 5321 §3.3). */
#ifndef COURIER_TRANSACTION_H
#define COURIER_TRANSACTION_H

#include "courier/body.h"
#include "courier/internal.h"

struct courier_transaction {
	struct courier_session *session;
	const struct queue_message *message;
	struct courier_body *body;
	struct courier_addressee **addressees; /* at most RECIPIENTS_PER_TRANSACTION */
	size_t count;
	int64_t end;            /* monotonic milliseconds: until then the server must have asked for the content */
	struct slice from;      /* the reverse-path that it goes with; this and the next are the transaction's own */
	struct buf signature;   /* the fields that are put before the message for this server */
	/* results */
	bool again;             /* the server takes fewer recipients at a time: offer it the undecided ones again */
	bool stale;             /* a reused session turned out to be dead before anything was said: try a new one */
	struct courier_trouble trouble; /* the last that concerned all */
	bool unsure;            /* the connection was lost after the final dot: nobody knows, no other host now */
};

/** Offers the message. Gives verdicts (delivered, relayed, failed) where the server was clear; to the others it notes what
 * was said (courier_addressee_note), and another host may do better. */
void courier_transaction_run(struct courier_transaction *transaction);

/** An address as it goes over the wire: with A-labels where UTF-8 can't be used but isn't needed. False: it needs SMTPUTF8. */
bool courier_wire_address(struct slice address, bool smtputf8, struct arena *arena, struct slice *out);
/** RFC 3461 §4: xtext. */
void courier_xtext_encode(struct slice text, struct buf *out);

#endif
