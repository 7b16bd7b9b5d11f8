/* Asking for a new password: from standard input, or at the terminal, twice and unseen. Never from the command line, which
 * everybody on the machine can read. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "cli/command.h"

enum { PASSWORD_MAX = 1000 };

/** Appends it to `out` (to be given back with buf_free_secret). With --password-stdin the first line of standard input. */
bool password_ask(const struct command_line *line, struct buf *out, struct error *error);

#endif
