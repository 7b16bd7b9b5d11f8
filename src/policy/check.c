/* Everything about one message: each part asks the table for what it needs, all at once, and what they say together is DMARC's to judge. */
#include "base/memory.h"
#include "policy/policy.h"

struct policy_check {
	struct policy_mail mail;
	struct arena *arena;
	struct dkim_verify *dkim;
	struct arc_verify *arc;
	struct dkim2_verify *dkim2; /* NULL: it isn't looked at */
	bool signatures_done;
	struct policy_verdict verdict;
};

struct policy_check *policy_check_new(const struct policy_mail *mail)
{
	struct policy_check *check = memory_new(sizeof *check);
	check->mail = *mail;
	check->arena = arena_new();
	check->dkim = dkim_verify_new(mail->header, mail->now);
	check->arc = arc_verify_new(mail->header);
	check->dkim2 = mail->dkim2 ? dkim2_verify_new(mail->header, mail->envelope, mail->now) : NULL;
	check->verdict.spf = (struct spf_verdict){.result = SPF_NONE, .reason = SLICE("nobody knows from where the message came")};
	return check;
}

void policy_check_free(struct policy_check **freed)
{
	struct policy_check *check = *freed;
	*freed = NULL;
	if (!check)
		return;
	dkim_verify_free(&check->dkim);
	arc_verify_free(&check->arc);
	dkim2_verify_free(&check->dkim2);
	arena_free(&check->arena);
	free(check);
}

void policy_check_body(struct policy_check *check, struct slice piece)
{
	dkim_verify_body(check->dkim, piece);
	arc_verify_body(check->arc, piece);
	if (check->dkim2)
		dkim2_verify_body(check->dkim2, piece);
}

/* Everything that doesn't need another's result, and the author's policy, which will be needed. False: pending. */
static bool ask_all(struct policy_check *check, struct lookup *table)
{
	struct policy_verdict *verdict = &check->verdict;
	const struct policy_mail *mail = &check->mail;
	struct spf_query query = {.client = mail->client, .helo = mail->helo, .sender = mail->sender, .receiver = mail->receiver, .now = mail->now};
	bool known = mail->client.len > 0, spf = !known || spf_check(&query, table, check->arena, &verdict->spf) != SPF_PENDING;
	verdict->iprev = known ? policy_iprev_check(mail->client, table, check->arena, &verdict->client_name) : POLICY_IPREV_PERMERROR;
	bool dkim = dkim_verify_ask(check->dkim, table), arc = arc_verify_ask(check->arc, table);
	bool dkim2 = !check->dkim2 || dkim2_verify_ask(check->dkim2, table);
	bool dmarc = dmarc_check_message(mail->header, NULL, 0, table, check->arena, &verdict->dmarc) != DMARC_PENDING;
	return spf && verdict->iprev != POLICY_IPREV_PENDING && dkim && arc && dkim2 && dmarc;
}

/* The domains that vouch for the message (RFC 9989 §4.4). */
static size_t find_identifiers(const struct policy_verdict *verdict, struct dmarc_identifier list[DMARC_IDENTIFIERS_MAX])
{
	size_t count = 0;
	if (verdict->spf.result == SPF_PASS)
		list[count++] = (struct dmarc_identifier){verdict->spf.domain, DMARC_BY_SPF};
	for (size_t i = 0; i < verdict->dkim_count && count < DMARC_IDENTIFIERS_MAX; i++)
		if (verdict->dkim[i].result == DKIM_PASS)
			list[count++] = (struct dmarc_identifier){verdict->dkim[i].domain, DMARC_BY_DKIM};
	return count;
}

/* What fails to be known about a domain that could have vouched leaves open whether the message passes (RFC 9989 §5.3.6). */
static void weigh_trouble(struct policy_verdict *verdict)
{
	bool trouble = verdict->spf.result == SPF_TEMPERROR;
	for (size_t i = 0; i < verdict->dkim_count; i++)
		trouble |= verdict->dkim[i].result == DKIM_TEMPERROR;
	if (!trouble || verdict->dmarc.result != DMARC_FAIL)
		return;
	verdict->dmarc.result = DMARC_TEMPERROR;
	verdict->dmarc.disposition = DMARC_POLICY_NONE;
	verdict->dmarc.reason = SLICE("the DNS has no answer about a domain that may vouch");
}

const struct policy_verdict *policy_check_run(struct policy_check *check, struct lookup *table)
{
	struct policy_verdict *verdict = &check->verdict;
	struct dmarc_identifier identifiers[DMARC_IDENTIFIERS_MAX];
	if (!ask_all(check, table))
		return NULL;
	if (!check->signatures_done) {
		verdict->dkim = dkim_verify_end(check->dkim, table, &verdict->dkim_count);
		verdict->arc = arc_verify_end(check->arc, table);
		verdict->dkim2 = check->dkim2 ? dkim2_verify_end(check->dkim2, table) : NULL;
		check->signatures_done = true;
	}
	size_t count = find_identifiers(verdict, identifiers);
	if (dmarc_check_message(check->mail.header, identifiers, count, table, check->arena, &verdict->dmarc) == DMARC_PENDING)
		return NULL;
	weigh_trouble(verdict);
	policy_trust_seals(&check->mail, verdict, check->arena);
	bool looked = !check->mail.brand || bimi_check(check->mail.header, &verdict->dmarc, table, check->arena, &verdict->bimi) != BIMI_PENDING;
	return looked ? verdict : NULL;
}
