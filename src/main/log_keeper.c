/* One thread, and a list of pipes; see log_keeper.h. A line that comes alone is written at once; under load they are left to gather for
 * some milliseconds, and many are read and written at a time. */
#include "main/log_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	SOURCES_MAX = 64,
	PIECE_MAX = 64 * 1024,   /* what a pipe holds */
	COMPLAINT_EVERY_MS = 1000,
	GATHER_MS = 25,
};

/** The pipe of one process. */
struct source {
	int fd;
	bool readable;           /* as the last poll has found it */
	const char *role;
	struct buf rest;         /* the beginning of a line */
	bool skipping;           /* until the end of a line that is too long */
	uint64_t refused;        /* lines since the last complaint */
	int64_t complained_at;
};

struct log_keeper {
	pthread_t thread;
	int wake_fd;
	_Atomic bool stopping;
	pthread_mutex_t lock;    /* guards what follows; without it the thread neither gets memory nor gives any back */
	char piece[PIECE_MAX];
	struct buf out;
	int file;
	struct source *sources[SOURCES_MAX];
	size_t count;
};

/* ---- Lines ---- */

static bool skip_word(struct slice *line, const char *word)
{
	bool there = slice_starts(*line, slice_of(word));
	if (there)
		*line = slice_skip(*line, strlen(word));
	return there;
}

/* time=… level=… role=THE ROLE event=…, as log.c writes it, of printable characters. */
static bool is_line_of(struct slice line, const char *role)
{
	struct slice rest = line, value;
	enum log_level level;
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.at[i] < ' ' || line.at[i] == 0x7f)
			return false;
	if (!skip_word(&rest, "time=") || !slice_cut(rest, ' ', &value, &rest) || value.len >= CLOCK_STAMP_MAX)
		return false;
	if (!skip_word(&rest, "level=") || !slice_cut(rest, ' ', &value, &rest) || !log_level_parse(value, &level))
		return false;
	return skip_word(&rest, "role=") && slice_cut(rest, ' ', &value, &rest) && slice_equal(value, slice_of(role)) && skip_word(&rest, "event=");
}

/* What was refused is counted, and said now and then. */
static void complain(struct source *source, struct buf *out)
{
	int64_t now = clock_monotonic_ms();
	char stamp[CLOCK_STAMP_MAX];
	if (source->refused == 0 || (source->complained_at > 0 && now - source->complained_at < COMPLAINT_EVERY_MS))
		return;
	clock_stamp(clock_now_ms(), stamp);
	buf_printf(out, "time=%s level=warning role=master event=log.refused name=%s lines=%llu\n", stamp, source->role,
		   (unsigned long long)source->refused);
	source->refused = 0;
	source->complained_at = now;
}

static void take_line(struct source *source, struct slice line, struct buf *out)
{
	if (!source->skipping && line.len < LOG_LINE_MAX && is_line_of(line, source->role)) {
		buf_append(out, line);
		buf_append_char(out, '\n');
	} else
		source->refused++;
	source->skipping = false;
}

static void take_bytes(struct source *source, struct slice bytes, struct buf *out)
{
	for (size_t end; (end = slice_find_char(bytes, '\n')) != SLICE_NONE; bytes = slice_skip(bytes, end + 1)) {
		struct slice line = slice_sub(bytes, 0, end);
		if (source->rest.len > 0) {
			source->skipping |= !buf_append(&source->rest, line);
			line = buf_slice(&source->rest);
		}
		take_line(source, line, out);
		buf_clear(&source->rest);
	}
	source->skipping |= !buf_append(&source->rest, bytes);
}

/* ---- The thread ---- */

/* Reads what is there now. False: nobody can write to it any more. */
static bool read_source(struct source *source, char *piece, struct buf *out)
{
	if (!source->readable)
		return true;
	ssize_t got = read(source->fd, piece, PIECE_MAX);
	if (got > 0)
		take_bytes(source, slice_make(piece, (size_t)got), out);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void free_source(struct source **source)
{
	close((*source)->fd);
	buf_free(&(*source)->rest);
	free(*source);
	*source = NULL;
}

/* With the lock held. */
static void write_out(struct log_keeper *keeper)
{
	struct error ignored; /* a log that can't be written must not stop the mail: there is nobody left to tell */
	if (keeper->file >= 0 && keeper->out.len > 0)
		file_write_all(keeper->file, buf_slice(&keeper->out), &ignored);
	buf_clear(&keeper->out);
}

static void read_all(struct log_keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	for (size_t i = 0; i < keeper->count;) {
		struct source *source = keeper->sources[i];
		bool open = read_source(source, keeper->piece, &keeper->out);
		if (!open)
			source->complained_at = 0; /* this is the last time */
		complain(source, &keeper->out);
		write_out(keeper);
		if (open) {
			i++;
			continue;
		}
		free_source(&source);
		keeper->sources[i] = keeper->sources[--keeper->count];
	}
	pthread_mutex_unlock(&keeper->lock);
}

/* Looks, without waiting, which pipes are readable: of eight, seven mostly aren't. Those that were added since they were listed, behind the
 * others, have their turn later. Of an empty list nothing is known, and all are tried. */
static void look_at_sources(struct log_keeper *keeper, struct pollfd *fds, size_t count)
{
	bool known = count > 0 && poll(fds, count, 0) >= 0;
	pthread_mutex_lock(&keeper->lock);
	for (size_t i = 0; i < keeper->count; i++)
		keeper->sources[i]->readable = !known || (i < count && fds[i].revents != 0);
	pthread_mutex_unlock(&keeper->lock);
}

void log_keeper_catch_up(struct log_keeper *keeper)
{
	look_at_sources(keeper, NULL, 0);
	read_all(keeper);
}

static size_t list_sources(struct log_keeper *keeper, struct pollfd *fds)
{
	pthread_mutex_lock(&keeper->lock);
	for (size_t i = 0; i < keeper->count; i++)
		fds[i] = (struct pollfd){.fd = keeper->sources[i]->fd, .events = POLLIN};
	size_t count = keeper->count;
	pthread_mutex_unlock(&keeper->lock);
	return count;
}

static void *keep(void *argument)
{
	struct log_keeper *keeper = argument;
	int64_t read_at = 0;
	while (!keeper->stopping) {
		struct pollfd fds[SOURCES_MAX + 1];
		eventfd_t ignored;
		size_t count = list_sources(keeper, fds);
		fds[count] = (struct pollfd){.fd = keeper->wake_fd, .events = POLLIN};
		bool busy = poll(fds, count + 1, -1) > 0 && clock_monotonic_ms() - read_at < GATHER_MS;
		if (busy && !fds[count].revents)
			poll(&fds[count], 1, GATHER_MS);
		if (fds[count].revents)
			eventfd_read(keeper->wake_fd, &ignored);
		look_at_sources(keeper, fds, count);
		read_all(keeper);
		read_at = clock_monotonic_ms();
	}
	log_keeper_catch_up(keeper);
	return NULL;
}

/* ---- Forks ----
 * A new process has a copy of the allocator's locks as they are, and no thread that would let go of them. So the master forks between two pieces of
 * the thread's work: the C library sees to its own allocator, but a sanitizer need not, and then a role would wait for ever for its first
 * memory, or the trial of certificates, and with it a reload, for its answer. */

static struct log_keeper *forking; /* NULL: there is none; the main thread's, which forks */

static void before_fork(void)
{
	if (forking)
		pthread_mutex_lock(&forking->lock);
}

static void after_fork(void)
{
	if (forking)
		pthread_mutex_unlock(&forking->lock);
}

static void care_for_forks(void)
{
	if (pthread_atfork(before_fork, after_fork, after_fork) != 0)
		memory_exhausted(0);
}

/* ---- For the master ---- */

struct log_keeper *log_keeper_new(struct error *error)
{
	static pthread_once_t cared_for = PTHREAD_ONCE_INIT;
	struct log_keeper *keeper = memory_new(sizeof *keeper);
	pthread_once(&cared_for, care_for_forks);
	keeper->file = -1;
	keeper->out = BUF(2 * PIECE_MAX);
	keeper->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&keeper->lock, NULL);
	sigset_t all, former; /* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	int failure = keeper->wake_fd < 0 ? errno : pthread_create(&keeper->thread, NULL, keep, keeper);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (failure == 0) {
		forking = keeper;
		return keeper;
	}
	error_set_errno(error, failure, "the thread of the event file");
	if (keeper->wake_fd >= 0)
		close(keeper->wake_fd);
	free(keeper);
	return NULL;
}

void log_keeper_set_file(struct log_keeper *keeper, int fd)
{
	pthread_mutex_lock(&keeper->lock);
	if (keeper->file >= 0)
		close(keeper->file);
	keeper->file = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&keeper->lock);
}

int log_keeper_add(struct log_keeper *keeper, const char *role, struct error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		error_set_errno(error, errno, "a pipe for events");
		return -1;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	struct source *source = memory_new(sizeof *source);
	*source = (struct source){.fd = ends[0], .role = role, .rest = BUF(LOG_LINE_MAX)};
	pthread_mutex_lock(&keeper->lock);
	bool room = keeper->count < SOURCES_MAX;
	if (room)
		keeper->sources[keeper->count++] = source;
	pthread_mutex_unlock(&keeper->lock);
	eventfd_write(keeper->wake_fd, 1);
	if (room)
		return ends[1];
	free_source(&source);
	close(ends[1]);
	error_set(error, ERROR_LIMIT, "more than %d pipes for events", SOURCES_MAX);
	return -1;
}

void log_keeper_free(struct log_keeper **keeper)
{
	struct log_keeper *old = *keeper;
	*keeper = NULL;
	if (!old)
		return;
	forking = NULL;
	old->stopping = true;
	eventfd_write(old->wake_fd, 1);
	pthread_join(old->thread, NULL);
	buf_free(&old->out);
	while (old->count > 0)
		free_source(&old->sources[--old->count]);
	if (old->file >= 0)
		close(old->file);
	close(old->wake_fd);
	pthread_mutex_destroy(&old->lock);
	free(old);
}
