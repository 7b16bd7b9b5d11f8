/* Does the name of an address lead back to it (RFC 8601 §3)? */
#include <string.h>

#include "policy/policy.h"

enum { NAMES_MAX = 5 /* of an address, that are looked at */ };

static const char mapped[12] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";

const char *policy_iprev_name(enum policy_iprev iprev)
{
	static const char *const names[] = {"pending", "pass", "fail", "temperror", "permerror"};
	return names[iprev];
}

static bool leads_to(const struct lookup_answer *addresses, struct slice client)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (slice_equal(addresses->records[i].data, client))
			return true;
	return false;
}

enum policy_iprev policy_iprev_check(struct slice client, struct lookup *table, struct arena *arena, struct slice *name)
{
	if (client.len == 16 && memcmp(client.at, mapped, sizeof mapped) == 0)
		client = slice_skip(client, sizeof mapped);
	const struct lookup_answer *names = lookup_get(table, LOOKUP_PTR, lookup_reverse_name(client, arena));
	bool pending = false, failed = false;
	*name = names->count > 0 ? names->records[0].data : slice_make(NULL, 0);
	if (names->status != LOOKUP_FOUND)
		return names->status == LOOKUP_WANTED ? POLICY_IPREV_PENDING : names->status == LOOKUP_FAILED ? POLICY_IPREV_TEMPERROR : POLICY_IPREV_PERMERROR;
	for (size_t i = 0; i < names->count && i < NAMES_MAX; i++) {
		const struct lookup_answer *addresses = lookup_get(table, client.len == 4 ? LOOKUP_A : LOOKUP_AAAA, names->records[i].data);
		pending |= addresses->status == LOOKUP_WANTED;
		failed |= addresses->status == LOOKUP_FAILED;
		if (!pending && leads_to(addresses, client)) {
			*name = names->records[i].data;
			return POLICY_IPREV_PASS;
		}
	}
	return pending ? POLICY_IPREV_PENDING : failed ? POLICY_IPREV_TEMPERROR : POLICY_IPREV_FAIL;
}
