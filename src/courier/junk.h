/* Whether a message is junk for one account, or isn't to be seen by it: what was found of it when it arrived stands beside it in the queue, and from how
 * many points on it is what is each account's affair, or its domain's, or the server's (config/thresholds.h). Whether all its recipients together want it
 * refused or set apart was decided when it came. */
#ifndef COURIER_JUNK_H
#define COURIER_JUNK_H

#include "auth/auth.h"
#include "queue/queue.h"

/** `own`: the account's thresholds. `more`: points beside those that it came with. */
bool courier_junk_is(const struct queue_message *message, struct config_thresholds own, int more);
/** Would it have been refused or set apart, had it come for this account alone? */
bool courier_junk_is_shut_out(const struct queue_message *message, struct config_thresholds own);
/** What is done with a message that was taken, by which thresholds, for the log: nothing is refused any more, and what would have been is set apart. */
void courier_junk_format(struct config_thresholds own, char out[THRESHOLDS_TEXT_MAX]);

#endif
