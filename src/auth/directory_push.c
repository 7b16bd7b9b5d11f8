/* The keys by which push services know this server (VAPID, RFC 8292): one is used, which is made when it is first needed; those before it go on signing for the
 * subscriptions that were made with them, for a while (RFC 9749 §5), and are then forgotten. */
#include "auth/directory_internal.h"

#include <string.h>

#include "base/memory.h"
#include "base/random.h"

static bool take_bytes(struct slice value, unsigned char *out, size_t size)
{
	if (value.len == size)
		memcpy(out, value.at, size);
	return value.len == size;
}

/* *there: is there such a one? id 0: the one that is used. */
static bool read_key(struct directory *directory, int64_t id, struct directory_push_key *key, bool *there, struct error *error)
{
	struct db_statement *read = db_prepare(directory->db, "SELECT id, secret, point, created, retired FROM push_key WHERE id = $1 OR ($1 = 0 AND retired = 0)");
	db_bind_number(read, 1, id);
	enum db_step step = db_step(read, error);
	*there = step == DB_ROW;
	if (!*there)
		return step == DB_DONE;
	*key = (struct directory_push_key){.id = db_number(read, 0), .created = db_number(read, 3), .retired = db_number(read, 4)};
	bool whole = take_bytes(db_blob(read, 1), key->key.private, sizeof key->key.private) && take_bytes(db_blob(read, 2), key->key.public, sizeof key->key.public);
	db_reset(read);
	return whole || error_set(error, ERROR_INVALID, "the directory is damaged: a push key has another size");
}

static bool add_key(struct directory *directory, int64_t now, struct error *error)
{
	struct webpush_key made;
	if (!webpush_key_make(&made, error))
		return false;
	struct db_statement *add = db_prepare(directory->db, "INSERT INTO push_key (id, secret, point, created, retired) VALUES ($1, $2, $3, $4, 0)");
	db_bind_number(add, 1, id_new());
	db_bind_blob(add, 2, slice_make((char *)made.private, sizeof made.private));
	db_bind_blob(add, 3, slice_make((char *)made.public, sizeof made.public));
	db_bind_number(add, 4, now);
	bool done = db_run(add, error);
	memory_wipe(&made, sizeof made);
	return done;
}

/* Two may look at the same time. */
static bool ensure_key(struct directory *directory, int64_t now, struct error *error)
{
	struct directory_push_key key;
	bool there = false;
	if (!db_begin(directory->db, error))
		return false;
	bool done = read_key(directory, 0, &key, &there, error) && (there || add_key(directory, now, error));
	memory_wipe(&key, sizeof key);
	return directory_finish(directory, done, error);
}

static bool is_over(const struct directory_push_key *key, int64_t now) { return key->retired != 0 && key->retired <= now - DIRECTORY_PUSH_KEY_SECONDS; }

bool directory_push_key(struct directory *directory, int64_t id, int64_t now, struct directory_push_key *key, struct error *error)
{
	bool there;
	if (!read_key(directory, id, key, &there, error))
		return false;
	if (!there && id == 0)
		return ensure_key(directory, now, error) && read_key(directory, 0, key, &there, error) && (there || error_set(error, ERROR_TEMPORARY, "there is no push key"));
	if (there && !is_over(key, now))
		return true;
	memory_wipe(key, sizeof *key);
	return error_set(error, ERROR_NOT_FOUND, "there is no such push key any more");
}

static bool retire(struct directory *directory, int64_t now, struct error *error)
{
	struct db_statement *old = db_prepare(directory->db, "UPDATE push_key SET retired = $1 WHERE retired = 0");
	db_bind_number(old, 1, now);
	struct db_statement *over = db_prepare(directory->db, "DELETE FROM push_key WHERE retired <> 0 AND retired <= $1");
	db_bind_number(over, 1, now - DIRECTORY_PUSH_KEY_SECONDS);
	return db_run(old, error) && db_run(over, error);
}

bool directory_push_key_renew(struct directory *directory, int64_t now, struct error *error)
{
	return db_begin(directory->db, error) && directory_finish(directory, retire(directory, now, error) && add_key(directory, now, error), error);
}
