/* Programs that register themselves (RFC 7591): nothing is kept of them. What a program has registered is its number itself, with a MAC that shows that it
 * was given out here; so a flood of registrations costs nobody anything, and none is ever forgotten. Pure, but for the key. */
#ifndef AUTH_OAUTH_CLIENT_H
#define AUTH_OAUTH_CLIENT_H

#include "auth/auth.h"

enum { OAUTH_KEY_SIZE = 32 };

/** The number of a program of that name and those redirect URIs. */
bool oauth_client_seal(const char key[OAUTH_KEY_SIZE], struct slice name, struct slice redirects, struct buf *id);
/** What was registered; in the arena. False: that number wasn't given out here. */
bool oauth_client_open(const char key[OAUTH_KEY_SIZE], struct slice id, struct arena *arena, struct slice *name, struct slice *redirects);
/** Was this one registered (RFC 9700 §2.1: compared byte by byte, but for the port of a loopback address, RFC 8252 §7.3)? */
bool oauth_client_has_redirect(struct slice redirects, struct slice redirect);
/** The challenge that belongs to a verifier (RFC 7636 §4.2, S256): is it this? False also if the verifier can't be one (§4.1). */
bool oauth_verifier_fits(struct slice verifier, struct slice challenge);

#endif
