/* Tests of the journal: what was appended and acknowledged is there after a power cut, whatever of it was on disk in its place,
 * with the numbers that clients have seen; and nothing comes back that was removed. The process that appends is a child that
 * ends without closing anything, as the power cut has it. */
#include "store/power.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/random.h"

enum { APPENDED_MAX = 400 };

/* What the child was told, for the parent to compare. */
static struct {
	size_t count;
	struct placement placements[APPENDED_MAX];
	bool failed;
	struct error error;
} *told;

static int setup(void **state)
{
	told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return told == MAP_FAILED ? -1 : fixture_setup(state);
}

static int teardown(void **state)
{
	munmap(told, sizeof *told);
	return fixture_teardown(state);
}

static void open_with_journal(void)
{
	ok((t.store = store_open(&(struct store_options){.data = t.data, .undelete_seconds = 3600, .journal = true}, &t.error)));
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
}

static struct slice letter_number(size_t n, size_t size)
{
	char *text = arena_array(t.arena, size + 100, 1);
	size_t len = (size_t)snprintf(text, 100, "From: a@example.test\r\nSubject: number %zu\r\n\r\n", n);
	for (; len + 2 < size; len++)
		text[len] = 'x';
	memcpy(text + len, "\r\n", 2);
	return slice_make(text, len + 2);
}

static bool append_durably(const char *mailbox, struct slice content, struct placement *placement)
{
	struct draft *draft = draft_new(t.alice);
	placement->mailbox = box(mailbox).id;
	return draft_write(draft, content, &t.error) && draft_commit_durably(t.alice, &draft, placement, 1, &t.error);
}

/* Runs `work` in a process that dies with the power. */
static void in_child(void (*work)(void))
{
	fixture_close();
	pid_t child = fork();
	if (child == 0) {
		open_with_journal();
		work();
		told->error = t.error;
		_exit(0);
	}
	int status;
	waitpid(child, &status, 0);
	if (told->failed)
		fprintf(stderr, "%s\n", told->error.text);
	assert_int_equal(status, 0);
	assert_false(told->failed);
	fixture_open();
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
}

static void append_twenty(void)
{
	for (size_t i = told->count; told->count < i + 20 && !told->failed; told->count++) {
		struct placement *one = &told->placements[told->count];
		*one = (struct placement){.flags = told->count % 3 ? FLAG_SEEN : FLAG_FLAGGED | FLAG_RECENT, .received = told->count % 2 ? 1000000000 : 0,
					  .keywords = told->count % 4 ? NOTHING : SLICE("$Label1 second")};
		told->failed = !append_durably(told->count % 5 ? "INBOX" : "Sent", letter_number(told->count, 2000), one);
	}
}

static void is_as_told(const struct placement *one, size_t n)
{
	struct message *list;
	size_t count;
	uint64_t size;
	char content[4096];
	ok(message_list(t.alice, one->mailbox, one->uid, one->uid, 0, 0, MESSAGE_SUMMARY, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 1);
	assert_int_equal(list->id, one->id);
	assert_int_equal(list->modseq, one->modseq);
	assert_int_equal(list->flags, one->flags & STORED_FLAGS);
	assert_true(slice_equal(list->keywords, n % 4 ? NOTHING : SLICE("$Label1 second")));
	assert_true(one->received == 0 || list->received == one->received);
	assert_true(list->received > 0 && list->summary.len > 0);
	int fd = message_open(t.alice, one->id, &size, &t.error);
	assert_true(fd >= 0);
	struct slice letter = letter_number(n, 2000);
	assert_int_equal(read(fd, content, sizeof content), letter.len);
	assert_memory_equal(content, letter.at, letter.len);
	close(fd);
}

static void all_are_as_told(void)
{
	for (size_t i = 0; i < told->count; i++)
		is_as_told(&told->placements[i], i);
	assert_int_equal(fsck(false), 0);
	struct placement next = {0};
	ok(append_durably("INBOX", LETTER, &next));
	for (size_t i = 0; i < told->count; i++)
		assert_true(next.modseq > told->placements[i].modseq && (next.mailbox != told->placements[i].mailbox || next.uid > told->placements[i].uid));
}

static void path_of(size_t n, char path[PATH_MAX])
{
	blob_path_of_message(t.alice->folder, told->placements[n].id, path);
}

/* Files that didn't make it, wholly or in part. */
static void lose_files(void)
{
	char path[PATH_MAX];
	for (size_t i = 0; i < told->count; i++) {
		path_of(i, path);
		if (i % 4 == 0)
			assert_int_equal(unlink(path), 0);
		else if (i % 4 == 1)
			assert_int_equal(truncate(path, 100), 0);
	}
}

static void neither_rows_nor_files_are_lost(void **state)
{
	(void)state;
	begin();
	append("INBOX", 0);
	keep_disk();
	in_child(append_twenty);
	lose_files();
	cut_power();
	all_are_as_told();
}

static void files_alone_are_mended(void **state)
{
	(void)state;
	begin();
	in_child(append_twenty);
	lose_files();
	begin();
	all_are_as_told();
}

static void cuts_may_follow_each_other(void **state)
{
	(void)state;
	begin();
	keep_disk();
	in_child(append_twenty);
	lose_files();
	struct buf database = kept_database, log = kept_log;
	kept_database = kept_log = BUF(1 << 30);
	buf_append(&kept_database, buf_slice(&database));
	buf_append(&kept_log, buf_slice(&log));
	cut_power(); /* restored, and all of that is lost again */
	kept_database = database;
	kept_log = log;
	lose_files();
	cut_power();
	all_are_as_told();
	in_child(append_twenty); /* this process begins the journal anew */
	lose_files();
	begin();
	for (size_t i = 20; i < 40; i++)
		is_as_told(&told->placements[i], i);
}

static void append_and_expunge(void)
{
	struct slice none = NOTHING;
	uint32_t *removed;
	size_t count;
	append_twenty();
	int64_t inbox = box("INBOX").id;
	uint32_t uid = told->placements[1].uid;
	told->failed = !message_store_flags(t.alice, inbox, &uid, 1, FLAGS_ADD, FLAG_DELETED, none, -1, t.arena, NULL, NULL, &t.error) ||
		       !message_expunge(t.alice, inbox, &uid, 1, false, t.arena, &removed, &count, &t.error) || count != 1 || !store_sync(t.store, &t.error);
}

static void what_was_expunged_stays_away(void **state)
{
	(void)state;
	struct message *list;
	begin();
	in_child(append_and_expunge);
	begin();
	assert_int_equal(list_all("INBOX", &list) + list_all("Sent", &list), 19);
	fixture_close(); /* its row and file go for good */
	ok((t.store = store_open(&(struct store_options){.data = t.data, .undelete_seconds = -1}, &t.error)));
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	ok(account_clean(t.alice, &t.error));
	begin();
	assert_int_equal(list_all("INBOX", &list) + list_all("Sent", &list), 19);
	assert_int_equal(fsck(false), 0);
}

static void an_account_made_anew_is_empty(void **state)
{
	(void)state;
	struct message *list;
	begin();
	in_child(append_twenty);
	store_release_account(&t.alice);
	ok(store_remove_account(t.store, ALICE, &t.error));
	ok(store_create_account(t.store, ALICE, &t.error));
	begin();
	assert_int_equal(list_all("INBOX", &list) + list_all("Sent", &list), 0);
	assert_int_equal(fsck(false), 0);
}

/* ---- Damage ---- */

static void journal_file(int which, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/accounts/.journal-%d", t.data, which);
}

static void change_byte(uint64_t at)
{
	char path[PATH_MAX], byte;
	journal_file(0, path);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

static size_t count_kept(struct slice account)
{
	struct durable_kept_list list;
	ok(durable_find_kept(t.store->durable, INT64_MAX, account, &list, &t.error));
	size_t count = list.count;
	durable_kept_list_free(&list);
	return count;
}

/* Reading ends before the damage: what was written later was synced later. */
static void damage_ends_the_reading(void **state)
{
	(void)state;
	begin();
	in_child(append_twenty);
	assert_int_equal(count_kept(NOTHING), 20);
	assert_int_equal(count_kept(ALICE), 20);
	assert_int_equal(count_kept(BOB), 0);
	for (uint64_t at = 20 * 2200; at > 0; at -= at < 97 ? at : 97) {
		change_byte(at);
		size_t left = count_kept(ALICE);
		assert_true(left < 20 && left >= at / 2400 && left <= at / 2000);
		change_byte(at);
	}
	assert_int_equal(count_kept(ALICE), 20);
}

static void rubbish_is_no_journal(void **state)
{
	(void)state;
	char path[PATH_MAX], bytes[3000];
	begin();
	in_child(append_twenty);
	for (int which = 0; which < DURABLE_JOURNAL_FILES; which++)
		for (int i = 0; i < 200; i++) {
			journal_file(which, path);
			random_bytes(bytes, sizeof bytes);
			ok(file_replace(path, slice_make(bytes, random_below(sizeof bytes)), 0600, &t.error));
			assert_true(count_kept(NOTHING) <= 20);
		}
	assert_int_equal(count_kept(NOTHING), 0);
	begin();
	assert_int_equal(fsck(false), 0);
}

static void append_to_a_mailbox(void)
{
	append_twenty();
	ok(mailbox_create(t.alice, SLICE("x"), USE_NONE, &t.error));
	told->failed = told->failed || !append_durably("x", LETTER, &told->placements[told->count]);
}

/* An older database was put here: the others are restored, and this one can be had back. */
static void a_mailbox_that_is_missing_harms_no_other(void **state)
{
	(void)state;
	struct expunged_message *list;
	size_t count;
	begin();
	keep_disk();
	in_child(append_to_a_mailbox);
	cut_power();
	for (size_t i = 0; i < told->count; i++)
		is_as_told(&told->placements[i], i);
	assert_int_equal(fsck(true), 1);
	ok(account_list_expunged(t.alice, 0, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 1);
	assert_int_equal(list->id, told->placements[told->count].id);
}

static void a_rebuilt_account_has_its_files(void **state)
{
	(void)state;
	struct message *list;
	char path[PATH_MAX];
	begin();
	in_child(append_twenty);
	lose_files();
	fixture_close();
	database_file("", path);
	ok(file_replace(path, SLICE("no database"), 0600, &t.error));
	ok(store_begin_service(t.data, &t.error));
	fixture_open();
	assert_true(fsck(true) > 0);
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	assert_int_equal(list_all("INBOX", &list), 20);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(list[i].size, 2000);
	assert_int_equal(fsck(false), 0);
}

/* ---- Writing ---- */

static uint64_t bytes_on_disk(int which)
{
	char path[PATH_MAX];
	struct stat status;
	journal_file(which, path);
	return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void the_files_take_turns(void **state)
{
	(void)state;
	begin();
	fixture_close();
	open_with_journal();
	struct slice letter = letter_number(0, KEPT_BYTES);
	uint64_t most = 0;
	for (int i = 0; i < APPENDED_MAX * 2; i++) { /* 50 MB */
		struct placement placement = {0};
		ok(append_durably("INBOX", letter, &placement));
		for (int which = 0; which < DURABLE_JOURNAL_FILES; which++)
			most = bytes_on_disk(which) > most ? bytes_on_disk(which) : most;
	}
	assert_true(most >= 16 * 1024 * 1024 && most <= 17 * 1024 * 1024);
	fixture_reopen();
	assert_int_equal(bytes_on_disk(0) + bytes_on_disk(1), 0); /* a clean stop leaves it empty */
	assert_int_equal(box("INBOX").messages, APPENDED_MAX * 2);
}

static void nothing_stays_in_it_for_long(void **state)
{
	(void)state;
	begin();
	fixture_close();
	open_with_journal();
	struct durable_journal *journal = &t.store->durable->journal;
	pthread_mutex_lock(&journal->rounds.lock);
	journal->keep_ms = 20;
	pthread_mutex_unlock(&journal->rounds.lock);
	for (int i = 0; i < 5; i++) {
		struct placement placement = {0};
		ok(append_durably("INBOX", LETTER, &placement));
		while (bytes_on_disk(0) + bytes_on_disk(1) > 0)
			usleep(5000);
	}
	assert_int_equal(box("INBOX").messages, 5);
}

/* Threads that append at once share rounds of writing. */
static void *append_fifty(void *failures)
{
	struct error error;
	struct account *account = store_open_account(t.store, ALICE, &error);
	struct arena *arena = arena_new();
	struct mailbox inbox;
	for (int i = 0; i < 50; i++) {
		struct placement placement = {0};
		struct draft *draft = draft_new(account);
		bool done = mailbox_find(account, SLICE("INBOX"), arena, &inbox, &error) && draft_write(draft, LETTER, &error);
		placement.mailbox = inbox.id;
		if (!draft_commit_durably(account, &draft, &placement, 1, &error) || !done)
			__atomic_add_fetch((int *)failures, 1, __ATOMIC_RELAXED);
	}
	arena_free(&arena);
	store_release_account(&account);
	return NULL;
}

static void writers_share_a_round(void **state)
{
	(void)state;
	pthread_t threads[8];
	int failures = 0;
	begin();
	fixture_close();
	open_with_journal();
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, append_fifty, &failures);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failures, 0);
	assert_int_equal(box("INBOX").messages, 400);
	assert_true(t.store->durable->journal.rounds.ended <= 400);
	printf("400 messages, %llu rounds\n", (unsigned long long)t.store->durable->journal.rounds.ended);
	assert_int_equal(fsck(false), 0);
}

static void one_process_has_it(void **state)
{
	(void)state;
	begin();
	fixture_close();
	open_with_journal();
	struct placement placement = {0};
	ok(append_durably("INBOX", LETTER, &placement));
	struct store *first = t.store;
	struct account *alice = t.alice;
	open_with_journal();
	ok(append_durably("INBOX", LETTER, &placement)); /* a second one has to do without, and does */
	assert_false(t.store->durable->journal.usable);
	assert_true(first->durable->journal.usable);
	store_release_account(&alice);
	store_close(&first);
	assert_int_equal(box("INBOX").messages, 2);
}

static void large_and_many(void **state)
{
	(void)state;
	begin();
	fixture_close();
	open_with_journal();
	struct draft *drafts[3];
	struct placement placements[3] = {{0}};
	for (int i = 0; i < 3; i++) {
		drafts[i] = draft_new(t.alice);
		placements[i].mailbox = box("INBOX").id;
		ok(draft_write(drafts[i], letter_number((size_t)i, i == 1 ? SMALL_DRAFT * 2 : 3000), &t.error));
	}
	ok(draft_commit_durably(t.alice, drafts, placements, 3, &t.error));
	assert_int_equal(count_kept(ALICE), 0); /* by a sync */
	drafts[0] = draft_new(t.alice);
	drafts[1] = draft_new(t.alice);
	ok(draft_write(drafts[0], LETTER, &t.error) && draft_write(drafts[1], LETTER, &t.error));
	placements[0] = placements[1] = (struct placement){.mailbox = box("INBOX").id};
	ok(draft_commit_durably(t.alice, drafts, placements, 2, &t.error));
	assert_int_equal(count_kept(ALICE), 2);
	drafts[0] = draft_new(t.alice); /* an empty one */
	placements[0] = (struct placement){.mailbox = box("INBOX").id};
	ok(draft_commit_durably(t.alice, drafts, placements, 1, &t.error));
	assert_int_equal(count_kept(ALICE), 3);
	assert_int_equal(box("INBOX").messages, 6);
	assert_int_equal(fsck(false), 0);
}

/* ---- Before the service ---- */

static void the_command_line_mends(void **state)
{
	(void)state;
	int64_t before, after;
	begin();
	keep_disk();
	in_child(append_twenty);
	ok(durable_read_epoch(t.data, &before, &t.error));
	fixture_close();
	ok(store_mend_service(t.data, &t.error));
	fixture_open();
	ok(durable_read_epoch(t.data, &after, &t.error));
	assert_int_equal(after, before + 1);
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	all_are_as_told();
	ok(store_mend_service(t.data, &t.error)); /* once is enough */
	ok(durable_read_epoch(t.data, &before, &t.error));
	assert_int_equal(after, before);
	buf_free(&kept_database);
	buf_free(&kept_log);
}

#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(neither_rows_nor_files_are_lost),
		JOURNAL_TEST(files_alone_are_mended),
		JOURNAL_TEST(cuts_may_follow_each_other),
		JOURNAL_TEST(what_was_expunged_stays_away),
		JOURNAL_TEST(an_account_made_anew_is_empty),
		JOURNAL_TEST(damage_ends_the_reading),
		JOURNAL_TEST(rubbish_is_no_journal),
		JOURNAL_TEST(a_mailbox_that_is_missing_harms_no_other),
		JOURNAL_TEST(a_rebuilt_account_has_its_files),
		JOURNAL_TEST(the_files_take_turns),
		JOURNAL_TEST(nothing_stays_in_it_for_long),
		JOURNAL_TEST(writers_share_a_round),
		JOURNAL_TEST(one_process_has_it),
		JOURNAL_TEST(large_and_many),
		JOURNAL_TEST(the_command_line_mends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
