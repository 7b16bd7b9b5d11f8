/* The PROXY protocol's header, whole, in pieces, and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "net/proxy.h"

static void assert_says(struct slice input, enum net_proxied wanted, size_t length, const char *client)
{
	struct sockaddr_storage address = {0};
	char text[INET6_ADDRSTRLEN] = "";
	size_t got;
	assert_int_equal(net_proxy_parse(input, &got, &address), wanted);
	if (wanted != NET_PROXY_CLIENT)
		return;
	assert_int_equal(got, length);
	inet_ntop(address.ss_family, address.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&address)->sin_addr
								   : (void *)&((struct sockaddr_in6 *)&address)->sin6_addr, text, sizeof text);
	assert_string_equal(text, client);
}

/* Until the last byte has come nothing is decided. */
static void assert_needs_all(struct slice header, const char *client)
{
	for (size_t i = 0; i < header.len; i++)
		assert_says(slice_sub(header, 0, i), NET_PROXY_INCOMPLETE, 0, NULL);
	assert_says(header, NET_PROXY_CLIENT, header.len, client);
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void both_versions_name_the_client(void **state)
{
	(void)state;
	assert_needs_all(SLICE("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"), "192.0.2.1");
	assert_needs_all(SLICE("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n"), "2001:db8::7");
	assert_needs_all(SLICE(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\1\xdc\4\1\xbb"), "192.0.2.1");
	assert_needs_all(SLICE(SIGNATURE "\x21\x11\0\x10\xc0\0\2\1\xc6\x33\x64\1\xdc\4\1\xbb" "\4\0\1x"), "192.0.2.1");
	assert_says(SLICE("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n"), NET_PROXY_CLIENT, 45, "192.0.2.1");
}

static void a_proxy_may_speak_for_itself(void **state)
{
	(void)state;
	assert_says(SLICE("PROXY UNKNOWN\r\n"), NET_PROXY_ITSELF, 0, NULL);
	assert_says(SLICE(SIGNATURE "\x20\0\0\0"), NET_PROXY_ITSELF, 0, NULL);
	assert_says(SLICE(SIGNATURE "\x21\0\0\0"), NET_PROXY_ITSELF, 0, NULL);
}

static void what_is_no_header_is_the_clients(void **state)
{
	(void)state;
	assert_says(SLICE("GET / HTTP/1.1\r\n"), NET_PROXY_NOTHING, 0, NULL);
	assert_says(SLICE("POST /"), NET_PROXY_NOTHING, 0, NULL);
	assert_says(SLICE("\x16\3\1\2\0"), NET_PROXY_NOTHING, 0, NULL);
	assert_says(SLICE("\r\nGET"), NET_PROXY_NOTHING, 0, NULL);
}

static void what_is_broken_is_refused(void **state)
{
	static const struct slice broken[] = {
		SLICE("PROXY TCP4 192.0.2.1\r\n"), SLICE("PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n"), SLICE("PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n"),
		SLICE("PROXY TCP4 2001:db8::7 198.51.100.1 1 2\r\n"), SLICE("PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n"), SLICE("PROXY TCP4 192.0.2.1\0 198.51.100.1 1 2\r\n"),
		SLICE("PROXY TCP4 111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"),
		SLICE(SIGNATURE "\x11\x11\0\x0c"), SLICE(SIGNATURE "\x21\x11\xff\xff"), SLICE(SIGNATURE "\x21\x11\0\2ab"), SLICE(SIGNATURE "\x21\x21\0\x0c\xc0\0\2\1\xc6\x33\x64\1\xdc\4\1\xbb"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		assert_says(broken[i], NET_PROXY_BROKEN, 0, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_name_the_client),
		cmocka_unit_test(a_proxy_may_speak_for_itself),
		cmocka_unit_test(what_is_no_header_is_the_clients),
		cmocka_unit_test(what_is_broken_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
