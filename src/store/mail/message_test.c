/* Tests of messages in mailboxes: flags, keywords, copies, expunging, and what counts. */
#include "store/fixture.h"
#include <fcntl.h>

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

static struct message *list_with(enum message_wanted wanted, size_t *count)
{
	struct message *list;
	ok(message_list(t.alice, box("INBOX").id, 1, UINT32_MAX, 0, 0, wanted, t.arena, &list, count, &t.error));
	return list;
}

static void excerpts_are_kept_beside_messages(void **state)
{
	(void)state;
	size_t count;
	struct placement placement = append("INBOX", 0);
	struct slice header = slice_sub(LETTER, 0, slice_find(LETTER, SLICE("\r\n\r\n")) + 4);
	struct message *list = list_with(MESSAGE_EXCERPT, &count);
	assert_true(count == 1 && slice_empty(list->summary) && slice_equal(list->excerpt, excerpt_make(header, EXCERPT_SHORT, t.arena)));
	list = list_with(MESSAGE_LONG_EXCERPT | MESSAGE_SUMMARY, &count);
	assert_true(count == 1 && slice_empty(list->excerpt) && list->summary.len > 0);
	struct message_excerpt made[] = {{placement.id, excerpt_make(header, EXCERPT_LONG, t.arena)}, {4711, SLICE("of no message")}};
	ok(message_keep_excerpts(t.alice, true, made, 2));
	ok(message_keep_excerpts(t.alice, true, made, 2));
	list = list_with(MESSAGE_LONG_EXCERPT | MESSAGE_SUMMARY, &count);
	assert_true(count == 1 && slice_equal(list->excerpt, made[0].text) && list->summary.len > 0);
	assert_true(slice_equal(message_find_summary(t.alice, placement.id, t.arena), list->summary));
	assert_true(slice_empty(message_find_summary(t.alice, 4711, t.arena)));
	assert_int_equal(fsck(false), 0);
}

static void excerpts_go_with_their_messages(void **state)
{
	(void)state;
	uint32_t *removed;
	size_t count;
	struct placement placement = append("INBOX", FLAG_DELETED);
	append("INBOX", 0);
	ok(message_keep_excerpts(t.alice, true, &(struct message_excerpt){placement.id, SLICE("x")}, 1));
	ok(message_expunge(t.alice, box("INBOX").id, &placement.uid, 1, false, t.arena, &removed, &count, &t.error));
	store_set_limits(t.store, 0, -1);
	ok(account_clean(t.alice, &t.error));
	assert_int_equal(list_with(MESSAGE_EXCERPT, &count)->excerpt.len > 0, 1);
	assert_int_equal(fsck(false), 0); /* nothing is left over */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(copies_count_as_what_they_take),
		STORE_TEST(keywords_count_as_they_are),
		STORE_TEST(limits_are_kept),
		STORE_TEST(flags_change_and_count),
		STORE_TEST(keywords_are_limited),
		STORE_TEST(expunging_takes_the_deleted),
		STORE_TEST(copies_share_their_content),
		STORE_TEST(recent_is_claimed_once),
		STORE_TEST(excerpts_are_kept_beside_messages),
		STORE_TEST(excerpts_go_with_their_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
