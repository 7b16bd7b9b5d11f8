/* The server over real sockets: units, answers that a client takes slowly, limits, the end; sessions of people. */
#include "net/echo_fixture.h"

#include <netinet/tcp.h>

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
		assert_int_equal(poll(&ready, 1, 20000), 1);
		assert_int_equal(recv(fd, &rest, 1, 0), 0);
		close(fd);
	}
}

/* A worker looks once for the next command, when it has let others go on, before it polls for it. */
static void who_was_answered_is_looked_at_once_at_most(void **state)
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
	assert_in_range(empty_reads, 0, COMMANDS + COMMANDS / 10); /* and an event that a worker was faster than */
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

static void what_has_nothing_to_end_takes_no_thread(void **state)
{
	struct fixture *f = *state;
	for (int light = 0; light < 2; light++) {
		int fd = dial(f->port), before = closed_sessions;
		expect(fd, "hello\r\n");
		say(fd, light ? "LIGHT\r\nPEER\r\n" : "PEER\r\n");
		expect(fd, "127.0.0.1\r\n");
		close(fd);
		wait_until_closed(before + 1);
		assert_int_equal(pthread_equal(closed_by, f->thread) != 0, light);
	}
}

struct watched { struct server *server; int ends[2]; pthread_t loop; bool in_loop; };

static void hear_byte(void *context)
{
	struct watched *watched = context;
	char byte;
	if (recv(watched->ends[0], &byte, 1, MSG_DONTWAIT) != 1)
		return;
	watched->in_loop = pthread_equal(pthread_self(), watched->loop);
	server_stop(watched->server, 1);
}

static void what_is_watched_is_heard_in_the_loop(void **state)
{
	(void)state;
	struct server_options options = {.workers = 1};
	struct watched watched = {.server = server_new(&options), .loop = pthread_self()};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, watched.ends), 0);
	server_watch(watched.server, watched.ends[0], hear_byte, &watched);
	assert_int_equal(send(watched.ends[1], "?", 1, MSG_NOSIGNAL), 1);
	server_run(watched.server);
	assert_true(watched.in_loop);
	server_free(&watched.server);
	close(watched.ends[0]);
	close(watched.ends[1]);
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
	assert_true(clock_monotonic_ms() - start < 20000);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(units_run_in_order),
		SERVED(no_output_is_dropped_in_silence),
		SERVED(a_half_closed_client_gets_its_answers),
		SERVED(the_end_is_noticed_after_every_answer),
		SERVED(who_was_answered_is_looked_at_once_at_most),
		SERVED(a_client_that_does_not_read_waits_alone),
		SERVED(room_at_any_moment_is_noticed),
		SERVED(files_are_sent_whole),
		SERVED(too_long_a_line_ends_the_connection),
		SERVED(waking_reaches_the_session),
		SERVED(news_wait_for_a_client_that_does_not_read),
		SERVED(a_delay_holds_the_answer_back),
		SERVED(one_address_has_a_limit),
		cmocka_unit_test(an_ipv4_client_of_an_ipv6_socket_is_one),
		cmocka_unit_test(what_is_watched_is_heard_in_the_loop),
		SERVED(stopping_says_goodbye), SERVED(what_has_nothing_to_end_takes_no_thread),
		SERVED(a_client_that_never_rests_is_ended_at_its_deadline),
		SERVED(a_client_that_never_rests_is_told_that_we_stop),
		SERVED(the_sessions_of_one_are_ended),
		SERVED(an_ended_session_says_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
