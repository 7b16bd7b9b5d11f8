/* What is the same with every database: which driver a place belongs to, statements that are kept, transactions within transactions,
 * and the steps of a schema. */
#include "store/db/db.h"

#include "base/distrust.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/db/internal.h"
#include "store/db/postgresql.h"

static bool begins_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

bool db_place_is_file(const char *place) { return !begins_with(place, "postgresql://") && !begins_with(place, "postgres://"); }
static const struct db_driver *driver_of(const char *place) { return db_place_is_file(place) ? &db_sqlite : &db_postgresql; }

struct db_needs db_needs(const char *storage, struct arena *arena)
{
	return *storage ? driver_of(storage)->needs(storage, arena) : (struct db_needs){0};
}

bool db_place(const char *storage, const char *data, const char *part, const char *file, char place[DB_PLACE_MAX], struct error *error)
{
	bool prefixed = strchr(storage, '#');
	int len = *storage ? snprintf(place, DB_PLACE_MAX, "%s%s%s", storage, prefixed ? "_" : "#", part) : snprintf(place, DB_PLACE_MAX, "%s/%s/%s", data, part, file);
	return (len > 0 && len < DB_PLACE_MAX) || error_set(error, ERROR_LIMIT, "the place of a database is too long");
}

struct db *db_open(const char *place, const struct db_options *options, struct error *error)
{
	struct db *db = driver_of(place)->open(place, options, error);
	if (db)
		db->statements = map_new();
	return db;
}

static void finalize(struct db_statement *statement)
{
	statement->db->driver->finalize(statement);
	free(statement);
}

static void free_statements(struct db *db)
{
	size_t cursor = 0;
	struct slice key;
	void *value;
	while (map_next(db->statements, &cursor, &key, &value))
		finalize(value);
	map_free(&db->statements);
}

void db_rest(struct db *db)
{
	free_statements(db);
	db->statements = map_new();
	db->driver->rest(db);
}

void db_close(struct db **db)
{
	if (!*db)
		return;
	free_statements(*db);
	(*db)->driver->close(*db);
	free(*db);
	*db = NULL;
}

/* ---- Statements ---- */

bool db_exec(struct db *db, const char *sql, struct error *error) { return db->driver->exec(db, sql, error); }

struct db_statement *db_prepare(struct db *db, const char *sql)
{
	struct slice key = slice_make((const char *)&sql, sizeof sql);
	struct db_statement *statement = map_get(db->statements, key);
	if (statement && statement->faulty) { /* it may have been a lock or damage, not the SQL: try again */
		map_remove(db->statements, key);
		finalize(statement);
		statement = NULL;
	}
	if (!statement) {
		statement = db->driver->prepare(db, sql);
		statement->db = db;
		map_put(db->statements, key, statement);
	}
	if (!statement->faulty)
		db->driver->restart(statement);
	return statement;
}

void db_bind_number(struct db_statement *statement, int index, int64_t value)
{
	if (!statement->faulty)
		statement->db->driver->bind_number(statement, index, value);
}

void db_bind_text(struct db_statement *statement, int index, struct slice value)
{
	if (!statement->faulty)
		statement->db->driver->bind_bytes(statement, index, value, true);
}

void db_bind_blob(struct db_statement *statement, int index, struct slice value)
{
	if (!statement->faulty)
		statement->db->driver->bind_bytes(statement, index, value, false);
}

enum db_step db_step(struct db_statement *statement, struct error *error)
{
	if (!statement->faulty)
		return statement->db->driver->step(statement, error);
	error_set(error, ERROR_INVALID, "database: the statement could not be prepared");
	return DB_FAILED;
}

bool db_run(struct db_statement *statement, struct error *error)
{
	enum db_step step;
	while ((step = db_step(statement, error)) == DB_ROW)
		;
	return step == DB_DONE;
}

void db_reset(struct db_statement *statement)
{
	if (!statement->faulty)
		statement->db->driver->reset(statement);
}

int64_t db_number(struct db_statement *statement, int column) { return statement->db->driver->number(statement, column); }
struct slice db_text(struct db_statement *statement, int column) { return statement->db->driver->bytes(statement, column, true); }
struct slice db_blob(struct db_statement *statement, int column) { return statement->db->driver->bytes(statement, column, false); }
bool db_is_null(struct db_statement *statement, int column) { return statement->db->driver->is_null(statement, column); }
int64_t db_changes(struct db *db) { return db->driver->changes(db); }

/* ---- Transactions ---- */

static bool begin_writing(struct db *db, enum db_transaction kind, struct error *error)
{
	if (!disk_is_trusted(error))
		return false;
	if (!db->grouped)
		return db->driver->begin(db, kind, error);
	return db->in_part = db_run(db_prepare(db, "SAVEPOINT part"), error);
}

bool db_begin(struct db *db, struct error *error) { return begin_writing(db, DB_WRITES, error); }
bool db_begin_durable(struct db *db, struct error *error) { return begin_writing(db, DB_WRITES_DURABLY, error); }
bool db_begin_rows(struct db *db, struct error *error) { return begin_writing(db, DB_WRITES_ROWS, error); }
bool db_begin_read(struct db *db, struct error *error) { return db->driver->begin(db, DB_READS, error); }

void db_tell(struct db *db, struct slice text) { db->driver->tell(db, text); }

struct db_ear *db_listen(const char *place, void (*heard)(void *context, struct slice text), void *context, struct error *error)
{
	if (!db_place_is_file(place))
		return db_pg_listen(place, heard, context, error);
	error_set(error, ERROR_INVALID, "%s is a file", place);
	return NULL;
}

void db_stop_listening(struct db_ear **ear) { db_pg_stop_listening(ear); }

static void undo_part(struct db *db)
{
	struct error error;
	if (db->in_part && !(db_run(db_prepare(db, "ROLLBACK TO part"), &error) && db_run(db_prepare(db, "RELEASE part"), &error)))
		log_error("database.rollback", log_text("cause", error.text));
	db->in_part = false;
}

bool db_commit(struct db *db, struct error *error)
{
	bool done = db->grouped ? db_run(db_prepare(db, "RELEASE part"), error) : db->driver->commit(db, error);
	if (!done)
		db_rollback(db);
	db->in_part = false;
	return done;
}

void db_rollback(struct db *db)
{
	if (db->grouped)
		undo_part(db);
	else
		db->driver->rollback(db);
}

bool db_group_begin(struct db *db, struct error *error)
{
	return db->grouped = db_begin(db, error);
}

bool db_group_end(struct db *db, bool done, struct error *error)
{
	undo_part(db);
	db->grouped = false;
	if (done)
		return db_commit(db, error);
	db_rollback(db);
	return false;
}

/* ---- Care ---- */

static bool migrate_one(struct db *db, const char *const *steps, int count, bool *done, struct error *error)
{
	int64_t version;
	if (!db->driver->schema_version(db, &version, error))
		return false;
	if (version > count)
		return error_set(error, ERROR_DENIED, "%s was made by a later version of Pombal (its schema is %d, this one knows %d): use that version",
				 db->driver->name(db), (int)version, count);
	*done = version == count;
	if (*done)
		return true;
	if (!steps[version])
		return error_set(error, ERROR_DENIED, "%s was made by an earlier version of Pombal (its schema is %d), and no way leads from it to this one",
				 db->driver->name(db), (int)version);
	int next = (int)version + 1;
	while (next < count && !steps[next])
		next++;
	return db_exec(db, steps[version], error) && db->driver->set_schema_version(db, next, error);
}

bool db_migrate(struct db *db, const char *const *steps, int count, struct error *error)
{
	int64_t version;
	if (!db->driver->schema_version(db, &version, error))
		return false;
	for (bool done = version == count; !done;) { /* the version is read again under the lock: another process may migrate it too */
		if (!begin_writing(db, DB_DEFINES, error))
			return false;
		if (!migrate_one(db, steps, count, &done, error)) {
			db_rollback(db);
			return false;
		}
		if (!db_commit(db, error))
			return false;
	}
	return true;
}

bool db_is_shared(const struct db *db) { return db->driver->shared; }
int64_t db_version(struct db *db) { return db->driver->version(db); }
bool db_moved(struct db *db) { return db->driver->moved(db); }
bool db_verify(struct db *db, struct error *error) { return db->driver->verify(db, error); }
bool db_snapshot(struct db *db, const char *path, struct error *error) { return db->driver->snapshot(db, path, error); }
bool db_erase(struct db *db, struct error *error) { return db->driver->erase(db, error); }
bool db_list_parts(const char *place, db_found_part *found, void *context, struct error *error) { return driver_of(place)->list_parts(place, found, context, error); }
bool db_index_for_now(struct db *db, const char *create, const char *drop, bool on, struct error *error)
{
	return db->driver->index_for_now(db, create, drop, on, error);
}
void *db_driver(struct db *db) { return db->driver->handle(db); }
