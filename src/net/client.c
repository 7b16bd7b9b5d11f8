/* The outgoing side of a connection: connect, lines in, bytes out, TLS; see client.h.
 *
 * The socket never blocks; waiting is poll(2) up to the deadline, also for the thread's stop descriptor. Any failure
 * (time-out, reset, line without end) makes the connection unusable: every later call fails too, with the same cause.
 * The process must not be ended by SIGPIPE: OpenSSL writes with write(2). */
#include "net/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/tls_messages.h"

enum {
	CLIENT_OUTPUT_MAX = 64 * 1024, /* bytes gathered before they must be written */
	CLIENT_TLS_TEXT_MAX = 128,
	CLIENT_INPUT_MAX = 2 * CLIENT_LINE_MAX,
};

struct client {
	int fd;
	SSL *ssl;
	int64_t deadline; /* monotonic milliseconds */
	int64_t end;      /* of all deadlines; 0: none */
	struct buf out;
	size_t in_at, in_len; /* what of `in` hasn't been read */
	bool broken;
	bool hung_up; /* by the other side */
	struct error cause; /* why it is broken */
	char tls_text[CLIENT_TLS_TEXT_MAX];
	bool tls_verified;
	char in[CLIENT_INPUT_MAX];
};

static _Thread_local int stop_fd = -1;

void client_stop_on(int fd)
{
	stop_fd = fd;
}

/* ---- Failing and waiting ---- */

static bool client_fail(struct client *client, struct error *error)
{
	if (error)
		*error = client->cause;
	return false;
}

__attribute__((format(printf, 2, 3))) static bool client_break(struct client *client, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	client->broken = true;
	client->cause.kind = ERROR_TEMPORARY;
	vsnprintf(client->cause.text, sizeof client->cause.text, format, args);
	va_end(args);
	return false;
}

static bool client_break_errno(struct client *client, int number, const char *what)
{
	client->broken = true;
	client->hung_up |= number == ECONNRESET || number == EPIPE;
	error_set_errno(&client->cause, number, "%s", what);
	client->cause.kind = ERROR_TEMPORARY;
	return false;
}

static bool client_interrupt(struct client *client)
{
	client_break(client, "this server is stopping");
	client->cause.kind = ERROR_INTERRUPTED;
	return false;
}

/* Waits until the socket is ready for `events`; false: time is up, or this thread has been told to stop. */
static bool client_wait(struct client *client, short events)
{
	for (;;) {
		int64_t left = client->deadline - clock_monotonic_ms();
		if (left <= 0)
			return client_break(client, "timed out while waiting for the other server");
		struct pollfd polled[2] = {{.fd = client->fd, .events = events}, {.fd = stop_fd, .events = POLLIN}};
		int ready = poll(polled, 2, left > 60000 ? 60000 : (int)left);
		if (ready < 0 && errno != EINTR)
			return client_break_errno(client, errno, "waiting for the other server");
		if (ready > 0 && polled[1].revents)
			return client_interrupt(client);
		if (ready > 0 && polled[0].revents)
			return true;
	}
}

void client_set_timeout(struct client *client, int seconds)
{
	client->deadline = clock_monotonic_ms() + (int64_t)seconds * 1000;
	if (client->end != 0 && client->end < client->deadline)
		client->deadline = client->end;
}

void client_set_end(struct client *client, int64_t end)
{
	client->end = end;
}

/* ---- Connecting ---- */

static socklen_t address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static void address_set_port(struct sockaddr_storage *address, int port)
{
	if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
}

static bool connect_wait(struct client *client, const struct sockaddr_storage *to)
{
	if (connect(client->fd, (const struct sockaddr *)to, address_size(to)) == 0)
		return true;
	if (errno != EINPROGRESS && errno != EINTR)
		return client_break_errno(client, errno, "connecting");
	if (!client_wait(client, POLLOUT))
		return false;
	int number = 0;
	socklen_t size = sizeof number;
	getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &number, &size);
	return number == 0 || client_break_errno(client, number, "connecting");
}

struct client *client_connect(const struct sockaddr_storage *address, int port, const struct sockaddr_storage *from, int timeout, struct error *error)
{
	struct sockaddr_storage to = *address;
	address_set_port(&to, port);
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		error_set_errno(error, errno, "making a socket");
		return NULL;
	}
	struct client *client = memory_new(sizeof *client);
	client->fd = fd;
	client->out = BUF_SECRET(CLIENT_OUTPUT_MAX);
	client_set_timeout(client, timeout);
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	bool bound = !from || from->ss_family != to.ss_family || bind(fd, (const struct sockaddr *)from, address_size(from)) == 0 ||
		     client_break_errno(client, errno, "binding to the configured local address");
	if (!bound || !connect_wait(client, &to)) {
		client_fail(client, error);
		client_close(&client);
	}
	return client;
}

void client_close(struct client **client)
{
	if (!*client)
		return;
	if ((*client)->ssl) {
		if (!(*client)->broken)
			SSL_shutdown((*client)->ssl);
		SSL_free((*client)->ssl);
	}
	close((*client)->fd);
	buf_free(&(*client)->out);
	free(*client);
	*client = NULL;
}

/* ---- Bytes ---- */

/* What to wait for after OpenSSL couldn't go on; 0: it never can, and the connection is broken. */
static short tls_wants(struct client *client, int result, const char *what)
{
	int why = SSL_get_error(client->ssl, result);
	if (why == SSL_ERROR_WANT_READ)
		return POLLIN;
	if (why == SSL_ERROR_WANT_WRITE)
		return POLLOUT;
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	client_break(client, "%s: %s", what, reason ? reason : "the other server closed the connection");
	ERR_clear_error();
	return 0;
}

static ssize_t write_some(struct client *client, struct slice bytes, short *wants)
{
	if (client->ssl) {
		ERR_clear_error();
		int len = bytes.len > 1 << 20 ? 1 << 20 : (int)bytes.len;
		int wrote = SSL_write(client->ssl, bytes.at, len);
		*wants = wrote > 0 ? 0 : tls_wants(client, wrote, "writing over TLS");
		return wrote;
	}
	ssize_t wrote = send(client->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
	*wants = 0;
	if (wrote < 0 && (errno == EAGAIN || errno == EINTR))
		*wants = POLLOUT;
	else if (wrote < 0)
		client_break_errno(client, errno, "writing");
	return wrote;
}

static bool write_all(struct client *client, struct slice bytes)
{
	while (bytes.len > 0 && !client->broken) {
		short wants = 0;
		ssize_t wrote = write_some(client, bytes, &wants);
		if (wrote > 0)
			bytes = slice_skip(bytes, (size_t)wrote);
		else if (wants)
			client_wait(client, wants);
	}
	return !client->broken;
}

bool client_flush(struct client *client, struct error *error)
{
	if (client->broken)
		return client_fail(client, error);
	bool done = write_all(client, buf_slice(&client->out));
	memory_wipe(client->out.at, client->out.len);
	buf_clear(&client->out);
	return done || client_fail(client, error);
}

bool client_write(struct client *client, struct slice bytes, struct error *error)
{
	if (client->broken)
		return client_fail(client, error);
	if (bytes.len > CLIENT_OUTPUT_MAX - client->out.len && !client_flush(client, error))
		return false;
	if (bytes.len > CLIENT_OUTPUT_MAX)
		return write_all(client, bytes) || client_fail(client, error);
	return buf_append(&client->out, bytes);
}

/* Reads what has come, waiting for at least one byte, into the free end of `in`. */
static bool read_some(struct client *client)
{
	char *room = client->in + client->in_at + client->in_len;
	size_t size = sizeof client->in - client->in_at - client->in_len;
	while (!client->broken) {
		short wants = POLLIN;
		ssize_t got;
		if (client->ssl) {
			ERR_clear_error();
			got = SSL_read(client->ssl, room, (int)size);
			wants = got > 0 ? 0 : tls_wants(client, (int)got, "reading over TLS");
		} else {
			got = recv(client->fd, room, size, 0);
			client->hung_up |= got == 0;
			if (got == 0)
				client_break(client, "the other server closed the connection");
			else if (got < 0 && errno != EAGAIN && errno != EINTR)
				client_break_errno(client, errno, "reading");
		}
		if (got > 0) {
			client->in_len += (size_t)got;
			return true;
		}
		if (!client->broken)
			client_wait(client, wants);
	}
	return false;
}

/* Of a line whose end isn't in sight no more is kept than will be given out; but its last byte may be the CR of its end, and does
 * no harm. Returns how much went. */
static size_t drop_excess(struct client *client)
{
	if (client->in_len <= CLIENT_LINE_MAX)
		return 0;
	size_t excess = client->in_len - CLIENT_LINE_MAX;
	client->in_len = CLIENT_LINE_MAX;
	return excess;
}

bool client_read_line(struct client *client, struct slice *line, struct error *error)
{
	if (!client_flush(client, error))
		return false;
	size_t searched = 0, dropped = 0;
	for (;;) {
		struct slice input = slice_make(client->in + client->in_at, client->in_len);
		size_t end = slice_find_char(slice_skip(input, searched), '\n');
		if (end != SLICE_NONE) {
			end += searched;
			client->in_at += end + 1;
			client->in_len -= end + 1;
			*line = slice_sub(input, 0, end > 0 && input.at[end - 1] == '\r' ? end - 1 : end);
			*line = slice_sub(*line, 0, CLIENT_LINE_MAX);
			return true;
		}
		dropped += drop_excess(client);
		if (dropped > CLIENT_LINE_DROPPED_MAX) {
			client_break(client, "the other server sent a line of more than %d bytes", CLIENT_LINE_MAX + CLIENT_LINE_DROPPED_MAX);
			return client_fail(client, error);
		}
		searched = client->in_len;
		memmove(client->in, client->in + client->in_at, client->in_len);
		client->in_at = 0;
		if (!read_some(client))
			return client_fail(client, error);
	}
}

bool client_was_hung_up(const struct client *client)
{
	return client->hung_up;
}

bool client_has_input(struct client *client)
{
	char byte;
	if (client->in_len > 0 || client->broken)
		return true;
	if (client->ssl) { /* TLS 1.3 tickets make the socket readable without any data being there */
		ERR_clear_error();
		int got = SSL_peek(client->ssl, &byte, 1);
		return got > 0 || SSL_get_error(client->ssl, got) != SSL_ERROR_WANT_READ;
	}
	ssize_t got = recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return got >= 0 || (errno != EAGAIN && errno != EINTR);
}

/* ---- TLS ---- */

static pthread_once_t tls_once = PTHREAD_ONCE_INIT;
static SSL_CTX *tls_context; /* lives as long as the process */

static void tls_make_context(void)
{
	tls_context = SSL_CTX_new(TLS_client_method());
	if (!tls_context)
		return;
	SSL_CTX_set_default_verify_paths(tls_context);
	SSL_CTX_set_min_proto_version(tls_context, TLS1_2_VERSION);
	SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_OFF);
}

bool client_trust(const char *ca_file, struct error *error)
{
	pthread_once(&tls_once, tls_make_context);
	if (tls_context && SSL_CTX_load_verify_file(tls_context, ca_file) == 1)
		return true;
	ERR_clear_error();
	return error_set(error, ERROR_INVALID, "%s: no certificates could be read from it", ca_file);
}

/* The name to be verified: a host name, also sent as SNI (RFC 6066 allows no addresses there), or a numeric address. */
static bool tls_set_name(SSL *ssl, const char *name)
{
	unsigned char numeric[sizeof(struct in6_addr)];
	if (!*name)
		return true;
	if (inet_pton(AF_INET, name, numeric) == 1 || inet_pton(AF_INET6, name, numeric) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

enum client_certificate client_certificate(const struct client *client)
{
	if (!client->ssl || !SSL_get0_peer_certificate(client->ssl))
		return CLIENT_CERTIFICATE_OTHER;
	switch (SSL_get_verify_result(client->ssl)) {
	case X509_V_OK: return CLIENT_CERTIFICATE_FINE;
	case X509_V_ERR_CERT_HAS_EXPIRED: return CLIENT_CERTIFICATE_EXPIRED;
	case X509_V_ERR_HOSTNAME_MISMATCH: return CLIENT_CERTIFICATE_OF_ANOTHER;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return CLIENT_CERTIFICATE_UNTRUSTED;
	default: return CLIENT_CERTIFICATE_OTHER;
	}
}

static bool tls_handshake(struct client *client)
{
	while (!client->broken) {
		ERR_clear_error();
		int result = SSL_connect(client->ssl);
		if (result == 1) {
			tls_count_messages(client->ssl);
			return true;
		}
		short wants = 0;
		long verified = SSL_get_verify_result(client->ssl);
		if (verified != X509_V_OK && SSL_get_verify_mode(client->ssl) != SSL_VERIFY_NONE)
			client_break(client, "the certificate can't be trusted: %s", X509_verify_cert_error_string(verified));
		else
			wants = tls_wants(client, result, "TLS handshake");
		if (wants)
			client_wait(client, wants);
	}
	return false;
}

bool client_start_tls(struct client *client, const char *name, enum tls_demand demand, struct error *error)
{
	pthread_once(&tls_once, tls_make_context);
	if (!client_flush(client, error))
		return false;
	client->in_at = client->in_len = 0; /* RFC 3207 §4.2: nothing from before TLS counts (CVE-2021-38371 and its like) */
	client->ssl = tls_context ? SSL_new(tls_context) : NULL;
	if (!client->ssl || !tls_set_name(client->ssl, name ? name : "") || SSL_set_fd(client->ssl, client->fd) != 1) {
		client_break(client, "TLS can't be set up for %s", name ? name : "(no name)");
		return client_fail(client, error);
	}
	SSL_set_verify(client->ssl, demand == TLS_VERIFIED ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (!tls_handshake(client))
		return client_fail(client, error);
	bool verified = name && *name && SSL_get_verify_result(client->ssl) == X509_V_OK && SSL_get0_peer_certificate(client->ssl);
	if (demand == TLS_VERIFIED && !verified) {
		client_break(client, "the certificate can't be trusted");
		return client_fail(client, error);
	}
	client->tls_verified = verified;
	snprintf(client->tls_text, sizeof client->tls_text, "%s %s %s", SSL_get_version(client->ssl), SSL_get_cipher_name(client->ssl),
		 verified ? "verified" : "unverified");
	return true;
}

bool client_tls_is_verified(const struct client *client)
{
	return client->tls_verified;
}

const char *client_tls_text(const struct client *client)
{
	return client->tls_text;
}
