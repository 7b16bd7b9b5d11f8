/* Making what was written durable, together: rounds of work that many may wait for, of which one runs at a time. Whoever comes
 * while a round is running waits for the next, and the first of those that find none running runs it for all. */
#include <errno.h>
#include <unistd.h>

#include "base/array.h"
#include "base/distrust.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/durable/internal.h"

void durable_rounds_init(struct durable_rounds *rounds)
{
	*rounds = (struct durable_rounds){0};
	pthread_mutex_init(&rounds->lock, NULL);
	for (int i = 0; i < 2; i++)
		pthread_cond_init(&rounds->ended_one[i], NULL);
}

void durable_rounds_free(struct durable_rounds *rounds)
{
	pthread_mutex_destroy(&rounds->lock);
	for (int i = 0; i < 2; i++)
		pthread_cond_destroy(&rounds->ended_one[i]);
}

uint64_t durable_rounds_enter(struct durable_rounds *rounds)
{
	pthread_mutex_lock(&rounds->lock);
	/* One that is under way may have passed by what the caller wrote: only one that begins from now on will do. */
	return rounds->begun + 1;
}

/* Runs round number begun + 1 for everybody who waits for it; called and left with the lock held. */
static void run_round(struct durable_rounds *rounds, durable_round *run, struct durable *durable)
{
	struct error error;
	rounds->running = true;
	uint64_t round = ++rounds->begun;
	pthread_mutex_unlock(&rounds->lock);
	bool done = run(durable, round, &error);
	pthread_mutex_lock(&rounds->lock);
	rounds->running = false;
	rounds->ended = round;
	if (!done) {
		rounds->last_failed = round;
		rounds->error = error;
	}
}

/* Tells all who have waited for this round, and one of those who wait for the next, who runs it. Without the lock, which all of
 * them are about to take. */
static void tell_ended(struct durable_rounds *rounds, uint64_t round)
{
	pthread_cond_broadcast(&rounds->ended_one[round % 2]);
	pthread_cond_signal(&rounds->ended_one[(round + 1) % 2]);
}

bool durable_rounds_wait(struct durable_rounds *rounds, uint64_t round, durable_round *run, struct durable *durable, struct error *error)
{
	bool ran = false;
	while (rounds->ended < round) {
		ran = !rounds->running;
		if (ran)
			run_round(rounds, run, durable);
		else
			pthread_cond_wait(&rounds->ended_one[round % 2], &rounds->lock);
	}
	/* The kernel reports a failed write once; a later sync that succeeds says nothing about it. */
	bool done = rounds->last_failed < round;
	if (!done && error)
		*error = rounds->error;
	pthread_mutex_unlock(&rounds->lock);
	if (ran)
		tell_ended(rounds, round);
	return done;
}

/* ---- The sync of all that was written ---- */

enum { TO_REMOVE_MOST = 16 * 1024 };

bool durable_remove_later(struct durable *durable, const char *path)
{
	struct durable_paths *paths = &durable->to_remove;
	pthread_mutex_lock(&durable->sync.lock);
	bool room = paths->count < TO_REMOVE_MOST;
	if (room) {
		ARRAY_GROW(paths->at, paths->count, paths->room);
		paths->at[paths->count++] = memory_copy(path, strlen(path));
	}
	pthread_mutex_unlock(&durable->sync.lock);
	return room;
}

/* Those that a sync from now on makes superfluous. */
static struct durable_paths take_removable(struct durable *durable)
{
	pthread_mutex_lock(&durable->sync.lock);
	struct durable_paths paths = durable->to_remove;
	durable->to_remove = (struct durable_paths){0};
	pthread_mutex_unlock(&durable->sync.lock);
	return paths;
}

/* What stays is found again by the care of accounts. */
static void remove_or_forget(struct durable_paths *paths, bool remove)
{
	for (size_t i = 0; i < paths->count; i++) {
		if (remove)
			unlink(paths->at[i]);
		free(paths->at[i]);
	}
	free(paths->at);
	*paths = (struct durable_paths){0};
}

static bool sync_files(struct durable *durable, uint64_t round, struct error *error)
{
	(void)round;
	struct durable_paths paths = take_removable(durable);
	int failure = syncfs(durable->folder) == 0 ? 0 : errno;
	remove_or_forget(&paths, failure == 0);
	if (failure == 0)
		return true;
	error_set_errno(error, failure, "syncing %s", durable->data);
	log_error("store.sync_failed", log_text("cause", error->text));
	distrust_disk("the data directory", failure);
	return false;
}

bool durable_sync(struct durable *durable, struct error *error)
{
	return disk_is_trusted(error) && durable_rounds_wait(&durable->sync, durable_rounds_enter(&durable->sync), sync_files, durable, error);
}

bool durable_remove_now(struct durable *durable, struct error *error)
{
	pthread_mutex_lock(&durable->sync.lock);
	bool any = durable->to_remove.count > 0;
	pthread_mutex_unlock(&durable->sync.lock);
	return !any || durable_sync(durable, error);
}

/* ---- Opening and closing ---- */

struct durable *durable_open(const char *data, int folder, struct error *error)
{
	int64_t epoch;
	if (!durable_read_epoch(data, &epoch, error))
		return NULL;
	struct durable *durable = memory_new(sizeof *durable);
	*durable = (struct durable){.data = memory_copy(data, strlen(data)), .folder = folder, .epoch = epoch};
	durable_rounds_init(&durable->sync);
	durable_journal_init(&durable->journal);
	return durable;
}

void durable_close(struct durable **durable)
{
	struct durable *d = *durable;
	if (!d)
		return;
	durable_remove_now(d, NULL);
	remove_or_forget(&d->to_remove, false);
	durable_journal_free(&d->journal);
	durable_rounds_free(&d->sync);
	free(d->data);
	free(d);
	*durable = NULL;
}

int64_t durable_epoch(const struct durable *durable)
{
	return durable->epoch;
}
