/* The manual page pombal(1), from the tables of commands; and docs/http.md, from the table of what is answered over HTTP. */
#include "cli/command.h"
#include "config/config.h"
#include "jmap/jmap.h"
#include "web/web.h"

static void write_sentence(struct buf *out, const struct config_words *words, const char *sentence)
{
	config_write_roff(out, slice_of(words->of(words->context, sentence)));
}

static void write_command(struct buf *out, const struct config_words *words, const struct command *command)
{
	buf_append_text(out, ".TP\n.B pombal ");
	config_write_roff(out, slice_of(command->name));
	if (command->flags & COMMAND_JSON)
		buf_append_text(out, " [\\-\\-json]");
	buf_append_text(out, command->arguments[0] ? " " : "");
	config_write_roff(out, slice_of(command->arguments));
	for (const struct command_option *option = command->options; option && option->name; option++) {
		buf_append_text(out, " [\\-\\-");
		config_write_roff(out, slice_of(option->name));
		buf_printf(out, "%s%s]", option->argument ? " " : "", option->argument ? option->argument : "");
	}
	buf_append_char(out, '\n');
	write_sentence(out, words, command->summary);
	buf_append_char(out, '\n');
	for (const struct command_option *option = command->options; option && option->name; option++) {
		buf_append_text(out, ".br\n\\(bu \\-\\-");
		config_write_roff(out, slice_of(option->name));
		buf_append_text(out, ": ");
		write_sentence(out, words, option->doc);
		buf_append_char(out, '\n');
	}
}

/* The sections around the commands: a title and a paragraph, or what a term means. */
struct part {
	const char *title; /* NULL: as before */
	const char *term;  /* in bold; NULL: none */
	const char *text;
};

static const struct part before[] = {
	{"Description", NULL,
	 "Pombal receives mail from the internet, routes and queues mail to the internet, stores it, and serves it to mail clients. "
	 "Everything it keeps is in one data directory, which `--data` (before or after the command) or the environment variable "
	 "`POMBAL_DATA` names; without either it is `" COMMAND_DATA "`. "
	 "Run as root, every command becomes the directory's owner before it touches a file."},
	{NULL, NULL,
	 "Called by the name `sendmail`, `mailq` or `newaliases`, it is that program of sendmail(8)'s. With `--json` a listing is one JSON "
	 "value. Options may stand anywhere after the command; what follows `--` is no option."},
};

static const struct part after[] = {
	{"Exit status", NULL, "0: done; 1: refused or failed, one line on standard error says why; 2: wrong usage."},
	{"Environment", "POMBAL_DATA", "The data directory, where `--data` doesn't name one."},
	{"Files", NULL, "In the data directory:"},
	{NULL, "pombal.conf", "The configuration."},
	{NULL, "certificates/", "Certificates and keys."},
	{NULL, "directory/directory.db", "Domains, accounts, aliases, and hashes of passwords."},
	{NULL, "queue/", "What waits to be delivered."},
	{NULL, "accounts/DOMAIN/NAME/", "An account: its database, and in `mail/` one plain file per message."},
	{NULL, "log/events.log", "What happened, for `pombal trace`."},
	{NULL, "run/", "The running server's socket and lock."},
	{"Signals", NULL,
	 "Of `pombal serve`: SIGHUP reads configuration and certificates anew, as `pombal reload` does; SIGTERM and SIGINT stop it, as "
	 "`pombal stop` does; a second SIGINT doesn't wait for what is under way."},
};

static void write_parts(struct buf *out, const struct config_words *words, const struct part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (parts[i].title)
			config_write_title(out, words, parts[i].title);
		if (parts[i].term) {
			buf_append_text(out, ".TP\n.B ");
			config_write_roff(out, slice_of(parts[i].term));
			buf_append_char(out, '\n');
		} else if (!parts[i].title) {
			buf_append_text(out, ".PP\n");
		}
		write_sentence(out, words, parts[i].text);
		buf_append_char(out, '\n');
	}
}

void command_write_manual(struct buf *out, const struct config_words *words, const struct command_group *groups)
{
	buf_append_text(out, ".TH POMBAL 1 " POMBAL_DATE " \"Pombal " POMBAL_VERSION "\" \"Pombal\"\n.nh\n"); /* names stay whole */
	config_write_title(out, words, "Name");
	buf_append_text(out, "pombal \\- ");
	write_sentence(out, words, "a complete e-mail system");
	buf_append_char(out, '\n');
	config_write_title(out, words, "Synopsis");
	buf_append_text(out, ".B pombal\n[\\-\\-data DIR] COMMAND [ARGUMENTS]\n");
	write_parts(out, words, before, sizeof before / sizeof *before);
	for (; groups->commands; groups++) {
		if (groups->title[0])
			config_write_title(out, words, groups->title);
		for (const struct command *command = groups->commands; command->name; command++)
			if (!(command->flags & COMMAND_HIDDEN))
				write_command(out, words, command);
	}
	write_parts(out, words, after, sizeof after / sizeof *after);
	config_write_title(out, words, "See also");
	buf_append_text(out, ".BR pombal.conf (5)\n");
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
	case HTTP_SHOWS:
		return changes ? "who administers; with a cookie, from a page of this server" : "who administers";
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
			     "A browser may have sessions of several accounts side by side: one stands alone, and of eight others at most each has a cookie of its own, whose name ends with\n"
			     "`-` and sixteen digits. A request speaks of that one whose `/~` and digits stand before its path: `/~0123456789abcdef/jmap/api`. The digits are made of the\n"
			     "account's name, so that what was asked of one account is never answered with another's session. They may stand before all paths of who has signed in.\n\n"
			     "Who has signed in is also who says who he is with a request: name and password in the field `Authorization` (`Basic`, RFC 7617), over TLS, or from this\n"
			     "machine. With that field no cookie is looked at. A name and a password count as a cookie does where a browser says from which page a request comes.\n\n"
			     "| method | path | who may | body, in bytes at most | |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < jmap_route_count; i++)
		write_route(out, &jmap_routes[i]);
	for (size_t i = 0; i < web_route_count; i++)
		write_route(out, &web_routes[i]);
}
