/* Signing in with a token. */
#include "auth/server_verdict.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

/** A token that is to be looked for. */
struct token_check {
	struct auth_job job;
	struct auth_channel *channel;
	uint64_t id;
	struct arena *arena;
	struct sign_in_who who;
	struct slice token;
	struct auth_credential found;
	bool readable;
};

/* In a job. `who` is found out. False: it can't be told now. */
bool auth_server_find_token(struct auth_backend *backend, struct slice token, struct arena *arena, struct sign_in_who *who, struct auth_credential *found)
{
	struct error error = {0};
	if (!backend)
		return false;
	if (!backend->kind->token_find(backend, token, clock_now(), arena, found, &error)) {
		log_error("directory.failed", log_text("what", "tokens"), log_text("reason", error.text));
		return false;
	}
	if (found->id != 0) {
		who->account = found->account;
		who->identity = found->identity;
	}
	return true;
}

/* Who guesses is held back like others who do; what he would have to guess are 140 bits at least. */
struct auth_verdict auth_server_judge_token(struct auth_server *server, struct sign_in_who *who, const struct auth_credential *found, bool another)
{
	struct auth_verdict verdict = {.status = SIGN_IN_TEMPORARY};
	int64_t due_ms;
	auth_verdict_look_at_network(server, who);
	if (!auth_verdict_stand_in_line(server, who, true, &due_ms, &verdict))
		return verdict;
	if (found->id == 0 || another)
		return auth_verdict_refused(server, who, another ? "the token is another account's" : "no such token, or it is over", due_ms);
	return auth_verdict_done_limited(server, who, found, due_ms);
}

static void drop_token_check(struct auth_job *job)
{
	struct token_check *check = (struct token_check *)job;
	arena_free_secret(&check->arena);
	free(check);
}

static void run_token_check(struct auth_job *job, struct auth_backend *backend)
{
	struct token_check *check = (struct token_check *)job;
	check->readable = auth_server_find_token(backend, check->token, check->arena, &check->who, &check->found);
}

static void end_token_check(void *context, struct auth_job *job)
{
	struct auth_server *server = context;
	struct token_check *check = (struct token_check *)job;
	struct auth_verdict verdict = check->readable ? auth_server_judge_token(server, &check->who, &check->found, false) : (struct auth_verdict){.status = SIGN_IN_TEMPORARY};
	auth_verdict_answer(check->channel, check->id, &verdict);
	drop_token_check(job);
}

void auth_server_check_token(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, const struct sign_in_client *client, struct slice token)
{
	struct token_check *check = memory_new(sizeof *check);
	*check = (struct token_check){.job = {.kind = JOB_SIGN_IN, .run = run_token_check, .done = end_token_check, .drop = drop_token_check},
		.channel = channel, .id = received->id, .arena = arena_new(), .who = auth_verdict_who(client, SLICE(""), "token")};
	check->who.address = arena_copy(check->arena, client->address);
	check->token = arena_copy(check->arena, token);
	auth_server_submit(server, &check->job);
}
