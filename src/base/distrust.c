/* See distrust.h. */
#include "base/distrust.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

static atomic_bool distrusted;
static atomic_int pause_before_end = -1; /* milliseconds; -1: the process doesn't end */

static void *end_soon(void *unused)
{
	(void)unused;
	int pause = atomic_load(&pause_before_end);
	nanosleep(&(struct timespec){.tv_sec = pause / 1000, .tv_nsec = pause % 1000 * 1000000L}, NULL);
	_exit(DISTRUST_STATUS);
}

void distrust_ends_process(int pause_ms)
{
	atomic_store(&pause_before_end, pause_ms);
}

void distrust_disk(const char *what, int number)
{
	pthread_t thread;
	if (atomic_exchange(&distrusted, true))
		return;
	struct error cause;
	error_set_errno(&cause, number ? number : EIO, "syncing %s", what);
	log_error("disk.distrusted", log_text("cause", cause.text));
	int pause = atomic_load(&pause_before_end);
	if (pause == 0 || (pause > 0 && pthread_create(&thread, NULL, end_soon, NULL) != 0))
		_exit(DISTRUST_STATUS);
}

bool disk_is_trusted(struct error *error)
{
	return !atomic_load(&distrusted) || error_set_errno(error, EIO, "a sync has failed, and the disk isn't trusted before a new start");
}
