/* Asking the policy role about what is about to be sent, for send_queue.c: without a thread that waits. */
#ifndef JMAP_SEND_WEIGH_H
#define JMAP_SEND_WEIGH_H

#include "jmap/send.h"
#include "policy/judge.h"

/** Asks about the message as it stands in sending->draft, if there is anything to ask: sets sending->weighing. `done`: see caller_begin(). */
void jmap_weigh_begin(struct jmap_sending *sending, void (*done)(void *context), void *context);
bool jmap_weigh_is_done(const struct jmap_sending *sending);
/** Obeys the answer: the message may be held (sending->queue.doubt), its envelope may be another; or it is refused: a SetError. NULL: it goes. */
json_t *jmap_weigh_end(struct jmap_sending *sending);
/** After that: what is to be changed of the message itself; NULL: nothing. */
const struct policy_answer *jmap_weigh_answer(const struct jmap_weighing *weighing);
/** … and what is to be its body then, where the edits say so. */
struct slice jmap_weigh_body(const struct jmap_weighing *weighing);
/** Frees sending->weighing. */
void jmap_weigh_drop(struct jmap_sending *sending);

#endif
