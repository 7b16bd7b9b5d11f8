#include "web/oauth_request.h"

#include "http/http.h"

/* ---- Parameters ---- */

static const struct { const char *name; size_t at, max; bool many; } parameters[] = {
#define PARAMETER(name, max) {#name, offsetof(struct web_oauth_request, name), max, false}
	PARAMETER(client_id, AUTH_CLIENT_ID_MAX), PARAMETER(redirect_uri, AUTH_REDIRECT_MAX), PARAMETER(response_type, 32), PARAMETER(code_challenge, 128),
	PARAMETER(code_challenge_method, 16), PARAMETER(state, OAUTH_STATE_MAX), PARAMETER(scope, OAUTH_SCOPE_MAX), PARAMETER(login_hint, OAUTH_HINT_MAX),
	PARAMETER(name, OAUTH_HINT_MAX), PARAMETER(password, 1024), PARAMETER(answer, 16),
	PARAMETER(grant_type, 64), PARAMETER(code, 128), PARAMETER(code_verifier, AUTH_VERIFIER_MAX), PARAMETER(refresh_token, 256), PARAMETER(token, 256),
	{"resource", offsetof(struct web_oauth_request, resource), OAUTH_RESOURCE_MAX, true},
};

static void take(struct web_oauth_request *request, size_t which, struct slice value, struct arena *arena)
{
	struct slice *at = (struct slice *)(void *)((char *)request + parameters[which].at);
	bool there = at->at != NULL, many = parameters[which].many;
	if (value.len > parameters[which].max || (there && !many) || (many && at->len > OAUTH_RESOURCES_MAX))
		request->twice = true;
	else
		*at = there ? arena_printf(arena, "%.*s %.*s", SLICE_ARG(*at), SLICE_ARG(value)) : arena_copy(arena, value);
}

void web_oauth_request_read(struct slice form, struct arena *arena, struct web_oauth_request *request)
{
	struct slice part, key, rest, value;
	*request = (struct web_oauth_request){0};
	while (form.len > 0) {
		slice_cut(form, '&', &part, &form);
		slice_cut(part, '=', &key, &rest);
		for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
			if (!slice_equal(key, slice_of(parameters[i].name)))
				continue;
			if (http_query_find(part, parameters[i].name, arena, &value))
				take(request, i, value, arena);
			else
				request->twice = true;
		}
	}
}

/* ---- What is asked for ---- */

/* Words that say nothing of their own are passed over, as servers do for whom they mean something (offline_access, openid). */
unsigned web_oauth_scopes_parse(struct slice words)
{
	struct slice word;
	unsigned scopes = 0;
	if (slice_trim(words).len == 0)
		return AUTH_MAY_READ | AUTH_MAY_CHANGE | AUTH_MAY_SEND;
	while (words.len > 0) {
		slice_cut(words, ' ', &word, &words);
		if (slice_equal(word, SLICE(AUTH_OAUTH_SCOPE_MAIL)))
			scopes |= AUTH_MAY_READ | AUTH_MAY_CHANGE | AUTH_MAY_SEND;
	}
	return scopes;
}

/* Programs that asked for offline_access, since it is announced, ask anew if they aren't told that they have it. */
const char *web_oauth_scopes_text(unsigned scopes) { return scopes ? AUTH_OAUTH_SCOPE_MAIL " offline_access" : ""; }

static bool is_challenge(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alpha(text.at[i]) && !ascii_is_digit(text.at[i]) && text.at[i] != '-' && text.at[i] != '_')
			return false;
	return text.len == AUTH_CHALLENGE_SIZE;
}

/* "https://mail.example.org/jmap/session", "imaps://mail.example.org:993": at one of our names, without a user before it, or a fragment (RFC 8707 §2). */
static bool is_ours(struct slice resource, struct slice host, struct slice other)
{
	struct slice scheme, rest, authority;
	if (!slice_cut(resource, ':', &scheme, &rest) || !slice_starts(rest, SLICE("//")) || slice_find_char(resource, '#') != SLICE_NONE || slice_find_char(resource, '\\') != SLICE_NONE)
		return false;
	rest = slice_skip(rest, 2);
	slice_cut(rest, '/', &authority, &rest);
	slice_cut(authority, '?', &authority, &rest);
	if (slice_find_char(authority, '@') != SLICE_NONE)
		return false;
	struct slice name = http_host(authority);
	return name.len > 0 && (slice_equal_nocase(name, host) || slice_equal_nocase(name, other));
}

static bool are_ours(struct slice resources, struct slice host, struct slice other)
{
	struct slice one;
	while (resources.len > 0) {
		slice_cut(resources, ' ', &one, &resources);
		if (!is_ours(one, host, other))
			return false;
	}
	return true;
}

const char *web_oauth_request_check(struct web_oauth_request *request, struct slice host, struct slice other)
{
	request->scopes = web_oauth_scopes_parse(request->scope);
	if (request->twice)
		return "invalid_request";
	if (!slice_equal(request->response_type, SLICE("code")))
		return request->response_type.len > 0 ? "unsupported_response_type" : "invalid_request";
	if (!slice_equal(request->code_challenge_method, SLICE("S256")) || !is_challenge(request->code_challenge))
		return "invalid_request";
	if (request->scopes == 0)
		return "invalid_scope";
	return are_ours(request->resource, host, other) ? NULL : "invalid_target";
}

/* ---- Writing ---- */

void web_oauth_put_encoded(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~')
			buf_append_char(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned char)c);
	}
}

void web_oauth_put_html(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		switch (text.at[i]) {
		case '&':
			buf_append_text(out, "&amp;");
			break;
		case '<':
			buf_append_text(out, "&lt;");
			break;
		case '>':
			buf_append_text(out, "&gt;");
			break;
		case '"':
			buf_append_text(out, "&quot;");
			break;
		case '\'':
			buf_append_text(out, "&#39;");
			break;
		default:
			buf_append_char(out, text.at[i]);
		}
}

/* Browsers also look at where a form's answer sends them. No source can name an address of IPv6: for these it is the scheme. */
void web_oauth_put_form_action(struct buf *out, struct slice redirect)
{
	struct slice host, path, scheme;
	buf_append_text(out, "'self'");
	if (auth_redirect_is_loopback(redirect, &host, &path))
		buf_append_text(out, slice_find_char(host, '[') == SLICE_NONE ? " http://127.0.0.1:*" : " http:");
	else if (auth_redirect_is_private(redirect, &scheme))
		buf_printf(out, " %.*s:", SLICE_ARG(scheme));
}
