/* Who may call which row over HTTP, and with what; see offered.h. A row that says nothing of it isn't offered, nor is an option of another kind than its caller:
 * so what is new is closed until somebody has thought about it. */
#include "cli/offered.h"

#include <stdarg.h>

#include "auth/directory.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "config/config.h"
#include "message/address.h"

const struct command_group cli_offered_groups[] = {CLI_COMMAND_GROUPS, {NULL, NULL}};

__attribute__((format(printf, 3, 4))) static bool refuse(struct cli_refusal *refusal, enum admin_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	refusal->code = code;
	vsnprintf(refusal->text, sizeof refusal->text, format, args);
	va_end(args);
	return false;
}

/* ---- The row ---- */

static bool is_offered(const struct command *command) { return (command->admin & (ADMIN_READS | ADMIN_CHANGES)) && !(command->flags & (COMMAND_HIDDEN | COMMAND_OWN_OPTIONS)); }

static const struct command *find_row(struct slice name)
{
	for (const struct command_group *group = cli_offered_groups; group->commands; group++)
		for (const struct command *command = group->commands; command->name; command++)
			if (slice_equal(name, slice_of(command->name)))
				return is_offered(command) ? command : NULL;
	return NULL;
}

static bool may_call(const struct command *command, const struct auth_administrator *who)
{
	if (who->rank == RANK_NONE || (who->reads && command->admin & ADMIN_CHANGES))
		return false;
	return who->rank == RANK_SERVER || command->admin & (ADMIN_DOMAIN | ADMIN_SHOWS_OWN);
}

static bool may_give(const struct command_option *option, const struct auth_administrator *who)
{
	return !(option->admin & OPTION_LOCAL) && (who->rank == RANK_SERVER || !(option->admin & OPTION_OF_SERVER));
}

/* A session whose owner has shown his password too long ago, or never to the auth role, may look (the latter not even that). */
static bool has_shown_password(const struct command *command, const struct auth_administrator *who)
{
	if (who->key)
		return true;
	return who->proved > 0 && (!(command->admin & ADMIN_CHANGES) || who->proved > clock_now() - config_current()->admin_password_age);
}

/* ---- Whose ---- */

/* The domain that an argument is, or is an address of; also of *@DOMAIN and @DOMAIN. False: it is neither. */
static bool domain_of(const struct command_line *line, struct slice text, struct slice *domain)
{
	struct slice address, local;
	struct error ignored;
	size_t at = slice_find_char(text, '@');
	if (at == SLICE_NONE || at == 0 || slice_starts(text, SLICE("*@")))
		return instance_domain(line, slice_skip(text, at == SLICE_NONE ? 0 : at + 1), domain, &ignored);
	if (!instance_address(line, text, &address, &ignored))
		return false;
	address_split(address, &local, domain);
	return domain->len > 0;
}

static bool is_own(const struct command_line *line, int index, const struct auth_administrator *who)
{
	struct slice domain;
	return domain_of(line, command_argument(line, index), &domain) && slice_equal(domain, who->domain);
}

/* An argument that may be left out and says the domain is the caller's. */
static bool check_domain(struct command_line *line, const struct auth_administrator *who, struct cli_refusal *refusal)
{
	unsigned admin = line->command->admin;
	if (who->rank == RANK_SERVER || !(admin & ADMIN_DOMAIN))
		return true;
	if (line->count == 0) {
		line->arguments[line->count++] = (char *)(uintptr_t)arena_text(line->arena, who->domain);
		return true;
	}
	for (int i = 0; i < (admin & ADMIN_ALL_OWN ? line->count : 1); i++)
		if (!is_own(line, i, who))
			return refuse(refusal, ADMIN_DENIED, "%s: that isn't of %.*s", line->arguments[i], SLICE_ARG(who->domain));
	return true;
}

bool cli_offered_may(const struct command_line *line, struct cli_refusal *refusal)
{
	struct auth_domain_entry domain;
	struct auth_account_entry account;
	struct error error;
	if (line->caller->domain.len == 0)
		return true;
	struct directory *directory = directory_open(line->data, &error);
	bool done = directory && directory_get_domain(directory, line->caller->domain, line->arena, &domain, &error);
	if (!done)
		refuse(refusal, directory ? ADMIN_DENIED : ADMIN_TEMPORARY, "%s", error.text);
	else if (domain.alias_of.len > 0)
		done = refuse(refusal, ADMIN_DENIED, "%.*s is an alias of another domain", SLICE_ARG(domain.name));
	for (int i = 0; done && line->command->admin & ADMIN_CHANGES && i < (line->command->admin & ADMIN_ALL_OWN ? line->count : 1); i++)
		if (directory_get_account(directory, command_argument(line, i), line->arena, &account, &error)) {
			if (account.administrator == RANK_SERVER)
				done = refuse(refusal, ADMIN_DENIED, "%.*s administers the server", SLICE_ARG(account.name));
		} else if (error.kind != ERROR_NOT_FOUND)
			done = refuse(refusal, ADMIN_TEMPORARY, "%s", error.text);
	directory_close(&directory);
	return done;
}

/* ---- Arguments and options ---- */

static bool take_arguments(const struct admin_request *request, struct command_line *line, struct cli_refusal *refusal)
{
	const struct command *command = line->command;
	line->arguments = arena_array(line->arena, request->argument_count + 2, sizeof *line->arguments);
	for (size_t i = 0; i < request->argument_count; i++)
		line->arguments[line->count++] = (char *)(uintptr_t)request->arguments[i].at;
	if (line->count < command->least)
		return refuse(refusal, ADMIN_USAGE, "too few arguments: it takes %s", command->arguments);
	int most = command->most < 0 && command->admin & ADMIN_FILE ? command->least : command->most;
	if (most >= 0 && line->count > most)
		return refuse(refusal, ADMIN_USAGE, "too many arguments: it takes %s", command->arguments);
	if (command->admin & ADMIN_FILE && !slice_equal(command_argument(line, line->count - 1), SLICE("-")))
		return refuse(refusal, ADMIN_USAGE, "no file of the server can be named: the file is \"-\", and stands in input");
	return true;
}

static bool take_option(const struct admin_option *given, const struct auth_administrator *who, struct command_line *line, struct cli_refusal *refusal)
{
	const struct command_option *options = line->command->options;
	for (int i = 0; options && options[i].name; i++) {
		const struct command_option *option = &options[i];
		if (!slice_equal(given->name, slice_of(option->name)) || option->admin & OPTION_LOCAL)
			continue;
		if (!may_give(option, who))
			return refuse(refusal, ADMIN_DENIED, "the option %s is for administrators of the server", option->name);
		if (given->flag != !option->argument)
			return refuse(refusal, ADMIN_USAGE, option->argument ? "the option %s takes a text: %s" : "the option %s is true, or left out", option->name, option->argument);
		if (line->values[i] && !option->many)
			return refuse(refusal, ADMIN_USAGE, "the option %s is given twice", option->name);
		if (option->many && slice_find_char(given->value, '\n') != SLICE_NONE)
			return refuse(refusal, ADMIN_USAGE, "a value of the option %s has several lines", option->name);
		const char *value = given->flag ? "" : given->value.at;
		line->values[i] = line->values[i] ? arena_printf(line->arena, "%s\n%s", line->values[i], value).at : value;
		return true;
	}
	return refuse(refusal, ADMIN_USAGE, "there is no option %.*s", SLICE_ARG(slice_sub(given->name, 0, 60)));
}

bool cli_offered_find(const struct admin_request *request, const struct auth_administrator *who, struct arena *arena, struct command_line *line, struct cli_refusal *refusal)
{
	*line = (struct command_line){.command = find_row(request->command), .groups = cli_offered_groups, .arena = arena};
	if (who->rank == RANK_NONE)
		return refuse(refusal, ADMIN_NOT_ADMINISTRATOR, "you administer nothing here");
	if (!line->command)
		return refuse(refusal, ADMIN_NO_COMMAND, "there is no command \"%.*s\"", SLICE_ARG(slice_sub(request->command, 0, 60)));
	if (!may_call(line->command, who))
		return refuse(refusal, ADMIN_DENIED, who->reads && line->command->admin & ADMIN_CHANGES ? "this key reads alone" : "that is for administrators of the server");
	if (!has_shown_password(line->command, who))
		return refuse(refusal, ADMIN_PASSWORD_NEEDED, "sign in again with the password first");
	line->json = (line->command->flags & COMMAND_JSON) != 0;
	if (!take_arguments(request, line, refusal))
		return false;
	for (size_t i = 0; i < request->option_count; i++)
		if (!take_option(&request->options[i], who, line, refusal))
			return false;
	return check_domain(line, who, refusal);
}

const struct command *cli_offered_revert(void)
{
	const struct command *command = cli_config_commands;
	while (!slice_equal(slice_of(command->name), SLICE("config revert")))
		command++;
	return command;
}

const struct command *cli_offered_keep(void) { return cli_metrics_history_commands; }

/* ---- What there is ---- */

static json_t *json_of_options(const struct command *command, const struct auth_administrator *who)
{
	json_t *list = json_array();
	for (const struct command_option *option = command->options; option && option->name; option++)
		if (may_give(option, who))
			json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:b}", "name", option->name, "argument", option->argument, "doc", option->doc, "many", option->many));
	return list;
}

static bool takes_input(const struct command *command)
{
	bool takes = (command->admin & ADMIN_FILE) != 0;
	for (const struct command_option *option = command->options; option && option->name; option++)
		takes |= slice_ends_nocase(slice_of(option->name), SLICE("-stdin"));
	return takes;
}

json_t *cli_offered_list(const struct auth_administrator *who)
{
	json_t *list = json_array();
	for (const struct command_group *group = cli_offered_groups; group->commands; group++)
		for (const struct command *command = group->commands; command->name; command++)
			if (is_offered(command) && may_call(command, who))
				json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:b, s:b, s:o}", "command", command->name, "arguments", command->arguments,
					"least", command->least, "most", command->most, "summary", command->summary, "changes", (command->admin & ADMIN_CHANGES) != 0,
					"input", takes_input(command), "json", (command->flags & COMMAND_JSON) != 0, "options", json_of_options(command, who)));
	return list;
}
