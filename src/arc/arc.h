/* Chains of seals on messages that were forwarded (ARC, RFC 8617): verifying and making them. Pure, like dkim/dkim.h: the keys are found in a
 * table, the body comes in pieces; private keys are elsewhere. */
#ifndef ARC_ARC_H
#define ARC_ARC_H

#include "dkim/dkim.h"

enum {
	ARC_SETS_MAX = 50,           /* RFC 8617 §4.2.1 */
	ARC_RESULTS_MAX = 32 * 1024, /* bytes of results that are sealed */
	ARC_SEALED_MAX = ARC_RESULTS_MAX + 2 * DKIM_FIELD_MAX, /* bytes of a set's fields */
};

/** What a chain is worth, as cv= and the method "arc" of Authentication-Results say it (RFC 8617 §4.4). */
enum arc_result { ARC_NONE, ARC_PASS, ARC_FAIL };
/** "pass". */
const char *arc_result_name(enum arc_result result);

/** Why: reason, result, and what a person is told. */
#define ARC_REASONS(REASON)                                                                                  \
	REASON(ARC_ABSENT, ARC_NONE, "the message has no seals")                                             \
	REASON(ARC_VALID, ARC_PASS, "the chain is valid")                                                    \
	REASON(ARC_HEADER_LARGE, ARC_FAIL, "the header is too large to be verified")                         \
	REASON(ARC_SETS_MANY, ARC_FAIL, "there are more than 50 sets of fields")                             \
	REASON(ARC_FIELD_BROKEN, ARC_FAIL, "a field can't be read")                                          \
	REASON(ARC_FIELD_TWICE, ARC_FAIL, "a field is there twice")                                          \
	REASON(ARC_FIELD_MISSING, ARC_FAIL, "a field is missing")                                            \
	REASON(ARC_CHAIN_BROKEN, ARC_FAIL, "the last sealer found the chain broken")                         \
	REASON(ARC_CHAIN_WRONG, ARC_FAIL, "a seal doesn't say of the chain before it what it must")          \
	REASON(ARC_SEAL_SIGNED, ARC_FAIL, "the message signature is over a seal")                            \
	REASON(ARC_MESSAGE_INVALID, ARC_FAIL, "the newest message signature isn't valid")                    \
	REASON(ARC_SEAL_INVALID, ARC_FAIL, "a seal isn't valid")
#define ARC_REASON_NAME(name, result, text) name,
enum arc_reason { ARC_REASONS(ARC_REASON_NAME) };
#undef ARC_REASON_NAME

/** One set, by whoever forwarded the message. */
struct arc_seal {
	struct slice domain;   /* d= and s= of the seal */
	struct slice selector;
	struct slice results;  /* the ARC-Authentication-Results behind its instance: as an Authentication-Results field's body */
};

struct arc_verdict {
	enum arc_result result;
	enum arc_reason reason;
	bool temporary;               /* it failed since a key couldn't be looked up just now */
	struct slice why;             /* for people: one line */
	const struct arc_seal *seals; /* from the first, instance 1; of a chain that passes, all of them */
	size_t count;
};

struct arc_verify;
/** Reads the sets of a header, which must live as long as the result. The caller gives it to arc_verify_free(). */
struct arc_verify *arc_verify_new(struct slice header);
/** Asks for the keys that are needed. False: some are wanted, and not there yet. */
bool arc_verify_ask(const struct arc_verify *verify, struct lookup *table);
/** The next piece of the body. */
void arc_verify_body(struct arc_verify *verify, struct slice piece);
/** The body has ended. The verdict lives as long as `verify`. */
const struct arc_verdict *arc_verify_end(struct arc_verify *verify, struct lookup *table);
/** Sets *verify to NULL; NULL is fine. */
void arc_verify_free(struct arc_verify **verify);

/* ---- sealing ---- */

/** Who seals, and what he has found. */
struct arc_sealer {
	struct slice domain, selector; /* of an RSA key, the only kind that RFC 8617 knows; in ASCII */
	struct slice results;          /* the body of his own Authentication-Results field */
	bool chain_passed;             /* … which says that the chain so far, if there is one, is valid */
	int64_t made;                  /* seconds since 1970 */
};

struct arc_sealing;
/** Begins the next set; what is given must live as long as the result, which the caller gives to arc_seal_free(). NULL: it can't be: there are sets, and they
 * are no valid chain, or as many as can be; the header is beyond DKIM's limits, or has no From. */
struct arc_sealing *arc_seal_new(struct slice header, const struct arc_sealer *sealer);
void arc_seal_body(struct arc_sealing *seal, struct slice piece);
/** The body has ended: what the key is to sign first, and, with that signature, second (dkim_key_sign()). */
void arc_seal_message_digest(struct arc_sealing *seal, unsigned char digest[DKIM_DIGEST_SIZE]);
void arc_seal_digest(struct arc_sealing *seal, struct slice message_signature, unsigned char digest[DKIM_DIGEST_SIZE]);
/** Appends the three fields, with their line ends: they go before the message. Room: ARC_SEALED_MAX bytes. */
void arc_seal_fields(struct arc_sealing *seal, struct slice signature, struct buf *out);
void arc_seal_free(struct arc_sealing **seal);

#endif
