/* Files that no message has: finding them and making them messages again. And messages that the journal has. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "store/internal.h"

static bool visit_month(const char *path, bool (*visit)(void *context, int64_t id, const char *path, struct error *error), void *context, struct error *error)
{
	DIR *list = opendir(path);
	if (!list)
		return errno == ENOTDIR || error_set_errno(error, errno, "listing %s", path);
	bool done = true;
	for (struct dirent *entry; done && (entry = readdir(list));) {
		char file[PATH_MAX];
		struct slice name = slice_of(entry->d_name);
		if (name.len < 4 || !slice_equal(slice_skip(name, name.len - 4), SLICE(".eml")))
			continue;
		if (snprintf(file, sizeof file, "%s/%s", path, entry->d_name) < (int)sizeof file)
			done = visit(context, id_parse(slice_sub(name, 0, name.len - 4)), file, error);
	}
	closedir(list);
	return done;
}

bool adopt_each_file(const char *folder, bool (*visit)(void *context, int64_t id, const char *path, struct error *error), void *context, struct error *error)
{
	char mail[PATH_MAX], month[PATH_MAX];
	snprintf(mail, sizeof mail, "%s/mail", folder);
	DIR *list = opendir(mail);
	if (!list)
		return errno == ENOENT || error_set_errno(error, errno, "listing %s", mail);
	bool done = true;
	for (struct dirent *entry; done && (entry = readdir(list));)
		if (entry->d_name[0] != '.' && snprintf(month, sizeof month, "%s/%s", mail, entry->d_name) < (int)sizeof month)
			done = visit_month(month, visit, context, error);
	closedir(list);
	return done;
}

/* ---- Adopting ---- */

enum { ADOPT_AT_A_TIME = 100 };

struct foundling {
	int64_t id, received;
	uint64_t size;
	bool readable;
	unsigned char hash[CONTENT_HASH_SIZE];
	struct slice summary;
};

/* Without a lock. One that can't be read is passed over, and found again by the next check. */
static void describe(const char *folder, struct foundling *one, struct arena *arena)
{
	char path[PATH_MAX];
	struct stat status;
	struct slice content;
	path_of_message(folder, one->id, path);
	one->readable = stat(path, &status) == 0 && content_map(path, &content, NULL);
	if (!one->readable)
		return;
	one->received = status.st_mtime;
	one->size = content.len;
	content_hash(content, one->hash);
	one->summary = content_summary(content, arena);
	content_unmap(content);
}

static bool is_known(struct db *db, int64_t id, bool *known, struct error *error)
{
	struct db_statement *s = PREPARE(db, "SELECT 1 FROM message WHERE id = $1", id);
	enum db_step step = db_step(s, error);
	*known = step == DB_ROW;
	db_reset(s);
	return step != DB_FAILED;
}

static bool add_row(struct change *change, const struct foundling *one, int64_t refs, int64_t expunged, struct error *error)
{
	struct db_statement *s = PREPARE(change->db, "INSERT INTO message (id, size, received, refs, expunged, hash, summary)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)", one->id, (int64_t)one->size, one->received, refs, expunged);
	db_bind_blob(s, 6, slice_make((const char *)one->hash, sizeof one->hash));
	db_bind_blob(s, 7, one->summary);
	if (change->row.last_id < one->id)
		change->row.last_id = one->id;
	return db_run(s, error);
}

/* Adds it to new->mailbox, with the flags and keywords of `new`. */
static bool show(struct change *change, const struct foundling *one, struct new_placement *new, struct error *error)
{
	new->message = one->id;
	new->size = one->size;
	new->received = one->received;
	if (!change_place(change, new, error))
		return false;
	change->row.messages++;
	change->row.bytes += (int64_t)one->size;
	return add_row(change, one, 1, 0, error);
}

bool adopt_content(struct change *change, struct new_placement *new, struct slice content, const unsigned char hash[CONTENT_HASH_SIZE],
		   struct error *error)
{
	struct arena *arena = arena_new();
	struct foundling one = {.id = new->message, .received = new->received, .size = content.len, .summary = content_summary(content, arena)};
	memcpy(one.hash, hash, sizeof one.hash);
	bool done = show(change, &one, new, error);
	arena_free(&arena);
	return done;
}

static bool adopt_one(struct change *change, const struct foundling *one, int64_t mailbox, bool expunged, struct error *error)
{
	bool known;
	if (!is_known(change->db, one->id, &known, error))
		return false;
	if (known || !one->readable)
		return true;
	if (!expunged)
		return show(change, one, &(struct new_placement){.mailbox = mailbox}, error);
	change_modseq(change);
	return add_row(change, one, 0, change->now, error);
}

bool adopt_shown(struct change *change, int64_t id, int64_t received, bool *added, struct error *error)
{
	struct arena *arena = arena_new();
	struct foundling one = {.id = id};
	describe(change->account->folder, &one, arena);
	one.received = received;
	change_modseq(change);
	*added = one.readable;
	bool done = !one.readable || add_row(change, &one, 0, 0, error);
	arena_free(&arena);
	return done;
}

static bool adopt_some(struct account *account, int64_t inbox, const int64_t *ids, size_t count, bool expunged, struct error *error)
{
	struct foundling *list = memory_array(count, sizeof *list);
	struct arena *arena = arena_new();
	struct change change;
	for (size_t i = 0; i < count; i++) {
		list[i].id = ids[i];
		describe(account->folder, &list[i], arena);
	}
	bool done = change_begin(account, &(struct uid_need){inbox, (uint32_t)count}, 1, &change, error);
	if (done) {
		for (size_t i = 0; done && i < count; i++)
			done = adopt_one(&change, &list[i], inbox, expunged, error);
		done = change_end(&change, done, error);
	}
	arena_free(&arena);
	free(list);
	return done;
}

bool adopt_files(struct account *account, const struct ids *ids, bool expunged, struct error *error)
{
	struct arena *arena = arena_new();
	struct mailbox inbox;
	bool done = ids->count == 0 || mailbox_find(account, SLICE("INBOX"), arena, &inbox, error);
	for (size_t i = 0; done && i < ids->count; i += ADOPT_AT_A_TIME) {
		size_t count = ids->count - i < ADOPT_AT_A_TIME ? ids->count - i : ADOPT_AT_A_TIME;
		done = adopt_some(account, inbox.id, ids->at + i, count, expunged, error);
	}
	arena_free(&arena);
	return done;
}

/* ---- From the journal ---- */

/* With a temporary name first, as a draft is written. */
static bool write_file(const char *folder, const struct kept *kept, struct error *error)
{
	char making[PATH_MAX], path[PATH_MAX], month[PATH_MAX];
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)kept->received}};
	path_of_message(folder, kept->id, path);
	path_of_month(folder, kept->id, month);
	if (!file_make_folders(month, 0700, error) || !path_of_draft(folder, making, error))
		return false;
	int fd = open(making, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "creating %s", making);
	bool done = file_write_all(fd, kept->content, error);
	if (done && ((kept->received != 0 && futimens(fd, times) != 0) || rename(making, path) != 0))
		done = error_set_errno(error, errno, "naming %s", path);
	if (!done)
		unlink(making);
	close(fd);
	return done;
}

bool adopt_kept_file(const char *folder, const struct kept *kept, struct error *error)
{
	char path[PATH_MAX];
	path_of_message(folder, kept->id, path);
	enum content_state state = content_check(path, kept->content.len, slice_make((const char *)kept->hash, sizeof kept->hash), error);
	return state == CONTENT_FINE || (state != CONTENT_UNREADABLE && write_file(folder, kept, error));
}

/* With the UID and mod-sequence that it had: nobody else can have been given them. *shown false: its mailbox isn't here. Then the
 * account was made anew, or has an older database, and it is not for us to bring somebody's mail into it. */
static bool show_again(struct change *change, const struct kept *kept, bool *shown, struct error *error)
{
	struct arena *arena = arena_new();
	struct error cause = {0};
	struct foundling one = {.id = kept->id, .received = kept->received, .size = kept->content.len, .summary = content_summary(kept->content, arena)};
	struct new_placement new = {.mailbox = kept->mailbox, .flags = kept->flags, .keywords = kept->keywords};
	memcpy(one.hash, kept->hash, sizeof one.hash);
	change->modseq = kept->modseq;
	if (change->row.modseq < kept->modseq)
		change->row.modseq = kept->modseq;
	*shown = db_run(PREPARE(change->db, "UPDATE mailbox SET uidnext = $2 WHERE id = $1 AND uidnext < $2", kept->mailbox, kept->uid), &cause) &&
		 show(change, &one, &new, &cause);
	arena_free(&arena);
	return *shown || cause.kind == ERROR_NOT_FOUND || error_set(error, cause.kind, "%s", cause.text);
}

bool adopt_kept(struct change *change, const struct kept *kept, struct error *error)
{
	bool known, shown = false;
	if (!is_known(change->db, kept->id, &known, error))
		return false;
	if (known)
		return adopt_kept_file(change->account->folder, kept, error);
	if (kept->id <= change->row.last_id) /* its commit is here: the message was removed since */
		return true;
	if (!show_again(change, kept, &shown, error) || (shown && !adopt_kept_file(change->account->folder, kept, error)))
		return false;
	log_info(shown ? "message.restored" : "message.not_restored", log_slice("account", change->account->name), log_id("message", kept->id),
		 log_number("uid", kept->uid));
	return true;
}
