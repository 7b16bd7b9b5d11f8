/* Tests of what our SQL becomes for PostgreSQL; that PostgreSQL takes it is tested where there is one (tests/e2e/test_sql.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "store/db/postgresql.h"

#define COLUMN "part BIGINT NOT NULL DEFAULT current_setting('pombal.part')::bigint, "
#define POLICY(table) "; ALTER TABLE " table " ENABLE ROW LEVEL SECURITY; ALTER TABLE " table " FORCE ROW LEVEL SECURITY; CREATE POLICY part ON " table \
	" USING (part = current_setting('pombal.part')::bigint)"

static void becomes(bool translate(struct slice, bool, struct buf *), const char *sql, bool parts, const char *expected)
{
	struct buf out = BUF(DB_PG_SQL_MAX);
	assert_true(translate(slice_of(sql), parts, &out));
	assert_string_equal(out.at, expected);
	buf_free(&out);
}

static void a_table_alone_has_other_types(void **state)
{
	(void)state;
	becomes(db_pg_translate_definition, "CREATE TABLE pair (a INTEGER PRIMARY KEY, b TEXT NOT NULL UNIQUE, c BLOB DEFAULT (1), PRIMARY KEY (a, b)) WITHOUT ROWID", false,
		"CREATE TABLE pair (a BIGINT NOT NULL PRIMARY KEY, b TEXT COLLATE \"C\" NOT NULL UNIQUE, c BYTEA DEFAULT (1), PRIMARY KEY (a, b))");
	becomes(db_pg_translate_definition, "ALTER TABLE pair ADD COLUMN d TEXT NOT NULL DEFAULT 'a TEXT; or BLOB'", false,
		"ALTER TABLE pair ADD COLUMN d TEXT COLLATE \"C\" NOT NULL DEFAULT 'a TEXT; or BLOB'");
	becomes(db_pg_translate_definition, "CREATE INDEX pair_c ON pair (c) WHERE c <> 0", false, "CREATE INDEX pair_c ON pair (c) WHERE c <> 0");
}

static void a_part_leads_every_key(void **state)
{
	(void)state;
	becomes(db_pg_translate_definition, "CREATE TABLE mailbox (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, n BIGINT NOT NULL)", true,
		"CREATE TABLE mailbox (" COLUMN "id BIGINT NOT NULL, name TEXT COLLATE \"C\" NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (part, id), UNIQUE (part, name))" POLICY("mailbox"));
	becomes(db_pg_translate_definition, "CREATE TABLE placement (mailbox BIGINT NOT NULL, uid BIGINT NOT NULL, PRIMARY KEY (mailbox, uid)) WITHOUT ROWID", true,
		"CREATE TABLE placement (" COLUMN "mailbox BIGINT NOT NULL, uid BIGINT NOT NULL, PRIMARY KEY (part, mailbox, uid))" POLICY("placement"));
	becomes(db_pg_translate_definition, "CREATE TABLE account (name TEXT NOT NULL)", true,
		"CREATE TABLE account (" COLUMN "name TEXT COLLATE \"C\" NOT NULL, PRIMARY KEY (part))" POLICY("account"));
	becomes(db_pg_translate_definition, "CREATE INDEX placement_deleted ON placement (mailbox, modseq) WHERE (flags & 8) <> 0", true,
		"CREATE INDEX placement_deleted ON placement (part, mailbox, modseq) WHERE (flags & 8) <> 0");
}

static void a_statement_names_the_whole_key(void **state)
{
	(void)state;
	becomes(db_pg_translate_statement, "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = 1", true,
		"INSERT INTO t (a) VALUES ($1) ON CONFLICT (part, a) DO UPDATE SET b = 1");
	becomes(db_pg_translate_statement, "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING", true, "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING");
	becomes(db_pg_translate_statement, "INSERT INTO t (a) VALUES (" DB_NOW ") ON CONFLICT (a) DO NOTHING", false,
		"INSERT INTO t (a) VALUES (CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)) ON CONFLICT (a) DO NOTHING");
	becomes(db_pg_translate_statement, "UPDATE t SET a = 1 WHERE" DB_IF_UNLOCKED("t") "id = $1" DB_IF_UNLOCKED_END, false, "UPDATE t SET a = 1 WHERE id = (SELECT id FROM t WHERE id = $1 FOR UPDATE SKIP LOCKED) ");
}

static void several_are_cut_apart(void **state)
{
	(void)state;
	struct slice sql = SLICE(" CREATE TABLE a (b TEXT DEFAULT ';');UPDATE a SET b = 'x;y' ; \nDROP INDEX c"), statement;
	assert_true(db_pg_next_statement(&sql, &statement));
	assert_true(slice_equal(statement, SLICE("CREATE TABLE a (b TEXT DEFAULT ';')")) && db_pg_is_definition(statement));
	assert_true(db_pg_next_statement(&sql, &statement));
	assert_true(slice_equal(statement, SLICE("UPDATE a SET b = 'x;y' ")) && !db_pg_is_definition(statement));
	assert_true(db_pg_next_statement(&sql, &statement));
	assert_true(slice_equal(statement, SLICE("DROP INDEX c")) && db_pg_is_definition(statement));
	assert_false(db_pg_next_statement(&sql, &statement));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_alone_has_other_types), cmocka_unit_test(a_part_leads_every_key), cmocka_unit_test(a_statement_names_the_whole_key),
		cmocka_unit_test(several_are_cut_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
