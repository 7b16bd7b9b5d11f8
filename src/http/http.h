/* HTTP/1.1 (RFC 9110, 9112) as a protocol on the loop: who includes this answers requests, or serves. A connection that waits costs its
 * session; a request's memory lives from its head to the end of its answer.
 *
 * What is answered stands in a table of routes (struct http_route) that the role hands in: the protocol knows no page. Before a route's function is
 * called its method, its body's size, who may, and that no other site has sent the browser here (for what changes something) are checked. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "auth/auth.h"
#include "config/config.h"
#include "http/authorization.h"
#include "http/head.h"
#include "http/target.h"
#include "net/server.h"

struct http_exchange;
struct http_session;

/** Who may ask a route. */
enum http_right {
	HTTP_ANYBODY,    /* no cookie is looked at, so that no other site can borrow one */
	HTTP_OUR_PAGES,  /* anybody, but not another site's page: signing in */
	HTTP_SHOWS,      /* who shows a session's cookie, or a token in the field Authorization, which the route's function hands on: here nobody looks whose it is. If it
			  * changes something, with a cookie, not another site's page */
	HTTP_SIGNED_IN,  /* who has a session; if it changes something, not another site's page. Or who says who he is in the field Authorization */
};

/** One row of the table of routes. */
struct http_route {
	unsigned methods;         /* of enum http_method; HEAD comes with GET by itself */
	const char *path;         /* "/session"; with '*' at its end: everything that begins so */
	bool any_case;            /* of the path: some clients write it in several ways */
	bool plain;               /* is answered on connections without TLS, too; else the client is sent to https */
	enum http_right right;
	unsigned scopes;          /* of HTTP_SIGNED_IN: one of these (enum auth_scope) must be allowed to who asks, and pages of other origins may, with a
				   * token; 0: AUTH_MAY_MANAGE, and no page but ours */
	bool open;                /* of HTTP_SHOWS: pages of other origins may, with a token */
	/** Says in the route's own form why a request is refused before its function is called, or by it (http_refuse()): appends the body, and gives its type. NULL: a
	 * line of text. */
	const char *(*refusal)(int status, const char *why, struct buf *body);
	bool ours;                /* reading, too, is for pages of this server alone, and for programs */
	enum net_unit unit;       /* how it waits: UNIT_QUICK, UNIT_ASK, UNIT_WORK */
	size_t body_max;          /* bytes; 0: it takes none */
	/** Of a route of HTTP_SIGNED_IN with a large body: is called, as UNIT_WORK, when it is known who asks, and before anything of the body is read. It may refuse,
	 * and say in exchange->body_max how much is taken from this one. NULL: there is nothing to be found out before. */
	enum net_run (*admit)(struct http_exchange *exchange);
	/** Takes the body piece by piece as it comes, in a worker, instead of its being kept in memory. It may refuse: no more is read then. */
	void (*take)(struct http_exchange *exchange, struct slice piece);
	/** The exchange is over, whatever has become of it: gives back what exchange->state holds outside of the arena. May block. NULL: nothing. */
	void (*drop)(struct http_exchange *exchange);
	/** Answers, once; or RUN_WAIT, RUN_AGAIN (server.h): then it is called again. */
	enum net_run (*run)(struct http_exchange *exchange);
	const char *about;        /* what it does, a sentence, for docs/http.md */
};

/** A table of routes, and what their functions work with. */
struct http_table {
	const struct http_route *routes;
	size_t count;
	void *context;            /* exchange->context */
};

enum { HTTP_TABLES_MAX = 4 };

/** The context of the protocol's listeners. The first row of the first table that fits counts. */
struct http_service {
	struct auth *auth;
	struct http_table tables[HTTP_TABLES_MAX];
};
extern const struct net_protocol http_protocol;

/** Somebody whose session, or password, a request came with. */
struct http_person {
	struct slice account;
	int64_t identity;  /* auth.h */
	int64_t session;   /* the number of the session, as the list of them shows it; 0: he has none, but says who he is with each request */
	unsigned scopes;   /* what he may do: enum auth_scope */
	int64_t credential; /* struct auth_account's */
};

/** One request and its answer. */
struct http_exchange {
	struct http_session *session;
	struct conn *conn;
	const struct http_service *service;
	const struct config *config;
	const struct http_route *route;
	void *context;            /* of the route's table */
	struct arena *arena;      /* lives as long as the exchange */
	struct http_head head;
	struct slice path;        /* decoded; without a query, and without a seat */
	struct slice seat;        /* of which of the browser's sessions it speaks (target.h), in HTTP_SIGNED_IN alone; empty: of that which stands alone */
	struct slice host;        /* the client's name for this server, without a port; may be empty */
	struct slice client;      /* the client's address: behind a proxy that is believed, what that says */
	bool secure;              /* it came over TLS, to us or to such a proxy */
	size_t body_max;          /* the route's, until admit() says another */
	struct buf body;          /* but what take() gets */
	struct http_authorization authorization; /* what a request for HTTP_SIGNED_IN says of who asks; then no cookie counts */
	struct http_person person; /* of HTTP_SIGNED_IN */
	struct auth_wait *wait;   /* to ask auth with; ready when the function is called for the first time */
	void *state;              /* of the route's functions; in the arena, or given back by drop() */
	/* Of the answer: */
	struct buf fields;        /* "Name: value\r\n"; a cookie may be among them */
	bool answered;
	bool cached;              /* the route has said Cache-Control itself */
	bool entered;             /* http_enter() */
	bool admitted;            /* admit() was called, and didn't refuse */
	const char *policy;       /* Content-Security-Policy; NULL: nothing may be loaded */
	bool framed;              /* pages of this server may show it within them: the policy says so, too */
};

/* ---- Sessions that a browser has side by side ---- */

enum { HTTP_SEATS_MAX = 8 /* beside the session that stands alone */ };
/** The name of the cookie of a session, in the arena. */
const char *http_cookie_name(const struct http_exchange *exchange, struct slice seat);
struct http_cookie { struct slice seat, token; };
/** The sessions whose cookies came with a request, each seat once; returns how many. */
size_t http_list_cookies(const struct http_exchange *exchange, struct http_cookie list[HTTP_SEATS_MAX + 1]);

/* ---- Answers ---- */

enum { HTTP_FIELDS_SIZE_MAX = HTTP_TARGET_MAX + 2 * 1024 /* a client may be sent to wherever it wanted */ };

/** Adds a field to the answer, before it begins. A value that can't be a field's is left out. */
void http_add_field(struct http_exchange *exchange, const char *name, struct slice value);
/** Answers with a body (of GET; HEAD gets its length alone). `type` NULL: there is none. */
void http_answer(struct http_exchange *exchange, int status, const char *type, struct slice body);
/** The same with bytes that last as long as the process: they aren't copied. */
void http_answer_constant(struct http_exchange *exchange, int status, const char *type, struct slice body);
/** The same with bytes of a file; takes `fd` over. */
void http_answer_file(struct http_exchange *exchange, int status, const char *type, int fd, uint64_t offset, uint64_t length);
/** Answers with an error, in a sentence. */
void http_refuse(struct http_exchange *exchange, int status, const char *why);
/** Sends the client elsewhere: 302, 303, 307, 308. */
void http_redirect(struct http_exchange *exchange, int status, struct slice where);
/** "https://host:port" by which the client reaches this server over TLS; `host` its name for it. In the arena. */
struct slice http_secure_origin(struct http_exchange *exchange, struct slice host);
/** Is the client a program of this machine? Such needn't have TLS. */
bool http_is_of_this_machine(const struct http_exchange *exchange);
/** "GMT" date (RFC 9110 §5.6.7). */
enum { HTTP_DATE_MAX = 30 };
void http_date(int64_t seconds, char out[HTTP_DATE_MAX]);
/** What was shown to a route of HTTP_SHOWS: a session's token, or, with *authorized, what the field Authorization says. */
struct slice http_shown(const struct http_exchange *exchange, bool *authorized);
/** A parameter of the query, decoded, in the arena. False: there is none. */
bool http_parameter(struct http_exchange *exchange, const char *name, struct slice *value);

/* ---- Connections that stay: event sources and WebSocket ---- */

/** Who gets what is told to a connection that stays open. */
struct http_stream {
	/** Something has changed: conn_wake() was called. In a worker. */
	void (*wake)(struct http_stream *stream);
	/** A message of the client's (WebSocket). In a worker. RUN_WAIT, RUN_AGAIN (server.h): then it is called again with the same. */
	enum net_run (*message)(struct http_stream *stream, struct slice text);
	/** So many seconds as `pulse_seconds` says have gone by; in the loop, must not block. NULL: the client is told that the connection lives. */
	void (*pulse)(struct http_stream *stream);
	/** It is over: frees itself. Nothing may be sent any more. */
	void (*end)(struct http_stream *stream);
	int64_t pulse_seconds;   /* 0: HTTP_PULSE_SECONDS */
	const char *protocol;    /* of a WebSocket: the subprotocol that the client must offer (RFC 6455 §1.9); NULL: none */
	size_t message_max;      /* bytes; 0: HTTP_MESSAGE_MAX */
	/** A message grows larger than HTTP_MESSAGE_MAX: may it? False: it is closed. NULL: it may. In a worker. */
	bool (*may_grow)(struct http_stream *stream);
	bool asks;               /* its client may ask for much, and is sent it however slowly it reads, as long as it does */
	/* What follows is kept by stream.c. */
	struct http_session *session;
	struct conn *conn;
	size_t queued;           /* when the last pulse was */
	bool running;            /* a message is to be handed over once more */
};
/** From here on whoever ends the sessions of a person finds this connection; then it is asked once more whose session it is, so that nothing falls between.
 * RUN_WAIT: call it again; else it stands, unless exchange->answered: it was refused. For routes of HTTP_SIGNED_IN. */
enum net_run http_enter(struct http_exchange *exchange);
/** Answers with an event source (HTML, server-sent events), which stays; takes `stream` over. The exchange ends. False: who asks with HEAD
 * hears that there is one, and end() was called. */
bool http_stream_events(struct http_exchange *exchange, struct http_stream *stream);
/** Answers with a WebSocket (RFC 6455), which stays; false: the request isn't for one, was refused, and end() was called. */
bool http_stream_websocket(struct http_exchange *exchange, struct http_stream *stream);
/** Ends it: what its client has said isn't wanted. */
void http_stream_refuse(struct http_stream *stream);
/** One event or message to the client. `name`, of an event, may be NULL. */
void http_stream_send(struct http_stream *stream, const char *name, struct slice text);
/** The same with an id, by which a client that comes again says what it has heard (Last-Event-ID). */
void http_stream_send_marked(struct http_stream *stream, const char *name, struct slice id, struct slice text);
/** Is the client so far behind with reading that it is to be told no news? */
bool http_stream_is_behind(const struct http_stream *stream);
/** Tells the client that the connection lives, in a way that its program needn't see. */
void http_stream_ping(struct http_stream *stream);
/** Ends it, after what was sent. */
void http_stream_close(struct http_stream *stream);

#endif
