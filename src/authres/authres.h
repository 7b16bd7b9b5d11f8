/* Authentication-Results fields (RFC 8601): what a server found out about a message, for programs further on. Writing ours, and reading those
 * of servers that are trusted. Pure. Whose a field is, for the removal of forged ones, is header_results_by()'s to say. */
#ifndef AUTHRES_AUTHRES_H
#define AUTHRES_AUTHRES_H

#include "base/arena.h"
#include "base/buf.h"

enum {
	AUTHRES_RESULTS_MAX = 64,      /* of a field that is read; one with more isn't */
	AUTHRES_PROPERTIES_MAX = 8,    /* of a result; further ones are passed over */
	AUTHRES_VALUE_MAX = 400,       /* bytes of a value or a comment that are written: lines have room for it */
	AUTHRES_FIELD_MAX = 32 * 1024, /* bytes of a field: none is written or read that is longer */
};

/** "smtp.mailfrom=ann@example.org" */
struct authres_property {
	struct slice type;  /* "smtp", "header", "policy", "body", "dns" */
	struct slice name;  /* "mailfrom" */
	struct slice value; /* without quotes; may be UTF-8 */
};

/** "dkim=pass (2048-bit key) reason="…" header.d=example.org" */
struct authres_result {
	struct slice method;  /* "dkim" */
	struct slice result;  /* "pass" */
	struct slice comment; /* for people, may be empty; what is read has none */
	struct slice reason;  /* may be empty */
	struct authres_property properties[AUTHRES_PROPERTIES_MAX];
	size_t count;
};

/** Appends a whole field, folded, with its line end. `by`: who says so, the host's name (RFC 8601 §2.5). Nothing in the values can end the
 * field, a line or a quoted string. Without results it says that nothing was checked (RFC 8601 §2.2, no-result). */
void authres_write(struct slice by, const struct authres_result *results, size_t count, struct buf *out);
/** The same as the body of an ARC-Authentication-Results field (RFC 8617 §4.1.1), without its instance: from `by` on. */
void authres_write_body(struct slice by, const struct authres_result *results, size_t count, struct buf *out);

/** Reads a field's body; everything is in `arena`. *by: who says so, empty if nobody is named. False: it isn't well-formed, and nothing of it is to be believed. */
bool authres_read(struct slice body, struct arena *arena, struct slice *by, struct authres_result **results, size_t *count);

#endif
