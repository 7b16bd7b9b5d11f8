/* Questions of the web role to the admin role, and their answers; see admin.h. */
#include "admin/admin.h"

#include "base/clock.h"
#include "base/wire.h"

bool admin_question_write(const struct admin_asker *asker, struct slice body, struct buf *out)
{
	wire_put_number(out, asker->key);
	wire_put_text(out, asker->proof);
	wire_put_text(out, asker->address);
	buf_append(out, body);
	return !out->overflow;
}

bool admin_question_read(struct slice text, struct admin_asker *asker, struct slice *body)
{
	struct wire_reader reader = {.rest = text};
	asker->key = wire_flag(&reader);
	asker->proof = wire_text(&reader, ADMIN_PROOF_MAX);
	asker->address = wire_text(&reader, ADMIN_ADDRESS_MAX);
	*body = reader.rest;
	return !reader.broken && body->len <= ADMIN_REQUEST_MAX;
}

void admin_answer_write(const struct admin_answer *answer, struct buf *out)
{
	wire_put_number(out, answer->status);
	wire_put_number(out, answer->delay_ms);
	buf_append(out, answer->body);
}

bool admin_answer_read(struct slice text, struct admin_answer *answer)
{
	enum { STATUS_MAX = 599, DELAY_MAX_MS = 3600 * 1000 };
	struct wire_reader reader = {.rest = text};
	answer->status = (unsigned)wire_number(&reader, STATUS_MAX);
	answer->delay_ms = (unsigned)wire_number(&reader, DELAY_MAX_MS);
	answer->body = reader.rest;
	return !reader.broken && answer->status >= 200;
}

/* What was begun is not begun again by a successor: nobody knows how far it came. */
struct call_ticket *admin_begin(struct caller *caller, enum admin_verb verb, struct slice text, void (*done)(void *context), void *context)
{
	struct call_question question = {.verb = verb, .text = text, .once = true};
	question.begin_by = clock_monotonic_ms() + ADMIN_WAIT_SECONDS * 1000;
	question.end_by = question.begin_by + (ADMIN_SECONDS + ADMIN_WAIT_SECONDS) * 1000;
	return caller_begin(caller, &question, done, context);
}

bool admin_end(struct call_ticket **ticket, struct admin_answer *answer)
{
	*answer = (struct admin_answer){0};
	return caller_end(ticket, &answer->call) && admin_answer_read(buf_slice(&answer->call.text), answer);
}
