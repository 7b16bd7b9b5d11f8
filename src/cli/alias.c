/* pombal alias: addresses that lead to others. */
#include "cli/commands.h"
#include "cli/instance.h"

enum { NOTED_TARGETS_MAX = 1024, LIMIT_MAX = 1000000 };

struct work {
	struct command_line *line;
	struct directory *directory;
	struct auth_alias_entry alias; /* what was typed */
	struct slice everybody;   /* the domain, where *@domain or @domain was typed: its catch-all is meant */
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
	struct slice address = command_argument(line, 0);
	if (slice_starts(address, SLICE("*@")) || slice_starts(address, SLICE("@")))
		return instance_domain(line, slice_skip(address, slice_find_char(address, '@') + 1), &work->everybody, &work->error);
	return instance_address(line, address, &work->alias.address, &work->error);
}

static int run_with(struct command_line *line, bool (*act)(struct work *work), bool addresses)
{
	struct work work = {.line = line};
	int status = COMMAND_FAILED;
	if (!instance_enter(line))
		return status;
	if (addresses && !read_arguments(&work))
		status = command_fail_with(line, &work.error);
	else if ((work.directory = instance_directory(line)))
		status = act(&work) ? COMMAND_DONE : command_fail_with(line, &work.error);
	directory_close(&work.directory);
	config_free_all();
	return status;
}

/* It is done as ordered, and said at once what would otherwise show only when mail comes. */
static void warn(struct work *work)
{
	struct auth_route *routes;
	size_t count = 0;
	struct slice address = work->alias.address;
	struct auth_account_entry account;
	struct error error = {0};
	bool keeps = false;
	for (size_t i = 0; i < work->alias.target_count; i++)
		keeps |= slice_equal(work->alias.targets[i], address);
	if (!keeps && directory_get_account(work->directory, address, work->line->arena, &account, &error))
		fprintf(stderr, "warning: the account %.*s gets no mail any more, since the alias goes first; with %.*s as a further target it keeps a copy\n",
			SLICE_ARG(address), SLICE_ARG(address));
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

/* ---- The catch-all of a domain: an alias to the eye ---- */

static bool get_everybody(struct work *work, struct auth_domain_entry *domain)
{
	return directory_get_domain(work->directory, work->everybody, work->line->arena, domain, &work->error);
}

static struct auth_alias_entry alias_of(const struct auth_domain_entry *domain, struct arena *arena)
{
	struct slice *target = arena_alloc(arena, sizeof *target);
	*target = domain->catch_all;
	return (struct auth_alias_entry){arena_printf(arena, "*@%.*s", SLICE_ARG(domain->name)), target, 1};
}

/* `target` empty: none any more. */
static bool put_everybody(struct work *work, struct auth_domain_entry *domain, struct slice target)
{
	domain->catch_all = target;
	if (!directory_set_domain(work->directory, domain, &work->error))
		return false;
	instance_note(work->line, "admin.domain_changed", log_slice("domain", domain->name), log_slice("alias_of", domain->alias_of), log_slice("catch_all", target));
	return true;
}

static bool one_target(struct work *work)
{
	return work->alias.target_count == 1 ||
	       error_set(&work->error, ERROR_INVALID, "a catch-all has one target: make an alias of several, and name that");
}

static bool add_everybody(struct work *work)
{
	struct auth_domain_entry domain;
	if (!one_target(work) || !get_everybody(work, &domain))
		return false;
	if (domain.catch_all.len > 0)
		return error_set(&work->error, ERROR_EXISTS, "what nobody of %.*s has goes to %.*s: `pombal alias set` changes that", SLICE_ARG(domain.name),
				 SLICE_ARG(domain.catch_all));
	return put_everybody(work, &domain, work->alias.targets[0]);
}

static bool existing_everybody(struct work *work, struct auth_domain_entry *domain)
{
	return get_everybody(work, domain) &&
	       (domain->catch_all.len > 0 || error_set(&work->error, ERROR_NOT_FOUND, "%.*s has no catch-all", SLICE_ARG(domain->name)));
}

static bool set_everybody(struct work *work)
{
	struct auth_domain_entry domain;
	return one_target(work) && existing_everybody(work, &domain) && put_everybody(work, &domain, work->alias.targets[0]);
}

static bool remove_everybody(struct work *work)
{
	struct auth_domain_entry domain;
	return existing_everybody(work, &domain) && put_everybody(work, &domain, SLICE(""));
}

/* ---- Changing ---- */

static bool add(struct work *work)
{
	if (work->everybody.len > 0)
		return add_everybody(work);
	bool done = directory_add_alias(work->directory, &work->alias, &work->error) && note(work, "admin.alias_added");
	if (done)
		warn(work);
	return done;
}

static bool set(struct work *work)
{
	if (work->everybody.len > 0)
		return set_everybody(work);
	bool done = directory_set_alias(work->directory, &work->alias, &work->error) && note(work, "admin.alias_changed");
	if (done)
		warn(work);
	return done;
}

static bool remove_it(struct work *work)
{
	if (work->everybody.len > 0)
		return remove_everybody(work);
	return directory_remove_alias(work->directory, work->alias.address, &work->error) && note(work, "admin.alias_removed");
}

static json_t *json_of_alias(const void *entry_at)
{
	const struct auth_alias_entry *alias = entry_at;
	json_t *targets = json_array();
	for (size_t i = 0; i < alias->target_count; i++)
		json_array_append_new(targets, cli_json_of_slice(alias->targets[i]));
	return json_pack("{s:o, s:o}", "address", cli_json_of_slice(alias->address), "targets", targets);
}

static void print_alias(const void *entry_at)
{
	const struct auth_alias_entry *alias = entry_at;
	cli_print_safe(alias->address);
	printf(" ->");
	for (size_t i = 0; i < alias->target_count; i++) {
		putchar(' ');
		cli_print_safe(alias->targets[i]);
	}
	putchar('\n');
}

static const struct command_shape shape = {sizeof(struct auth_alias_entry), json_of_alias, print_alias, "there are no aliases"};

static bool list(struct work *work)
{
	struct auth_alias_entry *aliases;
	size_t count;
	struct slice domain = {NULL, 0};
	if ((work->line->count > 0 && !instance_domain(work->line, command_argument(work->line, 0), &domain, &work->error)) ||
	    !directory_list_aliases(work->directory, domain, work->line->arena, &aliases, &count, &work->error))
		return false;
	struct auth_domain_entry *domains;
	size_t domain_count, all = count;
	if (!directory_list_domains(work->directory, work->line->arena, &domains, &domain_count, &work->error))
		return false;
	uint64_t limit;
	struct slice after = slice_of(command_value(work->line, "after"));
	if (!command_number(work->line, "limit", LIMIT_MAX, LIMIT_MAX, &limit, &work->error))
		return false;
	struct auth_alias_entry *shown = arena_array(work->line->arena, count + domain_count, sizeof *shown);
	if (count > 0)
		memcpy(shown, aliases, count * sizeof *shown);
	for (size_t i = 0; i < domain_count; i++)
		if (domains[i].catch_all.len > 0 && (domain.len == 0 || slice_equal(domain, domains[i].name)))
			shown[all++] = alias_of(&domains[i], work->line->arena);
	size_t first = 0;
	for (size_t i = 0; after.len > 0 && i < all && first == 0; i++)
		first = slice_equal(shown[i].address, after) ? i + 1 : 0;
	if (after.len > 0 && first == 0)
		return error_set(&work->error, ERROR_NOT_FOUND, "there is no alias %.*s any more: begin anew", SLICE_ARG(after));
	command_print_list(work->line, &shape, shown + first, all - first < limit ? all - first : limit);
	return true;
}

static bool show(struct work *work)
{
	struct auth_alias_entry alias;
	struct auth_domain_entry domain;
	if (work->everybody.len > 0) {
		if (!existing_everybody(work, &domain))
			return false;
		alias = alias_of(&domain, work->line->arena);
	} else if (!directory_get_alias(work->directory, work->alias.address, work->line->arena, &alias, &work->error))
		return false;
	command_print_entry(work->line, &shape, &alias);
	return true;
}

static int run_add(struct command_line *line) { return run_with(line, add, true); }
static int run_list(struct command_line *line) { return run_with(line, list, false); }
static int run_show(struct command_line *line) { return run_with(line, show, true); }
static int run_set(struct command_line *line) { return run_with(line, set, true); }
static int run_remove(struct command_line *line) { return run_with(line, remove_it, true); }

static const struct command_option list_options[] = {{"limit", "N", "only the first N"}, {"after", "ADDRESS", "only those behind this one, in the order of the list"}, {0}};

const struct command cli_alias_commands[] = {
	{"alias add", "ADDRESS TARGET...", "Makes an address that leads to others; adds targets to one that exists. *@DOMAIN is what nobody there has.", run_add, NULL, 2, -1, 0, ADMIN_CHANGES | ADMIN_DOMAIN},
	{"alias list", "[DOMAIN]", "Lists the aliases.", run_list, list_options, 0, 1, COMMAND_JSON, ADMIN_READS | ADMIN_DOMAIN},
	{"alias show", "ADDRESS", "Shows where an alias leads.", run_show, NULL, 1, 1, COMMAND_JSON, ADMIN_READS | ADMIN_DOMAIN},
	{"alias set", "ADDRESS TARGET...", "Puts other targets in the place of an alias's.", run_set, NULL, 2, -1, 0, ADMIN_CHANGES | ADMIN_DOMAIN},
	{"alias remove", "ADDRESS", "Removes an alias.", run_remove, NULL, 1, 1, COMMAND_REMOVES, ADMIN_CHANGES | ADMIN_DOMAIN},
	{0},
};
