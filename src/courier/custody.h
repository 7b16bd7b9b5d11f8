/* Signatures over who a message is sent to by whom (DKIM2, dkim2/dkim2.h): of what our people send, and of what strangers send and an alias passes on, if they have
 * begun it. */
#ifndef COURIER_CUSTODY_H
#define COURIER_CUSTODY_H

#include "dkim2/dkim2.h"

struct auth;
struct auth_signing_key;

struct courier_custody {
	struct auth *auth;
	struct arena *arena;
	/* the caller's: */
	struct dkim2_envelope envelope; /* as it goes over the wire */
	struct slice holder;     /* whose domain signs where the envelope has no sender: an address or a domain; empty: From's */
	bool passed_on;          /* somebody else's: it is signed only if it is already */
	unsigned flags;          /* enum dkim2_flags */
	/* results: */
	bool failed;             /* the auth role didn't answer */
	enum dkim2_reason reason; /* why it isn't signed; DKIM2_ABSENT: nobody has begun, or there is no key */
	/* its own: */
	struct dkim2_signer signers[DKIM2_VALUES_MAX];
	struct dkim2_signing signing;
	struct dkim2_sign *sign; /* NULL: it isn't signed */
};

/** The header is whole; `author`: From's domain in ASCII, or empty. */
void courier_custody_begin(struct courier_custody *custody, struct slice header, struct slice author);
void courier_custody_body(struct courier_custody *custody, struct slice piece);
/** The message has ended: appends the fields, if it is signed, and frees what is its own. */
void courier_custody_end(struct courier_custody *custody, struct buf *out);

#endif
