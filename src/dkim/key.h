/* Public keys from the DNS (RFC 6376 §3.6.1; RFC 8463 §4). */
#ifndef DKIM_KEY_H
#define DKIM_KEY_H

#include "dkim/signature.h"

struct dkim_key {
	EVP_PKEY *key;
	unsigned bits;
	bool testing; /* t=y */
	bool strict;  /* t=s: not for identities of subdomains */
};

/** Takes of the TXT records that were found the first that can be used with an algorithm. DKIM_VALID: the caller gives *key to
 * dkim_key_clear(). Else why there is none, of the first record. `testing` and `bits` are set as far as they are known. */
enum dkim_reason dkim_key_choose(const struct lookup_answer *answer, enum dkim_algorithm algorithm, struct dkim_key *key);
/** The same of an answer that must hold one record, in which h= means nothing (DKIM2 "Fetch the Public Key"). More than one is for the caller to
 * refuse. */
enum dkim_reason dkim_key_choose_any_hash(const struct lookup_answer *answer, enum dkim_algorithm algorithm, struct dkim_key *key);
void dkim_key_clear(struct dkim_key *key);
/** May the key be used for what the signature says it is for? */
enum dkim_reason dkim_key_fits(const struct dkim_key *key, const struct dkim_signature *signature);
/** Is `value` a signature of the digest? */
bool dkim_key_verifies(const struct dkim_key *key, enum dkim_algorithm algorithm, const unsigned char digest[DKIM_DIGEST_SIZE], struct slice value);

#endif
