/* Questions about OAuth: of the web role alone. Who guesses codes and tokens stands in the throttle's lines (throttle.h) by his network: before it is looked
 * whether he is right, since what has been used once is used up. */
#include "auth/server_verdict.h"

#include "base/clock.h"
#include "base/memory.h"

struct oauth_question {
	struct auth_job job;
	struct auth_server *server;
	struct auth_channel *channel;
	uint64_t id;
	struct sign_in_who who;  /* where a guess is judged: in whose line it stands; else without an address */
	int64_t due_ms;          /* … and when it is answered */
	bool right, wrong;       /* … and what it was; neither: it couldn't be told */
	const struct verb *verb;
	struct arena *arena;
	struct wire_reader reader; /* at the fields, in the arena */
};

/** One kind of question: reads its fields, and answers; false: they are malformed, and it hasn't. */
struct verb {
	unsigned verb;
	bool changes;
	bool guesses; /* what is asked with can be guessed: the address of who asks is in front of the fields */
	bool (*run)(struct oauth_question *question, struct auth_backend *backend);
};

static void send_answer(const struct oauth_question *question, struct buf *answer) { auth_server_send(question->channel, question->id, answer); }

static enum auth_web status_of(bool done, const struct error *error) { return auth_server_status(done, error, AUTH_WEB_FULL, "OAuth"); }

static void answer_text(const struct oauth_question *question, enum auth_web status, struct slice text)
{
	struct buf answer = auth_server_begin_answer(status);
	wire_put_text(&answer, text);
	send_answer(question, &answer);
}

static bool run_register(struct oauth_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	struct slice name = wire_text(&question->reader, AUTH_CREDENTIAL_NAME_MAX), redirects = wire_text(&question->reader, AUTH_REDIRECTS_MAX);
	struct buf id = BUF(2 * AUTH_CLIENT_ID_MAX);
	if (!wire_end(&question->reader) || !auth_credential_is_name(name) || redirects.len == 0)
		return false;
	bool done = backend->kind->oauth_register(backend, name, redirects, &id, &error);
	answer_text(question, status_of(done, &error), done ? buf_slice(&id) : SLICE(""));
	buf_free(&id);
	return true;
}

static bool run_client(struct oauth_question *question, struct auth_backend *backend)
{
	struct slice id = wire_text(&question->reader, UINT16_MAX), redirect = wire_text(&question->reader, UINT16_MAX), name = {0};
	if (!wire_end(&question->reader))
		return false;
	bool found = redirect.len > 0 && backend->kind->oauth_client(backend, id, redirect, question->arena, &name);
	answer_text(question, found ? AUTH_WEB_DONE : AUTH_WEB_NONE, found ? name : SLICE(""));
	return true;
}

static bool read_request(struct wire_reader *reader, struct auth_oauth_request *request)
{
	request->client = wire_text(reader, AUTH_CLIENT_ID_MAX);
	request->redirect = wire_text(reader, AUTH_REDIRECT_MAX);
	request->challenge = wire_text(reader, AUTH_CHALLENGE_SIZE);
	request->account = wire_text(reader, WIRE_ADDRESS_MAX);
	request->identity = (int64_t)wire_number(reader, INT64_MAX);
	request->name = wire_text(reader, AUTH_CREDENTIAL_NAME_MAX);
	request->address = wire_text(reader, WIRE_PEER_MAX);
	request->scopes = (unsigned)wire_number(reader, AUTH_MAY_ALL);
	return wire_end(reader) && request->challenge.len == AUTH_CHALLENGE_SIZE && request->scopes != 0 && !(request->scopes & AUTH_MAY_MANAGE) && auth_credential_is_name(request->name);
}

/* Looked at once more, whatever the web role has looked at. */
static bool run_allow(struct oauth_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	struct auth_oauth_request request;
	struct slice name;
	char code[AUTH_WEB_TOKEN_SIZE + 1] = "";
	if (!read_request(&question->reader, &request))
		return false;
	bool done = (backend->kind->oauth_client(backend, request.client, request.redirect, question->arena, &name) || error_set(&error, ERROR_DENIED, "no such program")) &&
		    backend->kind->oauth_allow(backend, &request, clock_now(), code, &error);
	answer_text(question, status_of(done, &error), done ? slice_of(code) : SLICE(""));
	memory_wipe(code, sizeof code);
	if (done)
		log_info("oauth.allowed", log_slice("account", request.account), log_slice("program", request.name), log_slice("peer", request.address));
	return true;
}

static void answer_tokens(const struct oauth_question *question, enum auth_web status, struct auth_oauth_tokens *tokens)
{
	struct buf answer = auth_server_begin_answer(status);
	bool done = status == AUTH_WEB_DONE;
	wire_put_text(&answer, done ? slice_of(tokens->access) : SLICE(""));
	wire_put_text(&answer, done ? slice_of(tokens->refresh) : SLICE(""));
	wire_put_number(&answer, done ? tokens->scopes : 0);
	wire_put_number(&answer, (uint64_t)auth_verdict_until(question->due_ms));
	send_answer(question, &answer);
	memory_wipe(tokens, sizeof *tokens);
}

/* What was refused is written down: a code or a token that comes twice is a theft. */
static enum auth_web conclude(struct oauth_question *question, bool done, const struct error *error)
{
	question->right = done;
	question->wrong = !done && error->kind == ERROR_DENIED;
	if (question->wrong)
		log_warning("oauth.refused", log_text("reason", error->text), log_slice("peer", question->who.address));
	return status_of(done, error);
}

static bool run_exchange(struct oauth_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	struct auth_oauth_tokens tokens = {0};
	struct auth_oauth_exchange exchange = {.code = wire_text(&question->reader, UINT16_MAX)};
	exchange.client = wire_text(&question->reader, UINT16_MAX);
	exchange.redirect = wire_text(&question->reader, UINT16_MAX);
	exchange.verifier = wire_text(&question->reader, UINT16_MAX);
	if (!wire_end(&question->reader))
		return false;
	bool done = backend->kind->oauth_exchange(backend, &exchange, clock_now(), &tokens, &error);
	answer_tokens(question, conclude(question, done, &error), &tokens);
	return true;
}

static bool run_refresh(struct oauth_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	struct auth_oauth_tokens tokens = {0};
	struct slice refresh = wire_text(&question->reader, UINT16_MAX), client = wire_text(&question->reader, UINT16_MAX);
	unsigned scopes = (unsigned)wire_number(&question->reader, AUTH_MAY_ALL);
	if (!wire_end(&question->reader) || client.len == 0)
		return false;
	bool done = backend->kind->oauth_refresh(backend, refresh, client, scopes, clock_now(), &tokens, &error);
	answer_tokens(question, conclude(question, done, &error), &tokens);
	return true;
}

static bool run_revoke(struct oauth_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	struct slice token = wire_text(&question->reader, UINT16_MAX);
	if (!wire_end(&question->reader))
		return false;
	answer_text(question, status_of(backend->kind->oauth_revoke(backend, token, clock_now(), &error), &error), SLICE(""));
	return true;
}

static const struct verb verbs[] = {
	{WIRE_OAUTH_REGISTER, false, false, run_register}, {WIRE_OAUTH_CLIENT, false, false, run_client}, {WIRE_OAUTH_ALLOW, true, false, run_allow},
	{WIRE_OAUTH_EXCHANGE, true, true, run_exchange}, {WIRE_OAUTH_REFRESH, true, true, run_refresh}, {WIRE_OAUTH_REVOKE, true, false, run_revoke},
};

static void drop_question(struct auth_job *job)
{
	struct oauth_question *question = (struct oauth_question *)job;
	arena_free_secret(&question->arena);
	free(question);
}

/* Malformed ones, and those that can't be asked now, get a status that has nothing behind it, which no client takes for an answer. */
static void run_question(struct auth_job *job, struct auth_backend *backend)
{
	struct oauth_question *question = (struct oauth_question *)job;
	if (!backend || !question->verb->run(question, backend)) {
		struct buf answer = auth_server_begin_answer(AUTH_WEB_TEMPORARY);
		send_answer(question, &answer);
	}
	if (!job->done)
		drop_question(job);
}

/* ---- Guesses ---- */

static void end_guess(void *context, struct auth_job *job)
{
	struct auth_server *server = context;
	struct oauth_question *question = (struct oauth_question *)job;
	struct auth_throttle_limits limits = auth_verdict_limits();
	struct auth_throttle_try try = auth_verdict_try(&question->who);
	if (question->right)
		auth_throttle_succeeded(server->throttle, &limits, clock_monotonic_ms(), &try);
	else if (question->wrong)
		auth_throttle_failed(server->throttle, &limits, clock_monotonic_ms(), &try);
	drop_question(job);
}

/* Whose guess it is isn't known: each network stands in a line of its own, and nobody else's. False: it was sent away. */
static bool admit_guess(struct oauth_question *question)
{
	struct auth_verdict verdict;
	struct sign_in_who *who = &question->who;
	struct auth_oauth_tokens none = {0};
	who->address = arena_copy(question->arena, wire_text(&question->reader, WIRE_PEER_MAX));
	who->account = arena_printf(question->arena, "oauth %.*s", SLICE_ARG(who->address));
	who->name = SLICE("");
	who->service = "http";
	who->mechanism = "oauth";
	question->job.done = end_guess;
	if (auth_verdict_stand_in_line(question->server, who, true, &question->due_ms, &verdict))
		return true;
	question->due_ms = clock_monotonic_ms() + verdict.delay_ms;
	answer_tokens(question, AUTH_WEB_TEMPORARY, &none);
	return false;
}

bool auth_server_handle_oauth(struct auth_server *server, struct auth_channel *channel, const struct call_received *received)
{
	size_t at = 0;
	while (at < sizeof verbs / sizeof *verbs && verbs[at].verb != received->verb)
		at++;
	if (at == sizeof verbs / sizeof *verbs || !channel->web)
		return false;
	struct oauth_question *question = memory_new(sizeof *question);
	*question = (struct oauth_question){
		.job = {.kind = JOB_ADDRESS, .changes = verbs[at].changes, .run = run_question, .drop = drop_question},
		.server = server, .channel = channel, .id = received->id, .verb = &verbs[at], .arena = arena_new(),
	};
	question->reader.rest = arena_copy(question->arena, received->text);
	if (!verbs[at].guesses || admit_guess(question))
		auth_server_submit(server, &question->job);
	else
		drop_question(&question->job);
	return true;
}
