/* Making, removing and listing accounts. Each is a folder with a database in it; where the rows of all accounts are together (storage), those
 * that have rows are the accounts, and a folder goes with each for what is no row. */
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

/* `db` is NULL: it can't be opened. */
static bool note_removed_uidvalidity(struct store *store, struct db *db, struct error *error)
{
	struct mail_row row = {0};
	char path[PATH_MAX], text[UIDVALIDITY_FILE_MAX];
	bool known = db && change_read_row(db, &row, NULL);
	if (!known) /* its database is lost: a good while of mailboxes is surely above what it has given */
		row.uidvalidity = mail_next_uidvalidity(0) + MAILBOXES_MAX;
	if (row.uidvalidity <= read_removed_uidvalidity(store))
		return true;
	uidvalidity_path(store, path);
	snprintf(text, sizeof text, "%lld\n", (long long)row.uidvalidity);
	return file_replace(path, slice_of(text), 0600, error);
}

static bool fill_folder(struct store *store, const char *folder, const struct store_new_account *new, struct error *error)
{
	if (!blob_make_folder(folder, error))
		return false;
	struct mail_first first = {.name = new->name, .epoch = durable_epoch(store->durable), .uidvalidity = read_removed_uidvalidity(store),
				   .max_bytes = new->max_bytes, .max_messages = new->max_messages};
	char *database = store_database(store, new->name, folder);
	struct db *db = mail_open(database, DB_DURABLE_AS_A_FILE, true, error);
	bool done = db && mail_fill(db, &first, error);
	db_close(&db);
	free(database);
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

/* Of an account that is being made: its folder, and what that is called until all in it is on disk. malloc'ed; NULL: it failed. */
struct making { char *folder, *beside; };

static struct making make_beside(struct store *store, struct store_new_account *new)
{
	char path[PATH_MAX];
	struct stat status;
	struct making making = {.folder = blob_account_folder(store->data, new->name, &new->error)};
	if (!making.folder)
		return making;
	if (stat(making.folder, &status) == 0) {
		error_set(&new->error, ERROR_EXISTS, "account %.*s exists", SLICE_ARG(new->name));
		return making;
	}
	beside(making.folder, "new", path);
	if (file_make_folders(path, 0700, &new->error) && fill_folder(store, path, new, &new->error))
		making.beside = memory_copy(path, strlen(path));
	else
		blob_remove_tree(path, NULL);
	return making;
}

static bool move_in(const struct making *making, struct store_new_account *new)
{
	if (rename(making->beside, making->folder) == 0)
		return true;
	int number = errno;
	if (number == ENOTEMPTY || number == EEXIST)
		return error_set(&new->error, ERROR_EXISTS, "account %.*s exists", SLICE_ARG(new->name));
	return error_set_errno(&new->error, number, "making %s", making->folder);
}

/* It is there, and on disk. */
static void announce_made(struct store *store, struct store_new_account *new)
{
	struct usage usage = {.max_bytes = new->max_bytes, .max_messages = new->max_messages};
	usage_note(store->usage, new->name, &usage);
	log_info("account.created", log_slice("account", new->name));
}

/* The commit that makes it is on disk; what is in its folder will be, with what comes into it. */
static void create_together(struct store *store, struct store_new_account *new)
{
	char *folder = blob_account_folder(store->data, new->name, &new->error);
	new->made = folder && fill_folder(store, folder, new, &new->error);
	free(folder);
	if (new->made)
		announce_made(store, new);
	else if (new->error.kind == ERROR_EXISTS)
		error_set(&new->error, ERROR_EXISTS, "account %.*s exists", SLICE_ARG(new->name));
}

static void create_beside(struct store *store, struct store_new_account *list, size_t count)
{
	struct error error = {0};
	struct making *making = memory_array(count + 1, sizeof *making);
	for (size_t i = 0; i < count; i++)
		making[i] = make_beside(store, &list[i]);
	bool synced = store_sync(store, &error); /* a folder with an account's name has a whole account in it, also after a power cut */
	for (size_t i = 0; i < count; i++)
		list[i].made = synced && making[i].beside && move_in(&making[i], &list[i]);
	synced = synced && store_sync(store, &error);
	for (size_t i = 0; i < count; i++) {
		if (!synced && making[i].beside)
			list[i].error = error;
		list[i].made = list[i].made && synced;
		if (list[i].made)
			announce_made(store, &list[i]);
		else if (making[i].beside)
			blob_remove_tree(making[i].beside, NULL);
		free(making[i].folder);
		free(making[i].beside);
	}
	free(making);
}

void store_create_accounts(struct store *store, struct store_new_account *list, size_t count)
{
	if (!store->rows) {
		create_beside(store, list, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		create_together(store, &list[i]);
}

bool store_create_account(struct store *store, struct slice name, struct error *error)
{
	struct store_new_account new = {.name = name};
	store_create_accounts(store, &new, 1);
	if (error)
		*error = new.error;
	return new.made;
}

/* Renames the folder: from here on the account is gone. */
static bool take_away(struct store *store, struct slice name, const char *folder, const char *removing, struct error *error)
{
	struct stat status;
	if (stat(folder, &status) != 0 && errno == ENOENT)
		return error_set(error, ERROR_NOT_FOUND, "no account %.*s", SLICE_ARG(name));
	char *database = store_database(store, name, folder);
	struct db *db = mail_open(database, DB_DURABLE_LATER, false, NULL);
	bool noted = note_removed_uidvalidity(store, db, error);
	db_close(&db);
	free(database);
	return noted && (rename(folder, removing) == 0 || error_set_errno(error, errno, "removing %s", folder));
}

/* The folder first: whoever gets the name next must not find it. */
static bool erase(struct store *store, struct db *db, const char *folder, const char *removing, struct error *error)
{
	if (!note_removed_uidvalidity(store, db, error))
		return false;
	if (rename(folder, removing) != 0 && errno != ENOENT)
		return error_set_errno(error, errno, "removing %s", folder);
	if (db_erase(db, error))
		return true;
	rename(removing, folder); /* it goes on as it was */
	return false;
}

/* The same with its rows, among those of others. */
static bool take_out(struct store *store, struct slice name, const char *folder, const char *removing, struct error *error)
{
	char *database = store_database(store, name, folder);
	struct error cause = {0};
	struct db *db = mail_open(database, DB_DURABLE_LATER, false, &cause);
	bool done = db ? erase(store, db, folder, removing, error) :
		    cause.kind == ERROR_NOT_FOUND ? error_set(error, ERROR_NOT_FOUND, "no account %.*s", SLICE_ARG(name)) : error_set(error, cause.kind, "%s", cause.text);
	db_close(&db);
	free(database);
	return done;
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
	bool done = store->rows ? take_out(store, name, folder, removing, error) : take_away(store, name, folder, removing, error);
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

/* As store_database() wrote it. */
static void add_found(void *context, struct slice name)
{
	struct buf plain = BUF(NAME_MAX * 4);
	for (size_t i = 0; i < name.len; i++) {
		bool coded = name.at[i] == '%' && i + 2 < name.len;
		buf_append_char(&plain, coded ? (char)(ascii_hex_value(name.at[i + 1]) << 4 | ascii_hex_value(name.at[i + 2])) : name.at[i]);
		i += coded ? 2 : 0;
	}
	names_add(context, buf_slice(&plain));
	buf_free(&plain);
}

static bool list_together(struct store *store, struct names *found, struct error *error)
{
	return db_list_parts(store->rows, add_found, found, error);
}

static bool list_folders(struct store *store, struct names *found, struct error *error)
{
	int fd = openat(store->data_fd, "accounts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || error_set_errno(error, errno, "opening the folder of accounts");
	DIR *accounts = fdopendir(fd);
	if (!accounts) {
		close(fd);
		return error_set_errno(error, errno, "listing accounts");
	}
	bool done = true;
	for (struct dirent *entry; done && (entry = readdir(accounts));)
		done = list_domain(accounts, entry->d_name, found, error);
	closedir(accounts);
	return done;
}

bool store_list_accounts(struct store *store, struct arena *arena, struct slice **names, size_t *count, struct error *error)
{
	struct names found = {.arena = arena};
	bool done = store->rows ? list_together(store, &found, error) : list_folders(store, &found, error);
	if (found.count > 0)
		qsort(found.list, found.count, sizeof *found.list, compare_names);
	*names = found.list;
	*count = found.count;
	return done;
}
