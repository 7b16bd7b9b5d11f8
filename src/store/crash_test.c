/* Tests of what may never happen: a number given twice, an acknowledged message lost, a half-added one shown; with several
 * processes at one account, processes killed in the middle, and power cuts (played by putting back what was on disk). */
#include "store/fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/random.h"
#include "store/power.h"

/* ---- Several processes ---- */

enum { PROCESSES = 3, TIMES = 120 };

/* Appends, marks and moves, as a courier and readers do; ends the process. */
static void work_at_inbox(int which)
{
	fixture_open();
	t.alice = store_open_account(t.store, ALICE, &t.error);
	int64_t inbox = box("INBOX").id, trash = box("Trash").id;
	for (int i = 0; i < TIMES; i++) {
		struct placement placement = {.flags = i % 2 ? FLAG_SEEN : 0, .delivery_id = which * TIMES + i + 1};
		uint32_t *source, *target;
		size_t count;
		if (!try_append(t.alice, inbox, LETTER, &placement))
			_exit(1);
		if (i % 3 == 0 && !message_store_flags(t.alice, inbox, &placement.uid, 1, FLAGS_ADD, FLAG_DELETED, SLICE("x"), -1, t.arena, NULL, NULL, &t.error))
			_exit(2);
		if (i % 5 == 0 && !message_copy(t.alice, inbox, &placement.uid, 1, trash, true, t.arena, &source, &target, &count, &t.error))
			_exit(3);
		arena_reset(t.arena);
	}
	_exit(0);
}

static void processes_share_an_account(void **state)
{
	(void)state;
	pid_t children[PROCESSES];
	fixture_close();
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (children[i] == 0)
			work_at_inbox(i);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		waitpid(children[i], &status, 0);
		assert_int_equal(status, 0);
	}
	fixture_reopen();
	assert_int_equal(box("INBOX").uidnext, PROCESSES * TIMES + 1);
	assert_int_equal(box("INBOX").messages, PROCESSES * TIMES * 4 / 5);
	assert_int_equal(box("Trash").messages, PROCESSES * TIMES / 5);
	struct message *list;
	size_t count = list_all("INBOX", &list);
	for (size_t i = 1; i < count; i++)
		assert_true(list[i].uid > list[i - 1].uid);
	assert_int_equal(fsck(false), 0);
}

static void checking_disturbs_nobody(void **state)
{
	(void)state;
	pid_t children[PROCESSES];
	int running = PROCESSES;
	fixture_close();
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		if (children[i] == 0)
			work_at_inbox(i);
	}
	fixture_open();
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	while (running > 0) { /* while they work, nothing is wrong, and nothing is mended */
		int status;
		assert_int_equal(fsck(true), 0);
		ok(account_clean(t.alice, &t.error));
		ok(account_snapshot(t.alice, &t.error));
		while (waitpid(-1, &status, WNOHANG) > 0) {
			assert_int_equal(status, 0);
			running--;
		}
	}
	assert_int_equal(box("INBOX").uidnext, PROCESSES * TIMES + 1);
	assert_int_equal(fsck(false), 0);
}

/* ---- Killed in the middle ---- */

/* Delivers one message after the other; tells of each by its delivery id, once it is acknowledged. */
static void deliver_until_killed(int tell, int64_t first)
{
	fixture_open();
	t.alice = store_open_account(t.store, ALICE, &t.error);
	int64_t inbox = box("INBOX").id;
	for (int64_t id = first;; id++) {
		struct placement placement = {.delivery_id = id};
		if (!try_append(t.alice, inbox, LETTER, &placement) || write(tell, &id, sizeof id) != sizeof id)
			_exit(1);
	}
}

static void a_killed_process_loses_nothing(void **state)
{
	(void)state;
	int64_t next = 1;
	for (int round = 0; round < 12; round++) {
		int ends[2];
		int64_t told = next - 1, id;
		fixture_close();
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		if (child == 0)
			deliver_until_killed(ends[1], next);
		close(ends[1]);
		assert_int_equal(read(ends[0], &id, sizeof id), sizeof id);
		told = id;
		usleep((useconds_t)random_below(20000));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		while (read(ends[0], &id, sizeof id) == sizeof id)
			told = id;
		close(ends[0]);
		fixture_open();
		ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
		assert_true(box("INBOX").messages >= told && box("INBOX").messages <= told + 1);
		struct placement again = {.delivery_id = told}, open = {.delivery_id = told + 1};
		ok(try_append(t.alice, box("INBOX").id, LETTER, &again));
		assert_true(again.duplicate);
		ok(try_append(t.alice, box("INBOX").id, LETTER, &open)); /* what was under way is done again */
		assert_int_equal(box("INBOX").messages, told + 1);
		next = told + 2;
		fsck(true); /* a file may have been named already */
		assert_int_equal(fsck(false), 0);
		assert_int_equal(box("INBOX").messages, told + 1);
	}
}

/* ---- Power cuts ---- */

static void a_clean_stop_skips_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		begin();
		assert_int_equal(append("INBOX", 0).uid, i + 1);
		ok(store_end_service(t.data, &t.error));
	}
	begin();
	append("INBOX", 0);
	begin(); /* without an end: unclean */
	assert_true(append("INBOX", 0).uid > 5);
	assert_int_equal(box("INBOX").messages, 5);
	assert_int_equal(fsck(false), 0);
}

static void numbers_are_not_given_again(void **state)
{
	(void)state;
	begin();
	append("INBOX", 0);
	keep_disk();
	struct placement seen = {0};
	for (int i = 0; i < 50; i++)
		seen = append("INBOX", 0);
	uint32_t uid = seen.uid;
	ok(message_store_flags(t.alice, box("INBOX").id, &uid, 1, FLAGS_ADD, FLAG_SEEN, NOTHING, -1, t.arena, NULL, NULL, &t.error));
	int64_t modseq;
	ok(account_modseq(t.alice, &modseq, &t.error));
	cut_power();
	assert_int_equal(box("INBOX").messages, 1);
	assert_true(box("INBOX").uidnext > seen.uid);
	assert_true(fsck(true) >= 50); /* the files that had been written are there; they were not acknowledged: … */
	assert_int_equal(fsck(false), 0);
	assert_int_equal(box("INBOX").messages, 1); /* … not shown, since they may be delivered again, but to be had back */
	struct expunged_message *list;
	size_t count;
	ok(account_list_expunged(t.alice, 0, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 50);
	struct placement new = append("INBOX", 0);
	assert_true(new.uid > seen.uid && new.modseq > modseq && new.id != seen.id);
	assert_true(append("Sent", 0).modseq > modseq);
	assert_int_equal(fsck(false), 0);
}

static void ceilings_hold_over_many_cuts(void **state)
{
	(void)state;
	uint32_t highest = 0;
	begin();
	for (int round = 0; round < 4; round++) {
		/* over the ceiling and on: what is durable moves with it */
		for (int i = 0; i < DURABLE_BLOCK + 10; i++) {
			struct placement placement = append("INBOX", 0);
			assert_true(placement.uid > highest);
			highest = placement.uid;
			arena_reset(t.arena);
		}
		keep_disk();
		for (int i = 0; i < 20; i++)
			highest = append("INBOX", 0).uid;
		cut_power();
	}
	assert_true(append("INBOX", 0).uid > highest);
	assert_int_equal(box("INBOX").messages, 4 * (DURABLE_BLOCK + 10) + 1);
}

static void a_lost_mailbox_does_not_return_as_another(void **state)
{
	(void)state;
	begin();
	keep_disk();
	ok(mailbox_create(t.alice, SLICE("x"), USE_NONE, &t.error)); /* durable: it must be there in what is kept next */
	uint32_t validity = box("x").uidvalidity;
	buf_free(&kept_database);
	buf_free(&kept_log);
	keep_disk();
	append("x", 0);
	cut_power();
	assert_int_equal(box("x").uidvalidity, validity);
	assert_true(append("x", 0).uid > 1);
	ok(mailbox_create(t.alice, SLICE("y"), USE_NONE, &t.error));
	assert_true(box("y").uidvalidity > validity);
}

static void a_message_without_its_file_was_never_there(void **state)
{
	(void)state;
	begin();
	struct placement whole = {.delivery_id = 1}, cut = {.delivery_id = 2}, zeroed = {.delivery_id = 3}, gone = {.delivery_id = 4};
	int64_t inbox = box("INBOX").id;
	ok(try_append(t.alice, inbox, LETTER, &whole) && try_append(t.alice, inbox, LETTER, &cut) && try_append(t.alice, inbox, LETTER, &zeroed) &&
	   try_append(t.alice, inbox, LETTER, &gone));
	uint32_t *source, *target, *expunged;
	size_t count;
	ok(message_copy(t.alice, inbox, &cut.uid, 1, box("Archive").id, false, t.arena, &source, &target, &count, &t.error));
	char path[PATH_MAX];
	blob_path_of_message(t.alice->folder, cut.id, path);
	assert_int_equal(truncate(path, 10), 0);
	blob_path_of_message(t.alice->folder, zeroed.id, path);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, (off_t)LETTER.len), 0);
	blob_path_of_message(t.alice->folder, gone.id, path);
	assert_int_equal(unlink(path), 0);
	int64_t modseq = box("INBOX").modseq;
	begin();
	assert_int_equal(box("INBOX").messages, 1);
	assert_int_equal(box("Archive").messages, 0);
	bool complete;
	ok(message_expunged(t.alice, inbox, modseq, t.arena, &expunged, &count, &complete, &t.error));
	assert_int_equal(count, 3);
	ok(try_append(t.alice, inbox, LETTER, &whole) && try_append(t.alice, inbox, LETTER, &cut) && try_append(t.alice, inbox, LETTER, &gone));
	assert_true(whole.duplicate && !cut.duplicate && !gone.duplicate);
	assert_int_equal(box("INBOX").messages, 3);
	assert_int_equal(fsck(false), 0);
}

/* ---- Syncing ---- */

static void *sync_often(void *count)
{
	for (int i = 0; i < 20; i++)
		if (store_sync(t.store, NULL))
			__atomic_add_fetch((int *)count, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void waiters_share_a_sync(void **state)
{
	(void)state;
	pthread_t threads[8];
	int count = 0;
	uint64_t before = t.store->durable->sync.ended;
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, sync_often, &count);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(count, 160);
	assert_true(t.store->durable->sync.ended - before <= 160);
	printf("160 waits, %llu syncs\n", (unsigned long long)(t.store->durable->sync.ended - before));
	/* after a failure nothing of this process is acknowledged any more: it is the last test of all */
	int fd = t.store->durable->folder;
	t.store->durable->folder = -1;
	refused(ERROR_TEMPORARY, store_sync(t.store, &t.error));
	t.store->durable->folder = fd;
	refused(ERROR_TEMPORARY, store_sync(t.store, &t.error));
	struct placement placement = {0};
	refused(ERROR_TEMPORARY, try_append(t.alice, box("INBOX").id, LETTER, &placement));
}

/* Threads of one process, with readers. */
static void *append_some(void *failures)
{
	struct error error;
	struct account *account = store_open_account(t.store, ALICE, &error);
	struct arena *arena = arena_new();
	struct mailbox inbox;
	struct message *list;
	size_t count;
	for (int i = 0; i < 50; i++) {
		struct placement placement = {0};
		struct draft *draft = draft_new(account);
		bool done = mailbox_find(account, SLICE("INBOX"), arena, &inbox, &error) && draft_write(draft, LETTER, &error);
		placement.mailbox = inbox.id;
		done = draft_commit(account, &draft, &placement, 1, &error) && done &&
		       message_list(account, inbox.id, placement.uid, placement.uid, 0, 0, MESSAGE_SUMMARY, arena, &list, &count, &error) && count == 1;
		if (!done)
			__atomic_add_fetch((int *)failures, 1, __ATOMIC_RELAXED);
		arena_reset(arena);
	}
	arena_free(&arena);
	store_release_account(&account);
	return NULL;
}

static void threads_share_an_account(void **state)
{
	(void)state;
	pthread_t threads[8];
	int failures = 0;
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, append_some, &failures);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failures, 0);
	assert_int_equal(box("INBOX").messages, 400);
	assert_int_equal(fsck(false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(processes_share_an_account),
		STORE_TEST(checking_disturbs_nobody),
		STORE_TEST(threads_share_an_account),
		STORE_TEST(a_killed_process_loses_nothing),
		STORE_TEST(a_clean_stop_skips_nothing),
		STORE_TEST(numbers_are_not_given_again),
		STORE_TEST(ceilings_hold_over_many_cuts),
		STORE_TEST(a_lost_mailbox_does_not_return_as_another),
		STORE_TEST(a_message_without_its_file_was_never_there),
		STORE_TEST(waiters_share_a_sync),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
