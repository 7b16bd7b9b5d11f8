/* What the files of this folder share about a connection; nobody else includes it.
 *
 *   head.c, target.c, authorization.c, chunk.c, frame.c   reading: pure
 *   session.c   one connection: what input is a unit, running it, time-outs
 *   begin.c     from a request's head to its route: from where, to where, may he
 *   person.c    who asks: by a session's cookie, or the field Authorization
 *   answer.c    what goes back
 *   stream.c    connections that stay: event sources and WebSocket */
#ifndef HTTP_SESSION_H
#define HTTP_SESSION_H

#include "http/chunk.h"
#include "http/frame.h"
#include "http/http.h"

enum {
	HTTP_BODY_RATE = 8 * 1024,   /* a request's body comes with so many bytes a second at least, */
	HTTP_BODY_SECONDS = 60,      /* … though it may be so far behind that */
	HTTP_PULSE_SECONDS = 20,     /* an open stream hears so often that it is open: proxies give up on silent ones after 30 or 60 */
	HTTP_FAREWELL_SECONDS = 10,  /* a stream's client may take so long to read what was sent before its end */
	HTTP_STREAM_QUEUED_MAX = 64 * 1024, /* bytes a stream's client may be behind; then it is closed, and comes again */
};

enum http_stage {
	HTTP_READS_HEAD,
	HTTP_ASKS_WHO,      /* a unit without input: whose request it is; then it is admitted, or answered */
	HTTP_ADMITS,        /* … : the route's admit() */
	HTTP_READS_BODY,    /* whose length is known */
	HTTP_READS_CHUNKS,
	HTTP_ANSWERS,       /* a unit without input: the route's function */
	HTTP_IS_EVENTS,     /* event source: whatever the client sends ends it */
	HTTP_IS_WEBSOCKET,
};

struct http_session {
	struct conn *conn;
	const struct http_service *service;
	enum http_stage stage;
	size_t looked;                    /* of the head */
	uint64_t left, taken;             /* of the body */
	int64_t began_ms;                 /* when the body was waited for */
	struct http_chunks chunks;
	struct http_exchange *exchange;   /* NULL between requests */
	struct auth_wait wait;
	struct http_stream *stream;
	struct http_frames frames;        /* of a WebSocket */
	struct buf message;               /* … a message that came in several frames */
};

/** All of the request is there: what follows is the route's function, when it is known who asks. */
void http_await_answer(struct http_session *session);
/** What follows is the body, if there is one, and then the answer. */
void http_await_body(struct http_session *session);
/** Sends the status and the fields of an answer with a body of that length, or without one said: the end of the connection is the body's. */
#define HTTP_NO_LENGTH SIZE_MAX
void http_send_head(struct http_exchange *exchange, int status, const char *type, size_t length);
/** A head has come: makes the exchange, finds its route, and checks what can be checked before the body. The session's stage says what
 * follows; it may have been answered already. */
void http_begin(struct http_session *session, struct slice head);
/** One of http_proxies. */
bool http_is_proxy(const struct sockaddr_storage *peer);
/** Is the request from one of our own pages, as far as the browser says? */
bool http_is_from_us(const struct http_exchange *exchange);
/** Reads the field Authorization, if a route of HTTP_SIGNED_IN was asked. False: it was refused. */
bool http_read_authorization(struct http_exchange *exchange);
/** Is there anything by which to find who asks, where that is wanted? False: it was refused. */
bool http_has_credentials(struct http_exchange *exchange);
/** Asks auth who asks, for HTTP_SIGNED_IN. RUN_WAIT: it asks; else exchange->person is there, and may what the route wants, or it has been refused. */
enum net_run http_find_person(struct http_exchange *exchange);
/** May pages of other origins ask it, with a token? */
bool http_is_open(const struct http_route *route);
/** Lets pages of other origins read the answer, where they may ask. */
void http_let_origins(struct http_exchange *exchange);
/** Tells a browser that pages of other origins may ask, by these methods. */
void http_answer_preflight(struct http_exchange *exchange, struct slice methods);
/** The answer to a request that can't be understood: the connection ends. */
void http_refuse_input(struct http_session *session, int status, const char *why);
/** The exchange is over. */
void http_exchange_free(struct http_session *session);
/** The next unit of a WebSocket's input, and what is done with it. */
enum net_unit http_frame_peek(struct http_session *session, struct slice input, size_t *length);
enum net_run http_frame_run(struct http_session *session, struct slice unit);
/** Says that the stream is open still. */
void http_stream_pulse(struct http_session *session);
/** Tells a stream's client that it is over. */
void http_stream_end(struct http_session *session);

#endif
