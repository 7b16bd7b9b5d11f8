/* pombal domain: the domains whose mail this server takes. */
#include "cli/commands.h"
#include "cli/domain_dns.h"
#include "cli/domain_rotate.h"
#include "cli/instance.h"
#include "cli/spam_settings.h"

/* Every command here works on an open directory and one domain name. */
struct work {
	struct command_line *line;
	struct directory *directory;
	struct slice name;
	struct error error;
};

static int run_with(struct command_line *line, bool (*act)(struct work *work))
{
	struct work work = {.line = line};
	int status = COMMAND_FAILED;
	if (!instance_enter(line))
		return status;
	if (line->count > 0 && !instance_domain(line, command_argument(line, 0), &work.name, &work.error))
		status = command_fail_with(line, &work.error);
	else if ((work.directory = instance_directory(line)))
		status = act(&work) ? COMMAND_DONE : command_fail_with(line, &work.error);
	directory_close(&work.directory);
	config_free_all();
	return status;
}

/* The options of add and set over what there was; an empty value takes it away. */
static bool apply_options(struct work *work, struct auth_domain_entry *domain)
{
	const char *alias_of = command_value(work->line, "alias-of"), *catch_all = command_value(work->line, "catch-all");
	const char *language = command_value(work->line, "language");
	if (language)
		domain->language = slice_of(language);
	if (alias_of)
		domain->alias_of = slice_of(alias_of);
	if (catch_all)
		domain->catch_all = slice_of(catch_all);
	return cli_spam_settings_read(work->line, &domain->thresholds, &work->error) &&
	       (!alias_of || !*alias_of || instance_domain(work->line, slice_of(alias_of), &domain->alias_of, &work->error)) &&
	       (!catch_all || !*catch_all || instance_address(work->line, slice_of(catch_all), &domain->catch_all, &work->error));
}

static bool note(const struct work *work, const char *event, const struct auth_domain_entry *domain)
{
	char thresholds[THRESHOLDS_TEXT_MAX];
	config_thresholds_format(domain->thresholds, thresholds);
	instance_note(work->line, event, log_slice("domain", work->name), log_slice("alias_of", domain->alias_of), log_slice("catch_all", domain->catch_all),
		      log_slice("language", domain->language), log_text("thresholds", thresholds));
	return true;
}

static bool add(struct work *work)
{
	struct auth_domain_entry domain = {.name = work->name};
	return apply_options(work, &domain) && directory_add_domain(work->directory, &domain, &work->error) &&
	       directory_make_keys(work->directory, work->name, &work->error) && note(work, "admin.domain_added", &domain);
}

static bool set(struct work *work)
{
	struct auth_domain_entry domain;
	return directory_get_domain(work->directory, work->name, work->line->arena, &domain, &work->error) && apply_options(work, &domain) &&
	       directory_set_domain(work->directory, &domain, &work->error) && note(work, "admin.domain_changed", &domain);
}

static bool remove_it(struct work *work)
{
	return directory_remove_domain(work->directory, work->name, &work->error) && note(work, "admin.domain_removed", &(struct auth_domain_entry){0});
}

static json_t *json_of_domain(const void *entry_at)
{
	const struct auth_domain_entry *domain = entry_at;
	json_t *object = json_pack("{s:o, s:o, s:o, s:o}", "name", cli_json_of_slice(domain->name), "alias_of", cli_json_of_slice(domain->alias_of), "catch_all",
			 cli_json_of_slice(domain->catch_all), "language", cli_json_of_slice(domain->language));
	cli_spam_settings_json(object, domain->thresholds);
	return object;
}

static void print_domain(const void *entry_at)
{
	const struct auth_domain_entry *domain = entry_at;
	cli_print_safe(domain->name);
	if (domain->alias_of.len > 0)
		printf("  alias of %.*s", SLICE_ARG(domain->alias_of));
	if (domain->catch_all.len > 0)
		printf("  catch-all %.*s", SLICE_ARG(domain->catch_all));
	if (domain->language.len > 0)
		printf("  language %.*s", SLICE_ARG(domain->language));
	cli_spam_settings_print(domain->thresholds);
	putchar('\n');
}

static const struct command_shape shape = {sizeof(struct auth_domain_entry), json_of_domain, print_domain, "there are no domains"};

/* What an administrator of one domain sees: that, and what is read as it. */
static size_t keep_own(const struct command_caller *caller, struct auth_domain_entry *domains, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (slice_equal(domains[i].name, caller->domain) || slice_equal(domains[i].alias_of, caller->domain))
			domains[kept++] = domains[i];
	return kept;
}

static bool list(struct work *work)
{
	struct auth_domain_entry *domains;
	size_t count;
	if (!directory_list_domains(work->directory, work->line->arena, &domains, &count, &work->error))
		return false;
	if (work->line->caller && work->line->caller->domain.len > 0)
		count = keep_own(work->line->caller, domains, count);
	command_print_list(work->line, &shape, domains, count);
	return true;
}

static bool show(struct work *work)
{
	struct auth_domain_entry domain;
	if (!directory_get_domain(work->directory, work->name, work->line->arena, &domain, &work->error))
		return false;
	command_print_entry(work->line, &shape, &domain);
	return true;
}

static bool dns(struct work *work)
{
	return cli_domain_dns(work->line, work->directory, work->name, &work->error);
}

static bool rotate(struct work *work)
{
	return cli_domain_rotate(work->line, work->directory, work->name, &work->error);
}

static int run_add(struct command_line *line) { return run_with(line, add); }
static int run_list(struct command_line *line) { return run_with(line, list); }
static int run_show(struct command_line *line) { return run_with(line, show); }
static int run_set(struct command_line *line)
{
	return command_has_options(line) ? run_with(line, set) : command_misuse(line, "nothing is said to be changed");
}
static int run_remove(struct command_line *line) { return run_with(line, remove_it); }

static int run_dns(struct command_line *line) { return run_with(line, dns); }
static int run_rotate(struct command_line *line) { return run_with(line, rotate); }

static const struct command_option options[] = {
	{"alias-of", "DOMAIN", "every address of it is read as the same name in DOMAIN", false, OPTION_OF_SERVER},
	{"catch-all", "ADDRESS", "takes what is addressed to nobody"},
	{"language", "LANGUAGE", "in which its people are told what became of their mail: en, pt or ru"},
	CLI_SPAM_SETTINGS("as configured (spam_tag, spam_junk, spam_quarantine, spam_reject)"),
	{0},
};

const struct command cli_domain_commands[] = {
	{"domain add", "DOMAIN", "Takes mail for a further domain.", run_add, options, 1, 1, 0, ADMIN_CHANGES},
	{"domain list", "", "Lists the domains.", run_list, NULL, 0, 0, COMMAND_JSON, ADMIN_READS | ADMIN_SHOWS_OWN},
	{"domain show", "DOMAIN", "Shows one domain.", run_show, NULL, 1, 1, COMMAND_JSON, ADMIN_READS | ADMIN_DOMAIN},
	{"domain set", "DOMAIN", "Changes a domain; an empty value takes a setting away.", run_set, options, 1, 1, 0, ADMIN_CHANGES | ADMIN_DOMAIN},
	{"domain dns", "DOMAIN", "Prints what the DNS must say of a domain (MX, SPF, DKIM, DMARC, MTA-STS, TLS-RPT, SRV, names of settings), as lines of a zone file, or compares it "
	 "with what it says. Makes the domain's keys for signatures if it has none.", run_dns, cli_domain_dns_options, 1, 1, COMMAND_JSON, ADMIN_READS | ADMIN_DOMAIN | ADMIN_NETWORK},
	{"domain rotate", "DOMAIN", "Changes a domain's keys for signatures, step by step: publish, wait, sign, retire. Says what is to be published; a running server goes on by itself, and so does each further call.", run_rotate,
	 cli_domain_rotate_options, 1, 1, 0, ADMIN_CHANGES | ADMIN_NETWORK},
	{"domain remove", "DOMAIN", "Gives up a domain that has no accounts and aliases any more.", run_remove, NULL, 1, 1, COMMAND_REMOVES, ADMIN_CHANGES},
	{0},
};
