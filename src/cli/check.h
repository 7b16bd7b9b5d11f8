/* pombal check: findings, each with what is wrong and how to mend it. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/instance.h"

struct cli_check {
	struct command_line *line;
	json_t *findings;    /* {level, what, mend} */
	unsigned errors, warnings;
	bool loopback; /* nothing is listened on but this machine's own addresses: a server for development or behind others */
};

/** Something that keeps the server from working, or that lets others at what is not theirs. `mend` is one sentence. */
__attribute__((format(printf, 3, 4))) void cli_check_error(struct cli_check *check, const char *mend, const char *what, ...);
/** Something that will bite some day, or some clients. */
__attribute__((format(printf, 3, 4))) void cli_check_warning(struct cli_check *check, const char *mend, const char *what, ...);

/** The same for what is as it should be, and worth a line. */
__attribute__((format(printf, 2, 3))) void cli_check_note(struct cli_check *check, const char *what, ...);

/** Is there a backup, and is it new? (check_backup.c) */
void cli_check_backup(struct cli_check *check);
/** Do the scanners answer? (check_engines.c) */
void cli_check_engines(struct cli_check *check);
/** Are the addresses free, or ours, and do all roles run? Sets check->loopback. (check_network.c) */
void cli_check_listeners(struct cli_check *check);
/** Files, names, dates and keys of the certificates. (check_network.c) */
void cli_check_certificates(struct cli_check *check);
/** Address, reverse look-up, MX records. (check_dns.c) */
void cli_check_dns(struct cli_check *check);
/** Would each mail client find the settings for an address, and if not, at which step does it fail? Returns the exit status. (check_client.c) */
int cli_check_client(struct command_line *line, const char *address);
/** Which well-known lists name an address of this server, of those that others see. (check_reputation.c) */
struct dns;
struct sockaddr_storage;
/** Are they the same, whatever their ports? (check_dns.c) */
bool cli_check_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
void cli_check_reputation(struct cli_check *check, struct dns *dns, const struct sockaddr_storage *addresses, size_t count);

#endif
