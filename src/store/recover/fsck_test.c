/* Tests of checking and mending: each invariant is broken by hand, found, mended, and found whole; databases are damaged and
 * removed; expunged messages come back; folders that can't be written fail cleanly. */
#include "store/fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"

static void run_sql(const char *sql)
{
	const char *bytes = strstr(sql, " X'"); /* which PostgreSQL writes otherwise */
	if (bytes && fixture_storage())
		sql = arena_printf(t.arena, "%.*s '\\x%s", (int)(bytes - sql), sql, bytes + 3).at;
	ok(account_enter(t.alice, &t.error));
	ok(db_exec(t.alice->mail.db, sql, &t.error));
	account_leave(t.alice);
}

static void message_file(int64_t id, char out[PATH_MAX])
{
	blob_path_of_message(t.alice->folder, id, out);
}

static void every_broken_invariant_is_mended(void **state)
{
	(void)state;
	static const char *const damages[] = {
		"UPDATE mailbox SET messages = 7 WHERE name = 'INBOX'",
		"UPDATE mailbox SET unseen = unseen + 1, deleted = 3",
		"UPDATE mailbox SET bytes = 0",
		"UPDATE mailbox SET recent = 99",
		"UPDATE mailbox SET uidnext = 1 WHERE name = 'INBOX'",
		"UPDATE mailbox SET uid_ceiling = 0 WHERE name = 'INBOX'",
		"UPDATE mailbox SET modseq = 0 WHERE name = 'INBOX'",
		"UPDATE account SET modseq = 1",
		"UPDATE account SET bytes = 0, messages = 4",
		"UPDATE account SET modseq_ceiling = 1",
		"UPDATE account SET last_id = 1",
		"UPDATE placement SET size = 1",
		"UPDATE placement SET received = 1 WHERE uid = 2",
		"UPDATE message SET refs = 5",
		"UPDATE message SET expunged = 5",
		"UPDATE message SET summary = ''",
		"UPDATE message SET hash = ''",
		"UPDATE message SET size = 3",
		"DELETE FROM mailbox WHERE name = 'Archive'",
		"DELETE FROM mailbox WHERE name = 'INBOX'",
		"DELETE FROM placement WHERE uid = 1",
		"DELETE FROM message WHERE id = (SELECT min(id) FROM message)",
		"DELETE FROM message",
		"INSERT INTO placement (mailbox, uid, message, flags, keywords, modseq, size, received, thread) VALUES (77, 1, 88, 0, '', 1, 1, 1, 88)",
		"UPDATE mailbox SET selectable = 0, name = 'x' WHERE name = 'INBOX'",
		"UPDATE mailbox SET emails = 7",
		"UPDATE mailbox SET unread_threads = 7 WHERE name = 'Trash'",
		"UPDATE account SET threads = 0",
		"UPDATE message SET thread = 0",
		"UPDATE placement SET thread = 1",
		"UPDATE message SET appeared = 0",
		"INSERT INTO excerpt (message, text) VALUES (77, '')",
		"INSERT INTO long_excerpt (message, text) VALUES (77, '')",
		"UPDATE excerpt SET text = X'01FFFFFFFFFFFF0F00'",
		"INSERT INTO long_excerpt (message, text) SELECT id, X'010100000000000000' FROM message",
	};
	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		append("INBOX", FLAG_SEEN);
		append("INBOX", FLAG_DELETED);
		append("Archive", 0);
		assert_int_equal(fsck(false), 0);
		run_sql(damages[i]);
		if (fsck(false) == 0)
			fail_msg("not found: %s", damages[i]);
		if (fsck(false) == 0)
			fail_msg("changed without being asked: %s", damages[i]);
		assert_true(fsck(true) > 0);
		if (fsck(false) != 0)
			fail_msg("not mended: %s", damages[i]);
		struct quota quota;
		ok(account_quota(t.alice, &quota, &t.error));
		assert_int_equal(quota.messages, 3); /* no message was lost */
		fixture_teardown(NULL);
		fixture_setup(NULL);
	}
}

static void files_and_rows_are_compared(void **state)
{
	(void)state;
	char path[PATH_MAX], other[PATH_MAX + 20];
	int64_t missing = append("INBOX", 0).id, cut = append("INBOX", 0).id, moved = append("INBOX", 0).id;
	append("INBOX", 0);
	message_file(missing, path);
	assert_int_equal(unlink(path), 0);
	message_file(cut, path);
	assert_int_equal(truncate(path, 20), 0);
	message_file(moved, path);
	snprintf(other, sizeof other, "%s/mail/1999-12", t.alice->folder);
	assert_int_equal(mkdir(other, 0700), 0);
	snprintf(other, sizeof other, "%s/mail/1999-12%s", t.alice->folder, path + slice_find_last_char(slice_of(path), '/'));
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(fsck(false), 4); /* the moved one twice: its place, and its row's file */
	fsck(true);
	assert_int_equal(fsck(false), 0);
	struct message *list;
	assert_int_equal(list_all("INBOX", &list), 3);
	assert_int_equal(list[0].id, cut);
	assert_int_equal(list[0].size, 20);
	assert_int_equal(list[1].id, moved);
	assert_int_equal(list[1].uid, 3);
}

static void many_lost_files_are_no_trouble(void **state)
{
	(void)state;
	enum { MANY = 600 };
	char path[PATH_MAX];
	struct placement all[MANY];
	for (int i = 0; i < MANY; i++)
		all[i] = append(i % 3 ? "INBOX" : "Archive", 0);
	for (int i = 0; i < MANY; i += 2) {
		message_file(all[i].id, path);
		assert_int_equal(i % 4 ? unlink(path) : truncate(path, 20), 0);
	}
	assert_int_equal(fsck(false), MANY / 2);
	assert_true(fsck(true) >= MANY / 2); /* and the counters that follow */
	assert_int_equal(fsck(false), 0);
	struct message *list;
	assert_int_equal(list_all("INBOX", &list) + list_all("Archive", &list), MANY * 3 / 4);
	append("INBOX", 0);
	assert_int_equal(fsck(false), 0);
}

static void a_message_whose_row_was_lost_stays_where_it_was(void **state)
{
	(void)state;
	struct placement kept = append("Archive", FLAG_SEEN | FLAG_FLAGGED), gone = append("INBOX", 0);
	char path[PATH_MAX];
	message_file(gone.id, path);
	run_sql("DELETE FROM message");
	assert_int_equal(unlink(path), 0);
	assert_true(fsck(true) > 0);
	assert_int_equal(fsck(false), 0);
	struct message *list;
	assert_int_equal(list_all("Archive", &list), 1);
	assert_true(list[0].id == kept.id && list[0].uid == kept.uid && list[0].flags == (FLAG_SEEN | FLAG_FLAGGED));
	assert_int_equal(list[0].size, LETTER.len);
	assert_int_equal(list_all("INBOX", &list), 0);
}

static void a_file_without_a_message_is_kept(void **state)
{
	(void)state;
	char path[PATH_MAX];
	struct placement old = append("INBOX", 0), new = append("INBOX", 0);
	uint32_t uid;
	run_sql("DELETE FROM placement; DELETE FROM message; DELETE FROM excerpt; UPDATE mailbox SET messages = 0, unseen = 0, bytes = 0, recent = 0, emails = 0, unread_emails = 0, threads = 0, unread_threads = 0;"
		"UPDATE account SET messages = 0, bytes = 0, emails = 0, threads = 0, last_id = last_id - 1");
	message_file(new.id, path);
	assert_int_equal(fsck(true), 2);
	assert_int_equal(fsck(false), 0);
	struct message *list;
	assert_int_equal(list_all("INBOX", &list), 1); /* newer than all that is known: shown */
	assert_int_equal(list[0].id, new.id);
	ok(message_undelete(t.alice, old.id, box("Archive").id, &uid, &t.error)); /* older: to be had back */
	assert_int_equal(fsck(false), 0);
}

static void lose_database(const char *how)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s", t.alice->database);
	fixture_close();
	int fd = open(path, O_WRONLY);
	if (how[0] == 'r')
		unlink(path);
	else if (how[0] == 't')
		assert_int_equal(ftruncate(fd, 5000), 0);
	else
		for (int i = 1; i < 40; i += 2)
			assert_int_equal(pwrite(fd, "garbage, nothing but garbage, page after page of it", 50, i * 4096 + 5), 50);
	close(fd);
	snprintf(path, sizeof path, "%s/accounts/example.test/alice/account.db-wal", t.data);
	unlink(path);
	fixture_open();
}

static void a_lost_database_is_rebuilt(void **state)
{
	(void)state;
	static const char *const ways[] = {"removed", "truncated", "garbled"};
	for (int way = 0; way < 3; way++) {
		struct placement placement = {.received = 86400 * 365};
		uint32_t validity = box("INBOX").uidvalidity;
		ok(try_append(t.alice, box("Archive").id, LETTER, &placement));
		for (int i = 0; i < 150; i++)
			append("INBOX", FLAG_SEEN);
		run_sql("PRAGMA wal_checkpoint(TRUNCATE)");
		lose_database(ways[way]);
		refused(ERROR_INVALID, (t.alice = store_open_account(t.store, ALICE, &t.error)) != NULL);
		assert_int_equal(fsck(false), 1);
		fsck(true);
		ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
		assert_int_equal(fsck(false), 0);
		assert_int_equal(box("INBOX").messages, 151);
		assert_true(box("INBOX").uidvalidity > validity);
		struct message *list;
		list_all("INBOX", &list);
		assert_int_equal(list[0].received, 86400 * 365); /* the file's time */
		fixture_teardown(NULL);
		fixture_setup(NULL);
	}
}

static bool never(void *context)
{
	(void)context;
	return false;
}

static void care_makes_a_snapshot_when_one_is_due(void **state)
{
	(void)state;
	ok(store_care(t.store, 0, never, NULL, &t.error));
	assert_true(recover_newest_snapshot(t.alice->folder) == 0);
	ok(store_care(t.store, 3600, never, NULL, &t.error));
	int64_t first = recover_newest_snapshot(t.alice->folder);
	assert_true(first > 0);
	ok(store_care(t.store, 3600, never, NULL, &t.error));
	assert_true(recover_newest_snapshot(t.alice->folder) == first);
}

static void a_snapshot_gives_flags_and_folders_back(void **state)
{
	(void)state;
	uint32_t uid = 1, *removed;
	size_t count;
	ok(mailbox_create(t.alice, SLICE("work/now"), USE_NONE, &t.error));
	ok(account_set_quota(t.alice, 1 << 20, 1000, &t.error));
	struct placement kept = append("work/now", FLAG_SEEN | FLAG_FLAGGED);
	append("INBOX", 0);
	for (int i = 0; i < SNAPSHOTS_KEPT + 2; i++)
		ok(account_snapshot(t.alice, &t.error));
	struct placement later = append("Sent", 0);
	ok(message_expunge(t.alice, box("INBOX").id, &uid, 1, true, t.arena, &removed, &count, &t.error));
	int64_t modseq;
	uint32_t validity = box("work/now").uidvalidity;
	ok(account_modseq(t.alice, &modseq, &t.error));
	lose_database("removed");
	fsck(true);
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	assert_int_equal(fsck(false), 0);
	struct message *list;
	assert_int_equal(list_all("work/now", &list), 1);
	assert_int_equal(list[0].id, kept.id);
	assert_int_equal(list[0].flags, FLAG_SEEN | FLAG_FLAGGED);
	assert_true(box("work/now").uidvalidity > validity && box("work/now").modseq > modseq);
	assert_int_equal(list_all("INBOX", &list), 2); /* one from the snapshot, one that is newer */
	assert_int_equal(list[1].id, later.id);
	assert_int_equal(box("Sent").messages, 0);
	struct quota quota;
	ok(account_quota(t.alice, &quota, &t.error));
	assert_int_equal(quota.max_messages, 1000);
	assert_int_equal(quota.messages, 3);
}

static void expunged_messages_come_back_for_a_while(void **state)
{
	(void)state;
	struct placement placement = append("INBOX", FLAG_SEEN);
	uint32_t uid = placement.uid, *removed;
	size_t count;
	char path[PATH_MAX];
	message_file(placement.id, path);
	refused(ERROR_NOT_FOUND, message_undelete(t.alice, placement.id, box("INBOX").id, &uid, &t.error)); /* it is there */
	ok(message_expunge(t.alice, box("INBOX").id, &uid, 1, true, t.arena, &removed, &count, &t.error));
	ok(account_clean(t.alice, &t.error));
	struct expunged_message *list;
	ok(account_list_expunged(t.alice, 0, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 1);
	assert_int_equal(list[0].id, placement.id);
	assert_int_equal(list[0].size, LETTER.len);
	assert_false(slice_empty(list[0].summary));
	assert_int_equal(list[0].thread, placement.thread);
	int64_t *ids, wanted[] = {placement.id + 1, placement.id};
	ok(account_expunged_ids(t.alice, 10, t.arena, &ids, &count, &t.error));
	assert_int_equal(count, 1);
	assert_int_equal(ids[0], placement.id);
	ok(account_find_expunged(t.alice, wanted, 2, t.arena, &list, &t.error));
	assert_int_equal(list[0].id, 0);
	assert_int_equal(list[1].id, placement.id);
	assert_int_equal(list[1].mailbox, box("INBOX").id);
	ok(message_undelete(t.alice, placement.id, box("INBOX").id, &uid, &t.error));
	ok(account_list_expunged(t.alice, 10, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 0);
	assert_int_equal(uid, 2);
	assert_int_equal(fsck(false), 0);
	ok(message_expunge(t.alice, box("INBOX").id, &uid, 1, true, t.arena, &removed, &count, &t.error));
	store_set_limits(t.store, 0, 0);
	ok(account_clean(t.alice, &t.error));
	assert_int_equal(access(path, F_OK), -1);
	refused(ERROR_NOT_FOUND, message_undelete(t.alice, placement.id, box("INBOX").id, &uid, &t.error));
	assert_int_equal(fsck(false), 0);
}

static void leftovers_of_crashes_are_cleaned(void **state)
{
	(void)state;
	char path[PATH_MAX];
	ok(blob_path_of_draft(t.alice->folder, path, &t.error));
	ok(file_replace(path, LETTER, 0600, &t.error));
	ok(account_clean(t.alice, &t.error));
	assert_int_equal(access(path, F_OK), 0); /* somebody may be writing it */
	assert_int_equal(fsck(false), 0);
}

/* ---- Faults ---- */

static void a_folder_that_cannot_be_written_fails_cleanly(void **state)
{
	(void)state;
	struct placement placement = {0};
	char month[PATH_MAX], aside[PATH_MAX + 8];
	blob_path_of_month(t.alice->folder, clock_now_ms() << 21, month);
	snprintf(aside, sizeof aside, "%s.aside", month);
	assert_int_equal(rename(month, aside), 0);
	ok(file_replace(month, LETTER, 0400, &t.error)); /* a file where the folder should be: not even root gets past that */
	refused(ERROR_TEMPORARY, try_append(t.alice, box("INBOX").id, LETTER, &placement));
	assert_int_equal(unlink(month), 0);
	assert_int_equal(chmod(aside, 0500), 0);
	assert_int_equal(rename(aside, month), 0);
	if (geteuid() != 0)
		refused(ERROR_TEMPORARY, try_append(t.alice, box("INBOX").id, LETTER, &placement));
	assert_int_equal(chmod(month, 0700), 0);
	assert_int_equal(box("INBOX").messages, 0);
	assert_int_equal(append("INBOX", 0).uid, 1);
	assert_int_equal(fsck(false), 0);
}

/* A limit on the size of files plays the full disk: writes beyond it fail. */
static void a_write_that_fails_adds_nothing(void **state)
{
	(void)state;
	struct rlimit old, tight;
	struct placement placement = {0};
	append("INBOX", 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	for (rlim_t limit = 20; limit < 2000; limit += 490) {
		struct draft *draft = draft_new(t.alice);
		ok(draft_write(draft, LETTER, &t.error));
		for (int i = 0; i < 100; i++)
			ok(draft_write(draft, LETTER, &t.error));
		placement.mailbox = box("INBOX").id;
		tight = (struct rlimit){limit, old.rlim_max};
		setrlimit(RLIMIT_FSIZE, &tight);
		assert_false(draft_commit(t.alice, &draft, &placement, 1, &t.error));
		setrlimit(RLIMIT_FSIZE, &old);
	}
	assert_int_equal(box("INBOX").messages, 1);
	assert_int_equal(fsck(false), 0);
	/* the message's file fits, the database's log doesn't grow */
	char log[PATH_MAX];
	struct stat status;
	snprintf(log, sizeof log, "%s/account.db-wal", t.alice->folder);
	assert_int_equal(stat(log, &status), 0);
	tight = (struct rlimit){(rlim_t)status.st_size + 100, old.rlim_max};
	setrlimit(RLIMIT_FSIZE, &tight);
	int failures = 0;
	for (int i = 0; i < 20; i++)
		failures += !try_append(t.alice, box("INBOX").id, LETTER, &placement);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(failures > 0);
	assert_int_equal(box("INBOX").messages, 21 - failures);
	assert_int_equal(fsck(false), 0); /* no file was left behind */
	append("INBOX", 0);
	assert_int_equal(fsck(false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(every_broken_invariant_is_mended),
		STORE_TEST(files_and_rows_are_compared),
		STORE_TEST(many_lost_files_are_no_trouble),
		STORE_TEST(a_message_whose_row_was_lost_stays_where_it_was),
		STORE_TEST(a_file_without_a_message_is_kept),
		STORE_TEST(expunged_messages_come_back_for_a_while),
		STORE_TEST(leftovers_of_crashes_are_cleaned),
		STORE_TEST(a_folder_that_cannot_be_written_fails_cleanly),
	};
	const struct CMUnitTest of_files[] = {
		STORE_TEST(a_lost_database_is_rebuilt),
		STORE_TEST(care_makes_a_snapshot_when_one_is_due),
		STORE_TEST(a_snapshot_gives_flags_and_folders_back),
		STORE_TEST(a_write_that_fails_adds_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL) + (fixture_storage() ? 0 : cmocka_run_group_tests(of_files, NULL, NULL));
}
