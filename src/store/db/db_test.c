/* Unit tests of the database seam: with SQLite, or, where POMBAL_TEST_DATABASE has its URL, with a PostgreSQL (tests/e2e/test_sql.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "store/db/db.h"

static const char *url;   /* of a PostgreSQL; NULL: SQLite's turn */
static char folder[256];
static char path[600];
static struct error error;

static const char *const STEPS[] = {
	"CREATE TABLE pair (a BIGINT PRIMARY KEY, b TEXT NOT NULL)",
	"ALTER TABLE pair ADD COLUMN c BLOB; CREATE TABLE counter (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)" DB_CLUSTERED ";"
	"INSERT INTO counter VALUES (1, 0)",
};

static int make_folder(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/db-test-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/test.db", folder);
	if (url)
		snprintf(path, sizeof path, "%s#test_%d", url, (int)getpid());
	return 0;
}

/* Of a new database in the same place. */
static void forget(void)
{
	if (!url) {
		assert_int_equal(unlink(path), 0);
		return;
	}
	char sql[80], place[600];
	snprintf(place, sizeof place, "%s#beside", url);
	snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS test_%d CASCADE", (int)getpid());
	struct db *db = db_open(place, &(struct db_options){.create = true}, &error);
	assert_non_null(db);
	assert_true(db_exec(db, sql, &error));
	db_close(&db);
}

static int remove_folder(void **state)
{
	(void)state;
	if (url)
		forget();
	static const char *const names[] = {"test.db", "test.db-wal", "test.db-shm", "copy.db", "link.db"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char name[320];
		snprintf(name, sizeof name, "%s/%s", folder, names[i]);
		unlink(name);
	}
	return rmdir(folder);
}

static struct db *opened(enum db_durability durability)
{
	struct db *db = db_open(path, &(struct db_options){.durability = durability, .create = true}, &error);
	assert_non_null(db);
	if (!db_migrate(db, STEPS, 2, &error))
		fail_msg("%s", error.text);
	return db;
}

static int64_t count_rows(struct db *db)
{
	struct db_statement *s = db_prepare(db, "SELECT count(*) FROM pair");
	assert_int_equal(db_step(s, &error), DB_ROW);
	int64_t n = db_number(s, 0);
	db_reset(s);
	return n;
}

static void add(struct db *db, int64_t a, struct slice b)
{
	struct db_statement *s = db_prepare(db, "INSERT INTO pair (b, a) VALUES ($2, $1)");
	db_bind_number(s, 1, a);
	db_bind_text(s, 2, b);
	assert_true(db_run(s, &error));
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_LATER);
	struct slice odd = SLICE("a\0b"); /* a NUL is a byte like any other */
	struct db_statement *s = db_prepare(db, "INSERT INTO pair (a, b, c) VALUES ($3, $1, $2) RETURNING a, b, c");
	db_bind_number(s, 3, -7);
	db_bind_text(s, 1, SLICE(""));
	db_bind_blob(s, 2, odd);
	assert_int_equal(db_step(s, &error), DB_ROW);
	assert_int_equal(db_number(s, 0), -7);
	assert_false(db_is_null(s, 1)); /* empty is not NULL */
	assert_true(slice_empty(db_text(s, 1)));
	assert_true(slice_equal(db_blob(s, 2), odd));
	assert_int_equal(db_step(s, &error), DB_DONE);
	assert_int_equal(db_changes(db), 1);
	add(db, 8, SLICE("x"));
	s = db_prepare(db, "SELECT c FROM pair WHERE a = $1");
	db_bind_number(s, 1, 8);
	assert_int_equal(db_step(s, &error), DB_ROW);
	assert_true(db_is_null(s, 0));
	db_close(&db);
	assert_null(db);
	struct stat status;
	if (!url) {
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
}

static void transactions_hold_together(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_COMMIT);
	assert_true(db_begin(db, &error));
	add(db, 1, SLICE("one"));
	db_rollback(db);
	assert_int_equal(count_rows(db), 0);
	assert_true(db_begin_durable(db, &error));
	add(db, 1, SLICE("one"));
	assert_true(db_commit(db, &error));
	assert_int_equal(count_rows(db), 1);
	db_rollback(db); /* harmless */
	struct db_statement *s = db_prepare(db, "INSERT INTO pair (a, b) VALUES (1, 'again')");
	assert_false(db_run(s, &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	db_close(&db);
}

static void transactions_of_a_group_are_parts_of_one(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_COMMIT), *other = opened(DB_DURABLE_LATER);
	for (int done = 0; done < 2; done++) {
		assert_true(db_group_begin(db, &error));
		assert_true(db_begin(db, &error));
		add(db, 1, SLICE("kept"));
		assert_true(db_commit(db, &error));
		assert_true(db_begin(db, &error));
		add(db, 2, SLICE("undone"));
		db_rollback(db);
		db_rollback(db); /* harmless, and undoes no other part */
		assert_int_equal(count_rows(db), 1);
		assert_int_equal(count_rows(other), 0);
		assert_int_equal(db_group_end(db, done, &error), done);
		assert_int_equal(count_rows(other), done);
	}
	assert_true(db_begin(db, &error)); /* as before */
	db_rollback(db);
	db_close(&other);
	db_close(&db);
}

static void durable_transactions_end(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_LATER);
	for (int i = 0; i < 3; i++) {
		assert_true(db_begin_durable(db, &error));
		struct db_statement *s = db_prepare(db, "PRAGMA synchronous");
		assert_int_equal(db_step(s, &error), DB_ROW);
		assert_int_equal(db_number(s, 0), 2);
		db_reset(s);
		add(db, i, SLICE("x"));
		if (i == 1)
			db_rollback(db);
		else
			assert_true(db_commit(db, &error));
		s = db_prepare(db, "PRAGMA synchronous");
		assert_int_equal(db_step(s, &error), DB_ROW);
		assert_int_equal(db_number(s, 0), 1);
		db_reset(s);
	}
	assert_int_equal(count_rows(db), 2);
	db_close(&db);
}

static void faulty_sql_fails_at_its_step(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_LATER);
	log_set_role("test", LOG_LEVEL_ERROR + 1);
	struct db_statement *s = db_prepare(db, "SELECT nothing FROM nowhere");
	db_bind_number(s, 1, 1);
	assert_int_equal(db_step(s, &error), DB_FAILED);
	assert_int_equal(error.kind, ERROR_INVALID);
	db_close(&db);
}

static void connections_see_each_other(void **state)
{
	(void)state;
	struct db *one = opened(DB_DURABLE_LATER), *two = opened(DB_DURABLE_LATER);
	int64_t version = db_version(two);
	assert_int_equal(db_version(two), version);
	add(one, 5, SLICE("five"));
	assert_true(db_version(two) != version);
	assert_int_equal(count_rows(two), 1);
	/* the writer's lock is waited for, not for ever */
	struct db *three = db_open(path, &(struct db_options){.busy_timeout_ms = 50}, &error);
	assert_true(db_begin(one, &error));
	assert_false(db_begin(three, &error));
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	db_rollback(one);
	assert_true(db_begin(three, &error));
	db_rollback(three);
	db_close(&one);
	db_close(&two);
	db_close(&three);
}

static void what_is_no_database_is_told(void **state)
{
	(void)state;
	assert_null(db_open(path, &(struct db_options){0}, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; i < 500; i++)
		assert_int_equal(write(fd, "this is not what you look for\n", 30), 30);
	close(fd);
	assert_null(db_open(path, &(struct db_options){.create = true}, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
	char link_path[320];
	snprintf(link_path, sizeof link_path, "%s/link.db", folder);
	assert_int_equal(symlink(path, link_path), 0);
	assert_null(db_open(link_path, &(struct db_options){.create = true}, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

static void a_later_schema_is_refused(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_LATER);
	assert_false(db_migrate(db, STEPS, 1, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	db_close(&db);
}

static void an_earlier_schema_is_refused(void **state)
{
	(void)state;
	static const char *const renewed[] = {"CREATE TABLE whole (id " DB_ID ")", NULL, NULL, "CREATE TABLE more (id " DB_ID ")"};
	struct db *db = opened(DB_DURABLE_LATER);
	assert_false(db_migrate(db, renewed, 4, &error)); /* it is of version 2 */
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_non_null(strstr(error.text, "earlier version"));
	db_close(&db);
	forget();
	assert_non_null(db = db_open(path, &(struct db_options){.create = true}, &error));
	assert_true(db_migrate(db, renewed, 3, &error));
	assert_true(db_migrate(db, renewed, 4, &error)); /* from 3 on steps go on as ever */
	assert_true(db_exec(db, "INSERT INTO whole (id) VALUES (1); INSERT INTO more (id) VALUES (1)", &error));
	db_close(&db);
}

static void a_snapshot_is_whole_and_private(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_LATER);
	add(db, 1, SLICE("one"));
	assert_true(db_verify(db, &error));
	char copy[320];
	snprintf(copy, sizeof copy, "%s/copy.db", folder);
	assert_true(db_snapshot(db, copy, &error));
	assert_false(db_snapshot(db, copy, &error)); /* nothing is overwritten */
	db_close(&db);
	struct stat status;
	assert_int_equal(stat(copy, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	db = db_open(copy, &(struct db_options){.read_only = true}, &error);
	assert_non_null(db);
	assert_int_equal(count_rows(db), 1);
	assert_true(db_verify(db, &error));
	db_close(&db);
}

static void count_up(int times)
{
	struct db *db = opened(DB_DURABLE_LATER);
	for (int i = 0; i < times; i++)
		if (!db_begin(db, &error) || !db_run(db_prepare(db, "UPDATE counter SET n = n + 1 WHERE id = 1"), &error) || !db_commit(db, &error))
			_exit(1);
	db_close(&db);
	_exit(0);
}

static void processes_take_turns(void **state)
{
	(void)state;
	enum { PROCESSES = 3, TIMES = 200 };
	pid_t children[PROCESSES];
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			count_up(TIMES); /* also migrates: all of them at once */
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	struct db *db = opened(DB_DURABLE_LATER);
	struct db_statement *s = db_prepare(db, "SELECT n FROM counter");
	assert_int_equal(db_step(s, &error), DB_ROW);
	assert_int_equal(db_number(s, 0), PROCESSES * TIMES);
	db_close(&db);
}

#define DB_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

/* ---- Of PostgreSQL alone ---- */

static void numbers_of_every_type_are_read(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_COMMIT);
	struct db_statement *s = db_prepare(db, "SELECT CAST(-32768 AS SMALLINT), CAST(-7 AS INTEGER), CAST(-9223372036854775807 AS BIGINT), true, false,"
		" CAST(9223372036854775807 AS NUMERIC), CAST(-10000 AS NUMERIC), CAST(12.75 AS NUMERIC), CAST(0 AS NUMERIC), CAST(100000000 AS NUMERIC), NULL, 'seven'");
	static const int64_t expected[] = {-32768, -7, -INT64_MAX, 1, 0, INT64_MAX, -10000, 12, 0, 100000000, 0, 0};
	assert_int_equal(db_step(s, &error), DB_ROW);
	for (int i = 0; i < 12; i++)
		assert_int_equal(db_number(s, i), expected[i]);
	assert_true(slice_equal(db_text(s, 11), SLICE("seven")));
	assert_int_equal(db_step(s, &error), DB_DONE);
	db_close(&db);
}

static void places_that_are_none_are_told(void **state)
{
	(void)state;
	static const char *const wrong[] = {"postgresql://localhost/mail", "postgresql://localhost/mail#", "postgresql://localhost/mail#A", "postgresql://localhost/mail#a\"b",
					    "postgresql://u:secret@[::1/mail#queue", "postgresql://localhost/mail?nonsense=1#queue"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_null(db_open(wrong[i], &(struct db_options){.create = true}, &error));
		assert_int_equal(error.kind, ERROR_INVALID);
		assert_null(strstr(error.text, "secret"));
	}
	assert_null(db_open("postgresql://127.0.0.1:1/mail#queue", &(struct db_options){.create = true}, &error));
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_null(db_open(path, &(struct db_options){0}, &error)); /* its schema isn't there */
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	struct db *db = db_open(path, &(struct db_options){.create = true}, &error);
	assert_non_null(db);
	assert_true(db_exec(db, "CREATE TABLE others (id BIGINT)", &error));
	db_close(&db);
	assert_null(db_open(path, &(struct db_options){.create = true}, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
}

/* From within: the server ends it, as when it is started anew. */
static void cut(struct db *db, struct db *by)
{
	struct db_statement *s = db_prepare(db, "SELECT pg_backend_pid()");
	assert_int_equal(db_step(s, &error), DB_ROW);
	int64_t pid = db_number(s, 0);
	db_reset(s);
	char sql[80];
	snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 10000)", (int)pid);
	assert_true(db_exec(by, sql, &error));
}

static void a_lost_connection_comes_back(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_COMMIT), *other = opened(DB_DURABLE_COMMIT);
	add(db, 1, SLICE("one"));
	cut(db, other);
	struct db_statement *s = db_prepare(db, "SELECT count(*) FROM pair");
	assert_int_equal(db_step(s, &error), DB_FAILED); /* that it is gone is seen by what is asked first */
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(count_rows(db), 1);

	/* within a transaction nothing of it is done, whatever comes after */
	usleep(1100 * 1000);
	assert_true(db_begin(db, &error));
	add(db, 2, SLICE("two"));
	cut(db, other);
	for (int i = 0; i < 2; i++) {
		s = db_prepare(db, "INSERT INTO pair (a, b) VALUES (3, 'three')");
		assert_false(db_run(s, &error));
		assert_int_equal(error.kind, ERROR_TEMPORARY);
	}
	assert_false(db_commit(db, &error));
	assert_int_equal(count_rows(db), 1);
	db_close(&other);
	db_close(&db);
}

static void a_transaction_with_a_failure_is_not_committed(void **state)
{
	(void)state;
	struct db *db = opened(DB_DURABLE_COMMIT);
	add(db, 1, SLICE("one"));
	assert_true(db_begin(db, &error));
	add(db, 2, SLICE("two"));
	assert_false(db_run(db_prepare(db, "INSERT INTO pair (a, b) VALUES (1, 'again')"), &error));
	assert_int_equal(error.kind, ERROR_EXISTS);
	assert_false(db_commit(db, &error));
	assert_int_equal(count_rows(db), 1);
	db_close(&db);
}

int main(void)
{
	const struct CMUnitTest common[] = {
		DB_TEST(what_is_written_is_read),
		DB_TEST(transactions_hold_together),
		DB_TEST(transactions_of_a_group_are_parts_of_one),
		DB_TEST(faulty_sql_fails_at_its_step),
		DB_TEST(connections_see_each_other),
		DB_TEST(a_later_schema_is_refused), DB_TEST(an_earlier_schema_is_refused),
		DB_TEST(processes_take_turns),
	};
	const struct CMUnitTest of_sqlite[] = {
		DB_TEST(durable_transactions_end),
		DB_TEST(what_is_no_database_is_told),
		DB_TEST(a_snapshot_is_whole_and_private),
	};
	const struct CMUnitTest of_postgresql[] = {
		DB_TEST(numbers_of_every_type_are_read),
		DB_TEST(places_that_are_none_are_told),
		DB_TEST(a_lost_connection_comes_back),
		DB_TEST(a_transaction_with_a_failure_is_not_committed),
	};
	url = getenv("POMBAL_TEST_DATABASE");
	return cmocka_run_group_tests(common, NULL, NULL) + (url ? cmocka_run_group_tests(of_postgresql, NULL, NULL) : cmocka_run_group_tests(of_sqlite, NULL, NULL));
}
