/* The protocol; see client.h. Each request is signed over its URL and a number that the authority gave for one use (§6.5); an authority that
 * doesn't take the number gives another, and the request is made again. */
#include "acme/client.h"

#include <jansson.h>
#include <openssl/sha.h>
#include <time.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
	TRIES_MAX = 12,             /* of one request, whose nonce isn't taken */
	REQUEST_SECONDS = 60,
	POLL_FIRST_MS = 500,
	POLL_MOST_MS = 15000,
	PROOF_MS = 180000,          /* for the authority to look at all answers */
	ISSUE_MS = 180000,          /* … and to issue */
	NONCE_MAX = 512,
	BODY_MAX = 64 * 1024,       /* of a request */
	WAIT_ASKED_MOST = 30,       /* seconds: longer isn't waited for within an order */
	RENEWAL_AGAIN = 6 * 3600,   /* seconds */
	RENEWAL_AGAIN_LEAST = 60,
	STATUS_CONFLICT = 409,
};

struct acme_client {
	const struct acme_client_options *options;
	struct fetch_rules rules;
	struct arena *arena;        /* of an order */
	struct arena *own;          /* of what lasts */
	struct acme_directory directory;
	bool has_directory;
	struct slice account;       /* its URL; empty: not known yet */
	char nonce[NONCE_MAX + 1];  /* empty: none */
	int64_t retry_after;
	struct acme_problem problem; /* of the last request that was refused */
	int problem_status;
};

struct acme_client *acme_client_new(const struct acme_client_options *options)
{
	struct acme_client *client = memory_new(sizeof *client);
	client->options = options;
	client->rules = options->rules;
	client->rules.most = ACME_ANSWER_MAX;
	client->rules.seconds = REQUEST_SECONDS;
	client->rules.redirects = 2;
	client->rules.plain = false;
	client->arena = arena_new();
	client->own = arena_new();
	return client;
}

void acme_client_free(struct acme_client **client)
{
	if (!*client)
		return;
	arena_free(&(*client)->arena);
	arena_free(&(*client)->own);
	free(*client);
	*client = NULL;
}

struct slice acme_client_account(const struct acme_client *client)
{
	return client->account;
}

/* ---- One request ---- */

/* Seconds, or a date (RFC 9110 §10.2.3). 0: none. */
static int64_t read_retry_after(const struct fetch_answer *answer)
{
	struct slice value;
	uint64_t seconds;
	struct tm time = {0};
	if (!fetch_field(answer, "Retry-After", &value))
		return 0;
	if (slice_to_number(value, INT32_MAX, &seconds))
		return (int64_t)seconds;
	const char *end = strptime(value.at, "%a, %d %b %Y %H:%M:%S GMT", &time); /* the arena's copy ends with a NUL */
	int64_t wait = end ? (int64_t)timegm(&time) - clock_now() : 0;
	return wait > 0 ? wait : 0;
}

static void take_nonce(struct acme_client *client, const struct fetch_answer *answer)
{
	struct slice nonce;
	client->nonce[0] = '\0';
	if (fetch_field(answer, "Replay-Nonce", &nonce) && nonce.len <= NONCE_MAX && acme_is_base64url(nonce))
		snprintf(client->nonce, sizeof client->nonce, "%.*s", SLICE_ARG(nonce));
	client->retry_after = read_retry_after(answer);
}

static bool get_nonce(struct acme_client *client, struct error *error)
{
	struct fetch_answer answer;
	struct fetch_request request = {.method = "HEAD", .url = client->directory.new_nonce};
	if (client->nonce[0])
		return true;
	if (!fetch(&client->rules, &request, client->arena, &answer, error))
		return false;
	take_nonce(client, &answer);
	return client->nonce[0] || error_set(error, ERROR_TEMPORARY, "the authority gives no nonce (status %d)", answer.status);
}

/* {"alg":"ES256","kid"|"jwk":…,"nonce":…,"url":…}: nothing in it needs to be escaped (§6.2); URLs were looked at. */
static void write_protected(const struct acme_client *client, struct slice url, bool by_key, struct buf *out)
{
	struct buf header = BUF(BODY_MAX);
	buf_append_text(&header, "{\"alg\":\"ES256\",");
	if (by_key)
		buf_printf(&header, "\"jwk\":%.*s,", SLICE_ARG(client->options->jwk));
	else
		buf_printf(&header, "\"kid\":\"%.*s\",", SLICE_ARG(client->account));
	buf_printf(&header, "\"nonce\":\"%s\",\"url\":\"%.*s\"}", client->nonce, SLICE_ARG(url));
	base64_encode_url(buf_slice(&header), out);
	buf_free(&header);
}

/* The signed request, as JSON (RFC 7515 §7.2.2). */
static bool write_signed(struct acme_client *client, struct slice url, struct slice payload, bool by_key, struct buf *out, struct error *error)
{
	struct buf text = BUF(BODY_MAX), signature = BUF(256);
	unsigned char digest[ACME_DIGEST_SIZE];
	write_protected(client, url, by_key, &text);
	size_t dot = text.len;
	buf_append_char(&text, '.');
	base64_encode_url(payload, &text);
	bool done = !text.overflow || error_set(error, ERROR_LIMIT, "a request to the authority is too large");
	if (done)
		SHA256((const unsigned char *)text.at, text.len, digest);
	done = done && client->options->keeper->sign(client->options->keeper->context, digest, &signature, error);
	if (done)
		buf_printf(out, "{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"%.*s\"}", (int)dot, text.at, (int)(text.len - dot - 1), text.at + dot + 1,
			   SLICE_ARG(buf_slice(&signature)));
	buf_free(&text);
	buf_free(&signature);
	return done && (!out->overflow || error_set(error, ERROR_LIMIT, "a request to the authority is too large"));
}

static bool post_once(struct acme_client *client, struct slice url, struct slice payload, bool by_key, struct fetch_answer *answer, struct error *error)
{
	struct buf body = BUF(2 * BODY_MAX);
	bool done = get_nonce(client, error) && write_signed(client, url, payload, by_key, &body, error);
	struct fetch_request request = {.url = url, .type = SLICE("application/jose+json"), .body = buf_slice(&body)};
	client->nonce[0] = '\0'; /* it is used up */
	done = done && fetch(&client->rules, &request, client->arena, answer, error);
	buf_free(&body);
	if (done)
		take_nonce(client, answer);
	return done;
}

/* Says what the authority refused, and keeps why. */
static bool refused(struct acme_client *client, const struct fetch_answer *answer, struct error *error)
{
	enum error_kind kind = answer->status >= 500 || answer->status == 429 ? ERROR_TEMPORARY : ERROR_DENIED;
	client->problem_status = answer->status;
	if (!acme_problem_read(answer->body, client->arena, &client->problem)) {
		client->problem = (struct acme_problem){0};
		return error_set(error, kind, "the authority answers with status %d", answer->status);
	}
	const struct acme_problem *problem = &client->problem;
	return error_set(error, kind, "the authority says: %.*s%s%.*s%s", SLICE_ARG(problem->words), problem->type.len > 0 ? " (" : "", SLICE_ARG(problem->type),
			 problem->type.len > 0 ? ")" : "");
}

/* An empty payload is one that only wants to read (§6.3). */
static bool post(struct acme_client *client, struct slice url, struct slice payload, bool by_key, struct fetch_answer *answer, struct error *error)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		if (!post_once(client, url, payload, by_key, answer, error))
			return false;
		if (answer->status >= 200 && answer->status <= 299)
			return true;
		refused(client, answer, error);
		if (!slice_equal(client->problem.type, SLICE("badNonce")))
			return false;
	}
	return false;
}

static bool get(struct acme_client *client, struct slice url, struct fetch_answer *answer, struct error *error)
{
	struct fetch_request request = {.url = url};
	if (!fetch(&client->rules, &request, client->arena, answer, error))
		return false;
	client->retry_after = read_retry_after(answer);
	return answer->status == 200 || refused(client, answer, error);
}

/* ---- Directory and account ---- */

static bool have_directory(struct acme_client *client, struct error *error)
{
	struct fetch_answer answer;
	const struct acme_client_options *options = client->options;
	if (client->has_directory)
		return true;
	if (!get(client, options->directory, &answer, error) || !acme_directory_read(answer.body, options->profile, client->own, &client->directory, error))
		return false;
	if (client->directory.external)
		return error_set(error, ERROR_DENIED, "this authority wants an account that was made elsewhere (external account binding), which isn't spoken here");
	if (options->profile.len > 0 && !client->directory.has_profile)
		return error_set(error, ERROR_INVALID, "the authority has no profile \"%.*s\" (acme_profile)", SLICE_ARG(options->profile));
	client->has_directory = true;
	return true;
}

/* The same key gets the same account again (§7.3.1), so its URL needn't be kept. */
static bool have_account(struct acme_client *client, struct error *error)
{
	struct fetch_answer answer;
	struct slice location;
	if (client->account.len > 0)
		return true;
	json_t *payload = json_pack("{s:b}", "termsOfServiceAgreed", 1);
	if (client->options->contact.len > 0)
		json_object_set_new(payload, "contact",
				    json_pack("[s]", arena_printf(client->arena, "mailto:%.*s", SLICE_ARG(client->options->contact)).at));
	char *text = json_dumps(payload, JSON_COMPACT);
	bool done = post(client, client->directory.new_account, slice_of(text), true, &answer, error);
	free(text);
	json_decref(payload);
	if (!done)
		return false;
	if (!fetch_field(&answer, "Location", &location) || location.len > ACME_URL_MAX || !slice_starts(location, SLICE("https://")) ||
	    slice_find_char(location, '"') != SLICE_NONE || slice_find_char(location, '\\') != SLICE_NONE || !slice_is_printable(location))
		return error_set(error, ERROR_INVALID, "the authority doesn't say what our account is");
	client->account = arena_copy(client->own, location);
	return true;
}

/* ---- The order ---- */

static char *order_text(const struct acme_client *client, const struct acme_wanted *wanted, bool replaces)
{
	json_t *list = json_array(), *payload = json_object();
	unsigned char bytes[16];
	size_t size;
	for (size_t i = 0; i < wanted->count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s%}", "type", acme_is_address(wanted->names[i], bytes, &size) ? "ip" : "dns", "value", wanted->names[i].at,
						      wanted->names[i].len));
	json_object_set_new(payload, "identifiers", list);
	if (replaces)
		json_object_set_new(payload, "replaces", json_stringn(wanted->replaces.at, wanted->replaces.len));
	if (client->options->profile.len > 0)
		json_object_set_new(payload, "profile", json_stringn(client->options->profile.at, client->options->profile.len));
	char *text = json_dumps(payload, JSON_COMPACT);
	json_decref(payload);
	return text;
}

/* A problem with one name alone says which. */
static void note_failed(struct acme_client *client, struct acme_outcome *outcome, const struct acme_wanted *wanted, struct slice name, struct slice why)
{
	for (size_t i = 0; i < wanted->count; i++) {
		struct slice plain = slice_starts(wanted->names[i], SLICE("*.")) ? slice_skip(wanted->names[i], 2) : wanted->names[i];
		if (name.len > 0 && (slice_equal_nocase(plain, name) || slice_equal_nocase(wanted->names[i], name)) && outcome->failed_count < wanted->count)
			outcome->failed[outcome->failed_count++] = (struct acme_failed_name){wanted->names[i], arena_copy(client->arena, why)};
	}
}

static bool place_order(struct acme_client *client, const struct acme_wanted *wanted, bool replaces, struct slice *url, struct acme_order *order,
			struct error *error)
{
	struct fetch_answer answer;
	char *text = order_text(client, wanted, replaces);
	bool done = post(client, client->directory.new_order, slice_of(text), false, &answer, error);
	free(text);
	if (!done)
		return false;
	if (!fetch_field(&answer, "Location", url) || url->len > ACME_URL_MAX || slice_find_char(*url, '"') != SLICE_NONE || slice_find_char(*url, '\\') != SLICE_NONE)
		return error_set(error, ERROR_INVALID, "the authority doesn't say where our order is");
	return acme_order_read(answer.body, client->arena, order, error);
}

/* What it replaces may have been replaced already, or be unknown there: then it is a new one (RFC 9773 §5). */
static bool begin_order(struct acme_client *client, const struct acme_wanted *wanted, struct acme_outcome *outcome, struct slice *url, struct acme_order *order,
			struct error *error)
{
	bool replaces = wanted->replaces.len > 0 && client->directory.renewal_info.len > 0;
	client->problem = (struct acme_problem){0};
	client->problem_status = 0;
	if (place_order(client, wanted, replaces, url, order, error))
		return true;
	bool known = client->problem_status == STATUS_CONFLICT || slice_equal(client->problem.type, SLICE("alreadyReplaced")) ||
		     slice_equal(client->problem.type, SLICE("malformed")) || client->problem_status == 404;
	if (replaces && known && place_order(client, wanted, false, url, order, error))
		return true;
	note_failed(client, outcome, wanted, client->problem.name, client->problem.words);
	return false;
}

/* ---- Proving names ---- */

struct proof {
	struct slice url;
	struct acme_authorization authorization;
	const struct acme_challenge *challenge; /* that was answered; NULL: it needed none */
};

static const struct acme_challenge *choose_challenge(const struct acme_client *client, const struct acme_authorization *authorization)
{
	for (size_t k = 0; k < client->options->kind_count; k++)
		for (size_t i = 0; i < authorization->challenge_count; i++)
			if (authorization->challenges[i].kind == client->options->kinds[k])
				return &authorization->challenges[i];
	return NULL;
}

/* What a record must have: of dns-01 a digest (§8.4), of dns-persist-01 who may, and with which account (draft-ietf-acme-dns-persist). */
static struct slice record_value(struct acme_client *client, const struct acme_authorization *authorization, const struct acme_challenge *challenge)
{
	unsigned char digest[ACME_DIGEST_SIZE];
	struct buf text = BUF(ACME_TOKEN_MAX + 256);
	if (challenge->kind == ACME_DNS_PERSIST)
		return arena_printf(client->arena, "%.*s; accounturi=%.*s%s", SLICE_ARG(challenge->issuers[0]), SLICE_ARG(client->account),
				    authorization->wildcard ? "; policy=wildcard" : "");
	struct slice whole = arena_printf(client->arena, "%.*s.%.*s", SLICE_ARG(challenge->token), SLICE_ARG(client->options->thumbprint));
	SHA256((const unsigned char *)whole.at, whole.len, digest);
	base64_encode_url(slice_make((char *)digest, sizeof digest), &text);
	struct slice copy = arena_copy(client->arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

static bool answer_challenge(struct acme_client *client, struct proof *proof, struct error *error)
{
	const struct acme_keeper *keeper = client->options->keeper;
	struct fetch_answer answer;
	if (!post(client, proof->url, SLICE(""), false, &answer, error) || !acme_authorization_read(answer.body, client->arena, &proof->authorization, error))
		return false;
	if (proof->authorization.status != ACME_PENDING)
		return true;
	proof->challenge = choose_challenge(client, &proof->authorization);
	if (!proof->challenge)
		return error_set(error, ERROR_DENIED, "the authority wants %.*s to be proved in a way that isn't possible here (acme_challenge)",
				 SLICE_ARG(proof->authorization.name));
	return keeper->prove(keeper->context, proof->challenge->kind, proof->authorization.name, proof->challenge->token,
			     record_value(client, &proof->authorization, proof->challenge), error);
}

/* Waits between two looks at the same, longer each time, or as long as the authority asks. False: too late, or stopped. */
static bool pause_poll(struct acme_client *client, int64_t *wait, int64_t end, const char *what, struct error *error)
{
	const struct acme_keeper *keeper = client->options->keeper;
	int64_t asked = client->retry_after < WAIT_ASKED_MOST ? client->retry_after * 1000 : WAIT_ASKED_MOST * 1000;
	if (clock_monotonic_ms() >= end)
		return error_set(error, ERROR_TEMPORARY, "the authority hasn't %s in time", what);
	if (!keeper->wait(keeper->context, asked > *wait ? asked : *wait))
		return error_set(error, ERROR_INTERRUPTED, "the server is stopping");
	*wait = *wait * 2 < POLL_MOST_MS ? *wait * 2 : POLL_MOST_MS;
	return true;
}

static struct slice reason_of(const struct acme_authorization *authorization)
{
	for (size_t i = 0; i < authorization->challenge_count; i++)
		if (authorization->challenges[i].problem.words.len > 0)
			return authorization->challenges[i].problem.words;
	return SLICE("the authority doesn't say why");
}

/* Until the authority has looked. */
static bool await_proof(struct acme_client *client, struct proof *proof, int64_t end, struct error *error)
{
	struct fetch_answer answer;
	int64_t wait = POLL_FIRST_MS;
	while (proof->authorization.status == ACME_PENDING) {
		if (!pause_poll(client, &wait, end, "looked at our answers", error) || !post(client, proof->url, SLICE(""), false, &answer, error) ||
		    !acme_authorization_read(answer.body, client->arena, &proof->authorization, error))
			return false;
	}
	return true;
}

static bool prove_all(struct acme_client *client, struct proof *proofs, size_t count, const struct acme_wanted *wanted, struct acme_outcome *outcome,
		      struct error *error)
{
	struct fetch_answer answer;
	int64_t end = clock_monotonic_ms() + PROOF_MS;
	for (size_t i = 0; i < count; i++)
		if (!answer_challenge(client, &proofs[i], error)) {
			note_failed(client, outcome, wanted, proofs[i].authorization.name, slice_of(error->text));
			return false;
		}
	if (!client->options->keeper->settle(client->options->keeper->context))
		return error_set(error, ERROR_INTERRUPTED, "the server is stopping");
	for (size_t i = 0; i < count; i++)
		if (proofs[i].challenge && !post(client, proofs[i].challenge->url, SLICE("{}"), false, &answer, error))
			return false;
	for (size_t i = 0; i < count; i++) {
		if (!await_proof(client, &proofs[i], end, error))
			return false;
		if (proofs[i].authorization.status != ACME_VALID)
			note_failed(client, outcome, wanted, proofs[i].authorization.name, reason_of(&proofs[i].authorization));
	}
	if (outcome->failed_count == 0)
		return true;
	return error_set(error, ERROR_DENIED, "%.*s isn't proved: %.*s", SLICE_ARG(outcome->failed[0].name), SLICE_ARG(outcome->failed[0].why));
}

static bool prove(struct acme_client *client, const struct acme_order *order, const struct acme_wanted *wanted, struct acme_outcome *outcome, struct error *error)
{
	struct proof *proofs = arena_array(client->arena, order->authorization_count + 1, sizeof *proofs);
	for (size_t i = 0; i < order->authorization_count; i++)
		proofs[i].url = order->authorizations[i];
	bool done = prove_all(client, proofs, order->authorization_count, wanted, outcome, error);
	client->options->keeper->unprove(client->options->keeper->context);
	return done;
}

/* ---- Issuing ---- */

static bool await_order(struct acme_client *client, struct slice url, struct acme_order *order, enum acme_status wanted, struct error *error)
{
	struct fetch_answer answer;
	int64_t wait = POLL_FIRST_MS, end = clock_monotonic_ms() + ISSUE_MS;
	while (order->status != wanted && order->status != ACME_VALID) {
		if (order->status == ACME_INVALID || order->status == ACME_ENDED)
			return error_set(error, ERROR_DENIED, "the authority gives up our order: %.*s", SLICE_ARG(order->problem.words));
		if (!pause_poll(client, &wait, end, "dealt with our order", error) || !post(client, url, SLICE(""), false, &answer, error) ||
		    !acme_order_read(answer.body, client->arena, order, error))
			return false;
	}
	return true;
}

static bool finalize(struct acme_client *client, const struct acme_wanted *wanted, struct acme_order *order, struct error *error)
{
	const struct acme_keeper *keeper = client->options->keeper;
	struct fetch_answer answer;
	struct buf request = BUF(BODY_MAX);
	bool done = keeper->request(keeper->context, wanted->id, wanted->names, wanted->count, &request, error);
	struct slice payload = done ? arena_printf(client->arena, "{\"csr\":\"%.*s\"}", SLICE_ARG(buf_slice(&request))) : SLICE("");
	buf_free(&request);
	return done && post(client, order->finalize, payload, false, &answer, error) && acme_order_read(answer.body, client->arena, order, error);
}

static bool fetch_chain(struct acme_client *client, const struct acme_wanted *wanted, const struct acme_order *order, struct error *error)
{
	const struct acme_keeper *keeper = client->options->keeper;
	struct fetch_answer answer;
	if (order->certificate.len == 0)
		return error_set(error, ERROR_INVALID, "the authority doesn't say where the certificate is");
	if (!post(client, order->certificate, SLICE(""), false, &answer, error))
		return false;
	if (answer.body.len > ACME_PEM_MAX)
		return error_set(error, ERROR_LIMIT, "the authority's chain has more than %d bytes", ACME_PEM_MAX);
	return keeper->keep(keeper->context, wanted->id, wanted->names, wanted->count, answer.body, error);
}

bool acme_client_order(struct acme_client *client, const struct acme_wanted *wanted, struct acme_outcome *outcome, struct error *error)
{
	struct slice url;
	struct acme_order order;
	arena_reset(client->arena);
	client->retry_after = 0;
	*outcome = (struct acme_outcome){.failed = arena_array(client->arena, wanted->count, sizeof *outcome->failed)};
	bool done = have_directory(client, error) && have_account(client, error) && begin_order(client, wanted, outcome, &url, &order, error) &&
		    (order.status != ACME_PENDING || prove(client, &order, wanted, outcome, error)) && await_order(client, url, &order, ACME_READY, error) &&
		    (order.status == ACME_VALID || finalize(client, wanted, &order, error)) && await_order(client, url, &order, ACME_VALID, error) &&
		    fetch_chain(client, wanted, &order, error);
	if (!done)
		outcome->retry_after = client->retry_after;
	return done;
}

/* ---- Renewal information ---- */

bool acme_client_renewal(struct acme_client *client, struct slice id, struct acme_renewal *renewal, int64_t *again, struct error *error)
{
	struct fetch_answer answer;
	arena_reset(client->arena);
	if (!have_directory(client, error))
		return false;
	if (client->directory.renewal_info.len == 0 || id.len == 0)
		return error_set(error, ERROR_NOT_FOUND, "the authority has no renewal information");
	struct slice url = arena_printf(client->arena, "%.*s/%.*s", SLICE_ARG(client->directory.renewal_info), SLICE_ARG(id));
	if (!get(client, url, &answer, error) || !acme_renewal_read(answer.body, client->arena, renewal, error))
		return false;
	*again = client->retry_after == 0 ? RENEWAL_AGAIN : client->retry_after < RENEWAL_AGAIN_LEAST ? RENEWAL_AGAIN_LEAST : client->retry_after;
	return true;
}
