/* The form in which messages are kept: lines end with CR LF, and neither CR nor LF stands alone; no NUL (RFC 3501 §4.3, RFC 1939
 * §3: what is served holds none). What comes from old mailboxes is mended as it is written. Pure; linear; in pieces of any size. */
#ifndef MESSAGE_CANONICAL_H
#define MESSAGE_CANONICAL_H

#include "base/buf.h"

/** Where the mending of one message stands; zeroed at its start. */
struct canonical {
	uint64_t header;  /* bytes of the header so far, its empty line included */
	uint64_t nuls;    /* NULs that were replaced */
	uint64_t crs;     /* that have come and not gone out: what follows says what they are */
	bool in_body;     /* the header has ended: by an empty line, or by one that is no field */
	enum { CANONICAL_START, CANONICAL_NAME, CANONICAL_BLANK, CANONICAL_FIELD } line; /* what the header's line is so far */
	char begin[6];    /* its first bytes */
	size_t length;    /* how many it has, up to sizeof begin */
};

enum { CANONICAL_FACTOR = 2, CANONICAL_MORE = 2 };

/** How many bytes at the front are right as they are; they count as written. */
size_t canonical_skip(struct canonical *canonical, struct slice bytes);
/** Is nothing in `bytes` to be mended, wherever they stand? For who wants to know no more; the fastest way. */
bool canonical_is_right(struct slice bytes);
/** Appends `bytes` as they should be: a lone LF becomes CR LF; a lone CR too, in a header a space, since it ends no line there; CRs before
 * a CR LF go; NUL becomes 0x80, as Dovecot gives it out. `out` needs room for CANONICAL_FACTOR times (bytes.len + crs) more. */
void canonical_write(struct canonical *canonical, struct slice bytes, struct buf *out);
/** The end: appends what is still due, CANONICAL_MORE bytes at most for every CR. */
void canonical_end(struct canonical *canonical, struct buf *out);

#endif
