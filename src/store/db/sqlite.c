/* SQLite as a driver (internal.h).
 *
 * Every database is in WAL mode: readers and the one writer don't wait for each other, in one process or several. A
 * connection is opened without SQLite's own mutexes: its owner locks it. How it fails: a lock that isn't given within the busy timeout, an I/O error and a full disk are
 * errors of the call and leave no open transaction; damage is ERROR_INVALID; a broken constraint is ERROR_EXISTS.
 *
 * Beware of opening and closing a database's file by other means in a process that has it open: POSIX locks are lost by
 * that. So the file is touched here only when it is made, before SQLite opens it. */
#include "store/db/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/distrust.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	BUSY_TIMEOUT_MS = 10 * 1000,
	CACHE_KIB = 256,
	WAL_CHECKPOINT_PAGES = 256,            /* move the log into the database from here on */
	WAL_KEPT_BYTES = 2 * 1024 * 1024,      /* a log that grew beyond is cut to this when it starts anew */
	LOOKASIDE_SIZE = 256, LOOKASIDE_COUNT = 32, /* small pieces of memory that a connection keeps for its statements */
};

struct connection {
	struct db db;
	sqlite3 *handle;
	enum db_durability durability;
	bool full;               /* this transaction is a durable one of a connection that otherwise isn't */
};

struct statement {
	struct db_statement statement;
	sqlite3_stmt *handle;    /* NULL: the SQL is faulty */
	int index[DB_PARAMETERS_MAX + 1]; /* SQLite's number of parameter $n; it counts in order of appearance */
};

static sqlite3 *handle_of(struct db *db) { return ((struct connection *)db)->handle; }
static sqlite3_stmt *compiled(struct db_statement *statement) { return ((struct statement *)statement)->handle; }

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

static struct db *open_file(const char *path, const struct db_options *options, struct error *error)
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
	struct connection *self = memory_new(sizeof *self);
	*self = (struct connection){.db.driver = &db_sqlite, .handle = handle, .durability = options->durability};
	return &self->db;
}

static void rest(struct db *db) { sqlite3_db_release_memory(handle_of(db)); }
static void close_file(struct db *db) { sqlite3_close(handle_of(db)); }

/* ---- Statements ---- */

static bool execute(struct db *db, const char *sql, struct error *error)
{
	int code = sqlite3_exec(handle_of(db), sql, NULL, NULL, NULL);
	return code == SQLITE_OK || failed(handle_of(db), code, error, "database");
}

static void number_parameters(struct statement *self)
{
	int count = sqlite3_bind_parameter_count(self->handle);
	for (int i = 1; i <= count; i++) {
		const char *name = sqlite3_bind_parameter_name(self->handle, i);
		uint64_t n;
		if (name && name[0] == '$' && slice_to_number(slice_of(name + 1), DB_PARAMETERS_MAX, &n))
			self->index[n] = i;
	}
}

static struct db_statement *prepare(struct db *db, const char *sql)
{
	struct statement *self = memory_new(sizeof *self);
	int code = sqlite3_prepare_v3(handle_of(db), sql, -1, SQLITE_PREPARE_PERSISTENT, &self->handle, NULL);
	if ((code & 0xff) == SQLITE_NOMEM)
		memory_exhausted(0);
	self->statement.faulty = code != SQLITE_OK || !self->handle;
	if (code != SQLITE_OK)
		log_error("database.statement", log_text("sql", sql), log_text("cause", sqlite3_errmsg(handle_of(db))));
	else
		number_parameters(self);
	return &self->statement;
}

static void finalize(struct db_statement *statement) { sqlite3_finalize(compiled(statement)); }
static void reset(struct db_statement *statement) { sqlite3_reset(compiled(statement)); }

static void restart(struct db_statement *statement)
{
	sqlite3_reset(compiled(statement));
	sqlite3_clear_bindings(compiled(statement));
}

/* SQLite's index of parameter $n; 0, which it refuses, when there is none. */
static int parameter(struct db_statement *statement, int n)
{
	return n >= 1 && n <= DB_PARAMETERS_MAX ? ((struct statement *)statement)->index[n] : 0;
}

static void bind_number(struct db_statement *statement, int index, int64_t value)
{
	sqlite3_bind_int64(compiled(statement), parameter(statement, index), value);
}

static void bind_bytes(struct db_statement *statement, int index, struct slice value, bool is_text)
{
	const char *at = value.at ? value.at : "";
	if (is_text)
		sqlite3_bind_text64(compiled(statement), parameter(statement, index), at, value.len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_blob64(compiled(statement), parameter(statement, index), at, value.len, SQLITE_STATIC);
}

static enum db_step step(struct db_statement *statement, struct error *error)
{
	int code = sqlite3_step(compiled(statement));
	if (code == SQLITE_ROW)
		return DB_ROW;
	if (code != SQLITE_DONE)
		failed(handle_of(statement->db), code, error, "database");
	sqlite3_reset(compiled(statement));
	return code == SQLITE_DONE ? DB_DONE : DB_FAILED;
}

static int64_t number(struct db_statement *statement, int column) { return sqlite3_column_int64(compiled(statement), column); }

static struct slice bytes(struct db_statement *statement, int column, bool is_text)
{
	const char *at = is_text ? (const char *)sqlite3_column_text(compiled(statement), column) : sqlite3_column_blob(compiled(statement), column);
	return slice_make(at, at ? (size_t)sqlite3_column_bytes(compiled(statement), column) : 0);
}

static bool is_null(struct db_statement *statement, int column) { return sqlite3_column_type(compiled(statement), column) == SQLITE_NULL; }
static int64_t changes(struct db *db) { return sqlite3_changes64(handle_of(db)); }

/* ---- Transactions ---- */

static void leave_full(struct connection *self)
{
	if (self->full)
		sqlite3_exec(self->handle, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
	self->full = false;
}

static bool begin(struct db *db, enum db_transaction kind, struct error *error)
{
	struct connection *self = (struct connection *)db;
	if (kind == DB_READS)
		return db_run(db_prepare(db, "BEGIN"), error);
	if (kind == DB_WRITES_DURABLY && self->durability == DB_DURABLE_LATER) {
		if (!execute(db, "PRAGMA synchronous=FULL", error))
			return false;
		self->full = true;
	}
	if (db_run(db_prepare(db, "BEGIN IMMEDIATE"), error))
		return true;
	leave_full(self);
	return false;
}

static void tell(struct db *db, struct slice text) { (void)db, (void)text; /* its processes are of one machine, and have means of their own */ }

static bool commit(struct db *db, struct error *error)
{
	if (!db_run(db_prepare(db, "COMMIT"), error))
		return false;
	leave_full((struct connection *)db);
	return true;
}

static void rollback(struct db *db)
{
	struct error error;
	if (!sqlite3_get_autocommit(handle_of(db)) && !db_run(db_prepare(db, "ROLLBACK"), &error))
		log_error("database.rollback", log_text("cause", error.text));
	leave_full((struct connection *)db);
}

/* ---- Care ---- */

static bool schema_version(struct db *db, int64_t *number, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "PRAGMA user_version");
	if (db_step(statement, error) != DB_ROW)
		return false;
	*number = db_number(statement, 0);
	db_reset(statement);
	return true;
}

static bool set_schema_version(struct db *db, int version, struct error *error)
{
	char mark[64];
	snprintf(mark, sizeof mark, "PRAGMA user_version=%d", version);
	return execute(db, mark, error);
}

static const char *name(struct db *db) { return sqlite3_db_filename(handle_of(db), "main"); }

static int64_t version(struct db *db)
{
	struct db_statement *statement = db_prepare(db, "PRAGMA data_version");
	int64_t found = db_step(statement, NULL) == DB_ROW ? db_number(statement, 0) : -1;
	db_reset(statement);
	return found;
}

static bool moved(struct db *db)
{
	int has = 0;
	return sqlite3_file_control(handle_of(db), "main", SQLITE_FCNTL_HAS_MOVED, &has) == SQLITE_OK && has;
}

static bool verify(struct db *db, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "PRAGMA integrity_check(1)");
	if (db_step(statement, error) != DB_ROW)
		return false;
	struct slice found = db_text(statement, 0);
	bool fine = slice_equal(found, SLICE("ok")) || error_set(error, ERROR_INVALID, "database damaged: %.*s", SLICE_ARG(found));
	db_reset(statement);
	return fine;
}

static void *handle(struct db *db) { return handle_of(db); }

static bool index_for_now(struct db *db, const char *create, const char *drop, bool on, struct error *error)
{
	return execute(db, on ? create : drop, error);
}

static struct db_needs needs(const char *storage, struct arena *arena)
{
	(void)storage, (void)arena;
	return (struct db_needs){0};
}

static bool erase(struct db *db, struct error *error)
{
	return error_set(error, ERROR_INVALID, "%s is a file", sqlite3_db_filename(handle_of(db), "main"));
}

static bool list_parts(const char *place, db_found_part *found, void *context, struct error *error)
{
	(void)found, (void)context;
	return error_set(error, ERROR_INVALID, "%s is a file", place);
}

static bool snapshot(struct db *db, const char *path, struct error *error)
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

const struct db_driver db_sqlite = {
	.open = open_file, .close = close_file, .rest = rest, .exec = execute,
	.prepare = prepare, .finalize = finalize, .restart = restart, .reset = reset, .bind_number = bind_number, .bind_bytes = bind_bytes,
	.step = step, .number = number, .bytes = bytes, .is_null = is_null, .changes = changes,
	.begin = begin, .tell = tell, .commit = commit, .rollback = rollback, .schema_version = schema_version, .set_schema_version = set_schema_version,
	.name = name, .version = version, .moved = moved, .verify = verify, .snapshot = snapshot, .handle = handle,
	.index_for_now = index_for_now, .needs = needs, .erase = erase, .list_parts = list_parts,
};
