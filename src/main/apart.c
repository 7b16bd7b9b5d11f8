/* A child of fork(), and a pipe from it: an error, and then, if that is none, bytes. See apart.h. */
#include "main/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "main/sandbox.h"

enum { PIECE = 16384 };

bool apart_confine(struct error *error)
{
	log_set_file(-1); /* a kernel without Landlock would be told of each time */
	log_set_role("master", LOG_LEVEL_ERROR);
	return sandbox_sanitizers() || sandbox_enter(&(struct sandbox){0}, error);
}

/* In the new process. */
static _Noreturn void run_here(bool (*task)(void *context, struct buf *out, struct error *error), void *context, size_t most, int to)
{
	struct error error = {.kind = ERROR_NONE}, unsaid;
	struct buf out = BUF(most);
	if (!task(context, &out, &error) && error.kind == ERROR_NONE)
		error.kind = ERROR_TEMPORARY;
	if (error.kind == ERROR_NONE && out.overflow)
		error_set(&error, ERROR_LIMIT, "more than %zu bytes", most);
	bool said = file_write_all(to, slice_make((const char *)&error, sizeof error), &unsaid) &&
		    (error.kind != ERROR_NONE || file_write_all(to, buf_slice(&out), &unsaid));
	_exit(said ? 0 : 1);
}

/* Until the end of the pipe; false: it wasn't come to in time. */
static bool hear(int from, struct buf *heard)
{
	int64_t end = clock_monotonic_ms() + APART_MS;
	for (;;) {
		int64_t left = end - clock_monotonic_ms();
		struct pollfd polled = {.fd = from, .events = POLLIN};
		char *at = buf_reserve(heard, PIECE);
		if (!at || left <= 0 || (poll(&polled, 1, (int)left) < 0 && errno != EINTR))
			return false;
		ssize_t got = polled.revents ? read(from, at, PIECE) : -1;
		if (got == 0)
			return true;
		if (got > 0)
			buf_claim(heard, (size_t)got);
	}
}

static bool take(const struct buf *heard, pid_t pid, struct buf *out, struct error *error)
{
	struct error said;
	if (heard->len < sizeof said)
		return error_set(error, ERROR_TEMPORARY, pid < 0 ? "no process for it can be made" : "a process for it has ended, or not in time");
	memcpy(&said, heard->at, sizeof said);
	if (said.kind == ERROR_NONE)
		return buf_append(out, slice_skip(buf_slice(heard), sizeof said)) || error_set(error, ERROR_LIMIT, "there is no room for it");
	said.text[sizeof said.text - 1] = '\0';
	if (error)
		*error = said;
	return false;
}

bool apart_run(bool (*task)(void *context, struct buf *out, struct error *error), void *context, struct buf *out, struct error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set_errno(error, errno, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		run_here(task, context, out->max - out->len, ends[1]);
	close(ends[1]);
	struct buf heard = {.max = out->max - out->len + sizeof(struct error) + PIECE, .secret = out->secret};
	bool whole = pid > 0 && hear(ends[0], &heard);
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (!whole)
		buf_clear(&heard);
	bool done = take(&heard, pid, out, error);
	buf_free(&heard);
	return done;
}
