/* pombal export: an account's messages as Maildir or mbox, with the line ends of Unix. Files that are there already are left
 * alone, so that a broken-off export can be repeated. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/mail_folders.h"
#include "main/privileges.h"

enum { EXPORT_STEP = 200, EXPORT_MESSAGE_MAX = 1 << 30 };

struct export {
	struct account *account;
	struct arena *arena;       /* of one step of a mailbox */
	struct arena *names;       /* of the whole: keywords */
	char folder[PATH_MAX];     /* Maildir: of the present mailbox */
	struct cli_maildir_keywords keywords; /* Maildir: of the present mailbox */
	FILE *mbox;                /* mbox: the present file */
	int given;                 /* mbox: the one file, made by root; else -1 */
	uint64_t written, failed;
};

/* Reads a message with LF line ends. */
static bool read_message(struct export *export, int64_t id, struct buf *out, struct error *error)
{
	uint64_t size;
	struct buf raw = BUF(EXPORT_MESSAGE_MAX);
	int fd = message_open(export->account, id, &size, error);
	bool done = fd >= 0 && file_read_fd(fd, &raw, error);
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; done && i < raw.len; i++)
		if (raw.at[i] != '\r' || i + 1 == raw.len || raw.at[i + 1] != '\n')
			buf_append_char(out, raw.at[i]);
	buf_free(&raw);
	return done;
}

/* ---- Maildir ---- */

static bool begin_maildir(struct export *export, const char *path, struct slice mailbox, struct error *error)
{
	static const char *const subfolders[] = {"cur", "new", "tmp"};
	bool inbox = slice_equal_nocase(mailbox, SLICE("INBOX"));
	export->keywords = (struct cli_maildir_keywords){0};
	struct slice folder = inbox ? SLICE("") : cli_folder_from_mailbox(mailbox, export->arena);
	int len = snprintf(export->folder, sizeof export->folder, "%s%s%.*s", path, inbox ? "" : "/", SLICE_ARG(folder));
	for (size_t i = 0; i < sizeof subfolders / sizeof *subfolders; i++) {
		char inside[PATH_MAX];
		if (len >= PATH_MAX - 8 || snprintf(inside, sizeof inside, "%s/%s", export->folder, subfolders[i]) >= PATH_MAX)
			return error_set(error, ERROR_INVALID, "path too long: %s", path);
		if (!file_make_folders(inside, 0700, error))
			return false;
	}
	return true;
}

/* The letters of a message's keywords for its file's name, in order. */
static const char *letters_of(struct export *export, const struct message *message, char out[MAILDIR_KEYWORDS_MAX + 1])
{
	bool has[MAILDIR_KEYWORDS_MAX] = {false};
	struct slice word, rest = message->keywords;
	for (bool more = rest.len > 0; more;) {
		more = slice_cut(rest, ' ', &word, &rest);
		char letter = cli_maildir_keyword_letter(&export->keywords, word, export->names);
		if (letter)
			has[letter - 'a'] = true;
	}
	size_t len = 0;
	for (int i = 0; i < MAILDIR_KEYWORDS_MAX; i++)
		if (has[i])
			out[len++] = (char)('a' + i);
	out[len] = '\0';
	return out;
}

/* What the letters stand for, where Dovecot and import look for it. */
static bool write_keywords(struct export *export, struct error *error)
{
	char path[PATH_MAX];
	struct buf text = BUF(MAILDIR_KEYWORDS_MAX * (KEYWORD_MAX + 8));
	for (int i = 0; i < MAILDIR_KEYWORDS_MAX; i++)
		if (export->keywords.names[i].len > 0)
			buf_printf(&text, "%d %.*s\n", i, SLICE_ARG(export->keywords.names[i]));
	int len = snprintf(path, sizeof path, "%s/dovecot-keywords", export->folder);
	bool done = text.len == 0 || (len < PATH_MAX && file_replace(path, buf_slice(&text), 0600, error));
	buf_free(&text);
	return done;
}

/* The name is the same in every export, so a message that is there already is seen. */
static bool write_file(struct export *export, const struct message *message, struct error *error)
{
	char path[PATH_MAX], flags[8], letters[MAILDIR_KEYWORDS_MAX + 1];
	int len = snprintf(path, sizeof path, "%s/cur/%lld.P%llxU%u.pombal:2,%s%s", export->folder, (long long)message->received,
			   (unsigned long long)message->id, message->uid, cli_flags_to_name(message->flags, flags), letters_of(export, message, letters));
	if (len >= PATH_MAX)
		return error_set(error, ERROR_INVALID, "path too long: %s", export->folder);
	if (access(path, F_OK) == 0)
		return true;
	struct buf content = BUF(EXPORT_MESSAGE_MAX);
	bool done = read_message(export, message->id, &content, error);
	int fd = done ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	if (done)
		done = fd >= 0 ? file_write_all(fd, buf_slice(&content), error) : error_set_errno(error, errno, "%s", path);
	if (fd >= 0) {
		struct timespec times[2] = {{.tv_sec = message->received}, {.tv_sec = message->received}};
		futimens(fd, times);
		close(fd);
	}
	buf_free(&content);
	export->written += done;
	return done;
}

/* ---- mbox ---- */

static bool begin_mbox(struct export *export, const char *path, struct slice mailbox, bool single, struct error *error)
{
	char file[PATH_MAX];
	struct slice name = slice_skip(cli_folder_from_mailbox(mailbox, export->arena), 1);
	if (!single && !file_make_folders(path, 0700, error))
		return false;
	int len = single ? snprintf(file, sizeof file, "%s", path) : snprintf(file, sizeof file, "%s/%.*s.mbox", path, SLICE_ARG(name));
	if (len >= PATH_MAX)
		return error_set(error, ERROR_INVALID, "path too long: %s", path);
	int fd = export->given >= 0 ? export->given : open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	export->given = -1;
	export->mbox = fd >= 0 ? fdopen(fd, "w") : NULL;
	return export->mbox || error_set_errno(error, errno, "%s", file);
}

/* Every line that looks like a separator, quoted or not, gets one '>' more (the form called mboxrd), so that it can be read
 * back exactly. */
static void write_quoted(FILE *out, struct slice text)
{
	while (text.len > 0) {
		size_t end = slice_find_char(text, '\n'), quotes = 0;
		struct slice line = slice_sub(text, 0, end == SLICE_NONE ? text.len : end + 1);
		while (quotes < line.len && line.at[quotes] == '>')
			quotes++;
		if (slice_starts(slice_skip(line, quotes), SLICE("From ")))
			fputc('>', out);
		fwrite(line.at, 1, line.len, out);
		text = slice_skip(text, line.len);
	}
}

static bool write_mbox(struct export *export, const struct message *message, struct error *error)
{
	char date[64] = "Thu Jan  1 00:00:00 1970";
	struct tm parts;
	time_t when = (time_t)message->received;
	struct buf content = BUF(EXPORT_MESSAGE_MAX);
	if (!read_message(export, message->id, &content, error)) {
		buf_free(&content);
		return false;
	}
	if (gmtime_r(&when, &parts))
		strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &parts);
	fprintf(export->mbox, "From MAILER-DAEMON %s\nStatus: %sO\nX-Status: %s%s%s%s\n", date, message->flags & FLAG_SEEN ? "R" : "",
		message->flags & FLAG_ANSWERED ? "A" : "", message->flags & FLAG_FLAGGED ? "F" : "", message->flags & FLAG_DELETED ? "D" : "",
		message->flags & FLAG_DRAFT ? "T" : "");
	write_quoted(export->mbox, buf_slice(&content));
	fputs(content.len > 0 && content.at[content.len - 1] == '\n' ? "\n" : "\n\n", export->mbox);
	buf_free(&content);
	export->written++;
	return !ferror(export->mbox) || error_set_errno(error, errno, "writing");
}

/* ---- All of it ---- */

/* What can't be written is named, and keeps nothing else from being written; but a full disk is the end. False: no more. */
static bool pass_over(struct export *export, struct slice what, const struct error *error)
{
	if (error->kind == ERROR_FULL)
		return false;
	fprintf(stderr, "pombal export: %.*s: %s\n", SLICE_ARG(what), error->text);
	export->failed++;
	return true;
}

static bool write_message(struct export *export, const struct mailbox *mailbox, const struct message *message, struct error *error)
{
	char id[ID_TEXT_LEN + 1];
	if (export->mbox ? write_mbox(export, message, error) : write_file(export, message, error))
		return true;
	if (error->kind == ERROR_NOT_FOUND) /* expunged meanwhile */
		return true;
	id_format(message->id, id);
	return pass_over(export, arena_printf(export->names, "%.*s, message %s", SLICE_ARG(mailbox->name), id), error);
}

static bool write_messages(struct export *export, const struct mailbox *mailbox, struct error *error)
{
	uint32_t next = 1;
	for (size_t count = EXPORT_STEP; count == EXPORT_STEP;) {
		struct message *list;
		arena_reset(export->arena);
		if (!message_list(export->account, mailbox->id, next, UINT32_MAX, 0, EXPORT_STEP, MESSAGE_FLAGS, export->arena, &list, &count, error))
			return false;
		for (size_t i = 0; i < count; i++)
			if (!write_message(export, mailbox, &list[i], error))
				return false;
		if (count > 0 && list[count - 1].uid == UINT32_MAX)
			return true;
		next = count > 0 ? list[count - 1].uid + 1 : next;
	}
	return true;
}

static bool export_mailbox(struct command_line *line, struct export *export, const struct mailbox *mailbox, bool single, struct error *error)
{
	const char *path = line->arguments[1], *format = command_value(line, "format");
	bool mbox = format && slice_equal(slice_of(format), SLICE("mbox"));
	if (!mailbox->selectable || (mbox && !single && mailbox->messages == 0))
		return true;
	bool done = (mbox ? begin_mbox(export, path, mailbox->name, single, error) : begin_maildir(export, path, mailbox->name, error)) &&
		    write_messages(export, mailbox, error) && (mbox || write_keywords(export, error));
	if (export->mbox && fclose(export->mbox) != 0 && done)
		done = error_set_errno(error, errno, "writing");
	export->mbox = NULL;
	return done;
}

static bool export_all(struct command_line *line, struct export *export, struct error *error)
{
	const char *wanted = command_value(line, "mailbox");
	struct mailbox *list, one;
	size_t count;
	if (wanted)
		return mailbox_find(export->account, slice_of(wanted), line->arena, &one, error) && export_mailbox(line, export, &one, true, error);
	if (!mailbox_list(export->account, line->arena, &list, &count, error))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!export_mailbox(line, export, &list[i], false, error) && !pass_over(export, list[i].name, error))
			return false;
	return true;
}

/* ---- The target ---- */

static bool give_folder(struct command_line *line, const char *path, const struct identity *owner, struct error *error)
{
	struct stat status;
	bool there = stat(path, &status) == 0;
	if (there && status.st_uid != owner->user)
		return error_set(error, ERROR_EXISTS, "%s is there and belongs to somebody else: name a folder that isn't there yet", path);
	if (!there && !file_make_folders(path, 0700, error))
		return false;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool done = fd >= 0 && (there || fchown(fd, owner->user, owner->group) == 0) && fchdir(fd) == 0;
	if (!done)
		error_set_errno(error, errno, "%s", path);
	if (fd >= 0)
		close(fd);
	line->arguments[1] = arena_text(line->arena, SLICE("."));
	return done;
}

static bool give_file(struct export *export, const char *path, const struct identity *owner, struct error *error)
{
	struct stat status;
	export->given = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (export->given < 0 || fstat(export->given, &status) != 0)
		return error_set_errno(error, errno, "%s", path);
	if (!S_ISREG(status.st_mode) || status.st_size > 0 || status.st_nlink != 1) /* an empty one is left over from an attempt that failed */
		return error_set_errno(error, EEXIST, "%s", path);
	return fchown(export->given, owner->user, owner->group) == 0 || error_set_errno(error, errno, "%s", path);
}

/* What root names is made by root, and given to the data directory's owner, who then writes to it from within: what leads there
 * may be closed to him. */
static bool give_target(struct command_line *line, struct export *export, struct error *error)
{
	struct identity owner;
	const char *format = command_value(line, "format"), *path = line->arguments[1];
	if (!identity_of(line->data, &owner, error))
		return false;
	if (getuid() != 0 || owner.user == 0)
		return true;
	bool single = format && slice_equal(slice_of(format), SLICE("mbox")) && command_value(line, "mailbox");
	return single ? give_file(export, path, &owner, error) : give_folder(line, path, &owner, error);
}

static bool enter(struct command_line *line, struct export *export)
{
	struct error error;
	if (!instance_find(line))
		return false;
	if (give_target(line, export, &error))
		return instance_enter(line);
	command_fail_with(line, &error);
	return false;
}

static int run(struct command_line *line)
{
	struct error error;
	struct slice name;
	const char *format = command_value(line, "format");
	struct export export = {.arena = arena_new(), .names = line->arena, .given = -1};
	struct store *store = NULL;
	int status = COMMAND_FAILED;
	log_set_role("export", LOG_LEVEL_WARNING);
	if (format && !slice_equal(slice_of(format), SLICE("maildir")) && !slice_equal(slice_of(format), SLICE("mbox")))
		status = command_misuse(line, "--format is maildir or mbox");
	else if (enter(line, &export) && (store = instance_store(line))) {
		bool done = instance_address(line, command_argument(line, 0), &name, &error) && (export.account = store_open_account(store, name, &error)) &&
			    export_all(line, &export, &error);
		if (export.account)
			store_release_account(&export.account);
		store_close(&store);
		status = done ? COMMAND_DONE : command_fail_with(line, &error);
		if (done) {
			instance_note(line, "admin.exported", log_slice("account", name), log_number("messages", (int64_t)export.written));
			printf("%llu messages written\n", (unsigned long long)export.written);
			if (export.failed > 0)
				status = command_fail(line, "%llu things could not be written, see above", (unsigned long long)export.failed);
		}
	}
	if (export.given >= 0)
		close(export.given);
	arena_free(&export.arena);
	config_free_all();
	return status;
}

static const struct command_option options[] = {
	{"mailbox", "NAME", "only this one (default: all)"},
	{"format", "maildir|mbox", "default: maildir. As mbox, PATH is a file with --mailbox, else a folder of files"},
	{0},
};

const struct command cli_export_commands[] = {
	{"export", "ADDRESS PATH", "Writes an account's messages as Maildir or mbox.", run, options, 2, 2, 0},
	{0},
};
