/* What the policy role answers at RCPT (gate.h). */
#ifndef POLICY_GATEKEEPER_H
#define POLICY_GATEKEEPER_H

#include "net/dns.h"
#include "policy/door.h"
#include "policy/gate.h"

struct policy_gatekeeper;
/** `lists` must live as long; the options are those that are current at each question. */
struct policy_gatekeeper *policy_gatekeeper_new(struct policy_lists *lists);
void policy_gatekeeper_free(struct policy_gatekeeper **keeper);

/** Appends the answer to `text`, a question as it came, and asks `dns` until `deadline` (monotonic milliseconds) for it. Blocks. Any thread. What is no
 * question is answered as one about nobody in particular: he is let in. `dns` NULL: nothing can be asked. */
void policy_gatekeeper_answer(struct policy_gatekeeper *keeper, struct slice text, struct dns *dns, int64_t deadline, struct buf *out);

#endif
