/* Header fields (RFC 5322 §2.2): cutting a header block into fields, unfolding, decoding for people. Pure; linear. */
#ifndef MESSAGE_HEADER_H
#define MESSAGE_HEADER_H

#include "base/arena.h"

struct header_field {
	struct slice name;  /* without the colon and trailing space */
	struct slice body;  /* raw, folds included, without the final line end */
	struct slice whole; /* the field's lines as they stand, with the final line end */
};

/** What a line (with its end, if it has one) is where a header may go on. */
enum header_line {
	HEADER_FIELD,     /* the first line of a field: a name and a colon (RFC 5322 §2.2), blanks between them allowed (§4.5) */
	HEADER_MORE,      /* goes on a field: it begins with a blank */
	HEADER_SEPARATOR, /* an mbox's "From " line that was left in: means nothing */
	HEADER_EMPTY,     /* ends the header, and belongs to it */
	HEADER_NONE,      /* none of these: the header has ended before it, and it is the first line of the body */
};
/** `first`: no field stands before the line, so it can't go on one. */
enum header_line header_line(struct slice line, bool first);
/** Length of the header block at the start of `message`, including the empty line that ends it, if it is there: a line
 * that can't stand in a header ends it, too. Line ends may be CRLF or LF. */
size_t header_length(struct slice message);
/** Does a header of that length end with an empty line? If not, whoever gives the message to others adds one, so that all
 * read the same. */
bool header_is_ended(struct slice message, size_t length);
/** Takes the next field off *rest (a header block). False where the header ends. An mbox's separator is given with an empty
 * name. */
bool header_next(struct slice *rest, struct header_field *field);
/** The first field called `name` (any case) in the header block; false if there is none. */
bool header_find(struct slice header, struct slice name, struct header_field *field);
/** The body without folds: line ends removed, the white space after them kept (RFC 5322 §2.2.3), trimmed. Bare
 * CRs and NULs go as well, so that the result may stand in any protocol's line. */
struct slice header_unfold(struct slice body, struct arena *arena);
/** Unfolded and with encoded words (RFC 2047) decoded to UTF-8; raw 8-bit bytes that aren't UTF-8 are read as Latin-1.
 * Control characters become spaces. */
struct slice header_decode(struct slice body, struct arena *arena);
/** Text without folds as RFC 8621 §4.1.2.2 shows it: encoded words decoded where they may stand (RFC 2047 §5) and can be read, without the control
 * characters in them; U+FFFD for each byte that isn't UTF-8; in Normalization Form C. */
struct slice header_text(struct slice unfolded, struct arena *arena);
/** Who has written an Authentication-Results field (RFC 8601 §2.2, authserv-id), without quotes and a last dot; empty if nobody is
 * named. */
struct slice header_results_by(struct slice body, struct arena *arena);
/** Encodes UTF-8 text as encoded words where it isn't ASCII; folds at 76 columns given `column` already used.
 * Line ends in the text are encoded, so nothing can be added to a header this way. */
struct slice header_encode(struct slice text, size_t column, struct arena *arena);
/** The same for a phrase, as the name before an address is (RFC 5322 §3.2.5): words, a quoted string, or encoded words in which
 * nothing has a meaning to those who don't decode them (RFC 2047 §5). */
struct slice header_encode_phrase(struct slice text, size_t column, struct arena *arena);

#endif
