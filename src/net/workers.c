/* Threads for work that may wait. One is started when more jobs wait than threads are on their way to them, and ends after a while
 * without work, so a quiet server has almost none. Of those that are idle it is always the last that goes on: what it needs is still near
 * the processor, and those that aren't needed get to their end. If no thread can be started (limits of the system) the job waits for one
 * that exists; the first is made at start, where a failure ends the process.
 *
 * Jobs stand in three lines: people's who have signed in, strangers', and long work. The first two are served in turn, of four jobs one is
 * long; and what isn't people's never has the last thread, where there are several: so somebody who has signed in waits for no
 * stranger and for nobody's search. Who has used more of the threads lately than his share, a half of one, has all his work done as
 * long; among that, who has used least comes first. */

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "net/internal.h"

enum {
	LONG_EVERY = 4,        /* of so many jobs one is long */
	SHARES = 1024,         /* by hash; who meets in one, shares it */
	SHARE_MS = 300,        /* so much may be used at once … */
	SHARE_MOST_MS = 10000, /* … and no more than this is ever owed */
	SHARE_PARTS = 2,       /* of each millisecond that passes, one in so many is paid back */
	LONG_LOOK = 64,        /* among so many that wait the one is found who has used least */
};

struct jobs { struct net_job *first, *last; };

/** What somebody has used: `used_ms` at `at_ms`. */
struct share { int64_t used_ms, at_ms; };

/** A thread without work. */
struct idler {
	pthread_cond_t called;
	struct idler *before; /* the one that has been idle for longer */
	bool coming;          /* it was called, and is in the list no more */
};

struct workers {
	pthread_mutex_t lock;
	struct threads threads;
	struct idler *idlers;          /* the last first */
	struct jobs lanes[LANE_COUNT];
	size_t busy[LANE_COUNT];       /* threads at such work */
	size_t most, idle, waiting, taken;
	size_t coming;                 /* threads that were called or started, and haven't looked for a job yet */
	_Atomic size_t queued;         /* jobs in all lanes, also read without the lock */
	bool stopping;
	struct share shares[SHARES];
};

static void jobs_add(struct jobs *jobs, struct net_job *job)
{
	job->next = NULL;
	if (jobs->last)
		jobs->last->next = job;
	else
		jobs->first = job;
	jobs->last = job;
}

/* The one after `before`; NULL: the first. */
static struct net_job *jobs_take(struct jobs *jobs, struct net_job *before)
{
	struct net_job **at = before ? &before->next : &jobs->first, *job = *at;
	*at = job->next;
	if (jobs->last == job)
		jobs->last = before;
	return job;
}

bool workers_are_wanted(const struct workers *workers)
{
	return workers->queued > 0;
}

/* What is left of it by now. With the lock held. */
static int64_t used_by(struct workers *workers, uint64_t whose, int64_t now_ms)
{
	struct share *share = &workers->shares[whose % SHARES];
	int64_t left = share->used_ms - (now_ms - share->at_ms) / SHARE_PARTS;
	return left > 0 ? left : 0;
}

static struct net_job *take_long(struct workers *workers)
{
	int64_t now_ms = clock_monotonic_ms(), least = INT64_MAX;
	struct net_job *before = NULL, *best_before = NULL;
	int looked = 0;
	for (struct net_job *job = workers->lanes[LANE_LONG].first; job && looked < LONG_LOOK; before = job, job = job->next, looked++) {
		int64_t used = used_by(workers, job->whose, now_ms);
		if (used < least) {
			least = used;
			best_before = before;
		}
	}
	return jobs_take(&workers->lanes[LANE_LONG], best_before);
}

static bool may_take(const struct workers *workers, enum net_lane lane)
{
	bool last_thread = workers->most > 1 && workers->busy[LANE_STRANGERS] + workers->busy[LANE_LONG] >= workers->most - 1;
	return workers->lanes[lane].first && (lane == LANE_PEOPLE || workers->stopping || !last_thread);
}

/* The lane whose turn it is; LANE_COUNT: none that this thread may take from has a job. */
static enum net_lane next_lane(const struct workers *workers)
{
	static const enum net_lane orders[LONG_EVERY][LANE_COUNT] = {
		{LANE_PEOPLE, LANE_STRANGERS, LANE_LONG}, {LANE_STRANGERS, LANE_PEOPLE, LANE_LONG},
		{LANE_PEOPLE, LANE_STRANGERS, LANE_LONG}, {LANE_LONG, LANE_PEOPLE, LANE_STRANGERS},
	};
	const enum net_lane *order = orders[workers->taken % LONG_EVERY];
	for (int i = 0; i < LANE_COUNT; i++)
		if (may_take(workers, order[i]))
			return order[i];
	return LANE_COUNT;
}

static struct net_job *take_job(struct workers *workers, enum net_lane lane)
{
	workers->taken++;
	workers->queued--;
	workers->busy[lane]++;
	return lane == LANE_LONG ? take_long(workers) : jobs_take(&workers->lanes[lane], NULL);
}

static void call_idler(struct workers *workers)
{
	struct idler *idler = workers->idlers;
	workers->idlers = idler->before;
	workers->idle--;
	workers->coming++;
	idler->coming = true;
	pthread_cond_signal(&idler->called);
}

static void leave_idlers(struct workers *workers, const struct idler *idler)
{
	struct idler **at = &workers->idlers;
	while (*at != idler)
		at = &(*at)->before;
	*at = idler->before;
	workers->idle--;
}

/* False: nobody has called it for long. */
static bool be_idle(struct workers *workers, struct idler *idler)
{
	int64_t until = clock_monotonic_ms() + WORKER_IDLE_SECONDS * 1000;
	bool in_time = true;
	idler->before = workers->idlers;
	workers->idlers = idler;
	workers->idle++;
	while (!idler->coming && in_time)
		in_time = clock_wait(&idler->called, &workers->lock, until);
	if (idler->coming)
		workers->coming--;
	else
		leave_idlers(workers, idler);
	bool called = idler->coming;
	idler->coming = false;
	return called;
}

/* Waits for a job; NULL when this thread should end. Called and returns with the lock held. */
static struct net_job *wait_for_job(struct workers *workers, struct idler *idler, enum net_lane *lane)
{
	if (workers->threads.running > workers->most && !workers->stopping) /* there may be fewer than there were */
		return NULL;
	while ((*lane = next_lane(workers)) == LANE_COUNT) {
		if (workers->stopping)
			return NULL;
		if (!be_idle(workers, idler) && !workers_are_wanted(workers) && workers->threads.running > 1)
			return NULL;
	}
	return take_job(workers, *lane);
}

static void *worker_main(void *argument)
{
	struct workers *workers = argument;
	struct idler idler = {0};
	struct net_job *job;
	enum net_lane lane;
	clock_init_condition(&idler.called);
	pthread_mutex_lock(&workers->lock);
	workers->coming--;
	while ((job = wait_for_job(workers, &idler, &lane))) {
		void (*work)(void *) = job->work;
		void *work_argument = job->argument;
		pthread_mutex_unlock(&workers->lock);
		work(work_argument);
		pthread_mutex_lock(&workers->lock);
		workers->busy[lane]--;
	}
	pthread_cond_destroy(&idler.called);
	return threads_leave(&workers->threads, &workers->lock);
}

/* With the lock held. */
static bool start_thread(struct workers *workers)
{
	bool started = threads_start(&workers->threads, WORKER_STACK, "worker", worker_main, workers);
	workers->coming += started;
	return started;
}

void workers_set_most(struct workers *workers, int most)
{
	pthread_mutex_lock(&workers->lock);
	workers->most = most > 0 ? (size_t)most : 1;
	pthread_mutex_unlock(&workers->lock);
}

struct workers *workers_new(int most)
{
	struct workers *workers = memory_new(sizeof *workers);
	pthread_mutex_init(&workers->lock, NULL);
	threads_init(&workers->threads);
	workers_set_most(workers, most);
	pthread_mutex_lock(&workers->lock);
	if (!start_thread(workers))
		memory_exhausted(WORKER_STACK);
	pthread_mutex_unlock(&workers->lock);
	return workers;
}

enum net_lane workers_lane(struct workers *workers, uint64_t whose, enum net_lane lane)
{
	pthread_mutex_lock(&workers->lock);
	bool within = used_by(workers, whose, clock_monotonic_ms()) <= SHARE_MS;
	pthread_mutex_unlock(&workers->lock);
	return within ? lane : LANE_LONG;
}

void workers_charge(struct workers *workers, uint64_t whose, int64_t milliseconds)
{
	if (milliseconds <= 0)
		return;
	int64_t now_ms = clock_monotonic_ms();
	struct share *share = &workers->shares[whose % SHARES];
	pthread_mutex_lock(&workers->lock);
	int64_t used = used_by(workers, whose, now_ms) + milliseconds;
	*share = (struct share){.used_ms = used < SHARE_MOST_MS ? used : SHARE_MOST_MS, .at_ms = now_ms};
	pthread_mutex_unlock(&workers->lock);
}

void workers_submit(struct workers *workers, struct net_job *job, enum net_lane lane)
{
	pthread_mutex_lock(&workers->lock);
	jobs_add(&workers->lanes[lane], job);
	workers->queued++;
	bool wanted = workers->queued > workers->coming;
	if (wanted && workers->idle > 0)
		call_idler(workers);
	else if (wanted && workers->threads.running < workers->most && !start_thread(workers))
		log_warning("worker.not_started", log_number("threads", (int64_t)workers->threads.running));
	pthread_mutex_unlock(&workers->lock);
}

bool workers_begin_waiting(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	bool may = !workers_are_wanted(workers) && !workers->stopping && workers->waiting < workers->most / 2;
	workers->waiting += may;
	pthread_mutex_unlock(&workers->lock);
	return may;
}

void workers_end_waiting(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->waiting--;
	pthread_mutex_unlock(&workers->lock);
}

void workers_counts(struct workers *workers, uint64_t *threads, uint64_t *busy)
{
	pthread_mutex_lock(&workers->lock);
	*threads = workers->threads.running;
	*busy = workers->threads.running - workers->idle - workers->waiting;
	pthread_mutex_unlock(&workers->lock);
}

void workers_free(struct workers **workers_pointer)
{
	struct workers *workers = *workers_pointer;
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	while (workers->idlers)
		call_idler(workers);
	threads_join(&workers->threads, &workers->lock);
	pthread_mutex_unlock(&workers->lock);
	pthread_mutex_destroy(&workers->lock);
	threads_free(&workers->threads);
	free(workers);
	*workers_pointer = NULL;
}
