/* Summing up; see reports_sum.h. */
#include "cli/reports_sum.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/map.h"

void cli_reports_begin(struct cli_report_sums *sums, struct arena *arena)
{
	*sums = (struct cli_report_sums){.arena = arena, .index = map_new()};
}

static struct cli_report_domain *find_domain(struct cli_report_sums *sums, enum report_kind kind, struct slice name)
{
	struct slice key = arena_printf(sums->arena, "%s\t%.*s", report_kind_name(kind), SLICE_ARG(name));
	struct cli_report_domain *domain = map_get(sums->index, key);
	if (domain)
		return domain;
	domain = arena_alloc(sums->arena, sizeof *domain);
	*domain = (struct cli_report_domain){.kind = kind, .domain = arena_copy(sums->arena, name)};
	map_put(sums->index, key, domain);
	ARENA_GROW(sums->arena, sums->domains, sums->domain_count, sums->domain_room);
	return sums->domains[sums->domain_count++] = domain;
}

static struct cli_report_source *find_source(struct cli_report_sums *sums, struct cli_report_domain *domain, struct slice name)
{
	struct slice key = arena_printf(sums->arena, "%s\t%.*s\t%.*s", report_kind_name(domain->kind), SLICE_ARG(domain->domain), SLICE_ARG(name));
	struct cli_report_source *source = map_get(sums->index, key);
	if (source)
		return source;
	source = arena_alloc(sums->arena, sizeof *source);
	*source = (struct cli_report_source){.source = arena_copy(sums->arena, name)};
	map_put(sums->index, key, source);
	ARENA_GROW(sums->arena, domain->sources, domain->source_count, domain->source_room);
	return domain->sources[domain->source_count++] = source;
}

static void add_reporter(struct cli_report_sums *sums, struct cli_report_domain *domain, struct slice reporter)
{
	struct slice key = arena_printf(sums->arena, "%s\t%.*s\t\t%.*s", report_kind_name(domain->kind), SLICE_ARG(domain->domain), SLICE_ARG(reporter));
	if (map_put(sums->index, key, domain))
		return;
	ARENA_GROW(sums->arena, domain->reporters, domain->reporter_count, domain->reporter_room);
	domain->reporters[domain->reporter_count++] = arena_copy(sums->arena, reporter);
}

/* Bounded as a row's count is, whatever adds up. */
static void add(uint64_t *sum, uint64_t count)
{
	*sum = *sum < UINT64_MAX / 4 ? *sum + count : *sum;
}

static void add_failure(struct cli_report_sums *sums, struct cli_report_source *source, const struct report_row *row)
{
	add(row->disposition == REPORT_QUARANTINE ? &source->quarantined : &source->rejected, row->disposition == REPORT_NONE ? 0 : row->count);
	if (row->signature_count > 0) {
		source->signer = arena_copy(sums->arena, row->signatures[0].domain);
		source->signer_result = arena_copy(sums->arena, row->signatures[0].result);
	}
	for (size_t i = 1; i < row->signature_count; i++)
		if (slice_equal(row->signatures[i].result, SLICE("pass")) && !slice_equal(source->signer_result, SLICE("pass"))) {
			source->signer = arena_copy(sums->arena, row->signatures[i].domain);
			source->signer_result = SLICE("pass");
		}
	source->envelope = arena_copy(sums->arena, row->sender.domain);
	source->envelope_result = arena_copy(sums->arena, row->sender.result);
	source->reason = arena_copy(sums->arena, row->reason);
}

static void add_row(struct cli_report_sums *sums, struct cli_report_domain *domain, const struct report_row *row)
{
	struct cli_report_source *source = find_source(sums, domain, row->source);
	bool tls = domain->kind == REPORT_TLS;
	add(row->passed ? &domain->passed : &domain->failed, row->count);
	add(!row->passed ? &source->failed : tls || (row->dkim && !row->spf) ? &source->dkim : row->dkim ? &source->both : &source->spf, row->count);
	if (!row->passed)
		add_failure(sums, source, row);
}

void cli_reports_add(struct cli_report_sums *sums, const struct report *report)
{
	struct cli_report_domain *domain = find_domain(sums, report->kind, report->domain);
	domain->reports++;
	domain->begin = report->begin > 0 && (domain->begin == 0 || report->begin < domain->begin) ? report->begin : domain->begin;
	domain->end = report->end > domain->end ? report->end : domain->end;
	if (report->p.len > 0)
		domain->policy = arena_copy(sums->arena, report->p);
	add_reporter(sums, domain, report->reporter.len > 0 ? report->reporter : SLICE("somebody"));
	for (size_t i = 0; i < report->row_count; i++)
		add_row(sums, domain, &report->rows[i]);
}

/* ---- Order ---- */

static int by_name(const void *left, const void *right)
{
	const struct cli_report_domain *a = *(struct cli_report_domain *const *)left, *b = *(struct cli_report_domain *const *)right;
	int order = slice_compare(a->domain, b->domain);
	return order != 0 ? order : (int)a->kind - (int)b->kind;
}

static uint64_t passed(const struct cli_report_source *source) { return source->both + source->dkim + source->spf; }

static int by_failures(const void *left, const void *right)
{
	const struct cli_report_source *a = *(struct cli_report_source *const *)left, *b = *(struct cli_report_source *const *)right;
	if (a->failed != b->failed)
		return a->failed < b->failed ? 1 : -1;
	if (passed(a) != passed(b))
		return passed(a) < passed(b) ? 1 : -1;
	return slice_compare(a->source, b->source);
}

void cli_reports_end(struct cli_report_sums *sums)
{
	if (sums->domain_count > 0)
		qsort(sums->domains, sums->domain_count, sizeof *sums->domains, by_name);
	for (size_t i = 0; i < sums->domain_count; i++)
		if (sums->domains[i]->source_count > 0)
			qsort(sums->domains[i]->sources, sums->domains[i]->source_count, sizeof *sums->domains[i]->sources, by_failures);
	map_free(&sums->index);
}

/* ---- Advice ---- */

static const char *advise_failing(const struct cli_report_domain *domain, const struct cli_report_source *source, struct arena *arena)
{
	bool signs = source->signer.len > 0, verified = slice_equal(source->signer_result, SLICE("pass"));
	if (signs && slice_equal(source->signer, domain->domain) && !verified)
		return arena_printf(arena, "its signatures in this domain's name don't verify (%.*s): look at the key in the DNS, and at what changes mail after it is signed",
				    SLICE_ARG(source->signer_result)).at;
	if (signs && verified)
		return arena_printf(arena, "signs as %.*s: mail that a list or a forwarder has changed, or a service; let it sign as this domain if it is to write in its name",
				    SLICE_ARG(source->signer)).at;
	if (slice_equal(source->envelope_result, SLICE("pass")) && source->envelope.len > 0)
		return arena_printf(arena, "sends for %.*s: if it is to write in this domain's name, let it sign as this domain", SLICE_ARG(source->envelope)).at;
	return "nothing vouches for it: if it is yours, let it sign as this domain or name it in the SPF record; else it forges";
}

static const char *advise_server(const struct cli_report_source *source, struct arena *arena)
{
	if (source->failed == 0)
		return "reached over TLS";
	if (source->reason.len == 0)
		return "not all that should be secured is: the reports don't say why";
	return arena_printf(arena, "%.*s: look at what the server offers and shows (pombal check)", SLICE_ARG(source->reason)).at;
}

const char *cli_reports_advise_source(const struct cli_report_domain *domain, const struct cli_report_source *source, struct arena *arena)
{
	if (domain->kind == REPORT_TLS)
		return advise_server(source, arena);
	if (source->failed > 0)
		return advise_failing(domain, source, arena);
	if (source->both == 0 && source->dkim == 0)
		return "SPF alone vouches: let it sign, or mail that is forwarded from there fails";
	return source->both == 0 && source->spf == 0 ? "its signatures vouch: forwarded mail, or a server that the SPF record doesn't name" : "fine";
}

const char *cli_reports_advise(const struct cli_report_domain *domain)
{
	if (domain->kind == REPORT_TLS)
		return domain->failed == 0 ? "nothing is to be done" : "see to the servers above: with an enforced policy, mail doesn't reach them";
	if (slice_equal(domain->policy, SLICE("reject")))
		return domain->failed == 0 ? "nothing is to be done" : "what fails is refused: make sure that none of it is yours";
	if (domain->failed == 0)
		return slice_equal(domain->policy, SLICE("quarantine")) ? "all passes: the policy can become p=reject" : "all passes: the policy can become p=quarantine";
	return "let those of the failing sources that are yours pass; then a stricter policy keeps the others away";
}
