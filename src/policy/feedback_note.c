/* What of a judged message is reported to the domain of its author (RFC 9990 §3.1.1). */
#include <arpa/inet.h>

#include "base/clock.h"
#include "config/config.h"
#include "message/address.h"
#include "policy/feedback_internal.h"

static struct slice address_text(struct slice client, char out[INET6_ADDRSTRLEN])
{
	static const char mapped[] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";
	if (client.len == 16 && slice_starts(client, slice_make(mapped, 12)))
		client = slice_skip(client, 12);
	bool known = (client.len == 4 || client.len == 16) && inet_ntop(client.len == 4 ? AF_INET : AF_INET6, client.at, out, INET6_ADDRSTRLEN);
	return known ? slice_of(out) : slice_of(NULL);
}

static bool is_under(struct slice name, struct slice domain)
{
	return slice_ends_nocase(name, domain) && (name.len == domain.len || name.at[name.len - domain.len - 1] == '.');
}

/* Which signatures are told, if not all can be: aligned ones that pass, others that pass, the rest (RFC 9990 §3.1.3). */
static int rank(const struct dkim_verdict *signature, const struct dmarc_verdict *dmarc)
{
	if (signature->result != DKIM_PASS)
		return 3;
	if (slice_equal_nocase(signature->domain, dmarc->author))
		return 0;
	return dmarc->organization.len > 0 && is_under(signature->domain, dmarc->organization) ? 1 : 2;
}

/* What is no name is in no report: whoever signed it so, or greeted us so, isn't to be found by it. */
static void choose_signatures(const struct policy_verdict *verdict, struct arena *arena, struct report_result *list, struct report_row *row)
{
	row->signatures = list;
	for (int wanted = 0; wanted <= 3; wanted++)
		for (size_t i = 0; i < verdict->dkim_count && row->signature_count < POLICY_TALLY_SIGNATURES_MAX; i++) {
			const struct dkim_verdict *one = &verdict->dkim[i];
			struct slice domain = domain_to_ascii(one->domain, arena), selector = domain_to_ascii(one->selector, arena);
			if (rank(one, &verdict->dmarc) == wanted && domain.len > 0 && selector.len > 0)
				list[row->signature_count++] = (struct report_result){domain, selector, slice_of(dkim_result_name(one->result))};
		}
}

/* What was done of what the domain wants; what else was found, and is done for, is nobody's affair. */
static enum report_disposition disposition_of(const struct dmarc_verdict *dmarc, enum policy_action action)
{
	static const enum report_disposition wanted[] = {[DMARC_POLICY_NONE] = REPORT_NONE, [DMARC_POLICY_QUARANTINE] = REPORT_QUARANTINE, [DMARC_POLICY_REJECT] = REPORT_REJECT};
	enum report_disposition done = action == POLICY_REJECT ? REPORT_REJECT : action >= POLICY_JUNK ? REPORT_QUARANTINE : REPORT_NONE;
	return done < wanted[dmarc->disposition] ? done : wanted[dmarc->disposition];
}

static struct slice reason_of(const struct policy_verdict *verdict, enum report_disposition done)
{
	const struct dmarc_verdict *dmarc = &verdict->dmarc;
	if (dmarc->result != DMARC_FAIL || (int)done == (int)dmarc->policy)
		return slice_of(NULL);
	if (verdict->override.len > 0) /* seals vouch (RFC 8617 §7.2.2) */
		return SLICE("local_policy");
	return (int)done == (int)dmarc->disposition ? SLICE("policy_test_mode") : SLICE("local_policy");
}

static struct slice domain_of(struct slice address, struct arena *arena)
{
	size_t at = slice_find_last_char(address, '@');
	return at == SLICE_NONE ? slice_of(NULL) : domain_to_ascii(slice_skip(address, at + 1), arena);
}

static void make_report(const struct dmarc_verdict *dmarc, struct report *report)
{
	const struct dmarc_record *record = &dmarc->record;
	*report = (struct report){.kind = REPORT_DMARC, .domain = dmarc->policy_domain, .p = slice_of(dmarc_policy_name(record->p)), .sp = slice_of(dmarc_policy_name(record->sp)),
				  .np = slice_of(dmarc_policy_name(record->np)), .adkim = record->strict_dkim ? SLICE("s") : SLICE("r"),
				  .aspf = record->strict_spf ? SLICE("s") : SLICE("r"), .testing = record->testing ? SLICE("y") : SLICE("n")};
}

void policy_feedback_note(struct policy_feedback *feedback, const struct policy_mail *mail, const struct policy_verdict *verdict, enum policy_action action)
{
	const struct dmarc_verdict *dmarc = &verdict->dmarc;
	struct report_result signatures[POLICY_TALLY_SIGNATURES_MAX];
	char address[INET6_ADDRSTRLEN];
	struct report report;
	struct report_row row = {.source = address_text(mail->client, address), .count = 1, .domain = dmarc->author, .disposition = disposition_of(dmarc, action),
				 .dkim = dmarc->dkim_aligned, .spf = dmarc->spf_aligned};
	bool counts = (dmarc->result == DMARC_PASS || dmarc->result == DMARC_FAIL) && dmarc->record.rua.len > 0 && row.source.len > 0;
	if (!counts || !*config_current()->reports_from)
		return;
	row.reason = reason_of(verdict, row.disposition);
	row.comment = verdict->override;
	struct arena *arena = arena_new();
	row.envelope = domain_of(mail->sender, arena);
	row.sender.domain = domain_to_ascii(verdict->spf.domain, arena);
	if (row.sender.domain.len > 0)
		row.sender.result = slice_of(spf_result_name(verdict->spf.result));
	choose_signatures(verdict, arena, signatures, &row);
	make_report(dmarc, &report);
	policy_feedback_count(feedback, &report, dmarc->record.rua, &row, clock_now());
	arena_free(&arena);
}

void policy_feedback_session(struct policy_feedback *feedback, struct slice domain, const struct report_row *row, int64_t now)
{
	struct report report = {.kind = REPORT_TLS, .domain = domain};
	if (*config_current()->reports_from)
		policy_feedback_count(feedback, &report, slice_of(NULL), row, now);
}
