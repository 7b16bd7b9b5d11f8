/* Tests of adding messages and reading them: drafts and their files, deliveries. */
#include "store/fixture.h"
#include <fcntl.h>
#include "base/file.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_message_is_read_as_written),
		STORE_TEST(listed_messages_are_read_from_their_files),
		STORE_TEST(messages_of_several_months_are_read),
		STORE_TEST(large_messages_go_through_a_file),
		STORE_TEST(several_drafts_are_all_or_none),
		STORE_TEST(a_delivery_is_made_once),
		STORE_TEST(links_share_the_file),
		STORE_TEST(a_file_is_taken_by_a_link),
		STORE_TEST(a_file_that_cannot_be_linked_is_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
