/* Unit tests of the store as its users see it: accounts, mailboxes, messages, flags, changes. */
#include "store/fixture.h"

#include <fcntl.h>

#include "base/file.h"

/* ---- Accounts ---- */

static void an_account_has_its_mailboxes(void **state)
{
	(void)state;
	static const char *const names[] = {"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"};
	struct mailbox *list;
	size_t count;
	ok(mailbox_list(t.alice, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 6);
	for (size_t i = 0; i < count; i++) {
		assert_true(slice_equal(list[i].name, slice_of(names[i])));
		assert_true(list[i].selectable && list[i].subscribed);
		assert_int_equal(list[i].uidnext, 1);
		for (size_t j = 0; j < i; j++)
			assert_true(list[i].uidvalidity != list[j].uidvalidity);
	}
	assert_int_equal(box("Trash").use, USE_TRASH);
	refused(ERROR_EXISTS, store_create_account(t.store, ALICE, &t.error));
	struct stat status;
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/accounts/example.test/alice/account.db", t.data);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

/* The command line removes an account and makes another of the name, while this process has the former one open. */
static void an_account_made_anew_is_another(void **state)
{
	(void)state;
	int64_t former = account_incarnation(t.alice);
	struct mailbox *list;
	size_t count;
	struct store *elsewhere = store_open(&(struct store_options){.data = t.data}, &t.error);
	assert_true(former != 0);
	ok(store_remove_account(elsewhere, ALICE, &t.error) && store_create_account(elsewhere, ALICE, &t.error));
	refused(ERROR_NOT_FOUND, mailbox_list(t.alice, t.arena, &list, &count, &t.error));
	struct account *now = store_open_account(t.store, ALICE, &t.error), *shared = store_open_account(t.store, ALICE, &t.error);
	assert_non_null(now);
	assert_ptr_equal(now, shared);
	assert_true(account_incarnation(now) != former);
	refused(ERROR_NOT_FOUND, mailbox_list(t.alice, t.arena, &list, &count, &t.error));
	ok(mailbox_list(now, t.arena, &list, &count, &t.error));
	store_release_account(&shared);
	store_release_account(&now);
	/* With nobody in it, it is found anew without anybody's noticing. */
	ok(store_remove_account(elsewhere, ALICE, &t.error) && store_create_account(elsewhere, ALICE, &t.error));
	store_release_account(&t.alice);
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	ok(mailbox_list(t.alice, t.arena, &list, &count, &t.error));
	store_close(&elsewhere);
}

static void accounts_are_listed_and_removed(void **state)
{
	(void)state;
	struct slice *names;
	size_t count;
	ok(store_create_account(t.store, BOB, &t.error));
	ok(store_list_accounts(t.store, t.arena, &names, &count, &t.error));
	assert_int_equal(count, 2);
	assert_true(slice_equal(names[0], ALICE) && slice_equal(names[1], BOB));
	append("INBOX", 0);
	uint32_t validity = box("Archive").uidvalidity;
	ok(store_remove_account(t.store, ALICE, &t.error));
	refused(ERROR_NOT_FOUND, store_remove_account(t.store, ALICE, &t.error));
	refused(ERROR_NOT_FOUND, store_open_account(t.store, ALICE, &t.error));
	struct mailbox *list;
	refused(ERROR_NOT_FOUND, mailbox_list(t.alice, t.arena, &list, &count, &t.error)); /* an old handle sees it, too */
	ok(store_create_account(t.store, ALICE, &t.error));
	refused(ERROR_NOT_FOUND, mailbox_list(t.alice, t.arena, &list, &count, &t.error)); /* what another has under the name isn't its */
	struct account *again = store_open_account(t.store, ALICE, &t.error);
	struct quota quota;
	ok(account_quota(again, &quota, &t.error));
	assert_int_equal(quota.messages, 0);
	struct mailbox inbox;
	ok(mailbox_find(again, SLICE("INBOX"), t.arena, &inbox, &t.error));
	assert_true(inbox.uidvalidity > validity); /* even within the same second */
	ok(store_list_accounts(t.store, t.arena, &names, &count, &t.error));
	assert_int_equal(count, 2);
	store_release_account(&again);
}

static void no_name_leaves_its_folder(void **state)
{
	(void)state;
	static const struct slice fine[] = {{"../../x@example.test", 20}, {"a/b@example.test", 16}, {".@example.test", 14},
		{"..@..", 5}, {"a%00@example.test", 17}, {"\"a b\"@example.test", 18}, {"\xd0\xb3@\xd1\x80.test", 10}, {"a\0b@c", 5}};
	size_t before, after;
	struct slice *names;
	ok(store_list_accounts(t.store, t.arena, &names, &before, &t.error));
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
		ok(store_create_account(t.store, fine[i], &t.error));
		ok(store_list_accounts(t.store, t.arena, &names, &after, &t.error));
		assert_int_equal(after, before + i + 1);
		bool listed = false;
		for (size_t j = 0; j < after; j++)
			listed |= slice_equal(names[j], fine[i]);
		assert_true(listed);
	}
	char long_name[400];
	memset(long_name, '%', 300);
	memcpy(long_name + 300, "@x", 3);
	refused(ERROR_INVALID, store_create_account(t.store, slice_of(long_name), &t.error));
	refused(ERROR_NOT_FOUND, store_open_account(t.store, slice_of(long_name), &t.error));
	refused(ERROR_INVALID, store_create_account(t.store, SLICE("alice"), &t.error));
	refused(ERROR_INVALID, store_create_account(t.store, SLICE("@b"), &t.error));
	refused(ERROR_INVALID, store_create_account(t.store, SLICE("\xff@b"), &t.error));
	refused(ERROR_NOT_FOUND, store_open_account(t.store, BOB, &t.error));
}

static void idle_accounts_make_place(void **state)
{
	(void)state;
	struct account *open[10];
	char name[32];
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "u%d@example.test", i);
		ok(store_create_account(t.store, slice_of(name), &t.error));
		ok((open[i] = store_open_account(t.store, slice_of(name), &t.error)));
	}
	assert_ptr_equal(open[0], store_open_account(t.store, SLICE("u0@example.test"), &t.error)); /* shared */
	assert_int_equal(t.store->idle_count, 0);
	store_release_account(&(struct account *){open[0]});
	for (int i = 0; i < 10; i++)
		store_release_account(&open[i]);
	assert_int_equal(t.store->idle_count, 4);
	assert_int_equal(map_count(t.store->accounts), 5);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "u%d@example.test", i);
		ok((open[0] = store_open_account(t.store, slice_of(name), &t.error)));
		store_release_account(&open[0]);
	}
	assert_int_equal(t.store->idle_count, 4);
}

/* ---- Mailboxes ---- */

static void mailbox_names_are_checked(void **state)
{
	(void)state;
	static const struct slice bad[] = {{"", 0}, {"/", 1}, {"a//b", 4}, {"a/", 2}, {"/a", 2}, {"..", 2}, {"a/../b", 6}, {".", 1},
		{"a\0b", 3}, {"a\nb", 3}, {"\xff", 1}, {"\xc2\x85", 2}, {"\x7f", 1}, {"\xe2\x80\xa8", 3}, {"a\xed\xa0\x80", 4}};
	struct mailbox mailbox;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		refused(ERROR_INVALID, mailbox_create(t.alice, bad[i], USE_NONE, &t.error));
		refused(ERROR_NOT_FOUND, mailbox_find(t.alice, bad[i], t.arena, &mailbox, &t.error));
		refused(ERROR_NOT_FOUND, mailbox_delete(t.alice, bad[i], &t.error));
	}
	char deep[2 * 40];
	memset(deep, 'a', sizeof deep);
	for (int i = 1; i < 80; i += 2)
		deep[i] = '/';
	ok(mailbox_create(t.alice, slice_make(deep, 63), USE_NONE, &t.error));
	refused(ERROR_INVALID, mailbox_create(t.alice, slice_make(deep, 65), USE_NONE, &t.error));
	assert_true(slice_equal(box("inBox").name, SLICE("INBOX")));
	refused(ERROR_EXISTS, mailbox_create(t.alice, SLICE("inbox"), USE_NONE, &t.error));
	ok(mailbox_create(t.alice, SLICE("inbox/\xd0\x9f\xd1\x82\xd0\xb8\xd1\x86\xd0\xb0"), USE_NONE, &t.error));
	assert_true(slice_starts(box("INBOX/\xd0\x9f\xd1\x82\xd0\xb8\xd1\x86\xd0\xb0").name, SLICE("INBOX/")));
}

static void deleting_keeps_children(void **state)
{
	(void)state;
	struct mailbox mailbox;
	ok(mailbox_create(t.alice, SLICE("a/b/c"), USE_NONE, &t.error));
	append("a", 0);
	uint32_t validity = box("a").uidvalidity;
	int64_t id = box("a").id;
	ok(mailbox_delete(t.alice, SLICE("a"), &t.error));
	assert_false(box("a").selectable);
	assert_int_equal(box("a").messages, 0);
	struct placement placement = {0};
	refused(ERROR_NOT_FOUND, try_append(t.alice, box("a").id, LETTER, &placement));
	refused(ERROR_DENIED, mailbox_delete(t.alice, SLICE("a"), &t.error));
	refused(ERROR_DENIED, mailbox_delete(t.alice, SLICE("INBOX"), &t.error));
	ok(mailbox_create(t.alice, SLICE("a"), USE_NONE, &t.error));
	assert_true(box("a").selectable && box("a").uidvalidity > validity && box("a").id != id);
	ok(mailbox_delete(t.alice, SLICE("a/b/c"), &t.error));
	ok(mailbox_delete(t.alice, SLICE("a/b"), &t.error));
	ok(mailbox_delete(t.alice, SLICE("a"), &t.error));
	refused(ERROR_NOT_FOUND, mailbox_find(t.alice, SLICE("a"), t.arena, &mailbox, &t.error));
	struct quota quota;
	ok(account_quota(t.alice, &quota, &t.error));
	assert_int_equal(quota.messages, 0);
	assert_int_equal(fsck(false), 0);
}

static void renaming_takes_the_branch_along(void **state)
{
	(void)state;
	struct mailbox mailbox;
	ok(mailbox_create(t.alice, SLICE("a/b/c"), USE_NONE, &t.error));
	ok(mailbox_create(t.alice, SLICE("a0"), USE_NONE, &t.error)); /* sorts right after "a/…" */
	ok(mailbox_create(t.alice, SLICE("a!"), USE_NONE, &t.error)); /* … and right before */
	append("a/b", FLAG_SEEN);
	int64_t id = box("a/b").id;
	refused(ERROR_INVALID, mailbox_rename(t.alice, SLICE("a"), SLICE("a/x"), &t.error));
	refused(ERROR_EXISTS, mailbox_rename(t.alice, SLICE("a"), SLICE("Sent"), &t.error));
	refused(ERROR_NOT_FOUND, mailbox_rename(t.alice, SLICE("zz"), SLICE("y"), &t.error));
	ok(mailbox_rename(t.alice, SLICE("a"), SLICE("new/place"), &t.error));
	assert_int_equal(box("new/place/b").id, id);
	assert_int_equal(box("new/place/b").messages, 1);
	assert_true(box("new/place/b/c").selectable && box("new").selectable);
	assert_true(box("a0").selectable && box("a!").selectable);
	refused(ERROR_NOT_FOUND, mailbox_find(t.alice, SLICE("a/b"), t.arena, &mailbox, &t.error));
	/* a name that would become too long stops all of it */
	char name[1000];
	memset(name, 'n', sizeof name);
	ok(mailbox_create(t.alice, slice_make(name, 980), USE_NONE, &t.error));
	refused(ERROR_INVALID, mailbox_rename(t.alice, SLICE("new"), slice_make(name, 995), &t.error));
	assert_int_equal(box("new/place/b").id, id);
	assert_int_equal(fsck(false), 0);
}

static void renaming_inbox_empties_it(void **state)
{
	(void)state;
	append("INBOX", FLAG_SEEN);
	append("INBOX", FLAG_DELETED);
	ok(mailbox_create(t.alice, SLICE("INBOX/child"), USE_NONE, &t.error));
	ok(mailbox_rename(t.alice, SLICE("inbox"), SLICE("old/inbox"), &t.error));
	assert_int_equal(box("INBOX").messages, 0);
	assert_int_equal(box("INBOX").uidnext, 3);
	assert_int_equal(box("old/inbox").messages, 2);
	assert_int_equal(box("old/inbox").unseen, 1);
	assert_true(box("INBOX/child").selectable);
	uint32_t *uids;
	size_t count;
	bool complete;
	ok(message_expunged(t.alice, box("INBOX").id, 2, t.arena, &uids, &count, &complete, &t.error));
	assert_int_equal(count, 2);
	assert_true(complete);
	assert_int_equal(append("INBOX", 0).uid, 3);
	assert_int_equal(append("old/inbox", 0).uid, 3);
	assert_int_equal(fsck(false), 0);
}

static void subscriptions_survive(void **state)
{
	(void)state;
	struct slice *names;
	size_t count;
	ok(mailbox_create(t.alice, SLICE("x"), USE_NONE, &t.error));
	assert_false(box("x").subscribed);
	ok(mailbox_subscribe(t.alice, SLICE("x"), true, &t.error));
	ok(mailbox_subscribe(t.alice, SLICE("x"), true, &t.error));
	assert_true(box("x").subscribed);
	ok(mailbox_delete(t.alice, SLICE("x"), &t.error));
	ok(mailbox_subscriptions(t.alice, t.arena, &names, &count, &t.error));
	assert_int_equal(count, 7);
	assert_true(slice_equal(names[6], SLICE("x")));
	ok(mailbox_subscribe(t.alice, SLICE("x"), false, &t.error));
	ok(mailbox_subscriptions(t.alice, t.arena, &names, &count, &t.error));
	assert_int_equal(count, 6);
}

/* ---- Messages ---- */

static void a_message_is_read_as_written(void **state)
{
	(void)state;
	struct placement placement = {.flags = FLAG_SEEN | FLAG_RECENT | 4096, .keywords = SLICE("b A  c a"), .received = 86400};
	ok(try_append(t.alice, box("INBOX").id, LETTER, &placement));
	assert_int_equal(placement.uid, 1);
	struct message *list;
	size_t count;
	ok(message_list(t.alice, box("INBOX").id, 1, UINT32_MAX, 0, 0, MESSAGE_SUMMARY, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 1);
	assert_int_equal(list[0].flags, FLAG_SEEN);
	assert_int_equal(list[0].size, LETTER.len);
	assert_int_equal(list[0].received, 86400);
	assert_int_equal(list[0].id, placement.id);
	assert_int_equal(list[0].modseq, placement.modseq);
	assert_int_equal(list[0].keywords.len, 5); /* "A b c" or "a b c" */
	assert_false(slice_empty(list[0].summary));
	uint64_t size;
	int fd = message_open(t.alice, placement.id, &size, &t.error);
	struct buf content = BUF(1000);
	assert_true(fd >= 0);
	assert_int_equal(size, LETTER.len);
	struct stat status;
	fstat(fd, &status);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(status.st_mtime, 86400);
	char bytes[200];
	assert_int_equal(read(fd, bytes, sizeof bytes), LETTER.len);
	assert_memory_equal(bytes, LETTER.at, LETTER.len);
	close(fd);
	buf_free(&content);
	assert_int_equal(message_open(t.alice, placement.id + 1, &size, &t.error), -1);
	assert_int_equal(t.error.kind, ERROR_NOT_FOUND);
}

static void listed_messages_are_read_from_their_files(void **state)
{
	(void)state;
	struct placement placement = {0};
	ok(try_append(t.alice, box("INBOX").id, LETTER, &placement));
	char bytes[200];
	struct message_files *files = message_files_new(t.store, ALICE, &t.error);
	for (int i = 0; i < 2; i++) { /* the folder is found, then open */
		assert_true(message_files_read(files, placement.id, LETTER.len, bytes));
		assert_memory_equal(bytes, LETTER.at, LETTER.len);
	}
	assert_false(message_files_read(files, placement.id, LETTER.len - 1, bytes));
	assert_false(message_files_read(files, placement.id, LETTER.len + 1, bytes));
	assert_false(message_files_read(files, placement.id + 1, LETTER.len, bytes));
	message_files_free(&files);
	assert_null(files);
	files = message_files_new(t.store, BOB, &t.error); /* who isn't there */
	assert_false(message_files_read(files, placement.id, LETTER.len, bytes));
	message_files_free(&files);
	assert_null(message_files_new(t.store, SLICE("nobody"), &t.error));
	assert_int_equal(t.error.kind, ERROR_INVALID);
}

static void messages_of_several_months_are_read(void **state)
{
	(void)state;
	enum { MONTHS = 3 };
	struct message_files *files = message_files_new(t.store, ALICE, &t.error);
	int64_t ids[MONTHS];
	char path[PATH_MAX], byte[2];
	for (int i = 0; i < MONTHS; i++) { /* none of them in a month of ours */
		ids[i] = (int64_t)(1000000000 + i * 31 * 24 * 3600) * 1000 << 21 | 5;
		blob_path_of_month(t.alice->folder, ids[i], path);
		ok(file_make_folders(path, 0700, &t.error));
		blob_path_of_message(t.alice->folder, ids[i], path);
		ok(file_replace(path, slice_make(&"abc"[i], 1), 0600, &t.error));
	}
	for (int i = 0; i < 2 * MONTHS; i++) {
		assert_true(message_files_read(files, ids[i % MONTHS], 1, byte));
		assert_int_equal(byte[0], "abc"[i % MONTHS]);
	}
	assert_false(message_files_read(files, (int64_t)5 << 21, 1, byte)); /* of a month without a folder */
	assert_true(message_files_read(files, ids[0], 1, byte));
	message_files_free(&files);
}

static void large_messages_go_through_a_file(void **state)
{
	(void)state;
	enum { SIZE = 3 * 1024 * 1024 + 17 };
	struct draft *draft = draft_new(t.alice);
	char *bytes = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : (char)('a' + i % 23);
	for (size_t at = 0, step = 1; at < SIZE; at += step, step = step * 3 + 7)
		ok(draft_write(draft, slice_make(bytes + at, SIZE - at < step ? SIZE - at : step), &t.error));
	struct placement placement = {.mailbox = box("INBOX").id};
	ok(draft_commit(t.alice, &draft, &placement, 1, &t.error));
	assert_null(draft);
	char path[PATH_MAX];
	struct slice content;
	blob_path_of_message(t.alice->folder, placement.id, path);
	ok(blob_map_draft(path, &content, &t.error));
	assert_int_equal(content.len, SIZE);
	assert_memory_equal(content.at, bytes, SIZE);
	blob_unmap(content);
	free(bytes);
	assert_int_equal(box("INBOX").bytes, SIZE);
	assert_int_equal(fsck(false), 0);
}

static void several_drafts_are_all_or_none(void **state)
{
	(void)state;
	struct draft *drafts[3];
	struct placement placements[3] = {{.mailbox = box("INBOX").id}, {.mailbox = box("Sent").id}, {.mailbox = 99}};
	for (int i = 0; i < 3; i++) {
		drafts[i] = draft_new(t.alice);
		ok(draft_write(drafts[i], LETTER, &t.error));
	}
	refused(ERROR_NOT_FOUND, draft_commit(t.alice, drafts, placements, 3, &t.error));
	assert_null(drafts[0]);
	assert_int_equal(box("INBOX").messages, 0);
	assert_int_equal(box("INBOX").uidnext, 1);
	for (int i = 0; i < 2; i++) {
		drafts[i] = draft_new(t.alice);
		ok(draft_write(drafts[i], LETTER, &t.error));
	}
	ok(draft_commit(t.alice, drafts, placements, 2, &t.error));
	assert_int_equal(box("INBOX").messages, 1);
	assert_int_equal(box("Sent").messages, 1);
	assert_int_equal(placements[0].modseq, placements[1].modseq);
	assert_int_equal(fsck(false), 0);
}

static void a_delivery_is_made_once(void **state)
{
	(void)state;
	struct placement first = {.delivery_id = 4711}, second = {.delivery_id = 4711}, other = {.delivery_id = 4712};
	ok(try_append(t.alice, box("INBOX").id, LETTER, &first));
	ok(try_append(t.alice, box("INBOX").id, LETTER, &second));
	ok(try_append(t.alice, box("INBOX").id, LETTER, &other));
	assert_false(first.duplicate);
	assert_true(second.duplicate);
	assert_int_equal(second.uid, first.uid);
	assert_int_equal(second.id, first.id);
	assert_int_equal(box("INBOX").messages, 2);
	assert_int_equal(fsck(false), 0);
}

static bool try_copy(const char *from, uint32_t uid, const char *to, bool move)
{
	uint32_t *source, *target;
	size_t count;
	return message_copy(t.alice, box(from).id, &uid, 1, box(to).id, move, t.arena, &source, &target, &count, &t.error);
}

static void expect_quota(uint64_t bytes, uint64_t messages)
{
	struct quota quota;
	ok(account_quota(t.alice, &quota, &t.error));
	assert_int_equal(quota.bytes, bytes);
	assert_int_equal(quota.messages, messages);
}

/* A copy is no second file, but a row: so it counts as a message and as a row, and can't be made without end. */
static void copies_count_as_what_they_take(void **state)
{
	(void)state;
	struct placement placement = {0};
	append("INBOX", 0);
	ok(try_copy("INBOX", 1, "Sent", false)); /* from before there was a quota */
	ok(account_set_quota(t.alice, LETTER.len + 3 * QUOTA_COPY_BYTES, 0, &t.error));
	expect_quota(LETTER.len + QUOTA_COPY_BYTES, 2);
	ok(try_copy("INBOX", 1, "Archive", false));
	ok(try_copy("INBOX", 1, "INBOX", false));
	refused(ERROR_LIMIT, try_copy("INBOX", 1, "Archive", false));
	refused(ERROR_LIMIT, try_append(t.alice, box("INBOX").id, LETTER, &placement));
	ok(try_copy("INBOX", 2, "Trash", true)); /* moving takes nothing */
	expect_quota(LETTER.len + 3 * QUOTA_COPY_BYTES, 4);
	uint32_t first = 1, *removed;
	size_t count;
	ok(message_expunge(t.alice, box("INBOX").id, &first, 1, true, t.arena, &removed, &count, &t.error)); /* which one goes is all the same */
	expect_quota(LETTER.len + 2 * QUOTA_COPY_BYTES, 3);
	ok(account_set_quota(t.alice, 0, 4, &t.error));
	ok(try_copy("Sent", 1, "INBOX", false));
	refused(ERROR_LIMIT, try_copy("Sent", 1, "INBOX", false));
	refused(ERROR_LIMIT, try_append(t.alice, box("INBOX").id, LETTER, &placement));
	ok(mailbox_delete(t.alice, SLICE("Archive"), &t.error));
	expect_quota(LETTER.len + 2 * QUOTA_COPY_BYTES, 3);
	assert_int_equal(fsck(false), 0);
}

/* What a client writes of a hundred long keywords is kept in every place, and so it counts in every place. */
static void keywords_count_as_they_are(void **state)
{
	(void)state;
	enum { KEYWORDS = KEYWORDS_PER_MESSAGE_MAX * (KEYWORD_MAX + 1) - 1 };
	char text[KEYWORDS + 1];
	for (int i = 0; i < KEYWORDS_PER_MESSAGE_MAX; i++)
		snprintf(text + i * (KEYWORD_MAX + 1), KEYWORD_MAX + 1, "k%0*d", KEYWORD_MAX - 1, i);
	for (int i = 1; i < KEYWORDS_PER_MESSAGE_MAX; i++)
		text[i * (KEYWORD_MAX + 1) - 1] = ' ';
	struct placement placement = {.keywords = slice_make(text, KEYWORDS)};
	ok(account_set_quota(t.alice, 2 * LETTER.len + 4 * KEYWORDS, 0, &t.error));
	ok(try_append(t.alice, box("INBOX").id, LETTER, &placement));
	expect_quota(LETTER.len + KEYWORDS, 1);
	ok(try_copy("INBOX", 1, "Sent", false));
	expect_quota(LETTER.len + QUOTA_COPY_BYTES + 2 * KEYWORDS, 2);
	ok(try_copy("INBOX", 1, "Sent", false));
	refused(ERROR_LIMIT, try_copy("INBOX", 1, "Sent", false));
	refused(ERROR_LIMIT, try_append(t.alice, box("INBOX").id, LETTER, &placement));
	ok(try_copy("Sent", 1, "Trash", true)); /* moving takes nothing */
	expect_quota(LETTER.len + 2 * QUOTA_COPY_BYTES + 3 * KEYWORDS, 3);
	uint32_t uid = 2, *failed;
	size_t count;
	ok(message_store_flags(t.alice, box("Sent").id, &uid, 1, FLAGS_SET, 0, SLICE("short"), -1, t.arena, &failed, &count, &t.error));
	expect_quota(LETTER.len + 2 * QUOTA_COPY_BYTES + 2 * KEYWORDS + 5, 3);
	ok(mailbox_rename(t.alice, SLICE("INBOX"), SLICE("Elsewhere"), &t.error));
	ok(mailbox_delete(t.alice, SLICE("Trash"), &t.error));
	ok(message_expunge(t.alice, box("Sent").id, &uid, 1, true, t.arena, &failed, &count, &t.error));
	expect_quota(LETTER.len + KEYWORDS, 1);
	assert_int_equal(fsck(false), 0);
}

static void limits_are_kept(void **state)
{
	(void)state;
	struct placement placement = {0};
	struct quota quota;
	ok(account_set_quota(t.alice, 2 * LETTER.len, 0, &t.error));
	append("INBOX", 0);
	append("INBOX", 0);
	refused(ERROR_LIMIT, try_append(t.alice, box("INBOX").id, LETTER, &placement));
	uint32_t *removed, uids[] = {1, 2};
	size_t count;
	ok(account_quota(t.alice, &quota, &t.error));
	assert_int_equal(quota.bytes, 2 * LETTER.len);
	assert_int_equal(quota.messages, 2);
	ok(message_expunge(t.alice, box("INBOX").id, uids, 2, true, t.arena, &removed, &count, &t.error));
	ok(account_set_quota(t.alice, 0, 1, &t.error));
	append("INBOX", 0);
	refused(ERROR_LIMIT, try_append(t.alice, box("INBOX").id, LETTER, &placement));
	refused(ERROR_LIMIT, try_append(t.alice, box("INBOX").id, LETTER, &placement));
	assert_int_equal(box("INBOX").messages, 1);
	assert_int_equal(fsck(false), 0);
	store_set_limits(t.store, 10, 3600);
	struct draft *draft = draft_new(t.alice);
	ok(draft_write(draft, SLICE("1234567890"), &t.error));
	refused(ERROR_LIMIT, draft_write(draft, SLICE("1"), &t.error));
	refused(ERROR_LIMIT, draft_commit(t.alice, &draft, &placement, 1, &t.error));
}

static void links_share_the_file(void **state)
{
	(void)state;
	ok(store_create_account(t.store, BOB, &t.error));
	struct account *bob = store_open_account(t.store, BOB, &t.error);
	struct mailbox inbox;
	ok(mailbox_find(bob, SLICE("INBOX"), t.arena, &inbox, &t.error));
	struct placement original = append("INBOX", 0), linked = {.mailbox = inbox.id};
	struct draft *draft = draft_new(bob);
	ok(draft_link(draft, t.alice, original.id, &t.error));
	refused(ERROR_INVALID, draft_write(draft, LETTER, &t.error));
	draft_abort(&draft);
	draft = draft_new(bob);
	ok(draft_link(draft, t.alice, original.id, &t.error));
	ok(draft_commit(bob, &draft, &linked, 1, &t.error));
	uint64_t size;
	int one = message_open(t.alice, original.id, &size, &t.error), two = message_open(bob, linked.id, &size, &t.error);
	struct stat a, b;
	assert_true(fstat(one, &a) == 0 && fstat(two, &b) == 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_nlink, 2);
	close(one);
	close(two);
	draft = draft_new(bob);
	refused(ERROR_NOT_FOUND, draft_link(draft, t.alice, 12345, &t.error));
	refused(ERROR_NOT_FOUND, draft_commit(bob, &draft, &linked, 1, &t.error));
	store_release_account(&bob);
}

/* A file of the data directory's, as the queue has them: its descriptor is open for reading alone. */
static int file_with(struct slice text, char path[300])
{
	snprintf(path, 300, "%s/somebodys", t.data);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len);
	close(fd);
	return open(path, O_RDONLY);
}

/* Takes the file as a message of Alice's; gives what her message's file is. */
static struct stat take_file(int fd, struct slice expected)
{
	struct placement placement = {.mailbox = box("INBOX").id, .received = 1234567};
	struct draft *draft = draft_new(t.alice);
	ok(draft_take_file(draft, fd, &t.error));
	ok(draft_commit(t.alice, &draft, &placement, 1, &t.error));
	uint64_t size;
	struct stat status;
	char text[1000];
	int there = message_open(t.alice, placement.id, &size, &t.error);
	assert_true(there >= 0 && fstat(there, &status) == 0);
	assert_int_equal(read(there, text, sizeof text), expected.len);
	assert_true(slice_equal(slice_make(text, expected.len), expected));
	assert_int_equal(size, expected.len);
	assert_int_equal(status.st_mtime, 1234567);
	close(there);
	return status;
}

static void a_file_is_taken_by_a_link(void **state)
{
	(void)state;
	char path[300];
	struct stat status;
	int fd = file_with(LETTER, path);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(take_file(fd, LETTER).st_ino, status.st_ino);
	struct draft *draft = draft_new(t.alice);
	ok(draft_take_file(draft, fd, &t.error));
	refused(ERROR_INVALID, draft_write(draft, LETTER, &t.error)); /* it is somebody else's */
	draft_abort(&draft);
	assert_true(fstat(fd, &status) == 0 && status.st_nlink == 2);
	assert_int_equal(unlink(path), 0);
	close(fd);
}

static void a_file_that_cannot_be_linked_is_copied(void **state)
{
	(void)state;
	char path[300];
	struct stat status;
	int fd = file_with(LETTER, path); /* without a name */
	assert_true(unlink(path) == 0 && fstat(fd, &status) == 0);
	assert_true(take_file(fd, LETTER).st_ino != status.st_ino);
	close(fd);
	static const char *const wrong[] = {"A: b\n\r\nc\r\n", "A: b\r\n\r\nc\rd\r\n", "A: b\r\n\r\nc\r"}; /* not as messages are kept */
	static const char *const right[] = {"A: b\r\n\r\nc\r\n", "A: b\r\n\r\nc\r\nd\r\n", "A: b\r\n\r\nc\r\n"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		fd = file_with(slice_of(wrong[i]), path);
		take_file(fd, slice_of(right[i]));
		assert_true(fstat(fd, &status) == 0 && status.st_nlink == 1 && unlink(path) == 0);
		close(fd);
	}
}

static void flags_change_and_count(void **state)
{
	(void)state;
	uint32_t uids[] = {1, 2, 3, 9}, *failed;
	size_t failed_count;
	for (int i = 0; i < 3; i++)
		append("INBOX", 0);
	int64_t id = box("INBOX").id, before = box("INBOX").modseq;
	ok(message_store_flags(t.alice, id, uids, 4, FLAGS_ADD, FLAG_SEEN | FLAG_DELETED, SLICE("$Work x"), -1, t.arena, NULL, NULL, &t.error));
	assert_int_equal(box("INBOX").unseen, 0);
	assert_int_equal(box("INBOX").deleted, 3);
	assert_int_equal(box("INBOX").modseq, before + 1);
	ok(message_store_flags(t.alice, id, uids, 4, FLAGS_ADD, FLAG_SEEN, SLICE("$WORK"), -1, t.arena, NULL, NULL, &t.error));
	assert_int_equal(box("INBOX").modseq, before + 1); /* nothing changed */
	ok(message_store_flags(t.alice, id, uids, 1, FLAGS_REMOVE, FLAG_SEEN, SLICE("$work"), -1, t.arena, NULL, NULL, &t.error));
	ok(message_store_flags(t.alice, id, uids, 4, FLAGS_SET, FLAG_FLAGGED, NOTHING, before + 1, t.arena, &failed, &failed_count, &t.error));
	assert_int_equal(failed_count, 1);
	assert_int_equal(failed[0], 1);
	struct message *list;
	assert_int_equal(list_all("INBOX", &list), 3);
	assert_int_equal(list[0].flags, FLAG_DELETED);
	assert_true(slice_equal(list[0].keywords, SLICE("x")));
	assert_int_equal(list[1].flags, FLAG_FLAGGED);
	assert_true(slice_empty(list[1].keywords));
	assert_int_equal(box("INBOX").unseen, 3);
	assert_int_equal(box("INBOX").deleted, 1);
	size_t count;
	ok(message_list(t.alice, id, 1, UINT32_MAX, before + 1, 0, MESSAGE_FLAGS, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 3);
	ok(message_list(t.alice, id, 2, 2, before + 1, 0, MESSAGE_FLAGS, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 1);
	assert_int_equal(list[0].uid, 2);
	ok(message_list(t.alice, id, 1, 3, 0, 2, MESSAGE_FLAGS, t.arena, &list, &count, &t.error));
	assert_int_equal(count, 2);
	refused(ERROR_INVALID, message_store_flags(t.alice, id, uids, 1, FLAGS_ADD, 0, SLICE("a(b"), -1, t.arena, NULL, NULL, &t.error));
	refused(ERROR_INVALID, message_store_flags(t.alice, id, uids, 1, FLAGS_ADD, 0, SLICE("\\Seen"), -1, t.arena, NULL, NULL, &t.error));
	assert_int_equal(fsck(false), 0);
}

static void keywords_are_limited(void **state)
{
	(void)state;
	struct buf many = BUF(10000);
	uint32_t uid = append("INBOX", 0).uid;
	int64_t id = box("INBOX").id;
	for (int i = 0; i < KEYWORDS_PER_MESSAGE_MAX; i++)
		buf_printf(&many, "k%03d ", i);
	ok(message_store_flags(t.alice, id, &uid, 1, FLAGS_ADD, 0, buf_slice(&many), -1, t.arena, NULL, NULL, &t.error));
	refused(ERROR_LIMIT, message_store_flags(t.alice, id, &uid, 1, FLAGS_ADD, 0, SLICE("one"), -1, t.arena, NULL, NULL, &t.error));
	ok(message_store_flags(t.alice, id, &uid, 1, FLAGS_ADD, 0, SLICE("K007"), -1, t.arena, NULL, NULL, &t.error));
	buf_append_text(&many, "more");
	refused(ERROR_LIMIT, message_store_flags(t.alice, id, &uid, 1, FLAGS_SET, 0, buf_slice(&many), -1, t.arena, NULL, NULL, &t.error));
	ok(message_store_flags(t.alice, id, &uid, 1, FLAGS_SET, 0, SLICE("K007 zz aa"), -1, t.arena, NULL, NULL, &t.error));
	struct message *list;
	list_all("INBOX", &list);
	assert_true(slice_equal(list[0].keywords, SLICE("aa k007 zz"))); /* as it was first written */
	buf_free(&many);
}

static void expunging_takes_the_deleted(void **state)
{
	(void)state;
	uint32_t uids[] = {1, 2, 3, 4}, *removed;
	size_t count;
	append("INBOX", FLAG_DELETED);
	append("INBOX", 0);
	append("INBOX", FLAG_DELETED | FLAG_SEEN);
	append("INBOX", FLAG_DELETED);
	int64_t id = box("INBOX").id, before = box("INBOX").modseq;
	ok(message_expunge(t.alice, id, uids, 3, false, t.arena, &removed, &count, &t.error));
	assert_int_equal(count, 2);
	assert_int_equal(removed[0], 1);
	assert_int_equal(removed[1], 3);
	assert_int_equal(box("INBOX").messages, 2);
	assert_int_equal(box("INBOX").recent, 2);
	uint32_t *gone;
	bool complete;
	ok(message_expunged(t.alice, id, before, t.arena, &gone, &count, &complete, &t.error));
	assert_int_equal(count, 2);
	assert_int_equal(gone[1], 3);
	assert_true(complete);
	ok(message_expunged(t.alice, id, 0, t.arena, &gone, &count, &complete, &t.error));
	assert_false(complete); /* nothing is known of before the mailbox was made */
	ok(message_expunge(t.alice, id, uids, 4, true, t.arena, &removed, &count, &t.error));
	assert_int_equal(count, 2);
	assert_int_equal(append("INBOX", 0).uid, 5);
	uint32_t *all;
	int64_t modseq, now;
	ok(message_uids(t.alice, id, &all, &count, &modseq, &t.error));
	assert_int_equal(count, 1);
	assert_int_equal(all[0], 5);
	ok(account_modseq(t.alice, &now, &t.error));
	assert_int_equal(modseq, now);
	free(all);
	assert_int_equal(fsck(false), 0);
}

static void copies_share_their_content(void **state)
{
	(void)state;
	uint32_t uids[] = {1, 2, 3, 7}, *source, *target;
	size_t count;
	uint64_t size;
	struct placement placement = {.flags = FLAG_FLAGGED, .keywords = SLICE("kept"), .received = 1000};
	ok(try_append(t.alice, box("INBOX").id, LETTER, &placement));
	append("INBOX", FLAG_SEEN);
	append("INBOX", 0);
	append("Archive", 0);
	ok(message_copy(t.alice, box("INBOX").id, uids, 4, box("Archive").id, false, t.arena, &source, &target, &count, &t.error));
	assert_int_equal(count, 3);
	assert_int_equal(source[2], 3);
	assert_int_equal(target[2], 4);
	struct message *list;
	assert_int_equal(list_all("Archive", &list), 4);
	assert_int_equal(list[1].id, placement.id);
	assert_int_equal(list[1].received, 1000);
	assert_true(slice_equal(list[1].keywords, SLICE("kept")));
	ok(message_copy(t.alice, box("INBOX").id, uids, 2, box("Trash").id, true, t.arena, &source, &target, &count, &t.error));
	assert_int_equal(count, 2);
	assert_int_equal(box("INBOX").messages, 1);
	assert_int_equal(box("Trash").messages, 2);
	ok(message_copy(t.alice, box("Trash").id, uids, 2, box("Trash").id, false, t.arena, &source, &target, &count, &t.error));
	assert_int_equal(box("Trash").messages, 4); /* a mailbox may show a message twice */
	assert_int_equal(fsck(false), 0);
	uint32_t *removed;
	uint32_t all[] = {1, 2, 3, 4};
	ok(message_expunge(t.alice, box("Trash").id, all, 4, true, t.arena, &removed, &count, &t.error));
	int fd = message_open(t.alice, placement.id, &size, &t.error); /* the Archive still shows it */
	assert_true(fd >= 0);
	close(fd);
	ok(message_expunge(t.alice, box("Archive").id, all, 4, true, t.arena, &removed, &count, &t.error));
	assert_int_equal(message_open(t.alice, placement.id, &size, &t.error), -1);
	refused(ERROR_NOT_FOUND, message_copy(t.alice, box("INBOX").id, uids, 4, 77, false, t.arena, &source, &target, &count, &t.error));
	assert_int_equal(fsck(false), 0);
}

static void recent_is_claimed_once(void **state)
{
	(void)state;
	uint32_t first, next;
	append("INBOX", 0);
	append("INBOX", 0);
	assert_int_equal(box("INBOX").recent, 2);
	ok(mailbox_claim_recent(t.alice, box("INBOX").id, &first, &next, &t.error));
	assert_true(first == 1 && next == 3);
	assert_int_equal(box("INBOX").recent, 0);
	append("INBOX", 0);
	ok(mailbox_claim_recent(t.alice, box("INBOX").id, &first, &next, &t.error));
	assert_true(first == 3 && next == 4);
	ok(mailbox_claim_recent(t.alice, box("INBOX").id, &first, &next, &t.error));
	assert_true(first == 4 && next == 4);
	refused(ERROR_NOT_FOUND, mailbox_claim_recent(t.alice, 99, &first, &next, &t.error));
}

/* ---- Changes ---- */

static void count_call(void *context)
{
	(*(int *)context)++;
}

static void count_announcement(void *context, struct slice account)
{
	assert_true(slice_equal(account, ALICE));
	(*(int *)context)++;
}

static void changes_are_told(void **state)
{
	(void)state;
	int one = 0, two = 0, bob = 0, announced = 0;
	store_on_change(t.store, count_announcement, &announced);
	struct subscription *a = store_subscribe(t.store, ALICE, count_call, &one), *b = store_subscribe(t.store, ALICE, count_call, &two),
		*c = store_subscribe(t.store, BOB, count_call, &bob);
	append("INBOX", 0);
	assert_true(one == 1 && two == 1 && bob == 0 && announced == 1);
	uint32_t uid = 1, first, next;
	ok(message_store_flags(t.alice, box("INBOX").id, &uid, 1, FLAGS_ADD, 0, NOTHING, -1, t.arena, NULL, NULL, &t.error));
	ok(mailbox_claim_recent(t.alice, box("INBOX").id, &first, &next, &t.error));
	assert_true(one == 1 && announced == 1); /* nothing has changed */
	store_unsubscribe(&a);
	assert_null(a);
	store_announced(t.store, ALICE);
	assert_true(one == 1 && two == 2 && announced == 1);
	store_announced(t.store, SLICE("")); /* any may have changed */
	assert_true(one == 1 && two == 3 && bob == 1);
	store_unsubscribe(&b);
	store_announced(t.store, ALICE);
	store_unsubscribe(&c);
	assert_int_equal(two, 3);
	assert_int_equal(map_count(t.store->subscriptions), 0);
}

static int64_t number_of(const char *sql)
{
	ok(account_enter(t.alice, &t.error));
	struct db_statement *s = db_prepare(t.alice->mail.db, sql);
	int64_t number = db_step(s, &t.error) == DB_ROW ? db_number(s, 0) : -1;
	db_reset(s);
	account_leave(t.alice);
	return number;
}

/* Which messages and mailboxes have gone, and when, is known for a good while. */
static void what_has_gone_is_remembered(void **state)
{
	(void)state;
	uint32_t *removed;
	size_t count;
	int64_t modseq;
	ok(mailbox_create(t.alice, SLICE("Work"), USE_NONE, &t.error));
	int64_t work = box("Work").id;
	struct placement first = append("INBOX", 0);
	append("Work", 0);
	append("Work", 0);
	ok(message_expunge(t.alice, box("INBOX").id, (uint32_t[]){first.uid}, 1, true, t.arena, &removed, &count, &t.error));
	assert_int_equal(number_of("SELECT message FROM expunged"), first.id);
	ok(mailbox_delete(t.alice, SLICE("Work"), &t.error));
	ok(account_modseq(t.alice, &modseq, &t.error));
	assert_int_equal(number_of("SELECT id FROM removed_mailbox"), work);
	assert_int_equal(number_of("SELECT modseq FROM removed_mailbox"), modseq);
	assert_int_equal(number_of("SELECT count(*) FROM expunged e JOIN message m ON m.id = e.message WHERE e.uid > 0"), 3);
	ok(account_clean(t.alice, &t.error));
	assert_int_equal(number_of("SELECT count(*) FROM expunged"), 3);
	assert_int_equal(fsck(false), 0);
}

/* But not for ever. */
static void what_has_gone_is_forgotten(void **state)
{
	(void)state;
	int64_t modseq;
	for (int i = 0; i <= REMOVED_KEPT; i++) {
		char name[16];
		struct slice box = slice_make(name, (size_t)snprintf(name, sizeof name, "box%d", i));
		ok(mailbox_create(t.alice, box, USE_NONE, &t.error));
		if (i == 0)
			append("box0", 0);
		ok(mailbox_delete(t.alice, box, &t.error));
	}
	modseq = number_of("SELECT min(modseq) FROM removed_mailbox");
	assert_int_equal(number_of("SELECT count(*) FROM expunged"), 1);
	ok(account_clean(t.alice, &t.error));
	assert_int_equal(number_of("SELECT count(*) FROM removed_mailbox"), REMOVED_KEPT);
	assert_int_equal(number_of("SELECT removed_floor FROM account"), modseq);
	assert_int_equal(number_of("SELECT count(*) FROM expunged"), 0);
}

static void an_earlier_account_is_refused(void **state)
{
	(void)state;
	ok(account_enter(t.alice, &t.error));
	ok(db_exec(t.alice->mail.db, "PRAGMA user_version=2", &t.error));
	account_leave(t.alice);
	fixture_close();
	fixture_open();
	refused(ERROR_DENIED, store_open_account(t.store, ALICE, &t.error) != NULL);
	assert_non_null(strstr(t.error.text, "earlier version"));
	struct fsck_report report = {.found = found_problem};
	refused(ERROR_DENIED, store_fsck(t.store, ALICE, true, &report, &t.error)); /* it is not damaged */
}

/* Its keywords weren't counted yet. */
static void an_account_of_the_version_before_goes_on(void **state)
{
	(void)state;
	struct placement placement = {.keywords = SLICE("one two")};
	struct quota quota;
	ok(try_append(t.alice, box("INBOX").id, LETTER, &placement));
	ok(account_set_quota(t.alice, 1000000, 0, &t.error));
	ok(account_enter(t.alice, &t.error));
	ok(db_exec(t.alice->mail.db, "ALTER TABLE mailbox DROP COLUMN keyword_bytes; PRAGMA user_version=3", &t.error));
	account_leave(t.alice);
	fixture_reopen();
	ok(account_quota(t.alice, &quota, &t.error));
	assert_int_equal(quota.bytes, LETTER.len + 7);
	assert_int_equal(fsck(false), 0);
}

static void unused_accounts_stay_open(void **state)
{
	(void)state;
	enum { ACCOUNTS = OPEN_ACCOUNTS + 20, KEPT = OPEN_ACCOUNTS + 10 };
	fixture_close();
	ok((t.store = store_open(&(struct store_options){.data = t.data, .open_accounts = KEPT}, &t.error)));
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < ACCOUNTS; i++) {
			char text[32];
			struct quota quota;
			struct slice name = slice_make(text, (size_t)snprintf(text, sizeof text, "user%d@example.test", i));
			if (round == 0)
				ok(store_create_account(t.store, name, &t.error));
			struct account *account = store_open_account(t.store, name, &t.error);
			assert_non_null(account);
			ok(account_quota(account, &quota, &t.error)); /* also where it has rested */
			store_release_account(&account);
		}
	assert_int_equal(t.store->idle_count, KEPT);
	assert_int_equal(t.store->resting_count, KEPT - OPEN_ACCOUNTS);
	t.store->few_descriptors = true; /* they are needed elsewhere */
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	t.store->few_descriptors = true;
	store_release_account(&t.alice);
	assert_int_equal(t.store->idle_count, OPEN_ACCOUNTS);
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(an_account_has_its_mailboxes),
		STORE_TEST(an_account_made_anew_is_another),
		STORE_TEST(accounts_are_listed_and_removed),
		STORE_TEST(no_name_leaves_its_folder),
		STORE_TEST(idle_accounts_make_place),
		STORE_TEST(mailbox_names_are_checked),
		STORE_TEST(deleting_keeps_children),
		STORE_TEST(renaming_takes_the_branch_along),
		STORE_TEST(renaming_inbox_empties_it),
		STORE_TEST(subscriptions_survive),
		STORE_TEST(a_message_is_read_as_written),
		STORE_TEST(listed_messages_are_read_from_their_files),
		STORE_TEST(messages_of_several_months_are_read),
		STORE_TEST(large_messages_go_through_a_file),
		STORE_TEST(several_drafts_are_all_or_none),
		STORE_TEST(a_delivery_is_made_once),
		STORE_TEST(copies_count_as_what_they_take),
		STORE_TEST(keywords_count_as_they_are),
		STORE_TEST(limits_are_kept),
		STORE_TEST(links_share_the_file),
		STORE_TEST(a_file_is_taken_by_a_link),
		STORE_TEST(a_file_that_cannot_be_linked_is_copied),
		STORE_TEST(flags_change_and_count),
		STORE_TEST(keywords_are_limited),
		STORE_TEST(expunging_takes_the_deleted),
		STORE_TEST(copies_share_their_content),
		STORE_TEST(recent_is_claimed_once),
		STORE_TEST(changes_are_told), STORE_TEST(what_has_gone_is_remembered), STORE_TEST(what_has_gone_is_forgotten),
		STORE_TEST(an_account_of_the_version_before_goes_on), STORE_TEST(an_earlier_account_is_refused), STORE_TEST(unused_accounts_stay_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
