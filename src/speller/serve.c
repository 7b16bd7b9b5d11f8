/* The speller role's work: one question after the other. See speller.h. */
#include <malloc.h>
#include <poll.h>

#include "base/clock.h"
#include "speller/speller.h"

enum { LOOK_MS = 60 * 1000 };

struct shelf {
	struct speller_dictionary *open[SPELLER_LANGUAGES];
	int64_t used[SPELLER_LANGUAGES]; /* when it was last needed, monotonic ms */
	unsigned unreadable;             /* bits: not tried again */
};

static struct speller_dictionary *take(struct shelf *shelf, enum speller_language language)
{
	shelf->used[language] = clock_monotonic_ms();
	if (!shelf->open[language] && !(shelf->unreadable >> language & 1) && !(shelf->open[language] = speller_dictionary_open(language)))
		shelf->unreadable |= 1U << language;
	return shelf->open[language];
}

static bool is_known(struct shelf *shelf, unsigned languages, struct slice word, bool *any)
{
	for (enum speller_language i = 0; i < SPELLER_LANGUAGES; i++) {
		struct speller_dictionary *dictionary = languages >> i & 1 ? take(shelf, i) : NULL;
		*any |= dictionary != NULL;
		if (dictionary && speller_dictionary_knows(dictionary, word))
			return true;
	}
	return false;
}

/* Of each language in turn; a dictionary of another script has none. */
static void suggest(struct shelf *shelf, const struct speller_question *question, struct arena *arena, struct speller_wrong *wrong)
{
	wrong->suggested = true;
	for (enum speller_language i = 0; i < SPELLER_LANGUAGES && wrong->count < question->suggestions; i++) {
		struct slice list[SPELLER_SUGGESTIONS_MAX];
		struct speller_dictionary *dictionary = question->languages >> i & 1 ? take(shelf, i) : NULL;
		size_t count = dictionary ? speller_dictionary_suggest(dictionary, question->words[wrong->word], question->suggestions, arena, list) : 0;
		for (size_t k = 0; k < count && wrong->count < question->suggestions; k++) {
			bool there = false;
			for (size_t n = 0; n < wrong->count; n++)
				there |= slice_equal(wrong->suggestions[n], list[k]);
			if (!there)
				wrong->suggestions[wrong->count++] = list[k];
		}
	}
}

/* Where no dictionary can be read nothing is wrong. */
static void check(struct shelf *shelf, const struct speller_question *question, struct arena *arena, struct speller_answer *answer)
{
	int64_t until = clock_monotonic_ms() + SPELLER_SUGGEST_MS;
	*answer = (struct speller_answer){.wrong = arena_array(arena, question->count + 1, sizeof *answer->wrong)};
	for (size_t i = 0; i < question->count; i++) {
		bool any = false;
		if (is_known(shelf, question->languages, question->words[i], &any) || !any)
			continue;
		struct speller_wrong *wrong = &answer->wrong[answer->count++];
		*wrong = (struct speller_wrong){.word = i};
		if (question->suggestions > 0 && clock_monotonic_ms() < until)
			suggest(shelf, question, arena, wrong);
	}
}

static void answer_one(struct shelf *shelf, struct answerer *answerer, const struct call_received *received)
{
	struct arena *arena = arena_new();
	struct speller_question question;
	struct speller_answer answer;
	struct buf text = BUF(CALL_ANSWER_MAX);
	bool done = clock_monotonic_ms() <= received->begin_by && speller_question_decode(received->text, arena, &question);
	buf_append_char(&text, done);
	if (done) {
		check(shelf, &question, arena, &answer);
		speller_answer_encode(&answer, &text);
	}
	answerer_answer(answerer, received->id, text.overflow ? SLICE("") : buf_slice(&text), NULL, 0);
	buf_free(&text);
	arena_free(&arena);
}

/* False: nobody asks any more. */
static bool answer_all(struct shelf *shelf, struct answerer *answerer)
{
	struct call_received received;
	enum call_result result;
	while ((result = answerer_receive(answerer, &received)) == CALL_RECEIVED) {
		answer_one(shelf, answerer, &received);
		call_received_free(&received);
	}
	return result != CALL_ENDED;
}

/* Dictionaries take tens of megabytes. Returns whether one is left. */
static bool give_up(struct shelf *shelf, int64_t before)
{
	bool left = false, any = false;
	for (enum speller_language i = 0; i < SPELLER_LANGUAGES; i++) {
		bool idle = shelf->open[i] && shelf->used[i] <= before;
		any |= idle;
		if (idle)
			speller_dictionary_close(&shelf->open[i]);
		left |= shelf->open[i] != NULL;
	}
	if (any)
		malloc_trim(0);
	return left;
}

void speller_serve(int channel, int stop_fd)
{
	struct answerer *answerer = answerer_new(channel);
	struct shelf shelf = {0};
	bool open = false;
	for (bool more = true; more;) {
		struct pollfd polled[] = {
			{.fd = stop_fd, .events = POLLIN},
			{.fd = answerer_wake_fd(answerer), .events = POLLIN},
			{.fd = answerer_channel(answerer), .events = answerer_events(answerer)},
		};
		if (poll(polled, sizeof polled / sizeof *polled, open ? LOOK_MS : -1) > 0)
			more = !polled[0].revents && answer_all(&shelf, answerer);
		open = give_up(&shelf, clock_monotonic_ms() - SPELLER_IDLE_SECONDS * 1000);
	}
	give_up(&shelf, INT64_MAX);
	answerer_free(&answerer);
}
