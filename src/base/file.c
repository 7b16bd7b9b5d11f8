/* Files; see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_READ_STEP = 16 * 1024 };

bool file_read_fd(int fd, struct buf *out, struct error *error)
{
	for (off_t offset = 0;;) {
		char *room = buf_reserve(out, FILE_READ_STEP);
		char step[FILE_READ_STEP];
		ssize_t got = pread(fd, room ? room : step, FILE_READ_STEP, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(error, errno, "reading");
		if (got == 0) {
			out->overflow = false;
			return true;
		}
		if (!room) {
			out->overflow = false;
			if (!buf_append(out, slice_make(step, (size_t)got)))
				return error_set(error, ERROR_LIMIT, "larger than %zu bytes", out->max);
		} else
			buf_claim(out, (size_t)got);
		offset += got;
	}
}

static bool read_and_close(int fd, const char *path, struct buf *out, struct error *error)
{
	struct error cause;
	bool done = file_read_fd(fd, out, &cause);
	close(fd);
	return done || error_set(error, cause.kind, "%s: %s", path, cause.text);
}

bool file_read(const char *path, struct buf *out, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? read_and_close(fd, path, out, error) : error_set_errno(error, errno, "opening %s", path);
}

bool file_read_regular(const char *path, struct buf *out, struct error *error)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_set_errno(error, errno, "opening %s", path);
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		return read_and_close(fd, path, out, error);
	close(fd);
	return error_set(error, ERROR_INVALID, "%s is not a file", path);
}

bool file_write_all(int fd, struct slice s, struct error *error)
{
	while (s.len > 0) {
		ssize_t wrote = write(fd, s.at, s.len);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return error_set_errno(error, errno, "writing");
		s = slice_skip(s, (size_t)wrote);
	}
	return true;
}

static bool sync_folder_of(const char *path, struct error *error)
{
	char folder[PATH_MAX];
	struct slice name = slice_of(path);
	size_t slash = slice_find_last_char(name, '/');
	snprintf(folder, sizeof folder, "%.*s", slash == SLICE_NONE ? 1 : (int)(slash ? slash : 1), slash == SLICE_NONE ? "." : path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno, "opening %s", folder);
	bool done = fsync(fd) == 0 || error_set_errno(error, errno, "syncing %s", folder);
	close(fd);
	return done;
}

bool file_replace(const char *path, struct slice content, unsigned mode, struct error *error)
{
	char temporary[PATH_MAX];
	if (snprintf(temporary, sizeof temporary, "%s.%d.new", path, (int)getpid()) >= (int)sizeof temporary)
		return error_set(error, ERROR_INVALID, "path too long: %s", path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return error_set_errno(error, errno, "creating %s", temporary);
	bool done = file_write_all(fd, content, error) && (fsync(fd) == 0 || error_set_errno(error, errno, "syncing %s", temporary));
	close(fd);
	if (done)
		done = rename(temporary, path) == 0 || error_set_errno(error, errno, "renaming to %s", path);
	if (!done)
		unlink(temporary);
	return done && sync_folder_of(path, error);
}

bool file_make_folders(const char *path, unsigned mode, struct error *error)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	if (len >= sizeof part)
		return error_set(error, ERROR_INVALID, "path too long: %s", path);
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char kept = part[i];
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return error_set_errno(error, errno, "making %s", part);
		part[i] = kept;
	}
	return true;
}
