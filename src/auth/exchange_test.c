/* Unit tests of signing in by an exchange, with libgsasl and by hand as the client: mechanisms, binding, hashes of other servers, names
 * without a domain, a backend that is slow. */
#include "auth/server_fixture.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "auth/credentials.h"
#include "auth/dialogue.h"
#include "auth/jobs.h"
#include "auth/wire.h"
#include "base/base64.h"

/* ---- SASL ---- */

struct sasl_test {
	const char *name, *password, *authzid, *exporter; /* what the client believes; exporter: 32 bytes or NULL */
};

static int on_client_property(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
	(void)library;
	const struct sasl_test *test = gsasl_session_hook_get(session);
	unsigned char text[64];
	switch ((int)property) {
	case GSASL_AUTHID:
		return gsasl_property_set(session, property, test->name);
	case GSASL_AUTHZID:
		return test->authzid ? gsasl_property_set(session, property, test->authzid) : GSASL_NO_CALLBACK;
	case GSASL_PASSWORD:
		return gsasl_property_set(session, property, test->password);
	case GSASL_CB_TLS_EXPORTER:
		if (!test->exporter)
			return GSASL_NO_CALLBACK;
		EVP_EncodeBlock(text, (const unsigned char *)test->exporter, 32);
		return gsasl_property_set(session, property, (const char *)text);
	default:
		return GSASL_NO_CALLBACK;
	}
}

static const char exporter[] = "0123456789abcdef0123456789abcdef";

/* Runs a whole exchange. A client that accepts less than the server's proof fails the test. */
static enum sign_in_status exchange(struct fixture *f, const char *mechanism, const struct sasl_test *test, const char *server_exporter, bool initial)
{
	Gsasl *library;
	Gsasl_session *session;
	struct sign_in_client client = client_at("192.0.2.1");
	struct auth_account account;
	int delay_ms, rc = GSASL_NEEDS_MORE;
	enum sign_in_status status = SIGN_IN_CONTINUE;
	client.tls_exporter = slice_of(server_exporter);
	assert_int_equal(gsasl_init(&library), GSASL_OK);
	gsasl_callback_set(library, on_client_property);
	assert_int_equal(gsasl_client_start(library, mechanism, &session), GSASL_OK);
	struct sasl_test copy = *test;
	gsasl_session_hook_set(session, &copy);
	struct sign_in *sign_in = sign_in_begin(f->auth, slice_of(mechanism), &client);
	struct buf challenge = BUF(WIRE_SASL_MAX);
	bool first = true;
	while (status == SIGN_IN_CONTINUE) {
		char *message = NULL;
		size_t len = 0;
		if (!first || initial)
			rc = gsasl_step(session, challenge.len ? challenge.at : NULL, challenge.len, &message, &len);
		if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
			break;
		buf_clear(&challenge);
		status = sign_in_step(sign_in, NULL, !first || initial, slice_make(message, len), &challenge, &account, &delay_ms);
		gsasl_free(message);
		first = false;
	}
	if (status == SIGN_IN_DONE) {
		assert_true(slice_equal(account.name, SLICE("alice@example.test")));
		char *message = NULL;
		size_t len = 0;
		if (rc == GSASL_NEEDS_MORE && challenge.len > 0)
			rc = gsasl_step(session, challenge.at, challenge.len, &message, &len);
		gsasl_free(message);
		assert_true(rc == GSASL_OK || strcmp(mechanism, "LOGIN") == 0);
	}
	sign_in_end(&sign_in);
	buf_free(&challenge);
	gsasl_finish(session);
	gsasl_done(library);
	return status;
}

static void every_mechanism_signs_in(void **state)
{
	struct fixture *f = *state;
	const char *const mechanisms[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256"};
	const struct sasl_test right = {"alice@example.test", "wonderland", NULL, NULL}, wrong = {"alice@example.test", "Wonderland", NULL, NULL},
		ghost = {"nobody@example.test", "wonderland", NULL, NULL}, bare = {"alice", "wonderland", NULL, NULL},
		without = {"bob@example.test", "x", NULL, NULL};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(exchange(f, mechanisms[i], &right, "", true), SIGN_IN_DONE);
		assert_int_equal(exchange(f, mechanisms[i], &right, "", false), SIGN_IN_DONE);
		assert_int_equal(exchange(f, mechanisms[i], &bare, "", true), SIGN_IN_DONE);
		assert_int_equal(exchange(f, mechanisms[i], &wrong, "", true), SIGN_IN_REFUSED);
		assert_int_equal(exchange(f, mechanisms[i], &ghost, "", true), SIGN_IN_REFUSED);
		assert_int_equal(exchange(f, mechanisms[i], &without, "", true), SIGN_IN_REFUSED);
	}
}

static void nobody_acts_for_another(void **state)
{
	struct fixture *f = *state;
	const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256"};
	const struct sasl_test other = {"alice@example.test", "wonderland", "bob@example.test", NULL},
		self = {"alice@example.test", "wonderland", "ALICE@example.test", NULL};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(exchange(f, mechanisms[i], &other, "", true), SIGN_IN_REFUSED);
		assert_int_equal(exchange(f, mechanisms[i], &self, "", true), SIGN_IN_DONE);
	}
}

static struct sign_in_client bound_client(const char *server_exporter, bool offered)
{
	struct sign_in_client client = client_at("192.0.2.1");
	client.tls_exporter = slice_of(server_exporter);
	client.binding_offered = offered;
	return client;
}

static enum sign_in_status one_step_over(struct fixture *f, const char *mechanism, const char *server_exporter, bool offered, struct slice input)
{
	struct sign_in_client client = bound_client(server_exporter, offered);
	struct auth_account account;
	int delay_ms;
	struct buf challenge = BUF(WIRE_SASL_MAX);
	struct sign_in *sign_in = sign_in_begin(f->auth, slice_of(mechanism), &client);
	enum sign_in_status status = sign_in_step(sign_in, NULL, true, input, &challenge, &account, &delay_ms);
	sign_in_end(&sign_in);
	buf_free(&challenge);
	return status;
}

static void channel_binding_binds(void **state)
{
	struct fixture *f = *state;
	const char *elsewhere = "fedcba9876543210fedcba9876543210";
	struct sasl_test test = {"alice@example.test", "wonderland", NULL, exporter};
	assert_int_equal(exchange(f, "SCRAM-SHA-256-PLUS", &test, exporter, true), SIGN_IN_DONE);
	assert_int_equal(exchange(f, "SCRAM-SHA-256-PLUS", &test, elsewhere, true), SIGN_IN_REFUSED); /* somebody in the middle */
	assert_int_equal(exchange(f, "SCRAM-SHA-256-PLUS", &test, "", true), SIGN_IN_MALFORMED);      /* not offered */
	/* A client that could, and was made to believe that the server can't; or to which -PLUS wasn't offered. */
	assert_int_equal(one_step_over(f, "SCRAM-SHA-256", exporter, true, SLICE("y,,n=alice,r=abcdefgh")), SIGN_IN_REFUSED);
	assert_int_equal(one_step_over(f, "SCRAM-SHA-256", exporter, false, SLICE("y,,n=alice,r=abcdefgh")), SIGN_IN_CONTINUE);
	assert_int_equal(one_step_over(f, "SCRAM-SHA-256", "", true, SLICE("y,,n=alice,r=abcdefgh")), SIGN_IN_CONTINUE);
	for (int offered = 0; offered < 2; offered++) {
		assert_int_equal(one_step_over(f, "SCRAM-SHA-256-PLUS", exporter, offered, SLICE("p=tls-unique,,n=alice,r=abcdefgh")), SIGN_IN_MALFORMED);
		assert_int_equal(one_step_over(f, "SCRAM-SHA-256-PLUS", exporter, offered, SLICE("n,,n=alice,r=abcdefgh")), SIGN_IN_REFUSED);
	}
	test.exporter = NULL;
	assert_int_equal(exchange(f, "SCRAM-SHA-256", &test, exporter, true), SIGN_IN_DONE);
	assert_string_equal(auth_mechanisms(true, false, true), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2");
	assert_string_equal(auth_mechanisms(false, false, false), "");
}

/* ---- A SCRAM client by hand (RFC 5802 §3), which knows the password and may lie about the channel ---- */

static void hmac(struct slice key, struct slice text, unsigned char out[32])
{
	unsigned len = 32;
	assert_non_null(HMAC(EVP_sha256(), key.at, (int)key.len, (const unsigned char *)text.at, text.len, out, &len));
}

static void prove(struct slice password, struct slice salt, int iterations, struct slice auth_message, char proof[64])
{
	unsigned char salted[32], client_key[32], stored_key[32], signature[32];
	PKCS5_PBKDF2_HMAC(password.at, (int)password.len, (const unsigned char *)salt.at, (int)salt.len, iterations, EVP_sha256(), 32, salted);
	hmac(slice_make((char *)salted, 32), SLICE("Client Key"), client_key);
	SHA256(client_key, 32, stored_key);
	hmac(slice_make((char *)stored_key, 32), auth_message, signature);
	for (int i = 0; i < 32; i++)
		client_key[i] ^= signature[i];
	EVP_EncodeBlock((unsigned char *)proof, client_key, 32);
}

/* What the client says of the channel first (its gs2 header), and in the message that it proves. */
struct claim {
	const char *header;
	struct slice bound; /* the header again and the binding, or what a forger makes of it */
};

static struct slice final_message(struct fixture *f, const struct claim *claim, struct slice server_first)
{
	struct slice nonce, salt = SLICE(""), iterations = SLICE(""), rest;
	struct buf salt_bytes = BUF(64), bound = BUF(256);
	uint64_t rounds = 0;
	char proof[64];
	assert_true(slice_cut(server_first, ',', &nonce, &rest) && slice_cut(rest, ',', &salt, &iterations));
	assert_true(base64_decode(slice_skip(salt, 2), &salt_bytes) && slice_to_number(slice_skip(iterations, 2), 1000000, &rounds));
	base64_encode(claim->bound, &bound);
	struct slice without_proof = arena_printf(f->arena, "c=%.*s,%.*s", SLICE_ARG(buf_slice(&bound)), SLICE_ARG(nonce));
	struct slice message = arena_printf(f->arena, "n=alice,r=abcdefgh,%.*s,%.*s", SLICE_ARG(server_first), SLICE_ARG(without_proof));
	prove(SLICE("wonderland"), buf_slice(&salt_bytes), (int)rounds, message, proof);
	buf_free(&salt_bytes);
	buf_free(&bound);
	return arena_printf(f->arena, "%.*s,p=%s", SLICE_ARG(without_proof), proof);
}

static enum sign_in_status claim(struct fixture *f, const char *mechanism, bool offered, struct claim claim)
{
	struct sign_in_client client = bound_client(exporter, offered);
	struct auth_account account;
	int delay_ms;
	struct buf challenge = BUF(WIRE_SASL_MAX);
	struct sign_in *sign_in = sign_in_begin(f->auth, slice_of(mechanism), &client);
	struct slice first = arena_printf(f->arena, "%sn=alice,r=abcdefgh", claim.header);
	enum sign_in_status status = sign_in_step(sign_in, NULL, true, first, &challenge, &account, &delay_ms);
	if (status == SIGN_IN_CONTINUE) {
		struct slice last = final_message(f, &claim, arena_copy(f->arena, buf_slice(&challenge)));
		status = sign_in_step(sign_in, NULL, true, last, &challenge, &account, &delay_ms);
	}
	sign_in_end(&sign_in);
	buf_free(&challenge);
	return status;
}

#define EXPORTER "0123456789abcdef0123456789abcdef"

/* Who is in the middle knows a password by heart as little as the channel; here even one who knows it gets in only with what
 * is true of the channel, or saying that nothing is bound. */
static void channel_binding_is_neither_forged_nor_skipped(void **state)
{
	struct fixture *f = *state;
	const char plus[] = "SCRAM-SHA-256-PLUS", without[] = "SCRAM-SHA-256", p[] = "p=tls-exporter,,";
	for (int offered = 0; offered < 2; offered++) {
		assert_int_equal(claim(f, plus, offered, (struct claim){p, SLICE("p=tls-exporter,," EXPORTER)}), SIGN_IN_DONE);
		assert_int_equal(claim(f, without, offered, (struct claim){"n,,", SLICE("n,,")}), SIGN_IN_DONE);
		assert_int_equal(claim(f, without, offered, (struct claim){"y,,", SLICE("y,,")}), offered ? SIGN_IN_REFUSED : SIGN_IN_DONE);
		const struct claim lies[] = {
			{p, SLICE("p=tls-exporter,,")}, {p, SLICE("p=tls-exporter,,fedcba9876543210fedcba9876543210")}, {p, SLICE("n,,")},
			{p, SLICE("p=tls-exporter,,0123456789abcdef")}, {p, SLICE("p=tls-exporter,," EXPORTER "x")}, {p, SLICE("")}, {p, SLICE("y,,")},
			{p, SLICE("p=tls-unique,," EXPORTER)}, {p, SLICE("n,," EXPORTER)}, {"p=tls-unique,,", SLICE("p=tls-unique,,")},
			{"p=tls-server-end-point,,", SLICE("p=tls-server-end-point,,")}, {"p=,,", SLICE("p=,,")}, {"n,,", SLICE("n,,")},
			{"y,,", SLICE("y,,")}, {"n,,", SLICE("p=tls-exporter,," EXPORTER)},
		};
		for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
			assert_int_not_equal(claim(f, plus, offered, lies[i]), SIGN_IN_DONE);
		const struct claim unbound[] = {{p, SLICE("p=tls-exporter,,")}, {p, SLICE("n,,")}, {"n,,", SLICE("y,,")}, {"y,,", SLICE("n,,")},
			{"p=tls-unique,,", SLICE("p=tls-unique,,")}, {"n,,", SLICE("")}, {"n,,", SLICE("n,,x")}};
		for (size_t i = 0; i < sizeof unbound / sizeof *unbound; i++)
			assert_int_not_equal(claim(f, without, offered, unbound[i]), SIGN_IN_DONE);
	}
}

static enum sign_in_status one_step(struct fixture *f, const char *mechanism, struct slice input)
{
	return one_step_over(f, mechanism, "", false, input);
}

/* The words of AUTH LOGIN that clients look for, with the name in a step of its own and with the mechanism's. */
static void login_asks_in_the_usual_words(void **state)
{
	struct fixture *f = *state;
	struct sign_in_client client = client_at("192.0.2.1");
	struct auth_account account;
	int delay_ms;
	for (int initial = 0; initial < 2; initial++) {
		struct buf challenge = BUF(WIRE_SASL_MAX);
		struct sign_in *sign_in = sign_in_begin(f->auth, SLICE("LOGIN"), &client);
		if (!initial) {
			assert_int_equal(sign_in_step(sign_in, NULL, false, SLICE(""), &challenge, &account, &delay_ms), SIGN_IN_CONTINUE);
			assert_true(slice_equal(buf_slice(&challenge), SLICE("Username:")));
			buf_clear(&challenge);
		}
		assert_int_equal(sign_in_step(sign_in, NULL, true, SLICE("alice@example.test"), &challenge, &account, &delay_ms), SIGN_IN_CONTINUE);
		assert_true(slice_equal(buf_slice(&challenge), SLICE("Password:")));
		assert_int_equal(sign_in_step(sign_in, NULL, true, SLICE("wonderland"), &challenge, &account, &delay_ms), SIGN_IN_DONE);
		sign_in_end(&sign_in);
		buf_free(&challenge);
	}
}

static void broken_exchanges_end(void **state)
{
	struct fixture *f = *state;
	char longest[WIRE_SASL_MAX + 1];
	memset(longest, 'x', sizeof longest);
	assert_int_equal(one_step(f, "EXTERNAL", SLICE("")), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "NTLM", SLICE("NTLMSSP\0\1")), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "ANONYMOUS", SLICE("me")), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "", SLICE("")), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "PLAIN", SLICE("")), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "SCRAM-SHA-256", SLICE("")), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "LOGIN", SLICE("")), SIGN_IN_CONTINUE);
	assert_int_equal(one_step(f, "A-MECHANISM-WITH-A-LONG-NAME", SLICE("")), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "plain", SLICE("\0alice@example.test\0wonderland")), SIGN_IN_DONE);
	assert_int_equal(one_step(f, "PLAIN", SLICE("\0alice@example.test\0wonderland\0")), SIGN_IN_MALFORMED);
	assert_int_not_equal(one_step(f, "PLAIN", SLICE("\0alice@example.test")), SIGN_IN_DONE);
	assert_int_not_equal(one_step(f, "PLAIN", SLICE("\0\0\0\0\0")), SIGN_IN_DONE);
	assert_int_equal(one_step(f, "PLAIN", slice_make(longest, sizeof longest)), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "SCRAM-SHA-256", SLICE("n,,n=alice,r=")), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "SCRAM-SHA-256", SLICE("p=tls-exporter,,n=alice,r=abcdefgh")), SIGN_IN_REFUSED);
	assert_int_equal(one_step(f, "SCRAM-SHA-256", SLICE("\xff\0\xff")), SIGN_IN_MALFORMED);
	assert_int_equal(one_step(f, "SCRAM-SHA-256", slice_make(longest, WIRE_SASL_MAX)), SIGN_IN_MALFORMED);
}

static void steps_after_the_end_are_refused(void **state)
{
	struct fixture *f = *state;
	struct sign_in_client client = client_at("192.0.2.1");
	struct auth_account account;
	int delay_ms;
	struct buf challenge = BUF(WIRE_SASL_MAX);
	struct sign_in *sign_in = sign_in_begin(f->auth, SLICE("PLAIN"), &client);
	assert_int_equal(sign_in_step(sign_in, NULL, false, SLICE(""), &challenge, &account, &delay_ms), SIGN_IN_CONTINUE);
	assert_int_equal(sign_in_step(sign_in, NULL, true, SLICE("\0x\0y"), &challenge, &account, &delay_ms), SIGN_IN_REFUSED);
	assert_int_equal(sign_in_step(sign_in, NULL, true, SLICE("\0alice\0wonderland"), &challenge, &account, &delay_ms), SIGN_IN_MALFORMED);
	sign_in_end(&sign_in);
	assert_null(sign_in);
	buf_free(&challenge);
}

/* Many exchanges that nobody ends: the oldest make room, the rest goes on. */
static void abandoned_exchanges_make_room(void **state)
{
	struct fixture *f = *state;
	enum { MANY = 5000 };
	struct sign_in_client client = client_at("192.0.2.1");
	struct sign_in **all = arena_array(f->arena, MANY, sizeof *all);
	struct auth_account account;
	int delay_ms;
	struct buf challenge = BUF(WIRE_SASL_MAX);
	for (int i = 0; i < MANY; i++) {
		all[i] = sign_in_begin(f->auth, SLICE("PLAIN"), &client);
		assert_int_equal(sign_in_step(all[i], NULL, false, SLICE(""), &challenge, &account, &delay_ms), SIGN_IN_CONTINUE);
	}
	assert_int_equal(sign_in_step(all[0], NULL, true, SLICE("\0alice\0wonderland"), &challenge, &account, &delay_ms), SIGN_IN_TEMPORARY);
	assert_int_equal(sign_in_step(all[MANY - 1], NULL, true, SLICE("\0alice\0wonderland"), &challenge, &account, &delay_ms), SIGN_IN_DONE);
	for (int i = 0; i < MANY; i++)
		sign_in_end(&all[i]);
	buf_free(&challenge);
}

/* ---- Passwords from another server ---- */

static bool scram_is_offered(struct fixture *f)
{
	return slice_find(slice_of(auth_offered(f->auth, true, false, false, "offered")), SLICE("SCRAM")) != SLICE_NONE;
}

static void wait_for_scram(struct fixture *f, bool offered)
{
	for (int i = 0; i < 200 && scram_is_offered(f) != offered; i++)
		usleep(25 * 1000);
	assert_int_equal(scram_is_offered(f), offered);
}

/* Over TLS what everybody's client can do, and more where the option says so; without it SCRAM comes first, where anything goes. */
static void the_offer_is_as_the_option_says(void **state)
{
	struct fixture *f = *state;
	wait_for_scram(f, true);
	for (int binding = 0; binding < 2; binding++) {
		assert_string_equal(auth_offered(f->auth, true, false, binding, "accepted"), "PLAIN LOGIN OAUTHBEARER XOAUTH2");
		assert_string_equal(auth_offered(f->auth, true, true, binding, "offered"), "SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2");
		assert_string_equal(auth_offered(f->auth, false, true, binding, "accepted"), "SCRAM-SHA-256 PLAIN LOGIN");
		assert_string_equal(auth_offered(f->auth, false, false, binding, "bound"), "");
	}
	assert_string_equal(auth_offered(f->auth, true, false, true, "bound"), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2");
	assert_string_equal(auth_offered(f->auth, true, false, false, "bound"), "SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2");
}

static struct auth_credentials alices(struct fixture *f)
{
	struct auth_credentials credentials;
	struct error error;
	assert_true(directory_credentials(f->directory, SLICE("alice@example.test"), f->arena, &credentials, &error));
	return credentials;
}

/* Verified, and replaced by our own at the first sign-in, after which SCRAM works; until then it isn't offered. */
static void imported_hashes_sign_in_and_are_replaced(void **state)
{
	struct fixture *f = *state;
	struct error error;
	const char *const hashes[] = {
		"$6$saltsalt$pqxtaP8VN9msji06dnBCbUbaSGTOXyo9jZDqZxik1rPexoqRIW4UKuiD0ZHZchCSd7S4/HoRU8bcFbnz2ihUr.",
		"$y$j9T$abcdefghijklmnop$TEjqn/axP6s2k870Y8qmsWKT4abEwlBzgTkuGZBqaR6", "{SSHA}XcU7ZD+ozcY0NqLtsKNvy+uzXtpzYWx0c2FsdA==",
	};
	const struct sasl_test right = {"alice", "wonderland", NULL, NULL}, wrong = {"alice", "Wonderland", NULL, NULL},
		ghost = {"nobody", "wonderland", NULL, NULL};
	wait_for_scram(f, true);
	for (size_t i = 0; i < 3; i++) {
		assert_true(directory_set_hash(f->directory, SLICE("alice@example.test"), slice_of(hashes[i]), NULL, &error));
		int64_t identity = alices(f).identity;
		wait_for_scram(f, false);
		assert_int_equal(exchange(f, "SCRAM-SHA-256", &right, "", true), SIGN_IN_REFUSED); /* as for an unknown name */
		assert_int_equal(exchange(f, "SCRAM-SHA-256", &ghost, "", true), SIGN_IN_REFUSED);
		assert_int_equal(exchange(f, "PLAIN", &wrong, "", true), SIGN_IN_REFUSED);
		assert_int_equal(exchange(f, "PLAIN", &ghost, "", true), SIGN_IN_REFUSED); /* checked against alice's hash, for the time it takes */
		assert_true(alices(f).imported);
		assert_int_equal(i == 1 ? check(f, "alice", "wonderland") : exchange(f, i ? "LOGIN" : "PLAIN", &right, "", true), SIGN_IN_DONE);
		assert_true(!alices(f).imported && alices(f).identity == identity);
		wait_for_scram(f, true);
		assert_int_equal(exchange(f, "SCRAM-SHA-256", &right, "", true), SIGN_IN_DONE);
		assert_int_equal(exchange(f, "SCRAM-SHA-256", &wrong, "", true), SIGN_IN_REFUSED);
		assert_int_equal(exchange(f, "PLAIN", &right, "", true), SIGN_IN_DONE);
		assert_int_equal(exchange(f, "PLAIN", &wrong, "", true), SIGN_IN_REFUSED);
	}
}

/* Another program's hash is of the bytes that were typed, ours of what they are prepared to. */
static void imported_hashes_are_of_what_was_typed(void **state)
{
	struct fixture *f = *state;
	struct error error;
	assert_true(directory_set_hash(f->directory, SLICE("alice@example.test"), SLICE(
		"$6$saltsalt$D/iSWOGtNvj0/vH7iMxjBlVeX/fbIibg2vUp85b2QQLG61VdZuxzvQJ7zcMnGvl3UDTPVROaVHICX3dFlaAEd1"), NULL, &error));
	assert_int_equal(check(f, "alice", "No пароль"), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "alice", "№ пароль"), SIGN_IN_DONE);
	assert_false(alices(f).imported);
	assert_int_equal(check(f, "alice", "№ пароль"), SIGN_IN_DONE);
	/* Keys for SCRAM that came along serve at once. */
	assert_true(directory_set_hash(f->directory, SLICE("alice@example.test"), SLICE("{SCRAM-SHA-256}4096,c2FsdHNhbHQ=,"
		"mxRGgNCky0Hiz7O3ncpqBt5EGKzXDjEegs0yAsiDFDc=,lWtoIsjTMD/Y67qC8KmDvl82JDbcCxJfVAvSjOBJ0Hg="), NULL, &error));
	const struct sasl_test right = {"alice", "wonderland", NULL, NULL}, wrong = {"alice", "Wonderland", NULL, NULL};
	assert_int_equal(exchange(f, "SCRAM-SHA-256", &wrong, "", true), SIGN_IN_REFUSED);
	assert_int_equal(exchange(f, "SCRAM-SHA-256", &right, "", true), SIGN_IN_DONE);
	assert_int_equal(check(f, "alice", "wonderland"), SIGN_IN_DONE);
	assert_int_equal(exchange(f, "SCRAM-SHA-256", &right, "", true), SIGN_IN_DONE);
	wait_for_scram(f, true);
}

/* A name without a domain, through every door; what nobody has, or two, gets no other answer. */
static void bare_names_sign_in(void **state)
{
	struct fixture *f = *state;
	struct error error;
	const char *const mechanisms[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256"};
	const struct sasl_test bare = {"Alice", "wonderland", NULL, NULL}, self = {"alice", "wonderland", "alice@example.test", NULL};
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("second.test")}, &error));
	for (int round = 0; round < 3; round++) {
		/* The only one of that name; one of two; one of two, of the default domain. */
		bool in = round != 1;
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(exchange(f, mechanisms[i], &bare, "", true), in ? SIGN_IN_DONE : SIGN_IN_REFUSED);
		assert_int_equal(exchange(f, "PLAIN", &self, "", true), in ? SIGN_IN_DONE : SIGN_IN_REFUSED);
		assert_int_equal(check(f, "alice", "wonderland"), in ? SIGN_IN_DONE : SIGN_IN_REFUSED);
		assert_int_equal(check(f, "nobody", "wonderland"), SIGN_IN_REFUSED);
		if (round == 0)
			assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@second.test"), .enabled = true}, &error));
		if (round == 1)
			configure("auth_failures = 1000\nauth_failures_per_address = 0\ndefault_domain = example.test");
	}
}

/* ---- What the protocols share of an exchange ---- */

/* "wonderland" of alice, and lines that are none; `initial` NULL: no initial response, and `line` is the answer to the challenge. */
static void a_dialogue_takes_lines_of_base64(void **state)
{
	struct fixture *f = *state;
	static const char right[] = "AGFsaWNlAHdvbmRlcmxhbmQ=", wrong[] = "AGFsaWNlAFdvbmRlcmxhbmQ=";
	const struct { const char *initial, *line; enum auth_turn turn; enum sign_in_status status; } cases[] = {
		{right, NULL, AUTH_TURN_ENDED, SIGN_IN_DONE}, {NULL, right, AUTH_TURN_ENDED, SIGN_IN_DONE},
		{wrong, NULL, AUTH_TURN_ENDED, SIGN_IN_REFUSED}, {NULL, wrong, AUTH_TURN_ENDED, SIGN_IN_REFUSED},
		{"=", NULL, AUTH_TURN_ENDED, SIGN_IN_MALFORMED}, {NULL, "", AUTH_TURN_ENDED, SIGN_IN_MALFORMED},
		{"A", NULL, AUTH_TURN_NOT_BASE64, 0}, {NULL, "AGFs*WNl", AUTH_TURN_NOT_BASE64, 0}, {NULL, "=", AUTH_TURN_NOT_BASE64, 0},
		{NULL, "*", AUTH_TURN_CANCELLED, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sign_in_client client = client_at("192.0.2.1");
		struct auth_dialogue dialogue = {0};
		struct buf challenge = BUF(AUTH_CHALLENGE_MAX);
		struct slice initial = cases[i].initial ? slice_of(cases[i].initial) : (struct slice){NULL, 0};
		enum auth_turn turn = auth_dialogue_begin(&dialogue, f->auth, NULL, SLICE("plain"), &client, initial, &challenge);
		if (cases[i].line) {
			assert_true(turn == AUTH_TURN_CHALLENGE && challenge.len == 0);
			turn = auth_dialogue_answer(&dialogue, NULL, slice_of(cases[i].line), &challenge);
		}
		assert_int_equal(turn, cases[i].turn);
		if (turn == AUTH_TURN_ENDED) {
			assert_int_equal(dialogue.status, cases[i].status);
			assert_true(slice_equal(dialogue.account.name, cases[i].status == SIGN_IN_DONE ? SLICE("alice@example.test") : SLICE("")));
		}
		auth_dialogue_end(&dialogue);
		buf_free(&challenge);
	}
	assert_true(auth_takes(SLICE("plain"), true, false, false) && !auth_takes(SLICE("plain"), false, false, true));
	assert_true(!auth_takes(SLICE(""), true, false, false) && !auth_takes(SLICE("SCRAM-SHA-256-PLUS"), true, false, false));
}

/* ---- A backend that is slow ---- */

enum { SLOW = 40 };
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool released;
	int waiting, ended;
} slow = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
static struct auth_backend_kind slow_kind;

static struct auth_backend *open_slow(const char *data, struct error *error)
{
	struct auth_backend *backend = auth_backend_directory.open(data, error);
	if (backend)
		backend->kind = &slow_kind;
	return backend;
}

/* Nothing is known of bob before the test says so. */
static void wait_if_bob(struct slice account)
{
	pthread_mutex_lock(&slow.lock);
	slow.waiting++;
	pthread_cond_broadcast(&slow.changed);
	while (!slow.released && slice_starts(account, SLICE("bob")))
		pthread_cond_wait(&slow.changed, &slow.lock);
	slow.waiting--;
	pthread_mutex_unlock(&slow.lock);
}

static bool slow_credentials(struct auth_backend *backend, struct slice account, struct arena *arena, struct auth_credentials *credentials, struct error *error)
{
	wait_if_bob(account);
	return auth_backend_directory.credentials(backend, account, arena, credentials, error);
}

static bool slow_facts(struct auth_backend *backend, struct slice name, struct arena *arena, struct sign_in_facts *facts, struct error *error)
{
	wait_if_bob(name);
	return auth_backend_directory.sign_in_facts(backend, name, arena, facts, error);
}

static void *sign_in_slowly(void *argument)
{
	struct fixture *f = argument;
	struct auth_account account;
	struct sign_in_client client = client_at("192.0.2.7");
	struct arena *arena = arena_new();
	int delay_ms;
	enum sign_in_status status = auth_check_password(f->auth, NULL, SLICE("bob"), SLICE("wrong"), &client, arena, &account, &delay_ms);
	arena_free(&arena);
	pthread_mutex_lock(&slow.lock);
	slow.ended++;
	pthread_mutex_unlock(&slow.lock);
	return (void *)(intptr_t)status;
}

/* Who waits for it waits, one or dozens; others sign in meanwhile, as long as there are threads for it, and mail goes on even then. */
static void a_slow_backend_delays_nobody_else(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[SLOW];
	struct sasl_test right = {"alice", "wonderland", NULL, NULL};
	slow_kind = auth_backend_directory;
	slow_kind.at_once = false;
	slow_kind.open = open_slow;
	slow_kind.credentials = slow_credentials;
	slow_kind.sign_in_facts = slow_facts;
	stop_server(f);
	f->kind = &slow_kind;
	start_server(f);
	for (int i = 0; i < SLOW; i++) {
		pthread_create(&threads[i], NULL, sign_in_slowly, f);
		if (i > 0)
			continue;
		pthread_mutex_lock(&slow.lock);
		while (slow.waiting == 0)
			pthread_cond_wait(&slow.changed, &slow.lock);
		pthread_mutex_unlock(&slow.lock);
		assert_int_equal(check(f, "alice", "wonderland"), SIGN_IN_DONE);
		assert_int_equal(exchange(f, "PLAIN", &right, "", true), SIGN_IN_DONE);
		assert_int_equal(exchange(f, "SCRAM-SHA-256", &right, "", true), SIGN_IN_DONE);
		assert_int_equal(auth_recipient(f->auth, NULL, SLICE("bob@example.test"), NULL), RECIPIENT_LOCAL);
	}
	pthread_mutex_lock(&slow.lock);
	while (slow.waiting < JOB_THREADS_MAX - JOB_THREADS_FOR_ADDRESSES)
		pthread_cond_wait(&slow.changed, &slow.lock);
	pthread_mutex_unlock(&slow.lock);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_int_equal(auth_may_send_as(f->auth, NULL, SLICE("bob@example.test"), SLICE("bob@example.test")), SENDER_OWN);
	pthread_mutex_lock(&slow.lock);
	assert_int_equal(slow.ended, 0);
	slow.released = true;
	pthread_cond_broadcast(&slow.changed);
	pthread_mutex_unlock(&slow.lock);
	for (int i = 0; i < SLOW; i++) {
		void *status;
		pthread_join(threads[i], &status);
		assert_int_equal((intptr_t)status, SIGN_IN_REFUSED);
	}
	assert_int_equal(check(f, "alice", "wonderland"), SIGN_IN_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AUTH_TEST(every_mechanism_signs_in),
		AUTH_TEST(nobody_acts_for_another),
		AUTH_TEST(channel_binding_binds),
		AUTH_TEST(channel_binding_is_neither_forged_nor_skipped),
		AUTH_TEST(the_offer_is_as_the_option_says),
		AUTH_TEST(a_dialogue_takes_lines_of_base64),
		AUTH_TEST(a_slow_backend_delays_nobody_else),
		AUTH_TEST(login_asks_in_the_usual_words),
		AUTH_TEST(broken_exchanges_end),
		AUTH_TEST(steps_after_the_end_are_refused),
		AUTH_TEST(abandoned_exchanges_make_room),
		AUTH_TEST(imported_hashes_sign_in_and_are_replaced),
		AUTH_TEST(imported_hashes_are_of_what_was_typed),
		AUTH_TEST(bare_names_sign_in),
	};
	RUN_AUTH_TESTS(tests);
}
