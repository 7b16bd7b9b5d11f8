/* pombal domain dns: what the DNS must say of a domain, and whether it does. */
#ifndef CLI_DOMAIN_DNS_H
#define CLI_DOMAIN_DNS_H

#include "cli/instance.h"

extern const struct command_option cli_domain_dns_options[];

/** Prints the records that a domain needs, or with --check how each stands in the DNS. False with *error: nothing was printed, or with
 * --check something must be done and was said. */
bool cli_domain_dns(struct command_line *line, struct directory *directory, struct slice domain, struct error *error);

#endif
