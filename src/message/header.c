/* Cutting a header block into fields. A line ends with LF, with or without CR before it; a bare CR is a byte like any
 * other. The first line that belongs to no field ends the header, as the empty line does: programs forget the empty line, and
 * what follows must be read by everybody as the text that it is. */
#include "message/header.h"

#include "message/scan.h"

enum { SEPARATOR_LINE_MAX = 1000 }; /* a longer line is no mbox separator */

/* Length of the first line with its end. */
static size_t line_length(struct slice s)
{
	size_t at = slice_find_char(s, '\n');
	return at == SLICE_NONE ? s.len : at + 1;
}

static bool line_is_empty(struct slice s)
{
	return slice_starts(s, SLICE("\n")) || slice_starts(s, SLICE("\r\n"));
}

static struct slice without_line_end(struct slice s)
{
	if (s.len > 0 && s.at[s.len - 1] == '\n')
		s.len--;
	if (s.len > 0 && s.at[s.len - 1] == '\r')
		s.len--;
	return s;
}

/* Field names are printable ASCII without a colon (RFC 5322 §3.6.8); white space before the colon is obsolete syntax
 * (§4.5). Returns the index of the colon, SLICE_NONE if the line isn't a field. */
static size_t find_colon(struct slice line, size_t *name_len)
{
	size_t i = 0;
	while (i < line.len && line.at[i] > ' ' && line.at[i] < 0x7f && line.at[i] != ':')
		i++;
	*name_len = i;
	while (i < line.len && (line.at[i] == ' ' || line.at[i] == '\t'))
		i++;
	return i < line.len && line.at[i] == ':' && *name_len > 0 ? i : SLICE_NONE;
}

static bool is_continuation(struct slice s)
{
	return s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t');
}

static bool is_time(struct slice s)
{
	return s.len >= 5 && ascii_is_digit(s.at[0]) && ascii_is_digit(s.at[1]) && s.at[2] == ':' && ascii_is_digit(s.at[3]) && ascii_is_digit(s.at[4]);
}

/* "From ann@remote.test Mon Nov  2 10:00:00 2026", also quoted: an mbox's separator, which some programs leave in a message and
 * others put fields before. It holds nothing, and ends nothing. */
static bool is_separator(struct slice line)
{
	line = slice_skip(line, slice_starts(line, SLICE(">")));
	if (!slice_starts(line, SLICE("From ")) || line.len > SEPARATOR_LINE_MAX)
		return false;
	for (size_t i = 5; i < line.len; i++)
		if (is_time(slice_skip(line, i)))
			return true;
	return false;
}

enum header_line header_line(struct slice line, bool first)
{
	size_t name_len;
	if (line_is_empty(line))
		return HEADER_EMPTY;
	if (is_continuation(line))
		return first ? HEADER_NONE : HEADER_MORE;
	if (find_colon(line, &name_len) != SLICE_NONE)
		return HEADER_FIELD;
	return is_separator(line) ? HEADER_SEPARATOR : HEADER_NONE;
}

bool header_next(struct slice *rest, struct header_field *field)
{
	size_t len = line_length(*rest), name_len;
	enum header_line kind = header_line(slice_sub(*rest, 0, len), true);
	if (len == 0 || kind == HEADER_EMPTY || kind == HEADER_NONE)
		return false;
	while (is_continuation(slice_skip(*rest, len)))
		len += line_length(slice_skip(*rest, len));
	field->whole = slice_sub(*rest, 0, len);
	*rest = slice_skip(*rest, len);
	struct slice text = without_line_end(field->whole);
	size_t colon = kind == HEADER_FIELD ? find_colon(text, &name_len) : SLICE_NONE;
	field->name = slice_sub(text, 0, colon == SLICE_NONE ? 0 : name_len);
	field->body = colon == SLICE_NONE ? text : slice_skip(text, colon + 1);
	return true;
}

size_t header_length(struct slice message)
{
	struct slice rest = message;
	struct header_field field;
	while (header_next(&rest, &field))
		;
	return message.len - rest.len + (line_is_empty(rest) ? line_length(rest) : 0);
}

bool header_is_ended(struct slice message, size_t length)
{
	struct slice header = slice_sub(message, 0, length);
	size_t before = header.len > 0 ? slice_find_last_char(slice_sub(header, 0, header.len - 1), '\n') : SLICE_NONE;
	return header.len > 0 && line_is_empty(slice_skip(header, before == SLICE_NONE ? 0 : before + 1));
}

bool header_find(struct slice header, struct slice name, struct header_field *field)
{
	while (header_next(&header, field))
		if (field->name.len > 0 && slice_equal_nocase(field->name, name))
			return true;
	return false;
}

struct slice header_unfold(struct slice body, struct arena *arena)
{
	body = slice_trim(body);
	char *out = arena_alloc(arena, body.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < body.len; i++)
		if (body.at[i] != '\r' && body.at[i] != '\n' && body.at[i] != '\0')
			out[len++] = body.at[i];
	return slice_make(out, len);
}

struct slice header_results_by(struct slice body, struct arena *arena)
{
	struct slice rest = header_scan_skip(body);
	size_t len = slice_starts(rest, SLICE("\"")) ? header_scan_quoted(rest, 0) : SLICE_NONE;
	char *out = arena_alloc(arena, rest.len + 1);
	if (len != SLICE_NONE)
		len = header_scan_unescape(slice_sub(rest, 1, len - 2), out);
	else
		for (len = 0; len < rest.len && rest.at[len] > ' ' && !strchr("/;()<>@,:\\\"[]?=", rest.at[len]); len++)
			out[len] = rest.at[len];
	len -= len > 0 && out[len - 1] == '.';
	return slice_make(out, len);
}
