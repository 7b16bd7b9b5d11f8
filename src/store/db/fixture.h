/* For tests of what is kept in either database: a place of a test's own in the PostgreSQL whose URL POMBAL_TEST_DATABASE has
 * (tests/e2e/test_sql.py); without it, there is none, and files are used. */
#ifndef STORE_DB_FIXTURE_H
#define STORE_DB_FIXTURE_H

#include <stdlib.h>
#include <unistd.h>

#include "store/db/db.h"

enum { DB_FIXTURE_STORAGE_MAX = 1024 };

/** What db_place() is to be told, another one at each call; empty: a file. */
static inline const char *db_fixture_storage(char out[DB_FIXTURE_STORAGE_MAX])
{
	static int number;
	const char *url = getenv("POMBAL_TEST_DATABASE");
	snprintf(out, DB_FIXTURE_STORAGE_MAX, "%s", url ? url : "");
	if (url)
		snprintf(out, DB_FIXTURE_STORAGE_MAX, "%s#t%d_%d", url, (int)getpid(), ++number);
	return out;
}

/** Runs SQL beside the parts of that place. */
static inline bool db_fixture_run(const char *storage, const char *sql, struct error *error)
{
	char place[DB_PLACE_MAX];
	struct db *db = db_place(storage, "", "beside", "", place, error) ? db_open(place, &(struct db_options){.create = true}, error) : NULL;
	bool done = db && db_exec(db, sql, error);
	db_close(&db);
	return done;
}

/** Removes what was kept of a part of it. */
static inline void db_fixture_forget(const char *storage, const char *part)
{
	char sql[300];
	struct error error;
	const char *name = strchr(storage, '#');
	if (!name)
		return;
	snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s_%s CASCADE; DROP SCHEMA IF EXISTS %s_beside CASCADE", name + 1, part, name + 1);
	if (!db_fixture_run(storage, sql, &error))
		abort();
}

#endif
