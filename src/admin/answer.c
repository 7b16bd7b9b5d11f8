/* What is answered, as JSON; see codes.h. */
#include <jansson.h>
#include <stdlib.h>

#include "admin/codes.h"
#include "base/memory.h"

const struct admin_code_row admin_code_rows[ADMIN_CODES] = {
#define ADMIN_CODE(NAME, name, status, about) {name, status, about},
#include "admin/codes.def"
#undef ADMIN_CODE
};

enum admin_code admin_code_of(enum error_kind kind)
{
	switch (kind) {
	case ERROR_TEMPORARY:
	case ERROR_INTERRUPTED:
		return ADMIN_TEMPORARY;
	case ERROR_INVALID:
		return ADMIN_INVALID;
	case ERROR_NOT_FOUND:
		return ADMIN_NOT_FOUND;
	case ERROR_EXISTS:
		return ADMIN_EXISTS;
	case ERROR_DENIED:
		return ADMIN_REFUSED;
	case ERROR_LIMIT:
		return ADMIN_LIMIT;
	case ERROR_FULL:
		return ADMIN_DISK_FULL;
	case ERROR_NONE:
		break;
	}
	return ADMIN_FAILED;
}

static json_t *json_of(struct slice text)
{
	if (slice_is_utf8(text))
		return json_stringn(text.at ? text.at : "", text.len);
	char *copy = memory_copy(text.at, text.len);
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	json_t *value = json_stringn(copy, text.len);
	free(copy);
	return value;
}

static void append_json(struct buf *out, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		memory_exhausted(0);
	buf_append_text(out, text);
	free(text);
	json_decref(value);
}

void admin_write_error(struct buf *out, enum admin_code code, struct slice message)
{
	append_json(out, json_pack("{s:{s:s, s:o}}", "error", "code", admin_code_rows[code].name, "message", json_of(message)));
}

static json_t *list_lines(struct slice text)
{
	json_t *list = json_array();
	struct slice line;
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		if (line.len > 0)
			json_array_append_new(list, json_of(line));
	}
	return list;
}

/* What a command prints as JSON is one list or object, and goes on as it is. Some rows have JSON for what they show, and a word for what they have done. */
void admin_write_done(struct buf *out, struct slice output, bool json, struct slice notes)
{
	struct slice value = slice_trim(output);
	json = json && (value.len == 0 || value.at[0] == '[' || value.at[0] == '{');
	buf_append_text(out, json ? "{\"result\":" : "{\"text\":");
	if (!json)
		append_json(out, json_of(output));
	else if (value.len == 0)
		buf_append_text(out, "null");
	else
		buf_append(out, value);
	buf_append_text(out, ",\"notes\":");
	append_json(out, list_lines(notes));
	buf_append_char(out, '}');
}

struct slice admin_last_line(struct slice notes, const char *command)
{
	struct slice text = slice_trim(notes), name = slice_of(command);
	size_t start = slice_find_last_char(text, '\n');
	struct slice line = start == SLICE_NONE ? text : slice_skip(text, start + 1), rest = line;
	if (!slice_starts(rest, SLICE("pombal ")) || !slice_starts(rest = slice_skip(rest, 7), name) || !slice_starts(rest = slice_skip(rest, name.len), SLICE(": ")))
		return line;
	return slice_skip(rest, 2);
}
