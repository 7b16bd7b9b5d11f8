/* Opening the index, and what it knows of itself. */
#include <limits.h>
#include <unistd.h>

#include "base/memory.h"

#include "store/search/internal.h"

enum {
	WORN_PART = 2,       /* an index is worn when this part of it has gone, … */
	WORN_LEAST = 1000,   /* … and at least so many */
	CACHE_KIB = 512,
};

const char *const search_columns[QUERY_COLUMNS] = {"sender", "recipient", "copied", "hidden", "subject", "body", "name", "attached"};

static const char *const schema[] = {
	"CREATE TABLE state (version BIGINT NOT NULL, incarnation BIGINT NOT NULL, modseq BIGINT NOT NULL, next BIGINT NOT NULL, removed BIGINT NOT NULL,"
	" purged BIGINT NOT NULL);"
	"CREATE TABLE gone (doc " DB_ID ", at BIGINT NOT NULL);"
	"CREATE TABLE waiting (message " DB_ID ");"
	"CREATE TABLE document (doc " DB_ID ", message BIGINT NOT NULL UNIQUE, whole BIGINT NOT NULL);"
	"CREATE INDEX document_not_whole ON document (doc) WHERE whole = 0;"
	/* Pending tokens of a transaction are kept in memory up to that size: fewer and larger pieces, so less merging. */
	"CREATE VIRTUAL TABLE word USING fts5(sender, recipient, copied, hidden, subject, body, name, attached, content='', columnsize=0, tokenize='ready');"
	"INSERT INTO word (word, rank) VALUES ('hashsize', 8388608);"
	"CREATE VIRTUAL TABLE gram USING fts5(content_grams, content='', columnsize=0, detail=none, tokenize='ready');"
	"INSERT INTO gram (gram, rank) VALUES ('hashsize', 8388608);"
	"CREATE TABLE shown (message " DB_ID ", attachment BIGINT NOT NULL, sent BIGINT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL);"
	"CREATE INDEX shown_sender ON shown (sender, message);"
	"CREATE INDEX shown_recipient ON shown (recipient, message);"
	"CREATE INDEX shown_subject ON shown (subject, message);",
};

static bool begin_state(struct search *search, int64_t incarnation, struct error *error)
{
	struct db_statement *s = search_prepare(search,
		"INSERT INTO state (version, incarnation, modseq, next, removed, purged) SELECT $2, $1, 0, 1, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM state)", incarnation);
	db_bind_number(s, 2, SEARCH_VERSION);
	return db_run(s, error);
}

static bool check_state(struct search *search, int64_t incarnation, struct error *error)
{
	struct db_statement *s = db_prepare(search->db, "SELECT version, incarnation FROM state");
	enum db_step step = db_step(s, error);
	bool ours = step == DB_ROW && db_number(s, 0) == SEARCH_VERSION && db_number(s, 1) == incarnation;
	db_reset(s);
	return ours || (step != DB_FAILED && error_set(error, ERROR_INVALID, "the index is of another version, or of another account"));
}

struct search *search_open(const char *path, int64_t incarnation, bool create, struct error *error)
{
	struct db *db = db_open(path, &(struct db_options){.durability = DB_DURABLE_LATER, .create = create, .cache_kib = CACHE_KIB}, error);
	if (!db)
		return NULL;
	struct search *search = memory_new(sizeof *search);
	search->db = db;
	if (db_exec(db, "PRAGMA secure_delete = ON", error) && search_register_tokens(db, error) && db_migrate(db, schema, sizeof schema / sizeof *schema, error) &&
	    (!create || begin_state(search, incarnation, error)) && check_state(search, incarnation, error))
		return search;
	search_close(&search);
	return NULL;
}

void search_close(struct search **search)
{
	if (!*search)
		return;
	db_close(&(*search)->db);
	free(*search);
	*search = NULL;
}

bool search_moved(const struct search *search) { return db_moved(search->db); }

void search_unlink(const char *path)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	char file[PATH_MAX];
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (snprintf(file, sizeof file, "%s%s", path, endings[i]) < PATH_MAX)
			unlink(file);
}

bool search_begin(struct search *search, bool change, struct error *error)
{
	return change ? db_begin(search->db, error) : db_begin_read(search->db, error);
}

bool search_end(struct search *search, bool done, struct error *error)
{
	if (done)
		return db_commit(search->db, error);
	db_rollback(search->db);
	return false;
}

bool search_read_state(struct search *search, struct search_state *state, struct error *error)
{
	struct db_statement *s = db_prepare(search->db, "SELECT incarnation, modseq, removed, next - 1 - removed - purged, EXISTS (SELECT 1 FROM waiting),"
						 " COALESCE((SELECT at FROM gone ORDER BY doc LIMIT 1), 0) FROM state");
	enum db_step step = db_step(s, error);
	if (step == DB_ROW)
		*state = (struct search_state){.incarnation = db_number(s, 0), .modseq = db_number(s, 1), .removed = db_number(s, 2),
					       .documents = db_number(s, 3), .waiting = db_number(s, 4) != 0,
					       .removed_at = db_number(s, 5)};
	db_reset(s);
	return step == DB_ROW || (step == DB_DONE && error_set(error, ERROR_INVALID, "the index has lost its state"));
}

bool search_set_modseq(struct search *search, int64_t modseq, struct error *error)
{
	return db_run(search_prepare(search, "UPDATE state SET modseq = $1", modseq), error);
}

bool search_is_worn(const struct search_state *state)
{
	return state->removed >= WORN_LEAST && state->removed > (state->documents + state->removed) / WORN_PART;
}
