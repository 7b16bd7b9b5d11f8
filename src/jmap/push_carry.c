/* A message on its way: encrypted for its reader, with a token for its push service, as a question to the push role. */
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "jmap/push_internal.h"

enum { TOKENS_MAX = 1000, TOKEN_USED_MS = (WEBPUSH_TOKEN_SECONDS - 3600) * 1000, CARRY_SECONDS = 90, VERIFICATION_TTL = PUSH_UNVERIFIED_SECONDS };

/* ---- Tokens are kept as long as they are good ---- */

struct token { int64_t until_ms; char text[]; };

static void forget_tokens(struct jmap_push *push)
{
	size_t cursor = 0;
	struct slice name;
	void *token;
	while (map_next(push->tokens, &cursor, &name, &token))
		free(token);
	map_free(&push->tokens);
}

void jmap_push_tokens_free(struct jmap_push *push)
{
	if (push->tokens)
		forget_tokens(push);
}

static void keep_token(struct jmap_push *push, struct slice name, struct slice text)
{
	struct token *token = memory_new(sizeof *token + text.len + 1);
	token->until_ms = clock_monotonic_ms() + TOKEN_USED_MS;
	memcpy(token->text, text.at, text.len);
	if (map_count(push->tokens) >= TOKENS_MAX) {
		forget_tokens(push);
		push->tokens = map_new();
	}
	free(map_put(push->tokens, name, token));
}

/* What the field Authorization says to that origin, in the arena. */
static enum jmap_push_carry find_token(struct jmap_push *push, int64_t key, struct slice origin, struct arena *arena, struct slice *text)
{
	struct slice name = arena_printf(arena, "%lld %.*s", (long long)key, SLICE_ARG(origin));
	const struct token *kept = map_get(push->tokens, name);
	struct auth_push_key used;
	if (kept && clock_monotonic_ms() < kept->until_ms) {
		*text = slice_of(kept->text);
		return PUSH_CARRIED;
	}
	enum auth_web status = auth_push_token(push->service->auth, NULL, key, origin, arena, &used, text);
	if (status == AUTH_WEB_DONE)
		keep_token(push, name, *text);
	return status == AUTH_WEB_DONE ? PUSH_CARRIED : status == AUTH_WEB_NONE ? PUSH_OVER : PUSH_LATER;
}

/* ---- The question ---- */

static bool encrypt(const json_t *kept, struct slice text, struct buf *body, bool *encrypted)
{
	const json_t *said = json_object_get(kept, "keys");
	struct webpush_keys keys;
	struct error error;
	*encrypted = json_is_object(said);
	if (!*encrypted)
		return buf_append(body, text);
	return webpush_keys_read(jmap_push_text(said, "p256dh"), jmap_push_text(said, "auth"), &keys) && webpush_encrypt(&keys, text, body, &error);
}

static void wake(void *context)
{
	struct jmap_push *push = context;
	pthread_mutex_lock(&push->lock);
	push->answered = true;
	pthread_cond_signal(&push->heard);
	pthread_mutex_unlock(&push->lock);
}

static void ask(struct jmap_push *push, struct jmap_push_slot *slot, const struct webpush_message *message)
{
	slot->question = BUF_SECRET(WEBPUSH_QUESTION_MAX);
	webpush_message_encode(message, &slot->question);
	struct call_question question = {.verb = WEBPUSH_VERB, .text = buf_slice(&slot->question)};
	question.begin_by = question.end_by = clock_monotonic_ms() + CARRY_SECONDS * 1000;
	slot->ticket = caller_begin(push->caller, &question, wake, push);
}

void jmap_push_host(const json_t *kept, char host[PUSH_HOST_SIZE])
{
	struct arena *arena = arena_new();
	struct slice origin = {0};
	webpush_url_check(jmap_push_text(kept, "url"), arena, &origin);
	snprintf(host, PUSH_HOST_SIZE, "%.*s", SLICE_ARG(origin.len > 0 ? webpush_origin_host(origin) : origin));
	arena_free(&arena);
}

enum jmap_push_carry jmap_push_carry(struct jmap_push *push, struct jmap_push_slot *slot, const json_t *kept)
{
	struct arena *arena = arena_new();
	struct buf body = BUF(WEBPUSH_BODY_MAX);
	struct slice origin = {0};
	struct webpush_message message = {.url = jmap_push_text(kept, "url"), .urgency = slot->due.urgency, .ttl = PUSH_TTL_SECONDS};
	enum jmap_push_carry result = PUSH_NEVER;
	if (!json_is_true(json_object_get(kept, "verified")))
		message.ttl = VERIFICATION_TTL;
	if (webpush_url_check(message.url, arena, &origin) && encrypt(kept, buf_slice(&slot->due.text), &body, &message.encrypted)) {
		message.body = buf_slice(&body);
		result = find_token(push, jmap_push_number(kept, "key"), origin, arena, &message.authorization);
	}
	if (result == PUSH_CARRIED)
		ask(push, slot, &message);
	buf_free(&body);
	arena_free_secret(&arena);
	return result;
}
