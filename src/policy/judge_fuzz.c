/* What a taken-over smtp role may ask, and a taken-over policy role answer: what is read of either is written again as it was, and of an answer
 * nothing gets through that would become another line of a message or of a reply. */
#include "policy/judge.h"

#include <assert.h>

enum { WRITTEN_MAX = 1024 * 1024 }; /* more than any that is read */

static void try_question(struct slice text)
{
	struct policy_question question;
	struct buf again = BUF(WRITTEN_MAX);
	if (policy_question_decode(text, &question)) {
		assert(policy_question_encode(&question, &again));
		assert(slice_equal(buf_slice(&again), text));
	}
	buf_free(&again);
}

/* Each line that goes on begins with a blank or is another field of ours, and the last one is ended. */
static void check_field(struct slice field)
{
	assert(field.len > 2 && field.at[field.len - 2] == '\r' && field.at[field.len - 1] == '\n');
	for (size_t i = 0; i + 1 < field.len; i++)
		assert(field.at[i] != '\n' || field.at[i + 1] == ' ' || field.at[i + 1] == '\t' || policy_are_fields(slice_skip(field, i + 1)));
}

static void try_answer(struct slice text)
{
	struct policy_answer answer;
	struct buf again = BUF(WRITTEN_MAX);
	if (policy_answer_decode(text, &answer)) {
		assert(policy_answer_encode(&answer, &again));
		assert(slice_equal(buf_slice(&again), text));
		assert(slice_find_char(answer.reply, '\n') == SLICE_NONE && slice_find_char(answer.reply, '\r') == SLICE_NONE);
		if (answer.known && !answer.own)
			check_field(answer.field);
	}
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_question(slice_make((const char *)data, size));
	try_answer(slice_make((const char *)data, size));
	return 0;
}
