/* Who administers: asked by the admin role alone, with what somebody has shown, before each thing that he wants done. Nobody is remembered: what was taken
 * away counts at once. */
#include "auth/server_verdict.h"

#include "auth/secret.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"

enum { USED_EVERY_SECONDS = 3600 /* so exactly it is kept when a key was used last */ };

struct admin_question {
	struct auth_job job;
	struct auth_server *server;
	struct auth_channel *channel;
	uint64_t id;
	struct arena *arena;
	struct auth_admin_proof proof;
	struct auth_administrator found;
	int64_t key, used;  /* of a key: its number, and when it was used last */
	bool readable;
};

static void drop_question(struct auth_job *job)
{
	struct admin_question *question = (struct admin_question *)job;
	arena_free_secret(&question->arena);
	free(question);
}

static void send_answer(const struct admin_question *question, enum auth_admin status, int delay_ms)
{
	const struct auth_administrator *found = &question->found;
	struct buf answer = BUF(CALL_ANSWER_MAX);
	bool known = status == AUTH_ADMIN_KNOWN;
	wire_put_number(&answer, status);
	wire_put_number(&answer, (uint64_t)delay_ms);
	wire_put_text(&answer, known ? found->who : SLICE(""));
	wire_put_number(&answer, known ? found->rank : RANK_NONE);
	wire_put_text(&answer, known ? found->domain : SLICE(""));
	wire_put_number(&answer, known && found->reads);
	wire_put_number(&answer, known ? (uint64_t)found->proved : 0);
	auth_server_send(question->channel, question->id, &answer);
}

static void run_use(struct auth_job *job, struct auth_backend *backend)
{
	struct admin_question *use = (struct admin_question *)job;
	struct error error = {0};
	if (backend && !backend->kind->admin_key_use(backend, use->key, clock_now(), &error))
		log_error("directory.failed", log_text("what", "keys for administration"), log_text("reason", error.text));
	drop_question(job);
}

static void note_use(const struct admin_question *question)
{
	if (question->used > clock_now() - USED_EVERY_SECONDS)
		return;
	struct admin_question *use = memory_new(sizeof *use);
	*use = (struct admin_question){.job = {.kind = JOB_ADDRESS, .changes = true, .run = run_use, .drop = drop_question}, .arena = arena_new(), .key = question->key};
	auth_server_submit(question->server, &use->job);
}

static void run_find(struct auth_job *job, struct auth_backend *backend)
{
	struct admin_question *question = (struct admin_question *)job;
	const struct auth_admin_proof *proof = &question->proof;
	struct error error = {0};
	if (!backend)
		return;
	if (proof->key)
		question->readable = backend->kind->administrator_by_key(backend, proof->secret, clock_now(), question->arena, &question->found, &question->key, &question->used, &error);
	else
		question->readable = backend->kind->administrator_by_session(backend, proof->secret, clock_now() - config_current()->web_session, question->arena, &question->found, &error);
	if (!question->readable)
		log_error("directory.failed", log_text("what", "administrators"), log_text("reason", error.text));
}

/* Who guesses keys is held back as who guesses passwords is. A session's token comes with every click, and has been looked for already. */
static enum auth_admin judge_key(struct auth_server *server, const struct admin_question *question, int *delay_ms)
{
	struct sign_in_client client = {.service = "http", .address = question->proof.address};
	struct sign_in_who who = auth_verdict_who(&client, SLICE(""), "key");
	struct auth_throttle_limits limits = auth_verdict_limits();
	struct auth_throttle_try try = auth_verdict_try(&who);
	struct auth_verdict verdict;
	int64_t due_ms;
	bool fits = auth_verdict_stand_in_line(server, &who, true, &due_ms, &verdict), found = question->found.who.len > 0;
	if (fits && !found)
		verdict = auth_verdict_refused(server, &who, "no such key, or it is over", due_ms);
	if (fits && found) {
		auth_throttle_succeeded(server->throttle, &limits, clock_monotonic_ms(), &try);
		note_use(question);
	}
	*delay_ms = fits && found ? auth_verdict_until(due_ms) : verdict.delay_ms;
	return !fits ? AUTH_ADMIN_THROTTLED : found ? AUTH_ADMIN_KNOWN : AUTH_ADMIN_STRANGER;
}

static void end_find(void *context, struct auth_job *job)
{
	struct auth_server *server = context;
	struct admin_question *question = (struct admin_question *)job;
	int delay_ms = 0;
	enum auth_admin status = AUTH_ADMIN_TEMPORARY;
	if (question->readable && question->proof.key)
		status = judge_key(server, question, &delay_ms);
	else if (question->readable)
		status = question->found.who.len > 0 ? AUTH_ADMIN_KNOWN : AUTH_ADMIN_STRANGER;
	send_answer(question, status, delay_ms);
	drop_question(job);
}

bool auth_server_handle_admin(struct auth_server *server, struct auth_channel *channel, const struct call_received *received)
{
	struct wire_reader reader = {.rest = received->text};
	struct auth_admin_proof proof = {.key = wire_flag(&reader)};
	proof.secret = wire_text(&reader, WIRE_TOKEN_MAX);
	proof.address = wire_text(&reader, WIRE_PEER_MAX);
	if (!wire_end(&reader) || !channel->admin)
		return false;
	struct admin_question *question = memory_new(sizeof *question);
	*question = (struct admin_question){.job = {.kind = JOB_SIGN_IN, .run = run_find, .done = end_find, .drop = drop_question},
		.server = server, .channel = channel, .id = received->id, .arena = arena_new()};
	question->proof = (struct auth_admin_proof){proof.key, arena_copy(question->arena, proof.secret), arena_copy(question->arena, proof.address)};
	auth_server_submit(server, &question->job);
	return true;
}

/* ---- Passwords that were shown ---- */

/* The web role says whose session is to be made: one that was taken over might say anybody's. A session administers only if its owner's password came this
 * way just before. */
void auth_server_note_shown(struct auth_channel *channel, struct slice account, int64_t identity)
{
	if (!channel->shown)
		return;
	struct auth_shown *place = &channel->shown[channel->next_shown++ % AUTH_SHOWN_MAX];
	auth_secret_hash(account, place->account);
	place->identity = identity;
	place->at_ms = clock_monotonic_ms();
}

bool auth_server_take_shown(struct auth_channel *channel, struct slice account, int64_t identity)
{
	char hash[AUTH_SECRET_HASH_SIZE];
	auth_secret_hash(account, hash);
	for (size_t i = 0; channel->shown && i < AUTH_SHOWN_MAX; i++) {
		struct auth_shown *place = &channel->shown[i];
		if (place->identity == 0 || place->identity != identity || memcmp(place->account, hash, sizeof hash) != 0)
			continue;
		bool fresh = clock_monotonic_ms() - place->at_ms < AUTH_SHOWN_MS;
		place->identity = 0;
		if (fresh)
			return true;
	}
	return false;
}
