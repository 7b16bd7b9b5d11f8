/* Why a message that came was judged as it was. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "cli/command.h"

/** Tells, from the event log and the queue, what was found of the message that the first argument names (Message-ID or the queue's id) when it came, and why
 * it led where it did. Enters the instance. */
int cli_explain_arrived(struct command_line *line);
/** The language that a person wants: --language, else the environment's. */
struct slice cli_explain_language(const struct command_line *line);

#endif
