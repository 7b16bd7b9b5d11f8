/* Questions about words, and answers, as bytes between roles (net/call.h). A question: languages, suggestions, how many words, words. An answer: a byte that is 1; how many are wrong; of each its place,
 * whether suggestions were looked for, how many, suggestions. */
#include "base/clock.h"
#include "base/wire.h"
#include "speller/speller.h"

enum { VERB = 1, QUESTION_MAX = SPELLER_WORDS_MAX * (SPELLER_WORD_BYTES + 2) + 16 };

void speller_question_encode(const struct speller_question *question, struct buf *out)
{
	wire_put_short(out, question->languages, 1);
	wire_put_short(out, question->suggestions, 1);
	wire_put_short(out, question->count, 2);
	for (size_t i = 0; i < question->count; i++)
		wire_put_text(out, question->words[i]);
}

bool speller_question_decode(struct slice text, struct arena *arena, struct speller_question *question)
{
	struct wire_reader reader = {.rest = text};
	*question = (struct speller_question){.languages = (unsigned)wire_short(&reader, 1), .suggestions = (unsigned)wire_short(&reader, 1)};
	size_t count = (size_t)wire_short(&reader, 2);
	bool good = !reader.broken && question->languages > 0 && question->languages < 1U << SPELLER_LANGUAGES && question->suggestions <= SPELLER_SUGGESTIONS_MAX &&
		    count <= (question->suggestions > 0 ? SPELLER_SUGGESTED_MAX : SPELLER_WORDS_MAX);
	question->words = arena_array(arena, good ? count + 1 : 1, sizeof *question->words);
	for (; good && question->count < count; question->count++) {
		question->words[question->count] = wire_text(&reader, SPELLER_WORD_BYTES);
		good = speller_is_word(question->words[question->count]);
	}
	return good && wire_end(&reader);
}

void speller_answer_encode(const struct speller_answer *answer, struct buf *out)
{
	wire_put_short(out, answer->count, 2);
	for (size_t i = 0; i < answer->count; i++) {
		const struct speller_wrong *wrong = &answer->wrong[i];
		wire_put_short(out, wrong->word, 2);
		wire_put_number(out, wrong->suggested);
		wire_put_short(out, wrong->count, 1);
		for (size_t k = 0; k < wrong->count; k++)
			wire_put_text(out, wrong->suggestions[k]);
	}
}

static bool read_wrong(struct wire_reader *reader, size_t words, struct arena *arena, struct speller_wrong *wrong)
{
	*wrong = (struct speller_wrong){.word = (size_t)wire_short(reader, 2), .suggested = wire_flag(reader)};
	size_t count = (size_t)wire_short(reader, 1);
	bool good = !reader->broken && wrong->word < words && count <= (wrong->suggested ? SPELLER_SUGGESTIONS_MAX : 0);
	for (; good && wrong->count < count; wrong->count++) {
		struct slice text = wire_text(reader, SPELLER_WORD_BYTES);
		wrong->suggestions[wrong->count] = arena_copy(arena, text);
		good = speller_is_suggestion(text);
	}
	return good;
}

bool speller_answer_decode(struct slice text, size_t words, struct arena *arena, struct speller_answer *answer)
{
	struct wire_reader reader = {.rest = text};
	size_t count = (size_t)wire_short(&reader, 2);
	*answer = (struct speller_answer){0};
	if (reader.broken || count > words)
		return false;
	answer->wrong = arena_array(arena, count + 1, sizeof *answer->wrong);
	for (; answer->count < count; answer->count++) {
		struct speller_wrong *wrong = &answer->wrong[answer->count];
		if (!read_wrong(&reader, words, arena, wrong) || (answer->count > 0 && wrong->word <= wrong[-1].word))
			return false;
	}
	return wire_end(&reader);
}

/* ---- Asking ---- */

struct call_ticket *speller_begin(struct caller *caller, const struct speller_question *question, struct arena *arena, void (*done)(void *context), void *context)
{
	struct buf text = BUF(QUESTION_MAX);
	int64_t until = clock_monotonic_ms() + SPELLER_SECONDS * 1000;
	speller_question_encode(question, &text);
	struct call_question asked = {.verb = VERB, .text = arena_copy(arena, buf_slice(&text)), .begin_by = until, .end_by = until, .once = true};
	bool fits = !text.overflow;
	buf_free(&text);
	return fits ? caller_begin(caller, &asked, done, context) : NULL;
}

bool speller_end(struct call_ticket **ticket, size_t words, struct arena *arena, struct speller_answer *answer, struct error *error)
{
	struct call_answer heard = {0};
	if (!caller_end(ticket, &heard))
		return error_set(error, ERROR_TEMPORARY, "nobody tells how words are spelt");
	struct slice text = buf_slice(&heard.text);
	bool done = text.len > 0 && text.at[0] == 1 && speller_answer_decode(slice_skip(text, 1), words, arena, answer);
	call_answer_free(&heard);
	return done || error_set(error, ERROR_TEMPORARY, "how words are spelt can't be told now");
}
