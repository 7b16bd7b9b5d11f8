/* A set of account names under a lock, and a channel of packets with one name each; see announce.h. */
#include "main/announce.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"

struct announcer {
	pthread_mutex_t lock; /* guards noted */
	struct map *noted;    /* names to send; the values mean nothing */
	struct map *sending;  /* of announcer_send's thread only */
	int channel, wake;
};

struct announcer *announcer_new(int channel)
{
	struct announcer *announcer = memory_new(sizeof *announcer);
	*announcer = (struct announcer){.noted = map_new(), .sending = map_new(), .channel = channel};
	pthread_mutex_init(&announcer->lock, NULL);
	announcer->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (announcer->wake < 0)
		memory_exhausted(0);
	return announcer;
}

void announcer_note(void *context, struct slice account)
{
	struct announcer *announcer = context;
	pthread_mutex_lock(&announcer->lock);
	bool first = map_count(announcer->noted) == 0;
	map_put(announcer->noted, account, announcer);
	pthread_mutex_unlock(&announcer->lock);
	if (first)
		eventfd_write(announcer->wake, 1);
}

int announcer_wake_fd(const struct announcer *announcer) { return announcer->wake; }

/* Takes over what was noted, if all from before is sent. */
static void take_noted(struct announcer *announcer)
{
	eventfd_t ignored;
	eventfd_read(announcer->wake, &ignored);
	if (map_count(announcer->sending) > 0)
		return;
	pthread_mutex_lock(&announcer->lock);
	struct map *empty = announcer->sending;
	announcer->sending = announcer->noted;
	announcer->noted = empty;
	pthread_mutex_unlock(&announcer->lock);
}

static bool send_one(struct announcer *announcer, struct slice name)
{
	ssize_t sent = send(announcer->channel, name.at, name.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
		return false;
	if (sent < 0)
		log_warning("change.lost", log_slice("account", name), log_number("error", errno));
	return true;
}

/* Sends the set that was taken over; what found no room stays. */
static bool send_taken(struct announcer *announcer)
{
	size_t cursor = 0;
	struct slice name;
	void *value;
	struct map *left = map_new();
	bool room = true;
	while (map_next(announcer->sending, &cursor, &name, &value)) {
		room = room && send_one(announcer, name);
		if (!room)
			map_put(left, name, announcer);
	}
	map_free(&announcer->sending);
	announcer->sending = left;
	return room;
}

bool announcer_send(struct announcer *announcer)
{
	do
		take_noted(announcer);
	while (map_count(announcer->sending) > 0 && send_taken(announcer));
	return map_count(announcer->sending) == 0;
}

void announcer_free(struct announcer **announcer)
{
	if (!*announcer)
		return;
	map_free(&(*announcer)->noted);
	map_free(&(*announcer)->sending);
	close((*announcer)->wake);
	close((*announcer)->channel);
	pthread_mutex_destroy(&(*announcer)->lock);
	free(*announcer);
	*announcer = NULL;
}
