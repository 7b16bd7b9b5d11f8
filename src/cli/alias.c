/* pombal alias: addresses that lead to others. */
#include "cli/commands.h"
#include "cli/instance.h"

enum { NOTED_TARGETS_MAX = 1024 };

struct work {
	struct command_line *line;
	struct directory *directory;
	struct alias_entry alias; /* what was typed */
	struct error error;
};

static bool read_arguments(struct work *work)
{
	struct command_line *line = work->line;
	if (line->count == 0)
		return true;
	work->alias.target_count = (size_t)line->count - 1;
	work->alias.targets = arena_array(line->arena, work->alias.target_count + 1, sizeof *work->alias.targets);
	for (size_t i = 0; i < work->alias.target_count; i++)
		if (!instance_address(line, command_argument(line, (int)i + 1), &work->alias.targets[i], &work->error))
			return false;
	return instance_address(line, command_argument(line, 0), &work->alias.address, &work->error);
}

static int run_with(struct command_line *line, bool (*act)(struct work *work), bool addresses)
{
	struct work work = {.line = line};
	int status = COMMAND_FAILED;
	if (!instance_enter(line))
		return status;
	if (addresses && !read_arguments(&work))
		status = command_fail(line, "%s", work.error.text);
	else if ((work.directory = instance_directory(line)))
		status = act(&work) ? COMMAND_DONE : command_fail(line, "%s", work.error.text);
	directory_close(&work.directory);
	config_free_all();
	return status;
}

/* It is done as ordered, and said at once what would otherwise show only when mail comes. */
static void warn(struct work *work)
{
	struct route *routes;
	size_t count = 0;
	struct slice address = work->alias.address;
	struct error error = {0};
	if (!directory_resolve(work->directory, address, work->line->arena, &routes, &count, &error))
		fprintf(stderr, "warning: %s%.*s leads to nobody: %s\n", error.kind == ERROR_LIMIT ? "mail will wait, since " : "", SLICE_ARG(address), error.text);
	for (size_t i = 0; i < count; i++)
		if (routes[i].problem != ROUTE_GOOD)
			fprintf(stderr, "warning: %.*s leads to %.*s, which %s\n", SLICE_ARG(routes[i].detail), SLICE_ARG(routes[i].address),
				auth_route_problem(routes[i].problem));
}

/* With the targets that were named. */
static bool note(const struct work *work, const char *event)
{
	struct buf targets = BUF(NOTED_TARGETS_MAX); /* an event's field isn't longer */
	for (size_t i = 0; i < work->alias.target_count; i++)
		buf_printf(&targets, "%s%.*s", i > 0 ? " " : "", SLICE_ARG(work->alias.targets[i]));
	instance_note(work->line, event, log_slice("alias", work->alias.address), log_slice("targets", buf_slice(&targets)));
	buf_free(&targets);
	return true;
}

static bool add(struct work *work)
{
	bool done = directory_add_alias(work->directory, &work->alias, &work->error) && note(work, "admin.alias_added");
	if (done)
		warn(work);
	return done;
}

static bool set(struct work *work)
{
	bool done = directory_set_alias(work->directory, &work->alias, &work->error) && note(work, "admin.alias_changed");
	if (done)
		warn(work);
	return done;
}

static bool remove_it(struct work *work)
{
	return directory_remove_alias(work->directory, work->alias.address, &work->error) && note(work, "admin.alias_removed");
}

static json_t *json_of_alias(const void *entry_at)
{
	const struct alias_entry *alias = entry_at;
	json_t *targets = json_array();
	for (size_t i = 0; i < alias->target_count; i++)
		json_array_append_new(targets, json_of_slice(alias->targets[i]));
	return json_pack("{s:o, s:o}", "address", json_of_slice(alias->address), "targets", targets);
}

static void print_alias(const void *entry_at)
{
	const struct alias_entry *alias = entry_at;
	print_safe(alias->address);
	printf(" ->");
	for (size_t i = 0; i < alias->target_count; i++) {
		putchar(' ');
		print_safe(alias->targets[i]);
	}
	putchar('\n');
}

static const struct command_shape shape = {sizeof(struct alias_entry), json_of_alias, print_alias};

static bool list(struct work *work)
{
	struct alias_entry *aliases;
	size_t count;
	struct slice domain = {NULL, 0};
	if ((work->line->count > 0 && !instance_domain(work->line, command_argument(work->line, 0), &domain, &work->error)) ||
	    !directory_list_aliases(work->directory, domain, work->line->arena, &aliases, &count, &work->error))
		return false;
	command_print_list(work->line, &shape, aliases, count);
	return true;
}

static bool show(struct work *work)
{
	struct alias_entry alias;
	if (!directory_get_alias(work->directory, work->alias.address, work->line->arena, &alias, &work->error))
		return false;
	command_print_entry(work->line, &shape, &alias);
	return true;
}

static int run_add(struct command_line *line) { return run_with(line, add, true); }
static int run_list(struct command_line *line) { return run_with(line, list, false); }
static int run_show(struct command_line *line) { return run_with(line, show, true); }
static int run_set(struct command_line *line) { return run_with(line, set, true); }
static int run_remove(struct command_line *line) { return run_with(line, remove_it, true); }

const struct command alias_commands[] = {
	{"alias add", "ADDRESS TARGET...", "Makes an address that leads to others; adds targets to one that exists.", run_add, NULL, 2, -1, 0},
	{"alias list", "[DOMAIN]", "Lists the aliases.", run_list, NULL, 0, 1, COMMAND_JSON},
	{"alias show", "ADDRESS", "Shows where an alias leads.", run_show, NULL, 1, 1, COMMAND_JSON},
	{"alias set", "ADDRESS TARGET...", "Puts other targets in the place of an alias's.", run_set, NULL, 2, -1, 0},
	{"alias remove", "ADDRESS", "Removes an alias.", run_remove, NULL, 1, 1, 0},
	{0},
};
