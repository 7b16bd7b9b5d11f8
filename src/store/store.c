/* The store: opening and closing it, and the service. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/internal.h"

void store_set_limits(struct store *store, uint64_t max_message, int64_t undelete_seconds)
{
	store->max_message = max_message;
	store->undelete_seconds = undelete_seconds;
}

void store_set_snooze(struct store *store, int snooze_at) { store->snooze_at = snooze_at; }

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

/* *rows is malloc'ed; NULL: in files. */
static bool find_rows(const struct store_options *options, char **rows, struct error *error)
{
	char place[DB_PLACE_MAX];
	*rows = NULL;
	if (!options->storage || !*options->storage)
		return true;
	if (!db_place(options->storage, options->data, "mail", "", place, error))
		return false;
	*rows = memory_copy(place, strlen(place));
	memory_wipe(place, sizeof place);
	return true;
}

/* Nothing: anything may have changed. */
static void hear(void *context, struct slice account)
{
	store_announced(context, account);
}

struct store *store_open(const struct store_options *options, struct error *error)
{
	char *rows;
	if (!find_rows(options, &rows, error))
		return NULL;
	int fd = open(options->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		error_set_errno(error, errno, "opening the data directory %s", options->data);
		free(rows);
		return NULL;
	}
	struct durable *durable = durable_open(options->data, fd, error);
	if (!durable) {
		close(fd);
		free(rows);
		return NULL;
	}
	struct store *store = memory_new(sizeof *store);
	store->data = memory_copy(options->data, strlen(options->data));
	store->data_fd = fd;
	store->options = *options;
	store->options.data = store->data;
	store->options.storage = NULL; /* `rows` it is from here on */
	store->rows = rows;
	store_set_limits(store, options->max_message, options->undelete_seconds);
	if (store->options.open_accounts <= 0)
		store->options.open_accounts = idle_most();
	store->durable = durable;
	store->usage = usage_open(store->data, !options->looking);
	store->agenda = agenda_open(store->data, !options->looking);
	store->snooze_at = options->snooze_at;
	store->accounts = map_new();
	store->subscriptions = map_new();
	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->watch_lock, NULL);
	if ((options->hears && store->rows && !(store->ear = db_listen(store->rows, hear, store, error))) ||
	    (options->journal && !durable_begin_journal(durable, restore_account, store, error)))
		store_close(&store);
	return store;
}

void store_close(struct store **store)
{
	if (!*store)
		return;
	struct store *s = *store;
	db_stop_listening(&s->ear);
	durable_end_journal(s->durable);
	durable_close(&s->durable);
	free(s->heat);
	if (s->usage >= 0)
		close(s->usage);
	if (s->agenda >= 0)
		close(s->agenda);
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
	if (s->rows)
		memory_wipe(s->rows, strlen(s->rows)); /* it may hold a password */
	free(s->rows);
	free(s);
	*store = NULL;
}
