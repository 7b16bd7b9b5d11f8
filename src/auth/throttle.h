/* Guessing passwords is made slow, per client address and per account, without letting a stranger lock anybody out.
 *
 * After `failures` failed sign-ins for an account, or `failures_per_address` from an address, each further answer is held back, twice as long each time, up to `delay_max_ms`; and
 * until that long after a failure, further tries are not even looked at (so many connections at once gain nothing).
 * An address that has signed in to an account lately is trusted for it: there only its own failures for that account count,
 * not what others do. A failure followed by success from the same address (a typing mistake) is taken back.
 * IPv6 clients count as their /64. The tables are bounded, whatever is tried. Clocks are the caller's. Not thread-safe. */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include "base/slice.h"

struct throttle;

struct throttle_limits {
	int64_t failures, failures_per_address; /* the latter 0: no limit */
	int64_t delay_max_ms, memory_ms;
};

struct throttle *throttle_new(void);
void throttle_free(struct throttle **throttle);
/** May `account` (as the client names it, canonical; it may not exist) be tried now from `address`? If not: false, and
 * *wait_ms says when it may. */
bool throttle_may_try(struct throttle *throttle, const struct throttle_limits *limits, int64_t now_ms, struct slice address,
		      struct slice account, int *wait_ms);
/** Notes a failure; returns for how many milliseconds the answer is to be held back. */
int throttle_failed(struct throttle *throttle, const struct throttle_limits *limits, int64_t now_ms, struct slice address, struct slice account);
void throttle_succeeded(struct throttle *throttle, const struct throttle_limits *limits, int64_t now_ms, struct slice address, struct slice account);

#endif
