/* Signing in with a browser, and the sessions that come of it. The browser keeps a token in a cookie that no script can read, that goes over TLS
 * alone, and that no other site's page can make it send; the auth role keeps the token's hash. */
#include <jansson.h>
#include <malloc.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "web/web.h"

/* How far signing in has come. */
struct signing_in {
	struct slice name, password;
	char device[AUTH_WEB_DEVICE_MAX + 1];
	bool beside;              /* in a seat of its own, beside the sessions that the browser has */
	bool known;               /* the password was right */
	struct auth_account account;
};

/* ---- JSON ---- */

static void *take_memory(size_t size) { return memory_resize(NULL, size); }

/* It may have held a password. It is memory like any other: what json_dumps() gives may go to free(). */
static void give_memory_back(void *memory)
{
	if (memory)
		memory_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

void web_keep_json_secret(void) { json_set_alloc_funcs(take_memory, give_memory_back); }

void web_answer_json(struct http_exchange *exchange, int status, void *value)
{
	char *text = json_dumps(value, JSON_COMPACT);
	if (!text)
		memory_exhausted(0);
	http_answer(exchange, status, "application/json", slice_of(text));
	free(text);
	json_decref(value);
}

struct slice web_json_text(json_t *object, const char *name, struct arena *arena)
{
	json_t *value = json_object_get(object, name);
	return json_is_string(value) ? arena_copy(arena, slice_make(json_string_value(value), json_string_length(value))) : (struct slice){0};
}

static bool is_json(const struct http_exchange *exchange)
{
	struct slice type, rest;
	return http_head_find(&exchange->head, "Content-Type", &type) && (slice_cut(type, ';', &type, &rest), slice_equal_nocase(slice_trim(type), SLICE("application/json")));
}

json_t *web_read_json(struct http_exchange *exchange)
{
	json_t *object = is_json(exchange) ? json_loadb(exchange->body.at, exchange->body.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (json_is_object(object))
		return object;
	json_decref(object);
	http_refuse(exchange, is_json(exchange) ? 400 : 415, "a JSON object is expected");
	return NULL;
}

/* A name to be shown: nothing that moves a terminal's cursor. */
static bool is_device(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.at[i] < ' ' || name.at[i] == 0x7f)
			return false;
	return name.len > 0 && name.len <= AUTH_WEB_DEVICE_MAX;
}

/* The device's name as its owner says it, or what his browser says of itself. */
static void name_device(const struct http_exchange *exchange, struct slice given, char out[AUTH_WEB_DEVICE_MAX + 1])
{
	struct slice agent = {0};
	http_head_find(&exchange->head, "User-Agent", &agent);
	web_device_of(agent, out);
	if (is_device(given))
		snprintf(out, AUTH_WEB_DEVICE_MAX + 1, "%.*s", SLICE_ARG(given));
}

/* False: it was refused. */
static bool read_request(struct http_exchange *exchange)
{
	struct signing_in *self = exchange->state = arena_alloc(exchange->arena, sizeof *self);
	json_t *object = web_read_json(exchange);
	if (!object)
		return false;
	self->name = web_json_text(object, "name", exchange->arena);
	self->password = web_json_text(object, "password", exchange->arena);
	name_device(exchange, web_json_text(object, "device", exchange->arena), self->device);
	self->beside = json_is_true(json_object_get(object, "beside"));
	json_decref(object);
	if (self->name.len > 0 && self->password.len > 0)
		return true;
	http_refuse(exchange, 400, "name and password are expected");
	return false;
}

static void refuse_sign_in(struct http_exchange *exchange, enum sign_in_status status, int delay_ms)
{
	conn_delay(exchange->conn, delay_ms);
	if (status == SIGN_IN_THROTTLED)
		http_refuse(exchange, 429, "there were too many failures, try again later");
	else if (status == SIGN_IN_TEMPORARY)
		http_refuse(exchange, 503, "signing in isn't possible now, try again later");
	else
		http_refuse(exchange, 401, "name or password is wrong");
}

enum net_run web_check_password(struct http_exchange *exchange, struct slice name, struct slice password, struct auth_account *account)
{
	int delay_ms = 0;
	struct sign_in_client client = {.service = "http", .address = exchange->client, .session = conn_id(exchange->conn), .encrypted = exchange->secure};
	enum sign_in_status status = auth_check_password(exchange->service->auth, exchange->wait, name, password, &client, exchange->arena, account, &delay_ms);
	if (status == SIGN_IN_AWAITED)
		return RUN_WAIT;
	if (status != SIGN_IN_DONE)
		refuse_sign_in(exchange, status, delay_ms);
	return RUN_DONE;
}

/* A session of a browser may all: an app password opens none. */
static enum net_run check_password(struct http_exchange *exchange, struct signing_in *self)
{
	enum net_run checked = web_check_password(exchange, self->name, self->password, &self->account);
	if (checked == RUN_WAIT || exchange->answered)
		return checked;
	self->known = (self->account.scopes & AUTH_MAY_MANAGE) != 0;
	if (!self->known)
		http_refuse(exchange, 403, "an app password opens no session: use the account's own");
	return RUN_DONE;
}

static json_t *describe(struct slice account)
{
	return json_pack("{s:s%}", "account", account.at, account.len);
}

static enum net_run begin_session(struct http_exchange *exchange, struct signing_in *self)
{
	char token[AUTH_WEB_TOKEN_SIZE + 1], own[HTTP_SEAT_SIZE + 1];
	http_seat_of(self->account.name, own);
	struct slice seat = self->beside ? slice_of(own) : SLICE("");
	if (self->beside && !web_has_room(exchange, seat)) {
		http_refuse(exchange, 409, "this browser is signed in to as many accounts as may be");
		return RUN_DONE;
	}
	struct auth_web_session session = {.account = self->account.name, .identity = self->account.identity, .device = slice_of(self->device), .address = exchange->client};
	switch (auth_web_begin(exchange->service->auth, exchange->wait, &session, token)) {
	case AUTH_WEB_AWAITED:
		return RUN_WAIT;
	case AUTH_WEB_DONE:
		web_set_cookie(exchange, seat, token, exchange->config->web_session);
		memory_wipe(token, sizeof token);
		web_answer_json(exchange, 200, self->beside ? web_describe_account(exchange, self->account.name, seat) : describe(self->account.name));
		return RUN_DONE;
	case AUTH_WEB_NONE:
		refuse_sign_in(exchange, SIGN_IN_REFUSED, 0);
		return RUN_DONE;
	default:
		refuse_sign_in(exchange, SIGN_IN_TEMPORARY, 0);
		return RUN_DONE;
	}
}

enum net_run web_sign_in(struct http_exchange *exchange)
{
	if (!exchange->state && !read_request(exchange))
		return RUN_DONE;
	struct signing_in *self = exchange->state;
	if (!self->known) {
		enum net_run checked = check_password(exchange, self);
		if (checked == RUN_WAIT || !self->known)
			return checked;
	}
	return begin_session(exchange, self);
}

/* ---- Sessions ---- */

enum net_run web_who(struct http_exchange *exchange)
{
	web_answer_json(exchange, 200, describe(exchange->person.account));
	return RUN_DONE;
}

static enum net_run end_session(struct http_exchange *exchange, int64_t id)
{
	enum auth_web ended = auth_web_end(exchange->service->auth, exchange->wait, exchange->person.account, id);
	if (ended == AUTH_WEB_AWAITED)
		return RUN_WAIT;
	if (ended == AUTH_WEB_DONE && (id == 0 || id == exchange->person.session))
		web_set_cookie(exchange, exchange->seat, "", 0);
	if (ended == AUTH_WEB_DONE)
		http_answer(exchange, 204, NULL, SLICE(""));
	else if (ended == AUTH_WEB_NONE)
		http_refuse(exchange, 404, "there is no such session");
	else
		http_refuse(exchange, 503, "sessions can't be ended now, try again later");
	return RUN_DONE;
}

/* Who says who he is with each request has no session to end. */
enum net_run web_sign_out(struct http_exchange *exchange)
{
	if (exchange->person.session != 0)
		return end_session(exchange, exchange->person.session);
	http_refuse(exchange, 404, "there is no such session");
	return RUN_DONE;
}

enum net_run web_end_session(struct http_exchange *exchange)
{
	struct slice number = slice_skip(exchange->path, sizeof "/sessions/" - 1);
	int64_t id = id_parse(number);
	if (slice_equal(number, SLICE("all")))
		return end_session(exchange, 0);
	if (id != 0)
		return end_session(exchange, id);
	http_refuse(exchange, 404, "there is no such session");
	return RUN_DONE;
}

static json_t *json_of_session(const struct auth_web_session *session, bool own)
{
	char id[ID_TEXT_LEN + 1];
	id_format(session->id, id);
	return json_pack("{s:s, s:s%, s:s%, s:I, s:I, s:b}", "id", id, "device", session->device.at, session->device.len, "address", session->address.at, session->address.len,
			 "created", (json_int_t)session->created, "used", (json_int_t)session->used, "current", own);
}

enum net_run web_list_sessions(struct http_exchange *exchange)
{
	struct auth_web_session *list;
	size_t count;
	enum auth_web known = auth_web_list(exchange->service->auth, exchange->wait, exchange->person.account, exchange->arena, &list, &count);
	if (known == AUTH_WEB_AWAITED)
		return RUN_WAIT;
	if (known != AUTH_WEB_DONE) {
		http_refuse(exchange, 503, "the list can't be had now, try again later");
		return RUN_DONE;
	}
	json_t *sessions = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(sessions, json_of_session(&list[i], list[i].id == exchange->person.session));
	web_answer_json(exchange, 200, json_pack("{s:o}", "sessions", sessions));
	return RUN_DONE;
}

/* ---- What a browser calls itself ---- */

struct mark { const char *mark, *name; };

static const char *find_mark(struct slice agent, const struct mark *marks)
{
	while (marks->mark && slice_find(agent, slice_of(marks->mark)) == SLICE_NONE)
		marks++;
	return marks->name;
}

/* In this order: most claim to be those that came before them, too. */
void web_device_of(struct slice agent, char out[AUTH_WEB_DEVICE_MAX + 1])
{
	static const struct mark browsers[] = {{"Edg", "Edge"}, {"OPR/", "Opera"}, {"YaBrowser/", "Yandex Browser"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"Chrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}, {NULL, "a browser"}};
	static const struct mark systems[] = {{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"CrOS", "ChromeOS"},
		{"Mac OS X", "macOS"}, {"Linux", "Linux"}, {NULL, NULL}};
	const char *system = find_mark(agent, systems);
	snprintf(out, AUTH_WEB_DEVICE_MAX + 1, "%s%s%s", find_mark(agent, browsers), system ? " on " : "", system ? system : "");
}
