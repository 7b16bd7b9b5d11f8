/* The asking side of call.h. Any number of threads ask over the one channel; a receiving thread, started with the first question,
 * hands each answer to the one that waits for it.
 *
 * Every question names the generation of the side that it is for, and is read by no other; when a new one says hello, who waits asks
 * again. So a question is read once by each that could have done it, and only the first reading isn't marked. */
#include "net/call.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "net/call_wire.h"

enum {
	CALLER_PING_MS = 3000, /* who doesn't answer a ping within that isn't there */
	CALLER_BUFFER = 1024 * 1024, /* asked for; the system's limits make less of it */
};

/** One that waits; on its stack. */
struct pending {
	struct pending *next, *previous;
	uint64_t id, generation;    /* generation: that it was last sent to; 0: to none yet */
	int64_t since;
	pthread_cond_t changed;
	bool done;
	struct call_answer *answer;
};

struct caller {
	int channel, stop_fd;
	_Atomic int64_t waiting_since; /* of the first below */
	pthread_mutex_t lock;          /* guards what follows */
	struct pending *first, *last;  /* in the order of asking */
	uint64_t next_id, generation;  /* generation 0: not known yet */
	int64_t heard_at;              /* when the other side last said anything, monotonic ms */
	bool receiving;
	pthread_t receiver;
};

struct caller *caller_new(int channel)
{
	struct caller *caller = memory_new(sizeof *caller);
	caller->channel = channel;
	caller->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (caller->stop_fd < 0)
		memory_exhausted(0);
	setsockopt(channel, SOL_SOCKET, SO_SNDBUF, &(int){CALLER_BUFFER}, sizeof(int));
	pthread_mutex_init(&caller->lock, NULL);
	caller->next_id = random_u64(); /* so that no answer to a former process of this role fits */
	return caller;
}

void caller_free(struct caller **caller)
{
	struct caller *old = *caller;
	*caller = NULL;
	if (!old)
		return;
	if (old->receiving && eventfd_write(old->stop_fd, 1) == 0)
		pthread_join(old->receiver, NULL);
	close(old->channel);
	close(old->stop_fd);
	pthread_mutex_destroy(&old->lock);
	free(old);
}

int64_t caller_waiting_since(const struct caller *caller) { return caller->waiting_since; }

/* ---- Receiving ---- */

static void note_generation(struct caller *caller, uint64_t generation)
{
	caller->heard_at = clock_monotonic_ms();
	if (generation == caller->generation)
		return;
	caller->generation = generation;
	for (struct pending *pending = caller->first; pending; pending = pending->next)
		pthread_cond_signal(&pending->changed);
}

static void hand_over(struct caller *caller, struct call_datagram *datagram)
{
	struct pending *pending = caller->first;
	while (pending && pending->id != datagram->id)
		pending = pending->next;
	if (!pending || pending->done || !buf_append(&pending->answer->text, datagram->text))
		return;
	memcpy(pending->answer->fds, datagram->fds, sizeof pending->answer->fds);
	pending->answer->fd_count = datagram->fd_count;
	datagram->fd_count = 0;
	pending->done = true;
	pthread_cond_signal(&pending->changed);
}

static void take(struct caller *caller, struct call_datagram *datagram)
{
	pthread_mutex_lock(&caller->lock);
	note_generation(caller, datagram->generation);
	if (datagram->kind == CALL_ANSWER && datagram->fd_count <= CALL_DESCRIPTORS_MAX && !(datagram->flags & CALL_IN_MEMORY))
		hand_over(caller, datagram);
	pthread_mutex_unlock(&caller->lock);
	call_close(datagram);
}

static void *receive_all(void *argument)
{
	struct caller *caller = argument;
	char *bytes = memory_new(CALL_DATAGRAM_MAX);
	struct pollfd polled[2] = {{.fd = caller->stop_fd, .events = POLLIN}, {.fd = caller->channel, .events = POLLIN}};
	while (!polled[0].revents) {
		struct call_datagram datagram;
		int got = call_receive(caller->channel, bytes, &datagram);
		if (got > 0)
			take(caller, &datagram);
		else if (got < 0)
			polled[1].fd = -1; /* nobody holds the other end any more: all that is left is to time out */
		if (got <= 0 && poll(polled, 2, -1) < 0)
			polled[0].revents = 0;
	}
	free(bytes);
	return NULL;
}

static void ping(struct caller *caller)
{
	call_send(caller->channel, &(struct call_datagram){.kind = CALL_PING}); /* where there is no room, the other side is behind */
}

/* With the lock held. The first thing to know is who is there. */
static bool start_receiving(struct caller *caller)
{
	if (caller->receiving)
		return true;
	sigset_t all, former;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	caller->receiving = pthread_create(&caller->receiver, NULL, receive_all, caller) == 0;
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	ping(caller);
	return caller->receiving;
}

/* ---- Asking ---- */

static void enter(struct caller *caller, struct pending *pending)
{
	pending->id = caller->next_id++;
	pending->since = clock_monotonic_ms();
	pending->previous = caller->last;
	if (caller->last)
		caller->last->next = pending;
	else {
		caller->first = pending;
		caller->waiting_since = pending->since;
	}
	caller->last = pending;
}

static void leave(struct caller *caller, struct pending *pending)
{
	if (pending->next)
		pending->next->previous = pending->previous;
	else
		caller->last = pending->previous;
	if (pending->previous)
		pending->previous->next = pending->next;
	else {
		caller->first = pending->next;
		caller->waiting_since = caller->first ? caller->first->since : 0;
	}
}

/* Sends the question to who is there now, waiting for room until it isn't to be begun any more. With the lock held, which it gives
 * up meanwhile. False: it can't be sent. */
static bool send_question(struct caller *caller, const struct call_question *question, struct pending *pending)
{
	struct call_datagram datagram = {
		.kind = CALL_QUESTION,
		.flags = pending->generation != 0 ? CALL_AGAIN : 0,
		.verb = question->verb,
		.generation = caller->generation,
		.id = pending->id,
		.time = question->begin_by,
		.text = question->text,
		.fd_count = question->fd_count,
	};
	memcpy(datagram.fds, question->fds, sizeof question->fds);
	pending->generation = caller->generation;
	pthread_mutex_unlock(&caller->lock);
	bool sent;
	int64_t left;
	while (!(sent = call_send(caller->channel, &datagram)) && errno == EAGAIN && (left = question->begin_by - clock_monotonic_ms()) > 0) {
		struct pollfd polled = {.fd = caller->channel, .events = POLLOUT};
		poll(&polled, 1, (int)left);
	}
	pthread_mutex_lock(&caller->lock);
	return sent;
}

/* Is it worth waiting on? With the lock held. */
static bool has_patience(struct caller *caller, const struct call_question *question, int64_t *pinged_at)
{
	int64_t now = clock_monotonic_ms();
	if (now < question->begin_by)
		return true;
	if (now >= question->end_by || (*pinged_at > 0 && caller->heard_at < *pinged_at))
		return false;
	*pinged_at = now;
	ping(caller);
	return true;
}

/* With the lock held. */
static bool wait_for_answer(struct caller *caller, const struct call_question *question, struct pending *pending)
{
	int64_t pinged_at = 0;
	while (!pending->done) {
		if (caller->generation != pending->generation) {
			if (!send_question(caller, question, pending))
				return pending->done;
			continue;
		}
		int64_t until = pinged_at > 0 ? pinged_at + CALLER_PING_MS : question->begin_by;
		if (!clock_wait(&pending->changed, &caller->lock, until) && !has_patience(caller, question, &pinged_at))
			return pending->done;
	}
	return true;
}

bool caller_ask(struct caller *caller, const struct call_question *question, struct call_answer *answer)
{
	struct pending pending = {.answer = answer};
	*answer = (struct call_answer){.text = BUF(CALL_INLINE_MAX)};
	clock_init_condition(&pending.changed);
	pthread_mutex_lock(&caller->lock);
	enter(caller, &pending);
	bool answered = start_receiving(caller) && wait_for_answer(caller, question, &pending);
	leave(caller, &pending);
	pthread_mutex_unlock(&caller->lock);
	pthread_cond_destroy(&pending.changed);
	if (!answered)
		buf_free(&answer->text);
	return answered;
}
