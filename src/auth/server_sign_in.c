/* Signing in by exchanges of SASL. An exchange that is at a step is the job's (jobs.h) until that is done. */
#include "auth/server_verdict.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"

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
static struct auth_verdict conclude(struct auth_server *server, struct sasl_exchange *sasl, bool proved, struct sign_in_who *who, struct slice output)
{
	struct auth_verdict verdict = {.status = SIGN_IN_TEMPORARY};
	int64_t due_ms;
	if (!auth_verdict_stand_in_line(server, who, true, &due_ms, &verdict))
		return verdict;
	if (proved && who->identity != sasl_identity(sasl))
		return auth_verdict_refused(server, who, "the password was changed meanwhile", due_ms);
	if (sasl_acts_for_another(sasl))
		return auth_verdict_refused(server, who, "wants to act for somebody else", due_ms);
	if (!sasl_has_name(sasl))
		return auth_verdict_refused(server, who, "the channel binding isn't as the mechanism's name says", due_ms);
	return proved ? auth_verdict_done(server, who, output, due_ms, false) : auth_verdict_refused(server, who, auth_verdict_why(who), due_ms);
}

/* What a step led to, but for a password that is to be checked. */
static struct auth_verdict judge(struct auth_server *server, struct sasl_exchange *sasl, enum sasl_step step, uint64_t exchange_id,
			    struct sign_in_who *who, struct slice output)
{
	switch (step) {
	case SASL_CONTINUE:
		return (struct auth_verdict){.status = SIGN_IN_CONTINUE, .exchange_id = exchange_id, .output = output};
	case SASL_DONE:
	case SASL_PASSWORD: /* with an authzid that isn't the account's */
	case SASL_REFUSED:
		return conclude(server, sasl, step == SASL_DONE, who, output);
	case SASL_TOKEN_REFUSED:
		return (struct auth_verdict){.status = sasl_token_was_for_else(sasl) ? SIGN_IN_NOT_FOR_THAT : SIGN_IN_REFUSED};
	case SASL_TEMPORARY:
		return (struct auth_verdict){.status = SIGN_IN_TEMPORARY};
	default:
		auth_server_log(server, LOG_LEVEL_WARNING, "sign_in.malformed", who, "that is not how the mechanism goes");
		return (struct auth_verdict){.status = SIGN_IN_MALFORMED};
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
	if (step->result == SASL_TOKEN && !auth_server_find_token(backend, sasl_raw_password(step->sasl), step->arena, &step->who, &step->limited))
		step->result = SASL_TEMPORARY;
	bool ends = step->result == SASL_PASSWORD || step->result == SASL_DONE || step->result == SASL_REFUSED;
	if (ends && !identify(backend, &step->who))
		step->result = SASL_TEMPORARY;
	if (step->result == SASL_PASSWORD && !auth_server_find_app_password(backend, step->who.account, sasl_raw_password(step->sasl), step->arena, &step->limited))
		step->result = SASL_TEMPORARY;
}

/* The exchange has come to a password: what comes of that ends it. */
static void check_step(struct auth_server *server, struct step *step)
{
	auth_server_check_known(server, step->channel, step->id, step->begin_by, &step->who, sasl_password(step->sasl), sasl_raw_password(step->sasl),
				sasl_credentials(step->sasl), &step->limited);
}

/* Who is refused is told why (RFC 7628 §3.2.2), answers that with nothing, and hears then that he was refused. */
static bool end_token_step(struct auth_server *server, struct step *step)
{
	struct slice account = sasl_account(step->sasl);
	bool another = account.len > 0 && step->limited.id != 0 && !slice_equal(account, step->limited.account);
	struct auth_verdict verdict = auth_server_judge_token(server, &step->who, &step->limited, another);
	bool told = verdict.status == SIGN_IN_REFUSED || verdict.status == SIGN_IN_NOT_FOR_THAT;
	if (told) {
		sasl_refuse_token(step->sasl, verdict.status == SIGN_IN_NOT_FOR_THAT, &step->output);
		verdict = (struct auth_verdict){.status = SIGN_IN_CONTINUE, .exchange_id = step->exchange_id, .output = buf_slice(&step->output), .delay_ms = verdict.delay_ms};
	}
	auth_verdict_answer(step->channel, step->id, &verdict);
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
		auth_verdict_look_at_network(server, &step->who);
		struct auth_verdict verdict = judge(server, step->sasl, step->result, step->exchange_id, &step->who, buf_slice(&step->output));
		auth_verdict_answer(step->channel, step->id, &verdict);
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
		auth_verdict_answer(channel, received->id, &(struct auth_verdict){.status = fresh ? SIGN_IN_MALFORMED : SIGN_IN_TEMPORARY});
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
	step->who = auth_verdict_who(client, SLICE(""), sasl_mechanism(step->sasl));
	step->who.address = arena_copy(step->arena, client->address);
	step->has_input = has_input;
	step->input = BUF_SECRET(WIRE_SASL_MAX);
	step->output = BUF_SECRET(WIRE_SASL_MAX);
	buf_append(&step->input, input);
	auth_server_submit(server, &step->job);
}
