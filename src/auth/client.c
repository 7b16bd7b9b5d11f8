/* auth.h for the roles that ask, over net/call.h. What is asked when the auth role is restarted is asked again of its successor, but for
 * steps of an exchange, which has gone with it. Nothing here trusts what the other side says. */
#include "auth/auth.h"

#include "auth/client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"

enum { JUST_NOW_MS = 100 /* in that time nobody removes an account and makes another of its name */ };

struct auth {
	struct caller *caller;
	_Atomic uint64_t heard; /* changes, and one */
	_Atomic bool scram;     /* the auth role has said that it can be offered */
};

struct auth_question {
	struct call_ticket *ticket; /* NULL: it is done */
	enum auth_wire_kind kind;
	struct buf fields;
	uint64_t heard;             /* when it was asked, and when that was: struct auth_account */
	int64_t asked_ms;
	bool answered;
	struct call_answer answer;
};

static void hear_news(void *context, struct slice news)
{
	struct auth *auth = context;
	struct wire_reader reader = {.rest = news};
	auth->scram = wire_flag(&reader);
}

struct auth *auth_open(int fd)
{
	struct auth *auth = memory_new(sizeof *auth);
	auth->heard = 1;
	auth->caller = caller_new(fd);
	caller_on_news(auth->caller, hear_news, auth);
	return auth;
}

void auth_close(struct auth **auth)
{
	if (!*auth)
		return;
	caller_free(&(*auth)->caller);
	free(*auth);
	*auth = NULL;
}

void auth_listen(struct auth *auth) { caller_listen(auth->caller); }

/* ---- Asking ---- */

static struct auth_question *question_new(struct auth *auth, enum auth_wire_kind kind, struct slice fields)
{
	struct auth_question *question = memory_new(sizeof *question);
	*question = (struct auth_question){.kind = kind, .fields = BUF_SECRET(WIRE_QUESTION_MAX), .heard = auth->heard, .asked_ms = clock_monotonic_ms()};
	buf_append(&question->fields, fields);
	return question;
}

static struct call_question call_of(const struct auth_question *question)
{
	int64_t until = question->asked_ms + AUTH_ANSWER_SECONDS * 1000;
	return (struct call_question){.verb = question->kind, .text = buf_slice(&question->fields), .begin_by = until, .end_by = until,
		.once = question->kind == WIRE_SIGN_IN_STEP};
}

/* Takes the answer, if there is one. Descriptors never come with it. */
static void question_end(struct auth_question *question)
{
	if (question->ticket)
		question->answered = caller_end(&question->ticket, &question->answer);
}

/* One that isn't done is given up: its wake() isn't running and won't be called when this returns. */
void auth_client_free(struct auth_question *question)
{
	question_end(question);
	call_answer_free(&question->answer);
	buf_free(&question->fields);
	free(question);
}

static struct auth_question *begin_question(struct auth *auth, enum auth_wire_kind kind, struct slice fields, void (*done)(void *context), void *context)
{
	struct auth_question *question = question_new(auth, kind, fields);
	struct call_question call = call_of(question);
	question->ticket = caller_begin(auth->caller, &call, done, context);
	return question;
}

/* Of one that is done. */
static void end(struct auth_question *question)
{
	question_end(question);
	if (!question->answered)
		log_warning("auth.unanswered");
}

static void await(struct auth_question *question)
{
	caller_await(question->ticket);
	end(question);
}

/* What was asked before isn't taken for the answer to anything else. */
static struct auth_question *ask_without_thread(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, struct slice fields)
{
	struct auth_question *question = wait->question;
	if (question && (question->kind != kind || !slice_equal(buf_slice(&question->fields), fields)))
		auth_wait_end(wait);
	if (!wait->question)
		wait->question = begin_question(auth, kind, fields, wait->wake, wait->context);
	question = wait->question;
	if (!caller_is_done(question->ticket))
		return NULL;
	wait->question = NULL;
	end(question);
	return question;
}

struct auth_question *auth_client_ask(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, const struct buf *fields)
{
	if (wait)
		return ask_without_thread(auth, wait, kind, buf_slice(fields));
	struct auth_question *question = begin_question(auth, kind, buf_slice(fields), NULL, NULL);
	await(question);
	return question;
}

bool auth_is_awaited(const struct auth_wait *wait) { return wait->question != NULL; }

void auth_wait_end(struct auth_wait *wait)
{
	if (wait->question)
		auth_client_free(wait->question);
	wait->question = NULL;
}

struct wire_reader auth_client_read(const struct auth_question *question)
{
	return (struct wire_reader){.rest = buf_slice(&question->answer.text)};
}

bool auth_client_is_answered(const struct auth_question *question) { return question->answered; }

/* A question whose answer is one number up to `max`; AWAITED while there is none yet. */
#define AWAITED UINT64_MAX
static uint64_t ask_number(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, struct slice first, const struct slice *second,
			   uint64_t max, uint64_t otherwise)
{
	if (first.len > WIRE_ADDRESS_MAX || (second && second->len > WIRE_ADDRESS_MAX))
		return otherwise;
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&fields, first);
	if (second)
		wire_put_text(&fields, *second);
	struct auth_question *question = auth_client_ask(auth, wait, kind, &fields);
	buf_free(&fields);
	if (!question)
		return AWAITED;
	uint64_t number = otherwise;
	if (question->answered) {
		struct wire_reader reader = auth_client_read(question);
		number = wire_number(&reader, max);
		if (!wire_end(&reader))
			number = otherwise;
	}
	auth_client_free(question);
	return number;
}

/* ---- Addresses ---- */

static enum auth_recipient_kind read_recipient(const struct auth_question *question, struct auth_recipient_facts *facts)
{
	if (!question->answered)
		return RECIPIENT_TEMPORARY;
	struct wire_reader reader = auth_client_read(question);
	enum auth_recipient_kind kind = (enum auth_recipient_kind)wire_number(&reader, RECIPIENT_TEMPORARY);
	facts->room.now = wire_number(&reader, UINT64_MAX);
	facts->room.most = wire_number(&reader, UINT64_MAX);
	facts->room.account = wire_number(&reader, UINT64_MAX);
	facts->thresholds = config_thresholds_read(&reader);
	return wire_end(&reader) ? kind : RECIPIENT_TEMPORARY;
}

enum auth_recipient_kind auth_recipient(struct auth *auth, struct auth_wait *wait, struct slice address, struct auth_recipient_facts *facts)
{
	if (address.len > WIRE_ADDRESS_MAX)
		return RECIPIENT_UNKNOWN;
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&fields, address);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_RECIPIENT, &fields);
	buf_free(&fields);
	if (!question)
		return RECIPIENT_AWAITED;
	struct auth_recipient_facts told = {0};
	enum auth_recipient_kind kind = read_recipient(question, &told);
	auth_client_free(question);
	if (facts)
		*facts = told;
	return kind;
}

enum auth_sender_right auth_may_send_as(struct auth *auth, struct auth_wait *wait, struct slice account, struct slice address)
{
	if (account.len > WIRE_ADDRESS_MAX || address.len > WIRE_ADDRESS_MAX)
		return SENDER_OTHERS;
	uint64_t right = ask_number(auth, wait, WIRE_MAY_SEND_AS, account, &address, SENDER_TEMPORARY, SENDER_TEMPORARY);
	return right == AWAITED ? SENDER_AWAITED : (enum auth_sender_right)right;
}

/* Each number is one more than it means: -1 can be told. */
static bool read_rates(const struct auth_question *question, struct auth_rates *rates)
{
	struct wire_reader reader = auth_client_read(question);
	bool known = question->answered && wire_flag(&reader);
	rates->per_hour = (int64_t)wire_number(&reader, INT64_MAX) - 1;
	rates->per_day = (int64_t)wire_number(&reader, INT64_MAX) - 1;
	return known && wire_end(&reader);
}

enum auth_rates_known auth_rates(struct auth *auth, struct auth_wait *wait, struct slice account, struct auth_rates *rates)
{
	*rates = (struct auth_rates){0, 0};
	if (account.len > WIRE_ADDRESS_MAX)
		return RATES_KNOWN;
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&fields, account);
	struct auth_question *question = auth_client_ask(auth, wait, WIRE_RATES, &fields);
	buf_free(&fields);
	if (!question)
		return RATES_AWAITED;
	bool known = read_rates(question, rates);
	auth_client_free(question);
	if (!known)
		*rates = (struct auth_rates){0, 0};
	return known ? RATES_KNOWN : RATES_TEMPORARY;
}

void auth_note_change(struct auth *auth) { auth->heard++; }

/* Whoever is to hear of a later change has found the session, or has counted here before. */
static bool is_sure_to_stand(const struct auth *auth, const struct auth_account *account)
{
	return account->heard == auth->heard && clock_monotonic_ms() - account->asked_ms < JUST_NOW_MS;
}

enum auth_standing auth_stands(struct auth *auth, struct auth_wait *wait, const struct auth_account *account)
{
	if (is_sure_to_stand(auth, account))
		return AUTH_STANDS;
	char digits[24];
	struct slice credential = slice_make(digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)account->credential));
	uint64_t unknown = (uint64_t)INT64_MAX + 1;
	uint64_t identity = account->credential != 0 ? ask_number(auth, wait, WIRE_CREDENTIAL_STANDS, credential, &account->name, INT64_MAX, unknown)
						     : ask_number(auth, wait, WIRE_IDENTITY, account->name, NULL, INT64_MAX, unknown);
	if (identity == AWAITED || identity == unknown)
		return identity == AWAITED ? AUTH_STANDING_AWAITED : AUTH_UNKNOWN;
	return account->identity != 0 && identity == (uint64_t)account->identity ? AUTH_STANDS : AUTH_ENDED;
}

enum auth_language auth_language(struct auth *auth, struct slice address)
{
	return (enum auth_language)ask_number(auth, NULL, WIRE_LANGUAGE, address, NULL, LANGUAGE_COUNT - 1, LANGUAGE_EN);
}

bool auth_forward_sender(struct auth *auth, struct slice from, struct slice via, struct arena *arena, struct slice *out)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	*out = from;
	if (from.len > WIRE_ADDRESS_MAX || via.len > WIRE_ADDRESS_MAX)
		return true;
	wire_put_text(&fields, from);
	wire_put_text(&fields, via);
	struct auth_question *question = auth_client_ask(auth, NULL, WIRE_FORWARD_SENDER, &fields);
	struct wire_reader reader = auth_client_read(question);
	struct slice sender = question->answered ? wire_text(&reader, WIRE_ADDRESS_MAX) : (struct slice){0};
	bool done = sender.len > 0 && wire_end(&reader);
	if (done)
		*out = arena_copy(arena, sender);
	auth_client_free(question);
	buf_free(&fields);
	return done;
}

/* ---- Signing what goes out ---- */

static bool read_keys(struct wire_reader *reader, struct arena *arena, struct auth_signing_key **keys, size_t *count)
{
	bool known = wire_flag(reader);
	*count = (size_t)wire_number(reader, AUTH_SIGNING_KEYS_MAX);
	*keys = arena_array(arena, *count + 1, sizeof **keys);
	for (size_t i = 0; i < *count; i++) {
		(*keys)[i].selector = arena_copy(arena, wire_text(reader, AUTH_SELECTOR_MAX));
		(*keys)[i].ed25519 = wire_flag(reader);
	}
	return wire_end(reader) && known;
}

bool auth_signing_keys(struct auth *auth, struct slice domain, struct arena *arena, struct auth_signing_key **keys, size_t *count)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	*keys = NULL;
	*count = 0;
	if (domain.len > WIRE_ADDRESS_MAX)
		return true;
	wire_put_text(&fields, domain);
	struct auth_question *question = auth_client_ask(auth, NULL, WIRE_SIGNING_KEYS, &fields);
	struct wire_reader reader = auth_client_read(question);
	bool done = question->answered && read_keys(&reader, arena, keys, count);
	auth_client_free(question);
	buf_free(&fields);
	return done;
}

bool auth_sign(struct auth *auth, struct slice domain, struct slice selector, const unsigned char digest[AUTH_DIGEST_SIZE], struct buf *signature)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	if (domain.len > WIRE_ADDRESS_MAX || selector.len > AUTH_SELECTOR_MAX)
		return false;
	wire_put_text(&fields, domain);
	wire_put_text(&fields, selector);
	wire_put_text(&fields, slice_make((const char *)digest, AUTH_DIGEST_SIZE));
	struct auth_question *question = auth_client_ask(auth, NULL, WIRE_SIGN, &fields);
	struct wire_reader reader = auth_client_read(question);
	struct slice value = question->answered ? wire_text(&reader, AUTH_SIGNATURE_MAX) : (struct slice){0};
	bool done = value.len > 0 && wire_end(&reader) && buf_append(signature, value);
	auth_client_free(question);
	buf_free(&fields);
	return done;
}

/* ---- Changing the keys of that ---- */

static bool read_rotation(struct wire_reader *reader, struct arena *arena, struct slice *domain, struct auth_signing_key **keys, size_t *count)
{
	bool known = wire_flag(reader);
	*domain = arena_copy(arena, wire_text(reader, WIRE_ADDRESS_MAX));
	*count = (size_t)wire_number(reader, AUTH_SIGNING_KEYS_MAX);
	*keys = arena_array(arena, *count + 1, sizeof **keys);
	for (size_t i = 0; i < *count; i++) {
		(*keys)[i].selector = arena_copy(arena, wire_text(reader, AUTH_SELECTOR_MAX));
		(*keys)[i].record = arena_copy(arena, wire_text(reader, AUTH_KEY_RECORD_MAX));
	}
	return wire_end(reader) && known;
}

bool auth_rotation_next(struct auth *auth, struct slice after, struct arena *arena, struct slice *domain, struct auth_signing_key **keys, size_t *count)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&fields, after);
	struct auth_question *question = auth_client_ask(auth, NULL, WIRE_ROTATION, &fields);
	struct wire_reader reader = auth_client_read(question);
	bool done = question->answered && read_rotation(&reader, arena, domain, keys, count);
	auth_client_free(question);
	buf_free(&fields);
	return done;
}

bool auth_rotation_shown(struct auth *auth, struct slice domain, bool shown, uint32_t ttl)
{
	struct buf seconds = BUF(WIRE_ADDRESS_MAX);
	if (shown)
		buf_append_number(&seconds, ttl);
	struct slice said = buf_slice(&seconds);
	bool done = ask_number(auth, NULL, WIRE_ROTATION_SHOWN, said, &domain, 1, 0) == 1;
	buf_free(&seconds);
	return done;
}

/* ---- Where mail goes ---- */

static void read_route(struct wire_reader *reader, struct auth_route *route)
{
	route->local = wire_flag(reader);
	route->address = wire_text(reader, WIRE_ADDRESS_MAX);
	route->detail = wire_text(reader, WIRE_ADDRESS_MAX);
	route->problem = (enum auth_route_problem)wire_number(reader, ROUTE_PROBLEM_MAX);
	route->thresholds = config_thresholds_read(reader);
}

static bool read_routes(struct slice list, struct arena *arena, struct auth_route **routes, size_t *count)
{
	struct wire_reader reader = {.rest = arena_copy(arena, list)}, again = reader;
	struct auth_route route;
	for (*count = 0; reader.rest.len > 0; (*count)++)
		read_route(&reader, &route);
	if (!wire_end(&reader) || *count == 0 || *count > 2 * WIRE_ROUTES_MAX)
		return false;
	*routes = arena_array(arena, *count, sizeof **routes);
	for (size_t i = 0; i < *count; i++)
		read_route(&again, &(*routes)[i]);
	return true;
}

static bool read_resolved(const struct auth_question *question, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	if (!question->answered)
		return error_set(error, ERROR_TEMPORARY, "the auth role doesn't answer");
	struct wire_reader reader = auth_client_read(question);
	enum error_kind kind = (enum error_kind)wire_number(&reader, ERROR_FULL);
	if (kind != ERROR_NONE) {
		struct slice text = wire_text(&reader, sizeof error->text);
		if (wire_end(&reader))
			return error_set(error, kind, "%.*s", SLICE_ARG(text));
	} else if (!reader.broken && read_routes(reader.rest, arena, routes, count))
		return true;
	return error_set(error, ERROR_TEMPORARY, "the auth role's answer is malformed");
}

struct auth_question *auth_resolve_begin(struct auth *auth, struct slice address)
{
	if (address.len > WIRE_ADDRESS_MAX)
		return NULL;
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&fields, address);
	struct auth_question *question = begin_question(auth, WIRE_RESOLVE, buf_slice(&fields), NULL, NULL);
	buf_free(&fields);
	return question;
}

bool auth_resolve_end(struct auth_question **question_pointer, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	struct auth_question *question = *question_pointer;
	*question_pointer = NULL;
	if (!question)
		return error_set(error, ERROR_NOT_FOUND, "the address is too long");
	await(question);
	bool done = read_resolved(question, arena, routes, count, error);
	auth_client_free(question);
	return done;
}

bool auth_resolve(struct auth *auth, struct slice address, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	struct auth_question *question = auth_resolve_begin(auth, address);
	return auth_resolve_end(&question, arena, routes, count, error);
}

/* ---- Signing in ---- */

/* Until the auth role has said that it can be, SCRAM isn't offered: passwords over TLS are possible for everybody. */
static bool offers_scram(struct auth *auth)
{
	caller_listen(auth->caller);
	return auth->scram;
}

/* Tokens over TLS alone, whatever is allowed of passwords (RFC 6750 §5.3). */
const char *auth_mechanisms(bool encrypted, bool plaintext_allowed, bool binding)
{
	if (!encrypted)
		return plaintext_allowed ? "SCRAM-SHA-256 PLAIN LOGIN" : "";
	if (!config_current()->oauth)
		return binding ? "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" : "SCRAM-SHA-256 PLAIN LOGIN";
	return binding ? "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2" : "SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2";
}

bool auth_offers_binding(const char *scram_over_tls)
{
	return slice_equal(slice_of(scram_over_tls), SLICE("bound"));
}

const char *auth_offered(struct auth *auth, bool encrypted, bool plaintext_allowed, bool binding, const char *scram_over_tls)
{
	const char *taken = auth_mechanisms(encrypted, plaintext_allowed, binding && auth_offers_binding(scram_over_tls));
	bool scram = offers_scram(auth) && !(encrypted && slice_equal(slice_of(scram_over_tls), SLICE("accepted")));
	return *taken && !scram ? slice_skip(slice_of(taken), slice_find(slice_of(taken), SLICE("PLAIN LOGIN"))).at : taken;
}

struct sign_in {
	struct auth *auth;
	struct arena *arena;
	struct sign_in_client client;
	struct slice mechanism;
	uint64_t exchange_id; /* 0 before the first step and after the last */
	bool over;
};

struct sign_in *sign_in_begin(struct auth *auth, struct slice mechanism, const struct sign_in_client *client)
{
	struct sign_in *exchange = memory_new(sizeof *exchange);
	exchange->auth = auth;
	exchange->arena = arena_new();
	exchange->client = *client;
	exchange->client.address = arena_copy(exchange->arena, client->address);
	/* A client that says it could bind the channel and saw no offer ("y", RFC 5802 §6) is right where none was made, and has been
	 * deceived where one was: the library refuses it if it knows a binding. */
	bool binds = client->binding_offered || slice_ends_nocase(mechanism, SLICE("-PLUS"));
	exchange->client.tls_exporter = binds ? arena_copy(exchange->arena, client->tls_exporter) : SLICE("");
	exchange->client.tls_unique = binds ? arena_copy(exchange->arena, client->tls_unique) : SLICE("");
	exchange->mechanism = arena_copy(exchange->arena, mechanism);
	exchange->over = mechanism.len > WIRE_MECHANISM_MAX;
	return exchange;
}

/* Reads the answer that steps and password checks share. */
static enum sign_in_status read_status(const struct auth_question *question, uint64_t *exchange_id, struct buf *output, struct arena *arena,
				       struct auth_account *account, int *delay_ms)
{
	if (!question->answered)
		return SIGN_IN_TEMPORARY;
	struct wire_reader reader = auth_client_read(question);
	enum sign_in_status status = (enum sign_in_status)wire_number(&reader, SIGN_IN_TEMPORARY);
	*exchange_id = wire_number(&reader, UINT64_MAX);
	*delay_ms = (int)wire_number(&reader, INT32_MAX);
	account->name = arena_copy(arena, wire_text(&reader, WIRE_ADDRESS_MAX));
	account->identity = (int64_t)wire_number(&reader, INT64_MAX);
	account->scopes = (unsigned)wire_number(&reader, AUTH_MAY_ALL);
	account->credential = (int64_t)wire_number(&reader, INT64_MAX);
	account->heard = question->heard;
	account->asked_ms = question->asked_ms;
	struct slice message = wire_text(&reader, WIRE_SASL_MAX);
	if (!wire_end(&reader) || (status == SIGN_IN_DONE && slice_empty(account->name)) || (output && !buf_append(output, message)))
		return SIGN_IN_TEMPORARY;
	return status;
}

static enum sign_in_status step(struct sign_in *exchange, struct auth_wait *wait, bool has_input, struct slice input, struct buf *output,
				struct auth_account *account, int *delay_ms)
{
	struct buf fields = BUF_SECRET(WIRE_QUESTION_MAX);
	wire_put_number(&fields, exchange->exchange_id);
	wire_put_text(&fields, exchange->mechanism);
	auth_wire_put_client(&fields, &exchange->client);
	wire_put_number(&fields, has_input);
	wire_put_text(&fields, input);
	struct auth_question *question = auth_client_ask(exchange->auth, wait, WIRE_SIGN_IN_STEP, &fields);
	buf_free(&fields);
	if (!question)
		return SIGN_IN_AWAITED;
	enum sign_in_status status = read_status(question, &exchange->exchange_id, output, exchange->arena, account, delay_ms);
	auth_client_free(question);
	return status;
}

enum sign_in_status sign_in_step(struct sign_in *exchange, struct auth_wait *wait, bool has_input, struct slice input, struct buf *output,
				 struct auth_account *account, int *delay_ms)
{
	*account = (struct auth_account){.name = SLICE("")};
	*delay_ms = 0;
	if (exchange->over || input.len > WIRE_SASL_MAX) {
		sign_in_note(exchange, "no mechanism has a name or a message that long");
		return SIGN_IN_MALFORMED;
	}
	enum sign_in_status status = step(exchange, wait, has_input, input, output, account, delay_ms);
	if (status != SIGN_IN_CONTINUE && status != SIGN_IN_AWAITED) {
		exchange->over = true;
		exchange->exchange_id = 0;
	}
	return status;
}

void sign_in_note(const struct sign_in *exchange, const char *reason)
{
	auth_refused(&exchange->client, exchange->mechanism, SLICE(""), reason);
}

static void ignore(void *unused) { (void)unused; }

/* The auth role forgets an exchange that was broken off by itself, later; this only spares it the memory. There is no answer. */
static void send_end(struct sign_in *exchange)
{
	struct buf fields = BUF(WIRE_QUESTION_MAX);
	wire_put_number(&fields, exchange->exchange_id);
	struct auth_question *question = question_new(exchange->auth, WIRE_SIGN_IN_END, buf_slice(&fields));
	struct call_question call = call_of(question);
	question->ticket = caller_begin(exchange->auth->caller, &call, ignore, NULL);
	auth_client_free(question);
	buf_free(&fields);
}

void sign_in_end(struct sign_in **exchange)
{
	if (!*exchange)
		return;
	if ((*exchange)->exchange_id != 0)
		send_end(*exchange);
	arena_free(&(*exchange)->arena);
	free(*exchange);
	*exchange = NULL;
}

/* A sign-in of one question. Frees its fields. */
static enum sign_in_status check(struct auth *auth, struct auth_wait *wait, enum auth_wire_kind kind, struct buf *fields, struct arena *arena,
				 struct auth_account *account, int *delay_ms)
{
	struct auth_question *question = auth_client_ask(auth, wait, kind, fields);
	buf_free(fields);
	if (!question)
		return SIGN_IN_AWAITED;
	uint64_t none;
	enum sign_in_status status = read_status(question, &none, NULL, arena, account, delay_ms);
	auth_client_free(question);
	return status;
}

enum sign_in_status auth_check_password(struct auth *auth, struct auth_wait *wait, struct slice name, struct slice password,
					const struct sign_in_client *client, struct arena *arena, struct auth_account *account, int *delay_ms)
{
	*account = (struct auth_account){.name = SLICE("")};
	*delay_ms = 0;
	struct buf fields = BUF_SECRET(WIRE_QUESTION_MAX);
	/* What is too long is nobody's; it must cost and count like any other guess. */
	auth_wire_put_client(&fields, client);
	wire_put_text(&fields, slice_sub(name, 0, WIRE_ADDRESS_MAX));
	wire_put_text(&fields, password.len > WIRE_PASSWORD_MAX ? SLICE("") : password);
	return check(auth, wait, WIRE_CHECK_PASSWORD, &fields, arena, account, delay_ms);
}

enum sign_in_status auth_check_token(struct auth *auth, struct auth_wait *wait, struct slice token, const struct sign_in_client *client, struct arena *arena,
				     struct auth_account *account, int *delay_ms)
{
	*account = (struct auth_account){.name = SLICE("")};
	*delay_ms = 0;
	struct buf fields = BUF_SECRET(WIRE_QUESTION_MAX);
	auth_wire_put_client(&fields, client);
	wire_put_text(&fields, token.len > WIRE_TOKEN_MAX ? SLICE("") : token);
	return check(auth, wait, WIRE_CHECK_TOKEN, &fields, arena, account, delay_ms);
}
