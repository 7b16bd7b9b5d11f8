/* The event file holds what the roles said, in lines of their own, and nothing that was said in another's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
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

/* Who asks what became of his message needn't wait until more has come to be written. */
static void what_was_said_is_there_at_once(void **state)
{
	(void)state;
	struct error error;
	int file = new_file();
	struct log_keeper *keeper = log_keeper_new(&error);
	log_keeper_set_file(keeper, file);
	int fd = log_keeper_add(keeper, "smtp", &error);
	for (size_t i = 1; i <= 100; i++) {
		struct buf kept = BUF(1024 * 1024);
		say(fd, "time=2026-01-01T00:00:00.000Z level=info role=smtp event=good.one\n");
		log_keeper_catch_up(keeper);
		lseek(file, 0, SEEK_SET);
		assert_true(file_read_fd(file, &kept, &error));
		assert_int_equal(count(buf_slice(&kept), "event=good."), i);
		buf_free(&kept);
	}
	close(fd);
	log_keeper_free(&keeper);
	close(file);
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

enum { AT_ONCE = 40, TEXT = 60000 };

static int pipes[AT_ONCE];
static _Atomic int written; /* AT_ONCE: all; more: the end */

/* Gives the thread work for which it needs memory, and gives some back: pipes with much in them, and then without a writer. Needs none itself. */
static void *write_much(void *unused)
{
	(void)unused;
	static char text[TEXT];
	memset(text, 'x', sizeof text);
	while (written <= AT_ONCE) {
		int i = written;
		if (i == AT_ONCE) {
			sched_yield();
			continue;
		}
		ssize_t ignored = write(pipes[i], text, 1 + (size_t)i * 7919 % TEXT);
		(void)ignored;
		close(pipes[i]);
		written = i + 1;
	}
	return NULL;
}

/* In a new process: needs memory of many sizes. */
static _Noreturn void use_memory(int out)
{
	for (size_t i = 0; i < 1000; i++) {
		char *at = memory_new(16 + i * 37 % 70000);
		if (i % 3)
			free(at);
	}
	_exit(write(out, "x", 1) == 1 ? 0 : 1);
}

static void must_get_memory(void)
{
	enum { FORK_MS = 20000 };
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0)
		use_memory(ends[1]);
	struct pollfd heard = {.fd = ends[0], .events = POLLIN};
	int answered = poll(&heard, 1, FORK_MS);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(answered, 1);
}

/* Whatever the thread is doing, a process that is forked then can get memory. Of sanitizers' allocators; the C library's would always pass. */
static void who_is_forked_meanwhile_gets_memory(void **state)
{
	(void)state;
	enum { ROUNDS = 20 };
	struct error error;
	pthread_t writer;
	struct log_keeper *keeper = log_keeper_new(&error);
	written = AT_ONCE;
	assert_int_equal(pthread_create(&writer, NULL, write_much, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		for (size_t j = 0; j < AT_ONCE; j++)
			while ((pipes[j] = log_keeper_add(keeper, "smtp", &error)) < 0)
				usleep(1000);
		written = 0;
		while (written < AT_ONCE)
			must_get_memory();
	}
	written = AT_ONCE + 1;
	pthread_join(writer, NULL);
	log_keeper_free(&keeper);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_roles_own_lines_are_kept),
		cmocka_unit_test(there_is_nothing_to_change),
		cmocka_unit_test(what_was_said_is_there_at_once),
		cmocka_unit_test(nothing_is_lost_under_load),
		cmocka_unit_test(who_is_forked_meanwhile_gets_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
