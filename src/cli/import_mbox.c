/* Reading an mbox: messages one after the other, each after a line that begins with "From "; see import.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/import.h"
#include "cli/mail_folders.h"
#include "message/header.h"

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

static bool add_messages(struct import *import, struct slice text, struct error *error)
{
	while (text.len > 0) {
		struct slice separator, rest;
		if (!slice_starts(text, SLICE("From ")))
			return error_set(error, ERROR_INVALID, "not an mbox: there is no \"From \" line where one must be");
		slice_cut(text, '\n', &separator, &rest);
		size_t length = slice_starts(rest, SLICE("From ")) ? 0 : mbox_message_length(rest);
		struct slice raw = without_last_empty_line(slice_sub(rest, 0, length));
		struct buf message = BUF(raw.len + 1);
		struct placement placement = {.received = separator_date(separator)};
		clean_message(raw, &message, &placement.flags);
		bool done = import_add(import, buf_slice(&message), &placement, error);
		buf_free(&message);
		if (!done)
			return false;
		text = slice_skip(rest, length);
	}
	return import_flush(import, error);
}

bool import_mbox_file(struct import *import, const char *path, struct slice mailbox, struct error *error)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) != 0) {
		error_set_errno(error, errno, "%s", path);
		if (fd >= 0)
			close(fd);
		return false;
	}
	bool done = S_ISREG(status.st_mode) || error_set(error, ERROR_INVALID, "%s is no file", path);
	done = done && import_into(import, mailbox, error);
	if (done && status.st_size > 0) {
		void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		done = at != MAP_FAILED || error_set_errno(error, errno, "%s", path);
		done = done && add_messages(import, slice_make(at, (size_t)status.st_size), error);
		if (at != MAP_FAILED)
			munmap(at, (size_t)status.st_size);
	}
	close(fd);
	return done;
}
