/* Whether a message is from whom it says; see proved.h. */
#include "policy/proved.h"

#include "message/address.h"
#include "message/header.h"
#include "policy/judge.h"

bool policy_proved(const struct policy_verdict *verdict)
{
	const struct dmarc_verdict *dmarc = &verdict->dmarc;
	bool vouched = verdict->spf.result == SPF_PASS && slice_equal_nocase(verdict->spf.domain, dmarc->author);
	for (size_t i = 0; i < verdict->dkim_count; i++)
		vouched |= verdict->dkim[i].result == DKIM_PASS && slice_equal_nocase(verdict->dkim[i].domain, dmarc->author);
	return dmarc->result == DMARC_PASS || (dmarc->result == DMARC_NONE && vouched);
}

struct slice policy_proved_author(struct slice header, const struct policy_verdict *verdict, struct arena *arena)
{
	struct header_field field;
	struct address *list;
	size_t count = 0;
	if (!policy_proved(verdict) || !header_find(header, SLICE("From"), &field))
		return SLICE("");
	address_parse_list(field.body, 2, arena, &list, &count);
	if (count != 1 || list[0].kind != ADDRESS_MAILBOX || !slice_equal_nocase(domain_to_ascii(list[0].domain, arena), verdict->dmarc.author))
		return SLICE("");
	struct slice written = arena_printf(arena, "%.*s@%.*s", SLICE_ARG(address_quote(list[0].local, arena)), SLICE_ARG(list[0].domain));
	struct slice address = address_canonical(written, arena);
	return address.len <= POLICY_ADDRESS_MAX && policy_is_address(address) ? address : SLICE("");
}
