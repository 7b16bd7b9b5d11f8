/* Passwords as other servers keep them: hashes of crypt(3), and those that name their scheme between braces (RFC 2307 §5.3, as Dovecot,
 * OpenLDAP and 389 Directory Server write them). They are verified until the account signs in, and then replaced by our own. */
#ifndef AUTH_SCHEME_H
#define AUTH_SCHEME_H

#include "base/buf.h"
#include "base/error.h"

/* What verifying one hash may cost: about a second of one thread's time. A costlier one isn't taken. */
enum {
	SCHEME_BCRYPT_COST_MAX = 14,            /* the logarithm of the rounds */
	SCHEME_SHA_CRYPT_ROUNDS_MAX = 1000000,  /* of $5$ and $6$ */
	SCHEME_PBKDF2_ROUNDS_MAX = 2000000,
	SCHEME_YESCRYPT_KIB_MAX = 128 * 1024,
	SCHEME_SALT_MAX = 256,                  /* bytes */
	SCHEME_DIGEST_MIN = 16,                 /* bytes; a shorter one is met by chance */
	SCHEME_DIGEST_MAX = 256,
	SCHEME_SCRAM_ROUNDS_MIN = 4096,         /* RFC 7677 §4; clients refuse less */
};

enum auth_scheme_kind {
	SCHEME_CLEAR,  /* the password itself: `text` */
	SCHEME_ARGON2, /* `text` is what password_verify() takes */
	SCHEME_CRYPT,  /* `text` is what crypt(3) takes */
	SCHEME_DIGEST, /* of password and salt */
	SCHEME_PBKDF2, /* RFC 8018 §5.2 */
	SCHEME_SCRAM,  /* RFC 5802 §3: `digest` is StoredKey, followed by ServerKey */
};

/** A hash that was read. */
struct auth_scheme_hash {
	enum auth_scheme_kind kind;
	const char *digest_name; /* "SHA256", as OpenSSL calls it */
	bool salted;
	uint32_t rounds;
	struct buf text, salt, digest;
};

/** Reads one. ERROR_INVALID, with words for an administrator that don't repeat it: an unknown scheme, a cost beyond the limits, a damaged hash. To be freed
 * in any case. */
bool auth_scheme_read(struct slice text, struct auth_scheme_hash *hash, struct error *error);
void auth_scheme_free(struct auth_scheme_hash *hash);
/** Does it look like a hash, known here or not (and not like a password)? */
bool auth_scheme_is_hash(struct slice text);
/** Is it the password of this hash, of any kind but SCHEME_CLEAR and SCHEME_ARGON2? Takes up to a second. */
bool auth_scheme_verify(struct slice text, struct slice password);

#endif
