/* Passwords on their way through the hashing threads. Every failure gets the same answer, after the same work: a check against a decoy costs as much as one
 * against a real hash.
 *
 * Who is meant, and what is known of the account's password, a job asks (jobs.h); it has the check to itself until it is done. A password that is changed
 * after that ends the session at its beginning, which asks once more (auth_stands()). */
#include "auth/server_verdict.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

/* In a job. Nobody's account has no name. */
bool auth_server_find_app_password(struct auth_backend *backend, struct slice account, struct slice password, struct arena *arena, struct auth_credential *found)
{
	struct error error;
	*found = (struct auth_credential){0};
	if (slice_empty(account) || backend->kind->app_password_find(backend, account, password, arena, found, &error))
		return true;
	log_error("directory.failed", log_slice("account", account), log_text("reason", error.text));
	return false;
}

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

static void answer_check(struct check **check, struct auth_verdict verdict)
{
	if (verdict.status == SIGN_IN_DONE && verdict.credential == 0)
		auth_server_note_shown((*check)->channel, verdict.account, verdict.identity);
	auth_verdict_answer((*check)->channel, (*check)->id, &verdict);
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
	struct auth_throttle_limits limits = auth_verdict_limits();
	struct auth_throttle_try try = auth_verdict_try(who);
	if (who->known)
		return CHECKS_OF_KNOWN;
	return auth_throttle_is_clean(server->throttle, &limits, clock_monotonic_ms(), &try) ? CHECKS_OF_CLEAN : CHECKS_OF_OTHERS;
}

/* Too many wait: whose network has most of them doesn't get the last. */
static void make_room(struct auth_server *server, struct auth_lines *checks)
{
	struct check *check = (struct check *)auth_lines_take_last(checks);
	auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.overloaded", &check->who, "more passwords wait to be checked than can be");
	answer_check(&check, (struct auth_verdict){.status = SIGN_IN_TEMPORARY});
}

static void queue_check(struct check *check, enum auth_check_kind kind)
{
	auth_lines_add(&check->channel->checks[kind], check->who.address, &check->waiting);
}

/* The check waits for a thread, or is answered at once. */
static void begin_check(struct auth_server *server, struct check *check)
{
	struct auth_verdict verdict = {.status = SIGN_IN_TEMPORARY};
	int64_t unused;
	auth_verdict_look_at_network(server, &check->who);
	if (!check->readable || !auth_verdict_stand_in_line(server, &check->who, false, &unused, &verdict)) {
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
		auth_verdict_look_at_network(server, &check->who);
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
	struct auth_verdict verdict = {.status = SIGN_IN_TEMPORARY};
	struct slice password = buf_slice(&check->job.password);
	if (clock_monotonic_ms() >= check->begin_by) {
		free_check(&check);
		return;
	}
	if (!auth_verdict_stand_in_line(server, &check->who, true, &check->due_ms, &verdict)) {
		answer_check(&check, verdict);
		return;
	}
	if (check->limited.id != 0) {
		answer_check(&check, auth_verdict_done_limited(server, &check->who, &check->limited, check->due_ms));
		return;
	}
	check->known = check->credentials.known && !slice_empty(password);
	check->who.identity = check->credentials.identity;
	if (check->known && auth_verified_has(server->verified, check->who.account, password, check->credentials.version, clock_monotonic_ms())) {
		answer_check(&check, auth_verdict_done(server, &check->who, SLICE(""), check->due_ms, true));
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
	answer_check(&check, auth_verdict_done(server, &check->who, SLICE(""), check->due_ms, false));
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
		answer_check(&check, auth_verdict_refused(server, &check->who, auth_verdict_why(&check->who), check->due_ms));
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
	check->readable = check->readable && auth_server_find_app_password(backend, who->account, buf_slice(&check->job.raw), check->arena, &check->limited);
}

static void end_look_up(void *context, struct auth_job *question)
{
	begin_check(context, check_of(question));
}

void auth_server_check_password(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, const struct sign_in_client *client,
			   struct slice name, struct slice password)
{
	struct buf prepared = BUF_SECRET(4 * PASSWORD_MAX);
	struct sign_in_who who = auth_verdict_who(client, name, "password");
	if (!password_prepare(password, &prepared))
		buf_clear(&prepared);
	struct check *check = make_check(channel, received->id, received->begin_by, &who, buf_slice(&prepared), slice_sub(password, 0, PASSWORD_MAX));
	check->question = (struct auth_job){.kind = JOB_SIGN_IN, .run = look_up, .done = end_look_up, .drop = drop_check};
	auth_server_submit(server, &check->question);
	buf_free(&prepared);
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

void auth_server_check_known(struct auth_server *server, struct auth_channel *channel, uint64_t id, int64_t begin_by, const struct sign_in_who *who, struct slice password,
			     struct slice raw, const struct auth_credentials *credentials, const struct auth_credential *limited)
{
	struct check *check = make_check(channel, id, begin_by, who, password, raw);
	check->credentials = copy_credentials(credentials, check->arena);
	check->limited = *limited;
	check->limited.account = check->limited.name = check->limited.address = SLICE(""); /* these live no longer than the caller's */
	check->readable = true;
	begin_check(server, check);
}
