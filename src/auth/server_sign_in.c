/* Signing in: exchanges, throttling, and passwords on their way through the hashing threads. Every failure gets the same
 * answer, after the same work: a check against a decoy costs as much as one against a real hash. */
#include "auth/server_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"

static struct throttle_limits limits_now(void)
{
	const struct config *config = config_current();
	return (struct throttle_limits){.failures = config->auth_failures, .failures_per_address = config->auth_failures_per_address,
		.delay_max_ms = config->auth_delay_max * 1000, .memory_ms = config->auth_memory * 1000};
}

/* ---- Answers ---- */

struct verdict {
	enum sign_in_status status;
	uint64_t exchange_id; /* of one that goes on */
	struct slice account, output;
	int64_t identity;
	int delay_ms;
};

static void answer(struct auth_server *server, struct channel *channel, uint64_t id, const struct verdict *verdict)
{
	struct buf datagram = auth_server_answer(server, WIRE_ANSWER, id);
	wire_put_number(&datagram, (uint64_t)verdict->status);
	wire_put_number(&datagram, verdict->exchange_id);
	wire_put_number(&datagram, (uint64_t)verdict->delay_ms);
	wire_put_text(&datagram, verdict->status == SIGN_IN_DONE ? verdict->account : SLICE(""));
	wire_put_number(&datagram, (uint64_t)verdict->identity);
	wire_put_text(&datagram, verdict->output);
	auth_server_send(channel, &datagram);
}

static void log_sign_in(enum log_level level, const char *event, const struct sign_in_who *who)
{
	log_write(level, event, LOG_FIELDS(log_id("session", who->session), log_slice("account", who->account),
		log_slice("address", who->address), log_text("service", who->service), log_text("mechanism", who->mechanism)));
}

static struct verdict done(struct auth_server *server, const struct sign_in_who *who, struct slice output)
{
	struct throttle_limits limits = limits_now();
	throttle_succeeded(server->throttle, &limits, clock_monotonic_ms(), who->address, who->account);
	log_sign_in(LOG_LEVEL_INFO, "sign_in.done", who);
	return (struct verdict){.status = SIGN_IN_DONE, .account = who->account, .identity = who->identity, .output = output};
}

static struct verdict refused(struct auth_server *server, const struct sign_in_who *who)
{
	struct throttle_limits limits = limits_now();
	int delay_ms = throttle_failed(server->throttle, &limits, clock_monotonic_ms(), who->address, who->account);
	log_sign_in(LOG_LEVEL_WARNING, "sign_in.failed", who);
	return (struct verdict){.status = SIGN_IN_REFUSED, .delay_ms = delay_ms};
}

static bool is_throttled(struct auth_server *server, const struct sign_in_who *who, struct verdict *verdict)
{
	struct throttle_limits limits = limits_now();
	int wait_ms;
	if (throttle_may_try(server->throttle, &limits, clock_monotonic_ms(), who->address, who->account, &wait_ms))
		return false;
	log_sign_in(LOG_LEVEL_WARNING, "sign_in.throttled", who);
	*verdict = (struct verdict){.status = SIGN_IN_THROTTLED, .delay_ms = wait_ms};
	return true;
}

/* ---- Checking a password ---- */

/** A password that is to be checked: waiting in its channel, or with a thread. Owns copies of all it points to. */
struct check {
	struct password_job job; /* first, so that a job leads back to its check */
	struct check *next;
	struct channel *channel;
	uint64_t id;
	struct arena *arena;
	struct sign_in_who who;
	bool known;
	int64_t version;
};

static void free_check(struct check **check)
{
	buf_free(&(*check)->job.password);
	arena_free_secret(&(*check)->arena);
	memory_wipe(*check, sizeof **check);
	free(*check);
	*check = NULL;
}

static void answer_check(struct auth_server *server, struct check **check, struct verdict verdict)
{
	answer(server, (*check)->channel, (*check)->id, &verdict);
	free_check(check);
}

/* Queues the check; its channel gives it to a thread when it is its turn. */
static void begin_check(struct auth_server *server, struct channel *channel, uint64_t id, const struct sign_in_who *who, struct slice password)
{
	struct verdict verdict = {.status = SIGN_IN_TEMPORARY};
	if (channel->check_count >= CHECKS_PER_CHANNEL_MAX)
		log_sign_in(LOG_LEVEL_WARNING, "sign_in.overloaded", who);
	if (channel->check_count >= CHECKS_PER_CHANNEL_MAX || is_throttled(server, who, &verdict)) {
		answer(server, channel, id, &verdict);
		return;
	}
	struct check *check = memory_new(sizeof *check);
	check->channel = channel;
	check->id = id;
	check->arena = arena_new();
	check->who = *who;
	check->who.account = arena_copy(check->arena, who->account);
	check->who.address = arena_copy(check->arena, who->address);
	check->job.password = BUF_SECRET(4 * PASSWORD_MAX);
	buf_append(&check->job.password, password);
	*channel->checks_end = check;
	channel->checks_end = &check->next;
	channel->check_count++;
}

static struct check *next_check(struct auth_server *server)
{
	for (size_t i = 0; i < server->channel_count; i++) {
		struct channel *channel = &server->channels[server->next_channel++ % server->channel_count];
		struct check *check = channel->checks;
		if (!check)
			continue;
		if (!(channel->checks = check->next))
			channel->checks_end = &channel->checks;
		channel->check_count--;
		return check;
	}
	return NULL;
}

/* Its turn has come. Much may have happened since it was queued: failures of others in the queue count against it, and the
 * same password may have been verified. */
static void start_check(struct auth_server *server, struct check *check)
{
	struct verdict verdict;
	struct credentials credentials;
	struct error error = {0};
	struct slice password = buf_slice(&check->job.password);
	if (is_throttled(server, &check->who, &verdict)) {
		answer_check(server, &check, verdict);
		return;
	}
	if (!directory_credentials(server->directory, check->who.account, check->arena, &credentials, &error)) {
		log_error("directory.failed", log_slice("account", check->who.account), log_text("reason", error.text));
		answer_check(server, &check, (struct verdict){.status = SIGN_IN_TEMPORARY});
		return;
	}
	check->known = credentials.known && !slice_empty(password);
	check->version = credentials.version;
	check->who.identity = credentials.identity;
	if (check->known && verified_has(server->verified, check->who.account, password, check->version, clock_monotonic_ms())) {
		answer_check(server, &check, done(server, &check->who, SLICE("")));
		return;
	}
	if (credentials.password.len < ENCODED_HASH_MAX)
		memcpy(check->job.encoded, credentials.password.at, credentials.password.len);
	check->next = server->running;
	server->running = check;
	server->running_checks++;
	password_pool_submit(server->pool, &check->job);
}

static void finish_check(struct auth_server *server, struct check *check)
{
	struct check **at = &server->running;
	while (*at != check)
		at = &(*at)->next;
	*at = check->next;
	server->running_checks--;
	if (!check->job.matches || !check->known) {
		answer_check(server, &check, refused(server, &check->who));
		return;
	}
	verified_add(server->verified, check->who.account, buf_slice(&check->job.password), check->version, clock_monotonic_ms());
	answer_check(server, &check, done(server, &check->who, SLICE("")));
}

void auth_server_run_checks(struct auth_server *server)
{
	struct password_job *job;
	struct check *check;
	while ((job = password_pool_collect(server->pool)))
		finish_check(server, (struct check *)job);
	while (server->running_checks < PASSWORD_THREADS && (check = next_check(server)))
		start_check(server, check);
}

void auth_server_drop_checks(struct auth_server *server)
{
	struct check *check;
	while ((check = server->running)) {
		server->running = check->next;
		free_check(&check);
	}
	server->running_checks = 0;
	while ((check = next_check(server)))
		free_check(&check);
}

static struct sign_in_who who_is(const struct sign_in_client *client, struct slice account, const char *mechanism)
{
	return (struct sign_in_who){.account = account, .address = client->address, .service = client->service, .mechanism = mechanism,
		.session = client->session};
}

void auth_server_check_password(struct auth_server *server, struct channel *channel, uint64_t id, const struct sign_in_client *client,
			   struct slice name, struct slice password)
{
	struct buf prepared = BUF_SECRET(4 * PASSWORD_MAX);
	struct sign_in_who who = who_is(client, directory_sign_in_name(server->directory, name, server->arena), "password");
	if (!password_prepare(password, &prepared))
		buf_clear(&prepared);
	begin_check(server, channel, id, &who, buf_slice(&prepared));
	buf_free(&prepared);
}

/* ---- Exchanges ---- */

static struct slice key_of(const uint64_t *exchange_id)
{
	return slice_make((const char *)exchange_id, sizeof *exchange_id);
}

void auth_server_drop_exchange(void *value)
{
	struct exchange *exchange = value;
	sasl_end(&exchange->sasl);
}

void auth_server_end_exchange(struct channel *channel, uint64_t exchange_id)
{
	recent_remove(channel->exchanges, key_of(&exchange_id));
}

void auth_server_expire_exchanges(struct channel *channel)
{
	int64_t now_ms = clock_monotonic_ms();
	const struct exchange *oldest;
	while ((oldest = recent_oldest(channel->exchanges)) && now_ms - oldest->touched_ms >= EXCHANGE_MS)
		recent_remove_oldest(channel->exchanges);
}

static struct verdict proved(struct auth_server *server, struct sasl_exchange *sasl, const struct sign_in_who *who, struct slice output)
{
	struct verdict verdict;
	if (is_throttled(server, who, &verdict))
		return verdict;
	return sasl_acts_for_another(sasl) ? refused(server, who) : done(server, who, output);
}

/* What a step led to, but for a password that is to be checked. */
static struct verdict judge(struct auth_server *server, struct sasl_exchange *sasl, enum sasl_step step, uint64_t exchange_id,
			    const struct sign_in_who *who, struct slice output)
{
	struct verdict verdict;
	switch (step) {
	case SASL_CONTINUE:
		if (!slice_empty(who->account) && is_throttled(server, who, &verdict))
			return verdict;
		return (struct verdict){.status = SIGN_IN_CONTINUE, .exchange_id = exchange_id, .output = output};
	case SASL_DONE:
		return proved(server, sasl, who, output);
	case SASL_PASSWORD: /* with an authzid that isn't the account's */
	case SASL_REFUSED:
		return is_throttled(server, who, &verdict) ? verdict : refused(server, who);
	case SASL_TEMPORARY:
		return (struct verdict){.status = SIGN_IN_TEMPORARY};
	default:
		return (struct verdict){.status = SIGN_IN_MALFORMED};
	}
}

static struct exchange *find_exchange(struct auth_server *server, struct channel *channel, uint64_t *exchange_id, struct slice mechanism,
				      const struct sign_in_client *client)
{
	if (*exchange_id != 0)
		return recent_find(channel->exchanges, key_of(exchange_id));
	struct sasl_exchange *sasl = sasl_begin(server->sasl, mechanism, client);
	if (!sasl)
		return NULL;
	*exchange_id = random_u64() | 1;
	struct exchange *exchange = recent_add(channel->exchanges, key_of(exchange_id));
	sasl_end(&exchange->sasl);
	exchange->sasl = sasl;
	return exchange;
}

void auth_server_step(struct auth_server *server, struct channel *channel, uint64_t id, uint64_t exchange_id, struct slice mechanism,
		 const struct sign_in_client *client, bool has_input, struct slice input)
{
	bool fresh = exchange_id == 0;
	struct exchange *exchange = find_exchange(server, channel, &exchange_id, mechanism, client);
	if (!exchange) {
		/* One that isn't there was made room for, or belonged to a former auth process. */
		answer(server, channel, id, &(struct verdict){.status = fresh ? SIGN_IN_MALFORMED : SIGN_IN_TEMPORARY});
		return;
	}
	exchange->touched_ms = clock_monotonic_ms();
	struct buf output = BUF_SECRET(WIRE_SASL_MAX);
	enum sasl_step step = sasl_step(exchange->sasl, has_input, input, &output);
	struct sign_in_who who = who_is(client, sasl_account(exchange->sasl), sasl_mechanism(exchange->sasl));
	who.identity = sasl_identity(exchange->sasl);
	if (step == SASL_PASSWORD && !sasl_acts_for_another(exchange->sasl))
		begin_check(server, channel, id, &who, sasl_password(exchange->sasl));
	else {
		struct verdict verdict = judge(server, exchange->sasl, step, exchange_id, &who, buf_slice(&output));
		answer(server, channel, id, &verdict);
		step = verdict.status == SIGN_IN_CONTINUE ? SASL_CONTINUE : SASL_DONE;
	}
	if (step != SASL_CONTINUE)
		auth_server_end_exchange(channel, exchange_id);
	buf_free(&output);
}
