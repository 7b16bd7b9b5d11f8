/* Letters that look like others. */
#include "score/internal.h"

enum alphabet { ALPHABET_NONE, ALPHABET_LATIN, ALPHABET_GREEK, ALPHABET_CYRILLIC, ALPHABET_OTHER };

/* Takes a character of UTF-8; what isn't UTF-8 counts byte by byte. */
static uint32_t take(struct slice *text)
{
	const unsigned char *at = (const unsigned char *)text->at;
	size_t length = at[0] < 0xc0 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	uint32_t c = length == 1 ? at[0] : at[0] & (0x7fu >> length);
	if (length > text->len)
		length = text->len;
	for (size_t i = 1; i < length; i++)
		c = c << 6 | (at[i] & 0x3f);
	*text = slice_skip(*text, length);
	return c;
}

static enum alphabet alphabet_of(uint32_t c)
{
	if (c < 0x80)
		return ascii_is_alpha((char)c) ? ALPHABET_LATIN : ALPHABET_NONE;
	if (c < 0xc0 || (c >= 0x2000 && c < 0x2c00))
		return ALPHABET_NONE;
	return c < 0x370 ? ALPHABET_LATIN : c < 0x400 ? ALPHABET_GREEK : c < 0x530 ? ALPHABET_CYRILLIC : ALPHABET_OTHER;
}

/* Letters of Cyrillic and Greek that can't be told from Latin ones: а с е о р х у і ј ѕ һ ԁ ԛ ԝ; ο ν α ρ υ κ ι. */
static bool looks_latin(uint32_t c)
{
	static const uint16_t letters[] = {0x430, 0x441, 0x435, 0x43e, 0x440, 0x445, 0x443, 0x456, 0x458, 0x455, 0x4bb, 0x501, 0x51b, 0x51d, 0x4cf,
					   0x3bf, 0x3bd, 0x3b1, 0x3c1, 0x3c5, 0x3ba, 0x3b9};
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
		if (letters[i] == c)
			return true;
	return false;
}

static bool label_is_lookalike(struct slice label)
{
	bool seen[ALPHABET_OTHER + 1] = {false}, all_alike = true;
	while (label.len > 0) {
		uint32_t c = take(&label);
		enum alphabet alphabet = alphabet_of(c);
		seen[alphabet] = true;
		if (alphabet != ALPHABET_NONE)
			all_alike &= looks_latin(c);
	}
	bool foreign = seen[ALPHABET_GREEK] || seen[ALPHABET_CYRILLIC];
	return foreign && (seen[ALPHABET_LATIN] || all_alike);
}

bool score_is_lookalike(struct slice domain, struct arena *arena)
{
	struct slice label, rest = domain_canonical(domain, arena);
	bool found = false;
	for (bool more = !slice_is_ascii(rest); more && !found;) {
		more = slice_cut(rest, '.', &label, &rest);
		found = label_is_lookalike(label);
	}
	return found;
}

/* Latin next to Greek or Cyrillic, without anything between: "pаypal" with a Cyrillic а. */
size_t score_mixed_words(struct slice text)
{
	size_t count = 0;
	bool latin = false, foreign = false;
	while (text.len > 0) {
		enum alphabet alphabet = alphabet_of(take(&text));
		latin |= alphabet == ALPHABET_LATIN;
		foreign |= alphabet == ALPHABET_GREEK || alphabet == ALPHABET_CYRILLIC;
		if (alphabet != ALPHABET_NONE && text.len > 0)
			continue;
		count += latin && foreign;
		latin = foreign = false;
	}
	return count;
}

bool score_is_reversed(struct slice text)
{
	return slice_find(text, SLICE("\xe2\x80\xae")) != SLICE_NONE || slice_find(text, SLICE("\xe2\x80\xad")) != SLICE_NONE;
}

struct slice score_registered(struct slice domain)
{
	static const char second[] = "co com net org gov edu ac ne or go gob gov";
	size_t last = slice_find_last_char(domain, '.');
	if (last == SLICE_NONE)
		return domain;
	size_t before = slice_find_last_char(slice_sub(domain, 0, last), '.');
	if (before == SLICE_NONE)
		return domain;
	struct slice name = slice_sub(domain, before + 1, last - before - 1);
	bool country = domain.len - last - 1 == 2;
	if (!country || !slice_has_word_nocase(slice_of(second), name))
		return slice_skip(domain, before + 1);
	size_t third = slice_find_last_char(slice_sub(domain, 0, before), '.');
	return third == SLICE_NONE ? domain : slice_skip(domain, third + 1);
}
