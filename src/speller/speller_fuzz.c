/* What either side of the speller's channel may say that was taken over: what is read is a question or an answer within its limits, and written as it was. */
#include "speller/speller.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size);
	struct arena *arena = arena_new();
	struct buf out = BUF(CALL_ANSWER_MAX);
	struct speller_question question;
	struct speller_answer answer;
	if (speller_question_decode(text, arena, &question)) {
		speller_question_encode(&question, &out);
		assert(slice_equal(buf_slice(&out), text));
	}
	buf_clear(&out);
	if (speller_answer_decode(text, SPELLER_WORDS_MAX, arena, &answer)) {
		speller_answer_encode(&answer, &out);
		assert(slice_equal(buf_slice(&out), text));
	}
	buf_free(&out);
	arena_free(&arena);
	return 0;
}
