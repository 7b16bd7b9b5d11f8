/* pombal admin: keys by which programs, and pages of other servers, administer this one over HTTP (docs/admin-api.md). */
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/instance.h"

enum { DAY_SECONDS = 24 * 3600, DAYS_MAX = 3650 };

struct work {
	struct command_line *line;
	struct directory *directory;
	struct error error;
};

static int run_with(struct command_line *line, bool (*act)(struct work *work))
{
	struct work work = {.line = line};
	int status = COMMAND_FAILED;
	if (instance_enter(line) && (work.directory = instance_directory(line)))
		status = act(&work) ? COMMAND_DONE : command_fail_with(line, &work.error);
	directory_close(&work.directory);
	config_free_all();
	return status;
}

static json_t *json_of_key(const void *entry)
{
	const struct auth_admin_key *key = entry;
	char id[ID_TEXT_LEN + 1];
	id_format(key->id, id);
	return json_pack("{s:s, s:o, s:o, s:b, s:I, s:I, s:I}", "id", id, "name", cli_json_of_slice(key->name), "domain", cli_json_of_slice(key->domain), "reads", key->reads,
			 "created", (json_int_t)key->created, "used", (json_int_t)key->used, "expires", (json_int_t)key->expires);
}

static void print_key(const void *entry)
{
	const struct auth_admin_key *key = entry;
	char id[ID_TEXT_LEN + 1], when[32];
	id_format(key->id, id);
	printf("%s  ", id);
	cli_print_safe(key->name);
	cli_print_part("for ", key->domain);
	printf("%s  made %s", key->reads ? "  reads alone" : "", cli_time_text(key->created, when));
	if (key->used > 0)
		printf("  used %s", cli_time_text(key->used, when));
	if (key->expires > 0)
		printf("  %s %s", key->expires <= clock_now() ? "ended" : "until", cli_time_text(key->expires, when));
	putchar('\n');
}

static const struct command_shape shape = {sizeof(struct auth_admin_key), json_of_key, print_key, "there are no keys"};

static bool read_options(struct work *work, struct auth_admin_key *key)
{
	const char *domain = command_value(work->line, "domain");
	uint64_t days;
	if ((domain && !instance_domain(work->line, slice_of(domain), &key->domain, &work->error)) ||
	    !command_number(work->line, "days", DAYS_MAX, 0, &days, &work->error))
		return false;
	key->reads = command_value(work->line, "reads") != NULL;
	key->expires = days > 0 ? clock_now() + (int64_t)days * DAY_SECONDS : 0;
	return true;
}

static bool add(struct work *work)
{
	char text[AUTH_ADMIN_KEY_SIZE + 1];
	struct auth_admin_key key = {.name = command_argument(work->line, 0), .domain = SLICE("")};
	if (!read_options(work, &key) || !directory_admin_key_add(work->directory, &key, text, &work->error))
		return false;
	instance_note(work->line, "admin.key_added", log_id("key", key.id), log_slice("name", key.name), log_slice("domain", key.domain), log_text("reads", key.reads ? "alone" : "and changes"));
	if (work->line->json) {
		json_t *object = json_of_key(&key);
		json_object_set_new(object, "key", json_string(text));
		command_print_json(object);
	} else
		printf("%s\n", text);
	memory_wipe(text, sizeof text);
	return true;
}

static bool list(struct work *work)
{
	struct auth_admin_key *keys;
	size_t count;
	if (!directory_admin_key_list(work->directory, work->line->arena, &keys, &count, &work->error))
		return false;
	command_print_list(work->line, &shape, keys, count);
	return true;
}

static bool remove_it(struct work *work)
{
	int64_t id = id_parse(command_argument(work->line, 0));
	if (id == 0)
		return error_set(&work->error, ERROR_INVALID, "\"%s\" is not the id of a key", work->line->arguments[0]);
	if (!directory_admin_key_remove(work->directory, id, &work->error))
		return false;
	instance_note(work->line, "admin.key_removed", log_id("key", id));
	return true;
}

static int run_add(struct command_line *line) { return run_with(line, add); }
static int run_list(struct command_line *line) { return run_with(line, list); }
static int run_remove(struct command_line *line) { return run_with(line, remove_it); }

static const struct command_option add_options[] = {
	{"domain", "DOMAIN", "it administers this domain alone"},
	{"reads", NULL, "it changes nothing"},
	{"days", "N", "for how many days it counts; by default until it is removed"},
	{0},
};

const struct command cli_admin_commands[] = {
	{"admin key add", "NAME", "Makes a key by which programs administer the server over HTTP (docs/admin-api.md). It is shown once.", run_add, add_options, 1, 1, COMMAND_JSON, ADMIN_CHANGES},
	{"admin key list", "", "Lists these keys.", run_list, NULL, 0, 0, COMMAND_JSON, ADMIN_READS},
	{"admin key remove", "ID", "Removes one: it counts no more at once.", run_remove, NULL, 1, 1, COMMAND_REMOVES, ADMIN_CHANGES},
	{0},
};
