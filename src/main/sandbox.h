/* Confinement of a role: which paths (Landlock) and which system calls (seccomp) it may use. What the kernel doesn't
 * have is said once in the log, and the role goes on without it. */
#ifndef MAIN_SANDBOX_H
#define MAIN_SANDBOX_H

#include <stdint.h>

#include "base/error.h"

struct sandbox {
	const char *const *writable; /* folders whose files it may read, make, change and remove; ended by NULL */
	const char *const *readable; /* files and folders it may read beside the system's own; ended by NULL */
	const char *listable;        /* a folder that it may open, and list with all below; NULL: none */
	bool network;                /* may open sockets and connect to other machines */
	const uint16_t *ports;       /* the only TCP ports there that it may connect to, ended by 0; NULL: any (Linux 6.7, Landlock's ABI 4) */
	bool local_sockets;          /* may open sockets of this machine, and connect to any that it finds */
	bool listeners;              /* accepts connections */
	bool files;                  /* may make, change and remove files; without, it can only write on where it was let in */
	bool memory_files;           /* may make files without a name in memory */
	bool moves;                  /* may give its files names in other folders than they are in, all of them writable */
};

/** Confines this process for good. To be called while it has one thread; Landlock doesn't reach others. */
bool sandbox_enter(const struct sandbox *sandbox, struct error *error);
/** Was this program built with sanitizers, which need to look at their own process? */
bool sandbox_sanitizers(void);

#endif
