/* Writing and reading of Authentication-Results. */
#include "authres/authres.h"

#include "base/array.h"
#include "message/header.h"

enum { LINE_COLUMNS = 76, COMMENT_DEPTH_MAX = 32 };

/* ---- writing ---- */

/* Of a token (RFC 2045 §5.1); and '@', since addresses stand as they are (RFC 8601 §2.2, pvalue); and UTF-8 (RFC 8601 §5). */
static bool is_plain(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];
		if (c <= ' ' || c == 0x7f || strchr("()<>,;:\\\"/[]?=", c))
			return false;
	}
	return value.len > 0;
}

/* What a value may hold: no control characters, and UTF-8 or nothing. */
static struct slice cleaned(struct slice value, struct arena *arena)
{
	value = slice_trim(slice_sub(value, 0, AUTHRES_VALUE_MAX));
	while (value.len > 0 && ((unsigned char)value.at[value.len - 1] & 0xc0) == 0x80 && !slice_is_utf8(value))
		value.len--; /* it was cut in a character */
	if (value.len > 0 && (unsigned char)value.at[value.len - 1] >= 0xc0)
		value.len--;
	bool utf8 = slice_is_utf8(value);
	char *out = arena_alloc(arena, value.len + 1);
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];
		out[i] = c < ' ' || c == 0x7f || (c >= 0x80 && !utf8) ? '?' : (char)c;
	}
	return slice_make(out, value.len);
}

/* Between `open` and `close`, with a backslash before what would end it. */
static struct slice enclosed(struct slice value, char open, char close, struct arena *arena)
{
	struct buf out = BUF(AUTHRES_VALUE_MAX * 2 + 2);
	buf_append_char(&out, open);
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == open || value.at[i] == close || value.at[i] == '\\')
			buf_append_char(&out, '\\');
		buf_append_char(&out, value.at[i]);
	}
	buf_append_char(&out, close);
	struct slice result = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return result;
}

static struct slice quoted(struct slice value, struct arena *arena)
{
	value = cleaned(value, arena);
	return is_plain(value) ? value : enclosed(value, '"', '"', arena);
}

/* A word behind a space, or on a new line if this one is full. */
static void put_word(struct buf *out, struct slice word)
{
	size_t line = slice_find_last_char(buf_slice(out), '\n');
	size_t column = out->len - (line == SLICE_NONE ? 0 : line + 1);
	buf_append_text(out, column > 1 && column + 1 + word.len > LINE_COLUMNS ? "\r\n\t" : " ");
	buf_append(out, word);
}

static void put_result(struct buf *out, const struct authres_result *result, struct arena *arena)
{
	buf_printf(out, ";\r\n\t%.*s=%.*s", SLICE_ARG(result->method), SLICE_ARG(result->result));
	if (result->comment.len > 0)
		put_word(out, enclosed(cleaned(result->comment, arena), '(', ')', arena));
	struct slice reason = enclosed(cleaned(result->reason, arena), '"', '"', arena);
	if (result->reason.len > 0)
		put_word(out, arena_printf(arena, "reason=%.*s", SLICE_ARG(reason)));
	for (size_t i = 0; i < result->count; i++) {
		const struct authres_property *property = &result->properties[i];
		struct slice value = quoted(property->value, arena);
		if (property->value.len > 0)
			put_word(out, arena_printf(arena, "%.*s.%.*s=%.*s", SLICE_ARG(property->type), SLICE_ARG(property->name), SLICE_ARG(value)));
	}
}

void authres_write_body(struct slice by, const struct authres_result *results, size_t count, struct buf *out)
{
	struct arena *arena = arena_new();
	put_word(out, quoted(by, arena));
	for (size_t i = 0; i < count; i++)
		put_result(out, &results[i], arena);
	if (count == 0)
		buf_append_text(out, "; none");
	buf_append_text(out, "\r\n");
	arena_free(&arena);
}

void authres_write(struct slice by, const struct authres_result *results, size_t count, struct buf *out)
{
	buf_append_text(out, "Authentication-Results:");
	authres_write_body(by, results, count, out);
}

/* ---- reading ---- */

struct reader {
	struct slice rest;
	char *room; /* for words: together they are no longer than the field */
	bool broken;
};

static void skip_comment(struct reader *reader)
{
	size_t depth = 0;
	while (reader->rest.len > 0) {
		char c = reader->rest.at[0];
		reader->rest = slice_skip(reader->rest, c == '\\' ? 2 : 1);
		depth += c == '(';
		depth -= c == ')';
		if (depth == 0)
			return;
		reader->broken |= depth > COMMENT_DEPTH_MAX;
	}
	reader->broken = true; /* it doesn't end */
}

static void skip_blank(struct reader *reader)
{
	while (!reader->broken && reader->rest.len > 0 && (ascii_is_space(reader->rest.at[0]) || reader->rest.at[0] == '(')) {
		if (reader->rest.at[0] == '(')
			skip_comment(reader);
		else
			reader->rest = slice_skip(reader->rest, 1);
	}
}

static bool next_is(struct reader *reader, char c)
{
	skip_blank(reader);
	if (reader->broken || reader->rest.len == 0 || reader->rest.at[0] != c)
		return false;
	reader->rest = slice_skip(reader->rest, 1);
	return true;
}

/* Appends the inside of the quoted string that begins here. */
static void read_quoted(struct reader *reader, size_t *len)
{
	for (reader->rest = slice_skip(reader->rest, 1); reader->rest.len > 0; reader->rest = slice_skip(reader->rest, 1)) {
		if (reader->rest.at[0] == '"') {
			reader->rest = slice_skip(reader->rest, 1);
			return;
		}
		if (reader->rest.at[0] == '\\')
			reader->rest = slice_skip(reader->rest, 1);
		if (reader->rest.len > 0 && reader->rest.at[0] != '\r' && reader->rest.at[0] != '\n')
			reader->room[(*len)++] = reader->rest.at[0];
	}
	reader->broken = true;
}

/* A run of quoted strings and of bytes that aren't in `ends`; blank: there is none. */
static struct slice read_word(struct reader *reader, const char *ends)
{
	size_t len = 0;
	skip_blank(reader);
	size_t before = reader->rest.len;
	while (!reader->broken && reader->rest.len > 0 && (unsigned char)reader->rest.at[0] > ' ' && !strchr(ends, reader->rest.at[0])) {
		if (reader->rest.at[0] == '"') {
			read_quoted(reader, &len);
			continue;
		}
		reader->room[len++] = reader->rest.at[0];
		reader->rest = slice_skip(reader->rest, 1);
	}
	reader->broken |= reader->rest.len == before;
	struct slice word = slice_make(reader->room, len);
	reader->room += len;
	return word;
}

static const char key_ends[] = ";()=\"", value_ends[] = ";()";

/* "reason=…", "smtp.mailfrom=…" */
static void read_property(struct reader *reader, struct authres_result *result)
{
	struct slice key = slice_trim(read_word(reader, key_ends)), type, name;
	reader->broken |= !next_is(reader, '=');
	struct slice value = reader->broken ? (struct slice){0} : read_word(reader, value_ends);
	if (slice_equal_nocase(key, SLICE("reason")))
		result->reason = value;
	else if (!slice_cut(key, '.', &type, &name))
		reader->broken = true;
	else if (result->count < AUTHRES_PROPERTIES_MAX)
		result->properties[result->count++] = (struct authres_property){.type = type, .name = name, .value = value};
}

static void read_result(struct reader *reader, struct authres_result *result)
{
	struct slice version;
	struct slice method = read_word(reader, key_ends);
	slice_cut(method, '/', &result->method, &version);
	reader->broken |= !next_is(reader, '=');
	if (!reader->broken)
		result->result = read_word(reader, value_ends);
	for (skip_blank(reader); !reader->broken && reader->rest.len > 0 && reader->rest.at[0] != ';'; skip_blank(reader))
		read_property(reader, result);
}

static bool is_none(struct reader *reader)
{
	struct reader ahead = *reader; /* what it writes is written over */
	struct slice word = read_word(&ahead, key_ends);
	skip_blank(&ahead);
	return !ahead.broken && ahead.rest.len == 0 && slice_equal_nocase(word, SLICE("none"));
}

bool authres_read(struct slice body, struct arena *arena, struct slice *by, struct authres_result **results, size_t *count)
{
	struct reader reader = {.rest = slice_sub(body, 0, AUTHRES_FIELD_MAX), .room = arena_alloc(arena, body.len + 1), .broken = body.len > AUTHRES_FIELD_MAX};
	size_t room = 0;
	*results = NULL;
	*count = 0;
	*by = header_results_by(reader.rest, arena);
	read_word(&reader, value_ends);
	skip_blank(&reader);
	if (reader.rest.len > 0 && ascii_is_digit(reader.rest.at[0]))
		read_word(&reader, value_ends); /* a version: there is but one */
	if (!reader.broken && next_is(&reader, ';') && is_none(&reader))
		return true;
	while (!reader.broken && *count < AUTHRES_RESULTS_MAX) {
		ARENA_GROW(arena, *results, *count, room);
		read_result(&reader, &(*results)[(*count)++]);
		if (!next_is(&reader, ';'))
			break;
		skip_blank(&reader);
		if (reader.rest.len == 0)
			break; /* many end so */
	}
	skip_blank(&reader);
	reader.broken |= reader.rest.len > 0;
	if (reader.broken)
		*count = 0;
	return !reader.broken;
}
