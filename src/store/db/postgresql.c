/* PostgreSQL as a driver (internal.h), over libpq.
 *
 * A place is a URL of libpq's with the schema that holds the tables as its fragment: postgresql://pombal@db.example/mail#queue. Ours may
 * stand beside others' in one database; where the schema holds tables that aren't ours, it is refused. What is read comes whole with the
 * first step: statements that may give many rows have limits of their own.
 *
 * A writing transaction takes a lock of its schema's, so that what was read in it holds until it ends, as with SQLite; the locks of two
 * schemas have nothing to do with one another. So does a statement that writes outside of any. Who asks for that takes the locks of rows
 * alone. Other than with SQLite, a statement that fails leaves nothing to do in its transaction but to undo it.
 *
 * Text that isn't UTF-8, or has a zero in it, isn't kept by PostgreSQL: each byte that it doesn't take becomes a question mark.
 *
 * How it fails: what the server calls broken constraints is ERROR_EXISTS, a full disk ERROR_FULL, wrong SQL ERROR_INVALID, who is not let
 * in ERROR_DENIED; everything else, a connection that was lost included, is temporary. A lost connection is made anew by the next
 * statement outside a transaction, at most once in RECONNECT_MS. A commit whose answer never came may have been done: the caller hears
 * that it failed, as after a crash. */
#include "store/db/internal.h"

#include <endian.h>
#include <libpq-fe.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	BUSY_TIMEOUT_MS = 10 * 1000,
	STATEMENT_TIMEOUT_MS = 60 * 1000, /* no statement of ours takes that long */
	CONNECT_SECONDS = 10, SILENCE_MS = 20 * 1000, /* of a server that doesn't answer, and of a network that carries nothing */
	RECONNECT_MS = 1000,
	SCHEMA_NAME_MAX = 40,
	PLACE_MAX = 1024,
	SQL_MAX = 64 * 1024, /* of a step of a schema */
	LOCK_OF_OURS = 0x706f6d62, /* the first of the two numbers of our advisory locks */
};

/* The types of PostgreSQL that our statements give (catalog/pg_type.dat). */
enum { TYPE_BOOL = 16, TYPE_INT8 = 20, TYPE_INT2 = 21, TYPE_INT4 = 23, TYPE_NUMERIC = 1700 };

struct connection {
	struct db db;
	PGconn *handle;
	char *place, schema[SCHEMA_NAME_MAX + 1];
	bool read_only, in_transaction;
	int busy_timeout_ms;
	uint64_t generation;    /* of the connection: statements are the connection's */
	int64_t tried_ms;       /* when it was last made anew */
	int64_t changes;
	uint64_t statements;    /* that have got a name */
};

struct statement {
	struct db_statement statement;
	const char *sql;        /* borrowed */
	char name[24];
	uint64_t generation;    /* in which it was prepared; 0: never */
	int parameters;
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

/* ---- Errors ---- */

/* By the class of the SQLSTATE (appendix A of PostgreSQL's manual). */
static enum error_kind kind_of(const char *state)
{
	static const struct { const char *prefix; enum error_kind kind; } kinds[] = {
		{"23", ERROR_EXISTS}, {"53100", ERROR_FULL}, {"28", ERROR_DENIED}, {"42501", ERROR_DENIED}, {"3D", ERROR_NOT_FOUND},
		{"42", ERROR_INVALID}, {"22", ERROR_INVALID}, {"XX", ERROR_INVALID},
	};
	for (size_t i = 0; state && i < sizeof kinds / sizeof *kinds; i++)
		if (strncmp(state, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return kinds[i].kind;
	return ERROR_TEMPORARY;
}

static bool fail(struct connection *self, const PGresult *result, struct error *error)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	struct slice text = slice_trim(slice_of(primary ? primary : PQerrorMessage(self->handle)));
	struct slice line, rest;
	slice_cut(text, '\n', &line, &rest);
	return error_set(error, kind_of(state), "database: %.*s", SLICE_ARG(line));
}

/* Is that what was to come? Frees it otherwise. */
static PGresult *checked(struct connection *self, PGresult *result, struct error *error)
{
	ExecStatusType status = PQresultStatus(result);
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	fail(self, result, error);
	PQclear(result);
	return NULL;
}

static bool command(struct connection *self, const char *sql, struct error *error)
{
	PGresult *result = checked(self, PQexec(self->handle, sql), error);
	PQclear(result);
	return result;
}

/* ---- Connecting ---- */

static void hear_notice(void *context, const PGresult *result)
{
	(void)context, (void)result; /* "relation exists, skipping" and the like */
}

/* What holds of every connection of ours. The schema's name has only letters, digits and underscores. */
static bool set_up(struct connection *self, struct error *error)
{
	char settings[512];
	snprintf(settings, sizeof settings, "SET client_encoding = 'UTF8'; SET search_path = \"%s\"; SET statement_timeout = %d; SET lock_timeout = %d; SET client_min_messages = warning;"
		 "SET idle_in_transaction_session_timeout = %d; SET default_transaction_read_only = %s; SET bytea_output = hex",
		 self->schema, STATEMENT_TIMEOUT_MS, self->busy_timeout_ms, 2 * STATEMENT_TIMEOUT_MS, self->read_only ? "on" : "off");
	return command(self, settings, error);
}

static bool is_away(const struct connection *self) { return PQstatus(self->handle) != CONNECTION_OK; }

/* A lost connection is made anew, unless it was lost within a transaction: that is to be undone first, all of it. */
static bool have_connection(struct connection *self, struct error *error)
{
	if (!is_away(self))
		return true;
	int64_t now = clock_monotonic_ms();
	if (!self->in_transaction && now - self->tried_ms >= RECONNECT_MS) {
		self->tried_ms = now;
		PQreset(self->handle);
		if (!is_away(self) && set_up(self, error)) {
			self->generation++;
			log_info("database.connected", log_text("schema", self->schema));
			return true;
		}
	}
	return fail(self, NULL, error);
}

/* Parts of a place; the fragment is ours, the rest libpq's. */
static bool read_place(struct connection *self, const char *place, struct error *error)
{
	const char *fragment = strrchr(place, '#');
	size_t len = fragment ? strlen(fragment + 1) : 0;
	if (len == 0 || len > SCHEMA_NAME_MAX || strspn(fragment + 1, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		return error_set(error, ERROR_INVALID, "a place in PostgreSQL ends with #SCHEMA, in small letters");
	memcpy(self->schema, fragment + 1, len + 1);
	size_t url = (size_t)(fragment - place);
	if (url > PLACE_MAX)
		return error_set(error, ERROR_INVALID, "the URL of the database is too long");
	bool has_query = memchr(place, '?', url);
	struct buf text = BUF(PLACE_MAX + 256);
	buf_append(&text, slice_make(place, url));
	buf_printf(&text, "%cconnect_timeout=%d&tcp_user_timeout=%d&application_name=pombal", has_query ? '&' : '?', CONNECT_SECONDS, SILENCE_MS);
	buf_append_char(&text, 0);
	self->place = memory_copy(text.at, text.len);
	buf_free(&text);
	return true;
}

/* Words of libpq about an unreadable URL may quote the password: they aren't told. */
static bool check_place(const struct connection *self, struct error *error)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(self->place, &why);
	PQfreemem(why);
	if (!options)
		return error_set(error, ERROR_INVALID, "the URL of the database can't be read: postgresql://USER@HOST/DATABASE");
	PQconninfoFree(options);
	return true;
}

static bool ask_number(struct connection *self, const char *sql, int64_t *number, struct error *error)
{
	PGresult *result = checked(self, PQexec(self->handle, sql), error);
	if (!result)
		return false;
	*number = PQntuples(result) > 0 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
	PQclear(result);
	return true;
}

/* Of those of our schema whose name is or isn't … They are looked for in the catalogue: what to_regclass() knows may be older than a lock
 * that was just waited for. */
static bool count_tables(struct connection *self, const char *condition, int64_t *count, struct error *error)
{
	char sql[256];
	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = '%s' AND tablename %s", self->schema, condition);
	return ask_number(self, sql, count, error);
}

/* Others wouldn't take the characters of all people, or take bytes for anything. */
static bool check_encoding(struct connection *self, struct error *error)
{
	const char *encoding = PQparameterStatus(self->handle, "server_encoding");
	return (encoding && strcmp(encoding, "UTF8") == 0) ||
	       error_set(error, ERROR_DENIED, "the database's encoding is %s: it must be UTF8", encoding ? encoding : "unknown");
}

/* Makes the schema, or looks whether it is there and ours. */
static bool enter_schema(struct connection *self, bool create, struct error *error)
{
	char sql[512];
	int64_t there, foreign;
	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = '%s'", self->schema);
	if (!ask_number(self, sql, &there, error))
		return false;
	if (!there && !create)
		return error_set(error, ERROR_NOT_FOUND, "the database has no schema %s", self->schema);
	snprintf(sql, sizeof sql, "CREATE SCHEMA IF NOT EXISTS \"%s\"", self->schema);
	struct error refused = {0};
	if (!there && !command(self, sql, &refused) && refused.kind != ERROR_EXISTS) /* another process may have made it meanwhile */
		return error_set(error, refused.kind, "%s", refused.text);
	if (!set_up(self, error))
		return false;
	/* in this order: another process may make all of them in between */
	if (!count_tables(self, "<> 'pombal_schema'", &foreign, error) || !count_tables(self, "= 'pombal_schema'", &there, error))
		return false;
	return there || foreign == 0 || error_set(error, ERROR_DENIED, "the schema %s of the database holds tables of somebody else", self->schema);
}

static void close_connection(struct db *db)
{
	struct connection *self = connection_of(db);
	if (self->handle)
		PQfinish(self->handle);
	if (self->place)
		memory_wipe(self->place, strlen(self->place)); /* it may hold a password */
	free(self->place);
}

static struct db *open_place(const char *place, const struct db_options *options, struct error *error)
{
	struct connection *self = memory_new(sizeof *self);
	*self = (struct connection){.db.driver = &db_postgresql, .read_only = options->read_only, .generation = 1,
				    .busy_timeout_ms = options->busy_timeout_ms > 0 ? options->busy_timeout_ms : BUSY_TIMEOUT_MS};
	bool done = read_place(self, place, error) && check_place(self, error);
	if (done) {
		self->handle = PQconnectdb(self->place);
		PQsetNoticeReceiver(self->handle, hear_notice, NULL);
		done = (!is_away(self) || fail(self, NULL, error)) && check_encoding(self, error) && enter_schema(self, options->create, error);
	}
	if (done)
		return &self->db;
	close_connection(&self->db);
	free(self);
	return NULL;
}

static void rest(struct db *db) { (void)db; /* its statements are closed one by one */ }

/* Our statements are written with SQLite's words for these (DB_ID and the others of db.h). */
static bool translate(const char *sql, struct buf *out)
{
	static const struct { const char *from, *to; } words[] = {
		{"INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY"}, {" BLOB", " BYTEA"}, {" WITHOUT ROWID", ""},
		{DB_NOW, "CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)"}, {DB_FOR_UPDATE, " FOR UPDATE"}, {DB_SKIP_LOCKED, " FOR UPDATE SKIP LOCKED"},
	};
	while (*sql) {
		size_t i = 0;
		while (i < sizeof words / sizeof *words && strncmp(sql, words[i].from, strlen(words[i].from)) != 0)
			i++;
		if (i < sizeof words / sizeof *words) {
			buf_append_text(out, words[i].to);
			sql += strlen(words[i].from);
		} else {
			buf_append_char(out, *sql++);
		}
	}
	buf_append_char(out, 0);
	return !out->overflow;
}

static bool execute(struct db *db, const char *sql, struct error *error)
{
	struct connection *self = connection_of(db);
	struct buf text = BUF(SQL_MAX);
	bool done = have_connection(self, error) && (translate(sql, &text) || error_set(error, ERROR_INVALID, "the statement is too long")) &&
		    command(self, text.at, error);
	buf_free(&text);
	return done;
}

/* ---- Transactions ---- */

static void rollback(struct db *db)
{
	struct connection *self = connection_of(db);
	struct error error;
	PGTransactionStatusType status = PQtransactionStatus(self->handle);
	if ((status == PQTRANS_INTRANS || status == PQTRANS_INERROR) && !command(self, "ROLLBACK", &error))
		log_error("database.rollback", log_text("cause", error.text));
	self->in_transaction = false;
}

static bool begin(struct db *db, enum db_transaction kind, struct error *error)
{
	struct connection *self = connection_of(db);
	char sql[160];
	if (!have_connection(self, error))
		return false;
	/* Durable is each: that is what the database is there for. */
	snprintf(sql, sizeof sql, "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_catalog.pg_advisory_xact_lock(%d, pg_catalog.hashtext('%s'))", LOCK_OF_OURS, self->schema);
	const char *const how = kind == DB_READS ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : kind == DB_WRITES_ROWS ? "BEGIN ISOLATION LEVEL READ COMMITTED" : sql;
	self->in_transaction = command(self, how, error);
	if (!self->in_transaction)
		rollback(db);
	return self->in_transaction;
}

static bool commit(struct db *db, struct error *error)
{
	struct connection *self = connection_of(db);
	PGresult *result = checked(self, PQexec(self->handle, "COMMIT"), error);
	if (!result)
		return false;
	/* It doesn't call that a failure, if a statement of the transaction failed. */
	bool done = strcmp(PQcmdStatus(result), "COMMIT") == 0 || error_set(error, ERROR_TEMPORARY, "database: a statement of the transaction had failed");
	PQclear(result);
	self->in_transaction = false;
	return done;
}

/* ---- Statements ---- */

static struct db_statement *prepare(struct db *db, const char *sql)
{
	struct statement *self = memory_new(sizeof *self);
	self->sql = sql;
	self->writes = strncmp(sql, "INSERT", 6) == 0 || strncmp(sql, "UPDATE", 6) == 0 || strncmp(sql, "DELETE", 6) == 0 || strncmp(sql, "WITH", 4) == 0;
	snprintf(self->name, sizeof self->name, "s%llu", (unsigned long long)++connection_of(db)->statements);
	return &self->statement;
}

static void reset(struct db_statement *statement)
{
	PQclear(own(statement)->result);
	own(statement)->result = NULL;
}

static void forget_mended(struct statement *self)
{
	for (size_t i = 0; i < DB_PARAMETERS_MAX; i++) {
		free(self->mended[i]);
		self->mended[i] = NULL;
	}
}

static void finalize(struct db_statement *statement)
{
	struct statement *self = own(statement);
	struct connection *connection = connection_of(statement->db);
	char sql[64];
	reset(statement);
	forget_mended(self);
	if (self->generation != connection->generation || is_away(connection) || PQtransactionStatus(connection->handle) == PQTRANS_INERROR)
		return;
	snprintf(sql, sizeof sql, "DEALLOCATE %s", self->name);
	command(connection, sql, NULL);
}

static void restart(struct db_statement *statement)
{
	struct statement *self = own(statement);
	reset(statement);
	memset(self->values, 0, sizeof self->values);
	if (self->has_mended)
		forget_mended(self);
	self->has_mended = false;
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

/* What the server makes of the statement is asked for at its first step: before, nobody could be told that it failed. */
static bool be_prepared(struct statement *self, struct connection *connection, struct error *error)
{
	if (self->generation == connection->generation)
		return true;
	struct buf text = BUF(SQL_MAX);
	PGresult *made = translate(self->sql, &text) ? checked(connection, PQprepare(connection->handle, self->name, text.at, 0, NULL), error) : NULL;
	buf_free(&text);
	PQclear(made);
	PGresult *described = made ? checked(connection, PQdescribePrepared(connection->handle, self->name), error) : NULL;
	if (!described)
		return false;
	self->parameters = PQnparams(described);
	PQclear(described);
	if (self->parameters > DB_PARAMETERS_MAX)
		return error_set(error, ERROR_INVALID, "database: a statement with %d parameters", self->parameters);
	self->generation = connection->generation;
	return true;
}

/* What is written outside of a transaction gets one of its own, with the lock that the others take. */
static bool begin_alone(struct statement *self, struct connection *connection, struct error *error)
{
	self->alone = self->writes && !connection->in_transaction;
	return !self->alone || begin(&connection->db, DB_WRITES, error);
}

static bool end_alone(struct statement *self, struct connection *connection, struct error *error)
{
	if (!self->alone)
		return self->result;
	if (self->result && commit(&connection->db, error))
		return true;
	rollback(&connection->db);
	reset(&self->statement);
	return false;
}

static bool run(struct statement *self, struct connection *connection, struct error *error)
{
	if (!have_connection(connection, error))
		return false;
	if (!be_prepared(self, connection, error)) {
		if (error && error->kind == ERROR_INVALID)
			log_error("database.statement", log_text("sql", self->sql), log_text("cause", error->text));
		return false;
	}
	if (!begin_alone(self, connection, error))
		return false;
	self->result = checked(connection, PQexecPrepared(connection->handle, self->name, self->parameters, self->values, self->lengths, self->formats, 1), error);
	if (!end_alone(self, connection, error))
		return false;
	self->row = -1;
	self->rows = PQntuples(self->result);
	const char *changed = PQcmdTuples(self->result);
	if (*changed)
		connection->changes = strtoll(changed, NULL, 10);
	return true;
}

static enum db_step step(struct db_statement *statement, struct error *error)
{
	struct statement *self = own(statement);
	struct error ignored;
	if (!self->result && !run(self, connection_of(statement->db), error ? error : &ignored))
		return DB_FAILED;
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

/* ---- Care ---- */

static bool schema_version(struct db *db, int64_t *version, struct error *error)
{
	struct connection *self = connection_of(db);
	int64_t there;
	*version = 0;
	if (!have_connection(self, error) || !count_tables(self, "= 'pombal_schema'", &there, error))
		return false;
	return !there || ask_number(self, "SELECT version FROM pombal_schema", version, error);
}

static bool set_schema_version(struct db *db, int version, struct error *error)
{
	char sql[200];
	snprintf(sql, sizeof sql, "CREATE TABLE IF NOT EXISTS pombal_schema (version BIGINT NOT NULL); DELETE FROM pombal_schema; INSERT INTO pombal_schema VALUES (%d)", version);
	return command(connection_of(db), sql, error);
}

static const char *name(struct db *db) { return connection_of(db)->schema; }

/* A number made of which transactions are over: another one's end changes it. So do those that have nothing to do with us. */
static int64_t version(struct db *db)
{
	struct connection *self = connection_of(db);
	int64_t number;
	if (!have_connection(self, NULL) || !ask_number(self, "SELECT pg_catalog.hashtextextended(pg_catalog.pg_current_snapshot()::text, 0)", &number, NULL))
		return -1;
	return number;
}

static bool moved(struct db *db)
{
	(void)db;
	return false;
}

/* Its own care for its pages is the administrator's affair (data_checksums, pg_amcheck); here, that it answers. */
static bool verify(struct db *db, struct error *error)
{
	return have_connection(connection_of(db), error) && command(connection_of(db), "SELECT 1", error);
}

static bool snapshot(struct db *db, const char *path, struct error *error)
{
	(void)db, (void)path;
	return error_set(error, ERROR_DENIED, "a PostgreSQL is backed up by its own means");
}

static void *handle(struct db *db) { return connection_of(db)->handle; }

const struct db_driver db_postgresql = {
	.shared = true,
	.open = open_place, .close = close_connection, .rest = rest, .exec = execute,
	.prepare = prepare, .finalize = finalize, .restart = restart, .reset = reset, .bind_number = bind_number, .bind_bytes = bind_bytes,
	.step = step, .number = number, .bytes = bytes, .is_null = is_null, .changes = changes,
	.begin = begin, .commit = commit, .rollback = rollback, .schema_version = schema_version, .set_schema_version = set_schema_version,
	.name = name, .version = version, .moved = moved, .verify = verify, .snapshot = snapshot, .handle = handle,
};
