/* Making what was written durable, together: rounds of work that many may wait for, of which one runs at a time. Whoever comes
 * while a round is running waits for the next, and the first of those that find none running runs it for all. */
#include <errno.h>
#include <unistd.h>

#include "base/distrust.h"
#include "base/log.h"
#include "store/internal.h"

void sync_init(struct sync *sync)
{
	*sync = (struct sync){0};
	pthread_mutex_init(&sync->lock, NULL);
	for (int i = 0; i < 2; i++)
		pthread_cond_init(&sync->ended_one[i], NULL);
}

void sync_free(struct sync *sync)
{
	pthread_mutex_destroy(&sync->lock);
	for (int i = 0; i < 2; i++)
		pthread_cond_destroy(&sync->ended_one[i]);
}

uint64_t sync_enter(struct sync *sync)
{
	pthread_mutex_lock(&sync->lock);
	/* One that is under way may have passed by what the caller wrote: only one that begins from now on will do. */
	return sync->begun + 1;
}

/* Runs round number begun + 1 for everybody who waits for it; called and left with the lock held. */
static void run_round(struct sync *sync, sync_round *run, struct store *store)
{
	struct error error;
	sync->running = true;
	uint64_t round = ++sync->begun;
	pthread_mutex_unlock(&sync->lock);
	bool done = run(store, round, &error);
	pthread_mutex_lock(&sync->lock);
	sync->running = false;
	sync->ended = round;
	if (!done) {
		sync->last_failed = round;
		sync->error = error;
	}
}

/* Tells all who have waited for this round, and one of those who wait for the next, who runs it. Without the lock, which all of
 * them are about to take. */
static void tell_ended(struct sync *sync, uint64_t round)
{
	pthread_cond_broadcast(&sync->ended_one[round % 2]);
	pthread_cond_signal(&sync->ended_one[(round + 1) % 2]);
}

bool sync_wait(struct sync *sync, uint64_t round, sync_round *run, struct store *store, struct error *error)
{
	bool ran = false;
	while (sync->ended < round) {
		ran = !sync->running;
		if (ran)
			run_round(sync, run, store);
		else
			pthread_cond_wait(&sync->ended_one[round % 2], &sync->lock);
	}
	/* The kernel reports a failed write once; a later sync that succeeds says nothing about it. */
	bool done = sync->last_failed < round;
	if (!done && error)
		*error = sync->error;
	pthread_mutex_unlock(&sync->lock);
	if (ran)
		tell_ended(sync, round);
	return done;
}

static bool sync_files(struct store *store, uint64_t round, struct error *error)
{
	(void)round;
	struct paths settled = arrivals_settling(store);
	int failure = syncfs(store->data_fd) == 0 ? 0 : errno;
	arrivals_settled(&settled, failure == 0);
	if (failure == 0)
		return true;
	error_set_errno(error, failure, "syncing %s", store->data);
	log_error("store.sync_failed", log_text("cause", error->text));
	distrust_disk("the data directory", failure);
	return false;
}

bool store_sync(struct store *store, struct error *error)
{
	return disk_is_trusted(error) && sync_wait(&store->sync, sync_enter(&store->sync), sync_files, store, error);
}
