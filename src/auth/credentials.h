/* What the auth role needs to check a password; inside this folder only. The hashes never leave the process. */
#ifndef AUTH_CREDENTIALS_H
#define AUTH_CREDENTIALS_H

#include "auth/directory.h"

enum {
	SCRAM_SALT_SIZE = 16,
	SCRAM_KEY_SIZE = 32, /* SHA-256 */
	/* RFC 7677 §4 asks for 4096 at least. Every sign-in costs the client this many HMACs twice over: some 10 ms on a
	 * telephone; the Argon2id hash beside it is no weaker for more, the keys kept here are. */
	SCRAM_ITERATIONS = 32768,
	ENCODED_HASH_MAX = 512,
};

struct password_keys;

struct auth_credentials {
	struct slice account;  /* canonical */
	bool known;            /* false: nobody, or disabled, or without a password: the rest is a decoy */
	int64_t version;       /* another after every change of the account's row, and never again the same */
	int64_t identity;      /* see auth.h; 0 if not known */
	struct slice password; /* an encoded Argon2id hash, or one that was imported (scheme.h) */
	bool imported;         /* the hash isn't ours: to be replaced at the next sign-in */
	bool scram;            /* the following are there */
	int64_t iterations;
	struct slice salt, stored_key, server_key;
};

/** Who is meant by `name` at sign-in: the account's canonical name. A bare name means the account of default_domain, else the only one
 * of that name in all domains; the rest of what addresses can be (aliases, details) doesn't sign in. Without an '@' if that leads to
 * nobody, or to several; empty if it can't be a name. In `arena`. */
struct slice directory_sign_in_name(struct directory *directory, struct slice name, struct arena *arena);
/** All that is asked for a password, of one state of the directory: who is meant by `name`, who may be signed in to the account
 * (directory_identity()), and what is known of its password. False with *error only if it can't be read now. */
struct sign_in_facts {
	struct slice account;
	int64_t identity;
	const char *why;
	struct auth_credentials credentials;
};
bool directory_sign_in_facts(struct directory *directory, struct slice name, struct arena *arena, struct sign_in_facts *facts, struct error *error);
/** Reads what belongs to a name of directory_sign_in_name(). For an unknown one it gives decoys, the same each time.
 * False with *error only if it can't be read now. */
bool directory_credentials(struct directory *directory, struct slice account, struct arena *arena, struct auth_credentials *credentials, struct error *error);

/** Keeps what was derived from the password that an imported hash was found to be of, in the place of that hash. The identity stays:
 * who is signed in goes on. Nothing happens if the account has changed since `version`. */
bool directory_renew_password(struct directory *directory, struct slice account, int64_t version, const struct password_keys *keys, struct error *error);
/** Have all accounts that can be signed in to keys for SCRAM? An imported hash mostly hasn't until its owner has signed in. */
bool directory_all_have_scram(struct directory *directory, bool *all, struct error *error);

#endif
