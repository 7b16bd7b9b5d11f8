/* The rows of the command line, as who calls them over HTTP finds them (docs/admin-api.md): which there are, who may call them, and with what. */
#ifndef CLI_OFFERED_H
#define CLI_OFFERED_H

#include "admin/codes.h"
#include "admin/request.h"
#include "auth/auth.h"
#include "cli/command.h"

/** The groups in which these rows are. */
extern const struct command_group cli_offered_groups[];

/** Why a call is refused. */
struct cli_refusal {
	enum admin_code code;
	char text[320];
};

/** Finds the row that is asked for, and whether `who` may call it so: fills in *line, but for its data and caller. All of it is in `arena`, or the request's. False: *refusal. */
bool cli_offered_find(const struct admin_request *request, const struct auth_administrator *who, struct arena *arena, struct command_line *line, struct cli_refusal *refusal);
/** What only the directory knows of whether he may: whoever administers a domain changes no account that administers the server. line->data and line->caller are set.
 * False: *refusal. */
bool cli_offered_may(const struct command_line *line, struct cli_refusal *refusal);

/** The row that takes a change of the configuration back whose time is over. */
const struct command *cli_offered_revert(void);
/** The row that keeps the server's numbers. */
const struct command *cli_offered_keep(void);

/** {"command": …, …} of each row that he may call. */
json_t *cli_offered_list(const struct auth_administrator *who);
/** docs/admin-api.md. */
void cli_offered_write_page(struct buf *out);

#endif
