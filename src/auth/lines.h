/* What waits, in a line for each network that it came from: networks take turns, so who asks much waits behind himself. Bounded by the
 * caller, who takes the last of the longest line away when there are too many. Not thread-safe. */
#ifndef AUTH_LINES_H
#define AUTH_LINES_H

#include "base/slice.h"

/** The first member of what waits; owned by whoever put it there. */
struct auth_waiting {
	struct auth_waiting *next;
};

struct auth_lines {
	struct auth_line *first, **end; /* in the order of their turns */
	size_t count;                   /* of all that waits */
};

void auth_lines_init(struct auth_lines *lines);
/** To the end of the line of that address' network. */
void auth_lines_add(struct auth_lines *lines, struct slice address, struct auth_waiting *waiting);
/** The first of the line whose turn it is; NULL: nothing waits. */
struct auth_waiting *auth_lines_take(struct auth_lines *lines);
/** The last of the longest line. */
struct auth_waiting *auth_lines_take_last(struct auth_lines *lines);

#endif
