/* Administration (docs/admin-api.md): what somebody wants done is handed to the admin role, with what he shows of who he is. This process decides nothing of it, and
 * understands nothing of it: if it were taken over it could do as an administrator only what one who is signed in could, while he is. */
#include <stdlib.h>

#include "admin/admin.h"
#include "admin/codes.h"
#include "base/memory.h"
#include "web/web.h"

/* A call that a request waits for. */
struct calling {
	struct buf question;
	struct call_ticket *ticket;
};

/* What the protocol refuses, in the interface's words. */
const char *web_admin_refusal(int status, const char *why, struct buf *body)
{
	static const struct { int status; enum admin_code code; } codes[] = {
		{401, ADMIN_SIGN_IN}, {403, ADMIN_OTHER_SITE}, {413, ADMIN_TOO_LARGE}, {429, ADMIN_TOO_MANY}, {503, ADMIN_TEMPORARY}};
	enum admin_code code = ADMIN_MALFORMED;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].status == status)
			code = codes[i].code;
	admin_write_error(body, code, slice_of(why));
	return "application/json";
}

static void resume(void *conn) { conn_resume(conn); }

/* False: it was refused. */
static bool begin(struct http_exchange *exchange, enum admin_verb verb)
{
	const struct web_service *service = exchange->context;
	struct admin_asker asker = {.address = exchange->client};
	asker.proof = http_shown(exchange, &asker.key);
	struct calling *self = arena_alloc(exchange->arena, sizeof *self);
	*self = (struct calling){.question = BUF_SECRET(ADMIN_REQUEST_MAX + ADMIN_PROOF_MAX + ADMIN_ADDRESS_MAX + 16)};
	exchange->state = self;
	if (asker.proof.len > ADMIN_PROOF_MAX || !admin_question_write(&asker, buf_slice(&exchange->body), &self->question)) {
		http_refuse(exchange, 401, "nobody has such a key, or session");
		return false;
	}
	self->ticket = admin_begin(service->admin, verb, buf_slice(&self->question), resume, exchange->conn);
	return true;
}

static enum net_run ask(struct http_exchange *exchange, enum admin_verb verb)
{
	struct admin_answer answer;
	struct calling *self = exchange->state;
	if (!self && !begin(exchange, verb))
		return RUN_DONE;
	self = exchange->state;
	if (!caller_is_done(self->ticket))
		return RUN_WAIT;
	if (admin_end(&self->ticket, &answer)) {
		conn_delay(exchange->conn, (int)answer.delay_ms);
		if (answer.status == 401)
			http_add_field(exchange, "WWW-Authenticate", SLICE("Bearer realm=\"Pombal\""));
		http_answer(exchange, (int)answer.status, "application/json", answer.body);
	} else
		http_refuse(exchange, 503, "that can't be done now, or it isn't known whether it was: look, and try again");
	call_answer_free(&answer.call);
	return RUN_DONE;
}

void web_admin_drop(struct http_exchange *exchange)
{
	struct admin_answer unwanted;
	struct calling *self = exchange->state;
	if (!self)
		return;
	if (self->ticket) {
		admin_end(&self->ticket, &unwanted);
		call_answer_free(&unwanted.call);
	}
	buf_free(&self->question);
	exchange->state = NULL;
}

static bool is_json(const struct http_exchange *exchange)
{
	struct slice type, rest;
	return http_head_find(&exchange->head, "Content-Type", &type) && (slice_cut(type, ';', &type, &rest), slice_equal_nocase(slice_trim(type), SLICE("application/json")));
}

enum net_run web_admin_who(struct http_exchange *exchange) { return ask(exchange, ADMIN_WHO); }

enum net_run web_admin_call(struct http_exchange *exchange)
{
	if (exchange->state || is_json(exchange))
		return ask(exchange, ADMIN_CALL);
	http_refuse(exchange, 415, "JSON is expected (Content-Type: application/json)");
	return RUN_DONE;
}
