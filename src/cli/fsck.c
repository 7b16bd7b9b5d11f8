/* pombal fsck: checks every invariant of queue and accounts. */
#include "base/log.h"
#include "cli/commands.h"
#include "cli/instance.h"

struct cli_check {
	struct command_line *line;
	json_t *found;        /* an array, with --json */
	bool quiet;           /* only count */
	bool search;          /* the indexes, too */
	uint64_t problems, messages, repaired;
};

static void note(struct cli_check *check, struct slice where, struct slice what)
{
	if (check->quiet)
		return;
	if (check->line->json) {
		json_array_append_new(check->found, json_pack("{s:o, s:o}", "where", cli_json_of_slice(where), "what", cli_json_of_slice(what)));
		return;
	}
	cli_print_safe(where);
	printf(": ");
	cli_print_safe(what);
	putchar('\n');
}

static void note_account(void *context, struct slice account, struct slice what) { note(context, account, what); }

static void note_queue(void *context, struct slice what)
{
	struct cli_check *check = context;
	check->problems++;
	note(check, SLICE("queue"), what);
}

static bool check_queue(struct cli_check *check, bool repair, struct error *error)
{
	struct queue *queue = queue_open(check->line->data, QUEUE_PERSON, error);
	if (!queue)
		return false;
	bool done = queue_fsck(queue, repair, note_queue, check, error);
	queue_close(&queue);
	return done;
}

/* The accounts that were named, or all that the store or the directory knows. */
static bool list_accounts(const struct command_line *line, struct store *store, struct slice **names, size_t *count, struct error *error)
{
	if (line->count == 0)
		return store_list_accounts(store, line->arena, names, count, error);
	*count = (size_t)line->count;
	*names = arena_array(line->arena, *count, sizeof **names);
	for (size_t i = 0; i < *count; i++)
		if (!instance_address(line, command_argument(line, (int)i), &(*names)[i], error))
			return false;
	return true;
}

static bool check_accounts(struct cli_check *check, bool repair, struct error *error)
{
	struct store *store = repair ? instance_store(check->line) : instance_store_to_look(check->line);
	struct slice *names;
	size_t count = 0;
	bool done = store ? list_accounts(check->line, store, &names, &count, error) : error_set(error, ERROR_TEMPORARY, "the accounts were not checked");
	for (size_t i = 0, all = done ? count : 0; i < all; i++) {
		struct fsck_report report = {.found = note_account, .context = check};
		struct error trouble = {0};
		if (!store_fsck(store, names[i], repair, &report, &trouble) ||
		    (check->search && !store_fsck_search(store, names[i], repair, &report, &trouble))) /* one that can't be checked keeps no other from it */
			done = error_set(error, trouble.kind, "%.*s: %s", SLICE_ARG(names[i]), trouble.text);
		check->problems += report.problems;
		check->messages += report.messages;
		check->repaired += report.repaired;
		if (report.repaired > 0)
			instance_tell_changed(check->line, names[i]);
	}
	if (store)
		store_close(&store);
	return done;
}

static bool check_all(struct cli_check *check, bool repair, struct error *error)
{
	return (check->line->count > 0 || check_queue(check, repair, error)) && check_accounts(check, repair, error);
}

static void conclude(struct cli_check *check)
{
	if (check->line->json)
		command_print_json(json_pack("{s:I, s:I, s:I, s:O}", "messages", (json_int_t)check->messages, "problems", (json_int_t)check->problems,
					     "repaired", (json_int_t)check->repaired, "found", check->found));
	else
		printf("%llu messages, %llu problems, %llu repaired\n", (unsigned long long)check->messages, (unsigned long long)check->problems,
		       (unsigned long long)check->repaired);
	json_decref(check->found);
}

static int run(struct command_line *line)
{
	struct cli_check check = {.line = line, .found = json_array(), .search = command_value(line, "search") != NULL};
	struct error error;
	bool repair = command_value(line, "repair") != NULL;
	log_set_role("fsck", LOG_LEVEL_WARNING);
	if (!instance_enter(line)) {
		json_decref(check.found);
		return COMMAND_FAILED;
	}
	bool done = check_all(&check, repair, &error);
	uint64_t left = check.problems;
	if (repair)
		instance_note(line, "admin.repaired", log_number("problems", (int64_t)check.problems), log_number("repaired", (int64_t)check.repaired));
	conclude(&check);
	if (done && repair && left > 0) { /* what is left is what a second look still finds */
		struct cli_check again = {.line = line, .quiet = true, .search = check.search};
		done = check_all(&again, false, &error);
		left = again.problems;
	}
	config_free_all();
	if (!done)
		return command_fail_with(line, &error);
	return left > 0 ? COMMAND_FAILED : COMMAND_DONE;
}

static const struct command_option options[] = {
	{"repair", NULL, "mends what can be mended"},
	{"search", NULL, "compares the indexes for searching, too, with every message; with --repair the server indexes anew what is wrong"},
	{0},
};

const struct command cli_fsck_commands[] = {
	{"fsck", "[ADDRESS...]", "Checks queue and accounts, or only the accounts named: databases against files.", run, options, 0, -1, COMMAND_JSON},
	{0},
};
