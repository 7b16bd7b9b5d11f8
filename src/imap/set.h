/* Sequence sets (RFC 3501: sequence-set) and what they select of a mailbox. Pure. */
#ifndef IMAP_SET_H
#define IMAP_SET_H

#include "base/arena.h"
#include "base/buf.h"
#include "imap/uids.h"

struct range {
	uint32_t first, last; /* both included */
};

/** A list of ranges: after set_normalise() ascending, without overlaps. */
struct set {
	struct range *ranges;
	size_t count;
};

enum { SET_STAR = 0 }; /* stands for "*" until set_normalise() */

/** Parses the whole of `text`, e.g. "1,3:5,9:*". False if it isn't a sequence set. */
bool set_parse(struct slice text, struct arena *arena, struct set *set);
/** Puts `star` for "*", turns reversed ranges round, sorts and merges. */
void set_normalise(struct set *set, uint32_t star);
bool set_contains(const struct set *set, uint32_t number);

/** Of a set of message sequence numbers, the indexes (from 0) into a mailbox of `count` messages. False if it names a
 * message that doesn't exist (RFC 3501 §6.4.8: an error for numbers, none for UIDs); "5:*" with fewer messages gives the last one. */
bool set_to_indexes(struct set *set, size_t count, struct arena *arena, struct set *indexes);
/** The same of a set of UIDs: those that exist in `uids`. */
void set_uids_to_indexes(struct set *set, const struct uids *uids, struct arena *arena, struct set *indexes);

/** How many numbers a normalised set holds. */
size_t set_size(const struct set *set);
/** Writes numbers (in their order, runs joined) as a uid-set (RFC 4315), e.g. "4,7:9". */
void set_write(const uint32_t *numbers, size_t count, struct buf *out);

/** Walks through a normalised set in order; start with a zeroed cursor. */
struct set_cursor {
	size_t range;
	uint32_t offset;
};
bool set_next(const struct set *set, struct set_cursor *cursor, uint32_t *number);

#endif
