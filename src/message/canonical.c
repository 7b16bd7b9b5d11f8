/* Mending line ends and NULs. Mail that is right already, nearly all of it, is only looked at. */
#include "message/canonical.h"

enum { RIGHT_STEP = 64 };

/* ---- where the header ends ---- */

/* "From ann@remote.test Mon Nov …", also quoted: the separator of an mbox, which is no field and ends no header. */
static bool is_separator(const struct canonical *canonical)
{
	struct slice begin = slice_make(canonical->begin, canonical->length);
	return slice_starts(begin, SLICE("From ")) || slice_starts(begin, SLICE(">From "));
}

static void end_header_line(struct canonical *canonical)
{
	canonical->in_body = canonical->line != CANONICAL_FIELD && !is_separator(canonical);
	canonical->line = CANONICAL_START;
	canonical->length = 0;
}

/* What a byte of a header's line says about the line; line ends excepted. */
static void take_header_byte(struct canonical *canonical, char c)
{
	bool blank = c == ' ' || c == '\t';
	if (canonical->length < sizeof canonical->begin)
		canonical->begin[canonical->length++] = c;
	switch (canonical->line) {
	case CANONICAL_START:
		canonical->line = blank ? CANONICAL_FIELD : CANONICAL_NAME; /* a fold */
		break;
	case CANONICAL_NAME:
		canonical->line = c == ':' ? CANONICAL_FIELD : blank ? CANONICAL_BLANK : CANONICAL_NAME;
		break;
	case CANONICAL_BLANK:
		canonical->line = c == ':' ? CANONICAL_FIELD : CANONICAL_BLANK;
		break;
	case CANONICAL_FIELD:
		break;
	}
}

/* ---- bytes ---- */

/* A CR LF that is right, or has just been made so. */
static void count_line_end(struct canonical *canonical)
{
	if (canonical->in_body)
		return;
	canonical->header += 2;
	end_header_line(canonical);
}

static void count_byte(struct canonical *canonical, char c)
{
	if (canonical->in_body)
		return;
	canonical->header++;
	take_header_byte(canonical, c);
}

static bool is_plain(char c)
{
	return c != '\r' && c != '\n' && c != '\0';
}

/* Where a CR is, the next byte is an LF, and nowhere else; none is NUL. The one before the first is looked at, too. Without a branch, and
 * in steps of one size: compilers make it many bytes at a time. */
static bool step_is_right(const char *at)
{
	unsigned char wrong = 0;
	for (int i = 0; i < RIGHT_STEP; i++)
		wrong |= (unsigned char)(((at[i - 1] == '\r') ^ (at[i] == '\n')) | (at[i] == '\0'));
	return wrong == 0;
}

bool canonical_is_right(struct slice bytes)
{
	size_t at = 1;
	if (bytes.len == 0)
		return true;
	if (bytes.at[0] == '\n' || bytes.at[0] == '\0' || bytes.at[bytes.len - 1] == '\r')
		return false;
	for (; bytes.len - at >= RIGHT_STEP; at += RIGHT_STEP)
		if (!step_is_right(bytes.at + at))
			return false;
	for (; at < bytes.len; at++)
		if ((bytes.at[at - 1] == '\r') != (bytes.at[at] == '\n') || bytes.at[at] == '\0')
			return false;
	return true;
}

size_t canonical_skip(struct canonical *canonical, struct slice bytes)
{
	size_t at = 0;
	bool looked = false; /* at all that is left, which is a body's */
	if (canonical->crs > 0)
		return 0;
	for (; at < bytes.len; at++) {
		char c = bytes.at[at];
		if (canonical->in_body && !looked && canonical_is_right(slice_skip(bytes, at)))
			return bytes.len;
		looked |= canonical->in_body;
		if (canonical->in_body && (unsigned char)c > '\r')
			continue;
		if (is_plain(c)) {
			count_byte(canonical, c);
			continue;
		}
		if (c != '\r' || at + 1 == bytes.len || bytes.at[at + 1] != '\n')
			break;
		at++;
		count_line_end(canonical);
	}
	return at;
}

/* CRs that no LF has followed. */
static void write_lone(struct canonical *canonical, struct buf *out)
{
	for (; canonical->crs > 0; canonical->crs--) {
		bool body = canonical->in_body;
		buf_append_text(out, body ? "\r\n" : " ");
		if (!body)
			count_byte(canonical, ' ');
	}
}

static void write_line_end(struct canonical *canonical, struct buf *out)
{
	canonical->crs = 0;
	buf_append_text(out, "\r\n");
	count_line_end(canonical);
}

void canonical_write(struct canonical *canonical, struct slice bytes, struct buf *out)
{
	while (bytes.len > 0) {
		if (canonical->crs > 0 && bytes.at[0] != '\r' && bytes.at[0] != '\n')
			write_lone(canonical, out);
		size_t clean = canonical_skip(canonical, bytes);
		buf_append(out, slice_sub(bytes, 0, clean));
		bytes = slice_skip(bytes, clean);
		if (bytes.len == 0)
			return;
		if (bytes.at[0] == '\r') {
			canonical->crs++;
		} else if (bytes.at[0] == '\n') {
			write_line_end(canonical, out);
		} else if (bytes.at[0] == '\0') {
			buf_append_char(out, '\x80');
			count_byte(canonical, '\x80');
			canonical->nuls++;
		}
		bytes = slice_skip(bytes, bytes.len > 0 && !is_plain(bytes.at[0]));
	}
}

/* Whatever they were before, at the end they end the last line. */
void canonical_end(struct canonical *canonical, struct buf *out)
{
	if (canonical->crs > 0)
		write_line_end(canonical, out);
}
