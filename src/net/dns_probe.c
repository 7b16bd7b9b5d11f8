/* Asking a resolver for a signed answer; see dns_probe.h. Not through libunbound: its answers don't tell a signature that is
 * missing from one that is wrong, and only the first is the resolver's fault. */
#include "net/dns_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"

enum {
	PACKET_MAX = 4096,
	PACKET_HEADER = 12,
	RECORD_HEAD = 10,      /* type, class, TTL, length */
	TYPE_RRSIG = 46,
	RCODE_FORMAT_ERROR = 1,
	RCODE_NAME_ERROR = 3,
	RCODE_NOT_IMPLEMENTED = 4,
	RESOLVERS_MAX = 3,     /* as of the C library */
	RESOLVER_LINE_MAX = 256,
	DNS_PORT = 53,
};

/* ---- Reading ---- */

static unsigned number_at(struct slice packet, size_t at)
{
	return (unsigned)(unsigned char)packet.at[at] << 8 | (unsigned char)packet.at[at + 1];
}

/* Where the name that begins here ends; packet.len if it doesn't. */
static size_t skip_name(struct slice packet, size_t at)
{
	while (at < packet.len && packet.at[at] != 0) {
		if (((unsigned char)packet.at[at] & 0xc0) == 0xc0) /* a pointer ends a name (RFC 1035 §4.1.4) */
			return at + 2 < packet.len ? at + 2 : packet.len;
		at += 1 + (size_t)(unsigned char)packet.at[at];
	}
	return at < packet.len ? at + 1 : packet.len;
}

/* Is there a signature among so many records from `at` on? */
static bool has_signature(struct slice packet, size_t at, unsigned count)
{
	for (; count > 0; count--) {
		at = skip_name(packet, at);
		if (at + RECORD_HEAD > packet.len)
			return false;
		if (number_at(packet, at) == TYPE_RRSIG)
			return true;
		at += RECORD_HEAD + number_at(packet, at + 8);
	}
	return false;
}

enum dns_probe dns_probe_read(struct slice answer, unsigned id)
{
	if (answer.len < PACKET_HEADER || number_at(answer, 0) != id || !((unsigned char)answer.at[2] & 0x80))
		return DNS_PROBE_UNKNOWN;
	unsigned code = (unsigned char)answer.at[3] & 15;
	if (code == RCODE_FORMAT_ERROR || code == RCODE_NOT_IMPLEMENTED) /* it doesn't know EDNS, so it knows no DNSSEC (RFC 6891 §7) */
		return DNS_PROBE_STRIPPED;
	if (code != 0 && code != RCODE_NAME_ERROR)
		return DNS_PROBE_UNKNOWN;
	size_t at = PACKET_HEADER;
	for (unsigned questions = number_at(answer, 4); questions > 0 && at < answer.len; questions--)
		at = skip_name(answer, at) + 4;
	return has_signature(answer, at, number_at(answer, 6) + number_at(answer, 8)) ? DNS_PROBE_SIGNED : DNS_PROBE_STRIPPED;
}

/* ---- Asking ---- */

/* "address" or "address@port". */
static bool read_address(struct slice text, struct sockaddr_storage *address, socklen_t *size)
{
	char numeric[INET6_ADDRSTRLEN];
	struct slice host, port_text;
	uint64_t port = DNS_PORT;
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
	if (slice_cut(text, '@', &host, &port_text) && !slice_to_number(port_text, UINT16_MAX, &port))
		return false;
	if (host.len == 0 || host.len >= sizeof numeric)
		return false;
	memcpy(numeric, host.at, host.len);
	numeric[host.len] = '\0';
	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, numeric, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*size = sizeof *v4;
		return true;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	*size = sizeof *v6;
	return inet_pton(AF_INET6, numeric, &v6->sin6_addr) == 1;
}

/* The first answer to the question with this id; others, forged or late, are passed over while there is time. */
static enum dns_probe hear(int fd, unsigned id, int stop)
{
	char packet[PACKET_MAX];
	struct pollfd polled[2] = {{.fd = fd, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
	enum dns_probe heard = DNS_PROBE_UNKNOWN;
	int64_t end = clock_monotonic_ms() + DNS_PROBE_SECONDS * 1000, left;
	while (heard == DNS_PROBE_UNKNOWN && (left = end - clock_monotonic_ms()) > 0 && poll(polled, 2, (int)left) > 0 && !polled[1].revents) {
		ssize_t got = recv(fd, packet, sizeof packet, MSG_DONTWAIT);
		if (got < 0)
			break;
		heard = dns_probe_read(slice_make(packet, (size_t)got), id);
	}
	return heard;
}

bool dns_probe_is_resolver(struct slice text)
{
	struct sockaddr_storage address;
	struct slice host, port_text, zone;
	socklen_t size;
	uint64_t port;
	if (slice_cut(text, '@', &host, &port_text) && !slice_to_number(port_text, UINT16_MAX, &port))
		return false;
	slice_cut(host, '%', &host, &zone);
	return read_address(host, &address, &size);
}

static enum dns_probe probe_one(struct slice resolver, int stop)
{
	struct sockaddr_storage address;
	socklen_t size = 0;
	unsigned id = (unsigned)random_below(65536);
	/* The root's SOA; an OPT record with room for 1232 bytes and the DO bit (RFC 6891 §6.1.2). */
	const unsigned char question[] = {(unsigned char)(id >> 8), (unsigned char)id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 6, 0, 1,
					  0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0};
	enum dns_probe heard = DNS_PROBE_UNKNOWN;
	if (!read_address(resolver, &address, &size))
		return heard;
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return heard;
	if (connect(fd, (struct sockaddr *)&address, size) == 0 && send(fd, question, sizeof question, MSG_NOSIGNAL) == sizeof question)
		heard = hear(fd, id, stop);
	close(fd);
	return heard;
}

static enum dns_probe worse(enum dns_probe a, enum dns_probe b)
{
	if (a == DNS_PROBE_STRIPPED || b == DNS_PROBE_STRIPPED)
		return DNS_PROBE_STRIPPED;
	return a == DNS_PROBE_SIGNED || b == DNS_PROBE_SIGNED ? DNS_PROBE_SIGNED : DNS_PROBE_UNKNOWN;
}

static enum dns_probe probe_system(int stop)
{
	char line[RESOLVER_LINE_MAX];
	int count = 0;
	enum dns_probe heard = DNS_PROBE_UNKNOWN;
	FILE *file = fopen("/etc/resolv.conf", "re");
	while (file && count < RESOLVERS_MAX && fgets(line, sizeof line, file)) {
		struct slice word, rest;
		slice_cut(slice_trim(slice_of(line)), ' ', &word, &rest);
		if (!slice_equal(word, SLICE("nameserver")))
			continue;
		heard = worse(heard, probe_one(slice_trim(rest), stop));
		count++;
	}
	if (file)
		fclose(file);
	return count == 0 ? DNS_PROBE_SIGNED : heard;
}

enum dns_probe dns_probe(const char *resolver, int stop)
{
	return *resolver ? probe_one(slice_of(resolver), stop) : probe_system(stop);
}
