/* In which language a text is written: that of which it has the most of those words that every text has. Languages that aren't stemmed
 * are told apart from those that are, since their stems would be wrong. */
#include "query/search.h"

enum {
	SAMPLE_BYTES = 8 * 1024,
	FEW = 3,           /* of these words say nothing yet */
	WORDS_PER_HIT = 25, /* a text that has fewer is none in that language: a list, a table, code */
};

/* Folded, with a blank around each. What two languages share is in both. */
static const struct stop_words {
	enum query_language language;
	const char *words;
} lists[] = {
	{LANGUAGE_ENGLISH, " the and of to in is you that it for on are with as be this have from or by not but what all were when we there an your which "
			   "their will would if has more can our was at please thanks "},
	{LANGUAGE_RUSSIAN, " и в не на что я с он а как это по но они к у из мы за вы так же от для вас все о его только бы если при уже или был до вам "
			   "мне еще чтобы есть будет может "},
	{LANGUAGE_PORTUGUESE, " de que e do da em um para com nao uma os no se na por mais as dos como mas ao ele das tem seu sua ou quando muito nos ja esta "
			      "voce pelo pela ate isso ela entre foi sao obrigado "},
	{LANGUAGE_OTHER, " de que el la y los del se las por un para con no una su al lo como mas pero sus le ya o este si porque esta entre cuando muy sin sobre "
			 "es son gracias usted "}, /* Spanish */
	{LANGUAGE_OTHER, " de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec"
	 " vous nous je votre ou mais merci "}, /* French */
	{LANGUAGE_OTHER, " der die und in den von zu das mit sich des auf fur ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei ich wir "
			 "ihre danke "}, /* German */
	{LANGUAGE_OTHER, " di e il la che in un a per del non una le con da si dei sono al come piu o ma alla nel della gli"
	 " grazie "}, /* Italian */
	{LANGUAGE_OTHER, " de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar bij nog naar uit dit"
	 " wij ik u "}, /* Dutch */
	{LANGUAGE_OTHER, " i w na z do sie nie to jest o ze jak za od po dla ale tak co czy oraz przez juz tylko "}, /* Polish */
	{LANGUAGE_OTHER, " och att det i som en pa ar av for med den till har inte om ett de var jag vi kan sa men fran "}, /* Swedish */
	{LANGUAGE_OTHER, " і в не на що я з та як це по але вони до у із ми за ви так від для вас все його тільки якщо при вже"
	 " або був "}, /* Ukrainian */
	{LANGUAGE_OTHER, " и в не на че се от да за с по са като ще това как но до или ви ми му го си при беше "}, /* Bulgarian */
};
enum { LISTS = sizeof lists / sizeof *lists };

static bool is_in(const char *words, const struct query_word *word)
{
	char wanted[QUERY_WORD_MAX + 16];
	int len = snprintf(wanted, sizeof wanted, " %.*s ", SLICE_ARG(word->folded));
	return len > 0 && (size_t)len < sizeof wanted && slice_find(slice_of(words), slice_make(wanted, (size_t)len)) != SLICE_NONE;
}

enum query_language query_language(struct slice text)
{
	struct query_reader reader = {.text = slice_sub(text, 0, SAMPLE_BYTES)};
	struct query_word word;
	size_t hits[LISTS] = {0}, words = 0, best = 0;
	enum { LONGEST_STOP_WORD = 16 };
	while (query_next_word(&reader, &word)) {
		words += !word.part;
		for (size_t i = 0; !word.part && word.folded.len <= LONGEST_STOP_WORD && i < LISTS; i++)
			hits[i] += is_in(lists[i].words, &word);
	}
	for (size_t i = 1; i < LISTS; i++)
		if (hits[i] > hits[best])
			best = i;
	return hits[best] < FEW || hits[best] * WORDS_PER_HIT < words ? LANGUAGE_OTHER : lists[best].language;
}
