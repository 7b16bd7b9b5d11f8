/* Requests over HTTP (RFC 8620 §3.1), and the session (§2). */
#include "jmap/internal.h"

/* ---- What every request begins with ---- */

static struct slice origin_of(struct http_exchange *exchange)
{
	struct slice authority = exchange->head.authority;
	return arena_printf(exchange->arena, "http%s://%.*s", exchange->secure ? "s" : "", SLICE_ARG(slice_empty(authority) ? slice_of(exchange->config->hostname) : authority));
}

struct jmap_request *jmap_make_request(struct http_exchange *exchange)
{
	struct jmap_request *request = arena_alloc(exchange->arena, sizeof *request);
	*request = (struct jmap_request){.service = exchange->context, .conn = exchange->conn, .config = exchange->config, .wait = exchange->wait, .arena = exchange->arena,
					 .person = exchange->person, .origin = origin_of(exchange)};
	struct slice field;
	request->language_said = http_head_find(&exchange->head, "Accept-Language", &field) && auth_language_accepted(field, &request->language);
	return request;
}

void jmap_answer_json(struct http_exchange *exchange, int status, const char *type, json_t *value)
{
	struct buf text = BUF(JMAP_RESPONSE_MAX);
	jmap_json_write(&text, value);
	json_decref(value);
	http_answer(exchange, status, type, buf_slice(&text));
	buf_free(&text);
}

void jmap_refuse(struct http_exchange *exchange, const struct jmap_problem *problem)
{
	if (problem->status == 503)
		http_add_field(exchange, "Retry-After", SLICE("10"));
	jmap_answer_json(exchange, problem->status, "application/problem+json", jmap_problem_json(problem));
}

bool jmap_admit(struct http_exchange *exchange, enum jmap_share what, const char *limit)
{
	struct jmap_problem problem = {400, "limit", limit, "too many at a time"};
	switch (jmap_share_enter(exchange->person.account, what)) {
	case JMAP_SHARE_TAKEN:
		return true;
	case JMAP_SHARE_BUSY:
		problem = (struct jmap_problem){503, NULL, NULL, "the server is busy, try again later"};
		break;
	default:
		break;
	}
	jmap_refuse(exchange, &problem);
	return false;
}

/* ---- The session ---- */

enum net_run jmap_get_session(struct http_exchange *exchange)
{
	struct jmap_problem problem;
	struct jmap_request *request = jmap_make_request(exchange);
	if (!jmap_request_open(request, &problem))
		jmap_refuse(exchange, &problem);
	else {
		http_add_field(exchange, "Cache-Control", SLICE("no-cache, no-store, must-revalidate"));
		jmap_answer_json(exchange, 200, "application/json", jmap_session(request));
	}
	jmap_request_close(request);
	return RUN_DONE;
}

/* ---- Requests ---- */

static bool is_json(const struct http_exchange *exchange)
{
	struct slice type, rest;
	return http_head_find(&exchange->head, "Content-Type", &type) &&
	       (slice_cut(type, ';', &type, &rest), slice_equal_nocase(slice_trim(type), SLICE("application/json")));
}

/* Its bytes, of all that requests in work hold. False: refused. */
static bool hold_bytes(struct http_exchange *exchange, struct jmap_request *request)
{
	size_t bytes = exchange->head.chunked ? JMAP_REQUEST_MAX : (size_t)exchange->head.length;
	if (jmap_share_take_bytes(exchange->person.account, bytes) == JMAP_SHARE_TAKEN) {
		request->held = bytes;
		return true;
	}
	http_add_field(exchange, "Retry-After", SLICE("10"));
	jmap_refuse(exchange, &(struct jmap_problem){429, "limit", "maxConcurrentRequests", "too many bytes of requests at a time, try again later"});
	return false;
}

enum net_run jmap_api_admit(struct http_exchange *exchange)
{
	struct jmap_problem problem;
	if (!is_json(exchange)) {
		problem = (struct jmap_problem){400, "notJSON", NULL, "the type of a request is application/json"};
		jmap_refuse(exchange, &problem);
	} else if (exchange->head.length > JMAP_REQUEST_MAX) {
		problem = (struct jmap_problem){400, "limit", "maxSizeRequest", "the request is too large"};
		jmap_refuse(exchange, &problem);
	} else if (jmap_admit(exchange, JMAP_SHARE_REQUEST, "maxConcurrentRequests")) {
		struct jmap_request *request = exchange->state = jmap_make_request(exchange);
		if (!hold_bytes(exchange, request))
			return RUN_DONE;
		bool large = exchange->head.chunked || exchange->head.length > JMAP_LARGE_BYTES;
		request->large = large && jmap_admit(exchange, JMAP_SHARE_LARGE, "maxConcurrentRequests");
	}
	return RUN_DONE;
}

enum net_run jmap_api(struct http_exchange *exchange)
{
	struct jmap_request *request = exchange->state;
	struct jmap_problem problem = {0};
	bool begun = request->account != NULL;
	if (!begun && jmap_request_open(request, &problem) && jmap_request_read(request, buf_slice(&exchange->body), &problem)) {
		buf_free(&exchange->body);
		begun = true;
	}
	if (begun) {
		enum net_run result = jmap_request_run(request, &problem);
		if (result != RUN_DONE)
			return result;
	}
	if (problem.status != 0)
		jmap_refuse(exchange, &problem);
	else
		http_answer(exchange, 200, "application/json", buf_slice(&request->out));
	return RUN_DONE;
}

void jmap_api_drop(struct http_exchange *exchange)
{
	struct jmap_request *request = exchange->state;
	if (!request)
		return;
	jmap_request_close(request);
	if (request->large)
		jmap_share_leave(exchange->person.account, JMAP_SHARE_LARGE);
	jmap_share_leave(exchange->person.account, JMAP_SHARE_REQUEST);
	exchange->state = NULL;
}
