/* Tests of what clients send ahead: uploads, their room, and what becomes of those that nobody uses. */
#include "store/fixture.h"
#include <dirent.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/random.h"

static struct upload *begin(uint64_t bytes, uint64_t room) { return upload_new(t.alice, bytes, 1000000, room, &t.error); }

static int64_t upload(char letter, uint64_t bytes, uint64_t room)
{
	char text[1000];
	int64_t id;
	uint64_t size, left = bytes;
	struct upload *one = begin(bytes, room);
	assert_non_null(one);
	memset(text, letter, sizeof text);
	for (; left > 0; left -= left < sizeof text ? left : sizeof text)
		ok(upload_write(one, slice_make(text, left < sizeof text ? (size_t)left : sizeof text), &t.error));
	ok(upload_keep(&one, &id, &size, &t.error));
	assert_true(!one && size == bytes);
	return id;
}

static bool is_there(int64_t id, char letter, uint64_t bytes)
{
	char first;
	uint64_t size;
	int fd = upload_open(t.alice, id, &size, &t.error);
	if (fd < 0) {
		assert_int_equal(t.error.kind, ERROR_NOT_FOUND);
		return false;
	}
	assert_true(size == bytes && (bytes == 0 || (pread(fd, &first, 1, (off_t)bytes - 1) == 1 && first == letter)));
	close(fd);
	return true;
}

static size_t files(void)
{
	char path[PATH_MAX];
	size_t count = 0;
	snprintf(path, sizeof path, "%s/uploads", t.alice->folder);
	DIR *folder = opendir(path);
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void uploads_are_read_as_written(void **state)
{
	(void)state;
	int64_t small = upload('a', 10, 1000000), large = upload('b', 300000, 1000000), empty = upload('c', 0, 1000000);
	assert_true(is_there(small, 'a', 10) && is_there(large, 'b', 300000) && is_there(empty, 'c', 0) && !is_there(1, 'a', 10));
	fixture_reopen();
	assert_true(is_there(large, 'b', 300000));
	assert_int_equal(fsck(false), 0);
}

static void what_is_given_up_leaves_nothing(void **state)
{
	(void)state;
	struct upload *one = begin(0, 1000000);
	assert_non_null(one);
	ok(upload_write(one, SLICE("abc"), &t.error));
	assert_int_equal(files(), 1);
	upload_abort(&one);
	assert_true(!one && files() == 0);
	upload_abort(&one);
}

static void no_upload_is_larger_than_it_may_be(void **state)
{
	(void)state;
	struct upload *one = upload_new(t.alice, 0, 5, 1000000, &t.error);
	ok(upload_write(one, SLICE("abcd"), &t.error));
	refused(ERROR_LIMIT, upload_write(one, SLICE("ef"), &t.error));
	ok(upload_write(one, SLICE("e"), &t.error));
	upload_abort(&one);
}

/* RFC 8620 §6: the oldest go. What is being written stays. */
static void the_oldest_make_room(void **state)
{
	(void)state;
	int64_t id;
	uint64_t size;
	int64_t first = upload('a', 4000, 10000);
	struct upload *open = begin(0, 10000);
	int64_t second = upload('b', 4000, 10000);
	assert_true(is_there(first, 'a', 4000));
	int64_t third = upload('c', 4000, 10000);
	assert_true(!is_there(first, 'a', 4000) && is_there(second, 'b', 4000) && is_there(third, 'c', 4000));
	for (int i = 0; i < 90; i++)
		ok(upload_write(open, SLICE("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"), &t.error));
	ok(upload_keep(&open, &id, &size, &t.error)); /* its length wasn't known before */
	assert_true(size == 9000 && !is_there(second, 'b', 4000) && !is_there(third, 'c', 4000));
	assert_null(begin(20000, 10000));
	assert_int_equal(t.error.kind, ERROR_LIMIT);
}

static void what_nobody_uses_goes(void **state)
{
	(void)state;
	char path[PATH_MAX], name[ID_TEXT_LEN + 1];
	int64_t old = upload('a', 10, 1000000), new = upload('b', 10, 1000000);
	struct timespec times[2] = {{.tv_sec = clock_now() - UPLOAD_SECONDS - 10}, {.tv_sec = clock_now() - UPLOAD_SECONDS - 10}};
	id_format(old, name);
	snprintf(path, sizeof path, "%s/uploads/%s", t.alice->folder, name);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	ok(account_clean(t.alice, &t.error));
	assert_true(!is_there(old, 'a', 10) && is_there(new, 'b', 10));
}

static void a_scratch_file_has_no_name(void **state)
{
	(void)state;
	int fd = account_scratch_file(t.alice, &t.error);
	assert_true(fd >= 0 && write(fd, "abc", 3) == 3 && files() == 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(uploads_are_read_as_written), STORE_TEST(what_is_given_up_leaves_nothing), STORE_TEST(no_upload_is_larger_than_it_may_be),
		STORE_TEST(the_oldest_make_room),        STORE_TEST(what_nobody_uses_goes),           STORE_TEST(a_scratch_file_has_no_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
