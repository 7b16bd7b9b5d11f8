/* See ranges.h. */
#include "base/ranges.h"

bool ranges_contain(const struct ranges *ranges, uint32_t number)
{
	size_t low = 0, high = ranges->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ranges->at[middle].last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ranges->count && ranges->at[low].first <= number;
}

size_t ranges_size(const struct ranges *ranges)
{
	size_t size = 0;
	for (size_t i = 0; i < ranges->count; i++)
		size += (size_t)(ranges->at[i].last - ranges->at[i].first) + 1;
	return size;
}

bool ranges_next(const struct ranges *ranges, struct ranges_cursor *cursor, uint32_t *number)
{
	if (cursor->range >= ranges->count)
		return false;
	const struct range *range = &ranges->at[cursor->range];
	*number = range->first + cursor->offset;
	if (*number == range->last)
		*cursor = (struct ranges_cursor){cursor->range + 1, 0};
	else
		cursor->offset++;
	return true;
}
