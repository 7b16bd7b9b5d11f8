/* OAuth 2.0 (RFC 6749, 9700) for programs of people's devices (RFC 8252, and the profile for open public clients): a program registers itself, sends its
 * user's browser to a page of ours, gets a code there, and exchanges that for tokens. Who is who, what was allowed, and every secret is the auth role's. */
#include <jansson.h>

#include "base/clock.h"
#include "base/memory.h"
#include "web/oauth.h"

/* The issuer (RFC 8414 §2): this server, by the name that the client has for it. Empty: it was refused. */
static struct slice issuer(struct http_exchange *exchange)
{
	struct slice origin = exchange->secure && exchange->config->oauth ? http_secure_origin(exchange, exchange->host) : SLICE("");
	if (origin.len == 0)
		http_refuse(exchange, 404, "OAuth isn't offered here");
	return origin;
}

/* ---- What there is ---- */

enum net_run web_oauth_metadata(struct http_exchange *exchange)
{
	struct slice origin = issuer(exchange);
	if (origin.len == 0)
		return RUN_DONE;
	json_t *all = json_pack("{s:s%}", "issuer", origin.at, origin.len);
	static const struct { const char *name, *path; } endpoints[] = {{"authorization_endpoint", "/oauth/authorize"}, {"token_endpoint", "/oauth/token"},
		{"registration_endpoint", "/oauth/register"}, {"revocation_endpoint", "/oauth/revoke"}};
	for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++)
		json_object_set_new(all, endpoints[i].name, json_string(arena_printf(exchange->arena, "%.*s%s", SLICE_ARG(origin), endpoints[i].path).at));
	json_object_set_new(all, "scopes_supported", json_pack("[s, s]", AUTH_OAUTH_SCOPE_MAIL, "offline_access"));
	json_object_set_new(all, "response_types_supported", json_pack("[s]", "code"));
	json_object_set_new(all, "response_modes_supported", json_pack("[s]", "query"));
	json_object_set_new(all, "grant_types_supported", json_pack("[s, s]", "authorization_code", "refresh_token"));
	json_object_set_new(all, "token_endpoint_auth_methods_supported", json_pack("[s]", "none"));
	json_object_set_new(all, "revocation_endpoint_auth_methods_supported", json_pack("[s]", "none"));
	json_object_set_new(all, "code_challenge_methods_supported", json_pack("[s]", "S256"));
	json_object_set_new(all, "authorization_response_iss_parameter_supported", json_true());
	json_object_set_new(all, "ui_locales_supported", json_pack("[s, s, s]", "en", "pt", "ru"));
	web_answer_json(exchange, 200, all);
	return RUN_DONE;
}

/* RFC 9728: of which authorization server what is asked for takes tokens. */
enum net_run web_oauth_resource(struct http_exchange *exchange)
{
	struct slice origin = issuer(exchange), path = slice_skip(exchange->path, sizeof "/.well-known/oauth-protected-resource" - 1);
	if (origin.len == 0)
		return RUN_DONE;
	if (path.len > 0 && path.at[0] != '/') {
		http_refuse(exchange, 404, "there is nothing of that name here");
		return RUN_DONE;
	}
	web_answer_json(exchange, 200, json_pack("{s:s%, s:[s%], s:[s], s:[s]}", "resource", arena_printf(exchange->arena, "%.*s%.*s", SLICE_ARG(origin), SLICE_ARG(path)).at,
						 origin.len + path.len, "authorization_servers", origin.at, origin.len, "scopes_supported", AUTH_OAUTH_SCOPE_MAIL,
						 "bearer_methods_supported", "header"));
	return RUN_DONE;
}

/* ---- Registering (RFC 7591) ---- */

static void refuse(struct http_exchange *exchange, int status, const char *error, const char *why)
{
	web_answer_json(exchange, status, json_pack("{s:s, s:s}", "error", error, "error_description", why));
}

static enum net_run refuse_for_now(struct http_exchange *exchange)
{
	refuse(exchange, 503, "temporarily_unavailable", "that isn't possible now, try again later");
	return RUN_DONE;
}

/* Lists of which each word must be one that there is; one that isn't there is as we say. */
static bool has_word(json_t *list, const char *word)
{
	size_t at;
	json_t *one;
	if (!list)
		return true;
	json_array_foreach(list, at, one)
		if (json_is_string(one) && strcmp(json_string_value(one), word) == 0)
			return true;
	return false;
}

/* The redirect URIs, separated by blanks, which none has. False: they can't be taken. */
static bool read_redirects(json_t *list, struct buf *out)
{
	size_t at;
	json_t *one;
	json_array_foreach(list, at, one) {
		struct slice uri = slice_make(json_string_value(one), json_string_length(one));
		if (!json_is_string(one) || !auth_redirect_is_native(uri))
			return false;
		if (out->len > 0)
			buf_append_char(out, ' ');
		buf_append(out, uri);
	}
	return out->len > 0 && !out->overflow;
}

struct registration {
	struct slice name, redirects;
};

static bool read_registration(struct http_exchange *exchange, json_t *object, struct registration *self)
{
	struct buf redirects = BUF(AUTH_REDIRECTS_MAX);
	const char *method = json_string_value(json_object_get(object, "token_endpoint_auth_method"));
	struct slice name = web_json_text(object, "client_name", exchange->arena);
	bool good = read_redirects(json_object_get(object, "redirect_uris"), &redirects);
	self->redirects = arena_copy(exchange->arena, buf_slice(&redirects));
	self->name = name.len > 0 ? name : SLICE("?");
	buf_free(&redirects);
	if (!good)
		refuse(exchange, 400, "invalid_redirect_uri", "of http://127.0.0.1/, http://[::1]/, or a private-use scheme with a dot in it, 600 bytes together at most");
	else if ((method && strcmp(method, "none") != 0) || !has_word(json_object_get(object, "grant_types"), "authorization_code") ||
		 !has_word(json_object_get(object, "response_types"), "code") || !auth_credential_is_name(self->name))
		refuse(exchange, 400, "invalid_client_metadata", "a public client (none) is expected, with authorization_code and code, and a name of 100 bytes at most");
	else
		return true;
	return false;
}

static json_t *list_redirects(struct slice redirects)
{
	json_t *list = json_array();
	struct slice one;
	while (redirects.len > 0) {
		slice_cut(redirects, ' ', &one, &redirects);
		json_array_append_new(list, json_stringn(one.at, one.len));
	}
	return list;
}

enum net_run web_oauth_register(struct http_exchange *exchange)
{
	struct registration *self = exchange->state;
	struct slice client;
	if (!self) {
		if (issuer(exchange).len == 0)
			return RUN_DONE;
		self = exchange->state = arena_alloc(exchange->arena, sizeof *self);
		json_t *object = web_read_json(exchange);
		bool good = object && read_registration(exchange, object, self);
		json_decref(object);
		if (!good)
			return RUN_DONE;
	}
	enum auth_web made = auth_oauth_register(exchange->service->auth, exchange->wait, self->name, self->redirects, exchange->arena, &client);
	if (made == AUTH_WEB_AWAITED)
		return RUN_WAIT;
	if (made == AUTH_WEB_DONE)
		web_answer_json(exchange, 201, json_pack("{s:s%, s:I, s:s%, s:o, s:s, s:[s, s], s:[s], s:s}", "client_id", client.at, client.len, "client_id_issued_at",
							 (json_int_t)clock_now(), "client_name", self->name.at, self->name.len, "redirect_uris", list_redirects(self->redirects),
							 "token_endpoint_auth_method", "none", "grant_types", "authorization_code", "refresh_token", "response_types", "code",
							 "scope", AUTH_OAUTH_SCOPE_MAIL));
	else if (made == AUTH_WEB_FULL)
		refuse(exchange, 400, "invalid_client_metadata", "that is too much");
	else
		return refuse_for_now(exchange);
	return RUN_DONE;
}

/* ---- Sending the browser back ---- */

/* RFC 6749 §4.1.2, RFC 9207: what is told to the program goes behind what its URI has. */
static void send_back(struct http_exchange *exchange, const struct web_oauth_request *request, const char *name, struct slice value)
{
	struct buf where = BUF_SECRET(OAUTH_LOCATION_MAX);
	struct slice origin = http_secure_origin(exchange, exchange->host);
	buf_append(&where, request->redirect_uri);
	buf_printf(&where, "%c%s=", slice_find_char(request->redirect_uri, '?') == SLICE_NONE ? '?' : '&', name);
	web_oauth_put_encoded(&where, value);
	if (request->state.at) {
		buf_append_text(&where, "&state=");
		web_oauth_put_encoded(&where, request->state);
	}
	buf_append_text(&where, "&iss=");
	web_oauth_put_encoded(&where, origin);
	if (where.overflow)
		web_oauth_send_fault(exchange, "invalid_request");
	else
		http_redirect(exchange, 303, buf_slice(&where));
	buf_free(&where);
}

/* ---- The page ---- */

/* How far somebody's answer has come. */
struct asking {
	struct web_oauth_request request;
	struct slice program;
	bool known;                  /* the program and its redirect URI are right */
	bool signed_in;
	struct auth_account account;
};

/* The program, its redirect URI, and then all else: only where the former are right the browser is sent back. RUN_WAIT; or answered if something is wrong. */
static enum net_run check(struct http_exchange *exchange, struct asking *self)
{
	struct web_oauth_request *request = &self->request;
	if (self->known)
		return RUN_DONE;
	enum auth_web found = request->client_id.len > 0 && request->redirect_uri.len > 0
		? auth_oauth_client(exchange->service->auth, exchange->wait, request->client_id, request->redirect_uri, exchange->arena, &self->program) : AUTH_WEB_NONE;
	if (found == AUTH_WEB_AWAITED)
		return RUN_WAIT;
	self->known = found == AUTH_WEB_DONE;
	if (!self->known) {
		web_oauth_send_fault(exchange, found == AUTH_WEB_NONE ? "client_id, redirect_uri" : "temporarily_unavailable");
		return RUN_DONE;
	}
	const char *error = web_oauth_request_check(request, exchange->host, slice_of(exchange->config->hostname));
	if (error)
		send_back(exchange, request, "error", slice_of(error));
	return RUN_DONE;
}

static struct asking *begin(struct http_exchange *exchange, struct slice form)
{
	if (exchange->state)
		return exchange->state;
	if (issuer(exchange).len == 0)
		return NULL;
	struct asking *self = exchange->state = arena_alloc(exchange->arena, sizeof *self);
	web_oauth_request_read(form, exchange->arena, &self->request);
	return self;
}

enum net_run web_oauth_ask(struct http_exchange *exchange)
{
	struct asking *self = begin(exchange, exchange->head.query);
	if (!self)
		return RUN_DONE;
	enum net_run checked = check(exchange, self);
	if (checked == RUN_DONE && !exchange->answered) {
		self->request.name = self->request.password = (struct slice){0}; /* a link is no form */
		web_oauth_send_page(exchange, &self->request, self->program, OAUTH_NO_TROUBLE);
	}
	return checked;
}

static enum web_oauth_trouble trouble_of(enum sign_in_status status, const struct auth_account *account)
{
	if (status == SIGN_IN_DONE)
		return account->scopes & AUTH_MAY_MANAGE ? OAUTH_NO_TROUBLE : OAUTH_LIMITED; /* what is limited lets nobody in */
	return status == SIGN_IN_THROTTLED ? OAUTH_OFTEN : status == SIGN_IN_TEMPORARY ? OAUTH_NOT_NOW : OAUTH_WRONG;
}

/* Whoever has a session in this browser says his password all the same: what comes of it lasts. */
static enum net_run sign_in(struct http_exchange *exchange, struct asking *self)
{
	int delay_ms = 0;
	const struct web_oauth_request *request = &self->request;
	struct sign_in_client client = {.service = "http", .address = exchange->client, .session = conn_id(exchange->conn), .encrypted = exchange->secure};
	enum sign_in_status status = auth_check_password(exchange->service->auth, exchange->wait, request->name, request->password, &client, exchange->arena, &self->account, &delay_ms);
	if (status == SIGN_IN_AWAITED)
		return RUN_WAIT;
	enum web_oauth_trouble trouble = trouble_of(status, &self->account);
	self->signed_in = trouble == OAUTH_NO_TROUBLE;
	conn_delay(exchange->conn, delay_ms);
	if (!self->signed_in)
		web_oauth_send_page(exchange, request, self->program, trouble);
	return RUN_DONE;
}

static enum net_run allow(struct http_exchange *exchange, const struct asking *self)
{
	char code[AUTH_WEB_TOKEN_SIZE + 1];
	const struct web_oauth_request *request = &self->request;
	struct auth_oauth_request allowed = {.client = request->client_id, .redirect = request->redirect_uri, .challenge = request->code_challenge, .account = self->account.name,
		.identity = self->account.identity, .name = self->program, .address = exchange->client, .scopes = request->scopes};
	switch (auth_oauth_allow(exchange->service->auth, exchange->wait, &allowed, code)) {
	case AUTH_WEB_AWAITED:
		return RUN_WAIT;
	case AUTH_WEB_DONE:
		send_back(exchange, request, "code", slice_of(code));
		break;
	default:
		web_oauth_send_page(exchange, request, self->program, OAUTH_NOT_NOW);
	}
	memory_wipe(code, sizeof code);
	return RUN_DONE;
}

enum net_run web_oauth_answer(struct http_exchange *exchange)
{
	struct asking *self = begin(exchange, web_oauth_is_form(exchange) ? buf_slice(&exchange->body) : SLICE(""));
	if (!self)
		return RUN_DONE;
	enum net_run run = check(exchange, self);
	if (run != RUN_DONE || exchange->answered)
		return run;
	if (!slice_equal(self->request.answer, SLICE("allow"))) {
		send_back(exchange, &self->request, "error", SLICE("access_denied"));
		return RUN_DONE;
	}
	if (!self->signed_in) {
		run = sign_in(exchange, self);
		if (run != RUN_DONE || exchange->answered)
			return run;
	}
	return allow(exchange, self);
}
