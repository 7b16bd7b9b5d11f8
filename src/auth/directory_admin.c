/* Administrators: accounts that administer the server or their own domain, and keys by which programs do. Of a key its secret's hash is kept alone. */
#include "auth/directory_internal.h"
#include "auth/secret.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "message/address.h"

#define KEY_PREFIX "pombaladmin_"

enum auth_rank directory_rank(int64_t column)
{
	return column == RANK_SERVER ? RANK_SERVER : column == RANK_DOMAIN ? RANK_DOMAIN : RANK_NONE;
}

/* ---- By a session ---- */

/* What is administered is read with each call, so that a right that was taken away is gone at once. */
static bool find_rank(struct directory *directory, struct arena *arena, struct auth_administrator *out, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT administrator, domain FROM account WHERE name = $1");
	db_bind_text(read, 1, out->who);
	enum db_step step = db_step(read, error);
	if (step != DB_ROW)
		return step == DB_DONE;
	out->rank = directory_rank(db_number(read, 0));
	if (out->rank == RANK_DOMAIN)
		out->domain = arena_copy(arena, db_text(read, 1));
	db_reset(read);
	return true;
}

bool directory_administrator_by_session(struct directory *directory, struct slice token, int64_t used_since, struct arena *arena, struct auth_administrator *out, struct error *error)
{
	struct auth_web_session session;
	*out = (struct auth_administrator){.who = SLICE(""), .domain = SLICE("")};
	if (!directory_web_find(directory, token, used_since, arena, &session, error))
		return false;
	if (session.id == 0)
		return true;
	out->who = session.account;
	out->proved = session.proved;
	return find_rank(directory, arena, out, error);
}

/* ---- By a key ---- */

bool directory_administrator_by_key(struct directory *directory, struct slice key, int64_t now, struct arena *arena, struct auth_administrator *out, int64_t *id, int64_t *used, struct error *error)
{
	char hash[AUTH_SECRET_HASH_SIZE];
	*out = (struct auth_administrator){.who = SLICE(""), .key = true, .domain = SLICE("")};
	struct db_statement *read = db_prepare(directory->db, "SELECT id, name, domain, reads, used FROM admin_key WHERE secret = $1 AND (expires = 0 OR expires > $2)");
	db_bind_blob(read, 1, auth_secret_hash(key, hash));
	db_bind_number(read, 2, now);
	enum db_step step = db_step(read, error);
	if (step != DB_ROW)
		return step == DB_DONE;
	*id = db_number(read, 0);
	out->who = arena_copy(arena, db_text(read, 1));
	out->domain = arena_copy(arena, db_text(read, 2));
	out->rank = out->domain.len > 0 ? RANK_DOMAIN : RANK_SERVER;
	out->reads = db_number(read, 3) != 0;
	*used = db_number(read, 4);
	db_reset(read);
	return true;
}

bool directory_admin_key_use(struct directory *directory, int64_t id, int64_t now, struct error *error)
{
	struct db_statement *set = db_prepare(directory->db, "UPDATE admin_key SET used = $2 WHERE id = $1");
	db_bind_number(set, 1, id);
	db_bind_number(set, 2, now);
	return db_run(set, error);
}

/* ---- Making, listing and removing them ---- */

static bool check_domain(struct directory *directory, struct auth_admin_key *key, struct error *error)
{
	struct auth_domain_entry domain;
	if (key->domain.len == 0)
		return true;
	if (!directory_get_domain(directory, key->domain, directory->scratch, &domain, error))
		return false;
	key->domain = domain.name;
	return domain.alias_of.len == 0 || error_set(error, ERROR_INVALID, "%.*s is an alias of %.*s: make a key for that", SLICE_ARG(domain.name), SLICE_ARG(domain.alias_of));
}

static bool check_count(struct directory *directory, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT COUNT(*) FROM admin_key");
	if (db_step(read, error) != DB_ROW)
		return false;
	int64_t count = db_number(read, 0);
	db_reset(read);
	return count < AUTH_ADMIN_KEYS_MAX || error_set(error, ERROR_LIMIT, "there are %d keys already: remove some", AUTH_ADMIN_KEYS_MAX);
}

static bool insert_key(struct directory *directory, struct auth_admin_key *key, const char *text, struct error *error)
{
	char hash[AUTH_SECRET_HASH_SIZE];
	if (!check_domain(directory, key, error) || !check_count(directory, error))
		return false;
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO admin_key (id, secret, name, domain, reads, created, used, expires)"
		" VALUES ($1, $2, $3, $4, $5, $6, 0, $7) ON CONFLICT DO NOTHING");
	key->id = id_new();
	key->created = clock_now();
	db_bind_number(add, 1, key->id);
	db_bind_blob(add, 2, auth_secret_hash(slice_of(text), hash));
	db_bind_text(add, 3, key->name);
	db_bind_text(add, 4, key->domain);
	db_bind_number(add, 5, key->reads);
	db_bind_number(add, 6, key->created);
	db_bind_number(add, 7, key->expires);
	if (!db_run(add, error))
		return false;
	return db_changes(directory->db) > 0 || error_set(error, ERROR_EXISTS, "there is a key named %.*s already", SLICE_ARG(key->name));
}

bool directory_admin_key_add(struct directory *directory, struct auth_admin_key *key, char text[AUTH_ADMIN_KEY_SIZE + 1], struct error *error)
{
	memcpy(text, KEY_PREFIX, sizeof KEY_PREFIX);
	auth_secret_make(text + sizeof KEY_PREFIX - 1);
	arena_reset(directory->scratch);
	bool done = auth_credential_is_name(key->name) ||
		    error_set(error, ERROR_INVALID, "a name of 1 to %d bytes is needed, without control characters", AUTH_CREDENTIAL_NAME_MAX);
	done = done && db_begin(directory->db, error);
	done = done && directory_finish(directory, insert_key(directory, key, text, error), error);
	if (!done)
		memory_wipe(text, AUTH_ADMIN_KEY_SIZE + 1);
	return done;
}

bool directory_admin_key_list(struct directory *directory, struct arena *arena, struct auth_admin_key **list, size_t *count, struct error *error)
{
	struct auth_list keys = {.arena = arena, .size = sizeof **list};
	struct db_statement *read = db_prepare(directory->db, "SELECT id, name, domain, reads, created, used, expires FROM admin_key ORDER BY name");
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW)
		*(struct auth_admin_key *)directory_list_add(&keys) = (struct auth_admin_key){
			.id = db_number(read, 0), .name = arena_copy(arena, db_text(read, 1)), .domain = arena_copy(arena, db_text(read, 2)),
			.reads = db_number(read, 3) != 0, .created = db_number(read, 4), .used = db_number(read, 5), .expires = db_number(read, 6),
		};
	*list = (struct auth_admin_key *)(void *)keys.at;
	*count = keys.count;
	return step == DB_DONE;
}

bool directory_admin_key_remove(struct directory *directory, int64_t id, struct error *error)
{
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM admin_key WHERE id = $1");
	db_bind_number(remove, 1, id);
	if (!db_run(remove, error))
		return false;
	return db_changes(directory->db) > 0 || error_set(error, ERROR_NOT_FOUND, "there is no such key");
}

bool directory_admin_keys_forget(struct directory *directory, struct slice domain, struct error *error)
{
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM admin_key WHERE domain = $1");
	db_bind_text(remove, 1, domain);
	return db_run(remove, error);
}
