/* What a message weighs: the points of the score's rules, of what was learned, and of all that others have found, lead to what is done with it. */
#ifndef POLICY_WEIGH_H
#define POLICY_WEIGH_H

#include "classify/classify.h"
#include "policy/findings.h"
#include "policy/policy.h"
#include "policy/standing.h"
#include "score/score.h"

struct policy_weighed {
	struct slice message;                /* the whole of it */
	const struct policy_mail *mail;
	const struct policy_verdict *verdict; /* where it comes from; NULL: from somebody of ours */
	const struct classify_store *learned; /* NULL: nothing was */
	struct policy_standing standing;      /* its sender's */
};

/** Adds a finding for each rule that holds, and nothing else. Pure. */
void policy_weigh_own(const struct policy_weighed *weighed, const struct score_settings *settings, struct policy_findings *findings);
/** Adds a finding for each rule that holds, demands what the sum of all points leads to, and the fields X-Spam-*. `settings`: the options'; `thresholds`:
 * where its recipients have others. Pure. */
void policy_weigh(const struct policy_weighed *weighed, const struct score_settings *settings, struct config_thresholds thresholds, struct policy_findings *findings);

#endif
