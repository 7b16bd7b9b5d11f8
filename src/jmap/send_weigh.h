/* Asking the policy role about what is about to be sent, for send.c. */
#ifndef JMAP_SEND_WEIGH_H
#define JMAP_SEND_WEIGH_H

#include "jmap/send.h"

/** Looks at the message as it stands in the draft: it may be held (sending->queue.doubt), or refused: a SetError. NULL: it goes. */
json_t *jmap_send_weigh(struct jmap_sending *sending, struct queue_draft *draft);

#endif
