/* pombal domain rotate: a domain's keys for signatures are changed, step by step. */
#ifndef CLI_DOMAIN_ROTATE_H
#define CLI_DOMAIN_ROTATE_H

#include "cli/check.h"

extern const struct command_option cli_domain_rotate_options[];

/** Takes the next step if it is its turn, and says what is to be done or waited for; with --abort takes the change back. False with *error:
 * nothing was changed, or the DNS doesn't show yet what it must. */
bool cli_domain_rotate(struct command_line *line, struct directory *directory, struct slice domain, struct error *error);

/** A remark on a key's record, for a zone file: whether it is used already, or how long its record must stay; NULL: there is none. */
const char *cli_domain_key_remark(const struct auth_signing_key *key, struct arena *arena);
/** Where does a change of a domain's keys stand, and does it wait for somebody who has forgotten it? */
void cli_check_rotation(struct cli_check *check, struct directory *directory, struct slice domain);
/** Does the DNS show the record of each key that signs, or whose letters are under way? An answer that doesn't come says nothing. */
void cli_check_key_records(struct cli_check *check, struct dns *dns, struct directory *directory, struct slice domain);

#endif
