/* What the policy role answers at RCPT (gate.h), and what the lists of who is allowed and denied (access.h) say when the text is there. */
#ifndef POLICY_GATEKEEPER_H
#define POLICY_GATEKEEPER_H

#include "net/dns.h"
#include "policy/access.h"
#include "policy/door.h"
#include "policy/gate.h"

struct policy_gatekeeper;
/** `lists` and `folder`, where what it keeps is, must live as long; the options are those that are current at each question. */
struct policy_gatekeeper *policy_gatekeeper_new(struct policy_lists *lists, const char *folder);
/** Writes down what is to be kept. */
void policy_gatekeeper_free(struct policy_gatekeeper **keeper);

/** Appends the answer to `text`, a question as it came, and asks `dns` until `deadline` (monotonic milliseconds) for it. Blocks. Any thread. What is no
 * question is answered as one about nobody in particular: he is let in. `dns` NULL: nothing can be asked. */
void policy_gatekeeper_answer(struct policy_gatekeeper *keeper, struct slice text, struct dns *dns, int64_t deadline, struct buf *out);

/** When it is known who has sent the message: demands that it is refused if one of the recipients (one a line) denies it. ALLOWED: all of them allow
 * it, whatever lists and the score say. Any thread. */
enum policy_access policy_gatekeeper_access(const struct policy_mail *mail, const struct policy_verdict *verdict, struct slice recipients, struct policy_findings *findings);
/** What has become of the message: who brings good mail isn't put off, where there is a greylist. Any thread. */
void policy_gatekeeper_learn(struct policy_gatekeeper *keeper, const struct policy_mail *mail, enum policy_action action);

#endif
