/* Making, removing and listing accounts: folders with a database. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/internal.h"

enum { UIDVALIDITY_FILE_MAX = 32 };

static void uidvalidity_path(const struct store *store, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/accounts/.uidvalidity", store->data);
}

/* The highest UIDVALIDITY of the accounts that were removed; 0: none. One that is made again starts above it, even when it
 * is made within the same second. */
static int64_t read_removed_uidvalidity(const struct store *store)
{
	char path[PATH_MAX];
	struct buf text = BUF(UIDVALIDITY_FILE_MAX);
	uint64_t highest = 0;
	uidvalidity_path(store, path);
	if (access(path, F_OK) == 0 && (!file_read(path, &text, NULL) || !slice_to_number(slice_trim(buf_slice(&text)), UINT32_MAX, &highest)))
		log_warning("store.uidvalidity_unreadable", log_text("path", path));
	buf_free(&text);
	return (int64_t)highest;
}

static bool note_removed_uidvalidity(struct store *store, const char *folder, struct error *error)
{
	struct mail_row row = {0};
	char path[PATH_MAX], text[UIDVALIDITY_FILE_MAX];
	struct db *db = recover_database(folder, DB_DURABLE_LATER, false, NULL);
	bool known = db && change_read_row(db, &row, NULL);
	db_close(&db);
	if (!known) /* its database is lost: a good while of mailboxes is surely above what it has given */
		row.uidvalidity = mail_next_uidvalidity(0) + MAILBOXES_MAX;
	if (row.uidvalidity <= read_removed_uidvalidity(store))
		return true;
	uidvalidity_path(store, path);
	snprintf(text, sizeof text, "%lld\n", (long long)row.uidvalidity);
	return file_replace(path, slice_of(text), 0600, error);
}

static bool fill_folder(struct store *store, const char *folder, struct slice name, struct error *error)
{
	if (!blob_make_folder(folder, error))
		return false;
	struct db *db = recover_database(folder, DB_DURABLE_COMMIT, true, error);
	bool done = db && mail_fill(db, name, durable_epoch(store->durable), read_removed_uidvalidity(store), error);
	db_close(&db);
	return done;
}

/* The folder's parent with a dot name of ours in it: nobody takes it for an account. */
static void beside(const char *folder, const char *word, char out[PATH_MAX])
{
	char id[ID_TEXT_LEN + 1];
	id_format(id_new(), id);
	size_t parent = slice_find_last_char(slice_of(folder), '/');
	snprintf(out, PATH_MAX, "%.*s/.%s-%s", (int)parent, folder, word, id);
}

static bool create_in(struct store *store, const char *folder, struct slice name, struct error *error)
{
	char making[PATH_MAX];
	struct stat status;
	if (stat(folder, &status) == 0)
		return error_set(error, ERROR_EXISTS, "account %.*s exists", SLICE_ARG(name));
	beside(folder, "new", making);
	bool done = file_make_folders(making, 0700, error) && fill_folder(store, making, name, error);
	if (done && rename(making, folder) != 0) {
		int number = errno;
		done = number == ENOTEMPTY || number == EEXIST ? error_set(error, ERROR_EXISTS, "account %.*s exists", SLICE_ARG(name))
							       : error_set_errno(error, number, "making %s", folder);
	}
	if (!done)
		blob_remove_tree(making, NULL);
	return done && store_sync(store, error);
}

bool store_create_account(struct store *store, struct slice name, struct error *error)
{
	char *folder = blob_account_folder(store->data, name, error);
	if (!folder)
		return false;
	bool done = create_in(store, folder, name, error);
	free(folder);
	if (done)
		log_info("account.created", log_slice("account", name));
	return done;
}

/* Renames the folder: from here on the account is gone. */
static bool take_away(struct store *store, struct slice name, const char *folder, const char *removing, struct error *error)
{
	struct stat status;
	if (stat(folder, &status) != 0 && errno == ENOENT)
		return error_set(error, ERROR_NOT_FOUND, "no account %.*s", SLICE_ARG(name));
	return note_removed_uidvalidity(store, folder, error) &&
	       (rename(folder, removing) == 0 || error_set_errno(error, errno, "removing %s", folder));
}

bool store_remove_account(struct store *store, struct slice name, struct error *error)
{
	char removing[PATH_MAX];
	char *folder = blob_account_folder(store->data, name, error);
	if (!folder) {
		if (error)
			error->kind = ERROR_NOT_FOUND;
		return false;
	}
	beside(folder, "removed", removing);
	bool done = take_away(store, name, folder, removing, error);
	if (done) {
		account_detach(store, name);
		folder[slice_find_last_char(slice_of(folder), '/')] = '\0';
		done = blob_remove_tree(removing, error) && store_sync(store, error);
		rmdir(folder); /* the domain's, if it is empty now */
		watch_changed(store, name);
		log_info("account.removed", log_slice("account", name));
	}
	free(folder);
	return done;
}

/* ---- Listing ---- */

struct names { struct arena *arena; struct slice *list; size_t count, room; };

static void names_add(struct names *names, struct slice name)
{
	ARENA_GROW(names->arena, names->list, names->count, names->room);
	names->list[names->count++] = arena_copy(names->arena, name);
}

static bool list_domain(DIR *accounts, const char *part, struct names *names, struct error *error)
{
	struct buf domain = BUF(NAME_MAX), name = BUF(2 * NAME_MAX + 1);
	int fd = blob_decode(slice_of(part), &domain) ? openat(dirfd(accounts), part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	bool done = folder || fd < 0 || error_set_errno(error, errno, "listing %s", part);
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		buf_clear(&name);
		if (blob_decode(slice_of(entry->d_name), &name) && buf_append_char(&name, '@') && buf_append(&name, buf_slice(&domain)))
			names_add(names, buf_slice(&name));
	}
	if (folder)
		closedir(folder);
	else if (fd >= 0)
		close(fd);
	buf_free(&domain);
	buf_free(&name);
	return done;
}

static int compare_names(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

bool store_list_accounts(struct store *store, struct arena *arena, struct slice **names, size_t *count, struct error *error)
{
	struct names found = {.arena = arena};
	int fd = openat(store->data_fd, "accounts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*names = NULL;
	*count = 0;
	if (fd < 0)
		return errno == ENOENT || error_set_errno(error, errno, "opening the folder of accounts");
	DIR *accounts = fdopendir(fd);
	if (!accounts) {
		close(fd);
		return error_set_errno(error, errno, "listing accounts");
	}
	bool done = true;
	for (struct dirent *entry; done && (entry = readdir(accounts));)
		done = list_domain(accounts, entry->d_name, &found, error);
	closedir(accounts);
	if (found.count > 0)
		qsort(found.list, found.count, sizeof *found.list, compare_names);
	*names = found.list;
	*count = found.count;
	return done;
}
