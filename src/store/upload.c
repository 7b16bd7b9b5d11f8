/* Uploads: bytes that a client has sent ahead of what it will use them for (RFC 8620 §6). Each is a file of the account, uploads/<id>; while it is being written,
 * uploads/<id>.new. They have a quota of their own: when a new one doesn't fit, the oldest go. The care of accounts removes those that are old. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/internal.h"

enum { UPLOAD_BUFFER = 64 * 1024, UPLOADS_LISTED_MAX = 4 * UPLOADS_MAX };

struct upload {
	struct account *account;
	int64_t id;
	int fd;
	uint64_t size, most, room;
	struct buf buffer;
	bool failed;
	struct error error;
};

static bool path_of(const struct account *account, int64_t id, const char *suffix, char out[PATH_MAX], struct error *error)
{
	char name[ID_TEXT_LEN + 1];
	id_format(id, name);
	if (snprintf(out, PATH_MAX, "%s/uploads/%s%s", account->folder, name, suffix) < PATH_MAX)
		return true;
	return error_set(error, ERROR_INVALID, "the name of the account is too long");
}

static bool make_folder(const struct account *account, struct error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/uploads", account->folder);
	return mkdir(path, 0700) == 0 || errno == EEXIST || error_set_errno(error, errno, "creating %s", path);
}

/* ---- Those that are there ---- */

struct kept { int64_t id; uint64_t size; int64_t changed; bool whole; };
struct kept_list { struct kept *at; size_t count, room; uint64_t bytes; };

static int by_age(const void *a, const void *b)
{
	const struct kept *left = a, *right = b;
	return (left->id > right->id) - (left->id < right->id);
}

static void note(struct kept_list *list, int folder, const char *name)
{
	struct stat status;
	struct slice text = slice_of(name);
	struct kept kept = {.id = id_parse(slice_sub(text, 0, ID_TEXT_LEN)), .whole = text.len == ID_TEXT_LEN};
	if (kept.id == 0 || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	kept.size = (uint64_t)status.st_size;
	kept.changed = (int64_t)status.st_mtime;
	ARRAY_GROW(list->at, list->count, list->room);
	list->at[list->count++] = kept;
	list->bytes += kept.size;
}

/* The oldest first. */
static void list_kept(const struct account *account, struct kept_list *list)
{
	char path[PATH_MAX];
	*list = (struct kept_list){0};
	snprintf(path, sizeof path, "%s/uploads", account->folder);
	DIR *folder = opendir(path);
	for (struct dirent *entry; folder && list->count < UPLOADS_LISTED_MAX && (entry = readdir(folder));)
		note(list, dirfd(folder), entry->d_name);
	if (folder)
		closedir(folder);
	if (list->count > 0)
		qsort(list->at, list->count, sizeof *list->at, by_age);
}

static void remove_kept(const struct account *account, const struct kept *kept)
{
	char path[PATH_MAX];
	if (path_of(account, kept->id, kept->whole ? "" : ".new", path, NULL))
		unlink(path);
}

/* Room for `bytes` more: the oldest go (RFC 8620 §6), never one that is being written. */
static bool make_room(const struct account *account, uint64_t bytes, uint64_t room, struct error *error)
{
	struct kept_list list;
	list_kept(account, &list);
	size_t count = list.count;
	for (size_t i = 0; i < list.count && (list.bytes + bytes > room || count >= UPLOADS_MAX); i++)
		if (list.at[i].whole) {
			remove_kept(account, &list.at[i]);
			list.bytes -= list.at[i].size;
			count--;
		}
	free(list.at);
	return (list.bytes + bytes <= room && count < UPLOADS_MAX) || error_set(error, ERROR_LIMIT, "uploads of this account take too much room");
}

void upload_clean(struct account *account, int64_t before)
{
	struct kept_list list;
	list_kept(account, &list);
	for (size_t i = 0; i < list.count; i++)
		if (list.at[i].changed < before)
			remove_kept(account, &list.at[i]);
	free(list.at);
}

/* ---- Writing one ---- */

struct upload *upload_new(struct account *account, uint64_t bytes, uint64_t most, uint64_t room, struct error *error)
{
	char path[PATH_MAX];
	int64_t id = id_new();
	int fd = -1;
	if (!make_folder(account, error) || !make_room(account, bytes, room, error) || !path_of(account, id, ".new", path, error))
		return NULL;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		error_set_errno(error, errno, "creating %s", path);
		return NULL;
	}
	struct upload *upload = memory_new(sizeof *upload);
	*upload = (struct upload){.account = account, .id = id, .fd = fd, .most = most, .room = room, .buffer = BUF(UPLOAD_BUFFER)};
	return upload;
}

static bool flush(struct upload *upload)
{
	if (!upload->failed && !file_write_all(upload->fd, buf_slice(&upload->buffer), &upload->error))
		upload->failed = true;
	buf_clear(&upload->buffer);
	return !upload->failed;
}

bool upload_write(struct upload *upload, struct slice bytes, struct error *error)
{
	if (bytes.len > upload->most - upload->size)
		return error_set(error, ERROR_LIMIT, "larger than %llu bytes", (unsigned long long)upload->most);
	upload->size += bytes.len;
	while (bytes.len > 0 && !upload->failed) {
		size_t step = bytes.len < UPLOAD_BUFFER - upload->buffer.len ? bytes.len : UPLOAD_BUFFER - upload->buffer.len;
		buf_append(&upload->buffer, slice_sub(bytes, 0, step));
		bytes = slice_skip(bytes, step);
		if (upload->buffer.len == UPLOAD_BUFFER)
			flush(upload);
	}
	if (upload->failed && error)
		*error = upload->error;
	return !upload->failed;
}

static void upload_free(struct upload **upload)
{
	close((*upload)->fd);
	buf_free(&(*upload)->buffer);
	free(*upload);
	*upload = NULL;
}

void upload_abort(struct upload **upload)
{
	char path[PATH_MAX];
	if (!*upload)
		return;
	if (path_of((*upload)->account, (*upload)->id, ".new", path, NULL))
		unlink(path);
	upload_free(upload);
}

bool upload_keep(struct upload **upload, int64_t *id, uint64_t *size, struct error *error)
{
	char path[PATH_MAX], final[PATH_MAX];
	struct upload *own = *upload;
	if (!flush(own)) {
		*error = own->error;
		upload_abort(upload);
		return false;
	}
	/* its length may not have been known before */
	bool done = make_room(own->account, 0, own->room, error) && path_of(own->account, own->id, ".new", path, error) && path_of(own->account, own->id, "", final, error);
	if (done && rename(path, final) != 0)
		done = error_set_errno(error, errno, "renaming %s", path);
	*id = own->id;
	*size = own->size;
	if (done)
		upload_free(upload);
	else
		upload_abort(upload);
	return done;
}

/* ---- Reading ---- */

int upload_open(struct account *account, int64_t id, uint64_t *size, struct error *error)
{
	char path[PATH_MAX];
	struct stat status;
	if (!path_of(account, id, "", path, error))
		return -1;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
		*size = (uint64_t)status.st_size;
		return fd;
	}
	if (errno == ENOENT)
		error_set(error, ERROR_NOT_FOUND, "there is no such upload");
	else
		error_set_errno(error, errno, "opening %s", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

int account_scratch_file(struct account *account, struct error *error)
{
	char path[PATH_MAX];
	if (!make_folder(account, error) || !path_of(account, id_new(), ".new", path, error))
		return -1;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		error_set_errno(error, errno, "creating %s", path);
	else
		unlink(path);
	return fd;
}
