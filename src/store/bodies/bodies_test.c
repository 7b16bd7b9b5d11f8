/* Unit tests of bodies: the same with each driver. Without further ado with files and with rows of SQLite; with a PostgreSQL where POMBAL_TEST_DATABASE
 * has its URL (tests/e2e/test_sql.py), with objects where POMBAL_TEST_S3 has an endpoint and POMBAL_TEST_S3_CREDENTIALS their file
 * (tests/e2e/test_s3.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "s3/s3.h"
#include "store/bodies/internal.h"
#include "store/db/db.h"

enum kind { FILES, ROWS, POSTGRESQL, OBJECTS };

static struct {
	char folder[256], place[600], names[320], prefix[64];
	struct bodies *bodies;
	struct db *rows; /* that name bodies */
	struct error error;
	bool child;      /* a process that is to be killed */
} t;

static void ok(bool done)
{
	if (done)
		return;
	if (t.child) {
		fprintf(stderr, "%s\n", t.error.text);
		_exit(1);
	}
	fail_msg("%s", t.error.text);
}

/* ---- What names bodies ---- */

static const char *const STEPS[] = {"CREATE TABLE name (id " DB_ID ", body BIGINT NOT NULL, size BIGINT NOT NULL, hash " DB_BYTES " NOT NULL)"};

static void open_rows(void)
{
	t.rows = db_open(t.names, &(struct db_options){.durability = DB_DURABLE_LATER, .create = true}, &t.error);
	ok(t.rows && db_migrate(t.rows, STEPS, 1, &t.error));
}

static void name_body(const struct body *body)
{
	struct db_statement *statement = db_prepare(t.rows, "INSERT INTO name (body, size, hash) VALUES ($1, $2, $3)");
	db_bind_number(statement, 1, body->id);
	db_bind_number(statement, 2, (int64_t)body->size);
	db_bind_blob(statement, 3, slice_make((const char *)body->hash, BODY_HASH_SIZE));
	ok(db_run(statement, &t.error));
}

static void unname_body(const struct body *body)
{
	struct db_statement *statement = db_prepare(t.rows, "DELETE FROM name WHERE body = $1");
	db_bind_number(statement, 1, body->id);
	ok(db_run(statement, &t.error));
}

static bool is_named(void *context, const struct body *body, bool *named, struct error *error)
{
	(void)context;
	struct db_statement *statement = db_prepare(t.rows, "SELECT id FROM name WHERE body = $1");
	db_bind_number(statement, 1, body->id);
	enum db_step step = db_step(statement, error);
	*named = step == DB_ROW;
	db_reset(statement);
	return step != DB_FAILED;
}

/* ---- A place ---- */

static void open_bodies(enum kind kind)
{
	struct s3_place place = {.endpoint = getenv("POMBAL_TEST_S3"), .bucket = "pombal-test", .credentials = getenv("POMBAL_TEST_S3_CREDENTIALS"), .part = S3_PART_MIN};
	t.bodies = kind == FILES ? bodies_open_files(t.place, &t.error)
		   : kind == OBJECTS ? bodies_open_s3(&place, slice_of(t.prefix), &t.error) : bodies_open_rows(t.place, &t.error);
	ok(t.bodies != NULL);
}

static int set_up(void **state)
{
	static unsigned number;
	const char *base = getenv("TMPDIR");
	enum kind kind = *(enum kind *)*state;
	snprintf(t.folder, sizeof t.folder, "%s/bodies-test-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(t.folder));
	snprintf(t.names, sizeof t.names, "%s/names.db", t.folder);
	snprintf(t.prefix, sizeof t.prefix, "test-%d-%u/", (int)getpid(), number);
	if (kind == POSTGRESQL)
		snprintf(t.place, sizeof t.place, "%s#bodies_%d_%u", getenv("POMBAL_TEST_DATABASE"), (int)getpid(), number);
	else
		snprintf(t.place, sizeof t.place, "%s/%s", t.folder, kind == FILES ? "bodies" : "bodies.db");
	number++;
	open_rows();
	open_bodies(kind);
	return 0;
}

static int tear_down(void **state)
{
	char command[320];
	(void)state;
	bodies_close(&t.bodies);
	db_close(&t.rows);
	snprintf(command, sizeof command, "rm -rf '%s'", t.folder);
	return system(command);
}

/* ---- Helpers ---- */

static void fill(struct buf *out, size_t size, unsigned seed)
{
	char *at = buf_reserve(out, size);
	uint64_t x = seed * 2654435761u + 1;
	for (size_t i = 0; i < size; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		at[i] = (char)(x >> 56);
	}
	buf_claim(out, size);
}

static struct body put(size_t size, unsigned seed)
{
	struct buf content = BUF(32 * 1024 * 1024);
	struct body body;
	fill(&content, size, seed);
	ok(bodies_put(t.bodies, buf_slice(&content), &body, &t.error));
	buf_free(&content);
	return body;
}

static void is_whole(const struct body *body, unsigned seed)
{
	struct buf content = BUF(32 * 1024 * 1024), expected = BUF(32 * 1024 * 1024);
	ok(bodies_get(t.bodies, body, &content, &t.error));
	fill(&expected, (size_t)body->size, seed);
	assert_true(slice_equal(buf_slice(&content), buf_slice(&expected)));
	buf_free(&content);
	buf_free(&expected);
}

static void is_missing(const struct body *body)
{
	struct buf content = BUF(1024 * 1024);
	assert_false(bodies_get(t.bodies, body, &content, &t.error));
	assert_int_equal(t.error.kind, ERROR_NOT_FOUND);
	buf_free(&content);
}

struct counted {
	size_t count;
	uint64_t size;
};

static bool count_one(void *context, const struct body *body, struct error *error)
{
	struct counted *counted = context;
	(void)error;
	counted->count++;
	counted->size += body->size;
	return true;
}

static struct counted count_bodies(void)
{
	struct counted counted = {0};
	ok(bodies_list(t.bodies, count_one, &counted, &t.error));
	return counted;
}

static int64_t in_a_minute(void)
{
	return clock_now() + 60;
}

/* ---- Tests ---- */

static void what_was_put_is_read_whole_and_in_parts(void **state)
{
	enum { PIECE = 256 * 1024, LARGE = 2 * S3_PART_MIN + 12345 };
	static const size_t sizes[] = {0, 1, 4096, PIECE, PIECE + 1, LARGE};
	struct body bodies[sizeof sizes / sizeof *sizes];
	struct buf part = BUF(PIECE), all = BUF(LARGE);
	(void)state;
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
		bodies[i] = put(sizes[i], i);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
		is_whole(&bodies[i], i);
	assert_int_equal(count_bodies().count, sizeof sizes / sizeof *sizes);
	assert_int_equal(count_bodies().size, 0 + 1 + 4096 + PIECE + PIECE + 1 + LARGE);
	fill(&all, LARGE, 5);
	static const size_t ranges[][2] = {{0, 2}, {LARGE - 1, 1}, {PIECE - 1, 2}, {PIECE, PIECE}, {3 * PIECE + 7, 100}, {LARGE, 0}};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		buf_clear(&part);
		ok(bodies_get_part(t.bodies, &bodies[5], ranges[i][0], ranges[i][1], &part, &t.error));
		assert_true(slice_equal(buf_slice(&part), slice_sub(buf_slice(&all), ranges[i][0], ranges[i][1])));
	}
	buf_clear(&part);
	assert_false(bodies_get_part(t.bodies, &bodies[5], LARGE - 1, 2, &part, &t.error));
	assert_int_equal(t.error.kind, ERROR_INVALID);
	assert_int_equal(part.len, 0);
	buf_free(&part);
	buf_free(&all);
}

static void what_isnt_as_it_should_be_is_said(void **state)
{
	(void)state;
	struct body body = put(1000, 1), other = body;
	struct buf content = BUF(2000);
	other.hash[3] ^= 1; /* files and objects have it in their names */
	is_missing(&other);
	other = body;
	other.id++;
	is_missing(&other);
	other = body;
	other.size++;
	assert_false(bodies_get(t.bodies, &other, &content, &t.error));
	assert_int_equal(t.error.kind, ERROR_INVALID);
	other.size = body.size - 1;
	assert_false(bodies_get(t.bodies, &other, &content, &t.error));
	assert_int_equal(t.error.kind, ERROR_INVALID);
	assert_int_equal(content.len, 0);
	struct buf small = BUF(10);
	assert_false(bodies_get(t.bodies, &body, &small, &t.error));
	buf_free(&small);
	buf_free(&content);
}

static void sweeps_remove_what_is_nameless_twice_and_old(void **state)
{
	struct bodies_suspects suspects = {0};
	struct bodies_swept swept;
	(void)state;
	struct body kept = put(100, 1), gone = put(200, 2), shared = put(300, 3);
	name_body(&kept);
	name_body(&shared);
	name_body(&shared);
	ok(bodies_sweep(t.bodies, &suspects, clock_now() - 3600, is_named, NULL, &swept, &t.error)); /* nothing is as old as that */
	assert_int_equal(swept.suspected, 0);
	ok(bodies_sweep(t.bodies, &suspects, in_a_minute(), is_named, NULL, &swept, &t.error));
	assert_int_equal(swept.seen, 3);
	assert_int_equal(swept.suspected, 1);
	assert_int_equal(swept.removed, 0);
	is_whole(&gone, 2);
	name_body(&gone); /* just in time */
	ok(bodies_sweep(t.bodies, &suspects, in_a_minute(), is_named, NULL, &swept, &t.error));
	assert_int_equal(swept.suspected + swept.removed, 0);
	unname_body(&gone);
	for (int i = 0; i < 2; i++)
		ok(bodies_sweep(t.bodies, &suspects, in_a_minute(), is_named, NULL, &swept, &t.error));
	assert_int_equal(swept.removed, 1);
	is_missing(&gone);
	is_whole(&kept, 1);
	is_whole(&shared, 3);
	bodies_free_suspects(&suspects);
}

static bool cant_say(void *context, const struct body *body, bool *named, struct error *error)
{
	(void)context, (void)body, (void)named;
	return error_set(error, ERROR_TEMPORARY, "the rows are away");
}

static bool never_heard_of_it(void *context, const struct body *body, bool *named, struct error *error)
{
	(void)context, (void)body, (void)error;
	*named = false;
	return true;
}

static void sweeps_remove_nothing_when_the_rows_are_away_or_others(void **state)
{
	struct bodies_suspects suspects = {0};
	struct bodies_swept swept;
	(void)state;
	put(1, 1);
	assert_false(bodies_sweep(t.bodies, &suspects, in_a_minute(), cant_say, NULL, &swept, &t.error));
	assert_int_equal(t.error.kind, ERROR_TEMPORARY);
	for (unsigned i = 1; i < BODIES_NONE_NAMED; i++)
		put(1, i);
	for (int i = 0; i < 3; i++) {
		assert_false(bodies_sweep(t.bodies, &suspects, in_a_minute(), never_heard_of_it, NULL, &swept, &t.error));
		assert_int_equal(t.error.kind, ERROR_INVALID);
	}
	assert_int_equal(count_bodies().count, BODIES_NONE_NAMED);
}

/* ---- Kills ---- */

static void die_at(int step, int now)
{
	if (step == now)
		raise(SIGKILL);
}

enum { KILL_STEPS = 8 };

/* What a server does, in the order that is promised; dies after that step. */
static void serve(int step)
{
	struct bodies_suspects suspects = {0};
	struct bodies_swept swept;
	struct body a = put(1000, 1);
	die_at(step, 1);
	name_body(&a);
	die_at(step, 2);
	struct body b = put(300000, 2);
	die_at(step, 3);
	name_body(&b);
	name_body(&b);
	die_at(step, 4);
	unname_body(&a);
	die_at(step, 5);
	ok(bodies_sweep(t.bodies, &suspects, in_a_minute(), is_named, NULL, &swept, &t.error));
	die_at(step, 6);
	ok(bodies_sweep(t.bodies, &suspects, in_a_minute(), is_named, NULL, &swept, &t.error));
	die_at(step, 7);
	unname_body(&b);
	die_at(step, KILL_STEPS);
}

/* Every body that is named is there, and as it was put. Returns how many. */
static size_t check_named(void)
{
	struct db_statement *statement = db_prepare(t.rows, "SELECT DISTINCT body, size, hash FROM name");
	struct buf content = BUF(32 * 1024 * 1024);
	size_t count = 0;
	for (; db_step(statement, &t.error) == DB_ROW; count++) {
		struct body body = {.id = db_number(statement, 0), .size = (uint64_t)db_number(statement, 1)};
		memcpy(body.hash, db_blob(statement, 2).at, BODY_HASH_SIZE);
		buf_clear(&content);
		ok(bodies_get(t.bodies, &body, &content, &t.error));
	}
	buf_free(&content);
	return count;
}

/* Sweeps until there are no bodies but those that are named. What was on its way to a server when we were killed may still arrive there. */
static void check_after_sweeps(void)
{
	enum { PATIENCE_MS = 60 * 1000 };
	struct bodies_suspects suspects = {0};
	struct bodies_swept swept;
	size_t named = check_named();
	int64_t end = clock_monotonic_ms() + PATIENCE_MS;
	do {
		ok(bodies_sweep(t.bodies, &suspects, in_a_minute(), is_named, NULL, &swept, &t.error));
		ok(bodies_sweep(t.bodies, &suspects, in_a_minute(), is_named, NULL, &swept, &t.error));
	} while (count_bodies().count != named && clock_monotonic_ms() < end);
	assert_int_equal(count_bodies().count, named);
	assert_int_equal(check_named(), named);
	bodies_free_suspects(&suspects);
}

/* A process that has its own connections; the parent's are closed meanwhile. */
static pid_t start(enum kind kind)
{
	bodies_close(&t.bodies);
	db_close(&t.rows);
	pid_t child = fork();
	if (child == 0) {
		t.child = true;
		open_rows();
		open_bodies(kind);
	}
	return child;
}

static void end(pid_t child, enum kind kind)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	open_rows();
	open_bodies(kind);
}

static void a_kill_after_any_step_loses_nothing_and_leaves_no_orphan(void **state)
{
	enum kind kind = *(enum kind *)*state;
	for (int step = 1; step <= KILL_STEPS; step++) {
		pid_t child = start(kind);
		if (child == 0) {
			serve(step);
			_exit(1);
		}
		end(child, kind);
		check_after_sweeps();
	}
}

/* Puts, names and gives up names, until it is killed. */
static _Noreturn void serve_on(void)
{
	struct body former = put(10, 0);
	name_body(&former);
	for (unsigned i = 0;; i++) {
		struct body body = put(i % 3 == 2 ? 600000 : 1000 * (i % 5), i);
		name_body(&body);
		if (i % 2)
			unname_body(&former);
		former = body;
	}
}

static void a_kill_at_any_time_loses_nothing_and_leaves_no_orphan(void **state)
{
	enum { ROUNDS = 6, MOST_US = 40000 };
	enum kind kind = *(enum kind *)*state;
	for (int round = 0; round < ROUNDS; round++) {
		pid_t child = start(kind);
		if (child == 0)
			serve_on();
		usleep((useconds_t)random_below(MOST_US));
		kill(child, SIGKILL);
		end(child, kind);
		check_after_sweeps();
	}
}

/* ---- Names ---- */

static void names_are_read_strictly(void **state)
{
	(void)state;
	struct body body = {.id = id_new(), .hash = {1, 2, 0xab}}, again;
	char name[BODIES_NAME_LEN + 1];
	bodies_name(&body, name);
	assert_true(bodies_read_name(slice_of(name), &again));
	assert_int_equal(again.id, body.id);
	assert_memory_equal(again.hash, body.hash, BODY_HASH_SIZE);
	assert_false(bodies_read_name(slice_sub(slice_of(name), 0, BODIES_NAME_LEN - 1), &again));
	name[BODIES_NAME_LEN - 1] = 'A';
	assert_false(bodies_read_name(slice_of(name), &again));
	name[BODIES_NAME_LEN - 1] = 'a';
	name[ID_TEXT_LEN] = '-';
	assert_false(bodies_read_name(slice_of(name), &again));
	name[ID_TEXT_LEN] = '.';
	name[0] = 'z';
	assert_false(bodies_read_name(slice_of(name), &again));
}

#define TEST(function, kind) cmocka_unit_test_prestate_setup_teardown(function, set_up, tear_down, kind)

static int run(const char *name, enum kind *kind)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_read_whole_and_in_parts, kind),
		TEST(what_isnt_as_it_should_be_is_said, kind),
		TEST(sweeps_remove_what_is_nameless_twice_and_old, kind),
		TEST(sweeps_remove_nothing_when_the_rows_are_away_or_others, kind),
		TEST(a_kill_after_any_step_loses_nothing_and_leaves_no_orphan, kind),
		TEST(a_kill_at_any_time_loses_nothing_and_leaves_no_orphan, kind),
		cmocka_unit_test(names_are_read_strictly),
	};
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* s3.h */
	static enum kind files = FILES, rows = ROWS, postgresql = POSTGRESQL, objects = OBJECTS;
	if (getenv("POMBAL_TEST_DATABASE"))
		return run("rows of PostgreSQL", &postgresql);
	if (getenv("POMBAL_TEST_S3"))
		return run("objects", &objects);
	int failed = run("files", &files);
	return run("rows", &rows) + failed;
}
