/* Stories over a channel between roles (net/call.h). A question: account, number, Message-ID. An answer: a byte that is 1 if nothing went wrong; whether it is complete; and of each row event,
 * time, how many values, and of each its field and the text. */
#include "story/story.h"

#include <poll.h>

#include "base/clock.h"
#include "base/wire.h"

enum { VERB = 1, TIME_MAX = 32 };

void story_question_encode(const struct story_question *question, struct buf *out)
{
	wire_put_text(out, question->account);
	wire_put_number(out, (uint64_t)question->id);
	wire_put_text(out, question->message_id);
}

bool story_question_decode(struct slice text, struct story_question *question)
{
	struct wire_reader reader = {.rest = text};
	*question = (struct story_question){.account = wire_text(&reader, STORY_ACCOUNT_MAX)};
	question->id = (int64_t)wire_number(&reader, INT64_MAX);
	question->message_id = wire_text(&reader, STORY_MESSAGE_ID_MAX);
	return wire_end(&reader) && question->account.len > 0;
}

static void put_row(const struct story_row *row, struct buf *out)
{
	unsigned count = 0;
	for (size_t i = 0; i < STORY_FIELDS; i++)
		count += row->values[i].at != NULL;
	wire_put_short(out, row->event, 1);
	wire_put_text(out, row->time);
	wire_put_short(out, count, 1);
	for (size_t i = 0; i < STORY_FIELDS; i++)
		if (row->values[i].at) {
			wire_put_short(out, i, 1);
			wire_put_text(out, row->values[i]);
		}
}

void story_encode(const struct story *story, struct buf *out)
{
	wire_put_number(out, story->complete);
	wire_put_short(out, story->count, 4);
	for (size_t i = 0; i < story->count; i++)
		put_row(&story->rows[i], out);
}

static bool is_time(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_digit(text.at[i]) && !memchr("-:.TZ", text.at[i], 5))
			return false;
	return text.len > 0;
}

static bool read_row(struct wire_reader *reader, struct arena *arena, struct story_row *row)
{
	unsigned event = (unsigned)wire_short(reader, 1);
	*row = (struct story_row){.event = (enum story_event)event, .time = arena_copy(arena, wire_text(reader, TIME_MAX))};
	size_t count = (size_t)wire_short(reader, 1);
	bool good = event < STORY_EVENTS && count <= STORY_FIELDS && is_time(row->time);
	for (size_t i = 0; good && i < count; i++) {
		size_t field = (size_t)wire_short(reader, 1);
		struct slice value = wire_text(reader, STORY_VALUE_MAX);
		good = !reader->broken && field < STORY_FIELDS && !row->values[field].at;
		if (good)
			row->values[field] = arena_copy(arena, value.at ? value : SLICE(""));
	}
	return good;
}

bool story_decode(struct slice text, struct arena *arena, struct story *story)
{
	struct wire_reader reader = {.rest = text};
	*story = (struct story){.complete = wire_flag(&reader)};
	size_t count = (size_t)wire_short(&reader, 4);
	if (reader.broken || count > STORY_ROWS_MAX)
		return false;
	story->rows = arena_array(arena, count + 1, sizeof *story->rows);
	for (; story->count < count; story->count++)
		if (!read_row(&reader, arena, &story->rows[story->count]))
			return false;
	return wire_end(&reader);
}

/* ---- Asking ---- */

struct call_ticket *story_begin(struct caller *caller, const struct story_question *question, struct arena *arena, void (*done)(void *context), void *context)
{
	struct buf text = BUF(STORY_ACCOUNT_MAX + STORY_MESSAGE_ID_MAX + 64);
	int64_t until = clock_monotonic_ms() + STORY_SECONDS * 1000;
	story_question_encode(question, &text);
	struct call_question asked = {.verb = VERB, .text = arena_copy(arena, buf_slice(&text)), .begin_by = until, .end_by = until};
	bool fits = !text.overflow;
	buf_free(&text);
	return fits ? caller_begin(caller, &asked, done, context) : NULL;
}

bool story_end(struct call_ticket **ticket, struct arena *arena, struct story *story, struct error *error)
{
	struct call_answer answer = {0};
	if (!caller_end(ticket, &answer))
		return error_set(error, ERROR_TEMPORARY, "nobody tells what became of it");
	struct slice text = buf_slice(&answer.text);
	bool done = text.len > 0 && text.at[0] == 1 && story_decode(slice_skip(text, 1), arena, story);
	call_answer_free(&answer);
	return done || error_set(error, ERROR_TEMPORARY, "what became of it can't be told now");
}

/* ---- Answering ---- */

static void answer(struct answerer *answerer, const char *data, const struct call_received *question)
{
	struct story_question asked;
	struct story story;
	struct error error;
	struct buf text = BUF(CALL_ANSWER_MAX);
	struct arena *arena = arena_new();
	bool in_time = clock_monotonic_ms() <= question->begin_by;
	bool done = in_time && question->verb == VERB && story_question_decode(question->text, &asked) && story_find(data, &asked, arena, &story, &error);
	buf_append_char(&text, done);
	if (done)
		story_encode(&story, &text);
	answerer_answer(answerer, question->id, text.overflow ? SLICE("") : buf_slice(&text), NULL, 0);
	arena_free(&arena);
	buf_free(&text);
}

/* False: nobody asks any more. */
static bool answer_all(struct answerer *answerer, const char *data)
{
	struct call_received question;
	enum call_result result;
	while ((result = answerer_receive(answerer, &question)) == CALL_RECEIVED) {
		answer(answerer, data, &question);
		call_received_free(&question);
	}
	return result != CALL_ENDED;
}

void story_serve(int channel, const char *data, int stop_fd)
{
	struct answerer *answerer = answerer_new(channel);
	for (bool more = true; more;) {
		struct pollfd polled[] = {
			{.fd = stop_fd, .events = POLLIN},
			{.fd = answerer_wake_fd(answerer), .events = POLLIN},
			{.fd = answerer_channel(answerer), .events = answerer_events(answerer)},
		};
		if (poll(polled, sizeof polled / sizeof *polled, -1) > 0)
			more = !polled[0].revents && answer_all(answerer, data);
	}
	answerer_free(&answerer);
}
