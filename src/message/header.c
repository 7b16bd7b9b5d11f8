/* Cutting a header block into fields. A line ends with LF, with or without CR before it; a bare CR is a byte like any
 * other. What isn't a field is still given out, so that nothing of a message is invisible. */
#include "message/header.h"

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

static bool is_continuation(struct slice s)
{
	return s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t');
}

size_t header_length(struct slice message)
{
	struct slice rest = message;
	while (rest.len > 0 && !line_is_empty(rest))
		rest = slice_skip(rest, line_length(rest));
	return message.len - rest.len + (rest.len > 0 ? line_length(rest) : 0);
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

bool header_next(struct slice *rest, struct header_field *field)
{
	if (rest->len == 0 || line_is_empty(*rest))
		return false;
	size_t len = line_length(*rest), name_len;
	while (is_continuation(slice_skip(*rest, len)))
		len += line_length(slice_skip(*rest, len));
	field->whole = slice_sub(*rest, 0, len);
	*rest = slice_skip(*rest, len);
	struct slice text = without_line_end(field->whole);
	size_t colon = find_colon(text, &name_len);
	field->name = slice_sub(text, 0, colon == SLICE_NONE ? 0 : name_len);
	field->body = colon == SLICE_NONE ? text : slice_skip(text, colon + 1);
	return true;
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
