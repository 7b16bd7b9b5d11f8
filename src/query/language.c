/* In which language a text is written: that of which it has the most of those words that every text has. Languages that aren't stemmed
 * are told apart from those that are, since their stems would be wrong. */
#include <pthread.h>

#include "query/search.h"

enum {
	SAMPLE_BYTES = 8 * 1024,
	FEW = 3,           /* of these words say nothing yet */
	WORDS_PER_HIT = 25, /* a text that has fewer is none in that language: a list, a table, code */
};

/* Folded. What two languages share is in both. */
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
enum { LISTS = sizeof lists / sizeof *lists, SLOTS = 1024, LONGEST_STOP_WORD = 16 };

/* Each of these words once, with the lists that have it (bits). */
static struct slot {
	struct slice word;
	unsigned lists;
} slots[SLOTS];
static pthread_once_t slots_made = PTHREAD_ONCE_INIT;

/* Where the word is, or would be. */
static struct slot *slot_of(struct slice word)
{
	uint32_t hash = 2166136261U; /* FNV-1a: nobody else's words are in the table */
	for (size_t i = 0; i < word.len; i++)
		hash = (hash ^ (unsigned char)word.at[i]) * 16777619U;
	size_t at = hash % SLOTS;
	while (slots[at].lists != 0 && !slice_equal(slots[at].word, word))
		at = (at + 1) % SLOTS;
	return &slots[at];
}

static void make_slots(void)
{
	for (size_t i = 0; i < LISTS; i++) {
		struct slice word, rest = slice_trim(slice_of(lists[i].words));
		while (rest.len > 0) {
			slice_cut(rest, ' ', &word, &rest);
			struct slot *slot = slot_of(word);
			slot->word = word;
			slot->lists |= 1U << i;
		}
	}
}

enum query_language query_language(struct slice text)
{
	struct query_reader reader = {.text = slice_sub(text, 0, SAMPLE_BYTES)};
	struct query_word word;
	size_t hits[LISTS] = {0}, words = 0, best = 0;
	pthread_once(&slots_made, make_slots);
	while (query_next_word(&reader, &word)) {
		unsigned in = !word.part && word.folded.len <= LONGEST_STOP_WORD ? slot_of(word.folded)->lists : 0;
		words += !word.part;
		for (size_t i = 0; in != 0; i++, in >>= 1)
			hits[i] += in & 1;
	}
	for (size_t i = 1; i < LISTS; i++)
		if (hits[i] > hits[best])
			best = i;
	return hits[best] < FEW || hits[best] * WORDS_PER_HIT < words ? LANGUAGE_OTHER : lists[best].language;
}
