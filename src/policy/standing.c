/* The standing of a sender; see standing.h. */
#include "policy/standing.h"

#include "policy/proved.h"

enum { GOOD_BELOW = 100 }; /* points, in hundredths: a message with fewer is good mail */

struct policy_standing policy_standing_find(struct policy_reputation *reputation, const struct policy_mail *mail, const struct policy_verdict *verdict)
{
	struct policy_standing standing = {.proved = policy_proved(verdict)};
	struct policy_renown domain = {0};
	if (!reputation)
		return (struct policy_standing){0};
	standing.network = policy_reputation_network(mail->client);
	struct policy_renown network = policy_reputation_look(reputation, standing.network, mail->now);
	if (standing.proved) {
		standing.domain = policy_reputation_domain(score_registered(verdict->dmarc.author));
		domain = policy_reputation_look(reputation, standing.domain, mail->now);
		standing.days = domain.days;
	}
	standing.value = policy_reputation_of(&domain, &network, standing.proved);
	return standing;
}

static int points_by_standing(const struct policy_findings *findings)
{
	static const enum score_rule rules[] = {SCORE_YOUNG_DOMAIN, SCORE_GOOD_REPUTATION, SCORE_BAD_REPUTATION};
	int points = 0;
	for (size_t i = 0; i < findings->count; i++)
		for (size_t j = 0; j < sizeof rules / sizeof *rules; j++)
			if (slice_equal(findings->list[i].rule, slice_of(score_rule_name(rules[j]))))
				points += findings->list[i].points;
	return points;
}

void policy_standing_settle(struct policy_reputation *reputation, const struct policy_standing *standing, const struct score_settings *settings,
			    const struct policy_findings *findings, int64_t now)
{
	int points = findings->points - points_by_standing(findings);
	enum policy_repute repute = POLICY_REPUTE_NONE;
	if (points >= settings->threshold[SCORE_JUNK] || findings->suspect)
		repute = POLICY_REPUTE_BAD;
	else if (points < GOOD_BELOW && findings->usual <= POLICY_TAG)
		repute = POLICY_REPUTE_GOOD;
	if (!reputation)
		return;
	policy_reputation_count(reputation, standing->network, repute, now);
	if (standing->proved)
		policy_reputation_count(reputation, standing->domain, repute, now);
}
