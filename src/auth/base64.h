/* Base64 (RFC 4648 §4) as SASL exchanges have it in SMTP, IMAP and POP3: strict, without line breaks. */
#ifndef AUTH_BASE64_H
#define AUTH_BASE64_H

#include "base/buf.h"

/** Appends what `text` stands for; false if it isn't base64 with its padding, or passes the buffer's maximum. */
bool auth_base64_decode(struct slice text, struct buf *out);
/** Appends `bytes` as base64. */
bool auth_base64_encode(struct slice bytes, struct buf *out);

#endif
