/* Snapshots of an account's database, and rebuilding the database from them.
 *
 * A rebuilt database can't know which numbers were given since its snapshot: mail_renew() has it go on above them. What the files hold
 * beyond the snapshot is the affair of store_fsck(). */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/recover/recover.h"

/* ---- Snapshots ---- */

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
static bool list_snapshots(const char *folder, struct mail_ids *ids, struct error *error)
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
			mail_ids_add(ids, id);
	}
	closedir(list);
	if (ids->count > 1)
		qsort(ids->at, ids->count, sizeof *ids->at, newest_first);
	return true;
}

int64_t recover_newest_snapshot(const char *folder)
{
	struct mail_ids ids = {0};
	int64_t newest = list_snapshots(folder, &ids, NULL) && ids.count > 0 ? id_time(ids.at[0]) / 1000 : 0;
	mail_ids_free(&ids);
	return newest;
}

static bool remove_old_snapshots(const char *folder, struct error *error)
{
	struct mail_ids ids = {0};
	char path[PATH_MAX];
	bool done = list_snapshots(folder, &ids, error);
	for (size_t i = SNAPSHOTS_KEPT; done && i < ids.count; i++) {
		snapshot_path(folder, ids.at[i], "", path);
		done = unlink(path) == 0 || errno == ENOENT || error_set_errno(error, errno, "removing %s", path);
	}
	mail_ids_free(&ids);
	return done;
}

bool recover_snapshot(const char *folder, const char *database, struct durable *durable, struct error *error)
{
	char making[PATH_MAX], path[PATH_MAX];
	int64_t id = id_new();
	/* a connection of its own: the account's users don't wait for it */
	struct db *db = mail_open(database, DB_DURABLE_LATER, false, error);
	snapshot_path(folder, id, ".new", making);
	snapshot_path(folder, id, "", path);
	bool done = db && db_snapshot(db, making, error);
	db_close(&db);
	if (done)
		done = rename(making, path) == 0 || error_set_errno(error, errno, "naming %s", path);
	return done && durable_sync(durable, error) && remove_old_snapshots(folder, error);
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
	struct mail_ids ids = {0};
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
	mail_ids_free(&ids);
	return done;
}

/* `damaged`: what the new one takes the place of. */
static bool make_database(const char *making, const char *damaged, struct slice name, bool snapshot, int64_t epoch, struct error *error)
{
	struct db *db = db_open(making, &(struct db_options){.durability = DB_DURABLE_COMMIT, .create = !snapshot}, error);
	bool done = db && (snapshot || mail_fill(db, &(struct mail_first){.name = name, .epoch = epoch}, error)) && mail_renew(db, epoch, error) && mail_salvage(damaged, db, error);
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
static bool restore_files(struct durable *durable, const char *folder, struct slice name, struct error *error)
{
	struct durable_kept_list list;
	if (!durable_find_kept(durable, durable_epoch(durable), name, &list, error))
		return false;
	bool done = true;
	for (size_t i = 0; done && i < list.count; i++)
		done = blob_restore(folder, list.at[i].id, list.at[i].content, list.at[i].hash, list.at[i].received, error);
	durable_kept_list_free(&list);
	return done;
}

bool recover_rebuild(struct durable *durable, const char *folder, const char *database, struct slice name, bool *from_snapshot, struct error *error)
{
	char making[PATH_MAX], id[ID_TEXT_LEN + 1];
	id_format(id_new(), id);
	snprintf(making, sizeof making, "%s/account-%s.new", folder, id);
	*from_snapshot = from_newest_snapshot(folder, making);
	bool done = restore_files(durable, folder, name, error) && make_database(making, database, name, *from_snapshot, durable_epoch(durable), error) &&
		    put_aside(database, error) &&
		    (rename(making, database) == 0 || error_set_errno(error, errno, "naming %s", database)) && durable_sync(durable, error);
	if (!done)
		unlink(making);
	return done;
}

bool recover_begin_anew(struct durable *durable, const char *database, struct slice name, struct error *error)
{
	int64_t epoch = durable_epoch(durable);
	struct db *db = mail_open(database, DB_DURABLE_COMMIT, true, error);
	bool done = db && mail_fill(db, &(struct mail_first){.name = name, .epoch = epoch}, error) && mail_renew(db, epoch, error);
	db_close(&db);
	return done;
}
