/* Changing the configuration by command, at a terminal or over HTTP: a change is written down, then pombal.conf is replaced, then the server is told. One that is to be
 * confirmed waits, so that who has cut off his own connection has it back without doing anything (config/config_history.h). */
#include "cli/config_change.h"

#include <limits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/instance.h"
#include "config/config_edit.h"
#include "config/config_history.h"

enum {
	TEXT_MAX = 1024 * 1024,
	VALUE_MAX = 256 * 1024,
	NAMED_MAX = 1000,          /* bytes of options' names in an event */
	FOLLOW_SECONDS = 2,        /* the server says within that why it can't; what it does takes longer */
	FIRST_LISTED = 50,
};

/* The work on one change. */
struct changing {
	struct command_line *line;
	int lock;
	struct config_change change;
	struct buf text;           /* what pombal.conf is to be */
	struct error error;
};

static bool read_file(struct changing *self, struct slice *text)
{
	char path[PATH_MAX];
	struct buf file = BUF(TEXT_MAX);
	bool done = snprintf(path, sizeof path, "%s/pombal.conf", self->line->data) < PATH_MAX && file_read(path, &file, &self->error);
	*text = arena_copy(self->line->arena, buf_slice(&file));
	buf_free(&file);
	return done;
}

static bool write_file(struct changing *self, struct slice text)
{
	char path[PATH_MAX];
	return snprintf(path, sizeof path, "%s/pombal.conf", self->line->data) < PATH_MAX && file_replace(path, text, 0600, &self->error);
}

static struct slice by_of(const struct command_line *line)
{
	if (line->caller)
		return line->caller->key ? arena_printf(line->arena, "key %.*s", SLICE_ARG(line->caller->who)) : line->caller->who;
	return arena_printf(line->arena, "uid %u", (unsigned)line->user);
}

/* ---- What is different ---- */

static struct slice written(const struct config *config, const struct option *option, struct arena *arena)
{
	struct buf text = BUF(VALUE_MAX);
	config_write_value(&text, config, option);
	struct slice value = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return value;
}

/* [{"option", "before", "after", "effect"}], or as lines. What can't be read any more changes nothing that could be named. */
static json_t *list_changed(const struct config_change *change, struct arena *arena)
{
	struct error ignored;
	struct config *before = config_parse(change->before, "before", &ignored), *after = config_parse(change->after, "after", &ignored);
	json_t *list = json_array();
	for (size_t i = 0; before && after && i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		if (option->kind != OPTION_KIND_SECTION && !config_same_value(before, after, option))
			json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s}", "option", option->name, "before", cli_json_of_slice(written(before, option, arena)),
							      "after", cli_json_of_slice(written(after, option, arena)), "effect", option_effects[option->effect]));
	}
	config_free(&before);
	config_free(&after);
	return list;
}

static void print_changed(const json_t *changed)
{
	size_t i;
	const json_t *one;
	json_array_foreach(changed, i, one) {
		printf("  %s: ", json_string_value(json_object_get(one, "option")));
		cli_print_safe(slice_of(json_string_value(json_object_get(one, "before"))));
		fputs(" -> ", stdout);
		cli_print_safe(slice_of(json_string_value(json_object_get(one, "after"))));
		printf("  (%s)\n", json_string_value(json_object_get(one, "effect")));
	}
}

static struct slice name_changed(const json_t *changed, struct arena *arena)
{
	struct buf names = BUF(NAMED_MAX);
	size_t i;
	const json_t *one;
	json_array_foreach(changed, i, one)
		buf_printf(&names, "%s%s", i > 0 ? " " : "", json_string_value(json_object_get(one, "option")));
	struct slice text = arena_copy(arena, buf_slice(&names));
	buf_free(&names);
	return text;
}

/* ---- Making a change ---- */

/* One that waits must be kept or taken back first: what would be put back else would undo this one, too. */
static bool nothing_waits(struct changing *self)
{
	struct config_change waiting;
	if (!config_history_waiting(self->line->data, self->line->arena, &waiting, &self->error))
		return false;
	return waiting.number == 0 || error_set(&self->error, ERROR_DENIED, "a change by %.*s waits to be confirmed: `pombal config confirm` keeps it, and else it is taken back",
						SLICE_ARG(waiting.by));
}

static bool read_confirm(struct changing *self, int64_t *confirm_by)
{
	uint64_t seconds;
	if (!command_number(self->line, "confirm", CONFIG_CONFIRM_MAX, 0, &seconds, &self->error))
		return false;
	*confirm_by = seconds > 0 ? clock_now() + (int64_t)seconds : 0;
	return true;
}

/* What the server says at once is that it can't; then all is as it was. */
static bool tell_server(struct changing *self)
{
	struct buf answer = BUF(64 * 1024);
	struct error error;
	bool done = instance_ask_within(self->line, "reload", FOLLOW_SECONDS, &answer, &error) || error.kind != ERROR_INVALID;
	buf_free(&answer);
	if (done)
		return true;
	struct error ignored = error;
	bool back;
	if (!config_history_take_back(self->line->data, &self->change, &back, &ignored))
		return error_set(&self->error, ERROR_TEMPORARY, "the server doesn't follow (%s), and pombal.conf can't be put back: %s", error.text, ignored.text);
	self->error = error;
	return false;
}

static int say_change(struct changing *self, json_t *changed)
{
	const struct config_change *change = &self->change;
	char when[32];
	if (self->line->json)
		return command_print_json(json_pack("{s:I, s:o, s:o}", "number", (json_int_t)change->number, "confirm_by",
						    change->confirm_by > 0 ? json_integer((json_int_t)change->confirm_by) : json_null(), "changed", changed));
	printf("change %llu\n", (unsigned long long)change->number);
	print_changed(changed);
	if (change->confirm_by > 0)
		printf("it is taken back at %s, unless `pombal config confirm` keeps it\n", cli_time_text(change->confirm_by, when));
	json_decref(changed);
	return COMMAND_DONE;
}

/* pombal.conf is to hold self->text. */
static bool carry_out(struct changing *self)
{
	struct config_change *change = &self->change;
	uint64_t last;
	if (slice_equal(change->before, buf_slice(&self->text)))
		return error_set(&self->error, ERROR_EXISTS, "nothing would change");
	if (!read_confirm(self, &change->confirm_by) || !config_history_last(self->line->data, &last, &self->error))
		return false;
	change->number = last + 1;
	change->time = clock_now();
	change->state = change->confirm_by > 0 ? CHANGE_WAITING : CHANGE_KEPT;
	change->by = by_of(self->line);
	change->peer = self->line->caller ? self->line->caller->address : SLICE("");
	change->after = buf_slice(&self->text);
	return config_history_write(self->line->data, change, &self->error) && write_file(self, change->after);
}

static int conclude(struct changing *self, const char *event)
{
	if (!tell_server(self))
		return command_fail_with(self->line, &self->error);
	json_t *changed = list_changed(&self->change, self->line->arena);
	instance_write_note(self->line, event, LOG_FIELDS(log_number("number", (int64_t)self->change.number), log_slice("options", name_changed(changed, self->line->arena)),
							  log_number("confirm_by", self->change.confirm_by)));
	return say_change(self, changed);
}

/* "OPTION=VALUE"; the text so far becomes the text with it. */
static bool edit(struct changing *self, struct slice argument)
{
	struct slice name, value, text = arena_copy(self->line->arena, buf_slice(&self->text));
	bool has_value = slice_cut(argument, '=', &name, &value);
	const struct option *option = config_option(slice_trim(name));
	if (!option || !has_value)
		return error_set(&self->error, option ? ERROR_INVALID : ERROR_NOT_FOUND, option ? "%.*s: it takes OPTION=VALUE" : "there is no option \"%.*s\"", SLICE_ARG(name));
	struct buf to = BUF(VALUE_MAX);
	value = slice_trim(value);
	bool done = value.len == 0 || config_edit_value(option, value, &to, &self->error);
	buf_clear(&self->text);
	done = done && config_edit(text, option, buf_slice(&to), &self->text, &self->error);
	buf_free(&to);
	return done;
}

static int run_change(struct command_line *line, bool (*prepare)(struct changing *self), const char *event)
{
	struct changing self = {.line = line, .lock = -1, .text = BUF(TEXT_MAX)};
	int status = COMMAND_FAILED;
	if (!instance_become_owner(line))
		return status;
	bool done = (self.lock = config_history_lock(line->data, &self.error)) >= 0 && nothing_waits(&self) && read_file(&self, &self.change.before) &&
		    prepare(&self) && carry_out(&self);
	status = done ? conclude(&self, event) : command_fail_with(line, &self.error);
	if (self.lock >= 0)
		close(self.lock);
	buf_free(&self.text);
	return status;
}

static bool prepare_set(struct changing *self)
{
	bool done = buf_append(&self->text, self->change.before) || self->change.before.len == 0;
	for (int i = 0; done && i < self->line->count; i++)
		done = edit(self, command_argument(self->line, i));
	return done;
}

int cli_config_set(struct command_line *line) { return run_change(line, prepare_set, "admin.config_changed"); }

/* Each option that the change has changed gets the value that it had before. */
static bool put_back(struct changing *self, const struct config_change *former)
{
	struct config *before = config_parse(former->before, "before", &self->error), *after = before ? config_parse(former->after, "after", &self->error) : NULL;
	bool done = after != NULL;
	for (size_t i = 0; done && i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		if (option->kind == OPTION_KIND_SECTION || config_same_value(before, after, option))
			continue;
		struct slice text = arena_copy(self->line->arena, buf_slice(&self->text));
		struct slice value = config_same_value(before, NULL, option) ? SLICE("") : written(before, option, self->line->arena);
		buf_clear(&self->text);
		done = config_edit(text, option, value, &self->text, &self->error);
	}
	config_free(&before);
	config_free(&after);
	return done;
}

static bool prepare_undo(struct changing *self)
{
	struct config_change former;
	uint64_t number;
	if (!slice_to_number(command_argument(self->line, 0), INT64_MAX, &number))
		return error_set(&self->error, ERROR_INVALID, "\"%s\" is not the number of a change", self->line->arguments[0]);
	if (!config_history_read(self->line->data, number, self->line->arena, &former, &self->error))
		return false;
	if (former.state == CHANGE_TAKEN_BACK)
		return error_set(&self->error, ERROR_EXISTS, "change %llu was taken back already", (unsigned long long)number);
	buf_append(&self->text, self->change.before);
	return put_back(self, &former);
}

int cli_config_undo(struct command_line *line) { return run_change(line, prepare_undo, "admin.config_undone"); }

/* ---- What waits ---- */

static int run_waiting(struct command_line *line, bool (*act)(struct changing *self))
{
	struct changing self = {.line = line, .lock = -1};
	int status = COMMAND_FAILED;
	if (!instance_become_owner(line))
		return status;
	bool done = (self.lock = config_history_lock(line->data, &self.error)) >= 0 && config_history_waiting(line->data, line->arena, &self.change, &self.error) && act(&self);
	status = done ? COMMAND_DONE : command_fail_with(line, &self.error);
	if (self.lock >= 0)
		close(self.lock);
	return status;
}

/* Whoever it was must still be able to ask for it: another's word says nothing of that. */
static bool confirm(struct changing *self)
{
	struct config_change *change = &self->change;
	if (change->number == 0)
		return error_set(&self->error, ERROR_NOT_FOUND, "no change waits: it was taken back, or confirmed already");
	if (self->line->caller && !slice_equal(change->by, by_of(self->line)))
		return error_set(&self->error, ERROR_DENIED, "that change is by %.*s, who must confirm it", SLICE_ARG(change->by));
	if (!config_history_confirm(self->line->data, change, &self->error))
		return false;
	instance_note(self->line, "admin.config_confirmed", log_number("number", (int64_t)change->number));
	if (self->line->json)
		command_print_json(json_pack("{s:I}", "number", (json_int_t)change->number));
	else
		printf("change %llu stays\n", (unsigned long long)change->number);
	return true;
}

int cli_config_confirm(struct command_line *line) { return run_waiting(line, confirm); }

static bool revert(struct changing *self)
{
	struct config_change *change = &self->change;
	struct buf answer = BUF(64 * 1024);
	struct error untold;
	bool back = false;
	if (change->number == 0 || !config_history_is_due(self->line->data, clock_now()))
		return true;
	if (!config_history_take_back(self->line->data, change, &back, &self->error))
		return false;
	instance_note(self->line, back ? "admin.config_taken_back" : "admin.config_kept", log_number("number", (int64_t)change->number), log_slice("changed_by", change->by));
	if (back)
		instance_ask_within(self->line, "reload", FOLLOW_SECONDS, &answer, &untold);
	buf_free(&answer);
	return true;
}

int cli_config_revert(struct command_line *line) { return run_waiting(line, revert); }

/* ---- Lists ---- */

static json_t *json_of_change(const struct config_change *change, json_t *changed)
{
	static const char *const states[] = {[CHANGE_KEPT] = "kept", [CHANGE_WAITING] = "waiting", [CHANGE_TAKEN_BACK] = "taken back"};
	return json_pack("{s:I, s:I, s:o, s:o, s:s, s:I, s:o}", "number", (json_int_t)change->number, "time", (json_int_t)change->time, "by", cli_json_of_slice(change->by),
			 "peer", cli_json_of_slice(change->peer), "state", states[change->state], "confirm_by", (json_int_t)change->confirm_by, "changed", changed);
}

static void show_change(const struct command_line *line, const struct config_change *change, struct arena *arena, json_t *list)
{
	char when[32];
	json_t *changed = list_changed(change, arena);
	if (line->json) {
		json_array_append_new(list, json_of_change(change, changed));
		return;
	}
	printf("%llu  %s  by ", (unsigned long long)change->number, cli_time_text(change->time, when));
	cli_print_safe(change->by);
	cli_print_part("from ", change->peer);
	puts(change->state == CHANGE_WAITING ? "  waits to be confirmed" : change->state == CHANGE_TAKEN_BACK ? "  taken back" : "");
	print_changed(changed);
	json_decref(changed);
}

static bool list_history(struct command_line *line, struct error *error)
{
	uint64_t last, most;
	if (!command_number(line, "limit", CONFIG_HISTORY_KEPT, FIRST_LISTED, &most, error) || !config_history_last(line->data, &last, error))
		return false;
	json_t *list = json_array();
	struct arena *arena = arena_new();
	for (uint64_t number = last; number > 0 && last - number < most; number--) {
		struct config_change change;
		arena_reset(arena);
		if (config_history_read(line->data, number, arena, &change, error))
			show_change(line, &change, arena, list);
	}
	arena_free(&arena);
	if (line->json)
		command_print_json(list);
	else {
		if (last == 0)
			command_remark(line, "nothing was changed so far");
		json_decref(list);
	}
	return true;
}

int cli_config_list_history(struct command_line *line)
{
	struct error error;
	if (!instance_become_owner(line))
		return COMMAND_FAILED;
	return list_history(line, &error) ? COMMAND_DONE : command_fail_with(line, &error);
}

static json_t *json_of_row(const struct option *option, const char *section, const struct config *defaults, struct arena *arena)
{
	static const char *const kinds[] = {[OPTION_KIND_FLAG] = "flag", [OPTION_KIND_NUMBER] = "number", [OPTION_KIND_SIZE] = "size", [OPTION_KIND_DURATION] = "time",
		[OPTION_KIND_TEXT] = "text", [OPTION_KIND_LIST] = "list"};
	const struct config *config = config_current();
	json_t *object = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:s, s:s, s:b}", "name", option->name, "section", section, "kind", kinds[option->kind],
		"default", cli_config_json(defaults, option), "value", cli_config_json(config, option), "written", cli_json_of_slice(written(config, option, arena)),
		"set", !config_same_value(config, NULL, option), "doc", option->doc, "effect", option_effects[option->effect], "restart", option->effect == EFFECT_START);
	bool bounded = option->kind == OPTION_KIND_NUMBER || option->kind == OPTION_KIND_SIZE || option->kind == OPTION_KIND_DURATION;
	if (bounded) {
		json_object_set_new(object, "least", json_integer(option->least));
		json_object_set_new(object, "most", json_integer(option->most));
	}
	return object;
}

int cli_config_list_options(struct command_line *line)
{
	struct error error;
	const char *section = "";
	struct config *defaults = config_parse(SLICE(""), "defaults", &error);
	if (!instance_enter(line) || !defaults) {
		config_free(&defaults);
		return COMMAND_FAILED;
	}
	json_t *list = json_array();
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		if (option->kind == OPTION_KIND_SECTION)
			section = option->doc;
		else if (line->json)
			json_array_append_new(list, json_of_row(option, section, defaults, line->arena));
		else
			printf("%s = %.*s\n    %s\n", option->name, SLICE_ARG(written(config_current(), option, line->arena)), option->doc);
	}
	if (line->json)
		command_print_json(json_incref(list));
	json_decref(list);
	config_free(&defaults);
	config_free_all();
	return COMMAND_DONE;
}
