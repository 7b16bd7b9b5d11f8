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
	conn_set_pulse(session->conn, HTTP_PULSE_SECONDS);
}

/* Otherwise who doesn't read what was sent would stay for ever. */
static void close_stream(struct conn *conn)
{
	conn_set_deadline(conn, HTTP_FAREWELL_SECONDS);
	conn_close(conn);
}

static bool is_behind(struct conn *conn)
{
	if (conn_queued(conn) <= HTTP_STREAM_QUEUED_MAX)
		return false;
	close_stream(conn);
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

static void send_event(struct conn *conn, const char *name, struct slice text)
{
	struct slice line;
	if (name)
		conn_printf(conn, "event: %s\n", name);
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
	struct buf frame = BUF(HTTP_MESSAGE_MAX + HTTP_FRAME_HEAD_MAX);
	http_frame_put(&frame, opcode, payload);
	conn_send_buf(conn, &frame);
	buf_free(&frame);
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
	if (!asked || !known) {
		http_add_field(exchange, "Upgrade", SLICE("websocket"));
		http_add_field(exchange, "Sec-WebSocket-Version", SLICE("13"));
		http_refuse(exchange, 426, "that is a WebSocket");
		give_back(exchange, stream);
	} else {
		conn_printf(exchange->conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %.*s\r\n\r\n",
			    SLICE_ARG(buf_slice(&accept)));
		exchange->session->frames = (struct http_frames){0};
		exchange->session->message = BUF(HTTP_MESSAGE_MAX);
		begin(exchange, stream, HTTP_IS_WEBSOCKET);
	}
	buf_free(&accept);
	return asked && known;
}

enum net_unit http_frame_peek(struct http_session *session, struct slice input, size_t *length)
{
	(void)session;
	*length = http_frame_length(input);
	return *length > 0 ? UNIT_WORK : UNIT_INCOMPLETE;
}

static int take_data(struct http_session *session, const struct http_frame *frame)
{
	if (frame->opcode == HTTP_BINARY)
		return HTTP_CLOSE_KIND;
	if (!buf_append(&session->message, frame->payload) && session->message.overflow)
		return HTTP_CLOSE_LARGE;
	if (!frame->last)
		return 0;
	bool good = slice_is_utf8(buf_slice(&session->message));
	if (good)
		session->stream->message(session->stream, buf_slice(&session->message));
	buf_free(&session->message);
	return good ? 0 : HTTP_CLOSE_TEXT;
}

static int take_frame(struct http_session *session, const struct http_frame *frame)
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
		return take_data(session, frame);
	}
}

void http_frame_run(struct http_session *session, struct slice unit)
{
	struct buf room = BUF(HTTP_FRAME_MAX);
	struct http_frame frame;
	int why = http_frame_take(&session->frames, unit, &room, &frame);
	if (why == 0)
		why = take_frame(session, &frame);
	if (why != 0)
		close_websocket(session, why);
	buf_free(&room);
}

/* ---- Both ---- */

void http_stream_send(struct http_stream *stream, const char *name, struct slice text)
{
	if (is_behind(stream->conn))
		return;
	if (stream->session->stage == HTTP_IS_EVENTS)
		send_event(stream->conn, name, text);
	else
		send_frame(stream->conn, HTTP_TEXT, text);
}

/* A line that clients pass over; a ping, that they answer. */
void http_stream_pulse(struct http_session *session)
{
	if (is_behind(session->conn))
		return;
	if (session->stage == HTTP_IS_EVENTS)
		conn_send_text(session->conn, ":\n\n");
	else
		send_frame(session->conn, HTTP_PING, SLICE(""));
}

void http_stream_refuse(struct http_stream *stream)
{
	if (stream->session->stage == HTTP_IS_WEBSOCKET)
		close_websocket(stream->session, HTTP_CLOSE_POLICY);
	else
		close_stream(stream->conn);
}

void http_stream_end(struct http_session *session)
{
	if (session->stage == HTTP_IS_WEBSOCKET)
		close_websocket(session, HTTP_CLOSE_GOING);
}
