/* Guessing passwords is made slow, without letting a stranger lock anybody out: a right password is slowed, not refused.
 *
 * Answers stand in lines. When an account has had `failures` failures, answers for it that go to the same line have a distance, and an
 * answer that would have to wait for longer than `delay_max_ms` isn't looked for at all ("later"). Which line, the network of
 * the client decides: the more of its tries for this account have failed or were sent away, the further back, and the larger the
 * distance; the first line is for networks that have done nothing wrong. So who guesses from 10,000 addresses gets that many
 * quick guesses, as fast as the first lines go, and then has used his addresses up for `memory_ms`; his other guesses share the
 * last line, one in `delay_max_ms`. The owner, from a network that was never seen, waits behind those only that have done no more than
 * he. Who has signed in to the account from his network before (known.h) doesn't stand in these lines: there only his network's own
 * failures for the account count.
 *
 * Networks have lines, too: after `failures_per_address` failures, whatever the accounts, each further answer waits, twice as long each
 * time. Of IPv6 the /64, /56, /48 and /32 count, larger ones for more (network.h); it takes several
 * smaller ones to move a larger one, so that a neighbour is no danger. A failure that success follows, from the same network,
 * is taken back. The tables are bounded, whatever is tried. Clocks are the caller's. Not thread-safe. */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include "base/slice.h"

struct throttle;

struct auth_throttle_limits {
	int64_t failures, failures_per_address; /* the latter 0: no limit */
	int64_t delay_max_ms, memory_ms;
};

/** A try, as it is counted. */
struct auth_throttle_try {
	struct slice address, account; /* as the client names it, canonical */
	bool exists;                   /* there is such an account: made-up names don't push those that exist out of a table */
	bool known;                    /* the account was signed in to from this network before */
};

enum {
	THROTTLE_LINES = 8,
	THROTTLE_FIRST_MS = 200, /* the distance of answers in the first line; twice as much in each further */
	THROTTLE_LATER = -1,
};

struct throttle *auth_throttle_new(void);
void auth_throttle_free(struct throttle **throttle);
/** For how many milliseconds an answer to this try has to be held back, whatever it is; THROTTLE_LATER: it is not to be looked at.
 * With `take` the place in the lines is taken. */
int64_t auth_throttle_wait(struct throttle *throttle, const struct auth_throttle_limits *limits, int64_t now_ms, const struct auth_throttle_try *try, bool take);
/** Has the network done nothing wrong that is remembered? */
bool auth_throttle_is_clean(struct throttle *throttle, const struct auth_throttle_limits *limits, int64_t now_ms, const struct auth_throttle_try *try);
/** Notes a failure, or that the try was sent away. */
void auth_throttle_failed(struct throttle *throttle, const struct auth_throttle_limits *limits, int64_t now_ms, const struct auth_throttle_try *try);
void auth_throttle_succeeded(struct throttle *throttle, const struct auth_throttle_limits *limits, int64_t now_ms, const struct auth_throttle_try *try);

#endif
