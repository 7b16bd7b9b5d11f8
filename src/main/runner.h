/* Running rows of the command line for who administers over HTTP (docs/admin-api.md): each in a process of its own, with bounded time, memory and output, that can
 * start no other program, opens no file outside of the data directory, and reaches no other machine, unless its row says that it asks some.
 *
 * These processes are made by one that stands beside the admin role and was started before that was confined: it does nothing else. */
#ifndef MAIN_RUNNER_H
#define MAIN_RUNNER_H

#include "admin/codes.h"
#include "admin/request.h"
#include "auth/auth.h"
#include "cli/offered.h"

enum {
	RUNNER_CPU_SECONDS = 30,
	RUNNER_MEMORY = 1024 * 1024 * 1024, /* bytes of addresses */
	RUNNER_NOTES_MAX = 64 * 1024,       /* bytes on standard error */
};

struct runner;
/** Starts that process, from a process with one thread. `data`: the data directory, in which we are. NULL with *error. */
struct runner *runner_new(const char *data, struct error *error);
/** Ends it, and what it runs; who waits for that hears so. */
void runner_stop(struct runner *runner);
/** When nobody waits any more. Sets *runner to NULL. */
void runner_free(struct runner **runner);

/** What a run has printed, and how it ended. */
struct runner_end {
	struct buf output, notes;  /* to be freed */
	enum admin_code code;      /* ADMIN_DONE, or why not */
	char message[320];
};
/** Runs what the request's body asks for, for `who`, who asks from `address`; the caller waits. `network`: its row says so. Any thread. */
void runner_run(struct runner *runner, const struct auth_administrator *who, struct slice address, struct slice body, bool network, struct runner_end *end);

#endif
