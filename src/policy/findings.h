/* What the parts of the policy role have found out about one message, and what they want done about it. Each adds to it in turn; the sum of the points
 * and the strictest of the demands decide. */
#ifndef POLICY_FINDINGS_H
#define POLICY_FINDINGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "policy/judge.h"

enum { POLICY_FINDINGS_MAX = 200, POLICY_DETAIL_MAX = 300 };

struct policy_finding {
	struct slice rule;   /* "ATTACH_MACROS" */
	int points;          /* in hundredths, as the score's */
	struct slice detail; /* UTF-8 without control characters; may be empty */
};

/** Begin with {.arena = …}. */
struct policy_findings {
	struct arena *arena; /* where all of it lives */
	struct policy_finding *list;
	size_t count, room;
	int points;                /* of all */
	enum policy_action action; /* the strictest that was demanded */
	enum policy_action usual;  /* … by the options' thresholds, in the place of the recipients' */
	bool weighed;              /* the points were summed up, for a threshold to decide by */
	bool suspect;              /* somebody else than the sum of the points wants it in Junk */
	struct slice reply;        /* of DEFER and REJECT: what the sender is told */
	struct slice fields;       /* that go before the message, each with its line end */
	struct policy_cut cuts[POLICY_CUTS_MAX]; /* what is taken out, in its order; only if the action is less than QUARANTINE */
	size_t cut_count;
	const struct policy_edits *edits; /* what milters want changed; NULL: nothing */
	bool allowed;              /* its sender is (access.h): the score isn't asked */
};

/** Adds one; copies into findings->arena. Beyond POLICY_FINDINGS_MAX only the points count. */
void policy_findings_add(struct policy_findings *findings, struct slice rule, int points, struct slice detail);
/** Demands an action; the strictest wins, of equal ones the first. `reply`: printable ASCII, without code, for DEFER and REJECT; what doesn't fit is cut. */
void policy_findings_demand(struct policy_findings *findings, enum policy_action action, struct slice reply);
/** As a reply can hold it: what isn't printable ASCII becomes '?'; in findings->arena. */
struct slice policy_findings_ascii(const struct policy_findings *findings, struct slice text);
/** A header field, or several, that go before the message; of the names that judge.h allows. What doesn't fit is left out. */
void policy_findings_field(struct policy_findings *findings, struct slice field);
/** Appends "RULE POINTS detail" lines: POLICY_RECORD_MAX bytes at most, whole lines. */
void policy_findings_write(const struct policy_findings *findings, struct buf *out);

#endif
