/* JMAP over a WebSocket (RFC 8887): requests as over HTTP, one after the other, and news of changes if they are wanted. */
#include "base/memory.h"
#include "jmap/push.h"

enum { NEWS_MAX = 64 * 1024 };

struct jmap_socket {
	struct http_stream stream;
	struct jmap_request own;      /* what its requests begin with: the slices are in `arena` */
	struct jmap_listener listener;
	struct arena *arena;
	struct jmap_request *request; /* that is under way */
	json_t *request_id;
	bool has_share;               /* of the requests that its owner may have under way */
	bool has_large;               /* … of the large ones, and JMAP_REQUEST_MAX bytes for it */
	bool due;                     /* there is news, which the client was too far behind for */
};

static void send_json(struct jmap_socket *self, json_t *value)
{
	struct buf text = BUF(NEWS_MAX);
	jmap_json_write(&text, value);
	json_decref(value);
	http_stream_send(&self->stream, NULL, buf_slice(&text));
	buf_free(&text);
}

/* ---- News (RFC 8887 §4.3.5) ---- */

static void send_change(struct jmap_socket *self, unsigned types)
{
	char state[JMAP_STATE_MAX + 1];
	json_t *change = jmap_state_change(&self->listener, types);
	jmap_push_state(&self->listener, state);
	json_object_set_new(change, "pushState", json_string(state));
	send_json(self, change);
}

static void wake(struct http_stream *stream)
{
	struct jmap_socket *self = (struct jmap_socket *)stream;
	self->due = http_stream_is_behind(stream);
	unsigned changed = self->due ? 0 : jmap_listener_look(&self->listener);
	if (changed != 0)
		send_change(self, changed);
}

static void enable(struct jmap_socket *self, json_t *message)
{
	char state[JMAP_STATE_MAX + 1];
	struct slice known = jmap_slice_of(json_object_get(message, "pushState"));
	self->listener.types = self->own.person.scopes & AUTH_MAY_READ ? jmap_types_in(json_object_get(message, "dataTypes")) : 0;
	jmap_listener_look(&self->listener);
	jmap_push_state(&self->listener, state);
	if (known.len > 0 && !slice_equal(known, slice_of(state)))
		send_change(self, self->listener.types);
}

/* ---- Requests ---- */

static bool take_share(struct jmap_socket *self)
{
	if (!self->has_share)
		self->has_share = jmap_share_enter(self->own.person.account, JMAP_SHARE_REQUEST) == JMAP_SHARE_TAKEN;
	return self->has_share;
}

static void end_request(struct jmap_socket *self)
{
	if (self->request) {
		struct arena *arena = self->request->arena;
		jmap_request_close(self->request);
		arena_free(&arena);
	}
	if (self->has_share)
		jmap_share_leave(self->own.person.account, JMAP_SHARE_REQUEST);
	if (self->has_large) {
		jmap_share_leave(self->own.person.account, JMAP_SHARE_LARGE);
		jmap_share_give_bytes(self->own.person.account, JMAP_REQUEST_MAX);
	}
	json_decref(self->request_id);
	self->request = NULL;
	self->request_id = NULL;
	self->has_share = self->has_large = false;
}

/* RFC 8887 §4.3.4. */
static void refuse(struct jmap_socket *self, const struct jmap_problem *problem)
{
	json_t *error = jmap_problem_json(problem);
	json_object_set_new(error, "@type", json_string("RequestError"));
	json_object_set_new(error, "requestId", json_is_string(self->request_id) ? json_incref(self->request_id) : json_null());
	send_json(self, error);
}

/* How a response begins: as the request was named (RFC 8887 §4.3.3). */
static const char *opening_of(struct arena *arena, const json_t *id)
{
	if (!json_is_string(id))
		return "{\"@type\":\"Response\",\"methodResponses\":[";
	struct buf text = BUF(6 * JMAP_NAME_MAX + 2);
	jmap_json_write(&text, id);
	struct slice opening = arena_printf(arena, "{\"@type\":\"Response\",\"requestId\":%.*s,\"methodResponses\":[", SLICE_ARG(buf_slice(&text)));
	buf_free(&text);
	return opening.at;
}

/* Takes `message` over. */
static bool begin_request(struct jmap_socket *self, json_t *message, struct jmap_problem *problem)
{
	json_t *id = json_object_get(message, "id");
	struct arena *arena = arena_new();
	self->request_id = json_incref(id);
	self->request = arena_alloc(arena, sizeof *self->request);
	*self->request = self->own;
	self->request->arena = arena;
	self->request->config = config_current();
	self->request->root = message;
	if (id && (!json_is_string(id) || json_string_length(id) > JMAP_NAME_MAX)) {
		*problem = (struct jmap_problem){400, "notRequest", NULL, "the id of a request is a short string"};
		return false;
	}
	if (!take_share(self)) {
		*problem = (struct jmap_problem){400, "limit", "maxConcurrentRequests", "too many at a time"};
		return false;
	}
	self->request->opening = opening_of(arena, id);
	return jmap_request_open(self->request, problem) && jmap_request_take(self->request, problem);
}

static enum net_run go_on(struct jmap_socket *self)
{
	struct jmap_problem problem = {0};
	enum net_run result = jmap_request_run(self->request, &problem);
	if (result != RUN_DONE)
		return result;
	if (problem.status != 0)
		refuse(self, &problem);
	else
		http_stream_send(&self->stream, NULL, buf_slice(&self->request->out));
	end_request(self);
	return RUN_DONE;
}

/* Takes `message` over. */
static enum net_run take_message(struct jmap_socket *self, json_t *message)
{
	struct jmap_problem problem = {400, "notRequest", NULL, "that is no message of JMAP"};
	struct slice type = jmap_slice_of(json_object_get(message, "@type"));
	if (slice_equal(type, SLICE("Request"))) {
		if (begin_request(self, message, &problem))
			return go_on(self);
		refuse(self, &problem);
		end_request(self);
		return RUN_DONE;
	}
	if (slice_equal(type, SLICE("WebSocketPushEnable")))
		enable(self, message);
	else if (slice_equal(type, SLICE("WebSocketPushDisable")))
		self->listener.types = 0;
	else
		refuse(self, &problem);
	json_decref(message);
	return RUN_DONE;
}

static enum net_run message(struct http_stream *stream, struct slice text)
{
	struct jmap_socket *self = (struct jmap_socket *)stream;
	struct jmap_problem problem;
	if (self->request)
		return go_on(self);
	json_t *parsed = jmap_json_read(text, &problem);
	if (parsed) {
		enum net_run result = take_message(self, parsed);
		if (!self->request)
			end_request(self); /* a share that a long message has taken */
		return result;
	}
	refuse(self, &problem);
	end_request(self);
	return RUN_DONE;
}

/* ---- The connection ---- */

/* Larger than HTTP_MESSAGE_MAX, that is. */
static bool may_grow(struct http_stream *stream)
{
	struct jmap_socket *self = (struct jmap_socket *)stream;
	if (!self->has_large && jmap_share_enter(self->own.person.account, JMAP_SHARE_LARGE) == JMAP_SHARE_TAKEN) {
		self->has_large = jmap_share_take_bytes(self->own.person.account, JMAP_REQUEST_MAX) == JMAP_SHARE_TAKEN;
		if (!self->has_large)
			jmap_share_leave(self->own.person.account, JMAP_SHARE_LARGE);
	}
	return self->has_large && take_share(self);
}

static void pulse(struct http_stream *stream)
{
	struct jmap_socket *self = (struct jmap_socket *)stream;
	if (self->due)
		conn_wake(stream->conn);
	http_stream_ping(stream);
}

static void end(struct http_stream *stream)
{
	struct jmap_socket *self = (struct jmap_socket *)stream;
	end_request(self);
	jmap_listener_end(&self->listener);
	arena_free(&self->arena);
	free(self);
}

static void begin(struct http_exchange *exchange, const struct jmap_request *request)
{
	struct jmap_socket *self = memory_new(sizeof *self);
	self->arena = arena_new();
	self->own = (struct jmap_request){.service = request->service, .conn = request->conn, .wait = request->wait, .person = request->person};
	self->own.person.account = arena_copy(self->arena, request->person.account);
	self->own.origin = arena_copy(self->arena, request->origin);
	self->stream = (struct http_stream){.wake = wake, .message = message, .pulse = pulse, .end = end, .protocol = "jmap", .message_max = JMAP_REQUEST_MAX,
					    .may_grow = may_grow, .asks = true};
	jmap_listener_begin(&self->listener, request);
	http_stream_websocket(exchange, &self->stream);
}

enum net_run jmap_websocket(struct http_exchange *exchange)
{
	struct jmap_problem problem;
	enum net_run entered = http_enter(exchange);
	if (entered != RUN_DONE || exchange->answered)
		return entered;
	struct jmap_request opened = *jmap_make_request(exchange); /* the exchange ends before the account is given back */
	if (jmap_request_open(&opened, &problem))
		begin(exchange, &opened);
	else
		jmap_refuse(exchange, &problem);
	store_release_account(&opened.account);
	return RUN_DONE;
}
