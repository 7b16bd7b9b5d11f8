/* Asking several engines at the same time: one thread polls the sockets of all, and moves bytes between them and their talks. A connection
 * over which an engine will serve again is kept for the next message, whoever's; one that had been closed meanwhile is replaced, once. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/internal.h"

enum {
	KEPT_MAX = 8,           /* connections that wait, of one engine */
	KEPT_FOR = 15 * 1000,   /* milliseconds: clamd gives up a session after 30 s */
	READ_SIZE = 16 * 1024,
};

struct kept {
	int fd;
	int64_t since;
};

struct member {
	struct config_engine engine;
	char *entry;
	struct kept kept[KEPT_MAX]; /* the newest last */
	size_t kept_count;
};

struct engine_pool {
	engine_dial *dial;
	void *context;
	size_t count;
	struct member *members;
	int stop_fd;
	pthread_mutex_t lock; /* guards the kept connections */
};

/* ---- The pool ---- */

int engine_dial_directly(void *context, size_t index, const struct config_engine *engine)
{
	(void)context, (void)index;
	int fd = socket(engine->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&engine->address, config_engine_address_length(engine)) == 0 || errno == EINPROGRESS)
		return fd;
	int number = errno;
	close(fd);
	errno = number;
	return -1;
}

struct engine_pool *engine_pool_new(const struct config_string_list *entries, engine_dial *dial, void *context)
{
	struct engine_pool *pool = memory_new(sizeof *pool);
	*pool = (struct engine_pool){.dial = dial, .context = context, .members = memory_array(entries->count + 1, sizeof *pool->members), .stop_fd = eventfd(0, EFD_CLOEXEC)};
	for (size_t i = 0; i < entries->count && pool->count < CONFIG_ENGINES_MAX; i++) {
		struct member *member = &pool->members[pool->count];
		member->entry = memory_copy(entries->at[i], strlen(entries->at[i]));
		if (config_parse_engine(slice_of(member->entry), &member->engine, NULL))
			pool->count++;
		else
			free(member->entry);
	}
	if (pool->stop_fd < 0 || pthread_mutex_init(&pool->lock, NULL) != 0)
		memory_exhausted(0);
	return pool;
}

void engine_pool_free(struct engine_pool **pool)
{
	if (!*pool)
		return;
	for (size_t i = 0; i < (*pool)->count; i++) {
		struct member *member = &(*pool)->members[i];
		while (member->kept_count > 0)
			close(member->kept[--member->kept_count].fd);
		free(member->entry);
	}
	close((*pool)->stop_fd);
	pthread_mutex_destroy(&(*pool)->lock);
	free((*pool)->members);
	free(*pool);
	*pool = NULL;
}

void engine_pool_stop(struct engine_pool *pool)
{
	eventfd_write(pool->stop_fd, 1);
}

size_t engine_pool_count(const struct engine_pool *pool)
{
	return pool->count;
}

const struct config_engine *engine_pool_at(const struct engine_pool *pool, size_t index)
{
	return &pool->members[index].engine;
}

/* Closes those that have waited too long. With the lock held. */
static void drop_old(struct member *member, int64_t now)
{
	size_t old = 0;
	while (old < member->kept_count && member->kept[old].since + KEPT_FOR < now)
		close(member->kept[old++].fd);
	member->kept_count -= old;
	memmove(member->kept, member->kept + old, member->kept_count * sizeof *member->kept);
}

/* Nothing was said over it since, nor was it closed. */
static bool is_quiet(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static int take_kept(struct engine_pool *pool, struct member *member)
{
	int fd = -1;
	pthread_mutex_lock(&pool->lock);
	drop_old(member, clock_monotonic_ms());
	while (fd < 0 && member->kept_count > 0) {
		fd = member->kept[--member->kept_count].fd;
		if (!is_quiet(fd)) {
			close(fd);
			fd = -1;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return fd;
}

static void keep(struct engine_pool *pool, struct member *member, int fd)
{
	int64_t now = clock_monotonic_ms();
	pthread_mutex_lock(&pool->lock);
	drop_old(member, now);
	bool room = member->kept_count < KEPT_MAX;
	if (room)
		member->kept[member->kept_count++] = (struct kept){fd, now};
	pthread_mutex_unlock(&pool->lock);
	if (!room)
		close(fd);
}

/* ---- One engine, one message ---- */

struct exchange {
	struct engine_pool *pool;
	struct member *member;
	size_t index;
	struct engine_talk talk;
	const struct engine_mail *mail;
	struct engine_result *result;
	int fd;                 /* -1: it is over */
	bool connected, heard, deaf; /* deaf: it reads no more, and may still say why */
	int64_t until, began;
};

static void conclude(struct exchange *exchange)
{
	if (exchange->connected && exchange->fd >= 0 && exchange->talk.farewell.len > 0 && exchange->talk.out.len == 0)
		send(exchange->fd, exchange->talk.farewell.at, exchange->talk.farewell.len, MSG_NOSIGNAL | MSG_DONTWAIT); /* or not: it is closed anyway */
	if (exchange->talk.reusable)
		keep(exchange->pool, exchange->member, exchange->fd);
	else if (exchange->fd >= 0)
		close(exchange->fd);
	exchange->fd = -1;
	engine_talk_free(&exchange->talk);
	exchange->result->milliseconds = clock_monotonic_ms() - exchange->began;
}

static void give_up(struct exchange *exchange, enum engine_outcome outcome, const char *what, int number)
{
	struct error error = {0};
	if (number != 0)
		error_set_errno(&error, number, "%s", what);
	engine_conclude(&exchange->talk, outcome, slice_of(number ? error.text : what), false);
	conclude(exchange);
}

static void dial(struct exchange *exchange)
{
	exchange->fd = exchange->pool->dial(exchange->pool->context, exchange->index, &exchange->member->engine);
	exchange->connected = exchange->heard = exchange->deaf = false;
	engine_talk_begin(&exchange->talk, &exchange->member->engine, exchange->mail, exchange->result, false);
	if (exchange->fd < 0)
		give_up(exchange, ENGINE_ERROR, "connecting", errno);
}

static void begin(struct exchange *exchange)
{
	int kept = take_kept(exchange->pool, exchange->member);
	if (kept < 0) {
		dial(exchange);
		return;
	}
	exchange->fd = kept;
	exchange->connected = true;
	engine_talk_begin(&exchange->talk, &exchange->member->engine, exchange->mail, exchange->result, true);
}

/* What is wrong with the connection: one that had been kept may have been closed long ago, so a new one is made. */
static void lost(struct exchange *exchange, const char *what, int number)
{
	if (exchange->talk.again && !exchange->heard) {
		close(exchange->fd);
		engine_talk_free(&exchange->talk);
		dial(exchange);
	} else if (number == 0) {
		engine_talk_ended(&exchange->talk);
		conclude(exchange);
	} else
		give_up(exchange, ENGINE_ERROR, what, number);
}

static bool is_connected(struct exchange *exchange)
{
	int number = 0;
	socklen_t size = sizeof number;
	if (exchange->connected)
		return true;
	if (getsockopt(exchange->fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0 || number != 0) {
		give_up(exchange, ENGINE_ERROR, "connecting", number ? number : errno);
		return false;
	}
	return exchange->connected = true;
}

static void hear(struct exchange *exchange)
{
	char bytes[READ_SIZE];
	ssize_t got = recv(exchange->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		lost(exchange, "reading its answer", got < 0 ? errno : 0);
		return;
	}
	exchange->heard = true;
	engine_talk_input(&exchange->talk, slice_make(bytes, (size_t)got));
	if (exchange->talk.done)
		conclude(exchange);
}

/* An engine that closes before it has read all may have said why: that is read first. */
static void speak(struct exchange *exchange)
{
	struct slice output = engine_talk_output(&exchange->talk);
	ssize_t sent = output.len > 0 ? send(exchange->fd, output.at, output.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
	if (sent >= 0)
		engine_talk_sent(&exchange->talk, (size_t)sent);
	else if (errno == EPIPE || errno == ECONNRESET)
		exchange->deaf = true;
	else if (errno != EAGAIN && errno != EINTR)
		give_up(exchange, ENGINE_ERROR, "sending", errno);
	if (exchange->fd >= 0 && exchange->talk.done)
		conclude(exchange);
}

static void move(struct exchange *exchange, short happened)
{
	if (!happened || !is_connected(exchange))
		return;
	if (happened & (POLLIN | POLLHUP | POLLERR))
		hear(exchange);
	if (exchange->fd >= 0 && happened & POLLOUT)
		speak(exchange);
}

/* ---- All engines, one message ---- */

static bool is_for(const struct config_engine *engine, unsigned whose)
{
	return whose == 0 || (engine->whose & whose) != 0;
}

/* `decided`: by another, so that this one needn't be asked. */
static bool is_asked(const struct config_engine *engine, const struct engine_mail *mail, bool decided, struct engine_result *result)
{
	*result = (struct engine_result){.outcome = is_for(engine, mail->whose) ? ENGINE_SKIPPED : ENGINE_UNASKED};
	bool fits = mail->length <= (uint64_t)engine->max, asked = result->outcome == ENGINE_SKIPPED && fits && !decided;
	if (result->outcome == ENGINE_SKIPPED && !asked)
		engine_copy(result->text, sizeof result->text, decided ? SLICE("another has decided already") : SLICE(ENGINE_TOO_LARGE));
	return asked;
}

static short events_of(struct exchange *exchange)
{
	if (!exchange->connected)
		return POLLOUT;
	return (short)(POLLIN | (!exchange->deaf && engine_talk_output(&exchange->talk).len > 0 ? POLLOUT : 0));
}

/* Ends those whose time is over, and says until when the others have. INT64_MAX: there is none. */
static int64_t next_end(struct exchange *exchanges, size_t count, int64_t now)
{
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < count; i++) {
		struct exchange *exchange = &exchanges[i];
		if (exchange->fd >= 0 && exchange->until <= now)
			give_up(exchange, ENGINE_TIMEOUT, exchange->connected ? "it hasn't answered in time" : "it couldn't be reached in time", 0);
		if (exchange->fd >= 0 && exchange->until < next)
			next = exchange->until;
	}
	return next;
}

/* One round of waiting. False: all are over. */
static bool wait_once(struct exchange *exchanges, size_t count, int stop_fd)
{
	struct pollfd polled[CONFIG_ENGINES_MAX + 1] = {{.fd = stop_fd, .events = POLLIN}};
	int64_t now = clock_monotonic_ms(), next = next_end(exchanges, count, now);
	if (next == INT64_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		short events = exchanges[i].fd >= 0 ? events_of(&exchanges[i]) : 0;
		if (exchanges[i].fd >= 0 && exchanges[i].talk.done) /* the message can't be read */
			conclude(&exchanges[i]);
		polled[i + 1] = (struct pollfd){.fd = exchanges[i].fd, .events = events};
	}
	int64_t pause = next - now;
	if (poll(polled, count + 1, (int)(pause < 60000 ? pause : 60000)) <= 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (polled[0].revents && exchanges[i].fd >= 0)
			give_up(&exchanges[i], ENGINE_ERROR, "the server is being stopped", 0);
		else if (exchanges[i].fd >= 0)
			move(&exchanges[i], polled[i + 1].revents);
	return true;
}

static void start(struct exchange *exchange, struct engine_pool *pool, size_t index, const struct engine_mail *mail, int64_t until, struct engine_result *result)
{
	int64_t now = clock_monotonic_ms(), own = now + pool->members[index].engine.timeout * 1000;
	*exchange = (struct exchange){.pool = pool, .member = &pool->members[index], .index = index, .mail = mail, .result = result, .until = own < until ? own : until, .began = now};
	begin(exchange);
	if (exchange->fd >= 0 && exchange->talk.done)
		conclude(exchange);
}

static bool is_milter(const struct engine_pool *pool, size_t index)
{
	return pool->members[index].engine.kind == CONFIG_ENGINE_MILTER;
}

bool engine_pool_is_for(const struct engine_pool *pool, unsigned whose, bool milters)
{
	for (size_t i = 0; i < pool->count; i++)
		if (is_for(&pool->members[i].engine, whose) && (!milters || is_milter(pool, i)))
			return true;
	return false;
}

void engine_ask(struct engine_pool *pool, const struct engine_mail *mail, int64_t until, struct engine_result *results)
{
	struct exchange exchanges[CONFIG_ENGINES_MAX];
	size_t count = 0;
	for (size_t i = 0; i < pool->count; i++)
		if (!is_milter(pool, i) && is_asked(&pool->members[i].engine, mail, false, &results[i]))
			start(&exchanges[count++], pool, i, mail, until, &results[i]);
	while (wait_once(exchanges, count, pool->stop_fd))
		;
}

void engine_ask_milters(struct engine_pool *pool, const struct engine_mail *mail, int64_t until, struct engine_result *results)
{
	struct exchange exchange;
	bool goes_on = true;
	for (size_t i = 0; i < pool->count; i++) {
		struct engine_result *result = &results[i];
		if (!is_milter(pool, i) || !is_asked(&pool->members[i].engine, mail, !goes_on, result))
			continue;
		start(&exchange, pool, i, mail, until, result);
		while (wait_once(&exchange, 1, pool->stop_fd))
			;
		goes_on = result->outcome != ENGINE_REFUSED && result->outcome != ENGINE_DEFERRED && result->outcome != ENGINE_DISCARDED;
	}
}
