/* pombal check: looks the whole installation over; see check.h. */
#include "cli/check.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/domain_rotate.h"
#include "dnsupdate/dnsupdate.h"
#include "speller/speller.h"

enum { FREE_PERCENT_LOW = 5, FREE_PERCENT_OUT = 1 };

__attribute__((format(printf, 4, 0))) static void add(struct cli_check *check, const char *level, const char *mend, const char *format, va_list args)
{
	char what[1024];
	vsnprintf(what, sizeof what, format, args);
	json_array_append_new(check->findings, json_pack("{s:s, s:o, s:s}", "level", level, "what", cli_json_of_slice(slice_of(what)), "mend", mend));
}

void cli_check_error(struct cli_check *check, const char *mend, const char *what, ...)
{
	va_list args;
	va_start(args, what);
	add(check, "error", mend, what, args);
	va_end(args);
	check->errors++;
}

void cli_check_warning(struct cli_check *check, const char *mend, const char *what, ...)
{
	va_list args;
	va_start(args, what);
	add(check, "warning", mend, what, args);
	va_end(args);
	check->warnings++;
}

void cli_check_note(struct cli_check *check, const char *what, ...)
{
	va_list args;
	va_start(args, what);
	add(check, "note", "", what, args);
	va_end(args);
}

/* ---- Files ---- */

static void check_folder(struct cli_check *check, const char *path)
{
	struct stat status;
	if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
		cli_check_error(check, "Restore it, or make it with mode 0700; `pombal serve` makes missing ones, too.", "there is no folder %s", path);
	else if (status.st_uid != geteuid())
		cli_check_error(check, "Give it to the owner of the data directory with chown -R.", "%s belongs to user %d, the data directory to user %d", path,
			    (int)status.st_uid, (int)geteuid());
	else if (status.st_mode & 077)
		cli_check_error(check, "Close it with chmod 700.", "%s is open to other users (mode %o)", path, (unsigned)status.st_mode & 0777);
}

static void check_folders(struct cli_check *check)
{
	char path[PATH_MAX];
	check_folder(check, check->line->data);
	for (size_t i = 0; i < CONFIG_FOLDER_COUNT; i++) {
		snprintf(path, sizeof path, "%s/%s", check->line->data, config_folders[i].name);
		check_folder(check, path);
	}
	struct stat status;
	snprintf(path, sizeof path, "%s/pombal.conf", check->line->data);
	if (stat(path, &status) == 0 && status.st_mode & 022)
		cli_check_error(check, "Close it with chmod 600.", "%s can be written by other users (mode %o)", path, (unsigned)status.st_mode & 0777);
}

/* What holds secrets or mail. */
static void check_files(struct cli_check *check)
{
	static const char *const files[] = {"directory/directory.db", "queue/queue.db", "log/events.log", "run/control", "run/lock"};
	char path[PATH_MAX];
	struct stat status;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", check->line->data, files[i]);
		if (lstat(path, &status) != 0)
			continue;
		if (status.st_uid != geteuid())
			cli_check_error(check, "Give it to the owner of the data directory with chown.", "%s belongs to user %d, the data directory to user %d", path,
				    (int)status.st_uid, (int)geteuid());
		if (status.st_mode & 077)
			cli_check_error(check, "Close it with chmod 600.", "%s is open to other users (mode %o)", path, (unsigned)status.st_mode & 0777);
	}
}

static void check_space(struct cli_check *check)
{
	struct statvfs status;
	if (statvfs(check->line->data, &status) != 0 || status.f_blocks == 0)
		return;
	unsigned percent = (unsigned)(status.f_bavail * 100 / status.f_blocks);
	if (percent < FREE_PERCENT_OUT)
		cli_check_error(check, "Make room, or mail will be refused.", "the disk of %s is full: %u %% are free", check->line->data, percent);
	else if (percent < FREE_PERCENT_LOW)
		cli_check_warning(check, "Make room soon.", "the disk of %s is nearly full: %u %% are free", check->line->data, percent);
}

/* ---- People ---- */

static void check_domain(struct cli_check *check, struct directory *directory, const struct auth_domain_entry *domain)
{
	struct slice postmaster = arena_printf(check->line->arena, "postmaster@%.*s", SLICE_ARG(domain->name));
	if (directory_recipient(directory, postmaster, NULL) != RECIPIENT_LOCAL) /* RFC 5321 §4.5.1 */
		cli_check_error(check, "Every domain must take mail for postmaster: make an account or an alias of that name.", "%.*s takes no mail", SLICE_ARG(postmaster));
	if (domain->catch_all.len > 0 && directory_recipient(directory, domain->catch_all, NULL) == RECIPIENT_UNKNOWN)
		cli_check_warning(check, "Set another with `pombal domain set`, or make the account.", "the catch-all %.*s of %.*s is nobody's address",
			      SLICE_ARG(domain->catch_all), SLICE_ARG(domain->name));
	cli_check_rotation(check, directory, domain->name);
}

/* What is wrong with one of several targets; those of an alias that leads to another are that one's. */
static void check_targets(struct cli_check *check, struct directory *directory, struct slice alias)
{
	struct error error;
	struct auth_route *routes;
	size_t count = 0;
	if (!directory_resolve(directory, alias, check->line->arena, &routes, &count, &error)) {
		if (error.kind == ERROR_LIMIT)
			cli_check_error(check, "Set fewer targets with `pombal alias set`: until then mail to it waits.", "the alias %.*s can't be followed: %s", SLICE_ARG(alias),
				    error.text);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (routes[i].problem != ROUTE_GOOD && slice_equal(routes[i].detail, alias))
			cli_check_warning(check, "Set other targets with `pombal alias set`, or make the account; the others behind the alias get their mail.",
				      "the alias %.*s leads to %.*s, which %s", SLICE_ARG(alias), SLICE_ARG(routes[i].address), auth_route_problem(routes[i].problem));
}

/* An alias goes before an account of its name, which then gets mail only if it is one of the targets. */
static void check_hidden(struct cli_check *check, struct directory *directory, const struct auth_alias_entry *alias)
{
	struct error error;
	struct auth_account_entry account;
	for (size_t i = 0; i < alias->target_count; i++)
		if (slice_equal_nocase(alias->targets[i], alias->address))
			return;
	if (directory_get_account(directory, alias->address, check->line->arena, &account, &error))
		cli_check_warning(check, "Remove the alias, or give it the account's own address as a further target.", "the alias %.*s hides the account of that name, which gets no mail",
			      SLICE_ARG(alias->address));
}

/* Such an address is refused when mail comes for it. */
static void check_aliases(struct cli_check *check, struct directory *directory)
{
	struct error error;
	struct auth_alias_entry *aliases;
	size_t count = 0;
	if (!directory_list_aliases(directory, SLICE(""), check->line->arena, &aliases, &count, &error))
		cli_check_error(check, "Restore directory/directory.db from a backup.", "the aliases can't be read: %s", error.text);
	for (size_t i = 0; i < count; i++)
		check_hidden(check, directory, &aliases[i]);
	for (size_t i = 0; i < count; i++)
		if (directory_recipient(directory, aliases[i].address, NULL) == RECIPIENT_UNKNOWN)
			cli_check_warning(check, "Set other targets with `pombal alias set`, make the account, or remove the alias.", "the alias %.*s leads to nobody",
				      SLICE_ARG(aliases[i].address));
		else
			check_targets(check, directory, aliases[i].address);
}

static void check_people(struct cli_check *check)
{
	struct error error;
	struct auth_domain_entry *domains;
	size_t count = 0;
	struct directory *directory = directory_open(check->line->data, &error);
	if (!directory || !directory_list_domains(directory, check->line->arena, &domains, &count, &error))
		cli_check_error(check, "Restore directory/directory.db from a backup.", "the directory of accounts can't be read: %s", error.text);
	else if (count == 0)
		cli_check_warning(check, "Add one with `pombal domain add`.", "no domain: mail is taken for nobody");
	for (size_t i = 0; i < count; i++)
		check_domain(check, directory, &domains[i]);
	if (directory)
		check_aliases(check, directory);
	if (directory)
		directory_close(&directory);
}

static void check_queue(struct cli_check *check)
{
	struct error error;
	uint64_t messages, recipients;
	struct queue *queue = queue_open(check->line->data, QUEUE_PERSON, &error);
	if (!queue || !queue_count(queue, &messages, &recipients, &error))
		cli_check_error(check, "Run `pombal fsck`.", "the queue can't be read: %s", error.text);
	if (queue)
		queue_close(&queue);
}

/* Whoever has such a key can change the zone. */
static void check_update_keys(struct cli_check *check)
{
	const struct config_string_list *entries = &config_current()->dns_update;
	for (size_t i = 0; i < entries->count; i++) {
		struct config_dns_update entry;
		struct dns_update_server server;
		struct stat status;
		struct error error;
		char path[PATH_MAX];
		if (!config_parse_dns_update(slice_of(entries->at[i]), &entry, &error))
			continue; /* the configuration wouldn't have been read */
		snprintf(path, sizeof path, "%s%s%.*s", entry.secret.at[0] == '/' ? "" : check->line->data, entry.secret.at[0] == '/' ? "" : "/", SLICE_ARG(entry.secret));
		if (!dns_update_server_load(&entry, check->line->data, check->line->arena, &server, &error))
			cli_check_error(check, "Put the key's secret there, as the name server's tools print it, readable by the owner of the data directory only.", "dns_update: %s", error.text);
		else if (stat(path, &status) == 0 && (status.st_mode & 077))
			cli_check_error(check, "Close it with chmod 600.", "%s is open to other users (mode %o)", path, (unsigned)status.st_mode & 0777);
	}
}

static void check_options(struct cli_check *check)
{
	const struct config *config = config_current();
	char path[PATH_MAX];
	if (slice_find_char(slice_of(config->hostname), '.') == SLICE_NONE)
		cli_check_warning(check, "Set it to the full name that MX records and the reverse look-up of the address give.", "hostname \"%s\" has no domain", config->hostname);
	snprintf(path, sizeof path, "%s%s%s", config->smarthost_password_file[0] == '/' ? "" : check->line->data,
		 config->smarthost_password_file[0] == '/' ? "" : "/", config->smarthost_password_file);
	if (config->smarthost_password_file[0] && access(path, R_OK) != 0)
		cli_check_error(check, "Put the password there, readable by the owner of the data directory only.", "smarthost_password_file %s can't be read", path);
	check_update_keys(check);
	if (config->plaintext_auth && config->certificates.count > 0)
		cli_check_warning(check, "Set plaintext_auth = no.", "passwords are taken without TLS, though there is a certificate");
}

/* What is written in a language without one isn't looked through (speller.missing). */
static void check_dictionaries(struct cli_check *check)
{
	struct buf tags = BUF(200), packages = BUF(400);
	unsigned there = speller_installed();
	for (enum speller_language i = 0; i < SPELLER_LANGUAGES; i++) {
		if (there >> i & 1)
			continue;
		buf_printf(&tags, "%s%s", tags.len > 0 ? ", " : "", speller_languages[i].tag);
		buf_printf(&packages, " %s", speller_languages[i].package);
	}
	if (tags.len > 0)
		cli_check_warning(check, arena_printf(check->line->arena, "Install what is wanted of Debian's packages%.*s, and start the server anew; until then the web mail doesn't check spelling in them.",
						      SLICE_ARG(buf_slice(&packages))).at,
				  "there are no dictionaries for %.*s", SLICE_ARG(buf_slice(&tags)));
	buf_free(&tags);
	buf_free(&packages);
}

/* ---- The whole ---- */

static void print_findings(const struct cli_check *check)
{
	size_t i;
	json_t *finding;
	json_array_foreach(check->findings, i, finding) {
		const char *mend = json_string_value(json_object_get(finding, "mend"));
		printf("%s: %s\n%s%s%s", json_string_value(json_object_get(finding, "level")), json_string_value(json_object_get(finding, "what")), *mend ? "    " : "", mend,
		       *mend ? "\n" : "");
	}
	printf("%u errors, %u warnings\n", check->errors, check->warnings);
}

static bool load(struct cli_check *check)
{
	struct error error;
	struct config *config = config_load(check->line->data, &error);
	if (config)
		config_set_current(config);
	else
		cli_check_error(check, "Mend that line; `pombal config --example` shows every option.", "%s", error.text);
	return config != NULL;
}

/* Of one client's way, and nothing else. */
static int run_client(struct command_line *line, const char *address)
{
	int status = instance_enter(line) ? cli_check_client(line, address) : COMMAND_FAILED;
	config_free_all();
	return status;
}

static int run(struct command_line *line)
{
	if (command_value(line, "client"))
		return run_client(line, command_value(line, "client"));
	struct cli_check check = {.line = line, .findings = json_array()};
	log_set_role("check", LOG_LEVEL_ERROR);
	bool entered = instance_become_owner(line);
	if (entered) {
		check_folders(&check);
		check_files(&check);
		check_space(&check);
		check_people(&check);
		check_queue(&check);
		cli_check_backup(&check);
		if (load(&check)) {
			check_options(&check);
			check_dictionaries(&check);
			cli_check_listeners(&check);
			cli_check_certificates(&check);
			cli_check_engines(&check);
			if (command_value(line, "dns") || (!check.loopback && !command_value(line, "no-dns")))
				cli_check_dns(&check);
		}
		if (line->json)
			command_print_json(json_incref(check.findings));
		else
			print_findings(&check);
	}
	json_decref(check.findings);
	config_free_all();
	/* Who asks over HTTP is told the findings, and not that there are some. */
	return entered && (check.errors == 0 || line->caller) ? COMMAND_DONE : COMMAND_FAILED;
}

static const struct command_option options[] = {
	{"dns", NULL, "asks the DNS also for a server that listens on this machine's own addresses only"},
	{"no-dns", NULL, "doesn't ask the DNS"},
	{"client", "ADDRESS", "instead goes the way on which mail clients look for the settings of this address (Thunderbird, Outlook, Apple Mail, K-9), asks what they ask, and says at which step one fails"},
	{"trust", "FILE", "with --client: trusts the certificates in it, too (PEM), as devices do that were given a certification authority of your own", false, OPTION_LOCAL},
	{"https-port", "PORT", "with --client: asks web servers at this port instead of 443, for a server that is being tried out", false, OPTION_LOCAL},
	{"http-port", "PORT", "the same instead of 80", false, OPTION_LOCAL},
	{0},
};

const struct command cli_check_commands[] = {
	{"check", "", "Looks over configuration, files, certificates, ports and DNS: what is wrong, and how to mend it.", run, options, 0, 0, COMMAND_JSON, ADMIN_READS | ADMIN_NETWORK},
	{0},
};
