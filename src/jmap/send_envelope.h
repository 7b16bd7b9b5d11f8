/* Reading and making envelopes, for send.c. */
#ifndef JMAP_SEND_ENVELOPE_H
#define JMAP_SEND_ENVELOPE_H

#include "jmap/send.h"

/* Both fill in sender and recipients of sending->queue, one more than there may be at most; what is no address goes into `invalid`. A SetError, or NULL. */

/** Of what the client gave. */
json_t *jmap_envelope_read(struct jmap_sending *sending, json_t *invalid);
/** Of the message's header. */
json_t *jmap_envelope_make(struct jmap_sending *sending, json_t *invalid);

#endif
