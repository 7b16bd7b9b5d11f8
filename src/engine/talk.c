/* Talks with engines: what the protocols have in common; see internal.h. */
#include "engine/internal.h"

enum { LINE_TEXT_MAX = 1000 };

const char *engine_outcome_name(enum engine_outcome outcome)
{
	static const char *const names[ENGINE_OUTCOMES] = {"clean", "found", "points", "error", "timeout", "skipped", "unasked", "changed", "quarantine", "discarded", "deferred", "refused"};
	return names[outcome];
}

void engine_talk_begin(struct engine_talk *talk, const struct config_engine *engine, const struct engine_mail *mail, struct engine_result *result, bool again)
{
	*talk = (struct engine_talk){.engine = engine, .mail = mail, .result = result, .again = again};
	*result = (struct engine_result){.outcome = ENGINE_ERROR};
	talk->protocol = &engine_protocols[engine->kind];
	talk->out = BUF(ENGINE_OUT_MAX);
	talk->in = BUF(ENGINE_ANSWER_MAX);
	talk->protocol->begin(talk);
	if (talk->out.overflow)
		engine_fail(talk, "too much is to be said about the message");
}

void engine_talk_free(struct engine_talk *talk)
{
	buf_free(&talk->out);
	buf_free(&talk->in);
	engine_milter_free(&talk->milter);
}

struct slice engine_talk_output(struct engine_talk *talk)
{
	if (talk->out.len == 0 && !talk->done && !talk->said_all)
		talk->protocol->more(talk);
	return talk->done ? slice_make(NULL, 0) : buf_slice(&talk->out);
}

void engine_talk_sent(struct engine_talk *talk, size_t count)
{
	buf_consume(&talk->out, count);
}

void engine_talk_input(struct engine_talk *talk, struct slice bytes)
{
	if (talk->done)
		return;
	if (!buf_append(&talk->in, bytes))
		engine_fail(talk, "its answer is too long");
	else
		talk->protocol->understand(talk, false);
}

void engine_talk_ended(struct engine_talk *talk)
{
	if (!talk->done)
		talk->protocol->understand(talk, true);
	if (!talk->done)
		engine_fail(talk, talk->in.len > 0 ? "its answer is cut off" : "it closed the connection without an answer");
	talk->reusable = false;
}

void engine_conclude(struct engine_talk *talk, enum engine_outcome outcome, struct slice text, bool reusable)
{
	talk->result->outcome = outcome;
	engine_copy(talk->result->text, sizeof talk->result->text, text);
	talk->reusable = reusable && talk->said_all && talk->out.len == 0;
	talk->done = true;
}

void engine_fail(struct engine_talk *talk, const char *reason)
{
	engine_conclude(talk, ENGINE_ERROR, slice_of(reason), false);
}

bool engine_give(struct engine_talk *talk, size_t most)
{
	uint64_t left = talk->mail->length - talk->given;
	size_t size = left < most ? (size_t)left : most;
	char *room = size > 0 ? buf_reserve(&talk->out, size) : NULL;
	size_t got = room ? talk->mail->read(talk->mail->context, talk->given, room, size) : 0;
	if (size > 0 && (got == 0 || got > size))
		engine_fail(talk, "the message can't be read");
	else
		buf_claim(&talk->out, got);
	talk->given += talk->done ? 0 : got;
	return got > 0 && !talk->done;
}

void engine_append_line(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len && i < LINE_TEXT_MAX; i++)
		if ((unsigned char)text.at[i] >= ' ' && text.at[i] != 0x7f)
			buf_append_char(out, text.at[i]);
}

void engine_copy(char *out, size_t size, struct slice text)
{
	size_t len = text.len < size - 1 ? text.len : size - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = text.at[i] >= ' ' && text.at[i] < 0x7f ? text.at[i] : '?';
	out[len] = '\0';
}

void engine_add_symbol(struct engine_result *result, struct slice name, int points)
{
	if (slice_empty(name))
		return;
	if (result->symbol_count == ENGINE_SYMBOLS_MAX) {
		result->symbols_left_out++;
		return;
	}
	struct engine_symbol *symbol = &result->symbols[result->symbol_count++];
	engine_copy(symbol->name, sizeof symbol->name, name);
	symbol->points = points;
}

bool engine_parse_points(struct slice text, int *points)
{
	bool minus = text.len > 0 && text.at[0] == '-', good;
	struct slice whole, part;
	int sum = 0;
	slice_cut(slice_skip(text, minus || (text.len > 0 && text.at[0] == '+')), '.', &whole, &part);
	good = whole.len > 0;
	for (size_t i = 0; i < whole.len; i++) {
		good = good && ascii_is_digit(whole.at[i]);
		sum = sum < ENGINE_POINTS_MAX ? sum * 10 + (whole.at[i] - '0') : sum;
	}
	for (size_t i = 0; i < part.len; i++)
		good = good && ascii_is_digit(part.at[i]);
	if (!good)
		return false;
	sum = sum < ENGINE_POINTS_MAX / 100 ? sum * 100 + (part.len > 0 ? (part.at[0] - '0') * 10 : 0) + (part.len > 1 ? part.at[1] - '0' : 0) : ENGINE_POINTS_MAX;
	*points = minus ? -sum : sum;
	return true;
}
