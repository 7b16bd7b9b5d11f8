/* A small world of people for the tests, in the place of the auth role: implements what smtp asks of auth/auth.h.
 *
 * example.test is ours. alice@ and bob@ exist, and "postmaster"; alice may also send as sales@. gone@ is disabled, later@
 * can't be told now, the mailboxes of full@ and small@ may hold 1000 bytes and have room for 0 and 100, nobody else is there. Everything elsewhere is foreign. Everybody's password is "secret"; signing in as
 * locked@ is throttled, as down@ can't be told. Mechanisms: PLAIN, and CHALLENGE, which asks "first", wants a name, and
 * has a last word. */
#include "auth/auth_fake.h"
#include "base/memory.h"

struct sign_in {
	bool plain, asked;
	char *name;
};

enum auth_recipient_kind auth_recipient(struct auth *auth, struct auth_wait *wait, struct slice address, struct auth_recipient_facts *facts)
{
	(void)auth;
	struct auth_recipient_facts unused;
	if (is_first_asking(wait))
		return RECIPIENT_AWAITED;
	facts = facts ? facts : &unused;
	facts->thresholds = (struct config_thresholds){0};
	facts->room = slice_equal_nocase(address, SLICE("full@example.test"))    ? (struct auth_recipient_room){0, 1000, 0}
		: slice_equal_nocase(address, SLICE("small@example.test")) ? (struct auth_recipient_room){100, 1000, 0}
									   : (struct auth_recipient_room){UINT64_MAX, UINT64_MAX, 0};
	static const struct { const char *address; enum auth_recipient_kind kind; } known[] = {
		{"alice@example.test", RECIPIENT_LOCAL}, {"bob@example.test", RECIPIENT_LOCAL},
		{"full@example.test", RECIPIENT_LOCAL}, {"small@example.test", RECIPIENT_LOCAL}, {"postmaster", RECIPIENT_LOCAL},
		{"gone@example.test", RECIPIENT_DISABLED}, {"SRS0=good@example.test", RECIPIENT_RETURN}, {"later@example.test", RECIPIENT_TEMPORARY},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_equal_nocase(address, slice_of(known[i].address)))
			return known[i].kind;
	return slice_ends_nocase(address, SLICE("@example.test")) ? RECIPIENT_UNKNOWN : RECIPIENT_FOREIGN;
}

enum auth_sender_right auth_may_send_as(struct auth *auth, struct auth_wait *wait, struct slice account, struct slice address)
{
	(void)auth;
	if (is_first_asking(wait))
		return SENDER_AWAITED;
	if (slice_equal_nocase(address, SLICE("later@example.test")))
		return SENDER_TEMPORARY;
	bool own = slice_equal_nocase(account, address) ||
		   (slice_equal(account, SLICE("alice@example.test")) && slice_equal_nocase(address, SLICE("sales@example.test")));
	return own ? SENDER_OWN : SENDER_OTHERS;
}

enum auth_rates_known auth_rates(struct auth *auth, struct auth_wait *wait, struct slice account, struct auth_rates *rates)
{
	(void)auth;
	(void)account;
	*rates = (struct auth_rates){0, 0};
	return is_first_asking(wait) ? RATES_AWAITED : RATES_KNOWN;
}

const char *auth_mechanisms(bool encrypted, bool plaintext_allowed, bool binding)
{
	(void)binding;
	return encrypted || plaintext_allowed ? "PLAIN CHALLENGE" : "";
}

struct sign_in *sign_in_begin(struct auth *auth, struct slice mechanism, const struct sign_in_client *client)
{
	(void)auth;
	(void)client;
	struct sign_in *exchange = memory_new(sizeof *exchange);
	exchange->plain = slice_equal_nocase(mechanism, SLICE("PLAIN"));
	return exchange;
}

static enum sign_in_status name_given(struct sign_in *exchange, struct slice name, bool known, struct auth_account *account, int *delay_ms)
{
	free(exchange->name);
	exchange->name = memory_copy(name.at, name.len);
	*account = (struct auth_account){.name = slice_of(exchange->name), .identity = 1, .scopes = AUTH_MAY_ALL};
	if (slice_equal(name, SLICE("locked@example.test")))
		return SIGN_IN_THROTTLED;
	if (slice_equal(name, SLICE("down@example.test")))
		return SIGN_IN_TEMPORARY;
	*delay_ms = known ? 0 : 20;
	return known ? SIGN_IN_DONE : SIGN_IN_REFUSED;
}

enum sign_in_status sign_in_step(struct sign_in *exchange, struct auth_wait *wait, bool has_input, struct slice input, struct buf *output, struct auth_account *account, int *delay_ms)
{
	struct slice authorize, rest, name, password;
	if (is_first_asking(wait))
		return SIGN_IN_AWAITED;
	if (exchange->plain) {
		if (!has_input)
			return SIGN_IN_CONTINUE;
		if (!slice_cut(input, '\0', &authorize, &rest) || !slice_cut(rest, '\0', &name, &password))
			return SIGN_IN_MALFORMED;
		return name_given(exchange, name, slice_equal(password, SLICE("secret")), account, delay_ms);
	}
	if (!exchange->asked) {
		exchange->asked = true;
		buf_append_text(output, "first");
		return SIGN_IN_CONTINUE;
	}
	buf_append_text(output, "last");
	return name_given(exchange, input, slice_equal(input, SLICE("alice@example.test")), account, delay_ms);
}

void sign_in_end(struct sign_in **exchange)
{
	if (*exchange)
		free((*exchange)->name);
	free(*exchange);
	*exchange = NULL;
}
