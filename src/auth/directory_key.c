/* The private keys that domains' mail is signed with (DKIM). They are made here, and used here: what comes out is public, or a signature. */
#include "auth/directory_internal.h"

#include "base/clock.h"
#include "message/address.h"

/* A key's selector says when it was made, and tells the two of one day apart. */
static void name_selector(enum dkim_algorithm algorithm, int64_t now, char selector[SELECTOR_TEXT_MAX])
{
	struct tm parts;
	time_t moment = (time_t)now;
	char day[SELECTOR_TEXT_MAX] = "";
	if (gmtime_r(&moment, &parts))
		strftime(day, sizeof day, "%Y%m%d", &parts);
	snprintf(selector, SELECTOR_TEXT_MAX, "%.8s%c", day, algorithm == DKIM_RSA_SHA256 ? 'r' : 'e');
}

static bool insert_key(struct directory *directory, struct slice domain, const char *selector, struct slice pem, enum auth_key_state state, int64_t now,
		       struct error *error)
{
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO signing_key (domain, selector, pem, created, state, since) VALUES ($1, $2, $3, $4, $5, $4)"
		" ON CONFLICT DO NOTHING");
	db_bind_text(add, 1, domain);
	db_bind_text(add, 2, slice_of(selector));
	db_bind_text(add, 3, pem);
	db_bind_number(add, 4, now);
	db_bind_number(add, 5, state);
	if (!db_run(add, error))
		return false;
	return db_changes(directory->db) > 0 || error_set(error, ERROR_EXISTS, "%.*s has a key %s already", SLICE_ARG(domain), selector);
}

bool directory_add_key(struct directory *directory, struct slice domain, enum dkim_algorithm algorithm, const char *selector, enum auth_key_state state, int64_t now,
		       struct error *error)
{
	struct buf pem = BUF_SECRET(DKIM_PEM_MAX);
	bool done = dkim_key_make(algorithm, &pem, error) && insert_key(directory, domain, selector, buf_slice(&pem), state, now, error);
	buf_free(&pem);
	return done;
}

static bool make_key(struct directory *directory, struct slice domain, enum dkim_algorithm algorithm, int64_t now, struct error *error)
{
	char selector[SELECTOR_TEXT_MAX];
	name_selector(algorithm, now, selector);
	return directory_add_key(directory, domain, algorithm, selector, KEY_SIGNS, now, error);
}

static enum auth_found domain_has_keys(struct directory *directory, struct slice domain, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT 1 FROM signing_key WHERE domain = $1 LIMIT 1");
	db_bind_text(read, 1, domain);
	enum db_step step = db_step(read, error);
	db_reset(read);
	return step == DB_ROW ? FOUND_YES : step == DB_DONE ? FOUND_NO : FOUND_FAILED;
}

bool directory_make_keys(struct directory *directory, struct slice name, struct error *error)
{
	struct auth_domain_entry domain;
	int64_t now = clock_now();
	arena_reset(directory->scratch);
	if (!db_begin(directory->db, error))
		return false;
	bool done = directory_get_domain(directory, name, directory->scratch, &domain, error);
	enum auth_found there = done ? domain_has_keys(directory, domain.name, error) : FOUND_FAILED;
	done = there == FOUND_YES || (there == FOUND_NO && make_key(directory, domain.name, DKIM_RSA_SHA256, now, error) &&
				      make_key(directory, domain.name, DKIM_ED25519_SHA256, now, error));
	return directory_finish(directory, done, error);
}

bool directory_remove_keys(struct directory *directory, struct slice domain, struct error *error)
{
	struct db_statement *remove = db_prepare(directory->db, "DELETE FROM signing_key WHERE domain = $1");
	db_bind_text(remove, 1, domain);
	return db_run(remove, error);
}

/* What is public of a key. */
static bool describe(struct slice pem, struct arena *arena, struct auth_signing_key *key, struct error *error)
{
	struct buf record = BUF(DKIM_RECORD_MAX);
	enum dkim_algorithm algorithm = DKIM_RSA_SHA256;
	EVP_PKEY *private = dkim_key_read(pem, &algorithm, error);
	bool done = private && dkim_key_record(private, &record, error);
	key->ed25519 = algorithm == DKIM_ED25519_SHA256;
	key->record = arena_copy(arena, buf_slice(&record));
	dkim_key_free(&private);
	buf_free(&record);
	return done;
}

static bool fill_key(struct db_statement *row, struct arena *arena, struct auth_signing_key *key, struct error *error)
{
	struct slice pem = db_text(row, 1);
	key->selector = arena_copy(arena, db_text(row, 0));
	key->state = (enum auth_key_state)db_number(row, 2);
	key->since = db_number(row, 3);
	key->seen = db_number(row, 4);
	key->forgotten = pem.len == 0;
	if (!key->forgotten)
		return describe(pem, arena, key, error);
	key->record = arena_copy(arena, db_text(row, 5));
	return true;
}

static bool list_keys(struct db_statement *read, struct slice domain, struct arena *arena, struct auth_signing_key **list, size_t *count, struct error *error)
{
	struct auth_list keys = {.arena = arena, .size = sizeof **list};
	enum db_step step;
	bool done = true;
	db_bind_text(read, 1, domain_canonical(domain, arena));
	while ((step = db_step(read, error)) == DB_ROW && done && keys.count < AUTH_SIGNING_KEYS_MAX)
		done = fill_key(read, arena, directory_list_add(&keys), error);
	if (step == DB_ROW)
		db_reset(read);
	*list = (struct auth_signing_key *)(void *)keys.at;
	*count = keys.count;
	return done && step != DB_FAILED;
}

#define KEY_COLUMNS "SELECT selector, pem, state, since, seen, record FROM signing_key WHERE domain = $1"

bool directory_signing_keys(struct directory *directory, struct slice domain, struct arena *arena, struct auth_signing_key **list, size_t *count, struct error *error)
{
	return list_keys(db_prepare(directory->db, KEY_COLUMNS " AND state = 0 ORDER BY created DESC, selector DESC"), domain, arena, list, count, error);
}

bool directory_list_keys(struct directory *directory, struct slice domain, struct arena *arena, struct auth_signing_key **list, size_t *count, struct error *error)
{
	return list_keys(db_prepare(directory->db, KEY_COLUMNS " ORDER BY created DESC, selector DESC"), domain, arena, list, count, error);
}

/* Also with one that was retired a moment ago: a letter that is being signed meanwhile had found it. */
bool directory_sign(struct directory *directory, struct slice domain, struct slice selector, struct slice digest, struct buf *signature, struct error *error)
{
	enum dkim_algorithm algorithm;
	EVP_PKEY *key = NULL;
	struct db_statement *read = db_prepare(directory->db, "SELECT pem FROM signing_key WHERE domain = $1 AND selector = $2 AND state <> 1 AND pem <> ''");
	arena_reset(directory->scratch);
	db_bind_text(read, 1, domain_canonical(domain, directory->scratch));
	db_bind_text(read, 2, selector);
	enum db_step step = db_step(read, error);
	if (step == DB_ROW)
		key = dkim_key_read(db_text(read, 0), &algorithm, error);
	else if (step == DB_DONE)
		error_set(error, ERROR_NOT_FOUND, "%.*s has no key %.*s", SLICE_ARG(domain), SLICE_ARG(selector));
	db_reset(read);
	bool done = key && digest.len == DKIM_DIGEST_SIZE && dkim_key_sign(key, (const unsigned char *)digest.at, signature, error);
	dkim_key_free(&key);
	return done;
}
