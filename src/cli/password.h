/* Asking for a new password: from standard input, or at the terminal, twice and unseen. Never from the command line, which
 * everybody on the machine can read. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "cli/command.h"

enum { PASSWORD_MAX = 1000 };

/** Appends it to `out` (to be given back with buf_free_secret). With --password-stdin the first line of standard input. One
 * that cli_password_is_good() refuses is refused. */
bool cli_password_ask(const struct command_line *line, struct slice account, struct buf *out, struct error *error);
/** Is it as long as the option password_minimum wants, and neither the account's address nor its name? */
bool cli_password_is_good(struct slice password, struct slice account, struct error *error);
/** Appends the first line of standard input, without its end. */
bool cli_password_read_line(struct buf *out, struct error *error);

#endif
