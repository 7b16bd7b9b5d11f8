/* pombal account app-password: passwords for a program each, which may do a part of what their owner may. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/instance.h"

enum { DAYS_MAX = 3650, DAY = 24 * 3600 };

struct work {
	struct command_line *line;
	struct directory *directory;
	struct slice account;
	struct error error;
};

static json_t *json_of(const void *at)
{
	const struct auth_credential *credential = at;
	char id[ID_TEXT_LEN + 1], scopes[AUTH_SCOPES_TEXT_MAX];
	id_format(credential->id, id);
	json_t *object = json_pack("{s:s, s:s, s:I}", "id", id, "allow", auth_scopes_text(credential->scopes, scopes), "created", (json_int_t)credential->created);
	json_object_set_new(object, "account", cli_json_of_slice(credential->account));
	json_object_set_new(object, "name", cli_json_of_slice(credential->name));
	json_object_set_new(object, "kind", json_string(credential->kind == AUTH_GRANT ? "oauth" : "app-password"));
	json_object_set_new(object, "used", credential->used ? json_integer((json_int_t)credential->used) : json_null());
	json_object_set_new(object, "expires", credential->expires ? json_integer((json_int_t)credential->expires) : json_null());
	return object;
}

static void print(const void *at)
{
	const struct auth_credential *credential = at;
	char id[ID_TEXT_LEN + 1], scopes[AUTH_SCOPES_TEXT_MAX], when[32];
	id_format(credential->id, id);
	printf("%s  ", id);
	cli_print_safe(credential->name);
	printf("  %sfor %s  made %s", credential->kind == AUTH_GRANT ? "let in with OAuth  " : "", auth_scopes_text(credential->scopes, scopes), cli_time_text(credential->created, when));
	if (credential->used)
		printf("  used %s", cli_time_text(credential->used, when));
	if (credential->expires)
		printf("  until %s", cli_time_text(credential->expires, when));
	putchar('\n');
}

static const struct command_shape shape = {sizeof(struct auth_credential), json_of, print, "there are no app passwords"};

/* ---- What is said ---- */

static bool read_wanted(struct work *work, struct auth_credential *wanted)
{
	const char *name = command_value(work->line, "name"), *allow = command_value(work->line, "allow"), *days = command_value(work->line, "days");
	uint64_t number = 0;
	const char *why;
	wanted->account = work->account;
	wanted->name = slice_of(name);
	if (!auth_scopes_parse(slice_of(allow ? allow : "mail send"), &wanted->scopes))
		return error_set(&work->error, ERROR_INVALID, "--allow: mail, mail-read and send are what there is");
	if (days && (!slice_to_number(slice_of(days), DAYS_MAX, &number) || number == 0))
		return error_set(&work->error, ERROR_INVALID, "--days: \"%s\" is not a number from 1 to %d", days, DAYS_MAX);
	wanted->expires = days ? clock_now() + (int64_t)number * DAY : 0;
	if (!directory_identity(work->directory, work->account, &wanted->identity, &why, &work->error))
		return false;
	return wanted->identity != 0 || error_set(&work->error, ERROR_DENIED, "%.*s: %s", SLICE_ARG(work->account), why);
}

static bool add(struct work *work)
{
	struct auth_credential wanted = {0};
	char text[AUTH_APP_PASSWORD_SIZE + 1], id[ID_TEXT_LEN + 1], scopes[AUTH_SCOPES_TEXT_MAX];
	if (!read_wanted(work, &wanted) || !directory_app_password_make(work->directory, &wanted, text, &work->error))
		return false;
	id_format(wanted.id, id);
	instance_note(work->line, "admin.app_password_made", log_slice("account", work->account), log_id("app_password", wanted.id), log_slice("name", wanted.name),
		      log_text("for", auth_scopes_text(wanted.scopes, scopes)));
	if (work->line->json)
		command_print_json(json_pack("{s:s, s:s}", "id", id, "password", text));
	else {
		command_remark(work->line, "This is shown once, and can't be had again:");
		printf("%s\n", text);
	}
	memory_wipe(text, sizeof text);
	return true;
}

static bool list(struct work *work)
{
	struct auth_credential *found;
	size_t count;
	if (!directory_credential_list(work->directory, work->account, work->line->arena, &found, &count, &work->error))
		return false;
	command_print_list(work->line, &shape, found, count);
	return true;
}

static bool remove_it(struct work *work)
{
	struct slice which = command_argument(work->line, 1);
	bool all = slice_equal(which, SLICE("all"));
	int64_t id = all ? 0 : id_parse(which);
	size_t count;
	if (!all && id == 0)
		return error_set(&work->error, ERROR_INVALID, "\"%.*s\" is neither the number of an app password nor \"all\"", SLICE_ARG(which));
	if (!directory_credential_end(work->directory, work->account, id, &count, &work->error))
		return false;
	if (count == 0)
		return error_set(&work->error, ERROR_NOT_FOUND, "%.*s has no such app password", SLICE_ARG(work->account));
	instance_note(work->line, "admin.app_password_removed", log_slice("account", work->account), log_slice("app_password", which), log_number("count", (int64_t)count));
	return true;
}

static int run_with(struct command_line *line, bool (*act)(struct work *work))
{
	struct work work = {.line = line};
	struct auth_account_entry entry;
	int status = COMMAND_FAILED;
	log_set_role("command", LOG_LEVEL_WARNING);
	if (!instance_enter(line))
		return status;
	if (!instance_address(line, command_argument(line, 0), &work.account, &work.error))
		status = command_fail_with(line, &work.error);
	else if ((work.directory = instance_directory(line))) {
		bool done = directory_get_account(work.directory, work.account, line->arena, &entry, &work.error);
		work.account = done ? entry.name : work.account;
		status = done && act(&work) ? COMMAND_DONE : command_fail_with(line, &work.error);
	}
	directory_close(&work.directory);
	config_free_all();
	return status;
}

static int run_add(struct command_line *line)
{
	return command_value(line, "name") ? run_with(line, add) : command_misuse(line, "it needs a --name, by which its owner knows it");
}
static int run_list(struct command_line *line) { return run_with(line, list); }
static int run_remove(struct command_line *line) { return run_with(line, remove_it); }

static const struct command_option add_options[] = {
	{"name", "TEXT", "what it is for: \"telephone\""},
	{"allow", "LIST", "what it may be used for: mail (reading and changing mail), mail-read (reading alone), send; by default \"mail send\""},
	{"days", "N", "for how many days it counts; by default until it is removed, the password is changed, or the account is disabled"},
	{0},
};

const struct command cli_account_app_password_commands[] = {
	{"account app-password add", "ADDRESS", "Makes an app password: one more password, for one program, which may do a part of what its owner may. It is shown once.", run_add, add_options, 1, 1, COMMAND_JSON, ADMIN_CHANGES | ADMIN_DOMAIN},
	{"account app-password list", "ADDRESS", "Lists an account's app passwords, and the programs that it has let in with OAuth.", run_list, NULL, 1, 1, COMMAND_JSON, ADMIN_READS | ADMIN_DOMAIN},
	{"account app-password remove", "ADDRESS ID|all", "Removes one of these, or all, and ends the sessions that began with it.", run_remove, NULL, 2, 2, COMMAND_REMOVES, ADMIN_CHANGES | ADMIN_DOMAIN},
	{0},
};
