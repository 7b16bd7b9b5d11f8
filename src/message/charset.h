/* The parts of the conversion of charsets. Internal to this folder; everybody else calls charset_to_utf8 (mime.h). */
#ifndef MESSAGE_CHARSET_H
#define MESSAGE_CHARSET_H

#include "base/buf.h"

/** Converts by iconv's name; what can't be converted becomes U+FFFD, a character for each that was damaged. False if `out`'s maximum was
 * reached. */
bool charset_convert(const char *iconv_name, struct slice bytes, struct buf *out);

/** Is it one of the charsets that write pairs of 7-bit bytes between shifts (charset_shifted.c)? `key`: letters and digits of its name,
 * in lower case. */
bool charset_is_shifted(struct slice key);
/** Converts one of them. */
bool charset_convert_shifted(struct slice key, struct slice bytes, struct buf *out);

#endif
