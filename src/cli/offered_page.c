/* The tables of docs/admin-api.md, from the rows themselves. */
#include "cli/offered.h"

static void write_codes(struct buf *out)
{
	buf_append_text(out, "| status | code | |\n|---|---|---|\n");
	for (size_t i = 0; i < ADMIN_CODES; i++)
		buf_printf(out, "| %u | `%s` | %s |\n", admin_code_rows[i].status, admin_code_rows[i].name, admin_code_rows[i].about);
}

/* In a table a bar would begin the next cell. */
static void write_cell(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_printf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void write_options(struct buf *out, const struct command *command)
{
	const char *separator = command->arguments[0] ? "; " : "";
	for (const struct command_option *option = command->options; option && option->name; option++) {
		if (option->admin & OPTION_LOCAL)
			continue;
		buf_printf(out, "%s`%s`%s", separator, option->name, option->admin & OPTION_OF_SERVER ? " (S)" : "");
		separator = ", ";
	}
}

static const char *who_may(const struct command *command)
{
	return command->admin & ADMIN_DOMAIN ? (command->admin & ADMIN_ALL_OWN ? "D, all arguments" : "D") : command->admin & ADMIN_SHOWS_OWN ? "L" : "S";
}

static void write_row(struct buf *out, const struct command *command)
{
	buf_printf(out, "| `%s` | ", command->name);
	write_cell(out, command->arguments);
	write_options(out, command);
	buf_printf(out, " | %s | %s | %s |\n", command->admin & ADMIN_CHANGES ? "C" : "R", who_may(command), command->flags & COMMAND_JSON ? "result" : "text");
}

void cli_offered_write_page(struct buf *out)
{
	write_codes(out);
	buf_append_text(out, "\n| command | arguments; options | | who | answer |\n|---|---|---|---|---|\n");
	for (const struct command_group *group = cli_offered_groups; group->commands; group++)
		for (const struct command *command = group->commands; command->name; command++)
			if (command->admin & (ADMIN_READS | ADMIN_CHANGES))
				write_row(out, command);
}
