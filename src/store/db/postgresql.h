/* What the files of the driver for PostgreSQL share: connections, the pools they are taken from, and what our SQL is there. */
#ifndef STORE_DB_POSTGRESQL_H
#define STORE_DB_POSTGRESQL_H

#include <libpq-fe.h>

#include "base/buf.h"
#include "base/map.h"
#include "store/db/internal.h"

enum {
	DB_PG_SCHEMA_NAME_MAX = 40,
	DB_PG_PART_NAME_MAX = 1024,
	DB_PG_SQL_MAX = 64 * 1024, /* of a step of a schema */
	DB_PG_LINKS_MAX = 16,      /* connections of a pool */
};

/* ---- A connection to the server: postgresql_link.c ---- */

/* What every connection to a place is told. */
struct db_pg_target {
	char *url, schema[DB_PG_SCHEMA_NAME_MAX + 1];
	bool read_only;
	int busy_timeout_ms;
};

struct db_pg_prepared { char name[24]; int parameters; };

struct db_pg_link {
	PGconn *handle;
	const struct db_pg_target *target;
	struct map *prepared;   /* by their SQL: struct db_pg_prepared */
	int64_t part;           /* that its session is about; 0: none yet */
	int64_t tried_ms;       /* when it was last made anew */
	int64_t used_ms;        /* when it was last given back */
	struct db_pg_link *next;   /* of those that a pool has */
};

/** Reads a place without its fragment (the URL) and the schema's name. db_pg_target_free() when done, also on failure. */
bool db_pg_target_read(struct db_pg_target *target, struct slice url, struct slice schema, const struct db_options *options, struct error *error);
void db_pg_target_free(struct db_pg_target *target);

/** db_needs() */
struct db_needs db_pg_needs(const char *storage, struct arena *arena);

/** Connects; NULL with *error. */
struct db_pg_link *db_pg_link_open(const struct db_pg_target *target, struct error *error);
void db_pg_link_close(struct db_pg_link **link);
bool db_pg_link_is_away(const struct db_pg_link *link);
/** Makes a lost connection anew, at most once in a while. False: it is lost. */
bool db_pg_link_revive(struct db_pg_link *link, struct error *error);
/** The statement as this connection knows it; NULL: it can't be made, which is logged where it is our mistake. `sql` is the key, `text` what the
 * server is given. */
const struct db_pg_prepared *db_pg_link_prepare(struct db_pg_link *link, const char *sql, const char *text, struct error *error);
/** Has the statements of its session be about this part. */
bool db_pg_link_enter_part(struct db_pg_link *link, int64_t part, struct error *error);

/** Says in *error what `result` (NULL: the connection) says. False. */
bool db_pg_fail(const struct db_pg_link *link, const PGresult *result, struct error *error);
/** The result, if it is what was to come; else frees it and gives NULL. */
PGresult *db_pg_checked(const struct db_pg_link *link, PGresult *result, struct error *error);
bool db_pg_command(struct db_pg_link *link, const char *sql, struct error *error);
/** The number that a question yields; 0: it yields none. A `text` (may be NULL) is $1. */
bool db_pg_ask(struct db_pg_link *link, const char *sql, const char *text, int64_t *number, struct error *error);
/** Of the schema's tables whose name is or isn't … They are looked for in the catalogue: what to_regclass() knows may be older than a lock
 * that was just waited for. */
bool db_pg_count_tables(struct db_pg_link *link, const char *condition, int64_t *count, struct error *error);
/** Makes the schema, or looks whether it is there and ours. */
bool db_pg_enter_schema(struct db_pg_link *link, bool create, struct error *error);

/* ---- Connections that many share: postgresql_pool.c ---- */

struct db_pg_pool;

/** The pool of this process for a schema that many share, made if need be; it stays. */
struct db_pg_pool *db_pg_pool_of(struct slice url, struct slice schema, const struct db_options *options, struct error *error);
/** A connection that works, preferably the one that served this part last; waits while all are in use. NULL with *error. */
struct db_pg_link *db_pg_pool_take(struct db_pg_pool *pool, int64_t part, struct error *error);
/** Gives it back, outside of a transaction; sets *link to NULL. One that was lost is closed. */
void db_pg_pool_give(struct db_pg_pool *pool, struct db_pg_link **link);
/** Looks whether the schema is ours and holds parts, or makes it. Once it has been there, does nothing. */
bool db_pg_pool_enter(struct db_pg_pool *pool, bool create, struct error *error);
const char *db_pg_pool_schema(const struct db_pg_pool *pool);
/** The schema's version, if it is known that there is one; else 0. It only ever rises. */
int64_t db_pg_pool_version(const struct db_pg_pool *pool);
void db_pg_pool_note_version(struct db_pg_pool *pool, int64_t version);

/* ---- What is told with a commit: postgresql_ear.c ---- */

/** A statement that tells it, for the transaction that is under way. */
bool db_pg_put_telling(struct db_pg_link *link, struct slice text, struct buf *out);
/** db_listen(), db_stop_listening() */
struct db_ear *db_pg_listen(const char *place, void (*heard)(void *context, struct slice text), void *context, struct error *error);
void db_pg_stop_listening(struct db_ear **ear);

/* ---- What our SQL is there: postgresql_sql.c ---- */

/** A definition (CREATE, ALTER, DROP). With `parts` each row has a part, which is the session's, and nobody sees another's: the column leads every key and
 * index, and a table without a key has one row for each part. */
bool db_pg_translate_definition(struct slice sql, bool parts, struct buf *out);
/** Any other statement. */
bool db_pg_translate_statement(struct slice sql, bool parts, struct buf *out);
/** Cuts the first of several statements off. False: there is none left. */
bool db_pg_next_statement(struct slice *sql, struct slice *statement);
bool db_pg_is_definition(struct slice statement);

#endif
