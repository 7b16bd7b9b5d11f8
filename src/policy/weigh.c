/* The score of a message that arrives; see weigh.h. */
#include "policy/weigh.h"

#include "policy/settings.h"

enum { FIELDS_MAX = 16 * 1024, REPLY_POINTS_MAX = 200 };

static enum score_answer of_spf(enum spf_result result)
{
	switch (result) {
	case SPF_NONE: return SCORE_NONE;
	case SPF_PASS: return SCORE_PASS;
	case SPF_SOFTFAIL: return SCORE_SOFTFAIL;
	case SPF_FAIL: return SCORE_FAIL;
	default: return SCORE_UNKNOWN;
	}
}

/* One signature that holds is enough; one whose key couldn't be asked for leaves it open. */
static enum score_answer of_signatures(const struct policy_verdict *verdict)
{
	enum score_answer answer = SCORE_NONE;
	for (size_t i = 0; i < verdict->dkim_count; i++) {
		if (verdict->dkim[i].result == DKIM_PASS)
			return SCORE_PASS;
		answer = verdict->dkim[i].result == DKIM_TEMPERROR || answer == SCORE_UNKNOWN ? SCORE_UNKNOWN : SCORE_FAIL;
	}
	return answer;
}

static enum score_answer of_dmarc(enum dmarc_result result)
{
	return result == DMARC_NONE ? SCORE_NONE : result == DMARC_PASS ? SCORE_PASS : result == DMARC_FAIL ? SCORE_FAIL : SCORE_UNKNOWN;
}

/* The names of client and greeting are the door's to count (door.h). */
static struct score_origin origin_of(const struct policy_verdict *verdict)
{
	if (!verdict)
		return (struct score_origin){0};
	struct score_origin origin = {.spf = of_spf(verdict->spf.result), .dkim = of_signatures(verdict), .dmarc = of_dmarc(verdict->dmarc.result), .arc_trusted = verdict->override.len > 0};
	enum dmarc_policy wanted = origin.arc_trusted ? verdict->dmarc.policy : verdict->dmarc.disposition;
	if (verdict->dmarc.result == DMARC_FAIL && wanted != DMARC_POLICY_NONE)
		origin.policy = wanted == DMARC_POLICY_REJECT ? SCORE_POLICY_REJECT : SCORE_POLICY_QUARANTINE;
	return origin;
}

static void evaluate(const struct policy_weighed *weighed, const struct score_settings *settings, struct arena *arena, struct score_result *result)
{
	struct shown shown;
	struct classify_tokens tokens;
	struct classify_verdict learned = {.unsure = true};
	struct score_facts facts = {.message = weighed->message, .shown = &shown, .now = weighed->mail->now, .origin = origin_of(weighed->verdict), .bayes = -1};
	facts.origin.domain_days = weighed->standing.days;
	facts.origin.reputation = weighed->standing.value;
	facts.root = mime_parse(weighed->message, arena);
	shown_read(weighed->message, facts.root, arena, &shown);
	if (weighed->learned) {
		classify_tokenize(slice_sub(weighed->message, 0, (size_t)facts.root->header_size), facts.root, &shown, arena, &tokens);
		classify_judge(weighed->learned, NULL, &tokens, &learned);
	}
	if (!learned.unsure)
		facts.bayes = learned.probability;
	score_evaluate(&facts, settings, arena, result);
}

static void write_fields(const struct score_settings *settings, struct policy_findings *findings)
{
	struct buf fields = BUF(FIELDS_MAX);
	struct slice *tests = arena_array(findings->arena, findings->count, sizeof *tests);
	for (size_t i = 0; i < findings->count; i++)
		tests[i] = findings->list[i].rule;
	score_write_fields(&fields, settings, findings->points, tests, findings->count);
	policy_findings_field(findings, buf_slice(&fields));
	buf_free(&fields);
}

static enum policy_action action_by(const struct score_settings *settings, int points)
{
	static const enum policy_action actions[SCORE_VERDICTS] = {POLICY_ACCEPT, POLICY_TAG, POLICY_JUNK, POLICY_QUARANTINE, POLICY_REJECT};
	return actions[score_verdict_of(settings, points)];
}

static void demand(const struct score_settings *settings, enum policy_action usual, struct policy_findings *findings)
{
	struct buf reply = BUF(REPLY_POINTS_MAX);
	buf_append_text(&reply, "the message looks like spam, with ");
	score_write_points(&reply, findings->points);
	buf_append_text(&reply, " points");
	bool suspect = findings->suspect; /* the sum is each recipient's to judge */
	usual = findings->usual > usual ? findings->usual : usual;
	policy_findings_demand(findings, action_by(settings, findings->points), buf_slice(&reply));
	findings->suspect = suspect;
	findings->usual = usual;
	findings->weighed = true;
	buf_free(&reply);
}

void policy_weigh_own(const struct policy_weighed *weighed, const struct score_settings *settings, struct policy_findings *findings)
{
	struct score_result result;
	evaluate(weighed, settings, findings->arena, &result);
	for (size_t i = 0; i < result.count; i++)
		policy_findings_add(findings, slice_of(score_rule_name(result.hits[i].rule)), result.hits[i].points, SLICE(""));
}

void policy_weigh(const struct policy_weighed *weighed, const struct score_settings *settings, struct config_thresholds thresholds, struct policy_findings *findings)
{
	struct score_settings own = *settings;
	own.points[SCORE_EXECUTABLE] = own.points[SCORE_DOUBLE_EXTENSION] = 0; /* what is attached has been looked at more closely */
	policy_settings_apply(&own, thresholds);
	policy_weigh_own(weighed, &own, findings);
	write_fields(&own, findings);
	demand(&own, action_by(settings, findings->points), findings);
}
