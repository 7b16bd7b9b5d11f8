/* See known.h. An entry's time is written anew once a day, so that who signs in again and again costs no writing; and as nobody else
 * writes to the file, what was read is kept, so that he costs no reading either. What other nodes have noted comes in between (known_spread.h). */
#include "auth/known.h"

#include <limits.h>
#include <unistd.h>

#include "auth/known_spread.h"
#include "auth/network.h"
#include "auth/recent.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/db/db.h"

enum {
	DAY = 24 * 3600,
	BUSY_MS = 100,      /* nobody else has it open for long */
	KEPT_MAX = 10000,   /* entries in memory */
	ENTRY_KEY_MAX = 640 /* bytes; longer ones are not kept */
};

struct known {
	struct db *db;    /* NULL: it can't be opened */
	int64_t swept;    /* when old entries were last removed */
	struct recent *kept; /* int64_t: when the entry was last written */
	struct known_spread *spread; /* NULL: there are no other nodes */
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
	return auth_known_open_in(data, "");
}

static struct known_spread *start_spread(const char *data, const char *storage)
{
	struct error error;
	char place[DB_PLACE_MAX];
	if (!*storage)
		return NULL;
	struct known_spread *spread = db_place(storage, data, "known", "", place, &error) ? auth_known_spread_start(place) : NULL;
	memory_wipe(place, sizeof place);
	return spread;
}

struct known *auth_known_open_in(const char *data, const char *storage)
{
	struct known *known = memory_new(sizeof *known);
	struct error error = {0};
	known->kept = auth_recent_new(KEPT_MAX, sizeof(int64_t), NULL);
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
	else
		known->spread = start_spread(data, storage);
	return known;
}

void auth_known_close(struct known **known)
{
	if (!*known)
		return;
	auth_known_spread_stop(&(*known)->spread);
	db_close(&(*known)->db);
	auth_recent_free(&(*known)->kept);
	free(*known);
	*known = NULL;
}

/* Empty if it is too long. */
static struct slice key_of(struct slice account, int64_t identity, struct slice network, char out[ENTRY_KEY_MAX])
{
	int len = snprintf(out, ENTRY_KEY_MAX, "%lld %.*s %.*s", (long long)identity, SLICE_ARG(network), SLICE_ARG(account));
	return slice_make(out, len > 0 && len < ENTRY_KEY_MAX ? (size_t)len : 0);
}

static void keep(struct known *known, struct slice key, int64_t when)
{
	if (when != 0 && !slice_empty(key))
		*(int64_t *)auth_recent_add(known->kept, key) = when;
}

static void forget_kept(struct known *known)
{
	auth_recent_free(&known->kept);
	known->kept = auth_recent_new(KEPT_MAX, sizeof(int64_t), NULL);
}

static int64_t read_seen(struct known *known, struct slice account, int64_t identity, struct slice network, struct error *error)
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

/* When the entry was last written; 0: there is none that holds. */
static int64_t seen(struct known *known, struct slice account, int64_t identity, struct slice network, struct error *error)
{
	char bytes[ENTRY_KEY_MAX];
	struct slice key = key_of(account, identity, network, bytes);
	const int64_t *kept = auth_recent_find(known->kept, key);
	if (kept)
		return *kept;
	int64_t when = read_seen(known, account, identity, network, error);
	keep(known, key, when);
	return when;
}

/* ---- What other nodes know ---- */

static bool forget_oldest(struct known *known, struct slice account, struct error *error)
{
	struct db_statement *forget = db_prepare(known->db, "DELETE FROM known WHERE account = $1 AND network NOT IN"
		" (SELECT network FROM known WHERE account = $1 ORDER BY seen DESC, network LIMIT $2)");
	db_bind_text(forget, 1, account);
	db_bind_number(forget, 2, KNOWN_PER_ACCOUNT);
	return db_run(forget, error);
}

/* *news: it wasn't known. */
static bool put_heard(struct known *known, const struct auth_known_entry *entry, bool *news, struct error *error)
{
	struct db_statement *add = db_prepare(known->db, "INSERT INTO known (account, network, identity, seen) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (account, network) DO UPDATE SET identity = excluded.identity, seen = excluded.seen WHERE excluded.seen > known.seen");
	db_bind_text(add, 1, entry->account);
	db_bind_text(add, 2, entry->network);
	db_bind_number(add, 3, entry->identity);
	db_bind_number(add, 4, entry->seen);
	if (!db_run(add, error))
		return false;
	bool changed = db_changes(known->db) > 0;
	*news |= changed;
	return !changed || forget_oldest(known, entry->account, error);
}

static void take_up(struct known *known)
{
	struct auth_known_entry *heard = known->spread ? auth_known_spread_hear(known->spread) : NULL, *next;
	struct error error;
	if (!heard)
		return;
	bool done = db_begin(known->db, &error), news = false;
	for (const struct auth_known_entry *entry = heard; done && entry; entry = entry->next)
		done = put_heard(known, entry, &news, &error);
	if (!done || !db_commit(known->db, &error)) {
		db_rollback(known->db);
		complain(&error);
	}
	if (news)
		forget_kept(known);
	for (; heard; heard = next) {
		next = heard->next;
		auth_known_entry_free(heard);
	}
}

bool auth_known_has(struct known *known, struct slice account, int64_t identity, struct slice address, int64_t now)
{
	char text[NETWORK_TEXT_MAX];
	struct error error;
	if (!known->db || identity == 0)
		return false;
	take_up(known);
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
	if (!db_run(add, error) || !forget_oldest(known, account, error))
		return false;
	if (db_changes(known->db) > 0)
		forget_kept(known);
	return true;
}

static bool sweep(struct known *known, int64_t now, struct error *error)
{
	if (now - known->swept < DAY)
		return true;
	known->swept = now;
	struct db_statement *forget = db_prepare(known->db, "DELETE FROM known WHERE seen < $1");
	db_bind_number(forget, 1, now - (int64_t)KNOWN_DAYS * DAY);
	forget_kept(known);
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
	if (done && db_commit(known->db, &error)) {
		char bytes[ENTRY_KEY_MAX];
		keep(known, key_of(account, identity, network, bytes), now);
		if (known->spread)
			auth_known_spread_tell(known->spread, account, identity, network, now);
		return;
	}
	db_rollback(known->db);
	complain(&error);
}
