/* Names of files and folders. No byte of an address can leave its folder: what could mean something to the file system is
 * percent-encoded, a leading dot too, so "." and ".." and our own dot names can't come out. A part longer than the file
 * system's limit is refused (ERROR_INVALID). */
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/blob/internal.h"

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

bool blob_decode(struct slice part, struct buf *out)
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

char *blob_account_folder(const char *data, struct slice name, struct error *error)
{
	size_t at = slice_find_last_char(name, '@');
	if (at == SLICE_NONE || at == 0 || at + 1 == name.len || !slice_is_utf8(name)) {
		error_set(error, ERROR_INVALID, "not an account's address: %.*s", SLICE_ARG(slice_sub(name, 0, 100)));
		return NULL;
	}
	struct buf path = BUF(BLOB_FOLDER_MAX);
	buf_printf(&path, "%s/accounts/", data);
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

void blob_path_of_month(const char *folder, int64_t id, char out[PATH_MAX])
{
	time_t seconds = (time_t)((uint64_t)id >> ID_TIME_SHIFT) / 1000;
	struct tm tm;
	gmtime_r(&seconds, &tm);
	snprintf(out, PATH_MAX, "%s/mail/%04d-%02d", folder, tm.tm_year + 1900, tm.tm_mon + 1);
}

void blob_path_of_message(const char *folder, int64_t id, char out[PATH_MAX])
{
	char text[ID_TEXT_LEN + 1];
	id_format(id, text);
	blob_path_of_month(folder, id, out);
	size_t len = strlen(out);
	snprintf(out + len, PATH_MAX - len, "/%s.eml", text);
}

void blob_path_of_arrivals(const char *folder, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/arrived", folder);
}

bool blob_path_of_draft(const char *folder, char out[PATH_MAX], struct error *error)
{
	int64_t id = id_new();
	char text[ID_TEXT_LEN + 1];
	id_format(id, text);
	blob_path_of_month(folder, id, out);
	if (access(out, F_OK) != 0 && !file_make_folders(out, 0700, error))
		return false;
	size_t len = strlen(out);
	snprintf(out + len, PATH_MAX - len, "/%s.new", text);
	return true;
}

bool blob_make_folder(const char *folder, struct error *error)
{
	char path[PATH_MAX];
	blob_path_of_month(folder, id_new(), path);
	if (!file_make_folders(path, 0700, error))
		return false;
	blob_path_of_arrivals(folder, path);
	return file_make_folders(path, 0700, error);
}
