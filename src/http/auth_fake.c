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

/* bob's password is "secret", with which he may all; "letters" lets him read mail. */
enum sign_in_status auth_check_password(struct auth *auth, struct auth_wait *wait, struct slice name, struct slice password, const struct sign_in_client *client,
					struct arena *arena, struct auth_account *account, int *delay_ms)
{
	(void)auth, (void)client;
	*delay_ms = 0;
	if (is_first_asking(wait))
		return SIGN_IN_AWAITED;
	bool limited = slice_equal(password, SLICE("letters"));
	if (slice_equal(password, SLICE("often")))
		return SIGN_IN_THROTTLED;
	if (!slice_equal(name, SLICE("bob")) || (!limited && !slice_equal(password, SLICE("secret"))))
		return SIGN_IN_REFUSED;
	*account = (struct auth_account){.name = arena_copy(arena, SLICE("bob@example.test")), .identity = 1, .scopes = limited ? AUTH_MAY_READ : AUTH_MAY_ALL};
	return SIGN_IN_DONE;
}

/* "bobs" is a token of bob's with which he may read. */
enum sign_in_status auth_check_token(struct auth *auth, struct auth_wait *wait, struct slice token, const struct sign_in_client *client, struct arena *arena,
				     struct auth_account *account, int *delay_ms)
{
	(void)auth, (void)client;
	*delay_ms = 0;
	if (is_first_asking(wait))
		return SIGN_IN_AWAITED;
	if (!slice_equal(token, SLICE("bobs")))
		return SIGN_IN_REFUSED;
	*account = (struct auth_account){.name = arena_copy(arena, SLICE("bob@example.test")), .identity = 1, .scopes = AUTH_MAY_READ, .credential = 1};
	return SIGN_IN_DONE;
}

const char *auth_mechanisms(bool encrypted, bool plaintext_allowed, bool binding)
{
	(void)encrypted, (void)plaintext_allowed, (void)binding;
	return "";
}
