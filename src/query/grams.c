/* Grams of texts: three characters in a number, 21 bits each; of two, the first is 0. */
#include <unistr.h>

#include "base/memory.h"
#include "query/internal.h"

enum { CHARACTER_BITS = 21, FIRST_ROOM = 1024, IDEOGRAPHS = 0x2e80, IDEOGRAPHS_END = 0x3ffff };
static const uint64_t CHARACTER = (1u << CHARACTER_BITS) - 1, LAST_TWO = (1ull << (2 * CHARACTER_BITS)) - 1, LAST_THREE = (1ull << (3 * CHARACTER_BITS)) - 1;

void query_grams_free(struct query_grams *grams)
{
	free(grams->slots);
	*grams = (struct query_grams){0};
}

/* ---- the set ---- */

static size_t slot_of(const struct query_grams *grams, uint64_t gram)
{
	size_t mask = 2 * grams->room - 1, slot = (size_t)(gram * 0x9e3779b97f4a7c15 >> 32) & mask;
	while (grams->slots[slot] != 0 && grams->slots[slot] != gram)
		slot = (slot + 1) & mask;
	return slot;
}

static void grow(struct query_grams *grams)
{
	struct query_grams larger = {.room = grams->room ? 2 * grams->room : FIRST_ROOM, .count = grams->count};
	larger.slots = memory_array(2 * larger.room, sizeof *larger.slots);
	for (size_t i = 0; i < 2 * grams->room; i++)
		if (grams->slots[i] != 0)
			larger.slots[slot_of(&larger, grams->slots[i])] = grams->slots[i];
	free(grams->slots);
	*grams = larger;
}

static void add(struct query_grams *grams, uint64_t gram)
{
	if (grams->count == grams->room && grams->count < QUERY_GRAMS_MAX)
		grow(grams);
	size_t slot = slot_of(grams, gram);
	if (grams->slots[slot] != 0)
		return;
	if (grams->count == QUERY_GRAMS_MAX) {
		grams->overflow = true;
		return;
	}
	grams->slots[slot] = gram;
	grams->count++;
}

/* ---- texts ---- */

/* Characters that an index can't be asked for, control characters, are in no gram; nor is what isn't UTF-8. */
static bool take(struct slice *rest, uint64_t *character)
{
	ucs4_t c = (unsigned char)rest->at[0];
	size_t length = 1;
	if (c >= 0x80) {
		int got = u8_mbtoucr(&c, (const uint8_t *)rest->at, rest->len);
		length = got > 0 ? (size_t)got : 1;
		c = got > 0 ? c : 0;
	}
	*rest = slice_skip(*rest, length);
	*character = c;
	return c >= ' ';
}

static bool is_ideograph(uint64_t c) { return c >= IDEOGRAPHS && c <= IDEOGRAPHS_END; }

void query_grams_add(struct query_grams *grams, struct slice folded)
{
	uint64_t window = 0, c;
	int known = 0;
	while (folded.len > 0 && !grams->overflow) {
		known = take(&folded, &c) ? known + 1 : 0;
		window = (window << CHARACTER_BITS | c) & LAST_THREE;
		if (known >= 3)
			add(grams, window);
		if (known >= 2 && is_ideograph(c) && is_ideograph(window >> CHARACTER_BITS & CHARACTER))
			add(grams, window & LAST_TWO);
	}
}

bool query_grams_next(const struct query_grams *grams, size_t *cursor, char out[QUERY_GRAM_BYTES], struct slice *gram)
{
	while (*cursor < 2 * grams->room && grams->slots[*cursor] == 0)
		++*cursor;
	if (*cursor == 2 * grams->room)
		return false;
	uint64_t all = grams->slots[(*cursor)++];
	int len = 0;
	for (int i = 2; i >= 0; i--) {
		ucs4_t c = (ucs4_t)(all >> (i * CHARACTER_BITS) & CHARACTER);
		len += c == 0 ? 0 : u8_uctomb((uint8_t *)out + len, c, QUERY_GRAM_BYTES - len);
	}
	*gram = slice_make(out, (size_t)len);
	return true;
}
