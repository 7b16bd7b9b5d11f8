/* The manual page pombal(1), from the tables of commands. */
#include "cli/command.h"

static void write_roff(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '-')
			buf_append_text(out, "\\-");
		else if (*text == '\\')
			buf_append_text(out, "\\e");
		else
			buf_append_char(out, *text);
	}
}

static void write_command(struct buf *out, const struct command *command)
{
	buf_append_text(out, ".TP\n.B pombal ");
	write_roff(out, command->name);
	buf_append_char(out, ' ');
	write_roff(out, command->arguments);
	for (const struct command_option *option = command->options; option && option->name; option++) {
		buf_append_text(out, " [\\-\\-");
		write_roff(out, option->name);
		buf_printf(out, "%s%s]", option->argument ? " " : "", option->argument ? option->argument : "");
	}
	buf_append_char(out, '\n');
	write_roff(out, command->summary);
	buf_append_char(out, '\n');
	for (const struct command_option *option = command->options; option && option->name; option++) {
		buf_append_text(out, ".br\n\\(bu \\-\\-");
		write_roff(out, option->name);
		buf_append_text(out, ": ");
		write_roff(out, option->doc);
		buf_append_char(out, '\n');
	}
}

void command_write_manual(struct buf *out, const struct command_group *groups)
{
	buf_append_text(out, ".TH POMBAL 1 \"\" \"Pombal " POMBAL_VERSION "\" \"Pombal\"\n"
			     ".SH NAME\npombal \\- a complete e\\-mail system\n"
			     ".SH SYNOPSIS\n.B pombal\n[\\-\\-data DIR] COMMAND [ARGUMENTS]\n"
			     ".SH DESCRIPTION\nPombal receives mail from the internet, routes and queues mail to the internet, stores it, and serves "
			     "it to mail clients. Everything it keeps is in one data directory, which\n.B \\-\\-data\n(before or after the "
			     "command) or the environment variable\n.B POMBAL_DATA\nnames; without either it is\n.IR /var/lib/pombal .\n"
			     "Run as root, every command becomes the directory's owner before it touches a file.\n");
	for (; groups->commands; groups++) {
		if (groups->title[0]) {
			buf_append_text(out, ".SH \"");
			for (const char *at = groups->title; *at; at++)
				buf_append_char(out, ascii_upper(*at));
			buf_append_text(out, "\"\n");
		}
		for (const struct command *command = groups->commands; command->name; command++)
			if (!(command->flags & COMMAND_HIDDEN))
				write_command(out, command);
	}
	buf_append_text(out, ".SH \"EXIT STATUS\"\n0: done; 1: refused or failed, one line on standard error says why; 2: wrong usage.\n"
			     ".SH \"SEE ALSO\"\n.BR pombal.conf (5)\n");
}
