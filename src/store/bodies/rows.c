/* Bodies as rows, in pieces of PIECE_SIZE: no statement holds more than one of them. */
#include "base/memory.h"
#include "store/bodies/internal.h"
#include "store/db/db.h"

enum { PIECE_SIZE = 256 * 1024, PAGE = 500 };

static const char *const STEPS[] = {
	"CREATE TABLE body (id " DB_ID ", size BIGINT NOT NULL, hash " DB_BYTES " NOT NULL);"
	"CREATE TABLE piece (body BIGINT NOT NULL, number BIGINT NOT NULL, content " DB_BYTES " NOT NULL, PRIMARY KEY (body, number))",
};

static bool insert(struct db *db, const struct body *body, struct slice content, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "INSERT INTO body (id, size, hash) VALUES ($1, $2, $3)");
	db_bind_number(statement, 1, body->id);
	db_bind_number(statement, 2, (int64_t)body->size);
	db_bind_blob(statement, 3, slice_make((const char *)body->hash, BODY_HASH_SIZE));
	bool done = db_run(statement, error);
	for (int64_t number = 0; done && content.len > 0; number++) {
		statement = db_prepare(db, "INSERT INTO piece (body, number, content) VALUES ($1, $2, $3)");
		db_bind_number(statement, 1, body->id);
		db_bind_number(statement, 2, number);
		db_bind_blob(statement, 3, slice_sub(content, 0, PIECE_SIZE));
		done = db_run(statement, error);
		content = slice_skip(content, PIECE_SIZE);
	}
	return done;
}

static bool put_rows(void *state, const struct body *body, struct slice content, struct error *error)
{
	struct db *db = state;
	if (!db_begin_rows(db, error))
		return false;
	if (insert(db, body, content, error) && db_commit(db, error))
		return true;
	db_rollback(db);
	return false;
}

static bool is_there(struct db *db, const struct body *body, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "SELECT size FROM body WHERE id = $1 AND hash = $2");
	db_bind_number(statement, 1, body->id);
	db_bind_blob(statement, 2, slice_make((const char *)body->hash, BODY_HASH_SIZE));
	enum db_step step = db_step(statement, error);
	bool same = step == DB_ROW && (uint64_t)db_number(statement, 0) == body->size;
	db_reset(statement);
	if (step == DB_DONE)
		return error_set(error, ERROR_NOT_FOUND, "the body is missing");
	return step != DB_ROW ? false : same || error_set(error, ERROR_INVALID, "the body isn't as long as it should be");
}

/* The pieces, in order, without a gap, with what is wanted of each. */
static bool read_pieces(struct db *db, const struct body *body, uint64_t from, size_t count, struct buf *out, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "SELECT number, content FROM piece WHERE body = $1 AND number BETWEEN $2 AND $3 ORDER BY number");
	int64_t number = (int64_t)(from / PIECE_SIZE);
	enum db_step step = DB_DONE;
	db_bind_number(statement, 1, body->id);
	db_bind_number(statement, 2, number);
	db_bind_number(statement, 3, (int64_t)((from + count - 1) / PIECE_SIZE));
	size_t skipped = (size_t)(from % PIECE_SIZE);
	while (count > 0 && (step = db_step(statement, error)) == DB_ROW && db_number(statement, 0) == number) {
		struct slice part = slice_sub(db_blob(statement, 1), skipped, count);
		if (!buf_append(out, part)) {
			db_reset(statement);
			return error_set(error, ERROR_LIMIT, "there is no room for a part of a body");
		}
		count -= part.len;
		skipped = 0;
		number++;
	}
	db_reset(statement);
	return count == 0 || (step != DB_FAILED && error_set(error, ERROR_INVALID, "a piece of the body is missing"));
}

static bool get_rows(void *state, const struct body *body, uint64_t from, size_t count, struct buf *out, struct error *error)
{
	struct db *db = state;
	if (!is_there(db, body, error))
		return false;
	return count == 0 || read_pieces(db, body, from, count, out, error);
}

static bool remove_row(struct db *db, const struct body *body, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "DELETE FROM piece WHERE body = $1");
	db_bind_number(statement, 1, body->id);
	if (!db_run(statement, error))
		return false;
	statement = db_prepare(db, "DELETE FROM body WHERE id = $1");
	db_bind_number(statement, 1, body->id);
	return db_run(statement, error);
}

static bool remove_rows(void *state, const struct body *bodies, size_t count, struct error *error)
{
	struct db *db = state;
	if (!db_begin_rows(db, error))
		return false;
	bool done = true;
	for (size_t i = 0; done && i < count; i++)
		done = remove_row(db, &bodies[i], error);
	if (done && db_commit(db, error))
		return true;
	db_rollback(db);
	return false;
}

/* Reads the next page; *count of 0: there is none. */
static bool read_page(struct db *db, int64_t after, struct body page[PAGE], size_t *count, struct error *error)
{
	struct db_statement *statement = db_prepare(db, "SELECT id, size, hash FROM body WHERE id > $1 ORDER BY id LIMIT $2");
	enum db_step step = DB_DONE;
	db_bind_number(statement, 1, after);
	db_bind_number(statement, 2, PAGE);
	for (*count = 0; *count < PAGE && (step = db_step(statement, error)) == DB_ROW; ++*count) {
		struct slice hash = db_blob(statement, 2);
		page[*count] = (struct body){.id = db_number(statement, 0), .size = (uint64_t)db_number(statement, 1)};
		memcpy(page[*count].hash, hash.at, hash.len < BODY_HASH_SIZE ? hash.len : BODY_HASH_SIZE);
	}
	db_reset(statement);
	return step != DB_FAILED;
}

static bool list_rows(void *state, bodies_visit visit, void *context, struct error *error)
{
	struct body *page = memory_array(PAGE, sizeof *page);
	size_t count = 0;
	int64_t after = 0;
	bool done;
	while ((done = read_page(state, after, page, &count, error)) && count > 0) {
		for (size_t i = 0; done && i < count; i++)
			done = visit(context, &page[i], error);
		if (!done)
			break;
		after = page[count - 1].id;
	}
	free(page);
	return done;
}

/* A transaction leaves nothing that isn't finished. */
static bool clean_rows(void *state, int64_t before, struct error *error)
{
	(void)state, (void)before, (void)error;
	return true;
}

static void close_rows(void *state)
{
	struct db *db = state;
	db_close(&db);
}

struct bodies *bodies_open_rows(const char *place, struct error *error)
{
	static const struct bodies_driver driver = {put_rows, get_rows, remove_rows, list_rows, clean_rows, close_rows};
	struct db *db = db_open(place, &(struct db_options){.durability = DB_DURABLE_COMMIT, .create = true}, error);
	if (db && db_migrate(db, STEPS, sizeof STEPS / sizeof *STEPS, error))
		return bodies_new(&driver, db);
	db_close(&db);
	return NULL;
}
