/* Framing; see frame.h. */
#include "smtp/frame.h"

size_t smtp_frame_line(struct slice input)
{
	size_t end = slice_find(input, SLICE("\r\n"));
	return end == SLICE_NONE ? 0 : end + 2;
}

bool smtp_frame_has_control(struct slice line)
{
	return line.len > 0 && (memchr(line.at, '\r', line.len) || memchr(line.at, '\n', line.len) || memchr(line.at, '\0', line.len));
}

/* Where "\r\n." stands, at `from` or behind; SLICE_NONE: nowhere. Dots are rarer than line ends, and memchr(3) looks at many bytes at
 * a time, where memmem(3) looks at each. */
static size_t find_dot_line(struct slice input, size_t from)
{
	size_t at = from + 2;
	while (at < input.len) {
		size_t dot = slice_find_char(slice_skip(input, at), '.');
		if (dot == SLICE_NONE)
			break;
		at += dot;
		if (input.at[at - 1] == '\n' && input.at[at - 2] == '\r')
			return at - 2;
		at++;
	}
	return SLICE_NONE;
}

/* How many of the last bytes may be the beginning of an end. */
static size_t open_end(struct slice input, bool line_start)
{
	static const struct slice beginnings[] = {{"\r\n.\r", 4}, {"\r\n.", 3}, {"\r\n", 2}, {"\r", 1}};
	if (line_start && (slice_equal(input, SLICE(".")) || slice_equal(input, SLICE(".\r"))))
		return input.len;
	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
		if (input.len >= beginnings[i].len && memcmp(input.at + input.len - beginnings[i].len, beginnings[i].at, beginnings[i].len) == 0)
			return beginnings[i].len;
	return 0;
}

size_t smtp_frame_data(struct slice input, bool line_start, size_t from, bool *ends)
{
	*ends = true;
	if (line_start && slice_starts(input, SLICE(".\r\n")))
		return 3;
	for (size_t at = from; (at = find_dot_line(input, at)) != SLICE_NONE; at += 3)
		if (slice_starts(slice_skip(input, at + 3), SLICE("\r\n")))
			return at + 5;
	*ends = false;
	return input.len - open_end(input, line_start);
}

bool smtp_frame_unstuff(struct slice *rest, bool *line_start, struct slice *text)
{
	if (*line_start && rest->len > 0 && rest->at[0] == '.')
		*rest = slice_skip(*rest, 1);
	if (rest->len == 0)
		return false;
	size_t dot = find_dot_line(*rest, 0);
	size_t len = dot == SLICE_NONE ? rest->len : dot + 2;
	*text = slice_sub(*rest, 0, len);
	*rest = slice_skip(*rest, len);
	*line_start = len >= 2 && memcmp(text->at + len - 2, "\r\n", 2) == 0;
	return true;
}

/* Index of the first LF that stands alone from `at` on; SLICE_NONE if there is none. */
static size_t find_lone_lf(struct slice bytes, size_t at, bool after_cr)
{
	for (;;) {
		size_t found = slice_find_char(slice_skip(bytes, at), '\n');
		if (found == SLICE_NONE)
			return SLICE_NONE;
		at += found;
		if (at > 0 ? bytes.at[at - 1] != '\r' : !after_cr)
			return at;
		at++;
	}
}

bool smtp_frame_needs_mending(struct slice bytes, bool after_cr, bool after_lf)
{
	return after_lf || find_lone_lf(bytes, 0, after_cr) != SLICE_NONE;
}

void smtp_frame_mend(struct slice bytes, bool stuffed, bool after_cr, bool *after_lf, struct buf *out)
{
	while (bytes.len > 0) {
		size_t start = *after_lf && stuffed && bytes.at[0] == '.' ? 1 : 0;
		size_t lf = find_lone_lf(bytes, start, after_cr && start == 0);
		buf_append(out, slice_sub(bytes, start, lf == SLICE_NONE ? SLICE_NONE : lf - start));
		*after_lf = lf != SLICE_NONE;
		if (*after_lf)
			buf_append_text(out, "\r\n");
		bytes = slice_skip(bytes, lf == SLICE_NONE ? bytes.len : lf + 1);
		after_cr = false;
	}
}

/* A line's worth of bytes up to an LF, which stands at `bytes.len`. */
static enum smtp_frame_fault check_line(struct slice bytes, bool after_cr)
{
	const char *cr = bytes.len > 0 ? memchr(bytes.at, '\r', bytes.len) : NULL;
	if (after_cr)
		return bytes.len == 0 ? FRAME_FINE : FRAME_BARE_CR;
	if (!cr)
		return FRAME_BARE_LF;
	return cr == bytes.at + bytes.len - 1 ? FRAME_FINE : FRAME_BARE_CR;
}

enum smtp_frame_fault smtp_frame_check(struct slice bytes, uint64_t line_max, bool *after_cr, uint64_t *line)
{
	if (slice_find_char(bytes, '\0') != SLICE_NONE)
		return FRAME_NUL;
	while (bytes.len > 0) {
		const char *lf = memchr(bytes.at, '\n', bytes.len);
		size_t len = lf ? (size_t)(lf - bytes.at) : bytes.len;
		if (lf) {
			enum smtp_frame_fault fault = check_line(slice_make(bytes.at, len), *after_cr);
			if (fault != FRAME_FINE)
				return fault;
			if (*line + len > line_max + 1) /* the CR counts, the LF doesn't */
				return FRAME_LONG_LINE;
			*after_cr = false;
			*line = 0;
			bytes = slice_skip(bytes, len + 1);
			continue;
		}
		const char *cr = memchr(bytes.at, '\r', len);
		if (*after_cr || (cr && cr != bytes.at + len - 1))
			return FRAME_BARE_CR;
		*after_cr = cr != NULL;
		*line += len;
		return *line > line_max + 1 ? FRAME_LONG_LINE : FRAME_FINE;
	}
	return FRAME_FINE;
}
