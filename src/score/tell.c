/* A score as programs and as people read it. */
#include "score/internal.h"

enum { LEVEL_MAX = 50, COLUMNS = 76 };

void score_write_points(struct buf *out, int points)
{
	unsigned size = points < 0 ? (unsigned)-points : (unsigned)points;
	buf_printf(out, "%s%u.%u", points < 0 ? "-" : "", size / 100, size % 100 / 10);
	if (size % 10 > 0)
		buf_printf(out, "%u", size % 10);
}

/* ---- fields ---- */

const struct slice *score_result_tests(const struct score_result *result, struct arena *arena)
{
	struct slice *tests = arena_array(arena, result->count, sizeof *tests);
	for (size_t i = 0; i < result->count; i++)
		tests[i] = slice_of(score_rule_name(result->hits[i].rule));
	return tests;
}

static void write_tests(struct buf *out, const struct slice *tests, size_t count, size_t column)
{
	buf_append_text(out, "tests=");
	if (count == 0)
		buf_append_text(out, "none");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_append_char(out, ',');
		if (column + tests[i].len > COLUMNS) {
			buf_append_text(out, "\r\n\t");
			column = 8;
		}
		buf_append(out, tests[i]);
		column += tests[i].len + 1;
	}
}

void score_write_fields(struct buf *out, const struct score_settings *settings, int total, const struct slice *tests, size_t count)
{
	bool junk = score_verdict_of(settings, total) >= SCORE_JUNK;
	int stars = total / 100 < LEVEL_MAX ? total / 100 : LEVEL_MAX;
	if (junk)
		buf_append_text(out, "X-Spam-Flag: YES\r\n");
	if (stars > 0)
		buf_printf(out, "X-Spam-Level: %.*s\r\n", stars, "**************************************************");
	buf_printf(out, "X-Spam-Status: %s, score=", junk ? "Yes" : "No");
	score_write_points(out, total);
	buf_append_text(out, " required=");
	score_write_points(out, settings->threshold[SCORE_JUNK]);
	buf_append_text(out, "\r\n\t");
	write_tests(out, tests, count, 14);
	buf_append_text(out, "\r\n\tautolearn=no version=Pombal-" POMBAL_VERSION "\r\n");
}

/* ---- for people ---- */

/* Each with the places of what it says: %1 points, %2 what is done, %3 a threshold, %4 rules. */
enum phrase { PHRASE_SUM, PHRASE_NO_RULE, PHRASE_WITHOUT_ONE, PHRASE_WITHOUT_SEVERAL, PHRASE_MORE, PHRASE_AT_MOST, PHRASES };
static const char *const phrases[PHRASES][SCORE_LANGUAGES] = {
	[PHRASE_SUM] = {"%1 points: %2.", "Баллов: %1. Итог: %2.", "%1 pontos: %2."},
	[PHRASE_NO_RULE] = {"No rule applies.", "Ни одно правило не сработало.", "Nenhuma regra se aplica."},
	[PHRASE_WITHOUT_ONE] = {"Without %4 it would have had %1: %2.", "Без %4 было бы %1: %2.", "Sem %4 teria %1: %2."},
	[PHRASE_WITHOUT_SEVERAL] = {"Only without %4 together it would have had %1: %2.", "Только без %4 вместе было бы %1: %2.", "Só sem %4 em conjunto teria %1: %2."},
	[PHRASE_MORE] = {"With %1 points more (%3 in all): %2.", "При ещё %1 балла (всего %3): %2.", "Com mais %1 pontos (%3 ao todo): %2."},
	[PHRASE_AT_MOST] = {"More points change nothing.", "Большее число баллов ничего не меняет.", "Mais pontos nada mudam."},
};

static const char *const fates[SCORE_VERDICTS][SCORE_LANGUAGES] = {
	[SCORE_INBOX] = {"into the inbox", "во входящие", "para a caixa de entrada"},
	[SCORE_TAG] = {"into the inbox, marked", "во входящие, с пометкой", "para a caixa de entrada, marcada"},
	[SCORE_JUNK] = {"into Junk", "в спам", "para o lixo"},
	[SCORE_QUARANTINE] = {"into quarantine", "в карантин", "para a quarentena"},
	[SCORE_REJECT] = {"refused", "отклонено", "recusada"},
};

struct telling {
	struct buf *out;
	enum score_language language;
	int points, threshold;
	enum score_verdict fate;
	struct slice rules;
};

static void say(const struct telling *telling, enum phrase phrase)
{
	for (const char *at = phrases[phrase][telling->language]; *at; at++) {
		if (*at != '%')
			buf_append_char(telling->out, *at);
		else if (*++at == '1')
			score_write_points(telling->out, telling->points);
		else if (*at == '2')
			buf_append_text(telling->out, fates[telling->fate][telling->language]);
		else if (*at == '3')
			score_write_points(telling->out, telling->threshold);
		else
			buf_append(telling->out, telling->rules);
	}
	buf_append_char(telling->out, '\n');
}

static void tell_hit(struct buf *out, const struct score_hit *hit, enum score_language language)
{
	struct buf points = BUF(32);
	if (hit->points > 0)
		buf_append_char(&points, '+');
	score_write_points(&points, hit->points);
	buf_printf(out, "%8.*s  %-24s %s\n", SLICE_ARG(buf_slice(&points)), score_rule_name(hit->rule), score_rule_text(hit->rule, language));
	buf_free(&points);
}

static int by_points(const void *a, const void *b) { return ((const struct score_hit *)b)->points - ((const struct score_hit *)a)->points; }

/* The fewest rules without which the verdict would be a milder one; of single ones that with the fewest points. Returns how many. */
static size_t smallest_change(struct score_hit *hits, size_t count, int excess, int *points)
{
	size_t used = 0;
	*points = 0;
	qsort(hits, count, sizeof *hits, by_points);
	while (used < count && hits[used].points > 0 && *points <= excess)
		*points += hits[used++].points;
	if (used != 1)
		return *points > excess ? used : 0;
	for (size_t i = 1; i < count && hits[i].points > excess; i++)
		hits[0] = hits[i];
	*points = hits[0].points;
	return 1;
}

static void tell_milder(struct telling *telling, const struct score_settings *settings, const struct score_result *result)
{
	struct score_hit hits[SCORE_RULES];
	struct buf names = BUF(4096);
	int points;
	memcpy(hits, result->hits, result->count * sizeof *hits);
	size_t count = smallest_change(hits, result->count, result->total - settings->threshold[result->verdict], &points);
	for (size_t i = 0; i < count; i++)
		buf_printf(&names, "%s%s", i > 0 ? ", " : "", score_rule_name(hits[i].rule));
	telling->rules = buf_slice(&names);
	telling->points = result->total - points;
	telling->fate = score_verdict_of(settings, telling->points);
	if (count > 0)
		say(telling, count == 1 ? PHRASE_WITHOUT_ONE : PHRASE_WITHOUT_SEVERAL);
	buf_free(&names);
}

static void tell_stricter(struct telling *telling, const struct score_settings *settings, const struct score_result *result)
{
	int least = 0;
	for (enum score_verdict i = result->verdict + 1; i < SCORE_VERDICTS; i++)
		if (least == 0 || settings->threshold[i] < least)
			least = settings->threshold[i];
	telling->points = least - result->total;
	telling->threshold = least;
	telling->fate = score_verdict_of(settings, least);
	say(telling, least > 0 ? PHRASE_MORE : PHRASE_AT_MOST);
}

void score_explain(struct buf *out, const struct score_settings *settings, const struct score_result *result, enum score_language language)
{
	struct telling telling = {.out = out, .language = language, .points = result->total, .fate = result->verdict};
	say(&telling, PHRASE_SUM);
	for (size_t i = 0; i < result->count; i++)
		tell_hit(out, &result->hits[i], language);
	if (result->count == 0)
		say(&telling, PHRASE_NO_RULE);
	if (result->verdict > SCORE_INBOX)
		tell_milder(&telling, settings, result);
	tell_stricter(&telling, settings, result);
}
