/* Taking a sample of the server's numbers. */
#ifndef CLI_HISTORY_TAKE_H
#define CLI_HISTORY_TAKE_H

#include "cli/history.h"

/** Adds what `metrics` has said ("ROLE event NAME COUNT") since the last time, what the event file has since then, and the disk, to the history. One at a time: another one does
 * nothing. `now`: seconds since 1970. */
bool cli_history_take(const char *data, struct slice metrics, int64_t now, struct arena *arena, struct error *error);

/** Counts what a line of the event file tells into the sample. */
void cli_history_count(struct slice line, struct arena *arena, struct cli_history_sample *sample);

#endif
