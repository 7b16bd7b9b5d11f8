/* Questions about how push services know this server (VAPID, RFC 8292): of the web role alone. No key leaves the auth role: what is signed is a token for the origin
 * that is named, with this server's name and a time in it. */
#include "auth/server_internal.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "webpush/webpush.h"

struct push_question {
	struct auth_job job;
	struct auth_channel *channel;
	uint64_t id;
	struct arena *arena;
	int64_t key;           /* 0: the one that is used */
	struct slice audience; /* empty: no token is wanted */
};

static void answer(const struct push_question *question, enum auth_web status, const struct directory_push_key *key, struct slice token)
{
	struct buf out = {.max = CALL_ANSWER_MAX, .secret = true};
	wire_put_number(&out, status);
	wire_put_number(&out, key ? (uint64_t)key->id : 0);
	wire_put_text(&out, key ? slice_make((const char *)key->key.public, sizeof key->key.public) : SLICE(""));
	wire_put_text(&out, token);
	auth_server_send(question->channel, question->id, &out);
}

static bool make_token(const struct push_question *question, const struct directory_push_key *key, struct buf *token, struct error *error)
{
	if (question->audience.len == 0)
		return true;
	struct slice subject = arena_printf(question->arena, "mailto:postmaster@%s", config_current()->hostname);
	buf_append_text(token, "vapid t=");
	bool done = webpush_token(&key->key, question->audience, subject, clock_now() + WEBPUSH_TOKEN_SECONDS, token, error);
	buf_append_text(token, ", k=");
	base64_encode_url(slice_make((const char *)key->key.public, sizeof key->key.public), token);
	return done;
}

static void run(struct push_question *question, struct auth_backend *backend)
{
	struct directory_push_key key;
	struct error error = {0};
	struct buf token = BUF_SECRET(AUTH_PUSH_TOKEN_MAX);
	bool done = backend->kind->push_key(backend, question->key, clock_now(), &key, &error) && make_token(question, &key, &token, &error);
	if (!done && error.kind != ERROR_NOT_FOUND)
		log_error("directory.failed", log_text("what", "push keys"), log_text("reason", error.text));
	answer(question, done ? AUTH_WEB_DONE : error.kind == ERROR_NOT_FOUND ? AUTH_WEB_NONE : AUTH_WEB_TEMPORARY, done ? &key : NULL, done ? buf_slice(&token) : SLICE(""));
	memory_wipe(&key, sizeof key);
	buf_free(&token);
}

static void drop_question(struct auth_job *job)
{
	struct push_question *question = (struct push_question *)job;
	arena_free_secret(&question->arena);
	free(question);
}

static void run_question(struct auth_job *job, struct auth_backend *backend)
{
	struct push_question *question = (struct push_question *)job;
	if (backend)
		run(question, backend);
	else
		answer(question, AUTH_WEB_TEMPORARY, NULL, SLICE(""));
	drop_question(job);
}

bool auth_server_handle_push(struct auth_server *server, struct auth_channel *channel, const struct call_received *received)
{
	struct wire_reader reader = {.rest = received->text};
	int64_t key = (int64_t)wire_number(&reader, INT64_MAX);
	struct slice audience = wire_text(&reader, AUTH_PUSH_AUDIENCE_MAX);
	if (!channel->web || !wire_end(&reader))
		return false;
	struct push_question *question = memory_new(sizeof *question);
	*question = (struct push_question){.job = {.kind = JOB_ADDRESS, .changes = true, .run = run_question, .drop = drop_question},
					   .channel = channel, .id = received->id, .arena = arena_new(), .key = key};
	question->audience = arena_copy(question->arena, audience);
	auth_server_submit(server, &question->job);
	return true;
}
