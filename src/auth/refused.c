/* Sign-ins that a protocol refuses by itself. They are written down as the auth role writes down those that it refuses, so that people
 * find them in the same place; each address may have some lines at once and then one a second, and what is over that is counted. */
#include "auth/auth.h"
#include "base/log.h"

enum { NAME_LOGGED_MAX = 128, MECHANISM_LOGGED_MAX = 32 };

void auth_refused(const struct sign_in_client *client, struct slice mechanism, struct slice name, const char *reason)
{
	static struct log_paces paces;
	uint64_t unsaid;
	if (!log_is_due_of(&paces, client->address, "sign_in.failed", &unsaid))
		return;
	log_warning("sign_in.failed", log_id("session", client->session), log_text("account", ""), log_slice("address", client->address),
		log_text("service", client->service), log_slice("mechanism", slice_sub(mechanism, 0, MECHANISM_LOGGED_MAX)), log_text("reason", reason),
		log_slice("name", slice_sub(name, 0, NAME_LOGGED_MAX)), log_number("others", (int64_t)unsaid));
}
