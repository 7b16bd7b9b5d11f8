/* The standing of a message's sender: what has come from its domain and its network so far, as facts for the score; and what the message adds to that.
 * Its own points are counted without those that its standing gave it, so that a name doesn't feed itself. */
#ifndef POLICY_STANDING_H
#define POLICY_STANDING_H

#include "policy/findings.h"
#include "policy/policy.h"
#include "policy/reputation.h"
#include "score/score.h"

struct policy_standing {
	bool proved;               /* the message is from its author's domain; … */
	uint64_t domain, network;  /* … else only the network's key is set */
	unsigned days;             /* since the domain was first heard of; 0: not known */
	int value;                 /* policy_reputation_of() */
};

/** Looks it up. All zero without a table (NULL). */
struct policy_standing policy_standing_find(struct policy_reputation *reputation, const struct policy_mail *mail, const struct policy_verdict *verdict);
/** Counts the message, which was weighed. NULL: there is no table. */
void policy_standing_settle(struct policy_reputation *reputation, const struct policy_standing *standing, const struct score_settings *settings,
			    const struct policy_findings *findings, int64_t now);

#endif
