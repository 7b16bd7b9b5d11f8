/* To where a browser may be sent back with a code: to a program of the same device alone (RFC 8252). No site can get one. */
#include "auth/auth.h"

static bool is_uri_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (c != '\0' && strchr("-._~:/?[]@!$&'()*+,;=%", c));
}

/* Behind "http://127.0.0.1" or "http://[::1]": a port, if there is one, and a path. *path: from its slash on. */
static bool cut_port(struct slice rest, struct slice *path)
{
	struct slice digits = {0};
	uint64_t port = 0;
	size_t slash = slice_find_char(rest, '/');
	if (slash == SLICE_NONE)
		return false;
	*path = slice_skip(rest, slash);
	digits = slice_sub(rest, 0, slash);
	return digits.len == 0 || (digits.at[0] == ':' && slice_to_number(slice_skip(digits, 1), UINT16_MAX, &port) && port > 0);
}

bool auth_redirect_is_loopback(struct slice uri, struct slice *host, struct slice *path)
{
	static const char *const hosts[] = {"http://127.0.0.1", "http://[::1]"};
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		*host = slice_of(hosts[i]);
		if (slice_starts(uri, *host) && cut_port(slice_skip(uri, host->len), path))
			return true;
	}
	return false;
}

/* A scheme that is a domain written backwards: with a dot, so that none that browsers know is one (RFC 8252 §7.1). */
bool auth_redirect_is_private(struct slice uri, struct slice *scheme)
{
	struct slice rest;
	bool dot = false;
	if (!slice_cut(uri, ':', scheme, &rest) || scheme->len == 0 || !ascii_is_alpha(scheme->at[0]) || rest.len == 0 || rest.at[0] != '/')
		return false;
	for (size_t i = 0; i < scheme->len; i++) {
		char c = scheme->at[i];
		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' && c != '-' && c != '+')
			return false;
		dot |= c == '.';
	}
	return dot;
}

bool auth_redirect_is_native(struct slice uri)
{
	struct slice a, b;
	for (size_t i = 0; i < uri.len; i++)
		if (!is_uri_char(uri.at[i]))
			return false;
	if (uri.len == 0 || uri.len > AUTH_REDIRECT_MAX || slice_find(uri, SLICE("..")) != SLICE_NONE)
		return false;
	return auth_redirect_is_loopback(uri, &a, &b) || auth_redirect_is_private(uri, &a);
}
