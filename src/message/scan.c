/* Lenient scanning of structured fields. Pure; cannot fail but for "never closes". */
#include "message/scan.h"

size_t header_scan_quoted(struct slice s, size_t at)
{
	for (size_t i = at + 1; i < s.len; i++) {
		if (s.at[i] == '"')
			return i + 1;
		if (s.at[i] == '\\')
			i++;
	}
	return SLICE_NONE;
}

size_t header_scan_comment(struct slice s, size_t at)
{
	size_t depth = 0;
	for (size_t i = at; i < s.len; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == '(')
			depth++;
		else if (s.at[i] == ')' && --depth == 0)
			return i + 1;
	}
	return SLICE_NONE;
}

/* Behind "=?charset?q?", from `at` on. */
static size_t encoded_text_at(struct slice s, size_t at)
{
	size_t i = at + 2;
	while (i < s.len && i < at + ENCODED_WORD_SCAN_MAX && (unsigned char)s.at[i] > ' ' && !strchr("?\"<>,;:@()", s.at[i]))
		i++;
	bool valid = i > at + 2 && i + 2 < s.len && s.at[i] == '?' && s.at[i + 2] == '?' && s.at[i + 1] != '\0' && strchr("qQbB", s.at[i + 1]);
	return valid ? i + 3 : SLICE_NONE;
}

size_t header_scan_encoded_word(struct slice s, size_t at)
{
	size_t start = slice_starts(slice_skip(s, at), SLICE("=?")) ? encoded_text_at(s, at) : SLICE_NONE;
	if (start == SLICE_NONE)
		return SLICE_NONE;
	for (size_t i = start; i + 1 < s.len && i < at + ENCODED_WORD_SCAN_MAX; i++) {
		if (s.at[i] == '?' && s.at[i + 1] == '=')
			return i + 2;
		if ((unsigned char)s.at[i] < ' ' || s.at[i] == '"' || s.at[i] == '<' || s.at[i] == '>')
			break;
	}
	return SLICE_NONE;
}

char header_scan_clean(char c)
{
	if (c == '\t')
		return ' ';
	return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

size_t header_scan_unescape(struct slice inside, char *out)
{
	size_t len = 0;
	for (size_t i = 0; i < inside.len; i++) {
		if (inside.at[i] == '\\' && i + 1 < inside.len)
			i++;
		if (inside.at[i] != '\r' && inside.at[i] != '\n')
			out[len++] = header_scan_clean(inside.at[i]);
	}
	return len;
}

struct slice header_scan_skip(struct slice s)
{
	size_t i = 0;
	while (i < s.len) {
		if (ascii_is_space(s.at[i])) {
			i++;
			continue;
		}
		if (s.at[i] != '(')
			break;
		/* One that never closes is all the rest: trying again behind each '(' would take quadratic time. */
		size_t end = header_scan_comment(s, i);
		i = end == SLICE_NONE ? s.len : end;
	}
	return slice_skip(s, i);
}
