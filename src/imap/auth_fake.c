/* The auth client, as the tests of this folder need it: linked in the place of src/auth. Everybody's password is "secret"; who
 * may sign in are alice and bob of example.test. PLAIN is a single step; ECHO asks twice and has a last word of its own. */
#include "auth/auth_fake.h"
#include "base/memory.h"

struct sign_in {
	bool echo;
	int steps;
	struct slice account;
};

static struct slice known(struct slice name)
{
	struct slice local, domain;
	slice_cut(name, '@', &local, &domain);
	if (domain.len > 0 && !slice_equal(domain, SLICE("example.test")))
		return slice_make(NULL, 0);
	if (slice_equal(local, SLICE("alice")))
		return SLICE("alice@example.test");
	return slice_equal(local, SLICE("bob")) ? SLICE("bob@example.test") : slice_make(NULL, 0);
}

static struct auth_account known_account(struct slice name) { return (struct auth_account){.name = known(name), .identity = 1, .scopes = AUTH_MAY_ALL}; }

static enum sign_in_status check(struct slice name, struct slice password, struct auth_account *account)
{
	*account = known_account(name);
	if (slice_equal(password, SLICE("later")))
		return SIGN_IN_TEMPORARY;
	if (slice_equal(password, SLICE("often")))
		return SIGN_IN_THROTTLED;
	bool right = slice_equal(password, SLICE("secret")) || slice_equal(password, SLICE("p\xc3\xa4ssw\xc3\xb6rt"));
	return account->name.len > 0 && right ? SIGN_IN_DONE : SIGN_IN_REFUSED;
}

const char *auth_mechanisms(bool encrypted, bool plaintext_allowed, bool binding)
{
	(void)binding;
	return encrypted || plaintext_allowed ? "PLAIN ECHO" : "ECHO";
}

struct sign_in *sign_in_begin(struct auth *auth, struct slice mechanism, const struct sign_in_client *client)
{
	(void)auth;
	(void)client;
	struct sign_in *exchange = memory_new(sizeof *exchange);
	exchange->echo = slice_equal_nocase(mechanism, SLICE("ECHO"));
	return exchange;
}

static enum sign_in_status step_echo(struct sign_in *exchange, struct slice input, struct buf *output, struct auth_account *account)
{
	if (exchange->steps++ == 0) {
		exchange->account = known(input);
		buf_append_text(output, "say it");
		return SIGN_IN_CONTINUE;
	}
	*account = (struct auth_account){.name = exchange->account, .identity = 1, .scopes = AUTH_MAY_ALL};
	buf_append_text(output, "welcome");
	return account->name.len > 0 && slice_equal(input, SLICE("secret")) ? SIGN_IN_DONE : SIGN_IN_REFUSED;
}

enum sign_in_status sign_in_step(struct sign_in *exchange, struct auth_wait *wait, bool has_input, struct slice input, struct buf *output, struct auth_account *account, int *delay_ms)
{
	struct slice authorization, rest, name, password;
	*delay_ms = 0;
	if (is_first_asking(wait))
		return SIGN_IN_AWAITED;
	if (!has_input)
		return SIGN_IN_CONTINUE;
	if (exchange->echo)
		return step_echo(exchange, input, output, account);
	if (!slice_cut(input, '\0', &authorization, &rest) || !slice_cut(rest, '\0', &name, &password))
		return SIGN_IN_MALFORMED;
	return check(name, password, account);
}

void sign_in_end(struct sign_in **exchange)
{
	free(*exchange);
	*exchange = NULL;
}

enum sign_in_status auth_check_password(struct auth *auth, struct auth_wait *wait, struct slice name, struct slice password, const struct sign_in_client *client,
					struct arena *arena, struct auth_account *account, int *delay_ms)
{
	(void)auth;
	(void)client;
	(void)arena;
	*delay_ms = 0;
	if (is_first_asking(wait))
		return SIGN_IN_AWAITED;
	return check(name, password, account);
}
