/* Quarantine over the channel of handin.h: questions and answers as bytes, and the calls of queue.h for both a queue of this process and another's.
 *
 *   a list      how many at most. The answer: how many, and of each message, recipient, address
 *   one         message, recipient. The answer: struct queue_apart_shown
 *   a release, a removal    message, recipient. The answer: under which id it goes on */
#include "queue/handin.h"

enum { FLAG_WEIGHED = 1, FLAG_MAY_RELEASE = 2 };

/* ---- Answering ---- */

static void put_list(struct buf *out, const struct queue_apart *list, size_t count)
{
	wire_put_number(out, count);
	for (size_t i = 0; i < count; i++) {
		wire_put_number(out, (uint64_t)list[i].message);
		wire_put_number(out, (uint64_t)list[i].recipient);
		wire_put_text(out, list[i].address);
	}
}

static void put_shown(struct buf *out, const struct queue_apart_shown *shown)
{
	wire_put_text(out, shown->from);
	wire_put_text(out, shown->address);
	wire_put_text(out, shown->findings);
	wire_put_number(out, (uint64_t)shown->arrived);
	wire_put_number(out, shown->size);
	wire_put_number(out, (uint64_t)((int64_t)shown->points + QUEUE_POINTS_MAX));
	wire_put_short(out, (shown->weighed ? FLAG_WEIGHED : 0) | (shown->may_release ? FLAG_MAY_RELEASE : 0), 1);
	wire_put_text(out, shown->head);
}

static struct queue_apart read_which(struct wire_reader *reader)
{
	struct queue_apart which = {.message = (int64_t)wire_number(reader, INT64_MAX)};
	which.recipient = (int64_t)wire_number(reader, INT64_MAX);
	return which;
}

static bool answer_list(struct queue *queue, struct wire_reader *reader, struct arena *arena, struct buf *out, struct error *error)
{
	struct queue_apart *list;
	size_t count, most = (size_t)wire_number(reader, QUEUE_APART_LISTED_MAX);
	if (!wire_end(reader))
		return error_set(error, ERROR_INVALID, "the question is malformed");
	if (!queue_apart_list_here(queue, most, arena, &list, &count, error))
		return false;
	put_list(out, list, count);
	return true;
}

static bool answer_one(struct queue *queue, unsigned verb, struct wire_reader *reader, struct arena *arena, struct buf *out, struct error *error)
{
	struct queue_apart which = read_which(reader);
	struct queue_apart_shown shown;
	int64_t as = 0;
	if (!wire_end(reader))
		return error_set(error, ERROR_INVALID, "the question is malformed");
	bool shows = verb == HANDIN_APART_SHOW;
	if (shows ? !queue_apart_show_here(queue, &which, arena, &shown, error) : !queue_apart_end_here(queue, &which, verb == HANDIN_APART_RELEASE, &as, error))
		return false;
	if (shows)
		put_shown(out, &shown);
	else
		wire_put_number(out, (uint64_t)as);
	return true;
}

void queue_apart_answer(struct queue *queue, unsigned verb, struct slice text, struct buf *out)
{
	struct wire_reader reader = {.rest = text};
	struct arena *arena = arena_new();
	struct error error = {0};
	struct buf rest = BUF(CALL_ANSWER_MAX - 1024);
	bool done = verb == HANDIN_APART_LIST ? answer_list(queue, &reader, arena, &rest, &error) : answer_one(queue, verb, &reader, arena, &rest, &error);
	if (done && rest.overflow)
		error_set(&error, ERROR_LIMIT, "the answer is too long");
	wire_put_number(out, error.kind);
	wire_put_text(out, slice_of(error.text));
	if (error.kind == ERROR_NONE)
		buf_append(out, buf_slice(&rest));
	buf_free(&rest);
	arena_free(&arena);
}

/* ---- Reading answers ---- */

bool queue_apart_read_list(struct wire_reader *reader, struct arena *arena, struct queue_apart **list, size_t *count)
{
	enum { LEAST = 8 + 8 + 2 }; /* bytes of one: the count can't ask for more memory than was sent */
	*count = (size_t)wire_number(reader, QUEUE_APART_LISTED_MAX);
	if (*count > reader->rest.len / LEAST)
		return false;
	*list = arena_array(arena, *count + 1, sizeof **list);
	for (size_t i = 0; i < *count; i++) {
		(*list)[i] = read_which(reader);
		(*list)[i].address = arena_copy(arena, wire_text(reader, HANDIN_TEXT_MAX));
	}
	return wire_end(reader);
}

bool queue_apart_read_shown(struct wire_reader *reader, struct arena *arena, struct queue_apart_shown *shown)
{
	*shown = (struct queue_apart_shown){.from = arena_copy(arena, wire_text(reader, HANDIN_TEXT_MAX))};
	shown->address = arena_copy(arena, wire_text(reader, HANDIN_TEXT_MAX));
	shown->findings = arena_copy(arena, wire_text(reader, QUEUE_FINDINGS_MAX));
	shown->arrived = (int64_t)wire_number(reader, INT64_MAX / 4);
	shown->size = wire_number(reader, INT64_MAX);
	shown->points = (int)((int64_t)wire_number(reader, 2 * (uint64_t)QUEUE_POINTS_MAX) - QUEUE_POINTS_MAX);
	unsigned flags = (unsigned)wire_short(reader, 1);
	shown->weighed = (flags & FLAG_WEIGHED) != 0;
	shown->may_release = (flags & FLAG_MAY_RELEASE) != 0;
	shown->head = arena_copy(arena, wire_text(reader, QUEUE_APART_HEAD_MAX));
	return wire_end(reader) && flags <= (FLAG_WEIGHED | FLAG_MAY_RELEASE);
}

/* ---- Asking ---- */

static bool malformed(struct error *error) { return error_set(error, ERROR_TEMPORARY, "the queue role's answer is malformed"); }

static bool ask_about(struct queue *queue, enum queue_handin_verb verb, const struct queue_apart *which, struct call_answer *answer, struct wire_reader *reader, struct error *error)
{
	struct buf text = BUF(64);
	wire_put_number(&text, (uint64_t)which->message);
	wire_put_number(&text, (uint64_t)which->recipient);
	bool done = queue_handin_ask(queue, verb, buf_slice(&text), answer, reader, error);
	buf_free(&text);
	return done;
}

static bool ask_list(struct queue *queue, size_t most, struct arena *arena, struct queue_apart **list, size_t *count, struct error *error)
{
	struct call_answer answer;
	struct wire_reader reader;
	struct buf text = BUF(64);
	wire_put_number(&text, most);
	bool done = queue_handin_ask(queue, HANDIN_APART_LIST, buf_slice(&text), &answer, &reader, error);
	buf_free(&text);
	if (!done)
		return false;
	done = queue_apart_read_list(&reader, arena, list, count) || malformed(error);
	call_answer_free(&answer);
	return done;
}

bool queue_apart_list(struct queue *queue, size_t most, struct arena *arena, struct queue_apart **list, size_t *count, struct error *error)
{
	*list = NULL;
	*count = 0;
	most = most < QUEUE_APART_LISTED_MAX ? most : QUEUE_APART_LISTED_MAX;
	return queue->owner ? ask_list(queue, most, arena, list, count, error) : queue_apart_list_here(queue, most, arena, list, count, error);
}

bool queue_apart_show(struct queue *queue, const struct queue_apart *which, struct arena *arena, struct queue_apart_shown *shown, struct error *error)
{
	struct call_answer answer;
	struct wire_reader reader;
	if (!queue->owner)
		return queue_apart_show_here(queue, which, arena, shown, error);
	if (!ask_about(queue, HANDIN_APART_SHOW, which, &answer, &reader, error))
		return false;
	bool done = queue_apart_read_shown(&reader, arena, shown) || malformed(error);
	call_answer_free(&answer);
	return done;
}

bool queue_apart_end(struct queue *queue, const struct queue_apart *which, bool let_go, int64_t *as, struct error *error)
{
	struct call_answer answer;
	struct wire_reader reader;
	if (!queue->owner)
		return queue_apart_end_here(queue, which, let_go, as, error);
	if (!ask_about(queue, let_go ? HANDIN_APART_RELEASE : HANDIN_APART_REMOVE, which, &answer, &reader, error))
		return false;
	*as = (int64_t)wire_number(&reader, INT64_MAX);
	bool done = wire_end(&reader) || malformed(error);
	call_answer_free(&answer);
	return done;
}
