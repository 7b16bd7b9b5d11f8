/* Connections that stay open: event sources (HTML, server-sent events) and WebSocket (RFC 6455). Each is a session of whom it belongs to, which
 * ends when his right to it does. A client that doesn't read what it is told is closed: it comes again and looks. */
#include "base/memory.h"
#include "http/session.h"

static void begin(struct http_exchange *exchange, struct http_stream *stream, enum http_stage stage)
{
	struct http_session *session = exchange->session;
	stream->session = session;
	stream->conn = session->conn;
	session->stream = stream;
	http_exchange_free(session); /* it was answered */
	session->stage = stage;
	conn_set_idle(session->conn, 0);
	conn_set_deadline(session->conn, 0);
	conn_set_pulse(session->conn, stream->pulse_seconds > 0 ? stream->pulse_seconds : HTTP_PULSE_SECONDS);
}

/* Otherwise who doesn't read what was sent would stay for ever. */
static void close_stream(struct conn *conn)
{
	conn_set_deadline(conn, HTTP_FAREWELL_SECONDS);
	conn_close(conn);
}

bool http_stream_is_behind(const struct http_stream *stream) { return conn_queued(stream->conn) > HTTP_STREAM_QUEUED_MAX; }

/* A client that is behind is closed: at once, or, if it was sent what it has asked for, when it has read nothing of it since the last pulse. */
static bool gives_up(struct http_stream *stream, bool at_pulse)
{
	size_t queued = conn_queued(stream->conn), before = stream->queued;
	if (at_pulse)
		stream->queued = queued;
	if (queued <= HTTP_STREAM_QUEUED_MAX || (stream->asks && (!at_pulse || queued != before)))
		return false;
	close_stream(stream->conn);
	return true;
}

/* It doesn't come about: the connection goes on with requests, and is nobody's. */
static void give_back(struct http_exchange *exchange, struct http_stream *stream)
{
	if (exchange->entered)
		conn_sign_out(exchange->conn);
	stream->end(stream);
}

/* ---- Event sources ---- */

bool http_stream_events(struct http_exchange *exchange, struct http_stream *stream)
{
	bool stays = exchange->head.method == HTTP_GET;
	http_add_field(exchange, "X-Accel-Buffering", SLICE("no")); /* proxies must pass each event on */
	exchange->head.close |= stays;
	http_send_head(exchange, 200, "text/event-stream", HTTP_NO_LENGTH);
	if (stays)
		begin(exchange, stream, HTTP_IS_EVENTS);
	else
		give_back(exchange, stream);
	return stays;
}

static void send_event(struct conn *conn, const char *name, struct slice id, struct slice text)
{
	struct slice line;
	if (name)
		conn_printf(conn, "event: %s\n", name);
	if (id.len > 0)
		conn_printf(conn, "id: %.*s\n", SLICE_ARG(id));
	for (bool more = true; more;) {
		more = slice_cut(text, '\n', &line, &text);
		conn_send_text(conn, "data: ");
		conn_send(conn, line);
		conn_send_text(conn, "\n");
	}
	conn_send_text(conn, "\n");
}

/* ---- WebSocket ---- */

static void send_frame(struct conn *conn, enum http_opcode opcode, struct slice payload)
{
	struct buf head = BUF(HTTP_FRAME_HEAD_MAX);
	http_frame_put_head(&head, opcode, payload.len);
	conn_send_buf(conn, &head);
	conn_send(conn, payload);
	buf_free(&head);
}

static void close_websocket(struct http_session *session, int why)
{
	char code[2] = {(char)(why >> 8), (char)why};
	send_frame(session->conn, HTTP_CLOSES, slice_make(code, sizeof code));
	close_stream(session->conn);
}

bool http_stream_websocket(struct http_exchange *exchange, struct http_stream *stream)
{
	const struct http_head *head = &exchange->head;
	struct slice key, version;
	struct buf accept = BUF(HTTP_ACCEPT_SIZE);
	bool asked = head->method == HTTP_GET && http_head_has_word(head, "Upgrade", "websocket") && http_head_has_word(head, "Connection", "upgrade") && head->minor == 1 &&
		     http_head_find(head, "Sec-WebSocket-Key", &key) && http_frame_accept(key, &accept);
	bool known = http_head_find(head, "Sec-WebSocket-Version", &version) && slice_equal(version, SLICE("13"));
	if (asked && known && stream->protocol && !http_head_has_word(head, "Sec-WebSocket-Protocol", stream->protocol)) {
		http_refuse(exchange, 400, "the WebSocket is of another protocol");
		give_back(exchange, stream);
		asked = false;
	} else if (!asked || !known) {
		http_add_field(exchange, "Upgrade", SLICE("websocket"));
		http_add_field(exchange, "Sec-WebSocket-Version", SLICE("13"));
		http_refuse(exchange, 426, "that is a WebSocket");
		give_back(exchange, stream);
	} else {
		size_t most = stream->message_max > 0 ? stream->message_max : HTTP_MESSAGE_MAX;
		conn_printf(exchange->conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %.*s\r\n%s%s%s\r\n",
			    SLICE_ARG(buf_slice(&accept)), stream->protocol ? "Sec-WebSocket-Protocol: " : "", stream->protocol ? stream->protocol : "", stream->protocol ? "\r\n" : "");
		exchange->session->frames = (struct http_frames){.most = most};
		exchange->session->message = BUF(most);
		begin(exchange, stream, HTTP_IS_WEBSOCKET);
	}
	buf_free(&accept);
	return asked && known;
}

enum net_unit http_frame_peek(struct http_session *session, struct slice input, size_t *length)
{
	*length = http_frame_length(&session->frames, input);
	return *length > 0 ? UNIT_WORK : UNIT_INCOMPLETE;
}

/* All of a message is there; or the stream's function wants it once more. */
static enum net_run run_message(struct http_session *session)
{
	struct http_stream *stream = session->stream;
	enum net_run result = stream->message(stream, buf_slice(&session->message));
	stream->running = result != RUN_DONE;
	if (!stream->running)
		buf_free(&session->message);
	return result;
}

static int take_data(struct http_session *session, const struct http_frame *frame, enum net_run *result)
{
	struct http_stream *stream = session->stream;
	size_t before = session->message.len, size = before + frame->payload.len;
	if (frame->opcode == HTTP_BINARY)
		return HTTP_CLOSE_KIND;
	if (before <= HTTP_MESSAGE_MAX && size > HTTP_MESSAGE_MAX && stream->may_grow && !stream->may_grow(stream))
		return HTTP_CLOSE_LARGE;
	if (!buf_append(&session->message, frame->payload) && session->message.overflow)
		return HTTP_CLOSE_LARGE;
	if (!frame->last)
		return 0;
	if (!slice_is_utf8(buf_slice(&session->message)))
		return HTTP_CLOSE_TEXT;
	*result = run_message(session);
	return 0;
}

static int take_frame(struct http_session *session, const struct http_frame *frame, enum net_run *result)
{
	switch (frame->opcode) {
	case HTTP_PING: /* who doesn't read the answers holds up himself, until the next pulse finds that he is behind */
		send_frame(session->conn, HTTP_PONG, frame->payload);
		return 0;
	case HTTP_PONG:
		return 0;
	case HTTP_CLOSES:
		return HTTP_CLOSE_NORMAL;
	default:
		return take_data(session, frame, result);
	}
}

enum net_run http_frame_run(struct http_session *session, struct slice unit)
{
	enum net_run result = RUN_DONE;
	if (session->stream->running)
		return run_message(session);
	struct buf room = BUF(HTTP_FRAME_MAX);
	struct http_frame frame;
	int why = http_frame_take(&session->frames, unit, &room, &frame);
	if (why == 0)
		why = take_frame(session, &frame, &result);
	if (why != 0)
		close_websocket(session, why);
	buf_free(&room);
	return result;
}

/* ---- Both ---- */

void http_stream_send_marked(struct http_stream *stream, const char *name, struct slice id, struct slice text)
{
	if (gives_up(stream, false))
		return;
	if (stream->session->stage == HTTP_IS_EVENTS)
		send_event(stream->conn, name, id, text);
	else
		send_frame(stream->conn, HTTP_TEXT, text);
}

void http_stream_send(struct http_stream *stream, const char *name, struct slice text)
{
	http_stream_send_marked(stream, name, (struct slice){0}, text);
}

/* A line that clients pass over; a ping, that they answer. */
void http_stream_ping(struct http_stream *stream)
{
	if (stream->session->stage == HTTP_IS_EVENTS)
		conn_send_text(stream->conn, ":\n\n");
	else
		send_frame(stream->conn, HTTP_PING, SLICE(""));
}

void http_stream_pulse(struct http_session *session)
{
	struct http_stream *stream = session->stream;
	if (gives_up(stream, true))
		return;
	if (stream->pulse)
		stream->pulse(stream);
	else
		http_stream_ping(stream);
}

void http_stream_refuse(struct http_stream *stream)
{
	if (stream->session->stage == HTTP_IS_WEBSOCKET)
		close_websocket(stream->session, HTTP_CLOSE_POLICY);
	else
		close_stream(stream->conn);
}

void http_stream_close(struct http_stream *stream)
{
	if (stream->session->stage == HTTP_IS_WEBSOCKET)
		close_websocket(stream->session, HTTP_CLOSE_NORMAL);
	else
		close_stream(stream->conn);
}

void http_stream_end(struct http_session *session)
{
	if (session->stage == HTTP_IS_WEBSOCKET)
		close_websocket(session, HTTP_CLOSE_GOING);
}
