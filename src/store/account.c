/* The store and its accounts: opening, sharing, closing; making and removing them.
 *
 * A struct account is found by its name in store->accounts while somebody uses it or while it waits in the list of idle
 * ones; all but the newest few of those give back what memory they can, and the oldest is closed when there are more than
 * options.open_accounts. Its database is opened under its own lock, so opening one doesn't hold up others. When the database file was replaced (restored, repaired, the account made
 * anew), the next use notices and opens the new one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/internal.h"

/* ---- The store ---- */

void store_set_limits(struct store *store, uint64_t max_message, int64_t undelete_seconds)
{
	store->max_message = max_message;
	store->undelete_seconds = undelete_seconds;
}

/* How many accounts may stay open unused: what they hold of descriptors and memory is a small part of what there is. */
static int idle_most(void)
{
	struct rlimit files = {.rlim_cur = RLIM_INFINITY};
	getrlimit(RLIMIT_NOFILE, &files);
	uint64_t most = OPEN_ACCOUNTS_MOST, by_files = files.rlim_cur / OPEN_ACCOUNTS_PART / OPEN_ACCOUNT_FILES;
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t by_memory = memory / OPEN_ACCOUNTS_PART / OPEN_ACCOUNTS_PART / OPEN_ACCOUNT_BYTES;
	most = by_files < most ? by_files : most;
	most = by_memory < most ? by_memory : most;
	return most > OPEN_ACCOUNTS ? (int)most : OPEN_ACCOUNTS;
}

bool store_sync(struct store *store, struct error *error)
{
	return durable_sync(store->durable, error);
}

bool store_begin_service(const char *data, struct error *error)
{
	int usage = usage_open(data, true); /* auth is given the file when it starts */
	if (usage >= 0)
		close(usage);
	return durable_begin_service(data, error);
}

bool store_end_service(const char *data, struct error *error)
{
	return durable_end_service(data, error);
}

bool store_mend_service(const char *data, struct error *error)
{
	return durable_mend_service(data, error);
}

void store_forget_cached(const char *data)
{
	durable_forget_cached(data);
}

/* Opening an account restores what the journal has for it. */
static bool restore_account(void *context, struct slice name, struct error *error)
{
	struct error cause = {0};
	struct account *account = store_open_account(context, name, &cause);
	bool done = account && account_enter(account, &cause);
	if (done)
		account_leave(account);
	store_release_account(&account);
	return done || cause.kind == ERROR_NOT_FOUND || error_set(error, cause.kind, "%s", cause.text);
}

struct store *store_open(const struct store_options *options, struct error *error)
{
	int fd = open(options->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		error_set_errno(error, errno, "opening the data directory %s", options->data);
		return NULL;
	}
	struct durable *durable = durable_open(options->data, fd, error);
	if (!durable) {
		close(fd);
		return NULL;
	}
	struct store *store = memory_new(sizeof *store);
	store->data = memory_copy(options->data, strlen(options->data));
	store->data_fd = fd;
	store->options = *options;
	store->options.data = store->data;
	store_set_limits(store, options->max_message, options->undelete_seconds);
	if (store->options.open_accounts <= 0)
		store->options.open_accounts = idle_most();
	store->durable = durable;
	store->epoch = durable_epoch(durable);
	store->usage = usage_open(store->data, !options->looking);
	store->accounts = map_new();
	store->subscriptions = map_new();
	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->watch_lock, NULL);
	if (options->journal && !durable_begin_journal(durable, restore_account, store, error))
		store_close(&store);
	return store;
}

static void account_free(struct account *account)
{
	db_close(&account->db);
	pthread_mutex_destroy(&account->lock);
	free((char *)account->name.at);
	free(account->folder);
	free(account);
}

void store_close(struct store **store)
{
	if (!*store)
		return;
	struct store *s = *store;
	durable_end_journal(s->durable);
	durable_close(&s->durable);
	free(s->heat);
	if (s->usage >= 0)
		close(s->usage);
	size_t cursor = 0;
	struct slice name;
	void *account;
	while (map_next(s->accounts, &cursor, &name, &account))
		account_free(account);
	map_free(&s->accounts);
	map_free(&s->subscriptions);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->watch_lock);
	close(s->data_fd);
	free(s->data);
	free(s);
	*store = NULL;
}

/* ---- Idle accounts: a list under store->lock ---- */

static void idle_remove(struct store *store, struct account *account)
{
	if (!account->idle)
		return;
	*(account->newer ? &account->newer->older : &store->idle_newest) = account->older;
	*(account->older ? &account->older->newer : &store->idle_oldest) = account->newer;
	if (account == store->resting_newest)
		store->resting_newest = account->older;
	store->resting_count -= account->resting;
	account->newer = account->older = NULL;
	account->idle = account->resting = false;
	store->idle_count--;
}

/* The newest few are likely to be needed soon; of the others what stays is what makes opening expensive. Nobody else has an idle
 * account, so its own lock isn't needed. */
static void idle_rest(struct store *store)
{
	if (store->idle_count - store->resting_count <= OPEN_ACCOUNTS)
		return;
	struct account *account = store->resting_newest ? store->resting_newest->newer : store->idle_oldest;
	account->resting = true;
	store->resting_newest = account;
	store->resting_count++;
	db_rest(account->db);
}

static void idle_add(struct store *store, struct account *account)
{
	account->older = store->idle_newest;
	*(store->idle_newest ? &store->idle_newest->newer : &store->idle_oldest) = account;
	store->idle_newest = account;
	account->idle = true;
	store->idle_count++;
	idle_rest(store);
}

/* A new descriptor has the lowest number that is free. Are there few left, be it for connections or whatever else? Then unused
 * accounts give theirs back. */
static void note_descriptors(struct store *store)
{
	struct rlimit files = {.rlim_cur = RLIM_INFINITY};
	int fd = fcntl(store->data_fd, F_DUPFD_CLOEXEC, 0);
	getrlimit(RLIMIT_NOFILE, &files);
	store->few_descriptors = fd < 0 || (rlim_t)fd >= files.rlim_cur - files.rlim_cur / OPEN_ACCOUNTS_PART;
	if (fd >= 0)
		close(fd);
}

/* Those to be closed since there are too many, linked by `older`; the caller frees them after it has left the lock. */
static struct account *idle_evict(struct store *store)
{
	enum { AT_ONCE = 16 }; /* so that nobody waits for many */
	struct account *evicted = NULL;
	int most = store->options.open_accounts;
	if (store->few_descriptors && most > OPEN_ACCOUNTS)
		most = OPEN_ACCOUNTS;
	for (int i = 0; i < AT_ONCE && store->idle_count > most; i++) {
		struct account *oldest = store->idle_oldest;
		idle_remove(store, oldest);
		map_remove(store->accounts, oldest->name);
		oldest->older = evicted;
		evicted = oldest;
	}
	return evicted;
}

void account_detach(struct store *store, struct slice name)
{
	pthread_mutex_lock(&store->lock);
	struct account *account = map_remove(store->accounts, name);
	bool unused = account && account->users == 0;
	if (account) {
		idle_remove(store, account);
		account->detached = true;
	}
	pthread_mutex_unlock(&store->lock);
	if (unused)
		account_free(account);
}

/* ---- Opening ---- */

void account_database_path(const char *folder, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/account.db", folder);
}

struct db *account_database(const char *folder, enum db_durability durability, bool create, struct error *error)
{
	char path[PATH_MAX];
	account_database_path(folder, path);
	struct db *db = db_open(path, &(struct db_options){.durability = durability, .create = create}, error);
	if (db && !create && !db_migrate(db, store_schema, store_schema_count, error))
		db_close(&db);
	return db;
}

/* From now on the account is found by its name no more; who has it open keeps it. */
static void leave_name(struct account *account)
{
	struct store *store = account->store;
	pthread_mutex_lock(&store->lock);
	if (!account->detached)
		map_remove(store->accounts, account->name);
	account->detached = true;
	pthread_mutex_unlock(&store->lock);
}

/* With the account's lock. Ids of mailboxes are never given twice, so INBOX's tells this account from one that had its name. Who has
 * the account open must not find itself in another's. */
static bool check_incarnation(struct account *account, bool *anew, struct error *error)
{
	struct db_statement *read = db_prepare(account->db, "SELECT id FROM mailbox WHERE name = 'INBOX'");
	enum db_step step = db_step(read, error);
	int64_t incarnation = step == DB_ROW ? db_number(read, 0) : account->incarnation; /* without an INBOX it is for fsck to mend */
	db_reset(read);
	if (step == DB_FAILED)
		return false;
	*anew = account->incarnation != 0 && account->incarnation != incarnation;
	if (*anew)
		leave_name(account);
	else
		account->incarnation = incarnation;
	return !*anew;
}

/* With the account's lock. */
static bool open_database(struct account *account, struct error *error)
{
	note_descriptors(account->store);
	account->db = account_database(account->folder, DB_DURABLE_LATER, false, error);
	if (account->db && (account->store->options.looking || change_recover(account, error)))
		return true;
	db_close(&account->db);
	return false;
}

/* With the account's lock. */
static bool connect_account(struct account *account, struct error *error)
{
	struct stat status;
	struct error cause = {0};
	bool anew = false;
	/* What can't be opened can't be emptied: opening may use what is set aside for removing. */
	if ((open_database(account, &cause) || (change_has_room_now(account, &cause) && open_database(account, &cause))) &&
	    check_incarnation(account, &anew, &cause))
		return true;
	db_close(&account->db);
	if (anew)
		return error_set(error, ERROR_NOT_FOUND, "account %.*s was made anew", SLICE_ARG(account->name));
	if (cause.kind != ERROR_NOT_FOUND)
		return error_set(error, cause.kind, "account %.*s: %s", SLICE_ARG(account->name), cause.text);
	if (stat(account->folder, &status) == 0)
		return error_set(error, ERROR_INVALID, "account %.*s has lost its database: repair it with fsck", SLICE_ARG(account->name));
	return error_set(error, ERROR_NOT_FOUND, "no account %.*s", SLICE_ARG(account->name));
}

bool account_enter(struct account *account, struct error *error)
{
	pthread_mutex_lock(&account->lock);
	if (account->db && db_moved(account->db))
		db_close(&account->db);
	if (account->db || connect_account(account, error)) {
		arrival_take_in(account);
		return true;
	}
	pthread_mutex_unlock(&account->lock);
	return false;
}

void account_leave(struct account *account)
{
	bool tell = account->tell;
	account->tell = false;
	pthread_mutex_unlock(&account->lock);
	if (tell)
		watch_changed(account->store, account->name);
}

/* With the store's lock: the account in the map, made if need be, with one more user. */
static struct account *take(struct store *store, struct slice name, char **folder)
{
	struct account *account = map_get(store->accounts, name);
	if (!account) {
		account = memory_new(sizeof *account);
		account->store = store;
		account->name = slice_make(memory_copy(name.at, name.len), name.len);
		account->folder = *folder;
		*folder = NULL;
		pthread_mutex_init(&account->lock, NULL);
		map_put(store->accounts, name, account);
	}
	idle_remove(store, account);
	account->users++;
	return account;
}

struct account *store_address_account(struct store *store, struct slice name, struct error *error)
{
	char *folder = blob_account_folder(store->data, name, error);
	if (!folder) {
		if (error)
			error->kind = ERROR_NOT_FOUND;
		return NULL;
	}
	pthread_mutex_lock(&store->lock);
	struct account *account = take(store, name, &folder);
	pthread_mutex_unlock(&store->lock);
	free(folder);
	return account;
}

/* *anew: what was open under that name isn't there any more; the next try finds what is. */
static struct account *open_account(struct store *store, struct slice name, bool *anew, struct error *error)
{
	struct account *account = store_address_account(store, name, error);
	*anew = false;
	if (!account)
		return NULL;
	if (account_enter(account, error)) {
		account_leave(account);
		return account;
	}
	pthread_mutex_lock(&store->lock);
	*anew = account->detached;
	pthread_mutex_unlock(&store->lock);
	store_release_account(&account);
	return NULL;
}

struct account *store_open_account(struct store *store, struct slice name, struct error *error)
{
	bool anew;
	struct account *account = open_account(store, name, &anew, error);
	return account || !anew ? account : open_account(store, name, &anew, error);
}

void store_release_account(struct account **account)
{
	struct account *a = *account, *closing = NULL;
	if (!a)
		return;
	*account = NULL;
	struct store *store = a->store;
	pthread_mutex_lock(&store->lock);
	if (--a->users == 0) {
		if (a->detached || !a->db) { /* nobody else has it, so nobody is opening it */
			if (!a->detached)
				map_remove(store->accounts, a->name);
			closing = a;
		} else {
			idle_add(store, a);
			closing = idle_evict(store);
		}
	}
	pthread_mutex_unlock(&store->lock);
	while (closing) {
		struct account *next = closing->older;
		account_free(closing);
		closing = next;
	}
}

int64_t account_incarnation(const struct account *account)
{
	return account->incarnation;
}

struct slice account_name(const struct account *account)
{
	return account->name;
}

/* ---- Making and removing ---- */

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
	struct account_row row = {0};
	char path[PATH_MAX], text[UIDVALIDITY_FILE_MAX];
	struct db *db = account_database(folder, DB_DURABLE_LATER, false, NULL);
	bool known = db && change_read_row(db, &row, NULL);
	db_close(&db);
	if (!known) /* its database is lost: a good while of mailboxes is surely above what it has given */
		row.uidvalidity = schema_next_uidvalidity(0) + MAILBOXES_MAX;
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
	struct db *db = account_database(folder, DB_DURABLE_COMMIT, true, error);
	bool done = db && schema_fill(db, name, store->epoch, read_removed_uidvalidity(store), error);
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

/* ---- Quota and numbers ---- */

bool account_quota(struct account *account, struct quota *quota, struct error *error)
{
	struct account_row row;
	if (!account_enter(account, error))
		return false;
	bool done = change_read_row(account->db, &row, error);
	account_leave(account);
	if (!done)
		return false;
	struct usage usage = change_usage(&row);
	*quota = (struct quota){usage.bytes, usage.messages, usage.max_bytes, usage.max_messages};
	return true;
}

bool account_set_quota(struct account *account, uint64_t max_bytes, uint64_t max_messages, struct error *error)
{
	struct change change;
	if (max_bytes > INT64_MAX || max_messages > INT64_MAX)
		return error_set(error, ERROR_INVALID, "a quota that large is none: give 0");
	if (!change_begin_durable(account, &change, error))
		return false;
	change.row.max_bytes = (int64_t)max_bytes;
	change.row.max_messages = (int64_t)max_messages;
	change_modseq(&change);
	bool done = change_count_copies(change.db, &change.row, error);
	if (done)
		change_note_usage(account, &change.row); /* also that it has no limits any more */
	return change_end(&change, done, error);
}

bool account_modseq(struct account *account, int64_t *modseq, struct error *error)
{
	struct account_row row;
	if (!account_enter(account, error))
		return false;
	bool done = change_read_row(account->db, &row, error);
	account_leave(account);
	*modseq = done ? row.modseq : 0;
	return done;
}
