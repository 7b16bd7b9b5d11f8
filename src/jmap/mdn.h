/* Receipts (RFC 9007): message disposition notifications (RFC 8098) that somebody sends, or reads. */
#ifndef JMAP_MDN_H
#define JMAP_MDN_H

#include "jmap/internal.h"

enum net_run jmap_mdn_send(struct jmap_call *call);
enum net_run jmap_mdn_parse(struct jmap_call *call);

/** A receipt that is to be written: what the client says, and of which message. */
struct jmap_receipt {
	const json_t *object;       /* checked: jmap_receipt_check() */
	struct slice from, to;      /* addresses */
	struct slice original;      /* the message's bytes */
	struct slice original_header;
	const char *hostname;
	int64_t id, now;
};
/** Is the object one that can be sent? A SetError (invalidProperties), or NULL. */
json_t *jmap_receipt_check(const json_t *object);
/** Writes it. False: too large for the buffer. */
bool jmap_receipt_write(const struct jmap_receipt *receipt, struct buf *out, struct arena *arena);
/** What a message says that is one; new, without forEmailId. NULL: it is none. */
json_t *jmap_receipt_read(struct slice message, struct arena *arena);

#endif
