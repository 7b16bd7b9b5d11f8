#include "auth/jobs.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"

struct job_list {
	struct auth_job *first, **end;
	size_t count;
};

struct auth_job_pool {
	pthread_mutex_t lock;        /* guards what follows */
	pthread_cond_t changed;
	struct threads threads;
	struct job_list waiting[JOB_KINDS], done;
	int idle, sign_ins;          /* of the threads: those without a job, and those at a sign-in */
	bool stopping;
	struct auth_backend *spare;       /* the first thread's handle, until it has it */
	const struct auth_backend_kind *kind;
	char *data;
	int done_fd;
};

static void append(struct job_list *list, struct auth_job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
	list->count++;
}

static struct auth_job *take(struct job_list *list)
{
	struct auth_job *job = list->first;
	if (!job)
		return NULL;
	if (!(list->first = job->next))
		list->end = &list->first;
	list->count--;
	return job;
}

/* ---- The threads; with the lock held but where said ---- */

/* The kind of the job that is next, JOB_KINDS if none may be begun. */
static enum auth_job_kind next_kind(const struct auth_job_pool *pool)
{
	if (pool->waiting[JOB_ADDRESS].first)
		return JOB_ADDRESS;
	bool room = pool->sign_ins < JOB_THREADS_MAX - JOB_THREADS_FOR_ADDRESSES;
	return room && pool->waiting[JOB_SIGN_IN].first ? JOB_SIGN_IN : JOB_KINDS;
}

static void finish(struct auth_job_pool *pool, struct auth_job *job)
{
	append(&pool->done, job);
	uint64_t one = 1;
	if (write(pool->done_fd, &one, sizeof one) < 0)
		log_warning("auth.unannounced"); /* only if the counter were full: then a wake-up is due anyway */
}

/* Without the lock. A handle that couldn't be had is tried again with the next job. */
static void run(struct auth_job_pool *pool, struct auth_job *job, struct auth_backend **backend)
{
	struct error error;
	if (!*backend && !(*backend = pool->kind->open(pool->data, &error)))
		log_error("directory.failed", log_text("reason", error.text));
	job->run(job, *backend);
}

static void run_next(struct auth_job_pool *pool, enum auth_job_kind kind, struct auth_backend **backend)
{
	struct auth_job *job = take(&pool->waiting[kind]);
	bool collected = job->done != NULL; /* else it is gone when it has run */
	pool->sign_ins += kind == JOB_SIGN_IN;
	pthread_mutex_unlock(&pool->lock);
	run(pool, job, backend);
	pthread_mutex_lock(&pool->lock);
	pool->sign_ins -= kind == JOB_SIGN_IN;
	if (collected)
		finish(pool, job);
}

/* False: there was nothing to do for so long that the thread isn't needed. */
static bool wait_for_job(struct auth_job_pool *pool)
{
	int64_t end_ms = clock_monotonic_ms() + JOB_IDLE_SECONDS * 1000;
	bool woken = true;
	pool->idle++;
	while (woken && !pool->stopping && next_kind(pool) == JOB_KINDS)
		woken = clock_wait(&pool->changed, &pool->lock, end_ms);
	pool->idle--;
	return woken || pool->threads.running == 1 || next_kind(pool) != JOB_KINDS;
}

static void *work(void *argument)
{
	struct auth_job_pool *pool = argument;
	pthread_mutex_lock(&pool->lock);
	struct auth_backend *backend = pool->spare;
	pool->spare = NULL;
	while (!pool->stopping) {
		enum auth_job_kind kind = next_kind(pool);
		if (kind != JOB_KINDS)
			run_next(pool, kind, &backend);
		else if (!wait_for_job(pool))
			break;
	}
	pthread_mutex_unlock(&pool->lock);
	if (backend)
		backend->kind->close(backend);
	pthread_mutex_lock(&pool->lock);
	return threads_leave(&pool->threads, &pool->lock);
}

static bool start_thread(struct auth_job_pool *pool)
{
	sigset_t all, former;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	bool started = threads_start(&pool->threads, 0, "backend", work, pool);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	return started;
}

/* ---- For the loop ---- */

struct auth_job_pool *auth_job_pool_new(const struct auth_backend_kind *kind, struct auth_backend *first, const char *data, int done_fd)
{
	struct auth_job_pool *pool = memory_new(sizeof *pool);
	pthread_mutex_init(&pool->lock, NULL);
	clock_init_condition(&pool->changed);
	threads_init(&pool->threads);
	for (int i = 0; i < JOB_KINDS; i++)
		pool->waiting[i].end = &pool->waiting[i].first;
	pool->done.end = &pool->done.first;
	pool->spare = first;
	pool->kind = kind;
	pool->data = memory_copy(data, strlen(data));
	pool->done_fd = done_fd;
	pthread_mutex_lock(&pool->lock);
	if (!start_thread(pool)) {
		log_error("auth.no_threads");
		abort(); /* nothing could be answered: let the master try again */
	}
	pthread_mutex_unlock(&pool->lock);
	return pool;
}

static void drop_all(struct job_list *list)
{
	struct auth_job *job;
	while ((job = take(list)))
		job->drop(job);
}

void auth_job_pool_free(struct auth_job_pool **pool)
{
	if (!*pool)
		return;
	pthread_mutex_lock(&(*pool)->lock);
	(*pool)->stopping = true;
	pthread_cond_broadcast(&(*pool)->changed);
	threads_join(&(*pool)->threads, &(*pool)->lock);
	pthread_mutex_unlock(&(*pool)->lock);
	for (int kind = 0; kind < JOB_KINDS; kind++)
		drop_all(&(*pool)->waiting[kind]);
	drop_all(&(*pool)->done);
	if ((*pool)->spare)
		(*pool)->spare->kind->close((*pool)->spare);
	pthread_cond_destroy(&(*pool)->changed);
	threads_free(&(*pool)->threads);
	pthread_mutex_destroy(&(*pool)->lock);
	free((*pool)->data);
	free(*pool);
	*pool = NULL;
}

void auth_job_pool_submit(struct auth_job_pool *pool, struct auth_job *job)
{
	pthread_mutex_lock(&pool->lock);
	bool full = pool->waiting[job->kind].count >= JOBS_WAITING_MAX;
	job->since_ms = clock_monotonic_ms();
	if (!full) {
		append(&pool->waiting[job->kind], job);
		if (pool->idle > 0)
			pthread_cond_signal(&pool->changed);
	}
	pthread_mutex_unlock(&pool->lock);
	if (!full)
		return;
	bool collected = job->done != NULL;
	job->run(job, NULL);
	pthread_mutex_lock(&pool->lock);
	if (collected)
		finish(pool, job);
	pthread_mutex_unlock(&pool->lock);
}

struct auth_job *auth_job_pool_collect(struct auth_job_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	struct auth_job *job = take(&pool->done);
	pthread_mutex_unlock(&pool->lock);
	return job;
}

bool auth_job_pool_tend(struct auth_job_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	enum auth_job_kind kind = next_kind(pool);
	bool waits = kind != JOB_KINDS;
	if (waits && pool->idle == 0 && pool->threads.running < JOB_THREADS_MAX && clock_monotonic_ms() - pool->waiting[kind].first->since_ms >= JOB_WAIT_MS)
		start_thread(pool);
	pthread_mutex_unlock(&pool->lock);
	return waits;
}
