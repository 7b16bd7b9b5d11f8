/* The side that owns the queue: takes what is handed in, gives it to the writer thread, and answers when it is on disk. One thread
 * receives; the writer answers. Whoever hands in may have been taken over: he can add messages of any content, and nothing else.
 *
 * A large body is a file that we made and he wrote. It becomes part of the queue only when nobody can write to it any more, which
 * the kernel says: a read lease (fcntl(2), F_SETLEASE) is granted only for a file that is open for writing nowhere. Where there
 * are no leases or no files without a name, it is copied. */
#include "queue/handin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

enum {
	WAITING_BYTES_MAX = 64 * 1024 * 1024, /* of messages that wait for the disk: beyond, no more is received */
	WAITING_CHECK_MS = 10,
	PROC_PATH_MAX = 64,
};

struct server {
	struct queue *queue;
	struct queue_client client;
	struct answerer *answerer;
	bool ended;             /* there is no other side any more */
	_Atomic size_t waiting; /* bytes of questions that the writer has */
};

/** A message on its way to the writer. */
struct arrival {
	struct queue_commit commit; /* first: what the writer knows of it */
	struct server *server;
	struct arena *arena;
	struct call_received question;
	struct queue_handin handin;
	int file; /* the body's, locked until its row is on disk; -1: none */
};

static void answer(struct server *server, uint64_t id, const struct error *error, const int *fds, size_t fd_count)
{
	struct buf text = BUF(sizeof error->text + 16);
	wire_put_number(&text, error->kind);
	wire_put_text(&text, slice_of(error->text));
	answerer_answer(server->answerer, id, buf_slice(&text), fds, fd_count);
	buf_free(&text);
}

/* ---- Files for bodies ---- */

static int reopen(int fd, int flags)
{
	char path[PROC_PATH_MAX];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static void give_file(struct server *server, const struct call_received *question)
{
	struct error error = {0};
	int fds[2] = {queue_body_make_file(server->queue), -1};
	if (fds[0] >= 0)
		fds[1] = reopen(fds[0], O_RDONLY);
	if (fds[1] < 0)
		error_set_errno(&error, errno, "making a file in queue/body");
	answer(server, question->id, &error, fds, fds[1] >= 0 ? 2 : 0);
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Can nobody write to it any more? EAGAIN: somebody has it open. */
static bool is_settled(int fd)
{
	bool settled = fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
	int number = errno;
	if (settled)
		fcntl(fd, F_SETLEASE, F_UNLCK);
	errno = number;
	return settled;
}

/* Into a file of our own; the size is what the one who handed in has said, however the file changes meanwhile. */
static bool copy_file(const struct queue *queue, int from, uint64_t size, const char *name, struct error *error)
{
	int to = openat(queue->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return error_set_errno(error, errno, "making queue/body/%s", name);
	bool done = true;
	for (off_t at = 0; done && (uint64_t)at < size;) {
		ssize_t copied = copy_file_range(from, &at, to, NULL, size - (uint64_t)at, 0);
		if (copied == 0 || (copied < 0 && errno != EINTR))
			done = error_set_errno(error, copied == 0 ? EIO : errno, "copying queue/body/%s", name);
	}
	close(to);
	return done;
}

static bool name_file(const struct queue *queue, int fd, uint64_t size, const char *name, struct error *error)
{
	struct stat status;
	char path[PROC_PATH_MAX];
	bool regular = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size == size &&
		       (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
	if (!regular)
		return error_set(error, ERROR_INVALID, "the body is no file of the size that its envelope says");
	bool settled = is_settled(fd);
	if (!settled && errno == EAGAIN)
		return error_set(error, ERROR_INVALID, "the body is still being written");
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	/* Ours alone: of our file system, with no other name, by which somebody could write to it. */
	if (settled && status.st_nlink == 0 && linkat(AT_FDCWD, path, queue->folder, name, AT_SYMLINK_FOLLOW) == 0)
		return true;
	return copy_file(queue, fd, size, name, error);
}

/* The body's file gets the message's name, and is locked by us, so that no sweep takes it for an orphan. */
static bool take_file(struct arrival *arrival, struct error *error)
{
	const struct queue *queue = arrival->server->queue;
	const struct queue_message *message = &arrival->handin.message;
	char name[BODY_NAME_MAX];
	struct stat status;
	queue_body_name(message->id, name);
	if (arrival->question.fd_count != 1)
		return error_set(error, ERROR_INVALID, "the body's file is missing");
	if (faccessat(queue->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(error, ERROR_EXISTS, "there is a message of that id");
	if (!name_file(queue, arrival->question.fds[0], message->preface + message->size, name, error)) {
		if (error->kind != ERROR_EXISTS)
			unlinkat(queue->folder, name, 0);
		return false;
	}
	arrival->file = openat(queue->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	arrival->commit.file_unsynced = true;
	return (arrival->file >= 0 && flock(arrival->file, LOCK_EX | LOCK_NB) == 0 && fstat(arrival->file, &status) == 0 && status.st_nlink == 1) ||
	       error_set(error, ERROR_TEMPORARY, "queue/body/%s can't be locked", name);
}

/* ---- Messages ---- */

static void free_arrival(struct arrival *arrival)
{
	if (arrival->file >= 0)
		close(arrival->file);
	call_received_free(&arrival->question);
	arena_free(&arrival->arena);
	free(arrival);
}

static void remove_file(struct arrival *arrival)
{
	char name[BODY_NAME_MAX];
	queue_body_name(arrival->handin.message.id, name);
	if (arrival->file >= 0)
		unlinkat(arrival->server->queue->folder, name, 0);
}

/* In the writer's thread. */
static void end_arrival(struct queue *queue, struct queue_commit *commit)
{
	struct arrival *arrival = (struct arrival *)commit;
	struct server *server = arrival->server;
	(void)queue;
	if (!commit->done)
		remove_file(arrival);
	answer(server, arrival->question.id, commit->done ? &(struct error){0} : &commit->error, NULL, 0);
	server->waiting -= arrival->question.text.len;
	free_arrival(arrival);
}

/* True if it goes to the writer; else it is answered for with *error, which is ERROR_NONE if it has been done already. */
static bool accept(struct arrival *arrival, struct error *error)
{
	struct server *server = arrival->server;
	struct queue_handin *handin = &arrival->handin;
	bool known = false;
	if (!queue_handin_decode(arrival->question.text, arrival->arena, handin))
		return error_set(error, ERROR_INVALID, "the envelope is malformed");
	if (arrival->question.again && (!queue_was_handed_in(server->queue, handin->message.id, &known, error) || known))
		return false;
	if (clock_monotonic_ms() >= arrival->question.begin_by)
		return error_set(error, ERROR_TEMPORARY, "it came too late");
	if (handin->message.arrived > clock_now())
		handin->message.arrived = clock_now();
	arrival->commit.message = &handin->message;
	arrival->commit.body = handin->body;
	arrival->commit.in_file = handin->in_file;
	return !handin->in_file || take_file(arrival, error);
}

static void take_message(struct server *server, struct call_received *question)
{
	struct error error = {0};
	struct arrival *arrival = memory_new(sizeof *arrival);
	*arrival = (struct arrival){
		.commit = {.handed_in = true, .begin_by = question->begin_by, .end = end_arrival},
		.server = server,
		.arena = arena_new(),
		.question = *question,
		.file = -1,
	};
	*question = (struct call_received){0};
	if (accept(arrival, &error)) {
		server->waiting += arrival->question.text.len;
		queue_submit(server->queue, &arrival->commit);
		return;
	}
	answer(server, arrival->question.id, &error, NULL, 0);
	remove_file(arrival);
	free_arrival(arrival);
}

/* ---- Withdrawals, and questions about what may have come ---- */

static bool decide(struct queue *queue, unsigned verb, struct slice account, int64_t id, uint64_t *number, struct error *error)
{
	enum queue_withdrawal outcome = WITHDRAWN_TOO_LATE;
	bool there = false;
	bool done = verb == HANDIN_WITHDRAWAL ? queue_withdraw_here(queue, account, id, &outcome, error) : queue_resolve_here(queue, account, id, &there, error);
	*number = verb == HANDIN_WITHDRAWAL ? (uint64_t)outcome : there;
	return done;
}

/* Waits for the disk: who wants something back, or doesn't know, is one of few. */
static void answer_about(struct server *server, const struct call_received *question)
{
	struct error error = {0};
	struct wire_reader reader = {.rest = question->text};
	struct slice account = wire_text(&reader, HANDIN_TEXT_MAX);
	int64_t id = (int64_t)wire_number(&reader, INT64_MAX);
	uint64_t number = 0;
	if (!wire_end(&reader))
		error_set(&error, ERROR_INVALID, "the question is malformed");
	else
		decide(server->queue, question->verb, account, id, &number, &error);
	struct buf text = BUF(sizeof error.text + 32);
	wire_put_number(&text, error.kind);
	wire_put_text(&text, slice_of(error.text));
	wire_put_number(&text, number);
	answerer_answer(server->answerer, question->id, buf_slice(&text), NULL, 0);
	buf_free(&text);
}

static bool is_about_quarantine(unsigned verb) { return verb >= HANDIN_APART_LIST && verb <= HANDIN_APART_REMOVE; }

/* Waits for the disk, too, and while a text is copied that came for several. */
static void answer_apart(struct server *server, const struct call_received *question)
{
	struct buf text = BUF(CALL_ANSWER_MAX);
	queue_apart_answer(server->queue, question->verb, question->text, &text);
	answerer_answer(server->answerer, question->id, buf_slice(&text), NULL, 0);
	buf_free(&text);
}

static void receive_all(struct server *server)
{
	struct call_received question;
	enum call_result result = CALL_NOTHING;
	while (server->waiting < WAITING_BYTES_MAX && (result = answerer_receive(server->answerer, &question)) == CALL_RECEIVED) {
		struct error unknown = {.kind = ERROR_INVALID, .text = "there is no such question"};
		if (question.verb == HANDIN_MESSAGE)
			take_message(server, &question);
		else if (question.verb == HANDIN_BODY_FILE)
			give_file(server, &question);
		else if ((question.verb == HANDIN_WITHDRAWAL || question.verb == HANDIN_QUESTION) && server->client.withdraws)
			answer_about(server, &question);
		else if (is_about_quarantine(question.verb) && server->client.withdraws)
			answer_apart(server, &question);
		else
			answer(server, question.id, &unknown, NULL, 0);
		call_received_free(&question);
	}
	server->ended = result == CALL_ENDED;
}

/* Waits for something to be done. False: it is time to stop. */
static bool wait_for_work(const struct server *servers, size_t count, int stop_fd)
{
	struct pollfd polled[1 + 2 * QUEUE_CLIENTS_MAX] = {{.fd = stop_fd, .events = POLLIN}};
	bool full = false;
	for (size_t i = 0; i < count; i++) {
		const struct server *server = &servers[i];
		bool is_full = server->waiting >= WAITING_BYTES_MAX;
		polled[1 + 2 * i] = (struct pollfd){.fd = server->ended ? -1 : answerer_wake_fd(server->answerer), .events = POLLIN};
		polled[2 + 2 * i] = (struct pollfd){.fd = server->ended || is_full ? -1 : server->client.channel, .events = answerer_events(server->answerer)};
		full |= is_full;
	}
	return poll(polled, 1 + 2 * count, full ? WAITING_CHECK_MS : -1) < 0 || !polled[0].revents;
}

void queue_serve(struct queue *queue, const struct queue_client *clients, size_t count, int stop_fd)
{
	struct server servers[QUEUE_CLIENTS_MAX];
	for (size_t i = 0; i < count; i++)
		servers[i] = (struct server){.queue = queue, .client = clients[i], .answerer = answerer_new(clients[i].channel)};
	for (bool more = true; more && wait_for_work(servers, count, stop_fd);) {
		more = false;
		for (size_t i = 0; i < count; i++) {
			if (!servers[i].ended)
				receive_all(&servers[i]);
			more |= !servers[i].ended;
		}
	}
	queue_stop_writer(queue); /* which answers all that was taken */
	for (size_t i = 0; i < count; i++)
		answerer_free(&servers[i].answerer);
}
