/* What the files of the policy role's reports share. */
#ifndef POLICY_FEEDBACK_INTERNAL_H
#define POLICY_FEEDBACK_INTERNAL_H

#include "net/dns.h"
#include "policy/feedback.h"

/** Counts a row in the period that `now` is in. Any thread. */
void policy_feedback_count(struct policy_feedback *feedback, const struct report *report, struct slice rua, const struct report_row *row, int64_t now);
/** Who asks the DNS for the thread that reports; NULL: there can be none now. */
struct dns *policy_feedback_dns(struct policy_feedback *feedback);
/** Nothing is due for a while: gives it back. */
void policy_feedback_rest(struct policy_feedback *feedback);

#endif
