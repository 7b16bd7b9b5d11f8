/* Whether something shows that a message is from whom its From field says: what a From line alone says counts for nothing. Pure. */
#ifndef POLICY_PROVED_H
#define POLICY_PROVED_H

#include "policy/policy.h"

/** Is it shown that the message is from its author's domain? Where that has no policy (DMARC), something in its name must have vouched: SPF or a
 * signature. */
bool policy_proved(const struct policy_verdict *verdict);
/** The canonical address in From, if that is the only one and its domain is proved; else empty. It lives in `arena` as long as that. */
struct slice policy_proved_author(struct slice header, const struct policy_verdict *verdict, struct arena *arena);

#endif
