/* Telling clients of changes (RFC 8620 §7): which types of an account have another state than they had, to event sources (§7.3) here and to WebSockets. */
#include "jmap/push.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/memory.h"

/* ---- What has changed ---- */

static void wake(void *conn) { conn_wake(conn); }

void jmap_listener_begin(struct jmap_listener *listener, const struct jmap_request *request)
{
	*listener = (struct jmap_listener){.store = request->service->store, .account = slice_make(memory_copy(request->person.account.at, request->person.account.len), request->person.account.len)};
	memcpy(listener->account_id, request->account_id, sizeof listener->account_id);
	listener->states = memory_array(jmap_type_count + 1, sizeof *listener->states);
	listener->subscription = store_subscribe(listener->store, listener->account, wake, request->conn);
}

void jmap_listener_end(struct jmap_listener *listener)
{
	store_unsubscribe(&listener->subscription);
	free(listener->states);
	free((char *)listener->account.at);
	*listener = (struct jmap_listener){0};
}

/* Notes the type's state; true: it is another than it was. */
static bool look_at(struct jmap_listener *listener, struct account *account, size_t type)
{
	char state[JMAP_STATE_MAX + 1];
	struct error error;
	if (!jmap_types[type]->state(account, state, &error) || strcmp(state, listener->states[type]) == 0)
		return false;
	memcpy(listener->states[type], state, sizeof state);
	return true;
}

unsigned jmap_listener_look(struct jmap_listener *listener)
{
	struct error error;
	unsigned changed = 0;
	if (listener->types == 0)
		return 0;
	struct account *account = store_open_account(listener->store, listener->account, &error);
	for (size_t i = 0; account && i < jmap_type_count; i++)
		if (listener->types & 1u << i && look_at(listener, account, i))
			changed |= 1u << i;
	store_release_account(&account);
	return changed;
}

json_t *jmap_state_change(const struct jmap_listener *listener, unsigned types)
{
	json_t *states = json_object();
	for (size_t i = 0; i < jmap_type_count; i++)
		if (types & 1u << i)
			json_object_set_new(states, jmap_types[i]->name, json_string(listener->states[i]));
	return json_pack("{s:s, s:{s:o}}", "@type", "StateChange", "changed", listener->account_id, states);
}

void jmap_push_state(const struct jmap_listener *listener, char out[JMAP_STATE_MAX + 1])
{
	json_t *all = jmap_state_change(listener, listener->types);
	jmap_digest(all, out);
	json_decref(all);
}

/* ---- Event sources ---- */

enum { PING_LEAST = 5, PING_MOST = 300, EVENT_MAX = 64 * 1024 };

struct jmap_events {
	struct http_stream stream;
	struct jmap_listener listener;
	bool once; /* closeafter=state */
};

static void send_change(struct jmap_events *self, unsigned types)
{
	char id[JMAP_STATE_MAX + 1];
	struct buf text = BUF(EVENT_MAX);
	json_t *change = jmap_state_change(&self->listener, types);
	jmap_push_state(&self->listener, id);
	jmap_json_write(&text, change);
	json_decref(change);
	http_stream_send_marked(&self->stream, "state", slice_of(id), buf_slice(&text));
	buf_free(&text);
	if (self->once)
		http_stream_close(&self->stream);
}

static void wake_events(struct http_stream *stream)
{
	struct jmap_events *self = (struct jmap_events *)stream;
	unsigned changed = jmap_listener_look(&self->listener);
	if (changed != 0)
		send_change(self, changed);
}

static enum net_run say_nothing(struct http_stream *stream, struct slice text)
{
	(void)stream, (void)text;
	return RUN_DONE;
}

static void ping(struct http_stream *stream)
{
	char text[60];
	int length = snprintf(text, sizeof text, "{\"interval\":%lld}", (long long)stream->pulse_seconds);
	http_stream_send(stream, "ping", slice_make(text, (size_t)length));
}

static void end_events(struct http_stream *stream)
{
	struct jmap_events *self = (struct jmap_events *)stream;
	jmap_listener_end(&self->listener);
	free(self);
}

/* How often it is told that the connection lives: as the client wants it, within bounds (§7.3). 0: as for all streams, in a way that it needn't see. */
static int64_t ping_of(struct http_exchange *exchange)
{
	struct slice text;
	uint64_t seconds;
	if (!http_parameter(exchange, "ping", &text) || !slice_to_number(text, INT32_MAX, &seconds) || seconds == 0)
		return 0;
	return seconds < PING_LEAST ? PING_LEAST : seconds > PING_MOST ? PING_MOST : (int64_t)seconds;
}

static void begin_events(struct http_exchange *exchange, const struct jmap_request *request)
{
	char state[JMAP_STATE_MAX + 1];
	struct slice types = SLICE("*"), once, known;
	struct jmap_events *self = memory_new(sizeof *self);
	http_parameter(exchange, "types", &types);
	self->stream = (struct http_stream){.wake = wake_events, .message = say_nothing, .end = end_events, .pulse_seconds = ping_of(exchange)};
	self->stream.pulse = self->stream.pulse_seconds > 0 ? ping : NULL;
	self->once = http_parameter(exchange, "closeafter", &once) && slice_equal(once, SLICE("state"));
	jmap_listener_begin(&self->listener, request);
	self->listener.types = jmap_types_of(types);
	jmap_listener_look(&self->listener);
	jmap_push_state(&self->listener, state);
	bool missed = http_head_find(&exchange->head, "Last-Event-ID", &known) && !slice_equal(known, slice_of(state));
	if (http_stream_events(exchange, &self->stream) && missed)
		send_change(self, self->listener.types);
}

enum net_run jmap_events(struct http_exchange *exchange)
{
	struct jmap_problem problem;
	enum net_run entered = http_enter(exchange);
	if (entered != RUN_DONE || exchange->answered)
		return entered;
	struct jmap_request *request = jmap_make_request(exchange);
	struct jmap_request opened = *request; /* the exchange ends before the account is given back */
	if (jmap_request_open(&opened, &problem))
		begin_events(exchange, &opened);
	else
		jmap_refuse(exchange, &problem);
	store_release_account(&opened.account);
	return RUN_DONE;
}
