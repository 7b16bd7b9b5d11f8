/* pombal account vacation: what is answered for somebody who doesn't read his mail. */
#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/opened.h"
#include "message/date.h"
#include "store/vacation.h"
#include "vacation/vacation.h"

static bool read_it(struct cli_opened *opened, struct vacation *vacation)
{
	struct slice text;
	*vacation = (struct vacation){0};
	if (!vacation_find(opened->account, opened->line->arena, &text, &opened->error))
		return opened->error.kind == ERROR_NOT_FOUND;
	return vacation_read(text, opened->line->arena, vacation) || error_set(&opened->error, ERROR_INVALID, "what is kept of it can't be read");
}

/* ---- Showing ---- */

static const char *state_of(const struct vacation *vacation)
{
	int64_t now = clock_now();
	return !vacation->enabled ? "off" : vacation_is_active(vacation, now) ? "on" : vacation_is_wanted(vacation, now) ? "on, later" : "over";
}

static void print_text(const char *name, struct slice text)
{
	struct slice line;
	if (!text.at)
		return;
	printf("%s\n", name);
	for (bool more = true; more;) {
		more = slice_cut(text, '\n', &line, &text);
		printf("    ");
		cli_print_safe(slice_trim(line));
		putchar('\n');
	}
}

static void print_time(const char *name, int64_t seconds)
{
	char when[32];
	if (seconds != 0)
		printf("%s %s\n", name, cli_time_text(seconds, when));
}

static bool show(struct cli_opened *opened)
{
	struct vacation vacation;
	if (!read_it(opened, &vacation))
		return false;
	if (opened->line->json) {
		struct slice json = vacation_write(&vacation, opened->line->arena);
		json_t *object = json_loadb(json.at, json.len, 0, NULL);
		json_object_set_new(object, "state", json_string(state_of(&vacation)));
		command_print_json(object);
		return true;
	}
	printf("%s\n", state_of(&vacation));
	print_time("from", vacation.from);
	print_time("to", vacation.to);
	print_text("subject", vacation.subject);
	print_text("text", vacation.text);
	print_text("html", vacation.html);
	return true;
}

/* ---- Setting ---- */

/* "" takes it away. */
static bool date_option(struct cli_opened *opened, const char *option, int64_t *seconds)
{
	const char *text = command_value(opened->line, option);
	if (!text)
		return true;
	*seconds = 0;
	if (!*text || date_parse_internet(slice_of(text), seconds) ||
	    date_parse_internet(arena_printf(opened->line->arena, "%sT00:00:00Z", text), seconds))
		return true;
	return error_set(&opened->error, ERROR_INVALID, "--%s: \"%s\" is no time such as 2026-12-24 or 2026-12-24T18:00:00+01:00", option, text);
}

static bool check_text(struct cli_opened *opened, const char *option, struct slice text, size_t max)
{
	if (text.len > max)
		return error_set(&opened->error, ERROR_LIMIT, "--%s: more than %zu bytes", option, max);
	return slice_is_utf8(text) || error_set(&opened->error, ERROR_INVALID, "--%s: not UTF-8", option);
}

static bool text_option(struct cli_opened *opened, const char *option, size_t max, struct slice *text)
{
	const char *value = command_value(opened->line, option);
	if (!value)
		return true;
	*text = *value ? slice_of(value) : slice_make(NULL, 0);
	return check_text(opened, option, *text, max);
}

static bool file_option(struct cli_opened *opened, const char *option, struct slice *text)
{
	const char *path = command_value(opened->line, option);
	struct buf content = BUF(VACATION_BODY_MAX + 1);
	if (!path)
		return true;
	bool done = file_read(path, &content, &opened->error);
	if (done)
		*text = arena_copy(opened->line->arena, buf_slice(&content));
	buf_free(&content);
	return done && check_text(opened, option, *text, VACATION_BODY_MAX);
}

static bool apply(struct cli_opened *opened, struct vacation *vacation)
{
	if (command_value(opened->line, "on"))
		vacation->enabled = true;
	if (command_value(opened->line, "off"))
		vacation->enabled = false;
	return date_option(opened, "from", &vacation->from) && date_option(opened, "to", &vacation->to) &&
	       text_option(opened, "subject", VACATION_SUBJECT_MAX, &vacation->subject) && text_option(opened, "text", VACATION_BODY_MAX, &vacation->text) &&
	       file_option(opened, "text-file", &vacation->text) && file_option(opened, "html-file", &vacation->html);
}

static bool set(struct cli_opened *opened)
{
	struct vacation vacation;
	if (!read_it(opened, &vacation) || !apply(opened, &vacation))
		return false;
	struct slice text = vacation_write(&vacation, opened->line->arena);
	if (!vacation_keep(opened->account, text, vacation_is_wanted(&vacation, clock_now()), &opened->error) || !store_sync(opened->store, &opened->error))
		return false;
	instance_note(opened->line, "admin.vacation_set", log_slice("account", opened->name), log_text("state", state_of(&vacation)));
	instance_tell_changed(opened->line, opened->name);
	puts(state_of(&vacation));
	return true;
}

static bool act(struct cli_opened *opened)
{
	return command_has_options(opened->line) ? set(opened) : show(opened);
}

static int run(struct command_line *line) { return cli_opened_run(line, act); }

static const struct command_option options[] = {
	{"on", NULL, "answer", false},
	{"off", NULL, "don't", false},
	{"from", "TIME", "from then on: 2026-12-24, or 2026-12-24T18:00:00+01:00; empty: at once", false},
	{"to", "TIME", "until then; empty: until it is turned off", false},
	{"subject", "TEXT", "the answer's subject; empty: \"Auto: \" and that of the letter", false},
	{"text", "TEXT", "what it says; empty: a sentence in the account's language", false},
	{"text-file", "FILE", "the same from a file", false, OPTION_LOCAL},
	{"html-file", "FILE", "what it says as HTML", false, OPTION_LOCAL},
	{0},
};

const struct command cli_vacation_commands[] = {
	{"account vacation", "ADDRESS", "Shows or sets what is answered to those who write to an account whose owner doesn't read his mail: each once within the time "
		"that the option vacation_interval says; never lists, programs, and who didn't write to him by name.", run, options, 1, 1, COMMAND_JSON, ADMIN_CHANGES | ADMIN_DOMAIN},
	{0},
};
