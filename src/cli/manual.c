/* The manual page pombal(1), from the tables of commands; and docs/http.md, from the table of what is answered over HTTP. */
#include "cli/command.h"
#include "jmap/jmap.h"
#include "web/web.h"

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
	if (command->flags & COMMAND_JSON)
		buf_append_text(out, " [\\-\\-json]");
	buf_append_text(out, command->arguments[0] ? " " : "");
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
	buf_append_text(out, ".TH POMBAL 1 " POMBAL_DATE " \"Pombal " POMBAL_VERSION "\" \"Pombal\"\n"
			     ".SH NAME\npombal \\- a complete e\\-mail system\n"
			     ".SH SYNOPSIS\n.B pombal\n[\\-\\-data DIR] COMMAND [ARGUMENTS]\n"
			     ".SH DESCRIPTION\nPombal receives mail from the internet, routes and queues mail to the internet, stores it, and serves "
			     "it to mail clients. Everything it keeps is in one data directory, which\n.B \\-\\-data\n(before or after the "
			     "command) or the environment variable\n.B POMBAL_DATA\nnames; without either it is\n.IR /var/lib/pombal .\n"
			     "Run as root, every command becomes the directory's owner before it touches a file.\n.PP\n"
			     "Called by the name\n.BR sendmail ,\n.B mailq\nor\n.BR newaliases ,\nit is that program of sendmail(8)'s. With\n.B \\-\\-json\n"
			     "a listing is one JSON value. Options may stand anywhere after the command; what follows\n.B \\-\\-\nis no option.\n");
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
			     ".SH ENVIRONMENT\n.TP\n.B POMBAL_DATA\nThe data directory, where\n.B \\-\\-data\ndoesn't name one.\n"
			     ".SH FILES\nIn the data directory:\n"
			     ".TP\n.I pombal.conf\nThe configuration.\n.TP\n.I certificates/\nCertificates and keys.\n"
			     ".TP\n.I directory/directory.db\nDomains, accounts, aliases, and hashes of passwords.\n"
			     ".TP\n.I queue/\nWhat waits to be delivered.\n.TP\n.IR accounts/ DOMAIN / NAME /\nAn account: its database, and in\n.I mail/\n"
			     "one plain file per message.\n.TP\n.I log/events.log\nWhat happened, for\n.BR \"pombal trace\" .\n"
			     ".TP\n.I run/\nThe running server's socket and lock.\n"
			     ".SH SIGNALS\nOf\n.BR \"pombal serve\" :\nSIGHUP reads configuration and certificates anew, as\n.B pombal reload\ndoes; "
			     "SIGTERM and SIGINT stop it, as\n.B pombal stop\ndoes; a second SIGINT doesn't wait for what is under way.\n"
			     ".SH \"SEE ALSO\"\n.BR pombal.conf (5)\n");
}

/* ---- What is answered over HTTP ---- */

static const char *right_of(const struct http_route *route)
{
	bool changes = route->ours || route->methods & ~(unsigned)HTTP_SAFE;
	switch (route->right) {
	case HTTP_ANYBODY:
		return "anybody";
	case HTTP_OUR_PAGES:
		return "anybody, from a page of this server";
	case HTTP_SIGNED_IN:
		return changes ? "who has signed in, from a page of this server" : "who has signed in";
	}
	return "";
}

static void write_route(struct buf *out, const struct http_route *route)
{
	const char *separator = "| ";
	for (unsigned method = HTTP_GET; method <= HTTP_OPTIONS; method <<= 1)
		if (route->methods & method) {
			buf_printf(out, "%s%s", separator, http_method_name((enum http_method)method));
			separator = ", ";
		}
	buf_printf(out, " | `%s`%s | %s%s | ", route->path, route->any_case ? " (in any case)" : "", right_of(route), route->plain ? ", also without TLS" : "");
	if (route->body_max > 0 && route->body_max != SIZE_MAX)
		buf_printf(out, "%zu", route->body_max);
	buf_printf(out, " | %s |\n", route->about);
}

void command_write_http(struct buf *out)
{
	buf_append_text(out, "# What is answered over HTTP\n\n"
			     "This page is made from the program's own tables, as its command \"manual http\" prints it.\n\n"
			     "The first row that fits counts; `*` at the end of a path stands for anything. What can be had by GET is told of by HEAD; OPTIONS says which methods a\n"
			     "path has. Where a row doesn't say otherwise, a client without TLS is sent to `https_listen`, unless it is a program of this machine. A session is a cookie:\n"
			     "`__Host-pombal`, without TLS `pombal`, which no script can read. From a page of this server is a request whose `Sec-Fetch-Site` or `Origin` says so, as\n"
			     "browsers have it; others that change something are refused (403), as are requests for a WebSocket. Errors are a line of text.\n\n"
			     "Who has signed in is also who says who he is with a request: name and password in the field `Authorization` (`Basic`, RFC 7617), over TLS, or from this\n"
			     "machine. With that field no cookie is looked at. A name and a password count as a cookie does where a browser says from which page a request comes.\n\n"
			     "| method | path | who may | body, in bytes at most | |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < jmap_route_count; i++)
		write_route(out, &jmap_routes[i]);
	for (size_t i = 0; i < web_route_count; i++)
		write_route(out, &web_routes[i]);
}
