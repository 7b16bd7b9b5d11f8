/* A verdict as an Authentication-Results field (RFC 8601). */
#include <arpa/inet.h>

#include "authres/authres.h"
#include "policy/policy.h"

enum { METHODS = 6 /* besides signatures */ };

static void add_property(struct authres_result *result, const char *type, const char *name, struct slice value)
{
	if (value.len > 0)
		result->properties[result->count++] = (struct authres_property){slice_of(type), slice_of(name), value};
}

static struct authres_result of_spf(const struct policy_mail *mail, const struct spf_verdict *spf)
{
	struct authres_result result = {.method = SLICE("spf"), .result = slice_of(spf_result_name(spf->result)), .comment = spf->reason};
	add_property(&result, "smtp", "mailfrom", mail->sender);
	add_property(&result, "smtp", "helo", mail->sender.len == 0 ? mail->helo : SLICE(""));
	return result;
}

static struct authres_result of_iprev(const struct policy_mail *mail, const struct policy_verdict *verdict, struct arena *arena)
{
	char text[INET6_ADDRSTRLEN] = "";
	inet_ntop(mail->client.len == 4 ? AF_INET : AF_INET6, mail->client.at, text, sizeof text);
	struct authres_result result = {.method = SLICE("iprev"), .result = slice_of(policy_iprev_name(verdict->iprev)), .comment = verdict->client_name};
	add_property(&result, "policy", "iprev", arena_copy(arena, slice_of(text)));
	return result;
}

static struct authres_result of_signature(const struct dkim_verdict *dkim)
{
	struct authres_result result = {.method = SLICE("dkim"), .result = slice_of(dkim_result_name(dkim->result)), .comment = dkim->why};
	add_property(&result, "header", "d", dkim->domain);
	add_property(&result, "header", "s", dkim->selector);
	add_property(&result, "header", "a", dkim->algorithm);
	add_property(&result, "header", "b", dkim->begin);
	return result;
}

/* The method has no registered name yet; the newest signature is whose envelope it came in. */
static struct authres_result of_chain(const struct dkim2_verdict *dkim2)
{
	struct authres_result result = {.method = SLICE("dkim2"), .result = slice_of(dkim2_result_name(dkim2->result)), .comment = dkim2->why};
	if (dkim2->hop_count > 0)
		add_property(&result, "header", "d", dkim2->hops[dkim2->hop_count - 1].domain);
	return result;
}

static struct authres_result of_dmarc(const struct policy_verdict *verdict, struct arena *arena)
{
	const struct dmarc_verdict *dmarc = &verdict->dmarc;
	struct authres_result result = {.method = SLICE("dmarc"), .result = slice_of(dmarc_result_name(dmarc->result)), .comment = dmarc->reason};
	if (verdict->override.len > 0)
		result.comment = arena_printf(arena, "%.*s; taken all the same: %.*s", SLICE_ARG(dmarc->reason), SLICE_ARG(verdict->override));
	add_property(&result, "header", "from", dmarc->author);
	if (dmarc->result == DMARC_PASS || dmarc->result == DMARC_FAIL)
		add_property(&result, "policy", "dmarc", slice_of(dmarc_policy_name(dmarc->policy)));
	return result;
}

static struct authres_result of_bimi(const struct bimi_verdict *bimi)
{
	struct authres_result result = {.method = SLICE("bimi"), .result = slice_of(bimi_result_name(bimi->result)), .comment = slice_of(bimi->reason)};
	add_property(&result, "header", "d", bimi->domain);
	add_property(&result, "header", "selector", bimi->selector);
	return result;
}

void policy_write_results(const struct policy_mail *mail, const struct policy_verdict *verdict, struct buf *out)
{
	struct arena *arena = arena_new();
	struct authres_result *results = arena_array(arena, verdict->dkim_count + METHODS, sizeof *results);
	size_t count = 0;
	results[count++] = of_spf(mail, &verdict->spf);
	for (size_t i = 0; i < verdict->dkim_count; i++)
		results[count++] = of_signature(&verdict->dkim[i]);
	if (verdict->arc->result != ARC_NONE)
		results[count++] = (struct authres_result){.method = SLICE("arc"), .result = slice_of(arc_result_name(verdict->arc->result)), .comment = verdict->arc->why};
	if (verdict->dkim2 && verdict->dkim2->result != DKIM2_NONE)
		results[count++] = of_chain(verdict->dkim2);
	results[count++] = of_dmarc(verdict, arena);
	if (mail->brand)
		results[count++] = of_bimi(&verdict->bimi);
	results[count++] = of_iprev(mail, verdict, arena);
	authres_write(mail->receiver, results, count, out);
	arena_free(&arena);
}
