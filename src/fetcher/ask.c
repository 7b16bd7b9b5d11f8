/* Asking the fetcher role; see fetcher.h. A question is the URL; an answer a byte that says the outcome, and the bytes that were fetched. */
#include "base/clock.h"
#include "fetcher/fetcher.h"

struct call_ticket *fetcher_begin(struct caller *caller, enum fetcher_errand errand, struct slice url, void (*done)(void *context), void *context)
{
	struct call_question question = {.verb = errand, .text = url, .once = true};
	question.begin_by = clock_monotonic_ms() + FETCHER_WAIT_SECONDS * 1000;
	question.end_by = question.begin_by + FETCHER_SECONDS * 1000;
	return caller_begin(caller, &question, done, context);
}

bool fetcher_answer_read(struct slice text, enum fetcher_outcome *outcome, struct slice *bytes)
{
	if (text.len == 0 || (unsigned char)text.at[0] >= FETCHER_OUTCOMES)
		return false;
	*outcome = (enum fetcher_outcome)text.at[0];
	*bytes = slice_skip(text, 1);
	return *outcome == FETCHER_DONE || bytes->len == 0;
}

void fetcher_end(struct call_ticket **ticket, struct fetcher_answer *answer)
{
	*answer = (struct fetcher_answer){.outcome = FETCHER_UNREACHABLE};
	if (caller_end(ticket, &answer->call) && !fetcher_answer_read(buf_slice(&answer->call.text), &answer->outcome, &answer->bytes))
		*answer = (struct fetcher_answer){.outcome = FETCHER_UNREACHABLE, .call = answer->call};
}

void fetcher_answer_free(struct fetcher_answer *answer)
{
	call_answer_free(&answer->call);
	answer->bytes = SLICE("");
}
