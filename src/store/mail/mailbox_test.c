/* Tests of mailboxes: their names, making, renaming and removing them, subscriptions; what is remembered of those that are gone. */
#include "store/fixture.h"
#include <fcntl.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(mailbox_names_are_checked),
		STORE_TEST(deleting_keeps_children),
		STORE_TEST(renaming_takes_the_branch_along),
		STORE_TEST(renaming_inbox_empties_it),
		STORE_TEST(subscriptions_survive),
		STORE_TEST(what_has_gone_is_remembered),
		STORE_TEST(what_has_gone_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
