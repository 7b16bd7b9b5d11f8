/* Of what one of our people submits, by whatever way: what is asked of it, and what is held. */
#ifndef SUBMIT_WEIGH_H
#define SUBMIT_WEIGH_H

#include "queue/queue.h"

struct config;

/** Is what it says weighed? Whom the administrator trusts isn't counted, and isn't weighed. */
bool submit_is_weighed(const struct config *config, const struct queue_message *message);
/** Does it belong to its account's habit, in which country it is? */
bool submit_is_located(const struct config *config, const struct queue_message *message);
/** Does it weigh so much that it is held? Then *doubt says so. */
bool submit_is_held(const struct config *config, int points, struct queue_suspicion *doubt);

#endif
