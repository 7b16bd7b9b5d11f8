/* Sequence sets, kept as ranges throughout: "1:4294967295" costs as much as "1". */
#include "imap/set.h"

static bool parse_number(struct slice text, uint32_t *number)
{
	uint64_t value;
	if (slice_equal(text, SLICE("*"))) {
		*number = SET_STAR;
		return true;
	}
	if (!slice_to_number(text, UINT32_MAX, &value) || value == 0)
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool parse_range(struct slice text, struct range *range)
{
	struct slice first, last;
	bool pair = slice_cut(text, ':', &first, &last);
	return parse_number(first, &range->first) && parse_number(pair ? last : first, &range->last);
}

bool set_parse(struct slice text, struct arena *arena, struct set *set)
{
	size_t commas = 0;
	for (size_t i = 0; i < text.len; i++)
		commas += text.at[i] == ',';
	*set = (struct set){.ranges = arena_array(arena, commas + 1, sizeof *set->ranges)};
	for (size_t i = 0; i <= commas; i++) {
		struct slice range, rest;
		slice_cut(text, ',', &range, &rest);
		if (!parse_range(range, &set->ranges[set->count++]))
			return false;
		text = rest;
	}
	return true;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *left = a, *right = b;
	return (left->first > right->first) - (left->first < right->first);
}

void set_normalise(struct set *set, uint32_t star)
{
	for (size_t i = 0; i < set->count; i++) {
		struct range *range = &set->ranges[i];
		uint32_t first = range->first == SET_STAR ? star : range->first;
		uint32_t last = range->last == SET_STAR ? star : range->last;
		*range = (struct range){first < last ? first : last, first < last ? last : first};
	}
	if (set->count < 2)
		return;
	qsort(set->ranges, set->count, sizeof *set->ranges, compare_ranges);
	size_t kept = 0;
	for (size_t i = 1; i < set->count; i++) {
		struct range *into = &set->ranges[kept], next = set->ranges[i];
		if (into->last == UINT32_MAX || next.first <= into->last + 1)
			into->last = next.last > into->last ? next.last : into->last;
		else
			set->ranges[++kept] = next;
	}
	set->count = kept + 1;
}

bool set_contains(const struct set *set, uint32_t number)
{
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->ranges[middle].last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->ranges[low].first <= number;
}

bool set_to_indexes(struct set *set, size_t count, struct arena *arena, struct set *indexes)
{
	uint32_t last = (uint32_t)count;
	*indexes = (struct set){.ranges = arena_array(arena, set->count, sizeof *indexes->ranges)};
	for (size_t i = 0; i < set->count; i++) {
		struct range *range = &set->ranges[i];
		bool starred = range->first == SET_STAR || range->last == SET_STAR;
		if (!starred && (range->first > last || range->last > last))
			return false;
		/* "5:*" where there are three: the number counts as "*", as it does for UIDs. */
		if (starred)
			*range = (struct range){range->first > last ? SET_STAR : range->first, range->last > last ? SET_STAR : range->last};
	}
	if (count == 0)
		return true;
	set_normalise(set, last);
	for (size_t i = 0; i < set->count; i++)
		indexes->ranges[indexes->count++] = (struct range){set->ranges[i].first - 1, set->ranges[i].last - 1};
	return true;
}

void set_uids_to_indexes(struct set *set, const struct uids *uids, struct arena *arena, struct set *indexes)
{
	*indexes = (struct set){.ranges = arena_array(arena, set->count, sizeof *indexes->ranges)};
	if (uids->count == 0)
		return;
	set_normalise(set, uids_last(uids));
	for (size_t i = 0; i < set->count; i++) {
		struct range range = set->ranges[i];
		size_t from = uids_seek(uids, range.first);
		size_t to = range.last == UINT32_MAX ? uids->count : uids_seek(uids, range.last + 1);
		if (from < to)
			indexes->ranges[indexes->count++] = (struct range){(uint32_t)from, (uint32_t)to - 1};
	}
}

size_t set_size(const struct set *set)
{
	size_t size = 0;
	for (size_t i = 0; i < set->count; i++)
		size += (size_t)(set->ranges[i].last - set->ranges[i].first) + 1;
	return size;
}

void set_write(const uint32_t *numbers, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count;) {
		size_t end = i + 1;
		while (end < count && numbers[end] == numbers[end - 1] + 1)
			end++;
		if (i > 0)
			buf_append_char(out, ',');
		buf_append_number(out, numbers[i]);
		if (end - i > 1) {
			buf_append_char(out, ':');
			buf_append_number(out, numbers[end - 1]);
		}
		i = end;
	}
}

bool set_next(const struct set *set, struct set_cursor *cursor, uint32_t *number)
{
	if (cursor->range >= set->count)
		return false;
	const struct range *range = &set->ranges[cursor->range];
	*number = range->first + cursor->offset;
	if (*number == range->last)
		*cursor = (struct set_cursor){cursor->range + 1, 0};
	else
		cursor->offset++;
	return true;
}
