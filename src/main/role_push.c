/* The push role: carries messages to push services (RFC 8030) whose URLs people's clients have named. It talks to the web role, to push services and to the DNS, and has
 * neither a file nor a key: what it is handed is encrypted for its reader already (webpush/webpush.h), with a token in which it can change nothing. Where it may
 * connect net/fetch.h decides: to addresses of the public internet alone, over https, to where a redirect leads not at all.
 *
 * A message that waits for its service has a thread; there are THREADS_MAX, and the web role sees to it that nobody has more than his part of them. */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "main/role.h"
#include "net/call.h"
#include "net/dns.h"
#include "net/fetch.h"
#include "webpush/webpush.h"

enum {
	THREADS_MAX = 32,
	STACK_SIZE = 512 * 1024,
	WAITING_MAX = 1000,
	SERVICE_SECONDS = 30,          /* for all of an answer */
	SERVICE_ANSWER_MAX = 64 * 1024, /* bytes; nobody reads them */
	QUESTIONS_PER_TURN = 64,
};

struct job {
	struct job *next;
	struct call_received question;
};

struct push_role {
	struct role *role;
	struct answerer *answerer;
	int stop_fd;
	atomic_bool stopping;
	struct dns *dns;       /* made for the first message, by the thread that takes questions; NULL: it can't be made */
	pthread_mutex_t lock;  /* guards the rest */
	pthread_cond_t work;
	struct job *first, **last;
	size_t waiting, idle;
	struct threads threads;
};

/* ---- One message ---- */

static bool post(const struct push_role *self, const struct webpush_message *message, struct arena *arena, struct fetch_answer *answer, struct error *error)
{
	const char *trusted = config_current()->trusted_certificates;
	if (*trusted && trusted[0] != '/')
		trusted = arena_printf(arena, "%s/%s", self->role->data, trusted).at;
	struct fetch_rules rules = {.dns = self->dns, .most = SERVICE_ANSWER_MAX, .seconds = SERVICE_SECONDS, .trusted = trusted, .may_reach = config_may_fetch, .stop = &self->stopping};
	struct fetch_field fields[] = {
		{SLICE("TTL"), arena_printf(arena, "%u", (unsigned)message->ttl)},
		{SLICE("Urgency"), slice_of(webpush_urgency_names[message->urgency])},
		{SLICE("Authorization"), message->authorization},
		{SLICE("Content-Encoding"), SLICE("aes128gcm")},
	};
	struct fetch_request request = {.method = "POST", .url = message->url, .type = SLICE("application/json"), .body = message->body, .fields = fields,
					.field_count = sizeof fields / sizeof *fields - !message->encrypted};
	return fetch(&rules, &request, arena, answer, error);
}

static struct webpush_answer carry(const struct push_role *self, struct slice text, struct arena *arena)
{
	struct webpush_message message;
	struct webpush_answer told = {0};
	struct fetch_answer answer;
	struct error error;
	struct slice retry;
	if (!webpush_message_decode(text, &message)) {
		told.why = SLICE("that is no message");
	} else if (!self->dns) {
		told.why = SLICE("the DNS can't be asked");
	} else if (!post(self, &message, arena, &answer, &error)) {
		told.why = arena_copy(arena, slice_of(error.text));
	} else {
		told.status = (unsigned)answer.status;
		if (fetch_field(&answer, "Retry-After", &retry))
			told.retry_after = webpush_retry_after(retry, clock_now());
	}
	return told;
}

static void answer(const struct push_role *self, const struct call_received *question, const struct webpush_answer *told)
{
	struct buf out = BUF(WEBPUSH_WHY_MAX + 64);
	webpush_answer_encode(told, &out);
	answerer_answer(self->answerer, question->id, buf_slice(&out), NULL, 0);
	buf_free(&out);
}

/* It may be what a predecessor died of; and who has asked knows better when to come again. */
static const char *reason_against(const struct call_received *question)
{
	return question->verb != WEBPUSH_VERB ? "that isn't done here" : question->again ? "it was interrupted" : clock_monotonic_ms() >= question->begin_by ? "it waited too long" : NULL;
}

static void work_on(const struct push_role *self, struct job *job)
{
	struct arena *arena = arena_new();
	const char *against = reason_against(&job->question);
	struct webpush_answer told = {.why = slice_of(against)};
	if (!against)
		told = carry(self, job->question.text, arena);
	answer(self, &job->question, &told);
	call_received_free(&job->question);
	free(job);
	arena_free_secret(&arena);
}

/* ---- Threads ---- */

/* With the lock held. */
static struct job *take(struct push_role *self)
{
	struct job *job = self->first;
	if (!job)
		return NULL;
	self->first = job->next;
	if (!self->first)
		self->last = &self->first;
	self->waiting--;
	return job;
}

static void *work(void *argument)
{
	enum { REST_MS = 10000 };
	struct push_role *self = argument;
	pthread_mutex_lock(&self->lock);
	for (bool more = true; more && !atomic_load(&self->stopping);) {
		struct job *job = take(self);
		if (!job) {
			self->idle++;
			more = clock_wait(&self->work, &self->lock, clock_monotonic_ms() + REST_MS);
			self->idle--;
			continue;
		}
		pthread_mutex_unlock(&self->lock);
		work_on(self, job);
		pthread_mutex_lock(&self->lock);
	}
	return threads_leave(&self->threads, &self->lock);
}

/* False: there is no room. */
static bool put(struct push_role *self, struct call_received *question)
{
	pthread_mutex_lock(&self->lock);
	bool room = self->waiting < WAITING_MAX;
	if (room) {
		struct job *job = memory_new(sizeof *job);
		job->question = *question;
		*self->last = job;
		self->last = &job->next;
		self->waiting++;
		if (self->idle < self->waiting && self->threads.running < THREADS_MAX)
			threads_start(&self->threads, STACK_SIZE, "push", work, self);
		pthread_cond_signal(&self->work);
	}
	pthread_mutex_unlock(&self->lock);
	return room;
}

/* ---- Taking questions ---- */

static void have_dns(struct push_role *self)
{
	const struct config *config = config_current();
	struct dns_options options = {config->resolver, config->trust_anchors.at, config->trust_anchors.count};
	struct error error;
	if (!self->dns && !(self->dns = dns_new(&options, &error)))
		log_warning("push.no_dns", log_text("reason", error.text));
}

static enum call_result receive_one(struct push_role *self)
{
	struct call_received question;
	enum call_result result = answerer_receive(self->answerer, &question);
	if (result != CALL_RECEIVED)
		return result;
	have_dns(self);
	if (!put(self, &question)) {
		answer(self, &question, &(struct webpush_answer){.why = SLICE("too many messages wait")});
		call_received_free(&question);
	}
	return result;
}

static void run(struct push_role *self)
{
	for (enum call_result result = CALL_NOTHING; result != CALL_ENDED;) {
		struct pollfd fds[] = {{.fd = self->stop_fd, .events = POLLIN}, {.fd = answerer_wake_fd(self->answerer), .events = POLLIN},
				       {.fd = answerer_channel(self->answerer), .events = answerer_events(self->answerer)}};
		if (poll(fds, sizeof fds / sizeof *fds, -1) <= 0)
			continue;
		if (fds[0].revents)
			return;
		result = CALL_RECEIVED;
		for (int i = 0; i < QUESTIONS_PER_TURN && result == CALL_RECEIVED; i++)
			result = receive_one(self);
	}
}

/* What hasn't been carried is asked of a successor, or by one. */
static void end_threads(struct push_role *self)
{
	pthread_mutex_lock(&self->lock);
	atomic_store(&self->stopping, true);
	pthread_cond_broadcast(&self->work);
	pthread_mutex_unlock(&self->lock);
	if (self->dns)
		dns_stop(self->dns);
	pthread_mutex_lock(&self->lock);
	threads_join(&self->threads, &self->lock);
	for (struct job *job; (job = take(self)) != NULL; free(job))
		call_received_free(&job->question);
	pthread_mutex_unlock(&self->lock);
}

static void stop(void *context, int seconds)
{
	(void)seconds;
	eventfd_write(((struct push_role *)context)->stop_fd, 1);
}

int role_push_main(struct role *role)
{
	struct push_role self = {.role = role};
	struct error error;
	self.last = &self.first;
	self.stop_fd = eventfd(0, EFD_CLOEXEC);
	if (self.stop_fd < 0)
		memory_exhausted(0);
	if (!role_confine(role, &error))
		role_fail(role, &error);
	pthread_mutex_init(&self.lock, NULL);
	clock_init_condition(&self.work);
	threads_init(&self.threads);
	self.answerer = answerer_new(role_channel(role, CHANNEL_PUSH));
	role_serve(role, stop, &self);
	run(&self);
	end_threads(&self);
	role_end(role);
	answerer_free(&self.answerer);
	dns_free(&self.dns);
	threads_free(&self.threads);
	pthread_cond_destroy(&self.work);
	pthread_mutex_destroy(&self.lock);
	close(self.stop_fd);
	return 0;
}
