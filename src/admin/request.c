/* From JSON to a request; see request.h. What isn't as it should be is refused, and nothing of it is done: a member that isn't known may be one that its
 * sender counts on. */
#include "admin/request.h"

#include <jansson.h>
#include <string.h>

static bool malformed(struct error *error, const char *what) { return error_set(error, ERROR_INVALID, "%s", what); }

/* Lines may end in an option's value, a vacation's text say; nothing else that steers. */
static bool is_clean(struct slice text, bool lines)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		bool line = c == '\n' || c == '\r' || c == '\t';
		if (c == 0x7f || (c < ' ' && !(lines && line)))
			return false;
	}
	return true;
}

static bool read_text(const json_t *value, size_t most, bool lines, struct arena *arena, struct slice *text)
{
	if (!json_is_string(value) || json_string_length(value) > most)
		return false;
	*text = slice_of(arena_text(arena, slice_make(json_string_value(value), json_string_length(value))));
	return text->len == json_string_length(value) && is_clean(*text, lines);
}

static bool read_arguments(const json_t *list, struct arena *arena, struct admin_request *request, struct error *error)
{
	if (!json_is_array(list) || json_array_size(list) > ADMIN_ARGUMENTS_MAX)
		return malformed(error, "\"arguments\" is not a list of 200 texts at most");
	request->arguments = arena_array(arena, json_array_size(list) + 1, sizeof *request->arguments);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!read_text(json_array_get(list, i), ADMIN_ARGUMENT_MAX, false, arena, &request->arguments[request->argument_count++]))
			return malformed(error, "an argument is not a text, or too long, or holds control characters");
	return true;
}

static bool add_option(struct admin_request *request, struct slice name, const json_t *value, struct arena *arena, bool one_line)
{
	if (request->option_count == ADMIN_OPTIONS_MAX)
		return false;
	struct admin_option *option = &request->options[request->option_count++];
	*option = (struct admin_option){.name = name, .flag = json_is_true(value)};
	return option->flag || read_text(value, ADMIN_VALUE_MAX, !one_line, arena, &option->value);
}

/* One that is a list is given as often as the list is long; false is as if it weren't there. */
static bool read_option(struct admin_request *request, struct slice name, const json_t *value, struct arena *arena)
{
	bool done = json_array_size(value) <= ADMIN_OPTIONS_MAX;
	if (json_is_false(value))
		return true;
	if (!json_is_array(value))
		return add_option(request, name, value, arena, false);
	for (size_t i = 0; done && i < json_array_size(value); i++)
		done = !json_is_true(json_array_get(value, i)) && add_option(request, name, json_array_get(value, i), arena, true);
	return done;
}

static bool read_options(json_t *object, struct arena *arena, struct admin_request *request, struct error *error)
{
	const char *key;
	json_t *value;
	if (!json_is_object(object))
		return malformed(error, "\"options\" is not an object");
	request->options = arena_array(arena, ADMIN_OPTIONS_MAX, sizeof *request->options);
	json_object_foreach(object, key, value) {
		struct slice name = slice_of(arena_text(arena, slice_of(key)));
		if (!is_clean(name, false) || !read_option(request, name, value, arena))
			return malformed(error, "an option's value is neither true nor a text nor a list of texts, or too long, or holds control characters, or there are too many");
	}
	return true;
}

static bool read_input(const json_t *value, struct arena *arena, struct admin_request *request, struct error *error)
{
	if (!json_is_string(value))
		return malformed(error, "\"input\" is not a text");
	request->input = arena_copy(arena, slice_make(json_string_value(value), json_string_length(value)));
	return true;
}

static bool read_member(const char *key, json_t *value, struct arena *arena, struct admin_request *request, struct error *error)
{
	if (strcmp(key, "command") == 0)
		return read_text(value, ADMIN_ARGUMENT_MAX, false, arena, &request->command) || malformed(error, "\"command\" is not a text");
	if (strcmp(key, "arguments") == 0)
		return read_arguments(value, arena, request, error);
	if (strcmp(key, "options") == 0)
		return read_options(value, arena, request, error);
	if (strcmp(key, "input") == 0)
		return read_input(value, arena, request, error);
	return malformed(error, "there is a member that isn't known: command, arguments, options and input are");
}

bool admin_request_read(struct slice body, struct arena *arena, struct admin_request *request, struct error *error)
{
	const char *key;
	json_t *value;
	*request = (struct admin_request){0};
	json_t *object = json_loadb(body.at ? body.at : "", body.len, JSON_REJECT_DUPLICATES, NULL);
	bool done = json_is_object(object) || malformed(error, "a JSON object is expected");
	if (done) {
		json_object_foreach(object, key, value) {
			done = read_member(key, value, arena, request, error);
			if (!done)
				break;
		}
	}
	done = done && (request->command.len > 0 || malformed(error, "\"command\" says which"));
	json_decref(object);
	return done;
}
