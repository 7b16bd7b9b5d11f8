/* Passwords that come from another server as hashes. What was imported is remembered in the column `origin`, so that importing the same
 * again doesn't bring an old password back: as a SHA-256 of the hash where that has a salt, which nobody can guess, else as an
 * Argon2id hash of it, lest the weaker hash live on beside our own. */
#include <openssl/sha.h>

#include "auth/directory_internal.h"
#include "auth/password.h"
#include "auth/scheme.h"
#include "base/memory.h"

static const char sha256_origin[] = "sha256:";

static void put_sha256(char origin[ENCODED_HASH_MAX], struct slice text)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct buf out = BUF(ENCODED_HASH_MAX - 1);
	SHA256((const unsigned char *)text.at, text.len, digest);
	buf_append_text(&out, sha256_origin);
	for (size_t i = 0; i < sizeof digest; i++)
		buf_printf(&out, "%02x", digest[i]);
	memcpy(origin, out.at, out.len);
	origin[out.len] = '\0';
	buf_free(&out);
}

static bool make_origin(const struct auth_scheme_hash *hash, struct slice text, char origin[ENCODED_HASH_MAX])
{
	if (!hash->salted)
		return password_hash(text, origin);
	put_sha256(origin, text);
	return true;
}

static bool is_origin(const char *origin, const struct auth_scheme_hash *hash, struct slice text)
{
	char same[ENCODED_HASH_MAX];
	if (!hash->salted)
		return slice_starts(slice_of(origin), SLICE("$argon2")) && password_verify(slice_of(origin), text);
	put_sha256(same, text);
	return slice_equal(slice_of(origin), slice_of(same));
}

static bool put_clear(struct directory *directory, struct slice name, struct slice password, struct error *error)
{
	struct buf prepared = BUF_SECRET(4 * PASSWORD_MAX);
	struct password_keys keys;
	bool done = false;
	if (!password_prepare(password, &prepared))
		error_set(error, ERROR_INVALID, "the password is too long, not UTF-8, or holds control characters");
	else if (!password_derive(buf_slice(&prepared), SLICE(""), &keys))
		error_set(error, ERROR_TEMPORARY, "the password can't be hashed now");
	else
		done = directory_put_password(directory, name, SLICE(""), &keys, slice_of(keys.encoded), error);
	memory_wipe(&keys, sizeof keys);
	buf_free(&prepared);
	return done;
}

static bool put_hash(struct directory *directory, struct slice name, const struct auth_scheme_hash *hash, struct slice text, struct error *error)
{
	struct password_keys keys = {.scram_iterations = 0};
	char origin[ENCODED_HASH_MAX];
	if (hash->kind == SCHEME_SCRAM) {
		keys.scram_iterations = hash->rounds;
		keys.salt_size = hash->salt.len;
		memcpy(keys.salt, hash->salt.at, hash->salt.len);
		memcpy(keys.stored_key, hash->digest.at, SCRAM_KEY_SIZE);
		memcpy(keys.server_key, hash->digest.at + SCRAM_KEY_SIZE, SCRAM_KEY_SIZE);
	}
	bool done = make_origin(hash, text, origin) || error_set(error, ERROR_TEMPORARY, "the hash can't be kept now");
	done = done && directory_put_password(directory, name, hash->kind == SCHEME_ARGON2 ? buf_slice(&hash->text) : text, &keys, slice_of(origin), error);
	memory_wipe(&keys, sizeof keys);
	return done;
}

bool directory_set_hash(struct directory *directory, struct slice name, struct slice text, directory_password_check *good, struct error *error)
{
	struct auth_scheme_hash hash;
	arena_reset(directory->scratch);
	bool done = auth_scheme_read(text, &hash, error);
	if (done && hash.kind == SCHEME_CLEAR)
		done = (!good || good(buf_slice(&hash.text), name, error)) && put_clear(directory, name, buf_slice(&hash.text), error);
	else if (done)
		done = put_hash(directory, name, &hash, text, error);
	auth_scheme_free(&hash);
	return done;
}

/* The word that a clear password was hashed from when it was set. */
static bool is_clear_origin(const char *origin, const struct auth_scheme_hash *hash)
{
	struct buf prepared = BUF_SECRET(4 * PASSWORD_MAX);
	bool same = password_prepare(buf_slice(&hash->text), &prepared) && is_origin(origin, hash, buf_slice(&prepared));
	buf_free(&prepared);
	return same;
}

bool directory_has_hash(struct directory *directory, struct slice name, struct slice text, bool *same, struct error *error)
{
	struct auth_scheme_hash hash;
	struct auth_account_entry account;
	char origin[ENCODED_HASH_MAX] = "";
	arena_reset(directory->scratch);
	if (!directory_get_account(directory, name, directory->scratch, &account, error))
		return false;
	struct db_statement *read = db_prepare(directory->db, "SELECT origin FROM account WHERE name = $1");
	db_bind_text(read, 1, account.name);
	enum db_step step = db_step(read, error);
	if (step == DB_ROW && db_text(read, 0).len < sizeof origin)
		memcpy(origin, db_text(read, 0).at, db_text(read, 0).len);
	db_reset(read);
	bool done = step == DB_ROW && auth_scheme_read(text, &hash, error);
	if (done)
		*same = hash.kind == SCHEME_CLEAR ? is_clear_origin(origin, &hash) : is_origin(origin, &hash, text);
	if (step == DB_ROW)
		auth_scheme_free(&hash);
	return done;
}

bool directory_is_hash(struct slice text)
{
	return auth_scheme_is_hash(text);
}
