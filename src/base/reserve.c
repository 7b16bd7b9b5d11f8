/* See reserve.h. The folder may belong to a role that has been taken over: what isn't a plain file of one name is left alone. */
#include "base/reserve.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { RESERVE_TIMES = 4 /* so many times its size must be free before it is taken */ };

/* -1: there is none, or it is nothing of ours. */
static int open_reserve(const char *folder, int flags, off_t *size)
{
	char path[PATH_MAX];
	struct stat status;
	if (snprintf(path, sizeof path, "%s/.reserve", folder) >= PATH_MAX)
		return -1;
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);
	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1) {
		close(fd);
		return -1;
	}
	*size = status.st_size;
	return fd;
}

void reserve_keep(const char *folder)
{
	struct statvfs disk;
	off_t size;
	if (statvfs(folder, &disk) != 0 || (uint64_t)disk.f_bavail * disk.f_frsize < (uint64_t)RESERVE_TIMES * RESERVE_BYTES)
		return;
	int fd = open_reserve(folder, O_CREAT, &size);
	if (fd < 0)
		return;
	if (size < RESERVE_BYTES && posix_fallocate(fd, 0, RESERVE_BYTES) != 0) { /* others were faster: the next time, perhaps */
		int unchanged = ftruncate(fd, size);
		(void)unchanged;
	}
	close(fd);
}

bool reserve_give(const char *folder)
{
	off_t size = 0;
	int fd = open_reserve(folder, 0, &size);
	if (fd < 0)
		return false;
	bool given = size > 0 && ftruncate(fd, size > RESERVE_STEP ? size - RESERVE_STEP : 0) == 0;
	close(fd);
	return given;
}
