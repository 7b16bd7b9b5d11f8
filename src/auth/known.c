/* See known.h. An entry's time is written anew once a day, so that who signs in again and again costs no writing. */
#include "auth/known.h"

#include <limits.h>
#include <unistd.h>

#include "auth/network.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/db/db.h"

enum { DAY = 24 * 3600, BUSY_MS = 100 /* nobody else has it open for long */ };

struct known {
	struct db *db;    /* NULL: it can't be opened */
	int64_t swept;    /* when old entries were last removed */
};

static const char *const schema[] = {
	"CREATE TABLE known (account TEXT NOT NULL, network TEXT NOT NULL, identity BIGINT NOT NULL, seen BIGINT NOT NULL,"
	" PRIMARY KEY (account, network))" DB_CLUSTERED ";"
	"CREATE INDEX known_seen ON known (seen);",
};

static void complain(const struct error *error)
{
	log_error("known.failed", log_text("reason", error->text));
}

static struct db *open_file(const char *path, struct error *error)
{
	struct db *db = db_open(path, &(struct db_options){.durability = DB_DURABLE_LATER, .create = true, .busy_timeout_ms = BUSY_MS}, error);
	if (db && !db_migrate(db, schema, sizeof schema / sizeof *schema, error))
		db_close(&db);
	return db;
}

static void remove_file(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char name[PATH_MAX + 8];
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(name, sizeof name, "%s%s", path, ends[i]);
		unlink(name);
	}
}

struct known *auth_known_open(const char *data)
{
	struct known *known = memory_new(sizeof *known);
	struct error error = {0};
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/directory", data);
	if (file_make_folders(path, 0700, &error)) {
		snprintf(path, sizeof path, "%s/directory/known.db", data);
		known->db = open_file(path, &error);
	}
	if (!known->db && error.kind == ERROR_INVALID) {
		complain(&error);
		remove_file(path);
		known->db = open_file(path, &error);
	}
	if (!known->db)
		complain(&error);
	return known;
}

void auth_known_close(struct known **known)
{
	if (!*known)
		return;
	db_close(&(*known)->db);
	free(*known);
	*known = NULL;
}

/* When the entry was last written; 0: there is none that holds. */
static int64_t seen(struct known *known, struct slice account, int64_t identity, struct slice network, struct error *error)
{
	struct db_statement *read = db_prepare(known->db, "SELECT seen FROM known WHERE account = $1 AND network = $2 AND identity = $3");
	db_bind_text(read, 1, account);
	db_bind_text(read, 2, network);
	db_bind_number(read, 3, identity);
	enum db_step step = db_step(read, error);
	int64_t when = step == DB_ROW ? db_number(read, 0) : 0;
	if (step == DB_FAILED)
		complain(error);
	db_reset(read);
	return when;
}

bool auth_known_has(struct known *known, struct slice account, int64_t identity, struct slice address, int64_t now)
{
	char text[NETWORK_TEXT_MAX];
	struct error error;
	if (!known->db || identity == 0)
		return false;
	return seen(known, account, identity, auth_network_text(address, text), &error) > now - (int64_t)KNOWN_DAYS * DAY;
}

static bool put(struct known *known, struct slice account, int64_t identity, struct slice network, int64_t now, struct error *error)
{
	struct db_statement *add = db_prepare(known->db, "INSERT INTO known (account, network, identity, seen) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (account, network) DO UPDATE SET identity = $3, seen = $4");
	db_bind_text(add, 1, account);
	db_bind_text(add, 2, network);
	db_bind_number(add, 3, identity);
	db_bind_number(add, 4, now);
	struct db_statement *forget = db_prepare(known->db, "DELETE FROM known WHERE account = $1 AND network NOT IN"
		" (SELECT network FROM known WHERE account = $1 ORDER BY seen DESC, network LIMIT $2)");
	db_bind_text(forget, 1, account);
	db_bind_number(forget, 2, KNOWN_PER_ACCOUNT);
	return db_run(add, error) && db_run(forget, error);
}

static bool sweep(struct known *known, int64_t now, struct error *error)
{
	if (now - known->swept < DAY)
		return true;
	known->swept = now;
	struct db_statement *forget = db_prepare(known->db, "DELETE FROM known WHERE seen < $1");
	db_bind_number(forget, 1, now - (int64_t)KNOWN_DAYS * DAY);
	return db_run(forget, error);
}

void auth_known_add(struct known *known, struct slice account, int64_t identity, struct slice address, int64_t now)
{
	char text[NETWORK_TEXT_MAX];
	struct error error = {0};
	if (!known->db || identity == 0)
		return;
	struct slice network = auth_network_text(address, text);
	if (seen(known, account, identity, network, &error) > now - DAY || error.kind != ERROR_NONE)
		return;
	if (!db_begin(known->db, &error)) {
		complain(&error);
		return;
	}
	bool done = put(known, account, identity, network, now, &error) && sweep(known, now, &error);
	if (done && db_commit(known->db, &error))
		return;
	db_rollback(known->db);
	complain(&error);
}
