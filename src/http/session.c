/* One HTTP connection (RFC 9112): cuts the input into units (a head, pieces of a body, frames), runs each, and closes what is silent or
 * slow. A request is answered before the next is looked at; what can't be understood ends the connection, since nobody can tell where
 * the next request would begin. */
#include "http/session.h"

#include "base/clock.h"
#include "base/memory.h"

static void resume(void *conn) { conn_resume(conn); }

/* How long a request may take is counted from its first byte on: the answer before it may be read slowly. */
static void await_request(struct http_session *session)
{
	session->stage = HTTP_READS_HEAD;
	session->looked = 0;
	conn_set_idle(session->conn, config_current()->http_idle_time);
	conn_set_deadline(session->conn, 0);
}

static bool is_to_be_known(const struct http_exchange *exchange)
{
	return exchange->route->right == HTTP_SIGNED_IN && slice_empty(exchange->person.account);
}

void http_await_answer(struct http_session *session)
{
	session->stage = is_to_be_known(session->exchange) ? HTTP_ASKS_WHO : HTTP_ANSWERS;
	conn_set_deadline(session->conn, 0);
}

/* Who sends too slowly is behind the least rate by more than he may be. */
static void set_body_deadline(struct http_session *session)
{
	int64_t elapsed = (clock_monotonic_ms() - session->began_ms) / 1000;
	int64_t left = HTTP_BODY_SECONDS + (int64_t)(session->taken / HTTP_BODY_RATE) - elapsed;
	if (left > 0) /* else what was set before is due */
		conn_set_deadline(session->conn, left);
}

void http_await_body(struct http_session *session)
{
	struct http_exchange *exchange = session->exchange;
	const struct http_head *head = &exchange->head;
	if (!head->chunked && head->length == 0) {
		http_await_answer(session);
		return;
	}
	session->left = head->length;
	session->taken = 0;
	session->chunks = (struct http_chunks){.part = HTTP_CHUNK_SIZE};
	session->stage = head->chunked ? HTTP_READS_CHUNKS : HTTP_READS_BODY;
	session->began_ms = clock_monotonic_ms();
	exchange->body = BUF_SECRET(exchange->body_max);
	set_body_deadline(session);
	if (head->expects)
		conn_send_text(session->conn, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void *http_open(struct conn *conn, void *context)
{
	struct http_session *session = memory_new(sizeof *session);
	session->conn = conn;
	session->service = context;
	session->wait = (struct auth_wait){.wake = resume, .context = conn};
	await_request(session);
	return session;
}

void http_exchange_free(struct http_session *session)
{
	struct http_exchange *exchange = session->exchange;
	if (!exchange)
		return;
	if (exchange->route && exchange->route->drop)
		exchange->route->drop(exchange);
	buf_free(&exchange->body);
	buf_free(&exchange->fields);
	arena_free_secret(&exchange->arena);
	free(exchange);
	session->exchange = NULL;
}

/* ---- Units ---- */

static enum net_unit quick(size_t length) { return length > 0 ? UNIT_QUICK : UNIT_INCOMPLETE; }

/* Of a body. */
static enum net_unit piece(const struct http_session *session, size_t length)
{
	return length > 0 && session->exchange->route->take ? UNIT_WORK : quick(length);
}

static size_t head_length(struct http_session *session, struct slice input)
{
	bool begun = session->looked > 0;
	size_t length = http_head_length(input, &session->looked);
	if (!begun && length == 0 && input.len > 0)
		conn_set_deadline(session->conn, config_current()->http_request_time);
	return length;
}

static enum net_unit http_peek(void *context, struct slice input, size_t *length)
{
	struct http_session *session = context;
	switch (session->stage) {
	case HTTP_READS_HEAD:
		return quick(*length = head_length(session, input));
	case HTTP_READS_BODY:
		return piece(session, *length = input.len < session->left ? input.len : (size_t)session->left);
	case HTTP_READS_CHUNKS:
		return piece(session, *length = http_chunk_length(&session->chunks, input));
	case HTTP_ASKS_WHO:
		*length = 0;
		return UNIT_ASK;
	case HTTP_ADMITS:
		*length = 0;
		return UNIT_WORK;
	case HTTP_ANSWERS:
		*length = 0;
		return session->exchange->route->unit;
	case HTTP_IS_EVENTS:
		return quick(*length = input.len);
	case HTTP_IS_WEBSOCKET:
		return http_frame_peek(session, input, length);
	}
	return UNIT_INCOMPLETE;
}

static void add_to_body(struct http_session *session, struct slice bytes)
{
	struct http_exchange *exchange = session->exchange;
	if (bytes.len > exchange->body_max - session->taken) {
		http_refuse_input(session, 413, "that is more than is taken here");
		return;
	}
	session->taken += bytes.len;
	if (exchange->route->take) {
		bool close = exchange->head.close;
		exchange->head.close = true; /* who is refused now has more to say that nobody reads */
		exchange->route->take(exchange, bytes);
		exchange->head.close = exchange->answered || close;
	} else
		buf_append(&exchange->body, bytes);
	set_body_deadline(session);
}

static void read_body(struct http_session *session, struct slice unit)
{
	session->left -= unit.len;
	add_to_body(session, unit);
	if (session->left == 0 && !session->exchange->answered)
		http_await_answer(session);
}

static void read_chunk(struct http_session *session, struct slice unit)
{
	struct slice data;
	enum http_chunk result = http_chunk_take(&session->chunks, unit, &data);
	if (data.len > 0)
		add_to_body(session, data);
	if (session->exchange->answered)
		return;
	if (result == HTTP_CHUNK_DONE)
		http_await_answer(session);
	else if (result == HTTP_CHUNK_BROKEN)
		http_refuse_input(session, 400, "the chunks of the body are broken");
}

/* Whoever hasn't sent his body yet is admitted before. */
static enum net_run ask_who(struct http_session *session)
{
	struct http_exchange *exchange = session->exchange;
	enum net_run found = http_find_person(exchange);
	if (found == RUN_DONE && !exchange->answered)
		session->stage = exchange->route->admit && !exchange->admitted ? HTTP_ADMITS : HTTP_ANSWERS;
	return found;
}

/* While it isn't known whether the body will be read, an answer is the connection's last. */
static enum net_run admit(struct http_session *session)
{
	struct http_exchange *exchange = session->exchange;
	struct http_head *head = &exchange->head;
	bool close = head->close;
	head->close |= head->chunked || head->length > 0;
	enum net_run result = exchange->route->admit(exchange);
	if (result == RUN_DONE && !exchange->answered && head->length > exchange->body_max)
		http_refuse(exchange, 413, "that is more than is taken here");
	if (exchange->answered)
		return RUN_DONE;
	head->close = close;
	exchange->admitted = result == RUN_DONE;
	if (exchange->admitted)
		http_await_body(session);
	return result;
}

/* After an answer: is there to be another request? */
static void end_exchange(struct http_session *session)
{
	bool last = session->exchange->head.close;
	http_exchange_free(session);
	await_request(session);
	if (last)
		conn_close(session->conn);
}

static enum net_run http_run(void *context, struct slice unit)
{
	struct http_session *session = context;
	enum net_run result = RUN_DONE;
	switch (session->stage) {
	case HTTP_READS_HEAD:
		session->looked = 0;
		http_begin(session, unit);
		break;
	case HTTP_READS_BODY:
		read_body(session, unit);
		break;
	case HTTP_READS_CHUNKS:
		read_chunk(session, unit);
		break;
	case HTTP_ASKS_WHO:
		result = ask_who(session);
		break;
	case HTTP_ADMITS:
		result = admit(session);
		break;
	case HTTP_ANSWERS:
		result = session->exchange->route->run(session->exchange);
		break;
	case HTTP_IS_EVENTS:
		http_stream_refuse(session->stream); /* nobody says anything there */
		break;
	case HTTP_IS_WEBSOCKET:
		result = http_frame_run(session, unit);
		break;
	}
	if (result == RUN_DONE && session->exchange && session->exchange->answered)
		end_exchange(session);
	return result;
}

/* ---- Waking, time-outs, the end ---- */

static void http_wake(void *context)
{
	struct http_session *session = context;
	if (session->stream)
		session->stream->wake(session->stream);
}

static void http_pulse(void *context)
{
	struct http_session *session = context;
	if (session->stream)
		http_stream_pulse(session);
}

/* Who is in the midst of a request is told what has become of it; others are closed without a word, as clients expect (RFC 9112 §9.5). */
static void http_expire(void *context, enum net_expiry why)
{
	struct http_session *session = context;
	if (session->stream)
		http_stream_end(session);
	else if (why == EXPIRY_OVERFLOW)
		http_refuse_input(session, 431, "the head of the request is too large");
	else if (why == EXPIRY_SHUTDOWN && session->exchange)
		http_refuse_input(session, 503, "the server is being stopped, come back soon");
	else if ((why == EXPIRY_IDLE || why == EXPIRY_TOTAL) && (session->exchange || session->looked > 0))
		http_refuse_input(session, 408, "the request has taken too long");
}

static void http_close_session(void *context)
{
	struct http_session *session = context;
	auth_wait_end(&session->wait);
	if (session->stream)
		session->stream->end(session->stream);
	http_exchange_free(session);
	buf_free(&session->message);
	free(session);
}

static bool http_has_nothing_to_end(const void *context)
{
	const struct http_session *session = context;
	const struct http_exchange *exchange = session->exchange;
	return !session->stream && !auth_is_awaited(&session->wait) && !(exchange && exchange->route && exchange->route->drop);
}

const struct net_protocol http_protocol = {
	.name = "http",
	.alpn = "http/1.1 http/1.0",
	.max_input = HTTP_FRAME_MAX + HTTP_FRAME_HEAD_MAX,
	.secret = true,
	.is_proxy = http_is_proxy,
	.open = http_open,
	.peek = http_peek,
	.run = http_run,
	.wake = http_wake,
	.pulse = http_pulse,
	.expire = http_expire,
	.busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 10\r\nConnection: close\r\n\r\n",
	.close = http_close_session,
	.has_nothing_to_end = http_has_nothing_to_end,
};
