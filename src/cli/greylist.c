/* pombal greylist: who was told to come again, and who is known since he did, or brought good mail. The server writes its list down once a minute. */
#include "base/array.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "policy/greylist.h"

struct entries {
	struct command_line *line;
	struct policy_grey_entry *list;
	size_t count, room;
};

static json_t *json_of_entry(const void *at)
{
	const struct policy_grey_entry *entry = at;
	return json_pack("{s:o, s:o, s:s, s:I, s:I, s:I}", "network", cli_json_of_slice(entry->network), "domain", cli_json_of_slice(entry->domain), "state",
			 entry->state == POLICY_GREY_KNOWN ? "known" : "waits", "first", (json_int_t)entry->first, "last", (json_int_t)entry->last, "visits", (json_int_t)entry->visits);
}

static void print_entry(const void *at)
{
	const struct policy_grey_entry *entry = at;
	char first[32], last[32];
	cli_print_safe(entry->network);
	printf("  ");
	cli_print_safe(entry->domain);
	printf("  %s since %s  last seen %s\n", entry->state == POLICY_GREY_KNOWN ? "known" : "told to come again", cli_time_text(entry->first, first), cli_time_text(entry->last, last));
}

static const struct command_shape shape = {sizeof(struct policy_grey_entry), json_of_entry, print_entry, "nobody was told to come again"};

static void take(void *context, const struct policy_grey_entry *entry)
{
	struct entries *entries = context;
	struct arena *arena = entries->line->arena;
	struct slice wanted = command_argument(entries->line, 0);
	if (command_value(entries->line, "waiting") && entry->state == POLICY_GREY_KNOWN)
		return;
	if (wanted.len > 0 && !slice_equal_nocase(wanted, entry->domain) && !slice_equal_nocase(wanted, entry->network))
		return;
	ARENA_GROW(arena, entries->list, entries->count, entries->room);
	entries->list[entries->count] = *entry;
	entries->list[entries->count].network = arena_copy(arena, entry->network);
	entries->list[entries->count++].domain = arena_copy(arena, entry->domain);
}

static int run_list(struct command_line *line)
{
	struct entries entries = {.line = line};
	struct error error;
	const char *path = arena_printf(line->arena, "%s/policy/greylist", line->data).at;
	if (!instance_become_owner(line))
		return COMMAND_FAILED;
	if (!policy_greylist_read(path, take, &entries, &error))
		return command_fail(line, "%s", error.text);
	command_print_list(line, &shape, entries.list, entries.count);
	return COMMAND_DONE;
}

static const struct command_option list_options[] = {{"waiting", NULL, "only who was told to come again and hasn't yet"}, {0}};

const struct command cli_greylist_commands[] = {
	{"greylist list", "[NETWORK|DOMAIN]", "who was told to come again, and who is known since (option greylist)", run_list, list_options, 0, 1, COMMAND_JSON},
	{0},
};
