/* The SQLite driver behind db.h.
 *
 * Every database is in WAL mode: readers and the one writer don't wait for each other, in one process or several. A
 * connection is opened without SQLite's own mutexes (its owner locks it) and keeps its prepared statements, found by the
 * address of their text. How it fails: a lock that isn't given within the busy timeout, an I/O error and a full disk are
 * errors of the call and leave no open transaction; damage is ERROR_INVALID; a broken constraint is ERROR_EXISTS.
 *
 * Beware of opening and closing a database's file by other means in a process that has it open: POSIX locks are lost by
 * that. So the file is touched here only when it is made, before SQLite opens it. */
#include "store/db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/distrust.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"

enum {
	BUSY_TIMEOUT_MS = 10 * 1000,
	CACHE_KIB = 256,
	WAL_CHECKPOINT_PAGES = 256,            /* move the log into the database from here on */
	WAL_KEPT_BYTES = 2 * 1024 * 1024,      /* a log that grew beyond is cut to this when it starts anew */
	LOOKASIDE_SIZE = 256, LOOKASIDE_COUNT = 32, /* small pieces of memory that a connection keeps for its statements */
};

struct db {
	sqlite3 *handle;
	enum db_durability durability;
	bool full;               /* this transaction is a durable one of a connection that otherwise isn't */
	bool grouped, in_part;   /* transactions are parts of one, and one of them is under way */
	struct map *statements;  /* by the address of their SQL text */
};

struct db_statement {
	struct db *db;
	sqlite3_stmt *handle;    /* NULL: the SQL is faulty */
	int index[DB_PARAMETERS_MAX + 1]; /* SQLite's number of parameter $n; it counts in order of appearance */
};

static void initialize_library(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* a counter that every allocation of every thread would lock */
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0); /* pages as they are needed: by default each database that is opened takes 20 at once */
	sqlite3_initialize();
}

static enum error_kind kind_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ERROR_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return ERROR_INVALID;
	case SQLITE_CONSTRAINT:
		return ERROR_EXISTS;
	default:
		return ERROR_TEMPORARY;
	}
}

/* Whatever SQLite was doing: a sync failed. */
static bool is_unsynced(int code)
{
	return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

/* Why a sync failed: what the file remembers, the log's first. sqlite3_system_errno() is what errno has become some steps later. */
static int sync_errno(sqlite3 *handle)
{
	sqlite3_file *log = NULL;
	int number = 0;
	sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (log && log->pMethods)
		log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number);
	if (number == 0)
		sqlite3_file_control(handle, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
	return number;
}

static bool failed(sqlite3 *handle, int code, struct error *error, const char *doing)
{
	if ((code & 0xff) == SQLITE_NOMEM)
		memory_exhausted(0);
	int number = handle ? (is_unsynced(code) ? sync_errno(handle) : sqlite3_system_errno(handle)) : 0;
	if (is_unsynced(code))
		distrust_disk("a database", number);
	const char *reason = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
	enum error_kind kind = kind_of(code);
	if ((code & 0xff) != SQLITE_IOERR && (code & 0xff) != SQLITE_CANTOPEN)
		return error_set(error, kind, "%s: %s", doing, reason);
	if (number == 0)
		return error_set(error, kind, "%s: %s (%d)", doing, reason, code);
	return error_set_errno(error, number, "%s: %s (%d)", doing, reason, code);
}

/* ---- Opening ---- */

static bool prepare_file(const char *path, const struct db_options *options, struct error *error)
{
	struct stat status;
	if (lstat(path, &status) == 0) {
		if (!S_ISREG(status.st_mode))
			return error_set(error, ERROR_INVALID, "%s is not a regular file", path);
		return true;
	}
	if (errno != ENOENT)
		return error_set_errno(error, errno, "looking for %s", path);
	if (!options->create)
		return error_set(error, ERROR_NOT_FOUND, "%s does not exist", path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		return error_set_errno(error, errno, "creating %s", path);
	if (fd >= 0)
		close(fd);
	return true;
}

/* Turning a new file to WAL needs it alone for a moment, and SQLite doesn't wait by itself when two do that at once. */
static int enter_wal(sqlite3 *handle, int timeout_ms)
{
	int64_t end = clock_monotonic_ms() + timeout_ms;
	int code;
	while ((code = sqlite3_exec(handle, "PRAGMA journal_mode=WAL", NULL, NULL, NULL)) != SQLITE_OK) {
		if ((code & 0xff) != SQLITE_BUSY || clock_monotonic_ms() >= end)
			break;
		usleep(2000);
	}
	return code;
}

/* In the place of SQLite's own (wal_autocheckpoint), which ignores that a sync failed. Any other failure is no harm: the log
 * stays as it is, and the next commit tries again. */
static int checkpoint(void *context, sqlite3 *handle, const char *name, int pages)
{
	(void)context;
	if (pages >= WAL_CHECKPOINT_PAGES) {
		int code = sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		if (is_unsynced(code))
			distrust_disk("a database's log", sync_errno(handle));
	}
	return SQLITE_OK;
}

static int configure(sqlite3 *handle, const struct db_options *options)
{
	int timeout = options->busy_timeout_ms > 0 ? options->busy_timeout_ms : BUSY_TIMEOUT_MS;
	sqlite3_busy_timeout(handle, timeout);
	sqlite3_extended_result_codes(handle, 1);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SIZE, LOOKASIDE_COUNT);
	/* Closing must not wait for the disk: accounts are closed and opened all the time; the log is found again. */
	if (options->durability == DB_DURABLE_LATER)
		sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (options->durability == DB_DURABLE_AS_A_FILE) /* entering WAL writes, too */
		sqlite3_exec(handle, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
	int code = options->read_only ? SQLITE_OK : enter_wal(handle, timeout);
	if (code != SQLITE_OK)
		return code;
	/* NORMAL syncs the log before it is moved into the database: a power cut loses the newest commits, never the file. */
	static const char *const synchronous[] = {[DB_DURABLE_COMMIT] = "FULL", [DB_DURABLE_LATER] = "NORMAL", [DB_DURABLE_AS_A_FILE] = "OFF"};
	char settings[320];
	snprintf(settings, sizeof settings,
		 "PRAGMA synchronous=%s; PRAGMA cache_size=-%d; PRAGMA journal_size_limit=%d;"
		 "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF",
		 synchronous[options->durability],
		 options->cache_kib > 0 ? options->cache_kib : CACHE_KIB, WAL_KEPT_BYTES);
	sqlite3_wal_hook(handle, checkpoint, NULL);
	code = sqlite3_exec(handle, settings, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return code;
	return sqlite3_exec(handle, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL); /* is it a database at all? */
}

struct db *db_open(const char *path, const struct db_options *options, struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, initialize_library);
	if (!prepare_file(path, options, error))
		return NULL;
	sqlite3 *handle = NULL;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | (options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	int code = sqlite3_open_v2(path, &handle, flags, NULL);
	if (code == SQLITE_OK)
		code = configure(handle, options);
	if (code != SQLITE_OK) {
		char doing[256];
		snprintf(doing, sizeof doing, "opening %s", path);
		failed(handle, code, error, doing);
		sqlite3_close(handle);
		return NULL;
	}
	struct db *db = memory_new(sizeof *db);
	*db = (struct db){.handle = handle, .durability = options->durability, .statements = map_new()};
	return db;
}

static void free_statements(struct db *db)
{
	size_t cursor = 0;
	struct slice key;
	void *value;
	while (map_next(db->statements, &cursor, &key, &value)) {
		sqlite3_finalize(((struct db_statement *)value)->handle);
		free(value);
	}
	map_free(&db->statements);
}

void db_rest(struct db *db)
{
	free_statements(db);
	db->statements = map_new();
	sqlite3_db_release_memory(db->handle);
}

void db_close(struct db **db)
{
	if (!*db)
		return;
	free_statements(*db);
	sqlite3_close((*db)->handle);
	free(*db);
	*db = NULL;
}

/* ---- Statements ---- */

bool db_exec(struct db *db, const char *sql, struct error *error)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	return code == SQLITE_OK || failed(db->handle, code, error, "database");
}

static void number_parameters(struct db_statement *statement)
{
	int count = sqlite3_bind_parameter_count(statement->handle);
	for (int i = 1; i <= count; i++) {
		const char *name = sqlite3_bind_parameter_name(statement->handle, i);
		uint64_t n;
		if (name && name[0] == '$' && slice_to_number(slice_of(name + 1), DB_PARAMETERS_MAX, &n))
			statement->index[n] = i;
	}
}

static struct db_statement *compile(struct db *db, const char *sql)
{
	struct db_statement *statement = memory_new(sizeof *statement);
	statement->db = db;
	int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->handle, NULL);
	if ((code & 0xff) == SQLITE_NOMEM)
		memory_exhausted(0);
	if (code != SQLITE_OK)
		log_error("database.statement", log_text("sql", sql), log_text("cause", sqlite3_errmsg(db->handle)));
	else
		number_parameters(statement);
	return statement;
}

struct db_statement *db_prepare(struct db *db, const char *sql)
{
	struct slice key = slice_make((const char *)&sql, sizeof sql);
	struct db_statement *statement = map_get(db->statements, key);
	if (statement && !statement->handle) { /* it may have been a lock or damage, not the SQL: try again */
		map_remove(db->statements, key);
		free(statement);
		statement = NULL;
	}
	if (!statement) {
		statement = compile(db, sql);
		map_put(db->statements, key, statement);
	}
	if (statement->handle) {
		sqlite3_reset(statement->handle);
		sqlite3_clear_bindings(statement->handle);
	}
	return statement;
}

/* SQLite's index of parameter $n; 0, which it refuses, when there is none. */
static int parameter(const struct db_statement *statement, int n)
{
	return n >= 1 && n <= DB_PARAMETERS_MAX ? statement->index[n] : 0;
}

void db_bind_number(struct db_statement *statement, int index, int64_t value)
{
	if (statement->handle)
		sqlite3_bind_int64(statement->handle, parameter(statement, index), value);
}

void db_bind_text(struct db_statement *statement, int index, struct slice value)
{
	if (statement->handle)
		sqlite3_bind_text64(statement->handle, parameter(statement, index), value.at ? value.at : "", value.len, SQLITE_STATIC, SQLITE_UTF8);
}

void db_bind_blob(struct db_statement *statement, int index, struct slice value)
{
	if (statement->handle)
		sqlite3_bind_blob64(statement->handle, parameter(statement, index), value.at ? value.at : "", value.len, SQLITE_STATIC);
}

enum db_step db_step(struct db_statement *statement, struct error *error)
{
	if (!statement->handle) {
		error_set(error, ERROR_INVALID, "database: the statement could not be prepared");
		return DB_FAILED;
	}
	int code = sqlite3_step(statement->handle);
	if (code == SQLITE_ROW)
		return DB_ROW;
	if (code != SQLITE_DONE)
		failed(statement->db->handle, code, error, "database");
	sqlite3_reset(statement->handle);
	return code == SQLITE_DONE ? DB_DONE : DB_FAILED;
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
	if (statement->handle)
		sqlite3_reset(statement->handle);
}

int64_t db_number(struct db_statement *statement, int column)
{
	return sqlite3_column_int64(statement->handle, column);
}

struct slice db_text(struct db_statement *statement, int column)
{
	const char *at = (const char *)sqlite3_column_text(statement->handle, column);
	return slice_make(at, at ? (size_t)sqlite3_column_bytes(statement->handle, column) : 0);
}

struct slice db_blob(struct db_statement *statement, int column)
{
	const char *at = sqlite3_column_blob(statement->handle, column);
	return slice_make(at, at ? (size_t)sqlite3_column_bytes(statement->handle, column) : 0);
}

bool db_is_null(struct db_statement *statement, int column)
{
	return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}

int64_t db_changes(struct db *db)
{
	return sqlite3_changes64(db->handle);
}

/* ---- Transactions ---- */

bool db_begin(struct db *db, struct error *error)
{
	if (!disk_is_trusted(error))
		return false;
	if (!db->grouped)
		return db_run(db_prepare(db, "BEGIN IMMEDIATE"), error);
	return db->in_part = db_run(db_prepare(db, "SAVEPOINT part"), error);
}

bool db_begin_read(struct db *db, struct error *error)
{
	return db_run(db_prepare(db, "BEGIN"), error);
}

static void leave_full(struct db *db)
{
	if (db->full)
		sqlite3_exec(db->handle, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
	db->full = false;
}

bool db_begin_durable(struct db *db, struct error *error)
{
	if (db->durability == DB_DURABLE_LATER) {
		if (!db_exec(db, "PRAGMA synchronous=FULL", error))
			return false;
		db->full = true;
	}
	if (db_begin(db, error))
		return true;
	leave_full(db);
	return false;
}

static void undo_part(struct db *db)
{
	struct error error;
	if (db->in_part && !(db_run(db_prepare(db, "ROLLBACK TO part"), &error) && db_run(db_prepare(db, "RELEASE part"), &error)))
		log_error("database.rollback", log_text("cause", error.text));
	db->in_part = false;
}

bool db_commit(struct db *db, struct error *error)
{
	bool done = db_run(db_prepare(db, db->grouped ? "RELEASE part" : "COMMIT"), error);
	if (done && db->grouped)
		db->in_part = false;
	else if (done)
		leave_full(db);
	else
		db_rollback(db);
	return done;
}

void db_rollback(struct db *db)
{
	struct error error;
	if (db->grouped)
		undo_part(db);
	else if (!sqlite3_get_autocommit(db->handle) && !db_run(db_prepare(db, "ROLLBACK"), &error))
		log_error("database.rollback", log_text("cause", error.text));
	leave_full(db);
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

static bool schema_version(struct db *db, int64_t *version, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "PRAGMA user_version");
	if (db_step(statement, error) != DB_ROW)
		return false;
	*version = db_number(statement, 0);
	db_reset(statement);
	return true;
}

static bool migrate_one(struct db *db, const char *const *steps, int count, bool *done, struct error *error)
{
	int64_t version;
	char mark[64];
	if (!schema_version(db, &version, error))
		return false;
	if (version > count)
		return error_set(error, ERROR_DENIED, "%s was made by a later version of Pombal (its schema is %d, this one knows %d): use that version",
				 sqlite3_db_filename(db->handle, "main"), (int)version, count);
	*done = version == count;
	if (*done)
		return true;
	if (!steps[version])
		return error_set(error, ERROR_DENIED, "%s was made by an earlier version of Pombal (its schema is %d), and no way leads from it to this one",
				 sqlite3_db_filename(db->handle, "main"), (int)version);
	int next = (int)version + 1;
	while (next < count && !steps[next])
		next++;
	snprintf(mark, sizeof mark, "PRAGMA user_version=%d", next);
	return db_exec(db, steps[version], error) && db_exec(db, mark, error);
}

bool db_migrate(struct db *db, const char *const *steps, int count, struct error *error)
{
	int64_t version;
	if (!schema_version(db, &version, error))
		return false;
	for (bool done = version == count; !done;) { /* the version is read again under the lock: another process may migrate it too */
		if (!db_begin(db, error))
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

int64_t db_version(struct db *db)
{
	struct db_statement *statement = db_prepare(db, "PRAGMA data_version");
	int64_t version = db_step(statement, NULL) == DB_ROW ? db_number(statement, 0) : -1;
	db_reset(statement);
	return version;
}

bool db_moved(struct db *db)
{
	int moved = 0;
	return sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

bool db_verify(struct db *db, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "PRAGMA integrity_check(1)");
	if (db_step(statement, error) != DB_ROW)
		return false;
	struct slice found = db_text(statement, 0);
	bool fine = slice_equal(found, SLICE("ok")) || error_set(error, ERROR_INVALID, "database damaged: %.*s", SLICE_ARG(found));
	db_reset(statement);
	return fine;
}

void *db_driver(struct db *db) { return db->handle; }

bool db_snapshot(struct db *db, const char *path, struct error *error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "creating %s", path);
	close(fd);
	struct db_statement *statement = db_prepare(db, "VACUUM INTO $1"); /* fills an empty file, keeps its mode */
	db_bind_text(statement, 1, slice_of(path));
	if (db_run(statement, error))
		return true;
	unlink(path);
	return false;
}
