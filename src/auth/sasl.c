/* See sasl.h. For SCRAM libgsasl asks for what it needs through on_property(); it is given the keys of an account, or decoys that no
 * proof fits, so a stranger cannot tell whether an account exists. */
#include "auth/sasl.h"

#include <gsasl.h>
#include <openssl/evp.h>

#include "auth/bearer.h"
#include "auth/password.h"
#include "auth/wire.h"
#include "base/log.h"
#include "base/memory.h"

struct sasl {
	Gsasl *library;
};

struct mechanism {
	const char *name;
	bool binds; /* the channel */
	enum sasl_step (*step)(struct sasl_exchange *exchange, bool has_input, struct slice input, struct buf *output);
};

struct sasl_exchange {
	struct auth_backend *backend; /* during a step */
	const struct mechanism *mechanism;
	Gsasl_session *session; /* NULL but for SCRAM */
	struct arena *arena;
	struct auth_credentials credentials;
	bool has_credentials, unreadable, other;
	struct slice name;      /* as the client gave it */
	bool refused, for_else; /* a token was, since it is for something else */
	bool begun;             /* SCRAM: the client has said something */
	struct buf password, raw; /* prepared, and as it came */
	char exporter[2 * WIRE_BINDING_MAX], unique[2 * WIRE_BINDING_MAX]; /* base64, or empty */
	int steps;
};

/* Finds out who is meant, and reads the account's keys or makes decoys. */
static void load_account(struct sasl_exchange *exchange, struct slice name)
{
	if (exchange->has_credentials)
		return;
	struct error error;
	struct auth_backend *backend = exchange->backend;
	exchange->name = arena_copy(exchange->arena, name);
	exchange->has_credentials = true;
	exchange->unreadable = true;
	if (!backend)
		return;
	struct slice account = backend->kind->sign_in_name(backend, name, exchange->arena);
	exchange->unreadable = !backend->kind->credentials(backend, account, exchange->arena, &exchange->credentials, &error);
	if (exchange->unreadable)
		log_error("directory.failed", log_slice("account", account), log_text("reason", error.text));
}

static void check_authzid(struct sasl_exchange *exchange, struct slice authzid)
{
	if (slice_empty(authzid))
		return;
	struct auth_backend *backend = exchange->backend;
	struct slice other = backend ? backend->kind->sign_in_name(backend, authzid, exchange->arena) : SLICE("");
	exchange->other = !slice_equal(other, exchange->credentials.account);
}

static int set_base64(Gsasl_session *session, Gsasl_property property, struct slice bytes)
{
	unsigned char text[4 * (SCRAM_KEY_SIZE + 2) / 3 + 4 + 1];
	if (bytes.len > SCRAM_KEY_SIZE)
		return GSASL_NO_CALLBACK;
	EVP_EncodeBlock(text, (const unsigned char *)bytes.at, (int)bytes.len);
	int rc = gsasl_property_set(session, property, (const char *)text);
	memory_wipe(text, sizeof text);
	return rc;
}

static int set_scram(struct sasl_exchange *exchange, Gsasl_session *session, Gsasl_property property)
{
	const char *name = gsasl_property_fast(session, GSASL_AUTHID);
	char iterations[24];
	if (!name)
		return GSASL_NO_CALLBACK;
	load_account(exchange, slice_of(name));
	const struct auth_credentials *credentials = &exchange->credentials;
	switch (property) {
	case GSASL_SCRAM_ITER:
		snprintf(iterations, sizeof iterations, "%lld", (long long)credentials->iterations);
		return gsasl_property_set(session, property, iterations);
	case GSASL_SCRAM_SALT:
		return set_base64(session, property, credentials->salt);
	case GSASL_SCRAM_STOREDKEY:
		return set_base64(session, property, credentials->stored_key);
	default:
		return set_base64(session, property, credentials->server_key);
	}
}

static int set_binding(Gsasl_session *session, Gsasl_property property, const char *base64)
{
	return *base64 ? gsasl_property_set(session, property, base64) : GSASL_NO_CALLBACK;
}

static int on_property(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
	(void)library;
	struct sasl_exchange *exchange = session ? gsasl_session_hook_get(session) : NULL;
	if (!exchange)
		return GSASL_NO_CALLBACK;
	switch ((int)property) {
	case GSASL_SCRAM_ITER:
	case GSASL_SCRAM_SALT:
	case GSASL_SCRAM_STOREDKEY:
	case GSASL_SCRAM_SERVERKEY:
		return set_scram(exchange, session, property);
	case GSASL_CB_TLS_EXPORTER:
		return set_binding(session, property, exchange->exporter);
	case GSASL_CB_TLS_UNIQUE:
		return set_binding(session, property, exchange->unique);
	default:
		return GSASL_NO_CALLBACK;
	}
}

struct sasl *sasl_new(void)
{
	struct sasl *sasl = memory_new(sizeof *sasl);
	if (gsasl_init(&sasl->library) != GSASL_OK)
		memory_exhausted(0);
	gsasl_callback_set(sasl->library, on_property);
	return sasl;
}

void sasl_free(struct sasl **sasl)
{
	if (!*sasl)
		return;
	gsasl_done((*sasl)->library);
	free(*sasl);
	*sasl = NULL;
}

/* ---- PLAIN and LOGIN: here rather than in libgsasl, which leaves copies of the password, and asks "User Name" and "Password" ---- */

static enum sasl_step keep_password(struct sasl_exchange *exchange, struct slice name, struct slice password)
{
	load_account(exchange, name);
	if (!password_prepare(password, &exchange->password))
		buf_clear(&exchange->password);
	buf_append(&exchange->raw, slice_sub(password, 0, PASSWORD_MAX));
	return exchange->unreadable ? SASL_TEMPORARY : SASL_PASSWORD;
}

/* RFC 4616 §2: [authzid] NUL authcid NUL passwd. */
static enum sasl_step step_plain(struct sasl_exchange *exchange, bool has_input, struct slice input, struct buf *output)
{
	struct slice authzid, name, password, rest;
	(void)output;
	if (!has_input)
		return exchange->steps == 1 ? SASL_CONTINUE : SASL_MALFORMED;
	if (!slice_cut(input, '\0', &authzid, &rest) || !slice_cut(rest, '\0', &name, &password) || slice_empty(name) ||
	    slice_find_char(password, '\0') != SLICE_NONE)
		return SASL_MALFORMED;
	enum sasl_step step = keep_password(exchange, name, password);
	check_authzid(exchange, authzid);
	return step;
}

/* No RFC has it (draft-murchison-sasl-login). The words are those that clients look for; who sends the name with the mechanism
 * isn't asked for it. */
static enum sasl_step step_login(struct sasl_exchange *exchange, bool has_input, struct slice input, struct buf *output)
{
	if (exchange->steps == 1 && (!has_input || slice_empty(input)))
		return buf_append_text(output, "Username:") ? SASL_CONTINUE : SASL_MALFORMED;
	if (exchange->name.at)
		return keep_password(exchange, exchange->name, input);
	exchange->name = arena_copy(exchange->arena, input);
	return buf_append_text(output, "Password:") ? SASL_CONTINUE : SASL_MALFORMED;
}

/* ---- Tokens ---- */

/* The token, and whose it is said to be, if that is said: the token itself says whose it is. */
static enum sasl_step keep_token(struct sasl_exchange *exchange, struct slice name, struct slice token)
{
	if (name.len > 0)
		load_account(exchange, name);
	buf_append(&exchange->raw, token);
	return exchange->unreadable ? SASL_TEMPORARY : exchange->raw.overflow ? SASL_MALFORMED : SASL_TOKEN;
}

/* RFC 7628 §3.2.3: the client answers what it was told with one byte 0x01; some answer with nothing. */
static enum sasl_step end_refusal(struct slice input) { return input.len <= 1 ? SASL_TOKEN_REFUSED : SASL_MALFORMED; }

static enum sasl_step step_bearer(struct sasl_exchange *exchange, bool has_input, struct slice input, struct buf *output)
{
	struct sasl_bearer bearer;
	(void)output;
	if (exchange->refused)
		return end_refusal(input);
	if (!has_input)
		return exchange->steps == 1 ? SASL_CONTINUE : SASL_MALFORMED;
	return sasl_bearer_parse(input, exchange->arena, &bearer) ? keep_token(exchange, bearer.name, bearer.token) : SASL_MALFORMED;
}

static enum sasl_step step_xoauth2(struct sasl_exchange *exchange, bool has_input, struct slice input, struct buf *output)
{
	struct sasl_bearer bearer;
	(void)output;
	if (exchange->refused)
		return end_refusal(input);
	if (!has_input)
		return exchange->steps == 1 ? SASL_CONTINUE : SASL_MALFORMED;
	return sasl_xoauth2_parse(input, &bearer) ? keep_token(exchange, bearer.name, bearer.token) : SASL_MALFORMED;
}

void sasl_refuse_token(struct sasl_exchange *exchange, bool for_else, struct buf *output)
{
	exchange->refused = true;
	exchange->for_else = for_else;
	buf_printf(output, "{\"status\":\"%s\",\"schemes\":\"bearer\",\"scope\":\"" AUTH_OAUTH_SCOPE_MAIL "\"}", for_else ? "insufficient_scope" : "invalid_token");
}

bool sasl_token_was_for_else(const struct sasl_exchange *exchange) { return exchange->for_else; }

/* ---- SCRAM ---- */

static enum sasl_step step_scram(struct sasl_exchange *exchange, bool has_input, struct slice input, struct buf *output);

static const struct mechanism mechanisms[] = {
	{"SCRAM-SHA-256-PLUS", true, step_scram},
	{"SCRAM-SHA-256", false, step_scram},
	{"PLAIN", false, step_plain},
	{"LOGIN", false, step_login},
	{"OAUTHBEARER", false, step_bearer},
	{"XOAUTH2", false, step_xoauth2},
};

static const struct mechanism *find_mechanism(struct slice name)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
		if (slice_equal_nocase(name, slice_of(mechanisms[i].name)))
			return &mechanisms[i];
	return NULL;
}

static void put_base64(char *out, struct slice bytes)
{
	if (bytes.len > 0 && bytes.len <= WIRE_BINDING_MAX)
		EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)bytes.at, (int)bytes.len);
}

struct sasl_exchange *sasl_begin(struct sasl *sasl, struct slice mechanism, const struct sign_in_client *client)
{
	const struct mechanism *found = find_mechanism(mechanism);
	if (!found || (found->binds && slice_empty(client->tls_exporter) && slice_empty(client->tls_unique)))
		return NULL;
	struct sasl_exchange *exchange = memory_new(sizeof *exchange);
	exchange->mechanism = found;
	exchange->arena = arena_new();
	exchange->password = BUF_SECRET(4 * PASSWORD_MAX);
	exchange->raw = BUF_SECRET(PASSWORD_MAX);
	if (found->step != step_scram)
		return exchange;
	put_base64(exchange->exporter, client->tls_exporter);
	put_base64(exchange->unique, client->tls_unique);
	if (gsasl_server_start(sasl->library, found->name, &exchange->session) != GSASL_OK)
		memory_exhausted(0);
	gsasl_session_hook_set(exchange->session, exchange);
	return exchange;
}

void sasl_end(struct sasl_exchange **exchange)
{
	if (!*exchange)
		return;
	if ((*exchange)->session)
		gsasl_finish((*exchange)->session);
	buf_free(&(*exchange)->password);
	buf_free(&(*exchange)->raw);
	arena_free_secret(&(*exchange)->arena);
	free(*exchange);
	*exchange = NULL;
}

const char *sasl_mechanism(const struct sasl_exchange *exchange)
{
	return exchange->mechanism->name;
}

static enum sasl_step after_step(struct sasl_exchange *exchange, int rc)
{
	const char *authzid = gsasl_property_fast(exchange->session, GSASL_AUTHZID);
	if (exchange->unreadable)
		return SASL_TEMPORARY;
	if (exchange->has_credentials && authzid)
		check_authzid(exchange, slice_of(authzid));
	switch (rc) {
	case GSASL_NEEDS_MORE:
		return SASL_CONTINUE;
	case GSASL_OK:
		/* A decoy's proof can't be right; this is the second lock on that door. */
		return exchange->has_credentials && exchange->credentials.known ? SASL_DONE : SASL_REFUSED;
	case GSASL_AUTHENTICATION_ERROR:
	case GSASL_INTEGRITY_ERROR:
	case GSASL_NO_CALLBACK:
		return SASL_REFUSED;
	default:
		return SASL_MALFORMED;
	}
}

/* RFC 5802 §6: who says "p" binds the channel, and that is for -PLUS alone. libgsasl takes a "p" without -PLUS, and then asks for
 * no proof of it. */
static bool binds_as_named(struct sasl_exchange *exchange, struct slice first)
{
	exchange->begun = true;
	return slice_starts(first, SLICE("p=")) == exchange->mechanism->binds;
}

static enum sasl_step step_scram(struct sasl_exchange *exchange, bool has_input, struct slice input, struct buf *output)
{
	char *message = NULL;
	size_t len = 0;
	/* libgsasl takes an empty initial response for none, and would wait for another. */
	if (exchange->steps == 1 && has_input && slice_empty(input))
		return SASL_MALFORMED;
	if (has_input && !exchange->begun && !binds_as_named(exchange, input))
		return SASL_REFUSED;
	int rc = gsasl_step(exchange->session, input.len > 0 ? input.at : "", input.len, &message, &len);
	if ((rc == GSASL_OK || rc == GSASL_NEEDS_MORE) && len > 0)
		buf_append(output, slice_make(message, len));
	gsasl_free(message);
	return after_step(exchange, rc);
}

enum sasl_step sasl_step(struct sasl_exchange *exchange, struct auth_backend *backend, bool has_input, struct slice input, struct buf *output)
{
	if (++exchange->steps > SASL_STEPS_MAX || input.len > WIRE_SASL_MAX)
		return SASL_MALFORMED;
	exchange->backend = backend;
	enum sasl_step step = exchange->mechanism->step(exchange, has_input, input, output);
	exchange->backend = NULL;
	return step;
}

struct slice sasl_account(const struct sasl_exchange *exchange)
{
	return exchange->has_credentials ? exchange->credentials.account : SLICE("");
}

struct slice sasl_name(const struct sasl_exchange *exchange)
{
	return exchange->name;
}

bool sasl_has_name(const struct sasl_exchange *exchange)
{
	return exchange->has_credentials;
}

const struct auth_credentials *sasl_credentials(const struct sasl_exchange *exchange)
{
	return &exchange->credentials;
}

int64_t sasl_identity(const struct sasl_exchange *exchange)
{
	return exchange->has_credentials ? exchange->credentials.identity : 0;
}

struct slice sasl_password(const struct sasl_exchange *exchange)
{
	return buf_slice(&exchange->password);
}

struct slice sasl_raw_password(const struct sasl_exchange *exchange)
{
	return buf_slice(&exchange->raw);
}

bool sasl_acts_for_another(const struct sasl_exchange *exchange)
{
	return exchange->other;
}
