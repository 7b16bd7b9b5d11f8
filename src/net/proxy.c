/* Reading the PROXY protocol's header: see proxy.h. */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum {
	LINE_MAX_SIZE = 107,  /* of version 1, CRLF included */
	BINARY_HEAD = 16,
	VERSION_AND_LOCAL = 0x20, VERSION_AND_PROXY = 0x21,
	TCP_OVER_4 = 0x11, TCP_OVER_6 = 0x21,
	ADDRESSES_OF_4 = 12, ADDRESSES_OF_6 = 36,
};
#define BINARY_SIGNATURE SLICE("\r\n\r\n\0\r\nQUIT\n")

static void set_four(struct sockaddr_storage *client, const void *address, uint16_t port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)client;
	*client = (struct sockaddr_storage){0};
	four->sin_family = AF_INET;
	four->sin_port = port;
	memcpy(&four->sin_addr, address, sizeof four->sin_addr);
}

static void set_six(struct sockaddr_storage *client, const void *address, uint16_t port)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)client;
	*client = (struct sockaddr_storage){0};
	six->sin6_family = AF_INET6;
	six->sin6_port = port;
	memcpy(&six->sin6_addr, address, sizeof six->sin6_addr);
}

/* ---- Version 1: a line ---- */

static bool read_client(int family, struct slice address, struct slice port, struct sockaddr_storage *client)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char bytes[sizeof(struct in6_addr)];
	uint64_t number;
	if (address.len >= sizeof text || !slice_to_number(port, UINT16_MAX, &number))
		return false;
	memcpy(text, address.at, address.len);
	text[address.len] = '\0';
	if (slice_find_char(address, '\0') != SLICE_NONE || inet_pton(family, text, bytes) != 1)
		return false;
	if (family == AF_INET)
		set_four(client, bytes, htons((uint16_t)number));
	else
		set_six(client, bytes, htons((uint16_t)number));
	return true;
}

/* "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443" */
static enum net_proxied parse_line(struct slice line, struct sockaddr_storage *client)
{
	struct slice word, kind, from, to, port, rest = line;
	slice_cut(rest, ' ', &word, &rest);
	slice_cut(rest, ' ', &kind, &rest);
	if (slice_equal(kind, SLICE("UNKNOWN")))
		return NET_PROXY_ITSELF;
	bool four = slice_equal(kind, SLICE("TCP4"));
	if (!four && !slice_equal(kind, SLICE("TCP6")))
		return NET_PROXY_BROKEN;
	bool whole = slice_cut(rest, ' ', &from, &rest) && slice_cut(rest, ' ', &to, &rest) && slice_cut(rest, ' ', &port, &rest);
	return whole && read_client(four ? AF_INET : AF_INET6, from, port, client) ? NET_PROXY_CLIENT : NET_PROXY_BROKEN;
}

static enum net_proxied parse_text(struct slice input, size_t *length, struct sockaddr_storage *client)
{
	struct slice line = slice_sub(input, 0, LINE_MAX_SIZE);
	size_t end = slice_find(line, SLICE("\r\n"));
	if (end == SLICE_NONE)
		return line.len < LINE_MAX_SIZE ? NET_PROXY_INCOMPLETE : NET_PROXY_BROKEN;
	*length = end + 2;
	return parse_line(slice_sub(line, 0, end), client);
}

/* ---- Version 2 ---- */

static unsigned byte_at(struct slice s, size_t i) { return (unsigned char)s.at[i]; }

static enum net_proxied parse_binary(struct slice input, size_t *length, struct sockaddr_storage *client)
{
	uint16_t port;
	if (input.len < BINARY_HEAD)
		return NET_PROXY_INCOMPLETE;
	unsigned command = byte_at(input, 12), family = byte_at(input, 13), size = byte_at(input, 14) << 8 | byte_at(input, 15);
	*length = BINARY_HEAD + size;
	if (*length > NET_PROXY_MAX || (command != VERSION_AND_LOCAL && command != VERSION_AND_PROXY))
		return NET_PROXY_BROKEN;
	if (input.len < *length)
		return NET_PROXY_INCOMPLETE;
	const char *at = input.at + BINARY_HEAD;
	if (command == VERSION_AND_LOCAL)
		return NET_PROXY_ITSELF;
	if (family == TCP_OVER_4 && size >= ADDRESSES_OF_4) {
		memcpy(&port, at + 8, sizeof port);
		set_four(client, at, port);
		return NET_PROXY_CLIENT;
	}
	if (family == TCP_OVER_6 && size >= ADDRESSES_OF_6) {
		memcpy(&port, at + 32, sizeof port);
		set_six(client, at, port);
		return NET_PROXY_CLIENT;
	}
	return family == TCP_OVER_4 || family == TCP_OVER_6 ? NET_PROXY_BROKEN : NET_PROXY_ITSELF;
}

/* Is what has come the beginning of that, or begins with it? */
static bool may_begin_with(struct slice input, struct slice mark)
{
	size_t len = input.len < mark.len ? input.len : mark.len;
	return slice_equal(slice_sub(input, 0, len), slice_sub(mark, 0, len));
}

enum net_proxied net_proxy_parse(struct slice input, size_t *length, struct sockaddr_storage *client)
{
	struct slice text = SLICE("PROXY "), binary = BINARY_SIGNATURE;
	*length = 0;
	if (input.len == 0)
		return NET_PROXY_INCOMPLETE;
	if (may_begin_with(input, binary))
		return parse_binary(input, length, client);
	if (!may_begin_with(input, text))
		return NET_PROXY_NOTHING;
	return parse_text(input, length, client);
}
