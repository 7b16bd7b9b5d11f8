/* The regular care of accounts: what was expunged long enough ago goes, and a snapshot of the database is kept for repairs.
 * One account at a time, while everybody works on; trouble with one is logged and doesn't keep the others from theirs. */
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/internal.h"

static int64_t changed_at(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? (int64_t)status.st_mtime : 0;
}

/* Is there anything newer than the newest snapshot, and is that old enough? */
static bool snapshot_is_due(struct account *account, int64_t every)
{
	char database[PATH_MAX], log[PATH_MAX];
	int64_t newest = snapshot_newest(account->folder);
	account_database_path(account->folder, database);
	if (snprintf(log, sizeof log, "%s-wal", database) >= (int)sizeof log)
		return false;
	if (clock_now() - newest < every)
		return false;
	return newest == 0 || changed_at(database) >= newest || changed_at(log) >= newest;
}

static bool care_for(struct account *account, int64_t every, struct error *error)
{
	return account_clean(account, error) && (every == 0 || !snapshot_is_due(account, every) || account_snapshot(account, error));
}

bool store_care(struct store *store, int64_t snapshot_every, bool (*stopping)(void *context), void *context, struct error *error)
{
	struct arena *arena = arena_new();
	struct slice *names;
	size_t count = 0;
	bool done = store_list_accounts(store, arena, &names, &count, error);
	for (size_t i = 0; done && i < count && !stopping(context); i++) {
		struct error trouble = {0};
		struct account *account = store_open_account(store, names[i], &trouble);
		if (!account || !care_for(account, snapshot_every, &trouble))
			log_warning("store.care_failed", log_slice("account", names[i]), log_text("reason", trouble.text));
		store_release_account(&account);
	}
	arena_free(&arena);
	return durable_remove_now(store->durable, error) && done;
}
