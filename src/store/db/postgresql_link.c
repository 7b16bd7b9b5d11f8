/* One connection to a PostgreSQL: how it is made, made anew, and what it says. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/db/postgresql.h"

enum {
	BUSY_TIMEOUT_MS = 10 * 1000,
	STATEMENT_TIMEOUT_MS = 60 * 1000, /* no statement of ours takes that long */
	CONNECT_SECONDS = 10, SILENCE_MS = 20 * 1000, /* of a server that doesn't answer, and of a network that carries nothing */
	RECONNECT_MS = 1000,
	URL_MAX = 1024,
};

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

bool db_pg_fail(const struct db_pg_link *link, const PGresult *result, struct error *error)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	struct slice text = slice_trim(slice_of(primary ? primary : PQerrorMessage(link->handle)));
	struct slice line, rest;
	slice_cut(text, '\n', &line, &rest);
	return error_set(error, kind_of(state), "database: %.*s", SLICE_ARG(line));
}

PGresult *db_pg_checked(const struct db_pg_link *link, PGresult *result, struct error *error)
{
	ExecStatusType status = PQresultStatus(result);
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	db_pg_fail(link, result, error);
	PQclear(result);
	return NULL;
}

bool db_pg_command(struct db_pg_link *link, const char *sql, struct error *error)
{
	PGresult *result = db_pg_checked(link, PQexec(link->handle, sql), error);
	PQclear(result);
	return result;
}

bool db_pg_ask(struct db_pg_link *link, const char *sql, const char *text, int64_t *number, struct error *error)
{
	PGresult *result = db_pg_checked(link, PQexecParams(link->handle, sql, text ? 1 : 0, NULL, &text, NULL, NULL, 0), error);
	*number = 0;
	if (!result)
		return false;
	if (PQntuples(result) > 0)
		*number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return true;
}

/* ---- Places ---- */

/* Words of libpq about an unreadable URL may quote the password: they aren't told. */
static bool check_url(const struct db_pg_target *target, struct error *error)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(target->url, &why);
	PQfreemem(why);
	if (!options)
		return error_set(error, ERROR_INVALID, "the URL of the database can't be read: postgresql://USER@HOST/DATABASE");
	PQconninfoFree(options);
	return true;
}

bool db_pg_target_read(struct db_pg_target *target, struct slice url, struct slice schema, const struct db_options *options, struct error *error)
{
	bool named = schema.len > 0 && schema.len <= DB_PG_SCHEMA_NAME_MAX, has_query = slice_find_char(url, '?') != SLICE_NONE;
	for (size_t i = 0; named && i < schema.len; i++)
		named = (schema.at[i] >= 'a' && schema.at[i] <= 'z') || ascii_is_digit(schema.at[i]) || schema.at[i] == '_';
	if (!named)
		return error_set(error, ERROR_INVALID, "a place in PostgreSQL ends with #SCHEMA, in small letters");
	if (url.len > URL_MAX)
		return error_set(error, ERROR_INVALID, "the URL of the database is too long");
	memcpy(target->schema, schema.at, schema.len);
	target->schema[schema.len] = '\0';
	target->read_only = options->read_only;
	target->busy_timeout_ms = options->busy_timeout_ms > 0 ? options->busy_timeout_ms : BUSY_TIMEOUT_MS;
	struct buf text = BUF_SECRET(URL_MAX + 256);
	buf_append(&text, url);
	buf_printf(&text, "%cconnect_timeout=%d&tcp_user_timeout=%d&application_name=pombal", has_query ? '&' : '?', CONNECT_SECONDS, SILENCE_MS);
	buf_append_char(&text, 0);
	target->url = memory_copy(text.at, text.len);
	buf_free(&text);
	return check_url(target, error);
}

void db_pg_target_free(struct db_pg_target *target)
{
	if (target->url)
		memory_wipe(target->url, strlen(target->url)); /* it may hold a password */
	free(target->url);
	target->url = NULL;
}

/* ---- What it takes to reach one ---- */

enum { NEEDED_HOSTS_MAX = 16, NEEDED_FILES_MAX = 8, DEFAULT_PORT = 5432 };

/* Hosts, or ports, are separated by commas; one port counts for all. */
static void add_hosts(struct db_needs *needs, struct slice hosts)
{
	struct slice host;
	for (bool more = true; more;) {
		more = slice_cut(hosts, ',', &host, &hosts);
		*(slice_empty(host) || host.at[0] == '/' || host.at[0] == '@' ? &needs->local_sockets : &needs->network) = true;
	}
}

static const uint16_t *list_ports(struct slice text, struct arena *arena)
{
	uint16_t *ports = arena_array(arena, NEEDED_HOSTS_MAX + 1, sizeof *ports);
	size_t count = 0;
	struct slice one;
	for (bool more = true; more && count < NEEDED_HOSTS_MAX;) {
		uint64_t number;
		more = slice_cut(text, ',', &one, &text);
		ports[count++] = slice_to_number(one, UINT16_MAX, &number) ? (uint16_t)number : DEFAULT_PORT;
	}
	ports[count] = 0;
	return ports;
}

static bool is_file(const char *keyword)
{
	static const char *const words[] = {"passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], keyword) == 0)
			return true;
	return false;
}

static struct slice value_of(const PQconninfoOption *options, const char *keyword)
{
	while (options->keyword && strcmp(options->keyword, keyword) != 0)
		options++;
	return slice_of(options->keyword ? options->val : NULL);
}

struct db_needs db_pg_needs(const char *storage, struct arena *arena)
{
	struct db_needs needs = {0};
	struct slice url, schema;
	slice_cut(slice_of(storage), '#', &url, &schema);
	PQconninfoOption *options = PQconninfoParse(arena_text(arena, url), NULL);
	if (!options)
		return needs;
	const char **files = arena_array(arena, NEEDED_FILES_MAX + 1, sizeof *files);
	size_t count = 0;
	for (const PQconninfoOption *option = options; option->keyword; option++)
		if (is_file(option->keyword) && option->val && *option->val && count < NEEDED_FILES_MAX)
			files[count++] = arena_text(arena, slice_of(option->val));
	files[count] = NULL;
	struct slice addresses = value_of(options, "hostaddr");
	add_hosts(&needs, slice_empty(addresses) ? value_of(options, "host") : addresses);
	needs.ports = list_ports(value_of(options, "port"), arena);
	needs.files = files;
	PQconninfoFree(options);
	return needs;
}

/* ---- Connecting ---- */

static void hear_notice(void *context, const PGresult *result)
{
	(void)context, (void)result; /* "relation exists, skipping" and the like */
}

/* What holds of every connection of ours. The schema's name has only letters, digits and underscores. */
static bool set_up(struct db_pg_link *link, struct error *error)
{
	char settings[512];
	snprintf(settings, sizeof settings, "SET client_encoding = 'UTF8'; SET search_path = \"%s\"; SET statement_timeout = %d; SET lock_timeout = %d; SET client_min_messages = warning;"
		 "SET idle_in_transaction_session_timeout = %d; SET default_transaction_read_only = %s; SET bytea_output = hex",
		 link->target->schema, STATEMENT_TIMEOUT_MS, link->target->busy_timeout_ms, 2 * STATEMENT_TIMEOUT_MS, link->target->read_only ? "on" : "off");
	link->part = 0;
	return db_pg_command(link, settings, error);
}

bool db_pg_link_is_away(const struct db_pg_link *link) { return PQstatus(link->handle) != CONNECTION_OK; }

static void forget_prepared(struct db_pg_link *link)
{
	size_t cursor = 0;
	struct slice key;
	void *value;
	while (map_next(link->prepared, &cursor, &key, &value))
		free(value);
	map_free(&link->prepared);
}

struct db_pg_link *db_pg_link_open(const struct db_pg_target *target, struct error *error)
{
	struct db_pg_link *link = memory_new(sizeof *link);
	*link = (struct db_pg_link){.handle = PQconnectdb(target->url), .target = target, .prepared = map_new()};
	PQsetNoticeReceiver(link->handle, hear_notice, NULL);
	if (db_pg_link_is_away(link) ? db_pg_fail(link, NULL, error) : set_up(link, error))
		return link;
	db_pg_link_close(&link);
	return NULL;
}

void db_pg_link_close(struct db_pg_link **link)
{
	if (!*link)
		return;
	forget_prepared(*link);
	PQfinish((*link)->handle);
	free(*link);
	*link = NULL;
}

bool db_pg_link_revive(struct db_pg_link *link, struct error *error)
{
	int64_t now = clock_monotonic_ms();
	if (now - link->tried_ms < RECONNECT_MS)
		return db_pg_fail(link, NULL, error);
	link->tried_ms = now;
	forget_prepared(link);
	link->prepared = map_new();
	PQreset(link->handle);
	if (db_pg_link_is_away(link))
		return db_pg_fail(link, NULL, error);
	if (!set_up(link, error))
		return false;
	log_info("database.connected", log_text("schema", link->target->schema));
	return true;
}

/* ---- Statements ---- */

/* What the server makes of the statement is asked for at its first step: before, nobody could be told that it failed. */
static struct db_pg_prepared *make_statement(struct db_pg_link *link, const char *text, struct error *error)
{
	struct db_pg_prepared made;
	snprintf(made.name, sizeof made.name, "s%zu", map_count(link->prepared) + 1);
	PGresult *result = db_pg_checked(link, PQprepare(link->handle, made.name, text, 0, NULL), error);
	PQclear(result);
	PGresult *described = result ? db_pg_checked(link, PQdescribePrepared(link->handle, made.name), error) : NULL;
	if (!described)
		return NULL;
	made.parameters = PQnparams(described);
	PQclear(described);
	if (made.parameters > DB_PARAMETERS_MAX) {
		error_set(error, ERROR_INVALID, "database: a statement with %d parameters", made.parameters);
		return NULL;
	}
	struct db_pg_prepared *kept = memory_new(sizeof *kept);
	*kept = made;
	return kept;
}

const struct db_pg_prepared *db_pg_link_prepare(struct db_pg_link *link, const char *sql, const char *text, struct error *error)
{
	struct db_pg_prepared *made = map_get(link->prepared, slice_of(sql));
	if (made)
		return made;
	made = make_statement(link, text, error);
	if (made)
		map_put(link->prepared, slice_of(sql), made);
	else if (error && error->kind == ERROR_INVALID)
		log_error("database.statement", log_text("sql", sql), log_text("cause", error->text));
	return made;
}

bool db_pg_link_enter_part(struct db_pg_link *link, int64_t part, struct error *error)
{
	char sql[64];
	if (link->part == part)
		return true;
	snprintf(sql, sizeof sql, "SET pombal.part = %lld", (long long)part);
	if (!db_pg_command(link, sql, error))
		return false;
	link->part = part;
	return true;
}

/* ---- The schema ---- */

bool db_pg_count_tables(struct db_pg_link *link, const char *condition, int64_t *count, struct error *error)
{
	char sql[256];
	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = '%s' AND tablename %s", link->target->schema, condition);
	return db_pg_ask(link, sql, NULL, count, error);
}

/* Others wouldn't take the characters of all people, or take bytes for anything. */
static bool check_encoding(struct db_pg_link *link, struct error *error)
{
	const char *encoding = PQparameterStatus(link->handle, "server_encoding");
	return (encoding && strcmp(encoding, "UTF8") == 0) ||
	       error_set(error, ERROR_DENIED, "the database's encoding is %s: it must be UTF8", encoding ? encoding : "unknown");
}

bool db_pg_enter_schema(struct db_pg_link *link, bool create, struct error *error)
{
	char sql[512];
	const char *schema = link->target->schema;
	int64_t there, foreign;
	if (!check_encoding(link, error) || !db_pg_ask(link, "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1", schema, &there, error))
		return false;
	if (!there && !create)
		return error_set(error, ERROR_NOT_FOUND, "the database has no schema %s", schema);
	snprintf(sql, sizeof sql, "CREATE SCHEMA IF NOT EXISTS \"%s\"", schema);
	struct error refused = {0};
	if (!there && !db_pg_command(link, sql, &refused) && refused.kind != ERROR_EXISTS) /* another process may have made it meanwhile */
		return error_set(error, refused.kind, "%s", refused.text);
	if (!set_up(link, error))
		return false;
	/* in this order: another process may make all of them in between */
	if (!db_pg_count_tables(link, "NOT IN ('pombal_schema', 'pombal_part')", &foreign, error) || !db_pg_count_tables(link, "IN ('pombal_schema', 'pombal_part')", &there, error))
		return false;
	return there || foreign == 0 || error_set(error, ERROR_DENIED, "the schema %s of the database holds tables of somebody else", schema);
}
