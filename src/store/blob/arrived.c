/* Letters that wait in arrived/ to be taken in: each a file <id>.<delivery id>.<SHA-256>.eml, whose name holds what its rows need, and
 * whose time is the message's date. While it is written its name is .<id>.new. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/random.h"
#include "store/blob/internal.h"

/* ---- Names ---- */

enum { HASH_TEXT_LEN = 2 * BLOB_HASH_SIZE, DELIVERY_TEXT_LEN = 16, NAME_LEN = ID_TEXT_LEN + 1 + DELIVERY_TEXT_LEN + 1 + HASH_TEXT_LEN + 4 };

static void name_format(const struct arrival *arrival, char out[NAME_LEN + 1])
{
	char id[ID_TEXT_LEN + 1], hash[HASH_TEXT_LEN + 1];
	id_format(arrival->id, id);
	for (int i = 0; i < BLOB_HASH_SIZE; i++)
		snprintf(hash + 2 * i, 3, "%02x", arrival->hash[i]);
	snprintf(out, NAME_LEN + 1, "%s.%016llx.%s.eml", id, (unsigned long long)arrival->delivery_id, hash);
}

static bool parse_hex(struct slice text, unsigned char *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (!ascii_is_digit(c) && (c < 'a' || c > 'f'))
			return false;
		unsigned digit = (unsigned)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
		out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] << 4 | digit : digit);
	}
	return true;
}

/* False: it is no letter's name. */
static bool name_parse(struct slice name, struct arrival *arrival)
{
	enum { DELIVERY_AT = ID_TEXT_LEN + 1, HASH_AT = DELIVERY_AT + DELIVERY_TEXT_LEN + 1 };
	unsigned char delivery[DELIVERY_TEXT_LEN / 2] = {0};
	*arrival = (struct arrival){0};
	if (name.len != NAME_LEN || !slice_ends_nocase(name, SLICE(".eml")) || name.at[DELIVERY_AT - 1] != '.' || name.at[HASH_AT - 1] != '.')
		return false;
	arrival->id = id_parse(slice_sub(name, 0, ID_TEXT_LEN));
	if (arrival->id == 0 || !parse_hex(slice_sub(name, DELIVERY_AT, DELIVERY_TEXT_LEN), delivery) ||
	    !parse_hex(slice_sub(name, HASH_AT, HASH_TEXT_LEN), arrival->hash))
		return false;
	for (size_t i = 0; i < sizeof delivery; i++)
		arrival->delivery_id = (int64_t)((uint64_t)arrival->delivery_id << 8 | delivery[i]);
	return true;
}

void blob_arrival_path(const char *folder, const struct arrival *arrival, char out[PATH_MAX])
{
	char name[NAME_LEN + 1];
	name_format(arrival, name);
	snprintf(out, PATH_MAX, "%s/arrived/%s", folder, name);
}

/* ---- Arriving ---- */

/* Accounts that were made before have no such folder. The account's own is never made here: then there is no account. */
static bool make_folder(const char *folder)
{
	char path[PATH_MAX];
	blob_path_of_arrivals(folder, path);
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool set_missing(struct error *error, int number, const char *path)
{
	return number == ENOENT ? error_set(error, ERROR_NOT_FOUND, "there is no such account") : error_set_errno(error, number, "writing %s", path);
}

static int create(const char *folder, const char *path, struct error *error)
{
	enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
	int fd = open(path, FLAGS, 0600);
	if (fd < 0 && errno == ENOENT && make_folder(folder))
		fd = open(path, FLAGS, 0600);
	if (fd < 0)
		set_missing(error, errno, path);
	return fd;
}

static bool write_file(const char *folder, const char *making, const char *path, struct slice content, int64_t received, struct error *error)
{
	int fd = create(folder, making, error);
	if (fd < 0)
		return false;
	bool done = file_write_all(fd, content, error) && blob_date(fd, received, error);
	if (done && rename(making, path) != 0)
		done = error_set_errno(error, errno, "writing %s", path);
	if (!done)
		unlink(making);
	close(fd);
	return done;
}

bool blob_arrive(const char *folder, struct slice content, struct arrival *arrival, struct error *error)
{
	char making[PATH_MAX], path[PATH_MAX], id[ID_TEXT_LEN + 1];
	arrival->id = id_new();
	arrival->size = content.len;
	blob_hash(content, arrival->hash);
	id_format(arrival->id, id);
	snprintf(making, sizeof making, "%s/arrived/.%s.new", folder, id);
	blob_arrival_path(folder, arrival, path);
	return write_file(folder, making, path, content, arrival->received, error);
}

bool blob_arrive_draft(const char *folder, const char *path, struct arrival *arrival, struct error *error)
{
	char right[PATH_MAX];
	arrival->id = id_new();
	blob_arrival_path(folder, arrival, right);
	return rename(path, right) == 0 || (errno == ENOENT && make_folder(folder) && rename(path, right) == 0) || set_missing(error, errno, right);
}

bool blob_arrive_linked(const char *folder, const char *other, const struct arrival *from, struct arrival *arrival)
{
	char old[PATH_MAX], path[PATH_MAX];
	struct arrival linked = *from;
	linked.id = id_new();
	linked.delivery_id = arrival->delivery_id;
	blob_arrival_path(other, from, old);
	blob_arrival_path(folder, &linked, path);
	if (link(old, path) != 0)
		return false;
	*arrival = linked;
	return true;
}

/* ---- Those that wait ---- */

static int by_id(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

bool blob_list_arrivals(const char *folder, struct blob_arrivals *list, struct error *error)
{
	char path[PATH_MAX];
	blob_path_of_arrivals(folder, path);
	DIR *entries = opendir(path);
	if (!entries)
		return errno == ENOENT || error_set_errno(error, errno, "listing %s", path);
	for (struct dirent *entry; (entry = readdir(entries));) {
		ARRAY_GROW(list->at, list->count, list->room);
		list->count += name_parse(slice_of(entry->d_name), &list->at[list->count]);
	}
	closedir(entries);
	if (list->count > 1)
		qsort(list->at, list->count, sizeof *list->at, by_id);
	return true;
}

int64_t blob_arrivals_changed(const char *folder)
{
	enum { NANOSECONDS = 1000 * 1000 * 1000 };
	char path[PATH_MAX];
	struct stat status;
	blob_path_of_arrivals(folder, path);
	return stat(path, &status) == 0 ? (int64_t)status.st_mtim.tv_sec * NANOSECONDS + status.st_mtim.tv_nsec : 0;
}

bool blob_is_what_arrived(const struct arrival *arrival, struct slice content)
{
	unsigned char hash[BLOB_HASH_SIZE];
	blob_hash(content, hash);
	return memcmp(hash, arrival->hash, sizeof hash) == 0;
}

bool blob_put_arrival_aside(const char *folder, const struct arrival *arrival)
{
	char path[PATH_MAX], aside[PATH_MAX];
	blob_arrival_path(folder, arrival, path);
	return snprintf(aside, sizeof aside, "%s.damaged", path) < (int)sizeof aside && rename(path, aside) == 0;
}

/* ---- Their place among the messages ---- */

enum blob_place blob_place_arrival(const char *folder, const struct arrival *arrival, int64_t id)
{
	char path[PATH_MAX], right[PATH_MAX], month[PATH_MAX];
	blob_arrival_path(folder, arrival, path);
	blob_path_of_message(folder, id, right);
	if (link(path, right) == 0)
		return BLOB_PLACED;
	if (errno == ENOENT) { /* the month may have begun just now */
		blob_path_of_month(folder, id, month);
		if (file_make_folders(month, 0700, NULL) && link(path, right) == 0)
			return BLOB_PLACED;
	}
	if (errno != EEXIST)
		return BLOB_NOT_PLACED;
	return blob_is_same(path, right) ? BLOB_PLACED : BLOB_PLACE_TAKEN;
}

void blob_displace_arrival(const char *folder, const struct arrival *arrival)
{
	char path[PATH_MAX], former[PATH_MAX];
	blob_arrival_path(folder, arrival, path);
	blob_path_of_message(folder, arrival->id, former);
	if (blob_is_same(path, former))
		unlink(former);
}
