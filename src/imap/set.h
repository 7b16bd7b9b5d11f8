/* Sequence sets (RFC 3501: sequence-set) and what they select of a mailbox. Pure. */
#ifndef IMAP_SET_H
#define IMAP_SET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/ranges.h"
#include "imap/uids.h"

enum { SET_STAR = 0 }; /* stands for "*" until imap_set_normalise() */

/** Parses the whole of `text`, e.g. "1,3:5,9:*". False if it isn't a sequence set. */
bool imap_set_parse(struct slice text, struct arena *arena, struct ranges *set);
/** Puts `star` for "*", turns reversed ranges round, sorts and merges. */
void imap_set_normalise(struct ranges *set, uint32_t star);

/** Of a set of message sequence numbers, the indexes (from 0) into a mailbox of `count` messages. False if it names a
 * message that doesn't exist (RFC 3501 §6.4.8: an error for numbers, none for UIDs); "5:*" with fewer messages gives the last one. */
bool imap_set_to_indexes(struct ranges *set, size_t count, struct arena *arena, struct ranges *indexes);
/** The same of a set of UIDs: those that exist in `uids`. */
void imap_set_uids_to_indexes(struct ranges *set, const struct imap_uids *uids, struct arena *arena, struct ranges *indexes);

/** Writes numbers (in their order, runs joined) as a uid-set (RFC 4315), e.g. "4,7:9". */
void imap_set_write(const uint32_t *numbers, size_t count, struct buf *out);

#endif
