/* spamd's protocol (SpamAssassin's "SPAMC/1.5"): SYMBOLS, the message, and an answer with points, threshold, and the names of the rules that
 * hit. One connection per message, as the protocol has it. */
#include "engine/internal.h"

/* A field that the rules look for, and the message hasn't got yet. */
static void write_return_path(struct buf *out, struct slice sender)
{
	buf_append(out, SLICE("Return-Path: <"));
	engine_append_line(out, sender);
	buf_append(out, SLICE(">\r\n"));
}

void engine_spamd_begin(struct engine_talk *talk)
{
	struct buf field = BUF(ENGINE_HEAD_MAX);
	write_return_path(&field, talk->mail->sender);
	buf_printf(&talk->out, "SYMBOLS SPAMC/1.5\r\nContent-length: %llu\r\n", (unsigned long long)field.len + talk->mail->length);
	if (talk->mail->user.len > 0) {
		buf_append(&talk->out, SLICE("User: "));
		engine_append_line(&talk->out, talk->mail->user);
		buf_append(&talk->out, SLICE("\r\n"));
	}
	buf_append(&talk->out, SLICE("\r\n"));
	buf_append(&talk->out, buf_slice(&field));
	buf_free(&field);
}

void engine_spamd_more(struct engine_talk *talk)
{
	talk->said_all = !engine_give(talk, ENGINE_PIECE);
}

/* "True ; 15.0 / 5.0" */
static bool read_points(struct slice text, struct engine_result *result)
{
	struct slice word, points, threshold;
	return slice_cut(text, ';', &word, &text) && slice_cut(text, '/', &points, &threshold) &&
	       engine_parse_points(slice_trim(points), &result->points) && engine_parse_points(slice_trim(threshold), &result->threshold);
}

static void conclude(struct engine_talk *talk, const struct engine_head *head, struct slice symbols)
{
	struct slice name;
	if (head->status != 0)
		engine_conclude(talk, ENGINE_ERROR, slice_empty(head->reason) ? SLICE("it failed") : head->reason, false);
	else if (!read_points(engine_head_field(head, SLICE("Spam")), talk->result))
		engine_fail(talk, "its answer has no points");
	else {
		for (bool more = true; more;) {
			more = slice_cut(symbols, ',', &name, &symbols);
			engine_add_symbol(talk->result, slice_trim(name), 0);
		}
		engine_conclude(talk, ENGINE_POINTS, SLICE(""), false);
	}
}

/* The answer is whole when it is as long as it says, or else when nothing follows. */
void engine_spamd_understand(struct engine_talk *talk, bool ended)
{
	struct engine_head head;
	uint64_t length = 0;
	enum engine_head_state state = engine_read_head(buf_slice(&talk->in), &head);
	if (state == ENGINE_HEAD_PENDING && ended && talk->in.len > 0 && buf_append(&talk->in, SLICE("\r\n\r\n"))) /* of an error one line is said */
		state = engine_read_head(buf_slice(&talk->in), &head);
	if (state == ENGINE_HEAD_PENDING)
		return;
	if (state == ENGINE_HEAD_BROKEN || !slice_starts(head.protocol, SLICE("SPAMD/"))) {
		engine_fail(talk, "it doesn't answer like spamd");
		return;
	}
	bool told = slice_to_number(engine_head_field(&head, SLICE("Content-length")), ENGINE_ANSWER_MAX, &length);
	struct slice body = slice_skip(buf_slice(&talk->in), head.length);
	if (told ? body.len >= length : ended)
		conclude(talk, &head, told ? slice_sub(body, 0, (size_t)length) : body);
}
