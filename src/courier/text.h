/* Pieces of what we write to people: header fields, and texts of others, which can't become lines of their own. */
#ifndef COURIER_TEXT_H
#define COURIER_TEXT_H

#include "base/buf.h"

/** Text of others on one line, cut where it is very long: control characters go; so do bytes above ASCII where they aren't allowed
 * (`utf8` false) or not UTF-8. */
void courier_text_put(struct buf *out, struct slice text, bool utf8);
/** A field with a date (RFC 5322 §3.3), with its line end. */
void courier_text_put_date(struct buf *out, const char *name, int64_t when);
/** "2026-11-22 23:19 +0000", the same in every language. */
void courier_text_put_time(struct buf *out, int64_t when);
/** A field of UTF-8 text, in encoded words where it needs that (RFC 2047); without its line end. */
void courier_text_put_encoded(struct buf *out, const char *name, const char *text);

#endif
