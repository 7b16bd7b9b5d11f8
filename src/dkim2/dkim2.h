/* The second kind of signatures of domains on messages (DKIM2: draft-ietf-dkim-dkim2-spec-02, named "DKIM2" below): each server that a message
 * leaves signs who sent it to whom, so that it can't be sent to others unnoticed, and what the message was; who changes it writes down how
 * the change is undone. Verifying and making them. Pure: what the DNS says is found in a table (lookup/lookup.h), the body comes in pieces of
 * any size. Messages have CR LF as line ends (message/canonical.h).
 *
 * Verifying: dkim2_verify_new() with header and envelope; dkim2_verify_ask() notes the keys that are wanted; dkim2_verify_body();
 * dkim2_verify_end() says what the chain is worth. The first fault decides, but one that may pass (a temporary one) gives way to one that won't.
 *
 * Signing: dkim2_sign_new(); dkim2_sign_body(); dkim2_sign_digest() gives what each key is to sign (dkim_key_sign() does that, where the
 * private keys are); dkim2_sign_fields() writes the fields. */
#ifndef DKIM2_DKIM2_H
#define DKIM2_DKIM2_H

#include "dkim/dkim.h"

enum {
	DKIM2_SIGNATURES_MAX = 20,      /* of a message; likewise its instances */
	DKIM2_VALUES_MAX = 4,           /* of a signature, each by a key of its own */
	DKIM2_BODIES_MAX = 5,           /* how a body was that are hashed, the message's own among them; older ones aren't recreated */
	DKIM2_HEADER_FIELDS_MAX = 2000, /* that count */
	DKIM2_FIELD_MAX = 64 * 1024,    /* bytes of one of the fields */
	DKIM2_RECIPIENTS_MAX = 1000,    /* of a signature */
	DKIM2_NONCE_MAX = 64,           /* characters (DKIM2 "n=") */
	DKIM2_VALID_SECONDS = 14 * 86400,
	DKIM2_SIGNED_MAX = 2 * DKIM2_FIELD_MAX, /* bytes that dkim2_sign_fields() writes */
};

/** As in Authentication-Results (DKIM2 "Output States"). */
enum dkim2_result { DKIM2_NONE, DKIM2_PASS, DKIM2_FAIL, DKIM2_PERMERROR, DKIM2_TEMPERROR };
/** "pass". */
const char *dkim2_result_name(enum dkim2_result result);

/** Why: reason, result, and what is said before and behind that which it is about: in the draft's words where it has some, since it asks for that. */
#define DKIM2_REASONS(REASON)                                                                                              \
	REASON(DKIM2_ABSENT, DKIM2_NONE, "the message has no signatures of this kind", "")                                 \
	REASON(DKIM2_VALID, DKIM2_PASS, "valid", "")                                                                       \
	REASON(DKIM2_HEADER_LARGE, DKIM2_PERMERROR, "the header is too large to be verified", "")                          \
	REASON(DKIM2_HEADER_NONE, DKIM2_PERMERROR, "there is no header that fields could stand before", "")                \
	REASON(DKIM2_FIELDS_MANY, DKIM2_PERMERROR, "there are more fields than are looked at", "")                         \
	REASON(DKIM2_FIELD_LARGE, DKIM2_PERMERROR, "the field is too long", "")                                            \
	REASON(DKIM2_RECIPIENTS_MANY, DKIM2_PERMERROR, "has more recipients than are looked at", "")                       \
	REASON(DKIM2_SYNTAX, DKIM2_PERMERROR, "syntax error", "")                                                          \
	REASON(DKIM2_TAG_MISSING, DKIM2_PERMERROR, "tag=", " missing")                                                     \
	REASON(DKIM2_TWICE, DKIM2_PERMERROR, "is there twice", "")                                                         \
	REASON(DKIM2_MISSING, DKIM2_PERMERROR, "missing", "")                                                              \
	REASON(DKIM2_UNSIGNED, DKIM2_PERMERROR, "is not signed", "")                                                       \
	REASON(DKIM2_ALGORITHM_UNKNOWN, DKIM2_PERMERROR, "has no value of a known algorithm", "")                          \
	REASON(DKIM2_EXPIRED, DKIM2_PERMERROR, "signature expired", "")                                                    \
	REASON(DKIM2_AHEAD, DKIM2_PERMERROR, "signature is from the future", "")                                           \
	REASON(DKIM2_SENDER_OTHER, DKIM2_PERMERROR, "MAIL FROM ", " did not match")                                        \
	REASON(DKIM2_RECIPIENT_OTHER, DKIM2_PERMERROR, "RCPT TO ", " did not match")                                       \
	REASON(DKIM2_DOMAIN_OTHER, DKIM2_PERMERROR, "MAIL FROM and d= do not match", "")                                   \
	REASON(DKIM2_CHAIN_BROKEN, DKIM2_PERMERROR, "MAIL FROM ", " is of no domain that it was sent to before")           \
	REASON(DKIM2_KEY_TEMPORARY, DKIM2_TEMPERROR, "public key ", " could not be fetched")                               \
	REASON(DKIM2_KEY_NONE, DKIM2_PERMERROR, "public key ", " does not exist")                                          \
	REASON(DKIM2_KEY_MULTIPLE, DKIM2_PERMERROR, "public key ", " has multiple records")                                \
	REASON(DKIM2_KEY_SYNTAX, DKIM2_PERMERROR, "public key ", " has a syntax error")                                    \
	REASON(DKIM2_KEY_OTHER, DKIM2_PERMERROR, "public key ", " algorithm mismatch")                                     \
	REASON(DKIM2_KEY_REVOKED, DKIM2_PERMERROR, "public key ", " has been revoked")                                     \
	REASON(DKIM2_KEY_UNFIT, DKIM2_PERMERROR, "public key ", " is too small, too large, or not for mail")               \
	REASON(DKIM2_RECIPE_WRONG, DKIM2_PERMERROR, "recipe can't be applied", "")                                        \
	REASON(DKIM2_LOST, DKIM2_PASS, "it isn't said what it was", "")                                                   \
	REASON(DKIM2_SIGNATURE_WRONG, DKIM2_FAIL, "public key ", " incorrect signature")                                   \
	REASON(DKIM2_HEADER_CHANGED, DKIM2_FAIL, "header hash ", " mismatch")                                              \
	REASON(DKIM2_BODY_CHANGED, DKIM2_FAIL, "body hash ", " mismatch")                                                  \
	REASON(DKIM2_MODIFIED, DKIM2_FAIL, "Message has been modified despite a donotmodify request", "")                  \
	REASON(DKIM2_EXPLODED, DKIM2_FAIL, "Message has been exploded despite a donotexplode request", "")
#define DKIM2_REASON_NAME(name, result, before, behind) name,
enum dkim2_reason { DKIM2_REASONS(DKIM2_REASON_NAME) };
#undef DKIM2_REASON_NAME
enum dkim2_result dkim2_reason_result(enum dkim2_reason reason);
const char *dkim2_reason_text(enum dkim2_reason reason);

/** Bits: what f= says. */
enum dkim2_flags { DKIM2_FLAG_EXPLODED = 1, DKIM2_FLAG_DONOTEXPLODE = 2, DKIM2_FLAG_DONOTMODIFY = 4, DKIM2_FLAG_FEEDBACK = 8 };

/** With what a message was sent or is to be sent. */
struct dkim2_envelope {
	struct slice from;              /* the reverse-path without brackets */
	const struct slice *recipients; /* likewise; DKIM2_RECIPIENTS_MAX at most when signing */
	size_t recipient_count;
};

/* ---- verifying ---- */

/** A server that the message left. */
struct dkim2_hop {
	struct slice domain;   /* d= */
	struct slice from;     /* mf=, with brackets */
	const struct slice *recipients; /* rt=, likewise */
	size_t recipient_count;
	unsigned flags;        /* enum dkim2_flags */
	unsigned instance;     /* what the message was then: m= */
	int64_t made;          /* t= */
	enum dkim2_reason reason;
	struct slice why;      /* for people: one line */
};

/** What the message was at one time. */
struct dkim2_instance {
	enum dkim2_reason reason;
	bool recreated;        /* it is known what it was: the message as it is, or what undoing the later changes gives */
	struct slice why;
};

struct dkim2_verdict {
	enum dkim2_result result;
	enum dkim2_reason reason;
	struct slice why;
	const struct dkim2_hop *hops;           /* in their order; none if the structure of the fields is faulty */
	size_t hop_count;
	const struct dkim2_instance *instances; /* likewise */
	size_t instance_count;
};

struct dkim2_verify;
/** Reads the fields of a header. `envelope` may be NULL: nobody knows it, and it isn't looked at. `now`: seconds since 1970. All that is given
 * must live as long as the result, which the caller gives to dkim2_verify_free(). */
struct dkim2_verify *dkim2_verify_new(struct slice header, const struct dkim2_envelope *envelope, int64_t now);
/** Asks for the keys that are needed. False: some are wanted, and not there yet. */
bool dkim2_verify_ask(const struct dkim2_verify *verify, struct lookup *table);
/** The next piece of the body. */
void dkim2_verify_body(struct dkim2_verify *verify, struct slice piece);
/** The body has ended. A key that isn't there yet counts as a temporary failure. The verdict lives as long as `verify`. */
const struct dkim2_verdict *dkim2_verify_end(struct dkim2_verify *verify, struct lookup *table);
/** Sets *verify to NULL; NULL is fine. */
void dkim2_verify_free(struct dkim2_verify **verify);

/* ---- signing ---- */

struct dkim2_signer {
	struct slice selector;
	enum dkim_algorithm algorithm;
};

/** A signature that is to be made. */
struct dkim2_signing {
	struct slice domain;                 /* in ASCII; the domain of envelope.from or one above it, unless that is empty */
	struct dkim2_envelope envelope;
	unsigned flags;
	struct slice recipe;                 /* JSON that undoes what was changed since the newest instance (DKIM2 "Recipes"); empty: it says that it is lost */
	int64_t made;                        /* seconds since 1970 */
	const struct dkim2_signer *signers;  /* each with a selector of its own */
	size_t signer_count;                 /* 1 to DKIM2_VALUES_MAX */
};

struct dkim2_sign;
/** Begins; what is given must live as long as the result, which the caller gives to dkim2_sign_free(). NULL: the message can't be signed, and
 * *reason says why: the fields that it has are faulty, or their chain of senders and recipients would break (DKIM2 "Provide a Chain of Custody"),
 * or what is given has no such domain or no such number of recipients. */
struct dkim2_sign *dkim2_sign_new(struct slice header, const struct dkim2_signing *signing, enum dkim2_reason *reason);
/** The number that the signature will have: 1 for who sends it first. */
unsigned dkim2_sign_number(const struct dkim2_sign *sign);
void dkim2_sign_body(struct dkim2_sign *sign, struct slice piece);
/** The body has ended: what all keys are to sign. DKIM2_VALID, or why it mustn't be signed: DKIM2_MODIFIED, DKIM2_EXPLODED: who signed before
 * has asked that what happened to it doesn't happen. */
enum dkim2_reason dkim2_sign_digest(struct dkim2_sign *sign, unsigned char digest[DKIM_DIGEST_SIZE]);
/** Appends the fields, folded, with their line ends; after dkim2_sign_digest(). `values`: the signature of each signer, in their order.
 * Room: DKIM2_SIGNED_MAX bytes. */
void dkim2_sign_fields(struct dkim2_sign *sign, const struct slice *values, struct buf *out);
void dkim2_sign_free(struct dkim2_sign **sign);

#endif
