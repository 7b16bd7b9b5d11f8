/* What is told to pages that are open: that an account's mail has changed. Which it is, they ask. */
#include <pthread.h>

#include "base/map.h"
#include "base/memory.h"
#include "web/web.h"

struct web_stream {
	struct http_stream stream;
	struct web_watch *watch;
	struct web_stream *previous, *next; /* of the same account */
	char *account;
	bool socket;                        /* a WebSocket */
};

/* Who waits for news of which account. */
struct web_watch {
	pthread_mutex_t lock;
	struct map *first; /* by account: the first of a list */
};

struct web_watch *web_watch_new(void)
{
	struct web_watch *watch = memory_new(sizeof *watch);
	pthread_mutex_init(&watch->lock, NULL);
	watch->first = map_new();
	return watch;
}

void web_watch_free(struct web_watch **watch)
{
	if (!*watch)
		return;
	map_free(&(*watch)->first);
	pthread_mutex_destroy(&(*watch)->lock);
	free(*watch);
	*watch = NULL;
}

static void enter(struct web_stream *self)
{
	pthread_mutex_lock(&self->watch->lock);
	self->next = map_put(self->watch->first, slice_of(self->account), self);
	if (self->next)
		self->next->previous = self;
	pthread_mutex_unlock(&self->watch->lock);
}

static void leave(struct web_stream *self)
{
	pthread_mutex_lock(&self->watch->lock);
	if (self->next)
		self->next->previous = self->previous;
	if (self->previous)
		self->previous->next = self->next;
	else if (self->next)
		map_put(self->watch->first, slice_of(self->account), self->next);
	else
		map_remove(self->watch->first, slice_of(self->account));
	pthread_mutex_unlock(&self->watch->lock);
}

void web_watch_announce(struct web_watch *watch, struct slice account)
{
	pthread_mutex_lock(&watch->lock);
	for (struct web_stream *stream = map_get(watch->first, account); stream; stream = stream->next)
		conn_wake(stream->stream.conn);
	pthread_mutex_unlock(&watch->lock);
}

static void wake(struct http_stream *stream)
{
	struct web_stream *self = (struct web_stream *)stream;
	http_stream_send(stream, "mail", self->socket ? SLICE("{\"event\":\"mail\"}") : SLICE("{}"));
}

/* Nothing is said to us here. */
static enum net_run message(struct http_stream *stream, struct slice text)
{
	(void)text;
	http_stream_refuse(stream);
	return RUN_DONE;
}

static void end(struct http_stream *stream)
{
	struct web_stream *self = (struct web_stream *)stream;
	if (self->account)
		leave(self);
	free(self->account);
	free(self);
}

static enum net_run begin(struct http_exchange *exchange, bool socket)
{
	enum net_run entered = http_enter(exchange);
	if (entered != RUN_DONE || exchange->answered)
		return entered;
	struct web_stream *self = memory_new(sizeof *self);
	struct slice account = exchange->person.account;
	const struct web_service *service = exchange->context;
	char *name = memory_copy(account.at, account.len);
	*self = (struct web_stream){.stream = {.wake = wake, .message = message, .end = end}, .watch = service->watch, .socket = socket};
	if (!(socket ? http_stream_websocket(exchange, &self->stream) : http_stream_events(exchange, &self->stream))) {
		free(name);
		return RUN_DONE;
	}
	self->account = name;
	enter(self);
	return RUN_DONE;
}

enum net_run web_events(struct http_exchange *exchange) { return begin(exchange, false); }
enum net_run web_socket(struct http_exchange *exchange) { return begin(exchange, true); }
