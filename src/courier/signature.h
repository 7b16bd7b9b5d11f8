/* Signatures of our domains on mail that leaves (DKIM, dkim/dkim.h), and on whom it goes to (custody.h). */
#ifndef COURIER_SIGNATURE_H
#define COURIER_SIGNATURE_H

#include "dkim/dkim.h"

struct auth;
struct courier_custody;
struct courier_seal;

/** A message on its way to being signed: it takes the bytes as they will be sent. */
struct courier_signature {
	struct auth *auth;
	struct arena *arena;
	bool by_author;          /* From's domain signs */
	struct courier_custody *custody; /* the second kind of signature; NULL: none */
	struct courier_seal *seal;       /* of what is passed on (seal.h); NULL: none */
	struct buf header;       /* until it is whole */
	bool in_body, failed;    /* failed: the auth role didn't answer */
	struct auth_signing_key *keys;
	struct dkim_signer signers[DKIM_SIGNATURES_MAX];
	size_t count;
	struct slice domain;     /* From's */
	struct dkim_sign *sign;  /* NULL: it isn't signed */
};

/** `by_author`: From's domain signs. `custody`, `seal`, if they aren't NULL: what else is to be signed. All must stay where it is. */
void courier_signature_begin(struct courier_signature *signature, struct auth *auth, bool by_author, struct courier_custody *custody, struct courier_seal *seal,
			     struct arena *arena);
/** A message_sink: the next bytes. Always true. */
bool courier_signature_add(void *signature, struct slice bytes);
/** The message has ended: appends the fields, one for each key of From's domain; none if that isn't ours, or the message can't be signed.
 * False: they can't be had now. Frees everything, also without having ended. */
bool courier_signature_end(struct courier_signature *signature, struct buf *out);

#endif
