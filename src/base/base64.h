/* Base64 (RFC 4648 §4). What reads it of people's mail, where errors are passed over, is in message/transfer.c. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/** Appends what `text` stands for: strictly, without line breaks, with its padding, but unused bits may be set. False if it
 * isn't that, or passes the buffer's maximum. */
bool base64_decode(struct slice text, struct buf *out);
/** Appends `bytes` as base64, without line breaks. */
bool base64_encode(struct slice bytes, struct buf *out);
/** The same in the alphabet of URLs, without padding (RFC 4648 §5, RFC 7515 §2). */
bool base64_encode_url(struct slice bytes, struct buf *out);

/** For those who have a framing of their own: the four characters for the first three bytes of `bytes`, which may be fewer. */
void base64_quad(struct slice bytes, char quad[4]);
/** The characters in the order of their values. */
extern const char base64_digits[64 + 1]; /* and a NUL */
extern const signed char base64_values[256];
/** A character's value; -1: it is none. */
static inline int base64_value(char c) { return base64_values[(unsigned char)c]; }

#endif
