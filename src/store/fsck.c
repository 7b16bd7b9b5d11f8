/* The door to checking and mending an account, which is recover's (recover/fsck.c): here it is opened, locked and left for it. */
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/internal.h"

enum { ADOPT_AT_A_TIME = 100 };

static bool adopt_some(struct account *account, int64_t inbox, const int64_t *ids, size_t count, bool expunged, struct error *error)
{
	struct recover_foundling *list = memory_array(count, sizeof *list);
	struct arena *arena = arena_new();
	struct change change;
	for (size_t i = 0; i < count; i++)
		recover_describe(account->folder, ids[i], &list[i], arena);
	bool done = account_begin(account, &(struct mail_uid_need){inbox, (uint32_t)count}, 1, &change, error) &&
		    account_end(account, &change, recover_adopt(&change, list, count, inbox, expunged, error), error);
	arena_free(&arena);
	free(list);
	return done;
}

static bool adopt_files(struct account *account, const struct mail_ids *ids, bool expunged, struct error *error)
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

static bool begin_check(struct account *account, bool repair, struct change *change, struct error *error)
{
	return repair ? account_begin_durable(account, change, error) : account_begin_looking(account, change, error);
}

static bool check_opened(struct account *account, struct recover_check *check, bool repair, struct error *error)
{
	struct change change;
	if (!recover_check_files(check, error) || !begin_check(account, repair, &change, error) ||
	    !account_end(account, &change, recover_check_rows(check, &change, error), error))
		return false;
	return !repair || (adopt_files(account, recover_newer(check), false, error) && adopt_files(account, recover_leftovers(check), true, error) &&
			   store_sync(account->store, error));
}

/* What opening the account sets right is to be told, too. */
static bool check_account(struct store *store, struct slice name, struct recover_check *check, bool repair, struct error *error)
{
	store->repair = repair ? check : NULL;
	struct account *account = store_open_account(store, name, error);
	store->repair = NULL;
	bool done = account && check_opened(account, check, repair, error);
	store_release_account(&account);
	return done;
}

static bool check_folder(struct store *store, struct slice name, const char *folder, const char *database, bool repair, struct fsck_report *report, struct error *error)
{
	bool rebuilt;
	struct recover_check *check = recover_check_new(store->durable, folder, database, name, clock_now() - store->undelete_seconds, repair, report);
	bool sound = recover_check_database(check, &rebuilt, error);
	if (rebuilt)
		account_detach(store, name);
	bool done = sound ? check_account(store, name, check, repair, error)
			  : error && error->kind == ERROR_INVALID && !repair; /* that it is damaged has been reported */
	recover_check_free(&check);
	return done;
}

/* Has it a folder, or rows among those of others? */
static bool is_there(const struct store *store, struct slice name, const char *folder, const char *database, struct error *error)
{
	struct stat status;
	struct error cause = {.kind = ERROR_NOT_FOUND};
	if (stat(folder, &status) == 0)
		return true;
	struct db *db = store->rows ? mail_open(database, DB_DURABLE_LATER, false, &cause) : NULL;
	bool there = db;
	db_close(&db);
	if (!there && cause.kind == ERROR_NOT_FOUND)
		error_set(error, ERROR_NOT_FOUND, "no account %.*s", SLICE_ARG(name));
	else if (!there)
		error_set(error, cause.kind, "%s", cause.text);
	return there;
}

bool store_fsck(struct store *store, struct slice account, bool repair, struct fsck_report *report, struct error *error)
{
	char *folder = blob_account_folder(store->data, account, error);
	if (!folder)
		return false;
	char *database = store_database(store, account, folder);
	bool done = is_there(store, account, folder, database, error) &&
		    check_folder(store, account, folder, database, repair, report, error);
	free(folder);
	free(database);
	return done;
}
