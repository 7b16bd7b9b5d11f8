/* The auth client, as the tests of this folder need it: linked in the place of src/auth. Who has signed in is told by the first letter of his token:
 * a is alice; t can't be told now; nobody has another. */
#include "auth/auth_fake.h"

enum auth_web auth_web_find(struct auth *auth, struct auth_wait *wait, struct slice token, struct arena *arena, struct auth_web_session *session)
{
	(void)auth;
	if (token.len != AUTH_WEB_TOKEN_SIZE)
		return AUTH_WEB_NONE;
	if (is_first_asking(wait))
		return AUTH_WEB_AWAITED;
	*session = (struct auth_web_session){.id = 7, .account = arena_copy(arena, SLICE("alice@example.test")), .identity = 1};
	return token.at[0] == 'a' ? AUTH_WEB_DONE : token.at[0] == 't' ? AUTH_WEB_TEMPORARY : AUTH_WEB_NONE;
}

const char *auth_mechanisms(bool encrypted, bool plaintext_allowed, bool binding)
{
	(void)encrypted, (void)plaintext_allowed, (void)binding;
	return "";
}
