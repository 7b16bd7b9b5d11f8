/* Bodies in chunks: see chunk.h. */
#include "http/chunk.h"

#include "http/head.h"

size_t http_chunk_length(const struct http_chunks *chunks, struct slice input)
{
	if (chunks->part == HTTP_CHUNK_DATA)
		return input.len < chunks->left ? input.len : (size_t)chunks->left;
	if (chunks->part == HTTP_CHUNK_END)
		return input.len < 2 ? 0 : 2;
	size_t most = chunks->part == HTTP_CHUNK_SIZE ? HTTP_CHUNK_LINE_MAX : HTTP_TRAILER_MAX;
	struct slice line = slice_sub(input, 0, most);
	size_t end = slice_find_char(line, '\n');
	return end != SLICE_NONE ? end + 1 : line.len == most ? most : 0;
}

/* Takes the CRLF off; false: the unit has none, or a control character elsewhere. */
static bool is_line(struct slice unit, struct slice *line)
{
	if (unit.len < 2 || unit.at[unit.len - 1] != '\n' || unit.at[unit.len - 2] != '\r')
		return false;
	*line = slice_sub(unit, 0, unit.len - 2);
	return http_is_text(*line);
}

/* A field of a trailer, which is forgotten; but none that says where a request ends or whom it is for (RFC 9110 §6.5.1). */
static bool is_trailer(struct slice line)
{
	static const char *const framing[] = {"Transfer-Encoding", "Content-Length", "Host"};
	struct http_field field;
	if (!http_field_parse(line, &field))
		return false;
	for (size_t i = 0; i < sizeof framing / sizeof *framing; i++)
		if (slice_equal_nocase(field.name, slice_of(framing[i])))
			return false;
	return true;
}

/* "1a2b" or "1a2b;extension", which has no meaning for anybody here. */
static bool parse_size(struct slice line, uint64_t *size)
{
	struct slice digits, extension;
	slice_cut(line, ';', &digits, &extension);
	*size = 0;
	for (size_t i = 0; i < digits.len; i++) {
		int value = ascii_hex_value(digits.at[i]);
		if (value < 0 || i == HTTP_CHUNK_DIGITS_MAX)
			return false;
		*size = *size * 16 + (uint64_t)value;
	}
	return digits.len > 0;
}

enum http_chunk http_chunk_take(struct http_chunks *chunks, struct slice unit, struct slice *data)
{
	struct slice line;
	*data = (struct slice){0};
	switch (chunks->part) {
	case HTTP_CHUNK_DATA:
		*data = unit;
		chunks->left -= unit.len;
		if (chunks->left == 0)
			chunks->part = HTTP_CHUNK_END;
		return HTTP_CHUNK_MORE;
	case HTTP_CHUNK_END:
		chunks->part = HTTP_CHUNK_SIZE;
		return slice_equal(unit, SLICE("\r\n")) ? HTTP_CHUNK_MORE : HTTP_CHUNK_BROKEN;
	case HTTP_CHUNK_SIZE:
		if (!is_line(unit, &line) || !parse_size(line, &chunks->left))
			return HTTP_CHUNK_BROKEN;
		chunks->part = chunks->left > 0 ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
		return HTTP_CHUNK_MORE;
	case HTTP_CHUNK_TRAILER:
		chunks->trailer += unit.len;
		if (!is_line(unit, &line) || chunks->trailer > HTTP_TRAILER_MAX)
			return HTTP_CHUNK_BROKEN;
		if (slice_empty(line))
			return HTTP_CHUNK_DONE;
		return is_trailer(line) ? HTTP_CHUNK_MORE : HTTP_CHUNK_BROKEN;
	}
	return HTTP_CHUNK_BROKEN;
}
