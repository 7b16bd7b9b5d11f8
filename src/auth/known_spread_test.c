/* Tests of what nodes tell each other of networks, over a database that they share: tests/e2e/test_sql.py runs them with a PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "auth/known.h"
#include "auth/test_folder.h"
#include "base/clock.h"
#include "store/db/fixture.h"

enum { TRIES = 6000, PAUSE_US = 10000 };

struct node {
	struct test_folder folder;
	struct known *known;
};

static void begin(struct node *node, const char *storage)
{
	test_folder_make(&node->folder);
	node->known = auth_known_open_in(node->folder.path, storage);
}

static void end(struct node *node)
{
	auth_known_close(&node->known);
	test_folder_remove(&node->folder);
}

static bool hears(struct node *node, struct slice account, int64_t identity, struct slice address)
{
	bool has = false;
	for (int i = 0; i < TRIES && !(has = auth_known_has(node->known, account, identity, address, clock_now())); i++)
		usleep(PAUSE_US);
	return has;
}

static void nodes_tell_each_other(void **state)
{
	(void)state;
	char storage[DB_FIXTURE_STORAGE_MAX];
	struct node one, other, late;
	struct slice anna = SLICE("anna@example.test"), boris = SLICE("boris@example.test"), place = SLICE("192.0.2.1");
	struct error error;
	db_fixture_storage(storage);
	begin(&one, storage);
	begin(&other, storage);
	auth_known_add(one.known, anna, 7, place, clock_now());
	assert_true(hears(&one, anna, 7, place)); /* at once */
	assert_true(hears(&other, anna, 7, place));
	assert_false(auth_known_has(other.known, anna, 8, place, clock_now())); /* another password */
	assert_false(auth_known_has(other.known, boris, 7, place, clock_now()));
	assert_true(db_fixture_run(storage, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pombal' AND pid <> pg_backend_pid()", &error));
	auth_known_add(other.known, boris, 9, SLICE("2001:db8::1"), clock_now());
	assert_true(hears(&one, boris, 9, SLICE("2001:db8::77"))); /* of the same network */
	begin(&late, storage); /* one that comes later hears of all */
	assert_true(hears(&late, anna, 7, place));
	assert_true(hears(&late, boris, 9, SLICE("2001:db8::1")));
	end(&late);
	end(&one);
	end(&other);
	db_fixture_forget(storage, "known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nodes_tell_each_other)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
