/* Slices: comparing, searching and cutting runs of bytes. Pure; nothing here allocates. */
#include "base/slice.h"

struct slice slice_of(const char *text)
{
	return text ? slice_make(text, strlen(text)) : slice_make(NULL, 0);
}

bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.at[i]) != ascii_lower(b.at[i]))
			return false;
	return true;
}

int slice_compare(struct slice a, struct slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common ? memcmp(a.at, b.at, common) : 0;
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return slice_equal(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
	return slice_equal_nocase(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_ends_nocase(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && slice_equal_nocase(slice_skip(s, s.len - suffix.len), suffix);
}

struct slice slice_sub(struct slice s, size_t from, size_t len)
{
	if (from >= s.len)
		return slice_make(s.at ? s.at + s.len : NULL, 0);
	size_t rest = s.len - from;
	return slice_make(s.at + from, len < rest ? len : rest);
}

struct slice slice_skip(struct slice s, size_t n)
{
	return slice_sub(s, n, s.len);
}

struct slice slice_trim(struct slice s)
{
	while (s.len > 0 && ascii_is_space(s.at[0]))
		s = slice_skip(s, 1);
	while (s.len > 0 && ascii_is_space(s.at[s.len - 1]))
		s.len--;
	return s;
}

size_t slice_find_char(struct slice s, char c)
{
	const char *hit = s.len ? memchr(s.at, c, s.len) : NULL;
	return hit ? (size_t)(hit - s.at) : SLICE_NONE;
}

size_t slice_find_last_char(struct slice s, char c)
{
	const char *hit = s.len ? memrchr(s.at, c, s.len) : NULL;
	return hit ? (size_t)(hit - s.at) : SLICE_NONE;
}

size_t slice_find(struct slice s, struct slice needle)
{
	if (needle.len == 0)
		return 0;
	const char *hit = s.len ? memmem(s.at, s.len, needle.at, needle.len) : NULL;
	return hit ? (size_t)(hit - s.at) : SLICE_NONE;
}

size_t slice_find_nocase(struct slice s, struct slice needle)
{
	for (size_t i = 0; i + needle.len <= s.len; i++)
		if (slice_equal_nocase(slice_sub(s, i, needle.len), needle))
			return i;
	return SLICE_NONE;
}

bool slice_cut(struct slice s, char c, struct slice *before, struct slice *after)
{
	size_t at = slice_find_char(s, c);
	if (at == SLICE_NONE) {
		*before = s;
		*after = slice_sub(s, s.len, 0);
		return false;
	}
	*before = slice_sub(s, 0, at);
	*after = slice_skip(s, at + 1);
	return true;
}

bool slice_has_word_nocase(struct slice words, struct slice word)
{
	while (words.len > 0) {
		struct slice next;
		slice_cut(words, ' ', &next, &words);
		if (slice_equal_nocase(next, word))
			return true;
	}
	return false;
}

bool slice_to_number(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.at[i]))
			return false;
		uint64_t digit = (uint64_t)(s.at[i] - '0');
		if (n > (max - (digit < max ? digit : max)) / 10)
			return false;
		n = n * 10 + digit;
		if (n > max)
			return false;
	}
	*out = n;
	return true;
}

/* How many bytes at the start are ASCII: eight at a time, since every byte of a message passes here more than once. */
static size_t ascii_length(struct slice s)
{
	static const uint64_t high = 0x8080808080808080;
	uint64_t eight;
	size_t len = 0;
	while (len + sizeof eight <= s.len && (memcpy(&eight, s.at + len, sizeof eight), eight & high) == 0)
		len += sizeof eight;
	while (len < s.len && (unsigned char)s.at[len] < 0x80)
		len++;
	return len;
}

bool slice_is_ascii(struct slice s)
{
	return ascii_length(s) == s.len;
}

bool slice_is_printable(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < ' ' || (unsigned char)s.at[i] >= 0x7f)
			return false;
	return true;
}

/* Length of the well-formed UTF-8 sequence at the start of `s`, or 0. The second byte's range excludes overlong forms,
 * surrogates and what lies beyond U+10FFFF (RFC 3629 §4). */
static size_t utf8_sequence(struct slice s)
{
	unsigned char first = (unsigned char)s.at[0], low = 0x80, high = 0xbf;
	size_t len;
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		len = 2;
	else if (first >= 0xe0 && first <= 0xef)
		len = 3;
	else if (first >= 0xf0 && first <= 0xf4)
		len = 4;
	else
		return 0;
	if (first == 0xe0)
		low = 0xa0;
	if (first == 0xed)
		high = 0x9f;
	if (first == 0xf0)
		low = 0x90;
	if (first == 0xf4)
		high = 0x8f;
	if (s.len < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if (c < low || c > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

bool slice_is_utf8(struct slice s)
{
	while ((s = slice_skip(s, ascii_length(s))).len > 0) {
		size_t len = utf8_sequence(s);
		if (len == 0)
			return false;
		s = slice_skip(s, len);
	}
	return true;
}
