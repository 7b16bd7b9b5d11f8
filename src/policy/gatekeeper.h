/* What the policy role answers at RCPT (gate.h), and what the lists of who is allowed and denied (access.h) say when the text is there. */
#ifndef POLICY_GATEKEEPER_H
#define POLICY_GATEKEEPER_H

#include "policy/access.h"
#include "policy/door.h"
#include "policy/gate.h"

struct policy_gatekeeper;
/** `lists` and `folder`, where what it keeps is, must live as long; the options are those that are current at each question. */
struct policy_gatekeeper *policy_gatekeeper_new(struct policy_lists *lists, const char *folder);
/** Writes down what is to be kept. */
void policy_gatekeeper_free(struct policy_gatekeeper **keeper);

/** One question. In steps, as a message is judged (judging.h). Any thread, one at a time. */
struct policy_gate_asking;
/** `text`: a question as it came, which must stay. NULL: it is none. */
struct policy_gate_asking *policy_gatekeeper_begin(struct policy_gatekeeper *keeper, struct slice text);
/** Goes as far as it can. False: `table` has new questions that are wanted; call again when they are answered. */
bool policy_gatekeeper_run(struct policy_gate_asking *asking, struct lookup *table);
/** Appends the answer, after policy_gatekeeper_run() has returned true and while its table is there. */
void policy_gatekeeper_conclude(struct policy_gate_asking *asking, struct buf *out);
/** Sets *asking to NULL; NULL is fine. */
void policy_gatekeeper_end(struct policy_gate_asking **asking);
/** Appends the answer to what is no question, or can't be asked for: whoever it is is let in. */
void policy_gatekeeper_let_in(struct buf *out);
/** When it is known who has sent the message: demands that it is refused if one of the recipients (one a line) denies it. ALLOWED: all of them allow
 * it, whatever lists and the score say. Any thread. */
enum policy_access policy_gatekeeper_access(const struct policy_mail *mail, const struct policy_verdict *verdict, struct slice recipients, struct policy_findings *findings);
/** What has become of the message: who brings good mail isn't put off, where there is a greylist. Any thread. */
void policy_gatekeeper_learn(struct policy_gatekeeper *keeper, const struct policy_mail *mail, enum policy_action action);

#endif
