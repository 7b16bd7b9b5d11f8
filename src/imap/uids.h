/* Which UID has which sequence number in a session. Kept as runs of consecutive UIDs, since thousands of sessions may have
 * large mailboxes selected: a mailbox from which nothing was expunged is one run, whatever its size. Pure. */
#ifndef IMAP_UIDS_H
#define IMAP_UIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** UIDs uid, uid + 1, … have the indexes (sequence number - 1) index, index + 1, … up to the next run. */
struct imap_uid_run { uint32_t uid, index; };

struct imap_uids {
	struct imap_uid_run *runs;  /* malloc'ed */
	size_t run_count, run_room;
	size_t count;          /* messages */
};

/** The UID at an index below count. */
uint32_t imap_uids_at(const struct imap_uids *uids, size_t index);
/** The largest; count must not be 0. */
uint32_t imap_uids_last(const struct imap_uids *uids);
/** Index of the first UID that is >= uid; count if there is none. */
size_t imap_uids_seek(const struct imap_uids *uids, uint32_t uid);
bool imap_uids_find(const struct imap_uids *uids, uint32_t uid, size_t *index);
/** Adds a UID that is larger than all. */
void imap_uids_add(struct imap_uids *uids, uint32_t uid);
/** Takes out what is at these indexes (ascending, each once); those behind move up. */
void imap_uids_take_out(struct imap_uids *uids, const size_t *indexes, size_t count);
void imap_uids_free(struct imap_uids *uids);

#endif
