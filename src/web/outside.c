/* What the pages of who reads his mail fetch from elsewhere, through us (fetcher/fetcher.h): a letter's pictures, so that its sender doesn't learn who reads it
 * where and with what; and the word to a mailing list that one wants no more. And the empty page in which a letter is shown, which may load nothing by itself. */
#include <pthread.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "fetcher/fetcher.h"
#include "web/web.h"

enum {
	ACCOUNT_MAX = 6, /* errands of an account's under way: as many as browsers ask of one server at a time */
	ALL_MAX = 48,
};

/* An errand that a request waits for. */
struct outside {
	struct call_ticket *ticket;
	bool counted;
};

/* ---- How many ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *under_way; /* account -> unsigned; a row exists only while there is one */
static unsigned all;

static bool enter(struct slice account)
{
	pthread_mutex_lock(&lock);
	if (!under_way)
		under_way = map_new();
	unsigned *own = map_get(under_way, account);
	bool fits = all < ALL_MAX && (!own || *own < ACCOUNT_MAX);
	if (fits && !own)
		map_put(under_way, account, own = memory_new(sizeof *own));
	if (fits) {
		++*own;
		all++;
	}
	pthread_mutex_unlock(&lock);
	return fits;
}

static void leave(struct slice account)
{
	pthread_mutex_lock(&lock);
	unsigned *own = map_get(under_way, account);
	all--;
	if (--*own == 0) {
		map_remove(under_way, account);
		free(own);
	}
	if (map_count(under_way) == 0)
		map_free(&under_way);
	pthread_mutex_unlock(&lock);
}

/* ---- An errand ---- */

static void resume(void *conn) { conn_resume(conn); }

/* False: it was refused. */
static bool begin(struct http_exchange *exchange, enum fetcher_errand errand, struct slice url)
{
	const struct web_service *service = exchange->context;
	struct outside *self = arena_alloc(exchange->arena, sizeof *self);
	*self = (struct outside){0};
	exchange->state = self;
	if (!enter(exchange->person.account)) {
		http_refuse(exchange, 429, "that is much at once, ask again when some of it is there");
		return false;
	}
	self->counted = true;
	self->ticket = fetcher_begin(service->fetcher, errand, url, resume, exchange->conn);
	return true;
}

/* RUN_WAIT; RUN_DONE: *answer is there (fetcher_answer_free() is due), or the request was refused. */
static enum net_run await(struct http_exchange *exchange, enum fetcher_errand errand, struct slice url, struct fetcher_answer *answer)
{
	struct outside *self = exchange->state;
	if (!self && !begin(exchange, errand, url))
		return RUN_DONE;
	self = exchange->state;
	if (!caller_is_done(self->ticket))
		return RUN_WAIT;
	fetcher_end(&self->ticket, answer);
	return RUN_DONE;
}

void web_outside_drop(struct http_exchange *exchange)
{
	struct outside *self = exchange->state;
	struct fetcher_answer unwanted;
	if (!self)
		return;
	if (self->ticket) {
		fetcher_end(&self->ticket, &unwanted);
		fetcher_answer_free(&unwanted);
	}
	if (self->counted)
		leave(exchange->person.account);
	exchange->state = NULL;
}

static void refuse(struct http_exchange *exchange, enum fetcher_outcome outcome)
{
	static const struct { int status; const char *why; } answers[FETCHER_OUTCOMES] = {
		[FETCHER_FORBIDDEN] = {403, "nothing is fetched from there"},
		[FETCHER_MISTAKEN] = {400, "that isn't the address of anything"},
		[FETCHER_LARGE] = {413, "that is larger than what is fetched"},
		[FETCHER_NOT_GIVEN] = {502, "its server doesn't give it"},
		[FETCHER_UNREACHABLE] = {502, "its server can't be reached"},
		[FETCHER_BUSY] = {503, "others are waiting for pictures, too, try again later"},
	};
	http_refuse(exchange, answers[outcome].status, answers[outcome].why);
}

/* ---- Pictures ---- */

/* What is no picture by its bytes isn't given, whatever its server calls it. */
static void give_picture(struct http_exchange *exchange, struct slice bytes)
{
	const char *type = fetcher_picture_type(bytes);
	if (!type) {
		http_refuse(exchange, 415, "that is no picture");
		return;
	}
	exchange->policy = "sandbox; default-src 'none'; frame-ancestors 'none'";
	http_add_field(exchange, "Cache-Control", SLICE("private, max-age=604800, immutable"));
	http_answer(exchange, 200, type, bytes);
}

enum net_run web_picture(struct http_exchange *exchange)
{
	struct slice url;
	struct fetcher_answer answer;
	if (!http_parameter(exchange, "url", &url) || url.len > FETCHER_URL_MAX) {
		http_refuse(exchange, 400, "the parameter url says which, in 4096 bytes at most");
		return RUN_DONE;
	}
	enum net_run run = await(exchange, FETCHER_PICTURE, url, &answer);
	if (run != RUN_DONE || exchange->answered)
		return run;
	if (answer.outcome == FETCHER_DONE)
		give_picture(exchange, answer.bytes);
	else
		refuse(exchange, answer.outcome);
	fetcher_answer_free(&answer);
	return RUN_DONE;
}

/* ---- Mailing lists ---- */

enum net_run web_unsubscribe(struct http_exchange *exchange)
{
	struct fetcher_answer answer;
	struct slice url = SLICE("");
	if (!exchange->state) {
		json_t *object = web_read_json(exchange);
		if (!object)
			return RUN_DONE;
		url = web_json_text(object, "url", exchange->arena);
		json_decref(object);
		if (url.len == 0 || url.len > FETCHER_URL_MAX) {
			http_refuse(exchange, 400, "url says where the list is told");
			return RUN_DONE;
		}
	}
	enum net_run run = await(exchange, FETCHER_UNSUBSCRIBE, url, &answer);
	if (run != RUN_DONE || exchange->answered)
		return run;
	if (answer.outcome == FETCHER_DONE)
		http_answer(exchange, 204, NULL, SLICE(""));
	else
		refuse(exchange, answer.outcome);
	fetcher_answer_free(&answer);
	return RUN_DONE;
}

/* ---- The page for a letter ---- */

/* Our page puts a letter's elements into it. Nothing of them runs or leads anywhere by itself, and all that can be shown are pictures that our page has got:
 * so it stays if what cleans letters should fail. It is framed by pages of ours alone. */
enum net_run web_frame(struct http_exchange *exchange)
{
	exchange->policy = "default-src 'none'; style-src 'unsafe-inline'; img-src blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
			   "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox";
	exchange->framed = true;
	http_add_field(exchange, "X-DNS-Prefetch-Control", SLICE("off"));
	http_add_field(exchange, "Cache-Control", SLICE("private, max-age=3600"));
	http_answer_constant(exchange, 200, "text/html; charset=utf-8", SLICE("<!doctype html><html><head><title></title></head><body></body></html>\n"));
	return RUN_DONE;
}
