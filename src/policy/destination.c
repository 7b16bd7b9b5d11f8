/* Verifying where reports go: else a domain could have everybody's reports sent to whom it likes. */
#include "policy/destination.h"

#include "dmarc/dmarc.h"

/* A domain's organizational domain (RFC 9989 §4.10.2). */
static enum policy_destination find_organization(struct slice domain, struct lookup *table, struct arena *arena, struct slice *organization)
{
	struct dmarc_verdict verdict;
	if (!lookup_name_is_askable(domain))
		return POLICY_DESTINATION_REFUSED;
	if (dmarc_check(domain, NULL, 0, table, arena, &verdict) == DMARC_PENDING)
		return POLICY_DESTINATION_PENDING;
	*organization = verdict.organization;
	return verdict.organization.len > 0 ? POLICY_DESTINATION_GRANTED : POLICY_DESTINATION_FAILED;
}

/* The record says where else: all must be of the same host, or it refuses (RFC 9990 §4, step 9). */
static enum policy_destination override(struct slice rua, struct report_destination *destination, struct arena *arena)
{
	struct report_destination others[REPORT_DESTINATIONS_MAX];
	size_t count = report_destinations(rua, arena, others);
	if (count == 0)
		return POLICY_DESTINATION_REFUSED;
	for (size_t i = 0; i < count; i++)
		if (!slice_equal_nocase(others[i].host, destination->host))
			return POLICY_DESTINATION_REFUSED;
	*destination = others[0];
	return POLICY_DESTINATION_GRANTED;
}

static enum policy_destination ask_host(struct slice domain, struct report_destination *destination, struct lookup *table, struct arena *arena)
{
	struct slice name = arena_printf(arena, "%.*s._report._dmarc.%.*s", SLICE_ARG(domain), SLICE_ARG(destination->host));
	struct dmarc_record record;
	if (!lookup_name_is_askable(name))
		return POLICY_DESTINATION_REFUSED;
	const struct lookup_answer *answer = lookup_get(table, LOOKUP_TXT, name);
	if (answer->status == LOOKUP_WANTED || answer->status == LOOKUP_FAILED)
		return answer->status == LOOKUP_WANTED ? POLICY_DESTINATION_PENDING : POLICY_DESTINATION_FAILED;
	enum policy_destination found = POLICY_DESTINATION_REFUSED;
	for (size_t i = 0; i < answer->count; i++) {
		if (!dmarc_record_read(answer->records[i].data, &record))
			continue;
		if (record.rua.len > 0)
			return override(record.rua, destination, arena);
		found = POLICY_DESTINATION_GRANTED;
	}
	return found;
}

enum policy_destination policy_destination_check(struct slice domain, struct report_destination *destination, struct lookup *table, struct arena *arena)
{
	struct slice own, other;
	if (slice_equal_nocase(domain, destination->host))
		return POLICY_DESTINATION_GRANTED;
	enum policy_destination mine = find_organization(domain, table, arena, &own), theirs = find_organization(destination->host, table, arena, &other);
	if (mine == POLICY_DESTINATION_PENDING || theirs == POLICY_DESTINATION_PENDING)
		return POLICY_DESTINATION_PENDING;
	if (mine != POLICY_DESTINATION_GRANTED || theirs != POLICY_DESTINATION_GRANTED)
		return mine != POLICY_DESTINATION_GRANTED ? mine : theirs;
	return slice_equal_nocase(own, other) ? POLICY_DESTINATION_GRANTED : ask_host(domain, destination, table, arena);
}
