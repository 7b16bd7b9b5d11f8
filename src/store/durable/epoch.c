/* Whether the last stop was clean.
 *
 * DIR/run/state holds a line "epoch N running" or "epoch N clean". The epoch rises when a start finds that the stop before
 * was not clean: then a power cut may have taken back unsynced commits, and every account that was last used in an older
 * epoch goes on from its durable ceilings (recover/restart.c). A file that is missing or can't be read counts as unclean. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "store/durable/internal.h"

enum { STATE_FILE_MAX = 256 };

static bool state_path(const char *data, char out[PATH_MAX], struct error *error)
{
	if (snprintf(out, PATH_MAX, "%s/run/state", data) >= PATH_MAX)
		return error_set(error, ERROR_INVALID, "path too long: %s", data);
	return true;
}

/* *epoch 0: there is no state. */
static bool read_state(const char *data, int64_t *epoch, bool *clean, struct error *error)
{
	char path[PATH_MAX];
	struct buf text = BUF(STATE_FILE_MAX);
	struct slice number, rest;
	uint64_t n = 0;
	*epoch = 0;
	*clean = false;
	if (!state_path(data, path, error))
		return false;
	if (access(path, F_OK) != 0)
		return errno == ENOENT || error_set_errno(error, errno, "looking for %s", path);
	if (!file_read(path, &text, error)) {
		buf_free(&text);
		return false;
	}
	struct slice line = slice_trim(buf_slice(&text));
	if (slice_starts(line, SLICE("epoch ")) && slice_cut(slice_skip(line, 6), ' ', &number, &rest) &&
	    slice_to_number(number, INT64_MAX / 2, &n)) {
		*epoch = (int64_t)n;
		*clean = slice_equal(rest, SLICE("clean"));
	}
	buf_free(&text);
	if (n == 0)
		log_warning("store.state_unreadable", log_text("path", path));
	return true;
}

static bool write_state(const char *data, int64_t epoch, const char *word, struct error *error)
{
	char path[PATH_MAX], line[64];
	if (!state_path(data, path, error))
		return false;
	snprintf(line, sizeof line, "epoch %lld %s\n", (long long)epoch, word);
	return file_replace(path, slice_of(line), 0600, error);
}

static bool sync_data(const char *data, struct error *error)
{
	int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno, "opening %s", data);
	bool done = syncfs(fd) == 0 || error_set_errno(error, errno, "syncing %s", data);
	close(fd);
	return done;
}

/* Without a state file the epoch is drawn from the clock: it must be above any that accounts of this folder may hold.
 * Accounts that were made before the first start have epoch 0 and just take it over. */
static int64_t first_epoch(void)
{
	return clock_now();
}

bool durable_begin_service(const char *data, struct error *error)
{
	char folder[PATH_MAX];
	int64_t epoch;
	bool clean;
	if (snprintf(folder, sizeof folder, "%s/run", data) >= PATH_MAX)
		return error_set(error, ERROR_INVALID, "path too long: %s", data);
	if (!file_make_folders(folder, 0700, error) || !read_state(data, &epoch, &clean, error) || !sync_data(data, error))
		return false;
	if (epoch == 0)
		epoch = first_epoch();
	else if (!clean) {
		epoch++;
		log_warning("store.unclean_stop", log_number("epoch", epoch));
	}
	return write_state(data, epoch, "running", error);
}

bool durable_mend_service(const char *data, struct error *error)
{
	int64_t epoch;
	bool clean;
	if (!read_state(data, &epoch, &clean, error))
		return false;
	return epoch == 0 || clean || write_state(data, epoch + 1, "clean", error);
}

bool durable_end_service(const char *data, struct error *error)
{
	int64_t epoch;
	bool clean;
	if (!read_state(data, &epoch, &clean, error) || !sync_data(data, error))
		return false;
	return write_state(data, epoch ? epoch : first_epoch(), "clean", error);
}

static int forget_file(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)where;
	int fd = type == FTW_F ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd >= 0) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
	return 0;
}

void durable_forget_cached(const char *data)
{
	enum { FOLDERS_OPEN = 16 };
	struct error error;
	if (!sync_data(data, &error)) /* what is still waiting to be written can't be forgotten */
		log_error("store.sync_failed", log_text("cause", error.text));
	nftw(data, forget_file, FOLDERS_OPEN, FTW_PHYS | FTW_MOUNT);
}

bool durable_read_epoch(const char *data, int64_t *epoch, struct error *error)
{
	bool clean;
	return read_state(data, epoch, &clean, error);
}
