/* From a request's head to its route: who asks, from where, over what, and may he. What is refused here has cost a head. */
#include "base/memory.h"
#include "http/session.h"

bool http_is_of_this_machine(const struct http_exchange *exchange)
{
	return slice_equal(exchange->client, SLICE("::1")) || slice_starts(exchange->client, SLICE("127."));
}

/* ---- Behind a proxy (RFC 7239, and what was written before it) ---- */

/* An address as these fields have it: "192.0.2.1:1234", "[2001:db8::1]:80", quoted or not. */
static struct slice bare_address(struct slice text)
{
	text = slice_trim(text);
	if (text.len >= 2 && text.at[0] == '"' && text.at[text.len - 1] == '"')
		text = slice_sub(text, 1, text.len - 2);
	if (text.len > 0 && text.at[0] == '[') {
		size_t end = slice_find_char(text, ']');
		return end == SLICE_NONE ? (struct slice){0} : slice_sub(text, 1, end - 1);
	}
	size_t colon = slice_find_char(text, ':');
	return colon != SLICE_NONE && slice_find_last_char(text, ':') == colon ? slice_sub(text, 0, colon) : text;
}

bool http_is_proxy(const struct sockaddr_storage *peer) { return config_networks_hold(&config_current()->http_proxies, peer); }

static bool is_proxy(struct slice text)
{
	struct sockaddr_storage address;
	return config_parse_address(text, &address) && http_is_proxy(&address);
}

/* The last element of a list is what the proxy that we know has seen; what stands before it anybody may have written. Proxies of ours in
 * a row are passed over from the end. */
static struct slice last_but_ours(struct slice list)
{
	for (;;) {
		size_t comma = slice_find_last_char(list, ',');
		struct slice one = slice_trim(comma == SLICE_NONE ? list : slice_skip(list, comma + 1));
		struct slice parameter, rest = one, address = bare_address(one);
		while (rest.len > 0) {
			slice_cut(rest, ';', &parameter, &rest);
			parameter = slice_trim(parameter);
			if (slice_starts_nocase(parameter, SLICE("for=")))
				address = bare_address(slice_skip(parameter, 4));
		}
		if (comma == SLICE_NONE || !is_proxy(address))
			return one;
		list = slice_sub(list, 0, comma);
	}
}

static void believe_forwarded(struct http_exchange *exchange, struct slice element)
{
	struct slice parameter;
	while (element.len > 0) {
		slice_cut(element, ';', &parameter, &element);
		parameter = slice_trim(parameter);
		if (slice_starts_nocase(parameter, SLICE("for=")))
			exchange->client = bare_address(slice_skip(parameter, 4));
		else if (slice_starts_nocase(parameter, SLICE("proto=")))
			exchange->secure = slice_equal_nocase(slice_skip(parameter, 6), SLICE("https"));
	}
}

/* A list that may stand in several fields: a proxy adds to the last, or adds a field of its own behind the client's. False: there is none. */
static bool join_fields(const struct http_exchange *exchange, const char *name, struct slice *list)
{
	bool found = false;
	*list = (struct slice){0};
	for (size_t i = 0; i < exchange->head.count; i++) {
		struct http_field field = exchange->head.fields[i];
		if (!slice_equal_nocase(field.name, slice_of(name)))
			continue;
		*list = found ? arena_printf(exchange->arena, "%.*s,%.*s", SLICE_ARG(*list), SLICE_ARG(field.value)) : field.value;
		found = true;
	}
	return found;
}

/* Most proxies write one of the two kinds of fields, and let the other through as the client has written it: where they differ, nobody can tell which
 * is the proxy's, and the request is refused. */
static bool look_behind_proxy(struct http_exchange *exchange)
{
	struct slice list, value, proxy = exchange->client;
	struct sockaddr_storage address;
	if (!is_proxy(proxy))
		return true;
	if (join_fields(exchange, "X-Forwarded-Proto", &list))
		exchange->secure = slice_equal_nocase(slice_trim(slice_skip(list, slice_find_last_char(list, ',') + 1)), SLICE("https"));
	bool listed = join_fields(exchange, "X-Forwarded-For", &list);
	struct slice of_list = exchange->client = listed ? bare_address(last_but_ours(list)) : proxy;
	if (join_fields(exchange, "Forwarded", &value))
		believe_forwarded(exchange, last_but_ours(value));
	bool same = !listed || slice_equal(of_list, exchange->client);
	if (!config_parse_address(exchange->client, &address)) /* "unknown", or a name that hides it */
		exchange->client = proxy;
	if (!same)
		http_refuse_input(exchange->session, 400, "Forwarded and X-Forwarded-For name different clients");
	return same;
}

/* ---- From where ---- */

/* Browsers say from which site a request comes, and no page can make them lie (Fetch metadata; Origin, RFC 6454). A request that changes
 * something and says nothing isn't from a page of ours. */
bool http_is_from_us(const struct http_exchange *exchange)
{
	struct slice site, origin;
	bool said = http_head_find(&exchange->head, "Sec-Fetch-Site", &site), same = said && slice_equal_nocase(site, SLICE("same-origin"));
	if (said && !same)
		return false;
	if (!http_head_find(&exchange->head, "Origin", &origin))
		return same;
	struct slice scheme = exchange->secure ? SLICE("https://") : SLICE("http://");
	return slice_starts_nocase(origin, scheme) && slice_equal_nocase(slice_skip(origin, scheme.len), exchange->head.authority);
}

/* ---- To where ---- */

static bool has_path(const struct http_route *route, struct slice path)
{
	struct slice own = slice_of(route->path);
	bool prefix = own.len > 0 && own.at[own.len - 1] == '*';
	own.len -= prefix;
	struct slice start = prefix ? slice_sub(path, 0, own.len) : path;
	return route->any_case ? slice_equal_nocase(start, own) : slice_equal(start, own);
}

static unsigned methods_of(const struct http_route *route)
{
	return route->methods | (route->methods & HTTP_GET ? HTTP_HEAD : 0);
}

/* `others`: pages of other origins may ask, too, and one may want to know. */
static void list_methods(struct http_exchange *exchange, unsigned methods, bool others)
{
	struct buf list = BUF(100);
	struct slice origin;
	for (unsigned method = HTTP_GET; method <= HTTP_OPTIONS; method <<= 1)
		if (methods & method)
			buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", http_method_name(method));
	http_add_field(exchange, "Allow", buf_slice(&list));
	if (others && exchange->head.method == HTTP_OPTIONS && http_head_find(&exchange->head, "Origin", &origin))
		http_answer_preflight(exchange, buf_slice(&list));
	buf_free(&list);
}

/* Looks through one table; returns the methods of those of its rows that have this path, and whether one of them is for pages of other origins, too. */
static unsigned look_through(struct http_exchange *exchange, const struct http_table *table, bool *open)
{
	unsigned methods = 0;
	for (size_t i = 0; i < table->count && !exchange->route; i++) {
		if (!has_path(&table->routes[i], exchange->path))
			continue;
		methods |= methods_of(&table->routes[i]);
		*open |= http_is_open(&table->routes[i]);
		if (methods & exchange->head.method) {
			exchange->route = &table->routes[i];
			exchange->context = table->context;
		}
	}
	return methods;
}

/* False: it was answered. */
static bool find_route(struct http_exchange *exchange)
{
	bool open = false;
	unsigned methods = slice_equal(exchange->path, SLICE("*")) ? HTTP_ALL_METHODS : 0;
	for (size_t i = 0; i < HTTP_TABLES_MAX && !exchange->route; i++)
		methods |= look_through(exchange, &exchange->service->tables[i], &open);
	bool apart = exchange->seat.len > 0; /* what is for anybody has one address */
	if (apart && exchange->route && exchange->route->right != HTTP_SIGNED_IN && exchange->route->right != HTTP_SHOWS)
		exchange->route = NULL;
	if (exchange->route) {
		http_let_origins(exchange);
		return true;
	}
	if (methods == 0 || (apart && (methods & exchange->head.method)))
		http_refuse(exchange, 404, "there is nothing of that name here");
	else {
		list_methods(exchange, methods | HTTP_OPTIONS, open);
		if (exchange->head.method == HTTP_OPTIONS)
			http_answer(exchange, 204, NULL, SLICE(""));
		else
			http_refuse(exchange, 405, "that can't be done with what has this name");
	}
	return false;
}

/* ---- May he ---- */

/* Who comes without TLS is sent to where it is; programs of this machine needn't have it. */
static bool check_tls(struct http_exchange *exchange)
{
	struct slice origin;
	if (exchange->secure || exchange->route->plain || http_is_of_this_machine(exchange))
		return true;
	origin = http_secure_origin(exchange, exchange->host);
	if (slice_empty(origin))
		http_refuse(exchange, 403, "this server answers over TLS alone");
	else
		http_redirect(exchange, 308, arena_printf(exchange->arena, "%.*s%.*s%s%.*s", SLICE_ARG(origin), SLICE_ARG(exchange->head.path),
							  exchange->head.has_query ? "?" : "", SLICE_ARG(exchange->head.query)));
	return false;
}

/* A token no browser sends by itself, nor does it get one from a page that hasn't it. A name and a password it may keep, and send with whatever another
 * site makes it ask: there it is believed that the request comes from no such page. */
static bool may_be_anothers(const struct http_exchange *exchange)
{
	struct slice said;
	bool by_browser = http_head_find(&exchange->head, "Sec-Fetch-Site", &said) || http_head_find(&exchange->head, "Origin", &said);
	return exchange->authorization.scheme == HTTP_BEARER || (exchange->authorization.scheme == HTTP_BASIC && !by_browser);
}

static bool check_site(struct http_exchange *exchange)
{
	struct slice upgrade;
	enum http_right right = exchange->route->right;
	bool changes = exchange->route->ours || !(exchange->head.method & HTTP_SAFE) || http_head_find(&exchange->head, "Upgrade", &upgrade);
	if (right == HTTP_ANYBODY || !changes || may_be_anothers(exchange) || http_is_from_us(exchange))
		return true;
	http_refuse(exchange, 403, "that must come from a page of this server");
	return false;
}

static bool has_body(const struct http_head *head) { return head->chunked || head->length > 0; }

static bool check_body(struct http_exchange *exchange)
{
	exchange->body_max = exchange->route->body_max;
	if (exchange->route->admit || !has_body(&exchange->head) || (exchange->body_max > 0 && exchange->head.length <= exchange->body_max))
		return true;
	http_refuse(exchange, 413, exchange->route->body_max > 0 ? "that is more than is taken here" : "no body is taken here");
	return false;
}

static bool understand(struct http_exchange *exchange, struct slice bytes)
{
	const char *why;
	int status = http_head_parse(arena_copy(exchange->arena, bytes), &exchange->head, &why);
	if (status == 0 && !http_path_decode(exchange->head.path, exchange->arena, &exchange->path)) {
		status = 400;
		why = "the path isn't one";
	}
	if (status == 0)
		http_seat_cut(&exchange->path, &exchange->seat);
	exchange->host = http_host(exchange->head.authority);
	if (status != 0)
		http_refuse_input(exchange->session, status, why);
	return status == 0;
}

void http_begin(struct http_session *session, struct slice head)
{
	struct http_exchange *exchange = memory_new(sizeof *exchange);
	*exchange = (struct http_exchange){
		.session = session, .conn = session->conn, .service = session->service, .config = config_current(), .arena = arena_new(),
		.client = conn_peer(session->conn), .secure = conn_is_tls(session->conn), .wait = &session->wait, .fields = BUF_SECRET(HTTP_FIELDS_SIZE_MAX),
	};
	session->exchange = exchange;
	if (!understand(exchange, head))
		return;
	bool close = exchange->head.close;
	exchange->head.close |= has_body(&exchange->head); /* who is refused is told so: nobody reads his body */
	if (!look_behind_proxy(exchange) || !find_route(exchange) || !check_tls(exchange) || !http_read_authorization(exchange) || !check_site(exchange) || !http_has_credentials(exchange) || !check_body(exchange))
		return;
	exchange->head.close = close;
	if (exchange->route->admit)
		http_await_answer(session);
	else
		http_await_body(session);
}
