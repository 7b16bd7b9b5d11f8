/* Cleaning accounts and making snapshots of them, and the regular care of all of them: what was expunged long enough ago goes, and a snapshot of the database is kept for repairs.
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
	char log[PATH_MAX];
	int64_t newest = recover_newest_snapshot(account->folder);
	if (!db_place_is_file(account->database) || snprintf(log, sizeof log, "%s-wal", account->database) >= (int)sizeof log)
		return false;
	if (clock_now() - newest < every)
		return false;
	return newest == 0 || changed_at(account->database) >= newest || changed_at(log) >= newest;
}

/* ---- What was expunged long ago ---- */

/* The row first and the file after the commit: a crash in between leaves a file without a row. */
static bool forget_expunged(struct account *account, int64_t before, struct error *error)
{
	int64_t ids[MAIL_FORGET_AT_A_TIME];
	int count;
	do {
		if (!account_enter(account, error))
			return false;
		bool done = mail_forget_some(account->mail.db, before, ids, &count, error);
		account_leave(account);
		for (int i = 0; done && i < count; i++)
			done = blob_remove(account->folder, ids[i], error);
		if (!done)
			return false;
	} while (count > 0);
	return true;
}

static bool shorten_log(struct account *account, int64_t now, struct error *error)
{
	if (!account_enter(account, error))
		return false;
	bool done = mail_shorten_log(account->mail.db, now, error);
	account_leave(account);
	return done;
}

bool account_clean(struct account *account, struct error *error)
{
	int64_t now = clock_now(), kept = account->store->undelete_seconds;
	upload_clean(account, now - UPLOAD_SECONDS);
	/* what crashes left goes when it is old, and what was put aside once it is as old as an expunged message may get */
	return forget_expunged(account, now - kept, error) && shorten_log(account, now, error) &&
	       blob_clean(account->folder, now - (kept > LEFTOVER_SECONDS ? kept : LEFTOVER_SECONDS), error);
}

bool account_snapshot(struct account *account, struct error *error)
{
	return recover_snapshot(account->folder, account->database, account->store->durable, error);
}

/* ---- All accounts ---- */

/* What sleeps is on the agenda, whatever has become of that. */
static bool renew_agenda(struct account *account, struct error *error)
{
	int64_t next;
	if (!account_enter(account, error))
		return false;
	bool done = mail_next_wake(account->mail.db, &next, error) && (next == INT64_MAX || agenda_mark(account->mail.agenda, account->name, next, error));
	account_leave(account);
	return done;
}

static bool care_for(struct account *account, int64_t every, struct error *error)
{
	return renew_agenda(account, error) && account_clean(account, error) && (every == 0 || !snapshot_is_due(account, every) || account_snapshot(account, error));
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
