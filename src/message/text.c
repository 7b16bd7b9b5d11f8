/* Unicode text, by libunistring. Whatever isn't UTF-8 is never handed to it. */
#include "message/text.h"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "message/mime.h"

static const struct slice REPLACEMENT = {"\xef\xbf\xbd", 3};

struct slice text_lower_ascii(struct slice s, struct arena *arena)
{
	char *copy = arena_text(arena, s);
	for (size_t i = 0; i < s.len; i++)
		copy[i] = ascii_lower(copy[i]);
	return slice_make(copy, s.len);
}

struct slice text_normal(struct slice utf8, struct arena *arena)
{
	size_t len = 0;
	uint8_t *normal = u8_normalize(UNINORM_NFC, (const uint8_t *)utf8.at, utf8.len, NULL, &len);
	if (!normal)
		return arena_copy(arena, utf8);
	struct slice result = arena_copy(arena, slice_make((const char *)normal, len));
	free(normal);
	return result;
}

/* Normal form before and after: forms that are canonically equivalent must meet. */
struct slice text_lower(struct slice utf8, struct arena *arena)
{
	if (slice_is_ascii(utf8) || !slice_is_utf8(utf8))
		return text_lower_ascii(utf8, arena);
	utf8 = text_normal(utf8, arena);
	const uint8_t *at = (const uint8_t *)utf8.at, *end = at + utf8.len;
	enum { CHARACTER_MAX = 4 };
	uint8_t *lower = arena_array(arena, utf8.len, CHARACTER_MAX);
	size_t len = 0;
	while (at < end) {
		ucs4_t c;
		at += u8_mbtoucr(&c, at, (size_t)(end - at));
		len += (size_t)u8_uctomb(lower + len, uc_tolower(c), CHARACTER_MAX);
	}
	return text_normal(slice_make((const char *)lower, len), arena);
}

bool text_append_utf8(struct slice bytes, struct buf *out)
{
	if (slice_is_ascii(bytes))
		return buf_append(out, bytes);
	while (bytes.len > 0) {
		const uint8_t *bad = u8_check((const uint8_t *)bytes.at, bytes.len);
		size_t good = bad ? (size_t)(bad - (const uint8_t *)bytes.at) : bytes.len;
		if (!buf_append(out, slice_sub(bytes, 0, good)))
			return false;
		if (bad && !buf_append(out, REPLACEMENT))
			return false;
		bytes = slice_skip(bytes, good + 1);
	}
	return true;
}

bool text_append_unknown(struct slice bytes, struct buf *out)
{
	return slice_is_utf8(bytes) ? buf_append(out, bytes) : charset_to_utf8(SLICE("windows-1252"), bytes, out);
}

size_t text_clean(char *at, size_t len)
{
	size_t out = 0;
	for (size_t i = 0; i < len; i++) {
		bool c1 = (unsigned char)at[i] == 0xc2 && i + 1 < len && (unsigned char)at[i + 1] < 0xa0;
		bool control = (unsigned char)at[i] < 0x20 || at[i] == 0x7f;
		if (c1)
			i++;
		at[out++] = (char)(c1 || control ? ' ' : at[i]);
	}
	return out;
}

bool text_has_controls(struct slice utf8)
{
	for (size_t i = 0; i < utf8.len; i++) {
		struct slice rest = slice_skip(utf8, i);
		if ((unsigned char)utf8.at[i] < 0x20 || utf8.at[i] == 0x7f)
			return true;
		if ((unsigned char)utf8.at[i] == 0xc2 && rest.len > 1 && (unsigned char)rest.at[1] < 0xa0)
			return true;
		if (slice_starts(rest, SLICE("\xe2\x80\xa8")) || slice_starts(rest, SLICE("\xe2\x80\xa9")))
			return true;
	}
	return false;
}

/* Replaces what isn't UTF-8, so that the rest can still be found. */
static struct slice valid_copy(struct slice bytes, struct arena *arena)
{
	struct buf valid = BUF(bytes.len * REPLACEMENT.len);
	text_append_utf8(bytes, &valid);
	struct slice result = arena_copy(arena, buf_slice(&valid));
	buf_free(&valid);
	return result;
}

/* Characters that fold one by one, whatever stands beside them, so that a text of only these needs no normalizer: most of
 * Latin, Cyrillic without its combining marks, punctuation, CJK, Hangul, pictures. Letters outside of it (ß, İ, Greek with
 * its final sigma) fold to several, or compose. */
static bool folds_alone(ucs4_t c)
{
	static const struct { ucs4_t first, last; } ranges[] = {
		{0x00, 0xb4}, {0xb6, 0xde}, {0xe0, 0x12f}, {0x134, 0x148}, {0x14a, 0x17e}, {0x400, 0x482}, {0x48a, 0x52f}, {0x2010, 0x2027},
		{0x2030, 0x205e}, {0x20a0, 0x20c0}, {0x3002, 0x3029}, {0x3041, 0x3096}, {0x30a1, 0x30fa}, {0x4e00, 0x9fff}, {0xac00, 0xd7a3},
		{0xfe0f, 0xfe0f}, {0x1f300, 0x1faff},
	};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (c <= ranges[i].last)
			return c >= ranges[i].first;
	return false;
}

/* Folds valid UTF-8 of such characters; false if another one is in it. No character grows by its folding. */
static bool fold_simple(struct slice utf8, struct arena *arena, struct slice *folded)
{
	const uint8_t *at = (const uint8_t *)utf8.at, *end = at + utf8.len;
	uint8_t *start = arena_alloc(arena, utf8.len + 1), *out = start;
	while (at < end) {
		ucs4_t c = *at;
		if (c < 0x80) {
			*out++ = (uint8_t)ascii_lower((char)c);
			at++;
			continue;
		}
		int len = u8_mbtouc_unsafe(&c, at, (size_t)(end - at));
		if (!folds_alone(c))
			return false;
		if (c < 0x2000)
			c = uc_tolower(c);
		at += len;
		out += u8_uctomb(out, c, (ptrdiff_t)(end - at) + len);
	}
	*folded = slice_make((const char *)start, (size_t)(out - start));
	return true;
}

struct slice text_fold(struct slice utf8, struct arena *arena)
{
	struct slice simple;
	if (slice_is_ascii(utf8))
		return text_lower_ascii(utf8, arena);
	if (!slice_is_utf8(utf8))
		utf8 = valid_copy(utf8, arena);
	if (fold_simple(utf8, arena, &simple))
		return simple;
	size_t len = 0;
	uint8_t *folded = u8_casefold((const uint8_t *)utf8.at, utf8.len, NULL, UNINORM_NFC, NULL, &len);
	if (!folded)
		return text_lower_ascii(utf8, arena);
	struct slice result = arena_copy(arena, slice_make((const char *)folded, len));
	free(folded);
	return result;
}

struct slice text_fold_blanks(struct slice utf8, struct arena *arena)
{
	struct slice folded = text_fold(utf8, arena);
	char *at = (char *)folded.at; /* in the arena */
	size_t len = 0;
	for (size_t i = 0; i < folded.len; i++)
		if (!ascii_is_space(at[i]))
			at[len++] = at[i];
		else if (len == 0 || at[len - 1] != ' ')
			at[len++] = ' ';
	return slice_make(at, len);
}
