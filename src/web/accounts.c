/* The accounts that a browser is signed in to side by side: a session and a cookie for each. One stands alone, as it does where there are no others; the others have a
 * seat (http/target.h), by which a request says of which account it speaks: the cookies that come with it are all of them. */
#include "base/memory.h"
#include "web/web.h"

struct listing {
	struct http_cookie cookies[HTTP_SEATS_MAX + 1];
	struct slice accounts[HTTP_SEATS_MAX + 1]; /* empty: that session is over */
	size_t count, at;
};

static bool is_seat_of(struct slice seat, struct slice account)
{
	char own[HTTP_SEAT_SIZE + 1];
	http_seat_of(account, own);
	return seat.len == 0 || slice_equal(seat, slice_of(own));
}

void web_set_cookie(struct http_exchange *exchange, struct slice seat, const char *token, int64_t seconds)
{
	struct slice value = arena_printf(exchange->arena, "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s", http_cookie_name(exchange, seat), token,
					  (long long)seconds, exchange->secure ? "; Secure" : "");
	http_add_field(exchange, "Set-Cookie", value);
}

bool web_has_room(struct http_exchange *exchange, struct slice seat)
{
	struct http_cookie list[HTTP_SEATS_MAX + 1];
	size_t count = http_list_cookies(exchange, list), others = 0;
	for (size_t i = 0; i < count; i++)
		others += list[i].seat.len > 0 && !slice_equal(list[i].seat, seat);
	return others < HTTP_SEATS_MAX;
}

json_t *web_describe_account(struct http_exchange *exchange, struct slice account, struct slice seat)
{
	struct slice at = seat.len > 0 ? arena_printf(exchange->arena, "/~%.*s", SLICE_ARG(seat)) : SLICE("");
	return json_pack("{s:s%, s:s%}", "account", account.at, account.len, "at", at.at, at.len);
}

/* A cookie whose session is over goes: it would take another's place. */
static void answer(struct http_exchange *exchange, const struct listing *self)
{
	json_t *list = json_array();
	for (size_t i = 0; i < self->count; i++)
		if (self->accounts[i].len > 0)
			json_array_append_new(list, web_describe_account(exchange, self->accounts[i], self->cookies[i].seat));
		else
			web_set_cookie(exchange, self->cookies[i].seat, "", 0);
	web_answer_json(exchange, 200, json_pack("{s:o}", "accounts", list));
}

enum net_run web_accounts(struct http_exchange *exchange)
{
	struct listing *self = exchange->state;
	if (!self) {
		self = exchange->state = arena_alloc(exchange->arena, sizeof *self);
		self->count = http_list_cookies(exchange, self->cookies);
	}
	for (; self->at < self->count; self->at++) {
		struct http_cookie cookie = self->cookies[self->at];
		struct auth_web_session found;
		enum auth_web known = auth_web_find(exchange->service->auth, exchange->wait, cookie.token, exchange->arena, &found);
		if (known == AUTH_WEB_AWAITED)
			return RUN_WAIT;
		if (known == AUTH_WEB_TEMPORARY) {
			http_refuse(exchange, 503, "who you are can't be told now, try again later");
			return RUN_DONE;
		}
		if (known == AUTH_WEB_DONE && is_seat_of(cookie.seat, found.account))
			self->accounts[self->at] = found.account;
	}
	answer(exchange, self);
	return RUN_DONE;
}
