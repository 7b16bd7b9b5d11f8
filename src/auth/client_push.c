/* What auth.h has of push services. */
#include "auth/client.h"

#include <string.h>

enum auth_web auth_push_token(struct auth *auth, struct auth_wait *wait, int64_t id, struct slice audience, struct arena *arena, struct auth_push_key *key, struct slice *token)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	if (audience.len > AUTH_PUSH_AUDIENCE_MAX)
		return AUTH_WEB_NONE;
	wire_put_number(&fields, (uint64_t)id);
	wire_put_text(&fields, audience);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_PUSH_TOKEN, &fields);
	buf_free(&fields);
	if (!question)
		return AUTH_WEB_AWAITED;
	struct wire_reader reader = auth_client_read(question);
	enum auth_web status = auth_client_is_answered(question) ? (enum auth_web)wire_number(&reader, AUTH_WEB_TEMPORARY) : AUTH_WEB_TEMPORARY;
	key->id = (int64_t)wire_number(&reader, INT64_MAX);
	struct slice public = wire_text(&reader, sizeof key->public), told = wire_text(&reader, AUTH_PUSH_TOKEN_MAX);
	bool whole = wire_end(&reader) && (status != AUTH_WEB_DONE || (key->id != 0 && public.len == sizeof key->public && (told.len > 0) == (audience.len > 0)));
	if (whole && status == AUTH_WEB_DONE)
		memcpy(key->public, public.at, public.len);
	if (token)
		*token = arena_copy(arena, whole ? told : SLICE(""));
	auth_client_free(question);
	return whole && status != AUTH_WEB_AWAITED ? status : AUTH_WEB_TEMPORARY;
}
