/* The table, which rules hold, and what their sum leads to. */
#include "score/internal.h"

static const struct {
	const char *name;
	int points;
	const char *text[SCORE_LANGUAGES];
} rules[SCORE_RULES] = {
#define RULE(NAME, points, english, russian, portuguese) {#NAME, points, {english, russian, portuguese}},
#include "score/rules.def"
#undef RULE
};

static const char *const verdict_names[SCORE_VERDICTS] = {"inbox", "tag", "junk", "quarantine", "reject"};

const char *score_rule_name(enum score_rule rule) { return rules[rule].name; }
const char *score_rule_text(enum score_rule rule, enum score_language language) { return rules[rule].text[language]; }
const char *score_verdict_name(enum score_verdict verdict) { return verdict_names[verdict]; }

enum score_language score_language(struct slice name)
{
	return slice_starts_nocase(name, SLICE("ru")) ? SCORE_RUSSIAN : slice_starts_nocase(name, SLICE("pt")) ? SCORE_PORTUGUESE : SCORE_ENGLISH;
}

/* ---- settings ---- */

void score_settings_default(struct score_settings *settings)
{
	*settings = (struct score_settings){.threshold = {0, 300, 500, 1000, 1500}};
	for (size_t i = 0; i < SCORE_RULES; i++)
		settings->points[i] = rules[i].points;
}

bool score_parse_points(struct slice text, int *points)
{
	bool negative = text.len > 0 && text.at[0] == '-';
	struct slice whole, part;
	uint64_t units, hundredths = 0;
	bool point = slice_cut(slice_skip(text, negative), '.', &whole, &part);
	if (!slice_to_number(whole, SCORE_POINTS_MAX / 100, &units) || (point && (part.len > 2 || !slice_to_number(part, 99, &hundredths))))
		return false;
	*points = (int)(units * 100 + hundredths * (part.len == 1 ? 10 : 1));
	if (negative)
		*points = -*points;
	return *points <= SCORE_POINTS_MAX;
}

bool score_settings_rule(struct score_settings *settings, struct slice text, struct error *error)
{
	struct slice name, points;
	slice_cut(slice_trim(text), ' ', &name, &points);
	for (size_t i = 0; i < SCORE_RULES; i++)
		if (slice_equal_nocase(name, slice_of(rules[i].name)))
			return score_parse_points(slice_trim(points), &settings->points[i]) ||
			       error_set(error, ERROR_INVALID, "\"%.*s\": not a number of points, as in \"%s 1.5\"", SLICE_ARG(text), rules[i].name);
	return error_set(error, ERROR_INVALID, "there is no rule \"%.*s\"", SLICE_ARG(name));
}

bool score_settings_threshold(struct score_settings *settings, enum score_verdict verdict, struct slice text, struct error *error)
{
	return score_parse_points(text, &settings->threshold[verdict]) || error_set(error, ERROR_INVALID, "\"%.*s\" is not a number of points", SLICE_ARG(text));
}

/* ---- what the caller knows ---- */

static void judge_authentication(struct score_message *message)
{
	const struct score_origin *origin = &message->facts->origin;
	bool dmarc_fails = origin->dmarc == SCORE_FAIL;
	message->holds[SCORE_SPF_PASS] = origin->spf == SCORE_PASS;
	message->holds[SCORE_SPF_NONE] = origin->spf == SCORE_NONE && origin->dkim != SCORE_NONE;
	message->holds[SCORE_SPF_SOFTFAIL] = origin->spf == SCORE_SOFTFAIL;
	message->holds[SCORE_SPF_FAIL] = origin->spf == SCORE_FAIL;
	message->holds[SCORE_DKIM_PASS] = origin->dkim == SCORE_PASS;
	message->holds[SCORE_DKIM_FAIL] = origin->dkim == SCORE_FAIL;
	message->holds[SCORE_UNAUTHENTICATED] = origin->spf == SCORE_NONE && origin->dkim == SCORE_NONE;
	message->holds[SCORE_DMARC_PASS] = origin->dmarc == SCORE_PASS;
	message->holds[SCORE_DMARC_FAIL] = dmarc_fails && origin->policy == SCORE_POLICY_NONE;
	/* A forwarder that broke the signature, and whom we trust, has seen it whole. */
	message->holds[SCORE_DMARC_QUARANTINE] = dmarc_fails && origin->policy == SCORE_POLICY_QUARANTINE && !origin->arc_trusted;
	message->holds[SCORE_DMARC_REJECT] = dmarc_fails && origin->policy == SCORE_POLICY_REJECT && !origin->arc_trusted;
	message->holds[SCORE_ARC_TRUSTED] = origin->arc_trusted;
	message->holds[SCORE_NO_REVERSE_NAME] = origin->reverse_name == SCORE_FAIL;
	message->holds[SCORE_ODD_HELO] = origin->helo == SCORE_FAIL;
}

static void judge_reputation(struct score_message *message)
{
	enum { YOUNG_DAYS = 7, GOOD = 60, BAD = -60 };
	const struct score_origin *origin = &message->facts->origin;
	message->holds[SCORE_KNOWN_CORRESPONDENT] = origin->known_correspondent;
	message->holds[SCORE_FIRST_CONTACT] = origin->first_contact;
	message->holds[SCORE_YOUNG_DOMAIN] = origin->domain_days > 0 && origin->domain_days <= YOUNG_DAYS;
	message->holds[SCORE_GOOD_REPUTATION] = origin->reputation >= GOOD;
	message->holds[SCORE_BAD_REPUTATION] = origin->reputation <= BAD;
	message->holds[SCORE_LISTED] = origin->listed > 0;
	message->holds[SCORE_WELCOMED] = origin->welcomed < 0;
}

/* The rule that holds of such a probability; SCORE_RULES: none. */
static enum score_rule learned_rule(double probability)
{
	static const struct {
		double least, below;
		enum score_rule rule;
	} ranges[] = {{0, 0.01, SCORE_BAYES_00}, {0.01, 0.1, SCORE_BAYES_05}, {0.6, 0.8, SCORE_BAYES_60}, {0.8, 0.95, SCORE_BAYES_80},
		      {0.95, 0.99, SCORE_BAYES_95}, {0.99, 0.999, SCORE_BAYES_99}, {0.999, 2, SCORE_BAYES_999}};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (probability >= ranges[i].least && probability < ranges[i].below)
			return ranges[i].rule;
	return SCORE_RULES;
}

static void judge_learned(struct score_message *message)
{
	enum score_rule rule = learned_rule(message->facts->bayes);
	if (rule < SCORE_RULES)
		message->holds[rule] = true;
}

int score_learned_points(const struct score_settings *settings, double probability)
{
	enum score_rule rule = learned_rule(probability);
	return rule < SCORE_RULES ? settings->points[rule] : 0;
}

/* ---- the sum ---- */

static int points_of(const struct score_facts *facts, const struct score_settings *settings, enum score_rule rule)
{
	if (rule == SCORE_LISTED && settings->points[rule] == 0)
		return facts->origin.listed;
	if (rule == SCORE_WELCOMED && settings->points[rule] == 0)
		return facts->origin.welcomed;
	return settings->points[rule];
}

enum score_verdict score_verdict_of(const struct score_settings *settings, int total)
{
	enum score_verdict verdict = SCORE_INBOX;
	for (enum score_verdict i = SCORE_TAG; i < SCORE_VERDICTS; i++)
		if (total >= settings->threshold[i])
			verdict = i;
	return verdict;
}

void score_evaluate(const struct score_facts *facts, const struct score_settings *settings, struct arena *arena, struct score_result *result)
{
	struct score_message message = {.facts = facts, .arena = arena};
	score_header(&message);
	score_body(&message);
	score_links(&message);
	judge_authentication(&message);
	judge_reputation(&message);
	judge_learned(&message);
	result->count = 0;
	result->total = 0;
	for (enum score_rule rule = 0; rule < SCORE_RULES; rule++) {
		int points = message.holds[rule] ? points_of(facts, settings, rule) : 0;
		if (points == 0)
			continue;
		result->hits[result->count++] = (struct score_hit){rule, points};
		result->total += points;
	}
	result->verdict = score_verdict_of(settings, result->total);
}
