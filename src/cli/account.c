/* pombal account: people with a mailbox. */
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/account_mail.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/password.h"
#include "cli/spam_settings.h"
#include "message/address.h"

enum { RATE_MAX = 1000000000, LIMIT_MAX = 1000000 };

/* Every command here works on an open directory, and most on one account. */
struct work {
	struct command_line *line;
	struct directory *directory;
	struct slice name;
	struct error error;
};

static int run_with(struct command_line *line, bool named, bool (*act)(struct work *work))
{
	struct work work = {.line = line};
	int status = COMMAND_FAILED;
	log_set_role("command", LOG_LEVEL_WARNING);
	if (!instance_enter(line))
		return status;
	if (named && !instance_address(line, command_argument(line, 0), &work.name, &work.error))
		status = command_fail_with(line, &work.error);
	else if ((work.directory = instance_directory(line)))
		status = act(&work) ? COMMAND_DONE : command_fail_with(line, &work.error);
	directory_close(&work.directory);
	config_free_all();
	return status;
}

static bool number_option(struct work *work, const char *option, bool size, uint64_t *out)
{
	const char *text = command_value(work->line, option);
	int64_t number;
	if (!text)
		return true;
	if (size ? !config_parse_size(slice_of(text), &number) : !slice_to_number(slice_of(text), INT64_MAX, (uint64_t *)&number))
		return error_set(&work->error, ERROR_INVALID, "--%s: \"%s\" is not a %s", option, text, size ? "size such as 10G" : "number");
	*out = (uint64_t)number;
	return true;
}

/* 0: any number; nothing: as configured. */
static bool rate_option(struct work *work, const char *option, int64_t *rate)
{
	const char *text = command_value(work->line, option);
	uint64_t number = 0;
	if (!text)
		return true;
	if (*text && !slice_to_number(slice_of(text), RATE_MAX, &number))
		return error_set(&work->error, ERROR_INVALID, "--%s: \"%s\" is not a number up to %d", option, text, RATE_MAX);
	*rate = !*text ? 0 : number == 0 ? -1 : (int64_t)number;
	return true;
}

static bool rank_option(struct work *work, enum auth_rank *rank)
{
	const char *text = command_value(work->line, "administrator");
	return !text || auth_rank_parse(slice_of(text), rank) ||
	       error_set(&work->error, ERROR_INVALID, "--administrator: \"%s\" is none of server, domain and no", text);
}

static bool apply_options(struct work *work, struct auth_account_entry *account)
{
	const char *name = command_value(work->line, "name"), *language = command_value(work->line, "language");
	if (language)
		account->language = slice_of(language);
	if (name)
		account->display_name = slice_of(name);
	if (!slice_is_utf8(account->display_name))
		return error_set(&work->error, ERROR_INVALID, "--name is not UTF-8");
	if (command_value(work->line, "disabled"))
		account->enabled = false;
	if (command_value(work->line, "enabled"))
		account->enabled = true;
	if (!rank_option(work, &account->administrator))
		return false;
	return number_option(work, "quota", true, &account->quota_bytes) && number_option(work, "quota-messages", false, &account->quota_messages) &&
	       rate_option(work, "rate", &account->rates.per_hour) && rate_option(work, "rate-day", &account->rates.per_day) &&
	       cli_spam_settings_read(work->line, &account->thresholds, &work->error);
}

/* ---- The password, or a hash of one that another program made ---- */

static bool ask_secret(struct work *work, struct buf *out)
{
	const char *hash = command_value(work->line, "hash");
	if (hash)
		return buf_append_text(out, hash) || error_set(&work->error, ERROR_INVALID, "the hash is too long");
	if (command_value(work->line, "hash-stdin"))
		return cli_password_read_line(out, &work->error);
	return cli_password_ask(work->line, work->name, out, &work->error);
}

static bool put_secret(struct work *work, struct slice secret)
{
	if (command_value(work->line, "hash") || command_value(work->line, "hash-stdin"))
		return directory_set_hash(work->directory, work->name, secret, cli_password_is_good, &work->error);
	return directory_set_password(work->directory, work->name, secret, &work->error);
}

/* What keeps an account from being made, before its password is asked for. */
static bool may_be_added(struct work *work)
{
	struct arena *arena = work->line->arena;
	struct auth_account_entry there;
	struct auth_domain_entry own;
	struct slice local, domain;
	struct auth_alias_entry alias;
	struct error ignored;
	address_split(work->name, &local, &domain);
	if (directory_get_account(work->directory, work->name, arena, &there, &work->error))
		return error_set(&work->error, ERROR_EXISTS, "there is an account %.*s already", SLICE_ARG(work->name));
	if (!directory_get_domain(work->directory, domain, arena, &own, &work->error))
		return false;
	if (own.alias_of.len > 0)
		return error_set(&work->error, ERROR_INVALID, "%.*s is an alias of %.*s: accounts belong there", SLICE_ARG(domain), SLICE_ARG(own.alias_of));
	if (directory_get_alias(work->directory, work->name, arena, &alias, &ignored))
		command_remark(work->line, "warning: there is an alias of that name: mail goes where the alias leads (`pombal alias show`)");
	return true;
}

/* The directory first, which knows what can't be an account. Nobody can sign in before the password is there, and mail that
 * comes before the mailbox is waits in the queue. */
static bool add_account(struct work *work, struct store *store, struct auth_account_entry *entry, struct slice password)
{
	if (!directory_add_account(work->directory, entry, &work->error))
		return false;
	if (cli_account_mail_make(store, entry, &work->error) && put_secret(work, password))
		return true;
	struct error first = work->error;
	directory_remove_account(work->directory, work->name, &work->error);
	work->error = first;
	return false;
}

/* Which settings the options name: "quota disabled". */
static struct slice settings(const struct work *work)
{
	struct buf names = BUF(256);
	for (const struct command_option *option = work->line->command->options; option->name; option++)
		if (command_value(work->line, option->name))
			buf_printf(&names, "%s%s", names.len > 0 ? " " : "", option->name);
	struct slice text = arena_copy(work->line->arena, buf_slice(&names));
	buf_free(&names);
	return text;
}

static bool note(const struct work *work, const char *event)
{
	instance_note(work->line, event, log_slice("account", work->name), log_slice("options", settings(work)));
	return true;
}

static bool add(struct work *work)
{
	struct auth_account_entry entry = {.name = work->name, .enabled = true, .created = clock_now()};
	struct buf password = BUF(PASSWORD_MAX);
	struct store *store = NULL;
	bool done = may_be_added(work) && apply_options(work, &entry) && ask_secret(work, &password);
	if (done && !(store = instance_store(work->line)))
		done = error_set(&work->error, ERROR_TEMPORARY, "the account was not made");
	done = done && add_account(work, store, &entry, buf_slice(&password)) && note(work, "admin.account_added");
	if (store)
		store_close(&store);
	buf_free_secret(&password);
	return done;
}

static bool password(struct work *work)
{
	struct auth_account_entry entry;
	struct buf word = BUF(PASSWORD_MAX);
	bool done = directory_get_account(work->directory, work->name, work->line->arena, &entry, &work->error) &&
		    ask_secret(work, &word) && put_secret(work, buf_slice(&word)) && note(work, "admin.password_set");
	buf_free_secret(&word);
	return done;
}

static bool set(struct work *work)
{
	struct auth_account_entry entry;
	if (!directory_get_account(work->directory, work->name, work->line->arena, &entry, &work->error) || !apply_options(work, &entry) ||
	    !directory_set_account(work->directory, &entry, &work->error))
		return false;
	if (command_value(work->line, "quota") || command_value(work->line, "quota-messages")) {
		struct store *store = instance_store(work->line);
		bool done = store && cli_account_mail_quota(store, &entry, &work->error);
		if (store)
			store_close(&store);
		if (!done)
			return false;
	}
	note(work, "admin.account_changed");
	return !command_value(work->line, "password-stdin") || password(work);
}

/* What is kept, beside what the directory says. */
static bool read_usage(const struct work *work, struct quota *quota)
{
	struct error error;
	struct store *store = instance_store(work->line);
	struct account *account = store ? store_open_account(store, work->name, &error) : NULL;
	bool done = account && account_quota(account, quota, &error);
	if (account)
		store_release_account(&account);
	if (store)
		store_close(&store);
	return done;
}

/* What would be lost, asked of the person at the terminal; programs, which have none, are taken at their word. */
static bool is_meant(struct work *work)
{
	struct quota quota = {0};
	struct auth_account_entry entry;
	char size[32], answer[8] = "";
	if (command_value(work->line, "yes") || work->line->caller || !isatty(STDIN_FILENO))
		return true;
	if (!directory_get_account(work->directory, work->name, work->line->arena, &entry, &work->error))
		return false;
	bool known = read_usage(work, &quota);
	if (command_value(work->line, "keep-mail"))
		fprintf(stderr, "%.*s can't sign in any more, and takes no mail; its mail stays where it is.", SLICE_ARG(work->name));
	else if (known)
		fprintf(stderr, "%.*s and its %llu messages of %s go for good.", SLICE_ARG(work->name), (unsigned long long)quota.messages, cli_size_text(quota.bytes, size));
	else
		fprintf(stderr, "%.*s and all its mail go for good.", SLICE_ARG(work->name));
	fprintf(stderr, " Go on? (yes or no) ");
	if (fgets(answer, sizeof answer, stdin) && slice_equal_nocase(slice_trim(slice_of(answer)), SLICE("yes")))
		return true;
	return error_set(&work->error, ERROR_DENIED, "nothing was removed");
}

/* The directory first, so that no mail arrives any more; then the mail. */
static bool remove_it(struct work *work)
{
	if (!is_meant(work))
		return false;
	if (!directory_remove_account(work->directory, work->name, &work->error))
		return false;
	note(work, "admin.account_removed");
	if (command_value(work->line, "keep-mail"))
		return true;
	struct store *store = instance_store(work->line);
	bool done = store && (store_remove_account(store, work->name, &work->error) || work->error.kind == ERROR_NOT_FOUND);
	if (store)
		store_close(&store);
	return done;
}

/* ---- Showing ---- */

static json_t *json_of_rate(int64_t rate)
{
	return rate == 0 ? json_null() : json_integer(rate < 0 ? 0 : rate);
}

static void print_rate(int64_t rate, const char *time)
{
	if (rate < 0)
		printf("  any number of recipients %s", time);
	else if (rate > 0)
		printf("  %lld recipients %s", (long long)rate, time);
}

static json_t *json_of_account(const void *entry_at)
{
	const struct auth_account_entry *entry = entry_at;
	json_t *object = json_pack("{s:o, s:o, s:b, s:I, s:I, s:I, s:b, s:o, s:o, s:o, s:s}", "name", cli_json_of_slice(entry->name), "display_name", cli_json_of_slice(entry->display_name),
			 "enabled", entry->enabled, "quota_bytes", (json_int_t)entry->quota_bytes, "quota_messages", (json_int_t)entry->quota_messages,
			 "created", (json_int_t)entry->created, "has_password", entry->has_password, "language", cli_json_of_slice(entry->language),
			 "rate", json_of_rate(entry->rates.per_hour), "rate_day", json_of_rate(entry->rates.per_day), "administrator", auth_rank_text(entry->administrator));
	cli_spam_settings_json(object, entry->thresholds);
	return object;
}

static void print_account(const void *entry_at)
{
	const struct auth_account_entry *entry = entry_at;
	char size[32];
	cli_print_safe(entry->name);
	if (entry->display_name.len > 0) {
		printf("  \"");
		cli_print_safe(entry->display_name);
		putchar('"');
	}
	if (entry->quota_bytes > 0)
		printf("  quota %s", cli_size_text(entry->quota_bytes, size));
	if (entry->quota_messages > 0)
		printf("  quota %llu messages", (unsigned long long)entry->quota_messages);
	if (entry->language.len > 0)
		printf("  language %.*s", SLICE_ARG(entry->language));
	print_rate(entry->rates.per_hour, "an hour");
	print_rate(entry->rates.per_day, "a day");
	cli_spam_settings_print(entry->thresholds);
	if (entry->administrator != RANK_NONE)
		printf("  administers the %s", auth_rank_text(entry->administrator));
	printf("%s%s\n", entry->enabled ? "" : "  disabled", entry->has_password ? "" : "  without a password");
}

static const struct command_shape shape = {sizeof(struct auth_account_entry), json_of_account, print_account, "there are no accounts"};

static bool list(struct work *work)
{
	struct auth_account_entry *accounts;
	size_t count;
	struct command_line *line = work->line;
	struct auth_account_page page = {.after = slice_of(command_value(line, "after")), .search = slice_of(command_value(line, "search"))};
	if ((line->count > 0 && !instance_domain(line, command_argument(line, 0), &page.domain, &work->error)) ||
	    !command_number(line, "limit", LIMIT_MAX, 0, &page.limit, &work->error) ||
	    !directory_page_accounts(work->directory, &page, line->arena, &accounts, &count, &work->error))
		return false;
	command_print_list(work->line, &shape, accounts, count);
	return true;
}

/* Quietly nothing when the mailbox can't be opened. */
static void add_usage(const struct work *work, json_t *object)
{
	struct quota quota;
	if (!read_usage(work, &quota))
		return;
	json_object_set_new(object, "bytes", json_integer((json_int_t)quota.bytes));
	json_object_set_new(object, "messages", json_integer((json_int_t)quota.messages));
}

static bool show(struct work *work)
{
	struct auth_account_entry entry;
	struct slice *senders;
	size_t count;
	if (!directory_get_account(work->directory, work->name, work->line->arena, &entry, &work->error) ||
	    !directory_list_senders(work->directory, work->name, work->line->arena, &senders, &count, &work->error))
		return false;
	json_t *object = json_of_account(&entry), *granted = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(granted, cli_json_of_slice(senders[i]));
	json_object_set_new(object, "senders", granted);
	add_usage(work, object);
	if (work->line->json) {
		command_print_json(object);
		return true;
	}
	char when[32], size[32];
	print_account(&entry);
	printf("made %s, keeps %lld messages of %s\n", cli_time_text(entry.created, when),
	       (long long)json_integer_value(json_object_get(object, "messages")),
	       cli_size_text((uint64_t)json_integer_value(json_object_get(object, "bytes")), size));
	for (size_t i = 0; i < count; i++)
		printf("may send as %.*s\n", SLICE_ARG(senders[i]));
	json_decref(object);
	return true;
}

static bool grant_or_revoke(struct work *work, bool granted)
{
	struct slice address;
	if (!instance_address(work->line, command_argument(work->line, 1), &address, &work->error) ||
	    !directory_grant_sender(work->directory, work->name, address, granted, &work->error))
		return false;
	instance_note(work->line, granted ? "admin.sender_granted" : "admin.sender_revoked", log_slice("account", work->name), log_slice("sender", address));
	return true;
}
static bool grant_sender(struct work *work) { return grant_or_revoke(work, true); }
static bool revoke_sender(struct work *work) { return grant_or_revoke(work, false); }

static int run_add(struct command_line *line) { return run_with(line, true, add); }
static int run_list(struct command_line *line) { return run_with(line, false, list); }
static int run_show(struct command_line *line) { return run_with(line, true, show); }
static int run_set(struct command_line *line)
{
	if (!command_has_options(line))
		return command_misuse(line, "nothing is said to be changed");
	if (command_value(line, "enabled") && command_value(line, "disabled"))
		return command_misuse(line, "it can't be enabled and disabled");
	return run_with(line, true, set);
}
static int run_password(struct command_line *line) { return run_with(line, true, password); }
static int run_remove(struct command_line *line) { return run_with(line, true, remove_it); }
static int run_grant(struct command_line *line) { return run_with(line, true, grant_sender); }
static int run_revoke(struct command_line *line) { return run_with(line, true, revoke_sender); }

#define SETTINGS                                                                                   \
	{"name", "TEXT", "the person's name"}, {"quota", "SIZE", "the most bytes of mail; 0: no limit"}, \
	{"quota-messages", "N", "the most messages; 0: no limit"}, {"disabled", NULL, "takes no mail and can't sign in"}, \
	{"rate", "N", "to so many recipients it may write within an hour; 0: to any number; \"\": as configured (submission_rate)", false, OPTION_OF_SERVER}, \
	{"rate-day", "N", "the same within a day (submission_rate_day)", false, OPTION_OF_SERVER}, \
	CLI_SPAM_SETTINGS("as its domain's"), \
	{"language", "LANGUAGE", "in which its owner is told what became of mail: en, pt or ru; \"\": the domain's"}, \
	{"administrator", "server|domain|no", "administers the server, or the account's domain, in the browser and over HTTP; or nothing", false, OPTION_OF_SERVER}
#define PASSWORD_STDIN {"password-stdin", NULL, "reads the password from standard input instead of asking at the terminal"}

#define HASH                                                                                            \
	{"hash", "HASH", "sets a password by the hash that another server made of it, instead of asking"}, \
	{"hash-stdin", NULL, "the same, read from standard input, which nobody else on the machine sees"}

static const struct command_option add_options[] = {SETTINGS, PASSWORD_STDIN, HASH, {0}};
static const struct command_option set_options[] = {SETTINGS, {"enabled", NULL, "the opposite of disabled"},
						    {"password-stdin", NULL, "sets a new password, read from standard input"}, {0}};
static const struct command_option list_options[] = {{"limit", "N", "only the first N"}, {"after", "ADDRESS", "only those behind this one, in the order of the list"},
						     {"search", "TEXT", "only those with that in their address or name"}, {0}};
static const struct command_option password_options[] = {PASSWORD_STDIN, HASH, {0}};
static const struct command_option remove_options[] = {{"keep-mail", NULL, "leaves the mail where it is"},
						       {"yes", NULL, "doesn't ask at the terminal whether it is meant"}, {0}};

const struct command cli_account_commands[] = {
	{"account add", "ADDRESS", "Makes an account with its mailboxes; asks for its password.", run_add, add_options, 1, 1, 0, ADMIN_CHANGES | ADMIN_DOMAIN},
	{"account list", "[DOMAIN]", "Lists the accounts.", run_list, list_options, 0, 1, COMMAND_JSON, ADMIN_READS | ADMIN_DOMAIN},
	{"account show", "ADDRESS", "Shows one account and what it keeps.", run_show, NULL, 1, 1, COMMAND_JSON, ADMIN_READS | ADMIN_DOMAIN},
	{"account set", "ADDRESS", "Changes an account.", run_set, set_options, 1, 1, 0, ADMIN_CHANGES | ADMIN_DOMAIN},
	{"account password", "ADDRESS", "Sets a new password.", run_password, password_options, 1, 1, 0, ADMIN_CHANGES | ADMIN_DOMAIN},
	{"account grant", "ADDRESS SENDER", "Lets an account send as a further address.", run_grant, NULL, 2, 2, 0, ADMIN_CHANGES | ADMIN_DOMAIN | ADMIN_ALL_OWN},
	{"account revoke", "ADDRESS SENDER", "Takes that back.", run_revoke, NULL, 2, 2, 0, ADMIN_CHANGES | ADMIN_DOMAIN | ADMIN_ALL_OWN},
	{"account remove", "ADDRESS", "Removes an account and all its mail; at a terminal it asks first.", run_remove, remove_options, 1, 1, COMMAND_REMOVES, ADMIN_CHANGES | ADMIN_DOMAIN},
	{0},
};
