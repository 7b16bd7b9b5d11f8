/* How much strangers have done within the last hour: their messages and recipients, by address, network, sender and recipient, and the addresses of
 * ours that they have tried and that nobody has, by network, across connections. Each counts against a limit, as a share of it that wears off: all
 * of it in an hour. Kept for some CROWD_ROWS of them, those nearest to their limits last to go; after a restart nothing is counted. Any thread. */
#ifndef SMTP_CROWD_H
#define SMTP_CROWD_H

#include "base/slice.h"

enum { CROWD_ROWS = 16384, CROWD_HOUR_MS = 60 * 60 * 1000 };

/** Added to one of enum config_rate_of (config.h): what is counted of it. */
enum { COUNTED_MESSAGES = 0, COUNTED_RECIPIENTS = 8, COUNTED_UNKNOWN = 16 };

/** Counts one, unless that would be more than `limit` (at least 1) within an hour: then false. */
bool smtp_crowd_count(int what, struct slice who, int64_t limit, int64_t now_ms);

/** A network has tried `count` addresses that nobody has. Returns how many that makes, less what has worn off; at `limit` it is shut out for `time_ms`. */
int64_t smtp_crowd_missed(struct slice network, int64_t count, int64_t limit, int64_t time_ms, int64_t now_ms);
/** It has found one that there is: that outweighs one that there isn't. */
void smtp_crowd_found(struct slice network, int64_t limit, int64_t now_ms);
/** Is it shut out? */
bool smtp_crowd_is_shut_out(struct slice network, int64_t now_ms);

/** The part of a client's address (4 or 16 bytes) that stands for it, and for its network: /24 and /64 of IPv6, of which nobody has less. */
struct slice smtp_crowd_address(struct slice client);
struct slice smtp_crowd_network(struct slice client);

#endif
