/* The asking side of call.h. Any number of threads ask over the one channel. A receiving thread, started with the first question,
 * takes the answers, sends what found no room, asks again when the other side was restarted, and gives up what is late: so who asks
 * needs no thread to wait with.
 *
 * Every question names the generation of the side that it is for, and is read by no other; when a new one says hello, it is asked
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
	CALLER_BUCKETS = 256,
	CALLER_PING_MS = 3000, /* who doesn't answer a ping within that isn't there */
	CALLER_BUFFER = 1024 * 1024, /* asked for; the system's limits make less of it */
};

enum ticket_state {
	TICKET_UNSENT,  /* nobody is there yet, or there was no room: the receiving thread sends it */
	TICKET_SENDING, /* in the thread that asks */
	TICKET_SENT,
	TICKET_DONE,    /* with an answer or without; it is in no list any more */
};

struct call_ticket {
	struct caller *caller;
	struct call_question question;
	void (*done)(void *context);
	void *context;
	/* under the caller's lock */
	struct call_ticket *next_in_bucket, *next, *previous;
	enum ticket_state state;
	uint64_t id, generation; /* generation: that it was last sent to; 0: to none yet */
	int64_t since, pinged_at;
	bool answered;
	struct call_answer answer;
};

struct caller {
	int channel, wake_fd;
	_Atomic bool stopping;
	_Atomic int64_t waiting_since;   /* of the first below */
	pthread_mutex_t lock;            /* guards what follows */
	struct call_ticket *buckets[CALLER_BUCKETS]; /* by id */
	struct call_ticket *first, *last; /* in the order of asking */
	size_t unsent;
	uint64_t next_id, generation;    /* generation 0: not known yet */
	int64_t heard_at;                /* when the other side last said anything, monotonic ms */
	int64_t look_at;                 /* when the receiving thread looks for what is late */
	bool receiving;
	pthread_t receiver;
	void (*heard)(void *context, struct slice news); /* NULL: nobody cares */
	void *heard_context;
};

struct caller *caller_new(int channel)
{
	struct caller *caller = memory_new(sizeof *caller);
	caller->channel = channel;
	caller->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (caller->wake_fd < 0)
		memory_exhausted(0);
	setsockopt(channel, SOL_SOCKET, SO_SNDBUF, &(int){CALLER_BUFFER}, sizeof(int));
	pthread_mutex_init(&caller->lock, NULL);
	caller->look_at = INT64_MAX;
	caller->next_id = random_u64(); /* so that no answer to a former process of this role fits */
	return caller;
}

void caller_free(struct caller **caller)
{
	struct caller *old = *caller;
	*caller = NULL;
	if (!old)
		return;
	old->stopping = true;
	if (old->receiving && eventfd_write(old->wake_fd, 1) == 0)
		pthread_join(old->receiver, NULL);
	close(old->channel);
	close(old->wake_fd);
	pthread_mutex_destroy(&old->lock);
	free(old);
}

int64_t caller_waiting_since(const struct caller *caller) { return caller->waiting_since; }

/* ---- Tickets: with the lock held ---- */

static void enter(struct caller *caller, struct call_ticket *ticket)
{
	ticket->id = caller->next_id++;
	ticket->next_in_bucket = caller->buckets[ticket->id % CALLER_BUCKETS];
	caller->buckets[ticket->id % CALLER_BUCKETS] = ticket;
	ticket->since = clock_monotonic_ms();
	ticket->previous = caller->last;
	if (caller->last)
		caller->last->next = ticket;
	else {
		caller->first = ticket;
		caller->waiting_since = ticket->since;
	}
	caller->last = ticket;
	caller->unsent++;
}

static void set_state(struct call_ticket *ticket, enum ticket_state state)
{
	ticket->caller->unsent += (size_t)(state == TICKET_UNSENT) - (size_t)(ticket->state == TICKET_UNSENT);
	ticket->state = state;
}

static void leave(struct call_ticket *ticket)
{
	struct caller *caller = ticket->caller;
	set_state(ticket, TICKET_DONE);
	struct call_ticket **at = &caller->buckets[ticket->id % CALLER_BUCKETS];
	while (*at != ticket)
		at = &(*at)->next_in_bucket;
	*at = ticket->next_in_bucket;
	*(ticket->next ? &ticket->next->previous : &caller->last) = ticket->previous;
	if (ticket->previous)
		ticket->previous->next = ticket->next;
	else {
		caller->first = ticket->next;
		caller->waiting_since = caller->first ? caller->first->since : 0;
	}
}

static void finish(struct call_ticket *ticket, bool answered)
{
	ticket->answered = answered;
	leave(ticket);
	if (ticket->done)
		ticket->done(ticket->context);
}

void call_answer_free(struct call_answer *answer)
{
	buf_free(&answer->text);
	while (answer->fd_count > 0)
		close(answer->fds[--answer->fd_count]);
}

/* What was asked of somebody who has gone is asked again, if it may be. */
static void renew(struct call_ticket *ticket)
{
	call_answer_free(&ticket->answer); /* there may be a part of it */
	if (ticket->question.once)
		finish(ticket, false);
	else
		set_state(ticket, TICKET_UNSENT);
}

/* ---- Sending ---- */

static bool send_question(struct caller *caller, const struct call_ticket *ticket, uint64_t generation)
{
	const struct call_question *question = &ticket->question;
	struct call_datagram datagram = {
		.kind = CALL_QUESTION,
		.flags = ticket->generation != 0 ? CALL_AGAIN : 0,
		.verb = question->verb,
		.generation = generation,
		.id = ticket->id,
		.time = question->begin_by,
		.text = question->text,
		.fd_count = question->fd_count,
	};
	memcpy(datagram.fds, question->fds, sizeof question->fds);
	return call_send(caller->channel, &datagram);
}

/* What became of sending it to that generation. False: there is no room, or somebody else is there now. With the lock held. */
static bool note_sent(struct call_ticket *ticket, uint64_t generation, bool sent, int number)
{
	if (sent)
		ticket->generation = generation;
	if (ticket->state == TICKET_DONE)
		return true;
	if (!sent && number != EAGAIN) {
		finish(ticket, false);
		return true;
	}
	if (sent && generation != ticket->caller->generation)
		renew(ticket);
	else
		set_state(ticket, sent ? TICKET_SENT : TICKET_UNSENT);
	return ticket->state != TICKET_UNSENT;
}

/* Sends what is unsent, as far as there is room. With the lock held. */
static void send_unsent(struct caller *caller)
{
	bool room = caller->generation != 0;
	for (struct call_ticket *ticket = caller->first, *next; room && ticket && caller->unsent > 0; ticket = next) {
		next = ticket->next;
		if (ticket->state != TICKET_UNSENT)
			continue;
		bool sent = send_question(caller, ticket, caller->generation);
		room = note_sent(ticket, caller->generation, sent, errno);
	}
}

static void ping(struct caller *caller)
{
	call_send(caller->channel, &(struct call_datagram){.kind = CALL_PING}); /* where there is no room, the other side is behind */
}

/* ---- Patience ---- */

/* Is it worth waiting on? With the lock held. */
static bool has_patience(struct caller *caller, struct call_ticket *ticket, int64_t now)
{
	if (now < ticket->question.begin_by)
		return true;
	if (now >= ticket->question.end_by || ticket->state == TICKET_UNSENT)
		return false;
	if (ticket->pinged_at > 0 && now < ticket->pinged_at + CALLER_PING_MS)
		return true;
	if (ticket->pinged_at > 0 && caller->heard_at < ticket->pinged_at)
		return false;
	ticket->pinged_at = now;
	ping(caller);
	return true;
}

static int64_t next_look(const struct call_ticket *ticket)
{
	int64_t next = ticket->pinged_at > 0 ? ticket->pinged_at + CALLER_PING_MS : ticket->question.begin_by;
	return next < ticket->question.end_by || ticket->pinged_at == 0 ? next : ticket->question.end_by;
}

/* Gives up what is late. With the lock held. */
static void look(struct caller *caller)
{
	int64_t now = clock_monotonic_ms();
	if (now < caller->look_at)
		return;
	caller->look_at = INT64_MAX;
	for (struct call_ticket *ticket = caller->first, *next; ticket; ticket = next) {
		next = ticket->next;
		if (!has_patience(caller, ticket, now))
			finish(ticket, false);
		else if (next_look(ticket) < caller->look_at)
			caller->look_at = next_look(ticket);
	}
}

/* ---- Receiving ---- */

static void note_generation(struct caller *caller, uint64_t generation)
{
	caller->heard_at = clock_monotonic_ms();
	if (generation == caller->generation)
		return;
	caller->generation = generation;
	for (struct call_ticket *ticket = caller->first, *next; ticket; ticket = next) {
		next = ticket->next;
		if (ticket->state == TICKET_SENT)
			renew(ticket);
	}
}

static void hand_over(struct caller *caller, struct call_datagram *datagram)
{
	struct call_ticket *ticket = caller->buckets[datagram->id % CALLER_BUCKETS];
	while (ticket && ticket->id != datagram->id)
		ticket = ticket->next_in_bucket;
	if (!ticket)
		return;
	struct call_answer *answer = &ticket->answer;
	bool fits = buf_append(&answer->text, datagram->text);
	if (answer->fd_count == 0) {
		memcpy(answer->fds, datagram->fds, sizeof answer->fds);
		answer->fd_count = datagram->fd_count;
		datagram->fd_count = 0;
	}
	if (!fits || !(datagram->flags & CALL_MORE))
		finish(ticket, fits);
}

static void take(struct caller *caller, struct call_datagram *datagram)
{
	pthread_mutex_lock(&caller->lock);
	note_generation(caller, datagram->generation);
	if (datagram->kind == CALL_ANSWER && datagram->fd_count <= CALL_DESCRIPTORS_MAX && !(datagram->flags & CALL_IN_MEMORY))
		hand_over(caller, datagram);
	else if (datagram->kind == CALL_HELLO && caller->heard)
		caller->heard(caller->heard_context, datagram->text);
	pthread_mutex_unlock(&caller->lock);
	memory_wipe((char *)(uintptr_t)datagram->text.at, datagram->text.len);
	call_close(datagram);
}

/* What there is to do when nothing has come. *full: some questions wait for room. Returns for how long to sleep, in ms; -1: until
 * something comes. */
static int before_sleep(struct caller *caller, bool *full)
{
	pthread_mutex_lock(&caller->lock);
	send_unsent(caller);
	look(caller);
	*full = caller->unsent > 0 && caller->generation != 0;
	int64_t left = caller->look_at == INT64_MAX ? -1 : caller->look_at - clock_monotonic_ms();
	pthread_mutex_unlock(&caller->lock);
	return left < -1 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static void *receive_all(void *argument)
{
	struct caller *caller = argument;
	char *bytes = memory_new(CALL_DATAGRAM_MAX);
	struct pollfd polled[2] = {{.fd = caller->wake_fd, .events = POLLIN}, {.fd = caller->channel}};
	while (!caller->stopping) {
		struct call_datagram datagram;
		eventfd_t ignored;
		bool full;
		int got = call_receive(caller->channel, bytes, &datagram);
		if (got > 0) {
			take(caller, &datagram);
			continue;
		}
		if (got < 0)
			polled[1].fd = -1; /* nobody holds the other end any more: all that is left is to time out */
		int timeout = before_sleep(caller, &full);
		polled[1].events = (short)(full ? POLLIN | POLLOUT : POLLIN);
		if (poll(polled, 2, timeout) > 0 && polled[0].revents)
			eventfd_read(caller->wake_fd, &ignored);
	}
	free(bytes);
	return NULL;
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

void caller_on_news(struct caller *caller, void (*heard)(void *context, struct slice news), void *context)
{
	caller->heard = heard;
	caller->heard_context = context;
}

void caller_listen(struct caller *caller)
{
	pthread_mutex_lock(&caller->lock);
	start_receiving(caller); /* if there can't be a thread now, the first question starts it */
	pthread_mutex_unlock(&caller->lock);
}

/* ---- Asking ---- */

/* With the lock held, which it gives up while it sends. */
static void begin(struct caller *caller, struct call_ticket *ticket)
{
	bool waits_for_others = caller->unsent > 0;
	uint64_t generation = caller->generation;
	enter(caller, ticket);
	if (!start_receiving(caller)) {
		finish(ticket, false);
		return;
	}
	bool sent = false;
	if (generation != 0 && !waits_for_others) {
		set_state(ticket, TICKET_SENDING);
		pthread_mutex_unlock(&caller->lock);
		sent = send_question(caller, ticket, generation);
		int number = errno;
		pthread_mutex_lock(&caller->lock);
		sent = note_sent(ticket, generation, sent, number);
	}
	bool sooner = ticket->state != TICKET_DONE && next_look(ticket) < caller->look_at;
	if (sooner)
		caller->look_at = next_look(ticket);
	if (sooner || (!sent && generation != 0))
		eventfd_write(caller->wake_fd, 1);
}

struct call_ticket *caller_begin(struct caller *caller, const struct call_question *question, void (*done)(void *context), void *context)
{
	struct call_ticket *ticket = memory_new(sizeof *ticket);
	*ticket = (struct call_ticket){.caller = caller, .question = *question, .done = done, .context = context, .answer = {.text = BUF_SECRET(CALL_ANSWER_MAX)}};
	pthread_mutex_lock(&caller->lock);
	begin(caller, ticket);
	pthread_mutex_unlock(&caller->lock);
	return ticket;
}

bool caller_is_done(const struct call_ticket *ticket)
{
	pthread_mutex_lock(&ticket->caller->lock);
	bool done = ticket->state == TICKET_DONE;
	pthread_mutex_unlock(&ticket->caller->lock);
	return done;
}

bool caller_end(struct call_ticket **ticket_pointer, struct call_answer *answer)
{
	struct call_ticket *ticket = *ticket_pointer;
	struct caller *caller = ticket->caller;
	*ticket_pointer = NULL;
	pthread_mutex_lock(&caller->lock);
	if (ticket->state != TICKET_DONE)
		leave(ticket);
	pthread_mutex_unlock(&caller->lock);
	bool answered = ticket->answered;
	*answer = ticket->answer;
	if (!answered)
		call_answer_free(answer);
	free(ticket);
	return answered;
}

/** One that waits in a thread. */
struct asker {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
};

static void wake_asker(void *context)
{
	struct asker *asker = context;
	pthread_mutex_lock(&asker->lock);
	asker->done = true;
	pthread_cond_signal(&asker->changed);
	pthread_mutex_unlock(&asker->lock);
}

void caller_await(struct call_ticket *ticket)
{
	struct asker asker = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	pthread_mutex_lock(&ticket->caller->lock);
	asker.done = ticket->state == TICKET_DONE;
	ticket->done = wake_asker;
	ticket->context = &asker;
	pthread_mutex_unlock(&ticket->caller->lock);
	pthread_mutex_lock(&asker.lock);
	while (!asker.done)
		pthread_cond_wait(&asker.changed, &asker.lock);
	pthread_mutex_unlock(&asker.lock);
	pthread_cond_destroy(&asker.changed);
	pthread_mutex_destroy(&asker.lock);
}

bool caller_ask(struct caller *caller, const struct call_question *question, struct call_answer *answer)
{
	struct call_ticket *ticket = caller_begin(caller, question, NULL, NULL);
	caller_await(ticket);
	return caller_end(&ticket, answer);
}
