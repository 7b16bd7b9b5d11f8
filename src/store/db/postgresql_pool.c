/* Connections that many databases of a process share: the parts of one schema. Each needs one for a statement, or for a transaction; what a
 * statement yields is the reader's own by then. A pool lives as long as its process.
 *
 * A connection that the server has closed meanwhile (it was started anew, say) is noticed when it is taken, and another is made in its place. While
 * none can be made, those who come within a moment hear what the last one heard. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/db/postgresql.h"

enum {
	RETRY_MS = 1000,           /* after a connection couldn't be made */
	UNUSED_MS = 5 * 60 * 1000, /* a connection that wasn't needed for so long is closed */
};

struct db_pg_pool {
	struct db_pg_target target;
	struct slice url;          /* as it was asked for */
	pid_t process;             /* another one that was made by fork() can't use what this one has */
	pthread_mutex_t lock;      /* guards the rest */
	pthread_cond_t given;
	struct db_pg_link *unused;    /* the one that was given back last comes first */
	int count;                 /* with those in use */
	bool entered;
	int64_t version;
	struct error failure;      /* of the last try to make one */
	int64_t failed_ms;         /* when; 0: it worked */
	struct db_pg_pool *next;
};

static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER;
static struct db_pg_pool *pools;

static struct db_pg_pool *find_pool(struct slice url, struct slice schema, bool read_only)
{
	struct db_pg_pool *pool = pools;
	while (pool && !(pool->process == getpid() && slice_equal(pool->url, url) && slice_equal(slice_of(pool->target.schema), schema) && pool->target.read_only == read_only))
		pool = pool->next;
	return pool;
}

static struct db_pg_pool *make_pool(struct slice url, struct slice schema, const struct db_options *options, struct error *error)
{
	struct db_pg_pool *pool = memory_new(sizeof *pool);
	*pool = (struct db_pg_pool){.process = getpid(), .next = pools};
	if (!db_pg_target_read(&pool->target, url, schema, options, error)) {
		db_pg_target_free(&pool->target);
		free(pool);
		return NULL;
	}
	pool->url = slice_make(memory_copy(url.at, url.len), url.len);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->given, &attributes);
	pthread_condattr_destroy(&attributes);
	return pools = pool;
}

struct db_pg_pool *db_pg_pool_of(struct slice url, struct slice schema, const struct db_options *options, struct error *error)
{
	pthread_mutex_lock(&pools_lock);
	struct db_pg_pool *pool = find_pool(url, schema, options->read_only);
	if (!pool)
		pool = make_pool(url, schema, options, error);
	pthread_mutex_unlock(&pools_lock);
	return pool;
}

const char *db_pg_pool_schema(const struct db_pg_pool *pool) { return pool->target.schema; }

/* ---- Taking ---- */

/* With the lock: one of those that nobody uses; the one for this part, or the one that was used last. */
static struct db_pg_link *pick(struct db_pg_pool *pool, int64_t part)
{
	struct db_pg_link **at = &pool->unused;
	while (*at && (*at)->part != part)
		at = &(*at)->next;
	if (!*at)
		at = &pool->unused;
	struct db_pg_link *link = *at;
	if (link)
		*at = link->next;
	return link;
}

/* Has the server closed it? */
static bool is_sound(struct db_pg_link *link)
{
	return PQconsumeInput(link->handle) && !db_pg_link_is_away(link);
}

static bool wait_until(struct db_pg_pool *pool, int64_t deadline)
{
	struct timespec until = {.tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};
	return pthread_cond_timedwait(&pool->given, &pool->lock, &until) != ETIMEDOUT;
}

/* With the lock, which it leaves meanwhile. */
static struct db_pg_link *make_one(struct db_pg_pool *pool, struct error *error)
{
	struct error cause = {0};
	if (pool->failed_ms != 0 && clock_monotonic_ms() - pool->failed_ms < RETRY_MS) {
		error_set(error, pool->failure.kind, "%s", pool->failure.text);
		return NULL;
	}
	pool->count++;
	pthread_mutex_unlock(&pool->lock);
	struct db_pg_link *link = db_pg_link_open(&pool->target, &cause);
	pthread_mutex_lock(&pool->lock);
	pool->failed_ms = link ? 0 : clock_monotonic_ms();
	if (!link) {
		pool->count--;
		pool->failure = cause;
		error_set(error, cause.kind, "%s", cause.text);
	}
	return link;
}

/* With the lock. One that is in use is waited for where no more may be made, or (the server has too many) can be. */
static struct db_pg_link *take(struct db_pg_pool *pool, int64_t part, int64_t deadline, struct error *error)
{
	for (;;) {
		struct db_pg_link *link;
		while ((link = pick(pool, part))) {
			if (is_sound(link))
				return link;
			db_pg_link_close(&link);
			pool->count--;
		}
		error_set(error, ERROR_TEMPORARY, "all %d connections to the database are in use", DB_PG_LINKS_MAX);
		if (pool->count < DB_PG_LINKS_MAX && ((link = make_one(pool, error)) || pool->count == 0))
			return link;
		if (!wait_until(pool, deadline))
			return NULL;
	}
}

struct db_pg_link *db_pg_pool_take(struct db_pg_pool *pool, int64_t part, struct error *error)
{
	struct error unsaid;
	pthread_mutex_lock(&pool->lock);
	struct db_pg_link *link = take(pool, part, clock_monotonic_ms() + pool->target.busy_timeout_ms, error ? error : &unsaid);
	pthread_mutex_unlock(&pool->lock);
	return link;
}

/* ---- Giving back ---- */

/* With the lock: takes those out that nobody has needed for long. They are the last ones. */
static struct db_pg_link *take_old(struct db_pg_pool *pool, int64_t now)
{
	struct db_pg_link **at = &pool->unused, *old;
	while (*at && now - (*at)->used_ms < UNUSED_MS)
		at = &(*at)->next;
	old = *at;
	*at = NULL;
	for (const struct db_pg_link *link = old; link; link = link->next)
		pool->count--;
	return old;
}

void db_pg_pool_give(struct db_pg_pool *pool, struct db_pg_link **link)
{
	struct db_pg_link *given = *link, *old = NULL;
	*link = NULL;
	bool sound = !db_pg_link_is_away(given) && PQtransactionStatus(given->handle) == PQTRANS_IDLE;
	pthread_mutex_lock(&pool->lock);
	if (sound) {
		given->used_ms = clock_monotonic_ms();
		old = take_old(pool, given->used_ms);
		given->next = pool->unused;
		pool->unused = given;
	} else {
		pool->count--;
	}
	pthread_cond_broadcast(&pool->given);
	pthread_mutex_unlock(&pool->lock);
	if (!sound)
		db_pg_link_close(&given);
	while (old) {
		struct db_pg_link *next = old->next;
		db_pg_link_close(&old);
		old = next;
	}
}

/* ---- The schema ---- */

/* Who is above the policies that keep parts apart can't be let near them. */
static bool check_role(struct db_pg_link *link, struct error *error)
{
	int64_t above;
	if (!db_pg_ask(link, "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)", NULL, &above, error))
		return false;
	return above == 0 || error_set(error, ERROR_DENIED, "the database's role %s is above row-level security (SUPERUSER or BYPASSRLS), which keeps accounts apart: use one that isn't",
				       PQuser(link->handle));
}

static bool enter(struct db_pg_link *link, bool create, struct error *error)
{
	int64_t there;
	if (!check_role(link, error) || !db_pg_enter_schema(link, create, error) || !db_pg_count_tables(link, "= 'pombal_part'", &there, error))
		return false;
	struct error refused = {0};
	if (there)
		return true;
	if (!create)
		return error_set(error, ERROR_NOT_FOUND, "the schema %s of the database holds no accounts", link->target->schema);
	return db_pg_command(link, "CREATE TABLE IF NOT EXISTS pombal_part (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT COLLATE \"C\" NOT NULL UNIQUE)", &refused) ||
	       refused.kind == ERROR_EXISTS || error_set(error, refused.kind, "%s", refused.text);
}

bool db_pg_pool_enter(struct db_pg_pool *pool, bool create, struct error *error)
{
	pthread_mutex_lock(&pool->lock);
	bool entered = pool->entered;
	pthread_mutex_unlock(&pool->lock);
	if (entered)
		return true;
	struct db_pg_link *link = db_pg_pool_take(pool, 0, error);
	if (!link)
		return false;
	entered = enter(link, create, error);
	db_pg_pool_give(pool, &link);
	pthread_mutex_lock(&pool->lock);
	pool->entered |= entered;
	pthread_mutex_unlock(&pool->lock);
	return entered;
}

int64_t db_pg_pool_version(const struct db_pg_pool *pool)
{
	pthread_mutex_lock((pthread_mutex_t *)&pool->lock);
	int64_t version = pool->version;
	pthread_mutex_unlock((pthread_mutex_t *)&pool->lock);
	return version;
}

void db_pg_pool_note_version(struct db_pg_pool *pool, int64_t version)
{
	pthread_mutex_lock(&pool->lock);
	pool->version = version > pool->version ? version : pool->version;
	pthread_mutex_unlock(&pool->lock);
}
