/* What the store's tests share: a data directory of their own with an account, and shorter ways to add and count messages. Where
 * POMBAL_TEST_DATABASE has the URL of a PostgreSQL (tests/e2e/test_sql.py), accounts' rows are there. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/blob/internal.h"
#include "store/durable/internal.h"
#include "store/internal.h"
#include "store/mail/internal.h"

#define ALICE SLICE("alice@example.test")
#define BOB SLICE("bob@example.test")
#define NOTHING ((struct slice){NULL, 0})

static struct {
	char data[256], storage[600];
	struct store *store;
	struct account *alice;
	struct arena *arena;
	struct error error;
} t;

/* Fails with the error's text: cmocka shows where. */
#define ok(call) \
	do { \
		if (!(call)) { \
			fprintf(stderr, "%s: %s\n", #call, t.error.text); \
			fail(); \
		} \
	} while (0)
#define refused(wanted, call) \
	do { \
		t.error.kind = ERROR_NONE; \
		assert_false(call); \
		assert_int_equal(t.error.kind, wanted); \
	} while (0)

/* NULL: in each account's folder. */
static inline const char *fixture_storage(void)
{
	const char *url = getenv("POMBAL_TEST_DATABASE");
	if (url && !t.storage[0])
		snprintf(t.storage, sizeof t.storage, "%s#test_%d", url, (int)getpid());
	return url ? t.storage : NULL;
}

static inline void fixture_open(void)
{
	ok((t.store = store_open(&(struct store_options){.data = t.data, .storage = fixture_storage(), .undelete_seconds = 3600, .open_accounts = 4}, &t.error)));
}

static inline int fixture_setup(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	log_set_role("test", LOG_LEVEL_ERROR + 1);
	snprintf(t.data, sizeof t.data, "%s/store-test-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(t.data));
	t.arena = arena_new();
	fixture_open();
	ok(store_create_account(t.store, ALICE, &t.error));
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
	return 0;
}

/* The next test is in the same schema. */
static inline void fixture_remove_accounts(void)
{
	struct slice *names;
	size_t count = 0;
	if (!t.store)
		fixture_open();
	ok(store_list_accounts(t.store, t.arena, &names, &count, &t.error));
	for (size_t i = 0; i < count; i++)
		ok(store_remove_account(t.store, names[i], &t.error));
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	store_release_account(&t.alice);
	if (fixture_storage())
		fixture_remove_accounts();
	store_close(&t.store);
	arena_free(&t.arena);
	return blob_remove_tree(t.data, &t.error) ? 0 : -1;
}

/* Needed before fork(): SQLite's idea of its locks would be wrong in the child. */
static inline void fixture_close(void)
{
	store_release_account(&t.alice);
	store_close(&t.store);
}

/* As after a restart of the process. */
static inline void fixture_reopen(void)
{
	fixture_close();
	fixture_open();
	ok((t.alice = store_open_account(t.store, ALICE, &t.error)));
}

static inline struct mailbox box(const char *name)
{
	struct mailbox mailbox;
	ok(mailbox_find(t.alice, slice_of(name), t.arena, &mailbox, &t.error));
	return mailbox;
}

static inline bool try_append(struct account *account, int64_t mailbox, struct slice content, struct placement *placement)
{
	struct draft *draft = draft_new(account);
	placement->mailbox = mailbox;
	if (draft && draft_write(draft, content, &t.error))
		return draft_commit(account, &draft, placement, 1, &t.error);
	draft_abort(&draft);
	return false;
}

#define LETTER SLICE("From: a@example.test\r\nTo: b@example.test\r\nSubject: hello\r\n\r\nHow are you?\r\n")

static inline struct placement append(const char *mailbox, unsigned flags)
{
	struct placement placement = {.flags = flags};
	ok(try_append(t.alice, box(mailbox).id, LETTER, &placement));
	return placement;
}

static inline size_t list_all(const char *mailbox, struct message **list)
{
	size_t count;
	ok(message_list(t.alice, box(mailbox).id, 1, UINT32_MAX, 0, 0, MESSAGE_FLAGS, t.arena, list, &count, &t.error));
	return count;
}

static inline void found_problem(void *context, struct slice account, struct slice what)
{
	(void)context;
	if (getenv("SHOW_PROBLEMS"))
		fprintf(stderr, "%.*s: %.*s\n", SLICE_ARG(account), SLICE_ARG(what));
}

/* Problems that fsck finds; with `repair` it mends them. */
static inline uint64_t fsck(bool repair)
{
	struct fsck_report report = {.found = found_problem};
	ok(store_fsck(t.store, ALICE, repair, &report, &t.error));
	return report.problems;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
