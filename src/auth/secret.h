/* Secrets that are made here, and not thought out by people: at least 128 bits of the kernel's random bytes. Nobody can guess one, with whatever is kept
 * of it before him; so what is kept is its SHA-256, which costs nothing, and not a hash that is made to be slow (argon2), as of passwords. */
#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include "auth/auth.h"

enum {
	AUTH_SECRET_SIZE = 43,      /* characters of a token: 32 bytes in base64, in the alphabet of URLs (RFC 4648 §5) */
	AUTH_SECRET_HASH_SIZE = 32,
	AUTH_APP_CHARACTERS = 28,   /* of an app password, each one of 32: 140 bits */
};

void auth_secret_make(char text[AUTH_SECRET_SIZE + 1]);
/** Returns a slice of `hash`. */
struct slice auth_secret_hash(struct slice text, char hash[AUTH_SECRET_HASH_SIZE]);

/** An app password as it is shown: groups of four, of letters and digits that nobody takes for one another. */
void auth_app_password_text(char text[AUTH_APP_PASSWORD_SIZE + 1]);
/** The characters that count of something typed: without blanks and hyphens, in small letters. False: it can be no app password. */
bool auth_app_password_read(struct slice typed, char characters[AUTH_APP_CHARACTERS + 1]);

#endif
