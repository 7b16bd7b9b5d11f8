/* pombal reports: what other servers have reported about our domains, summed up: kept by the running server, or in files. */
#include <arpa/inet.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/reports_sum.h"
#include "net/dns.h"
#include "policy/policy.h"

enum { FILE_MAX = 64 * 1024 * 1024, SHOWN = 20, NAMED = 40, NAMES_MS = 4000, DAY_SECONDS = 24 * 3600, SINCE_MAX = 36500 };

struct reports {
	struct command_line *line;
	struct cli_report_sums sums;
	struct slice domain;   /* the only one that is asked for; empty: all */
	int64_t since;         /* seconds since 1970 */
	size_t failed;         /* files */
};

static bool is_file(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

/* ---- files ---- */

static void read_one(struct reports *self, const char *path)
{
	struct buf file = BUF(FILE_MAX);
	struct arena *arena = arena_new();
	struct report report;
	struct error error, other = {0};
	bool done = file_read_regular(path, &file, &error) &&
		    (report_read(buf_slice(&file), arena, &report, &error) || report_read_message(buf_slice(&file), arena, &report, &other));
	if (done) {
		cli_reports_add(&self->sums, &report);
		if (report.fault)
			command_remark(self->line, arena_printf(arena, "%s is odd: %s", path, report.fault).at);
	} else {
		self->failed++;
		command_fail(self->line, "%s: %s", path, other.kind != ERROR_NONE && report_is_likely(buf_slice(&file), arena) ? other.text : error.text);
	}
	arena_free(&arena);
	buf_free(&file);
}

static void read_files(struct reports *self)
{
	for (int i = 0; i < self->line->count; i++)
		read_one(self, self->line->arguments[i]);
}

/* ---- what the server keeps ---- */

static bool is_under(struct slice domain, struct slice wanted)
{
	return slice_equal(domain, wanted) || (domain.len > wanted.len && slice_ends_nocase(domain, wanted) && domain.at[domain.len - wanted.len - 1] == '.');
}

static void take(void *context, const struct policy_kept_report *kept)
{
	struct reports *self = context;
	int64_t time = kept->report.end > 0 ? kept->report.end : kept->received;
	if (time < self->since || (self->domain.len > 0 && !is_under(kept->report.domain, self->domain)))
		return;
	if (kept->proved || command_value(self->line, "unproved"))
		cli_reports_add(&self->sums, &kept->report);
	else
		self->sums.unproved++;
}

static bool read_kept(struct reports *self, struct error *error)
{
	const char *path = arena_printf(self->line->arena, "%s/policy/reports", self->line->data).at;
	return policy_reports_read(path, clock_now(), take, self, error);
}

/* ---- names of addresses ---- */

static struct slice bytes_of(struct slice address, char bytes[16])
{
	char text[INET6_ADDRSTRLEN] = "";
	if (address.len < sizeof text)
		memcpy(text, address.at, address.len);
	return slice_make(bytes, inet_pton(AF_INET, text, bytes) == 1 ? 4 : inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0);
}

/* Asks for those that are shown first. True: all are known that can be. */
static bool name_sources(struct reports *self, struct lookup *table)
{
	size_t count = 0;
	bool pending = false;
	for (size_t i = 0; i < self->sums.domain_count; i++)
		for (size_t j = 0; j < self->sums.domains[i]->source_count && j < SHOWN && count < NAMED; j++, count++) {
			struct cli_report_source *source = self->sums.domains[i]->sources[j];
			struct slice name;
			char bytes[16];
			struct slice client = bytes_of(source->source, bytes);
			enum policy_iprev iprev = client.len > 0 ? policy_iprev_check(client, table, self->line->arena, &name) : POLICY_IPREV_FAIL;
			pending |= iprev == POLICY_IPREV_PENDING;
			source->name = iprev == POLICY_IPREV_PASS ? arena_copy(self->line->arena, name) : slice_of(NULL);
		}
	return !pending;
}

/* What can't be had is left out. */
static void look_up_names(struct reports *self)
{
	const struct config *config = config_current();
	struct error error;
	int64_t deadline = clock_monotonic_ms() + NAMES_MS;
	struct dns *dns = dns_new(&(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, &error);
	struct lookup *table = lookup_new();
	while (dns && !name_sources(self, table))
		dns_answer(dns, table, deadline);
	lookup_free(&table);
	if (dns)
		dns_free(&dns);
}

/* ---- showing ---- */

static void print_days(const struct cli_report_domain *domain)
{
	char begin[32], end[32];
	if (domain->begin > 0 && domain->end > 0)
		printf(", %.10s to %.10s", cli_time_text(domain->begin, begin), cli_time_text(domain->end, end));
}

static void print_source(struct reports *self, const struct cli_report_domain *domain, const struct cli_report_source *source)
{
	printf("  %8llu  %8llu  ", (unsigned long long)(source->both + source->dkim + source->spf), (unsigned long long)source->failed);
	cli_print_safe(source->source.len > 0 ? source->source : SLICE("(not said)"));
	if (source->name.len > 0) {
		printf("  ");
		cli_print_safe(source->name);
	}
	printf("\n                      ");
	cli_print_safe(slice_of(cli_reports_advise_source(domain, source, self->line->arena)));
	if (source->quarantined + source->rejected > 0)
		printf(" (%llu quarantined, %llu refused)", (unsigned long long)source->quarantined, (unsigned long long)source->rejected);
	putchar('\n');
}

static void print_domain(struct reports *self, const struct cli_report_domain *domain)
{
	bool tls = domain->kind == REPORT_TLS;
	size_t shown = command_value(self->line, "all") || domain->source_count < SHOWN ? domain->source_count : SHOWN;
	cli_print_safe(domain->domain.len > 0 ? domain->domain : SLICE("(no domain)"));
	printf(", %s: %zu report%s of ", tls ? "TLS" : "DMARC", domain->reports, domain->reports == 1 ? "" : "s");
	for (size_t i = 0; i < domain->reporter_count; i++) {
		fputs(i > 0 ? ", " : "", stdout);
		cli_print_safe(domain->reporters[i]);
	}
	print_days(domain);
	printf("\n  %llu %s passed, %llu failed", (unsigned long long)domain->passed, tls ? "sessions" : "messages", (unsigned long long)domain->failed);
	if (domain->policy.len > 0) {
		printf("; the policy is ");
		cli_print_safe(domain->policy);
	}
	printf("\n    passed    failed  %s\n", tls ? "server" : "source");
	for (size_t i = 0; i < shown; i++)
		print_source(self, domain, domain->sources[i]);
	if (shown < domain->source_count)
		printf("  and %zu more (--all)\n", domain->source_count - shown);
	printf("  What to do: %s.\n\n", cli_reports_advise(domain));
}

static json_t *json_of_source(struct reports *self, const struct cli_report_domain *domain, const struct cli_report_source *source)
{
	json_int_t both = (json_int_t)source->both, dkim = (json_int_t)source->dkim, spf = (json_int_t)source->spf;
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:s}", "source", cli_json_of_slice(source->source), "name", cli_json_of_slice(source->name),
			 "passed", both + dkim + spf, "failed", (json_int_t)source->failed, "dkim", both + dkim,
			 "spf", both + spf, "quarantined", (json_int_t)source->quarantined, "rejected", (json_int_t)source->rejected,
			 "signer", cli_json_of_slice(source->signer), "signature", cli_json_of_slice(source->signer_result), "envelope", cli_json_of_slice(source->envelope),
			 "envelope_spf", cli_json_of_slice(source->envelope_result), "reason", cli_json_of_slice(source->reason),
			 "advice", cli_reports_advise_source(domain, source, self->line->arena));
}

static json_t *json_of_domain(struct reports *self, const struct cli_report_domain *domain)
{
	json_t *reporters = json_array(), *sources = json_array();
	for (size_t i = 0; i < domain->reporter_count; i++)
		json_array_append_new(reporters, cli_json_of_slice(domain->reporters[i]));
	for (size_t i = 0; i < domain->source_count; i++)
		json_array_append_new(sources, json_of_source(self, domain, domain->sources[i]));
	return json_pack("{s:o, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:o, s:s, s:o}", "domain", cli_json_of_slice(domain->domain), "kind", report_kind_name(domain->kind),
			 "reports", (json_int_t)domain->reports, "reporters", reporters, "begin", (json_int_t)domain->begin, "end", (json_int_t)domain->end, "passed",
			 (json_int_t)domain->passed, "failed", (json_int_t)domain->failed, "policy", cli_json_of_slice(domain->policy), "advice", cli_reports_advise(domain),
			 "sources", sources);
}

static int print_all(struct reports *self)
{
	const struct cli_report_sums *sums = &self->sums;
	json_t *domains = json_array();
	if (self->line->json) {
		for (size_t i = 0; i < sums->domain_count; i++)
			json_array_append_new(domains, json_of_domain(self, sums->domains[i]));
		return command_print_json(json_pack("{s:o, s:I}", "domains", domains, "unproved", (json_int_t)sums->unproved));
	}
	json_decref(domains);
	for (size_t i = 0; i < sums->domain_count; i++)
		print_domain(self, sums->domains[i]);
	if (sums->domain_count == 0)
		puts("There are no reports.");
	if (sums->unproved > 0)
		printf("Not counted: %zu report%s of which nothing shows that they are from whom they say (--unproved).\n", sums->unproved, sums->unproved == 1 ? "" : "s");
	return COMMAND_DONE;
}

/* ---- the command ---- */

static int show(struct reports *self, bool named)
{
	cli_reports_end(&self->sums);
	if (named && !command_value(self->line, "no-names"))
		look_up_names(self);
	int status = print_all(self);
	return self->failed > 0 ? COMMAND_FAILED : status;
}

static bool read_since(struct reports *self)
{
	const char *text = command_value(self->line, "since");
	uint64_t days = 0;
	bool valid = !text || slice_to_number(slice_of(text), SINCE_MAX, &days);
	self->since = text ? clock_now() - (int64_t)days * DAY_SECONDS : 0;
	return valid;
}

static int run_kept(struct reports *self)
{
	struct error error;
	struct command_line *line = self->line;
	if (line->count > 1)
		return command_fail(line, "there is no file %s", line->arguments[line->caller ? 0 : is_file(line->arguments[0])]);
	if (!instance_enter_reading(line))
		return COMMAND_FAILED;
	if (line->count == 1 && !instance_domain(line, command_argument(line, 0), &self->domain, &error))
		return command_fail(line, "%s: neither a file nor a domain: %s", line->arguments[0], error.text);
	return read_kept(self, &error) ? show(self, true) : command_fail_with(line, &error);
}

static int run_reports(struct command_line *line)
{
	struct reports self = {.line = line};
	bool files = line->count > 0 && !line->caller; /* over HTTP nothing is a file's name */
	if (!read_since(&self))
		return command_misuse(line, "\"%s\" is no number of days", command_value(line, "since"));
	for (int i = 0; i < line->count; i++)
		files = files && is_file(line->arguments[i]);
	cli_reports_begin(&self.sums, line->arena);
	if (files)
		read_files(&self);
	int status = files ? show(&self, false) : run_kept(&self);
	map_free(&self.sums.index);
	config_free_all();
	return status;
}

static const struct command_option options[] = {
	{"since", "DAYS", "only what was reported of the last days"},
	{"all", NULL, "every source, not only those of which the most fails"},
	{"unproved", NULL, "count also reports of which nothing shows that they are from whom they say"},
	{"no-names", NULL, "don't ask the DNS for the names of addresses"},
	{0},
};

const struct command cli_reports_commands[] = {
	{"reports", "[DOMAIN|FILE...]", "Says what other servers have reported of mail in the name of our domains (DMARC) and of reaching us over TLS: by domain and source, with what to do. FILE: reports, packed or in messages, instead of those that the server keeps.",
	 run_reports, options, 0, -1, COMMAND_JSON | COMMAND_NO_DATA, ADMIN_READS | ADMIN_DOMAIN | ADMIN_NETWORK},
	{0},
};
