/* Writing messages: a file has a temporary name until it is whole, and then its final one. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "store/blob/internal.h"

int blob_new(const char *folder, char path[PATH_MAX], struct error *error)
{
	int fd;
	do { /* another process may have come upon the same name */
		if (!blob_path_of_draft(folder, path, error))
			return -1;
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0)
		error_set_errno(error, errno, "creating %s", path);
	return fd;
}

bool blob_date(int fd, int64_t received, struct error *error)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)received}};
	return received == 0 || futimens(fd, times) == 0 || error_set_errno(error, errno, "dating a message");
}

/* ---- Linking ---- */

static bool copy_bytes(int from, int to, const char *path, struct error *error)
{
	enum { STEP = 64 * 1024 };
	char *step = memory_new(STEP);
	bool done = true;
	ssize_t got = 0;
	while (done && ((got = read(from, step, STEP)) > 0 || (got < 0 && errno == EINTR)))
		done = got < 0 || file_write_all(to, slice_make(step, (size_t)got), error);
	if (got < 0)
		done = error_set_errno(error, errno, "reading %s", path);
	free(step);
	return done;
}

/* Where a file can't have another name: another file system, too many links, or the sandbox. */
static bool copy_file(const char *folder, const char *from, char path[PATH_MAX], struct error *error)
{
	int source = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0)
		return error_set_errno(error, errno, "opening %s", from);
	int target = blob_new(folder, path, error);
	bool done = target >= 0 && copy_bytes(source, target, from, error);
	if (target >= 0 && !done)
		unlink(path);
	if (target >= 0)
		close(target);
	close(source);
	return done;
}

bool blob_new_linked(const char *folder, const char *other, int64_t id, uint64_t size, char path[PATH_MAX], struct error *error)
{
	char old[PATH_MAX];
	struct stat status;
	blob_path_of_message(other, id, old);
	if (!blob_path_of_draft(folder, path, error))
		return false;
	bool linked = link(old, path) == 0;
	if (!linked && errno == ENOENT)
		return error_set(error, ERROR_INVALID, "the file of the message is missing");
	if (!linked && !copy_file(folder, old, path, error))
		return false;
	if (stat(path, &status) == 0 && (uint64_t)status.st_size == size)
		return true;
	unlink(path);
	return error_set(error, ERROR_INVALID, "the file of the message is damaged");
}

bool blob_new_from(const char *folder, int fd, char path[PATH_MAX])
{
	char from[64];
	snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
	return blob_path_of_draft(folder, path, NULL) && linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

/* ---- The final name ---- */

bool blob_put(const char *folder, int64_t id, char **path, struct error *error)
{
	char right[PATH_MAX], month[PATH_MAX];
	blob_path_of_message(folder, id, right);
	if (rename(*path, right) != 0) {
		int number = errno;
		blob_path_of_month(folder, id, month); /* it may have begun just now */
		bool made = number == ENOENT && file_make_folders(month, 0700, NULL);
		if (!made || rename(*path, right) != 0)
			return error_set_errno(error, made ? errno : number, "naming %s", right);
	}
	free(*path);
	*path = memory_copy(right, strlen(right));
	return true;
}

/* With a temporary name first, as a draft is written. */
static bool write_anew(const char *folder, int64_t id, struct slice content, int64_t received, struct error *error)
{
	char path[PATH_MAX];
	int fd = blob_new(folder, path, error);
	if (fd < 0)
		return false;
	char *name = memory_copy(path, strlen(path));
	bool done = file_write_all(fd, content, error) && blob_date(fd, received, error) && blob_put(folder, id, &name, error);
	if (!done)
		unlink(path);
	free(name);
	close(fd);
	return done;
}

bool blob_restore(const char *folder, int64_t id, struct slice content, const unsigned char hash[BLOB_HASH_SIZE], int64_t received, struct error *error)
{
	enum blob_state state = blob_check(folder, id, content.len, slice_make((const char *)hash, BLOB_HASH_SIZE), error);
	return state == BLOB_FINE || (state != BLOB_UNREADABLE && write_anew(folder, id, content, received, error));
}
