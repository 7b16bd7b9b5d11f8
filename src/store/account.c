/* Accounts that are open: sharing, entering, closing them.
 *
 * A struct account is found by its name in store->accounts while somebody uses it or while it waits in the list of idle
 * ones; all but the newest few of those give back what memory they can, and the oldest is closed when there are more than
 * options.open_accounts. Its database is opened under its own lock, so opening one doesn't hold up others. When the database file was replaced (restored, repaired, the account made
 * anew), the next use notices and opens the new one. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/reserve.h"
#include "store/internal.h"

enum { PLACE_MAX = DB_PLACE_MAX + PATH_MAX };

void account_free(struct account *account)
{
	db_close(&account->mail.db);
	search_close(&account->search);
	mail_drop_changes(&account->changes);
	pthread_mutex_destroy(&account->lock);
	pthread_mutex_destroy(&account->search_lock);
	free((char *)account->name.at);
	free(account->folder);
	free(account->database);
	free(account);
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
	db_rest(account->mail.db);
	search_close(&account->search);
	mail_drop_changes(&account->changes);
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
	int64_t inbox;
	if (!mail_inbox(account->mail.db, false, &inbox, error))
		return false;
	int64_t incarnation = inbox != 0 ? inbox : account->incarnation; /* without an INBOX it is for fsck to mend */
	*anew = account->incarnation != 0 && account->incarnation != incarnation;
	if (*anew)
		leave_name(account);
	else
		account->incarnation = incarnation;
	return !*anew;
}

char *store_database(const struct store *store, struct slice account, const char *folder)
{
	struct buf place = BUF(PLACE_MAX);
	buf_printf(&place, store->rows ? "%s/" : "%s/account.db", store->rows ? store->rows : folder);
	for (size_t i = 0; store->rows && i < account.len; i++)
		if (account.at[i] == '\0' || account.at[i] == '%')
			buf_printf(&place, "%%%02X", (unsigned)account.at[i]);
		else
			buf_append_char(&place, account.at[i]);
	char *copy = memory_copy(place.at, place.len);
	buf_free_secret(&place);
	return copy;
}

/* With the account's lock. */
static bool open_database(struct account *account, struct error *error)
{
	note_descriptors(account->store);
	account->mail.db = mail_open(account->database, DB_DURABLE_LATER, false, error);
	/* where the rows came from elsewhere, its folder may not be here yet */
	if (account->mail.db && !account->store->options.looking && !db_place_is_file(account->database) && !blob_make_folder(account->folder, error))
		db_close(&account->mail.db);
	if (account->mail.db && (account->store->options.looking || recover_account(&account->mail, account->folder, account->store->repair, error)))
		return true;
	db_close(&account->mail.db);
	return false;
}

/* With the account's lock. */
static bool connect_account(struct account *account, struct error *error)
{
	struct stat status;
	struct error cause = {0};
	bool anew = false;
	/* What can't be opened can't be emptied: opening may use what is set aside for removing. */
	if ((open_database(account, &cause) || (account_has_room_now(account, &cause) && open_database(account, &cause))) &&
	    check_incarnation(account, &anew, &cause))
		return true;
	db_close(&account->mail.db);
	if (anew)
		return error_set(error, ERROR_NOT_FOUND, "account %.*s was made anew", SLICE_ARG(account->name));
	if (cause.kind != ERROR_NOT_FOUND)
		return error_set(error, cause.kind, "account %.*s: %s", SLICE_ARG(account->name), cause.text);
	if (db_place_is_file(account->database) && stat(account->folder, &status) == 0)
		return error_set(error, ERROR_INVALID, "account %.*s has lost its database: repair it with fsck", SLICE_ARG(account->name));
	return error_set(error, ERROR_NOT_FOUND, "no account %.*s", SLICE_ARG(account->name));
}

bool account_enter(struct account *account, struct error *error)
{
	pthread_mutex_lock(&account->lock);
	if (account->mail.db && db_moved(account->mail.db))
		db_close(&account->mail.db);
	if (account->mail.db || connect_account(account, error)) {
		account->mail.snooze_at = account->store->snooze_at;
		if (!account->store->options.leaves_arrivals)
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

/* ---- Changes ---- */

static bool begun(struct account *account, bool done)
{
	if (!done)
		account_leave(account);
	return done;
}

bool account_begin(struct account *account, const struct mail_uid_need *needs, size_t need_count, struct change *change, struct error *error)
{
	return account_enter(account, error) && begun(account, change_begin(&account->mail, needs, need_count, change, error));
}

bool account_begin_durable(struct account *account, struct change *change, struct error *error)
{
	return account_enter(account, error) && begun(account, change_begin_durable(&account->mail, change, error));
}

bool account_begin_looking(struct account *account, struct change *change, struct error *error)
{
	return account_enter(account, error) && begun(account, change_begin_plain(&account->mail, false, change, error));
}

bool account_end(struct account *account, struct change *change, bool done, struct error *error)
{
	bool changed = done && change->modseq != 0;
	done = change_end(change, done, error);
	account_leave(account);
	if (changed && done)
		watch_changed(account->store, account->name);
	return done;
}

bool account_has_room_now(const struct account *account, const struct error *error)
{
	char folder[PATH_MAX];
	return error && error->kind == ERROR_FULL && snprintf(folder, sizeof folder, "%s/accounts", account->store->data) < PATH_MAX && reserve_give(folder);
}

/* ---- By name ---- */

/* With the store's lock: the account in the map, made if need be, with one more user. */
static struct account *take(struct store *store, struct slice name, char **folder)
{
	struct account *account = map_get(store->accounts, name);
	if (!account) {
		account = memory_new(sizeof *account);
		account->store = store;
		account->name = slice_make(memory_copy(name.at, name.len), name.len);
		account->folder = *folder;
		account->database = store_database(store, name, *folder);
		account->mail = (struct mail){.account = account->name, .durable = store->durable, .usage = store->usage, .agenda = store->agenda};
		*folder = NULL;
		pthread_mutex_init(&account->lock, NULL);
		pthread_mutex_init(&account->search_lock, NULL);
		map_put(store->accounts, name, account);
	}
	idle_remove(store, account);
	account->users++;
	return account;
}

char *store_account_file(const struct store *store, struct slice account, const char *name, struct error *error)
{
	char *folder = blob_account_folder(store->data, account, error);
	if (!folder)
		return NULL;
	size_t size = strlen(folder) + strlen(name) + 2;
	char *path = memory_array(size, 1);
	snprintf(path, size, "%s/%s", folder, name);
	free(folder);
	return path;
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
		if (a->detached || !a->mail.db) { /* nobody else has it, so nobody is opening it */
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

/* ---- Quota and numbers ---- */

bool account_quota(struct account *account, struct quota *quota, struct error *error)
{
	struct mail_row row;
	if (!account_enter(account, error))
		return false;
	bool done = change_read_row(account->mail.db, &row, error);
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
	if (!account_begin_durable(account, &change, error))
		return false;
	change.row.max_bytes = (int64_t)max_bytes;
	change.row.max_messages = (int64_t)max_messages;
	change_modseq(&change);
	bool done = change_count_copies(change.db, &change.row, error);
	if (done)
		change_note_usage(change.mail, &change.row); /* also that it has no limits any more */
	return account_end(account, &change, done, error);
}

bool account_modseq(struct account *account, int64_t *modseq, struct error *error)
{
	struct mail_row row;
	if (!account_enter(account, error))
		return false;
	bool done = change_read_row(account->mail.db, &row, error);
	account_leave(account);
	*modseq = done ? row.modseq : 0;
	return done;
}
