/* pombal dns name: what the DNS says of a name for this server. */
#ifndef CLI_DNS_NAME_H
#define CLI_DNS_NAME_H

#include "cli/command.h"

/** Prints where the name leads, which of these addresses are this machine's own, and what each leads back to. Asks as an instance does, where there is one. Returns an
 * exit status. */
int cli_dns_name_run(struct command_line *line);
/** Is the last part of a name digits alone, as of "192.0.2.1"? Such is an address, and nobody's name. */
bool cli_ends_in_number(struct slice name);

#endif
