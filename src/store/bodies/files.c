/* Bodies as files: FOLDER/<first characters of the id>/<id>.<hash>, each folder of them for some days. While one is written its name begins with a dot. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/distrust.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/bodies/internal.h"

struct files {
	int folder;
	char synced[BODIES_FOLDER_LEN + 1]; /* the folder of days whose name is known to be on the disk */
};

struct place {
	char days[BODIES_FOLDER_LEN + 1], path[BODIES_FOLDER_LEN + 1 + BODIES_NAME_LEN + 1], draft[BODIES_FOLDER_LEN + 2 + BODIES_NAME_LEN + 1];
};

static void find_place(const struct body *body, struct place *place)
{
	char name[BODIES_NAME_LEN + 1];
	bodies_name(body, name);
	snprintf(place->days, sizeof place->days, "%.*s", BODIES_FOLDER_LEN, name);
	snprintf(place->path, sizeof place->path, "%s/%s", place->days, name);
	snprintf(place->draft, sizeof place->draft, "%s/.%s", place->days, name);
}

static bool sync_all(int fd, const char *what, struct error *error)
{
	if (fsync(fd) == 0)
		return true;
	distrust_disk(what, errno);
	return error_set_errno(error, errno, "syncing %s", what);
}

static bool sync_folder(int at, const char *name, struct error *error)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = fd >= 0 ? sync_all(fd, "a folder of bodies", error) : error_set_errno(error, errno, "opening a folder of bodies");
	if (fd >= 0)
		close(fd);
	return done;
}

/* That it is there doesn't say that its name is on the disk: who made it may have died before that. */
static bool make_days(struct files *files, const struct place *place, struct error *error)
{
	if (strcmp(files->synced, place->days) == 0)
		return true;
	if (mkdirat(files->folder, place->days, 0700) != 0 && errno != EEXIST)
		return error_set_errno(error, errno, "making a folder of bodies");
	if (!sync_folder(files->folder, ".", error))
		return false;
	memcpy(files->synced, place->days, sizeof files->synced);
	return true;
}

static bool write_draft(const struct files *files, const struct place *place, struct slice content, struct error *error)
{
	int fd = openat(files->folder, place->draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "writing a body");
	bool done = file_write_all(fd, content, error) && sync_all(fd, "a body", error);
	close(fd);
	return done;
}

static bool put_file(void *state, const struct body *body, struct slice content, struct error *error)
{
	struct files *files = state;
	struct place place;
	find_place(body, &place);
	if (!make_days(files, &place, error))
		return false;
	bool done = write_draft(files, &place, content, error);
	if (done && renameat(files->folder, place.draft, files->folder, place.path) != 0)
		done = error_set_errno(error, errno, "naming a body");
	if (!done)
		unlinkat(files->folder, place.draft, 0);
	return done && sync_folder(files->folder, place.days, error);
}

static bool read_part(int fd, uint64_t from, size_t count, struct buf *out, struct error *error)
{
	char *at = buf_reserve(out, count);
	if (!at)
		return error_set(error, ERROR_LIMIT, "there is no room for %zu bytes of a body", count);
	for (size_t have = 0; have < count;) {
		ssize_t got = pread(fd, at + have, count - have, (off_t)(from + have));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(error, errno, "reading a body");
		if (got == 0)
			return error_set(error, ERROR_INVALID, "a body is shorter than it should be");
		have += (size_t)got;
	}
	buf_claim(out, count);
	return true;
}

static bool get_file(void *state, const struct body *body, uint64_t from, size_t count, struct buf *out, struct error *error)
{
	struct files *files = state;
	struct place place;
	find_place(body, &place);
	int fd = openat(files->folder, place.path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return error_set(error, ERROR_NOT_FOUND, "the body %s is missing", place.path);
	if (fd < 0)
		return error_set_errno(error, errno, "opening a body");
	bool done = read_part(fd, from, count, out, error);
	close(fd);
	return done;
}

static bool remove_files(void *state, const struct body *bodies, size_t count, struct error *error)
{
	struct files *files = state;
	for (size_t i = 0; i < count; i++) {
		struct place place;
		find_place(&bodies[i], &place);
		if (unlinkat(files->folder, place.path, 0) != 0 && errno != ENOENT)
			return error_set_errno(error, errno, "removing a body");
	}
	return true;
}

/* Calls `use` with each name in each folder. */
static bool walk(const struct files *files, bool (*use)(void *context, int folder, const char *name, struct error *error), void *context, struct error *error)
{
	int copy = openat(files->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *all = copy < 0 ? NULL : fdopendir(copy);
	if (!all)
		return error_set_errno(error, errno, "listing bodies");
	bool done = true;
	for (struct dirent *entry; done && (entry = readdir(all));) {
		int fd = entry->d_name[0] == '.' ? -1 : openat(dirfd(all), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		DIR *days = fd < 0 ? NULL : fdopendir(fd);
		for (struct dirent *one; days && done && (one = readdir(days));)
			done = use(context, dirfd(days), one->d_name, error);
		if (days)
			closedir(days);
	}
	closedir(all);
	return done;
}

struct visiting {
	bodies_visit visit;
	void *context;
};

static bool visit_file(void *context, int folder, const char *name, struct error *error)
{
	struct visiting *visiting = context;
	struct body body;
	struct stat status;
	if (!bodies_read_name(slice_of(name), &body) || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	body.size = (uint64_t)status.st_size;
	return visiting->visit(visiting->context, &body, error);
}

static bool list_files(void *state, bodies_visit visit, void *context, struct error *error)
{
	struct visiting visiting = {visit, context};
	return walk(state, visit_file, &visiting, error);
}

static bool clean_file(void *context, int folder, const char *name, struct error *error)
{
	const int64_t *before = context;
	struct body body;
	(void)error;
	if (name[0] == '.' && bodies_read_name(slice_of(name + 1), &body) && id_time(body.id) / 1000 < *before)
		unlinkat(folder, name, 0);
	return true;
}

static bool clean_files(void *state, int64_t before, struct error *error)
{
	return walk(state, clean_file, &before, error);
}

static void close_files(void *state)
{
	struct files *files = state;
	close(files->folder);
	free(files);
}

struct bodies *bodies_open_files(const char *folder, struct error *error)
{
	static const struct bodies_driver driver = {put_file, get_file, remove_files, list_files, clean_files, close_files};
	if (!file_make_folders(folder, 0700, error))
		return NULL;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		error_set_errno(error, errno, "opening %s", folder);
		return NULL;
	}
	struct files *files = memory_new(sizeof *files);
	files->folder = fd;
	return bodies_new(&driver, files);
}
