/* The courier's threads: starting, the scheduler, stopping; see internal.h for the way of a message in here.
 *
 * The scheduler alone takes from the queue, at most IN_FLIGHT_MAX messages at a time, and of those that go elsewhere at most
 * BACKLOG_MAX wait for their turn; bodies stay in the queue until they are needed: so memory is bounded however long the
 * queue is. The two are counted apart, so that other servers that are slow never hold up what is delivered here. */
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "classify/classify.h"
#include "courier/feedback.h"
#include "courier/internal.h"
#include "courier/report.h"
#include "courier/sts.h"
#include "courier/tls_seen.h"

enum { TROUBLE_PAUSE_MS = 5000 };

void courier_poke(struct courier *courier)
{
	if (!courier)
		return;
	pthread_mutex_lock(&courier->lock);
	courier->wake = true;
	pthread_cond_signal(&courier->poked);
	pthread_mutex_unlock(&courier->lock);
}

void courier_letter_done(struct courier_letter **letter)
{
	struct courier *courier = (*letter)->courier;
	int64_t due = (*letter)->due;
	pthread_mutex_destroy(&(*letter)->lock);
	free(*letter);
	*letter = NULL;
	pthread_mutex_lock(&courier->lock);
	if (due != 0 && due * 1000 < courier->wakes_at) {
		courier->wakes_at = due * 1000;
		pthread_cond_signal(&courier->poked);
	}
	pthread_mutex_unlock(&courier->lock);
}

void courier_letters_handed_on(struct courier *courier, size_t count)
{
	size_t enough = IN_FLIGHT_MAX - TAKE_MAX;
	bool room = courier->in_flight > enough && courier->in_flight - count <= enough; /* the scheduler may have stopped for want of it */
	courier->in_flight -= count;
	courier->wake |= room;
	if (room)
		pthread_cond_signal(&courier->poked);
}

void courier_letters_told(struct courier *courier, size_t count)
{
	courier->untold_count -= count;
	courier->wake = true;
	pthread_cond_signal(&courier->poked);
}

/* ---- The scheduler ---- */

/* How many more messages may be taken. With the lock held. */
static size_t room_left(const struct courier *courier)
{
	size_t taken = courier->in_flight + courier->untold_count;
	return taken < IN_FLIGHT_MAX ? IN_FLIGHT_MAX - taken : 0;
}

/* With the lock held: waits until courier->wakes_at, which may come nearer meanwhile, a poke, or the end. However the
 * wall clock jumps, it is no longer than queue_poll_seconds(). */
static void scheduler_wait(struct courier *courier)
{
	int64_t last = clock_monotonic_ms() + queue_poll_seconds(courier->queue) * 1000;
	while (!courier->stopping && !courier->wake) {
		int64_t now = clock_monotonic_ms(), left = courier->wakes_at - clock_now_ms();
		int64_t until = left > last - now ? last : now + left;
		if (until <= now)
			return;
		clock_wait(&courier->poked, &courier->lock, until);
	}
}

/* The longest that anybody waits by our own doing. */
static int64_t longest_wait(const struct config *config)
{
	int64_t longest = COURIER_PUT_OFF_SECONDS_MOST;
	for (size_t i = 0; i < config->retry_schedule.count; i++) {
		int64_t delay = courier_retry_delay(config, (int)i);
		longest = delay > longest ? delay : longest;
	}
	return longest + longest / 5; /* it is spread by less than that */
}

/* After a clock that was ahead has been set back, nobody waits for the time that it showed. */
static void follow_clock(struct courier *courier)
{
	const struct config *config = config_current();
	struct error error = {0};
	size_t changed = 0;
	int64_t now = clock_now();
	if (!queue_pull_back(courier->queue, now, now + longest_wait(config), now + config->retry_for, &changed, &error))
		log_error("queue.unreadable", log_text("cause", error.text));
	if (changed > 0)
		log_warning("queue.pulled_back", log_number("recipients", (int64_t)changed), log_text("cause", "the clock has been set back"));
}

static void intake(struct courier *courier, struct queue_work **work, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct courier_letter *letter = courier_letter_new(courier, work[i]);
		pthread_mutex_lock(&courier->lock);
		*courier->intake_end = letter;
		courier->intake_end = &letter->next;
		courier->intake_count++;
		courier->in_flight++;
		pthread_cond_signal(&courier->filled);
		pthread_mutex_unlock(&courier->lock);
	}
}

/* Takes what is due. Returns when there will be more, in milliseconds since 1970; 0: there may be now. */
static int64_t take_due(struct courier *courier, size_t room)
{
	struct queue_work *work[TAKE_MAX];
	struct error error = {0};
	int64_t next_due = 0;
	size_t wanted = room < TAKE_MAX ? room : TAKE_MAX;
	follow_clock(courier);
	size_t count = queue_take(courier->queue, clock_now(), wanted, work, &next_due, &error);
	intake(courier, work, count);
	if (count == wanted)
		return 0;
	if (count == 0 && error.kind != ERROR_NONE) {
		log_error("queue.unreadable", log_text("cause", error.text));
		return clock_now_ms() + TROUBLE_PAUSE_MS;
	}
	return next_due > 0 ? next_due * 1000 : INT64_MAX;
}

static void *scheduler_thread(void *argument)
{
	struct courier *courier = argument;
	pthread_mutex_lock(&courier->lock);
	while (!courier->stopping) {
		size_t room = room_left(courier);
		courier->wake = false;
		courier->wakes_at = INT64_MAX;
		if (room > 0) {
			pthread_mutex_unlock(&courier->lock);
			int64_t due = take_due(courier, room), notice = courier_held_notices(courier), quarantine = courier_quarantine(courier);
			pthread_mutex_lock(&courier->lock);
			due = notice < due ? notice : due;
			due = quarantine < due ? quarantine : due;
			if (due < courier->wakes_at)
				courier->wakes_at = due;
		}
		scheduler_wait(courier);
	}
	return threads_leave(&courier->local, &courier->lock);
}

/* ---- Starting and stopping ---- */

static void start_thread(struct courier *courier, struct threads *group, void *(*run)(void *), const char *name)
{
	if (threads_start(group, 0, name, run, courier))
		return;
	log_error("courier.no_thread");
	exit(EXIT_FAILURE); /* the master starts the role again */
}

/* Not being able to read it costs verified connections, which say so, and no others. */
static void trust_certificates(const char *data)
{
	const char *name = config_current()->trusted_certificates;
	struct buf path = BUF(4096);
	struct error error = {0};
	if (!*name)
		return;
	buf_printf(&path, "%s%s%s", name[0] == '/' ? "" : data, name[0] == '/' ? "" : "/", name);
	if (!client_trust(path.at ? path.at : name, &error))
		log_error("courier.untrusting", log_text("cause", error.text));
	buf_free(&path);
}

static struct sts_cache *open_policies(const char *data)
{
	struct buf path = BUF(4096);
	buf_printf(&path, "%s/queue/tls-policies", data);
	struct sts_cache *cache = sts_cache_open(path.at ? path.at : "");
	buf_free(&path);
	return cache;
}

struct courier *courier_start(const struct courier_options *options)
{
	struct courier *courier = memory_new(sizeof *courier);
	courier->auth = options->auth;
	courier->dns = options->dns;
	courier->queue = options->queue;
	courier->store = options->store;
	courier->policy = options->policy;
	courier->data = memory_copy(options->data, slice_of(options->data).len);
	courier->aliases_noticed = courier_lately_new(ALIAS_NOTICE_SECONDS);
	courier->tls_seen = courier_tls_seen_new();
	courier->tls_failed = courier_lately_new(TLS_FAILED_SECONDS);
	courier->sts_failed = courier_lately_new(STS_FAILED_SECONDS);
	courier->sts_doubted = courier_lately_new(STS_DOUBTED_SECONDS);
	courier->sts = open_policies(options->data);
	trust_certificates(options->data);
	courier->intake_end = &courier->intake;
	courier->concluded_end = &courier->concluded_jobs;
	courier->untold_end = &courier->untold;
	courier->quit_fd = eventfd(0, EFD_CLOEXEC);
	courier->stop_fd = eventfd(0, EFD_CLOEXEC);
	courier_remote_start(courier);
	pthread_mutex_init(&courier->lock, NULL);
	clock_init_condition(&courier->poked);
	clock_init_condition(&courier->filled);
	clock_init_condition(&courier->work);
	clock_init_condition(&courier->concluded);
	clock_init_condition(&courier->untold_come);
	clock_init_condition(&courier->feedback_poked);
	threads_init(&courier->local);
	threads_init(&courier->remote);
	threads_init(&courier->closing);
	threads_init(&courier->reporting);
	threads_init(&courier->feedback);
	/* Signals are for the main thread: threads inherit this mask. SIGPIPE stays blocked in all of them (net/client.c). */
	sigset_t all, former;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	pthread_mutex_lock(&courier->lock);
	start_thread(courier, &courier->local, scheduler_thread, "scheduler");
	start_thread(courier, &courier->closing, courier_closing_thread, "closing");
	start_thread(courier, &courier->reporting, courier_report_thread, "reporting");
	if (courier->policy)
		start_thread(courier, &courier->feedback, courier_feedback_thread, "feedback");
	courier->local_threads = (size_t)config_current()->local_threads;
	for (size_t i = 0; i < courier->local_threads; i++)
		start_thread(courier, &courier->local, courier_local_thread, "local");
	pthread_mutex_unlock(&courier->lock);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	return courier;
}

/* Messages that nobody had begun with go back. */
static void drop_intake(struct courier *courier)
{
	while (courier->intake) {
		struct courier_letter *letter = courier->intake;
		courier->intake = letter->next;
		queue_release(courier->queue, &letter->work);
		courier_letter_done(&letter);
	}
}

static void end_thread(struct courier *courier, struct threads *group, bool *over, pthread_cond_t *told)
{
	pthread_mutex_lock(&courier->lock);
	*over = true;
	pthread_cond_signal(told);
	threads_join(group, &courier->lock);
	pthread_mutex_unlock(&courier->lock);
}

void courier_stop(struct courier **stopped, int seconds)
{
	struct courier *courier = *stopped;
	int64_t until = clock_monotonic_ms() + (int64_t)seconds * 1000;
	if (!courier)
		return;
	/* Reports that are queued from here on are for the next start; nobody is to be poked who is about to go. */
	queue_on_commit(courier->queue, NULL, NULL);
	atomic_store(&courier->leaving, true);
	dns_stop(courier->dns); /* who waits for the DNS hasn't begun yet with another server */
	pthread_mutex_lock(&courier->lock);
	courier->stopping = true;
	pthread_cond_broadcast(&courier->poked);
	pthread_cond_broadcast(&courier->filled);
	pthread_cond_broadcast(&courier->work);
	pthread_cond_broadcast(&courier->feedback_poked);
	eventfd_write(courier->quit_fd, 1);
	threads_wait(&courier->local, &courier->lock, until);
	threads_wait(&courier->remote, &courier->lock, until);
	eventfd_write(courier->stop_fd, 1);
	threads_join(&courier->feedback, &courier->lock);
	threads_join(&courier->local, &courier->lock);
	threads_join(&courier->remote, &courier->lock);
	pthread_mutex_unlock(&courier->lock);
	drop_intake(courier);
	courier_remote_end(courier);
	/* What has become known by now is written down, and told. */
	end_thread(courier, &courier->closing, &courier->all_concluded, &courier->concluded);
	end_thread(courier, &courier->reporting, &courier->last_words, &courier->untold_come);
	pthread_cond_destroy(&courier->poked);
	pthread_cond_destroy(&courier->filled);
	pthread_cond_destroy(&courier->work);
	pthread_cond_destroy(&courier->concluded);
	pthread_cond_destroy(&courier->untold_come);
	pthread_cond_destroy(&courier->feedback_poked);
	threads_free(&courier->local);
	threads_free(&courier->remote);
	threads_free(&courier->closing);
	threads_free(&courier->reporting);
	threads_free(&courier->feedback);
	pthread_mutex_destroy(&courier->lock);
	close(courier->quit_fd);
	close(courier->stop_fd);
	courier_lately_free(&courier->aliases_noticed);
	courier_lately_free(&courier->tls_failed);
	courier_lately_free(&courier->sts_failed);
	courier_lately_free(&courier->sts_doubted);
	sts_cache_free(&courier->sts);
	classify_store_close(&courier->learned);
	courier_tls_seen_free(&courier->tls_seen);
	free(courier->data);
	free(courier);
	*stopped = NULL;
}
