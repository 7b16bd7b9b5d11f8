/* Signatures of domains on messages (DKIM: RFC 6376, 8301, 8463): verifying and making them. Pure: what the DNS says is found in a table
 * (lookup/lookup.h), the body comes in pieces of any size. Messages have CR LF as line ends (message/canonical.h).
 *
 * Verifying: dkim_verify_new() with the header; dkim_verify_ask() notes the keys that are wanted; the body may be given before and after
 * they were looked up; dkim_verify_end() says what became of each signature.
 *
 * Signing: dkim_sign_new() with the header and who signs; give the body; dkim_sign_digest() gives for each signature what is to be signed.
 * dkim_key_sign() does that, where the private keys are; dkim_sign_field() writes the field. */
#ifndef DKIM_DKIM_H
#define DKIM_DKIM_H

#include <openssl/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "lookup/lookup.h"

/* What is beyond one of these has a result of its own, see dkim_reason. */
enum {
	DKIM_SIGNATURES_MAX = 8,         /* of a message, from the top, that are looked at (RFC 6376 §6.1 leaves it to us) */
	DKIM_HEADER_MAX = 1024 * 1024,   /* bytes of a header */
	DKIM_HEADER_FIELDS_MAX = 20000,
	DKIM_FIELD_MAX = 16 * 1024,      /* bytes of a signature field */
	DKIM_TAGS_MAX = 40,              /* in it, or in a key record */
	DKIM_NAMES_MAX = 256,            /* fields that are signed */
	DKIM_RECORD_MAX = 8 * 1024,      /* bytes of a key record */
	DKIM_RECORDS_MAX = 4,            /* key records under one name that are looked at */
	DKIM_RSA_BITS_MIN = 1024,        /* RFC 8301 §3.2 */
	DKIM_RSA_BITS_MAX = 8192,
	DKIM_RSA_EXPONENT_BITS_MAX = 64, /* what takes longer to verify is no use to anybody honest */
	DKIM_AHEAD_SECONDS = 86400,      /* that another's clock may be ahead of ours */
	DKIM_DIGEST_SIZE = 32,           /* SHA-256 */
	DKIM_SIGNATURE_MAX = DKIM_RSA_BITS_MAX / 8,
};

/** RFC 8601 §2.7.1. */
enum dkim_result { DKIM_NONE, DKIM_PASS, DKIM_FAIL, DKIM_POLICY, DKIM_NEUTRAL, DKIM_TEMPERROR, DKIM_PERMERROR };
/** "pass". */
const char *dkim_result_name(enum dkim_result result);

/** Why a signature has its result: reason, result, and what a person is told. */
#define DKIM_REASONS(REASON)                                                                                                      \
	REASON(DKIM_VALID, DKIM_PASS, "the signature is valid")                                                                   \
	REASON(DKIM_SIGNATURES_MANY, DKIM_POLICY, "the message has more signatures than are looked at")                           \
	REASON(DKIM_HEADER_LARGE, DKIM_POLICY, "the header is too large to be verified")                                          \
	REASON(DKIM_FIELD_LARGE, DKIM_POLICY, "the signature field is too long")                                                  \
	REASON(DKIM_TAGS_MANY, DKIM_POLICY, "there are too many tags")                                                            \
	REASON(DKIM_NAMES_MANY, DKIM_POLICY, "too many fields are signed")                                                        \
	REASON(DKIM_SYNTAX, DKIM_NEUTRAL, "the signature field isn't a list of tags")                                             \
	REASON(DKIM_TAG_TWICE, DKIM_NEUTRAL, "a tag is there twice")                                                              \
	REASON(DKIM_TAG_MISSING, DKIM_PERMERROR, "a tag is missing")                                                              \
	REASON(DKIM_TAG_WRONG, DKIM_NEUTRAL, "a tag's value can't be read")                                                       \
	REASON(DKIM_VERSION, DKIM_PERMERROR, "the signature is of an unknown version")                                            \
	REASON(DKIM_ALGORITHM_OLD, DKIM_PERMERROR, "rsa-sha1 proves nothing any more")                                            \
	REASON(DKIM_ALGORITHM_UNKNOWN, DKIM_NEUTRAL, "the algorithm is unknown")                                                  \
	REASON(DKIM_QUERY_UNKNOWN, DKIM_NEUTRAL, "the key is to be had by an unknown method")                                     \
	REASON(DKIM_FROM_UNSIGNED, DKIM_PERMERROR, "From isn't signed")                                                           \
	REASON(DKIM_IDENTITY_STRANGE, DKIM_PERMERROR, "the identity (i=) isn't of the signing domain (d=)")                       \
	REASON(DKIM_EXPIRED, DKIM_POLICY, "the signature has expired")                                                            \
	REASON(DKIM_AHEAD, DKIM_POLICY, "the signature is from the future")                                                       \
	REASON(DKIM_FIELDS_ADDED, DKIM_POLICY, "a field that is signed is there once more, unsigned")                             \
	REASON(DKIM_KEY_TEMPORARY, DKIM_TEMPERROR, "the key couldn't be looked up")                                               \
	REASON(DKIM_KEY_NONE, DKIM_PERMERROR, "there is no key")                                                                  \
	REASON(DKIM_KEY_LONG, DKIM_POLICY, "the key record is too long")                                                          \
	REASON(DKIM_KEY_SYNTAX, DKIM_PERMERROR, "the key record can't be read")                                                   \
	REASON(DKIM_KEY_REVOKED, DKIM_PERMERROR, "the key has been revoked")                                                      \
	REASON(DKIM_KEY_OTHER, DKIM_PERMERROR, "the key is for another algorithm")                                                \
	REASON(DKIM_KEY_SERVICE, DKIM_PERMERROR, "the key isn't for mail")                                                        \
	REASON(DKIM_KEY_STRICT, DKIM_PERMERROR, "the key isn't for subdomains, and the identity (i=) is of one")                  \
	REASON(DKIM_KEY_SMALL, DKIM_POLICY, "the key is too small to prove anything")                                             \
	REASON(DKIM_KEY_LARGE, DKIM_POLICY, "the key is too large")                                                               \
	REASON(DKIM_BODY_CHANGED, DKIM_FAIL, "the body isn't what was signed")                                                    \
	REASON(DKIM_BODY_SHORT, DKIM_FAIL, "the body is shorter than what was signed")                                            \
	REASON(DKIM_BODY_ADDED, DKIM_POLICY, "only the beginning of the body is signed")                                          \
	REASON(DKIM_HEADER_CHANGED, DKIM_FAIL, "the header isn't what was signed")                                                \
	REASON(DKIM_TESTING, DKIM_NEUTRAL, "the signature isn't valid, and its domain is only testing")
#define DKIM_REASON_NAME(name, result, text) name,
enum dkim_reason { DKIM_REASONS(DKIM_REASON_NAME) };
#undef DKIM_REASON_NAME
enum dkim_result dkim_reason_result(enum dkim_reason reason);
const char *dkim_reason_text(enum dkim_reason reason);

enum dkim_algorithm { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };
/** "rsa-sha256"; and as k= of key records has it, "rsa". */
const char *dkim_algorithm_name(enum dkim_algorithm algorithm);
const char *dkim_algorithm_key(enum dkim_algorithm algorithm);

/* ---- verifying ---- */

struct dkim_verdict {
	enum dkim_result result;
	enum dkim_reason reason;
	struct slice why;            /* the reason, for people: one line */
	struct slice domain;         /* d=, s=, i= as they are written; empty where they couldn't be read; i= is "@" and d= if there is none */
	struct slice selector;
	struct slice identity;
	struct slice algorithm;      /* a= as it is written */
	struct slice begin;          /* of b=: RFC 6008's header.b */
	unsigned bits;               /* of the key; 0: it wasn't looked at */
	bool testing;                /* the key says t=y: no more is to be made of it than of no signature (RFC 6376 §3.6.1) */
};

struct dkim_verify;
/** Reads the signatures of a header, which must live as long as the result. `now`: seconds since 1970. The caller gives it to
 * dkim_verify_free(). */
struct dkim_verify *dkim_verify_new(struct slice header, int64_t now);
/** Asks for the keys that are needed. False: some are wanted, and not there yet. */
bool dkim_verify_ask(const struct dkim_verify *verify, struct lookup *table);
/** The next piece of the body. */
void dkim_verify_body(struct dkim_verify *verify, struct slice piece);
/** The body has ended: the verdict on each signature, in the order of the header; none for an unsigned message. If there are more
 * than DKIM_SIGNATURES_MAX, the last says so. A key that isn't there yet counts as a temporary failure. Verdicts live as long as
 * `verify`. */
const struct dkim_verdict *dkim_verify_end(struct dkim_verify *verify, struct lookup *table, size_t *count);
/** Sets *verify to NULL; NULL is fine. */
void dkim_verify_free(struct dkim_verify **verify);

/* ---- signing ---- */

/** A signature that is to be made. */
struct dkim_signer {
	struct slice domain;   /* in ASCII */
	struct slice selector;
	enum dkim_algorithm algorithm;
	bool simple_header, simple_body; /* the canonicalization that changes nothing; without, the relaxed one */
	int64_t made;          /* t=, seconds since 1970 */
	int64_t expires;       /* x=; 0: never */
	unsigned instance;     /* it is an ARC-Message-Signature with this i= (RFC 8617 §4.1.2); 0: a DKIM-Signature */
};

struct dkim_sign;
/** Begins as many signatures of one message as there are signers (DKIM_SIGNATURES_MAX at most); header and slices must live as long
 * as the result, which the caller gives to dkim_sign_free(). NULL: the header is beyond the limits above, or has no From. */
struct dkim_sign *dkim_sign_new(struct slice header, const struct dkim_signer *signers, size_t count);
void dkim_sign_body(struct dkim_sign *sign, struct slice piece);
/** The body has ended (at the first call): what signature `index` is to be over. */
void dkim_sign_digest(struct dkim_sign *sign, size_t index, unsigned char digest[DKIM_DIGEST_SIZE]);
/** Appends the whole field of that signature, folded, with its line end; after dkim_sign_digest(). Room: DKIM_FIELD_MAX bytes. */
void dkim_sign_field(struct dkim_sign *sign, size_t index, struct slice signature, struct buf *out);
void dkim_sign_free(struct dkim_sign **sign);

/* ---- private keys ---- */

/** Makes a key: *pem is a buffer for secrets with room for DKIM_PEM_MAX bytes. */
enum { DKIM_PEM_MAX = 8192, DKIM_MADE_RSA_BITS = 2048 };
bool dkim_key_make(enum dkim_algorithm algorithm, struct buf *pem, struct error *error);
/** Reads one; the caller gives it to dkim_key_free(). NULL: *error says why. */
EVP_PKEY *dkim_key_read(struct slice pem, enum dkim_algorithm *algorithm, struct error *error);
void dkim_key_free(EVP_PKEY **key);
/** Signs a digest: appends the signature, DKIM_SIGNATURE_MAX bytes at most (RFC 8017 §8.2; RFC 8463 §3). */
bool dkim_key_sign(EVP_PKEY *key, const unsigned char digest[DKIM_DIGEST_SIZE], struct buf *signature, struct error *error);
/** Appends the text of the TXT record that lets others verify: "v=DKIM1; k=rsa; p=…"; DKIM_RECORD_MAX bytes at most. */
bool dkim_key_record(EVP_PKEY *key, struct buf *record, struct error *error);

#endif
