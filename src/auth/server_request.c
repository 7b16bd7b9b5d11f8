/* Decoding requests and answering those about addresses. */
#include "auth/server_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "message/address.h"
#include "store/usage/usage.h"

enum { COMPLAIN_EVERY_MS = 60 * 1000 };

/** A question about addresses. Its thread answers it. */
struct question {
	struct auth_job job;
	struct auth_server *server;
	struct auth_channel *channel;
	uint64_t id;
	void (*answer)(const struct question *question, struct auth_backend *backend); /* backend NULL: it can't be asked now */
	struct arena *arena;
	struct slice account, address; /* account: WIRE_MAY_SEND_AS's; of WIRE_SIGN selector and domain; of WIRE_ROTATION_SHOWN seconds and
					* domain; of WIRE_CREDENTIAL_STANDS number and account */
	struct slice digest;           /* WIRE_SIGN's */
};

static void answer_number(const struct question *question, uint64_t number)
{
	struct buf answer = BUF(CALL_ANSWER_MAX);
	wire_put_number(&answer, number);
	auth_server_send(question->channel, question->id, &answer);
}

static struct auth_recipient_room room_of(const struct auth_server *server, struct slice account)
{
	struct usage usage;
	if (!usage_find(server->usage, account, &usage))
		return (struct auth_recipient_room){UINT64_MAX, UINT64_MAX, 0};
	return (struct auth_recipient_room){usage_room(&usage), usage.max_bytes > 0 ? usage.max_bytes : UINT64_MAX, map_hash(account)};
}

/* Who has room takes the message, whoever else is full. */
static struct auth_recipient_room most_room(const struct auth_server *server, const struct auth_recipient_accounts *accounts)
{
	if (accounts->count == 0)
		return (struct auth_recipient_room){UINT64_MAX, UINT64_MAX, 0};
	struct auth_recipient_room best = room_of(server, accounts->at[0]);
	for (size_t i = 1; i < accounts->count; i++) {
		struct auth_recipient_room room = room_of(server, accounts->at[i]);
		uint64_t most = room.most > best.most ? room.most : best.most;
		if (room.now > best.now)
			best = room;
		best.most = most;
	}
	return best;
}

static void answer_recipient(const struct question *question, struct auth_backend *backend)
{
	struct auth_recipient_accounts accounts = {.count = 0};
	enum auth_recipient_kind kind = backend ? backend->kind->recipient(backend, question->address, &accounts) : RECIPIENT_TEMPORARY;
	struct auth_recipient_room room = most_room(question->server, &accounts);
	struct buf answer = BUF(CALL_ANSWER_MAX);
	wire_put_number(&answer, (uint64_t)kind);
	wire_put_number(&answer, room.now);
	wire_put_number(&answer, room.most);
	wire_put_number(&answer, room.account);
	config_thresholds_put(&answer, accounts.thresholds);
	auth_server_send(question->channel, question->id, &answer);
}

static void answer_error(const struct question *question, const struct error *error)
{
	struct buf answer = BUF(CALL_ANSWER_MAX);
	wire_put_number(&answer, error->kind);
	wire_put_text(&answer, slice_of(error->text));
	auth_server_send(question->channel, question->id, &answer);
}

static void answer_routes(const struct question *question, const struct auth_route *routes, size_t count)
{
	struct buf answer = BUF(CALL_ANSWER_MAX);
	struct error error;
	wire_put_number(&answer, ERROR_NONE);
	for (size_t i = 0; i < count; i++) {
		wire_put_number(&answer, routes[i].local);
		wire_put_text(&answer, routes[i].address);
		wire_put_text(&answer, routes[i].detail);
		wire_put_number(&answer, routes[i].problem);
		config_thresholds_put(&answer, routes[i].thresholds);
	}
	if (answer.overflow) {
		buf_free(&answer);
		error_set(&error, ERROR_LIMIT, "the addresses that the aliases lead to are too many");
		answer_error(question, &error);
	} else
		auth_server_send(question->channel, question->id, &answer);
}

static void answer_resolve(const struct question *question, struct auth_backend *backend)
{
	struct auth_route *routes;
	size_t count;
	struct error error = {0};
	if (!backend)
		error_set(&error, ERROR_TEMPORARY, "too many questions wait already");
	else if (backend->kind->resolve(backend, question->address, question->arena, &routes, &count, &error)) {
		answer_routes(question, routes, count);
		return;
	} else if (error.kind != ERROR_NOT_FOUND)
		log_error("directory.failed", log_slice("address", question->address), log_text("reason", error.text));
	answer_error(question, &error);
}

/* Without an answer, when it can't be read now, the asker would wait: it gets a number that is none. */
static void answer_identity(const struct question *question, struct auth_backend *backend)
{
	struct error error = {0};
	int64_t identity;
	const char *why;
	bool known = backend && backend->kind->identity(backend, question->address, &identity, &why, &error);
	if (backend && !known)
		log_error("directory.failed", log_slice("account", question->address), log_text("reason", error.text));
	answer_number(question, known ? (uint64_t)identity : UINT64_MAX);
}

/* `account`: the credential's number, in digits. */
static void answer_credential_stands(const struct question *question, struct auth_backend *backend)
{
	struct error error = {0};
	uint64_t id = 0;
	int64_t identity;
	bool good = slice_to_number(question->account, INT64_MAX, &id);
	bool known = good && backend && backend->kind->credential_stands(backend, question->address, (int64_t)id, &identity, &error);
	if (good && backend && !known)
		log_error("directory.failed", log_slice("account", question->address), log_text("reason", error.text));
	answer_number(question, known ? (uint64_t)identity : UINT64_MAX);
}

static void answer_language(const struct question *question, struct auth_backend *backend)
{
	answer_number(question, (uint64_t)(backend ? backend->kind->language(backend, question->address) : LANGUAGE_EN));
}

static void answer_may_send_as(const struct question *question, struct auth_backend *backend)
{
	answer_number(question, (uint64_t)(backend ? backend->kind->may_send_as(backend, question->account, question->address) : SENDER_TEMPORARY));
}

static void answer_rates(const struct question *question, struct auth_backend *backend)
{
	struct auth_rates rates = {0, 0};
	struct error error = {0};
	bool known = backend && backend->kind->rates(backend, question->address, &rates, &error);
	if (backend && !known)
		log_error("directory.failed", log_slice("account", question->address), log_text("reason", error.text));
	struct buf answer = BUF(CALL_ANSWER_MAX);
	wire_put_number(&answer, known);
	wire_put_number(&answer, (uint64_t)(rates.per_hour + 1));
	wire_put_number(&answer, (uint64_t)(rates.per_day + 1));
	auth_server_send(question->channel, question->id, &answer);
}

/* Empty: it can't be told. */
static void answer_forward_sender(const struct question *question, struct auth_backend *backend)
{
	struct slice sender = {NULL, 0};
	struct error error = {0};
	bool known = backend && backend->kind->forward_sender(backend, question->account, question->address, question->arena, &sender, &error);
	if (backend && !known)
		log_error("directory.failed", log_slice("address", question->account), log_text("reason", error.text));
	struct buf answer = BUF(CALL_ANSWER_MAX);
	wire_put_text(&answer, known ? sender : SLICE(""));
	auth_server_send(question->channel, question->id, &answer);
}

/* Begins with 1 if it is known; then the keys. */
static void answer_signing_keys(const struct question *question, struct auth_backend *backend)
{
	struct auth_signing_key *keys = NULL;
	size_t count = 0;
	struct error error = {0};
	bool known = backend && backend->kind->signing_keys(backend, question->address, question->arena, &keys, &count, &error);
	if (backend && !known)
		log_error("directory.failed", log_slice("domain", question->address), log_text("reason", error.text));
	struct buf answer = BUF(CALL_ANSWER_MAX);
	wire_put_number(&answer, known);
	wire_put_number(&answer, known ? count : 0);
	for (size_t i = 0; known && i < count; i++) {
		wire_put_text(&answer, keys[i].selector);
		wire_put_number(&answer, keys[i].ed25519);
	}
	auth_server_send(question->channel, question->id, &answer);
}

/* An empty signature: it can't be had. */
static void answer_sign(const struct question *question, struct auth_backend *backend)
{
	struct buf signature = BUF(AUTH_SIGNATURE_MAX);
	struct error error = {0};
	bool done = backend && backend->kind->sign(backend, question->address, question->account, question->digest, &signature, &error);
	if (backend && !done)
		log_error("directory.failed", log_slice("domain", question->address), log_text("reason", error.text));
	struct buf answer = BUF(CALL_ANSWER_MAX);
	wire_put_text(&answer, done ? buf_slice(&signature) : SLICE(""));
	auth_server_send(question->channel, question->id, &answer);
	buf_free(&signature);
}

static void take_step(struct auth_backend *backend, struct slice domain, const struct auth_rotation_shown *shown)
{
	const char *step;
	struct error error = {0};
	if (!backend->kind->rotation_go_on(backend, domain, shown, &step, &error))
		log_error("keys.unchanged", log_slice("domain", domain), log_text("reason", error.text));
	else if (step)
		log_info("keys.changed", log_slice("domain", domain), log_text("step", step));
}

/* Begins with 1 if it can be told; then the domain, and the records of its new keys. */
static void answer_rotation(const struct question *question, struct auth_backend *backend)
{
	struct auth_signing_key *keys = NULL;
	struct slice domain = {NULL, 0};
	size_t count = 0, new = 0;
	struct error error = {0};
	bool known = backend && backend->kind->rotation_next(backend, question->address, question->arena, &domain, &keys, &count, &error);
	if (backend && !known)
		log_error("directory.failed", log_text("reason", error.text));
	if (known && domain.len > 0)
		take_step(backend, domain, NULL);
	for (size_t i = 0; known && i < count; i++)
		new += keys[i].state == KEY_NEW;
	struct buf answer = BUF(CALL_ANSWER_MAX);
	wire_put_number(&answer, known);
	wire_put_text(&answer, known ? domain : SLICE(""));
	wire_put_number(&answer, new);
	for (size_t i = 0; known && i < count; i++)
		if (keys[i].state == KEY_NEW) {
			wire_put_text(&answer, keys[i].selector);
			wire_put_text(&answer, keys[i].record);
		}
	auth_server_send(question->channel, question->id, &answer);
}

/* `account`: for how many seconds the DNS's answers may be kept; empty: it doesn't show the records. */
static void answer_rotation_shown(const struct question *question, struct auth_backend *backend)
{
	uint64_t ttl = 0;
	bool shown = question->account.len > 0, good = !shown || slice_to_number(question->account, UINT32_MAX, &ttl);
	if (backend && good)
		take_step(backend, question->address, &(struct auth_rotation_shown){shown, (uint32_t)ttl});
	answer_number(question, backend && good);
}

static void drop_question(struct auth_job *job)
{
	struct question *question = (struct question *)job;
	arena_free(&question->arena);
	free(question);
}

static void run_question(struct auth_job *job, struct auth_backend *backend)
{
	const struct question *question = (struct question *)job;
	question->answer(question, backend);
	drop_question(job);
}

static const struct {
	unsigned kind;
	void (*answer)(const struct question *question, struct auth_backend *backend);
	bool signs; /* only for who may have digests signed */
	bool slow;  /* it takes a while, so a thread has it */
} questions[] = {
	{WIRE_RECIPIENT, answer_recipient, false, false}, {WIRE_RESOLVE, answer_resolve, false, false}, {WIRE_IDENTITY, answer_identity, false, false},
	{WIRE_CREDENTIAL_STANDS, answer_credential_stands, false, false},
	{WIRE_LANGUAGE, answer_language, false, false}, {WIRE_MAY_SEND_AS, answer_may_send_as, false, false}, {WIRE_SIGNING_KEYS, answer_signing_keys, true, true},
	{WIRE_SIGN, answer_sign, true, true}, {WIRE_RATES, answer_rates, false, false},
	{WIRE_FORWARD_SENDER, answer_forward_sender, true, false}, {WIRE_ROTATION, answer_rotation, true, true}, {WIRE_ROTATION_SHOWN, answer_rotation_shown, true, true},
};

/* Each reads its fields and, if they are whole, acts; false: malformed, or another kind. */
static bool handle_question(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, struct wire_reader *reader)
{
	size_t at = 0;
	while (at < sizeof questions / sizeof *questions && questions[at].kind != received->verb)
		at++;
	bool two = received->verb == WIRE_MAY_SEND_AS || received->verb == WIRE_FORWARD_SENDER || received->verb == WIRE_ROTATION_SHOWN ||
		   received->verb == WIRE_CREDENTIAL_STANDS;
	struct slice account = two ? wire_text(reader, WIRE_ADDRESS_MAX) : SLICE("");
	struct slice address = wire_text(reader, WIRE_ADDRESS_MAX);
	struct slice selector = received->verb == WIRE_SIGN ? wire_text(reader, AUTH_SELECTOR_MAX) : SLICE("");
	struct slice digest = received->verb == WIRE_SIGN ? wire_text(reader, AUTH_DIGEST_SIZE) : SLICE("");
	if (at == sizeof questions / sizeof *questions || !wire_end(reader))
		return false;
	struct question *question = memory_new(sizeof *question);
	question->job = (struct auth_job){.kind = JOB_ADDRESS, .changes = questions[at].slow, .run = run_question, .drop = drop_question};
	question->server = server;
	question->channel = channel;
	question->id = received->id;
	question->answer = questions[at].answer;
	question->arena = arena_new();
	question->account = arena_copy(question->arena, received->verb == WIRE_SIGN ? selector : account);
	question->digest = arena_copy(question->arena, digest);
	question->address = arena_copy(question->arena, address);
	if (questions[at].signs && !channel->signs) { /* who asks was taken over: it gets nothing, and is written down */
		run_question(&question->job, NULL);
		return false;
	}
	auth_server_submit(server, &question->job);
	return true;
}

static bool handle_check_password(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, struct wire_reader *reader)
{
	struct sign_in_client client;
	auth_wire_client(reader, &client);
	struct slice name = wire_text(reader, WIRE_ADDRESS_MAX), password = wire_text(reader, WIRE_PASSWORD_MAX);
	if (!wire_end(reader))
		return false;
	auth_server_check_password(server, channel, received, &client, name, password);
	return true;
}

static bool handle_check_token(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, struct wire_reader *reader)
{
	struct sign_in_client client;
	auth_wire_client(reader, &client);
	struct slice token = wire_text(reader, WIRE_TOKEN_MAX);
	if (!wire_end(reader))
		return false;
	auth_server_check_token(server, channel, received, &client, token);
	return true;
}

static bool handle_step(struct auth_server *server, struct auth_channel *channel, const struct call_received *received, struct wire_reader *reader)
{
	struct sign_in_client client;
	uint64_t exchange_id = wire_number(reader, UINT64_MAX);
	struct slice mechanism = wire_text(reader, WIRE_MECHANISM_MAX);
	auth_wire_client(reader, &client);
	bool has_input = wire_flag(reader);
	struct slice input = wire_text(reader, WIRE_SASL_MAX);
	if (!wire_end(reader))
		return false;
	auth_server_step(server, channel, received, exchange_id, mechanism, &client, has_input, input);
	return true;
}

static bool handle_end(struct auth_channel *channel, struct wire_reader *reader)
{
	uint64_t exchange_id = wire_number(reader, UINT64_MAX);
	if (!wire_end(reader))
		return false;
	auth_server_end_exchange(channel, exchange_id);
	return true;
}

static bool handle(struct auth_server *server, struct auth_channel *channel, const struct call_received *received)
{
	struct wire_reader reader = {.rest = received->text};
	switch (received->verb) {
	case WIRE_CHECK_PASSWORD:
		return handle_check_password(server, channel, received, &reader);
	case WIRE_SIGN_IN_STEP:
		return handle_step(server, channel, received, &reader);
	case WIRE_SIGN_IN_END:
		return handle_end(channel, &reader);
	case WIRE_WEB_BEGIN:
	case WIRE_WEB_FIND:
	case WIRE_WEB_LIST:
	case WIRE_WEB_END:
		return auth_server_handle_web(server, channel, received);
	case WIRE_CHECK_TOKEN:
		return handle_check_token(server, channel, received, &reader);
	case WIRE_OAUTH_REGISTER:
	case WIRE_OAUTH_CLIENT:
	case WIRE_OAUTH_ALLOW:
	case WIRE_OAUTH_EXCHANGE:
	case WIRE_OAUTH_REFRESH:
	case WIRE_OAUTH_REVOKE:
		return auth_server_handle_oauth(server, channel, received);
	case WIRE_ADMINISTRATOR:
		return auth_server_handle_admin(server, channel, received);
	case WIRE_PUSH_TOKEN:
		return auth_server_handle_push(server, channel, received);
	case WIRE_APP_PASSWORD_MAKE:
	case WIRE_CREDENTIAL_LIST:
	case WIRE_CREDENTIAL_END:
		return auth_server_handle_credential(server, channel, received);
	default:
		return handle_question(server, channel, received, &reader);
	}
}

void auth_server_handle(struct auth_server *server, struct auth_channel *channel, const struct call_received *received)
{
	if (handle(server, channel, received))
		return;
	int64_t now_ms = clock_monotonic_ms();
	if (channel->complained_ms && now_ms - channel->complained_ms < COMPLAIN_EVERY_MS)
		return;
	channel->complained_ms = now_ms;
	log_error("auth.malformed_request", log_number("channel", channel - server->channels), log_number("bytes", (int64_t)received->text.len));
}
