/* Questions about app passwords, and programs that were let in: of the web role alone. And what is done with them beside. */
#include "auth/server_internal.h"

#include "base/clock.h"
#include "base/memory.h"

enum { USED_EVERY_SECONDS = 3600 /* so exactly it is kept when one was used last */ };

struct credential_question {
	struct auth_job job;
	struct auth_channel *channel;
	uint64_t id;
	void (*run)(struct credential_question *question, struct auth_backend *backend); /* backend NULL: it can't be asked now */
	struct arena *arena;
	struct auth_credential asked;
};

static void send_answer(const struct credential_question *question, struct buf *answer) { auth_server_send(question->channel, question->id, answer); }

static enum auth_web status_of(bool done, const struct error *error) { return auth_server_status(done, error, AUTH_WEB_NONE, "app passwords"); }

static void drop_question(struct auth_job *job)
{
	struct credential_question *question = (struct credential_question *)job;
	arena_free_secret(&question->arena);
	free(question);
}

static void run_make(struct credential_question *question, struct auth_backend *backend)
{
	char text[AUTH_APP_PASSWORD_SIZE + 1] = "", scopes[AUTH_SCOPES_TEXT_MAX];
	struct error error = {0};
	struct auth_credential *wanted = &question->asked;
	bool done = backend->kind->app_password_make(backend, wanted, text, &error);
	struct buf answer = auth_server_begin_answer(status_of(done, &error));
	wire_put_number(&answer, done ? (uint64_t)wanted->id : 0);
	wire_put_text(&answer, slice_of(text));
	memory_wipe(text, sizeof text);
	if (done)
		log_info("app_password.made", log_slice("account", wanted->account), log_id("app_password", wanted->id), log_slice("name", wanted->name),
			 log_text("for", auth_scopes_text(wanted->scopes, scopes)), log_slice("peer", wanted->address));
	send_answer(question, &answer);
}

static void put_credential(struct buf *answer, const struct auth_credential *credential)
{
	wire_put_number(answer, (uint64_t)credential->id);
	wire_put_number(answer, credential->kind);
	wire_put_text(answer, credential->account);
	wire_put_number(answer, (uint64_t)credential->identity);
	wire_put_text(answer, credential->name);
	wire_put_text(answer, credential->address);
	wire_put_number(answer, credential->scopes);
	wire_put_number(answer, (uint64_t)credential->created);
	wire_put_number(answer, (uint64_t)credential->used);
	wire_put_number(answer, (uint64_t)credential->expires);
}

static void run_list(struct credential_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	struct auth_credential *list = NULL;
	size_t count = 0;
	bool done = backend->kind->credential_list(backend, question->asked.account, question->arena, &list, &count, &error);
	struct buf answer = auth_server_begin_answer(status_of(done, &error));
	wire_put_number(&answer, done ? count : 0);
	for (size_t i = 0; done && i < count; i++)
		put_credential(&answer, &list[i]);
	send_answer(question, &answer);
}

static void run_end(struct credential_question *question, struct auth_backend *backend)
{
	struct error error = {0};
	size_t count = 0;
	bool done = backend->kind->credential_end(backend, question->asked.account, question->asked.id, &count, &error);
	struct buf answer = auth_server_begin_answer(done && count == 0 ? AUTH_WEB_NONE : status_of(done, &error));
	if (count > 0)
		log_info("credential.ended", log_slice("account", question->asked.account), log_id("credential", question->asked.id));
	send_answer(question, &answer);
}

static void run_question(struct auth_job *job, struct auth_backend *backend)
{
	struct credential_question *question = (struct credential_question *)job;
	if (backend)
		question->run(question, backend);
	else {
		struct buf answer = auth_server_begin_answer(AUTH_WEB_TEMPORARY);
		send_answer(question, &answer);
	}
	drop_question(job);
}

/* The fields of each verb. */
static void read_fields(struct wire_reader *reader, unsigned verb, struct auth_credential *asked)
{
	asked->account = wire_text(reader, WIRE_ADDRESS_MAX);
	if (verb == WIRE_APP_PASSWORD_MAKE) {
		asked->identity = (int64_t)wire_number(reader, INT64_MAX);
		asked->name = wire_text(reader, AUTH_CREDENTIAL_NAME_MAX);
		asked->address = wire_text(reader, WIRE_PEER_MAX);
		asked->scopes = (unsigned)wire_number(reader, AUTH_MAY_ALL);
		asked->expires = (int64_t)wire_number(reader, INT64_MAX);
	} else if (verb == WIRE_CREDENTIAL_END)
		asked->id = (int64_t)wire_number(reader, INT64_MAX);
}

bool auth_server_handle_credential(struct auth_server *server, struct auth_channel *channel, const struct call_received *received)
{
	struct wire_reader reader = {.rest = received->text};
	struct auth_credential asked = {0};
	unsigned verb = received->verb;
	read_fields(&reader, verb, &asked);
	bool named = verb != WIRE_CREDENTIAL_END || asked.id != 0; /* 0 would be all */
	if (!wire_end(&reader) || !channel->web || asked.account.len == 0 || !named)
		return false;
	struct credential_question *question = memory_new(sizeof *question);
	*question = (struct credential_question){
		.job = {.kind = JOB_ADDRESS, .changes = verb != WIRE_CREDENTIAL_LIST, .run = run_question, .drop = drop_question},
		.channel = channel, .id = received->id, .run = verb == WIRE_APP_PASSWORD_MAKE ? run_make : verb == WIRE_CREDENTIAL_LIST ? run_list : run_end, .arena = arena_new(),
	};
	question->asked = asked;
	question->asked.account = arena_copy(question->arena, asked.account);
	question->asked.name = arena_copy(question->arena, asked.name);
	question->asked.address = arena_copy(question->arena, asked.address);
	auth_server_submit(server, &question->job);
	return true;
}

/* ---- What is done beside ---- */

struct upkeep {
	struct auth_job job;
	int64_t credential; /* was used; 0: what is over is to be removed */
};

static void drop_upkeep(struct auth_job *job) { free(job); }

static void run_upkeep(struct auth_job *job, struct auth_backend *backend)
{
	const struct upkeep *upkeep = (struct upkeep *)job;
	struct error error = {0};
	int64_t now = clock_now();
	if (backend && !(upkeep->credential != 0 ? backend->kind->credential_use(backend, upkeep->credential, now, &error) : backend->kind->credential_sweep(backend, now, &error)))
		status_of(false, &error);
	drop_upkeep(job);
}

static void submit_upkeep(struct auth_server *server, int64_t credential)
{
	struct upkeep *upkeep = memory_new(sizeof *upkeep);
	*upkeep = (struct upkeep){.job = {.kind = JOB_ADDRESS, .changes = true, .run = run_upkeep, .drop = drop_upkeep}, .credential = credential};
	auth_server_submit(server, &upkeep->job);
}

bool auth_server_note_use(struct auth_server *server, const struct auth_credential *credential)
{
	if (credential->used > clock_now() - USED_EVERY_SECONDS)
		return false;
	submit_upkeep(server, credential->id);
	return true;
}

void auth_server_sweep(struct auth_server *server) { submit_upkeep(server, 0); }
