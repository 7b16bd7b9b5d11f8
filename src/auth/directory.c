/* The directory's file: opening, schema, domains, and what the other files of the directory share. Every change is one
 * transaction, durable when it returns. Fails with what the database says (ERROR_TEMPORARY), or as directory.h names. */
#include "auth/directory_internal.h"

#include "base/array.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "message/address.h"

enum { SECRET_SIZE_MAX = 32, COLUMN_NEVER = -1 /* THRESHOLD_NEVER, in a column */ };

static const char *const schema[] = {
	"CREATE TABLE domain (name TEXT PRIMARY KEY, alias_of TEXT NOT NULL, catch_all TEXT NOT NULL, ordinal BIGINT NOT NULL);"
	"CREATE TABLE account (name TEXT PRIMARY KEY, domain TEXT NOT NULL, display_name TEXT NOT NULL, enabled BIGINT NOT NULL,"
	" quota_bytes BIGINT NOT NULL, quota_messages BIGINT NOT NULL, created BIGINT NOT NULL, version BIGINT NOT NULL,"
	" password TEXT NOT NULL, scram_iterations BIGINT NOT NULL, scram_salt " DB_BYTES ", scram_stored_key " DB_BYTES ", scram_server_key " DB_BYTES ");"
	"CREATE INDEX account_domain ON account (domain, name);"
	"CREATE TABLE alias (address TEXT NOT NULL, target TEXT NOT NULL, domain TEXT NOT NULL, position BIGINT NOT NULL,"
	" PRIMARY KEY (address, target));"
	"CREATE INDEX alias_domain ON alias (domain, address, position);"
	"CREATE TABLE sender (account TEXT NOT NULL, address TEXT NOT NULL, PRIMARY KEY (account, address));"
	"CREATE TABLE secret (name TEXT PRIMARY KEY, value " DB_BYTES " NOT NULL);",

	"ALTER TABLE account ADD COLUMN identity BIGINT NOT NULL DEFAULT 0;"
	"UPDATE account SET identity = version;"
	"CREATE TABLE change (number " DB_ID ", account TEXT NOT NULL);",

	"ALTER TABLE domain ADD COLUMN language TEXT NOT NULL DEFAULT '';",

	/* imported: the hash is another program's; origin: how it is known again when it is imported once more (directory_hash.c) */
	"ALTER TABLE account ADD COLUMN imported BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN origin TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE account ADD COLUMN local TEXT NOT NULL DEFAULT '';"
	"UPDATE account SET local = substr(name, 1, length(name) - length(domain) - 1);"
	"CREATE INDEX account_local ON account (local, name);"
	"CREATE INDEX account_imported ON account (imported, password);",

	"ALTER TABLE account ADD COLUMN language TEXT NOT NULL DEFAULT '';",

	"CREATE TABLE signing_key (domain TEXT NOT NULL, selector TEXT NOT NULL, pem TEXT NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (domain, selector));",

	/* To how many recipients an account may write, as struct auth_rates has it. */
	("ALTER TABLE account ADD COLUMN rate_hour BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE account ADD COLUMN rate_day BIGINT NOT NULL DEFAULT 0;"),

	/* From how many points on mail is junk: hundredths; 0: as configured; COLUMN_NEVER. */
	("ALTER TABLE account ADD COLUMN junk_from BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE domain ADD COLUMN junk_from BIGINT NOT NULL DEFAULT 0;"),

	/* The states of struct auth_signing_key; the record is that of a key whose private part is forgotten. */
	("ALTER TABLE signing_key ADD COLUMN state BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE signing_key ADD COLUMN since BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE signing_key ADD COLUMN seen BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE signing_key ADD COLUMN record TEXT NOT NULL DEFAULT '';"
	 "UPDATE signing_key SET since = created;"),

	/* As junk_from. */
	("ALTER TABLE account ADD COLUMN tag_from BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE account ADD COLUMN quarantine_from BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE account ADD COLUMN reject_from BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE domain ADD COLUMN tag_from BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE domain ADD COLUMN quarantine_from BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE domain ADD COLUMN reject_from BIGINT NOT NULL DEFAULT 0;"),

	/* directory_web.c; token: its SHA-256 */
	("CREATE TABLE web_session (id " DB_ID ", token " DB_BYTES " NOT NULL, account TEXT NOT NULL, identity BIGINT NOT NULL, device TEXT NOT NULL,"
	 " address TEXT NOT NULL, created BIGINT NOT NULL, used BIGINT NOT NULL);"
	 "CREATE UNIQUE INDEX web_session_token ON web_session (token);"
	 "CREATE INDEX web_session_account ON web_session (account, used);"),

	/* directory_credential.c, directory_grant.c; secret: a SHA-256; kind: enum auth_credential_kind. Of a grant: the secret of its refresh token that counts, and of
	 * the part that all of them have in common; client: the program's number. */
	("CREATE TABLE credential (id " DB_ID ", kind BIGINT NOT NULL, secret " DB_BYTES " NOT NULL, family " DB_BYTES ", client TEXT NOT NULL, account TEXT NOT NULL,"
	 " identity BIGINT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, scopes BIGINT NOT NULL, created BIGINT NOT NULL, used BIGINT NOT NULL, expires BIGINT NOT NULL);"
	 "CREATE UNIQUE INDEX credential_secret ON credential (secret);"
	 "CREATE UNIQUE INDEX credential_family ON credential (family);"
	 "CREATE INDEX credential_account ON credential (account, kind, used);"
	 "CREATE INDEX credential_expires ON credential (expires);"
	 "CREATE TABLE access_token (secret " DB_BYTES " PRIMARY KEY, credential BIGINT NOT NULL, scopes BIGINT NOT NULL, expires BIGINT NOT NULL);"
	 "CREATE INDEX access_token_credential ON access_token (credential);"
	 "CREATE INDEX access_token_expires ON access_token (expires);"
	 "CREATE TABLE oauth_code (secret " DB_BYTES " PRIMARY KEY, client TEXT NOT NULL, redirect TEXT NOT NULL, challenge TEXT NOT NULL, account TEXT NOT NULL,"
	 " identity BIGINT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, scopes BIGINT NOT NULL, expires BIGINT NOT NULL, credential BIGINT NOT NULL);"
	 "CREATE INDEX oauth_code_expires ON oauth_code (expires);"),

	/* directory_push.c; secret and point: of P-256 */
	"CREATE TABLE push_key (id " DB_ID ", secret " DB_BYTES " NOT NULL, point " DB_BYTES " NOT NULL, created BIGINT NOT NULL, retired BIGINT NOT NULL);",

	/* directory_admin.c; administrator: enum auth_rank; proved: of struct auth_web_session; secret: a SHA-256 */
	("ALTER TABLE account ADD COLUMN administrator BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE web_session ADD COLUMN proved BIGINT NOT NULL DEFAULT 0;"
	 "CREATE TABLE admin_key (id " DB_ID ", secret " DB_BYTES " NOT NULL, name TEXT NOT NULL, domain TEXT NOT NULL, reads BIGINT NOT NULL, created BIGINT NOT NULL,"
	 " used BIGINT NOT NULL, expires BIGINT NOT NULL);"
	 "CREATE UNIQUE INDEX admin_key_secret ON admin_key (secret);"
	 "CREATE UNIQUE INDEX admin_key_name ON admin_key (name);"),
};

static bool read_secret(struct directory *directory, const char *name, char *key, size_t size, bool *there, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT value FROM secret WHERE name = $1");
	db_bind_text(read, 1, slice_of(name));
	enum db_step step = db_step(read, error);
	*there = step == DB_ROW;
	if (!*there)
		return step == DB_DONE;
	struct slice value = db_blob(read, 0);
	bool whole = value.len == size;
	if (whole)
		memcpy(key, value.at, size);
	db_reset(read);
	return whole || error_set(error, ERROR_INVALID, "the directory is damaged: its %s key has another size", name);
}

static bool make_secret(struct directory *directory, const char *name, size_t size, struct error *error)
{
	char fresh[SECRET_SIZE_MAX];
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING");
	random_bytes(fresh, size);
	db_bind_text(add, 1, slice_of(name));
	db_bind_blob(add, 2, slice_make(fresh, size));
	bool done = db_run(add, error);
	memory_wipe(fresh, sizeof fresh);
	return done;
}

/* A key is made once and kept. */
static bool load_secret(struct directory *directory, const char *name, char *key, size_t size, struct error *error)
{
	bool there;
	if (!read_secret(directory, name, key, size, &there, error))
		return false;
	return there || (make_secret(directory, name, size, error) && read_secret(directory, name, key, size, &there, error) && there);
}

/* An unknown account's salt that changed with every restart would give it away; a rewritten sender comes back after days. */
static bool load_secrets(struct directory *directory, struct error *error)
{
	return load_secret(directory, "decoy", directory->decoy_key, sizeof directory->decoy_key, error) &&
	       load_secret(directory, "srs", directory->srs_key, sizeof directory->srs_key, error) &&
	       load_secret(directory, "oauth", directory->oauth_key, sizeof directory->oauth_key, error);
}

struct directory *directory_open(const char *data, struct error *error)
{
	return directory_open_in(data, config_current()->directory_storage, error);
}

struct directory *directory_open_in(const char *data, const char *storage, struct error *error)
{
	struct directory *directory = memory_new(sizeof *directory);
	directory->scratch = arena_new();
	struct slice folder = arena_printf(directory->scratch, "%s/directory", data);
	char place[DB_PLACE_MAX];
	const struct db_options options = {.durability = DB_DURABLE_COMMIT, .create = true};
	if (!file_make_folders(folder.at, 0700, error) || !db_place(storage, data, "directory", "directory.db", place, error) || !(directory->db = db_open(place, &options, error)) ||
	    !db_migrate(directory->db, schema, sizeof schema / sizeof *schema, error) || !load_secrets(directory, error))
		directory_close(&directory);
	return directory;
}

void directory_close(struct directory **directory)
{
	if (!*directory)
		return;
	db_close(&(*directory)->db);
	arena_free(&(*directory)->scratch);
	memory_wipe((*directory)->decoy_key, sizeof (*directory)->decoy_key);
	memory_wipe((*directory)->srs_key, sizeof (*directory)->srs_key);
	memory_wipe((*directory)->oauth_key, sizeof (*directory)->oauth_key);
	free(*directory);
	*directory = NULL;
}

bool directory_finish(struct directory *directory, bool done, struct error *error)
{
	if (done && db_commit(directory->db, error))
		return true;
	db_rollback(directory->db);
	return false;
}

bool directory_begin_group(struct directory *directory, struct error *error)
{
	return db_group_begin(directory->db, error);
}

bool directory_end_group(struct directory *directory, bool done, struct error *error)
{
	return db_group_end(directory->db, done, error);
}

void *directory_list_add(struct auth_list *list)
{
	list->at = arena_grow(list->arena, list->at, list->count, &list->room, list->size);
	return list->at + list->size * list->count++;
}

/* ---- Names ---- */

bool directory_check_address(struct slice text, struct arena *arena, struct slice *address, struct error *error)
{
	struct slice parsed, local, domain;
	if (!address_parse(text, true, arena, &parsed, error)) {
		if (error)
			error->kind = ERROR_INVALID;
		return false;
	}
	*address = address_canonical(parsed, arena);
	address_split(*address, &local, &domain);
	if (slice_empty(local) || slice_empty(domain))
		return error_set(error, ERROR_INVALID, "%.*s is not an address", SLICE_ARG(text));
	return true;
}

bool directory_check_own_address(struct directory *directory, struct slice text, struct arena *arena, struct slice *address, struct error *error)
{
	struct slice local, domain, own, catch_all;
	if (!directory_check_address(text, arena, address, error))
		return false;
	address_split(*address, &local, &domain);
	switch (directory_find_domain(directory, domain, arena, &own, &catch_all, error)) {
	case FOUND_YES:
		*address = arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(own));
		return true;
	case FOUND_NO:
		return error_set(error, ERROR_NOT_FOUND, "there is no domain %.*s", SLICE_ARG(domain));
	default:
		return false;
	}
}

static bool check_domain_name(struct slice text, struct arena *arena, struct slice *name, struct error *error)
{
	*name = domain_canonical(text, arena);
	if (slice_empty(*name) || name->len > DOMAIN_NAME_MAX || domain_is_literal(*name) || !domain_is_valid(*name, true) ||
	    slice_empty(domain_to_ascii(*name, arena)))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not a domain", SLICE_ARG(text));
	return true;
}

/* ---- Domains ---- */

enum auth_found directory_find_domain(struct directory *directory, struct slice name, struct arena *arena, struct slice *domain,
				 struct slice *catch_all, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT d.name, d.catch_all FROM domain AS a JOIN domain AS d"
		" ON d.name = CASE WHEN a.alias_of = '' THEN a.name ELSE a.alias_of END WHERE a.name = $1");
	db_bind_text(read, 1, name);
	enum db_step step = db_step(read, error);
	if (step != DB_ROW)
		return step == DB_DONE ? FOUND_NO : FOUND_FAILED;
	*domain = arena_copy(arena, db_text(read, 0));
	*catch_all = arena_copy(arena, db_text(read, 1));
	db_reset(read);
	return FOUND_YES;
}

enum auth_found directory_first_domain(struct directory *directory, struct arena *arena, struct slice *domain, int *count, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT name FROM domain WHERE alias_of = '' ORDER BY ordinal LIMIT 2");
	enum db_step step = db_step(read, error);
	if (step != DB_ROW)
		return step == DB_DONE ? FOUND_NO : FOUND_FAILED;
	*domain = arena_copy(arena, db_text(read, 0));
	step = db_step(read, error);
	if (count)
		*count = step == DB_ROW ? 2 : 1;
	db_reset(read);
	return step == DB_FAILED ? FOUND_FAILED : FOUND_YES;
}

#define DOMAIN_COLUMNS "name, alias_of, catch_all, language, tag_from, junk_from, quarantine_from, reject_from"

static void fill_domain(struct db_statement *row, struct arena *arena, struct auth_domain_entry *domain)
{
	domain->name = arena_copy(arena, db_text(row, 0));
	domain->alias_of = arena_copy(arena, db_text(row, 1));
	domain->catch_all = arena_copy(arena, db_text(row, 2));
	domain->language = arena_copy(arena, db_text(row, 3));
	domain->thresholds = directory_read_thresholds(row, 4);
}

static bool no_such_domain(struct slice name, struct error *error)
{
	return error_set(error, ERROR_NOT_FOUND, "there is no domain %.*s", SLICE_ARG(name));
}

bool directory_get_domain(struct directory *directory, struct slice name, struct arena *arena, struct auth_domain_entry *domain, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT " DOMAIN_COLUMNS " FROM domain WHERE name = $1");
	db_bind_text(read, 1, domain_canonical(name, arena));
	enum db_step step = db_step(read, error);
	if (step == DB_DONE)
		return no_such_domain(name, error);
	if (step == DB_FAILED)
		return false;
	fill_domain(read, arena, domain);
	db_reset(read);
	return true;
}

bool directory_list_domains(struct directory *directory, struct arena *arena, struct auth_domain_entry **list, size_t *count, struct error *error)
{
	struct auth_list domains = {.arena = arena, .size = sizeof **list};
	struct db_statement *read = db_prepare(directory->db, "SELECT " DOMAIN_COLUMNS " FROM domain ORDER BY ordinal");
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW)
		fill_domain(read, arena, directory_list_add(&domains));
	*list = (struct auth_domain_entry *)(void *)domains.at;
	*count = domains.count;
	return step == DB_DONE;
}

bool directory_check_language(struct slice name, struct error *error)
{
	enum auth_language language;
	if (slice_empty(name) || auth_language_parse(name, &language))
		return true;
	return error_set(error, ERROR_INVALID, "\"%.*s\" is none of the languages en, pt and ru", SLICE_ARG(name));
}

static bool check_threshold(int points, struct error *error)
{
	return points == THRESHOLD_NEVER || (points >= THRESHOLD_CONFIGURED && points <= THRESHOLD_MOST) ||
	       error_set(error, ERROR_INVALID, "%d isn't a number of points that mail may have", points);
}

bool directory_check_thresholds(struct config_thresholds thresholds, struct error *error)
{
	return check_threshold(thresholds.tag, error) && check_threshold(thresholds.junk, error) && check_threshold(thresholds.quarantine, error) &&
	       check_threshold(thresholds.reject, error);
}

static void bind_threshold(struct db_statement *statement, int number, int points)
{
	db_bind_number(statement, number, points == THRESHOLD_NEVER ? COLUMN_NEVER : points);
}

void directory_bind_thresholds(struct db_statement *statement, int first, struct config_thresholds thresholds)
{
	bind_threshold(statement, first, thresholds.tag);
	bind_threshold(statement, first + 1, thresholds.junk);
	bind_threshold(statement, first + 2, thresholds.quarantine);
	bind_threshold(statement, first + 3, thresholds.reject);
}

/* What nobody may have set says nothing. */
static int read_threshold(struct db_statement *row, int column)
{
	int64_t points = db_number(row, column);
	return points == COLUMN_NEVER ? THRESHOLD_NEVER : points > 0 && points <= THRESHOLD_MOST ? (int)points : THRESHOLD_CONFIGURED;
}

struct config_thresholds directory_read_thresholds(struct db_statement *row, int first)
{
	return (struct config_thresholds){.tag = read_threshold(row, first), .junk = read_threshold(row, first + 1), .quarantine = read_threshold(row, first + 2),
					  .reject = read_threshold(row, first + 3)};
}

/* The language in the statement's one row, if it has one and that names one. */
static bool read_language(struct db_statement *read, struct slice key, enum auth_language *language)
{
	db_bind_text(read, 1, key);
	bool found = db_step(read, NULL) == DB_ROW && auth_language_parse(db_text(read, 0), language);
	db_reset(read);
	return found;
}

enum auth_language directory_language(struct directory *directory, struct slice address)
{
	struct slice local, domain;
	enum auth_language language = LANGUAGE_EN;
	struct auth_recipient_accounts accounts;
	directory_recipient(directory, address, &accounts);
	if (accounts.count == 1 && read_language(db_prepare(directory->db, "SELECT language FROM account WHERE name = $1"), accounts.at[0], &language))
		return language;
	address_split(address_canonical(address, directory->scratch), &local, &domain);
	read_language(db_prepare(directory->db, "SELECT d.language FROM domain AS a JOIN domain AS d"
		" ON d.name = CASE WHEN a.alias_of = '' THEN a.name ELSE a.alias_of END WHERE a.name = $1"), domain, &language);
	return language;
}

/* Does anything hang on the domain: accounts, aliases, or domains that are read in it? */
static enum auth_found domain_is_used(struct directory *directory, struct slice name, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT 1 FROM account WHERE domain = $1 UNION ALL SELECT 1 FROM alias"
		" WHERE domain = $1 UNION ALL SELECT 1 FROM domain WHERE alias_of = $1 LIMIT 1");
	db_bind_text(read, 1, name);
	enum db_step step = db_step(read, error);
	db_reset(read);
	return step == DB_ROW ? FOUND_YES : step == DB_DONE ? FOUND_NO : FOUND_FAILED;
}

/* Checks what a domain entry says and makes it canonical. */
static bool check_domain(struct directory *directory, const struct auth_domain_entry *in, struct arena *arena, struct auth_domain_entry *out, struct error *error)
{
	*out = (struct auth_domain_entry){.name = {NULL, 0}};
	if (!check_domain_name(in->name, arena, &out->name, error))
		return false;
	if (!slice_empty(in->catch_all) && !directory_check_address(in->catch_all, arena, &out->catch_all, error))
		return false;
	if (!directory_check_language(in->language, error) || !directory_check_thresholds(in->thresholds, error))
		return false;
	out->language = in->language;
	out->thresholds = in->thresholds;
	if (slice_empty(in->alias_of))
		return true;
	struct auth_domain_entry own;
	if (!slice_empty(in->catch_all))
		return error_set(error, ERROR_INVALID, "a domain alias has no catch-all of its own: set it at %.*s", SLICE_ARG(in->alias_of));
	if (!check_domain_name(in->alias_of, arena, &out->alias_of, error) || !directory_get_domain(directory, out->alias_of, arena, &own, error))
		return false;
	if (!slice_empty(own.alias_of) || slice_equal(own.name, out->name))
		return error_set(error, ERROR_INVALID, "%.*s is itself an alias, of %.*s", SLICE_ARG(own.name), SLICE_ARG(own.alias_of));
	return true;
}

static bool insert_domain(struct directory *directory, const struct auth_domain_entry *domain, struct error *error)
{
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO domain (" DOMAIN_COLUMNS ", ordinal)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM domain)) ON CONFLICT DO NOTHING");
	db_bind_text(add, 1, domain->name);
	db_bind_text(add, 2, domain->alias_of);
	db_bind_text(add, 3, domain->catch_all);
	db_bind_text(add, 4, domain->language);
	directory_bind_thresholds(add, 5, domain->thresholds);
	if (!db_run(add, error))
		return false;
	if (db_changes(directory->db) == 0)
		return error_set(error, ERROR_EXISTS, "there is a domain %.*s already", SLICE_ARG(domain->name));
	return true;
}

bool directory_add_domain(struct directory *directory, const struct auth_domain_entry *domain, struct error *error)
{
	struct auth_domain_entry entry;
	arena_reset(directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	bool done = check_domain(directory, domain, directory->scratch, &entry, error) && insert_domain(directory, &entry, error);
	return directory_finish(directory, done, error);
}

static bool update_domain(struct directory *directory, const struct auth_domain_entry *domain, struct error *error)
{
	if (!slice_empty(domain->alias_of)) {
		enum auth_found used = domain_is_used(directory, domain->name, error);
		if (used == FOUND_YES)
			error_set(error, ERROR_DENIED, "%.*s has accounts or aliases of its own", SLICE_ARG(domain->name));
		if (used != FOUND_NO)
			return false;
	}
	struct db_statement *set = db_prepare(directory->db, "UPDATE domain SET alias_of = $2, catch_all = $3, language = $4,"
		" tag_from = $5, junk_from = $6, quarantine_from = $7, reject_from = $8 WHERE name = $1");
	db_bind_text(set, 1, domain->name);
	db_bind_text(set, 2, domain->alias_of);
	db_bind_text(set, 3, domain->catch_all);
	db_bind_text(set, 4, domain->language);
	directory_bind_thresholds(set, 5, domain->thresholds);
	if (!db_run(set, error))
		return false;
	return db_changes(directory->db) > 0 || no_such_domain(domain->name, error);
}

bool directory_set_domain(struct directory *directory, const struct auth_domain_entry *domain, struct error *error)
{
	struct auth_domain_entry entry;
	arena_reset(directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	bool done = check_domain(directory, domain, directory->scratch, &entry, error) && update_domain(directory, &entry, error);
	return directory_finish(directory, done, error);
}

static bool delete_domain(struct directory *directory, struct slice name, struct error *error)
{
	enum auth_found used = domain_is_used(directory, name, error);
	if (used == FOUND_YES)
		error_set(error, ERROR_DENIED, "%.*s still has accounts, aliases or domain aliases", SLICE_ARG(name));
	if (used != FOUND_NO)
		return false;
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM domain WHERE name = $1");
	db_bind_text(remove, 1, name);
	if (!db_run(remove, error))
		return false;
	return db_changes(directory->db) > 0 ? directory_remove_keys(directory, name, error) && directory_admin_keys_forget(directory, name, error) : no_such_domain(name, error);
}

bool directory_remove_domain(struct directory *directory, struct slice name, struct error *error)
{
	arena_reset(directory->scratch);
	struct slice canonical = domain_canonical(name, directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	return directory_finish(directory, delete_domain(directory, canonical, error), error);
}
