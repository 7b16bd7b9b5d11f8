/* How full mailboxes are: a small file that the store writes, and that auth reads to answer RCPT. Auth may look into no mailbox, and the
 * answer must be at hand for a stranger's every RCPT, also when everything has just been restarted; so it is neither asked for nor kept
 * in memory.
 *
 * DIR/accounts/.usage is a table of 65,536 rows, found by a hash of the account's name; sparse, 3 MiB at most. It holds accounts that have a quota, as
 * they were after their last change; who isn't in it (an account that wasn't opened since it got its quota, one too many) has room as far
 * as is known here, and the store itself decides at delivery. It is never put in the place of another: auth was given this one. */
#ifndef STORE_USAGE_H
#define STORE_USAGE_H

#include "base/error.h"
#include "base/slice.h"

struct usage { uint64_t bytes, messages, max_bytes, max_messages; }; /* max 0: no limit */

/** Opens the table, and makes it if `write`. -1: there is none, or it can't be opened; what follows takes that. */
int usage_open(const char *data, bool write);
/** Says how full the account is. One without limits is entered only if it had some. What fails is left: a full disk refuses nothing. */
void usage_note(int fd, struct slice account, const struct usage *usage);
/** False: it has no limits, as far as is known. */
bool usage_find(int fd, struct slice account, struct usage *usage);
/** The largest message that fits, in bytes; UINT64_MAX: any. */
uint64_t usage_room(const struct usage *usage);

#endif
