/* Sets of numbers, kept as ranges: "1 to 4294967295" costs as much as "1". */
#ifndef BASE_RANGES_H
#define BASE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uint32_t first, last; /* both included */
};

/** A list of ranges, ascending, without overlaps. Whoever makes it owns the memory. */
struct ranges {
	struct range *at;
	size_t count;
};

bool ranges_contain(const struct ranges *ranges, uint32_t number);
/** How many numbers there are. */
size_t ranges_size(const struct ranges *ranges);

/** Walks through them in order; start with a zeroed cursor. */
struct ranges_cursor {
	size_t range;
	uint32_t offset;
};
bool ranges_next(const struct ranges *ranges, struct ranges_cursor *cursor, uint32_t *number);

#endif
