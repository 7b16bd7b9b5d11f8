/* Messages that have their final name: opening, listing, removing, and setting right what is astray. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "store/blob/internal.h"

int blob_open(const char *folder, int64_t id, uint64_t size, struct error *error)
{
	char path[PATH_MAX];
	struct stat status;
	blob_path_of_message(folder, id, path);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT) {
		error_set_errno(error, errno, "opening %s", path);
		return -1;
	}
	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size == size)
		return fd;
	if (fd >= 0)
		close(fd);
	error_set(error, ERROR_INVALID, "%s is missing or damaged", path);
	return -1;
}

bool blob_is_there(const char *folder, int64_t id)
{
	char path[PATH_MAX];
	blob_path_of_message(folder, id, path);
	return access(path, R_OK) == 0;
}

bool blob_remove(const char *folder, int64_t id, struct error *error)
{
	char path[PATH_MAX];
	blob_path_of_message(folder, id, path);
	return unlink(path) == 0 || errno == ENOENT || error_set_errno(error, errno, "removing %s", path);
}

void blob_put_aside(const char *folder, int64_t id)
{
	char path[PATH_MAX], aside[PATH_MAX];
	blob_path_of_message(folder, id, path);
	if (snprintf(aside, sizeof aside, "%s.damaged", path) < (int)sizeof aside)
		rename(path, aside);
}

/* ---- Listing ---- */

static bool visit_month(const char *path, bool (*visit)(void *context, int64_t id, const char *path, struct error *error), void *context, struct error *error)
{
	DIR *list = opendir(path);
	if (!list)
		return errno == ENOTDIR || error_set_errno(error, errno, "listing %s", path);
	bool done = true;
	for (struct dirent *entry; done && (entry = readdir(list));) {
		char file[PATH_MAX];
		struct slice name = slice_of(entry->d_name);
		if (name.len < 4 || !slice_equal(slice_skip(name, name.len - 4), SLICE(".eml")))
			continue;
		if (snprintf(file, sizeof file, "%s/%s", path, entry->d_name) < (int)sizeof file)
			done = visit(context, id_parse(slice_sub(name, 0, name.len - 4)), file, error);
	}
	closedir(list);
	return done;
}

bool blob_list(const char *folder, bool (*visit)(void *context, int64_t id, const char *path, struct error *error), void *context, struct error *error)
{
	char mail[PATH_MAX], month[PATH_MAX];
	snprintf(mail, sizeof mail, "%s/mail", folder);
	DIR *list = opendir(mail);
	if (!list)
		return errno == ENOENT || error_set_errno(error, errno, "listing %s", mail);
	bool done = true;
	for (struct dirent *entry; done && (entry = readdir(list));)
		if (entry->d_name[0] != '.' && snprintf(month, sizeof month, "%s/%s", mail, entry->d_name) < (int)sizeof month)
			done = visit_month(month, visit, context, error);
	closedir(list);
	return done;
}

/* ---- What is astray ---- */

bool blob_is_same(const char *a, const char *b)
{
	struct stat one, other;
	return lstat(a, &one) == 0 && lstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool blob_is_right(const char *folder, int64_t id, const char *path)
{
	char right[PATH_MAX];
	blob_path_of_message(folder, id, right);
	return strcmp(path, right) == 0;
}

/* In a month's folder that may not be there yet. */
bool blob_set_right(const char *folder, int64_t id, const char *path)
{
	char right[PATH_MAX], month[PATH_MAX];
	blob_path_of_message(folder, id, right);
	blob_path_of_month(folder, id, month);
	return file_make_folders(month, 0700, NULL) && link(path, right) == 0 && unlink(path) == 0;
}
