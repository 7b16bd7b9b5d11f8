/* Passwords: their preparation (RFC 4013), Argon2id hashes (RFC 9106), and the threads that compute them. */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "auth/credentials.h"

enum {
	/* OWASP's recommendation for Argon2id: 19 MiB, 2 passes, 1 lane. */
	ARGON2_MEMORY_KIB = 19 * 1024,
	ARGON2_PASSES = 2,
	ARGON2_LANES = 1,
	ARGON2_SALT_SIZE = 16,
	ARGON2_HASH_SIZE = 32,
	/* Beyond these an imported hash is not verified: it would take the machine's memory. */
	ARGON2_MEMORY_KIB_MAX = 256 * 1024,
	ARGON2_PASSES_MAX = 16,
	ARGON2_WORK_KIB_MAX = 1024 * 1024, /* memory times passes: about a second */
	ARGON2_LANES_MAX = 16,
	PASSWORD_MAX = 1024,
	PASSWORD_THREADS = 2,
};

/** Appends the prepared password (SASLprep, or unchanged if it holds code points that Unicode 3.2 didn't know). False if it is
 * empty, too long, not UTF-8, or holds control characters: nobody has such a password. */
bool password_prepare(struct slice password, struct buf *prepared);
/** Writes the encoded hash of a prepared password. Takes 20 to 50 ms. */
bool password_hash(struct slice prepared, char encoded[ENCODED_HASH_MAX]);
/** Is it the password of this encoded hash: Argon2id or Argon2i with whatever parameters it names, within limits, or one of scheme.h? */
bool password_verify(struct slice encoded, struct slice prepared);
/** Is this an encoded Argon2 hash within the limits? */
bool password_can_verify(struct slice encoded);

/** What is kept of a password. */
struct password_keys {
	char encoded[ENCODED_HASH_MAX];
	int64_t scram_iterations; /* 0: no keys for SCRAM */
	size_t salt_size;
	char salt[SCRAM_KEY_SIZE], stored_key[SCRAM_KEY_SIZE], server_key[SCRAM_KEY_SIZE];
};
/** Makes it of a prepared password. `salt` is SCRAM's, SCRAM_SALT_SIZE bytes, or empty: a random one. Takes 50 ms. */
bool password_derive(struct slice prepared, struct slice salt, struct password_keys *keys);
/** An encoded hash with our parameters that no password has: checking against it takes as long as against a real one. */
void password_decoy(char encoded[ENCODED_HASH_MAX]);

/* ---- Verifying in threads of their own ---- */

struct password_job {
	struct password_job *next;  /* the pool's */
	struct buf password;        /* prepared; wiped by whoever frees the job */
	char encoded[ENCODED_HASH_MAX];
	bool imported;              /* the hash is another program's: `raw` is tried, too, and if it matches `keys` are made */
	struct buf raw;             /* the password as it was typed; likewise wiped */
	char salt[SCRAM_SALT_SIZE]; /* for `keys` */
	bool decoy;                 /* the hash may be somebody else's: nothing matches it, and that costs what it always does */
	bool matches, renewed;      /* results; renewed: `keys` is there */
	struct password_keys keys;
};

struct password_pool;
/** `done_fd` (an eventfd, borrowed) is written to whenever a job is done. Starts the threads; signals stay with the caller's. */
struct password_pool *password_pool_new(int done_fd);
/** Waits for the running jobs. Those not collected are dropped: the caller keeps account of them. Sets *pool to NULL. */
void password_pool_free(struct password_pool **pool);
/** Hands a job over; never more than PASSWORD_THREADS at a time. */
void password_pool_submit(struct password_pool *pool, struct password_job *job);
/** A job that is done, or NULL. */
struct password_job *password_pool_collect(struct password_pool *pool);

#endif
