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

/* Asks, and reads the answer's error. The answer's descriptors are left in it. */
static bool ask(struct queue *queue, struct call_question *question, struct call_answer *answer, struct error *error)
{
	int64_t now = clock_monotonic_ms();
	question->begin_by = now + HANDIN_BEGIN_SECONDS * 1000;
	question->end_by = now + HANDIN_END_SECONDS * 1000;
	if (!caller_ask(queue->owner, question, answer))
		return error_set(error, ERROR_TEMPORARY, "the queue role doesn't answer");
	struct wire_reader reader = {.rest = buf_slice(&answer->text)};
	enum error_kind kind = (enum error_kind)wire_number(&reader, ERROR_FULL);
	struct slice text = wire_text(&reader, sizeof error->text);
	if (!wire_end(&reader))
		error_set(error, ERROR_TEMPORARY, "the queue role's answer is malformed");
	else if (kind != ERROR_NONE)
		error_set(error, kind, "%.*s", SLICE_ARG(text));
	bool done = !reader.broken && kind == ERROR_NONE;
	buf_free(&answer->text);
	return done;
}

static void close_all(struct call_answer *answer)
{
	while (answer->fd_count > 0)
		close(answer->fds[--answer->fd_count]);
}

bool handin_open_file(struct queue *queue, int *written, int *shown, struct error *error)
{
	struct call_answer answer;
	struct call_question question = {.verb = HANDIN_BODY_FILE};
	bool done = ask(queue, &question, &answer, error);
	if (done && answer.fd_count == 2) {
		*written = answer.fds[0];
		*shown = answer.fds[1];
		return true;
	}
	close_all(&answer);
	return done ? error_set(error, ERROR_TEMPORARY, "the queue role's answer is malformed") : false;
}

bool handin_commit(struct queue *queue, const struct handin *handin, int shown, struct error *error)
{
	struct buf text = BUF(CALL_TEXT_MAX);
	struct call_answer answer = {0};
	bool done = handin_encode(handin, &text) || error_set(error, ERROR_LIMIT, "the envelope is too large");
	struct call_question question = {.verb = HANDIN_MESSAGE, .text = buf_slice(&text), .fds = {shown}, .fd_count = shown >= 0};
	done = done && ask(queue, &question, &answer, error);
	close_all(&answer);
	buf_free(&text);
	return done;
}
