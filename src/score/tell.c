/* A score as programs and as people read it. */
#include "base/memory.h"
#include "score/internal.h"

enum { LEVEL_MAX = 50, COLUMNS = 76, NAMES_MAX = 4096 };

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
	int stars = total / 100 < LEVEL_MAX ? total / 100 : LEVEL_MAX, required = settings->threshold[SCORE_JUNK];
	if (junk)
		buf_append_text(out, "X-Spam-Flag: YES\r\n");
	if (stars > 0)
		buf_printf(out, "X-Spam-Level: %.*s\r\n", stars, "**************************************************");
	buf_printf(out, "X-Spam-Status: %s, score=", junk ? "Yes" : "No");
	score_write_points(out, total);
	buf_append_text(out, " required=");
	score_write_points(out, required < SCORE_POINTS_MAX ? required : SCORE_POINTS_MAX); /* SpamAssassin knows no never */
	buf_append_text(out, "\r\n\t");
	write_tests(out, tests, count, 14);
	buf_append_text(out, "\r\n\tautolearn=no version=Pombal-" POMBAL_VERSION "\r\n");
}

/* ---- for people ---- */

/* Each with the places of what it says: %1 points, %2 what is done, %3 a threshold, %4 rules or a reason. */
enum phrase {
	PHRASE_SUM, PHRASE_NO_RULE, PHRASE_FURTHER, PHRASE_WITHOUT_ONE, PHRASE_WITHOUT_SEVERAL, PHRASE_MORE, PHRASE_AT_MOST, PHRASE_DECIDED, PHRASE_BY_POINTS, PHRASE_TODAY, PHRASES
};
static const char *const phrases[PHRASES][SCORE_LANGUAGES] = {
	[PHRASE_SUM] = {"%1 points: %2.", "Баллов: %1. Итог: %2.", "%1 pontos: %2."},
	[PHRASE_NO_RULE] = {"No rule applies.", "Ни одно правило не сработало.", "Nenhuma regra se aplica."},
	[PHRASE_FURTHER] = {"Further findings, of %1 points, aren't written down.", "Прочие находки (баллов: %1) не записаны.", "Outros achados, de %1 pontos, não ficaram escritos."},
	[PHRASE_WITHOUT_ONE] = {"Without %4 it would have had %1: %2.", "Без %4 было бы %1: %2.", "Sem %4 teria %1: %2."},
	[PHRASE_WITHOUT_SEVERAL] = {"Only without %4 together it would have had %1: %2.", "Только без %4 вместе было бы %1: %2.", "Só sem %4 em conjunto teria %1: %2."},
	[PHRASE_MORE] = {"With %1 points more (%3 in all): %2.", "При ещё %1 балла (всего %3): %2.", "Com mais %1 pontos (%3 ao todo): %2."},
	[PHRASE_AT_MOST] = {"More points change nothing.", "Большее число баллов ничего не меняет.", "Mais pontos nada mudam."},
	[PHRASE_DECIDED] = {"What decided, whatever the points: %4.", "Решающая причина, независимо от баллов: %4.", "O que decidiu, sejam quais forem os pontos: %4."},
	[PHRASE_BY_POINTS] = {"By its points alone, without that: %2.", "По одним баллам, без этого: %2.", "Só pelos pontos, sem isso: %2."},
	[PHRASE_TODAY] = {"With the thresholds of today so many points lead elsewhere: %2.", "По нынешним порогам столько баллов приводят к другому: %2.",
			  "Com os limiares de hoje tantos pontos levam a outro lado: %2."},
};

static const char *const fates[SCORE_FATES][SCORE_LANGUAGES] = {
	[SCORE_INBOX] = {"into the inbox", "во входящие", "para a caixa de entrada"},
	[SCORE_TAG] = {"into the inbox, marked", "во входящие, с пометкой", "para a caixa de entrada, marcada"},
	[SCORE_JUNK] = {"into Junk", "в спам", "para o lixo"},
	[SCORE_QUARANTINE] = {"into quarantine", "в карантин", "para a quarentena"},
	[SCORE_REJECT] = {"refused", "отклонено", "recusada"},
	[SCORE_FATE_DEFERRED] = {"put off, its sender is to come again", "отложено, отправитель должен повторить попытку", "adiada, o remetente deve tentar de novo"},
	[SCORE_FATE_UNCHECKED] = {"taken unchecked", "принято без проверки", "aceite sem verificação"},
	[SCORE_FATE_HELD] = {"sent from here, and held until somebody has looked", "отправлено отсюда и задержано до проверки", "enviada daqui, e retida até alguém ver"},
	[SCORE_FATE_SENT] = {"sent from here", "отправлено отсюда", "enviada daqui"},
};

struct telling {
	struct buf *out;
	enum score_language language;
	const struct score_settings *settings;
	int points, threshold;
	unsigned fate;
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

static void tell_found(struct buf *out, const struct score_found *found)
{
	struct buf points = BUF(32);
	if (found->points > 0)
		buf_append_char(&points, '+');
	score_write_points(&points, found->points);
	buf_printf(out, "%8.*s  %-24.*s %s", SLICE_ARG(buf_slice(&points)), SLICE_ARG(found->name), found->text);
	if (found->detail.len > 0)
		buf_printf(out, " [%.*s]", SLICE_ARG(found->detail));
	buf_append_char(out, '\n');
	buf_free(&points);
}

static int by_points(const void *a, const void *b) { return ((const struct score_found *)b)->points - ((const struct score_found *)a)->points; }

/* The fewest of them without which the verdict would be a milder one; of single ones that with the fewest points. Returns how many. */
static size_t smallest_change(struct score_found *list, size_t count, int excess, int *points)
{
	size_t used = 0;
	*points = 0;
	qsort(list, count, sizeof *list, by_points);
	while (used < count && list[used].points > 0 && *points <= excess)
		*points += list[used++].points;
	if (used != 1)
		return *points > excess ? used : 0;
	for (size_t i = 1; i < count && list[i].points > excess; i++)
		list[0] = list[i];
	*points = list[0].points;
	return 1;
}

static void tell_milder(struct telling *telling, const struct score_found *list, size_t count, int total, enum score_verdict verdict)
{
	struct score_found *sorted = memory_array(count + 1, sizeof *sorted);
	struct buf names = BUF(NAMES_MAX);
	int points;
	if (count > 0)
		memcpy(sorted, list, count * sizeof *list);
	size_t fewest = smallest_change(sorted, count, total - telling->settings->threshold[verdict], &points);
	for (size_t i = 0; i < fewest; i++)
		buf_printf(&names, "%s%.*s", i > 0 ? ", " : "", SLICE_ARG(sorted[i].name));
	telling->rules = buf_slice(&names);
	telling->points = total - points;
	telling->fate = score_verdict_of(telling->settings, telling->points);
	if (fewest > 0)
		say(telling, fewest == 1 ? PHRASE_WITHOUT_ONE : PHRASE_WITHOUT_SEVERAL);
	buf_free(&names);
	free(sorted);
}

static void tell_stricter(struct telling *telling, int total, enum score_verdict verdict)
{
	int least = 0;
	for (enum score_verdict i = verdict + 1; i < SCORE_VERDICTS; i++)
		if (least == 0 || telling->settings->threshold[i] < least)
			least = telling->settings->threshold[i];
	telling->points = least - total;
	telling->threshold = least;
	telling->fate = score_verdict_of(telling->settings, least);
	say(telling, least > 0 && least < SCORE_NEVER ? PHRASE_MORE : PHRASE_AT_MOST);
}

/* What would have led elsewhere. */
static void tell_change(struct telling *telling, const struct score_found *list, size_t count, int total, unsigned done, struct slice reason)
{
	enum score_verdict verdict = score_verdict_of(telling->settings, total);
	telling->fate = verdict;
	telling->rules = reason;
	if (reason.len > 0)
		say(telling, PHRASE_DECIDED);
	if (reason.len > 0 || done == SCORE_FATE_DEFERRED)
		say(telling, PHRASE_BY_POINTS);
	else if (verdict != done)
		say(telling, PHRASE_TODAY);
	else {
		if (verdict > SCORE_INBOX)
			tell_milder(telling, list, count, total, verdict);
		tell_stricter(telling, total, verdict);
	}
}

void score_explain_found(struct buf *out, const struct score_settings *settings, const struct score_found *list, size_t count, int total, unsigned done, struct slice reason,
			 enum score_language language)
{
	struct telling telling = {.out = out, .language = language, .settings = settings, .points = total, .fate = done};
	int64_t rest = total;
	say(&telling, PHRASE_SUM);
	for (size_t i = 0; i < count; i++) {
		tell_found(out, &list[i]);
		rest -= list[i].points;
	}
	telling.points = (int)rest;
	if (rest != 0)
		say(&telling, PHRASE_FURTHER);
	else if (count == 0)
		say(&telling, PHRASE_NO_RULE);
	if (done <= SCORE_FATE_DEFERRED)
		tell_change(&telling, list, count, total, done, reason);
}

void score_explain(struct buf *out, const struct score_settings *settings, const struct score_result *result, enum score_language language)
{
	struct score_found list[SCORE_RULES];
	for (size_t i = 0; i < result->count; i++)
		list[i] = (struct score_found){slice_of(score_rule_name(result->hits[i].rule)), result->hits[i].points, SLICE(""), score_rule_text(result->hits[i].rule, language)};
	score_explain_found(out, settings, list, result->count, result->total, result->verdict, SLICE(""), language);
}
