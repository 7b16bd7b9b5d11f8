/* From text to words: a pass over its characters. Each is folded by itself, so that a word is the same wherever it stands. */
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "query/search.h"

enum {
	BREVE = 0x306, /* и with it is й, a letter of its own */
	SHARP_S = 0xdf, IO = 0x451, FOLD_DEPTH_MAX = 4,
};

/* Scripts that put no blanks between words, and Korean, whose words have particles at their ends. */
static bool is_without_blanks(ucs4_t c)
{
	static const struct { ucs4_t first, last; } ranges[] = {
		{0x0e00, 0x0eff}, {0x1000, 0x109f}, {0x1100, 0x11ff}, {0x1780, 0x17ff}, {0x2e80, 0x2fdf}, {0x3005, 0x3007}, {0x3040, 0x318f}, {0x31a0, 0x31ff},
		{0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xff66, 0xff9f}, {0x20000, 0x3ffff},
	};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (c <= ranges[i].last)
			return c >= ranges[i].first;
	return false;
}

/* Accents, points of vowels: what is written above and below letters that are the same without. */
static bool is_accent(ucs4_t c)
{
	return (c >= 0x300 && c <= 0x36f) || (c >= 0x591 && c <= 0x5c7) || (c >= 0x64b && c <= 0x65f) || c == 0x670 || (c >= 0x1ab0 && c <= 0x1aff) ||
	       (c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x20d0 && c <= 0x20ff);
}

/* Without width: a word goes on behind it. */
static bool is_invisible(ucs4_t c)
{
	return c == 0xad || (c >= 0x200b && c <= 0x200f) || c == 0x2060 || c == 0xfeff;
}

static bool is_of_word(ucs4_t c)
{
	if (c < 0x80)
		return ascii_is_alpha((char)c) || ascii_is_digit((char)c);
	return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N);
}

/* The length of the character at the start, 0 if there is none, or what stands there isn't UTF-8. */
static size_t take_character(struct slice text, ucs4_t *c)
{
	if (text.len == 0)
		return 0;
	*c = (unsigned char)text.at[0];
	if (*c < 0x80)
		return 1;
	int length = u8_mbtouc(c, (const uint8_t *)text.at, text.len);
	return length > 0 && *c != 0xfffd ? (size_t)length : 0;
}

/* ---- folding ---- */

struct word_buffer { char *at; size_t len; };

static void put(struct word_buffer *out, ucs4_t c)
{
	if (out->len < QUERY_WORD_MAX) {
		int length = u8_uctomb((uint8_t *)out->at + out->len, c, 8);
		out->len += length > 0 ? (size_t)length : 0;
	}
}

/* A letter without its accents; a letter that is two written as one, or one of another width, as those. */
static void put_folded(struct word_buffer *out, ucs4_t c, int depth)
{
	ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
	int tag, count = -1;
	c = c < 0x80 ? (ucs4_t)ascii_lower((char)c) : uc_tolower(c);
	bool cyrillic = c >= 0x400 && c < 0x530;
	if (c >= 0x80 && !is_without_blanks(c) && (!cyrillic || c == IO) && depth < FOLD_DEPTH_MAX)
		count = uc_decomposition(c, &tag, parts);
	if (c == SHARP_S) {
		put(out, 's');
		put(out, 's');
	} else if (count <= 0) {
		if (!is_accent(c))
			put(out, c);
	} else {
		for (int i = 0; i < count; i++)
			put_folded(out, parts[i], depth + 1);
	}
}

static void add_character(struct word_buffer *folded, struct word_buffer *lower, ucs4_t c)
{
	static const char short_i[] = "\xd0\xb9", i[] = "\xd0\xb8"; /* й, и */
	struct slice former = slice_make(folded->at, folded->len);
	if (c == BREVE && lower->len >= 2 && former.len >= 2 && slice_equal(slice_skip(former, former.len - 2), slice_of(i))) {
		memcpy(folded->at + folded->len - 2, short_i, 2);
		memcpy(lower->at + lower->len - 2, short_i, 2);
		return;
	}
	put_folded(folded, c, 0);
	put(lower, c < 0x80 ? (ucs4_t)ascii_lower((char)c) : uc_tolower(c));
}

/* ---- words ---- */

/* A character of a script without blanks, with the one behind it. */
static void take_pair(struct query_reader *reader, ucs4_t c, size_t length, struct query_word *word)
{
	struct word_buffer folded = {reader->folded, 0};
	ucs4_t next;
	word->from = reader->at;
	reader->at += length;
	word->to = reader->at;
	word->part = true;
	size_t behind = take_character(slice_skip(reader->text, reader->at), &next);
	word->last = behind == 0 || !is_of_word(next) || !is_without_blanks(next);
	put_folded(&folded, c, 0);
	if (!word->last)
		put_folded(&folded, next, 0);
	word->folded = word->lower = slice_make(folded.at, folded.len);
}

static void take_word(struct query_reader *reader, struct query_word *word)
{
	struct word_buffer folded = {reader->folded, 0}, lower = {reader->lower, 0};
	ucs4_t c;
	size_t length;
	word->from = reader->at;
	while ((length = take_character(slice_skip(reader->text, reader->at), &c)) > 0) {
		if (is_invisible(c)) {
			reader->at += length;
			continue;
		}
		if (!is_of_word(c) || is_without_blanks(c))
			break;
		add_character(&folded, &lower, c);
		reader->at += length;
		word->to = reader->at;
	}
	word->folded = slice_make(folded.at, folded.len);
	word->lower = slice_make(lower.at, lower.len);
}

bool query_next_word(struct query_reader *reader, struct query_word *word)
{
	while (reader->at < reader->text.len) {
		ucs4_t c;
		size_t length = take_character(slice_skip(reader->text, reader->at), &c);
		if (length == 0 || !is_of_word(c)) {
			reader->at += length > 0 ? length : 1;
			continue;
		}
		*word = (struct query_word){0};
		if (is_without_blanks(c))
			take_pair(reader, c, length, word);
		else
			take_word(reader, word);
		if (word->folded.len > 0) /* accents alone are no word */
			return true;
	}
	return false;
}
