/* The server over real sockets, with a small line protocol that uses everything a protocol can: quick and blocking units,
 * answers in parts, files, STARTTLS, waking, delays, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/fixture.h"
#include "net/internal.h"

enum { MAX_LINE = 1000, BIG = 300000, BIG_FILE = 3000000, NEWS = 100000, NEWS_MAX = 300, PRINTED = 2 * OUTPUT_HIGH };

struct session {
	struct conn *conn;
	int part;
	bool asked;                     /* it said ASK */
	_Atomic bool answered;
};

static struct session *_Atomic waiting; /* the session that said WAIT */
enum { ASKED_MAX = 1000 };
static struct session *asked[ASKED_MAX]; /* sessions that wait for an answer */
static _Atomic int asked_count;
static _Atomic int asked_again; /* runs of a unit that waits */
static _Atomic int closed_sessions;
static _Atomic bool crowding; /* the same for CROWD and LONGCROWD, for any number */
static _Atomic bool working; /* a session that said WORK has a thread until this is false */
static _Atomic int news_told;
static _Atomic int refusals; /* so many times more sockets take nothing */
static _Atomic int empty_reads; /* attempts that found nothing to read */

/* In the place of the C library's, for the server too: lets a client stop reading and read on between any two attempts. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (refusals > 0) {
		refusals--;
		errno = EAGAIN;
		return -1;
	}
	return syscall(SYS_sendmsg, fd, message, flags);
}

/* The same for recv(), to see what the server asks for in vain: a client here waits until something comes. Under another name,
 * as the C library's may be an inline function. */
ssize_t counting_recv(int fd, void *at, size_t size, int flags) __asm__("recv");
ssize_t counting_recv(int fd, void *at, size_t size, int flags)
{
	ssize_t got = syscall(SYS_recvfrom, fd, at, size, flags, NULL, NULL);
	empty_reads += got < 0 && errno == EAGAIN;
	return got;
}

/* A filter: on the wire stands a pair for each run of bytes, how long it is and its byte; with LF a run of line ends, with 1 of nothing. */
struct runs {
	unsigned char count; /* of a pair that isn't whole, or not given out yet */
	bool has_count, has_byte, after_cr;
	char byte;
};
static _Atomic int open_filters;

static void runs_send(void *state, struct slice bytes, struct buf *out)
{
	(void)state;
	for (size_t i = 0, end; i < bytes.len; i = end) {
		for (end = i; end < bytes.len && end - i < 255 && bytes.at[end] == bytes.at[i];)
			end++;
		buf_append(out, slice_make((char[]){(char)(end - i), bytes.at[i]}, 2));
	}
}

static ssize_t runs_receive(void *state, struct slice *wire, char *at, size_t room)
{
	struct runs *runs = state;
	for (size_t len = 0;; runs->has_count = runs->has_byte = false) {
		if (!runs->has_count && wire->len > 0) {
			runs->count = (unsigned char)wire->at[0];
			runs->has_count = true;
			*wire = slice_skip(*wire, 1);
			if (runs->count == 0)
				return -1;
		}
		if (!runs->has_byte && wire->len > 0) {
			runs->byte = wire->at[0];
			runs->has_byte = true;
			*wire = slice_skip(*wire, 1);
		}
		if (!runs->has_byte)
			return (ssize_t)len;
		while (runs->count > 0) {
			if (len == room)
				return (ssize_t)len;
			if (runs->byte == '\n')
				runs->after_cr = !runs->after_cr;
			if (runs->byte != 1)
				at[len++] = runs->byte == '\n' && runs->after_cr ? '\r' : runs->byte;
			runs->count -= !runs->after_cr;
		}
	}
}

static _Atomic int rests;

static void runs_rest(void *state)
{
	(void)state;
	rests++;
}

static void runs_free(void *state)
{
	open_filters--;
	free(state);
}

static const struct conn_filter runs_filter = {runs_send, runs_receive, runs_rest, runs_free};

static void *echo_open(struct conn *conn, void *context)
{
	(void)context;
	struct session *session = memory_new(sizeof *session);
	session->conn = conn;
	conn_set_idle(conn, 30);
	conn_send_text(conn, "hello\r\n");
	return session;
}

static enum net_unit echo_peek(void *session, struct slice input, size_t *length)
{
	(void)session;
	size_t end = slice_find(input, SLICE("\r\n"));
	if (end == SLICE_NONE)
		return UNIT_INCOMPLETE;
	*length = end + 2;
	return slice_starts(input, SLICE("QUICK")) ? UNIT_QUICK : slice_starts(input, SLICE("LONG")) ? UNIT_LONG : UNIT_WORK;
}

static enum net_run send_big(struct session *session)
{
	char line[100];
	memset(line, 'x', sizeof line);
	while (session->part < BIG) {
		if (conn_should_pause(session->conn))
			return RUN_AGAIN;
		conn_send(session->conn, slice_make(line, sizeof line));
		session->part += (int)sizeof line;
	}
	session->part = 0;
	conn_send_text(session->conn, "\r\nend\r\n");
	return RUN_DONE;
}

static void send_file(struct conn *conn)
{
	char name[] = "/tmp/pombal-net-XXXXXX";
	int fd = mkstemp(name);
	unlink(name);
	assert_int_equal(ftruncate(fd, BIG_FILE), 0);
	conn_send_text(conn, "file\r\n");
	conn_send_file(conn, fd, 0, BIG_FILE);
	conn_send_text(conn, "end\r\n");
}

/* Asks nobody, and waits for answer_all(). QUICKASK is the same in the loop. */
static enum net_run ask(struct session *session)
{
	if (session->asked) {
		asked_again++;
		if (!session->answered)
			return RUN_WAIT;
		session->asked = false;
		session->answered = false;
		conn_send_text(session->conn, "answer\r\n");
		return RUN_DONE;
	}
	session->asked = true;
	asked[asked_count] = session;
	asked_count++;
	return RUN_WAIT;
}

static enum net_run echo_run(void *at, struct slice unit)
{
	struct session *session = at;
	struct conn *conn = session->conn;
	struct conn_tls tls;
	if (slice_starts(unit, SLICE("BIG")))
		return send_big(session);
	if (slice_starts(unit, SLICE("ASK")) || slice_starts(unit, SLICE("QUICKASK")))
		return ask(session);
	if (slice_starts(unit, SLICE("FILE")))
		send_file(conn);
	else if (slice_starts(unit, SLICE("LOGIN "))) {
		conn_sign_in(conn, slice_trim(slice_skip(unit, 6)), 7);
		conn_set_client(conn, SLICE("a client"));
		conn_set_doing(conn, "LOGIN");
		conn_send(conn, unit);
	} else if (slice_starts(unit, SLICE("LOGOUT")))
		conn_sign_out(conn);
	else if (slice_starts(unit, SLICE("CROWD")) || slice_starts(unit, SLICE("LONGCROWD"))) {
		while (crowding)
			poll(NULL, 0, 1);
		conn_send_text(conn, "worked\r\n");
	} else if (slice_starts(unit, SLICE("WORK"))) {
		for (working = true; working;)
			poll(NULL, 0, 1);
		conn_send_text(conn, "worked\r\n");
	} else if (slice_starts(unit, SLICE("STARTTLS"))) {
		conn_send_text(conn, "go\r\n");
		conn_start_tls(conn);
	} else if (slice_starts(unit, SLICE("WAIT")))
		waiting = session;
	else if (slice_starts(unit, SLICE("DELAY"))) {
		conn_send_text(conn, "late\r\n");
		conn_delay(conn, 300);
	} else if (slice_starts(unit, SLICE("TLS"))) {
		conn_tls(conn, &tls);
		conn_printf(conn, "%s %zu\r\n", tls.active ? tls.version : "clear", tls.exporter_size);
	} else if (slice_starts(unit, SLICE("FILTER"))) {
		conn_send_text(conn, "filtered\r\n");
		open_filters++;
		conn_set_filter(conn, &runs_filter, memory_new(sizeof(struct runs)));
	} else if (slice_starts(unit, SLICE("PEER"))) {
		struct sockaddr_storage peer;
		conn_peer_address(conn, &peer);
		conn_printf(conn, "%.*s%s\r\n", SLICE_ARG(conn_peer(conn)), peer.ss_family == AF_INET ? "" : " (not IPv4)");
	} else if (slice_starts(unit, SLICE("HURRY"))) {
		conn_set_deadline(conn, 1);
		conn_send(conn, unit);
	} else if (slice_starts(unit, SLICE("PRINT"))) {
		conn_printf(conn, "%0*d\r\n", PRINTED, 7);
	} else if (slice_starts(unit, SLICE("OVERFLOW"))) {
		struct buf small = BUF(4);
		buf_append_text(&small, "1");
		buf_append_text(&small, "23456");
		conn_send_buf(conn, &small);
		conn_send_text(conn, "the rest\r\n");
		buf_free(&small);
	} else if (slice_starts(unit, SLICE("QUIT"))) {
		conn_send_text(conn, "bye\r\n");
		conn_close(conn);
	} else
		conn_send(conn, unit);
	return RUN_DONE;
}

static void echo_wake(void *at)
{
	static const char news[NEWS];
	if (news_told >= 0) {
		conn_send(((struct session *)at)->conn, slice_make(news, sizeof news));
		news_told++;
		return;
	}
	conn_send_text(((struct session *)at)->conn, "woken\r\n");
}

static void echo_expire(void *at, enum net_expiry why)
{
	conn_printf(((struct session *)at)->conn, "expired %d\r\n", (int)why);
}

static void echo_close(void *at)
{
	closed_sessions++;
	free(at);
}

static const struct net_protocol echo_protocol = {
	.name = "echo", .alpn = "loud-echo echo", .max_input = MAX_LINE, .open = echo_open, .peek = echo_peek, .run = echo_run, .wake = echo_wake,
	.expire = echo_expire, .close = echo_close, .busy = "too many\r\n",
};

/* ---- A server in a thread of its own ---- */

struct fixture {
	struct tls_server *tls;
	struct server *server;
	pthread_t thread;
	int port, tls_port;
};

static void *run_server(void *argument)
{
	server_run(argument);
	return NULL;
}

static int set_up(void **state)
{
	struct fixture *fixture = memory_new(sizeof *fixture);
	fixture->tls = test_tls_server();
	struct server_options options = {.workers = 4, .connections = 200, .connections_per_address = 150, .tls = fixture->tls};
	fixture->server = server_new(&options);
	server_listen(fixture->server, test_listen(&fixture->port), &echo_protocol, false, NULL);
	server_listen(fixture->server, test_listen(&fixture->tls_port), &echo_protocol, true, NULL);
	pthread_create(&fixture->thread, NULL, run_server, fixture->server);
	closed_sessions = asked_count = asked_again = 0;
	news_told = -1;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	server_stop(fixture->server, 1);
	pthread_join(fixture->thread, NULL);
	server_free(&fixture->server);
	tls_server_free(&fixture->tls);
	free(fixture);
	return 0;
}

/* ---- A client ---- */

static int dial(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads exactly what `text` says, within five seconds. */
static void expect(int fd, const char *text)
{
	char got[256];
	size_t wanted = strlen(text);
	assert_true(wanted < sizeof got);
	for (size_t have = 0; have < wanted;) {
		struct pollfd ready = {fd, POLLIN, 0};
		assert_int_equal(poll(&ready, 1, 5000), 1);
		ssize_t more = recv(fd, got + have, wanted - have, 0);
		assert_true(more > 0);
		have += (size_t)more;
	}
	assert_memory_equal(got, text, wanted);
}

/* Reads `count` bytes, whatever they are; each part within five seconds. */
static void pass_over(int fd, size_t count)
{
	char step[4096];
	while (count > 0) {
		struct pollfd ready = {fd, POLLIN, 0};
		assert_int_equal(poll(&ready, 1, 5000), 1);
		ssize_t got = recv(fd, step, count < sizeof step ? count : sizeof step, 0);
		assert_true(got > 0);
		count -= (size_t)got;
	}
}

static void units_run_in_order(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say(fd, "QUICK 1\r\nwork 2\r\nQUICK 3\r\nwork 4\r\nhal");
	expect(fd, "QUICK 1\r\nwork 2\r\nQUICK 3\r\nwork 4\r\n");
	say(fd, "f\r\nQUIT\r\nnever\r\n");
	expect(fd, "half\r\nbye\r\n");
	char rest;
	assert_int_equal(recv(fd, &rest, 1, 0), 0);
	close(fd);
}

/* What a client gets is whole, or ends with the connection: never an answer with a hole that looks complete. */
static void no_output_is_dropped_in_silence(void **state)
{
	struct fixture *fixture = *state;
	char rest;
	int fd = dial(fixture->port);
	say(fd, "PRINT\r\n");
	expect(fd, "hello\r\n");
	pass_over(fd, PRINTED - 1);
	expect(fd, "7\r\n");
	say(fd, "OVERFLOW\r\n");
	assert_int_equal(recv(fd, &rest, 1, 0), 0);
	close(fd);
}

static void a_half_closed_client_gets_its_answers(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	say(fd, "work 1\r\nBIG\r\n");
	shutdown(fd, SHUT_WR);
	expect(fd, "hello\r\nwork 1\r\n");
	pass_over(fd, BIG);
	expect(fd, "\r\nend\r\n");
	close(fd);
}

/* Hangs up: with the worker still waiting for its next command, and with the loop. */
static void the_end_is_noticed_after_every_answer(void **state)
{
	struct fixture *fixture = *state;
	char rest;
	for (int pause_ms = 0; pause_ms <= 4 * NEXT_COMMAND_MS; pause_ms += 2 * NEXT_COMMAND_MS) {
		int fd = dial(fixture->port);
		expect(fd, "hello\r\n");
		say(fd, "work\r\n");
		expect(fd, "work\r\n");
		usleep((useconds_t)pause_ms * 1000);
		shutdown(fd, SHUT_WR);
		struct pollfd ready = {fd, POLLIN, 0};
		assert_int_equal(poll(&ready, 1, 5000), 1);
		assert_int_equal(recv(fd, &rest, 1, 0), 0);
		close(fd);
	}
}

static void who_was_answered_is_not_read_in_vain(void **state)
{
	enum { COMMANDS = 100 };
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	empty_reads = 0;
	for (int i = 0; i < COMMANDS; i++) {
		say(fd, "work\r\n");
		expect(fd, "work\r\n");
	}
	assert_in_range(empty_reads, 0, COMMANDS / 10); /* an event that a worker was faster than */
	close(fd);
}

static void a_client_that_does_not_read_waits_alone(void **state)
{
	struct fixture *fixture = *state;
	int lazy[8], brisk;
	for (int i = 0; i < 8; i++) { /* more than there are workers */
		lazy[i] = dial(fixture->port);
		for (int j = 0; j < 60; j++)
			say(lazy[i], "BIG\r\nFILE\r\n");
	}
	brisk = dial(fixture->port);
	say(brisk, "work\r\n");
	expect(brisk, "hello\r\nwork\r\n");
	close(brisk);
	expect(lazy[0], "hello\r\n");
	pass_over(lazy[0], BIG);
	expect(lazy[0], "\r\nend\r\nfile\r\n");
	for (int i = 0; i < 8; i++)
		close(lazy[i]);
}

/* Whenever it is that the client makes room again, the answer goes on. */
static void room_at_any_moment_is_noticed(void **state)
{
	enum { ATTEMPTS = 12 };
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	for (int i = 1; i < ATTEMPTS; i++) {
		refusals = i;
		say(fd, "BIG\r\n");
		pass_over(fd, BIG);
		expect(fd, "\r\nend\r\n");
	}
	close(fd);
}

static void files_are_sent_whole(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	say(fd, "FILE\r\nQUIT\r\n");
	expect(fd, "hello\r\nfile\r\n");
	pass_over(fd, BIG_FILE);
	expect(fd, "end\r\nbye\r\n");
	close(fd);
}

static void too_long_a_line_ends_the_connection(void **state)
{
	struct fixture *fixture = *state;
	char line[MAX_LINE * 3];
	memset(line, 'a', sizeof line);
	line[sizeof line - 1] = '\0';
	int fd = dial(fixture->port);
	say(fd, line);
	expect(fd, "hello\r\nexpired 3\r\n");
	close(fd);
}

static void say_wait(int fd)
{
	waiting = NULL;
	say(fd, "WAIT\r\n");
	while (!waiting)
		usleep(1000);
}

static void waking_reaches_the_session(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say_wait(fd);
	conn_wake(waiting->conn);
	expect(fd, "woken\r\n");
	close(fd);
}

/* ---- Waiting for an answer ---- */

static void wait_until_asked(int count)
{
	while (asked_count < count)
		usleep(1000);
}

static void answer_all(void)
{
	int count = asked_count;
	for (int i = 0; i < count; i++) {
		asked[i]->answered = true;
		conn_resume(asked[i]->conn);
	}
}

static void wait_until_closed(int count)
{
	while (closed_sessions < count)
		usleep(1000);
}

/* What comes behind the question is run when that has been answered; sessions that wait have no thread, and hold up nobody. */
static void who_waits_has_no_thread(void **state)
{
	enum { HALF = 60 };
	struct fixture *fixture = *state;
	struct server_counts counts;
	int fds[2 * HALF], other = dial(fixture->port);
	expect(other, "hello\r\n");
	for (int i = 0; i < 2 * HALF; i++) { /* one at a time: the list of those who ask has no lock */
		fds[i] = dial(fixture->port);
		expect(fds[i], "hello\r\n");
		say(fds[i], i < HALF ? "ASK\r\nand then\r\n" : "QUICKASK\r\nQUICK then\r\n");
		wait_until_asked(i + 1);
	}
	server_counts(fixture->server, &counts);
	assert_true(counts.workers <= 4 && counts.busy_workers <= 1);
	for (int i = 0; i < 100; i++) {
		say(other, "echo\r\n");
		expect(other, "echo\r\n");
	}
	assert_int_equal(asked_again, 0);
	conn_resume(asked[0]->conn); /* … without an answer: it waits on */
	while (asked_again < 1)
		usleep(1000);
	answer_all();
	for (int i = 0; i < 2 * HALF; i++) {
		expect(fds[i], i < HALF ? "answer\r\n" : "answer\r\nQUICK then\r\n");
		if (i < HALF)
			expect(fds[i], "and then\r\n");
		close(fds[i]);
	}
	close(other);
}

static int echoes_within(int fd, int64_t milliseconds)
{
	int count = 0;
	for (int64_t until = clock_monotonic_ms() + milliseconds; clock_monotonic_ms() < until; count++) {
		say(fd, "echo\r\n");
		expect(fd, "echo\r\n");
	}
	return count;
}

/* Both in a worker and in the loop. */
static void a_thousand_wait_and_nobody_notices(void **state)
{
	enum { THOUSAND = ASKED_MAX, MEASURED_MS = 300, DESCRIPTORS = 4096 };
	static int fds[THOUSAND];
	int port;
	struct rlimit former, limit;
	struct server_counts counts;
	pthread_t thread;
	(void)state;
	getrlimit(RLIMIT_NOFILE, &former);
	limit = former;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
	struct server *server = server_new(&(struct server_options){.workers = 4});
	server_listen(server, test_listen(&port), &echo_protocol, false, NULL);
	asked_count = asked_again = closed_sessions = 0;
	pthread_create(&thread, NULL, run_server, server);
	int other = dial(port);
	expect(other, "hello\r\n");
	int before = echoes_within(other, MEASURED_MS);
	for (int i = 0; i < THOUSAND; i++) {
		fds[i] = dial(port);
		expect(fds[i], "hello\r\n");
		say(fds[i], i % 2 ? "ASK\r\n" : "QUICKASK\r\n");
		wait_until_asked(i + 1);
	}
	int meanwhile = echoes_within(other, MEASURED_MS);
	server_counts(server, &counts);
	print_message("%d echoes before, %d meanwhile, %d threads\n", before, meanwhile, (int)counts.workers);
	assert_true(counts.workers <= 4 && counts.busy_workers <= 1);
	assert_true(meanwhile > before / 20); /* the machine may be busy with something else: what was seen at rest is no difference */
	answer_all();
	for (int i = 0; i < THOUSAND; i++) {
		expect(fds[i], "answer\r\n");
		close(fds[i]);
	}
	close(other);
	wait_until_closed(THOUSAND + 1);
	server_stop(server, 1);
	pthread_join(thread, NULL);
	server_free(&server);
	setrlimit(RLIMIT_NOFILE, &former);
}

/* What has been begun is brought to its end: the session is closed when the answer has come, not before. */
static void who_hangs_up_while_waiting_is_kept_until_the_answer(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say(fd, "ASK\r\n");
	wait_until_asked(1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger)); /* a reset */
	close(fd);
	usleep(50000);
	assert_int_equal(closed_sessions, 0);
	answer_all();
	wait_until_closed(1);
}

static bool everybody(void *context, const struct conn_session *session)
{
	(void)context, (void)session;
	return true;
}

static void a_session_that_waits_is_ended_with_its_answer(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	char byte;
	expect(fd, "hello\r\n");
	say(fd, "LOGIN alice\r\nASK\r\n");
	expect(fd, "LOGIN alice\r\n");
	wait_until_asked(1);
	assert_int_equal(server_end_sessions(fixture->server, everybody, NULL, SLICE("because")), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 0); /* after SESSION_END_MS nothing is heard any more */
	assert_int_equal(closed_sessions, 0);
	answer_all();
	wait_until_closed(1);
	close(fd);
}

/* Whose answer never comes is closed when the server's patience ends, and not before. */
static void stopping_waits_for_answers_as_long_as_it_may(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say(fd, "ASK\r\n");
	wait_until_asked(1);
	server_stop(fixture->server, 1);
	usleep(300000);
	assert_int_equal(closed_sessions, 0);
	wait_until_closed(1);
	close(fd);
}

/* ---- Who comes first ---- */

enum { CROWD = 8 }; /* more than there are workers */

static void crowd_works(const struct fixture *fixture, int *fds, const char *first, const char *work)
{
	crowding = true;
	for (int i = 0; i < CROWD; i++) {
		fds[i] = dial(fixture->port);
		expect(fds[i], "hello\r\n");
		say(fds[i], first);
		if (*first)
			expect(fds[i], first);
	}
	for (int i = 0; i < CROWD; i++)
		say(fds[i], work);
}

static void crowd_ends(int *fds)
{
	crowding = false;
	for (int i = 0; i < CROWD; i++) {
		expect(fds[i], "worked\r\n");
		close(fds[i]);
	}
}

/* A thread is kept for who has signed in, whatever strangers and those who search do. */
static void who_has_signed_in_waits_for_no_stranger_and_no_search(void **state)
{
	static const struct { const char *first, *work; } crowds[] = {{"", "CROWD\r\n"}, {"LOGIN eve\r\n", "LONGCROWD\r\n"}};
	struct fixture *fixture = *state;
	int fds[CROWD], fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say(fd, "LOGIN alice\r\n");
	expect(fd, "LOGIN alice\r\n");
	for (size_t i = 0; i < 2; i++) {
		crowd_works(fixture, fds, crowds[i].first, crowds[i].work);
		for (int round = 0; round < 20; round++) {
			say(fd, "echo\r\n");
			expect(fd, "echo\r\n");
			usleep(5000); /* longer than a worker waits for the next command */
		}
		crowd_ends(fds);
	}
	close(fd);
}

static void pause_for(void *argument)
{
	usleep(*(useconds_t *)argument);
}

/* Whose work has taken more than his share is served after the others, and among such who has taken least is first. */
static void a_share_that_is_used_up_puts_last(void **state)
{
	(void)state;
	struct workers *workers = workers_new(2);
	assert_int_equal(workers_lane(workers, 1, LANE_PEOPLE), LANE_PEOPLE);
	workers_charge(workers, 1, 5000);
	workers_charge(workers, 2, 100);
	assert_int_equal(workers_lane(workers, 1, LANE_PEOPLE), LANE_LONG);
	assert_int_equal(workers_lane(workers, 2, LANE_PEOPLE), LANE_PEOPLE);
	assert_int_equal(workers_lane(workers, 3, LANE_STRANGERS), LANE_STRANGERS);
	workers_charge(workers, 3, 320);
	assert_int_equal(workers_lane(workers, 3, LANE_STRANGERS), LANE_LONG);
	usleep(100000); /* half of that is paid back */
	assert_int_equal(workers_lane(workers, 3, LANE_STRANGERS), LANE_STRANGERS);
	useconds_t moment = 1000;
	struct net_job jobs[3];
	for (size_t i = 0; i < 3; i++) {
		jobs[i] = (struct net_job){.work = pause_for, .argument = &moment, .whose = i};
		workers_submit(workers, &jobs[i], LANE_LONG);
	}
	workers_free(&workers); /* waits for all */
}

/* What a waiting session has to tell stays untold, once, while its client doesn't read: it must not fill the memory. */
static void news_wait_for_a_client_that_does_not_read(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say_wait(fd);
	int told = -1;
	for (news_told = 0; news_told > told && told < NEWS_MAX;) {
		told = news_told;
		conn_wake(waiting->conn);
		for (int i = 0; i < 300 && news_told == told; i++)
			usleep(1000);
	}
	assert_in_range(told, 1, NEWS_MAX - 1);
	static char got[NEWS];
	for (int i = 0; i <= told; i++) /* the last of them only now */
		assert_int_equal(recv(fd, got, sizeof got, MSG_WAITALL), sizeof got);
	say(fd, "QUICK\r\n");
	expect(fd, "QUICK\r\n");
	assert_int_equal(news_told, told + 1);
	close(fd);
}

static void a_delay_holds_the_answer_back(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	int64_t start = clock_monotonic_ms();
	say(fd, "DELAY\r\nQUICK\r\n");
	expect(fd, "late\r\nQUICK\r\n");
	assert_true(clock_monotonic_ms() - start >= 290);
	close(fd);
}

static SSL *tls_client(SSL_CTX *context, int fd)
{
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_connect(ssl), 1);
	return ssl;
}

static void tls_expect(SSL *ssl, const char *answer)
{
	char got[256];
	for (size_t have = 0; have < strlen(answer);) {
		int more = SSL_read(ssl, got + have, (int)(sizeof got - have));
		assert_true(more > 0);
		have += (size_t)more;
	}
	assert_memory_equal(got, answer, strlen(answer));
}

static void tls_say(SSL *ssl, const char *text, const char *answer)
{
	SSL_write(ssl, text, (int)strlen(text));
	tls_expect(ssl, answer);
}

static void nothing_clear_survives_starttls(void **state)
{
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->port);
	say(fd, "STARTTLS\r\ninjected\r\n");
	expect(fd, "hello\r\ngo\r\n");
	SSL *ssl = tls_client(context, fd);
	tls_say(ssl, "TLS\r\n", "TLSv1.3 32\r\n");
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
}

/* How a handshake with these names in it ends: what the server has chosen, "" if it says nothing of it, NULL if it refuses. */
static const char *agree_on(struct fixture *fixture, const char *offered, char chosen[256])
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->tls_port);
	SSL *ssl = SSL_new(context);
	const unsigned char *name;
	unsigned len;
	SSL_set_fd(ssl, fd);
	if (*offered)
		SSL_set_alpn_protos(ssl, (const unsigned char *)offered, (unsigned)strlen(offered));
	bool agreed = SSL_connect(ssl) == 1;
	bool refused = ERR_GET_REASON(ERR_get_error()) == SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL;
	assert_true(agreed != refused);
	if (agreed) {
		tls_expect(ssl, "hello\r\n");
		SSL_get0_alpn_selected(ssl, &name, &len);
		snprintf(chosen, 256, "%.*s", (int)len, (const char *)name);
	}
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
	return agreed ? chosen : NULL;
}

/* A client that means another protocol was led here by somebody; one that doesn't say what it means is served. */
static void tls_for_another_protocol_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char chosen[256];
	assert_string_equal(agree_on(fixture, "", chosen), "");
	assert_string_equal(agree_on(fixture, "\4echo", chosen), "echo");
	assert_string_equal(agree_on(fixture, "\2h2\4echo", chosen), "echo");
	assert_string_equal(agree_on(fixture, "\4echo\11loud-echo", chosen), "loud-echo"); /* the server's choice */
	assert_null(agree_on(fixture, "\2h2\10http/1.1", chosen));
	assert_null(agree_on(fixture, "\3ech", chosen));
	assert_null(agree_on(fixture, "\5echo ", chosen));
}

/* Reads through the filter, with or without TLS, exactly as many bytes as `text` has, or any `count` of them. */
static void filtered_expect(int fd, SSL *ssl, const char *text, size_t count)
{
	static unsigned char pair[2]; /* its rest: how much of a run is left */
	for (size_t have = 0; have < count; have++) {
		for (size_t got = pair[0] == 0 ? 0 : 2; got < 2; got++)
			assert_int_equal(ssl ? SSL_read(ssl, pair + got, 1) : recv(fd, pair + got, 1, 0), 1);
		if (text)
			assert_int_equal(pair[1], (unsigned char)text[have]);
		pair[0]--;
	}
}

static void filtered_say(int fd, SSL *ssl, struct slice bytes)
{
	assert_int_equal(ssl ? SSL_write(ssl, bytes.at, (int)bytes.len) : send(fd, bytes.at, bytes.len, MSG_NOSIGNAL), bytes.len);
}

/* "hi" and a line end, in pieces that end within a pair; what is long, and a file; many lines that come as few bytes. */
static void talk_through_a_filter(int fd, SSL *ssl)
{
	enum { LINES = 200 * 255 };
	static char lines[2 * 200];
	filtered_say(fd, ssl, SLICE("\1h\1"));
	usleep(10000);
	filtered_say(fd, ssl, SLICE("i\1\n\1B\1I\1G\1\n\1F\1I\1L\1E\1"));
	filtered_expect(fd, ssl, "hi\r\n", 4);
	filtered_expect(fd, ssl, NULL, BIG);
	filtered_expect(fd, ssl, "\r\nend\r\n", 7);
	filtered_say(fd, ssl, SLICE("\n"));
	filtered_expect(fd, ssl, "file\r\n", 6);
	filtered_expect(fd, ssl, NULL, BIG_FILE);
	filtered_expect(fd, ssl, "end\r\n", 5);
	for (size_t i = 0; i < sizeof lines; i += 2) {
		lines[i] = (char)255;
		lines[i + 1] = '\n';
	}
	filtered_say(fd, ssl, slice_make(lines, sizeof lines));
	for (int i = 0; i < LINES; i++)
		filtered_expect(fd, ssl, "\r\n", 2);
}

static void all_goes_through_the_filter(void **state)
{
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->port), secure = dial(fixture->tls_port);
	say(fd, "BIG\r\nFILTER\r\n");
	expect(fd, "hello\r\n");
	pass_over(fd, BIG);
	expect(fd, "\r\nend\r\nfiltered\r\n");
	talk_through_a_filter(fd, NULL);
	SSL *ssl = tls_client(context, secure);
	tls_expect(ssl, "hello\r\n");
	tls_say(ssl, "FILTER\r\n", "filtered\r\n");
	talk_through_a_filter(secure, ssl);
	SSL_free(ssl);
	close(secure);
	close(fd);
	SSL_CTX_free(context);
	for (int i = 0; open_filters > 0 && i < 5000; i++)
		usleep(1000);
	assert_int_equal(open_filters, 0);
}

/* However much stands for however little: no more than the protocol's maximum is ever in memory, and the end is the usual one. */
/* Who says nothing costs no filter's memory; and bytes that stand for nothing go on for so long only. */
static void a_filter_rests_and_has_no_patience(void **state)
{
	struct fixture *fixture = *state;
	static char nothing[FRUITLESS_MAX / 2];
	memset(nothing, 1, sizeof nothing);
	int fd = dial(fixture->port);
	char rest;
	say(fd, "FILTER\r\n");
	expect(fd, "hello\r\nfiltered\r\n");
	rests = 0;
	filtered_say(fd, NULL, SLICE("\1h\1"));
	for (int i = 0; rests == 0 && i < 5000; i++)
		usleep(1000);
	assert_true(rests > 0);
	filtered_say(fd, NULL, SLICE("i\1\n"));
	filtered_expect(fd, NULL, "hi\r\n", 4);
	for (size_t sent = 0; sent <= FRUITLESS_MAX; sent += sizeof nothing)
		filtered_say(fd, NULL, slice_make(nothing, sizeof nothing));
	assert_true(recv(fd, &rest, 1, 0) <= 0);
	close(fd);
}

static void a_filter_cannot_be_blown_up(void **state)
{
	struct fixture *fixture = *state;
	static char bomb[65536];
	char rest;
	for (size_t i = 0; i < sizeof bomb; i += 2) {
		bomb[i] = (char)255;
		bomb[i + 1] = 'x';
	}
	int fd = dial(fixture->port);
	say(fd, "FILTER\r\n");
	expect(fd, "hello\r\nfiltered\r\n");
	filtered_say(fd, NULL, slice_make(bomb, sizeof bomb));
	filtered_expect(fd, NULL, "expired 3\r\n", 11);
	close(fd);
	fd = dial(fixture->port);
	say(fd, "FILTER\r\n");
	expect(fd, "hello\r\nfiltered\r\n");
	filtered_say(fd, NULL, SLICE("\0x\1Q\1U\1I\1T\1\n")); /* no pair */
	assert_true(recv(fd, &rest, 1, 0) <= 0);
	close(fd);
}

/* A record's worth is one record, in however many pieces it was queued, and every byte comes in its place. */
static void tls_records_are_filled(void **state)
{
	enum { ROUNDS = 20, RECORD = 16384 };
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	static char got[RECORD * 2], all[(BIG + 20) * ROUNDS];
	size_t have = 0;
	int fd = dial(fixture->tls_port);
	SSL *ssl = tls_client(context, fd);
	tls_say(ssl, "work\r\n", "hello\r\nwork\r\n");
	for (int i = 0; i < ROUNDS; i++)
		SSL_write(ssl, "BIG\r\nwork\r\n", 11);
	usleep(200 * 1000); /* long enough for the answers to wait for us */
	for (int more; have < (BIG + 13) * ROUNDS && (more = SSL_read(ssl, got, sizeof got)) > 0; have += (size_t)more) {
		memcpy(all + have, got, (size_t)more);
		if (have == 0)
			assert_int_equal(more, RECORD);
	}
	for (size_t at = 0; at < have; at += BIG + 13) {
		for (size_t i = 0; i < BIG; i++)
			assert_int_equal(all[at + i], 'x');
		assert_memory_equal(all + at + BIG, "\r\nend\r\nwork\r\n", 13);
	}
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
}

/* The end of the handshake and the first command in one packet: OpenSSL has read both before anybody asks for the command. */
static void what_comes_with_the_handshake_is_run(void **state)
{
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	for (int starttls = 0; starttls <= 1; starttls++) {
		int fd = dial(starttls ? fixture->port : fixture->tls_port);
		if (starttls) {
			say(fd, "STARTTLS\r\n");
			expect(fd, "hello\r\ngo\r\n");
		}
		setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){1}, sizeof(int));
		SSL *ssl = tls_client(context, fd);
		SSL_write(ssl, "work\r\n", 6);
		setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){0}, sizeof(int));
		tls_expect(ssl, starttls ? "work\r\n" : "hello\r\nwork\r\n");
		SSL_free(ssl);
		close(fd);
	}
	SSL_CTX_free(context);
}

static void implicit_tls_serves_large_answers(void **state)
{
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->tls_port);
	SSL *ssl = tls_client(context, fd);
	tls_say(ssl, "work\r\n", "hello\r\nwork\r\n");
	SSL_write(ssl, "BIG\r\nFILE\r\nQUIT\r\n", 17);
	static char got[65536];
	size_t total = 0;
	for (int more; (more = SSL_read(ssl, got, sizeof got)) > 0;)
		total += (size_t)more;
	assert_int_equal(total, BIG + 7 + 6 + BIG_FILE + 5 + 5);
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
}

/* Some key updates are a careful client's; one that asks for nothing else is ended, and nobody waits for it (RFC 8446 §4.6.3). */
static void a_flood_of_key_updates_ends(void **state)
{
	enum { SOME = 10, FLOOD = 5000 };
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->tls_port), other = dial(fixture->port);
	SSL *ssl = tls_client(context, fd);
	tls_say(ssl, "work\r\n", "hello\r\nwork\r\n");
	for (int i = 0; i < SOME; i++) {
		assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		tls_say(ssl, "QUICK\r\n", "QUICK\r\n");
	}
	int sent = 0;
	while (sent < FLOOD && SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl) == 1)
		sent++;
	expect(other, "hello\r\n");
	say(other, "QUICK\r\n");
	expect(other, "QUICK\r\n");
	char byte;
	assert_true(SSL_read(ssl, &byte, 1) <= 0);
	SSL_free(ssl);
	close(fd);
	close(other);
	SSL_CTX_free(context);
}

static bool can_agree(struct fixture *fixture, const char *ciphers)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	assert_int_equal(SSL_CTX_set_cipher_list(context, ciphers), 1);
	int fd = dial(fixture->tls_port);
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	bool agreed = SSL_connect(ssl) == 1;
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
	return agreed;
}

static void tls_1_2_has_forward_secrecy_and_aead_only(void **state)
{
	assert_true(can_agree(*state, "ECDHE+AESGCM"));
	assert_true(can_agree(*state, "ECDHE+CHACHA20"));
	assert_false(can_agree(*state, "ECDHE+AES:!AESGCM:!AESCCM"));
	assert_false(can_agree(*state, "kRSA+AES"));
}

static void one_address_has_a_limit(void **state)
{
	struct fixture *fixture = *state;
	int fds[150];
	for (int i = 0; i < 150; i++) {
		fds[i] = dial(fixture->port);
		expect(fds[i], "hello\r\n");
	}
	int refused = dial(fixture->port);
	expect(refused, "too many\r\n");
	close(refused);
	for (int i = 0; i < 150; i++)
		close(fds[i]);
}

/* An IPv6 socket that takes IPv4 clients calls them ::ffff:a.b.c.d; nobody else does. */
static void an_ipv4_client_of_an_ipv6_socket_is_one(void **state)
{
	(void)state;
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};
	socklen_t size = sizeof address;
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 10), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	struct server_options options = {.workers = 1, .connections = 10};
	struct server *server = server_new(&options);
	pthread_t thread;
	server_listen(server, listener, &echo_protocol, false, NULL);
	pthread_create(&thread, NULL, run_server, server);
	int fd = dial(ntohs(address.sin6_port));
	say(fd, "PEER\r\n");
	expect(fd, "hello\r\n127.0.0.1\r\n");
	close(fd);
	server_stop(server, 1);
	pthread_join(thread, NULL);
	server_free(&server);
}

static void stopping_says_goodbye(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	server_stop(fixture->server, 5);
	expect(fd, "expired 2\r\n");
	close(fd);
}

/* Says HI as soon as it was answered, until the server has something else to say or has hung up; gives that first line. */
static void chat_until(int fd, const char *other)
{
	char got[64] = "";
	size_t have = 0;
	for (int64_t end = clock_monotonic_ms() + 10000; clock_monotonic_ms() < end;) {
		send(fd, "HI\r\n", 4, MSG_NOSIGNAL);
		while (!memchr(got, '\n', have)) {
			ssize_t more = recv(fd, got + have, sizeof got - 1 - have, 0);
			assert_true(more > 0);
			have += (size_t)more;
		}
		if (memcmp(got, "HI\r\n", 4) != 0)
			break;
		have -= 4; /* the other line may have come with the answer */
		memmove(got, got + 4, have);
	}
	assert_memory_equal(got, other, 9);
}

/* A worker that waits for the client's next command must not keep it from its end. */
static void a_client_that_never_rests_is_ended_at_its_deadline(void **state)
{
	struct fixture *fixture = *state;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	say(fd, "HURRY\r\n");
	expect(fd, "HURRY\r\n");
	chat_until(fd, "expired 1");
	close(fd);
}

static void *stop_soon(void *server)
{
	usleep(200 * 1000);
	server_stop(server, 5);
	return NULL;
}

static void a_client_that_never_rests_is_told_that_we_stop(void **state)
{
	struct fixture *fixture = *state;
	pthread_t stopper;
	int fd = dial(fixture->port);
	expect(fd, "hello\r\n");
	pthread_create(&stopper, NULL, stop_soon, fixture->server);
	chat_until(fd, "expired 2");
	pthread_join(stopper, NULL);
	close(fd);
}

/* ---- Sessions of people ---- */

static void sign_in(int fd, const char *name)
{
	char line[100];
	snprintf(line, sizeof line, "LOGIN %s\r\n", name);
	say(fd, line);
	expect(fd, line);
}

static bool is_called(void *context, const struct conn_session *session)
{
	assert_true(session->identity == 7 && session->id != 0 && session->since > 0 && slice_equal(slice_of(session->protocol), SLICE("echo")));
	assert_true(slice_equal(session->client, SLICE("a client")) && slice_equal(session->address, SLICE("127.0.0.1")));
	return slice_equal(session->account, slice_of(context));
}

static size_t end_those_of(struct fixture *fixture, const char *name)
{
	return server_end_sessions(fixture->server, is_called, (void *)(uintptr_t)name, SLICE("a test"));
}

/* What comes until the end of the connection, which must come soon. */
static size_t read_to_end(int fd, char *text, size_t size)
{
	size_t len = 0, all = 0;
	int64_t start = clock_monotonic_ms();
	char more[65536];
	for (ssize_t got; (got = recv(fd, more, sizeof more, 0)) > 0;) {
		all += (size_t)got;
		size_t kept = (size_t)got < size - 1 - len ? (size_t)got : size - 1 - len;
		memcpy(text + len, more, kept);
		len += kept;
	}
	text[len] = '\0';
	assert_true(clock_monotonic_ms() - start < 2000);
	return all;
}

static void the_sessions_of_one_are_ended(void **state)
{
	struct fixture *fixture = *state;
	char text[100];
	int anna = dial(fixture->port), again = dial(fixture->port), boris = dial(fixture->port), nobody = dial(fixture->port);
	int all[] = {anna, again, boris, nobody};
	for (size_t i = 0; i < 4; i++)
		expect(all[i], "hello\r\n");
	sign_in(anna, "anna");
	sign_in(again, "boris");
	sign_in(again, "anna"); /* a session is of one only: the last */
	sign_in(boris, "boris");
	sign_in(nobody, "anna");
	say(nobody, "LOGOUT\r\nx\r\n");
	expect(nobody, "x\r\n");
	assert_int_equal(end_those_of(fixture, "carol"), 0);
	assert_int_equal(end_those_of(fixture, "anna"), 2);
	assert_int_equal(end_those_of(fixture, "anna"), 0);
	for (size_t i = 0; i < 2; i++) {
		read_to_end(all[i], text, sizeof text);
		assert_string_equal(text, "expired 4\r\n");
	}
	say(boris, "x\r\n");
	expect(boris, "x\r\n");
	say(nobody, "x\r\n");
	expect(nobody, "x\r\n");
	for (size_t i = 0; i < 4; i++)
		close(all[i]);
}

/* The client hears no more of what a worker does, and what has been answered and not yet sent it doesn't get. */
static void an_ended_session_says_no_more(void **state)
{
	struct fixture *fixture = *state;
	static const char *const busy[] = {"WORK\r\n", "BIG\r\nBIG\r\nBIG\r\nBIG\r\nBIG\r\nBIG\r\nBIG\r\nBIG\r\nBIG\r\nBIG\r\nBIG\r\nBIG\r\nBIG\r\n", "FILE\r\nFILE\r\nFILE\r\n"};
	char text[100];
	for (size_t i = 0; i < 3; i++) {
		int fd = dial(fixture->port), former = closed_sessions;
		expect(fd, "hello\r\n");
		sign_in(fd, "anna");
		say(fd, busy[i]);
		usleep(100 * 1000);
		assert_int_equal(end_those_of(fixture, "anna"), 1);
		usleep(2 * SESSION_END_MS * 1000);
		size_t rest = read_to_end(fd, text, sizeof text);
		if (i == 0)
			assert_int_equal(rest, 0);
		assert_true(rest < 3 * BIG_FILE); /* what was in the socket */
		working = false;
		while (closed_sessions == former)
			usleep(1000);
		close(fd);
	}
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(units_run_in_order),
		SERVED(no_output_is_dropped_in_silence),
		SERVED(a_half_closed_client_gets_its_answers),
		SERVED(the_end_is_noticed_after_every_answer),
		SERVED(who_was_answered_is_not_read_in_vain),
		SERVED(a_client_that_does_not_read_waits_alone),
		SERVED(room_at_any_moment_is_noticed),
		SERVED(files_are_sent_whole),
		SERVED(too_long_a_line_ends_the_connection),
		SERVED(waking_reaches_the_session),
		SERVED(who_waits_has_no_thread),
		cmocka_unit_test(a_thousand_wait_and_nobody_notices),
		SERVED(who_has_signed_in_waits_for_no_stranger_and_no_search),
		cmocka_unit_test(a_share_that_is_used_up_puts_last),
		SERVED(who_hangs_up_while_waiting_is_kept_until_the_answer),
		SERVED(a_session_that_waits_is_ended_with_its_answer),
		SERVED(stopping_waits_for_answers_as_long_as_it_may),
		SERVED(news_wait_for_a_client_that_does_not_read),
		SERVED(a_delay_holds_the_answer_back),
		SERVED(nothing_clear_survives_starttls),
		SERVED(tls_for_another_protocol_is_refused),
		SERVED(all_goes_through_the_filter),
		SERVED(a_filter_rests_and_has_no_patience),
		SERVED(a_filter_cannot_be_blown_up),
		SERVED(tls_records_are_filled),
		SERVED(what_comes_with_the_handshake_is_run),
		SERVED(implicit_tls_serves_large_answers),
		SERVED(a_flood_of_key_updates_ends),
		SERVED(tls_1_2_has_forward_secrecy_and_aead_only),
		SERVED(one_address_has_a_limit),
		cmocka_unit_test(an_ipv4_client_of_an_ipv6_socket_is_one),
		SERVED(stopping_says_goodbye),
		SERVED(a_client_that_never_rests_is_ended_at_its_deadline),
		SERVED(a_client_that_never_rests_is_told_that_we_stop),
		SERVED(the_sessions_of_one_are_ended),
		SERVED(an_ended_session_says_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
