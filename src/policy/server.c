/* The policy role's work: takes questions about messages, has each judged, and answers. A job goes as far as it can with a thread; while the DNS is
 * asked it has none, and goes on with whichever is free when all that it wanted is answered, or its time is over: POLICY_SECONDS after the question
 * came. So every question is answered in time, though with less known, however many wait for a slow DNS.
 *
 * What was asked of a predecessor that ended isn't judged: it may be what ended it. Nor is what there are no threads and no room for. */
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "config/config.h"
#include "net/call.h"
#include "net/dns.h"
#include "policy/judging.h"

enum {
	THREADS_USUAL = 8,      /* a job mostly needs a processor, of which there are few; … */
	THREADS_MAX = 64,       /* … more, if scanners are to be waited for, or a job was ready for … */
	READY_MS = 250,         /* … so long, and nobody took it: large archives, say, take theirs */
	JOBS_MAX = 2000,        /* that are judged, or wait to be */
	STACK_SIZE = 512 * 1024,
	LOOK_EVERY_MS = 250,    /* for jobs whose time is over */
};

struct job {
	struct policy_server *server;
	struct answerer *answerer;           /* over which it was asked */
	struct job *before, *after;          /* in a list of the server's */
	struct call_received question;
	int64_t deadline;
	struct policy_question about;        /* what is asked; points into the question */
	struct lookup *table;                /* NULL: nobody has begun yet */
	struct policy_judging *judging;      /* one of these two is there */
	struct policy_gate_asking *asking;
	struct dns_round *round;             /* of the DNS, if one is under way */
	bool waits;                          /* for it, without a thread. With the server's lock */
	bool answered;                       /* … it is, before the job could wait. With the lock */
	int64_t ready_at;                    /* monotonic milliseconds */
};

struct jobs { struct job *first, *last; };

struct policy_server {
	struct answerer *answerers[POLICY_CHANNELS_MAX];
	size_t answerer_count;
	struct policy_means means;
	struct dns *dns;           /* made for the first question, by the thread that takes questions */
	pthread_mutex_t lock;      /* guards the rest; nothing of dns.h is called with it, since dns calls us with its own */
	pthread_cond_t work;
	struct jobs ready, waiting;
	size_t ready_count, count, idle;
	struct threads threads;
	size_t usual;              /* of them */
	bool stopping;
	int64_t looked_at;         /* by the thread that takes questions */
};

/* ---- Lists; with the lock held ---- */

static void append(struct jobs *jobs, struct job *job)
{
	job->after = NULL;
	job->before = jobs->last;
	*(jobs->last ? &jobs->last->after : &jobs->first) = job;
	jobs->last = job;
}

static void unlink_from(struct jobs *jobs, struct job *job)
{
	*(job->before ? &job->before->after : &jobs->first) = job->after;
	*(job->after ? &job->after->before : &jobs->last) = job->before;
}

static void *work(void *argument);

static void have_thread(struct policy_server *server, size_t most)
{
	if (server->idle <= server->ready_count && server->threads.running < most && !server->stopping)
		threads_start(&server->threads, STACK_SIZE, "policy", work, server);
}

/* For the next thread that is free. */
static void make_ready(struct policy_server *server, struct job *job)
{
	job->ready_at = clock_monotonic_ms();
	append(&server->ready, job);
	server->ready_count++;
	pthread_cond_signal(&server->work);
}

static void end_waiting(struct policy_server *server, struct job *job)
{
	job->waits = false;
	unlink_from(&server->waiting, job);
	have_thread(server, server->usual);
	make_ready(server, job);
}

/* ---- One job ---- */

static void free_job(struct job *job)
{
	if (job->round)
		dns_end(&job->round, job->table);
	policy_judging_free(&job->judging);
	policy_gatekeeper_end(&job->asking);
	lookup_free(&job->table);
	call_received_free(&job->question);
	free(job);
}

/* Takes both over. */
static void answer(const struct job *job, struct buf *text, int body)
{
	answerer_answer(job->answerer, job->question.id, buf_slice(text), &body, body >= 0);
	if (body >= 0)
		close(body);
	buf_free(text);
}

/* It isn't judged. */
static void answer_unknown(const struct job *job)
{
	struct buf out = BUF(CALL_ANSWER_MAX);
	if (job->question.verb == POLICY_GATE_VERB)
		policy_gatekeeper_let_in(&out);
	else
		policy_answer_encode(&(struct policy_answer){0}, &out);
	answer(job, &out, -1);
}

static int file_of(const struct job *job)
{
	return job->about.in_file && job->question.fd_count == 1 ? job->question.fds[0] : -1;
}

static void answer_own(struct job *job)
{
	struct buf out = BUF(CALL_ANSWER_MAX);
	int body = -1;
	policy_judge_own(&job->server->means, &job->about, file_of(job), job->deadline, &out, &body);
	answer(job, &out, body);
}

/* False: it is answered already. */
static bool begin(struct job *job)
{
	struct policy_means *means = &job->server->means;
	bool gate = job->question.verb == POLICY_GATE_VERB, read = !gate && policy_question_decode(job->question.text, &job->about);
	job->table = lookup_new();
	if (read && job->about.own) {
		answer_own(job);
		return false;
	}
	if (gate && job->server->dns)
		job->asking = policy_gatekeeper_begin(means->gatekeeper, job->question.text);
	else if (read && job->server->dns)
		job->judging = policy_judging_new(means, &job->about, file_of(job));
	if (!job->asking && !job->judging)
		answer_unknown(job);
	return job->asking || job->judging;
}

static bool run(struct job *job)
{
	return job->asking ? policy_gatekeeper_run(job->asking, job->table) : policy_judging_run(job->judging, job->table);
}

static void conclude(struct job *job)
{
	struct buf out = BUF(CALL_ANSWER_MAX);
	int body = -1;
	if (job->asking)
		policy_gatekeeper_conclude(job->asking, &out);
	else
		policy_judging_conclude(job->judging, job->deadline, &out, &body);
	answer(job, &out, body);
}

/* ---- Asking the DNS ---- */

static void on_answers(void *argument)
{
	struct job *job = argument;
	struct policy_server *server = job->server;
	pthread_mutex_lock(&server->lock);
	if (job->waits)
		end_waiting(server, job);
	else
		job->answered = true;
	pthread_mutex_unlock(&server->lock);
}

static void take_answers(struct job *job)
{
	if (job->round)
		dns_end(&job->round, job->table);
}

static bool is_over(const struct job *job)
{
	return clock_monotonic_ms() >= job->deadline;
}

/* False: what was wanted is answered already. True: the job isn't this thread's any more. */
static bool ask(struct job *job)
{
	struct policy_server *server = job->server;
	if (is_over(job)) { /* then what is kept must do */
		dns_answer(server->dns, job->table, job->deadline);
		return false;
	}
	job->answered = false;
	job->round = dns_begin(server->dns, job->table, on_answers, job);
	if (!job->round)
		return false;
	pthread_mutex_lock(&server->lock);
	job->waits = !job->answered;
	bool waits = job->waits;
	if (waits)
		append(&server->waiting, job);
	pthread_mutex_unlock(&server->lock);
	return waits;
}

/* As far as it can. True: it is answered, and no more. */
static bool go_on(struct job *job)
{
	bool begun = job->table || begin(job);
	while (begun) {
		take_answers(job);
		if (run(job))
			break;
		if (ask(job))
			return false;
	}
	if (begun)
		conclude(job);
	free_job(job);
	return true;
}

/* ---- Threads ---- */

/* With the lock held. NULL: the thread is to end. */
static struct job *take_job(struct policy_server *server)
{
	server->idle++;
	while (!server->ready.first && !server->stopping)
		pthread_cond_wait(&server->work, &server->lock);
	server->idle--;
	struct job *job = server->stopping ? NULL : server->ready.first;
	if (!job)
		return NULL;
	unlink_from(&server->ready, job);
	server->ready_count--;
	return job;
}

static void *work(void *argument)
{
	struct policy_server *server = argument;
	struct job *job;
	pthread_mutex_lock(&server->lock);
	while ((job = take_job(server))) {
		pthread_mutex_unlock(&server->lock);
		bool ended = go_on(job);
		pthread_mutex_lock(&server->lock);
		server->count -= ended;
	}
	return threads_leave(&server->threads, &server->lock);
}

/* False: there is no room for it. */
static bool hand_over(struct policy_server *server, struct job *job)
{
	pthread_mutex_lock(&server->lock);
	have_thread(server, server->usual);
	bool room = server->count < JOBS_MAX && server->threads.running > 0;
	if (room) {
		make_ready(server, job);
		server->count++;
	}
	pthread_mutex_unlock(&server->lock);
	return room;
}

/* ---- Questions ---- */

static void need_dns(struct policy_server *server)
{
	const struct config *config = config_current();
	struct error error;
	if (!server->dns && !(server->dns = dns_new(&(struct dns_options){config->resolver, config->trust_anchors.at, config->trust_anchors.count}, &error)))
		log_error("policy.no_dns", log_text("reason", error.text));
}

static void take(struct policy_server *server, struct answerer *answerer, struct call_received *question)
{
	struct job *job = memory_new(sizeof *job);
	job->server = server;
	job->answerer = answerer;
	job->question = *question;
	job->deadline = clock_monotonic_ms() + (question->verb == POLICY_GATE_VERB ? POLICY_GATE_SECONDS : POLICY_SECONDS) * 1000;
	*question = (struct call_received){0};
	need_dns(server);
	if ((job->question.verb == POLICY_VERB || job->question.verb == POLICY_GATE_VERB) && !job->question.again && hand_over(server, job))
		return;
	answer_unknown(job);
	free_job(job);
}

/* False: one has no other side any more. */
static bool receive_all(struct policy_server *server)
{
	struct call_received question;
	bool more = true;
	for (size_t i = 0; i < server->answerer_count; i++) {
		enum call_result result;
		while ((result = answerer_receive(server->answerers[i], &question)) == CALL_RECEIVED) {
			take(server, server->answerers[i], &question);
			call_received_free(&question);
		}
		more &= result != CALL_ENDED;
	}
	return more;
}

static bool has_jobs(struct policy_server *server)
{
	pthread_mutex_lock(&server->lock);
	bool any = server->count > 0;
	pthread_mutex_unlock(&server->lock);
	return any;
}

/* Waits for questions, answers to be sent, or its time. False: it is to stop. */
static bool wait_for_questions(struct policy_server *server, int stop_fd)
{
	struct pollfd polled[1 + 2 * POLICY_CHANNELS_MAX] = {{.fd = stop_fd, .events = POLLIN}};
	for (size_t i = 0; i < server->answerer_count; i++) {
		polled[1 + 2 * i] = (struct pollfd){.fd = answerer_wake_fd(server->answerers[i]), .events = POLLIN};
		polled[2 + 2 * i] = (struct pollfd){.fd = answerer_channel(server->answerers[i]), .events = answerer_events(server->answerers[i])};
	}
	if (poll(polled, 1 + 2 * server->answerer_count, has_jobs(server) ? LOOK_EVERY_MS : -1) <= 0)
		return true;
	return !polled[0].revents && receive_all(server);
}

/* Who has waited for the DNS long enough goes on without. */
static void end_waits(struct policy_server *server)
{
	for (struct job *job = server->waiting.first, *next; job; job = next) {
		next = job->after;
		if (is_over(job))
			end_waiting(server, job);
	}
}

static void look_after(struct policy_server *server)
{
	int64_t now = clock_monotonic_ms();
	if (now < server->looked_at + LOOK_EVERY_MS)
		return;
	server->looked_at = now;
	pthread_mutex_lock(&server->lock);
	end_waits(server);
	if (server->ready.first && now - server->ready.first->ready_at >= READY_MS)
		have_thread(server, THREADS_MAX);
	pthread_mutex_unlock(&server->lock);
}

static void free_all(struct job *first)
{
	for (struct job *job = first, *next; job; job = next) {
		next = job->after;
		free_job(job);
	}
}

/* Nobody waits for the DNS any longer; what isn't judged to its end is left: who has asked hears that there is no answer. */
static void stop(struct policy_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_cond_broadcast(&server->work);
	pthread_mutex_unlock(&server->lock);
	if (server->dns)
		dns_stop(server->dns);
	engine_pool_stop(server->means.engines);
	pthread_mutex_lock(&server->lock);
	threads_join(&server->threads, &server->lock);
	pthread_mutex_unlock(&server->lock);
	free_all(server->ready.first);
	free_all(server->waiting.first);
}

void policy_serve(const int *channels, size_t count, int stop_fd, const char *folder, struct engine_pool *engines, struct policy_feedback *feedback)
{
	struct policy_server server = {.answerer_count = count};
	for (size_t i = 0; i < count; i++)
		server.answerers[i] = answerer_new(channels[i]);
	policy_means_begin(&server.means, folder, engines, feedback);
	server.usual = engine_pool_count(engines) > 0 ? THREADS_MAX : THREADS_USUAL;
	pthread_mutex_init(&server.lock, NULL);
	pthread_cond_init(&server.work, NULL);
	threads_init(&server.threads);
	while (wait_for_questions(&server, stop_fd))
		look_after(&server);
	stop(&server);
	dns_free(&server.dns);
	policy_means_end(&server.means);
	for (size_t i = 0; i < count; i++)
		answerer_free(&server.answerers[i]);
	threads_free(&server.threads);
	pthread_cond_destroy(&server.work);
	pthread_mutex_destroy(&server.lock);
}
