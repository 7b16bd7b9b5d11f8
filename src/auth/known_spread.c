/* See known_spread.h. */
#include "auth/known_spread.h"

#include <pthread.h>
#include <signal.h>

#include "auth/known.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/db/db.h"

enum {
	SPREAD_MS = 3000,
	UNTOLD_MAX = 10000, HEARD_MAX = 20000, /* entries that wait */
	PAGE = 1000,
	OVERLAP_SECONDS = 60,  /* what was committed late, or by a clock that is slow, is found all the same */
	DAY = 24 * 3600,
};

struct known_list {
	struct auth_known_entry *first, **last;
	size_t count;
};

struct known_spread {
	char place[DB_PLACE_MAX];
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	bool ends;
	struct known_list untold, heard;
	/* The thread's: */
	struct db *db;
	bool failing;
	int64_t since, swept; /* what was seen since then is fetched; when old rows were last removed */
};

static const char *const schema[] = {
	"CREATE TABLE known (account TEXT NOT NULL, network TEXT NOT NULL, identity BIGINT NOT NULL, seen BIGINT NOT NULL,"
	" PRIMARY KEY (account, network))" DB_CLUSTERED ";"
	"CREATE INDEX known_seen ON known (seen, account, network);",
};

/* ---- Lists ---- */

static struct slice copy(struct slice text)
{
	return text.len > 0 ? slice_make(memory_copy(text.at, text.len), text.len) : SLICE("");
}

void auth_known_entry_free(struct auth_known_entry *entry)
{
	if (entry->account.len > 0)
		free((char *)entry->account.at);
	if (entry->network.len > 0)
		free((char *)entry->network.at);
	free(entry);
}

static void free_all(struct auth_known_entry *first)
{
	while (first) {
		struct auth_known_entry *next = first->next;
		auth_known_entry_free(first);
		first = next;
	}
}

static void add(struct known_list *list, size_t most, const struct auth_known_entry *entry)
{
	if (list->count >= most)
		return;
	struct auth_known_entry *own = memory_new(sizeof *own);
	*own = (struct auth_known_entry){copy(entry->account), copy(entry->network), entry->identity, entry->seen, NULL};
	*list->last = own;
	list->last = &own->next;
	list->count++;
}

/* With the lock. */
static struct auth_known_entry *take_all(struct known_list *list)
{
	struct auth_known_entry *first = list->first;
	list->first = NULL;
	list->last = &list->first;
	list->count = 0;
	return first;
}

/* ---- The thread ---- */

static bool tell_one(struct db *db, const struct auth_known_entry *entry, struct error *error)
{
	struct db_statement *row = db_prepare(db, "INSERT INTO known (account, network, identity, seen) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (account, network) DO UPDATE SET identity = excluded.identity, seen = excluded.seen WHERE excluded.seen >= known.seen");
	db_bind_text(row, 1, entry->account);
	db_bind_text(row, 2, entry->network);
	db_bind_number(row, 3, entry->identity);
	db_bind_number(row, 4, entry->seen);
	if (!db_run(row, error))
		return false;
	struct db_statement *forget = db_prepare(db, "DELETE FROM known WHERE account = $1 AND network NOT IN"
		" (SELECT network FROM known WHERE account = $1 ORDER BY seen DESC, network LIMIT $2)");
	db_bind_text(forget, 1, entry->account);
	db_bind_number(forget, 2, KNOWN_PER_ACCOUNT);
	return db_run(forget, error);
}

static bool sweep(struct known_spread *spread, int64_t now, struct error *error)
{
	if (now - spread->swept < DAY)
		return true;
	struct db_statement *forget = db_prepare(spread->db, "DELETE FROM known WHERE seen < $1");
	db_bind_number(forget, 1, now - (int64_t)KNOWN_DAYS * DAY);
	bool done = db_run(forget, error);
	spread->swept = done ? now : spread->swept;
	return done;
}

static bool tell(struct known_spread *spread, const struct auth_known_entry *first, struct error *error)
{
	if (!first)
		return true;
	if (!db_begin(spread->db, error))
		return false;
	bool done = sweep(spread, clock_now(), error);
	for (const struct auth_known_entry *entry = first; done && entry; entry = entry->next)
		done = tell_one(spread->db, entry, error);
	if (done)
		return db_commit(spread->db, error);
	db_rollback(spread->db);
	return false;
}

/* One page of what comes after that entry, in their order; *last becomes the last one of it. */
static bool fetch_page(struct known_spread *spread, struct auth_known_entry **last, struct known_list *found, size_t *count, struct error *error)
{
	struct db_statement *rows = db_prepare(spread->db, "SELECT account, network, identity, seen FROM known WHERE (seen, account, network) > ($1, $2, $3)"
		" ORDER BY seen, account, network LIMIT $4");
	enum db_step step;
	*count = 0;
	db_bind_number(rows, 1, *last ? (*last)->seen : spread->since);
	db_bind_text(rows, 2, *last ? (*last)->account : SLICE(""));
	db_bind_text(rows, 3, *last ? (*last)->network : SLICE(""));
	db_bind_number(rows, 4, PAGE);
	while ((step = db_step(rows, error)) == DB_ROW) {
		struct auth_known_entry entry = {db_text(rows, 0), db_text(rows, 1), db_number(rows, 2), db_number(rows, 3), NULL};
		struct auth_known_entry **end = found->last;
		add(found, HEARD_MAX, &entry);
		*last = *end ? *end : *last;
		(*count)++;
	}
	return step == DB_DONE;
}

static bool fetch(struct known_spread *spread, struct error *error)
{
	struct known_list found = {.last = &found.first};
	struct auth_known_entry *last = NULL;
	size_t count = PAGE;
	bool done = true;
	while (done && count == PAGE && found.count < HEARD_MAX)
		done = fetch_page(spread, &last, &found, &count, error);
	int64_t now = clock_now();
	if (done && last)
		spread->since = (last->seen < now ? last->seen : now) - OVERLAP_SECONDS;
	pthread_mutex_lock(&spread->lock);
	for (const struct auth_known_entry *entry = found.first; entry; entry = entry->next)
		add(&spread->heard, HEARD_MAX, entry);
	pthread_mutex_unlock(&spread->lock);
	free_all(found.first);
	return done;
}

static bool be_connected(struct known_spread *spread, struct error *error)
{
	if (!spread->db)
		spread->db = db_open(spread->place, &(struct db_options){.durability = DB_DURABLE_LATER, .create = true}, error);
	if (spread->db && !db_migrate(spread->db, schema, sizeof schema / sizeof *schema, error))
		db_close(&spread->db);
	return spread->db;
}

static void exchange(struct known_spread *spread)
{
	struct error error = {0};
	pthread_mutex_lock(&spread->lock);
	struct auth_known_entry *untold = take_all(&spread->untold);
	pthread_mutex_unlock(&spread->lock);
	bool told = be_connected(spread, &error) && tell(spread, untold, &error), done = told && fetch(spread, &error);
	if (!told) {
		pthread_mutex_lock(&spread->lock);
		for (const struct auth_known_entry *entry = untold; entry; entry = entry->next)
			add(&spread->untold, UNTOLD_MAX, entry);
		pthread_mutex_unlock(&spread->lock);
	}
	if (!done && !spread->failing)
		log_error("known.not_spread", log_text("reason", error.text));
	spread->failing = !done;
	free_all(untold);
}

static void *run(void *argument)
{
	struct known_spread *spread = argument;
	for (bool ends = false; !ends;) {
		exchange(spread);
		int64_t until = clock_monotonic_ms() + SPREAD_MS;
		pthread_mutex_lock(&spread->lock);
		while (!spread->ends && clock_wait(&spread->wake, &spread->lock, until))
			;
		ends = spread->ends;
		pthread_mutex_unlock(&spread->lock);
	}
	if (spread->db && !spread->failing)
		exchange(spread);
	db_close(&spread->db);
	return NULL;
}

/* ---- For the loop ---- */

static void release(struct known_spread *spread)
{
	free_all(spread->untold.first);
	free_all(spread->heard.first);
	pthread_mutex_destroy(&spread->lock);
	pthread_cond_destroy(&spread->wake);
	memory_wipe(spread->place, sizeof spread->place); /* it may hold a password */
	free(spread);
}

struct known_spread *auth_known_spread_start(const char *place)
{
	struct known_spread *spread = memory_new(sizeof *spread);
	snprintf(spread->place, sizeof spread->place, "%s", place);
	spread->untold.last = &spread->untold.first;
	spread->heard.last = &spread->heard.first;
	spread->since = clock_now() - (int64_t)KNOWN_DAYS * DAY;
	pthread_mutex_init(&spread->lock, NULL);
	clock_init_condition(&spread->wake);
	sigset_t all, former; /* signals stay with the caller's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	bool started = pthread_create(&spread->thread, NULL, run, spread) == 0;
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (started)
		return spread;
	log_error("known.no_thread");
	release(spread);
	return NULL;
}

void auth_known_spread_stop(struct known_spread **spread)
{
	struct known_spread *old = *spread;
	*spread = NULL;
	if (!old)
		return;
	pthread_mutex_lock(&old->lock);
	old->ends = true;
	pthread_mutex_unlock(&old->lock);
	pthread_cond_signal(&old->wake);
	pthread_join(old->thread, NULL);
	release(old);
}

void auth_known_spread_tell(struct known_spread *spread, struct slice account, int64_t identity, struct slice network, int64_t seen)
{
	pthread_mutex_lock(&spread->lock);
	add(&spread->untold, UNTOLD_MAX, &(struct auth_known_entry){account, network, identity, seen, NULL});
	pthread_mutex_unlock(&spread->lock);
}

struct auth_known_entry *auth_known_spread_hear(struct known_spread *spread)
{
	pthread_mutex_lock(&spread->lock);
	struct auth_known_entry *first = take_all(&spread->heard);
	pthread_mutex_unlock(&spread->lock);
	return first;
}
