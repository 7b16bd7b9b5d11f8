/* The seam between our SQL and the database that runs it. SQL is written once, in the subset that SQLite and PostgreSQL
 * share: $1 parameters (numbered from 1), ON CONFLICT, RETURNING, the types BIGINT and TEXT and those below. There are two drivers:
 * SQLite, in WAL mode, and PostgreSQL.
 *
 * A place says which: a file's path, or postgresql://…#SCHEMA, or, where many databases of one kind are kept in a schema, postgresql://…#SCHEMA/NAME. Such a one
 * is for its users as if it were alone: their statements see nothing of the others.
 *
 * A connection and its statements belong to one thread at a time; who shares one locks it. Statements are prepared once
 * per connection and SQL text and kept; a statement is reset when it is asked for again, when it has been stepped to its
 * end, or by db_reset(). Slices of a row's columns live until the next step or reset of that statement. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

struct db;
struct db_statement;

/* What differs between databases in CREATE TABLE: the type of a 64-bit number that is the primary key, that of bytes, and the wish,
 * after the closing bracket, that rows be kept in the order of the primary key. And in what is prepared: the time by the database's
 * clock, in seconds since 1970, which is the same for all machines; at the end of a SELECT, that its rows are locked until the transaction ends; and, about a condition by which
 * one row is changed, that it is passed over while another has it locked. SQLite, which has one writer at a time, needs neither, and takes them for comments. DB_POSTGRESQL: for the test that
 * lets a PostgreSQL judge every statement of ours (tests/e2e/test_sql.py). */
#ifdef DB_POSTGRESQL
#define DB_ID "BIGINT PRIMARY KEY"
#define DB_BYTES "BYTEA"
#define DB_CLUSTERED ""
#define DB_NOW "CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)"
#define DB_POSTGRESQLS(sql) " " sql " "
#else
#define DB_ID "INTEGER PRIMARY KEY"
#define DB_BYTES "BLOB"
#define DB_CLUSTERED " WITHOUT ROWID"
#define DB_NOW "unixepoch()"
#define DB_POSTGRESQLS(sql) " /* " sql " */ "
#endif
#define DB_FOR_UPDATE DB_POSTGRESQLS("FOR UPDATE")
#define DB_IF_UNLOCKED(table) DB_POSTGRESQLS("id = (SELECT id FROM " table " WHERE")
#define DB_IF_UNLOCKED_END DB_POSTGRESQLS("FOR UPDATE SKIP LOCKED)")

enum { DB_PARAMETERS_MAX = 32 }; /* $1 … $32 */

enum db_durability {
	DB_DURABLE_COMMIT, /* a commit returns when it is on disk (synchronous=FULL) */
	DB_DURABLE_LATER,  /* a commit survives a crash of the process; a power cut only after a later sync of the file system */
	DB_DURABLE_AS_A_FILE, /* nothing is synced: for a new file that its maker closes and syncs before anybody relies on it */
};

struct db_options {
	enum db_durability durability;
	bool create;          /* make the file (mode 0600) if it isn't there */
	bool read_only;
	int busy_timeout_ms;  /* how long to wait for another connection's lock; 0: 10 seconds */
	int cache_kib;        /* page cache of the connection; 0: 256 KiB */
};

/** Opens the database at a place; NULL with *error on failure (damage: ERROR_INVALID, no such file, schema or
 * name in it: ERROR_NOT_FOUND, who isn't let in, or a schema of somebody else's: ERROR_DENIED). */
struct db *db_open(const char *place, const struct db_options *options, struct error *error);
/** The place of a part of our data, whose name is `part`: DIR/PART/FILE, or, with a database for all (`storage`, a URL as that option has it; empty:
 * none), the schema PART there; if the URL ends with #NAME, NAME_PART, so that several may share one. ERROR_LIMIT: it is too long. */
enum { DB_PLACE_MAX = 4096 };
bool db_place(const char *storage, const char *data, const char *part, const char *file, char place[DB_PLACE_MAX], struct error *error);
/** What a process needs to be let do to reach the storage: the ports to connect to (ended by 0), sockets of this machine, files to read. `files` ends with
 * NULL; all lives in `arena`. Of a file, or a URL that can't be read, nothing. */
struct db_needs { bool network, local_sockets; const uint16_t *ports; const char *const *files; };
struct db_needs db_needs(const char *storage, struct arena *arena);
/** Closes it (NULL is fine) and sets *db to NULL. */
void db_close(struct db **db);

/** For a connection that isn't needed for a while, but is to be quick when it is: gives back the memory of its pages and statements. */
void db_rest(struct db *db);

/** Runs one or more statements without parameters or rows. */
bool db_exec(struct db *db, const char *sql, struct error *error);
/** An index that is there for many questions of this transaction alone: `create` and `drop` are its SQL. A database that many use does without. */
bool db_index_for_now(struct db *db, const char *create, const char *drop, bool on, struct error *error);
/** Brings the schema to `count` migrations: each step is SQL that leads from version i to i + 1, run in a transaction of
 * its own. A step that is NULL can't be made: a file of that version is refused, and who makes the step before it is past it.
 * Refuses (ERROR_DENIED) a file from such a version or a later one, which isn't damaged. */
bool db_migrate(struct db *db, const char *const *steps, int count, struct error *error);

/** The prepared statement for `sql` (a string that lives as long as the connection), reset and without bindings. Faulty
 * SQL is a mistake of ours: it is logged, and the statement's first step fails. */
struct db_statement *db_prepare(struct db *db, const char *sql);
void db_bind_number(struct db_statement *statement, int index, int64_t value);
/** The bytes must live until the statement is reset. */
void db_bind_text(struct db_statement *statement, int index, struct slice value);
void db_bind_blob(struct db_statement *statement, int index, struct slice value);

enum db_step { DB_ROW, DB_DONE, DB_FAILED };
/** Advances to the next row. After DB_DONE and DB_FAILED the statement is reset. After DB_FAILED within a transaction nothing is left but to
 * undo it: so PostgreSQL wants it. */
enum db_step db_step(struct db_statement *statement, struct error *error);
/** Steps a statement that gives no row (or whose rows don't matter) to its end. */
bool db_run(struct db_statement *statement, struct error *error);
void db_reset(struct db_statement *statement);

/** Columns of the current row, from 0. NULL gives 0 and the empty slice. */
int64_t db_number(struct db_statement *statement, int column);
struct slice db_text(struct db_statement *statement, int column);
struct slice db_blob(struct db_statement *statement, int column);
bool db_is_null(struct db_statement *statement, int column);

/** Rows that the last INSERT, UPDATE or DELETE changed. */
int64_t db_changes(struct db *db);

/** A writing transaction; waits for the write lock at its beginning, so it can't fail later for want of it. Refused once a sync
 * has failed in this process (base/distrust.h). */
bool db_begin(struct db *db, struct error *error);
/** As db_begin, but this one transaction is on disk, with all before it, when db_commit returns; nobody sees it earlier.
 * For a connection that is otherwise DB_DURABLE_LATER. */
bool db_begin_durable(struct db *db, struct error *error);
/** As db_begin, but where the database can, only the rows that are changed, or locked (DB_FOR_UPDATE), are kept from others: what else was read
 * may change before it ends. Each of its statements sees what is committed by then. */
bool db_begin_rows(struct db *db, struct error *error);
/** Those who listen to the database in other processes, of other machines, too, hear this text (of at most DB_TOLD_MAX bytes) when this transaction is
 * committed. A file has nobody who could. */
enum { DB_TOLD_MAX = 1024 };
void db_tell(struct db *db, struct slice text);
struct db_ear;
/** Calls `heard`, on a thread of its own, with what others tell; with the empty slice when something may have been missed. The place is without a NAME,
 * and shared. NULL with *error: no such thread could be started. */
struct db_ear *db_listen(const char *place, void (*heard)(void *context, struct slice text), void *context, struct error *error);
/** After its return `heard` isn't running (NULL is fine). Sets *ear to NULL. */
void db_stop_listening(struct db_ear **ear);
/** A reading transaction: all its statements see the same state. Ended by db_rollback() (or db_commit()). */
bool db_begin_read(struct db *db, struct error *error);
bool db_commit(struct db *db, struct error *error);
/** Undoes the transaction; harmless outside one. */
void db_rollback(struct db *db);
/** Begins a transaction of transactions: until db_group_end(), each of those above is a part of it, which may be undone by itself, and
 * nobody else sees any of them. */
bool db_group_begin(struct db *db, struct error *error);
/** Commits them all if `done`, else undoes all. */
bool db_group_end(struct db *db, bool done, struct error *error);

/** May processes of other machines use it, too? */
bool db_is_shared(const struct db *db);
/** A number that changes whenever another connection (of this or another process) has committed: for caches. */
int64_t db_version(struct db *db);
/** Was the file removed or replaced by another since it was opened? What is written now would be lost: open it anew. */
bool db_moved(struct db *db);
/** Runs the driver's own consistency check; false with what it found. */
bool db_verify(struct db *db, struct error *error);
/** The driver's own connection (struct sqlite3), for what no other has: store/search alone asks for it. */
void *db_driver(struct db *db);
/** Is the place a file, which can be put aside, copied and removed? */
bool db_place_is_file(const char *place);
/** Removes all that such a database holds (one with a NAME; a file is its owner's to remove), and its name. */
bool db_erase(struct db *db, struct error *error);
typedef void db_found_part(void *context, struct slice name);
/** Calls `found` with the NAMEs of all that the place (without one) holds, in order. */
bool db_list_parts(const char *place, db_found_part *found, void *context, struct error *error);
/** Writes a consistent copy of the live database to `path`, which must not exist. */
bool db_snapshot(struct db *db, const char *path, struct error *error);

#endif
