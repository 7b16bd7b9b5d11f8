/* What a message says that tells of another one's fate: a delivery status notification (RFC 3464), or a receipt of who has read it (RFC 8098). Pure. */
#ifndef COURIER_RECEIPT_H
#define COURIER_RECEIPT_H

#include "base/arena.h"
#include "base/slice.h"

enum {
	RECEIPT_RECIPIENTS_MAX = 100,
	RECEIPT_FIELDS_MAX = 64 * 1024, /* bytes of the part for programs that are looked at */
	RECEIPT_TEXT_MAX = 600,         /* of one text in it */
	RECEIPT_HEADER_MAX = 32 * 1024, /* bytes of a message in which its header says that it may be one */
};

/** Of one recipient. Texts are printable ASCII. */
struct courier_receipt_recipient {
	struct slice address, original; /* without their type; may be empty */
	enum { RECEIPT_NOTHING, RECEIPT_DELIVERED, RECEIPT_FAILED, RECEIPT_DISPLAYED } fate;
	struct slice reply;             /* the last server's words; empty: not told */
};

struct courier_receipt {
	bool disposition;               /* it is a receipt of a reader */
	struct slice envelope;          /* the envelope id that the sender gave; empty: not told */
	struct slice message_id;        /* of the message that it tells of, without angle brackets; empty: not told */
	struct courier_receipt_recipient *recipients;
	size_t recipient_count;
};

/** Does this header say that the message may be one? Cheap. */
bool courier_receipt_may_be(struct slice header);
/** Reads one; what it points to is the arena's. False: it is none. */
bool courier_receipt_read(struct slice message, struct arena *arena, struct courier_receipt *receipt);

/** Where it doesn't come from a mail system (from the null reverse-path), but from a person: may `author`, who is shown to be its author, say what became of what
 * was sent to this address? That one has read it he says of himself alone; the postmaster and mailer-daemon speak for the addresses of their domain, also
 * from a name below it. */
bool courier_receipt_may_say(bool disposition, struct slice author, struct slice address);

#endif
