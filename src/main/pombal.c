/* The program: one name for all, many commands. Called as `sendmail` or `mailq` it is that. */
#include <limits.h>

#include "base/memory.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "main/master.h"
#include "main/setup.h"

static int run_serve(struct command_line *line)
{
	char path[PATH_MAX];
	if (!instance_find(line))
		return COMMAND_FAILED;
	snprintf(path, sizeof path, "%s", line->data);
	arena_free(&line->arena); /* nothing of the command line is needed while it serves */
	return master_serve(path);
}

static int run_role(struct command_line *line)
{
	arena_free(&line->arena);
	return role_start(line->arguments[0]);
}

static const struct command main_commands[] = {
	{"setup", "", "Makes a server with the help of a browser: prints an address and a code, serves the page that goes on there, and then the server. Where there is one already, nothing is done.", setup_run, setup_options, 0, 0, 0},
	{"serve", "", "Serves the data directory in the foreground; prints \"ready\" when every listener is open.", run_serve, NULL, 0, 0, 0},
	{"role", "NAME", "One process of the server; started by it.", run_role, NULL, 1, 1, COMMAND_HIDDEN | COMMAND_NO_DATA},
	{0},
};

static const struct command_group groups[] = {{"The server", cli_init_commands}, {"", main_commands}, CLI_COMMAND_GROUPS, {NULL, NULL}};

static struct slice base_name(const char *path)
{
	struct slice name = slice_of(path);
	size_t slash = slice_find_last_char(name, '/');
	return slash == SLICE_NONE ? name : slice_skip(name, slash + 1);
}

int main(int argc, char **argv)
{
	struct slice name = base_name(argc > 0 ? argv[0] : "");
	bool mailq = slice_equal(name, SLICE("mailq")), newaliases = slice_equal(name, SLICE("newaliases"));
	if (!mailq && !newaliases && !slice_equal(name, SLICE("sendmail")))
		return command_main(groups, argc, argv);
	/* Room for two further words and the NULL at the end. */
	char **words = memory_array((size_t)argc + 3, sizeof *words);
	char program[] = "pombal", command[] = "sendmail", listing[] = "-bp", aliases[] = "-bi";
	int count = 0;
	words[count++] = program;
	words[count++] = command;
	if (mailq || newaliases)
		words[count++] = mailq ? listing : aliases;
	for (int i = 1; i < argc; i++)
		words[count++] = argv[i];
	int status = command_main(groups, count, words);
	free(words);
	return status;
}
