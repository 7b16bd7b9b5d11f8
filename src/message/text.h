/* Unicode text: case, normal form, what may be shown. Internal to this folder. */
#ifndef MESSAGE_TEXT_H
#define MESSAGE_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

/** A copy with its ASCII letters in lower case. */
struct slice text_lower_ascii(struct slice s, struct arena *arena);
/** Valid UTF-8 in Normalization Form C. */
struct slice text_normal(struct slice utf8, struct arena *arena);
/** Lower case, character by character (so the result doesn't depend on the neighbours), and NFC. What isn't UTF-8 is only
 * lower-cased where it is ASCII. */
struct slice text_lower(struct slice utf8, struct arena *arena);
/** Appends `bytes`, with U+FFFD for each byte that isn't UTF-8. False if `out`'s maximum was reached. */
bool text_append_utf8(struct slice bytes, struct buf *out);
/** UTF-8 for bytes of unknown charset: themselves if they are UTF-8, else read as Latin-1 (windows-1252). */
bool text_append_unknown(struct slice bytes, struct buf *out);
/** Turns control characters (C0, DEL, C1) of UTF-8 text into spaces, in place. Returns the new length. */
size_t text_clean(char *at, size_t len);
/** Does UTF-8 text hold control characters (C0, DEL, C1) or line separators (U+2028, U+2029)? */
bool text_has_controls(struct slice utf8);

#endif
