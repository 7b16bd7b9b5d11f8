/* Seals of forwarders that the administrator trusts (ARC, RFC 8617). A mailing list changes what it passes on, so that neither signature nor SPF
 * speaks for the author any more; what the first sealer has found, when the message was still as its author sent it, then counts in their
 * place (RFC 9990's policy_override, "local_policy"). All sealers must be trusted, not the first alone: the last could have put older seals,
 * which are over seals only, on a text of its own. */
#include "authres/authres.h"
#include "message/address.h"
#include "policy/policy.h"

static bool is_trusted(const struct policy_mail *mail, struct slice domain)
{
	for (size_t i = 0; i < mail->trusted_sealer_count; i++)
		if (domain.len > 0 && slice_equal_nocase(slice_of(mail->trusted_sealers[i]), domain))
			return true;
	return false;
}

static bool all_trusted(const struct policy_mail *mail, const struct arc_verdict *arc)
{
	for (size_t i = 0; i < arc->count; i++)
		if (!is_trusted(mail, arc->seals[i].domain))
			return false;
	return arc->count > 0;
}

/* Is it the author's domain, or one of the same organization? */
static bool speaks_for_author(const struct dmarc_verdict *dmarc, struct slice domain)
{
	struct slice organization = dmarc->organization;
	if (domain.len == 0)
		return false;
	if (slice_equal_nocase(domain, dmarc->author) || (organization.len > 0 && slice_equal_nocase(domain, organization)))
		return true;
	return organization.len > 0 && domain.len > organization.len && domain.at[domain.len - organization.len - 1] == '.' &&
	       slice_ends_nocase(domain, organization);
}

/* A property's domain: behind the @ of an address. */
static struct slice domain_of(const struct authres_result *result, const char *type, const char *name, struct arena *arena)
{
	for (size_t i = 0; i < result->count; i++) {
		const struct authres_property *property = &result->properties[i];
		if (!slice_equal_nocase(property->type, slice_of(type)) || !slice_equal_nocase(property->name, slice_of(name)))
			continue;
		size_t at = slice_find_last_char(property->value, '@');
		return domain_to_ascii(at == SLICE_NONE ? property->value : slice_skip(property->value, at + 1), arena);
	}
	return (struct slice){0};
}

static bool vouches(const struct authres_result *result, const struct dmarc_verdict *dmarc, struct arena *arena)
{
	static const struct { const char *method, *type, *name; } known[] = {{"dmarc", "header", "from"}, {"spf", "smtp", "mailfrom"}, {"dkim", "header", "d"}};
	if (!slice_equal_nocase(result->result, SLICE("pass")))
		return false;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_equal_nocase(result->method, slice_of(known[i].method)) && speaks_for_author(dmarc, domain_of(result, known[i].type, known[i].name, arena)))
			return true;
	return false;
}

void policy_trust_seals(const struct policy_mail *mail, struct policy_verdict *verdict, struct arena *arena)
{
	const struct arc_verdict *arc = verdict->arc;
	struct authres_result *results;
	struct slice by;
	size_t count = 0, i = 0;
	verdict->override = (struct slice){0};
	if (verdict->dmarc.result != DMARC_FAIL || arc->result != ARC_PASS || !all_trusted(mail, arc) || !authres_read(arc->seals[0].results, arena, &by, &results, &count))
		return;
	while (i < count && !vouches(&results[i], &verdict->dmarc, arena))
		i++;
	if (i == count)
		return;
	verdict->override = arena_printf(arena, "arc=pass as[1].d=%.*s as[1].s=%.*s said %.*s=pass", SLICE_ARG(arc->seals[0].domain), SLICE_ARG(arc->seals[0].selector),
					 SLICE_ARG(results[i].method));
	verdict->dmarc.disposition = DMARC_POLICY_NONE;
}
