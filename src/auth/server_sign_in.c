/* Signing in: exchanges, throttling, and passwords on their way through the hashing threads. Every failure gets the same
 * answer, after the same work: a check against a decoy costs as much as one against a real hash.
 *
 * Who is meant, and what is known of the account's password, a job asks (jobs.h); it has the check, or the exchange, to itself until
 * it is done. A password that is changed after that ends the session at its beginning, which asks once more (auth_stands()). */
#include "auth/server_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"

enum { LATER_MS = 1000 }; /* how long who is sent away has to wait for that */

static struct auth_throttle_limits limits_now(void)
{
	const struct config *config = config_current();
	return (struct auth_throttle_limits){.failures = config->auth_failures, .failures_per_address = config->auth_failures_per_address,
		.delay_max_ms = config->auth_delay_max * 1000, .memory_ms = config->auth_memory * 1000};
}

/* ---- Answers ---- */

struct verdict {
	enum sign_in_status status;
	uint64_t exchange_id; /* of one that goes on */
	struct slice account, output;
	int64_t identity, credential;
	unsigned scopes;
	int delay_ms;
};

static void answer(struct auth_channel *channel, uint64_t id, const struct verdict *verdict)
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

static struct auth_throttle_try try_of(const struct sign_in_who *who)
{
	return (struct auth_throttle_try){.address = who->address, .account = who->account, .exists = who->identity != 0, .known = who->known};
}

/* In a job. False: it can't be told now. */
static bool identify(struct auth_backend *backend, struct sign_in_who *who)
{
	struct error error = {0};
	if (backend && backend->kind->identity(backend, who->account, &who->identity, &who->why, &error))
		return true;
	if (backend)
		log_error("directory.failed", log_slice("account", who->account), log_text("reason", error.text));
	return false;
}

/* Whether from a network that is known: by now, as far as is known by then. */
static void look_at_network(struct auth_server *server, struct sign_in_who *who)
{
	who->known = auth_known_has(server->known, who->account, who->identity, who->address, clock_now());
}

static int until(int64_t due_ms)
{
	int64_t now_ms = clock_monotonic_ms();
	return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

/* An answer, right or wrong, is due when its place in the lines says so. `again`: it was right a moment ago, too. */
static struct verdict done(struct auth_server *server, const struct sign_in_who *who, struct slice output, int64_t due_ms, bool again)
{
	struct auth_throttle_limits limits = limits_now();
	struct auth_throttle_try try = try_of(who);
	auth_throttle_succeeded(server->throttle, &limits, clock_monotonic_ms(), &try);
	auth_known_add(server->known, who->account, who->identity, who->address, clock_now());
	if (!again || !who->repeats)
		auth_server_log(server, LOG_LEVEL_INFO, "sign_in.done", who, NULL);
	return (struct verdict){.status = SIGN_IN_DONE, .account = who->account, .identity = who->identity, .scopes = AUTH_MAY_ALL, .output = output, .delay_ms = until(due_ms)};
}

/* In the log only, never on the wire. */
static const char *why_refused(const struct sign_in_who *who)
{
	if (slice_empty(who->account))
		return "no account can have that name";
	if (slice_find_char(who->account, '@') == SLICE_NONE)
		return "the name has no domain, and there is no account of that name, or more than one";
	return who->why ? who->why : "wrong password";
}

static struct verdict refused(struct auth_server *server, const struct sign_in_who *who, const char *reason, int64_t due_ms)
{
	struct auth_throttle_limits limits = limits_now();
	struct auth_throttle_try try = try_of(who);
	auth_throttle_failed(server->throttle, &limits, clock_monotonic_ms(), &try);
	auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.failed", who, reason);
	return (struct verdict){.status = SIGN_IN_REFUSED, .delay_ms = until(due_ms)};
}

/* False: the lines are too long, and the try is sent away with *verdict. `take`: the answer gets its place, and is due at *due_ms. */
static bool stand_in_line(struct auth_server *server, const struct sign_in_who *who, bool take, int64_t *due_ms, struct verdict *verdict)
{
	struct auth_throttle_limits limits = limits_now();
	struct auth_throttle_try try = try_of(who);
	int64_t now_ms = clock_monotonic_ms(), wait_ms = auth_throttle_wait(server->throttle, &limits, now_ms, &try, take);
	if (wait_ms != THROTTLE_LATER) {
		*due_ms = now_ms + wait_ms;
		return true;
	}
	auth_throttle_failed(server->throttle, &limits, now_ms, &try);
	auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.throttled", who, "too many failures lately: sent away unseen");
	*verdict = (struct verdict){.status = SIGN_IN_THROTTLED, .delay_ms = LATER_MS};
	return false;
}

/* ---- App passwords ---- */

/* In a job. Nobody's account has no name. */
static bool find_app_password(struct auth_backend *backend, struct slice account, struct slice password, struct arena *arena, struct auth_credential *found)
{
	struct error error;
	*found = (struct auth_credential){0};
	if (slice_empty(account) || backend->kind->app_password_find(backend, account, password, arena, found, &error))
		return true;
	log_error("directory.failed", log_slice("account", account), log_text("reason", error.text));
	return false;
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
static struct verdict done_limited(struct auth_server *server, struct sign_in_who *who, const struct auth_credential *limited, int64_t due_ms)
{
	if (!(limited->scopes & scopes_for(who->service))) {
		auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.failed", who, "what was used was not made for that");
		return (struct verdict){.status = SIGN_IN_NOT_FOR_THAT, .delay_ms = until(due_ms)};
	}
	who->identity = limited->identity;
	struct verdict verdict = done(server, who, SLICE(""), due_ms, !auth_server_note_use(server, limited));
	verdict.scopes = limited->scopes;
	verdict.credential = limited->id;
	return verdict;
}

/* ---- Checking a password ---- */

/** A password that is to be checked: waiting in its channel, or with a thread. Owns copies of all it points to. */
struct check {
	struct auth_waiting waiting;  /* first, so that a place in a line leads back to its check */
	struct password_job job;
	struct auth_job question;     /* what is asked before, and after */
	struct check *next;
	struct auth_channel *channel;
	uint64_t id;
	int64_t begin_by;             /* nobody waits for the answer any more after that */
	struct arena *arena;
	struct sign_in_who who;
	struct auth_credentials credentials;
	struct auth_credential limited; /* the app password that it is; of number 0: it is none */
	bool readable, scram;    /* what the job could find out */
	bool known;              /* the account, not the network */
	int64_t due_ms;
};

static struct check *check_of(struct auth_job *question)
{
	return (struct check *)(void *)((char *)question - offsetof(struct check, question));
}

static struct check *check_of_job(struct password_job *job)
{
	return (struct check *)(void *)((char *)job - offsetof(struct check, job));
}

static void free_check(struct check **check)
{
	buf_free(&(*check)->job.password);
	buf_free(&(*check)->job.raw);
	arena_free_secret(&(*check)->arena);
	memory_wipe(*check, sizeof **check);
	free(*check);
	*check = NULL;
}

static void drop_check(struct auth_job *question)
{
	struct check *check = check_of(question);
	free_check(&check);
}

static void answer_check(struct check **check, struct verdict verdict)
{
	answer((*check)->channel, (*check)->id, &verdict);
	free_check(check);
}

static struct check *make_check(struct auth_channel *channel, uint64_t id, int64_t begin_by, const struct sign_in_who *who, struct slice password,
				struct slice raw)
{
	struct check *check = memory_new(sizeof *check);
	check->channel = channel;
	check->id = id;
	check->begin_by = begin_by;
	check->arena = arena_new();
	check->who = *who;
	check->who.account = arena_copy(check->arena, who->account);
	check->who.name = arena_copy(check->arena, slice_sub(who->name, 0, WIRE_ADDRESS_MAX));
	check->who.address = arena_copy(check->arena, who->address);
	check->job.password = BUF_SECRET(4 * PASSWORD_MAX);
	buf_append(&check->job.password, password);
	check->job.raw = BUF_SECRET(PASSWORD_MAX);
	buf_append(&check->job.raw, raw);
	return check;
}

static enum auth_check_kind kind_of(struct auth_server *server, const struct sign_in_who *who)
{
	struct auth_throttle_limits limits = limits_now();
	struct auth_throttle_try try = try_of(who);
	if (who->known)
		return CHECKS_OF_KNOWN;
	return auth_throttle_is_clean(server->throttle, &limits, clock_monotonic_ms(), &try) ? CHECKS_OF_CLEAN : CHECKS_OF_OTHERS;
}

/* Too many wait: whose network has most of them doesn't get the last. */
static void make_room(struct auth_server *server, struct auth_lines *checks)
{
	struct check *check = (struct check *)auth_lines_take_last(checks);
	auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.overloaded", &check->who, "more passwords wait to be checked than can be");
	answer_check(&check, (struct verdict){.status = SIGN_IN_TEMPORARY});
}

static void queue_check(struct check *check, enum auth_check_kind kind)
{
	auth_lines_add(&check->channel->checks[kind], check->who.address, &check->waiting);
}

/* The check waits for a thread, or is answered at once. */
static void begin_check(struct auth_server *server, struct check *check)
{
	struct verdict verdict = {.status = SIGN_IN_TEMPORARY};
	int64_t unused;
	look_at_network(server, &check->who);
	if (!check->readable || !stand_in_line(server, &check->who, false, &unused, &verdict)) {
		answer_check(&check, verdict);
		return;
	}
	enum auth_check_kind kind = kind_of(server, &check->who);
	struct auth_lines *checks = &check->channel->checks[kind];
	queue_check(check, kind);
	if (checks->count > CHECKS_MAX)
		make_room(server, checks);
}

/* The next of that kind; who has done something wrong while it waited goes to where it belongs now. */
static struct check *take_check(struct auth_server *server, struct auth_channel *channel, enum auth_check_kind kind)
{
	struct check *check;
	while ((check = (struct check *)auth_lines_take(&channel->checks[kind]))) {
		look_at_network(server, &check->who);
		enum auth_check_kind now = kind_of(server, &check->who);
		if (now <= kind)
			break;
		queue_check(check, now);
	}
	return check;
}

/* By kinds, however many there are of the next; channels take turns. */
static struct check *next_check(struct auth_server *server)
{
	for (int kind = 0; kind < CHECK_KINDS; kind++)
		for (size_t i = 0; i < server->channel_count; i++) {
			struct auth_channel *channel = &server->channels[server->next_channel++ % server->channel_count];
			struct check *check = take_check(server, channel, (enum auth_check_kind)kind);
			if (check)
				return check;
		}
	return NULL;
}

/* What the thread is to compute. */
static void fill_job(struct password_job *job, const struct auth_credentials *credentials)
{
	if (credentials->password.len < ENCODED_HASH_MAX)
		memcpy(job->encoded, credentials->password.at, credentials->password.len);
	job->imported = credentials->imported;
	job->decoy = !credentials->known;
	if (credentials->salt.len == sizeof job->salt)
		memcpy(job->salt, credentials->salt.at, credentials->salt.len);
}

/* Its turn has come. Much may have happened since it was queued: others have failed, its own network has become known, and the
 * same password may have been verified. */
static void start_check(struct auth_server *server, struct check *check)
{
	struct verdict verdict = {.status = SIGN_IN_TEMPORARY};
	struct slice password = buf_slice(&check->job.password);
	if (clock_monotonic_ms() >= check->begin_by) {
		free_check(&check);
		return;
	}
	if (!stand_in_line(server, &check->who, true, &check->due_ms, &verdict)) {
		answer_check(&check, verdict);
		return;
	}
	if (check->limited.id != 0) {
		answer_check(&check, done_limited(server, &check->who, &check->limited, check->due_ms));
		return;
	}
	check->known = check->credentials.known && !slice_empty(password);
	check->who.identity = check->credentials.identity;
	if (check->known && auth_verified_has(server->verified, check->who.account, password, check->credentials.version, clock_monotonic_ms())) {
		answer_check(&check, done(server, &check->who, SLICE(""), check->due_ms, true));
		return;
	}
	fill_job(&check->job, &check->credentials);
	check->next = server->running;
	server->running = check;
	server->running_checks++;
	password_pool_submit(server->pool, &check->job);
}

static void accept_check(struct auth_server *server, struct check *check)
{
	auth_verified_add(server->verified, check->who.account, buf_slice(&check->job.password), check->credentials.version, clock_monotonic_ms());
	answer_check(&check, done(server, &check->who, SLICE(""), check->due_ms, false));
}

/* The imported hash goes; what is shown of the account to strangers, SCRAM's salt, stays as it was. If it can't be now, then the next
 * time. */
static void renew_password(struct auth_job *question, struct auth_backend *backend)
{
	struct check *check = check_of(question);
	struct error error;
	error_set(&error, ERROR_TEMPORARY, "too many questions wait already");
	if (backend && backend->kind->renew_password(backend, check->who.account, check->credentials.version, &check->job.keys, &error))
		log_info("password.renewed", log_slice("account", check->who.account));
	else
		log_warning("password.not_renewed", log_slice("account", check->who.account), log_text("reason", error.text));
	check->readable = backend && backend->kind->all_have_scram(backend, &check->scram, &error);
}

static void end_renewal(void *context, struct auth_job *question)
{
	struct auth_server *server = context;
	struct check *check = check_of(question);
	if (check->readable)
		auth_server_set_scram(server, check->scram);
	accept_check(server, check);
}

static void finish_check(struct auth_server *server, struct check *check)
{
	struct check **at = &server->running;
	while (*at != check)
		at = &(*at)->next;
	*at = check->next;
	server->running_checks--;
	if (!check->job.matches || !check->known) {
		answer_check(&check, refused(server, &check->who, why_refused(&check->who), check->due_ms));
	} else if (check->job.renewed) {
		check->question = (struct auth_job){.kind = JOB_SIGN_IN, .changes = true, .run = renew_password, .done = end_renewal, .drop = drop_check};
		auth_server_submit(server, &check->question);
	} else
		accept_check(server, check);
}

void auth_server_run_checks(struct auth_server *server)
{
	struct password_job *job;
	struct check *check;
	while ((job = password_pool_collect(server->pool)))
		finish_check(server, check_of_job(job));
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
	for (size_t i = 0; i < server->channel_count; i++)
		for (int kind = 0; kind < CHECK_KINDS; kind++)
			while ((check = (struct check *)auth_lines_take(&server->channels[i].checks[kind])))
				free_check(&check);
}

static struct sign_in_who who_is(const struct sign_in_client *client, struct slice name, const char *mechanism)
{
	return (struct sign_in_who){.account = SLICE(""), .name = name, .address = client->address, .service = client->service, .mechanism = mechanism,
		.session = client->session, .repeats = client->repeats};
}

static void look_up(struct auth_job *question, struct auth_backend *backend)
{
	struct check *check = check_of(question);
	struct sign_in_who *who = &check->who;
	struct sign_in_facts facts = {.account = SLICE("")};
	struct error error;
	if (!backend)
		return;
	check->readable = backend->kind->sign_in_facts(backend, who->name, check->arena, &facts, &error);
	if (!check->readable)
		log_error("directory.failed", log_slice("account", facts.account), log_text("reason", error.text));
	who->account = facts.account;
	who->identity = facts.identity;
	who->why = facts.why;
	check->credentials = facts.credentials;
	check->readable = check->readable && find_app_password(backend, who->account, buf_slice(&check->job.raw), check->arena, &check->limited);
}

static void end_look_up(void *context, struct auth_job *question)
{
	begin_check(context, check_of(question));
}

void auth_server_check_password(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, const struct sign_in_client *client,
			   struct slice name, struct slice password)
{
	struct buf prepared = BUF_SECRET(4 * PASSWORD_MAX);
	struct sign_in_who who = who_is(client, name, "password");
	if (!password_prepare(password, &prepared))
		buf_clear(&prepared);
	struct check *check = make_check(channel, received->id, received->begin_by, &who, buf_slice(&prepared), slice_sub(password, 0, PASSWORD_MAX));
	check->question = (struct auth_job){.kind = JOB_SIGN_IN, .run = look_up, .done = end_look_up, .drop = drop_check};
	auth_server_submit(server, &check->question);
	buf_free(&prepared);
}

/* ---- Tokens ---- */

/** A token that is to be looked for. */
struct token_check {
	struct auth_job job;
	struct auth_channel *channel;
	uint64_t id;
	struct arena *arena;
	struct sign_in_who who;
	struct slice token;
	struct auth_credential found;
	bool readable;
};

/* In a job. `who` is found out. False: it can't be told now. */
static bool find_token(struct auth_backend *backend, struct slice token, struct arena *arena, struct sign_in_who *who, struct auth_credential *found)
{
	struct error error = {0};
	if (!backend)
		return false;
	if (!backend->kind->token_find(backend, token, clock_now(), arena, found, &error)) {
		log_error("directory.failed", log_text("what", "tokens"), log_text("reason", error.text));
		return false;
	}
	if (found->id != 0) {
		who->account = found->account;
		who->identity = found->identity;
	}
	return true;
}

/* Who guesses is held back like others who do; what he would have to guess are 140 bits at least. */
static struct verdict judge_token(struct auth_server *server, struct sign_in_who *who, const struct auth_credential *found, bool another)
{
	struct verdict verdict = {.status = SIGN_IN_TEMPORARY};
	int64_t due_ms;
	look_at_network(server, who);
	if (!stand_in_line(server, who, true, &due_ms, &verdict))
		return verdict;
	if (found->id == 0 || another)
		return refused(server, who, another ? "the token is another account's" : "no such token, or it is over", due_ms);
	return done_limited(server, who, found, due_ms);
}

static void drop_token_check(struct auth_job *job)
{
	struct token_check *check = (struct token_check *)job;
	arena_free_secret(&check->arena);
	free(check);
}

static void run_token_check(struct auth_job *job, struct auth_backend *backend)
{
	struct token_check *check = (struct token_check *)job;
	check->readable = find_token(backend, check->token, check->arena, &check->who, &check->found);
}

static void end_token_check(void *context, struct auth_job *job)
{
	struct auth_server *server = context;
	struct token_check *check = (struct token_check *)job;
	struct verdict verdict = check->readable ? judge_token(server, &check->who, &check->found, false) : (struct verdict){.status = SIGN_IN_TEMPORARY};
	answer(check->channel, check->id, &verdict);
	drop_token_check(job);
}

void auth_server_check_token(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, const struct sign_in_client *client, struct slice token)
{
	struct token_check *check = memory_new(sizeof *check);
	*check = (struct token_check){.job = {.kind = JOB_SIGN_IN, .run = run_token_check, .done = end_token_check, .drop = drop_token_check},
		.channel = channel, .id = received->id, .arena = arena_new(), .who = who_is(client, SLICE(""), "token")};
	check->who.address = arena_copy(check->arena, client->address);
	check->token = arena_copy(check->arena, token);
	auth_server_submit(server, &check->job);
}

/* ---- Exchanges ---- */

static struct slice key_of(const uint64_t *exchange_id)
{
	return slice_make((const char *)exchange_id, sizeof *exchange_id);
}

void auth_server_drop_exchange(void *value)
{
	struct auth_exchange *exchange = value;
	sasl_end(&exchange->sasl);
}

void auth_server_end_exchange(struct auth_channel *channel, uint64_t exchange_id)
{
	auth_recent_remove(channel->exchanges, key_of(&exchange_id));
}

void auth_server_expire_exchanges(struct auth_channel *channel)
{
	int64_t now_ms = clock_monotonic_ms();
	const struct auth_exchange *oldest;
	while ((oldest = auth_recent_oldest(channel->exchanges)) && now_ms - oldest->touched_ms >= EXCHANGE_MS)
		auth_recent_remove_oldest(channel->exchanges);
}

/* libgsasl has judged the client's proof, or the client wants what nobody may. */
static struct verdict conclude(struct auth_server *server, struct sasl_exchange *sasl, bool proved, struct sign_in_who *who, struct slice output)
{
	struct verdict verdict = {.status = SIGN_IN_TEMPORARY};
	int64_t due_ms;
	if (!stand_in_line(server, who, true, &due_ms, &verdict))
		return verdict;
	if (proved && who->identity != sasl_identity(sasl))
		return refused(server, who, "the password was changed meanwhile", due_ms);
	if (sasl_acts_for_another(sasl))
		return refused(server, who, "wants to act for somebody else", due_ms);
	if (!sasl_has_name(sasl))
		return refused(server, who, "the channel binding isn't as the mechanism's name says", due_ms);
	return proved ? done(server, who, output, due_ms, false) : refused(server, who, why_refused(who), due_ms);
}

/* What a step led to, but for a password that is to be checked. */
static struct verdict judge(struct auth_server *server, struct sasl_exchange *sasl, enum sasl_step step, uint64_t exchange_id,
			    struct sign_in_who *who, struct slice output)
{
	switch (step) {
	case SASL_CONTINUE:
		return (struct verdict){.status = SIGN_IN_CONTINUE, .exchange_id = exchange_id, .output = output};
	case SASL_DONE:
	case SASL_PASSWORD: /* with an authzid that isn't the account's */
	case SASL_REFUSED:
		return conclude(server, sasl, step == SASL_DONE, who, output);
	case SASL_TOKEN_REFUSED:
		return (struct verdict){.status = sasl_token_was_for_else(sasl) ? SIGN_IN_NOT_FOR_THAT : SIGN_IN_REFUSED};
	case SASL_TEMPORARY:
		return (struct verdict){.status = SIGN_IN_TEMPORARY};
	default:
		auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.malformed", who, "that is not how the mechanism goes");
		return (struct verdict){.status = SIGN_IN_MALFORMED};
	}
}

static struct auth_exchange *find_exchange(struct auth_server *server, struct auth_channel *channel, uint64_t *exchange_id, struct slice mechanism,
				      const struct sign_in_client *client)
{
	if (*exchange_id != 0)
		return auth_recent_find(channel->exchanges, key_of(exchange_id));
	struct sasl_exchange *sasl = sasl_begin(server->sasl, mechanism, client);
	if (!sasl)
		return NULL;
	*exchange_id = random_u64() | 1;
	struct auth_exchange *exchange = auth_recent_add(channel->exchanges, key_of(exchange_id));
	sasl_end(&exchange->sasl);
	exchange->sasl = sasl;
	return exchange;
}

/** One step of an exchange. */
struct step {
	struct auth_job job;
	struct auth_channel *channel;
	uint64_t id, exchange_id;
	int64_t begin_by;
	struct sasl_exchange *sasl; /* taken out of the channel's table as long as this lasts */
	struct arena *arena;
	struct sign_in_who who;
	bool has_input;
	struct auth_credential limited; /* of SASL_PASSWORD: the app password that it is; of SASL_TOKEN: what the token is of */
	struct buf input, output;
	enum sasl_step result;
};

static void drop_step(struct auth_job *job)
{
	struct step *step = (struct step *)job;
	sasl_end(&step->sasl);
	buf_free(&step->input);
	buf_free(&step->output);
	arena_free(&step->arena);
	free(step);
}

static void run_step(struct auth_job *job, struct auth_backend *backend)
{
	struct step *step = (struct step *)job;
	step->result = sasl_step(step->sasl, backend, step->has_input, buf_slice(&step->input), &step->output);
	step->who.name = sasl_name(step->sasl);
	step->who.account = sasl_account(step->sasl);
	if (step->result == SASL_TOKEN && !find_token(backend, sasl_raw_password(step->sasl), step->arena, &step->who, &step->limited))
		step->result = SASL_TEMPORARY;
	bool ends = step->result == SASL_PASSWORD || step->result == SASL_DONE || step->result == SASL_REFUSED;
	if (ends && !identify(backend, &step->who))
		step->result = SASL_TEMPORARY;
	if (step->result == SASL_PASSWORD && !find_app_password(backend, step->who.account, sasl_raw_password(step->sasl), step->arena, &step->limited))
		step->result = SASL_TEMPORARY;
}

static struct auth_credentials copy_credentials(const struct auth_credentials *credentials, struct arena *arena)
{
	struct auth_credentials copy = *credentials;
	copy.account = arena_copy(arena, credentials->account);
	copy.password = arena_copy(arena, credentials->password);
	copy.salt = arena_copy(arena, credentials->salt);
	copy.stored_key = copy.server_key = SLICE("");
	return copy;
}

/* The exchange has come to a password: what comes of that ends it. */
static void check_step(struct auth_server *server, struct step *step)
{
	struct check *check = make_check(step->channel, step->id, step->begin_by, &step->who, sasl_password(step->sasl), sasl_raw_password(step->sasl));
	check->credentials = copy_credentials(sasl_credentials(step->sasl), check->arena);
	check->limited = step->limited;
	check->limited.account = check->limited.name = check->limited.address = SLICE(""); /* these live no longer than the step */
	check->readable = true;
	begin_check(server, check);
}

/* Who is refused is told why (RFC 7628 §3.2.2), answers that with nothing, and hears then that he was refused. */
static bool end_token_step(struct auth_server *server, struct step *step)
{
	struct slice account = sasl_account(step->sasl);
	bool another = account.len > 0 && step->limited.id != 0 && !slice_equal(account, step->limited.account);
	struct verdict verdict = judge_token(server, &step->who, &step->limited, another);
	bool told = verdict.status == SIGN_IN_REFUSED || verdict.status == SIGN_IN_NOT_FOR_THAT;
	if (told) {
		sasl_refuse_token(step->sasl, verdict.status == SIGN_IN_NOT_FOR_THAT, &step->output);
		verdict = (struct verdict){.status = SIGN_IN_CONTINUE, .exchange_id = step->exchange_id, .output = buf_slice(&step->output), .delay_ms = verdict.delay_ms};
	}
	answer(step->channel, step->id, &verdict);
	return told;
}

static void end_step(void *context, struct auth_job *job)
{
	struct auth_server *server = context;
	struct step *step = (struct step *)job;
	struct auth_exchange *exchange = auth_recent_find(step->channel->exchanges, key_of(&step->exchange_id));
	bool goes_on = false;
	if (step->result == SASL_PASSWORD && !sasl_acts_for_another(step->sasl))
		check_step(server, step);
	else if (step->result == SASL_TOKEN)
		goes_on = end_token_step(server, step);
	else {
		look_at_network(server, &step->who);
		struct verdict verdict = judge(server, step->sasl, step->result, step->exchange_id, &step->who, buf_slice(&step->output));
		answer(step->channel, step->id, &verdict);
		goes_on = verdict.status == SIGN_IN_CONTINUE;
	}
	if (exchange && goes_on) {
		exchange->sasl = step->sasl;
		step->sasl = NULL;
	} else
		auth_server_end_exchange(step->channel, step->exchange_id);
	drop_step(job);
}

void auth_server_step(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, uint64_t exchange_id, struct slice mechanism,
		 const struct sign_in_client *client, bool has_input, struct slice input)
{
	bool fresh = exchange_id == 0;
	struct auth_exchange *exchange = find_exchange(server, channel, &exchange_id, mechanism, client);
	if (!exchange || !exchange->sasl) {
		/* One that isn't there was made room for, or belonged to a former auth process; one that is at a step takes no other. */
		answer(channel, received->id, &(struct verdict){.status = fresh ? SIGN_IN_MALFORMED : SIGN_IN_TEMPORARY});
		return;
	}
	exchange->touched_ms = clock_monotonic_ms();
	struct step *step = memory_new(sizeof *step);
	step->job = (struct auth_job){.kind = JOB_SIGN_IN, .run = run_step, .done = end_step, .drop = drop_step};
	step->channel = channel;
	step->id = received->id;
	step->begin_by = received->begin_by;
	step->exchange_id = exchange_id;
	step->sasl = exchange->sasl;
	exchange->sasl = NULL;
	step->arena = arena_new();
	step->who = who_is(client, SLICE(""), sasl_mechanism(step->sasl));
	step->who.address = arena_copy(step->arena, client->address);
	step->has_input = has_input;
	step->input = BUF_SECRET(WIRE_SASL_MAX);
	step->output = BUF_SECRET(WIRE_SASL_MAX);
	buf_append(&step->input, input);
	auth_server_submit(server, &step->job);
}
