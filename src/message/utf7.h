/* Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3) to and from UTF-8. Pure. */
#ifndef MESSAGE_UTF7_H
#define MESSAGE_UTF7_H

#include "base/buf.h"

/** Appends `name` as UTF-8. False if it isn't the one modified UTF-7 form of its text: 8-bit or control bytes, broken or padded
 * base64, printable ASCII in base64, lone surrogates, two shifts where one would do. So a mailbox has one name only. */
bool utf7_to_utf8(struct slice name, struct buf *out);
/** Appends UTF-8 (which must be well-formed, else false) as modified UTF-7. */
bool utf7_from_utf8(struct slice utf8, struct buf *out);

#endif
