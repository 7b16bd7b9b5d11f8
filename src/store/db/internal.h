/* What a driver does for db.h, whose functions (db.c) call it. A driver's struct db and struct db_statement begin with those here. */
#ifndef STORE_DB_INTERNAL_H
#define STORE_DB_INTERNAL_H

#include "base/map.h"
#include "store/db/db.h"

struct db {
	const struct db_driver *driver;
	struct map *statements;  /* by the address of their SQL text */
	bool grouped, in_part;   /* transactions are parts of one, and one of them is under way */
};

struct db_statement {
	struct db *db;
	bool faulty; /* it could not be prepared: its step fails, and it is tried anew when it is asked for again */
};

enum db_transaction { DB_READS, DB_WRITES, DB_WRITES_DURABLY, DB_WRITES_ROWS, DB_DEFINES /* a step of the schema */ };

struct db_driver {
	bool shared; /* db_is_shared() */
	/* What db.h says of db_open(), db_exec() … ; `statements` is db.c's. */
	struct db *(*open)(const char *place, const struct db_options *options, struct error *error);
	void (*close)(struct db *db); /* without statements by then */
	void (*rest)(struct db *db);
	bool (*exec)(struct db *db, const char *sql, struct error *error);

	struct db_statement *(*prepare)(struct db *db, const char *sql);
	void (*finalize)(struct db_statement *statement);
	void (*restart)(struct db_statement *statement); /* reset, and without bindings */
	void (*reset)(struct db_statement *statement);
	/* Not called of what is faulty. */
	void (*bind_number)(struct db_statement *statement, int index, int64_t value);
	void (*bind_bytes)(struct db_statement *statement, int index, struct slice value, bool is_text);
	enum db_step (*step)(struct db_statement *statement, struct error *error);
	int64_t (*number)(struct db_statement *statement, int column);
	struct slice (*bytes)(struct db_statement *statement, int column, bool is_text);
	bool (*is_null)(struct db_statement *statement, int column);
	int64_t (*changes)(struct db *db);

	bool (*begin)(struct db *db, enum db_transaction kind, struct error *error);
	void (*tell)(struct db *db, struct slice text);
	bool (*commit)(struct db *db, struct error *error); /* if it fails, the transaction is still to be undone */
	void (*rollback)(struct db *db);                    /* harmless outside one */

	/* Of the schema; *version 0: there is none yet. */
	bool (*schema_version)(struct db *db, int64_t *version, struct error *error);
	bool (*set_schema_version)(struct db *db, int version, struct error *error);
	const char *(*name)(struct db *db); /* for messages */

	int64_t (*version)(struct db *db);
	bool (*moved)(struct db *db);
	bool (*verify)(struct db *db, struct error *error);
	bool (*snapshot)(struct db *db, const char *path, struct error *error);
	void *(*handle)(struct db *db);
	bool (*index_for_now)(struct db *db, const char *create, const char *drop, bool on, struct error *error);
	struct db_needs (*needs)(const char *storage, struct arena *arena);
	bool (*erase)(struct db *db, struct error *error);
	bool (*list_parts)(const char *place, db_found_part *found, void *context, struct error *error);
};

extern const struct db_driver db_sqlite, db_postgresql;

#endif
