/* Reading a Maildir; see import.h. Its folders are those of Maildir++ (".Projects.Old", as Dovecot and Courier write them), and
 * folders inside folders ("Projects/Old", Dovecot's layout "fs"). Beside the folder that was named no link is followed: who
 * imports as root reads what the Maildir's owner has put there, and nothing that he only points at. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/import.h"
#include "cli/mail_folders.h"
#include "cli/unpack.h"

enum { IMPORT_MESSAGE_MAX = 1 << 30, UNPACKED_MAX = 256 * 1024 * 1024, FOLDER_DEPTH_MAX = 32 };

/* One folder that holds cur and new. */
struct folder {
	int fd;
	struct cli_maildir_keywords keywords;
	struct slice mailbox;
	unsigned depth;
};

static int open_inside(int folder, const char *name) { return openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW); }

/* ---- Messages ---- */

/* A file as its owner's mail program sees it: unpacked, without fields that only programs read. Thunderbird's Maildir keeps its flags
 * in them, and none in the names. */
static bool add_content(struct cli_import *import, const struct folder *folder, struct slice content, const char *name, int64_t received, bool fresh,
			struct error *error)
{
	struct cli_import_fields fields;
	struct buf message = BUF(content.len + 1);
	struct placement placement = {.received = received};
	struct arena *arena = arena_new();
	bool named = slice_find(slice_of(name), SLICE(":2,")) != SLICE_NONE;
	cli_import_take_fields(content, IMPORT_MAILDIR, &message, &fields, arena);
	if (!fresh || named || fields.has_flags) { /* mbsync puts what is unread into "new", with its other flags in its name */
		placement.flags = named ? cli_flags_from_name(slice_of(name)) : fields.flags;
		placement.keywords = named ? cli_keywords_from_name(slice_of(name), &folder->keywords, arena) : buf_slice(&fields.keywords);
	}
	bool done = fields.removed || cli_import_add(import, buf_slice(&message), &placement, error);
	cli_import_fields_free(&fields);
	buf_free(&message);
	arena_free(&arena);
	return done;
}

/* What can't be read, unpacked, or isn't mail is named, and keeps nothing else from coming over. */
static bool add_file(struct cli_import *import, const struct folder *folder, int fd, const char *name, bool fresh, struct error *error)
{
	struct stat status;
	struct error cause = {0};
	struct buf content = BUF(IMPORT_MESSAGE_MAX), unpacked = BUF(UNPACKED_MAX);
	const char *where = arena_printf(import->arena, "%.*s: %s", SLICE_ARG(folder->mailbox), name).at;
	bool done = true;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return true;
	bool got = file_read_fd(fd, &content, &cause), packed = got && cli_unpack_kind(buf_slice(&content));
	struct slice message;
	if (!got || (packed && !cli_unpack(buf_slice(&content), &unpacked, &cause)))
		cli_import_fail(import, where, cause.text);
	else if (!cli_import_is_mail(message = buf_slice(packed ? &unpacked : &content)))
		cli_import_leave(import, where, message.len == 0 ? "empty" : "no mail: it begins with no header field");
	else
		done = add_content(import, folder, message, name, status.st_mtime, fresh, error);
	buf_free(&content);
	buf_free(&unpacked);
	return done;
}

static bool import_file(struct cli_import *import, const struct folder *folder, int sub, const char *name, bool fresh, struct error *error)
{
	int fd = openat(sub, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		if (errno != ENOENT) /* moved by a client meanwhile */
			cli_import_fail_errno(import, name, errno);
		return true;
	}
	bool done = add_file(import, folder, fd, name, fresh, error);
	close(fd);
	return done;
}

static int visible_only(const struct dirent *entry) { return entry->d_name[0] != '.'; }
static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* One of "cur" and "new". Its names begin with the time of delivery, so their order is that of arrival. */
static bool import_files(struct cli_import *import, const struct folder *folder, const char *name, struct error *error)
{
	struct dirent **list = NULL;
	int fd = open_inside(folder->fd, name), count = fd < 0 ? -1 : scandirat(fd, ".", &list, visible_only, by_name);
	bool done = count >= 0 || errno == ENOENT || error_set_errno(error, errno, "%.*s: %s", SLICE_ARG(folder->mailbox), name);
	for (int i = 0; i < count; i++) {
		done = done && import_file(import, folder, fd, list[i]->d_name, slice_equal(slice_of(name), SLICE("new")), error);
		free(list[i]);
	}
	free(list);
	if (fd >= 0)
		close(fd);
	return done;
}

/* Dovecot's file of a folder: which letter in a file's name stands for which keyword. */
static void read_keywords(struct folder *folder, struct arena *arena)
{
	struct buf text = BUF(64 * 1024);
	struct error ignored;
	int fd = openat(folder->fd, "dovecot-keywords", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && file_read_fd(fd, &text, &ignored))
		cli_maildir_keywords_read(&folder->keywords, arena_copy(arena, buf_slice(&text)));
	if (fd >= 0)
		close(fd);
	buf_free(&text);
}

/* ---- Folders ---- */

static bool has_messages(int folder)
{
	int fd = open_inside(folder, "cur");
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int folders_only(const struct dirent *entry)
{
	static const char *const others[] = {".", "..", "cur", "new", "tmp"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (slice_equal(slice_of(entry->d_name), slice_of(others[i])))
			return false;
	return entry->d_type == DT_DIR || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
}

static bool import_folder(struct cli_import *import, struct folder *folder, struct error *error);

static struct slice mailbox_of(const struct cli_import *import, const struct folder *parent, const char *name)
{
	struct slice own = cli_folder_to_mailbox(slice_of(name), import->arena);
	if (parent->depth == 0 && slice_equal_nocase(parent->mailbox, SLICE("INBOX")))
		return own;
	return arena_printf(import->arena, "%.*s/%.*s", SLICE_ARG(parent->mailbox), SLICE_ARG(own)); /* a tree below a mailbox of its own */
}

/* A folder that is none of mail (an index, a filter's scripts) is passed over; a link that leads to one of mail is not. */
static bool import_subfolder(struct cli_import *import, const struct folder *parent, const char *name, struct error *error)
{
	struct folder folder = {.fd = open_inside(parent->fd, name), .mailbox = mailbox_of(import, parent, name), .depth = parent->depth + 1};
	if (folder.fd < 0) {
		bool link = errno == ELOOP || errno == ENOTDIR;
		int target = link ? openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		bool misses = target >= 0 && has_messages(target);
		if (target >= 0)
			close(target);
		if (misses)
			return error_set(error, ERROR_INVALID, "%s is a link, which isn't followed: import the folder that it leads to with --mailbox", name);
		return link || errno == ENOENT || error_set_errno(error, errno, "%s", name);
	}
	bool done = folder.depth >= FOLDER_DEPTH_MAX || import_folder(import, &folder, error);
	close(folder.fd);
	return done;
}

static bool import_subfolders(struct cli_import *import, const struct folder *folder, struct error *error)
{
	struct dirent **list = NULL;
	int count = scandirat(folder->fd, ".", &list, folders_only, by_name);
	bool done = count >= 0 || error_set_errno(error, errno, "%.*s", SLICE_ARG(folder->mailbox));
	for (int i = 0; i < count; i++) {
		done = done && import_subfolder(import, folder, list[i]->d_name, error);
		free(list[i]);
	}
	free(list);
	return done;
}

static bool import_folder(struct cli_import *import, struct folder *folder, struct error *error)
{
	read_keywords(folder, import->arena);
	if (has_messages(folder->fd) && (!cli_import_into(import, folder->mailbox, error) || !import_files(import, folder, "cur", error) ||
					 !import_files(import, folder, "new", error)))
		return false;
	return import_subfolders(import, folder, error);
}

bool cli_import_maildir(struct cli_import *import, const char *path, struct slice mailbox, struct error *error)
{
	struct folder folder = {.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .mailbox = mailbox};
	if (folder.fd < 0)
		return error_set_errno(error, errno, "%s", path);
	bool done = has_messages(folder.fd) || error_set(error, ERROR_INVALID, "%s is no Maildir: it has no folder cur", path);
	done = done && import_folder(import, &folder, error);
	close(folder.fd);
	return done;
}
