/* Looking at an account's index while it is what it is: behind by some messages, missing, or damaged. What it doesn't know is told, so that whoever
 * searches finds the same with it as without. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/internal.h"

enum {
	WORTH_BYTES = 192 * 1024, /* of an account's database and its log, before anybody looks whether it has messages enough for an index */
	COARSE_MS = 50,           /* times of files may be behind the clock by less */
};

void index_path(const struct account *account, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/search.db", account->folder);
}

void index_discard(struct account *account, const char *reason)
{
	char path[PATH_MAX];
	index_path(account, path);
	search_close(&account->search);
	search_unlink(path);
	index_mark_behind(account);
	log_warning("search.discarded", log_slice("account", account->name), log_text("reason", reason));
}

bool index_open(struct account *account, bool create, struct error *error)
{
	char path[PATH_MAX];
	if (account->search && search_moved(account->search))
		search_close(&account->search);
	if (account->search)
		return true;
	index_path(account, path);
	struct error cause = {0};
	account->search = search_open(path, account->incarnation, create, &cause);
	if (!account->search && cause.kind == ERROR_INVALID) { /* nobody's mail depends on it */
		index_discard(account, cause.text);
		account->search = create ? search_open(path, account->incarnation, true, &cause) : NULL;
	}
	return account->search || error_set(error, cause.kind, "%s", cause.text);
}

/* What has changed in the account since the index was brought up to date. Its state was read before, so nothing falls between. */
static bool list_changes(struct account *account, const struct search_state *state, struct mail_ids *touched, struct mail_ids *left, struct error *error)
{
	struct mail_row row;
	bool complete;
	if (!account_enter(account, error))
		return false;
	bool done = change_read_row(account->mail.db, &row, error) &&
		    (row.modseq >= state->modseq || error_set(error, ERROR_INVALID, "the index is of a later time than the account")) &&
		    mail_list_touched(account->mail.db, state->modseq, touched, error) &&
		    mail_list_left(account->mail.db, state->modseq, left, &complete, error);
	account_leave(account);
	return done;
}

/* The waiting, and those of the touched that aren't indexed. */
static bool list_behind(struct search *search, const struct mail_ids *touched, struct arena *arena, struct query_ids *behind, struct error *error)
{
	struct query_ids waiting;
	if (!search_list_waiting(search, INT32_MAX, arena, &waiting, error))
		return false;
	*behind = (struct query_ids){.at = arena_array(arena, waiting.count + touched->count + 1, sizeof *behind->at), .count = waiting.count};
	if (waiting.count > 0)
		memcpy(behind->at, waiting.at, waiting.count * sizeof *waiting.at);
	for (size_t i = 0; i < touched->count; i++) {
		bool has;
		if (!search_has(search, touched->at[i], &has, error))
			return false;
		if (!has)
			behind->at[behind->count++] = touched->at[i];
	}
	query_ids_sort(behind);
	return true;
}

static bool look(struct account *account, struct arena *arena, struct query_ids *behind, struct query_ids *gone, struct error *error)
{
	struct mail_ids touched = {0}, left = {0};
	struct search_state state;
	bool done = search_begin(account->search, false, error) && search_read_state(account->search, &state, error) &&
		    list_changes(account, &state, &touched, &left, error) && list_behind(account->search, &touched, arena, behind, error);
	*gone = (struct query_ids){.at = arena_array(arena, left.count + 1, sizeof *gone->at), .count = left.count};
	if (left.count > 0)
		memcpy(gone->at, left.at, left.count * sizeof *left.at);
	query_ids_sort(gone);
	mail_ids_free(&touched);
	mail_ids_free(&left);
	return done;
}

bool index_enter(struct account *account, struct arena *arena, struct query_ids *behind, struct query_ids *gone)
{
	struct error error = {0};
	pthread_mutex_lock(&account->search_lock);
	if (index_open(account, false, &error)) {
		if (look(account, arena, behind, gone, &error))
			return true;
		search_end(account->search, false, NULL);
		if (error.kind == ERROR_INVALID)
			index_discard(account, error.text);
	}
	pthread_mutex_unlock(&account->search_lock);
	if (error.kind != ERROR_NOT_FOUND && error.kind != ERROR_INVALID)
		log_warning("search.without_index", log_slice("account", account->name), log_text("reason", error.text));
	return false;
}

void index_leave(struct account *account)
{
	search_end(account->search, false, NULL);
	pthread_mutex_unlock(&account->search_lock);
}

bool account_keys(struct account *account, enum email_key key, void (*take)(void *context, int64_t message, int64_t number, struct slice text), void *context)
{
	struct error error = {0};
	pthread_mutex_lock(&account->search_lock);
	bool done = index_open(account, false, &error) && search_begin(account->search, false, &error);
	if (done) {
		done = search_list_keys(account->search, (int)key, take, context, &error);
		search_end(account->search, false, NULL);
	}
	if (error.kind == ERROR_INVALID && account->search)
		index_discard(account, error.text);
	pthread_mutex_unlock(&account->search_lock);
	return done;
}

/* ---- is it up to date? ---- */

/* An empty file beside it says when it was, by its time. That of the index itself is another: SQLite writes to it whenever it likes. */
static const char AT_FILE[] = "search.at";

static int64_t nanoseconds(struct timespec time) { return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec; }

/* When the file was changed last; 0: it isn't there. */
static int64_t changed(const char *path, const char *ending, off_t *size)
{
	struct stat status;
	char file[PATH_MAX];
	if (snprintf(file, sizeof file, "%s%s", path, ending) >= PATH_MAX || stat(file, &status) != 0)
		return 0;
	*size = status.st_size;
	return nanoseconds(status.st_mtim);
}

static void at_path(const char *folder, char out[PATH_MAX]) { snprintf(out, PATH_MAX, "%s/%s", folder, AT_FILE); }

void index_mark_current(struct account *account, int64_t begun_ms)
{
	char path[PATH_MAX];
	int64_t then = begun_ms - COARSE_MS;
	struct timespec times[2] = {{.tv_sec = then / 1000, .tv_nsec = then % 1000 * 1000000}};
	times[1] = times[0];
	at_path(account->folder, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	futimens(fd, times);
	close(fd);
}

void index_mark_behind(struct account *account)
{
	char path[PATH_MAX];
	at_path(account->folder, path);
	unlink(path);
}

bool store_index_is_due(struct store *store, struct slice account)
{
	char database[PATH_MAX], path[PATH_MAX];
	if (store->rows) /* that only its rows can tell */
		return true;
	off_t size = 0, log_size = 0, other;
	char *folder = blob_account_folder(store->data, account, NULL);
	if (!folder)
		return false;
	snprintf(database, sizeof database, "%s/account.db", folder);
	at_path(folder, path);
	int64_t known = changed(path, "", &other), rows = changed(database, "", &size), log = changed(database, "-wal", &log_size);
	snprintf(path, sizeof path, "%s/search.db", folder);
	free(folder);
	bool begun = changed(path, "", &other) != 0;
	return known != 0 && begun ? rows >= known || log >= known : begun || size + log_size >= WORTH_BYTES;
}
