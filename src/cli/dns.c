/* pombal dns: writes what the DNS must say of our domains, where a name server takes it. */
#include "cli/commands.h"
#include "cli/dns_name.h"
#include "cli/dns_publish.h"
#include "cli/domain_dns.h"
#include "cli/instance.h"
#include "message/address.h"

struct publishing {
	struct command_line *line;
	struct directory *directory;
	json_t *list;
	size_t faults;       /* records that must be set right and were left */
	size_t domains;      /* that have a server */
	struct error error;  /* the first that was met */
};

static const struct command_option options[] = {
	{"dry-run", NULL, "only says what would be done"},
	{"force", NULL, "also replaces records that lead elsewhere: MX hosts, SPF and DMARC records, aliases of others"},
	{"authority", "NAME", "a record, too, by which this certification authority alone may make certificates of the domain, for example letsencrypt.org"},
	{0},
};

/* ---- Saying it ---- */

static const char *const deeds[][2] = {
	[CLI_DNS_NOTHING] = {"right", "right"}, [CLI_DNS_ADD] = {"added", "to be added"}, [CLI_DNS_REPLACE] = {"replaced", "to be replaced"}, [CLI_DNS_LEAVE] = {"left", "left"},
};

static void print_step(const struct publishing *self, const struct cli_dns_step *step)
{
	bool dry = command_value(self->line, "dry-run");
	printf("%-14s  %.*s. %s\n", deeds[step->deed][dry], SLICE_ARG(step->record->name), lookup_type_name(step->record->type));
	if (step->deed == CLI_DNS_NOTHING)
		return;
	if (step->there.len > 0)
		printf("                %s: %.*s\n", step->deed == CLI_DNS_LEAVE ? "there stands" : "there stood", SLICE_ARG(step->there));
	printf("                %.*s\n", SLICE_ARG(cli_domain_record_line(self->line, step->record)));
	if (step->why)
		printf("                %s\n", step->why);
}

static void tell(struct publishing *self, struct slice domain, const struct cli_dns_step *step)
{
	if (!self->line->json) {
		print_step(self, step);
		return;
	}
	static const char *const names[] = {"nothing", "add", "replace", "leave"};
	json_t *one = cli_domain_json_of_record(self->line, step->record);
	json_object_set_new(one, "domain", cli_json_of_slice(domain));
	json_object_set_new(one, "state", json_string(zone_state_name(step->state)));
	json_object_set_new(one, "there", cli_json_of_slice(step->there));
	json_object_set_new(one, "deed", json_string(names[step->deed]));
	json_object_set_new(one, "advice", json_string(step->why ? step->why : ""));
	json_array_append_new(self->list, one);
}

/* ---- A domain ---- */

static void note(const struct publishing *self, struct slice domain, const struct dns_update_server *server, const struct cli_dns_step *steps, size_t count)
{
	int64_t numbers[CLI_DNS_LEAVE + 1] = {0};
	for (size_t i = 0; i < count; i++)
		numbers[steps[i].deed]++;
	if (numbers[CLI_DNS_ADD] + numbers[CLI_DNS_REPLACE] > 0)
		instance_note(self->line, "admin.dns_published", log_slice("domain", domain), log_slice("server", server->place), log_number("added", numbers[CLI_DNS_ADD]),
			      log_number("replaced", numbers[CLI_DNS_REPLACE]), log_number("left", numbers[CLI_DNS_LEAVE]));
}

static bool publish(struct publishing *self, struct slice domain, const struct dns_update_server *server, struct error *error)
{
	struct command_line *line = self->line;
	struct cli_zone zone;
	struct cli_dns_step *steps;
	bool force = command_value(line, "force"), dry = command_value(line, "dry-run");
	if (!cli_domain_zone(line, self->directory, domain, command_value(line, "authority"), &zone, error) ||
	    !cli_dns_plan(server, zone.records, zone.count, force, line->arena, &steps, error) || (!dry && !cli_dns_carry_out(server, steps, zone.count, line->arena, error)))
		return false;
	if (!line->json)
		printf("%s%.*s, at the name server %.*s:\n", self->domains > 1 ? "\n" : "", SLICE_ARG(zone.plan.domain), SLICE_ARG(server->place));
	for (size_t i = 0; i < zone.count; i++) {
		tell(self, zone.plan.domain, &steps[i]);
		self->faults += steps[i].deed == CLI_DNS_LEAVE && cli_domain_is_fault(steps[i].record, steps[i].state);
	}
	if (!dry)
		note(self, domain, server, steps, zone.count);
	return true;
}

/* `named`: it was asked for; else it is passed over where nothing is configured. A failure doesn't keep other domains back. */
static void visit(struct publishing *self, struct slice domain, bool named)
{
	struct dns_update_server server;
	struct error error;
	bool has = dns_update_server_for(config_current(), self->line->data, domain_to_ascii(domain, self->line->arena), self->line->arena, &server, &error);
	if (!has && !named && error.kind == ERROR_NOT_FOUND)
		return;
	self->domains++;
	if ((!has || !publish(self, domain, &server, &error)) && self->error.kind == ERROR_NONE)
		self->error = error;
}

static bool visit_all(struct publishing *self)
{
	struct auth_domain_entry *domains;
	size_t count;
	if (!directory_list_domains(self->directory, self->line->arena, &domains, &count, &self->error))
		return false;
	for (size_t i = 0; i < count; i++)
		visit(self, domains[i].name, false);
	return self->domains > 0 || error_set(&self->error, ERROR_NOT_FOUND, "no name server that takes changes is configured for any domain (option dns_update)");
}

static bool visit_named(struct publishing *self)
{
	struct auth_domain_entry entry;
	struct slice name;
	for (int i = 0; i < self->line->count; i++) {
		struct error error;
		if (instance_domain(self->line, command_argument(self->line, i), &name, &error) && directory_get_domain(self->directory, name, self->line->arena, &entry, &error))
			visit(self, name, true);
		else if (self->error.kind == ERROR_NONE)
			self->error = error;
	}
	return self->error.kind == ERROR_NONE;
}

static int run_publish(struct command_line *line)
{
	struct publishing self = {.line = line};
	if (!instance_enter(line) || !(self.directory = instance_directory(line)))
		return COMMAND_FAILED;
	self.list = json_array();
	bool done = (line->count > 0 ? visit_named : visit_all)(&self) && self.error.kind == ERROR_NONE;
	if (line->json && (done || json_array_size(self.list) > 0))
		command_print_json(self.list);
	else
		json_decref(self.list);
	int status = COMMAND_DONE;
	if (!done)
		status = command_fail_with(line, &self.error);
	else if (self.faults > 0)
		status = command_fail(line, "%zu record%s of others %s left and must be set right", self.faults, self.faults > 1 ? "s" : "", self.faults > 1 ? "were" : "was");
	directory_close(&self.directory);
	config_free_all();
	return status;
}

const struct command cli_dns_commands[] = {
	{"dns name", "HOST", "Says what the DNS knows of a name that a server is to have: where it leads, whether these addresses are this machine's own, and to which names they lead back. It "
	 "needs no instance.", cli_dns_name_run, NULL, 1, 1, COMMAND_JSON, ADMIN_READS | ADMIN_NETWORK},
	{"dns publish", "[DOMAIN...]", "Writes what the DNS must say of domains (see domain dns) at the name servers that take it (option dns_update), and "
	 "says what was done with each record. What an administrator has chosen otherwise stays. Without a DOMAIN: of all for which there is such a server.", run_publish, options, 0, -1, COMMAND_JSON, ADMIN_CHANGES | ADMIN_NETWORK},
	{0},
};
