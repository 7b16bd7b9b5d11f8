/* Tests of work in a process of its own: what it says comes back whole, its end harms nobody, and confined it reaches nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main/apart.h"
#include "main/sandbox.h"

enum { LARGE = 1 << 20 };

static bool say_much(void *context, struct buf *out, struct error *error)
{
	(void)error;
	*(int *)context = 1;
	for (int i = 0; i < LARGE; i++)
		buf_append_char(out, (char)i);
	return true;
}

static bool refuse(void *context, struct buf *out, struct error *error)
{
	(void)context;
	buf_append_text(out, "half of it");
	return error_set(error, ERROR_DENIED, "not that");
}

static bool crash(void *context, struct buf *out, struct error *error)
{
	(void)context, (void)out, (void)error;
	raise(SIGKILL);
	return true;
}

static bool reach_out(void *context, struct buf *out, struct error *error)
{
	(void)context;
	if (!apart_confine(error))
		return false;
	int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC), other = open("/tmp/pombal-apart", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	int stream = socket(AF_INET, SOCK_STREAM, 0);
	return buf_printf(out, "%d %d %d", file >= 0, other >= 0, stream >= 0);
}

static void what_is_said_comes_back(void **state)
{
	(void)state;
	struct buf out = BUF(LARGE + 1), small = BUF(LARGE - 1);
	struct error error = {0};
	int here = 0;
	buf_append_char(&out, 'x');
	assert_true(apart_run(say_much, &here, &out, &error));
	assert_int_equal(out.len, LARGE + 1);
	assert_int_equal(out.at[1 + 300], (char)300);
	assert_int_equal(here, 0);
	assert_false(apart_run(say_much, &here, &small, &error));
	assert_int_equal(error.kind, ERROR_LIMIT);
	assert_int_equal(small.len, 0);
	buf_free(&out);
	buf_free(&small);
}

static void failures_are_told(void **state)
{
	(void)state;
	struct buf out = BUF(100);
	struct error error = {0};
	assert_false(apart_run(refuse, NULL, &out, &error));
	assert_int_equal(error.kind, ERROR_DENIED);
	assert_string_equal(error.text, "not that");
	assert_false(apart_run(crash, NULL, &out, &error));
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_int_equal(out.len, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	buf_free(&out);
}

static void confined_it_reaches_nothing(void **state)
{
	(void)state;
	struct buf out = BUF(100);
	struct error error = {0};
	if (sandbox_sanitizers())
		skip();
	assert_true(apart_run(reach_out, NULL, &out, &error));
	assert_true(slice_equal(buf_slice(&out), SLICE("0 0 0")));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_comes_back),
		cmocka_unit_test(failures_are_told),
		cmocka_unit_test(confined_it_reaches_nothing),
	};
	return cmocka_run_group_tests_name("apart", tests, NULL, NULL);
}
