/* Carrying messages to a name server and its answers back; see internal.h. Over UDP, again after a while, and over TCP what is large, what was cut off, and
 * what UDP brings no answer to. What isn't an answer to just this question is passed over while there is time; so is one to a change that isn't signed, but
 * the reason for it is said in the end. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "dnsupdate/internal.h"

enum {
	DATAGRAM_MAX = 1200,       /* bytes: larger ones may be cut on the way, or lost */
	DATAGRAM_TRIES = 3,
	FIRST_WAIT_MS = 1000,      /* then twice as long each time */
	LENGTH_BYTES = 2,
};

struct asking {
	const struct dns_update_server *server;
	struct slice message;      /* signed */
	struct dns_update_mac mac;
	unsigned id;
	struct slice name;         /* asked about, or the zone that is changed, */
	unsigned type;             /* and its type */
	bool is_change;
	int64_t end;               /* monotonic milliseconds */
	struct arena *arena;
	struct dns_update_reading *reading;
	struct error *error;
};

enum heard { HEARD_NOTHING, HEARD_ANSWER, HEARD_CUT /* ask over TCP */, HEARD_FAILED };

static bool fail(const struct asking *asking, int number, const char *what)
{
	error_set_errno(asking->error, number, "%s the name server %.*s", what, SLICE_ARG(asking->server->place));
	asking->error->kind = ERROR_TEMPORARY;
	return false;
}

static bool no_answer(const struct asking *asking)
{
	return error_set(asking->error, ERROR_TEMPORARY, "the name server %.*s doesn't answer", SLICE_ARG(asking->server->place));
}

/* Until `until`, in monotonic milliseconds. False: time is up. */
static bool wait_for(int fd, short events, int64_t until)
{
	int64_t left;
	while ((left = until - clock_monotonic_ms()) > 0) {
		struct pollfd polled = {.fd = fd, .events = events};
		if (poll(&polled, 1, (int)left) > 0)
			return true;
	}
	return false;
}

static socklen_t address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* ---- What an answer is worth ---- */

/* Servers may leave off the zone of a change in their answer (RFC 2136 §3.8); what has a question must have ours. */
static bool is_ours(const struct asking *asking, const struct dns_update_reading *reading)
{
	if (!reading->is_answer || reading->id != asking->id || reading->opcode != (asking->is_change ? OPCODE_UPDATE : OPCODE_QUERY))
		return false;
	return reading->has_question ? reading->type == asking->type && slice_equal_nocase(reading->name, asking->name) : asking->is_change || reading->code != 0;
}

/* A refusal is believed as it is, for a server that doesn't know the key can't sign it: who forges one gets no more than by keeping the answer away. */
static enum heard judge(const struct asking *asking, struct slice answer)
{
	struct dns_update_reading reading;
	if (!dns_update_read(answer, asking->arena, &reading) || !is_ours(asking, &reading))
		return HEARD_NOTHING;
	if (reading.truncated)
		return HEARD_CUT;
	*asking->reading = reading;
	bool must = asking->is_change && reading.code == 0;
	if ((must || reading.tsig.there) && !dns_update_verify(asking->server, answer, &reading, &asking->mac, clock_now(), asking->error))
		return reading.code != 0 ? HEARD_FAILED : HEARD_NOTHING;
	return HEARD_ANSWER;
}

/* ---- UDP ---- */

static int open_socket(const struct asking *asking, int type)
{
	const struct sockaddr_storage *address = &asking->server->address;
	int fd = socket(address->ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && (connect(fd, (const struct sockaddr *)address, address_size(address)) == 0 || errno == EINPROGRESS))
		return fd;
	fail(asking, errno, "connecting to");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* HEARD_CUT also where nobody listens: over TCP somebody may. */
static enum heard hear_datagrams(const struct asking *asking, int fd, char *packet, int64_t until)
{
	enum heard heard = HEARD_NOTHING;
	while (heard == HEARD_NOTHING && wait_for(fd, POLLIN, until)) {
		ssize_t got = recv(fd, packet, MESSAGE_MAX, MSG_DONTWAIT);
		if (got >= 0)
			heard = judge(asking, slice_make(packet, (size_t)got));
		else if (errno != EAGAIN && errno != EINTR)
			return HEARD_CUT;
	}
	return heard;
}

static enum heard ask_by_datagram(const struct asking *asking)
{
	enum heard heard = HEARD_NOTHING;
	int64_t wait = FIRST_WAIT_MS;
	int fd = open_socket(asking, SOCK_DGRAM);
	if (fd < 0)
		return HEARD_FAILED;
	char *packet = arena_alloc(asking->arena, MESSAGE_MAX);
	for (int i = 0; i < DATAGRAM_TRIES && heard == HEARD_NOTHING; i++, wait *= 2) {
		if (send(fd, asking->message.at, asking->message.len, MSG_NOSIGNAL) < 0)
			heard = HEARD_CUT;
		else
			heard = hear_datagrams(asking, fd, packet, clock_monotonic_ms() + wait);
	}
	close(fd);
	return heard;
}

/* ---- TCP ---- */

static bool is_connected(const struct asking *asking, int fd)
{
	int number = 0;
	socklen_t size = sizeof number;
	if (!wait_for(fd, POLLOUT, asking->end))
		return no_answer(asking);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 && number == 0)
		return true;
	return fail(asking, number, "connecting to");
}

static bool send_all(const struct asking *asking, int fd, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t sent = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
		if (sent > 0)
			bytes = slice_skip(bytes, (size_t)sent);
		else if (errno != EAGAIN && errno != EINTR)
			return fail(asking, errno, "writing to");
		else if (!wait_for(fd, POLLOUT, asking->end))
			return no_answer(asking);
	}
	return true;
}

static bool receive_all(const struct asking *asking, int fd, char *out, size_t len)
{
	while (len > 0) {
		if (!wait_for(fd, POLLIN, asking->end))
			return no_answer(asking);
		ssize_t got = recv(fd, out, len, MSG_DONTWAIT);
		if (got == 0)
			return error_set(asking->error, ERROR_TEMPORARY, "the name server %.*s hung up", SLICE_ARG(asking->server->place));
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return fail(asking, errno, "reading from");
		if (got > 0) {
			out += got;
			len -= (size_t)got;
		}
	}
	return true;
}

static bool converse(const struct asking *asking, int fd)
{
	char length[LENGTH_BYTES] = {(char)(asking->message.len >> 8), (char)asking->message.len};
	if (!is_connected(asking, fd) || !send_all(asking, fd, slice_make(length, sizeof length)) || !send_all(asking, fd, asking->message) ||
	    !receive_all(asking, fd, length, sizeof length))
		return false;
	size_t len = (size_t)(unsigned char)length[0] << 8 | (unsigned char)length[1];
	char *answer = arena_alloc(asking->arena, len + 1);
	if (!receive_all(asking, fd, answer, len))
		return false;
	error_set(asking->error, ERROR_INVALID, "the answer of the name server %.*s makes no sense", SLICE_ARG(asking->server->place)); /* unless something is said of it */
	return judge(asking, slice_make(answer, len)) == HEARD_ANSWER;
}

static bool ask_by_stream(const struct asking *asking)
{
	int fd = open_socket(asking, SOCK_STREAM);
	if (fd < 0)
		return false;
	bool done = converse(asking, fd);
	close(fd);
	return done;
}

static unsigned number_at(struct slice message, size_t at)
{
	return (unsigned)(unsigned char)message.at[at] << 8 | (unsigned char)message.at[at + 1];
}

static void note_question(struct asking *asking)
{
	size_t at = MESSAGE_HEADER;
	asking->id = number_at(asking->message, 0);
	if (dns_update_read_name(asking->message, &at, asking->arena, &asking->name))
		asking->type = number_at(asking->message, at);
}

bool dns_update_ask(const struct dns_update_server *server, struct buf *message, bool is_change, struct arena *arena, struct dns_update_reading *reading,
		    struct error *error)
{
	struct error local = {0};
	struct asking asking = {.server = server, .is_change = is_change, .arena = arena, .reading = reading, .error = error ? error : &local};
	asking.end = clock_monotonic_ms() + DNS_UPDATE_SECONDS * 1000;
	if (!dns_update_sign(server, clock_now(), message, &asking.mac))
		return error_set(asking.error, ERROR_INVALID, "a message to the name server %.*s would be too long", SLICE_ARG(server->place));
	asking.message = buf_slice(message);
	note_question(&asking);
	asking.error->kind = ERROR_NONE;
	enum heard heard = message->len > DATAGRAM_MAX ? HEARD_CUT : ask_by_datagram(&asking);
	if (heard == HEARD_NOTHING && asking.error->kind != ERROR_NONE) /* an answer that isn't worth anything; another won't come */
		return false;
	return heard == HEARD_ANSWER || (heard != HEARD_FAILED && ask_by_stream(&asking));
}
