/* App passwords, and programs that were let in (auth.h: struct auth_credential). Of each its secret's hash is kept alone. One counts as long as it isn't over,
 * and the account's identity is the one that made it. */
#include "auth/directory_internal.h"
#include "auth/secret.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"

/* Rows that count, with the account's identity now. */
#define COUNTS " JOIN account AS a ON a.name = c.account AND a.identity = c.identity AND a.enabled <> 0 WHERE (c.expires = 0 OR c.expires > $1)"
#define COLUMNS "c.id, c.kind, c.account, c.identity, c.name, c.address, c.scopes, c.created, c.used, c.expires"

static void fill(struct db_statement *row, struct arena *arena, struct auth_credential *credential)
{
	*credential = (struct auth_credential){
		.id = db_number(row, 0), .kind = db_number(row, 1) == AUTH_GRANT ? AUTH_GRANT : AUTH_APP_PASSWORD, .account = arena_copy(arena, db_text(row, 2)),
		.identity = db_number(row, 3), .name = arena_copy(arena, db_text(row, 4)), .address = arena_copy(arena, db_text(row, 5)),
		.scopes = (unsigned)db_number(row, 6) & (AUTH_MAY_ALL & ~(unsigned)AUTH_MAY_MANAGE), /* whatever stands there, it is no key to more */
		.created = db_number(row, 7), .used = db_number(row, 8), .expires = db_number(row, 9),
	};
}

/* ---- Making one ---- */

static bool count_them(struct directory *directory, struct slice account, enum auth_credential_kind kind, int64_t *count, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT COUNT(*) FROM credential WHERE account = $1 AND kind = $2");
	db_bind_text(read, 1, account);
	db_bind_number(read, 2, kind);
	if (db_step(read, error) != DB_ROW)
		return false;
	*count = db_number(read, 0);
	db_reset(read);
	return true;
}

static bool check(struct directory *directory, const struct auth_credential *wanted, struct error *error)
{
	int64_t identity, count;
	const char *why;
	if (!auth_credential_is_name(wanted->name))
		return error_set(error, ERROR_INVALID, "a name of 1 to %d bytes is needed, without control characters", AUTH_CREDENTIAL_NAME_MAX);
	if (wanted->scopes == 0 || (wanted->scopes & ~(unsigned)AUTH_MAY_ALL) || (wanted->scopes & AUTH_MAY_MANAGE))
		return error_set(error, ERROR_INVALID, "nothing that it may be for was named");
	if (!directory_identity(directory, wanted->account, &identity, &why, error))
		return false;
	if (identity == 0 || identity != wanted->identity)
		return error_set(error, ERROR_DENIED, "%s", why ? why : "the account has changed since");
	if (wanted->kind == AUTH_GRANT)
		return true; /* of these the one that was used last longest ago gives way */
	if (!count_them(directory, wanted->account, wanted->kind, &count, error))
		return false;
	return count < AUTH_CREDENTIALS_MAX || error_set(error, ERROR_LIMIT, "the account has %d app passwords already: remove some", AUTH_CREDENTIALS_MAX);
}

bool directory_credential_insert(struct directory *directory, struct auth_credential *wanted, struct slice secret, struct slice family, struct slice client, struct error *error)
{
	if (!check(directory, wanted, error))
		return false;
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO credential (id, kind, secret, family, client, account, identity, name, address, scopes, created, used, expires)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12)");
	wanted->id = id_new();
	wanted->created = clock_now();
	db_bind_number(add, 1, wanted->id);
	db_bind_number(add, 2, wanted->kind);
	db_bind_blob(add, 3, secret);
	if (family.len > 0)
		db_bind_blob(add, 4, family);
	db_bind_text(add, 5, client);
	db_bind_text(add, 6, wanted->account);
	db_bind_number(add, 7, wanted->identity);
	db_bind_text(add, 8, wanted->name);
	db_bind_text(add, 9, wanted->address);
	db_bind_number(add, 10, wanted->scopes);
	db_bind_number(add, 11, wanted->created);
	db_bind_number(add, 12, wanted->expires);
	return db_run(add, error);
}

bool directory_app_password_make(struct directory *directory, struct auth_credential *wanted, char text[AUTH_APP_PASSWORD_SIZE + 1], struct error *error)
{
	char characters[AUTH_APP_CHARACTERS + 1], hash[AUTH_SECRET_HASH_SIZE];
	auth_app_password_text(text);
	auth_app_password_read(slice_of(text), characters);
	wanted->kind = AUTH_APP_PASSWORD;
	bool done = db_begin(directory->db, error);
	if (done) {
		struct slice secret = auth_secret_hash(slice_of(characters), hash);
		done = directory_finish(directory, directory_credential_insert(directory, wanted, secret, SLICE(""), SLICE(""), error), error);
	}
	memory_wipe(characters, sizeof characters);
	if (!done)
		memory_wipe(text, AUTH_APP_PASSWORD_SIZE + 1);
	return done;
}

/* ---- Finding ---- */

/* The account's or, if it is empty, anybody's. */
static bool find_by_secret(struct directory *directory, struct slice account, struct slice text, struct arena *arena, struct auth_credential *found, struct error *error)
{
	char hash[AUTH_SECRET_HASH_SIZE];
	struct db_statement *read = db_prepare(directory->db, "SELECT " COLUMNS " FROM credential AS c" COUNTS " AND c.secret = $2 AND c.kind = $3 AND ($4 = '' OR c.account = $4)");
	db_bind_number(read, 1, clock_now());
	db_bind_blob(read, 2, auth_secret_hash(text, hash));
	db_bind_number(read, 3, AUTH_APP_PASSWORD);
	db_bind_text(read, 4, account);
	enum db_step step = db_step(read, error);
	if (step == DB_ROW)
		fill(read, arena, found);
	db_reset(read);
	return step != DB_FAILED;
}

bool directory_app_password_find(struct directory *directory, struct slice account, struct slice password, struct arena *arena, struct auth_credential *found, struct error *error)
{
	char characters[AUTH_APP_CHARACTERS + 1];
	*found = (struct auth_credential){0};
	if (!auth_app_password_read(password, characters))
		return true;
	bool done = find_by_secret(directory, account, slice_of(characters), arena, found, error);
	memory_wipe(characters, sizeof characters);
	return done;
}

bool directory_credential_stands(struct directory *directory, struct slice account, int64_t id, int64_t *identity, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT c.identity FROM credential AS c" COUNTS " AND c.id = $2 AND c.account = $3");
	db_bind_number(read, 1, clock_now());
	db_bind_number(read, 2, id);
	db_bind_text(read, 3, account);
	enum db_step step = db_step(read, error);
	*identity = step == DB_ROW ? db_number(read, 0) : 0;
	db_reset(read);
	return step != DB_FAILED;
}

bool directory_credential_list(struct directory *directory, struct slice account, struct arena *arena, struct auth_credential **list, size_t *count, struct error *error)
{
	struct auth_list credentials = {.arena = arena, .size = sizeof **list};
	struct db_statement *read = db_prepare(directory->db, "SELECT " COLUMNS " FROM credential AS c" COUNTS " AND ($2 = '' OR c.account = $2) ORDER BY c.account, c.created, c.id");
	db_bind_number(read, 1, clock_now());
	db_bind_text(read, 2, account);
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW)
		fill(read, arena, directory_list_add(&credentials));
	*list = (struct auth_credential *)(void *)credentials.at;
	*count = credentials.count;
	return step == DB_DONE;
}

bool directory_credential_use(struct directory *directory, int64_t id, int64_t now, struct error *error)
{
	struct db_statement *set = db_prepare(directory->db, "UPDATE credential SET used = $2 WHERE id = $1");
	db_bind_number(set, 1, id);
	db_bind_number(set, 2, now);
	return db_run(set, error);
}

/* ---- Their end ---- */

/* Tokens of credentials that are gone open nothing. */
static bool forget_tokens(struct directory *directory, struct error *error)
{
	return db_run(db_prepare(directory->db, "DELETE FROM access_token WHERE credential NOT IN (SELECT id FROM credential)"), error);
}

bool directory_credential_remove(struct directory *directory, struct slice account, int64_t id, size_t *count, struct error *error)
{
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM credential WHERE account = $1 AND (CAST($2 AS BIGINT) = 0 OR id = $2)");
	db_bind_text(remove, 1, account);
	db_bind_number(remove, 2, id);
	if (!db_run(remove, error))
		return false;
	*count = (size_t)db_changes(directory->db);
	return *count == 0 || (forget_tokens(directory, error) && directory_note_change(directory, account, error));
}

bool directory_credential_end(struct directory *directory, struct slice account, int64_t id, size_t *count, struct error *error)
{
	*count = 0;
	if (!db_begin(directory->db, error))
		return false;
	return directory_finish(directory, directory_credential_remove(directory, account, id, count, error), error);
}

bool directory_credential_forget_former(struct directory *directory, struct slice account, struct error *error)
{
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM credential WHERE account = $1"
		" AND NOT EXISTS (SELECT 1 FROM account AS a WHERE a.name = credential.account AND a.identity = credential.identity)");
	db_bind_text(remove, 1, account);
	return db_run(remove, error) && (db_changes(directory->db) == 0 || forget_tokens(directory, error));
}

static bool list_over(struct directory *directory, int64_t now, struct arena *arena, struct slice **accounts, size_t *count, struct error *error)
{
	struct auth_list list = {.arena = arena, .size = sizeof **accounts};
	struct db_statement *read = db_prepare(directory->db, "SELECT DISTINCT account FROM credential WHERE expires <> 0 AND expires <= $1");
	db_bind_number(read, 1, now);
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW)
		*(struct slice *)directory_list_add(&list) = arena_copy(arena, db_text(read, 0));
	*accounts = (struct slice *)(void *)list.at;
	*count = list.count;
	return step == DB_DONE;
}

static bool remove_over(struct directory *directory, int64_t now, const struct slice *accounts, size_t count, struct error *error)
{
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM credential WHERE expires <> 0 AND expires <= $1");
	db_bind_number(remove, 1, now);
	bool done = db_run(remove, error) && forget_tokens(directory, error);
	for (size_t i = 0; done && i < count; i++)
		done = directory_note_change(directory, accounts[i], error);
	return done;
}

/* What nobody can use any more, and nobody's session rests on. */
static bool remove_spent(struct directory *directory, int64_t now, struct error *error)
{
	static const char *const removals[] = {"DELETE FROM access_token WHERE expires <= $1", "DELETE FROM oauth_code WHERE expires <= $1"};
	bool done = true;
	for (size_t i = 0; done && i < sizeof removals / sizeof *removals; i++) {
		struct db_statement *remove = db_prepare(directory->db, removals[i]);
		db_bind_number(remove, 1, now);
		done = db_run(remove, error);
	}
	return done;
}

static bool is_any_spent(struct directory *directory, int64_t now, bool *any, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT 1 FROM access_token WHERE expires <= $1 UNION ALL SELECT 1 FROM oauth_code WHERE expires <= $1 LIMIT 1");
	db_bind_number(read, 1, now);
	enum db_step step = db_step(read, error);
	*any = step == DB_ROW;
	db_reset(read);
	return step != DB_FAILED;
}

/* Looked for without writing: mostly there is nothing. */
bool directory_credential_sweep(struct directory *directory, int64_t now, struct error *error)
{
	struct arena *arena = arena_new();
	struct slice *accounts;
	size_t count;
	bool any = false, done = list_over(directory, now, arena, &accounts, &count, error) && is_any_spent(directory, now, &any, error);
	if (done && (count > 0 || any) && (done = db_begin(directory->db, error)))
		done = directory_finish(directory, (count == 0 || remove_over(directory, now, accounts, count, error)) && remove_spent(directory, now, error), error);
	arena_free(&arena);
	return done;
}
