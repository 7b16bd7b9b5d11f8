/* See authorization.h. */
#include "http/authorization.h"

#include "base/base64.h"
#include "base/buf.h"

/* RFC 7617 §2: base64 of the name, a colon (which no name has), and the password. In UTF-8, as the challenge asks for. */
static bool parse_basic(struct slice text, struct arena *arena, struct http_authorization *out)
{
	struct buf decoded = BUF_SECRET(HTTP_CREDENTIALS_MAX);
	bool good = base64_decode(text, &decoded) && slice_is_utf8(buf_slice(&decoded)) && slice_find_char(buf_slice(&decoded), '\0') == SLICE_NONE;
	if (good)
		good = slice_cut(arena_copy(arena, buf_slice(&decoded)), ':', &out->name, &out->password) && out->name.len > 0;
	buf_free(&decoded);
	out->scheme = HTTP_BASIC;
	return good;
}

static bool is_token_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/';
}

/* RFC 6750 §2.1: b64token. */
static bool parse_bearer(struct slice text, struct http_authorization *out)
{
	size_t len = 0;
	while (len < text.len && is_token_char(text.at[len]))
		len++;
	for (size_t i = len; i < text.len; i++)
		if (text.at[i] != '=')
			return false;
	out->scheme = HTTP_BEARER;
	out->token = text;
	return len > 0;
}

bool http_authorization_parse(struct slice value, struct arena *arena, struct http_authorization *out)
{
	struct slice scheme, rest;
	*out = (struct http_authorization){0};
	if (value.len > HTTP_CREDENTIALS_MAX || !slice_cut(value, ' ', &scheme, &rest))
		return false;
	while (rest.len > 0 && rest.at[0] == ' ')
		rest = slice_skip(rest, 1);
	if (slice_equal_nocase(scheme, SLICE("Basic")))
		return parse_basic(rest, arena, out);
	return slice_equal_nocase(scheme, SLICE("Bearer")) && parse_bearer(rest, out);
}
