/* Datagrams with one change each, and what waits for those who are behind; see bus.h. */
#include "main/bus.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/wire.h"

enum {
	BUS_HEARERS_MAX = 16,
	BUS_STEP_MS = 100, /* how often the thread looks whether it shall end */
};

/** One who hears, and what waits for it. */
struct hearer {
	int channel;
	unsigned topics;
	unsigned anything;   /* topics of which that is to be said */
	struct map *waiting; /* datagrams (struct buf) by topic and account; NULL: none was needed yet */
};

struct bus {
	pthread_mutex_t lock; /* guards what follows */
	struct hearer hearers[BUS_HEARERS_MAX];
	size_t count;
	bool own_thread, started, sending, closing; /* the thread: may be started, was and isn't joined, has something to do, shall end */
	pthread_t thread;
};

struct bus *bus_new(bool own_thread)
{
	struct bus *bus = memory_new(sizeof *bus);
	bus->own_thread = own_thread;
	pthread_mutex_init(&bus->lock, NULL);
	return bus;
}

void bus_add(struct bus *bus, int channel, unsigned topics)
{
	if (bus->count == BUS_HEARERS_MAX) {
		log_error("bus.too_many_hearers");
		close(channel);
		return;
	}
	bus->hearers[bus->count++] = (struct hearer){.channel = channel, .topics = topics};
}

/* ---- Sending, with the lock held ---- */

static void write_change(struct buf *datagram, const struct bus_change *change)
{
	wire_put_short(datagram, change->topic, 1);
	wire_put_text(datagram, change->account.len <= BUS_ACCOUNT_MAX ? change->account : SLICE(""));
	wire_put_number(datagram, (uint64_t)change->identity);
	wire_put_text(datagram, slice_sub(change->reason, 0, BUS_REASON_MAX));
}

/* False: there is no room now. */
static bool send_now(const struct hearer *hearer, struct slice datagram)
{
	ssize_t sent;
	do
		sent = send(hearer->channel, datagram.at, datagram.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	if (sent < 0) /* the master keeps both ends open: not to be expected */
		log_warning("bus.failed", log_number("error", errno));
	return true;
}

static bool is_behind(const struct hearer *hearer)
{
	return hearer->anything != 0 || (hearer->waiting && map_count(hearer->waiting) > 0);
}

static void drop(void *value)
{
	struct buf *datagram = value;
	if (datagram)
		buf_free(datagram);
	free(datagram);
}

static void forget_waiting(struct hearer *hearer)
{
	size_t cursor = 0;
	struct slice key;
	void *value;
	while (hearer->waiting && map_next(hearer->waiting, &cursor, &key, &value))
		drop(value);
	if (hearer->waiting)
		map_free(&hearer->waiting);
}

/* A later change of the same account takes the place of the former one. */
static void let_wait(struct hearer *hearer, const struct bus_change *change, struct slice datagram)
{
	if (hearer->anything & 1U << change->topic)
		return;
	if (slice_empty(change->account) || (hearer->waiting && map_count(hearer->waiting) >= BUS_WAITING_MAX)) {
		forget_waiting(hearer); /* of all topics that it hears: simple, and nothing is lost by looking */
		hearer->anything = hearer->topics;
		return;
	}
	if (!hearer->waiting)
		hearer->waiting = map_new();
	struct buf *copy = memory_new(sizeof *copy);
	*copy = BUF(BUS_DATAGRAM_MAX);
	buf_append(copy, datagram);
	drop(map_put(hearer->waiting, slice_sub(datagram, 0, 3 + change->account.len), copy)); /* topic, length, name */
}

static void say_anything(struct hearer *hearer)
{
	for (unsigned topic = 0; topic < BUS_TOPICS; topic++) {
		struct buf datagram = BUF(BUS_DATAGRAM_MAX);
		write_change(&datagram, &(struct bus_change){.topic = (enum bus_topic)topic});
		if (hearer->anything & 1U << topic && send_now(hearer, buf_slice(&datagram)))
			hearer->anything &= ~(1U << topic);
		buf_free(&datagram);
	}
}

static void send_waiting(struct hearer *hearer)
{
	struct map *left = map_new();
	size_t cursor = 0;
	struct slice key;
	void *value;
	bool room = true;
	while (map_next(hearer->waiting, &cursor, &key, &value)) {
		room = room && send_now(hearer, buf_slice(value));
		if (room)
			drop(value);
		else
			map_put(left, key, value);
	}
	map_free(&hearer->waiting);
	hearer->waiting = left;
}

static bool flush(struct bus *bus)
{
	bool done = true;
	for (size_t i = 0; i < bus->count; i++) {
		struct hearer *hearer = &bus->hearers[i];
		if (hearer->anything)
			say_anything(hearer);
		if (!hearer->anything && hearer->waiting && map_count(hearer->waiting) > 0)
			send_waiting(hearer);
		done &= !is_behind(hearer);
	}
	return done;
}

bool bus_flush(struct bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	bool done = flush(bus);
	pthread_mutex_unlock(&bus->lock);
	return done;
}

/* ---- The thread that waits for those who are behind ---- */

static void wait_for_room(struct bus *bus)
{
	struct pollfd fds[BUS_HEARERS_MAX];
	pthread_mutex_lock(&bus->lock);
	size_t count = bus->count;
	for (size_t i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = is_behind(&bus->hearers[i]) ? bus->hearers[i].channel : -1, .events = POLLOUT};
	pthread_mutex_unlock(&bus->lock);
	poll(fds, count, BUS_STEP_MS);
}

static void *send_later(void *context)
{
	struct bus *bus = context;
	for (bool more = true; more;) {
		wait_for_room(bus);
		pthread_mutex_lock(&bus->lock);
		more = bus->sending = !flush(bus) && !bus->closing;
		pthread_mutex_unlock(&bus->lock);
	}
	return NULL;
}

/* With the lock held. Without a thread for now, the next change tries again. */
static void start_sending(struct bus *bus)
{
	if (!bus->own_thread || bus->sending)
		return;
	if (bus->started)
		pthread_join(bus->thread, NULL); /* it has nothing to do any more, and takes no lock */
	bus->started = bus->sending = pthread_create(&bus->thread, NULL, send_later, bus) == 0;
}

/* ---- Announcing ---- */

void bus_announce(struct bus *bus, const struct bus_change *change)
{
	struct buf datagram = BUF(BUS_DATAGRAM_MAX);
	bool behind = false;
	write_change(&datagram, change);
	pthread_mutex_lock(&bus->lock);
	for (size_t i = 0; i < bus->count; i++) {
		struct hearer *hearer = &bus->hearers[i];
		if (!(hearer->topics & 1U << change->topic))
			continue;
		/* Nobody overtakes: what counts of an account is the last that was said. */
		if (is_behind(hearer) || !send_now(hearer, buf_slice(&datagram)))
			let_wait(hearer, change, buf_slice(&datagram));
		behind |= is_behind(hearer);
	}
	if (behind)
		start_sending(bus);
	pthread_mutex_unlock(&bus->lock);
	buf_free(&datagram);
}

void bus_announce_mail(void *bus, struct slice account)
{
	if (!slice_empty(account))
		bus_announce(bus, &(struct bus_change){.topic = BUS_MAIL, .account = account});
}

void bus_announce_anything(struct bus *bus, unsigned topics)
{
	for (unsigned topic = 0; topic < BUS_TOPICS; topic++)
		if (topics & 1U << topic)
			bus_announce(bus, &(struct bus_change){.topic = (enum bus_topic)topic});
}

void bus_free(struct bus **bus)
{
	struct bus *own = *bus;
	if (!own)
		return;
	pthread_mutex_lock(&own->lock);
	own->closing = true;
	pthread_mutex_unlock(&own->lock);
	if (own->started)
		pthread_join(own->thread, NULL);
	flush(own);
	for (size_t i = 0; i < own->count; i++) {
		forget_waiting(&own->hearers[i]);
		close(own->hearers[i].channel);
	}
	pthread_mutex_destroy(&own->lock);
	free(own);
	*bus = NULL;
}

/* ---- Hearing ---- */

bool bus_hear(int channel, char room[BUS_DATAGRAM_MAX], struct bus_change *change)
{
	for (;;) {
		ssize_t len = recv(channel, room, BUS_DATAGRAM_MAX, MSG_DONTWAIT | MSG_TRUNC);
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return false;
		struct wire_reader reader = {.rest = slice_make(room, len <= BUS_DATAGRAM_MAX ? (size_t)len : 0)};
		uint64_t topic = wire_short(&reader, 1);
		*change = (struct bus_change){.topic = (enum bus_topic)topic, .account = wire_text(&reader, BUS_ACCOUNT_MAX)};
		change->identity = (int64_t)wire_number(&reader, INT64_MAX);
		change->reason = wire_text(&reader, BUS_REASON_MAX);
		if (wire_end(&reader) && topic < BUS_TOPICS)
			return true;
		log_warning("bus.malformed", log_number("bytes", len));
	}
}
