/* The side of who may add to the queue, and neither read nor change what waits there: queue.h's calls for receiving, over a channel
 * to the process that owns it. Nothing is kept here: a message is in the hands of its client until the owner has said that it is on
 * disk. */
#include "queue/handin.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

struct queue *queue_open_remote(int channel)
{
	struct queue *queue = queue_new();
	queue->owner = caller_new(channel);
	return queue;
}

static struct call_question question_of(enum queue_handin_verb verb, struct slice text)
{
	int64_t now = clock_monotonic_ms();
	return (struct call_question){.verb = verb, .text = text, .begin_by = now + HANDIN_BEGIN_SECONDS * 1000, .end_by = now + HANDIN_END_SECONDS * 1000};
}

/* Reads the answer's error, and the number behind it, if there is to be one (at most `max`). Its descriptors are left in it. */
static bool read_answer_number(bool answered, struct call_answer *answer, uint64_t *number, uint64_t max, struct error *error)
{
	if (!answered)
		return error_set(error, ERROR_TEMPORARY, "the queue role doesn't answer");
	struct wire_reader reader = {.rest = buf_slice(&answer->text)};
	enum error_kind kind = (enum error_kind)wire_number(&reader, ERROR_FULL);
	struct slice text = wire_text(&reader, sizeof error->text);
	if (number)
		*number = wire_number(&reader, max);
	if (!wire_end(&reader))
		error_set(error, ERROR_TEMPORARY, "the queue role's answer is malformed");
	else if (kind != ERROR_NONE)
		error_set(error, kind, "%.*s", SLICE_ARG(text));
	bool done = !reader.broken && kind == ERROR_NONE;
	buf_free(&answer->text);
	return done;
}

static bool read_answer(bool answered, struct call_answer *answer, struct error *error)
{
	return read_answer_number(answered, answer, NULL, 0, error);
}

static void close_all(struct call_answer *answer)
{
	while (answer->fd_count > 0)
		close(answer->fds[--answer->fd_count]);
}

static bool take_files(bool answered, struct call_answer *answer, int *written, int *shown, struct error *error)
{
	bool done = read_answer(answered, answer, error);
	if (done && answer->fd_count == 2) {
		*written = answer->fds[0];
		*shown = answer->fds[1];
		return true;
	}
	close_all(answer);
	return done ? error_set(error, ERROR_TEMPORARY, "the queue role's answer is malformed") : false;
}

bool queue_handin_open_file(struct queue *queue, int *written, int *shown, struct error *error)
{
	struct call_answer answer = {0};
	struct call_question question = question_of(HANDIN_BODY_FILE, SLICE(""));
	return take_files(caller_ask(queue->owner, &question, &answer), &answer, written, shown, error);
}

struct call_ticket *queue_handin_ask_file(struct queue *queue, void (*done)(void *context), void *context)
{
	struct call_question question = question_of(HANDIN_BODY_FILE, SLICE(""));
	return caller_begin(queue->owner, &question, done, context);
}

bool queue_handin_take_file(struct call_ticket **ticket, int *written, int *shown, struct error *error)
{
	struct call_answer answer = {0};
	return take_files(caller_end(ticket, &answer), &answer, written, shown, error);
}

void queue_handin_forget_file(struct call_ticket **ticket)
{
	struct call_answer answer = {0};
	caller_end(ticket, &answer);
	call_answer_free(&answer);
}

static bool encode(struct queue_handin_ticket *ticket, const struct queue_handin *handin, int shown, struct call_question *question)
{
	*ticket = (struct queue_handin_ticket){.text = BUF(CALL_TEXT_MAX)};
	if (!queue_handin_encode(handin, &ticket->text))
		return false;
	*question = question_of(HANDIN_MESSAGE, buf_slice(&ticket->text));
	question->fds[0] = shown;
	question->fd_count = shown >= 0;
	return true;
}

void queue_handin_begin(struct queue_handin_ticket *ticket, struct queue *queue, const struct queue_handin *handin, int shown,
		  void (*done)(void *context), void *context)
{
	struct call_question question;
	if (encode(ticket, handin, shown, &question))
		ticket->call = caller_begin(queue->owner, &question, done, context);
	else
		done(context);
}

bool queue_handin_is_done(const struct queue_handin_ticket *ticket)
{
	return !ticket->call || caller_is_done(ticket->call);
}

static bool finish(struct queue_handin_ticket *ticket, bool answered, struct call_answer *answer, struct error *error)
{
	bool done = read_answer(answered, answer, error);
	close_all(answer);
	buf_free(&ticket->text);
	return done;
}

bool queue_handin_end(struct queue_handin_ticket *ticket, struct error *error)
{
	struct call_answer answer = {0};
	if (ticket->call)
		return finish(ticket, caller_end(&ticket->call, &answer), &answer, error);
	buf_free(&ticket->text);
	return error_set(error, ERROR_LIMIT, "the envelope is too large");
}

bool queue_handin_commit(struct queue *queue, const struct queue_handin *handin, int shown, struct error *error)
{
	struct queue_handin_ticket ticket;
	struct call_question question;
	struct call_answer answer = {0};
	if (!encode(&ticket, handin, shown, &question))
		return queue_handin_end(&ticket, error);
	return finish(&ticket, caller_ask(queue->owner, &question, &answer), &answer, error);
}

bool queue_handin_ask(struct queue *queue, enum queue_handin_verb verb, struct slice text, struct call_answer *answer, struct wire_reader *reader, struct error *error)
{
	struct call_question question = question_of(verb, text);
	*answer = (struct call_answer){0};
	if (!caller_ask(queue->owner, &question, answer))
		return error_set(error, ERROR_TEMPORARY, "the queue role doesn't answer");
	*reader = (struct wire_reader){.rest = buf_slice(&answer->text)};
	enum error_kind kind = (enum error_kind)wire_number(reader, ERROR_FULL);
	struct slice said = wire_text(reader, sizeof error->text);
	if (!reader->broken && kind == ERROR_NONE)
		return true;
	error_set(error, reader->broken ? ERROR_TEMPORARY : kind, "%.*s", SLICE_ARG(said));
	call_answer_free(answer);
	return false;
}

/* About one message; the answer's number is at most `max`. */
static bool ask_about(struct queue *queue, enum queue_handin_verb verb, struct slice account, int64_t id, uint64_t *number, uint64_t max, struct error *error)
{
	struct buf text = BUF(HANDIN_TEXT_MAX + 64);
	struct call_answer answer = {0};
	wire_put_text(&text, account);
	wire_put_number(&text, (uint64_t)id);
	struct call_question question = question_of(verb, buf_slice(&text));
	bool done = read_answer_number(caller_ask(queue->owner, &question, &answer), &answer, number, max, error);
	close_all(&answer);
	buf_free(&text);
	return done;
}

static bool ask_back(struct queue *queue, struct slice account, int64_t id, enum queue_withdrawal *outcome, struct error *error)
{
	uint64_t number = WITHDRAWN_TOO_LATE;
	bool done = ask_about(queue, HANDIN_WITHDRAWAL, account, id, &number, WITHDRAWN_TOO_LATE, error);
	*outcome = (enum queue_withdrawal)number;
	return done;
}

bool queue_withdraw(struct queue *queue, struct slice account, int64_t id, enum queue_withdrawal *outcome, struct error *error)
{
	*outcome = WITHDRAWN_TOO_LATE;
	return queue->owner ? ask_back(queue, account, id, outcome, error) : queue_withdraw_here(queue, account, id, outcome, error);
}

bool queue_resolve(struct queue *queue, struct slice account, int64_t id, bool *there, struct error *error)
{
	uint64_t number = 0;
	if (!queue->owner)
		return queue_resolve_here(queue, account, id, there, error);
	bool done = ask_about(queue, HANDIN_QUESTION, account, id, &number, 1, error);
	*there = number == 1;
	return done;
}
