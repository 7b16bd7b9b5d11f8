/* Names of files and folders. No byte of an address can leave its folder: what could mean something to the file system is
 * percent-encoded, a leading dot too, so "." and ".." and our own dot names can't come out. A part longer than the file
 * system's limit is refused (ERROR_INVALID). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/internal.h"

enum { ID_TIME_SHIFT = 21 }; /* below the milliseconds of id_new() */

static bool is_plain(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_' || c == '+' || c == '=' || c == '.' || c == '-' || (unsigned char)c >= 0x80;
}

static bool encode(struct slice part, struct buf *out)
{
	size_t before = out->len;
	for (size_t i = 0; i < part.len; i++)
		if (is_plain(part.at[i]) && !(i == 0 && part.at[i] == '.'))
			buf_append_char(out, part.at[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)part.at[i]);
	return !out->overflow && out->len - before <= NAME_MAX;
}

bool path_decode(struct slice part, struct buf *out)
{
	if (slice_empty(part) || part.at[0] == '.')
		return false;
	for (size_t i = 0; i < part.len; i++) {
		if (part.at[i] != '%') {
			buf_append_char(out, part.at[i]);
			continue;
		}
		int high = i + 2 < part.len ? ascii_upper_hex_value(part.at[i + 1]) : -1;
		int low = i + 2 < part.len ? ascii_upper_hex_value(part.at[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		buf_append_char(out, (char)(high << 4 | low));
		i += 2;
	}
	return !out->overflow;
}

char *path_of_account(const struct store *store, struct slice name, struct error *error)
{
	size_t at = slice_find_last_char(name, '@');
	if (at == SLICE_NONE || at == 0 || at + 1 == name.len || !slice_is_utf8(name)) {
		error_set(error, ERROR_INVALID, "not an account's address: %.*s", SLICE_ARG(slice_sub(name, 0, 100)));
		return NULL;
	}
	struct buf path = BUF(ACCOUNT_PATH_MAX);
	buf_printf(&path, "%s/accounts/", store->data);
	bool fits = encode(slice_skip(name, at + 1), &path) && buf_append_char(&path, '/') && encode(slice_sub(name, 0, at), &path);
	if (!fits) {
		error_set(error, ERROR_INVALID, "too long for an account: %.*s", SLICE_ARG(slice_sub(name, 0, 100)));
		buf_free(&path);
		return NULL;
	}
	char *copy = memory_copy(path.at, path.len);
	buf_free(&path);
	return copy;
}

void path_of_month(const char *folder, int64_t id, char out[PATH_MAX])
{
	time_t seconds = (time_t)((uint64_t)id >> ID_TIME_SHIFT) / 1000;
	struct tm tm;
	gmtime_r(&seconds, &tm);
	snprintf(out, PATH_MAX, "%s/mail/%04d-%02d", folder, tm.tm_year + 1900, tm.tm_mon + 1);
}

void path_of_message(const char *folder, int64_t id, char out[PATH_MAX])
{
	char text[ID_TEXT_LEN + 1];
	id_format(id, text);
	path_of_month(folder, id, out);
	size_t len = strlen(out);
	snprintf(out + len, PATH_MAX - len, "/%s.eml", text);
}

void path_of_arrivals(const char *folder, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/arrived", folder);
}

bool path_of_draft(const char *folder, char out[PATH_MAX], struct error *error)
{
	int64_t id = id_new();
	char text[ID_TEXT_LEN + 1];
	id_format(id, text);
	path_of_month(folder, id, out);
	if (access(out, F_OK) != 0 && !file_make_folders(out, 0700, error))
		return false;
	size_t len = strlen(out);
	snprintf(out + len, PATH_MAX - len, "/%s.new", text);
	return true;
}

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

bool path_remove_tree(const char *path, struct error *error)
{
	return remove_entry(AT_FDCWD, path, 0, error);
}
