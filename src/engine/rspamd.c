/* rspamd's protocol: POST /checkv2 over HTTP/1.1, what is known of the message in fields, the answer in JSON. The connection serves again if
 * rspamd says nothing else. Of the envelope no control character gets into a field, so a sender can't add one that means something to rspamd
 * ("File:" would make it read a file). */
#include <jansson.h>

#include "engine/internal.h"

static void add_field(struct engine_talk *talk, const char *name, struct slice value)
{
	if (slice_empty(value))
		return;
	buf_printf(&talk->out, "%s: ", name);
	engine_append_line(&talk->out, value);
	buf_append(&talk->out, SLICE("\r\n"));
}

void engine_rspamd_begin(struct engine_talk *talk)
{
	const struct engine_mail *mail = talk->mail;
	buf_append(&talk->out, SLICE("POST /checkv2 HTTP/1.1\r\nHost: rspamd\r\nUser-Agent: pombal\r\nConnection: keep-alive\r\n"));
	buf_printf(&talk->out, "Content-Length: %llu\r\n", (unsigned long long)mail->length);
	add_field(talk, "IP", mail->client);
	add_field(talk, "Helo", mail->helo);
	add_field(talk, "From", mail->sender);
	for (size_t i = 0; i < mail->recipient_count; i++)
		add_field(talk, "Rcpt", mail->recipients[i]);
	add_field(talk, "User", mail->user);
	add_field(talk, "MTA-Name", mail->hostname);
	add_field(talk, "Queue-Id", mail->id);
	buf_append(&talk->out, SLICE("\r\n"));
}

/* ---- The answer ---- */

static int points_of(const json_t *value)
{
	double number = json_number_value(value) * 100; /* 0 if it is no number */
	return number >= ENGINE_POINTS_MAX ? ENGINE_POINTS_MAX : number <= -ENGINE_POINTS_MAX ? -ENGINE_POINTS_MAX : (int)(number < 0 ? number - 0.5 : number + 0.5);
}

static struct slice text_of(const json_t *value)
{
	return json_is_string(value) ? slice_make(json_string_value(value), json_string_length(value)) : slice_make(NULL, 0);
}

static void read_answer(struct engine_talk *talk, json_t *answer, bool reusable)
{
	struct engine_result *result = talk->result;
	json_t *symbols = json_object_get(answer, "symbols"), *symbol;
	const char *name;
	if (!json_is_number(json_object_get(answer, "score"))) {
		struct slice error = text_of(json_object_get(answer, "error"));
		engine_conclude(talk, ENGINE_ERROR, slice_empty(error) ? SLICE("its answer has no score") : error, false);
		return;
	}
	result->points = points_of(json_object_get(answer, "score"));
	result->threshold = points_of(json_object_get(answer, "required_score"));
	engine_copy(result->action, sizeof result->action, text_of(json_object_get(answer, "action")));
	json_object_foreach(symbols, name, symbol)
		engine_add_symbol(result, slice_of(name), points_of(json_object_get(symbol, "score")));
	engine_conclude(talk, ENGINE_POINTS, SLICE(""), reusable);
}

static void conclude(struct engine_talk *talk, const struct engine_head *head, struct slice body, bool reusable)
{
	char reason[ENGINE_TEXT_MAX];
	json_error_t error;
	json_t *answer = json_loadb(body.at ? body.at : "", body.len, 0, &error);
	if (answer && (head->status == 200 || json_is_object(json_object_get(answer, "error"))))
		read_answer(talk, answer, reusable);
	else if (head->status == 413)
		engine_conclude(talk, ENGINE_SKIPPED, SLICE(ENGINE_TOO_LARGE), false);
	else if (head->status != 200) {
		struct slice said = text_of(json_object_get(answer, "error"));
		snprintf(reason, sizeof reason, "HTTP %u %.*s", head->status, (int)(said.len < 100 ? said.len : 100), said.at ? said.at : "");
		engine_fail(talk, reason);
	} else
		engine_fail(talk, "its answer isn't JSON");
	json_decref(answer);
}

/* The size of the next chunk of *rest, whose line is cut off (RFC 9112 §7.1). 1: it is there with its data; 0: not yet; -1: it is broken. */
static int next_chunk(struct slice *rest, size_t *size)
{
	struct slice line, digits;
	if (!slice_cut(*rest, '\n', &line, rest))
		return line.len > 1000 ? -1 : 0;
	slice_cut(slice_trim(line), ';', &digits, &line);
	digits = slice_trim(digits);
	if (digits.len == 0 || digits.len > 6)
		return -1;
	*size = 0;
	for (size_t i = 0; i < digits.len; i++) {
		if (ascii_hex_value(digits.at[i]) < 0)
			return -1;
		*size = *size * 16 + (size_t)ascii_hex_value(digits.at[i]);
	}
	return rest->len >= *size + 2;
}

/* Goes through the chunks, and appends them to `body` unless that is NULL. 1: all are there; 0 and -1: as above. *left: what follows. */
static int go_through_chunks(struct slice text, struct buf *body, size_t *left)
{
	size_t size = 1;
	int state = 1;
	while (size > 0 && (state = next_chunk(&text, &size)) == 1) {
		if (body)
			buf_append(body, slice_sub(text, 0, size));
		text = slice_skip(text, size + 2);
		*left = text.len;
	}
	return state;
}

static void read_chunks(struct engine_talk *talk, const struct engine_head *head, bool keep)
{
	struct slice text = slice_skip(buf_slice(&talk->in), head->length);
	struct buf body = BUF(ENGINE_ANSWER_MAX);
	size_t left = 0;
	int state = go_through_chunks(text, NULL, &left);
	if (state < 0)
		engine_fail(talk, "its answer is in broken chunks");
	else if (state > 0 && go_through_chunks(text, &body, &left) > 0)
		conclude(talk, head, buf_slice(&body), keep && left == 0);
	buf_free(&body);
}

void engine_rspamd_understand(struct engine_talk *talk, bool ended)
{
	struct engine_head head;
	uint64_t length = 0;
	enum engine_head_state state = engine_read_head(buf_slice(&talk->in), &head);
	if (state == ENGINE_HEAD_PENDING)
		return;
	if (state == ENGINE_HEAD_BROKEN || !slice_starts(head.protocol, SLICE("HTTP/1."))) {
		engine_fail(talk, "it doesn't answer like rspamd");
		return;
	}
	bool keep = slice_equal(head.protocol, SLICE("HTTP/1.1")) && !slice_equal_nocase(engine_head_field(&head, SLICE("Connection")), SLICE("close"));
	struct slice body = slice_skip(buf_slice(&talk->in), head.length);
	if (slice_equal_nocase(engine_head_field(&head, SLICE("Transfer-Encoding")), SLICE("chunked")))
		read_chunks(talk, &head, keep);
	else if (!slice_to_number(engine_head_field(&head, SLICE("Content-Length")), UINT32_MAX, &length)) {
		if (ended)
			conclude(talk, &head, body, false);
	} else if (length > ENGINE_ANSWER_MAX)
		engine_fail(talk, "its answer is too long");
	else if (body.len >= length)
		conclude(talk, &head, slice_sub(body, 0, (size_t)length), keep && body.len == length);
}
