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
	ARGON2_LANES_MAX = 16,
	PASSWORD_MAX = 1024,
	PASSWORD_THREADS = 2,
};

/** Appends the prepared password (SASLprep, or unchanged if it holds code points that Unicode 3.2 didn't know). False if it is
 * empty, too long, not UTF-8, or holds control characters: nobody has such a password. */
bool password_prepare(struct slice password, struct buf *prepared);
/** Writes the encoded hash of a prepared password. Takes 20 to 50 ms. */
bool password_hash(struct slice prepared, char encoded[ENCODED_HASH_MAX]);
/** Is it the password of this encoded hash (with whatever parameters it names, within limits)? */
bool password_verify(struct slice encoded, struct slice prepared);
/** An encoded hash with our parameters that no password has: checking against it takes as long as against a real one. */
void password_decoy(char encoded[ENCODED_HASH_MAX]);

/* ---- Verifying in threads of their own ---- */

struct password_job {
	struct password_job *next;  /* the pool's */
	struct buf password;        /* prepared; wiped by whoever frees the job */
	char encoded[ENCODED_HASH_MAX];
	bool matches;               /* result */
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
