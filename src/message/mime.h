/* The structure of a message (RFC 2045-2049, 2183, 2231): a tree of parts with offsets into the message's bytes, and the
 * decoding of their contents. Pure. Linear time, bounded depth and part count: beyond MIME_DEPTH_MAX or MIME_PARTS_MAX
 * a part is kept whole, as application/octet-stream would be. Whatever has the type multipart has a child, and whatever is
 * a message/rfc822 has one: broken ones are shown as what they can be read as. */
#ifndef MESSAGE_MIME_H
#define MESSAGE_MIME_H

#include "base/arena.h"
#include "base/buf.h"
#include "message/address.h"

enum { MIME_DEPTH_MAX = 50, MIME_PARTS_MAX = 2000, MIME_PARAMETERS_MAX = 100 };

struct parameter {
	struct slice name;  /* lower-case, RFC 2231 continuations joined and decoded to UTF-8 */
	struct slice value; /* unquoted; RFC 2231 extended values decoded to UTF-8 */
};

/** What RFC 3501 calls the envelope: decoded no further than unfolding. Absent fields have at == NULL. sender and reply_to
 * are the message's own: who shows an ENVELOPE puts from in the place of absent ones (RFC 3501 §7.4.2). */
struct envelope {
	struct slice date, subject, in_reply_to, message_id, references;
	struct address *from, *sender, *reply_to, *to, *cc, *bcc;
	size_t from_count, sender_count, reply_to_count, to_count, cc_count, bcc_count;
	bool irregular;        /* who wants the last of several fields of a name, or each as it is written (JMAP), asks the header: a field stands
				  there twice, was cut, ends in blanks, names nobody, or has in quotes what looks like an encoded word */
	struct slice preview;  /* of the whole message alone: how its text begins, see message_preview() */
};

struct mime_part {
	struct slice type, subtype;     /* lower-case; text/plain by default, message/rfc822 in a digest */
	struct parameter *parameters;   /* of Content-Type */
	size_t parameter_count;
	struct slice id, description, encoding; /* encoding: lower-case, "7bit" by default */
	struct slice disposition;       /* lower-case; empty: none */
	struct parameter *disposition_parameters;
	size_t disposition_parameter_count;
	struct slice language;          /* tags, lower-case, divided by ", " */
	struct slice location, md5;     /* location: a URI, without quotes and comments */
	uint64_t header_at, header_size; /* offsets from the start of the whole message; header_size includes the empty line */
	uint64_t body_at, body_size;
	uint32_t body_lines;
	struct mime_part *children;          /* multipart: its parts; message/rfc822: one child, the message inside */
	size_t child_count;
	struct envelope *envelope;      /* of the whole message, and of the message inside a message/rfc822 (on that child) */
};

/** Parses the whole message. Never fails: anything is a message. The tree and its slices live in `arena` (copied, not
 * pointing into `message`). */
struct mime_part *mime_parse(struct slice message, struct arena *arena);
/** Parses an envelope from a header block; lists longer than `max_addresses` are cut. */
struct envelope *envelope_parse(struct slice header, size_t max_addresses, struct arena *arena);
/** How the message's text begins, for lists of messages: UTF-8 of at most MESSAGE_PREVIEW_MAX characters (as JavaScript counts them), without
 * quotations of others, each run of white space one blank (RFC 8621 §4.1.4, preview). In `arena`. */
enum { MESSAGE_PREVIEW_MAX = 255 };
struct slice message_preview(struct slice message, const struct mime_part *root, struct arena *arena);
/** Finds a part by its number, e.g. "1.2" (RFC 3501 §6.4.5); NULL if there is none. */
const struct mime_part *mime_find(const struct mime_part *root, const uint32_t *numbers, size_t count);
struct slice parameter_get(const struct parameter *list, size_t count, struct slice name);

/** Decodes base64 or quoted-printable (`encoding` as in the part; anything else is copied), appending to `out`; errors in the
 * data are passed over. Returns false if out's maximum was reached; `out` holds the beginning then. */
bool mime_decode(struct slice encoding, struct slice body, struct buf *out);
/** How many bytes that would be, if there were room. */
uint64_t mime_decoded_size(struct slice encoding, struct slice body);
/** Converts from `charset` (a MIME name, however it is spelt) to UTF-8; what can't be converted becomes U+FFFD, one for each character. Text
 * under an unknown name, or under that of a 7-bit charset, is UTF-8 if it can be; else Latin-1. */
bool charset_to_utf8(struct slice charset, struct slice bytes, struct buf *out);
/** Is it the name of a charset that can be read? An empty one is ASCII. */
bool charset_is_known(struct slice charset);
/** Is a character of more than a byte, also a line end, so that a text can't be cut at the byte '\n'? */
bool charset_is_wide(struct slice charset);
/** Simple case folding and NFC for searching, as IMAP's i;unicode-casemap does (RFC 5051, near enough). */
struct slice text_fold(struct slice utf8, struct arena *arena);
/** The same, with one space for each run of white space: a text is found however it was wrapped, folded or indented. */
struct slice text_fold_blanks(struct slice utf8, struct arena *arena);

#endif
