/* Questions about sessions of the web: of the web role alone. */
#include "auth/server_internal.h"

#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"

enum { USED_EVERY_SECONDS = 3600 /* so exactly it is kept when a session was used last */ };

struct web_question {
	struct auth_job job;
	struct auth_server *server;
	struct auth_channel *channel;
	uint64_t id;
	unsigned verb;
	struct arena *arena;
	struct auth_web_session session; /* what was asked with */
	struct slice token;
};

static void send_answer(const struct web_question *question, struct buf *answer) { auth_server_send(question->channel, question->id, answer); }

static enum auth_web status_of(bool done, const struct error *error) { return auth_server_status(done, error, AUTH_WEB_TEMPORARY, "sessions of the web"); }

static int64_t used_since(void) { return clock_now() - config_current()->web_session; }

static void put_session(struct buf *answer, const struct auth_web_session *session)
{
	wire_put_number(answer, (uint64_t)session->id);
	wire_put_text(answer, session->account);
	wire_put_number(answer, (uint64_t)session->identity);
	wire_put_text(answer, session->device);
	wire_put_text(answer, session->address);
	wire_put_number(answer, (uint64_t)session->created);
	wire_put_number(answer, (uint64_t)session->used);
}

static void drop_question(struct auth_job *job)
{
	struct web_question *question = (struct web_question *)job;
	arena_free_secret(&question->arena);
	free(question);
}

static void run_begin(struct web_question *question, struct auth_backend *backend)
{
	char token[AUTH_WEB_TOKEN_SIZE + 1] = "";
	struct error error = {0};
	struct auth_web_session *session = &question->session;
	session->proved = session->proved ? clock_now() : 0;
	session->created = session->used = clock_now();
	bool done = backend->kind->web_begin(backend, session, used_since(), token, &error);
	struct buf answer = auth_server_begin_answer(status_of(done, &error));
	wire_put_text(&answer, slice_of(token));
	memory_wipe(token, sizeof token);
	if (done)
		log_info("web.signed_in", log_slice("account", session->account), log_id("web_session", session->id), log_slice("device", session->device), log_slice("peer", session->address));
	send_answer(question, &answer);
}

static void run_use(struct auth_job *job, struct auth_backend *backend)
{
	struct web_question *question = (struct web_question *)job;
	struct error error = {0};
	if (backend && !backend->kind->web_use(backend, question->session.id, clock_now(), &error))
		status_of(false, &error);
	drop_question(job);
}

/* That it was used is written down by a thread, when there is news in it. */
static void note_use(const struct web_question *question, const struct auth_web_session *session)
{
	if (session->used > clock_now() - USED_EVERY_SECONDS)
		return;
	struct web_question *use = memory_new(sizeof *use);
	*use = (struct web_question){.job = {.kind = JOB_ADDRESS, .changes = true, .run = run_use, .drop = drop_question}, .arena = arena_new()};
	use->session.id = session->id;
	auth_server_submit(question->server, &use->job);
}

static void run_find(struct web_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	struct auth_web_session session = {0};
	bool done = backend->kind->web_find(backend, question->token, used_since(), question->arena, &session, &error);
	struct buf answer = auth_server_begin_answer(done && session.id == 0 ? AUTH_WEB_NONE : status_of(done, &error));
	put_session(&answer, &session);
	send_answer(question, &answer);
	if (done && session.id != 0)
		note_use(question, &session);
}

static void run_list(struct web_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	struct auth_web_session *list = NULL;
	size_t count = 0;
	bool done = backend->kind->web_list(backend, question->session.account, used_since(), question->arena, &list, &count, &error);
	struct buf answer = auth_server_begin_answer(status_of(done, &error));
	wire_put_number(&answer, done ? count : 0);
	for (size_t i = 0; done && i < count; i++)
		put_session(&answer, &list[i]);
	send_answer(question, &answer);
}

static void run_end(struct web_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	size_t count = 0;
	bool done = backend->kind->web_end(backend, question->session.account, question->session.id, &count, &error);
	struct buf answer = auth_server_begin_answer(done && count == 0 ? AUTH_WEB_NONE : status_of(done, &error));
	if (count > 0)
		log_info("web.signed_out", log_slice("account", question->session.account), log_id("web_session", question->session.id), log_number("count", (int64_t)count));
	send_answer(question, &answer);
}

static const struct {
	unsigned verb;
	void (*run)(struct web_question *question, struct auth_backend *backend);
} verbs[] = {{WIRE_WEB_BEGIN, run_begin}, {WIRE_WEB_FIND, run_find}, {WIRE_WEB_LIST, run_list}, {WIRE_WEB_END, run_end}};

static void run_question(struct auth_job *job, struct auth_backend *backend)
{
	struct web_question *question = (struct web_question *)job;
	size_t at = 0;
	while (verbs[at].verb != question->verb)
		at++;
	if (backend)
		verbs[at].run(question, backend);
	else {
		struct buf answer = auth_server_begin_answer(AUTH_WEB_TEMPORARY);
		send_answer(question, &answer);
	}
	drop_question(job);
}

static bool is_changing(unsigned verb) { return verb == WIRE_WEB_BEGIN || verb == WIRE_WEB_END; }

/* A name that is shown to people. */
static bool is_device(struct slice device)
{
	for (size_t i = 0; i < device.len; i++)
		if ((unsigned char)device.at[i] < ' ' || device.at[i] == 0x7f)
			return false;
	return slice_is_utf8(device);
}

bool auth_server_handle_web(struct auth_server *server, struct auth_channel *channel, const struct call_received *received)
{
	struct wire_reader reader = {.rest = received->text};
	struct auth_web_session asked = {0};
	unsigned verb = received->verb;
	struct slice token = verb == WIRE_WEB_FIND ? wire_text(&reader, AUTH_WEB_TOKEN_SIZE) : SLICE("");
	asked.account = verb != WIRE_WEB_FIND ? wire_text(&reader, WIRE_ADDRESS_MAX) : SLICE("");
	asked.identity = verb == WIRE_WEB_BEGIN ? (int64_t)wire_number(&reader, INT64_MAX) : 0;
	asked.device = verb == WIRE_WEB_BEGIN ? wire_text(&reader, AUTH_WEB_DEVICE_MAX) : SLICE("");
	asked.address = verb == WIRE_WEB_BEGIN ? wire_text(&reader, WIRE_PEER_MAX) : SLICE("");
	asked.id = verb == WIRE_WEB_END ? (int64_t)wire_number(&reader, INT64_MAX) : 0;
	if (!wire_end(&reader) || !channel->web || !is_device(asked.device) || (verb != WIRE_WEB_FIND && asked.account.len == 0))
		return false;
	struct web_question *question = memory_new(sizeof *question);
	*question = (struct web_question){
		.job = {.kind = JOB_ADDRESS, .changes = is_changing(verb), .run = run_question, .drop = drop_question},
		.server = server, .channel = channel, .id = received->id, .verb = verb, .arena = arena_new(),
	};
	question->session = asked;
	question->session.proved = verb == WIRE_WEB_BEGIN && auth_server_take_shown(channel, asked.account, asked.identity);
	question->session.account = arena_copy(question->arena, asked.account);
	question->session.device = arena_copy(question->arena, asked.device);
	question->session.address = arena_copy(question->arena, asked.address);
	question->token = arena_copy(question->arena, token);
	auth_server_submit(server, &question->job);
	return true;
}
