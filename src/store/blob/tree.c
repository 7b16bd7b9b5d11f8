/* Removing many files at once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/blob/internal.h"

/* ---- A whole folder ---- */

static bool remove_entry(int folder, const char *name, int depth, struct error *error);

static bool remove_entries(int fd, int depth, struct error *error)
{
	DIR *list = fdopendir(fd);
	if (!list) {
		close(fd);
		return error_set_errno(error, errno, "reading a folder");
	}
	bool done = true;
	for (struct dirent *entry; done && (entry = readdir(list));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			done = remove_entry(dirfd(list), entry->d_name, depth, error);
	closedir(list);
	return done;
}

static bool remove_entry(int folder, const char *name, int depth, struct error *error)
{
	enum { DEPTH_MAX = 8 }; /* ours is 3 */
	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return error_set_errno(error, errno, "removing %s", name);
	if (depth >= DEPTH_MAX)
		return error_set(error, ERROR_INVALID, "removing %s: folders too deep", name);
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno, "opening %s", name);
	if (!remove_entries(fd, depth + 1, error))
		return false;
	return unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT || error_set_errno(error, errno, "removing %s", name);
}

bool blob_remove_tree(const char *path, struct error *error)
{
	return remove_entry(AT_FDCWD, path, 0, error);
}

/* ---- What was left over ---- */

static void clean_month(int mail, const char *month, int64_t before)
{
	int fd = openat(mail, month, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	if (!list && fd >= 0)
		close(fd);
	for (struct dirent *entry; list && (entry = readdir(list));) {
		struct slice name = slice_of(entry->d_name);
		struct stat status;
		if ((slice_ends_nocase(name, SLICE(".new")) || slice_ends_nocase(name, SLICE(".damaged"))) &&
		    fstatat(dirfd(list), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_ctime < before)
			unlinkat(dirfd(list), entry->d_name, 0);
	}
	if (list)
		closedir(list);
}

bool blob_clean(const char *folder, int64_t before, struct error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/mail", folder);
	DIR *mail = opendir(path);
	if (!mail)
		return errno == ENOENT || error_set_errno(error, errno, "listing %s", path);
	for (struct dirent *entry; (entry = readdir(mail));)
		if (entry->d_name[0] != '.')
			clean_month(dirfd(mail), entry->d_name, before);
	closedir(mail);
	blob_path_of_arrivals(folder, path);
	clean_month(AT_FDCWD, path, before);
	return true;
}
