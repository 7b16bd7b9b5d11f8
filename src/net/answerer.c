/* The answering side of call.h: one thread receives, any answer. Answers that find no room wait in a list; as long as there is one,
 * nothing more is received, so who doesn't fetch his answers can make nobody grow. */
#include "net/call.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/random.h"
#include "net/call_wire.h"

/** An answer that waits for room. */
struct waiting {
	struct waiting *next;
	struct call_datagram datagram; /* with text and descriptors of its own */
	char *text;
};

struct answerer {
	int channel, wake_fd;
	uint64_t generation;
	char news[CALL_NEWS_MAX];      /* the receiving thread's */
	size_t news_len;
	char *bytes;                   /* for one datagram; the receiving thread's */
	pthread_mutex_t lock;          /* guards what follows */
	struct waiting *first, **last;
};

struct answerer *answerer_new(int channel)
{
	struct answerer *answerer = memory_new(sizeof *answerer);
	answerer->channel = channel;
	answerer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (answerer->wake_fd < 0)
		memory_exhausted(0);
	answerer->generation = random_u64() | 1;
	answerer->bytes = memory_new(CALL_DATAGRAM_MAX);
	answerer->last = &answerer->first;
	pthread_mutex_init(&answerer->lock, NULL);
	answerer_tell(answerer, SLICE(""));
	return answerer;
}

static void free_waiting(struct waiting *waiting)
{
	call_close(&waiting->datagram);
	memory_wipe(waiting->text, waiting->datagram.text.len);
	free(waiting->text);
	free(waiting);
}

void answerer_free(struct answerer **answerer)
{
	struct answerer *old = *answerer;
	*answerer = NULL;
	if (!old)
		return;
	for (struct waiting *waiting = old->first, *next; waiting; waiting = next) {
		next = waiting->next;
		free_waiting(waiting);
	}
	close(old->channel);
	close(old->wake_fd);
	free(old->bytes);
	pthread_mutex_destroy(&old->lock);
	free(old);
}

int answerer_channel(const struct answerer *answerer) { return answerer->channel; }
int answerer_wake_fd(const struct answerer *answerer) { return answerer->wake_fd; }

short answerer_events(const struct answerer *answerer)
{
	struct answerer *self = (struct answerer *)(uintptr_t)answerer;
	pthread_mutex_lock(&self->lock);
	bool full = self->first != NULL;
	pthread_mutex_unlock(&self->lock);
	return full ? POLLOUT : POLLIN;
}

/* ---- Answering ---- */

/* With the lock held. What can't be sent for another reason than want of room is nobody's any more. */
static bool send_now(struct answerer *answerer, const struct call_datagram *datagram)
{
	return call_send(answerer->channel, datagram) || errno != EAGAIN;
}

static void keep(struct answerer *answerer, const struct call_datagram *datagram)
{
	struct waiting *waiting = memory_new(sizeof *waiting);
	waiting->datagram = *datagram;
	waiting->text = memory_copy(datagram->text.at, datagram->text.len);
	waiting->datagram.text = slice_make(waiting->text, datagram->text.len);
	for (size_t i = 0; i < datagram->fd_count; i++)
		waiting->datagram.fds[i] = dup(datagram->fds[i]);
	*answerer->last = waiting;
	answerer->last = &waiting->next;
	eventfd_write(answerer->wake_fd, 1);
}

/* With the lock held. */
static void send_or_keep(struct answerer *answerer, const struct call_datagram *datagram)
{
	if (answerer->first || !send_now(answerer, datagram))
		keep(answerer, datagram);
}

static void say_hello(struct answerer *answerer)
{
	struct slice news = slice_make(answerer->news, answerer->news_len);
	pthread_mutex_lock(&answerer->lock);
	send_or_keep(answerer, &(struct call_datagram){.kind = CALL_HELLO, .generation = answerer->generation, .text = news});
	pthread_mutex_unlock(&answerer->lock);
}

void answerer_tell(struct answerer *answerer, struct slice news)
{
	answerer->news_len = news.len < CALL_NEWS_MAX ? news.len : CALL_NEWS_MAX;
	memcpy(answerer->news, news.at, answerer->news_len);
	say_hello(answerer);
}

void answerer_answer(struct answerer *answerer, uint64_t id, struct slice text, const int *fds, size_t fd_count)
{
	struct call_datagram datagram = {.kind = CALL_ANSWER, .generation = answerer->generation, .id = id, .fd_count = fd_count};
	for (size_t i = 0; i < fd_count; i++)
		datagram.fds[i] = fds[i];
	pthread_mutex_lock(&answerer->lock);
	do {
		datagram.text = slice_sub(text, 0, CALL_INLINE_MAX);
		text = slice_skip(text, datagram.text.len);
		datagram.flags = text.len > 0 ? CALL_MORE : 0;
		send_or_keep(answerer, &datagram);
		datagram.fd_count = 0; /* they go with the first */
	} while (text.len > 0);
	pthread_mutex_unlock(&answerer->lock);
}

/* True when none waits any more. */
static bool send_waiting(struct answerer *answerer)
{
	eventfd_t ignored;
	struct waiting *waiting;
	pthread_mutex_lock(&answerer->lock);
	if (answerer->first)
		eventfd_read(answerer->wake_fd, &ignored);
	while ((waiting = answerer->first) && send_now(answerer, &waiting->datagram)) {
		if (!(answerer->first = waiting->next))
			answerer->last = &answerer->first;
		free_waiting(waiting);
	}
	bool empty = answerer->first == NULL;
	pthread_mutex_unlock(&answerer->lock);
	return empty;
}

/* ---- Receiving ---- */

/* Takes over text and descriptors. */
static bool open_question(struct call_datagram *datagram, struct call_received *question)
{
	*question = (struct call_received){.id = datagram->id, .verb = datagram->verb, .again = datagram->flags & CALL_AGAIN, .begin_by = datagram->time};
	if (datagram->flags & CALL_IN_MEMORY) {
		if (!call_map_text(datagram, CALL_TEXT_MAX, &question->text))
			return false;
		question->mapped = question->text.len;
	} else {
		question->memory = memory_copy(datagram->text.at, datagram->text.len);
		question->text = slice_make(question->memory, datagram->text.len);
	}
	question->fd_count = datagram->fd_count;
	memcpy(question->fds, datagram->fds, sizeof question->fds);
	datagram->fd_count = 0;
	return true;
}

enum call_result answerer_receive(struct answerer *answerer, struct call_received *question)
{
	struct call_datagram datagram;
	if (!send_waiting(answerer))
		return CALL_NOTHING;
	int got = call_receive(answerer->channel, answerer->bytes, &datagram);
	if (got < 0)
		return CALL_ENDED;
	if (got > 0 && datagram.kind == CALL_PING)
		say_hello(answerer);
	bool for_us = got > 0 && datagram.kind == CALL_QUESTION && datagram.generation == answerer->generation;
	bool done = for_us && open_question(&datagram, question);
	if (got > 0)
		memory_wipe((char *)(uintptr_t)datagram.text.at, datagram.text.len);
	call_close(&datagram);
	return done ? CALL_RECEIVED : CALL_NOTHING;
}

void call_received_free(struct call_received *question)
{
	for (size_t i = 0; i < question->fd_count; i++)
		if (question->fds[i] >= 0)
			close(question->fds[i]);
	if (question->mapped > 0)
		munmap((void *)(uintptr_t)question->text.at, question->mapped);
	if (question->memory)
		memory_wipe(question->memory, question->text.len);
	free(question->memory);
	*question = (struct call_received){0};
}
