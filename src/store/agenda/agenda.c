/* Files in a folder, named by time and account; see agenda.h. */
#include "store/agenda/agenda.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/random.h"

enum { KEY_SIZE = 16, TIME_DIGITS = 16, NAME_LEN = TIME_DIGITS + 1 + 2 * KEY_SIZE, ACCOUNT_MAX = 1024 };

int agenda_open(const char *data, bool write)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/accounts/.agenda", data) >= PATH_MAX)
		return -1;
	if (write)
		file_make_folders(path, 0700, NULL); /* if it can't be made, opening it says so */
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void write_name(struct slice account, int64_t at, char out[AGENDA_NAME_MAX])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)account.at, account.len, digest);
	int len = snprintf(out, AGENDA_NAME_MAX, "%016llx-", (unsigned long long)(at > 0 ? at : 0));
	for (int i = 0; i < KEY_SIZE; i++)
		len += snprintf(out + len, (size_t)(AGENDA_NAME_MAX - len), "%02x", digest[i]);
}

/* Under another name first: whoever finds it finds it whole. */
static bool write_file(int agenda, const char *name, struct slice account, struct error *error)
{
	char beside[AGENDA_NAME_MAX], id[ID_TEXT_LEN + 1];
	id_format(id_new(), id);
	snprintf(beside, sizeof beside, ".new-%s", id);
	int fd = openat(agenda, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "making a file in accounts/.agenda");
	bool done = file_write_all(fd, account, error);
	close(fd);
	if (done && renameat(agenda, beside, agenda, name) != 0)
		done = error_set_errno(error, errno, "naming a file in accounts/.agenda");
	if (!done)
		unlinkat(agenda, beside, 0);
	return done;
}

bool agenda_mark(int agenda, struct slice account, int64_t at, struct error *error)
{
	char name[AGENDA_NAME_MAX];
	if (agenda < 0)
		return error_set(error, ERROR_TEMPORARY, "accounts/.agenda can't be opened");
	write_name(account, at, name);
	return faccessat(agenda, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || write_file(agenda, name, account, error);
}

void agenda_remove(int agenda, const struct agenda_entry *entry)
{
	unlinkat(agenda, entry->name, 0); /* if it can't be removed the account is looked at in vain */
}

/* ---- Reading ---- */

static bool read_time(const char *name, int64_t *at)
{
	char *end;
	if (strlen(name) != NAME_LEN || name[TIME_DIGITS] != '-')
		return false;
	for (int i = 0; i < TIME_DIGITS; i++)
		if (!ascii_is_digit(name[i]) && (name[i] < 'a' || name[i] > 'f'))
			return false;
	uint64_t number = strtoull(name, &end, 16);
	*at = number <= INT64_MAX ? (int64_t)number : INT64_MAX;
	return end == name + TIME_DIGITS;
}

static int earlier(const void *a, const void *b) { return strcmp(((const struct agenda_entry *)a)->name, ((const struct agenda_entry *)b)->name); }

/* Keeps the earliest. */
static void keep(struct agenda_entry *list, size_t *count, const char *name, int64_t at, int64_t *next)
{
	struct agenda_entry entry = {.account = {"", 0}};
	memcpy(entry.name, name, NAME_LEN + 1);
	if (*count < AGENDA_DUE_MAX) {
		list[(*count)++] = entry;
		return;
	}
	size_t latest = 0;
	for (size_t i = 1; i < *count; i++)
		if (earlier(&list[i], &list[latest]) > 0)
			latest = i;
	if (earlier(&entry, &list[latest]) < 0)
		list[latest] = entry;
	*next = *next < at ? *next : at; /* any time that is over will do: there is more now */
}

static void read_account(int agenda, struct agenda_entry *entry, struct arena *arena)
{
	struct buf text = BUF(ACCOUNT_MAX);
	int fd = openat(agenda, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && file_read_fd(fd, &text, NULL))
		entry->account = arena_copy(arena, buf_slice(&text));
	if (fd >= 0)
		close(fd);
	buf_free(&text);
}

bool agenda_list_due(int agenda, int64_t now, struct arena *arena, struct agenda_entry **list, size_t *count, int64_t *next, struct error *error)
{
	int fd = agenda >= 0 ? openat(agenda, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *file;
	*list = arena_array(arena, AGENDA_DUE_MAX, sizeof **list);
	*count = 0;
	*next = INT64_MAX;
	if (!folder) {
		if (fd >= 0)
			close(fd);
		return error_set(error, ERROR_TEMPORARY, "accounts/.agenda can't be read");
	}
	while ((file = readdir(folder))) {
		int64_t at;
		if (!read_time(file->d_name, &at))
			continue;
		if (at <= now)
			keep(*list, count, file->d_name, at, next);
		else if (at < *next)
			*next = at;
	}
	closedir(folder);
	if (*count > 0)
		qsort(*list, *count, sizeof **list, earlier);
	for (size_t i = 0; i < *count; i++)
		read_account(agenda, &(*list)[i], arena);
	return true;
}

int64_t agenda_stamp(int agenda)
{
	struct stat status;
	if (agenda < 0 || fstat(agenda, &status) != 0)
		return 0;
	return (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
}
