/* The protocol of the tests, its server and its client; see echo_fixture.h. */
#include "net/echo_fixture.h"

#include <errno.h>
#include <sys/syscall.h>

struct session *_Atomic waiting;
struct session *asked[ASKED_MAX];
_Atomic int asked_count;
_Atomic int asked_again;
_Atomic int closed_sessions;
_Atomic pthread_t closed_by;
_Atomic bool crowding;
_Atomic bool working;
_Atomic int news_told;
_Atomic int refusals;
_Atomic int empty_reads;

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
_Atomic int open_filters;

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

_Atomic int rests;

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
	asked[asked_count % ASKED_MAX] = session;
	asked_count++;
	return RUN_WAIT;
}

/* As ask(), but the answer comes before this returns. */
static enum net_run ask_now(struct session *session)
{
	enum net_run result = ask(session);
	if (result == RUN_WAIT) {
		session->answered = true;
		conn_resume(session->conn);
	}
	return result;
}

/* Wakes and answers the last one that asks, or all; QUICKCALL in the loop, which so can't come to the first before the last is called. */
static void call_those_who_ask(struct conn *conn, bool all)
{
	for (int i = all ? 0 : asked_count - 1; i < asked_count; i++) {
		struct session *other = asked[i % ASKED_MAX];
		other->answered = true;
		conn_wake(other->conn);
		conn_resume(other->conn);
	}
	conn_send_text(conn, "called\r\n");
}

static enum net_run echo_run(void *at, struct slice unit)
{
	struct session *session = at;
	struct conn *conn = session->conn;
	struct conn_tls tls;
	if (slice_starts(unit, SLICE("BIG")))
		return send_big(session);
	if (slice_starts(unit, SLICE("ASKNOW")) || slice_starts(unit, SLICE("QUICKASKNOW")))
		return ask_now(session);
	if (slice_starts(unit, SLICE("ASK")) || slice_starts(unit, SLICE("QUICKASK")))
		return ask(session);
	if (slice_starts(unit, SLICE("FILE")))
		send_file(conn);
	else if (slice_starts(unit, SLICE("LOGIN "))) {
		conn_sign_in(conn, slice_trim(slice_skip(unit, 6)), 7, 0);
		conn_set_client(conn, SLICE("a client"));
		conn_set_doing(conn, "LOGIN");
		conn_send(conn, unit);
	} else if (slice_starts(unit, SLICE("LOGOUT")))
		conn_sign_out(conn);
	else if (slice_starts(unit, SLICE("CALL")) || slice_starts(unit, SLICE("QUICKCALL")))
		call_those_who_ask(conn, slice_find(unit, SLICE("all")) != SLICE_NONE);
	else if (slice_starts(unit, SLICE("LIGHT")))
		session->light = true;
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
	closed_by = pthread_self();
	closed_sessions++;
	free(at);
}

static bool echo_has_nothing_to_end(const void *at)
{
	const struct session *session = at;
	return session->light;
}

const struct net_protocol echo_protocol = {
	.name = "echo", .alpn = "loud-echo echo", .max_input = MAX_LINE, .open = echo_open, .peek = echo_peek, .run = echo_run, .wake = echo_wake,
	.expire = echo_expire, .close = echo_close, .has_nothing_to_end = echo_has_nothing_to_end, .busy = "too many\r\n",
};

/* ---- A server in a thread of its own ---- */

void *run_server(void *argument)
{
	server_run(argument);
	return NULL;
}

int set_up(void **state)
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

int tear_down(void **state)
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

int dial(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads exactly what `text` says, within five seconds. */
void expect(int fd, const char *text)
{
	char got[256];
	size_t wanted = strlen(text);
	assert_true(wanted < sizeof got);
	for (size_t have = 0; have < wanted;) {
		struct pollfd ready = {fd, POLLIN, 0};
		assert_int_equal(poll(&ready, 1, 20000), 1);
		ssize_t more = recv(fd, got + have, wanted - have, 0);
		assert_true(more > 0);
		have += (size_t)more;
	}
	assert_memory_equal(got, text, wanted);
}

/* Reads `count` bytes, whatever they are; each part within five seconds. */
void pass_over(int fd, size_t count)
{
	char step[4096];
	while (count > 0) {
		struct pollfd ready = {fd, POLLIN, 0};
		assert_int_equal(poll(&ready, 1, 20000), 1);
		ssize_t got = recv(fd, step, count < sizeof step ? count : sizeof step, 0);
		assert_true(got > 0);
		count -= (size_t)got;
	}
}

void wait_until_closed(int count)
{
	while (closed_sessions < count)
		usleep(1000);
}

SSL *tls_client(SSL_CTX *context, int fd)
{
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_connect(ssl), 1);
	return ssl;
}

void tls_expect(SSL *ssl, const char *answer)
{
	char got[256];
	for (size_t have = 0; have < strlen(answer);) {
		int more = SSL_read(ssl, got + have, (int)(sizeof got - have));
		assert_true(more > 0);
		have += (size_t)more;
	}
	assert_memory_equal(got, answer, strlen(answer));
}

void tls_say(SSL *ssl, const char *text, const char *answer)
{
	SSL_write(ssl, text, (int)strlen(text));
	tls_expect(ssl, answer);
}
