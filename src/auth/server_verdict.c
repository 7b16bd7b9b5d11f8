/* What comes of a try to sign in, and how long the answer waits; see server_verdict.h. */
#include "auth/server_verdict.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

enum { LATER_MS = 1000 }; /* how long who is sent away has to wait for that */

struct auth_throttle_limits auth_verdict_limits(void)
{
	const struct config *config = config_current();
	return (struct auth_throttle_limits){.failures = config->auth_failures, .failures_per_address = config->auth_failures_per_address,
		.delay_max_ms = config->auth_delay_max * 1000, .memory_ms = config->auth_memory * 1000};
}

void auth_verdict_answer(struct auth_channel *channel, uint64_t id, const struct auth_verdict *verdict)
{
	struct buf text = BUF_SECRET(CALL_ANSWER_MAX);
	wire_put_number(&text, (uint64_t)verdict->status);
	wire_put_number(&text, verdict->exchange_id);
	wire_put_number(&text, (uint64_t)verdict->delay_ms);
	wire_put_text(&text, verdict->status == SIGN_IN_DONE ? verdict->account : SLICE(""));
	wire_put_number(&text, (uint64_t)verdict->identity);
	wire_put_number(&text, verdict->scopes);
	wire_put_number(&text, (uint64_t)verdict->credential);
	wire_put_text(&text, verdict->output);
	auth_server_send(channel, id, &text);
}

struct auth_throttle_try auth_verdict_try(const struct sign_in_who *who)
{
	return (struct auth_throttle_try){.address = who->address, .account = who->account, .exists = who->identity != 0, .known = who->known};
}

/* Whether from a network that is known: by now, as far as is known by then. */
void auth_verdict_look_at_network(struct auth_server *server, struct sign_in_who *who)
{
	who->known = auth_known_has(server->known, who->account, who->identity, who->address, clock_now());
}

int auth_verdict_until(int64_t due_ms)
{
	int64_t now_ms = clock_monotonic_ms();
	return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

/* An answer, right or wrong, is due when its place in the lines says so. `again`: it was right a moment ago, too. */
struct auth_verdict auth_verdict_done(struct auth_server *server, const struct sign_in_who *who, struct slice output, int64_t due_ms, bool again)
{
	struct auth_throttle_limits limits = auth_verdict_limits();
	struct auth_throttle_try try = auth_verdict_try(who);
	auth_throttle_succeeded(server->throttle, &limits, clock_monotonic_ms(), &try);
	auth_known_add(server->known, who->account, who->identity, who->address, clock_now());
	if (!again || !who->repeats)
		auth_server_log(server, LOG_LEVEL_INFO, "sign_in.done", who, NULL);
	return (struct auth_verdict){.status = SIGN_IN_DONE, .account = who->account, .identity = who->identity, .scopes = AUTH_MAY_ALL, .output = output, .delay_ms = auth_verdict_until(due_ms)};
}

/* In the log only, never on the wire. */
const char *auth_verdict_why(const struct sign_in_who *who)
{
	if (slice_empty(who->account))
		return "no account can have that name";
	if (slice_find_char(who->account, '@') == SLICE_NONE)
		return "the name has no domain, and there is no account of that name, or more than one";
	return who->why ? who->why : "wrong password";
}

struct auth_verdict auth_verdict_refused(struct auth_server *server, const struct sign_in_who *who, const char *reason, int64_t due_ms)
{
	struct auth_throttle_limits limits = auth_verdict_limits();
	struct auth_throttle_try try = auth_verdict_try(who);
	auth_throttle_failed(server->throttle, &limits, clock_monotonic_ms(), &try);
	auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.failed", who, reason);
	return (struct auth_verdict){.status = SIGN_IN_REFUSED, .delay_ms = auth_verdict_until(due_ms)};
}

/* False: the lines are too long, and the try is sent away with *verdict. `take`: the answer gets its place, and is due at *due_ms. */
bool auth_verdict_stand_in_line(struct auth_server *server, const struct sign_in_who *who, bool take, int64_t *due_ms, struct auth_verdict *verdict)
{
	struct auth_throttle_limits limits = auth_verdict_limits();
	struct auth_throttle_try try = auth_verdict_try(who);
	int64_t now_ms = clock_monotonic_ms(), wait_ms = auth_throttle_wait(server->throttle, &limits, now_ms, &try, take);
	if (wait_ms != THROTTLE_LATER) {
		*due_ms = now_ms + wait_ms;
		return true;
	}
	auth_throttle_failed(server->throttle, &limits, now_ms, &try);
	auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.throttled", who, "too many failures lately: sent away unseen");
	*verdict = (struct auth_verdict){.status = SIGN_IN_THROTTLED, .delay_ms = LATER_MS};
	return false;
}

struct sign_in_who auth_verdict_who(const struct sign_in_client *client, struct slice name, const char *mechanism)
{
	return (struct sign_in_who){.account = SLICE(""), .name = name, .address = client->address, .service = client->service, .mechanism = mechanism,
		.session = client->session, .repeats = client->repeats};
}

/* What one must be allowed to sign in to a service at all; what is done there, it sees to. */
static unsigned scopes_for(const char *service)
{
	static const struct { const char *service; unsigned scopes; } services[] = {
		{"smtp", AUTH_MAY_SEND}, {"imap", AUTH_MAY_READ}, {"pop3", AUTH_MAY_READ}, {"sieve", AUTH_MAY_CHANGE}, {"http", AUTH_MAY_ALL}};
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (strcmp(services[i].service, service) == 0)
			return services[i].scopes;
	return 0;
}

/* `limited` was found. */
struct auth_verdict auth_verdict_done_limited(struct auth_server *server, struct sign_in_who *who, const struct auth_credential *limited, int64_t due_ms)
{
	if (!(limited->scopes & scopes_for(who->service))) {
		auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.failed", who, "what was used was not made for that");
		return (struct auth_verdict){.status = SIGN_IN_NOT_FOR_THAT, .delay_ms = auth_verdict_until(due_ms)};
	}
	who->identity = limited->identity;
	struct auth_verdict verdict = auth_verdict_done(server, who, SLICE(""), due_ms, !auth_server_note_use(server, limited));
	verdict.scopes = limited->scopes;
	verdict.credential = limited->id;
	return verdict;
}
