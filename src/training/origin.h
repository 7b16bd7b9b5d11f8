/* From which domain a message was shown to be when it came, as our own field says. Pure. */
#ifndef TRAINING_ORIGIN_H
#define TRAINING_ORIGIN_H

#include "base/arena.h"

/** The author's domain for which DMARC has passed, by the Authentication-Results field that stands above all Received fields, where only this server
 * writes one; empty: nothing shows it. Who puts a message into a mailbox himself can write there what he wants. In `arena`. */
struct slice training_origin(struct slice header, struct arena *arena);

#endif
