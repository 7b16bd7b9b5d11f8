/* Letters for accounts that nobody has open: they arrive, are taken in once, and are never lost or seen twice. */
#include "store/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

/* As in the courier: another store, which has nothing open. */
static struct store *courier;

static int setup(void **state)
{
	fixture_setup(state);
	ok((courier = store_open(&(struct store_options){.data = t.data, .undelete_seconds = 3600, .open_accounts = 4}, &t.error)));
	return 0;
}

static int teardown(void **state)
{
	store_close(&courier);
	return fixture_teardown(state);
}

#define ARRIVAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static bool arrive(struct slice name, int64_t delivery_id, struct slice content, struct arrival *arrival)
{
	struct account *account = store_address_account(courier, name, &t.error);
	assert_non_null(account);
	struct draft *draft = draft_new(account);
	*arrival = (struct arrival){.delivery_id = delivery_id, .received = 1234567890};
	bool done = draft_write(draft, content, &t.error) && draft_arrive(&draft, arrival, &t.error);
	assert_null(account->mail.db); /* it wasn't opened for that */
	store_release_account(&account);
	return done;
}

static size_t files_in(const char *folder, const char *ending)
{
	char path[PATH_MAX];
	size_t count = 0;
	snprintf(path, sizeof path, "%s/%s", t.alice->folder, folder);
	DIR *list = opendir(path);
	assert_non_null(list);
	for (struct dirent *entry; (entry = readdir(list));)
		count += slice_ends_nocase(slice_of(entry->d_name), slice_of(ending));
	closedir(list);
	return count;
}

static void arrives_and_is_taken_in(void **state)
{
	(void)state;
	struct arrival arrival;
	struct message *list;
	struct quota quota;
	char path[PATH_MAX];
	ok(arrive(ALICE, 7, LETTER, &arrival));
	assert_int_equal(files_in("arrived", ".eml"), 1);
	ok(account_quota(t.alice, &quota, &t.error)); /* the account was open all the time: it notices */
	assert_true(quota.messages == 1 && quota.bytes == LETTER.len);
	assert_int_equal(list_all("INBOX", &list), 1);
	assert_true(list[0].uid == 1 && list[0].id == arrival.id && list[0].received == 1234567890 && list[0].size == LETTER.len && list[0].flags == 0);
	blob_path_of_message(t.alice->folder, arrival.id, path);
	assert_int_equal(access(path, R_OK), 0);
	assert_int_equal(files_in("arrived", ".eml"), 1); /* the commit isn't durable yet */
	ok(store_sync(t.store, &t.error));
	assert_int_equal(files_in("arrived", ".eml"), 0);
	assert_int_equal(fsck(false), 0);
}

static void comes_in_order(void **state)
{
	(void)state;
	struct arrival arrivals[5];
	struct message *list;
	for (int i = 0; i < 5; i++)
		ok(arrive(ALICE, 100 - i, LETTER, &arrivals[i]));
	assert_int_equal(list_all("INBOX", &list), 5);
	for (int i = 0; i < 5; i++)
		assert_true(list[i].id == arrivals[i].id && list[i].uid == (uint32_t)i + 1);
}

static void is_delivered_once(void **state)
{
	(void)state;
	struct arrival arrival;
	struct message *list;
	struct placement placement = {.delivery_id = 7};
	ok(arrive(ALICE, 7, LETTER, &arrival));
	ok(arrive(ALICE, 7, LETTER, &arrival)); /* the courier was killed in between */
	assert_int_equal(list_all("INBOX", &list), 1);
	ok(arrive(ALICE, 7, LETTER, &arrival)); /* now that it is known */
	assert_int_equal(list_all("INBOX", &list), 1);
	ok(try_append(t.alice, box("INBOX").id, LETTER, &placement));
	assert_true(placement.duplicate);
	ok(store_sync(t.store, &t.error));
	assert_int_equal(files_in("arrived", ".eml"), 0);
	assert_int_equal(fsck(false), 0);
}

static void waits_while_an_id_passes_it(void **state)
{
	(void)state;
	struct arrival arrival;
	struct message *list;
	struct store *reader = t.store;
	ok(arrive(ALICE, 7, LETTER, &arrival));
	t.alice->arrivals.again_ms = INT64_MAX; /* as if it couldn't be taken in */
	append("INBOX", FLAG_SEEN);
	t.alice->arrivals.again_ms = 0;
	assert_int_equal(list_all("INBOX", &list), 2);
	assert_true(list[1].flags == 0 && list[1].id > list[0].id && list[0].id > arrival.id);
	ok(store_sync(reader, &t.error));
	assert_int_equal(fsck(false), 0);
}

/* What a power cut left. */
static void damage_is_put_aside(void **state)
{
	(void)state;
	struct arrival arrival;
	struct message *list;
	char command[PATH_MAX + 64];
	ok(arrive(ALICE, 7, LETTER, &arrival));
	assert_true(snprintf(command, sizeof command, "truncate -s 9 '%s'/arrived/*.eml", t.alice->folder) < (int)sizeof command);
	assert_int_equal(system(command), 0);
	store_release_account(&t.alice);
	store_close(&t.store);
	ok((t.store = store_open(&(struct store_options){.data = t.data, .undelete_seconds = 3600, .looking = true}, &t.error)));
	assert_int_equal(fsck(false), 1);
	store_close(&t.store);
	fixture_open();
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	assert_int_equal(list_all("INBOX", &list), 0);
	assert_int_equal(files_in("arrived", ".damaged"), 1);
	ok(arrive(ALICE, 7, LETTER, &arrival));
	assert_int_equal(list_all("INBOX", &list), 1);
}

/* One that was written to a file since it is large, and one that is somebody's file. */
static void files_arrive(void **state)
{
	(void)state;
	enum { LARGE = 300 * 1024 };
	struct arrival arrival;
	struct message *list;
	char path[PATH_MAX];
	char *content = memory_new(LARGE);
	memset(content, 'x', LARGE);
	for (size_t i = 0; i < LARGE; i += 64)
		memcpy(content + i, "\r\n", 2);
	ok(arrive(ALICE, 7, slice_make(content, LARGE), &arrival));
	struct account *account = store_address_account(courier, ALICE, &t.error);
	assert_true(snprintf(path, sizeof path, "%s/body", t.data) < (int)sizeof path);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(write(fd, LETTER.at, LETTER.len) == (ssize_t)LETTER.len);
	struct draft *draft = draft_new(account);
	arrival = (struct arrival){.delivery_id = 8, .received = 1234567890};
	ok(draft_take_file(draft, fd, &t.error));
	ok(draft_arrive(&draft, &arrival, &t.error));
	store_release_account(&account);
	close(fd);
	free(content);
	assert_int_equal(list_all("INBOX", &list), 2);
	assert_true(list[0].size == LARGE && list[1].size == LETTER.len && list[1].received == 1234567890);
	ok(store_sync(t.store, &t.error));
	assert_int_equal(fsck(false), 0);
}

static void nobody_has_no_folder(void **state)
{
	(void)state;
	struct arrival arrival;
	char path[PATH_MAX];
	refused(ERROR_NOT_FOUND, arrive(BOB, 7, LETTER, &arrival));
	snprintf(path, sizeof path, "%s/accounts/example.test/bob", t.data);
	assert_int_equal(access(path, F_OK), -1);
}

static void goes_with_the_account(void **state)
{
	(void)state;
	struct arrival arrival;
	struct message *list;
	ok(arrive(ALICE, 7, LETTER, &arrival));
	store_release_account(&t.alice);
	ok(store_remove_account(t.store, ALICE, &t.error));
	ok(store_create_account(t.store, ALICE, &t.error));
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	assert_int_equal(list_all("INBOX", &list), 0);
}

static void is_linked(void **state)
{
	(void)state;
	struct arrival first, second = {.delivery_id = 8};
	struct stat status;
	char path[PATH_MAX];
	ok(store_create_account(t.store, BOB, &t.error));
	ok(arrive(ALICE, 7, LETTER, &first));
	struct account *alice = store_address_account(courier, ALICE, &t.error), *bob = store_address_account(courier, BOB, &t.error);
	assert_true(account_arrive_linked(bob, alice, &first, &second));
	store_release_account(&bob);
	ok((bob = store_open_account(courier, BOB, &t.error)));
	struct quota quota;
	ok(account_quota(bob, &quota, &t.error));
	assert_true(quota.messages == 1 && quota.bytes == LETTER.len);
	blob_path_of_message(bob->folder, second.id, path);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_nlink, 3); /* Alice's, Bob's that waits for a sync, Bob's */
	store_release_account(&alice);
	store_release_account(&bob);
	ok(store_sync(courier, &t.error));
}

static void counts_towards_the_quota(void **state)
{
	(void)state;
	struct arrival arrival;
	struct usage usage;
	fixture_reopen(); /* with the table of how full mailboxes are, now that there is a folder for it */
	ok(account_set_quota(t.alice, 2 * LETTER.len, 0, &t.error));
	struct account *account = store_address_account(courier, ALICE, &t.error);
	assert_true(account_prefers_arrivals(account, LETTER.len));
	ok(arrive(ALICE, 7, LETTER, &arrival));
	assert_true(usage_find(courier->usage, ALICE, &usage) && usage.bytes == LETTER.len && usage.messages == 1);
	courier->delivered += 1000;
	assert_false(account_prefers_arrivals(account, LETTER.len + 1)); /* the account's own numbers are to decide */
	store_release_account(&account);
}

static void who_gets_much_is_opened(void **state)
{
	(void)state;
	struct account *account = store_address_account(courier, ALICE, &t.error);
	assert_true(account_prefers_arrivals(account, 1));
	assert_false(account_prefers_arrivals(account, 1)); /* again at once */
	int arrivals = 0;
	for (int i = 0; i < 1000; i++) {
		courier->delivered += 1000; /* many others in between */
		arrivals += account_prefers_arrivals(account, 1);
	}
	assert_in_range(arrivals, 980, 995); /* now and then it is opened nevertheless */
	store_release_account(&account);
	ok((account = store_open_account(courier, ALICE, &t.error)));
	courier->delivered += 1000;
	assert_false(account_prefers_arrivals(account, 1)); /* it is open */
	store_release_account(&account);
}

/* Killed when the file had its place and the rows weren't committed, or when they were and nothing was synced. */
static void survives_a_crash(void **state)
{
	(void)state;
	struct arrival one, two;
	struct message *list;
	char path[PATH_MAX], former[PATH_MAX];
	ok(arrive(ALICE, 7, LETTER, &one));
	ok(arrive(ALICE, 8, LETTER, &two));
	blob_path_of_message(t.alice->folder, one.id, path);
	assert_true(snprintf(former, sizeof former, "ln '%s'/arrived/*.0000000000000007.* '%s'", t.alice->folder, path) < (int)sizeof former);
	assert_int_equal(system(former), 0);
	store_close(&courier);
	fixture_close();
	pid_t pid = fork();
	if (pid == 0) {
		fixture_open();
		_exit(store_open_account(t.store, ALICE, &t.error) ? 0 : 1);
	}
	int status;
	assert_true(waitpid(pid, &status, 0) == pid && status == 0);
	ok((courier = store_open(&(struct store_options){.data = t.data, .undelete_seconds = 3600}, &t.error)));
	fixture_open();
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	assert_int_equal(files_in("arrived", ".eml"), 2);
	assert_int_equal(list_all("INBOX", &list), 2);
	assert_true(list[0].id == one.id && list[1].id == two.id);
	ok(store_sync(t.store, &t.error));
	assert_int_equal(files_in("arrived", ".eml"), 0);
	assert_int_equal(fsck(false), 0);
}

/* After an unclean stop its id isn't given any more; the place that a try had made for it goes. */
static void survives_an_unclean_stop(void **state)
{
	(void)state;
	struct arrival arrival;
	struct message *list;
	char path[PATH_MAX], link[2 * PATH_MAX];
	store_close(&courier);
	fixture_close();
	assert_true(snprintf(path, sizeof path, "%s/run", t.data) < (int)sizeof path && mkdir(path, 0700) == 0);
	ok(store_begin_service(t.data, &t.error));
	fixture_reopen();
	ok((courier = store_open(&(struct store_options){.data = t.data}, &t.error)));
	ok(arrive(ALICE, 7, LETTER, &arrival));
	blob_path_of_message(t.alice->folder, arrival.id, path);
	assert_true(snprintf(link, sizeof link, "ln '%s'/arrived/*.eml '%s'", t.alice->folder, path) < (int)sizeof link);
	assert_int_equal(system(link), 0);
	store_close(&courier);
	fixture_close();
	ok(store_begin_service(t.data, &t.error));
	fixture_reopen();
	ok((courier = store_open(&(struct store_options){.data = t.data}, &t.error)));
	assert_int_equal(list_all("INBOX", &list), 1);
	assert_true(list[0].id > arrival.id && list[0].uid > 1);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(fsck(false), 0);
}

static void two_take_it_in_at_once(void **state)
{
	(void)state;
	enum { PROCESSES = 3, LETTERS = 40 };
	struct arrival arrival;
	struct message *list;
	pid_t pids[PROCESSES];
	for (int i = 0; i < LETTERS; i++)
		ok(arrive(ALICE, i + 1, LETTER, &arrival));
	store_close(&courier);
	fixture_close();
	for (int i = 0; i < PROCESSES; i++)
		if ((pids[i] = fork()) == 0) {
			fixture_open();
			struct account *account = store_open_account(t.store, ALICE, &t.error);
			bool done = account && store_sync(t.store, &t.error);
			_exit(done ? 0 : 1);
		}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		assert_true(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	ok((courier = store_open(&(struct store_options){.data = t.data, .undelete_seconds = 3600}, &t.error)));
	fixture_open();
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	assert_int_equal(list_all("INBOX", &list), LETTERS);
	assert_int_equal(fsck(false), 0);
}

static void note(void *context)
{
	++*(int *)context;
}

static void tells_who_waits(void **state)
{
	(void)state;
	struct arrival arrival;
	struct message *list;
	int told = 0, heard = 0;
	struct subscription *here = store_subscribe(courier, ALICE, note, &told), *there = store_subscribe(t.store, ALICE, note, &heard);
	ok(arrive(ALICE, 7, LETTER, &arrival));
	assert_true(told == 1 && heard == 0); /* the roles' mains carry it over */
	store_announced(t.store, ALICE);
	assert_int_equal(list_all("INBOX", &list), 1);
	assert_true(heard >= 2); /* others that look at the account here are told of the rows */
	store_unsubscribe(&here);
	store_unsubscribe(&there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ARRIVAL_TEST(arrives_and_is_taken_in), ARRIVAL_TEST(comes_in_order), ARRIVAL_TEST(is_delivered_once),
		ARRIVAL_TEST(waits_while_an_id_passes_it), ARRIVAL_TEST(damage_is_put_aside), ARRIVAL_TEST(files_arrive), ARRIVAL_TEST(nobody_has_no_folder),
		ARRIVAL_TEST(goes_with_the_account), ARRIVAL_TEST(is_linked), ARRIVAL_TEST(counts_towards_the_quota),
		ARRIVAL_TEST(who_gets_much_is_opened), ARRIVAL_TEST(survives_a_crash), ARRIVAL_TEST(survives_an_unclean_stop),
		ARRIVAL_TEST(two_take_it_in_at_once), ARRIVAL_TEST(tells_who_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
