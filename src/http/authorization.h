/* The field Authorization (RFC 9110 §11.6.2): pure, over a slice. */
#ifndef HTTP_AUTHORIZATION_H
#define HTTP_AUTHORIZATION_H

#include "base/arena.h"

enum {
	HTTP_CREDENTIALS_MAX = 2048, /* bytes of the field's value */
};

enum http_scheme {
	HTTP_NOT_AUTHORIZED, /* there is no such field */
	HTTP_BASIC,          /* RFC 7617 */
	HTTP_BEARER,         /* RFC 6750 */
};

struct http_authorization {
	enum http_scheme scheme;
	struct slice name, password; /* HTTP_BASIC */
	struct slice token;          /* HTTP_BEARER: into the field */
};

/** Reads the field's value; what has to be decoded is in the arena. False: it is malformed, of another scheme, or too long. */
bool http_authorization_parse(struct slice value, struct arena *arena, struct http_authorization *out);

#endif
