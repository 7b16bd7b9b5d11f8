/* What a taken-over smtp role may ask at RCPT, and a taken-over policy role answer: what is read of either is written again as it was, and nothing
 * gets through that would become another line of a reply. */
#include "policy/gate.h"

#include <assert.h>

static void try_question(struct slice text)
{
	struct policy_gate_question question;
	struct buf again = BUF(POLICY_GATE_QUESTION_MAX);
	if (policy_gate_question_decode(text, &question)) {
		assert(policy_gate_question_encode(&question, &again));
		assert(slice_equal(buf_slice(&again), text));
		struct slice key = policy_gate_key(config_current(), question.recipient);
		assert(key.len <= question.recipient.len);
		policy_gate_is_open_to_all(question.recipient);
	}
	buf_free(&again);
}

static void try_answer(struct slice text)
{
	struct policy_gate_answer answer;
	struct buf again = BUF(POLICY_GATE_ANSWER_MAX);
	if (policy_gate_answer_decode(text, &answer)) {
		assert(policy_gate_answer_encode(&answer, &again));
		assert(slice_equal(buf_slice(&again), text));
		assert((answer.action == POLICY_ACCEPT) == (answer.reply.len == 0));
		for (size_t i = 0; i < answer.reply.len; i++)
			assert(answer.reply.at[i] >= ' ' && answer.reply.at[i] < 0x7f);
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
