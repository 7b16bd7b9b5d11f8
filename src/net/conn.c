/* One connection: reading, running units, TLS, time-outs, closing. See server.h for the rules of ownership.
 *
 * The life of a connection is a straight line of phases: PROXY (only where the peer may be one), HANDSHAKE (only with implicit TLS, and again after STARTTLS),
 * OPEN, LINGER (the output is written and our side shut; what the client still sends is thrown away, so that the last
 * reply isn't lost to a reset), ENDING (the session is being closed by a worker). Whatever happens, conn_settle() looks at
 * the connection's fields and takes the next step. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "net/internal.h"
#include "net/proxy.h"

static void conn_settle(struct conn *conn);
static void on_poll(uv_poll_t *poll, int status, int events);
static void hear_proxy(struct conn *conn);

/* ---- What a session asks of its connection ---- */

void conn_close(struct conn *conn) { conn->closing = true; }
void conn_start_tls(struct conn *conn) { conn->start_tls = true; }
void conn_set_idle(struct conn *conn, int64_t seconds) { conn->idle_ms = seconds * 1000; }
void conn_set_deadline(struct conn *conn, int64_t seconds) { conn->deadline_ms = seconds ? clock_monotonic_ms() + seconds * 1000 : 0; }
void conn_set_pulse(struct conn *conn, int64_t seconds)
{
	conn->pulse_ms = seconds * 1000;
	conn->pulsed_ms = clock_monotonic_ms();
}

void conn_delay(struct conn *conn, int milliseconds) { conn->delay_ms = milliseconds; }
bool conn_is_tls(const struct conn *conn) { return conn->ssl != NULL; }
bool conn_can_tls(const struct conn *conn) { return conn->server->tls != NULL; }
struct slice conn_peer(const struct conn *conn) { return slice_of(conn->peer_text); }

uid_t conn_peer_user(const struct conn *conn)
{
	uid_t user = (uid_t)-1;
	if (conn->peer.sin6_family == AF_UNIX)
		memcpy(&user, ((const struct sockaddr_un *)(const void *)&conn->peer)->sun_path, sizeof user);
	return user;
}

void conn_peer_address(const struct conn *conn, struct sockaddr_storage *address)
{
	*address = (struct sockaddr_storage){0};
	memcpy(address, &conn->peer, sizeof conn->peer);
}

int64_t conn_id(const struct conn *conn) { return conn->id; }
void *conn_context(const struct conn *conn) { return conn->context; }

void conn_tls(struct conn *conn, struct conn_tls *tls)
{
	memset(tls, 0, sizeof *tls);
	if (conn->ssl)
		tls_describe(conn->ssl, tls);
}

void conn_note_violation(struct conn *conn, const char *what)
{
	static struct log_paces paces;
	uint64_t unsaid;
	if (log_is_due_of(&paces, conn_peer(conn), "input.refused", &unsaid))
		log_info("input.refused", log_id("session", conn->id), log_text("service", conn->protocol->name), log_slice("peer", conn_peer(conn)),
			 log_text("reason", what), log_number("others", (int64_t)unsaid));
}

/* ---- Reading ---- */

static struct slice conn_input(const struct conn *conn)
{
	return slice_skip(buf_slice(&conn->input), conn->input_used);
}

/* Has more arrived than the socket knows of? */
static bool has_unread(const struct conn *conn)
{
	return (conn->filtering && conn->filtering->full) || (conn->ssl && SSL_has_pending(conn->ssl));
}

bool conn_has_more(const struct conn *conn, size_t length)
{
	char byte;
	if (conn_input(conn).len > length || has_unread(conn))
		return true;
	return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void conn_drop_input(struct conn *conn)
{
	buf_free(&conn->input);
	conn->input_used = 0;
}

/* Takes `length` bytes off the front; memory goes back when nothing is left. */
static void conn_consume(struct conn *conn, size_t length)
{
	conn->input_used += length;
	if (conn->input_used >= conn->input.len)
		conn_drop_input(conn);
}

static ssize_t read_tls(struct conn *conn, char *at, size_t room)
{
	ERR_clear_error();
	int got = SSL_read(conn->ssl, at, (int)room);
	if (got > 0)
		return got;
	int error = SSL_get_error(conn->ssl, got);
	ERR_clear_error();
	errno = EAGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (error == SSL_ERROR_WANT_WRITE)
		conn->want_write = true;
	if (error == SSL_ERROR_SYSCALL || error == SSL_ERROR_SSL)
		errno = ECONNRESET;
	return -1;
}

static bool take_input(struct conn *conn, struct slice bytes)
{
	if (conn->input_used > 0) {
		buf_consume(&conn->input, conn->input_used);
		conn->input_used = 0;
	}
	bool taken = bytes.len > 0 && buf_append(&conn->input, bytes);
	memory_wipe((char *)(uintptr_t)bytes.at, bytes.len); /* like all input, it may be a password */
	return taken;
}

/* Lets what is held through the filter, as far as there is room. Returns whether bytes came. */
static bool take_held(struct conn *conn, char *scratch, size_t room)
{
	struct net_filtering *filtering = conn->filtering;
	struct slice wire = buf_slice(&filtering->held);
	ssize_t got = filtering->filter->receive(filtering->state, &wire, scratch, room);
	filtering->full = got == (ssize_t)room;
	filtering->fruitless = got > 0 ? 0 : filtering->fruitless + filtering->held.len - wire.len;
	if (got < 0 || filtering->fruitless > FRUITLESS_MAX) {
		log_info("input.unreadable", log_id("session", conn->id), log_text("service", conn->protocol->name));
		conn->failed = true;
	}
	buf_consume(&filtering->held, filtering->held.len - wire.len);
	if (filtering->held.len == 0)
		buf_free(&filtering->held);
	return got > 0 && take_input(conn, slice_make(scratch, (size_t)got));
}

/* Takes at most `room` bytes off the socket. Returns how many; 0: none, or that was the end.
 * When less came than there was room for, the socket was empty: it isn't asked again before a poll has found more, or the end.
 * With TLS, where a read gives a record at most, when OpenSSL holds nothing further; it reads ahead, so that is mostly all. */
static size_t read_socket(struct conn *conn, char *at, size_t room)
{
	ssize_t got = conn->ssl ? read_tls(conn, at, room) : recv(conn->fd, at, room, 0);
	if (got < 0) {
		conn->failed = errno != EAGAIN && errno != EINTR;
		return 0;
	}
	conn->eof = got == 0;
	if (got == 0)
		return 0;
	conn->drained = conn->ssl ? !SSL_has_pending(conn->ssl) : (size_t)got < room;
	conn->heard_ms = clock_monotonic_ms();
	return (size_t)got;
}

/* Reads, through `scratch` (READ_STEP bytes), what the protocol's maximum leaves room for: once, or with a filter until it gives
 * something. Returns whether bytes came. */
static bool conn_read(struct conn *conn, char *scratch)
{
	size_t waiting = conn->input.len - conn->input_used, most = conn->protocol->max_input, got;
	size_t room = waiting < most ? most - waiting : 0;
	if (room > READ_STEP)
		room = READ_STEP;
	if (room > 0 && conn->filtering && conn->filtering->full && take_held(conn, scratch, room))
		return true;
	do {
		if (room == 0 || conn->eof || conn->failed || conn->drained || (got = read_socket(conn, scratch, room)) == 0)
			return false;
		if (!conn->filtering)
			return take_input(conn, slice_make(scratch, got));
		buf_append(&conn->filtering->held, slice_make(scratch, got));
		memory_wipe(scratch, got);
	} while (!take_held(conn, scratch, room));
	return true;
}

/* ---- Running units ---- */

static bool output_is_full(const struct conn *conn)
{
	return conn->output.bytes > OUTPUT_LOW || conn->output.files > OUTPUT_FILES_HIGH / 2;
}

/* May a unit be run now? Writes what the client takes first; a client that doesn't read waits here. */
static bool conn_may_run(struct conn *conn)
{
	if (conn->failed || conn->closing || conn->ended || conn->start_tls || conn->delay_ms > 0 || conn->waiting)
		return false;
	if (output_is_full(conn) && !conn_flush(conn))
		return false;
	return !output_is_full(conn);
}

bool conn_is_gone(struct conn *conn)
{
	int64_t now = clock_monotonic_ms();
	if (conn->failed || now - conn->looked_ms < LOOK_MS)
		return conn->failed;
	conn->looked_ms = now;
	struct pollfd socket = {.fd = conn->fd, .events = POLLRDHUP};
	if (poll(&socket, 1, 0) <= 0)
		return false;
	conn->failed = (socket.revents & (POLLERR | POLLHUP)) || now - conn->heard_ms >= HALF_CLOSED_MS;
	return conn->failed;
}

/* Has a worker had this connection for so long that others come first? */
static bool turn_is_over(struct conn *conn)
{
	conn->turn_over = clock_monotonic_ms() - conn->turn_ms >= PIECE_MS && workers_are_wanted(conn->server->workers);
	return conn->turn_over;
}

static void conn_run_unit(struct conn *conn, enum net_unit unit, size_t length)
{
	conn->piece_ms = clock_monotonic_ms();
	enum net_run result = conn->protocol->run(conn->session, slice_sub(conn_input(conn), 0, length));
	conn->again = result != RUN_DONE;
	conn->waiting = result == RUN_WAIT;
	conn->again_unit = unit == UNIT_ASK ? UNIT_WORK : unit;
	conn->again_length = length;
	if (!conn->again)
		conn_consume(conn, length);
	else if (!conn->waiting)
		conn_is_gone(conn);
}

/* Runs the unit that has waited, whatever has become of the connection meanwhile: what it has begun is brought to its end. */
static void run_waiting(struct conn *conn)
{
	conn->resumed = false;
	conn_run_unit(conn, conn->again_unit, conn->again_length);
}

/* A unit that lasts stands in another line than the others, also if it is a worker that finds it. */
static bool needs_another_thread(struct conn *conn, enum net_unit unit, bool in_worker)
{
	if (unit == UNIT_QUICK || unit == UNIT_ASK || (in_worker && (unit != UNIT_LONG || conn->lasts)))
		return false;
	conn->lasts = unit == UNIT_LONG;
	conn->turn_over = in_worker;
	return true;
}

/* Runs units until none is complete or none may run. In the loop (in_worker false) it stops before one that may block and
 * returns true: a worker is needed. What a session is woken for waits like a unit does: news must not pile up for a client
 * that doesn't read them. */
static bool conn_run(struct conn *conn, bool in_worker, char *scratch)
{
	int reads = 0;
	conn->lasts &= in_worker;
	if (conn->resumed) {
		if (conn->again_unit != UNIT_QUICK && !in_worker)
			return true;
		run_waiting(conn);
	}
	if (conn->wake_due && conn_may_run(conn)) {
		if (!in_worker)
			return true;
		conn->wake_due = false;
		if (conn->protocol->wake)
			conn->protocol->wake(conn->session);
	}
	while (conn_may_run(conn)) {
		struct slice input = conn_input(conn);
		size_t length = conn->again_length;
		enum net_unit unit = conn->again ? conn->again_unit : conn->protocol->peek(conn->session, input, &length);
		if (unit == UNIT_INCOMPLETE) {
			conn->overflow = input.len >= conn->protocol->max_input;
			if (conn->overflow || !in_worker || reads++ >= READS_PER_TURN || !conn_read(conn, scratch))
				return false;
			continue;
		}
		if (needs_another_thread(conn, unit, in_worker))
			return !in_worker;
		conn_run_unit(conn, unit, length);
		if (in_worker && turn_is_over(conn))
			return false;
	}
	return false;
}

/* What was answered before a unit that waits goes out with its answer, in one piece (RFC 2920 §3.2): who has sent several commands at once
 * would be woken for nothing. */
static bool holds_output(const struct conn *conn)
{
	return conn->waiting && !output_is_full(conn);
}

static bool is_late(const struct conn *conn)
{
	return conn->deadline_ms && clock_monotonic_ms() >= conn->deadline_ms;
}

/* Has everything been answered and sent, so that the next step is the client's? */
static bool is_clients_turn(const struct conn *conn)
{
	return !conn_has_output(conn) && !conn->failed && !conn->closing && !conn->ended && !conn->eof && !conn->overflow && !conn->again &&
	       !conn->start_tls && conn->delay_ms == 0;
}

/* Waits a moment for the client's next command. Most come at once, and then this costs one system call, where giving the
 * connection back to the loop and getting it again costs eight, and two switches of threads. First others are let go on: on a busy
 * machine the client is among them, and has asked when this thread's turn has come again, so that neither sleeps. */
static bool client_goes_on(struct conn *conn, char *scratch)
{
	struct workers *workers = conn->server->workers;
	struct pollfd socket = {.fd = conn->fd, .events = POLLIN};
	if (!is_clients_turn(conn) || conn->server->stopping || is_late(conn) || workers_are_wanted(workers))
		return false;
	sched_yield();
	conn->drained = false;
	if (conn_read(conn, scratch))
		return true;
	if (conn->eof || conn->failed || !workers_begin_waiting(workers))
		return false;
	bool more = poll(&socket, 1, NEXT_COMMAND_MS) > 0;
	workers_end_waiting(workers);
	conn->drained = !more;
	return more;
}

static void worker_run(void *argument)
{
	struct conn *conn = argument;
	char *scratch = memory_resize(NULL, READ_STEP);
	conn->turn_ms = clock_monotonic_ms();
	do {
		int64_t began_ms = clock_monotonic_ms();
		conn_run(conn, true, scratch);
		workers_charge(conn->server->workers, conn->job.whose, clock_monotonic_ms() - began_ms);
		if (!conn->failed && !conn->ended && conn->delay_ms == 0 && !holds_output(conn))
			conn_flush(conn);
		conn->turn_over |= conn->filter_due;
	} while (client_goes_on(conn, scratch));
	free(scratch);
	server_post_done(conn);
}

static void worker_close(void *argument)
{
	struct conn *conn = argument;
	conn->protocol->close(conn->session);
	conn->session = NULL;
	server_post_done(conn);
}

static enum net_lane lane_of(struct conn *conn, struct workers *workers)
{
	bool people = conn->account || workers == conn->server->handshakes;
	enum net_lane lane = people ? LANE_PEOPLE : LANE_STRANGERS;
	conn->lasts |= (conn->again && !conn->resumed) || conn->turn_over;
	conn->turn_over = false;
	return conn->lasts ? LANE_LONG : workers_lane(workers, conn->job.whose, lane);
}

static void hand_over(struct conn *conn, struct workers *workers, void (*work)(void *))
{
	conn->busy = true;
	struct slice who = conn->account ? slice_make(conn->account, conn->account_len) : slice_of(conn->peer_text);
	conn->job = (struct net_job){.work = work, .argument = conn, .whose = map_hash(who)};
	workers_submit(workers, &conn->job, lane_of(conn, workers));
}

/* ---- Waiting ---- */

/* Tells the kernel what to wait for. While a worker has the connection nothing is changed: an event that comes meanwhile
 * stops the polling (on_poll), which costs less than stopping and starting around every hand-over. */
static void conn_poll(struct conn *conn, int events)
{
	if (events == conn->poll_events && !conn->poll_stopped)
		return;
	conn->poll_events = events;
	conn->poll_stopped = events == 0;
	if (events == 0)
		uv_poll_stop(&conn->poll);
	else
		uv_poll_start(&conn->poll, events, on_poll);
}

static void on_delay_over(uv_timer_t *timer)
{
	struct conn *conn = timer->data;
	conn->delayed = false;
	conn->heard_ms = clock_monotonic_ms();
	conn_settle(conn);
}

static void begin_delay(struct conn *conn)
{
	if (!conn->delay) {
		conn->delay = memory_new(sizeof *conn->delay);
		conn->delay->data = conn;
		uv_timer_init(&conn->server->loop, conn->delay);
	}
	uv_timer_start(conn->delay, on_delay_over, (uint64_t)conn->delay_ms, 0);
	conn->delay_ms = 0;
	conn->delayed = true;
	conn_poll(conn, 0);
}

/* ---- Ending ---- */

static void on_poll_closed(uv_handle_t *handle)
{
	struct conn *conn = handle->data;
	close(conn->fd);
	server_forget(conn);
}

static void on_delay_closed(uv_handle_t *handle)
{
	free(handle);
}

/* The session is closed (or never was): nothing but our own memory is left. */
static void conn_release(struct conn *conn)
{
	net_output_free(&conn->output);
	net_filtering_free(&conn->filtering);
	conn_drop_input(conn);
	SSL_free(conn->ssl);
	conn->ssl = NULL;
	if (conn->delay)
		uv_close((uv_handle_t *)conn->delay, on_delay_closed);
	uv_close((uv_handle_t *)&conn->poll, on_poll_closed);
}

static void conn_end(struct conn *conn)
{
	conn->phase = PHASE_ENDING;
	conn_poll(conn, 0);
	if (conn->session && conn->protocol->has_nothing_to_end && conn->protocol->has_nothing_to_end(conn->session)) {
		conn->protocol->close(conn->session);
		conn->session = NULL;
	}
	if (conn->session)
		hand_over(conn, conn->server->workers, worker_close);
	else
		conn_release(conn);
}

static void begin_linger(struct conn *conn)
{
	if (conn->ssl && !SSL_in_init(conn->ssl)) {
		ERR_clear_error();
		SSL_shutdown(conn->ssl);
		ERR_clear_error();
	}
	if (conn->eof || shutdown(conn->fd, SHUT_WR) != 0) {
		conn_end(conn);
		return;
	}
	conn->phase = PHASE_LINGER;
	conn->deadline_ms = clock_monotonic_ms() + (conn->server->stopping ? LINGER_STOPPING_MS : LINGER_SECONDS * 1000);
	conn_drop_input(conn);
	conn_poll(conn, UV_READABLE);
}

static void linger(struct conn *conn)
{
	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t got = recv(conn->fd, conn->server->scratch, READ_STEP, 0);
		if (got > 0)
			continue;
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			conn_end(conn);
		return;
	}
}

/* ---- TLS ---- */

static void open_session(struct conn *conn)
{
	conn->phase = PHASE_OPEN;
	conn->deadline_ms = 0;
	conn->session = conn->protocol->open(conn, conn->context);
	if (!conn->session)
		conn->closing = true;
}

static void log_failed_handshake(struct conn *conn)
{
	char reason[160];
	uint64_t unsaid;
	tls_error_text(reason, sizeof reason);
	if (!log_is_due(&conn->server->failed_handshakes, "tls.failed", &unsaid))
		return;
	log_info("tls.failed", log_id("session", conn->id), log_text("service", conn->protocol->name),
		 log_slice("peer", conn_peer(conn)), log_text("reason", reason), log_number("others", (int64_t)unsaid));
}

/* One step of the handshake. It may take milliseconds of computing (a signature with a large key), which neither the loop has nor
 * the workers that serve people: threads of its own take it. */
static void worker_handshake(void *argument)
{
	struct conn *conn = argument;
	ERR_clear_error();
	conn->handshake = SSL_get_error(conn->ssl, SSL_accept(conn->ssl));
	if (conn->handshake != SSL_ERROR_NONE && conn->handshake != SSL_ERROR_WANT_READ && conn->handshake != SSL_ERROR_WANT_WRITE)
		log_failed_handshake(conn);
	server_post_done(conn);
}

static void handshake_returned(struct conn *conn)
{
	if (conn->server->stopping)
		conn_end(conn);
	else if (conn->handshake == SSL_ERROR_WANT_READ)
		conn_poll(conn, UV_READABLE);
	else if (conn->handshake == SSL_ERROR_WANT_WRITE)
		conn_poll(conn, UV_WRITABLE);
	else if (conn->handshake != SSL_ERROR_NONE)
		conn_end(conn);
	else if (tls_was_challenge(conn->ssl)) {
		log_info("tls.challenge", log_id("session", conn->id), log_slice("peer", conn_peer(conn)),
			 log_text("name", SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name)));
		conn_end(conn);
	} else {
		tls_count_messages(conn->ssl);
		conn->heard_ms = clock_monotonic_ms();
		if (conn->session)
			conn->phase = PHASE_OPEN;
		else
			open_session(conn);
		conn_settle(conn);
	}
}

/* Whatever arrived in clear text is thrown away here, before the first encrypted byte (RFC 3207 §6). */
static void begin_tls(struct conn *conn)
{
	conn->start_tls = false;
	conn_drop_input(conn);
	conn->again = false;
	conn->drained = false; /* the handshake may read more than itself */
	conn->ssl = tls_server_accept(conn->server->tls, conn->fd, conn->protocol->alpn);
	if (!conn->ssl) {
		log_failed_handshake(conn);
		conn_end(conn);
		return;
	}
	conn->phase = PHASE_HANDSHAKE;
	conn->handshake_until_ms = clock_monotonic_ms() + HANDSHAKE_SECONDS * 1000;
	conn_poll(conn, UV_READABLE); /* the client speaks first */
}

/* ---- The step that follows every event ---- */

static void say_goodbye(struct conn *conn, enum net_expiry why)
{
	if (conn->session && !conn->closing)
		conn->protocol->expire(conn->session, why);
	conn->closing = true;
	conn->delay_ms = 0;
}

static int wanted_events(struct conn *conn)
{
	int events = 0;
	bool room = conn->input.len - conn->input_used < conn->protocol->max_input;
	if ((room && !conn->closing && !conn->eof && !conn->start_tls && !output_is_full(conn)) || conn->want_read)
		events |= UV_READABLE;
	if (conn->want_write)
		events |= UV_WRITABLE;
	conn->want_read = false;
	return events;
}

/* Does all that can be done in the loop, up to writing what the client takes; true if a worker is needed, for the next unit or to write.
 * After its last conn_flush() nothing more may be written before the next event: it knows what still waits for room. */
static bool run_in_loop(struct conn *conn)
{
	for (;;) {
		if (conn_run(conn, false, NULL))
			return true;
		bool was_full = output_is_full(conn);
		/* Bytes that OpenSSL has decrypted already, or a filter holds, don't make the socket readable. */
		if (has_unread(conn) && conn_may_run(conn) && conn_read(conn, conn->server->scratch))
			continue;
		if (conn->failed || conn->delay_ms > 0 || holds_output(conn) || !conn_flush(conn))
			return false;
		if (conn->filter_due)
			return true;
		if (!was_full || output_is_full(conn))
			return false;
		/* What held the next unit back was the output, and that has gone by now. */
	}
}

static void conn_settle(struct conn *conn)
{
	if (conn->busy || conn->delayed || conn->phase != PHASE_OPEN)
		return;
	if ((!conn->failed || conn->resumed) && run_in_loop(conn)) {
		hand_over(conn, conn->server->workers, worker_run);
		return;
	}
	if (conn->waiting) { /* as when a worker had it */
		conn_poll(conn, conn->failed ? 0 : wanted_events(conn));
		return;
	}
	if (conn->ended) {
		conn_dismiss(conn, false);
		return;
	}
	if (conn->overflow && !conn->closing) {
		say_goodbye(conn, EXPIRY_OVERFLOW);
		conn_flush(conn);
	}
	if (conn->delay_ms > 0 && !conn->failed) {
		begin_delay(conn);
		return;
	}
	if (conn->failed) {
		conn_end(conn);
		return;
	}
	bool drained = !conn_has_output(conn);
	if (conn->start_tls && drained && !conn->closing)
		begin_tls(conn);
	else if ((conn->closing || (conn->eof && !conn->again)) && drained)
		begin_linger(conn);
	else
		conn_poll(conn, wanted_events(conn));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct conn *conn = poll->data;
	if (conn->busy || conn->delayed || conn->phase == PHASE_ENDING) {
		uv_poll_stop(poll);
		conn->poll_stopped = true;
		return;
	}
	if (status < 0)
		conn->failed = true;
	switch (conn->phase) {
	case PHASE_PROXY:
		hear_proxy(conn);
		break;
	case PHASE_HANDSHAKE:
		hand_over(conn, conn->server->handshakes, worker_handshake);
		break;
	case PHASE_LINGER:
		linger(conn);
		break;
	case PHASE_OPEN:
		if (events & UV_READABLE) {
			conn->drained = false;
			conn_read(conn, conn->server->scratch);
		}
		conn_settle(conn);
		break;
	case PHASE_ENDING:
		break;
	}
}

static void note_called(struct conn *conn, unsigned called)
{
	conn->wake_due |= (called & CALLED_WAKE) != 0;
	conn->resumed = conn->waiting && called & CALLED_RESUME;
	if (conn->resumed)
		conn->heard_ms = clock_monotonic_ms(); /* who waited for us wasn't silent */
}

void conn_returned(struct conn *conn)
{
	conn->busy = false;
	if (conn->phase == PHASE_HANDSHAKE) {
		handshake_returned(conn);
		return;
	}
	conn->heard_ms = clock_monotonic_ms();
	if (conn->phase == PHASE_ENDING) {
		conn_release(conn);
		return;
	}
	note_called(conn, conn->woken_later);
	conn->woken_later = 0;
	if (conn->ended && !conn->waiting) {
		conn_dismiss(conn, false);
		return;
	}
	/* A client that never rests is hardly ever found at rest by the clock: its end is looked for here, too. */
	if (conn->server->stopping && !conn->again)
		conn_shut_down(conn, false);
	else if (is_late(conn) && !conn->closing && !conn->waiting)
		conn_tick(conn, clock_monotonic_ms());
	else
		conn_settle(conn);
}

void conn_woken(struct conn *conn, unsigned called)
{
	if (conn->phase != PHASE_OPEN)
		return;
	if (conn->busy) {
		conn->woken_later |= called;
		return;
	}
	note_called(conn, called);
	conn_settle(conn);
}

void conn_tick(struct conn *conn, int64_t now_ms)
{
	if (conn->busy || conn->waiting || conn->delayed || conn->phase == PHASE_ENDING)
		return;
	if (conn->phase != PHASE_OPEN) {
		int64_t deadline = conn->phase == PHASE_LINGER ? conn->deadline_ms : conn->handshake_until_ms;
		if (now_ms >= deadline)
			conn_end(conn);
		return;
	}
	if (conn->filtering && now_ms - conn->heard_ms >= FILTER_REST_MS && !conn_has_output(conn))
		conn->filtering->filter->rest(conn->filtering->state);
	if (conn->pulse_ms && now_ms - conn->pulsed_ms >= conn->pulse_ms && !conn->closing) {
		conn->pulsed_ms = now_ms;
		conn->protocol->pulse(conn->session);
		conn_settle(conn);
		return;
	}
	bool idle = conn->idle_ms && now_ms - conn->heard_ms >= conn->idle_ms;
	bool late = conn->deadline_ms && now_ms >= conn->deadline_ms;
	if (!idle && !late)
		return;
	if (conn->closing) { /* it didn't even take our goodbye */
		conn_end(conn);
		return;
	}
	say_goodbye(conn, idle ? EXPIRY_IDLE : EXPIRY_TOTAL);
	conn->deadline_ms = now_ms + LINGER_SECONDS * 1000;
	conn_settle(conn);
}

void conn_shut_down(struct conn *conn, bool at_once)
{
	if (conn->busy || (conn->waiting && !at_once) || conn->phase == PHASE_ENDING)
		return;
	if (at_once || conn->phase == PHASE_HANDSHAKE || conn->phase == PHASE_PROXY) {
		conn_end(conn);
		return;
	}
	conn->delayed = false;
	if (conn->phase == PHASE_OPEN) {
		say_goodbye(conn, EXPIRY_SHUTDOWN);
		conn_settle(conn);
	} else
		conn_tick(conn, clock_monotonic_ms()); /* who lingers: not longer than its time */
}

/* Where an answer waits to be sent, there is no place for a goodbye in the midst of it, and the rest isn't the client's any more. */
void conn_dismiss(struct conn *conn, bool late)
{
	if (conn->busy || conn->waiting) {
		if (late)
			shutdown(conn->fd, SHUT_RDWR);
		return;
	}
	if (conn->phase == PHASE_HANDSHAKE || conn->phase == PHASE_PROXY)
		conn_end(conn);
	if (conn->phase != PHASE_OPEN)
		return;
	conn->delayed = false;
	bool amid = conn->again || conn_has_output(conn);
	if (!amid) {
		say_goodbye(conn, EXPIRY_ENDED);
		conn_flush(conn);
	}
	if (amid || conn->failed || conn_has_output(conn)) {
		shutdown(conn->fd, SHUT_RDWR);
		conn_end(conn);
	} else
		begin_linger(conn);
}

static void begin(struct conn *conn)
{
	if (conn->implicit_tls) {
		begin_tls(conn);
		return;
	}
	open_session(conn);
	conn_settle(conn);
}

static void write_peer_text(struct conn *conn)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&conn->peer;
	if (conn->peer.sin6_family == AF_INET6)
		inet_ntop(AF_INET6, &conn->peer.sin6_addr, conn->peer_text, sizeof conn->peer_text);
	else if (conn->peer.sin6_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, conn->peer_text, sizeof conn->peer_text);
	else
		snprintf(conn->peer_text, sizeof conn->peer_text, "user %u", (unsigned)conn_peer_user(conn));
}

/* The header is taken off the socket when it is whole, and nothing of what follows it. */
static void hear_proxy(struct conn *conn)
{
	char head[NET_PROXY_MAX];
	struct sockaddr_storage client;
	size_t length = 0;
	ssize_t got = recv(conn->fd, head, sizeof head, MSG_PEEK);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	enum net_proxied said = got <= 0 ? NET_PROXY_BROKEN : net_proxy_parse(slice_make(head, (size_t)got), &length, &client);
	if (said == NET_PROXY_INCOMPLETE) { /* what was only looked at isn't to wake us again */
		setsockopt(conn->fd, SOL_SOCKET, SO_RCVLOWAT, &(int){(int)got + 1}, sizeof(int));
		return;
	}
	setsockopt(conn->fd, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, sizeof(int));
	if (said == NET_PROXY_BROKEN || (length > 0 && recv(conn->fd, head, length, 0) != (ssize_t)length) ||
	    (said == NET_PROXY_CLIENT && !server_recount(conn, &client))) {
		conn_end(conn);
		return;
	}
	if (said == NET_PROXY_CLIENT) {
		memcpy(&conn->peer, &client, sizeof conn->peer);
		write_peer_text(conn);
	}
	begin(conn);
}

void conn_begin(struct server *server, int fd, const struct sockaddr_storage *peer, const struct net_protocol *protocol,
		bool implicit_tls, void *context)
{
	struct conn *conn = memory_new(sizeof *conn);
	*conn = (struct conn){.server = server, .protocol = protocol, .context = context, .fd = fd,
			      .id = id_new(), .since = clock_now(), .heard_ms = clock_monotonic_ms(), .input = BUF_SECRET(protocol->max_input + READ_STEP),
			      .output = {.secret = protocol->secret}, .poll_stopped = true};
	memcpy(&conn->peer, peer, sizeof conn->peer);
	write_peer_text(conn);
	conn->implicit_tls = implicit_tls;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	uv_poll_init(&server->loop, &conn->poll, fd);
	conn->poll.data = conn;
	conn->next = server->connections;
	if (conn->next)
		conn->next->previous = conn;
	server->connections = conn;
	if (protocol->is_proxy && protocol->is_proxy(peer)) {
		conn->phase = PHASE_PROXY;
		conn->handshake_until_ms = conn->heard_ms + HANDSHAKE_SECONDS * 1000;
		conn_poll(conn, UV_READABLE);
	} else
		begin(conn);
}
