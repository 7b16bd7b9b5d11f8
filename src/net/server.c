/* The loop of a role: accepting, what workers hand back, ticking, stopping. A part of the descriptors is kept for
 * what serving needs, files and databases: connections that would take them are refused, so that strangers can't fail anybody's
 * commands. Should they run out nevertheless, accepting pauses for a second; connections that exist go on. */
#include "net/server.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/internal.h"

struct listener {
	struct listener *next;
	struct server *server;
	uv_poll_t poll;
	int fd;
	const struct net_protocol *protocol;
	bool implicit_tls;
	void *context;
};

static void on_tick(uv_timer_t *timer);
static void on_posted(uv_async_t *async);

void server_set_limits(struct server *server, const struct server_options *options)
{
	struct rlimit files = {.rlim_cur = RLIM_INFINITY};
	getrlimit(RLIMIT_NOFILE, &files);
	rlim_t reserve = files.rlim_cur / 2 < DESCRIPTORS_RESERVED ? files.rlim_cur / 2 : DESCRIPTORS_RESERVED;
	server->most_descriptors = files.rlim_cur - reserve < INT_MAX ? (int)(files.rlim_cur - reserve) : INT_MAX;
	server->most_connections = (uint64_t)options->connections;
	server->most_per_address = (uint64_t)options->connections_per_address;
	workers_set_most(server->workers, options->workers);
}

struct server *server_new(const struct server_options *options)
{
	struct server *server = memory_new(sizeof *server);
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets without MSG_NOSIGNAL */
	server->tls = options->tls;
	server->stop_seconds = -1;
	server->workers = workers_new(options->workers);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	server->handshakes = workers_new(processors < 1 ? 1 : processors < HANDSHAKE_THREADS_MAX ? (int)processors : HANDSHAKE_THREADS_MAX);
	server_set_limits(server, options);
	server->addresses = map_new();
	pthread_mutex_init(&server->lock, NULL);
	uv_loop_init(&server->loop);
	uv_async_init(&server->loop, &server->posted, on_posted);
	uv_timer_init(&server->loop, &server->tick);
	uv_timer_init(&server->loop, &server->dismissal);
	server->posted.data = server->tick.data = server->dismissal.data = server;
	return server;
}

/* ---- Accepting ---- */

/* What connections are counted by: an IPv4 address, or the /64 of an IPv6 one, which one customer has, or a user of this machine. */
static struct slice address_key(const struct sockaddr_storage *peer)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
	if (peer->ss_family == AF_INET)
		return slice_make((const char *)&((const struct sockaddr_in *)peer)->sin_addr, 4);
	if (peer->ss_family == AF_INET6)
		return slice_make((const char *)&six->sin6_addr, 8);
	return slice_make(((const struct sockaddr_un *)peer)->sun_path, sizeof(uid_t));
}

static void count_address(struct server *server, const struct sockaddr_storage *peer, int change)
{
	struct slice key = address_key(peer);
	uintptr_t count = (uintptr_t)map_get(server->addresses, key) + (uintptr_t)change;
	if (count > 0)
		map_put(server->addresses, key, (void *)count);
	else
		map_remove(server->addresses, key);
}

/* An IPv4 client of an IPv6 socket comes as ::ffff:a.b.c.d. To all that follows it is the IPv4 client that it is. */
static void note_four(struct sockaddr_storage *peer)
{
	const struct sockaddr_in6 six = *(const struct sockaddr_in6 *)peer;
	if (peer->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
		return;
	struct sockaddr_in *four = (struct sockaddr_in *)peer;
	*four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = six.sin6_port};
	memcpy(&four->sin_addr, six.sin6_addr.s6_addr + 12, sizeof four->sin_addr);
}

/* The number of a new descriptor, the lowest that is free, says how many are in use. */
static bool has_room(const struct server *server, int fd)
{
	uint64_t most = server->most_connections;
	return fd < server->most_descriptors && (most == 0 || server->open < most);
}

static bool address_has_room(const struct server *server, const struct sockaddr_storage *peer)
{
	uint64_t most = server->most_per_address;
	return most == 0 || (uintptr_t)map_get(server->addresses, address_key(peer)) < most;
}

/* A proxy stands for many. */
static bool may_come(const struct listener *listener, int fd, const struct sockaddr_storage *peer)
{
	const struct net_protocol *protocol = listener->protocol;
	return has_room(listener->server, fd) && ((protocol->is_proxy && protocol->is_proxy(peer)) || address_has_room(listener->server, peer));
}

bool server_recount(struct conn *conn, struct sockaddr_storage *peer)
{
	struct server *server = conn->server;
	struct sockaddr_storage former;
	note_four(peer);
	if (!address_has_room(server, peer)) {
		server->refused++;
		return false;
	}
	conn_peer_address(conn, &former);
	count_address(server, &former, -1);
	count_address(server, peer, 1);
	return true;
}

static void refuse(struct listener *listener, int fd)
{
	listener->server->refused++;
	uint64_t unsaid;
	if (log_is_due(&listener->server->refusals, "connection.refused", &unsaid))
		log_warning("connection.refused", log_text("service", listener->protocol->name), log_text("reason", "too many connections"),
			    log_number("others", (int64_t)unsaid));
	if (listener->protocol->busy && !listener->implicit_tls)
		send(fd, listener->protocol->busy, strlen(listener->protocol->busy), MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

/* Whose program the peer is stands where its socket's name would, which says nothing. */
static void note_user(int fd, struct sockaddr_storage *peer)
{
	struct ucred peers;
	socklen_t size = sizeof peers;
	*peer = (struct sockaddr_storage){.ss_family = AF_UNIX};
	uid_t user = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peers, &size) == 0 ? peers.uid : (uid_t)-1;
	memcpy(((struct sockaddr_un *)peer)->sun_path, &user, sizeof user);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;
	struct server *server = listener->server;
	(void)status, (void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t size = sizeof peer;
		int fd = accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
				log_error("accept.failed", log_text("reason", "out of descriptors or memory"), log_number("open", (int64_t)server->open));
				server->accepting_paused = true;
				uv_poll_stop(&listener->poll);
			}
			return;
		}
		if (peer.ss_family == AF_UNIX)
			note_user(fd, &peer);
		note_four(&peer);
		if (!may_come(listener, fd, &peer)) {
			refuse(listener, fd);
			continue;
		}
		server->accepted++;
		server->open++;
		count_address(server, &peer, 1);
		conn_begin(server, fd, &peer, listener->protocol, listener->implicit_tls, listener->context);
	}
}

static void resume_accepting(struct server *server)
{
	server->accepting_paused = false;
	for (struct listener *listener = server->listeners; listener; listener = listener->next)
		uv_poll_start(&listener->poll, UV_READABLE, on_connection);
}

void server_listen(struct server *server, int fd, const struct net_protocol *protocol, bool implicit_tls, void *context)
{
	struct listener *listener = memory_new(sizeof *listener);
	*listener = (struct listener){.next = server->listeners, .server = server, .fd = fd, .protocol = protocol,
				      .implicit_tls = implicit_tls, .context = context};
	server->listeners = listener;
	uv_poll_init(&server->loop, &listener->poll, fd);
	listener->poll.data = listener;
	uv_poll_start(&listener->poll, UV_READABLE, on_connection);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct server *server = poll->data;
	(void)status, (void)events;
	server->ready(server->ready_context);
}

void server_watch(struct server *server, int fd, void (*ready)(void *context), void *context)
{
	server->ready = ready;
	server->ready_context = context;
	uv_poll_init(&server->loop, &server->watched, fd);
	server->watched.data = server;
	uv_poll_start(&server->watched, UV_READABLE, on_ready);
}

/* ---- What comes from other threads ---- */

void server_post_done(struct conn *conn)
{
	struct server *server = conn->server;
	pthread_mutex_lock(&server->lock);
	conn->next_done = server->done;
	server->done = conn;
	uv_async_send(&server->posted);
	pthread_mutex_unlock(&server->lock);
}

static void call(struct conn *conn, unsigned what)
{
	struct server *server = conn->server;
	pthread_mutex_lock(&server->lock);
	if (conn->called == 0) {
		conn->next_wake = server->woken;
		server->woken = conn;
		uv_async_send(&server->posted);
	}
	conn->called |= what;
	pthread_mutex_unlock(&server->lock);
}

void conn_wake(struct conn *conn) { call(conn, CALLED_WAKE); }
void conn_resume(struct conn *conn) { call(conn, CALLED_RESUME); }

void server_forget(struct conn *conn)
{
	struct server *server = conn->server;
	pthread_mutex_lock(&server->lock);
	for (struct conn **link = &server->woken; conn->called != 0 && *link; link = &(*link)->next_wake)
		if (*link == conn) {
			*link = conn->next_wake;
			break;
		}
	pthread_mutex_unlock(&server->lock);
	net_session_forget(conn);
	if (conn->previous)
		conn->previous->next = conn->next;
	else
		server->connections = conn->next;
	if (conn->next)
		conn->next->previous = conn->previous;
	struct sockaddr_storage peer;
	conn_peer_address(conn, &peer);
	count_address(server, &peer, -1);
	server->open--;
	free(conn->client);
	free(conn);
}

static struct conn *take_woken(struct server *server, unsigned *called)
{
	pthread_mutex_lock(&server->lock);
	struct conn *conn = server->woken;
	if (conn) {
		server->woken = conn->next_wake;
		*called = conn->called;
		conn->called = 0;
	}
	pthread_mutex_unlock(&server->lock);
	return conn;
}

/* ---- Stopping ---- */

static void close_listeners(struct server *server)
{
	for (struct listener *listener = server->listeners; listener; listener = listener->next)
		if (!uv_is_closing((uv_handle_t *)&listener->poll)) {
			uv_poll_stop(&listener->poll);
			uv_close((uv_handle_t *)&listener->poll, NULL);
			close(listener->fd);
		}
}

static void shut_down_connections(struct server *server, bool at_once)
{
	for (struct conn *conn = server->connections, *next; conn; conn = next) {
		next = conn->next;
		conn_shut_down(conn, at_once);
	}
}

/* Those that a worker has are reached at a later tick. */
static void continue_stopping(struct server *server)
{
	bool late = clock_monotonic_ms() >= server->stop_at_ms;
	shut_down_connections(server, late);
	if (!server->connections || clock_monotonic_ms() >= server->stop_at_ms + LINGER_SECONDS * 1000)
		uv_stop(&server->loop);
}

static void begin_stopping(struct server *server, int seconds)
{
	if (server->stop_at_ms)
		return;
	server->stop_at_ms = clock_monotonic_ms() + seconds * 1000;
	server->stopping = true;
	close_listeners(server);
	uv_timer_start(&server->tick, on_tick, 0, 100);
}

void server_stop(struct server *server, int seconds)
{
	pthread_mutex_lock(&server->lock);
	server->stop_seconds = seconds;
	uv_async_send(&server->posted);
	pthread_mutex_unlock(&server->lock);
}

static void on_posted(uv_async_t *async)
{
	struct server *server = async->data;
	pthread_mutex_lock(&server->lock);
	struct conn *done = server->done;
	server->done = NULL;
	int stop_seconds = server->stop_seconds;
	pthread_mutex_unlock(&server->lock);
	while (done) {
		struct conn *next = done->next_done;
		conn_returned(done);
		done = next;
	}
	unsigned called;
	for (struct conn *conn; (conn = take_woken(server, &called));)
		conn_woken(conn, called);
	net_sessions_dismiss(server);
	if (stop_seconds >= 0)
		begin_stopping(server, stop_seconds);
}

static void on_tick(uv_timer_t *timer)
{
	struct server *server = timer->data;
	int64_t now = clock_monotonic_ms();
	if (server->stop_at_ms) {
		continue_stopping(server);
		return;
	}
	for (struct conn *conn = server->connections, *next; conn; conn = next) {
		next = conn->next;
		conn_tick(conn, now);
	}
	if (server->accepting_paused)
		resume_accepting(server);
}

void server_run(struct server *server)
{
	uv_timer_start(&server->tick, on_tick, 1000, 1000);
	uv_run(&server->loop, UV_RUN_DEFAULT);
}

static void close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void server_free(struct server **server_pointer)
{
	struct server *server = *server_pointer;
	if (!server)
		return;
	close_listeners(server);
	/* Connections that were still with a worker when server_run() gave up come back before the workers end. */
	while (server->connections) {
		shut_down_connections(server, true);
		uv_run(&server->loop, UV_RUN_ONCE);
	}
	workers_free(&server->handshakes);
	workers_free(&server->workers);
	uv_walk(&server->loop, close_handle, NULL);
	uv_run(&server->loop, UV_RUN_DEFAULT);
	uv_loop_close(&server->loop);
	while (server->listeners) {
		struct listener *next = server->listeners->next;
		free(server->listeners);
		server->listeners = next;
	}
	map_free(&server->addresses);
	pthread_mutex_destroy(&server->lock);
	free(server);
	*server_pointer = NULL;
}

void server_counts(struct server *server, struct server_counts *counts)
{
	*counts = (struct server_counts){.accepted = server->accepted, .open = server->open, .refused = server->refused};
	workers_counts(server->workers, &counts->workers, &counts->busy_workers);
}

struct posted_work {
	struct net_job job;
	void (*work)(void *argument);
	void *argument;
};

static void run_posted_work(void *argument)
{
	struct posted_work posted = *(struct posted_work *)argument;
	free(argument);
	posted.work(posted.argument);
}

void server_work(struct server *server, void (*work)(void *argument), void *argument)
{
	struct posted_work *posted = memory_new(sizeof *posted);
	*posted = (struct posted_work){.job = {.work = run_posted_work, .argument = posted}, .work = work, .argument = argument};
	workers_submit(server->workers, &posted->job, LANE_PEOPLE);
}
