/* Who the processes are. Everything that touches the data directory runs as its owner; only the master, when it was
 * started as root, keeps root for binding low ports and reading keys, and becomes the owner in between. */
#ifndef MAIN_PRIVILEGES_H
#define MAIN_PRIVILEGES_H

#include <sys/types.h>

#include "base/error.h"

struct identity {
	uid_t user;
	gid_t group;
};

/** The owner of the data directory. */
bool identity_of(const char *data, struct identity *owner, struct error *error);
/** Becomes `owner` for good, with no way back; without effect unless root. A process that stays root because the directory
 * is root's keeps what it has: see privileges_drop_capabilities. */
bool privileges_become(const struct identity *owner, struct error *error);
/** The same, but keeps, if root had it, the right to read any file: for a command that root told what to read. */
bool privileges_become_reader(const struct identity *owner, struct error *error);
/** Acts on files as `owner` from now on, and as root again; both without effect unless started as root. */
void privileges_borrow(const struct identity *owner);
void privileges_return(void);
/** Gives up every capability for good, so that a role whose user is root is no more than the owner of its files. */
bool privileges_drop_capabilities(struct error *error);
/** No core files, no ptrace by others of the same user, files for the owner only. Limits on descriptors raised to the most
 * that is allowed. */
void privileges_harden(void);

#endif
