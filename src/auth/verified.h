/* Passwords that were right lately, so that a client that signs in again and again costs one Argon2 hash and not many. What is
 * kept is a MAC under a key that this process drew at random; worthless to anybody else. An entry holds for one version of the
 * account's row: any change of the account forgets it. Bounded, and forgotten after some minutes. Not thread-safe. */
#ifndef AUTH_VERIFIED_H
#define AUTH_VERIFIED_H

#include "base/slice.h"

struct verified;

enum { VERIFIED_MAX = 10000, VERIFIED_MS = 10 * 60 * 1000 };

struct verified *auth_verified_new(void);
void auth_verified_free(struct verified **verified);
/** Was this prepared password right for this version of the account within VERIFIED_MS? */
bool auth_verified_has(struct verified *verified, struct slice account, struct slice password, int64_t version, int64_t now_ms);
void auth_verified_add(struct verified *verified, struct slice account, struct slice password, int64_t version, int64_t now_ms);

#endif
