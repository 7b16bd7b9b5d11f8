/* A table of routes for the tests and the fuzzer of this folder: one of each kind. */
#ifndef HTTP_ROUTES_FAKE_H
#define HTTP_ROUTES_FAKE_H

#include "base/memory.h"
#include "http/http.h"

enum { FAKE_BODY_MAX = 64 };

static enum net_run fake_hello(struct http_exchange *exchange)
{
	http_answer_constant(exchange, 200, "text/plain", SLICE("hello"));
	return RUN_DONE;
}

static enum net_run fake_echo(struct http_exchange *exchange)
{
	http_answer(exchange, 200, "text/plain", buf_slice(&exchange->body));
	return RUN_DONE;
}

/* What the exchange knows of its client. */
static enum net_run fake_client(struct http_exchange *exchange)
{
	struct slice value = SLICE("-");
	http_parameter(exchange, "x", &value);
	http_answer(exchange, 200, "text/plain", arena_printf(exchange->arena, "%.*s %s %.*s %.*s %.*s", SLICE_ARG(exchange->client), exchange->secure ? "https" : "http",
							      SLICE_ARG(exchange->host), SLICE_ARG(exchange->path), SLICE_ARG(value)));
	return RUN_DONE;
}

static enum net_run fake_who(struct http_exchange *exchange)
{
	http_answer(exchange, 200, "text/plain", exchange->person.account);
	return RUN_DONE;
}

/* Takes several turns. */
static enum net_run fake_turns(struct http_exchange *exchange)
{
	int *turns = exchange->state = exchange->state ? exchange->state : arena_alloc(exchange->arena, sizeof *turns);
	if (++*turns < 5)
		return RUN_AGAIN;
	http_answer(exchange, 200, "text/plain", SLICE("at last"));
	return RUN_DONE;
}

static void fake_wake(struct http_stream *stream) { http_stream_send(stream, "news", SLICE("two\nlines")); }
static enum net_run fake_message(struct http_stream *stream, struct slice text)
{
	http_stream_send(stream, "echo", text);
	return RUN_DONE;
}

static void fake_end(struct http_stream *stream) { free(stream); }

static struct http_stream *fake_stream(void)
{
	struct http_stream *stream = memory_new(sizeof *stream);
	*stream = (struct http_stream){.wake = fake_wake, .message = fake_message, .end = fake_end};
	return stream;
}

static enum net_run fake_events(struct http_exchange *exchange)
{
	enum net_run entered = http_enter(exchange);
	if (entered == RUN_DONE && !exchange->answered)
		http_stream_events(exchange, fake_stream());
	return entered;
}

static enum net_run fake_socket(struct http_exchange *exchange)
{
	enum net_run entered = http_enter(exchange);
	if (entered == RUN_DONE && !exchange->answered)
		http_stream_websocket(exchange, fake_stream());
	return entered;
}

/* A body that isn't kept: what comes is counted, but "refuse" as a piece of its own is refused. Who says "no" as x isn't admitted. */
static enum net_run fake_admit(struct http_exchange *exchange)
{
	struct slice value;
	exchange->body_max = 4 * FAKE_BODY_MAX;
	exchange->state = memory_new(sizeof(size_t));
	if (http_parameter(exchange, "x", &value) && slice_equal(value, SLICE("no")))
		http_refuse(exchange, 400, "not admitted");
	return RUN_DONE;
}

static void fake_take(struct http_exchange *exchange, struct slice piece)
{
	*(size_t *)exchange->state += piece.len;
	if (slice_equal(piece, SLICE("refuse")))
		http_refuse(exchange, 400, "not taken");
}

static enum net_run fake_taken(struct http_exchange *exchange)
{
	http_answer(exchange, 200, "text/plain", arena_printf(exchange->arena, "%zu of %.*s", *(size_t *)exchange->state, SLICE_ARG(exchange->person.account)));
	return RUN_DONE;
}

static void fake_drop(struct http_exchange *exchange)
{
	free(exchange->state);
	exchange->state = NULL;
}

static const struct http_route fake_routes[] = {
	{.methods = HTTP_POST, .path = "/take", .plain = true, .right = HTTP_SIGNED_IN, .unit = UNIT_WORK, .body_max = FAKE_BODY_MAX, .admit = fake_admit, .take = fake_take,
	 .run = fake_taken, .drop = fake_drop},
	{.methods = HTTP_GET, .path = "/hello", .plain = true, .unit = UNIT_QUICK, .run = fake_hello},
	{.methods = HTTP_POST | HTTP_PUT, .path = "/echo", .plain = true, .unit = UNIT_WORK, .body_max = FAKE_BODY_MAX, .run = fake_echo},
	{.methods = HTTP_GET, .path = "/client/*", .plain = true, .unit = UNIT_QUICK, .run = fake_client},
	{.methods = HTTP_GET, .path = "/Any.Case", .any_case = true, .plain = true, .unit = UNIT_QUICK, .run = fake_hello},
	{.methods = HTTP_GET, .path = "/tls", .unit = UNIT_QUICK, .run = fake_hello},
	{.methods = HTTP_GET, .path = "/turns", .plain = true, .unit = UNIT_WORK, .run = fake_turns},
	{.methods = HTTP_GET, .path = "/who", .plain = true, .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .run = fake_who},
	{.methods = HTTP_POST, .path = "/change", .plain = true, .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .body_max = FAKE_BODY_MAX, .run = fake_who},
	{.methods = HTTP_GET | HTTP_POST, .path = "/letters", .plain = true, .right = HTTP_SIGNED_IN, .scopes = AUTH_MAY_READ, .unit = UNIT_ASK, .body_max = FAKE_BODY_MAX, .run = fake_who},
	{.methods = HTTP_POST, .path = "/enter", .plain = true, .right = HTTP_OUR_PAGES, .unit = UNIT_QUICK, .body_max = FAKE_BODY_MAX, .run = fake_echo},
	{.methods = HTTP_GET, .path = "/events", .plain = true, .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .run = fake_events},
	{.methods = HTTP_GET, .path = "/socket", .plain = true, .right = HTTP_SIGNED_IN, .unit = UNIT_ASK, .run = fake_socket},
};

#endif
