/* Adding an email to the store (RFC 8621 §4.6, §4.8): where it is to be, with which keywords, and what is answered. */
#ifndef JMAP_EMAIL_ADD_H
#define JMAP_EMAIL_ADD_H

#include "jmap/mail.h"

/** Where a new email goes, and with what. */
struct jmap_adding {
	struct jmap_call *call;
	struct draft *draft;       /* what is written; NULL once it was added or given up */
	struct placement placement;
	int64_t *mailboxes;
	size_t mailbox_count;
	struct error error;        /* of the draft */
};

/** Reads mailboxIds, keywords and receivedAt of `object`. A SetError, or NULL. */
json_t *jmap_adding_read(struct jmap_adding *adding, const json_t *object);
/** Begins the draft. */
void jmap_adding_begin(struct jmap_adding *adding);
/** A sink of its bytes (message/downgrade.h); `context` is a struct jmap_adding. */
bool jmap_adding_write(void *context, struct slice bytes);
/** Adds it: *made has its id, blobId, threadId and size. A SetError, or NULL. */
json_t *jmap_adding_commit(struct jmap_adding *adding, json_t **made);
/** Gives it up, if it wasn't added. */
void jmap_adding_drop(struct jmap_adding *adding);
/** A SetError for what the store says of a change. */
json_t *jmap_email_refusal(const struct error *error);

#endif
