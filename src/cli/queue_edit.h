/* pombal queue edit. */
#ifndef CLI_QUEUE_EDIT_H
#define CLI_QUEUE_EDIT_H

#include "cli/command.h"
#include "base/slice.h"

/** Changes where a waiting message's recipients' mail goes; returns the exit status. */
int cli_queue_edit(struct command_line *line);
extern const struct command_option cli_queue_edit_options[];

/** Reads "HOST" or "HOST:PORT" as "host:port" in `arena`, of the port where servers take mail (25) if none is named; an empty text stays so. False with *error. */
bool cli_queue_edit_server(struct slice text, struct arena *arena, struct slice *server, struct error *error);

#endif
