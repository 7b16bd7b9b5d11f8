/* pombal check: findings, each with what is wrong and how to mend it. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/instance.h"

struct check {
	struct command_line *line;
	json_t *findings;    /* {level, what, mend} */
	unsigned errors, warnings;
	bool loopback; /* nothing is listened on but this machine's own addresses: a server for development or behind others */
};

/** Something that keeps the server from working, or that lets others at what is not theirs. `mend` is one sentence. */
__attribute__((format(printf, 3, 4))) void check_error(struct check *check, const char *mend, const char *what, ...);
/** Something that will bite some day, or some clients. */
__attribute__((format(printf, 3, 4))) void check_warning(struct check *check, const char *mend, const char *what, ...);

/** Are the addresses free, or ours, and do all roles run? Sets check->loopback. (check_network.c) */
void check_listeners(struct check *check);
/** Files, names, dates and keys of the certificates. (check_network.c) */
void check_certificates(struct check *check);
/** Address, reverse look-up, MX records. (check_dns.c) */
void check_dns(struct check *check);

#endif
