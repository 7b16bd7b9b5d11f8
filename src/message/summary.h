/* What the store keeps of a message beside the message: its structure and envelope, in a compact, versioned binary form, so
 * that a mailbox can be listed without opening a file. Pure. */
#ifndef MESSAGE_SUMMARY_H
#define MESSAGE_SUMMARY_H

#include "message/mime.h"

enum { SUMMARY_MAX = 256 * 1024 }; /* a larger one is replaced by one that shows the message as a single part, its lists cut */

/** Encodes the tree (with envelopes) into `arena`. */
struct slice summary_encode(const struct mime_part *root, struct arena *arena);
/** Decodes; NULL if the bytes are damaged or of an unknown version: parse the message again then. Slices point into
 * `summary` where possible. */
struct mime_part *summary_decode(struct slice summary, struct arena *arena);
/** Is it as this version would make it? What an earlier one made can be read, and may say less or otherwise than is right. */
bool summary_is_current(struct slice summary);

#endif
