/* Tokens: for a code (RFC 6749 §4.1.3), for one more (§6), and their end (RFC 7009). Public clients: what proves who asks is the verifier (RFC 7636), or the
 * token itself. */
#include <jansson.h>

#include "base/memory.h"
#include "web/oauth.h"

static enum net_run refuse(struct http_exchange *exchange, int status, const char *error)
{
	web_answer_json(exchange, status, json_pack("{s:s}", "error", error));
	return RUN_DONE;
}

bool web_oauth_is_form(const struct http_exchange *exchange)
{
	struct slice type, rest;
	return http_head_find(&exchange->head, "Content-Type", &type) &&
	       (slice_cut(type, ';', &type, &rest), slice_equal_nocase(slice_trim(type), SLICE("application/x-www-form-urlencoded")));
}

/* NULL: it was refused. */
static struct web_oauth_request *read_form(struct http_exchange *exchange)
{
	struct web_oauth_request *form = exchange->state;
	if (form)
		return form;
	if (!exchange->secure || !exchange->config->oauth) {
		http_refuse(exchange, 404, "OAuth isn't offered here");
		return NULL;
	}
	form = exchange->state = arena_alloc(exchange->arena, sizeof *form);
	web_oauth_request_read(web_oauth_is_form(exchange) ? buf_slice(&exchange->body) : SLICE(""), exchange->arena, form);
	if (!form->twice)
		return form;
	refuse(exchange, 400, "invalid_request");
	return NULL;
}

static enum auth_web ask(struct http_exchange *exchange, const struct web_oauth_request *form, struct auth_oauth_tokens *tokens, const char **error)
{
	struct auth *auth = exchange->service->auth;
	if (slice_equal(form->grant_type, SLICE("authorization_code"))) {
		*error = form->code.len == 0 || form->redirect_uri.len == 0 || form->code_verifier.len == 0 || form->client_id.len == 0 ? "invalid_request" : "invalid_grant";
		struct auth_oauth_exchange wanted = {form->code, form->client_id, form->redirect_uri, form->code_verifier, exchange->client};
		return strcmp(*error, "invalid_request") == 0 ? AUTH_WEB_NONE : auth_oauth_exchange(auth, exchange->wait, &wanted, tokens);
	}
	if (slice_equal(form->grant_type, SLICE("refresh_token"))) {
		*error = form->refresh_token.len == 0 || form->client_id.len == 0 ? "invalid_request" : "invalid_grant";
		unsigned scopes = form->scope.len > 0 ? web_oauth_scopes_parse(form->scope) : 0;
		if (form->scope.len > 0 && scopes == 0)
			*error = "invalid_scope";
		return strcmp(*error, "invalid_grant") != 0 ? AUTH_WEB_NONE : auth_oauth_refresh(auth, exchange->wait, exchange->client, form->refresh_token, form->client_id, scopes, tokens);
	}
	*error = form->grant_type.len > 0 ? "unsupported_grant_type" : "invalid_request";
	return AUTH_WEB_NONE;
}

enum net_run web_oauth_token(struct http_exchange *exchange)
{
	struct auth_oauth_tokens tokens = {0};
	const char *error;
	const struct web_oauth_request *form = read_form(exchange);
	if (!form)
		return RUN_DONE;
	enum auth_web status = ask(exchange, form, &tokens, &error);
	if (status == AUTH_WEB_AWAITED)
		return RUN_WAIT;
	conn_delay(exchange->conn, tokens.delay_ms);
	switch (status) {
	case AUTH_WEB_AWAITED:
	case AUTH_WEB_DONE:
		web_answer_json(exchange, 200, json_pack("{s:s, s:s, s:i, s:s, s:s}", "access_token", tokens.access, "token_type", "Bearer", "expires_in", AUTH_ACCESS_SECONDS,
							 "refresh_token", tokens.refresh, "scope", web_oauth_scopes_text(tokens.scopes)));
		break;
	case AUTH_WEB_NONE:
		refuse(exchange, 400, error);
		break;
	case AUTH_WEB_FULL:
		refuse(exchange, 400, "invalid_scope");
		break;
	case AUTH_WEB_TEMPORARY:
		if (tokens.delay_ms > 0)
			http_add_field(exchange, "Retry-After", SLICE("60"));
		refuse(exchange, tokens.delay_ms > 0 ? 429 : 503, "temporarily_unavailable");
		break;
	}
	memory_wipe(&tokens, sizeof tokens);
	return RUN_DONE;
}

/* Whoever has the token may end it: that is all that it takes (RFC 7009 §2.1 for public clients). What is none is at its end already (§2.2). */
enum net_run web_oauth_revoke(struct http_exchange *exchange)
{
	const struct web_oauth_request *form = read_form(exchange);
	if (!form)
		return RUN_DONE;
	if (form->token.len == 0)
		return refuse(exchange, 400, "invalid_request");
	enum auth_web ended = auth_oauth_revoke(exchange->service->auth, exchange->wait, form->token);
	if (ended == AUTH_WEB_AWAITED)
		return RUN_WAIT;
	if (ended != AUTH_WEB_DONE)
		return refuse(exchange, 503, "temporarily_unavailable");
	http_answer(exchange, 200, NULL, SLICE(""));
	return RUN_DONE;
}
