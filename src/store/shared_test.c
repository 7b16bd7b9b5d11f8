/* Tests of rows that several machines share: what one does the others hear, and no number is given twice. Where no PostgreSQL is given
 * (fixture.h), there is nothing that could be shared. */
#include "store/fixture.h"

#include <pthread.h>
#include <sys/wait.h>

enum { WRITERS = 3, EACH = 20 };

/* What another machine does: its own process, with the account's folder where this one has it. */
static pid_t elsewhere(void (*act)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		t.store = NULL;
		t.alice = NULL;
		fixture_open();
		t.alice = store_open_account(t.store, ALICE, &t.error);
		if (t.alice)
			act();
		_exit(t.alice ? 0 : 1);
	}
	return pid;
}

static void end_well(pid_t pid)
{
	int status;
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_int_equal(status, 0);
}

static void append_one(void) { append("INBOX", 0); }

static void append_many(void)
{
	for (int i = 0; i < EACH; i++)
		append("INBOX", 0);
}

static struct { pthread_mutex_t lock; pthread_cond_t changed; int count; } told = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void note(void *context)
{
	(void)context;
	pthread_mutex_lock(&told.lock);
	told.count++;
	pthread_cond_broadcast(&told.changed);
	pthread_mutex_unlock(&told.lock);
}

static void wait_told(int count)
{
	pthread_mutex_lock(&told.lock);
	while (told.count < count)
		pthread_cond_wait(&told.changed, &told.lock);
	pthread_mutex_unlock(&told.lock);
}

static void changes_elsewhere_are_told(void **state)
{
	(void)state;
	fixture_close();
	ok((t.store = store_open(&(struct store_options){.data = t.data, .storage = fixture_storage(), .hears = true}, &t.error)));
	told.count = 0;
	struct subscription *alice = store_subscribe(t.store, ALICE, note, NULL);
	wait_told(1); /* it has begun to listen: what was before may have been missed */
	end_well(elsewhere(append_one));
	wait_told(2);
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	assert_int_equal(box("INBOX").messages, 1);
	int before = told.count;
	append("INBOX", 0); /* its own it knows of at once, and once */
	assert_int_equal(told.count, before + 1);
	store_unsubscribe(&alice);
}

static void no_number_is_given_twice(void **state)
{
	(void)state;
	pid_t writers[WRITERS];
	struct message *list;
	for (int i = 0; i < WRITERS; i++)
		writers[i] = elsewhere(append_many);
	append_many();
	for (int i = 0; i < WRITERS; i++)
		end_well(writers[i]);
	size_t count = list_all("INBOX", &list);
	assert_int_equal(count, (WRITERS + 1) * EACH);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(list[i].uid, i + 1);
	assert_int_equal(fsck(false), 0);
}

static void remove_bob(void) { ok(store_remove_account(t.store, BOB, &t.error)); }

/* Who has it open finds it gone, and another of the name is another. */
static void an_account_is_removed_elsewhere(void **state)
{
	(void)state;
	struct quota quota;
	ok(store_create_account(t.store, BOB, &t.error));
	struct account *bob = store_open_account(t.store, BOB, &t.error);
	assert_non_null(bob);
	end_well(elsewhere(remove_bob));
	refused(ERROR_NOT_FOUND, account_quota(bob, &quota, &t.error));
	ok(store_create_account(t.store, BOB, &t.error));
	refused(ERROR_NOT_FOUND, account_quota(bob, &quota, &t.error));
	store_release_account(&bob);
	ok((bob = store_open_account(t.store, BOB, &t.error)));
	ok(account_quota(bob, &quota, &t.error));
	store_release_account(&bob);
}

/* Rows of others aren't there, whatever is asked for. */
static void nobody_sees_anothers_rows(void **state)
{
	(void)state;
	append("INBOX", 0);
	ok(store_create_account(t.store, BOB, &t.error));
	struct account *bob = store_open_account(t.store, BOB, &t.error);
	assert_non_null(bob);
	ok(account_enter(bob, &t.error));
	struct db_statement *s = db_prepare(bob->mail.db, "SELECT count(*) FROM message");
	assert_int_equal(db_step(s, &t.error), DB_ROW);
	assert_int_equal(db_number(s, 0), 0);
	db_reset(s);
	assert_true(db_run(db_prepare(bob->mail.db, "UPDATE mailbox SET name = 'gone' WHERE name = 'Trash'"), &t.error));
	account_leave(bob);
	assert_int_equal(box("Trash").use, USE_TRASH);
	store_release_account(&bob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(changes_elsewhere_are_told), STORE_TEST(no_number_is_given_twice), STORE_TEST(an_account_is_removed_elsewhere),
		STORE_TEST(nobody_sees_anothers_rows),
	};
	return fixture_storage() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
