/* pombal import: Maildir (with the folders of Maildir++) and mbox. */
#include "cli/import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/mail_folders.h"
#include "message/header.h"

enum { IMPORT_MESSAGE_MAX = 1 << 30 };

/* ---- Maildir ---- */

static bool import_file(struct import *import, int folder, const char *name, bool fresh, struct error *error)
{
	struct stat status;
	struct error cause;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) != 0) {
		if (fd >= 0)
			close(fd);
		return errno == ENOENT || error_set_errno(error, errno, "%s", name); /* moved by a client meanwhile */
	}
	struct buf content = BUF(IMPORT_MESSAGE_MAX);
	bool done = true;
	if (S_ISREG(status.st_mode))
		done = file_read_fd(fd, &content, &cause) &&
		       import_add(import, buf_slice(&content), fresh ? 0 : flags_from_name(slice_of(name)), status.st_mtime, &cause);
	buf_free(&content);
	close(fd);
	return done || error_set(error, cause.kind, "%s: %s", name, cause.text);
}

static int visible_only(const struct dirent *entry) { return entry->d_name[0] != '.'; }
static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* One of "cur" and "new". Its names begin with the time of delivery, so their order is that of arrival. */
static bool import_files(struct import *import, const char *path, const char *sub, struct error *error)
{
	char folder[PATH_MAX];
	struct dirent **list;
	snprintf(folder, sizeof folder, "%s/%s", path, sub);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = fd < 0 ? -1 : scandir(folder, &list, visible_only, by_name);
	if (count < 0) {
		int number = errno;
		if (fd >= 0)
			close(fd);
		return number == ENOENT || error_set_errno(error, number, "%s", folder);
	}
	bool done = true;
	for (int i = 0; i < count; i++) {
		done = done && import_file(import, fd, list[i]->d_name, slice_equal(slice_of(sub), SLICE("new")), error);
		free(list[i]);
	}
	free(list);
	close(fd);
	return done;
}

static bool import_folder(struct import *import, const char *path, struct slice mailbox, struct error *error)
{
	return import_into(import, mailbox, error) && import_files(import, path, "cur", error) && import_files(import, path, "new", error);
}

static bool is_folder(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool is_maildir(const char *path)
{
	char inside[PATH_MAX];
	return snprintf(inside, sizeof inside, "%s/cur", path) < (int)sizeof inside && is_folder(inside);
}

static int subfolders_only(const struct dirent *entry)
{
	return entry->d_name[0] == '.' && entry->d_name[1] != '\0' && !slice_equal(slice_of(entry->d_name), SLICE(".."));
}

static bool import_maildir(struct import *import, const char *path, struct slice mailbox, struct error *error)
{
	struct dirent **list;
	bool done = import_folder(import, path, mailbox, error);
	int count = done ? scandir(path, &list, subfolders_only, by_name) : -1;
	bool inbox = slice_equal_nocase(mailbox, SLICE("INBOX"));
	for (int i = 0; i < count; i++) {
		char folder[PATH_MAX];
		struct slice name = folder_to_mailbox(slice_of(list[i]->d_name), import->arena);
		if (!inbox) /* a whole tree below a mailbox of its own */
			name = arena_printf(import->arena, "%.*s/%.*s", SLICE_ARG(mailbox), SLICE_ARG(name));
		if (done && snprintf(folder, sizeof folder, "%s/%s", path, list[i]->d_name) < (int)sizeof folder && is_maildir(folder))
			done = import_folder(import, folder, name, error);
		free(list[i]);
	}
	if (count >= 0)
		free(list);
	return done && import_flush(import, error);
}

/* ---- mbox ---- */

/* "From sender Sat Jan  3 01:05:34 1996": the date of arrival, in UTC; 0 if it can't be read. */
static int64_t separator_date(struct slice line)
{
	char text[128];
	struct tm parts = {0};
	snprintf(text, sizeof text, "%.*s", SLICE_ARG(slice_sub(slice_trim(line), 0, sizeof text - 1)));
	for (const char *at = text; (at = strchr(at, ' ')); at++) {
		const char *end = strptime(at + 1, "%a %b %e %H:%M:%S %Y", &parts);
		if (end)
			return timegm(&parts);
	}
	return 0;
}

/* Where the message that begins at the start of `text` ends: before an empty line that a "From " line follows. */
static size_t mbox_message_length(struct slice text)
{
	for (size_t at = 0;;) {
		size_t found = slice_find(slice_skip(text, at), SLICE("\nFrom "));
		if (found == SLICE_NONE)
			return text.len;
		at += found + 1;
		bool after_empty = at < 2 || text.at[at - 2] == '\n' || (at >= 3 && text.at[at - 2] == '\r' && text.at[at - 3] == '\n');
		if (after_empty)
			return at;
	}
}

/* Removes the quoting of lines that look like separators (">From ", ">>From "), and the fields that are the mbox's own. */
static void clean_message(struct slice raw, struct buf *out, unsigned *flags)
{
	struct slice header = slice_sub(raw, 0, header_length(raw)), body = slice_skip(raw, header.len), line;
	struct header_field field;
	size_t fields_end = 0;
	*flags = 0;
	for (struct slice rest = header; header_next(&rest, &field);) {
		bool own = slice_equal_nocase(field.name, SLICE("Status")) || slice_equal_nocase(field.name, SLICE("X-Status"));
		if (own)
			*flags |= flags_from_status(field.body);
		else
			buf_append(out, field.whole);
		fields_end = (size_t)(field.whole.at + field.whole.len - raw.at);
	}
	buf_append(out, slice_sub(raw, fields_end, header.len - fields_end));
	while (body.len > 0) {
		size_t end = slice_find_char(body, '\n');
		line = slice_sub(body, 0, end == SLICE_NONE ? body.len : end + 1);
		body = slice_skip(body, line.len);
		size_t quotes = 0;
		while (quotes < line.len && line.at[quotes] == '>')
			quotes++;
		bool quoted = quotes > 0 && slice_starts(slice_skip(line, quotes), SLICE("From "));
		buf_append(out, slice_skip(line, quoted));
	}
}

/* The empty line before the next separator is the mbox's. */
static struct slice without_last_empty_line(struct slice message)
{
	if (slice_ends_nocase(message, SLICE("\r\n\r\n")))
		return slice_sub(message, 0, message.len - 2);
	return slice_ends_nocase(message, SLICE("\n\n")) ? slice_sub(message, 0, message.len - 1) : message;
}

static bool import_mbox(struct import *import, struct slice text, struct error *error)
{
	while (text.len > 0) {
		struct slice separator, rest;
		if (!slice_starts(text, SLICE("From ")))
			return error_set(error, ERROR_INVALID, "not an mbox: there is no \"From \" line where one must be");
		slice_cut(text, '\n', &separator, &rest);
		size_t length = slice_starts(rest, SLICE("From ")) ? 0 : mbox_message_length(rest);
		struct slice raw = without_last_empty_line(slice_sub(rest, 0, length));
		struct buf message = BUF(raw.len + 1);
		unsigned flags;
		clean_message(raw, &message, &flags);
		bool done = import_add(import, buf_slice(&message), flags, separator_date(separator), error);
		buf_free(&message);
		if (!done)
			return false;
		text = slice_skip(rest, length);
	}
	return import_flush(import, error);
}

static bool import_mbox_file(struct import *import, const char *path, struct slice mailbox, struct error *error)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0) {
		error_set_errno(error, errno, "%s", path);
		if (fd >= 0)
			close(fd);
		return false;
	}
	bool done = import_into(import, mailbox, error);
	if (done && status.st_size > 0) {
		void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		done = at != MAP_FAILED || error_set_errno(error, errno, "%s", path);
		done = done && import_mbox(import, slice_make(at, (size_t)status.st_size), error);
		if (at != MAP_FAILED)
			munmap(at, (size_t)status.st_size);
	}
	close(fd);
	return done;
}

/* ---- The command ---- */

static bool import_from(struct command_line *line, struct import *import, struct error *error)
{
	const char *path = line->arguments[1], *format = command_value(line, "format"), *mailbox = command_value(line, "mailbox");
	struct slice target = slice_of(mailbox ? mailbox : "INBOX"), kind = slice_of(format ? format : is_folder(path) ? "maildir" : "mbox");
	if (access(path, F_OK) != 0)
		return error_set_errno(error, errno, "%s", path);
	if (slice_equal(kind, SLICE("mbox")))
		return import_mbox_file(import, path, target, error);
	if (!is_maildir(path))
		return error_set(error, ERROR_INVALID, "%s is no Maildir: it has no folder cur", path);
	return import_maildir(import, path, target, error);
}

static bool open_account(struct command_line *line, struct import *import, struct error *error)
{
	struct slice name;
	struct store_options options = {.data = line->data}; /* without a limit: what is there already is let in */
	return instance_address(line, command_argument(line, 0), &name, error) && (import->store = store_open(&options, error)) &&
	       (import->account = store_open_account(import->store, name, error));
}

static int finish(struct command_line *line, struct import *import, bool done, struct error *error)
{
	for (size_t i = 0; i < import->gathered; i++)
		draft_abort(&import->drafts[i]);
	if (import->account) {
		struct slice name = arena_copy(import->arena, account_name(import->account));
		store_release_account(&import->account);
		struct error unsynced;
		if (!store_sync(import->store, &unsynced) && done) {
			done = false;
			*error = unsynced;
		}
		instance_tell_changed(line, name);
		printf("%llu messages added, %llu were there already\n", (unsigned long long)import->added, (unsigned long long)import->known);
	}
	if (import->store)
		store_close(&import->store);
	map_free(&import->seen);
	return done ? COMMAND_DONE : command_fail(line, "%s", error->text);
}

static int run(struct command_line *line)
{
	struct error error;
	const char *format = command_value(line, "format");
	if (format && !slice_equal(slice_of(format), SLICE("maildir")) && !slice_equal(slice_of(format), SLICE("mbox")))
		return command_misuse(line, "--format is maildir or mbox");
	log_set_role("import", LOG_LEVEL_WARNING);
	if (!instance_enter(line))
		return COMMAND_FAILED;
	struct import import = {.arena = line->arena, .seen = map_new()};
	bool done = open_account(line, &import, &error) && import_from(line, &import, &error);
	int status = finish(line, &import, done, &error);
	config_free_all();
	return status;
}

static const struct command_option options[] = {
	{"mailbox", "NAME", "where the messages go (default: INBOX; folders of a Maildir become mailboxes of their names)"},
	{"format", "maildir|mbox", "what PATH is (default: a folder is a Maildir, a file an mbox)"},
	{0},
};

const struct command import_commands[] = {
	{"import", "ADDRESS PATH", "Puts the messages of a Maildir or an mbox into an account; what is there already is not added again.", run, options, 2, 2, 0},
	{0},
};
