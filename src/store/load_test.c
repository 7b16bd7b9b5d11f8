/* How long things take in a mailbox with 100,000 messages. The times are printed, for people; what is asserted is only that
 * the answers are right, and that the rows were found by their indexes. */
#include "store/fixture.h"

#include "base/clock.h"

enum { MANY = 100000, SUMMARY_SIZE = 600 };

static int64_t started;

static void start(void)
{
	started = clock_monotonic_ms();
}

static void tell(const char *what)
{
	printf("%6lld ms  %s\n", (long long)(clock_monotonic_ms() - started), what);
}

/* Rows without files: appending as many messages one by one would be a test of the disk. */
static void fill_inbox(int64_t inbox)
{
	static char summary[SUMMARY_SIZE], hash[BLOB_HASH_SIZE];
	struct change change;
	ok(account_begin(t.alice, &(struct mail_uid_need){inbox, MANY}, 1, &change, &t.error));
	for (int i = 0; i < MANY; i++) {
		struct mail_placement new = {.mailbox = inbox, .message = ++change.row.last_id, .flags = i % 3 ? FLAG_SEEN : 0, .size = 4096, .received = i};
		new.thread = new.message;
		ok(change_place(&change, &new, &t.error));
		ok(mail_add_row(&change, &new, 1, 0, (const unsigned char *)hash, &(struct mail_gist){.summary = slice_make(summary, sizeof summary)}, &t.error));
	}
	change.row.messages += MANY;
	change.row.bytes += 4096ll * MANY;
	ok(account_end(t.alice, &change, true, &t.error));
}

static void a_large_mailbox_is_quick(void **state)
{
	(void)state;
	int64_t inbox = box("INBOX").id, modseq;
	struct message *list;
	uint32_t *uids, *removed, *source, *target;
	size_t count;
	bool complete;
	start();
	fill_inbox(inbox);
	tell("100,000 rows added");

	start();
	for (int i = 0; i < 1000; i++)
		box("INBOX");
	tell("1,000 times SELECT or STATUS (mailbox_find)");
	assert_int_equal(box("INBOX").messages, MANY);

	start();
	ok(message_uids(t.alice, inbox, &uids, &count, &modseq, &t.error));
	tell("all UIDs");
	assert_int_equal(count, MANY);

	start();
	ok(message_list(t.alice, inbox, 1, UINT32_MAX, 0, 0, MESSAGE_FLAGS, t.arena, &list, &count, &t.error));
	tell("all flags, sizes and dates");
	assert_int_equal(count, MANY);

	start();
	size_t total = 0;
	for (uint32_t next = 1;;) {
		arena_reset(t.arena);
		ok(message_list(t.alice, inbox, next, UINT32_MAX, 0, 1000, MESSAGE_SUMMARY, t.arena, &list, &count, &t.error));
		if (count == 0)
			break;
		total += count;
		next = list[count - 1].uid + 1;
	}
	tell("all summaries, in pieces of 1,000");
	assert_int_equal(total, MANY);

	start();
	for (int i = 0; i < 200; i++)
		append("INBOX", 0);
	tell("200 messages appended");

	start();
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t uid = i * 499 + 1;
		ok(message_store_flags(t.alice, inbox, &uid, 1, FLAGS_ADD, FLAG_DELETED, NOTHING, -1, t.arena, NULL, NULL, &t.error));
	}
	tell("200 flag changes, one by one");

	start();
	for (int i = 0; i < 200; i++) {
		ok(message_list(t.alice, inbox, 1, UINT32_MAX, modseq, 0, MESSAGE_FLAGS, t.arena, &list, &count, &t.error));
		assert_int_equal(count, 400);
	}
	tell("200 times the 400 changes since a mod-sequence");

	start();
	ok(message_expunge(t.alice, inbox, uids, MANY, false, t.arena, &removed, &count, &t.error));
	tell("EXPUNGE of 200 among them");
	assert_int_equal(count, 200);

	start();
	ok(message_expunged(t.alice, inbox, modseq, t.arena, &removed, &count, &complete, &t.error));
	tell("what was expunged since");
	assert_int_equal(count, 200);

	start();
	ok(message_store_flags(t.alice, inbox, uids, MANY, FLAGS_ADD, FLAG_SEEN, NOTHING, -1, t.arena, NULL, NULL, &t.error));
	tell("all marked as read");
	assert_int_equal(box("INBOX").unseen, 200);

	start();
	ok(message_copy(t.alice, inbox, uids, MANY, box("Archive").id, false, t.arena, &source, &target, &count, &t.error));
	tell("all copied");
	assert_int_equal(count, MANY - 200);

	start();
	ok(mailbox_delete(t.alice, SLICE("Archive"), &t.error));
	tell("the copy deleted");

	start();
	ok(account_snapshot(t.alice, &t.error));
	tell("snapshot");
	free(uids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_large_mailbox_is_quick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
