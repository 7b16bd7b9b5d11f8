/* What all stand-ins for the auth role in tests have in common: it answers at once, and who waits without a thread is answered when he
 * asks again. Included by the one file of a test program that is linked in the place of src/auth, and defines the rest of auth.h. */
#ifndef AUTH_AUTH_FAKE_H
#define AUTH_AUTH_FAKE_H

#include "auth/auth.h"

static bool is_first_asking(struct auth_wait *wait)
{
	if (!wait || wait->question) {
		auth_wait_end(wait);
		return false;
	}
	wait->question = (struct auth_question *)wait;
	wait->wake(wait->context);
	return true;
}

bool auth_is_awaited(const struct auth_wait *wait) { return wait->question != NULL; }

void auth_wait_end(struct auth_wait *wait)
{
	if (wait)
		wait->question = NULL;
}

void auth_refused(const struct sign_in_client *client, struct slice mechanism, struct slice name, const char *reason)
{
	(void)client, (void)mechanism, (void)name, (void)reason;
}

void sign_in_note(const struct sign_in *exchange, const char *reason)
{
	(void)exchange, (void)reason;
}

bool auth_offers_binding(const char *scram_over_tls)
{
	(void)scram_over_tls;
	return false;
}

const char *auth_offered(struct auth *auth, bool encrypted, bool plaintext_allowed, bool binding, const char *scram_over_tls)
{
	(void)auth, (void)scram_over_tls;
	return auth_mechanisms(encrypted, plaintext_allowed, binding);
}

enum auth_standing auth_stands(struct auth *auth, struct auth_wait *wait, const struct auth_account *account)
{
	(void)auth, (void)wait;
	return account->identity == 1 ? AUTH_STANDS : AUTH_ENDED;
}

#endif
