/* Threads for work that may wait. They are started when a job finds no idle one and end after a while without work, so a
 * quiet server has almost none. Jobs are taken in the order they came, but what goes on with long work comes after what is new:
 * of four, one is such. If no thread can be started (limits of the system)
 * the job waits for one that exists; the first is made at start, where a failure ends the process. */

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "net/internal.h"

struct jobs { struct job *first, *last; };

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t submitted;
	struct threads threads;
	struct jobs new, long_work;
	size_t most, idle, waiting, taken;
	bool stopping;
};

enum { NEW_JOBS_BEFORE_LONG_WORK = 3 };

static void jobs_add(struct jobs *jobs, struct job *job)
{
	job->next = NULL;
	if (jobs->last)
		jobs->last->next = job;
	else
		jobs->first = job;
	jobs->last = job;
}

static struct job *jobs_take(struct jobs *jobs)
{
	struct job *job = jobs->first;
	jobs->first = job->next;
	if (!jobs->first)
		jobs->last = NULL;
	return job;
}

static bool has_jobs(const struct workers *workers)
{
	return workers->new.first || workers->long_work.first;
}

/* There is one. */
static struct job *take_job(struct workers *workers)
{
	bool long_works_turn = workers->long_work.first && workers->taken++ % (NEW_JOBS_BEFORE_LONG_WORK + 1) == NEW_JOBS_BEFORE_LONG_WORK;
	return jobs_take(long_works_turn || !workers->new.first ? &workers->long_work : &workers->new);
}

/* Waits for a job; NULL when this thread should end. Called and returns with the lock held. */
static struct job *wait_for_job(struct workers *workers)
{
	if (workers->threads.running > workers->most && !workers->stopping) /* there may be fewer than there were */
		return NULL;
	while (!has_jobs(workers)) {
		if (workers->stopping)
			return NULL;
		workers->idle++;
		bool in_time = clock_wait(&workers->submitted, &workers->lock, clock_monotonic_ms() + WORKER_IDLE_SECONDS * 1000);
		workers->idle--;
		if (!in_time && !has_jobs(workers) && workers->threads.running > 1)
			return NULL;
	}
	return take_job(workers);
}

static void *worker_main(void *argument)
{
	struct workers *workers = argument;
	struct job *job;
	pthread_mutex_lock(&workers->lock);
	while ((job = wait_for_job(workers))) {
		void (*work)(void *) = job->work;
		void *work_argument = job->argument;
		pthread_mutex_unlock(&workers->lock);
		work(work_argument);
		pthread_mutex_lock(&workers->lock);
	}
	return threads_leave(&workers->threads, &workers->lock);
}

/* With the lock held. */
static bool start_thread(struct workers *workers)
{
	return threads_start(&workers->threads, WORKER_STACK, "worker", worker_main, workers);
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
	clock_init_condition(&workers->submitted);
	threads_init(&workers->threads);
	workers_set_most(workers, most);
	pthread_mutex_lock(&workers->lock);
	if (!start_thread(workers))
		memory_exhausted(WORKER_STACK);
	pthread_mutex_unlock(&workers->lock);
	return workers;
}

void workers_submit(struct workers *workers, struct job *job, bool long_work)
{
	pthread_mutex_lock(&workers->lock);
	bool others_wait = has_jobs(workers);
	jobs_add(long_work ? &workers->long_work : &workers->new, job);
	if (workers->idle > 0)
		pthread_cond_signal(&workers->submitted);
	if ((workers->idle == 0 || others_wait) && workers->threads.running < workers->most && !start_thread(workers))
		log_warning("worker.not_started", log_number("threads", (int64_t)workers->threads.running));
	pthread_mutex_unlock(&workers->lock);
}

bool workers_begin_waiting(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	bool may = !has_jobs(workers) && !workers->stopping && workers->waiting < workers->most / 2;
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

bool workers_are_wanted(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	bool wanted = has_jobs(workers);
	pthread_mutex_unlock(&workers->lock);
	return wanted;
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
	pthread_cond_broadcast(&workers->submitted);
	threads_join(&workers->threads, &workers->lock);
	pthread_mutex_unlock(&workers->lock);
	pthread_mutex_destroy(&workers->lock);
	pthread_cond_destroy(&workers->submitted);
	threads_free(&workers->threads);
	free(workers);
	*workers_pointer = NULL;
}
