/* The auth role's loop: datagrams in, answers out, over one channel per role. Nothing a client sends can make it fail, block
 * or grow without bound: datagrams are decoded strictly, a client that doesn't fetch its answers isn't read from, and what
 * waits for a thread is limited per channel. */
#include "auth/server_internal.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/usage/usage.h"

enum {
	EXPIRE_EVERY_MS = 10 * 1000,
	LOOK_EVERY_MS = 250, /* for what the command line has changed: sessions end within a second */
	MMAP_FROM = 256 * 1024,
};

struct auth_server *auth_server_new(const char *data, struct error *error)
{
	struct directory *directory = directory_open(data, error);
	if (!directory)
		return NULL;
	struct auth_server *server = memory_new(sizeof *server);
	server->directory = directory;
	if (!directory_last_change(directory, &server->change, error)) {
		directory_close(&directory);
		free(server);
		return NULL;
	}
	server->usage = usage_open(data, false);
	server->scram = true;
	auth_server_look_at_scram(server);
	server->sasl = sasl_new(directory);
	server->throttle = throttle_new();
	server->verified = verified_new();
	server->known = known_open(data);
	server->log = sign_in_log_new();
	server->generation = random_u64() | 1;
	server->arena = arena_new();
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->stop_fd < 0 || server->done_fd < 0) {
		error_set_errno(error, errno, "eventfd");
		auth_server_free(&server);
	}
	return server;
}

/* ---- Sending ---- */

struct buf auth_server_answer(struct auth_server *server, enum wire_kind kind, uint64_t id)
{
	struct buf datagram = BUF_SECRET(WIRE_DATAGRAM_MAX);
	wire_begin(&datagram, kind, server->generation, id);
	return datagram;
}

static void close_channel(struct channel *channel)
{
	if (channel->fd >= 0)
		close(channel->fd);
	channel->fd = -1;
}

/* False: it must wait. Whatever else goes wrong, the datagram is gone. */
static bool send_now(struct channel *channel, struct slice datagram)
{
	while (channel->fd >= 0 && send(channel->fd, datagram.at, datagram.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EAGAIN || errno == ENOBUFS)
			return false;
		if (errno != EINTR)
			close_channel(channel);
	}
	return true;
}

static void flush_output(struct channel *channel)
{
	while (channel->output && send_now(channel, buf_slice(&channel->output->datagram))) {
		struct outgoing *sent = channel->output;
		channel->output_bytes -= sent->datagram.len;
		if (!(channel->output = sent->next))
			channel->output_end = &channel->output;
		buf_free(&sent->datagram);
		free(sent);
	}
}

void auth_server_send(struct channel *channel, struct buf *datagram)
{
	if (!channel->output && send_now(channel, buf_slice(datagram))) {
		buf_free(datagram);
		return;
	}
	struct outgoing *waiting = memory_new(sizeof *waiting);
	waiting->datagram = *datagram;
	channel->output_bytes += datagram->len;
	*channel->output_end = waiting;
	channel->output_end = &waiting->next;
	*datagram = BUF(0);
}

/* ---- What has changed ---- */

void auth_server_on_change(struct auth_server *server, void (*changed)(void *context, const struct auth_change *change), void *context)
{
	server->changed = changed;
	server->changed_context = context;
}

static void announce(struct auth_server *server, const struct auth_change *change)
{
	if (server->changed)
		server->changed(server->changed_context, change);
}

static void announce_account(struct auth_server *server, struct slice account)
{
	struct error error;
	struct auth_change change = {.account.name = account};
	const char *why;
	if (!directory_identity(server->directory, account, &change.account.identity, &why, &error)) {
		log_error("directory.failed", log_slice("account", account), log_text("reason", error.text));
		change = (struct auth_change){.any = true};
	} else
		change.reason = slice_of(why ? why : "another password, or another account of that name");
	announce(server, &change);
}

/* The command line changes the directory in its own process; here that is noticed. */
static void look_for_changes(struct auth_server *server)
{
	struct slice *accounts;
	size_t count;
	bool all;
	struct error error;
	int64_t last = server->change;
	server->looked_ms = clock_monotonic_ms();
	if (!directory_changes(server->directory, &last, &all, server->arena, &accounts, &count, &error)) {
		log_error("directory.failed", log_text("reason", error.text));
		server->looked_ms += EXPIRE_EVERY_MS; /* what is broken isn't said four times a second */
		return;
	}
	if (server->change != last)
		auth_server_look_at_scram(server);
	server->change = last;
	if (!all)
		announce(server, &(struct auth_change){.any = true});
	for (size_t i = 0; all && i < count; i++)
		announce_account(server, accounts[i]);
	arena_reset(server->arena);
}

static void say_hello(struct auth_server *server, struct channel *channel)
{
	struct buf hello = auth_server_answer(server, WIRE_HELLO, 0);
	wire_put_number(&hello, server->scram);
	auth_server_send(channel, &hello);
}

void auth_server_look_at_scram(struct auth_server *server)
{
	struct error error;
	bool scram;
	if (!directory_all_have_scram(server->directory, &scram, &error) || scram == server->scram)
		return;
	server->scram = scram;
	for (size_t i = 0; i < server->channel_count; i++)
		if (server->channels[i].fd >= 0)
			say_hello(server, &server->channels[i]);
}

/* ---- Channels ---- */

void auth_server_add_channel(struct auth_server *server, int fd)
{
	if (server->channel_count == AUTH_CHANNELS_MAX) {
		log_error("auth.too_many_channels");
		close(fd);
		return;
	}
	struct channel *channel = &server->channels[server->channel_count++];
	channel->fd = fd;
	channel->exchanges = recent_new(EXCHANGES_PER_CHANNEL_MAX, sizeof(struct exchange), auth_server_drop_exchange);
	channel->output_end = &channel->output;
	for (int kind = 0; kind < CHECK_KINDS; kind++)
		channel->queues[kind].end = &channel->queues[kind].first;
	say_hello(server, channel);
}

/* Tells the end of a channel from an empty datagram. */
static bool peer_is_gone(const struct channel *channel)
{
	struct pollfd polled = {.fd = channel->fd, .events = POLLRDHUP};
	return poll(&polled, 1, 0) > 0 && polled.revents != 0;
}

static void read_channel(struct auth_server *server, struct channel *channel)
{
	char datagram[WIRE_DATAGRAM_MAX];
	for (int i = 0; i < DATAGRAMS_PER_TURN && channel->fd >= 0 && channel->output_bytes < CHANNEL_OUTPUT_MAX; i++) {
		ssize_t len = recv(channel->fd, datagram, sizeof datagram, MSG_DONTWAIT | MSG_TRUNC);
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (len < 0 || (len == 0 && peer_is_gone(channel))) {
			close_channel(channel);
			break;
		}
		/* One that is too long comes back with its true length: it is no request of ours, and gets as empty what it earns. */
		size_t taken = (size_t)len <= sizeof datagram ? (size_t)len : 0;
		auth_server_handle(server, channel, slice_make(datagram, taken));
		memory_wipe(datagram, taken);
		arena_reset(server->arena);
	}
}

/* ---- The loop ---- */

static void drain(int fd)
{
	uint64_t count;
	while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
		;
}

enum { POLL_STOP, POLL_DONE, POLL_CHANNELS };

static short events_of(const struct channel *channel)
{
	short events = channel->output ? POLLOUT : 0;
	if (channel->output_bytes < CHANNEL_OUTPUT_MAX)
		events |= POLLIN;
	return events;
}

static void turn(struct auth_server *server, const struct pollfd *polled)
{
	if (polled[POLL_DONE].revents)
		drain(server->done_fd);
	for (size_t i = 0; i < server->channel_count; i++) {
		struct channel *channel = &server->channels[i];
		flush_output(channel);
		if (polled[POLL_CHANNELS + i].revents & (POLLIN | POLLHUP | POLLERR))
			read_channel(server, channel);
	}
	auth_server_run_checks(server);
}

void auth_server_run(struct auth_server *server)
{
	/* Argon2's memory goes back to the system after each hash; by default glibc learns to keep such blocks. */
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
	struct pollfd polled[POLL_CHANNELS + AUTH_CHANNELS_MAX] = {0};
	int64_t expired_ms = clock_monotonic_ms();
	server->pool = password_pool_new(server->done_fd);
	for (;;) {
		polled[POLL_STOP] = (struct pollfd){.fd = server->stop_fd, .events = POLLIN};
		polled[POLL_DONE] = (struct pollfd){.fd = server->done_fd, .events = POLLIN};
		for (size_t i = 0; i < server->channel_count; i++)
			polled[POLL_CHANNELS + i] = (struct pollfd){.fd = server->channels[i].fd, .events = events_of(&server->channels[i])};
		if (poll(polled, POLL_CHANNELS + server->channel_count, LOOK_EVERY_MS) < 0)
			continue;
		if (polled[POLL_STOP].revents)
			break;
		turn(server, polled);
		if (clock_monotonic_ms() - server->looked_ms >= LOOK_EVERY_MS)
			look_for_changes(server);
		if (clock_monotonic_ms() - expired_ms >= EXPIRE_EVERY_MS) {
			for (size_t i = 0; i < server->channel_count; i++)
				auth_server_expire_exchanges(&server->channels[i]);
			auth_server_log_unsaid(server);
			expired_ms = clock_monotonic_ms();
		}
	}
	password_pool_free(&server->pool);
	auth_server_drop_checks(server);
}

void auth_server_stop(struct auth_server *server)
{
	uint64_t one = 1;
	ssize_t ignored = write(server->stop_fd, &one, sizeof one);
	(void)ignored; /* it fails only when the counter is full: then it will stop anyway */
}

static void free_channel(struct channel *channel)
{
	close_channel(channel);
	flush_output(channel); /* nobody is there any more: frees what waits */
	recent_free(&channel->exchanges);
}

void auth_server_free(struct auth_server **server)
{
	if (!*server)
		return;
	auth_server_drop_checks(*server);
	for (size_t i = 0; i < (*server)->channel_count; i++)
		free_channel(&(*server)->channels[i]);
	if ((*server)->stop_fd >= 0)
		close((*server)->stop_fd);
	if ((*server)->done_fd >= 0)
		close((*server)->done_fd);
	if ((*server)->usage >= 0)
		close((*server)->usage);
	sasl_free(&(*server)->sasl);
	throttle_free(&(*server)->throttle);
	verified_free(&(*server)->verified);
	known_close(&(*server)->known);
	sign_in_log_free(&(*server)->log);
	directory_close(&(*server)->directory);
	arena_free(&(*server)->arena);
	free(*server);
	*server = NULL;
}
