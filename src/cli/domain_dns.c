/* pombal domain dns: prints the records of a domain as a zone file, or asks the DNS for each and says what is to be done about it. */
#include "cli/domain_dns.h"

#include "autoconfig/autoconfig.h"
#include "base/clock.h"
#include "cli/domain_rotate.h"
#include "cli/own_certificates.h"
#include "config/roles.h"
#include "message/address.h"
#include "net/dns.h"

enum { WAIT_MS = 30 * 1000 };
_Static_assert((int)ZONE_DIGEST_SIZE == (int)ACME_DIGEST_SIZE, "a digest is one");

const struct command_option cli_domain_dns_options[] = {
	{"check", NULL, "asks the DNS for each record instead, and says what is to be done; the exit status is 1 if something is"},
	{"authority", "NAME", "a record, too, by which this certification authority alone may make certificates of the domain, for example letsencrypt.org"},
	{0},
};

/* ---- What there should be ---- */

/* Among those of one person's mail clients the lower number is tried first: TLS from the beginning, and IMAP before POP3. */
static const struct { enum service service; const char *label; uint16_t preference; } services[] = {
	{SERVICE_SUBMISSIONS, "_submissions", 0}, {SERVICE_SUBMISSION, "_submission", 10}, {SERVICE_IMAPS, "_imaps", 0}, {SERVICE_IMAP, "_imap", 10},
	{SERVICE_POP3S, "_pop3s", 20}, {SERVICE_POP3, "_pop3", 30},
};
enum { SERVICES = sizeof services / sizeof *services };

static void plan_services(struct cli_zone *self)
{
	struct zone_service *list = arena_array(self->line->arena, SERVICES, sizeof *list);
	for (size_t i = 0; i < SERVICES; i++)
		list[i] = (struct zone_service){slice_of(services[i].label), service_port(config_current(), services[i].service), services[i].preference};
	self->plan.services = list;
	self->plan.service_count = SERVICES;
}

/* The record holds a digest of the document as this server gives it. */
static void plan_settings(struct cli_zone *self, struct slice domain)
{
	struct autoconfig_plan settings;
	struct buf document = BUF(AUTOCONFIG_DOCUMENT_MAX), record = BUF(ZONE_LINE_MAX);
	autoconfig_plan_domain(config_current(), domain, self->line->arena, &settings);
	self->plan.web_port = autoconfig_web_port(config_current());
	if (autoconfig_write_agents(&settings, &document) && autoconfig_write_agents_record(buf_slice(&document), &record))
		self->plan.agents = arena_copy(self->line->arena, buf_slice(&record));
	buf_free(&document);
	buf_free(&record);
}

static bool plan_keys(struct cli_zone *self, struct directory *directory, struct slice domain, struct error *error)
{
	size_t count;
	if (!directory_make_keys(directory, domain, error) || !directory_list_keys(directory, domain, self->line->arena, &self->keys, &count, error))
		return false;
	struct zone_key *list = arena_array(self->line->arena, count + 1, sizeof *list);
	for (size_t i = 0; i < count; i++)
		list[i] = (struct zone_key){self->keys[i].selector, self->keys[i].record};
	self->plan.keys = list;
	self->plan.key_count = count;
	return true;
}

/* Of the server's own name, where it is one of this domain's: its certificate's key, and the one that is next, so that the latter stands in the DNS before it
 * is used. */
static void plan_digests(struct cli_zone *self)
{
	struct cli_own_certificate *all;
	size_t count, len = self->plan.domain.len;
	struct slice hostname = self->plan.hostname;
	bool within = slice_ends_nocase(hostname, self->plan.domain) && (hostname.len == len || hostname.at[hostname.len - len - 1] == '.');
	if (!within || !config_wants_acme(config_current()))
		return;
	cli_own_certificates(self->line, &all, &count);
	const struct cli_own_certificate *own = cli_own_certificate(all, count, hostname);
	if (!own || !own->there)
		return;
	unsigned char(*digests)[ZONE_DIGEST_SIZE] = arena_array(self->line->arena, 2, sizeof *digests);
	memcpy(digests[self->plan.digest_count++], own->certificate.digest, ZONE_DIGEST_SIZE);
	if (own->has_next)
		memcpy(digests[self->plan.digest_count++], own->next, ZONE_DIGEST_SIZE);
	self->plan.digests = digests;
}

bool cli_domain_zone(struct command_line *line, struct directory *directory, struct slice domain, const char *authority, struct cli_zone *zone, struct error *error)
{
	struct arena *arena = line->arena;
	const struct config *config = config_current();
	*zone = (struct cli_zone){.line = line};
	zone->plan.domain = domain_to_ascii(domain, arena);
	zone->plan.hostname = domain_to_ascii(slice_of(config->hostname), arena);
	zone->plan.authority = slice_of(authority);
	zone->plan.sts = (struct zone_sts){config->mta_sts_mode, config->mta_sts_max_age, config->mta_sts_hosts.at, config->mta_sts_hosts.count};
	if (zone->plan.authority.len > 0 && !lookup_name_is_askable(zone->plan.authority))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not the name of a certification authority", SLICE_ARG(zone->plan.authority));
	plan_services(zone);
	plan_settings(zone, domain);
	plan_digests(zone);
	if (!plan_keys(zone, directory, domain, error))
		return false;
	zone_make(&zone->plan, arena, &zone->records, &zone->count);
	return true;
}

/* ---- Printing ---- */

struct slice cli_domain_record_line(const struct command_line *line, const struct zone_record *record)
{
	struct buf text = BUF(ZONE_LINE_MAX);
	zone_write(record, &text);
	struct slice copy = arena_copy(line->arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

json_t *cli_domain_json_of_record(const struct command_line *line, const struct zone_record *record)
{
	return json_pack("{s:o, s:s, s:b, s:o}", "name", cli_json_of_slice(record->name), "type", lookup_type_name(record->type), "needed", record->needed, "line",
			 cli_json_of_slice(cli_domain_record_line(line, record)));
}

/* NULL: nothing needs to be said. */
static const char *remark_of(const struct cli_zone *self, const struct zone_record *record)
{
	for (size_t i = 0; record->purpose == ZONE_DKIM && i < self->plan.key_count; i++)
		if (slice_equal(record->value.data, self->keys[i].record))
			return cli_domain_key_remark(&self->keys[i], self->line->arena);
	if (record->purpose == ZONE_KEY)
		return "the key of the certificate (DANE); counts only in a zone that is signed (DNSSEC)";
	if (record->purpose == ZONE_NEXT_KEY)
		return "the key that is next, to stand there long before `pombal certificate renew --new-key`";
	return NULL;
}

static void print_remark(const struct cli_zone *self, const struct zone_record *record)
{
	const char *of_key = remark_of(self, record);
	if (of_key)
		printf("; %s\n", of_key);
	struct slice line, policy = zone_policy(&self->plan, self->line->arena);
	const char *smarthost = config_current()->smarthost;
	if (record->purpose == ZONE_SPF && *smarthost)
		printf("; mail goes out through %s: add what its operator says about SPF\n", smarthost);
	if (record->purpose == ZONE_SERVICE && record->value.data.len == 0)
		puts("; not offered here:");
	if (record->purpose == ZONE_AGENTS)
		puts("; changes with the services, the name of the server and the options provider_name and provider_page");
	if (record->purpose != ZONE_STS)
		return;
	printf("; counts only where a web server gives these lines at https://mta-sts.%.*s/.well-known/mta-sts.txt\n", SLICE_ARG(self->plan.domain));
	while (policy.len > 0) {
		slice_cut(policy, '\n', &line, &policy);
		printf(";   %.*s\n", SLICE_ARG(line));
	}
}

static void print_zone(const struct cli_zone *self)
{
	json_t *list = json_array();
	if (!self->line->json)
		printf("; what the DNS must say of %.*s\n", SLICE_ARG(self->plan.domain));
	for (size_t i = 0; i < self->count; i++) {
		if (self->line->json) {
			json_array_append_new(list, cli_domain_json_of_record(self->line, &self->records[i]));
			continue;
		}
		print_remark(self, &self->records[i]);
		printf("%.*s\n", SLICE_ARG(cli_domain_record_line(self->line, &self->records[i])));
	}
	if (self->line->json)
		command_print_json(list);
	else
		json_decref(list);
}

/* ---- Checking ---- */

static bool look_up(const struct cli_zone *self, struct lookup *table, struct error *error)
{
	const struct config *config = config_current();
	struct dns *dns = dns_new(&(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, error);
	if (!dns)
		return false;
	for (size_t i = 0; i < self->count; i++)
		lookup_get(table, self->records[i].type, self->records[i].name);
	dns_answer(dns, table, clock_monotonic_ms() + WAIT_MS);
	lookup_give_up(table);
	dns_free(&dns);
	return true;
}

bool cli_domain_is_fault(const struct zone_record *record, enum zone_state state)
{
	return state != ZONE_RIGHT && (record->needed || state != ZONE_MISSING);
}

static void print_finding(const struct cli_zone *self, const struct zone_record *record, const struct zone_finding *finding)
{
	printf("%-9s  %.*s. %s%s\n", zone_state_name(finding->state), SLICE_ARG(record->name), lookup_type_name(record->type),
	       finding->state == ZONE_MISSING && !record->needed ? " (advised)" : "");
	if (finding->state == ZONE_RIGHT)
		return;
	if (finding->there.len > 0)
		printf("           there stands: %.*s\n", SLICE_ARG(finding->there));
	printf("           %s\n", finding->advice);
	if (finding->state != ZONE_UNKNOWN)
		printf("           %.*s\n", SLICE_ARG(cli_domain_record_line(self->line, record)));
}

static json_t *json_of_finding(const struct cli_zone *self, const struct zone_record *record, const struct zone_finding *finding)
{
	json_t *one = cli_domain_json_of_record(self->line, record);
	json_object_set_new(one, "state", json_string(zone_state_name(finding->state)));
	json_object_set_new(one, "there", cli_json_of_slice(finding->there));
	json_object_set_new(one, "advice", json_string(finding->advice ? finding->advice : ""));
	return one;
}

/* How many things are to be done. */
static size_t print_findings(const struct cli_zone *self, struct lookup *table)
{
	json_t *list = json_array();
	size_t faults = 0;
	for (size_t i = 0; i < self->count; i++) {
		const struct zone_record *record = &self->records[i];
		struct zone_finding finding = zone_compare(record, lookup_get(table, record->type, record->name), self->line->arena);
		faults += cli_domain_is_fault(record, finding.state);
		if (self->line->json)
			json_array_append_new(list, json_of_finding(self, record, &finding));
		else
			print_finding(self, record, &finding);
	}
	if (self->line->json)
		command_print_json(list);
	else
		json_decref(list);
	return faults;
}

static bool check_zone(const struct cli_zone *self, struct error *error)
{
	struct lookup *table = lookup_new();
	bool done = look_up(self, table, error);
	size_t faults = done ? print_findings(self, table) : 0;
	lookup_free(&table);
	if (faults > 0 && !self->line->caller) /* who asks over HTTP is told them */
		return error_set(error, ERROR_INVALID, "%zu record%s of %.*s must be set right", faults, faults > 1 ? "s" : "", SLICE_ARG(self->plan.domain));
	return done;
}

bool cli_domain_dns(struct command_line *line, struct directory *directory, struct slice domain, struct error *error)
{
	struct cli_zone self;
	if (!cli_domain_zone(line, directory, domain, command_value(line, "authority"), &self, error))
		return false;
	if (command_value(line, "check"))
		return check_zone(&self, error);
	print_zone(&self);
	return true;
}
