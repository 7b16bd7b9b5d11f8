/* Tests of accounts: making, opening, sharing, removing them; who hears of their changes. */
#include "store/fixture.h"
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

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
}

static void a_file_is_its_owners(void **state)
{
	(void)state;
	struct stat status;
	assert_int_equal(stat(t.alice->database, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static _Atomic int syncs;

/* In the place of the C library's. */
int fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

int syncfs(int fd)
{
	syncs++;
	return (int)syscall(SYS_syncfs, fd);
}

static void many_accounts_wait_for_the_disk_as_one_does(void **state)
{
	(void)state;
	enum { MANY = 20 };
	struct store_new_account list[MANY] = {{.name = ALICE}};
	syncs = 0;
	ok(store_create_account(t.store, BOB, &t.error));
	int of_one = syncs;
	assert_true(of_one > 0);
	for (int i = 1; i < MANY; i++)
		list[i] = (struct store_new_account){.name = arena_printf(t.arena, "many%d@example.test", i), .max_bytes = (uint64_t)i * 1000};
	syncs = 0;
	store_create_accounts(t.store, list, MANY);
	assert_int_equal(syncs, of_one);
	assert_false(list[0].made);
	assert_int_equal(list[0].error.kind, ERROR_EXISTS);
	for (int i = 1; i < MANY; i++) {
		struct quota quota;
		assert_true(list[i].made);
		struct account *account = store_open_account(t.store, list[i].name, &t.error);
		assert_non_null(account);
		ok(account_quota(account, &quota, &t.error));
		assert_int_equal(quota.max_bytes, i * 1000);
		store_release_account(&account);
	}
}

/* The command line removes an account and makes another of the name, while this process has the former one open. */
static void an_account_made_anew_is_another(void **state)
{
	(void)state;
	int64_t former = account_incarnation(t.alice);
	struct mailbox *list;
	size_t count;
	struct store *elsewhere = store_open(&(struct store_options){.data = t.data, .storage = fixture_storage()}, &t.error);
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

/* An account as it was before emails and threads were told. */
static const char before_emails[] =
	"DROP TABLE snooze; DROP INDEX mailbox_snoozed; DROP TABLE contact_place; DROP TABLE contact_photo; DROP TABLE contact_size; DROP TABLE contact_numbers; DELETE FROM object;"
	"DROP TABLE excerpt; DROP TABLE long_excerpt; DROP INDEX placement_keywords; DROP INDEX message_copies; DROP INDEX placement_thread; DROP INDEX placement_received; DROP TABLE vanished; DROP TABLE thread_key;"
	"ALTER TABLE account DROP COLUMN delivery_modseq; ALTER TABLE account DROP COLUMN email_modseq; ALTER TABLE account DROP COLUMN thread_modseq; ALTER TABLE account DROP COLUMN mailbox_modseq;"
	"ALTER TABLE account DROP COLUMN vanished_floor; ALTER TABLE account DROP COLUMN emails; ALTER TABLE account DROP COLUMN threads;"
	"ALTER TABLE mailbox DROP COLUMN created; ALTER TABLE mailbox DROP COLUMN noted; ALTER TABLE mailbox DROP COLUMN counted;"
	"ALTER TABLE mailbox DROP COLUMN emails; ALTER TABLE mailbox DROP COLUMN unread_emails; ALTER TABLE mailbox DROP COLUMN threads;"
	"ALTER TABLE mailbox DROP COLUMN unread_threads; ALTER TABLE mailbox DROP COLUMN sort_order; ALTER TABLE removed_mailbox DROP COLUMN created;"
	"ALTER TABLE message DROP COLUMN thread; ALTER TABLE message DROP COLUMN appeared; ALTER TABLE placement DROP COLUMN thread; PRAGMA user_version = 5;";

static void make_earlier(const char *sql)
{
	ok(account_enter(t.alice, &t.error));
	ok(db_exec(t.alice->mail.db, before_emails, &t.error));
	ok(db_exec(t.alice->mail.db, sql, &t.error));
	account_leave(t.alice);
	fixture_reopen();
}

static void emails_are_told_of_an_account_of_before(void **state)
{
	(void)state;
	enum { ANSWERS = 1100 }; /* more than are read at a time */
	struct placement first = {0}, answer = {0}, gone = {.flags = FLAG_DELETED};
	struct email *list;
	struct account_states states;
	ok(try_append(t.alice, box("INBOX").id, SLICE("Subject: s\r\nMessage-ID: <1@x>\r\n\r\n"), &first));
	ok(try_append(t.alice, box("Sent").id, SLICE("Subject: re: s\r\nReferences: <0@x> <1@x>\r\n\r\n"), &answer));
	ok(try_append(t.alice, box("INBOX").id, LETTER, &gone));
	for (int i = 0; i < ANSWERS; i++)
		append("Archive", i % 2 ? FLAG_SEEN : 0);
	make_earlier("");
	ok(email_get(t.alice, (int64_t[]){first.id, answer.id, gone.id}, 3, MESSAGE_FLAGS, t.arena, &list, &states, &t.error));
	assert_true(list[0].thread == first.id && list[1].thread == first.id && list[2].id == 0);
	assert_int_equal(states.email_count, ANSWERS + 2);
	assert_int_equal(states.thread_count, ANSWERS + 1);
	assert_int_equal(box("Archive").unread_threads, ANSWERS / 2);
	assert_int_equal(box("INBOX").unread_threads, 1);
	struct placement later = {0};
	ok(try_append(t.alice, box("INBOX").id, SLICE("Subject: s\r\nIn-Reply-To: <0@x>\r\n\r\n"), &later));
	assert_int_equal(later.thread, first.id);
	assert_int_equal(fsck(false), 0);
}

/* Its keywords weren't counted yet. */
static void an_account_of_the_version_before_goes_on(void **state)
{
	(void)state;
	struct placement placement = {.keywords = SLICE("one two")};
	struct quota quota;
	ok(try_append(t.alice, box("INBOX").id, LETTER, &placement));
	ok(account_set_quota(t.alice, 1000000, 0, &t.error));
	make_earlier("DROP TABLE object; DROP TABLE object_gone; DROP TABLE object_log; DROP TABLE vacation_told;"
		     "ALTER TABLE mailbox DROP COLUMN keyword_bytes; PRAGMA user_version = 3");
	ok(account_quota(t.alice, &quota, &t.error));
	assert_int_equal(quota.bytes, LETTER.len + 7);
	assert_int_equal(fsck(false), 0);
}

static void unused_accounts_stay_open(void **state)
{
	(void)state;
	enum { ACCOUNTS = OPEN_ACCOUNTS + 20, KEPT = OPEN_ACCOUNTS + 10 };
	fixture_close();
	ok((t.store = store_open(&(struct store_options){.data = t.data, .storage = fixture_storage(), .open_accounts = KEPT}, &t.error)));
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
		STORE_TEST(changes_are_told),
		STORE_TEST(unused_accounts_stay_open),
	};
	const struct CMUnitTest of_files[] = {
		STORE_TEST(a_file_is_its_owners),
		STORE_TEST(many_accounts_wait_for_the_disk_as_one_does),
		STORE_TEST(an_earlier_account_is_refused),
		STORE_TEST(an_account_of_the_version_before_goes_on),
		STORE_TEST(emails_are_told_of_an_account_of_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL) + (fixture_storage() ? 0 : cmocka_run_group_tests(of_files, NULL, NULL));
}
