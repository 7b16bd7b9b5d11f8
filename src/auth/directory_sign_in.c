/* Who is meant by a name at sign-in, and what is known of the account's password; for a name that nobody has, a decoy. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/directory_internal.h"
#include "auth/password.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "message/address.h"

static bool is_account(struct directory *directory, struct slice name)
{
	bool enabled;
	return directory_find_account(directory, name, &enabled, NULL) == FOUND_YES;
}

/* The one account with this local part; empty if there are none or several. */
static struct slice only_account(struct directory *directory, struct slice local, struct arena *arena)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT name FROM account WHERE local = $1 LIMIT 2");
	db_bind_text(read, 1, local);
	struct slice name = db_step(read, NULL) == DB_ROW ? arena_copy(arena, db_text(read, 0)) : SLICE("");
	if (!slice_empty(name) && db_step(read, NULL) != DB_DONE)
		name = SLICE("");
	db_reset(read);
	return name;
}

/* The canonical name; an address of a domain alias is the domain's own. */
static struct slice own_name(struct directory *directory, struct slice name, struct arena *arena)
{
	struct slice local, domain, own, catch_all, canonical = address_canonical(name, arena);
	address_split(canonical, &local, &domain);
	if (directory_find_domain(directory, domain, arena, &own, &catch_all, NULL) == FOUND_YES && !slice_equal(own, domain))
		canonical = arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(own));
	return canonical;
}

/* The account of the default domain, or the only one of that name. A name that nobody has, or several, stays without a domain, which
 * is no account's name. */
static struct slice name_with_domain(struct directory *directory, struct slice bare, struct arena *arena)
{
	const char *given = config_current()->default_domain;
	struct slice local, domain, name = own_name(directory, arena_printf(arena, "%.*s@%s", SLICE_ARG(bare), *given ? given : "localhost"), arena);
	bool of_default = *given && is_account(directory, name);
	address_split(name, &local, &domain);
	struct slice only = only_account(directory, local, arena);
	if (of_default)
		return name;
	return slice_empty(only) ? local : only;
}

struct slice directory_sign_in_name(struct directory *directory, struct slice name, struct arena *arena)
{
	if (slice_empty(name) || name.len > ADDRESS_MAX || !slice_is_utf8(name) || slice_find_char(name, '\0') != SLICE_NONE)
		return SLICE("");
	return slice_find_char(name, '@') == SLICE_NONE ? name_with_domain(directory, name, arena) : own_name(directory, name, arena);
}

/* ---- Decoys: nobody must learn from an answer, or from the time it takes, whether an account exists (RFC 5802 §9) ---- */

/* Always the same number below `limit` for this name and purpose; nobody else can tell which. */
static uint64_t draw(struct directory *directory, const char *purpose, struct slice name, uint64_t limit)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = sizeof mac;
	uint64_t number = 0;
	struct slice text = arena_printf(directory->scratch, "%s %.*s", purpose, SLICE_ARG(name));
	HMAC(EVP_sha256(), directory->decoy_key, sizeof directory->decoy_key, (const unsigned char *)text.at, text.len, mac, &len);
	memcpy(&number, mac, sizeof number);
	return limit > 0 ? number % limit : 0;
}

/* How many accounts have a password, and how many of them an imported hash; counted anew when the directory has changed. */
static void count_hashes(struct directory *directory)
{
	int64_t now = db_version(directory->db);
	if (directory->counted && directory->counted_version == now)
		return;
	struct db_statement *read = db_prepare(directory->db, "SELECT (SELECT COUNT(*) FROM account WHERE imported <> 0),"
		" (SELECT COUNT(*) FROM account WHERE password <> '')");
	if (db_step(read, NULL) == DB_ROW) {
		directory->imported_count = (uint64_t)db_number(read, 0);
		directory->password_count = (uint64_t)db_number(read, 1);
		directory->counted = true;
		directory->counted_version = now;
	}
	db_reset(read);
}

/* An unknown name costs what some account costs, always the same one: as many of them as of the accounts are checked against an
 * imported hash. Sorted by the hash, since one that is replaced by our own then hardly moves the others to another kind. */
static void imitate_imported(struct directory *directory, struct slice name, struct arena *arena, struct auth_credentials *credentials)
{
	count_hashes(directory);
	uint64_t which = draw(directory, "cost", name, directory->password_count);
	if (which >= directory->imported_count)
		return;
	struct db_statement *read = db_prepare(directory->db, "SELECT password, scram_iterations, length(scram_salt) FROM account WHERE imported <> 0"
		" ORDER BY password LIMIT 1 OFFSET $1");
	db_bind_number(read, 1, (int64_t)which);
	if (db_step(read, NULL) == DB_ROW) {
		credentials->imported = true;
		credentials->password = arena_copy(arena, db_text(read, 0));
		if (db_number(read, 1) > 0) {
			credentials->iterations = db_number(read, 1);
			credentials->salt.len = (size_t)db_number(read, 2);
		}
	}
	db_reset(read);
}

/* The salt of an unknown name is always the same. */
static void make_decoy(struct directory *directory, struct slice name, struct arena *arena, struct auth_credentials *credentials)
{
	unsigned char salt[SCRAM_KEY_SIZE];
	unsigned salt_len = sizeof salt;
	char *encoded = arena_alloc(arena, ENCODED_HASH_MAX), *key = arena_alloc(arena, SCRAM_KEY_SIZE);
	HMAC(EVP_sha256(), directory->decoy_key, sizeof directory->decoy_key, (const unsigned char *)name.at, name.len, salt, &salt_len);
	password_decoy(encoded);
	random_bytes(key, SCRAM_KEY_SIZE);
	*credentials = (struct auth_credentials){.account = name, .password = slice_of(encoded), .scram = true, .iterations = SCRAM_ITERATIONS,
		.salt = arena_copy(arena, slice_make((const char *)salt, sizeof salt)),
		.stored_key = slice_make(key, SCRAM_KEY_SIZE), .server_key = slice_make(key, SCRAM_KEY_SIZE)};
	credentials->salt.len = SCRAM_SALT_SIZE;
}

static void fill_credentials(struct db_statement *row, struct arena *arena, struct auth_credentials *credentials)
{
	credentials->known = true;
	credentials->version = db_number(row, 0);
	credentials->password = arena_copy(arena, db_text(row, 1));
	credentials->identity = db_number(row, 6);
	credentials->imported = db_number(row, 7) != 0;
	if (db_number(row, 2) == 0) /* SCRAM goes on with the decoy's, and fails as for an unknown name */
		return;
	credentials->iterations = db_number(row, 2);
	credentials->salt = arena_copy(arena, db_blob(row, 3));
	credentials->stored_key = arena_copy(arena, db_blob(row, 4));
	credentials->server_key = arena_copy(arena, db_blob(row, 5));
}

bool directory_credentials(struct directory *directory, struct slice account, struct arena *arena, struct auth_credentials *credentials, struct error *error)
{
	account = arena_copy(arena, account);
	arena_reset(directory->scratch);
	make_decoy(directory, account, arena, credentials);
	struct db_statement *read = db_prepare(directory->db, "SELECT version, password, scram_iterations, scram_salt, scram_stored_key,"
		" scram_server_key, identity, imported FROM account WHERE name = $1 AND enabled <> 0 AND password <> ''");
	db_bind_text(read, 1, account);
	enum db_step step = db_step(read, error);
	if (step == DB_ROW)
		fill_credentials(read, arena, credentials);
	else if (step == DB_DONE)
		imitate_imported(directory, account, arena, credentials);
	db_reset(read);
	return step != DB_FAILED;
}

/* In one transaction, since beginning one costs more than reading a row. */
bool directory_sign_in_facts(struct directory *directory, struct slice name, struct arena *arena, struct sign_in_facts *facts, struct error *error)
{
	if (!db_begin_read(directory->db, error))
		return false;
	facts->account = directory_sign_in_name(directory, name, arena);
	bool done = directory_identity(directory, facts->account, &facts->identity, &facts->why, error) &&
		    directory_credentials(directory, facts->account, arena, &facts->credentials, error);
	db_rollback(directory->db);
	return done;
}
