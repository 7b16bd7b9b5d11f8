/* PostgreSQL as a driver (internal.h), over libpq.
 *
 * A place is a URL of libpq's with the schema that holds the tables as its fragment: postgresql://pombal@db.example/mail#queue. Ours may
 * stand beside others' in one database; where the schema holds tables that aren't ours, it is refused. What is read comes whole with the
 * first step: statements that may give many rows have limits of their own.
 *
 * Where many databases of one kind are kept in a schema (#mail/alice@example.test), each is a part of its tables (postgresql_sql.c), known by a name in
 * the table pombal_part, which gives it a number that is never given again. Such a one has no connection of its own: it takes one out of a pool
 * (postgresql_pool.c) for a statement or a transaction. It begins with the first transaction that is committed in it. A step of its schema defines
 * things once, for all parts, and changes rows in each.
 *
 * A writing transaction takes a lock of its schema's or part's, so that what was read in it holds until it ends, as with SQLite; the locks of two
 * have nothing to do with one another. So does a statement that writes outside of any. Who asks for that takes the locks of rows
 * alone. Other than with SQLite, a statement that fails leaves nothing to do in its transaction but to undo it.
 *
 * Text that isn't UTF-8, or has a zero in it, isn't kept by PostgreSQL: each byte that it doesn't take becomes a question mark.
 *
 * How it fails: what the server calls broken constraints is ERROR_EXISTS, a full disk ERROR_FULL, wrong SQL ERROR_INVALID, who is not let
 * in ERROR_DENIED; everything else, a connection that was lost included, is temporary. A lost connection is made anew by the next
 * statement outside a transaction, at most once in a second. A commit whose answer never came may have been done: the caller hears
 * that it failed, as after a crash. */
#include <endian.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/db/postgresql.h"

enum { LOCK_OF_OURS = 0x706f6d62 /* the first of the two numbers of a schema's advisory lock; of a part's it is the schema's hash */ };

#define BEGIN_READING "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#define BEGIN_WRITING "BEGIN ISOLATION LEVEL READ COMMITTED"

/* The types of PostgreSQL that our statements give (catalog/pg_type.dat). */
enum { TYPE_BOOL = 16, TYPE_INT8 = 20, TYPE_INT2 = 21, TYPE_INT4 = 23, TYPE_NUMERIC = 1700 };

struct connection {
	struct db db;
	struct db_pg_link *link;   /* its own; or, taken out of the pool, of a statement or transaction that is under way; NULL: none */
	struct db_pg_target target; /* of its own link */
	struct db_pg_pool *pool;   /* NULL: the link is its own */
	char *part_name;
	int64_t part;           /* 0: there is none yet */
	bool creates, made;     /* the part, if there is none; in this transaction */
	bool in_transaction;
	int64_t changes;
	struct buf told;        /* with this transaction */
};

struct statement {
	struct db_statement statement;
	const char *sql;        /* borrowed */
	const char *values[DB_PARAMETERS_MAX];
	int lengths[DB_PARAMETERS_MAX], formats[DB_PARAMETERS_MAX];
	int64_t numbers[DB_PARAMETERS_MAX]; /* in network order: what values[] points to */
	bool writes, alone;     /* alone: in a transaction of its own */
	bool has_mended;
	char *mended[DB_PARAMETERS_MAX]; /* what values[] points to where it was no UTF-8 */
	PGresult *result;       /* NULL: not stepped */
	int row, rows;
};

static struct connection *connection_of(struct db *db) { return (struct connection *)db; }
static struct statement *own(struct db_statement *statement) { return (struct statement *)statement; }

/* ---- Connecting ---- */

/* A connection that works, unless it was lost within a transaction: that is to be undone first, all of it. let_go() is due. */
static bool hold(struct connection *self, struct error *error)
{
	if (!self->link && self->pool)
		self->link = db_pg_pool_take(self->pool, self->part, error);
	if (!self->link)
		return false;
	if (!db_pg_link_is_away(self->link))
		return true;
	return self->in_transaction || self->pool ? db_pg_fail(self->link, NULL, error) : db_pg_link_revive(self->link, error);
}

static void let_go(struct connection *self)
{
	if (self->link && self->pool && !self->in_transaction)
		db_pg_pool_give(self->pool, &self->link);
}

static bool ask(struct connection *self, const char *sql, const char *text, int64_t *number, struct error *error)
{
	bool done = hold(self, error) && db_pg_ask(self->link, sql, text, number, error);
	let_go(self);
	return done;
}

static void close_connection(struct db *db)
{
	struct connection *self = connection_of(db);
	self->in_transaction = false; /* what is under way is undone with its connection */
	if (self->pool)
		let_go(self);
	else
		db_pg_link_close(&self->link);
	db_pg_target_free(&self->target);
	buf_free(&self->told);
	free(self->part_name);
}

static bool open_whole(struct connection *self, struct slice url, struct slice schema, const struct db_options *options, struct error *error)
{
	return db_pg_target_read(&self->target, url, schema, options, error) && (self->link = db_pg_link_open(&self->target, error)) &&
	       db_pg_enter_schema(self->link, options->create, error);
}

static bool find_part(struct connection *self, struct error *error)
{
	return ask(self, "SELECT id FROM pombal_part WHERE name = $1", self->part_name, &self->part, error);
}

static bool open_part(struct connection *self, struct slice url, struct slice schema, struct slice name, const struct db_options *options, struct error *error)
{
	if (slice_empty(name) || name.len > DB_PG_PART_NAME_MAX || slice_find_char(name, '\0') != SLICE_NONE)
		return error_set(error, ERROR_INVALID, "a part of a schema has a name");
	self->creates = options->create;
	self->part_name = memory_array(name.len + 1, 1);
	memcpy(self->part_name, name.at, name.len);
	self->pool = db_pg_pool_of(url, schema, options, error);
	if (!self->pool || !db_pg_pool_enter(self->pool, options->create, error) || !find_part(self, error))
		return false;
	return self->part != 0 || options->create || error_set(error, ERROR_NOT_FOUND, "the schema %s of the database has no %s", db_pg_pool_schema(self->pool), self->part_name);
}

static struct db *open_place(const char *place, const struct db_options *options, struct error *error)
{
	struct connection *self = memory_new(sizeof *self);
	struct slice url, fragment, schema, name;
	*self = (struct connection){.db.driver = &db_postgresql, .told = BUF(DB_TOLD_MAX)};
	slice_cut(slice_of(place), '#', &url, &fragment);
	bool is_part = slice_cut(fragment, '/', &schema, &name);
	if (is_part ? open_part(self, url, schema, name, options, error) : open_whole(self, url, schema, options, error))
		return &self->db;
	close_connection(&self->db);
	free(self);
	return NULL;
}

static void rest(struct db *db) { (void)db; /* what a connection keeps of statements is small, and the pool's */ }

/* ---- Transactions ---- */

static void rollback(struct db *db)
{
	struct connection *self = connection_of(db);
	struct error error;
	PGTransactionStatusType status = self->link ? PQtransactionStatus(self->link->handle) : PQTRANS_IDLE;
	if ((status == PQTRANS_INTRANS || status == PQTRANS_INERROR) && !db_pg_command(self->link, "ROLLBACK", &error))
		log_error("database.rollback", log_text("cause", error.text));
	if (self->made)
		self->part = 0;
	self->in_transaction = self->made = false;
	buf_clear(&self->told);
	let_go(self);
}

/* The part begins with this transaction, unless another one has made it meanwhile. */
static bool make_part(struct connection *self, struct error *error)
{
	if (!db_pg_ask(self->link, "INSERT INTO pombal_part (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id", self->part_name, &self->part, error))
		return false;
	self->made = self->part != 0;
	return self->made || db_pg_ask(self->link, "SELECT id FROM pombal_part WHERE name = $1", self->part_name, &self->part, error);
}

static bool take_lock(struct connection *self, const char *begin, struct error *error)
{
	char sql[256];
	snprintf(sql, sizeof sql, "%s SET LOCAL pombal.part = %lld; SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('%s'), %d)", begin, (long long)self->part,
		 db_pg_pool_schema(self->pool), (int)(self->part & INT32_MAX));
	return db_pg_command(self->link, sql, error);
}

/* Durable is each: that is what the database is there for. */
static bool begin_in_part(struct connection *self, enum db_transaction kind, struct error *error)
{
	char sql[128];
	snprintf(sql, sizeof sql, BEGIN_READING "; SET LOCAL pombal.part = %lld", (long long)self->part);
	if (kind == DB_READS)
		return db_pg_command(self->link, sql, error);
	if (self->part != 0 || !self->creates)
		return take_lock(self, BEGIN_WRITING ";", error);
	return db_pg_command(self->link, BEGIN_WRITING, error) && make_part(self, error) && take_lock(self, "", error);
}

static bool begin_in(struct connection *self, enum db_transaction kind, struct error *error)
{
	char sql[200];
	if (self->pool && kind != DB_DEFINES)
		return begin_in_part(self, kind, error);
	snprintf(sql, sizeof sql, BEGIN_WRITING "; SELECT pg_catalog.pg_advisory_xact_lock(%d, pg_catalog.hashtext('%s'))", LOCK_OF_OURS, self->link->target->schema);
	return db_pg_command(self->link, kind == DB_READS ? BEGIN_READING : kind == DB_WRITES_ROWS ? BEGIN_WRITING : sql, error);
}

static bool begin(struct db *db, enum db_transaction kind, struct error *error)
{
	struct connection *self = connection_of(db);
	if (!hold(self, error)) {
		let_go(self);
		return false;
	}
	self->in_transaction = true;
	if (begin_in(self, kind, error))
		return true;
	rollback(db);
	return false;
}

static void tell(struct db *db, struct slice text)
{
	struct buf *told = &connection_of(db)->told;
	buf_clear(told);
	buf_append(told, text);
}

/* With what is to be told, which costs no question of its own. */
static PGresult *send_commit(struct connection *self, struct error *error)
{
	struct buf sql = BUF(4 * DB_TOLD_MAX);
	if (self->told.len > 0)
		db_pg_put_telling(self->link, buf_slice(&self->told), &sql);
	buf_append_text(&sql, "COMMIT");
	PGresult *result = db_pg_checked(self->link, PQexec(self->link->handle, sql.at), error);
	buf_free(&sql);
	return result;
}

static bool commit(struct db *db, struct error *error)
{
	struct connection *self = connection_of(db);
	if (!hold(self, error))
		return false;
	PGresult *result = send_commit(self, error);
	if (!result)
		return false;
	/* It doesn't call that a failure, if a statement of the transaction failed. */
	bool done = strcmp(PQcmdStatus(result), "COMMIT") == 0 || error_set(error, ERROR_TEMPORARY, "database: a statement of the transaction had failed");
	PQclear(result);
	if (!done)
		return false;
	self->in_transaction = self->made = false;
	buf_clear(&self->told);
	let_go(self);
	return true;
}

/* ---- Statements ---- */

static struct db_statement *prepare(struct db *db, const char *sql)
{
	(void)db;
	struct statement *self = memory_new(sizeof *self);
	self->sql = sql;
	self->writes = strncmp(sql, "INSERT", 6) == 0 || strncmp(sql, "UPDATE", 6) == 0 || strncmp(sql, "DELETE", 6) == 0 || strncmp(sql, "WITH", 4) == 0;
	return &self->statement;
}

static void reset(struct db_statement *statement)
{
	PQclear(own(statement)->result);
	own(statement)->result = NULL;
}

static void forget_mended(struct statement *self)
{
	for (size_t i = 0; self->has_mended && i < DB_PARAMETERS_MAX; i++) {
		free(self->mended[i]);
		self->mended[i] = NULL;
	}
	self->has_mended = false;
}

static void finalize(struct db_statement *statement)
{
	reset(statement);
	forget_mended(own(statement));
}

static void restart(struct db_statement *statement)
{
	finalize(statement);
	memset(own(statement)->values, 0, sizeof own(statement)->values);
}

static void bind_number(struct db_statement *statement, int index, int64_t value)
{
	struct statement *self = own(statement);
	if (index < 1 || index > DB_PARAMETERS_MAX)
		return;
	self->numbers[index - 1] = (int64_t)htobe64((uint64_t)value);
	self->values[index - 1] = (const char *)&self->numbers[index - 1];
	self->lengths[index - 1] = sizeof *self->numbers;
	self->formats[index - 1] = 1;
}

/* How long the character at the front is; 0: that is none that PostgreSQL keeps as text. */
static size_t character(struct slice text)
{
	for (size_t len = 1; len <= 4 && len <= text.len; len++)
		if (text.at[0] != 0 && slice_is_utf8(slice_sub(text, 0, len)))
			return len;
	return 0;
}

static const char *mend(struct statement *self, int index, struct slice text)
{
	char *out = memory_copy(text.at, text.len);
	for (size_t at = 0, len; at < text.len; at += len ? len : 1)
		if ((len = character(slice_skip(text, at))) == 0)
			out[at] = '?';
	free(self->mended[index - 1]);
	self->mended[index - 1] = out;
	self->has_mended = true;
	return out;
}

static void bind_bytes(struct db_statement *statement, int index, struct slice value, bool is_text)
{
	struct statement *self = own(statement);
	if (index < 1 || index > DB_PARAMETERS_MAX || value.len > INT32_MAX)
		return;
	bool fine = !is_text || value.len == 0 || (slice_is_utf8(value) && slice_find_char(value, '\0') == SLICE_NONE);
	self->values[index - 1] = !value.at ? "" : fine ? value.at : mend(self, index, value);
	self->lengths[index - 1] = (int)value.len; /* in the binary format text and bytes are the same */
	self->formats[index - 1] = 1;
}

static const struct db_pg_prepared *be_prepared(struct statement *self, struct connection *connection, struct error *error)
{
	struct buf text = BUF(DB_PG_SQL_MAX);
	const struct db_pg_prepared *prepared = map_get(connection->link->prepared, slice_of(self->sql));
	if (prepared)
		return prepared;
	if (db_pg_translate_statement(slice_of(self->sql), connection->pool != NULL, &text) && buf_append_char(&text, 0))
		prepared = db_pg_link_prepare(connection->link, self->sql, text.at, error);
	else
		error_set(error, ERROR_INVALID, "database: the statement is too long");
	buf_free(&text);
	return prepared;
}

/* Within a transaction that is the transaction's own. */
static bool enter_part(struct connection *self, struct error *error)
{
	return !self->pool || self->in_transaction || db_pg_link_enter_part(self->link, self->part, error);
}

/* What is written outside of a transaction gets one of its own, with the lock that the others take. */
static bool begin_alone(struct statement *self, struct connection *connection, struct error *error)
{
	self->alone = self->writes && !connection->in_transaction;
	return !self->alone || begin(&connection->db, DB_WRITES, error);
}

static bool execute_prepared(struct statement *self, struct connection *connection, struct error *error)
{
	const struct db_pg_prepared *prepared;
	if (!hold(connection, error) || !enter_part(connection, error) || !(prepared = be_prepared(self, connection, error)))
		return false;
	self->result = db_pg_checked(connection->link, PQexecPrepared(connection->link->handle, prepared->name, prepared->parameters, self->values, self->lengths,
								  self->formats, 1), error);
	if (!self->result)
		return false;
	self->row = -1;
	self->rows = PQntuples(self->result);
	const char *changed = PQcmdTuples(self->result);
	if (*changed)
		connection->changes = strtoll(changed, NULL, 10);
	return true;
}

static bool run(struct statement *self, struct connection *connection, struct error *error)
{
	if (!begin_alone(self, connection, error))
		return false;
	bool done = execute_prepared(self, connection, error) && (!self->alone || commit(&connection->db, error));
	if (!done)
		reset(&self->statement);
	if (!done && self->alone)
		rollback(&connection->db);
	return done;
}

static enum db_step step(struct db_statement *statement, struct error *error)
{
	struct statement *self = own(statement);
	struct connection *connection = connection_of(statement->db);
	struct error ignored;
	if (!self->result) {
		bool done = run(self, connection, error ? error : &ignored);
		let_go(connection);
		if (!done)
			return DB_FAILED;
	}
	if (++self->row < self->rows)
		return DB_ROW;
	reset(statement);
	return DB_DONE;
}

static uint16_t read_16(const char *at) { return (uint16_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]); }

/* A sum of ours, as numeric_send() has it: groups of four decimal digits, the first with its weight. What stands behind the point is dropped. */
static int64_t read_numeric(const char *at, int len)
{
	if (len < 8)
		return 0;
	int groups = read_16(at), weight = (int16_t)read_16(at + 2);
	bool negative = read_16(at + 4) == 0x4000;
	uint64_t sum = 0;
	for (int i = 0; i <= weight && i < 5; i++)
		sum = sum * 10000 + (i < groups && 8 + 2 * i + 2 <= len ? read_16(at + 8 + 2 * i) : 0);
	return negative ? -(int64_t)sum : (int64_t)sum;
}

static int64_t number(struct db_statement *statement, int column)
{
	struct statement *self = own(statement);
	if (column >= PQnfields(self->result) || PQgetisnull(self->result, self->row, column))
		return 0;
	const char *at = PQgetvalue(self->result, self->row, column);
	int len = PQgetlength(self->result, self->row, column);
	uint64_t wide = 0;
	switch (PQftype(self->result, column)) {
	case TYPE_BOOL:
		return len == 1 && at[0] != 0;
	case TYPE_INT2:
		return len == 2 ? (int16_t)read_16(at) : 0;
	case TYPE_INT4:
		return len == 4 ? (int32_t)((uint32_t)read_16(at) << 16 | read_16(at + 2)) : 0;
	case TYPE_INT8:
		memcpy(&wide, at, len == 8 ? 8 : 0);
		return (int64_t)be64toh(wide);
	case TYPE_NUMERIC:
		return read_numeric(at, len);
	default:
		return 0;
	}
}

static bool is_null(struct db_statement *statement, int column)
{
	return PQgetisnull(own(statement)->result, own(statement)->row, column);
}

static struct slice bytes(struct db_statement *statement, int column, bool is_text)
{
	struct statement *self = own(statement);
	(void)is_text;
	if (is_null(statement, column))
		return slice_make(NULL, 0);
	return slice_make(PQgetvalue(self->result, self->row, column), (size_t)PQgetlength(self->result, self->row, column));
}

static int64_t changes(struct db *db) { return connection_of(db)->changes; }

/* ---- Several statements at once, and steps of a schema ---- */

static bool define(struct connection *self, struct slice statement, struct error *error)
{
	struct buf text = BUF(DB_PG_SQL_MAX);
	bool done = (db_pg_translate_definition(statement, self->pool != NULL, &text) && buf_append_char(&text, 0)) ||
		    error_set(error, ERROR_INVALID, "the statement is too long");
	done = done && db_pg_command(self->link, text.at, error);
	buf_free(&text);
	return done;
}

/* In each part that there is: what changes rows of a schema that many share. In a transaction. */
static bool run_in_parts(struct connection *self, const char *sql, struct error *error)
{
	char enter[64];
	PGresult *parts = db_pg_checked(self->link, PQexec(self->link->handle, "SELECT id FROM pombal_part ORDER BY id"), error);
	bool done = parts != NULL;
	for (int i = 0; done && i < PQntuples(parts); i++) {
		snprintf(enter, sizeof enter, "SET LOCAL pombal.part = %s", PQgetvalue(parts, i, 0));
		done = db_pg_command(self->link, enter, error) && db_pg_command(self->link, sql, error);
	}
	PQclear(parts);
	return done;
}

static bool change_rows(struct connection *self, struct slice statement, struct error *error)
{
	struct buf text = BUF(DB_PG_SQL_MAX);
	bool done = (db_pg_translate_statement(statement, self->pool != NULL, &text) && buf_append_char(&text, 0)) ||
		    error_set(error, ERROR_INVALID, "the statement is too long");
	done = done && (self->pool ? run_in_parts(self, text.at, error) : db_pg_command(self->link, text.at, error));
	buf_free(&text);
	return done;
}

static bool execute_all(struct connection *self, struct slice sql, struct error *error)
{
	struct slice statement;
	bool done = true;
	while (done && db_pg_next_statement(&sql, &statement))
		done = db_pg_is_definition(statement) ? define(self, statement, error) : change_rows(self, statement, error);
	return done;
}

static bool execute(struct db *db, const char *sql, struct error *error)
{
	struct connection *self = connection_of(db);
	if (self->in_transaction || !self->pool)
		return hold(self, error) && execute_all(self, slice_of(sql), error);
	bool done = begin(db, DB_DEFINES, error) && execute_all(self, slice_of(sql), error) && commit(db, error);
	if (!done)
		rollback(db);
	return done;
}

/* ---- Care ---- */

static bool schema_version(struct db *db, int64_t *version, struct error *error)
{
	struct connection *self = connection_of(db);
	int64_t there = 0;
	*version = self->pool && !self->in_transaction ? db_pg_pool_version(self->pool) : 0;
	if (*version != 0)
		return true;
	bool done = hold(self, error) && db_pg_count_tables(self->link, "= 'pombal_schema'", &there, error) &&
		    (!there || db_pg_ask(self->link, "SELECT version FROM pombal_schema", NULL, version, error));
	let_go(self);
	if (done && self->pool && !self->in_transaction)
		db_pg_pool_note_version(self->pool, *version);
	return done;
}

static bool set_schema_version(struct db *db, int version, struct error *error)
{
	char sql[200];
	struct connection *self = connection_of(db);
	snprintf(sql, sizeof sql, "CREATE TABLE IF NOT EXISTS pombal_schema (version BIGINT NOT NULL); DELETE FROM pombal_schema; INSERT INTO pombal_schema VALUES (%d)", version);
	bool done = hold(self, error) && db_pg_command(self->link, sql, error);
	let_go(self);
	return done;
}

static const char *name(struct db *db)
{
	struct connection *self = connection_of(db);
	return self->pool ? db_pg_pool_schema(self->pool) : self->target.schema;
}

/* A number made of which transactions are over: another one's end changes it. So do those that have nothing to do with us. */
static int64_t version(struct db *db)
{
	int64_t number;
	if (!ask(connection_of(db), "SELECT pg_catalog.hashtextextended(pg_catalog.pg_current_snapshot()::text, 0)", NULL, &number, NULL))
		return -1;
	return number;
}

/* A part that was removed has its number no more. */
static bool moved(struct db *db)
{
	struct connection *self = connection_of(db);
	char id[24];
	int64_t there = 0;
	snprintf(id, sizeof id, "%lld", (long long)self->part);
	return self->pool && ask(self, "SELECT count(*) FROM pombal_part WHERE id = $1", id, &there, NULL) && there == 0;
}

/* Its own care for its pages is the administrator's affair (data_checksums, pg_amcheck); here, that it answers. */
static bool verify(struct db *db, struct error *error)
{
	int64_t one;
	return ask(connection_of(db), "SELECT 1", NULL, &one, error);
}

static bool snapshot(struct db *db, const char *path, struct error *error)
{
	(void)db, (void)path;
	return error_set(error, ERROR_DENIED, "a PostgreSQL is backed up by its own means");
}

static bool index_for_now(struct db *db, const char *create, const char *drop, bool on, struct error *error)
{
	(void)create, (void)drop, (void)on; /* it would hold up everybody else */
	return db != NULL || error_set(error, ERROR_INVALID, "no database");
}

/* In all tables of the schema that have parts: the policy leaves this one's rows to be deleted. */
static bool erase_rows(struct connection *self, struct error *error)
{
	char sql[256];
	snprintf(sql, sizeof sql, "SELECT 'DELETE FROM ' || quote_ident(tablename) FROM pg_catalog.pg_policies WHERE schemaname = '%s' AND policyname = 'part'", self->link->target->schema);
	PGresult *statements = db_pg_checked(self->link, PQexec(self->link->handle, sql), error);
	bool done = statements != NULL;
	for (int i = 0; done && i < PQntuples(statements); i++)
		done = db_pg_command(self->link, PQgetvalue(statements, i, 0), error);
	PQclear(statements);
	snprintf(sql, sizeof sql, "DELETE FROM pombal_part WHERE id = %lld", (long long)self->part);
	return done && db_pg_command(self->link, sql, error);
}

static bool erase(struct db *db, struct error *error)
{
	struct connection *self = connection_of(db);
	if (!self->pool)
		return error_set(error, ERROR_INVALID, "the schema isn't a part");
	tell(db, slice_of(self->part_name));
	bool done = begin(db, DB_WRITES, error) && erase_rows(self, error) && commit(db, error);
	if (!done)
		rollback(db);
	return done;
}

static void *handle(struct db *db) { return connection_of(db)->link; }

static bool list_parts(const char *place, db_found_part *found, void *context, struct error *error)
{
	struct slice url, schema;
	const struct db_options options = {0};
	slice_cut(slice_of(place), '#', &url, &schema);
	struct error none = {0};
	struct db_pg_pool *pool = db_pg_pool_of(url, schema, &options, error);
	if (!pool || !db_pg_pool_enter(pool, false, &none)) /* nothing was kept in it yet */
		return pool && (none.kind == ERROR_NOT_FOUND || error_set(error, none.kind, "%s", none.text));
	struct db_pg_link *link = db_pg_pool_take(pool, 0, error);
	if (!link)
		return false;
	PGresult *names = db_pg_checked(link, PQexec(link->handle, "SELECT name FROM pombal_part ORDER BY name"), error);
	db_pg_pool_give(pool, &link);
	for (int i = 0; names && i < PQntuples(names); i++)
		found(context, slice_make(PQgetvalue(names, i, 0), (size_t)PQgetlength(names, i, 0)));
	PQclear(names);
	return names;
}

const struct db_driver db_postgresql = {
	.shared = true,
	.open = open_place, .close = close_connection, .rest = rest, .exec = execute,
	.prepare = prepare, .finalize = finalize, .restart = restart, .reset = reset, .bind_number = bind_number, .bind_bytes = bind_bytes,
	.step = step, .number = number, .bytes = bytes, .is_null = is_null, .changes = changes,
	.begin = begin, .tell = tell, .commit = commit, .rollback = rollback, .schema_version = schema_version, .set_schema_version = set_schema_version,
	.name = name, .version = version, .moved = moved, .verify = verify, .snapshot = snapshot, .handle = handle,
	.index_for_now = index_for_now, .needs = db_pg_needs, .erase = erase, .list_parts = list_parts,
};
