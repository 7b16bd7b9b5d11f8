/* App passwords as their owner's page has them made, listed and ended. One is made for who says the account's password once more: a session that somebody
 * else has got hold of, for a moment, is not to become something that lasts. */
#include <jansson.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "web/web.h"

enum { DAY = 24 * 3600, DAYS_MAX = 3650 };

struct making {
	struct slice password;
	struct auth_credential wanted;
	bool known;
};

static enum net_run refuse_for_now(struct http_exchange *exchange)
{
	http_refuse(exchange, 503, "that isn't possible now, try again later");
	return RUN_DONE;
}

/* ---- Making one ---- */

static struct making *read_request(struct http_exchange *exchange)
{
	struct making *self = arena_alloc(exchange->arena, sizeof *self);
	json_t *object = web_read_json(exchange);
	if (!object)
		return NULL;
	json_int_t days = json_integer_value(json_object_get(object, "days"));
	struct slice allow = web_json_text(object, "allow", exchange->arena);
	self->password = web_json_text(object, "password", exchange->arena);
	self->wanted.name = web_json_text(object, "name", exchange->arena);
	json_decref(object);
	bool good = auth_credential_is_name(self->wanted.name) && auth_scopes_parse(allow, &self->wanted.scopes) && days >= 0 && days <= DAYS_MAX && self->password.len > 0;
	self->wanted.account = exchange->person.account;
	self->wanted.identity = exchange->person.identity;
	self->wanted.address = exchange->client;
	self->wanted.expires = days > 0 ? clock_now() + days * DAY : 0;
	if (good)
		return self;
	http_refuse(exchange, 400, "password, name, and what it is to be allowed (mail, mail-read, send) are expected, and days from 1 to 3650 or none");
	return NULL;
}

static enum net_run make(struct http_exchange *exchange, const struct making *self)
{
	int64_t number;
	char text[AUTH_APP_PASSWORD_SIZE + 1], id[ID_TEXT_LEN + 1];
	enum auth_web made = auth_app_password_make(exchange->service->auth, exchange->wait, &self->wanted, &number, text);
	if (made == AUTH_WEB_AWAITED)
		return RUN_WAIT;
	id_format(number, id);
	if (made == AUTH_WEB_DONE)
		web_answer_json(exchange, 200, json_pack("{s:s, s:s}", "id", id, "password", text));
	else if (made == AUTH_WEB_FULL)
		http_refuse(exchange, 409, "there are too many app passwords already: end some");
	else if (made == AUTH_WEB_NONE)
		http_refuse(exchange, 401, "the account has just been changed, sign in again");
	else
		return refuse_for_now(exchange);
	memory_wipe(text, sizeof text);
	return RUN_DONE;
}

enum net_run web_make_app_password(struct http_exchange *exchange)
{
	if (!exchange->state && !(exchange->state = read_request(exchange)))
		return RUN_DONE;
	struct making *self = exchange->state;
	if (!self->known) {
		struct auth_account account;
		enum net_run checked = web_check_password(exchange, exchange->person.account, self->password, &account);
		if (checked == RUN_WAIT || exchange->answered)
			return checked;
		if (account.credential != 0 || account.identity != exchange->person.identity) {
			http_refuse(exchange, 403, "that takes the account's own password");
			return RUN_DONE;
		}
		self->known = true;
	}
	return make(exchange, self);
}

/* ---- The list, and the end of one ---- */

static json_t *json_of(const struct auth_credential *credential)
{
	char id[ID_TEXT_LEN + 1], scopes[AUTH_SCOPES_TEXT_MAX];
	id_format(credential->id, id);
	return json_pack("{s:s, s:s, s:s%, s:s, s:s%, s:I, s:I, s:I}", "id", id, "kind", credential->kind == AUTH_GRANT ? "oauth" : "app-password",
			 "name", credential->name.at, credential->name.len, "allow", auth_scopes_text(credential->scopes, scopes), "address", credential->address.at, credential->address.len,
			 "created", (json_int_t)credential->created, "used", (json_int_t)credential->used, "expires", (json_int_t)credential->expires);
}

enum net_run web_list_app_passwords(struct http_exchange *exchange)
{
	struct auth_credential *list;
	size_t count;
	enum auth_web known = auth_credential_list(exchange->service->auth, exchange->wait, exchange->person.account, exchange->arena, &list, &count);
	if (known == AUTH_WEB_AWAITED)
		return RUN_WAIT;
	if (known != AUTH_WEB_DONE)
		return refuse_for_now(exchange);
	json_t *all = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(all, json_of(&list[i]));
	web_answer_json(exchange, 200, json_pack("{s:o}", "appPasswords", all));
	return RUN_DONE;
}

enum net_run web_end_app_password(struct http_exchange *exchange)
{
	int64_t id = id_parse(slice_skip(exchange->path, sizeof "/app-passwords/" - 1));
	enum auth_web ended = id != 0 ? auth_credential_end(exchange->service->auth, exchange->wait, exchange->person.account, id) : AUTH_WEB_NONE;
	if (ended == AUTH_WEB_AWAITED)
		return RUN_WAIT;
	if (ended == AUTH_WEB_DONE)
		http_answer(exchange, 204, NULL, SLICE(""));
	else if (ended == AUTH_WEB_NONE)
		http_refuse(exchange, 404, "there is no such app password");
	else
		return refuse_for_now(exchange);
	return RUN_DONE;
}
