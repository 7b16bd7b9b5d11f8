/* The event file log/events.log, which the master writes (log_keeper.h), and the command line appends to. When it is large or a day
 * old it is renamed to log/events-<time>.log and a new one begun. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "main/master.h"

enum { LOG_DAY_SECONDS = 86400, LOG_NAME_MAX = 64 };

bool master_open_log(struct master *master, struct error *error)
{
	int fd = open("log/events.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "%s/log/events.log", master->data);
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (master->log >= 0)
		close(master->log);
	master->log = fd;
	master->log_opened = clock_now();
	log_keeper_set_file(master->log_keeper, fd);
	log_set_file(own);
	return true;
}

static bool is_former(const char *name)
{
	struct slice text = slice_of(name);
	return slice_starts(text, SLICE("events-")) && slice_ends_nocase(text, SLICE(".log")) && text.len < LOG_NAME_MAX;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int former_only(const struct dirent *entry) { return is_former(entry->d_name); }

/* The names hold the time, so the oldest come first. */
static void remove_oldest(int64_t keep)
{
	struct dirent **list;
	int count = scandir("log", &list, former_only, by_name);
	for (int i = 0; i < count; i++) {
		char path[LOG_NAME_MAX + 8];
		snprintf(path, sizeof path, "log/%.*s", LOG_NAME_MAX, list[i]->d_name);
		if (i < count - keep)
			unlink(path);
		free(list[i]);
	}
	if (count >= 0)
		free(list);
}

void master_rotate_log(struct master *master)
{
	struct stat status;
	const struct config *config = config_current();
	if (fstat(master->log, &status) != 0 || status.st_size == 0 ||
	    (status.st_size < config->log_size && clock_now() - master->log_opened < LOG_DAY_SECONDS))
		return;
	char stamp[CLOCK_STAMP_MAX], path[LOG_NAME_MAX];
	clock_stamp(clock_now_ms(), stamp);
	snprintf(path, sizeof path, "log/events-%s.log", stamp);
	struct error error;
	if (rename("log/events.log", path) != 0)
		log_error("log.failed", log_text("path", path), log_number("error", errno));
	else if (!master_open_log(master, &error))
		log_error("log.failed", log_text("reason", error.text));
	remove_oldest(config->log_keep);
}
