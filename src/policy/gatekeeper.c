/* Who may come in, before the text: who is allowed or denied (access.h), what the door (door.h) would refuse in any case, and who is to come again
 * (greylist.h). See gatekeeper.h. */
#include "policy/gatekeeper.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config_dns_list.h"
#include "message/address.h"
#include "policy/country.h"
#include "policy/greylist.h"

enum {
	SAVE_SECONDS = 60,     /* the greylist is written so often at most */
	RECIPIENTS_MAX = 100,  /* whose lists are looked at when the text is there */
};

struct policy_gatekeeper {
	struct policy_lists *lists;
	char path[PATH_MAX];             /* of the greylist */
	pthread_mutex_t lock;            /* guards what follows */
	struct policy_greylist *greylist; /* made when it is first asked */
};

struct policy_gatekeeper *policy_gatekeeper_new(struct policy_lists *lists, const char *folder)
{
	struct policy_gatekeeper *keeper = memory_new(sizeof *keeper);
	keeper->lists = lists;
	snprintf(keeper->path, sizeof keeper->path, "%s/greylist", folder);
	pthread_mutex_init(&keeper->lock, NULL);
	return keeper;
}

void policy_gatekeeper_free(struct policy_gatekeeper **freed)
{
	struct policy_gatekeeper *keeper = *freed;
	*freed = NULL;
	if (!keeper)
		return;
	policy_greylist_free(&keeper->greylist);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}

static struct policy_greylist *greylist_of(struct policy_gatekeeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	if (!keeper->greylist)
		keeper->greylist = policy_greylist_new(keeper->path, clock_now());
	struct policy_greylist *list = keeper->greylist;
	pthread_mutex_unlock(&keeper->lock);
	return list;
}

/* ---- One question ---- */

struct policy_gate_asking {
	struct policy_gatekeeper *keeper;
	const struct config *config;
	struct policy_mail mail;
	struct slice recipient;
	int reject;                   /* its threshold */
	struct policy_findings findings;
	struct slice network, domain; /* as the greylist has them */
	bool greylists;               /* he isn't known there */
	struct spf_verdict spf;       /* NONE: it wasn't asked */
	struct policy_door *door;
};

static struct policy_grey_times times_of(const struct config *config)
{
	return (struct policy_grey_times){config->greylist_delay, config->greylist_expect, config->greylist_keep};
}

static bool has_greylist(const struct config *config)
{
	return !slice_equal(slice_of(config->greylist), SLICE("off"));
}

static struct slice domain_of(struct slice sender, struct arena *arena)
{
	struct slice local, domain;
	address_split(sender, &local, &domain);
	struct slice ascii = domain_to_ascii(domain, arena);
	return ascii.len > 0 || sender.len == 0 ? ascii : domain;
}

static void begin_greylist(struct policy_gate_asking *asked)
{
	struct arena *arena = asked->findings.arena;
	struct policy_grey_times times = times_of(asked->config);
	if (!has_greylist(asked->config))
		return;
	asked->network = policy_grey_network(asked->mail.client, arena);
	asked->domain = domain_of(asked->mail.sender, arena);
	asked->greylists = !policy_greylist_knows(greylist_of(asked->keeper), asked->network, asked->domain, &times, asked->mail.now);
}

/* The options with what only counts points switched off: that is looked at with the text. */
static struct config *what_refuses(const struct config *config, struct arena *arena)
{
	struct config *own = arena_alloc(arena, sizeof *own);
	*own = *config; /* what it points to stays where it is */
	const char **const names[] = {&own->client_without_name, &own->client_name_unproved, &own->invalid_helo, &own->short_helo, &own->unknown_helo,
				      &own->short_sender, &own->unknown_sender_domain};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!config->sender_checks || !slice_equal(slice_of(*names[i]), SLICE("reject")))
			*names[i] = "off";
	if (!config->sender_checks)
		own->dns_lists.count = 0;
	return own;
}

/* ---- Who is allowed, who is denied ---- */

static void deny(const struct policy_access_verdict *verdict, struct policy_findings *findings)
{
	struct slice reply = arena_printf(findings->arena, "mail from %.*s is not taken%s%.*s", SLICE_ARG(verdict->entry), verdict->whose.len > 0 ? " by " : " here",
					  SLICE_ARG(verdict->whose));
	policy_findings_add(findings, SLICE("DENIED"), 0, verdict->entry);
	policy_findings_demand(findings, POLICY_REJECT, policy_findings_ascii(findings, reply));
}

/* Of a sender's name that is allowed only SPF is known here. Where that doesn't prove it the text's signatures may: then he isn't denied yet, and what
 * lists say doesn't refuse yet. */
enum claim { CLAIM_NONE, CLAIM_OPEN, CLAIM_ALLOWED };

static enum claim look_at_access(struct policy_gate_asking *asked)
{
	struct arena *arena = asked->findings.arena;
	struct policy_access_facts facts = {.client = asked->mail.client, .name = policy_door_client_name(asked->door), .sender = asked->mail.sender, .proved = true};
	struct policy_access_verdict verdict;
	if (policy_access_has_country(asked->config))
		facts.country = policy_country_of(asked->config->country_file, facts.client, arena);
	policy_access_find(asked->config, asked->recipient, &facts, arena, &verdict);
	bool proved = asked->spf.result == SPF_PASS || !verdict.by_sender;
	if (verdict.access == POLICY_ACCESS_ALLOWED && !proved && !asked->config->sender_checks) { /* nobody will look at signatures */
		facts.proved = false;
		policy_access_find(asked->config, asked->recipient, &facts, arena, &verdict);
	}
	if (verdict.access == POLICY_ACCESS_DENIED)
		deny(&verdict, &asked->findings);
	return verdict.access != POLICY_ACCESS_ALLOWED ? CLAIM_NONE : proved ? CLAIM_ALLOWED : CLAIM_OPEN;
}

/* ---- Who is to come again ---- */

/* Why he is; NULL: he isn't. */
static const char *suspicion(const struct policy_gate_asking *asked)
{
	enum policy_iprev iprev = policy_door_iprev(asked->door);
	if (slice_equal(slice_of(asked->config->greylist), SLICE("all")))
		return "you are not known here yet";
	if (iprev == POLICY_IPREV_PERMERROR)
		return "your address has no name in the DNS (PTR)";
	if (iprev == POLICY_IPREV_FAIL)
		return "the name of your address doesn't lead back to it";
	if (policy_grey_is_dynamic(policy_door_client_name(asked->door), asked->mail.client))
		return "your address has a name like those of homes";
	if (asked->findings.points > 0)
		return "you are in a list of the DNS";
	return asked->spf.result == SPF_NONE || asked->spf.result == SPF_FAIL || asked->spf.result == SPF_SOFTFAIL ? "the sender's domain doesn't say that you send for it (SPF)" : NULL;
}

static void put_off(struct policy_gate_asking *asked)
{
	static struct log_paces paces;
	const char *why = suspicion(asked);
	uint64_t unsaid;
	struct policy_grey_times times = times_of(asked->config);
	int64_t left = why ? policy_greylist_ask(greylist_of(asked->keeper), asked->network, asked->domain, &times, asked->mail.now) : 0;
	if (left > 0)
		policy_findings_demand(&asked->findings, POLICY_DEFER,
				       arena_printf(asked->findings.arena, "come again in %lld s: %s", (long long)left, why));
	if (why && log_is_due_of(&paces, asked->network, "greylist.asked", &unsaid))
		log_info("greylist.asked", log_slice("network", asked->network), log_slice("domain", asked->domain), log_text("outcome", left > 0 ? "put off" : "known"),
			 log_text("reason", why), log_number("others", (int64_t)unsaid));
}

/* ---- In steps ---- */

struct policy_gate_asking *policy_gatekeeper_begin(struct policy_gatekeeper *keeper, struct slice text)
{
	struct policy_gate_question question;
	if (!policy_gate_question_decode(text, &question))
		return NULL;
	struct policy_gate_asking *asked = memory_new(sizeof *asked);
	*asked = (struct policy_gate_asking){.keeper = keeper, .config = config_current(), .recipient = question.recipient, .reject = question.reject, .findings = {.arena = arena_new()}};
	asked->mail = (struct policy_mail){.client = question.client, .helo = question.helo, .sender = question.sender, .receiver = question.receiver, .now = clock_now()};
	begin_greylist(asked);
	asked->door = policy_door_new(keeper->lists, what_refuses(asked->config, asked->findings.arena), &asked->mail, SLICE(""), &asked->findings);
	return asked;
}

bool policy_gatekeeper_run(struct policy_gate_asking *asked, struct lookup *table)
{
	const struct policy_mail *mail = &asked->mail;
	struct spf_query query = {.client = mail->client, .helo = mail->helo, .sender = mail->sender, .receiver = mail->receiver, .now = mail->now};
	bool spf = !asked->greylists || spf_check(&query, table, asked->findings.arena, &asked->spf) != SPF_PENDING;
	return policy_door_run(asked->door, table) && spf;
}

/* From how many points of lists alone the text needn't be waited for: as configured, unless the recipient wants more. Who wants less waits for the
 * text, which may speak for it. */
static int refused_from(const struct policy_gate_asking *asked)
{
	int configured = config_thresholds_of(asked->config).reject;
	return asked->reject == THRESHOLD_CONFIGURED || asked->reject < configured ? configured : asked->reject;
}

static void look(struct policy_gate_asking *asked)
{
	enum claim claim = look_at_access(asked);
	if (claim != CLAIM_NONE)
		policy_door_permit(asked->door);
	policy_door_judge(asked->door);
	if (asked->config->spam_checks)
		policy_door_refuse_from(asked->door, refused_from(asked));
	if (asked->greylists && asked->findings.action == POLICY_ACCEPT && claim != CLAIM_ALLOWED && !(claim == CLAIM_NONE && policy_door_permits(asked->door)))
		put_off(asked);
}

void policy_gatekeeper_conclude(struct policy_gate_asking *asked, struct buf *out)
{
	look(asked);
	if (has_greylist(asked->config))
		policy_greylist_save(greylist_of(asked->keeper), SAVE_SECONDS, asked->mail.now);
	struct policy_gate_answer answer = {.action = asked->findings.action, .reply = asked->findings.reply};
	policy_gate_answer_encode(&answer, out);
}

void policy_gatekeeper_end(struct policy_gate_asking **asked)
{
	if (!*asked)
		return;
	arena_free(&(*asked)->findings.arena);
	free(*asked);
	*asked = NULL;
}

void policy_gatekeeper_let_in(struct buf *out)
{
	policy_gate_answer_encode(&(struct policy_gate_answer){.action = POLICY_ACCEPT}, out);
}

/* ---- When the text is there ---- */

/* By the envelope's sender, and, where that says nothing, by the author's domain. */
static void find_access(const struct policy_mail *mail, const struct policy_verdict *verdict, struct slice recipient, struct slice country, struct arena *arena,
			struct policy_access_verdict *found)
{
	struct slice local, domain, author = verdict->dmarc.author;
	struct policy_access_facts facts = {.client = mail->client, .country = country, .sender = mail->sender};
	bool dmarc = verdict->dmarc.result == DMARC_PASS;
	address_split(mail->sender, &local, &domain);
	facts.name = verdict->iprev == POLICY_IPREV_PASS ? verdict->client_name : SLICE("");
	facts.proved = verdict->spf.result == SPF_PASS || (dmarc && slice_equal_nocase(domain, author));
	policy_access_find(config_current(), recipient, &facts, arena, found);
	if (found->access != POLICY_ACCESS_OPEN || author.len == 0)
		return;
	facts.sender = arena_printf(arena, "@%.*s", SLICE_ARG(author));
	facts.proved = dmarc;
	policy_access_find(config_current(), recipient, &facts, arena, found);
}

enum policy_access policy_gatekeeper_access(const struct policy_mail *mail, const struct policy_verdict *verdict, struct slice recipients, struct policy_findings *findings)
{
	const struct config *config = config_current();
	struct policy_access_verdict found = {0};
	struct slice recipient, country = SLICE("");
	bool allowed = recipients.len > 0;
	if (config->access_allow.count + config->access_deny.count + config->access_for.count == 0)
		return POLICY_ACCESS_OPEN;
	if (policy_access_has_country(config))
		country = policy_country_of(config->country_file, mail->client, findings->arena);
	for (size_t i = 0; recipients.len > 0 && i < RECIPIENTS_MAX; i++) {
		slice_cut(recipients, '\n', &recipient, &recipients);
		find_access(mail, verdict, recipient, country, findings->arena, &found);
		allowed = allowed && found.access == POLICY_ACCESS_ALLOWED;
		if (found.access == POLICY_ACCESS_DENIED && !policy_gate_is_open(recipient)) {
			deny(&found, findings);
			return POLICY_ACCESS_DENIED;
		}
	}
	allowed = allowed && recipients.len == 0;
	if (allowed)
		policy_findings_add(findings, SLICE("ALLOWED"), 0, found.entry);
	return allowed ? POLICY_ACCESS_ALLOWED : POLICY_ACCESS_OPEN;
}

void policy_gatekeeper_learn(struct policy_gatekeeper *keeper, const struct policy_mail *mail, enum policy_action action)
{
	if (!has_greylist(config_current()) || action == POLICY_TAG || action == POLICY_DEFER)
		return;
	struct arena *arena = arena_new();
	policy_greylist_learn(greylist_of(keeper), policy_grey_network(mail->client, arena), domain_of(mail->sender, arena), action == POLICY_ACCEPT, clock_now());
	policy_greylist_save(greylist_of(keeper), SAVE_SECONDS, clock_now());
	arena_free(&arena);
}
