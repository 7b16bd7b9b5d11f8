/* Commands that work on the open mail of one account. */
#ifndef CLI_OPENED_H
#define CLI_OPENED_H

#include "cli/command.h"
#include "store/store.h"

struct cli_opened {
	struct command_line *line;
	struct store *store;
	struct account *account;
	struct slice name;     /* of the account: the command's first argument */
	struct error error;    /* what to say when the act fails */
};

/** Opens the account that the command names first, and acts; says what failed. Returns the exit status. */
int cli_opened_run(struct command_line *line, bool (*act)(struct cli_opened *opened));

#endif
