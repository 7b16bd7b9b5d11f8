/* Finding a domain's policy about TLS; see sts.h. A policy is fetched in the thread of the delivery that needs it, within that destination's share of them, so that a
 * policy host that is silent holds up its own domain's mail alone. One that was fetched holds for as long as it says, also when its record has gone from the DNS, and
 * its host from the network: who can make either silent gains nothing by it. */
#include "courier/sts.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "courier/internal.h"
#include "courier/lately.h"
#include "net/fetch.h"

enum {
	LOOK_UP_MS = 20 * 1000,
	FETCH_SECONDS = 60,     /* RFC 8461 §3.3 */
	DOUBT_SECONDS = 300,    /* a policy isn't fetched anew before, whoever doubts it */
	STATUS_OK = 200,
	HTTPS_PORT = 443,
	TOLD_MAX = 253,         /* bytes of a word in a report that is gathered (policy/tally.h) */
};

enum told { TOLD_POLICY, TOLD_NONE, TOLD_NOTHING /* the DNS doesn't answer */ };

/* ---- What the DNS says ---- */

/* Of several records none counts (RFC 8461 §3.1). */
static enum told read_answer(const struct lookup_answer *answer, struct arena *arena, struct slice *id)
{
	size_t records = 0;
	bool read = false;
	if (answer->status == LOOKUP_FAILED)
		return TOLD_NOTHING;
	for (size_t i = 0; i < answer->count; i++)
		if (sts_is_record(answer->records[i].data)) {
			records++;
			read = sts_read_record(answer->records[i].data, id);
		}
	if (records != 1 || !read)
		return TOLD_NONE;
	*id = arena_copy(arena, *id);
	return TOLD_POLICY;
}

static enum told ask_dns(struct courier *courier, struct slice domain, struct arena *arena, struct slice *id)
{
	struct lookup *table = lookup_new();
	struct slice name = arena_printf(arena, "_mta-sts.%.*s", SLICE_ARG(domain));
	lookup_get(table, LOOKUP_TXT, name);
	dns_answer(courier->dns, table, clock_monotonic_ms() + LOOK_UP_MS);
	lookup_give_up(table);
	enum told told = read_answer(lookup_get(table, LOOKUP_TXT, name), arena, id);
	lookup_free(&table);
	return told;
}

/* ---- What the policy host says ---- */

/* net/fetch.h says in words what is wrong; of a certificate it begins so. */
static const char *fetch_fault(const struct error *error)
{
	return slice_starts(slice_of(error->text), SLICE("the certificate of ")) ? "sts-webpki-invalid" : "sts-policy-fetch-error";
}

static bool ask_host(struct courier *courier, struct slice domain, struct arena *arena, struct fetch_answer *answer, struct error *error)
{
	const struct config *config = config_current();
	const char *trusted = config->trusted_certificates;
	if (*trusted && trusted[0] != '/')
		trusted = arena_printf(arena, "%s/%s", courier->data, trusted).at;
	struct fetch_rules rules = {.dns = courier->dns, .most = STS_POLICY_MAX, .seconds = FETCH_SECONDS, .trusted = trusted,
				    .may_reach = config_may_fetch, .stop = &courier->leaving,
				    .port = config->mta_sts_port == HTTPS_PORT ? 0 : (uint16_t)config->mta_sts_port};
	struct fetch_request request = {.url = arena_printf(arena, "https://mta-sts.%.*s/.well-known/mta-sts.txt", SLICE_ARG(domain)), .accept = SLICE("text/plain")};
	return fetch(&rules, &request, arena, answer, error);
}

/* NULL: it is read into *policy; else what is wrong, as reports name it. */
static const char *fetch_policy(struct courier *courier, struct slice domain, struct arena *arena, struct sts_policy *policy, struct error *error)
{
	struct fetch_answer answer;
	if (!ask_host(courier, domain, arena, &answer, error))
		return fetch_fault(error);
	if (answer.status != STATUS_OK) { /* nor is another address followed (RFC 8461 §3.3) */
		error_set(error, ERROR_INVALID, "the policy host answers with the status %d", answer.status);
		return "sts-policy-fetch-error";
	}
	if (!slice_equal_nocase(answer.type, SLICE("text/plain"))) {
		error_set(error, ERROR_INVALID, "what the policy host gives isn't text/plain");
		return "sts-policy-invalid";
	}
	return sts_read_policy(answer.body, arena, policy, error) ? NULL : "sts-policy-invalid";
}

static void log_policy(struct slice domain, const struct sts_kept *kept)
{
	log_info("sts.fetched", log_slice("domain", domain), log_slice("id", kept->id), log_text("mode", sts_mode_name(kept->policy.mode)), log_number("max_age", kept->policy.max_age),
		 log_number("hosts", (int64_t)kept->policy.host_count));
}

/* True: *kept is the policy of now. */
static bool renew(struct courier *courier, struct slice domain, struct slice id, struct arena *arena, struct sts_kept *kept, struct courier_sts *sts)
{
	struct sts_kept fresh = {.id = id};
	struct error error = {0};
	sts->fault = fetch_policy(courier, domain, arena, &fresh.policy, &error);
	if (sts->fault) {
		sts->interrupted = error.kind == ERROR_INTERRUPTED;
		if (sts->interrupted)
			return false;
		log_info("sts.failed", log_slice("domain", domain), log_text("fault", sts->fault), log_text("cause", error.text));
		courier_lately_note(courier->sts_failed, domain, clock_monotonic_ms());
		return false;
	}
	fresh.fetched = clock_now();
	if (!sts_cache_put(courier->sts, domain, &fresh, &error))
		log_warning("sts.unkept", log_slice("domain", domain), log_text("cause", error.text));
	courier_lately_forget(courier->sts_doubted, domain);
	log_policy(domain, &fresh);
	*kept = fresh;
	return true;
}

/* ---- Both together ---- */

/* Is a kept policy to be fetched anew: there is another, half of its time is over, or it is doubted? */
static bool is_to_be_renewed(struct courier *courier, struct slice domain, const struct sts_kept *kept, enum told told, struct slice id)
{
	int64_t age = clock_now() - kept->fetched, now = clock_monotonic_ms();
	if (courier_lately_has(courier->sts_failed, domain, now))
		return false;
	if (age >= DOUBT_SECONDS && courier_lately_has(courier->sts_doubted, domain, now))
		return true;
	return told == TOLD_POLICY && (!slice_equal(id, kept->id) || age > kept->policy.max_age / 2);
}

/* As struct report_row has it; of one that would be too long its kind alone. */
static struct slice text_of(const struct sts_policy *policy, struct arena *arena)
{
	struct buf text = BUF(TOLD_MAX);
	buf_printf(&text, "sts=mode:%s", sts_mode_name(policy->mode));
	for (size_t i = 0; i < policy->host_count; i++)
		buf_printf(&text, "|mx:%.*s", SLICE_ARG(policy->hosts[i]));
	buf_printf(&text, "|max_age:%lld", (long long)policy->max_age);
	struct slice whole = text.overflow ? SLICE("sts") : arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return whole;
}

static enum sts_mode allowed_mode(enum sts_mode mode)
{
	return mode == STS_ENFORCE && slice_equal(slice_of(config_current()->mta_sts), SLICE("testing")) ? STS_TESTING : mode;
}

struct courier_sts courier_sts_find(struct courier *courier, struct slice domain, struct arena *arena)
{
	struct courier_sts sts = {0};
	struct sts_kept kept = {0};
	struct slice id = {NULL, 0};
	if (slice_equal(slice_of(config_current()->mta_sts), SLICE("off")))
		return sts;
	enum told told = ask_dns(courier, domain, arena, &id);
	bool has = sts_cache_get(courier->sts, domain, clock_now(), arena, &kept);
	if (has ? is_to_be_renewed(courier, domain, &kept, told, id) : told == TOLD_POLICY && !courier_lately_has(courier->sts_failed, domain, clock_monotonic_ms()))
		has = renew(courier, domain, told == TOLD_POLICY ? id : kept.id, arena, &kept, &sts) || has;
	if (!has)
		return sts;
	sts.policy = kept.policy;
	sts.mode = allowed_mode(kept.policy.mode);
	sts.found = kept.policy.mode != STS_NONE;
	sts.told = text_of(&kept.policy, arena);
	return sts;
}

void courier_sts_doubt(struct courier *courier, struct slice domain)
{
	courier_lately_note(courier->sts_doubted, domain, clock_monotonic_ms());
}
