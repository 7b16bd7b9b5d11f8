/* What to do when the kernel says that what was written didn't reach the disk.
 *
 * After a failed fsync, fdatasync or syncfs the kernel forgets that those pages were to be written: reading still gives
 * what is in memory, the next sync succeeds, and a power cut shows what is really on the disk. So from then on a process
 * can't know what of its writing since the last good sync is safe, and must acknowledge nothing more: databases refuse to
 * begin transactions, store_sync() fails, and a role ends itself: one with clients a little later, so that those who wait
 * still get their "try again later"; whether what they were refused is there is not known, as after a lost answer. The master then lets all roles that have data open begin anew from what is on the disk. */
#ifndef BASE_DISTRUST_H
#define BASE_DISTRUST_H

#include "base/error.h"

/** Exit status of a role that ended for this reason. */
enum { DISTRUST_STATUS = 75 };

/** From now on a failed sync ends the process so many milliseconds later (0: at once). For roles; others are short-lived. */
void distrust_ends_process(int pause_ms);
/** A sync of `what` failed, with this errno (0: unknown). The first call is logged and counts. Any thread. */
void distrust_disk(const char *what, int number);
/** False, with *error set, if a sync has failed in this process. Any thread. */
bool disk_is_trusted(struct error *error);

#endif
