/* Programs that were let in with OAuth: codes, and what they are exchanged for. A grant is a credential (directory_credential.c) whose secret is that of the
 * refresh token that counts. Each refreshing makes a new one; all of a grant begin with the same secret part, its family, so that a former one is known for
 * what it is: somebody has a copy, and the grant ends (RFC 9700 §4.14.2). */
#include "auth/directory_internal.h"
#include "auth/oauth_client.h"
#include "auth/secret.h"
#include "base/memory.h"
#include "base/random.h"

enum { ACCESS_TOKENS_MAX = 10 /* of a grant */ };

/* ---- Programs ---- */

bool directory_oauth_register(struct directory *directory, struct slice name, struct slice redirects, struct buf *id, struct error *error)
{
	return oauth_client_seal(directory->oauth_key, name, redirects, id) || error_set(error, ERROR_INVALID, "the name or the redirect URIs are too long");
}

bool directory_oauth_client(struct directory *directory, struct slice id, struct slice redirect, struct arena *arena, struct slice *name)
{
	struct slice redirects;
	return oauth_client_open(directory->oauth_key, id, arena, name, &redirects) && (redirect.len == 0 || oauth_client_has_redirect(redirects, redirect));
}

/* Short, for the tables: a program is the hash of its number. */
static struct slice client_key(struct slice id, char hash[AUTH_SECRET_HASH_SIZE], char text[2 * AUTH_SECRET_HASH_SIZE + 1])
{
	auth_secret_hash(id, hash);
	for (size_t i = 0; i < AUTH_SECRET_HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", (unsigned char)hash[i]);
	return slice_make(text, 2 * AUTH_SECRET_HASH_SIZE);
}
#define CLIENT_KEY(id) client_key((id), (char[AUTH_SECRET_HASH_SIZE]){0}, (char[2 * AUTH_SECRET_HASH_SIZE + 1]){0})
#define SECRET_HASH(text) auth_secret_hash((text), (char[AUTH_SECRET_HASH_SIZE]){0})

/* ---- Codes ---- */

static bool insert_code(struct directory *directory, const struct auth_oauth_request *request, struct slice code, int64_t now, struct error *error)
{
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO oauth_code (secret, client, redirect, challenge, account, identity, name, address, scopes, expires, credential)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)");
	db_bind_blob(add, 1, SECRET_HASH(code));
	db_bind_text(add, 2, CLIENT_KEY(request->client));
	db_bind_text(add, 3, request->redirect);
	db_bind_text(add, 4, request->challenge);
	db_bind_text(add, 5, request->account);
	db_bind_number(add, 6, request->identity);
	db_bind_text(add, 7, request->name);
	db_bind_text(add, 8, request->address);
	db_bind_number(add, 9, request->scopes);
	db_bind_number(add, 10, now + AUTH_CODE_SECONDS);
	return db_run(add, error);
}

bool directory_oauth_allow(struct directory *directory, const struct auth_oauth_request *request, int64_t now, char code[AUTH_WEB_TOKEN_SIZE + 1], struct error *error)
{
	auth_secret_make(code);
	if (!db_begin(directory->db, error))
		return false;
	return directory_finish(directory, insert_code(directory, request, slice_of(code), now, error), error);
}

/* What stands behind a code. */
struct code_row {
	struct slice redirect, challenge;
	struct auth_credential wanted;
	int64_t credential; /* what it was exchanged for; 0: nothing yet */
};

static bool read_code(struct directory *directory, const struct auth_oauth_exchange *exchange, int64_t now, struct arena *arena, struct code_row *row, bool *there, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT redirect, challenge, account, identity, name, address, scopes, credential FROM oauth_code"
		" WHERE secret = $1 AND client = $2 AND expires > $3");
	db_bind_blob(read, 1, SECRET_HASH(exchange->code));
	db_bind_text(read, 2, CLIENT_KEY(exchange->client));
	db_bind_number(read, 3, now);
	enum db_step step = db_step(read, error);
	*there = step == DB_ROW;
	if (*there) {
		row->redirect = arena_copy(arena, db_text(read, 0));
		row->challenge = arena_copy(arena, db_text(read, 1));
		row->wanted = (struct auth_credential){.kind = AUTH_GRANT, .account = arena_copy(arena, db_text(read, 2)), .identity = db_number(read, 3),
			.name = arena_copy(arena, db_text(read, 4)), .address = arena_copy(arena, db_text(read, 5)), .scopes = (unsigned)db_number(read, 6),
			.expires = now + AUTH_GRANT_SECONDS};
		row->credential = db_number(read, 7);
	}
	db_reset(read);
	return step != DB_FAILED;
}

/* ---- Tokens ---- */

/* So that a grant has no more than ACCESS_TOKENS_MAX of them, however often it is refreshed. */
static bool forget_oldest(struct directory *directory, int64_t credential, struct error *error)
{
	struct db_statement *forget = db_prepare(directory->db, "DELETE FROM access_token WHERE credential = $1 AND secret NOT IN"
		" (SELECT secret FROM access_token WHERE credential = $1 ORDER BY expires DESC, secret LIMIT $2)");
	db_bind_number(forget, 1, credential);
	db_bind_number(forget, 2, ACCESS_TOKENS_MAX - 1);
	return db_run(forget, error);
}

static bool insert_access(struct directory *directory, int64_t credential, unsigned scopes, int64_t now, struct auth_oauth_tokens *tokens, struct error *error)
{
	if (!forget_oldest(directory, credential, error))
		return false;
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO access_token (secret, credential, scopes, expires) VALUES ($1, $2, $3, $4)");
	auth_secret_make(tokens->access);
	tokens->scopes = scopes;
	db_bind_blob(add, 1, SECRET_HASH(slice_of(tokens->access)));
	db_bind_number(add, 2, credential);
	db_bind_number(add, 3, scopes);
	db_bind_number(add, 4, now + AUTH_ACCESS_SECONDS);
	return db_run(add, error);
}

static struct slice family_of(const char *refresh) { return slice_make(refresh, AUTH_SECRET_SIZE); }

/* So that there is room for one more. */
static bool forget_unused(struct directory *directory, struct slice account, struct error *error)
{
	struct db_statement *many = db_prepare(directory->db, "DELETE FROM credential WHERE account = $1 AND kind = $2 AND id NOT IN"
		" (SELECT id FROM credential WHERE account = $1 AND kind = $2 ORDER BY used DESC, id DESC LIMIT $3)");
	db_bind_text(many, 1, account);
	db_bind_number(many, 2, AUTH_GRANT);
	db_bind_number(many, 3, AUTH_CREDENTIALS_MAX - 1);
	return db_run(many, error) && (db_changes(directory->db) == 0 || directory_note_change(directory, account, error));
}

static bool spend_code(struct directory *directory, struct slice code, int64_t credential, struct error *error)
{
	struct db_statement *set = db_prepare(directory->db, "UPDATE oauth_code SET credential = $2 WHERE secret = $1");
	db_bind_blob(set, 1, SECRET_HASH(code));
	db_bind_number(set, 2, credential);
	return db_run(set, error);
}

static bool make_grant(struct directory *directory, const struct auth_oauth_exchange *exchange, struct code_row *row, int64_t now, struct auth_oauth_tokens *tokens, struct error *error)
{
	auth_secret_make(tokens->refresh);
	auth_secret_make(tokens->refresh + AUTH_SECRET_SIZE);
	struct slice secret = SECRET_HASH(slice_of(tokens->refresh)), family = SECRET_HASH(family_of(tokens->refresh));
	return forget_unused(directory, row->wanted.account, error) &&
	       directory_credential_insert(directory, &row->wanted, secret, family, CLIENT_KEY(exchange->client), error) &&
	       spend_code(directory, exchange->code, row->wanted.id, error) && insert_access(directory, row->wanted.id, row->wanted.scopes, now, tokens, error);
}

static bool deny(struct error *error, const char *why) { return error_set(error, ERROR_DENIED, "%s", why); }

/* A code that comes twice was stolen, by the one or by the other: what came of it ends (RFC 6749 §4.1.2). That is kept, whatever the caller hears. */
static bool exchange_code(struct directory *directory, const struct auth_oauth_exchange *exchange, int64_t now, struct arena *arena, struct auth_oauth_tokens *tokens, bool *keep, struct error *error)
{
	struct code_row row;
	bool there;
	size_t ended;
	*keep = true;
	if (!read_code(directory, exchange, now, arena, &row, &there, error))
		return false;
	if (there && row.credential != 0)
		return directory_credential_remove(directory, row.wanted.account, row.credential, &ended, error) && deny(error, "the code was used before");
	if (!there)
		return deny(error, "there is no such code");
	if (!slice_equal(row.redirect, exchange->redirect))
		return deny(error, "the redirect URI is another");
	if (!oauth_verifier_fits(exchange->verifier, row.challenge))
		return deny(error, "the verifier doesn't fit");
	*keep = false;
	return make_grant(directory, exchange, &row, now, tokens, error);
}

bool directory_oauth_exchange(struct directory *directory, const struct auth_oauth_exchange *exchange, int64_t now, struct auth_oauth_tokens *tokens, struct error *error)
{
	struct arena *arena = arena_new();
	struct error ignored;
	bool keep = false, done = db_begin(directory->db, error);
	if (done) {
		done = exchange_code(directory, exchange, now, arena, tokens, &keep, error);
		bool kept = directory_finish(directory, done || (keep && error->kind == ERROR_DENIED), done ? error : &ignored);
		done = done && kept;
	}
	arena_free(&arena);
	return done;
}

/* ---- Refreshing ---- */

struct grant_row { int64_t id; struct slice account; unsigned scopes; bool current; };

static bool read_grant(struct directory *directory, struct slice refresh, struct slice client, int64_t now, struct arena *arena, struct grant_row *row, bool *there, struct error *error)
{
	struct slice family = slice_sub(refresh, 0, AUTH_SECRET_SIZE);
	struct db_statement *read = db_prepare(directory->db, "SELECT c.id, c.account, c.scopes, c.secret FROM credential AS c"
		" JOIN account AS a ON a.name = c.account AND a.identity = c.identity AND a.enabled <> 0 WHERE c.family = $1 AND c.kind = $2 AND c.expires > $3 AND ($4 = '' OR c.client = $4)");
	db_bind_blob(read, 1, SECRET_HASH(family));
	db_bind_number(read, 2, AUTH_GRANT);
	db_bind_number(read, 3, now);
	db_bind_text(read, 4, client.len > 0 ? CLIENT_KEY(client) : SLICE(""));
	enum db_step step = db_step(read, error);
	*there = step == DB_ROW;
	if (*there)
		*row = (struct grant_row){db_number(read, 0), arena_copy(arena, db_text(read, 1)), (unsigned)db_number(read, 2), slice_equal(db_blob(read, 3), SECRET_HASH(refresh))};
	db_reset(read);
	return step != DB_FAILED;
}

static bool renew(struct directory *directory, const struct grant_row *row, struct slice refresh, unsigned scopes, int64_t now, struct auth_oauth_tokens *tokens, struct error *error)
{
	memcpy(tokens->refresh, refresh.at, AUTH_SECRET_SIZE);
	auth_secret_make(tokens->refresh + AUTH_SECRET_SIZE);
	struct db_statement *set = db_prepare(directory->db, "UPDATE credential SET secret = $2, used = $3, expires = $4 WHERE id = $1");
	db_bind_number(set, 1, row->id);
	db_bind_blob(set, 2, SECRET_HASH(slice_of(tokens->refresh)));
	db_bind_number(set, 3, now);
	db_bind_number(set, 4, now + AUTH_GRANT_SECONDS);
	return db_run(set, error) && insert_access(directory, row->id, scopes ? scopes : row->scopes, now, tokens, error);
}

static bool refresh_grant(struct directory *directory, struct slice refresh, struct slice client, unsigned scopes, int64_t now, struct arena *arena, struct auth_oauth_tokens *tokens, bool *keep,
			  struct error *error)
{
	struct grant_row row;
	bool there;
	size_t ended;
	*keep = true;
	if (!read_grant(directory, refresh, client, now, arena, &row, &there, error))
		return false;
	if (!there)
		return deny(error, "there is no such token");
	if (!row.current)
		return directory_credential_remove(directory, row.account, row.id, &ended, error) && deny(error, "the token was used before");
	*keep = false;
	if (scopes & ~row.scopes)
		return error_set(error, ERROR_INVALID, "more is wanted than was granted");
	return renew(directory, &row, refresh, scopes, now, tokens, error);
}

bool directory_oauth_refresh(struct directory *directory, struct slice refresh, struct slice client, unsigned scopes, int64_t now, struct auth_oauth_tokens *tokens, struct error *error)
{
	struct arena *arena = arena_new();
	struct error ignored;
	bool keep = false, done = (refresh.len == AUTH_REFRESH_SIZE || deny(error, "there is no such token")) && db_begin(directory->db, error);
	if (done) {
		done = refresh_grant(directory, refresh, client, scopes, now, arena, tokens, &keep, error);
		bool kept = directory_finish(directory, done || (keep && error->kind == ERROR_DENIED), done ? error : &ignored);
		done = done && kept;
	}
	arena_free(&arena);
	return done;
}

/* ---- Finding, and the end ---- */

bool directory_token_find(struct directory *directory, struct slice token, int64_t now, struct arena *arena, struct auth_credential *found, struct error *error)
{
	*found = (struct auth_credential){0};
	if (token.len != AUTH_WEB_TOKEN_SIZE) /* an app password may be said as a token, too */
		return directory_app_password_find(directory, SLICE(""), token, arena, found, error);
	struct db_statement *read = db_prepare(directory->db, "SELECT c.id, c.account, c.identity, c.name, t.scopes, c.scopes, c.used, c.expires FROM access_token AS t"
		" JOIN credential AS c ON c.id = t.credential JOIN account AS a ON a.name = c.account AND a.identity = c.identity AND a.enabled <> 0"
		" WHERE t.secret = $1 AND t.expires > $2 AND c.expires > $2");
	db_bind_blob(read, 1, SECRET_HASH(token));
	db_bind_number(read, 2, now);
	enum db_step step = db_step(read, error);
	if (step == DB_ROW)
		*found = (struct auth_credential){.id = db_number(read, 0), .kind = AUTH_GRANT, .account = arena_copy(arena, db_text(read, 1)), .identity = db_number(read, 2),
			.name = arena_copy(arena, db_text(read, 3)), .scopes = (unsigned)(db_number(read, 4) & db_number(read, 5)) & (AUTH_MAY_ALL & ~(unsigned)AUTH_MAY_MANAGE),
			.used = db_number(read, 6), .expires = db_number(read, 7)};
	db_reset(read);
	return step != DB_FAILED;
}

static bool revoke(struct directory *directory, struct slice token, int64_t now, struct arena *arena, struct error *error)
{
	struct grant_row row;
	bool there;
	size_t ended;
	if (token.len == AUTH_REFRESH_SIZE)
		return read_grant(directory, token, SLICE(""), now, arena, &row, &there, error) && (!there || directory_credential_remove(directory, row.account, row.id, &ended, error));
	struct auth_credential found;
	if (token.len != AUTH_WEB_TOKEN_SIZE || !directory_token_find(directory, token, now, arena, &found, error))
		return token.len != AUTH_WEB_TOKEN_SIZE;
	return found.id == 0 || directory_credential_remove(directory, found.account, found.id, &ended, error);
}

bool directory_oauth_revoke(struct directory *directory, struct slice token, int64_t now, struct error *error)
{
	struct arena *arena = arena_new();
	bool done = db_begin(directory->db, error) && directory_finish(directory, revoke(directory, token, now, arena, error), error);
	arena_free(&arena);
	return done;
}
