/* The event file holds what the roles said, in lines of their own, and nothing that was said in another's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "main/log_keeper.h"

static int new_file(void)
{
	char path[] = "/tmp/pombal-events-XXXXXX";
	int fd = mkostemp(path, O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void say(int fd, const char *text) { assert_int_equal(write(fd, text, strlen(text)), strlen(text)); }

static size_t count(struct slice text, const char *what)
{
	size_t found = 0;
	for (size_t at; (at = slice_find(text, slice_of(what))) != SLICE_NONE; text = slice_skip(text, at + 1))
		found++;
	return found;
}

static void only_a_roles_own_lines_are_kept(void **state)
{
	(void)state;
	struct error error;
	struct buf kept = BUF(1024 * 1024);
	int file = new_file();
	struct log_keeper *keeper = log_keeper_new(&error);
	log_keeper_set_file(keeper, file);
	int fd = log_keeper_add(keeper, "smtp", &error);
	say(fd, "time=2026-01-01T00:00:00.000Z level=info role=smtp event=good.one id=1\ntime=2026-01-01T00:00:00.000Z level=info ro");
	say(fd, "le=smtp event=good.two\n");
	say(fd, "time=2026-01-01T00:00:00.000Z level=info role=courier event=bad.role\n");
	say(fd, "time=2026-01-01T00:00:00.000Z level=info role=smtp2 event=bad.role\n");
	say(fd, "time=2026-01-01T00:00:00.000Z level=loud role=smtp event=bad.level\n");
	say(fd, "bad.noise\n\n\x1b[2Jtime=2026-01-01T00:00:00.000Z level=info role=smtp event=bad.start\n");
	say(fd, "time=2026-01-01T00:00:00.000Z level=info role=smtp event=bad.control \x1b[2J\n");
	char *line = memory_new(LOG_LINE_MAX + 100);
	snprintf(line, LOG_LINE_MAX + 100, "time=2026-01-01T00:00:00.000Z level=info role=smtp event=bad.length ");
	memset(line + strlen(line), 'x', LOG_LINE_MAX + 50 - strlen(line));
	say(fd, line);
	say(fd, "\ntime=2026-01-01T00:00:00.000Z level=info role=smtp event=good.three\ntime=2026-01-01T00:00:00.000Z level=info role=smtp event=bad.end");
	close(fd);
	log_keeper_free(&keeper);
	assert_true(file_read_fd(file, &kept, &error));
	assert_int_equal(count(buf_slice(&kept), "event=good."), 3);
	assert_int_equal(count(buf_slice(&kept), "bad."), 0);
	assert_true(count(buf_slice(&kept), "role=master event=log.refused name=smtp") > 0);
	buf_free(&kept);
	free(line);
	close(file);
}

/* What a role has is an end to write to: there is nothing that it could cut off or write over. */
static void there_is_nothing_to_change(void **state)
{
	(void)state;
	struct error error;
	struct log_keeper *keeper = log_keeper_new(&error);
	int fd = log_keeper_add(keeper, "smtp", &error);
	assert_true(ftruncate(fd, 0) != 0 && pwrite(fd, "x", 1, 0) < 0 && fallocate(fd, 0, 0, 1) != 0 && lseek(fd, 0, SEEK_SET) < 0);
	char byte;
	assert_int_equal(read(fd, &byte, 1), -1);
	close(fd);
	log_keeper_free(&keeper);
}

enum { WRITERS = 4, LINES = 3000 };

static void *write_lines(void *argument)
{
	int fd = *(int *)argument;
	for (int i = 0; i < LINES; i++) {
		char line[1000];
		int len = snprintf(line, sizeof line, "time=2026-01-01T00:00:00.000Z level=info role=smtp event=x n=%d text=%0*d\n", i, i % 800 + 1, 7);
		assert_int_equal(write(fd, line, (size_t)len), len);
	}
	return NULL;
}

/* More than the pipes hold, while the file is changed for another. */
static void nothing_is_lost_under_load(void **state)
{
	(void)state;
	struct error error;
	int files[2] = {new_file(), new_file()}, fds[WRITERS];
	struct log_keeper *keeper = log_keeper_new(&error);
	log_keeper_set_file(keeper, files[0]);
	pthread_t threads[WRITERS];
	for (int i = 0; i < WRITERS; i++) {
		fds[i] = log_keeper_add(keeper, "smtp", &error);
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &fds[i]), 0);
	}
	log_keeper_set_file(keeper, files[1]);
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		close(fds[i]);
	}
	log_keeper_free(&keeper);
	size_t lines = 0;
	for (int i = 0; i < 2; i++) {
		struct buf kept = BUF(64 * 1024 * 1024);
		assert_true(file_read_fd(files[i], &kept, &error));
		lines += count(buf_slice(&kept), "event=x");
		assert_int_equal(count(buf_slice(&kept), "refused"), 0);
		buf_free(&kept);
		close(files[i]);
	}
	assert_int_equal(lines, WRITERS * LINES);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_roles_own_lines_are_kept),
		cmocka_unit_test(there_is_nothing_to_change),
		cmocka_unit_test(nothing_is_lost_under_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
