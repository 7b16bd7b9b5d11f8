/* Power cuts, played by putting back what was on disk. */
#ifndef STORE_POWER_H
#define STORE_POWER_H

#include "base/file.h"
#include "store/fixture.h"

static inline void database_file(const char *ending, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/accounts/example.test/alice/account.db%s", t.data, ending);
}

static struct buf kept_database, kept_log;

/* What is on disk now … */
static inline void keep_disk(void)
{
	char path[PATH_MAX];
	kept_database = BUF(1 << 30);
	kept_log = BUF(1 << 30);
	database_file("", path);
	fixture_close(); /* reading it must not take locks from ourselves */
	ok(file_read(path, &kept_database, &t.error));
	database_file("-wal", path);
	if (access(path, F_OK) == 0)
		ok(file_read(path, &kept_log, &t.error));
	fixture_reopen();
}

/* … is all that is left of the database after the cut; then the service starts again. */
static inline void cut_power(void)
{
	char path[PATH_MAX];
	fixture_close();
	database_file("", path);
	ok(file_replace(path, buf_slice(&kept_database), 0600, &t.error));
	database_file("-wal", path);
	ok(file_replace(path, buf_slice(&kept_log), 0600, &t.error));
	database_file("-shm", path);
	unlink(path);
	buf_free(&kept_database);
	buf_free(&kept_log);
	ok(store_begin_service(t.data, &t.error));
	fixture_open();
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
}

/* The service starts. */
static inline void begin(void)
{
	ok(store_begin_service(t.data, &t.error));
	fixture_reopen();
}

#endif
