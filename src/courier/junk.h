/* Whether a message is junk for one account: what was found of it when it arrived stands beside it in the queue, and from how many points on it is
 * junk is each account's affair, or its domain's, or the server's (option spam_junk), in this order. Refusing and setting apart are decided when a
 * message comes, for all its recipients, by the server's options alone. */
#ifndef COURIER_JUNK_H
#define COURIER_JUNK_H

#include "auth/auth.h"
#include "queue/queue.h"

/** `junk_from`: AUTH_JUNK_*, or hundredths of points. `more`: points beside those that it came with. */
bool courier_junk_is(const struct queue_message *message, int junk_from, int more);

#endif
