/* Who asks: whose session the cookie is of, or who the field Authorization says. With that field no cookie counts: what other sites make a browser send
 * can't be mixed with what a program says. */
#include "base/memory.h"
#include "http/session.h"

/* ---- What a request brings ---- */

/* "__Host-" is taken over TLS alone, and for this host alone (RFC 6265bis §4.1.3). */
static struct slice cookie_stem(const struct http_exchange *exchange) { return exchange->secure ? SLICE("__Host-pombal") : SLICE("pombal"); }

const char *http_cookie_name(const struct http_exchange *exchange, struct slice seat)
{
	return arena_printf(exchange->arena, "%.*s%s%.*s", SLICE_ARG(cookie_stem(exchange)), seat.len > 0 ? "-" : "", SLICE_ARG(seat)).at;
}

/* Is it the name of a session's cookie? */
static bool find_seat(const struct http_exchange *exchange, struct slice name, struct slice *seat)
{
	struct slice stem = cookie_stem(exchange), rest = slice_skip(name, stem.len);
	if (!slice_starts(name, stem))
		return false;
	*seat = slice_skip(rest, 1);
	return rest.len == 0 || (rest.at[0] == '-' && http_is_seat(*seat));
}

static bool has_cookie_of(const struct http_cookie *list, size_t count, struct slice seat)
{
	for (size_t i = 0; i < count; i++)
		if (slice_equal(list[i].seat, seat))
			return true;
	return false;
}

size_t http_list_cookies(const struct http_exchange *exchange, struct http_cookie list[HTTP_SEATS_MAX + 1])
{
	size_t count = 0;
	for (size_t i = 0; i < exchange->head.count; i++) {
		struct slice name, seat, token, rest = exchange->head.fields[i].value;
		if (!slice_equal_nocase(exchange->head.fields[i].name, SLICE("Cookie")))
			continue;
		while (count <= HTTP_SEATS_MAX && http_cookie_next(&rest, &name, &token))
			if (find_seat(exchange, name, &seat) && !has_cookie_of(list, count, seat))
				list[count++] = (struct http_cookie){seat, token};
	}
	return count;
}

static bool find_token(const struct http_exchange *exchange, struct slice *token)
{
	const char *name = http_cookie_name(exchange, exchange->seat);
	for (size_t i = 0; i < exchange->head.count; i++)
		if (slice_equal_nocase(exchange->head.fields[i].name, SLICE("Cookie")) && http_cookie_find(exchange->head.fields[i].value, name, token))
			return true;
	return false;
}

static size_t count_fields(const struct http_exchange *exchange, const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < exchange->head.count; i++)
		count += slice_equal_nocase(exchange->head.fields[i].name, slice_of(name));
	return count;
}

/* Whoever is to be asked for them gets a challenge (RFC 9110 §11.6.1). A browser isn't offered Basic: it would ask its owner for a password that it
 * keeps, in a window that isn't ours. */
static void refuse_stranger(struct http_exchange *exchange, const char *why)
{
	struct slice said, origin = exchange->secure && exchange->config->oauth ? http_secure_origin(exchange, exchange->host) : SLICE("");
	struct slice bearer = arena_printf(exchange->arena, "Bearer realm=\"Pombal\"%s", exchange->authorization.scheme == HTTP_BEARER ? ", error=\"invalid_token\"" : "");
	if (origin.len > 0 && slice_find_char(exchange->head.path, '"') == SLICE_NONE && slice_find_char(exchange->head.path, '\\') == SLICE_NONE) /* RFC 9728 §5.1 */
		bearer = arena_printf(exchange->arena, "%.*s, resource_metadata=\"%.*s/.well-known/oauth-protected-resource%.*s\"", SLICE_ARG(bearer), SLICE_ARG(origin), SLICE_ARG(exchange->head.path));
	if (!http_head_find(&exchange->head, "Sec-Fetch-Site", &said))
		http_add_field(exchange, "WWW-Authenticate", SLICE("Basic realm=\"Pombal\", charset=\"UTF-8\""));
	http_add_field(exchange, "WWW-Authenticate", bearer);
	http_refuse(exchange, 401, why);
}

static bool shows(const struct http_exchange *exchange) { return exchange->route->right == HTTP_SIGNED_IN || exchange->route->right == HTTP_SHOWS; }

bool http_read_authorization(struct http_exchange *exchange)
{
	struct slice value;
	if (!shows(exchange) || !http_head_find(&exchange->head, "Authorization", &value))
		return true;
	bool one = count_fields(exchange, "Authorization") == 1;
	if (one && !exchange->secure && !http_is_of_this_machine(exchange))
		http_refuse(exchange, 403, "passwords and tokens are taken over TLS alone");
	else if (!one || !http_authorization_parse(value, exchange->arena, &exchange->authorization) ||
		 (exchange->route->right == HTTP_SHOWS && exchange->authorization.scheme != HTTP_BEARER))
		refuse_stranger(exchange, "what the field Authorization says isn't understood");
	else
		return true;
	return false;
}

bool http_has_credentials(struct http_exchange *exchange)
{
	struct slice token;
	if (!shows(exchange) || exchange->authorization.scheme != HTTP_NOT_AUTHORIZED || find_token(exchange, &token))
		return true;
	refuse_stranger(exchange, "sign in first");
	return false;
}

struct slice http_shown(const struct http_exchange *exchange, bool *authorized)
{
	struct slice token = SLICE("");
	*authorized = exchange->authorization.scheme == HTTP_BEARER;
	if (*authorized)
		return exchange->authorization.token;
	find_token(exchange, &token);
	return token;
}

/* ---- Whose it is ---- */

static void refuse_for_now(struct http_exchange *exchange) { http_refuse(exchange, 503, "who you are can't be told now, try again later"); }

static enum net_run find_by_cookie(struct http_exchange *exchange)
{
	struct slice token = SLICE("");
	struct auth_web_session found;
	find_token(exchange, &token);
	switch (auth_web_find(exchange->service->auth, exchange->wait, token, exchange->arena, &found)) {
	case AUTH_WEB_AWAITED:
		return RUN_WAIT;
	case AUTH_WEB_DONE:
		exchange->person = (struct http_person){.account = found.account, .identity = found.identity, .session = found.id, .scopes = AUTH_MAY_ALL};
		break;
	case AUTH_WEB_NONE:
	case AUTH_WEB_FULL:
		refuse_stranger(exchange, "the session has ended, sign in again");
		break;
	case AUTH_WEB_TEMPORARY:
		refuse_for_now(exchange);
		break;
	}
	return RUN_DONE;
}

static enum sign_in_status check(struct http_exchange *exchange, struct auth_account *account, int *delay_ms)
{
	const struct http_authorization *said = &exchange->authorization;
	struct sign_in_client client = {.service = "http", .address = exchange->client, .session = conn_id(exchange->conn), .encrypted = exchange->secure, .repeats = true};
	if (said->scheme == HTTP_BEARER)
		return auth_check_token(exchange->service->auth, exchange->wait, said->token, &client, exchange->arena, account, delay_ms);
	return auth_check_password(exchange->service->auth, exchange->wait, said->name, said->password, &client, exchange->arena, account, delay_ms);
}

static enum net_run find_by_authorization(struct http_exchange *exchange)
{
	struct auth_account account;
	int delay_ms = 0;
	enum sign_in_status status = check(exchange, &account, &delay_ms);
	if (status == SIGN_IN_AWAITED)
		return RUN_WAIT;
	conn_delay(exchange->conn, delay_ms);
	if (status == SIGN_IN_DONE)
		exchange->person = (struct http_person){.account = account.name, .identity = account.identity, .scopes = account.scopes, .credential = account.credential};
	else if (status == SIGN_IN_THROTTLED)
		http_refuse(exchange, 429, "there were too many failures, try again later");
	else if (status == SIGN_IN_TEMPORARY)
		refuse_for_now(exchange);
	else
		refuse_stranger(exchange, exchange->authorization.scheme == HTTP_BEARER ? "there is no such token, or it is over" : "name or password is wrong");
	return RUN_DONE;
}

/* RFC 6750 §3.1. */
static void check_scopes(struct http_exchange *exchange)
{
	unsigned wanted = exchange->route->scopes ? exchange->route->scopes : AUTH_MAY_MANAGE;
	if (exchange->person.scopes & wanted)
		return;
	http_add_field(exchange, "WWW-Authenticate", SLICE("Bearer realm=\"Pombal\", error=\"insufficient_scope\""));
	http_refuse(exchange, 403, "this app password, or token, was not made for that");
}

/* A page of one account's is never answered as another's: whoever has put which cookie where. */
static void check_seat(struct http_exchange *exchange)
{
	char own[HTTP_SEAT_SIZE + 1];
	http_seat_of(exchange->person.account, own);
	if (exchange->seat.len == 0 || slice_equal(exchange->seat, slice_of(own)))
		return;
	exchange->person = (struct http_person){0};
	refuse_stranger(exchange, "the session is another account's, sign in again");
}

enum net_run http_find_person(struct http_exchange *exchange)
{
	enum net_run found = exchange->authorization.scheme == HTTP_NOT_AUTHORIZED ? find_by_cookie(exchange) : find_by_authorization(exchange);
	if (found == RUN_DONE && !exchange->answered)
		check_seat(exchange);
	if (found == RUN_DONE && !exchange->answered)
		check_scopes(exchange);
	return found;
}

enum net_run http_enter(struct http_exchange *exchange)
{
	if (!exchange->entered) {
		conn_sign_in(exchange->conn, exchange->person.account, exchange->person.identity, exchange->person.credential);
		conn_set_doing(exchange->conn, exchange->route->path);
		exchange->entered = true;
	}
	enum net_run found = http_find_person(exchange);
	if (found == RUN_DONE && exchange->answered)
		conn_sign_out(exchange->conn);
	return found;
}

/* ---- Pages of other origins (Fetch, CORS) ---- */

bool http_is_open(const struct http_route *route) { return (route->right == HTTP_SIGNED_IN && route->scopes != 0) || (route->right == HTTP_SHOWS && route->open); }

/* Never with a cookie: the answer doesn't say that credentials are allowed. */
void http_let_origins(struct http_exchange *exchange)
{
	struct slice origin;
	if (http_is_open(exchange->route) && http_head_find(&exchange->head, "Origin", &origin))
		http_add_field(exchange, "Access-Control-Allow-Origin", SLICE("*"));
}

void http_answer_preflight(struct http_exchange *exchange, struct slice methods)
{
	http_add_field(exchange, "Access-Control-Allow-Origin", SLICE("*"));
	http_add_field(exchange, "Access-Control-Allow-Methods", methods);
	http_add_field(exchange, "Access-Control-Allow-Headers", SLICE("Authorization, Content-Type, Last-Event-ID"));
	http_add_field(exchange, "Access-Control-Max-Age", SLICE("86400"));
}
