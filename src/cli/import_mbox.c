/* Reading an mbox in its dialects; see import.h. Messages stand one after the other, each after a line of "From ", something and a
 * date. That line needs no empty line before it, and without a date it is text: people write "From now on" in letters. Only where a
 * file's own first separator has no date, others count too, before a header field. Where Content-Length leads to a separator or the
 * end, it is believed (mboxcl). MMDF has lines of four ^A in the place of separators. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/folder_names.h"
#include "cli/import.h"
#include "cli/mail_folders.h"
#include "message/date.h"
#include "message/header.h"

enum { TREE_DEPTH_MAX = 32 };

static const char mmdf_line[] = "\1\1\1\1\n";

/* ---- Separators ---- */

static int word_in(struct slice word, const char *list) /* the place of its first three letters in a list of such; -1 */
{
	struct slice names = slice_of(list);
	for (size_t i = 0; word.len >= 3 && i + 3 <= names.len; i += 3)
		if (slice_equal_nocase(slice_sub(word, 0, 3), slice_sub(names, i, 3)))
			return (int)(i / 3);
	return -1;
}

static struct slice next_word(struct slice *rest)
{
	struct slice word;
	*rest = slice_trim(*rest);
	slice_cut(*rest, ' ', &word, rest);
	return word;
}

static bool read_clock(struct slice word, struct tm *parts)
{
	struct slice hour, minute, second;
	uint64_t h, m, s = 0;
	if (!slice_cut(word, ':', &hour, &minute))
		return false;
	if (slice_cut(minute, ':', &minute, &second) && !slice_to_number(second, 60, &s))
		return false;
	if (!slice_to_number(hour, 23, &h) || !slice_to_number(minute, 59, &m))
		return false;
	parts->tm_hour = (int)h, parts->tm_min = (int)m, parts->tm_sec = (int)s;
	return true;
}

/* "+0130" in seconds. */
static bool read_zone(struct slice word, int *seconds)
{
	uint64_t number;
	if (word.len != 5 || (word.at[0] != '+' && word.at[0] != '-') || !slice_to_number(slice_skip(word, 1), 9999, &number))
		return false;
	*seconds = (int)(number / 100 * 3600 + number % 100 * 60) * (word.at[0] == '-' ? -1 : 1);
	return true;
}

/* "Nov  2 10:00:00 2026", with a zone before or after the year, or by name. In UTC where no numeric zone is given. */
static bool read_asctime(struct slice rest, int64_t *date)
{
	struct tm parts = {0};
	uint64_t day, year = 0;
	int zone = 0;
	parts.tm_mon = word_in(next_word(&rest), "JanFebMarAprMayJunJulAugSepOctNovDec");
	if (parts.tm_mon < 0 || !slice_to_number(next_word(&rest), 31, &day) || !read_clock(next_word(&rest), &parts))
		return false;
	while (rest.len > 0 && year == 0) {
		struct slice word = next_word(&rest);
		if (!read_zone(word, &zone) && (word.len != 4 || !slice_to_number(word, 9999, &year)))
			year = 0;
	}
	read_zone(next_word(&rest), &zone);
	parts.tm_mday = (int)day, parts.tm_year = (int)year - 1900;
	*date = timegm(&parts) - zone;
	return year >= 1970;
}

/* The date of a "From " line. False: it has none that can be read. */
static bool separator_date(struct slice line, int64_t *date)
{
	line = slice_trim(slice_skip(line, 5));
	for (struct slice rest = line; rest.len > 0;) {
		struct slice from = rest, word = next_word(&rest);
		if (word_in(word, "MonTueWedThuFriSatSun") >= 0 && word.len <= 4 && (read_asctime(rest, date) || date_parse(from, date, NULL)))
			return true;
	}
	return false;
}

/* An mbox that is being read. */
struct mbox {
	struct cli_import *import;
	const char *path;
	struct slice mailbox;
	bool dateless; /* its separators have no dates */
	uint64_t number; /* of the message, from 1 */
};

static struct slice line_at(struct slice text, size_t at)
{
	size_t end = slice_find_char(slice_skip(text, at), '\n');
	return slice_sub(text, at, end == SLICE_NONE ? text.len - at : end);
}

static bool is_separator(const struct mbox *mbox, struct slice text, size_t at)
{
	int64_t date;
	struct slice line = line_at(text, at);
	if (!slice_starts(line, SLICE("From ")))
		return false;
	if (separator_date(line, &date))
		return true;
	bool after_empty = at == 0 || (at >= 2 && text.at[at - 2] == '\n') || (at >= 3 && text.at[at - 2] == '\r' && text.at[at - 3] == '\n');
	return mbox->dateless && after_empty && header_line(line_at(text, at + line.len + 1), true) == HEADER_FIELD;
}

/* Where the message that begins at the start of `text` ends. */
static size_t message_length(const struct mbox *mbox, struct slice text, uint64_t body)
{
	size_t header = header_length(text);
	if (body <= text.len - header) { /* Content-Length: believed if it leads to a place where a message can end */
		size_t at = header + (size_t)body;
		while (at < text.len && (text.at[at] == '\n' || text.at[at] == '\r'))
			at++;
		if (at == text.len || is_separator(mbox, text, at))
			return at;
	}
	for (size_t at = 0;;) {
		if (is_separator(mbox, text, at))
			return at;
		size_t found = slice_find(slice_skip(text, at), SLICE("\nFrom "));
		if (found == SLICE_NONE)
			return text.len;
		at += found + 1;
	}
}

/* ---- Messages ---- */

/* Removes one '>' of lines that were quoted since they look like separators (">From ", ">>From "). */
static void unquote(struct slice text, struct buf *out)
{
	while (text.len > 0) {
		size_t end = slice_find_char(text, '\n'), quotes = 0;
		struct slice line = slice_sub(text, 0, end == SLICE_NONE ? text.len : end + 1);
		text = slice_skip(text, line.len);
		while (quotes < line.len && line.at[quotes] == '>')
			quotes++;
		buf_append(out, slice_skip(line, quotes > 0 && slice_starts(slice_skip(line, quotes), SLICE("From "))));
	}
}

/* The empty line before the next separator is the mbox's. */
static struct slice without_last_empty_line(struct slice message)
{
	if (slice_ends_nocase(message, SLICE("\r\n\r\n")))
		return slice_sub(message, 0, message.len - 2);
	return slice_ends_nocase(message, SLICE("\n\n")) ? slice_sub(message, 0, message.len - 1) : message;
}

/* When it arrived, by what the message says itself: the topmost Received field (its date stands last), or Date. */
static int64_t own_date(struct slice message)
{
	struct slice header = slice_sub(message, 0, header_length(message));
	struct header_field field;
	int64_t date;
	if (header_find(header, SLICE("Received"), &field)) {
		size_t semicolon = slice_find_last_char(field.body, ';');
		if (semicolon != SLICE_NONE && date_parse(slice_skip(field.body, semicolon + 1), &date, NULL))
			return date;
	}
	return header_find(header, SLICE("Date"), &field) && date_parse(field.body, &date, NULL) ? date : 0;
}

/* Gmail's labels: where the message goes, its flags, and the rest as keywords. */
static const char *read_labels(struct slice labels, struct cli_import_fields *fields)
{
	static const struct { enum cli_label label; const char *mailbox; } order[] = {
		{LABEL_TRASH, "Trash"}, {LABEL_JUNK, "Junk"}, {LABEL_DRAFTS, "Drafts"}, {LABEL_SENT, "Sent"}, {LABEL_INBOX, "INBOX"}};
	unsigned found = 0;
	fields->flags |= FLAG_SEEN;
	while (labels.len > 0) {
		struct slice label;
		bool quoted = labels.at[0] == '"';
		slice_cut(slice_skip(labels, quoted), quoted ? '"' : ',', &label, &labels);
		if (quoted && labels.len > 0 && labels.at[0] == ',')
			labels = slice_skip(labels, 1);
		label = slice_trim(label);
		enum cli_label meaning = cli_label_meaning(label);
		found |= 1u << meaning;
		if (meaning == LABEL_OTHER)
			cli_import_add_keyword(&fields->keywords, label);
	}
	fields->flags |= found & 1u << LABEL_STARRED ? FLAG_FLAGGED : 0;
	fields->flags &= found & 1u << LABEL_UNSEEN ? ~(unsigned)FLAG_SEEN : ~0u;
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (found & 1u << order[i].label)
			return order[i].mailbox;
	return "Archive";
}

static bool add_message(struct mbox *mbox, struct slice message, struct cli_import_fields *fields, int64_t date, struct error *error)
{
	char where[PATH_MAX + 32];
	struct buf text = BUF(message.len + 1);
	snprintf(where, sizeof where, "%s, message %llu", mbox->path, (unsigned long long)mbox->number);
	if (!cli_import_is_mail(message)) {
		buf_free(&text);
		cli_import_leave(mbox->import, where, "no mail: it begins with no header field");
		return true;
	}
	const char *labelled = fields->labels.len > 0 ? read_labels(fields->labels, fields) : NULL;
	struct slice mailbox = labelled && mbox->import->by_label ? slice_of(labelled) : mbox->mailbox;
	size_t header = header_length(message);
	buf_append(&text, slice_sub(message, 0, header));
	unquote(slice_skip(message, header), &text);
	struct placement placement = {.flags = fields->flags, .keywords = buf_slice(&fields->keywords), .received = date ? date : own_date(message)};
	bool done = cli_import_into(mbox->import, mailbox, error) && cli_import_add(mbox->import, buf_slice(&text), &placement, error);
	buf_free(&text);
	return done;
}

/* What stands in the file: without the fields of its programs, and unless it is one of their own letters, or was removed. */
static bool add_raw(struct mbox *mbox, struct slice raw, int64_t date, struct error *error)
{
	struct cli_import_fields fields;
	struct buf message = BUF(raw.len + 1);
	struct arena *arena = arena_new();
	cli_import_take_fields(raw, IMPORT_MBOX, &message, &fields, arena);
	bool done = fields.internal || fields.removed || add_message(mbox, buf_slice(&message), &fields, date, error);
	cli_import_fields_free(&fields);
	buf_free(&message);
	arena_free(&arena);
	return done;
}

static uint64_t length_field(struct slice text)
{
	struct header_field field;
	uint64_t length;
	bool found = header_find(slice_sub(text, 0, header_length(text)), SLICE("Content-Length"), &field);
	return found && slice_to_number(slice_trim(field.body), UINT64_MAX / 2, &length) ? length : UINT64_MAX;
}

static bool add_after_separators(struct mbox *mbox, struct slice text, struct error *error)
{
	bool done = true;
	while (done && text.len > 0) {
		struct slice separator, rest;
		int64_t date = 0;
		slice_cut(text, '\n', &separator, &rest);
		separator_date(separator, &date);
		size_t length = message_length(mbox, rest, length_field(rest));
		mbox->number++;
		done = add_raw(mbox, without_last_empty_line(slice_sub(rest, 0, length)), date, error);
		text = slice_skip(rest, length);
	}
	return done;
}

static bool add_mmdf(struct mbox *mbox, struct slice text, struct error *error)
{
	bool done = true;
	while (done && slice_starts(text, slice_of(mmdf_line))) {
		text = slice_skip(text, sizeof mmdf_line - 1);
		size_t end = slice_find(text, slice_of(mmdf_line));
		struct slice raw = slice_sub(text, 0, end == SLICE_NONE ? text.len : end), separator;
		int64_t date = 0;
		text = slice_skip(text, raw.len + (end == SLICE_NONE ? 0 : sizeof mmdf_line - 1));
		if (slice_starts(raw, SLICE("From "))) {
			slice_cut(raw, '\n', &separator, &raw);
			separator_date(separator, &date);
		}
		mbox->number++;
		done = raw.len == 0 || add_raw(mbox, raw, date, error);
	}
	return done;
}

/* ---- Files ---- */

static struct slice without_empty_lines(struct slice text)
{
	while (text.len > 0 && (text.at[0] == '\n' || text.at[0] == '\r'))
		text = slice_skip(text, 1);
	return text;
}

/* *mbox_at false: it is none. */
static bool add_messages(struct mbox *mbox, struct slice text, bool *is_mbox, struct error *error)
{
	int64_t date;
	text = without_empty_lines(text);
	bool mmdf = slice_starts(text, slice_of(mmdf_line));
	*is_mbox = text.len == 0 || mmdf || slice_starts(text, SLICE("From "));
	if (!*is_mbox)
		return true;
	mbox->dateless = !separator_date(line_at(text, 0), &date);
	return mmdf ? add_mmdf(mbox, text, error) : add_after_separators(mbox, text, error);
}

/* Takes the descriptor over. What can't be read is named, and keeps nothing else from being read. */
static bool read_file(struct mbox *mbox, int fd, bool *is_mbox, struct error *error)
{
	struct stat status;
	*is_mbox = true;
	if (fd < 0 || fstat(fd, &status) != 0) {
		cli_import_fail_errno(mbox->import, mbox->path, errno);
		if (fd >= 0)
			close(fd);
		return true;
	}
	bool done = true;
	*is_mbox = S_ISREG(status.st_mode);
	void *at = *is_mbox && status.st_size > 0 ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	if (at == MAP_FAILED)
		cli_import_fail_errno(mbox->import, mbox->path, errno);
	else if (at) {
		done = add_messages(mbox, slice_make(at, (size_t)status.st_size), is_mbox, error);
		munmap(at, (size_t)status.st_size);
	}
	close(fd);
	return done;
}

bool cli_import_mbox_file(struct cli_import *import, const char *path, struct slice mailbox, struct error *error)
{
	bool is_mbox;
	struct mbox mbox = {.import = import, .path = path, .mailbox = mailbox};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set_errno(error, errno, "%s", path);
	if (!cli_import_into(import, mailbox, error)) {
		close(fd);
		return false;
	}
	if (!read_file(&mbox, fd, &is_mbox, error))
		return false;
	return is_mbox || error_set(error, ERROR_INVALID, "%s is no mbox: there is no \"From \" line where one must be", path);
}

/* ---- Trees ---- */

/* What programs keep beside their mbox files. */
static bool is_index(const char *name)
{
	static const char *const ends[] = {".msf", ".dat", ".lock", ".index", ".html", ".json"};
	if (name[0] == '.' || slice_starts(slice_of(name), SLICE("dovecot")))
		return true;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (slice_ends_nocase(slice_of(name), slice_of(ends[i])))
			return true;
	return false;
}

static int not_hidden(const struct dirent *entry) { return !is_index(entry->d_name); }
static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static struct slice below(struct cli_import *import, struct slice above, struct slice name)
{
	if (above.len == 0 || slice_equal_nocase(above, SLICE("INBOX")))
		return name;
	return arena_printf(import->arena, "%.*s/%.*s", SLICE_ARG(above), SLICE_ARG(name));
}

static bool read_folder(struct cli_import *import, int folder, const char *path, struct slice above, unsigned depth, struct error *error);

/* "Sent.mbox", as export names it (levels with dots), or a plain name; a folder "Sent.sbd" (Thunderbird) or "Sent" holds what is below. */
static bool read_entry(struct cli_import *import, int folder, const char *path, const char *name, struct slice above, unsigned depth, struct error *error)
{
	char inside[PATH_MAX];
	bool is_mbox = true, done;
	if (snprintf(inside, sizeof inside, "%s/%s", path, name) >= (int)sizeof inside)
		return true;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	bool tree = fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
	struct slice own = below(import, above, cli_mbox_to_mailbox(slice_of(name), import->arena));
	if (tree) {
		done = depth >= TREE_DEPTH_MAX || read_folder(import, fd, inside, own, depth + 1, error);
		close(fd);
		return done;
	}
	struct mbox mbox = {.import = import, .path = inside, .mailbox = slice_equal(slice_of(name), SLICE("mbox")) && above.len > 0 ? above : own};
	done = read_file(&mbox, fd, &is_mbox, error);
	if (!is_mbox)
		cli_import_leave(import, inside, "no mbox");
	return done;
}

static bool read_folder(struct cli_import *import, int folder, const char *path, struct slice above, unsigned depth, struct error *error)
{
	struct dirent **list = NULL;
	int count = scandirat(folder, ".", &list, not_hidden, by_name);
	bool done = true;
	if (count < 0)
		cli_import_fail_errno(import, path, errno);
	for (int i = 0; i < count; i++) {
		done = done && read_entry(import, folder, path, list[i]->d_name, above, depth, error);
		free(list[i]);
	}
	free(list);
	return done;
}

bool cli_import_mbox_tree(struct cli_import *import, const char *path, struct slice mailbox, struct error *error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno, "%s", path);
	bool done = read_folder(import, fd, path, slice_equal_nocase(mailbox, SLICE("INBOX")) ? SLICE("") : mailbox, 0, error);
	close(fd);
	return done;
}
