/* Snapshots of an account's database, and rebuilding the database from them.
 *
 * A rebuilt database can't know which numbers were given since its snapshot. So every mailbox gets a new UIDVALIDITY, and
 * mod-sequences go on from the clock's milliseconds, far above any that counting could have reached; clients read the
 * mailboxes anew. What the files hold beyond the snapshot is the affair of store_fsck(). */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/internal.h"

static void snapshot_path(const char *folder, int64_t id, const char *ending, char out[PATH_MAX])
{
	char text[ID_TEXT_LEN + 1];
	id_format(id, text);
	snprintf(out, PATH_MAX, "%s/snapshot-%s.db%s", folder, text, ending);
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x < y) - (x > y);
}

/* Ids of the snapshots, the newest first. */
static bool list_snapshots(const char *folder, struct ids *ids, struct error *error)
{
	DIR *list = opendir(folder);
	if (!list)
		return error_set_errno(error, errno, "listing %s", folder);
	for (struct dirent *entry; (entry = readdir(list));) {
		struct slice name = slice_of(entry->d_name);
		if (name.len != 9 + ID_TEXT_LEN + 3 || !slice_starts(name, SLICE("snapshot-")) || !slice_equal(slice_skip(name, name.len - 3), SLICE(".db")))
			continue;
		int64_t id = id_parse(slice_sub(name, 9, ID_TEXT_LEN));
		if (id != 0)
			ids_add(ids, id);
	}
	closedir(list);
	if (ids->count > 1)
		qsort(ids->at, ids->count, sizeof *ids->at, newest_first);
	return true;
}

int64_t snapshot_newest(const char *folder)
{
	struct ids ids = {0};
	int64_t newest = list_snapshots(folder, &ids, NULL) && ids.count > 0 ? id_time(ids.at[0]) / 1000 : 0;
	ids_free(&ids);
	return newest;
}

static bool remove_old_snapshots(const char *folder, struct error *error)
{
	struct ids ids = {0};
	char path[PATH_MAX];
	bool done = list_snapshots(folder, &ids, error);
	for (size_t i = SNAPSHOTS_KEPT; done && i < ids.count; i++) {
		snapshot_path(folder, ids.at[i], "", path);
		done = unlink(path) == 0 || errno == ENOENT || error_set_errno(error, errno, "removing %s", path);
	}
	ids_free(&ids);
	return done;
}

bool account_snapshot(struct account *account, struct error *error)
{
	char making[PATH_MAX], path[PATH_MAX];
	int64_t id = id_new();
	/* a connection of its own: the account's users don't wait for it */
	struct db *db = account_database(account->folder, DB_DURABLE_LATER, false, error);
	snapshot_path(account->folder, id, ".new", making);
	snapshot_path(account->folder, id, "", path);
	bool done = db && db_snapshot(db, making, error);
	db_close(&db);
	if (done)
		done = rename(making, path) == 0 || error_set_errno(error, errno, "naming %s", path);
	return done && store_sync(account->store, error) && remove_old_snapshots(account->folder, error);
}

/* ---- Rebuilding ---- */

static bool copy_sound(const char *snapshot, const char *making, struct error *error)
{
	struct db *db = db_open(snapshot, &(struct db_options){.read_only = true}, error);
	bool done = db && db_verify(db, error) && db_snapshot(db, making, error);
	db_close(&db);
	return done;
}

/* The newest snapshot that is whole, as a new database; false if there is none. */
static bool from_newest_snapshot(const char *folder, const char *making)
{
	struct ids ids = {0};
	struct error error = {0};
	bool done = false;
	if (list_snapshots(folder, &ids, &error))
		for (size_t i = 0; !done && i < ids.count; i++) {
			char path[PATH_MAX];
			snapshot_path(folder, ids.at[i], "", path);
			done = copy_sound(path, making, &error);
			if (!done)
				log_warning("snapshot.damaged", log_text("file", path), log_text("cause", error.text));
		}
	ids_free(&ids);
	return done;
}

static bool renew_uidvalidities(struct db *db, struct account_row *row, struct error *error)
{
	struct ids ids = {0};
	struct db_statement *s = db_prepare(db, "SELECT id FROM mailbox");
	enum db_step step;
	while ((step = db_step(s, error)) == DB_ROW)
		ids_add(&ids, db_number(s, 0));
	bool done = step == DB_DONE;
	for (size_t i = 0; done && i < ids.count; i++) {
		row->uidvalidity = schema_next_uidvalidity(row->uidvalidity);
		done = db_run(PREPARE(db, "UPDATE mailbox SET uidvalidity = $2, modseq = $3, log_floor = $3 WHERE id = $1", ids.at[i],
				      row->uidvalidity, row->modseq), error);
	}
	ids_free(&ids);
	return done;
}

static bool renew_numbers(struct db *db, int64_t epoch, struct error *error)
{
	struct account_row row;
	if (!change_read_row(db, &row, error))
		return false;
	int64_t now = clock_now_ms();
	row.modseq = (row.modseq_ceiling > now ? row.modseq_ceiling : now) + 1;
	row.modseq_ceiling = row.modseq + DURABLE_BLOCK;
	row.epoch = epoch;
	return renew_uidvalidities(db, &row, error) &&
	       db_run(PREPARE(db, "UPDATE placement SET modseq = $1", row.modseq), error) &&
	       db_run(db_prepare(db, "DELETE FROM expunged"), error) && db_run(db_prepare(db, "DELETE FROM removed_mailbox"), error) &&
	       db_run(PREPARE(db, "UPDATE account SET removed_floor = $1", row.modseq), error) && change_write_row(db, &row, error);
}

static bool make_database(const char *making, struct slice name, bool snapshot, int64_t epoch, struct error *error)
{
	struct db *db = db_open(making, &(struct db_options){.durability = DB_DURABLE_COMMIT, .create = !snapshot}, error);
	bool done = db && (snapshot ? db_migrate(db, store_schema, store_schema_count, error) : schema_fill(db, name, epoch, 0, error)) &&
		    db_begin(db, error);
	if (done) {
		done = renew_numbers(db, epoch, error) && db_commit(db, error);
		db_rollback(db);
	}
	db_close(&db);
	return done;
}

static bool put_aside(const char *database, struct error *error)
{
	static const char *const endings[] = {"-wal", "-shm", ""};
	char id[ID_TEXT_LEN + 1], from[PATH_MAX], to[PATH_MAX];
	id_format(id_new(), id);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		if (snprintf(from, sizeof from, "%s%s", database, endings[i]) >= PATH_MAX ||
		    snprintf(to, sizeof to, "%s.damaged-%s%s", database, id, endings[i]) >= PATH_MAX)
			return error_set(error, ERROR_INVALID, "path too long: %s", database);
		if (rename(from, to) != 0 && errno != ENOENT)
			return error_set_errno(error, errno, "putting %s aside", from);
	}
	return true;
}

/* The database can't tell any more what was expunged: one message too many is better than one too few. */
static bool restore_files(struct store *store, const char *folder, struct slice name, struct error *error)
{
	struct durable_kept_list list;
	if (!durable_find_kept(store->durable, store->epoch, name, &list, error))
		return false;
	bool done = true;
	for (size_t i = 0; done && i < list.count; i++)
		done = adopt_kept_file(folder, &list.at[i], error);
	durable_kept_list_free(&list);
	return done;
}

bool rebuild_database(struct store *store, const char *folder, struct slice name, bool *from_snapshot, struct error *error)
{
	char making[PATH_MAX], id[ID_TEXT_LEN + 1], database[PATH_MAX];
	id_format(id_new(), id);
	snprintf(making, sizeof making, "%s/account-%s.new", folder, id);
	account_database_path(folder, database);
	*from_snapshot = from_newest_snapshot(folder, making);
	bool done = restore_files(store, folder, name, error) && make_database(making, name, *from_snapshot, store->epoch, error) &&
		    put_aside(database, error) &&
		    (rename(making, database) == 0 || error_set_errno(error, errno, "naming %s", database)) && store_sync(store, error);
	if (!done)
		unlink(making);
	account_detach(store, name);
	return done;
}
