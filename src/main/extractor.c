/* See extractor.h. A question is a kind, with two files in memory: the document, and one for its text. The answer is how long that is. */
#include "main/extractor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "main/apart.h"
#include "main/sandbox.h"

enum { ANSWER_MS = APART_MS + 5000 };

struct extractor {
	int channel; /* -1: it was lost */
};

/* ---- A document's process ---- */

struct document { enum extract_kind kind; int fd; };

static void limit(int resource, rlim_t most)
{
	setrlimit(resource, &(struct rlimit){most, most});
}

/* Its memory can't be limited under a sanitizer, which reserves more than there is. */
static bool take_apart(void *context, struct buf *out, struct error *error)
{
	const struct document *document = context;
	off_t size = lseek(document->fd, 0, SEEK_END);
	void *at = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, document->fd, 0) : MAP_FAILED;
	if (at == MAP_FAILED)
		return error_set(error, ERROR_INVALID, "there is no document");
	limit(RLIMIT_CPU, EXTRACTOR_CPU_SECONDS);
	limit(RLIMIT_CORE, 0);
	if (!sandbox_sanitizers())
		limit(RLIMIT_AS, EXTRACTOR_MEMORY);
	if (!apart_confine(error))
		return false;
	extract_text(document->kind, slice_make(at, (size_t)size), out);
	out->overflow = false; /* its beginning is as good */
	return true;
}

/* ---- The process that starts those ---- */

static int64_t answer(uint32_t kind, int document_fd, int text_fd)
{
	struct document document = {(enum extract_kind)kind, document_fd};
	struct buf text = BUF(EXTRACT_TEXT_MAX);
	struct error error;
	bool done = apart_run(take_apart, &document, &text, &error) && file_write_all(text_fd, buf_slice(&text), &error);
	int64_t length = done ? (int64_t)text.len : -1;
	buf_free(&text);
	return length;
}

_Noreturn static void run(int channel)
{
	uint32_t kind;
	int fds[2];
	size_t count;
	bool lost;
	prctl(PR_SET_NAME, "extractor");
	log_set_file(-1);
	signal(SIGTERM, SIG_IGN); /* it ends with the role */
	while (descriptors_receive(channel, true, &kind, sizeof kind, fds, 2, &count, &lost) == sizeof kind) {
		int64_t length = count == 2 ? answer(kind, fds[0], fds[1]) : -1;
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		if (send(channel, &length, sizeof length, MSG_NOSIGNAL) != sizeof length)
			break;
	}
	_exit(0);
}

/* ---- The role's side ---- */

static void close_others(int channel)
{
	if (channel > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)channel - 1, 0);
	close_range((unsigned)channel + 1, ~0U, 0);
}

struct extractor *extractor_new(struct error *error)
{
	int ends[2];
	pid_t pid = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? fork() : -1;
	if (pid == 0) {
		close_others(ends[1]);
		run(ends[1]);
	}
	if (pid < 0) {
		error_set_errno(error, errno, "starting a process that takes documents apart");
		return NULL;
	}
	close(ends[1]);
	struct extractor *extractor = memory_new(sizeof *extractor);
	*extractor = (struct extractor){.channel = ends[0]};
	return extractor;
}

void extractor_free(struct extractor **extractor)
{
	if (!*extractor)
		return;
	if ((*extractor)->channel >= 0)
		close((*extractor)->channel);
	free(*extractor); /* that process ends by itself now; a confined one may wait for none */
	*extractor = NULL;
}

/* A process that doesn't answer isn't asked again: documents have no text until the role starts anew. */
static void lose(struct extractor *extractor)
{
	log_warning("extractor.lost", log_text("reason", "the process that takes documents apart doesn't answer"));
	close(extractor->channel);
	extractor->channel = -1;
}

static int64_t ask(struct extractor *extractor, enum extract_kind kind, const int fds[2])
{
	uint32_t number = kind;
	int64_t length;
	struct pollfd polled = {.fd = extractor->channel, .events = POLLIN};
	if (descriptors_send(extractor->channel, &(struct iovec){&number, sizeof number}, 1, fds, 2) && poll(&polled, 1, ANSWER_MS) == 1 &&
	    recv(extractor->channel, &length, sizeof length, 0) == sizeof length)
		return length;
	lose(extractor);
	return -1;
}

static bool read_text(int fd, size_t length, struct arena *arena, struct slice *text)
{
	char *at = arena_alloc(arena, length + 1);
	*text = slice_make(at, length);
	return pread(fd, at, length, 0) == (ssize_t)length;
}

bool extractor_text(struct extractor *extractor, enum extract_kind kind, struct slice content, struct arena *arena, struct slice *text)
{
	int fds[2] = {memfd_create("document", MFD_CLOEXEC), memfd_create("text", MFD_CLOEXEC)};
	bool done = extractor->channel >= 0 && fds[0] >= 0 && fds[1] >= 0 && file_write_all(fds[0], content, NULL);
	int64_t length = done ? ask(extractor, kind, fds) : -1;
	done = length > 0 && length <= EXTRACT_TEXT_MAX && read_text(fds[1], (size_t)length, arena, text);
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return done;
}
