/* Questions to a backend (backend.h), each a job in a thread that has a handle of its own. As many threads as are needed, up to
 * JOB_THREADS_MAX: one more is started when a job has waited for JOB_WAIT_MS, that is, when the others wait for something slow; who
 * has had nothing to do for a while ends. Jobs of sign-ins leave some threads free for those about addresses, so mail goes on whatever
 * signing in waits for. */
#ifndef AUTH_JOBS_H
#define AUTH_JOBS_H

#include "auth/backend.h"

enum {
	JOB_THREADS_MAX = 40,
	JOB_THREADS_FOR_ADDRESSES = 8, /* of them never at a sign-in */
	JOB_WAIT_MS = 20,
	JOB_IDLE_SECONDS = 10,
	JOBS_WAITING_MAX = 4096,       /* of a kind; more are answered at once: not now */
};

enum auth_job_kind { JOB_ADDRESS, JOB_SIGN_IN, JOB_KINDS };

struct auth_job {
	struct auth_job *next;                 /* the pool's */
	int64_t since_ms;
	enum auth_job_kind kind;
	bool changes;                          /* it waits for others who change something, or takes long: never asked at once */
	/** In a thread of the pool. `backend` NULL: it can't be asked now. */
	void (*run)(struct auth_job *job, struct auth_backend *backend);
	/** Afterwards, by who collects it. NULL: run() has done everything, the job's freeing included. */
	void (*done)(void *context, struct auth_job *job);
	/** Instead of either, when the pool ends. */
	void (*drop)(struct auth_job *job);
};

struct auth_job_pool;
/** Handles come of that kind, for `data`; `first` is one, taken over, or NULL. `done_fd` (an eventfd, borrowed) is written to when there is
 * a job to collect. Starts a thread; signals stay with the caller's. */
struct auth_job_pool *auth_job_pool_new(const struct auth_backend_kind *kind, struct auth_backend *first, const char *data, int done_fd);
/** Waits for the running jobs, and drops all that isn't done. Sets *pool to NULL. */
void auth_job_pool_free(struct auth_job_pool **pool);
/** Hands a job over. If too many wait already it is run at once, without a backend, and collected as others are. */
void auth_job_pool_submit(struct auth_job_pool *pool, struct auth_job *job);
/** A job that is done, or NULL. */
struct auth_job *auth_job_pool_collect(struct auth_job_pool *pool);
/** Starts a thread if one is missing. True: jobs wait, look again after JOB_WAIT_MS. */
bool auth_job_pool_tend(struct auth_job_pool *pool);

#endif
