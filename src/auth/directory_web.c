/* Sessions of the web: who has signed in with a browser. What a browser keeps is a token that nobody can guess; here is its hash, so who reads the
 * directory can't be anybody. A session belongs to a sign-in's identity (auth.h): after a new password it is nobody's. */
#include "auth/directory_internal.h"
#include "auth/secret.h"
#include "base/memory.h"
#include "base/random.h"

/* Those that have rested too long, and of an account's the ones that were used last longest ago, so that there is room for one more: whoever has a
 * page open with one of these hears that the account has changed. */
static bool forget_old(struct directory *directory, struct slice account, int64_t used_since, struct error *error)
{
	struct db_statement *rested = db_prepare(directory->db, "DELETE FROM web_session WHERE used < $1");
	struct db_statement *many = db_prepare(directory->db, "DELETE FROM web_session WHERE account = $1 AND id NOT IN"
		" (SELECT id FROM web_session WHERE account = $1 ORDER BY used DESC, id DESC LIMIT $2)");
	db_bind_number(rested, 1, used_since);
	db_bind_text(many, 1, account);
	db_bind_number(many, 2, AUTH_WEB_SESSIONS_MAX - 1);
	if (!db_run(rested, error) || !db_run(many, error))
		return false;
	return db_changes(directory->db) == 0 || directory_note_change(directory, account, error);
}

static bool insert(struct directory *directory, const struct auth_web_session *session, struct slice hash, struct error *error)
{
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO web_session (id, token, account, identity, device, address, created, used, proved)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)");
	db_bind_number(add, 1, session->id);
	db_bind_blob(add, 2, hash);
	db_bind_text(add, 3, session->account);
	db_bind_number(add, 4, session->identity);
	db_bind_text(add, 5, session->device);
	db_bind_text(add, 6, session->address);
	db_bind_number(add, 7, session->created);
	db_bind_number(add, 8, session->proved);
	return db_run(add, error);
}

bool directory_web_begin(struct directory *directory, struct auth_web_session *session, int64_t used_since, char token[AUTH_WEB_TOKEN_SIZE + 1], struct error *error)
{
	char hash[AUTH_SECRET_HASH_SIZE];
	int64_t identity;
	const char *why;
	session->id = id_new();
	auth_secret_make(token);
	if (!db_begin(directory->db, error))
		return false;
	bool done = directory_identity(directory, session->account, &identity, &why, error) &&
		    ((identity != 0 && identity == session->identity) || error_set(error, ERROR_DENIED, "the account has changed since")) &&
		    forget_old(directory, session->account, used_since, error) && insert(directory, session, auth_secret_hash(slice_of(token), hash), error);
	done = directory_finish(directory, done, error);
	if (!done)
		memory_wipe(token, AUTH_WEB_TOKEN_SIZE + 1);
	return done;
}

#define SESSION_COLUMNS "id, account, identity, device, address, created, used, proved"

static void fill(struct db_statement *row, struct arena *arena, struct auth_web_session *session)
{
	*session = (struct auth_web_session){
		.id = db_number(row, 0), .account = arena_copy(arena, db_text(row, 1)), .identity = db_number(row, 2), .device = arena_copy(arena, db_text(row, 3)),
		.address = arena_copy(arena, db_text(row, 4)), .created = db_number(row, 5), .used = db_number(row, 6), .proved = db_number(row, 7),
	};
}

bool directory_web_find(struct directory *directory, struct slice token, int64_t used_since, struct arena *arena, struct auth_web_session *session, struct error *error)
{
	char hash[AUTH_SECRET_HASH_SIZE];
	int64_t identity = 0;
	const char *why;
	struct db_statement *read = db_prepare(directory->db, "SELECT " SESSION_COLUMNS " FROM web_session WHERE token = $1 AND used >= $2");
	*session = (struct auth_web_session){0};
	db_bind_blob(read, 1, auth_secret_hash(token, hash));
	db_bind_number(read, 2, used_since);
	enum db_step step = db_step(read, error);
	if (step != DB_ROW)
		return step == DB_DONE;
	fill(read, arena, session);
	db_reset(read);
	bool done = directory_identity(directory, session->account, &identity, &why, error);
	if (done && (identity == 0 || identity != session->identity))
		session->id = 0;
	return done;
}

bool directory_web_use(struct directory *directory, int64_t id, int64_t now, struct error *error)
{
	struct db_statement *set = db_prepare(directory->db, "UPDATE web_session SET used = $2 WHERE id = $1");
	db_bind_number(set, 1, id);
	db_bind_number(set, 2, now);
	return db_run(set, error);
}

bool directory_web_list(struct directory *directory, struct slice account, int64_t used_since, struct arena *arena, struct auth_web_session **list, size_t *count, struct error *error)
{
	struct auth_list sessions = {.arena = arena, .size = sizeof **list};
	struct db_statement *read = db_prepare(directory->db, "SELECT w.id, w.account, w.identity, w.device, w.address, w.created, w.used, w.proved FROM web_session AS w"
		" JOIN account AS a ON a.name = w.account AND a.identity = w.identity AND a.enabled <> 0"
		" WHERE ($1 = '' OR w.account = $1) AND w.used >= $2 ORDER BY w.account, w.used DESC, w.id DESC");
	db_bind_text(read, 1, account);
	db_bind_number(read, 2, used_since);
	enum db_step step;
	while ((step = db_step(read, error)) == DB_ROW)
		fill(read, arena, directory_list_add(&sessions));
	*list = (struct auth_web_session *)(void *)sessions.at;
	*count = sessions.count;
	return step == DB_DONE;
}

/* Whoever holds a connection open for it hears that the account has changed, and asks whether his session is among those that are left. */
static bool remove_sessions(struct directory *directory, struct slice account, int64_t id, size_t *count, struct error *error)
{
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM web_session WHERE account = $1 AND (CAST($2 AS BIGINT) = 0 OR id = $2)");
	db_bind_text(remove, 1, account);
	db_bind_number(remove, 2, id);
	if (!db_run(remove, error))
		return false;
	*count = (size_t)db_changes(directory->db);
	return *count == 0 || directory_note_change(directory, account, error);
}

bool directory_web_end(struct directory *directory, struct slice account, int64_t id, size_t *count, struct error *error)
{
	*count = 0;
	if (!db_begin(directory->db, error))
		return false;
	return directory_finish(directory, remove_sessions(directory, account, id, count, error), error);
}
