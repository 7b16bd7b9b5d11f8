/* Tests of handing in: a process that may add to the queue gets its messages there, once, also when the keeper dies in the worst
 * moment; and what it tries beyond that is refused. Keepers are processes of their own, forked before there are threads, and wait
 * for their turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "net/call_wire.h"
#include "queue/handin.h"
#include "store/db/fixture.h"

enum { KEEPERS = 2 };

struct keeper {
	pid_t pid;
	int turn; /* a byte to it begins */
};

struct fixture {
	char data[64], storage[DB_FIXTURE_STORAGE_MAX];
	int ends[2];
	struct keeper keepers[KEEPERS];
	struct queue *remote, *local; /* local: to look at what has come */
};

static _Noreturn void die(void *context)
{
	(void)context;
	_exit(7);
}

/* The first keeper dies, if that is wanted, when a message is on disk and before its answer. */
static _Noreturn void keep(struct fixture *fixture, int turn, bool dies)
{
	struct error error;
	char byte;
	struct queue *queue = read(turn, &byte, 1) == 1 ? queue_open_in(fixture->data, fixture->storage, QUEUE_KEEPER, &error) : NULL;
	if (!queue)
		_exit(1);
	if (dies)
		queue_on_commit(queue, die, NULL);
	queue_serve(queue, &(struct queue_client){.channel = dup(fixture->ends[1]), .withdraws = true}, 1, eventfd(0, 0));
	_exit(0);
}

static void start_keeper(struct fixture *fixture, int number)
{
	assert_int_equal(write(fixture->keepers[number].turn, "x", 1), 1);
}

static void set_up_with(struct fixture *fixture, bool first_dies)
{
	struct error error;
	snprintf(fixture->data, sizeof fixture->data, "/tmp/pombal-handin-XXXXXX");
	assert_non_null(mkdtemp(fixture->data));
	db_fixture_storage(fixture->storage);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fixture->ends), 0);
	for (int i = 0; i < KEEPERS; i++) {
		int turn[2];
		assert_int_equal(pipe2(turn, O_CLOEXEC), 0);
		fixture->keepers[i].pid = fork();
		if (fixture->keepers[i].pid == 0) {
			close(turn[1]);
			keep(fixture, turn[0], first_dies && i == 0);
		}
		close(turn[0]);
		fixture->keepers[i].turn = turn[1];
	}
	fixture->remote = queue_open_remote(dup(fixture->ends[0]));
	fixture->local = queue_open_in(fixture->data, fixture->storage, QUEUE_PERSON, &error);
	assert_non_null(fixture->local);
}

static int set_up(void **state)
{
	struct fixture *fixture = memory_new(sizeof *fixture);
	set_up_with(fixture, false);
	start_keeper(fixture, 0);
	*state = fixture;
	return 0;
}

static int set_up_dying(void **state)
{
	struct fixture *fixture = memory_new(sizeof *fixture);
	set_up_with(fixture, true);
	start_keeper(fixture, 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	queue_close(&fixture->remote);
	queue_close(&fixture->local);
	for (int i = 0; i < KEEPERS; i++) {
		kill(fixture->keepers[i].pid, SIGKILL);
		waitpid(fixture->keepers[i].pid, NULL, 0);
		close(fixture->keepers[i].turn);
	}
	close(fixture->ends[0]);
	close(fixture->ends[1]);
	db_fixture_forget(fixture->storage, "queue");
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", fixture->data);
	free(fixture);
	return system(command);
}

static uint64_t waiting(struct fixture *fixture)
{
	uint64_t messages, recipients;
	struct error error;
	assert_true(queue_count(fixture->local, &messages, &recipients, &error));
	return messages;
}

static bool hand_in(struct queue *queue, struct slice body, const char *to, size_t count, int64_t *id, struct error *error)
{
	struct queue_recipient *recipients = memory_array(count, sizeof *recipients);
	for (size_t i = 0; i < count; i++)
		recipients[i] = (struct queue_recipient){.address = slice_of(to), .original = SLICE("rfc822;b@example.test"), .notify = NOTIFY_DELAY};
	struct queue_message message = {.from = SLICE("alice@example.test"), .recipients = recipients, .recipient_count = count,
					.client = SLICE("test [127.0.0.1]"), .envid = SLICE("e"), .account = SLICE("alice"), .ret = RET_FULL,
					.body = BODY_8BITMIME, .smtputf8 = true};
	struct queue_draft *draft = queue_draft_new(queue, message.from);
	*error = (struct error){0};
	bool written = true;
	for (struct slice rest = body; written && rest.len > 0; rest = slice_skip(rest, 50000))
		written = queue_draft_write(draft, slice_sub(rest, 0, 50000), error);
	if (!written)
		queue_draft_abort(&draft);
	bool done = written && queue_commit(queue, &draft, &message, error);
	assert_null(draft);
	assert_true(!done || recipients[count - 1].id == (int64_t)count);
	if (id)
		*id = message.id;
	free(recipients);
	return done;
}

static const struct slice preface = {"Return-Path: <alice@example.test>\r\n", 35};

static void expect_body(struct fixture *fixture, int64_t id, struct slice before, struct slice body)
{
	struct arena *arena = arena_new();
	struct slice bytes;
	struct error error = {0};
	struct buf out = BUF(64 * 1024 * 1024);
	int fd;
	if (!queue_body(fixture->local, id, arena, &bytes, &fd, &error))
		fail_msg("%s", error.text);
	if (fd >= 0) {
		assert_true(file_read_fd(fd, &out, &error));
		close(fd);
	} else
		buf_append(&out, bytes);
	assert_int_equal(out.len, before.len + body.len);
	assert_true(slice_starts(buf_slice(&out), before) && slice_equal(slice_skip(buf_slice(&out), before.len), body));
	buf_free(&out);
	arena_free(&arena);
}

static void count_done(void *context)
{
	atomic_fetch_add((_Atomic int *)context, 1);
}

static struct queue_ticket *begin(struct queue *queue, struct slice body, struct queue_recipient *recipient, struct queue_message *message, _Atomic int *done)
{
	struct error error;
	*recipient = (struct queue_recipient){.address = SLICE("bob@example.test")};
	*message = (struct queue_message){.from = SLICE("alice@example.test"), .recipients = recipient, .recipient_count = 1, .id = id_new()};
	struct queue_draft *draft = queue_draft_new(queue, message->from);
	assert_true(queue_draft_write(draft, body, &error));
	struct queue_ticket *ticket = queue_commit_begin(queue, &draft, message, count_done, done);
	assert_null(draft);
	return ticket;
}

/* The keeper begins only when all have been handed in; one is given up before. */
static void many_are_handed_in_without_a_thread(void **state)
{
	enum { MANY = 200 };
	struct fixture *fixture = *state;
	static struct queue_ticket *tickets[MANY];
	static struct queue_recipient recipients[MANY];
	static struct queue_message messages[MANY];
	struct error error;
	_Atomic int done = 0;
	char *large = memory_new(2 * QUEUE_INLINE_MAX);
	memset(large, 'x', 2 * QUEUE_INLINE_MAX);
	for (int i = 0; i < MANY; i++) /* the first, in a file, waits in this thread for that */
		tickets[i] = begin(fixture->remote, slice_make(large, i == 0 ? 2 * QUEUE_INLINE_MAX : 100), &recipients[i], &messages[i], &done);
	queue_commit_end(&tickets[MANY - 1], &error);
	assert_null(tickets[MANY - 1]);
	for (int64_t until = clock_monotonic_ms() + 10000; done < MANY - 1; usleep(500))
		assert_true(clock_monotonic_ms() < until);
	for (int i = 0; i < MANY - 1; i++) {
		assert_true(queue_commit_is_done(tickets[i]));
		assert_true(queue_commit_end(&tickets[i], &error));
		assert_int_equal(recipients[i].id, 1);
	}
	for (int64_t until = clock_monotonic_ms() + 10000; waiting(fixture) < MANY; usleep(500)) /* the last one, too */
		assert_true(clock_monotonic_ms() < until);
	expect_body(fixture, messages[0].id, preface, slice_make(large, 2 * QUEUE_INLINE_MAX));
	free(large);
}

/* One is used, one is passed on, and one given up before it has come. */
static void a_file_is_got_without_a_thread(void **state)
{
	struct fixture *fixture = *state;
	struct queue_recipient recipient = {.address = SLICE("bob@example.test")};
	struct queue_message message = {.from = SLICE("alice@example.test"), .recipients = &recipient, .recipient_count = 1};
	struct queue_draft *first = queue_draft_new(fixture->remote, message.from), *second = queue_draft_new(fixture->remote, message.from);
	struct error error;
	_Atomic int done = 0;
	char *large = memory_new(2 * QUEUE_INLINE_MAX);
	memset(large, 'x', 2 * QUEUE_INLINE_MAX);
	assert_false(queue_draft_needs_file(first, 100));
	assert_true(queue_draft_needs_file(first, QUEUE_INLINE_MAX));
	for (int64_t until = clock_monotonic_ms() + 10000; !queue_draft_get_file(first, count_done, &done); usleep(500))
		assert_true(queue_draft_awaits_file(first) && clock_monotonic_ms() < until);
	assert_int_equal(done, 1);
	assert_false(queue_draft_awaits_file(first) || queue_draft_needs_file(first, QUEUE_INLINE_MAX));
	queue_draft_pass_file(first, second);
	assert_true(queue_draft_needs_file(first, QUEUE_INLINE_MAX));
	kill(fixture->keepers[0].pid, SIGSTOP);
	assert_false(queue_draft_get_file(first, count_done, &done));
	queue_draft_abort(&first);
	kill(fixture->keepers[0].pid, SIGCONT);
	assert_true(queue_draft_write(second, slice_make(large, 2 * QUEUE_INLINE_MAX), &error));
	assert_true(queue_commit(fixture->remote, &second, &message, &error));
	assert_int_equal(done, 1);
	expect_body(fixture, message.id, preface, slice_make(large, 2 * QUEUE_INLINE_MAX));
	free(large);
}

/* Inline in the datagram, inline in a memory file, in a file. */
static void what_is_handed_in_is_there(void **state)
{
	struct fixture *fixture = *state;
	static const size_t sizes[] = {1, CALL_INLINE_MAX, QUEUE_INLINE_MAX - 20, QUEUE_INLINE_MAX + 1, 3000000};
	char *bytes = memory_new(sizes[4]);
	for (size_t i = 0; i < sizes[4]; i++)
		bytes[i] = (char)('a' + i % 23);
	for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
		struct slice body = slice_make(bytes, sizes[i / 2]);
		struct error error;
		int64_t id;
		if (!hand_in(fixture->remote, body, "bob@example.test", 1 + i, &id, &error))
			fail_msg("%zu: %s", body.len, error.text);
		expect_body(fixture, id, preface, body);
	}
	struct arena *arena = arena_new();
	struct queue_message *list;
	size_t count;
	struct error error;
	assert_true(queue_list(fixture->local, &(struct queue_filter){0}, arena, &list, &count, &error));
	assert_int_equal(count, 10);
	assert_true(slice_equal(list[9].from, SLICE("alice@example.test")) && slice_equal(list[9].envid, SLICE("e")));
	assert_true(list[9].smtputf8 && list[9].body == BODY_8BITMIME && list[9].ret == RET_FULL && list[9].recipient_count == 10);
	assert_true(slice_equal(list[9].recipients[9].original, SLICE("rfc822;b@example.test")) && list[9].recipients[9].notify == NOTIFY_DELAY);
	arena_free(&arena);
	free(bytes);
}

static void an_envelope_may_be_large(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	assert_true(hand_in(fixture->remote, SLICE("x"), "somebody-with-a-long-name@example.test", 20000, NULL, &error));
	assert_int_equal(waiting(fixture), 1);
}

/* The message is on disk and its answer isn't sent: the next keeper is asked for the same, and knows. The courier may have delivered
 * and removed it before. */
static void ask_again(struct fixture *fixture, bool delivered)
{
	struct queue_recipient recipient = {.address = SLICE("bob@example.test")};
	struct queue_message message = {.id = id_new(), .arrived = 1000, .size = 1, .recipients = &recipient, .recipient_count = 1};
	struct queue_handin handin = {.message = message, .body = SLICE("x")};
	struct buf text = BUF(CALL_INLINE_MAX);
	struct call_answer answer;
	assert_true(queue_handin_encode(&handin, &text));
	pid_t asking = fork(); /* who waits meanwhile */
	if (asking == 0) {
		int64_t now = clock_monotonic_ms();
		struct caller *caller = caller_new(dup(fixture->ends[0]));
		bool answered = caller_ask(caller, &(struct call_question){.verb = HANDIN_MESSAGE, .text = buf_slice(&text), .begin_by = now + 20000,
									   .end_by = now + 30000}, &answer);
		_exit(!answered || answer.text.len < 8 || answer.text.at[0] != ERROR_NONE);
	}
	int status;
	waitpid(fixture->keepers[0].pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	assert_int_equal(waiting(fixture), 1);
	size_t changed;
	struct error error;
	if (delivered)
		assert_true(queue_remove(fixture->local, &(struct queue_filter){.id = message.id}, &changed, &error) && changed == 1);
	start_keeper(fixture, 1);
	waitpid(asking, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(waiting(fixture), delivered ? 0 : 1);
	buf_free(&text);
}

static void a_lost_answer_is_given_again(void **state) { ask_again(*state, false); }
static void what_was_delivered_meanwhile_does_not_come_back(void **state) { ask_again(*state, true); }

/* ---- What is refused ---- */

/* Asks as a role that was taken over may. */
static enum error_kind ask_raw(struct fixture *fixture, struct slice text, const int *fds, size_t fd_count, struct call_answer *answer, unsigned verb)
{
	int64_t now = clock_monotonic_ms();
	struct call_question question = {.verb = verb, .text = text, .fd_count = fd_count, .begin_by = now + 20000, .end_by = now + 20000};
	for (size_t i = 0; i < fd_count; i++)
		question.fds[i] = fds[i];
	if (!caller_ask(fixture->remote->owner, &question, answer))
		return ERROR_FULL;
	struct wire_reader reader = {.rest = buf_slice(&answer->text)};
	enum error_kind kind = (enum error_kind)wire_number(&reader, ERROR_FULL);
	buf_free(&answer->text);
	return kind;
}

static enum error_kind hand_in_raw(struct fixture *fixture, const struct queue_handin *handin, const int *fds, size_t fd_count)
{
	struct buf text = BUF(CALL_TEXT_MAX);
	struct call_answer answer;
	assert_true(queue_handin_encode(handin, &text));
	enum error_kind kind = ask_raw(fixture, buf_slice(&text), fds, fd_count, &answer, HANDIN_MESSAGE);
	buf_free(&text);
	return kind;
}

static struct queue_recipient one = {.address = {"bob@example.test", 16}};

static struct queue_handin large(uint64_t size)
{
	return (struct queue_handin){.message = {.id = id_new(), .arrived = 1, .size = size, .recipients = &one, .recipient_count = 1}, .in_file = true};
}

static void get_file(struct fixture *fixture, int fds[2])
{
	struct call_answer answer;
	assert_int_equal(ask_raw(fixture, SLICE(""), NULL, 0, &answer, HANDIN_BODY_FILE), ERROR_NONE);
	assert_int_equal(answer.fd_count, 2);
	fds[0] = answer.fds[0];
	fds[1] = answer.fds[1];
}

/* A file is taken only when nobody can write to it any more. */
static void a_body_cannot_be_changed_afterwards(void **state)
{
	struct fixture *fixture = *state;
	struct queue_handin handin = large(5);
	int fds[2];
	get_file(fixture, fds);
	assert_int_equal(write(fds[0], "abcde", 5), 5);
	assert_int_equal(hand_in_raw(fixture, &handin, &fds[1], 1), ERROR_INVALID);
	void *window = mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	assert_true(window != MAP_FAILED);
	int writing = dup(fds[0]);
	assert_int_equal(hand_in_raw(fixture, &handin, &writing, 1), ERROR_INVALID);
	close(fds[0]);
	close(writing);
	assert_int_equal(hand_in_raw(fixture, &handin, &fds[1], 1), ERROR_INVALID);
	munmap(window, 5);
	assert_int_equal(waiting(fixture), 0);
	struct queue_handin shorter = large(4);
	assert_int_equal(hand_in_raw(fixture, &shorter, &fds[1], 1), ERROR_INVALID);
	assert_int_equal(hand_in_raw(fixture, &handin, NULL, 0), ERROR_INVALID);
	assert_int_equal(hand_in_raw(fixture, &handin, &fds[1], 1), ERROR_NONE);
	expect_body(fixture, handin.message.id, SLICE(""), SLICE("abcde"));
	assert_int_equal(hand_in_raw(fixture, &handin, &fds[1], 1), ERROR_EXISTS);
	close(fds[1]);
	assert_int_equal(waiting(fixture), 1);
}

/* Any file but one of ours is copied: it may have other names. */
static void a_file_from_elsewhere_is_copied(void **state)
{
	struct fixture *fixture = *state;
	struct queue_handin handin = large(5);
	char path[128];
	snprintf(path, sizeof path, "%s/elsewhere", fixture->data);
	int written = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(written, "abcde", 5), 5);
	close(written);
	int fd = open(path, O_RDONLY);
	assert_int_equal(hand_in_raw(fixture, &handin, &fd, 1), ERROR_NONE);
	written = open(path, O_WRONLY);
	assert_int_equal(write(written, "XXXXX", 5), 5);
	expect_body(fixture, handin.message.id, SLICE(""), SLICE("abcde"));
	close(written);
	close(fd);
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	struct queue_handin from_pipe = large(0);
	assert_int_equal(hand_in_raw(fixture, &from_pipe, &ends[0], 1), ERROR_INVALID);
	close(ends[0]);
	close(ends[1]);
}

static void malformed_envelopes_are_refused(void **state)
{
	struct fixture *fixture = *state;
	static const char *const bad[] = {"b@example.test\r\nDATA", "b@example.test\nx", "b\x7f@example.test"};
	struct error error;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(hand_in(fixture->remote, SLICE("x"), bad[i], 1, NULL, &error));
	struct queue_handin handin = {.message = {.id = id_new(), .arrived = 1, .size = 2, .recipients = &one, .recipient_count = 1}, .body = SLICE("x")};
	assert_int_equal(hand_in_raw(fixture, &handin, NULL, 0), ERROR_INVALID); /* of another size than it says */
	handin.message.size = 0;
	handin.message.preface = HANDIN_PREFACE_MAX + 1;
	assert_int_equal(hand_in_raw(fixture, &handin, NULL, 0), ERROR_INVALID);
	struct buf text = BUF(1000);
	struct call_answer answer;
	handin.message.size = 1;
	handin.message.preface = 0;
	assert_true(queue_handin_encode(&handin, &text));
	for (size_t len = 0; len < text.len; len++)
		assert_int_equal(ask_raw(fixture, slice_sub(buf_slice(&text), 0, len), NULL, 0, &answer, HANDIN_MESSAGE), ERROR_INVALID);
	assert_int_equal(ask_raw(fixture, buf_slice(&text), NULL, 0, &answer, 99), ERROR_INVALID);
	assert_int_equal(waiting(fixture), 0);
	buf_free(&text);
}

/* An existing message stays what it is. */
static void an_id_is_taken_once(void **state)
{
	struct fixture *fixture = *state;
	struct queue_handin handin = {.message = {.id = id_new(), .arrived = 1, .size = 1, .recipients = &one, .recipient_count = 1}, .body = SLICE("x")};
	assert_int_equal(hand_in_raw(fixture, &handin, NULL, 0), ERROR_NONE);
	handin.body = SLICE("y");
	assert_int_equal(hand_in_raw(fixture, &handin, NULL, 0), ERROR_EXISTS);
	expect_body(fixture, handin.message.id, SLICE(""), SLICE("x"));
}

static void a_text_in_memory_is_sealed(void **state)
{
	struct slice text;
	(void)state;
	for (int seals = 0; seals < 2; seals++) {
		struct call_datagram datagram = {.fds = {memfd_create("x", MFD_ALLOW_SEALING)}, .fd_count = 1};
		assert_int_equal(write(datagram.fds[0], "12345678", 8), 8);
		assert_int_equal(fcntl(datagram.fds[0], F_ADD_SEALS, seals ? F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE : F_SEAL_SHRINK), 0);
		assert_int_equal(call_map_text(&datagram, 8, &text), seals);
		assert_int_equal(datagram.fd_count, 0);
	}
	assert_int_equal(munmap((void *)(uintptr_t)text.at, text.len), 0);
	struct call_datagram pipe_end = {.fds = {eventfd(0, 0)}, .fd_count = 1};
	assert_false(call_map_text(&pipe_end, 8, &text));
}

/* Datagrams of noise, descriptors by the hundred: the keeper serves on. */
static void noise_is_passed_over(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	int memory = memfd_create("x", MFD_CLOEXEC), many[DESCRIPTORS_MAX] = {memory, memory, memory, memory};
	assert_true(hand_in(fixture->remote, SLICE("x"), "bob@example.test", 1, NULL, &error));
	assert_int_equal(write(memory, "unsealed", 8), 8);
	struct buf header = BUF(100);
	wire_put_short(&header, CALL_VERSION, 1);
	wire_put_short(&header, CALL_QUESTION, 1);
	wire_put_short(&header, CALL_IN_MEMORY, 1);
	wire_put_short(&header, HANDIN_MESSAGE, 1);
	wire_put_number(&header, 0);
	wire_put_number(&header, 1);
	wire_put_number(&header, 1);
	for (size_t i = 0; i < 200; i++) {
		char bytes[100];
		for (size_t at = 0; at < sizeof bytes; at++)
			bytes[at] = (char)random_u64();
		struct iovec part = {bytes, i % sizeof bytes}, whole = {header.at, header.len};
		descriptors_send(fixture->ends[0], &part, 1, many, i % (DESCRIPTORS_MAX + 1));
		descriptors_send(fixture->ends[0], &whole, 1, many, 1 + i % DESCRIPTORS_MAX);
		if (i % 20 == 0)
			assert_true(hand_in(fixture->remote, SLICE("x"), "bob@example.test", 1, NULL, &error));
	}
	char path[64];
	size_t open_there = 0;
	for (int fd = 0; fd < 200; fd++) {
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)fixture->keepers[0].pid, fd);
		char target[64] = "";
		open_there += readlink(path, target, sizeof target - 1) > 0 && slice_starts(slice_of(target), SLICE("/memfd:"));
	}
	assert_int_equal(open_there, 0);
	buf_free(&header);
	close(memory);
}

/* While nobody keeps the queue a message is refused in the end, and isn't taken when it is too late. */
static void what_came_too_late_is_not_taken(void **state)
{
	struct fixture *fixture = *state;
	struct queue_handin handin = {.message = {.id = id_new(), .arrived = 1, .size = 1, .recipients = &one, .recipient_count = 1}, .body = SLICE("x")};
	struct buf text = BUF(1000);
	struct call_answer answer;
	struct error error;
	assert_true(hand_in(fixture->remote, SLICE("x"), "bob@example.test", 1, NULL, &error)); /* who is there is known now */
	kill(fixture->keepers[0].pid, SIGSTOP);
	assert_true(queue_handin_encode(&handin, &text));
	int64_t now = clock_monotonic_ms();
	struct call_question question = {.verb = HANDIN_MESSAGE, .text = buf_slice(&text), .begin_by = now + 20, .end_by = now + 100};
	assert_false(caller_ask(fixture->remote->owner, &question, &answer));
	kill(fixture->keepers[0].pid, SIGCONT);
	assert_true(hand_in(fixture->remote, SLICE("x"), "bob@example.test", 1, NULL, &error));
	assert_int_equal(waiting(fixture), 2);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_handed_in_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_are_handed_in_without_a_thread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_is_got_without_a_thread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_envelope_may_be_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lost_answer_is_given_again, set_up_dying, tear_down),
		cmocka_unit_test_setup_teardown(what_was_delivered_meanwhile_does_not_come_back, set_up_dying, tear_down),
		cmocka_unit_test_setup_teardown(a_body_cannot_be_changed_afterwards, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_from_elsewhere_is_copied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(malformed_envelopes_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_id_is_taken_once, set_up, tear_down),
		cmocka_unit_test(a_text_in_memory_is_sealed),
		cmocka_unit_test_setup_teardown(noise_is_passed_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_came_too_late_is_not_taken, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
