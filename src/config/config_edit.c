/* See config_edit.h. Where an option stands in the text is found without understanding values; then the whole is parsed, and must say what was meant, or nothing is
 * changed. */
#include "config/config_edit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config_check.h"

enum { EDITED_VALUE_MAX = 256 * 1024 };

/* ---- A value ---- */

/* Nothing but this option may come of the text. */
static bool is_alone(const struct config *config, const struct option *option)
{
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *other = &config_options[i];
		if (other != option && other->kind != OPTION_KIND_SECTION && !config_same_value(config, NULL, other))
			return false;
	}
	return true;
}

static struct config *parse_alone(const struct option *option, struct slice value, struct error *error)
{
	struct buf text = BUF(EDITED_VALUE_MAX);
	buf_printf(&text, "%s = ", option->name);
	bool bare = option->kind == OPTION_KIND_TEXT && (value.len == 0 || value.at[0] != '"');
	if (bare)
		config_write_quoted(&text, value);
	else
		buf_append(&text, value);
	buf_append_char(&text, '\n');
	struct config *config = NULL;
	if (text.overflow)
		error_set(error, ERROR_LIMIT, "%s: the value is too long", option->name);
	else
		config = config_parse(buf_slice(&text), option->name, error);
	if (config && !is_alone(config, option)) {
		error_set(error, ERROR_INVALID, "%s: that is more than a value", option->name);
		config_free(&config);
	}
	buf_free(&text);
	return config;
}

bool config_edit_value(const struct option *option, struct slice value, struct buf *out, struct error *error)
{
	struct config *config = parse_alone(option, value, error);
	if (!config)
		return false;
	config_write_value(out, config, option);
	config_free(&config);
	return !out->overflow || error_set(error, ERROR_LIMIT, "%s: the value is too long", option->name);
}

/* ---- Its place ---- */

/* From the option's name to the end of its value; of the text without comments, which is as long. */
struct place { size_t start, end; };

static size_t skip_space(struct slice text, size_t at)
{
	while (at < text.len && ascii_is_space(text.at[at]))
		at++;
	return at;
}

/* The end of a quoted text that begins there, of a word, or of one of = { } , + */
static size_t token_end(struct slice text, size_t at)
{
	size_t start = at;
	if (text.at[at] == '"' || text.at[at] == '\'') {
		char quote = text.at[at++];
		for (; at < text.len && text.at[at] != quote; at++)
			at += text.at[at] == '\\';
		return at < text.len ? at + 1 : text.len;
	}
	while (at < text.len && !ascii_is_space(text.at[at]) && !strchr("={},+\"'", text.at[at]))
		at++;
	return at > start ? at : at + 1;
}

static size_t value_end(struct slice text, size_t at)
{
	if (at >= text.len)
		return text.len;
	if (text.at[at] != '{')
		return token_end(text, at);
	for (at++; at < text.len && text.at[at] != '}'; at = skip_space(text, at))
		at = token_end(text, at);
	return at < text.len ? at + 1 : text.len;
}

static bool find_place(struct slice text, const char *name, struct place *place)
{
	for (size_t at = skip_space(text, 0); at < text.len; at = skip_space(text, at)) {
		size_t start = at, end = token_end(text, at), next = skip_space(text, end);
		bool assigned = next < text.len && text.at[next] == '=';
		at = assigned ? value_end(text, skip_space(text, next + 1)) : end;
		if (assigned && slice_equal(slice_sub(text, start, end - start), slice_of(name))) {
			*place = (struct place){start, at};
			return true;
		}
	}
	return false;
}

/* Behind the comment that shows the option's default, as `init` writes it, or at the end. */
static size_t place_for_new(struct slice text, const char *name)
{
	size_t at = 0;
	struct slice line, rest = text, word;
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		at = text.len - rest.len;
		struct slice comment = slice_trim(line);
		if (comment.len == 0 || comment.at[0] != '#')
			continue;
		comment = slice_trim(slice_skip(comment, 1));
		if (slice_cut(comment, '=', &word, &comment) && slice_equal(slice_trim(word), slice_of(name)))
			return at;
	}
	return text.len;
}

/* ---- The whole ---- */

static void write_setting(struct buf *out, const struct option *option, struct slice written)
{
	buf_printf(out, "%s = ", option->name);
	buf_append(out, written);
}

static void write_new(struct slice text, const struct option *option, struct slice written, struct buf *out)
{
	size_t at = place_for_new(text, option->name);
	buf_append(out, slice_sub(text, 0, at));
	if (at > 0 && text.at[at - 1] != '\n')
		buf_append_char(out, '\n');
	write_setting(out, option, written);
	buf_append_char(out, '\n');
	buf_append(out, slice_skip(text, at));
}

/* A line on which nothing else stands goes with the setting. */
static struct place whole_line(struct slice text, struct place place)
{
	size_t start = place.start, end = place.end;
	while (start > 0 && (text.at[start - 1] == ' ' || text.at[start - 1] == '\t'))
		start--;
	while (end < text.len && (text.at[end] == ' ' || text.at[end] == '\t'))
		end++;
	bool alone = (start == 0 || text.at[start - 1] == '\n') && (end == text.len || text.at[end] == '\n');
	return alone ? (struct place){start, end < text.len ? end + 1 : end} : place;
}

static void write_edited(struct slice text, const struct option *option, struct slice written, struct buf *out)
{
	char *blanked = memory_copy(text.at, text.len);
	struct place place;
	config_blank_comments(blanked, text.len);
	bool there = find_place(slice_make(blanked, text.len), option->name, &place);
	free(blanked);
	if (!there && written.len > 0)
		write_new(text, option, written, out);
	else if (!there)
		buf_append(out, text);
	else {
		if (written.len == 0)
			place = whole_line(text, place);
		buf_append(out, slice_sub(text, 0, place.start));
		if (written.len > 0)
			write_setting(out, option, written);
		buf_append(out, slice_skip(text, place.end));
	}
}

/* Is all as it was, but this? */
static bool is_meant(const struct config *before, const struct config *after, const struct option *option, struct slice written)
{
	struct error ignored;
	struct config *wanted = written.len > 0 ? parse_alone(option, written, &ignored) : NULL;
	bool meant = (wanted || written.len == 0) && config_same_value(after, wanted, option);
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *other = &config_options[i];
		meant = meant && (other == option || other->kind == OPTION_KIND_SECTION || config_same_value(before, after, other));
	}
	config_free(&wanted);
	return meant;
}

bool config_edit(struct slice text, const struct option *option, struct slice written, struct buf *out, struct error *error)
{
	struct buf edited = BUF(out->max);
	struct config *before = config_parse(text, "pombal.conf", error), *after = NULL;
	write_edited(text, option, written, &edited);
	bool done = before && !edited.overflow && (after = config_parse(buf_slice(&edited), "pombal.conf", error));
	if (before && edited.overflow)
		error_set(error, ERROR_LIMIT, "pombal.conf would be too large");
	if (done && !is_meant(before, after, option, written))
		done = error_set(error, ERROR_INVALID, "pombal.conf is written so that %s can't be changed in it: do it by hand", option->name);
	done = done && buf_append(out, buf_slice(&edited));
	config_free(&before);
	config_free(&after);
	buf_free(&edited);
	return done;
}
