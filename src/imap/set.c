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

bool imap_set_parse(struct slice text, struct arena *arena, struct ranges *set)
{
	size_t commas = 0;
	for (size_t i = 0; i < text.len; i++)
		commas += text.at[i] == ',';
	*set = (struct ranges){.at = arena_array(arena, commas + 1, sizeof *set->at)};
	for (size_t i = 0; i <= commas; i++) {
		struct slice range, rest;
		slice_cut(text, ',', &range, &rest);
		if (!parse_range(range, &set->at[set->count++]))
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

void imap_set_normalise(struct ranges *set, uint32_t star)
{
	for (size_t i = 0; i < set->count; i++) {
		struct range *range = &set->at[i];
		uint32_t first = range->first == SET_STAR ? star : range->first;
		uint32_t last = range->last == SET_STAR ? star : range->last;
		*range = (struct range){first < last ? first : last, first < last ? last : first};
	}
	if (set->count < 2)
		return;
	qsort(set->at, set->count, sizeof *set->at, compare_ranges);
	size_t kept = 0;
	for (size_t i = 1; i < set->count; i++) {
		struct range *into = &set->at[kept], next = set->at[i];
		if (into->last == UINT32_MAX || next.first <= into->last + 1)
			into->last = next.last > into->last ? next.last : into->last;
		else
			set->at[++kept] = next;
	}
	set->count = kept + 1;
}

bool imap_set_to_indexes(struct ranges *set, size_t count, struct arena *arena, struct ranges *indexes)
{
	uint32_t last = (uint32_t)count;
	*indexes = (struct ranges){.at = arena_array(arena, set->count, sizeof *indexes->at)};
	for (size_t i = 0; i < set->count; i++) {
		struct range *range = &set->at[i];
		bool starred = range->first == SET_STAR || range->last == SET_STAR;
		if (!starred && (range->first > last || range->last > last))
			return false;
		/* "5:*" where there are three: the number counts as "*", as it does for UIDs. */
		if (starred)
			*range = (struct range){range->first > last ? SET_STAR : range->first, range->last > last ? SET_STAR : range->last};
	}
	if (count == 0)
		return true;
	imap_set_normalise(set, last);
	for (size_t i = 0; i < set->count; i++)
		indexes->at[indexes->count++] = (struct range){set->at[i].first - 1, set->at[i].last - 1};
	return true;
}

void imap_set_uids_to_indexes(struct ranges *set, const struct imap_uids *uids, struct arena *arena, struct ranges *indexes)
{
	*indexes = (struct ranges){.at = arena_array(arena, set->count, sizeof *indexes->at)};
	if (uids->count == 0)
		return;
	imap_set_normalise(set, imap_uids_last(uids));
	for (size_t i = 0; i < set->count; i++) {
		struct range range = set->at[i];
		size_t from = imap_uids_seek(uids, range.first);
		size_t to = range.last == UINT32_MAX ? uids->count : imap_uids_seek(uids, range.last + 1);
		if (from < to)
			indexes->at[indexes->count++] = (struct range){(uint32_t)from, (uint32_t)to - 1};
	}
}

void imap_set_write(const uint32_t *numbers, size_t count, struct buf *out)
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
