/* Unit tests of auth.h as other roles use it, against an auth role's server in a thread: look-ups, passwords, SASL exchanges
 * with libgsasl as the client, restarts, damaged datagrams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>

#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "auth/credentials.h"
#include "auth/dialogue.h"
#include "auth/directory.h"
#include "auth/jobs.h"
#include "auth/server.h"
#include "auth/test_folder.h"
#include "auth/wire.h"
#include "net/call_wire.h"
#include "store/usage/usage.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"
#include "dkim/key.h"

enum { CHANNELS = 2 };

struct fixture {
	struct test_folder folder;
	struct auth_server *server;
	pthread_t thread;
	int ends[CHANNELS][2];     /* kept open across restarts, as the master does */
	struct auth *auth;         /* over channel 0 */
	struct directory *directory; /* as the command line has it open */
	struct arena *arena;
	void (*changed)(void *context, const struct auth_change *change); /* for the next start */
	void *changed_context;
	const struct auth_backend_kind *kind; /* likewise; NULL: the directory */
};

static void *serve(void *argument)
{
	auth_server_run(argument);
	return NULL;
}

static void start_server(struct fixture *f)
{
	struct error error;
	f->server = f->kind ? auth_server_new_for(f->kind, f->folder.path, &error) : auth_server_new(f->folder.path, &error);
	assert_non_null(f->server);
	for (int i = 0; i < CHANNELS; i++) {
		auth_server_add_channel(f->server, dup(f->ends[i][1]));
		if (i == 0)
			auth_server_let_sign(f->server);
	}
	auth_server_on_change(f->server, f->changed, f->changed_context);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f->server), 0);
}

static void stop_server(struct fixture *f)
{
	auth_server_stop(f->server);
	pthread_join(f->thread, NULL);
	auth_server_free(&f->server);
}

static void configure(const char *text)
{
	struct error error;
	struct config *config = config_parse(slice_of(text), "test", &error);
	assert_non_null(config);
	config_set_current(config);
}

static int set_up(void **state)
{
	struct fixture *f = memory_new(sizeof *f);
	struct error error;
	configure("auth_failures = 1000\nauth_failures_per_address = 0");
	test_folder_make(&f->folder);
	f->arena = arena_new();
	f->directory = directory_open(f->folder.path, &error);
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("example.test")}, &error));
	assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@example.test"), .enabled = true}, &error));
	assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("bob@example.test"), .enabled = true}, &error));
	assert_true(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("wonderland"), &error));
	for (int i = 0; i < CHANNELS; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f->ends[i]), 0);
	start_server(f);
	f->auth = auth_open(dup(f->ends[0][0]));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	auth_close(&f->auth);
	if (f->server)
		stop_server(f);
	for (int i = 0; i < CHANNELS; i++) {
		close(f->ends[i][0]);
		close(f->ends[i][1]);
	}
	directory_close(&f->directory);
	arena_free(&f->arena);
	test_folder_remove(&f->folder);
	free(f);
	return 0;
}

static struct sign_in_client client_at(const char *address)
{
	return (struct sign_in_client){.service = "imap", .address = slice_of(address), .session = id_new(), .encrypted = true};
}

static enum sign_in_status check_from(struct fixture *f, const char *address, const char *name, struct slice password, int *delay_ms)
{
	struct auth_account account;
	struct sign_in_client client = client_at(address);
	enum sign_in_status status = auth_check_password(f->auth, NULL, slice_of(name), password, &client, f->arena, &account, delay_ms);
	assert_true(slice_equal(account.name, status == SIGN_IN_DONE ? SLICE("alice@example.test") : SLICE("")));
	assert_int_equal(account.identity != 0, status == SIGN_IN_DONE);
	return status;
}

static enum sign_in_status check(struct fixture *f, const char *name, const char *password)
{
	int delay_ms;
	return check_from(f, "192.0.2.1", name, slice_of(password), &delay_ms);
}

static void look_ups_are_answered(void **state)
{
	struct fixture *f = *state;
	struct error error;
	struct auth_route *routes;
	size_t count;
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("nobody@example.test"), NULL), RECIPIENT_UNKNOWN);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("nobody@elsewhere.test"), NULL), RECIPIENT_FOREIGN);
	assert_int_equal(auth_may_send_as(f->auth, NULL, SLICE("alice@example.test"), SLICE("alice+x@example.test")), SENDER_OWN);
	assert_int_equal(auth_may_send_as(f->auth, NULL, SLICE("alice@example.test"), SLICE("bob@example.test")), SENDER_OTHERS);
	assert_true(auth_resolve(f->auth, SLICE("alice+x@example.test"), f->arena, &routes, &count, &error));
	assert_true(count == 1 && routes->local && slice_equal(routes->address, SLICE("alice@example.test")) && slice_equal(routes->detail, SLICE("x")));
	assert_false(auth_resolve(f->auth, SLICE("nobody@example.test"), f->arena, &routes, &count, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	/* What the command line changes is seen at once. */
	assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("new@example.test"), .enabled = true}, &error));
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("new@example.test"), NULL), RECIPIENT_LOCAL);
}

static void assert_room(struct fixture *f, struct slice address, uint64_t now, uint64_t most)
{
	struct auth_recipient_room room;
	assert_int_equal(auth_recipient(f->auth, NULL, address, &room), RECIPIENT_LOCAL);
	assert_true(room.now == now && room.most == most);
}

/* What the store has noted is known, also after a restart; an address that leads to more than one mailbox has room if one of them has. */
static void full_mailboxes_are_known(void **state)
{
	struct fixture *f = *state;
	struct error error;
	char path[300];
	snprintf(path, sizeof path, "%s/accounts", f->folder.path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_room(f, SLICE("alice@example.test"), UINT64_MAX, UINT64_MAX);
	int table = usage_open(f->folder.path, true);
	usage_note(table, SLICE("alice@example.test"), &(struct usage){900, 3, 1000, 0});
	stop_server(f);
	start_server(f);
	struct slice both[] = {SLICE("alice@example.test"), SLICE("bob@example.test")}, elsewhere[] = {both[0], SLICE("x@elsewhere.test")};
	assert_true(directory_add_alias(f->directory, &(struct auth_alias_entry){.address = SLICE("only@example.test"), .targets = both, .target_count = 1}, &error));
	assert_true(directory_add_alias(f->directory, &(struct auth_alias_entry){.address = SLICE("both@example.test"), .targets = both, .target_count = 2}, &error));
	assert_true(directory_add_alias(f->directory, &(struct auth_alias_entry){.address = SLICE("on@example.test"), .targets = elsewhere, .target_count = 2}, &error));
	assert_room(f, SLICE("alice@example.test"), 100, 1000);
	assert_room(f, SLICE("ALICE+x@example.test"), 100, 1000);
	assert_room(f, SLICE("only@example.test"), 100, 1000);
	assert_room(f, SLICE("both@example.test"), UINT64_MAX, UINT64_MAX);
	assert_room(f, SLICE("on@example.test"), UINT64_MAX, UINT64_MAX);
	assert_room(f, SLICE("bob@example.test"), UINT64_MAX, UINT64_MAX);
	usage_note(table, SLICE("bob@example.test"), &(struct usage){1900, 3, 2000, 0});
	assert_room(f, SLICE("both@example.test"), 100, 2000); /* both are limited: who has more room */
	usage_note(table, SLICE("bob@example.test"), &(struct usage){2500, 3, 2000, 0});
	assert_room(f, SLICE("both@example.test"), 100, 2000);
	usage_note(table, SLICE("alice@example.test"), &(struct usage){1000, 3, 1000, 0});
	assert_room(f, SLICE("both@example.test"), 0, 2000);
	assert_room(f, SLICE("on@example.test"), UINT64_MAX, UINT64_MAX);
	usage_note(table, SLICE("alice@example.test"), &(struct usage){10, 3, 0, 3});
	assert_room(f, SLICE("alice@example.test"), 0, UINT64_MAX);
	usage_note(table, SLICE("alice@example.test"), &(struct usage){10, 3, 0, 0});
	assert_room(f, SLICE("alice@example.test"), UINT64_MAX, UINT64_MAX);
	close(table);
}

static void long_answers_come_in_parts(void **state)
{
	struct fixture *f = *state;
	struct error error;
	struct auth_route *routes;
	size_t count;
	enum { MANY = 1000 };
	struct slice *targets = arena_array(f->arena, MANY, sizeof *targets);
	for (int i = 0; i < MANY; i++)
		targets[i] = arena_printf(f->arena, "%060d@%s.%s.elsewhere.test", i, "a-domain-with-quite-a-long-name-in-it", "another-label-that-is-long-as-well");
	assert_true(directory_add_alias(f->directory, &(struct auth_alias_entry){SLICE("list@example.test"), targets, MANY}, &error));
	assert_true(auth_resolve(f->auth, SLICE("list@example.test"), f->arena, &routes, &count, &error));
	assert_int_equal(count, MANY);
	for (int i = 0; i < MANY; i++)
		assert_true(!routes[i].local && slice_equal(routes[i].address, targets[i]));
}

static void passwords_are_checked(void **state)
{
	struct fixture *f = *state;
	struct error error;
	int delay_ms;
	char longest[3000];
	memset(longest, 'x', sizeof longest);
	assert_int_equal(check(f, "alice@example.test", "wonderland"), SIGN_IN_DONE);
	assert_int_equal(check(f, "ALICE", "wonderland"), SIGN_IN_DONE);
	assert_int_equal(check(f, "alice@example.test", "Wonderland"), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "alice@example.test", ""), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "nobody@example.test", "wonderland"), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "bob@example.test", ""), SIGN_IN_REFUSED); /* has no password */
	assert_int_equal(check(f, "", ""), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "alice+x@example.test", "wonderland"), SIGN_IN_REFUSED);
	assert_int_equal(check_from(f, "192.0.2.1", "alice", slice_make(longest, sizeof longest), &delay_ms), SIGN_IN_REFUSED);
	assert_int_equal(check_from(f, "192.0.2.1", "alice", SLICE("wonderland\0"), &delay_ms), SIGN_IN_REFUSED);
	/* A change of the password is seen at once, though the old one was verified a moment ago. */
	assert_true(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("looking-glass"), &error));
	assert_int_equal(check(f, "alice@example.test", "wonderland"), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "alice@example.test", "looking-glass"), SIGN_IN_DONE);
	assert_true(directory_set_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@example.test"), .enabled = false}, &error));
	assert_int_equal(check(f, "alice@example.test", "looking-glass"), SIGN_IN_REFUSED);
}

static void strangers_cost_the_same_time(void **state)
{
	struct fixture *f = *state;
	enum { ROUNDS = 10 };
	int64_t known = 0, unknown = 0, start;
	for (int i = 0; i < ROUNDS; i++) {
		start = clock_monotonic_ms();
		check(f, "alice@example.test", "wrong");
		known += clock_monotonic_ms() - start;
		start = clock_monotonic_ms();
		check(f, "nobody@example.test", "wrong");
		unknown += clock_monotonic_ms() - start;
	}
	assert_true(unknown >= known / 2 && known >= unknown / 2);
	check(f, "alice@example.test", "wonderland");
	start = clock_monotonic_ms();
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(check(f, "alice@example.test", "wonderland"), SIGN_IN_DONE);
	assert_true(clock_monotonic_ms() - start < known); /* verified a moment ago: needs no hash */
}

/* As fast as it goes from one address: few are looked at. Elsewhere the right password is let in, at once where it was before, also
 * by another auth process. */
static void guessing_is_throttled(void **state)
{
	struct fixture *f = *state;
	enum { TRIES = 30 };
	int delay_ms = 0, refused = 0, sent_away = 0;
	configure("auth_failures = 3\nauth_failures_per_address = 10");
	assert_int_equal(check_from(f, "198.51.100.1", "alice", SLICE("wonderland"), &delay_ms), SIGN_IN_DONE);
	for (int i = 0; i < TRIES; i++) {
		enum sign_in_status status = check_from(f, "203.0.113.9", "alice", SLICE("guess"), &delay_ms);
		refused += status == SIGN_IN_REFUSED;
		sent_away += status == SIGN_IN_THROTTLED;
		assert_true(delay_ms <= 30000 && (i < 3) == (delay_ms == 0));
	}
	assert_int_equal(refused + sent_away, TRIES);
	assert_in_range(refused, 4, 10);
	for (int restart = 0; restart < 2; restart++) {
		assert_int_equal(check_from(f, "198.51.100.1", "alice", SLICE("wonderland"), &delay_ms), SIGN_IN_DONE);
		assert_int_equal(delay_ms, 0);
		stop_server(f);
		start_server(f);
	}
	for (int i = 0; i < TRIES; i++)
		check_from(f, "203.0.113.9", "alice", SLICE("guess"), &delay_ms);
	for (int i = 0; i < 13; i++) {
		char address[40];
		snprintf(address, sizeof address, "192.0.%d.1", i);
		assert_int_equal(check_from(f, address, "alice", SLICE("wonderland"), &delay_ms), SIGN_IN_DONE);
		assert_in_range(delay_ms, 0, 13 * 200);
	}
}

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
	assert_string_equal(auth_mechanisms(true, false, true), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN");
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
		assert_string_equal(auth_offered(f->auth, true, false, binding, "accepted"), "PLAIN LOGIN");
		assert_string_equal(auth_offered(f->auth, true, true, binding, "offered"), "SCRAM-SHA-256 PLAIN LOGIN");
		assert_string_equal(auth_offered(f->auth, false, true, binding, "accepted"), "SCRAM-SHA-256 PLAIN LOGIN");
		assert_string_equal(auth_offered(f->auth, false, false, binding, "bound"), "");
	}
	assert_string_equal(auth_offered(f->auth, true, false, true, "bound"), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN");
	assert_string_equal(auth_offered(f->auth, true, false, false, "bound"), "SCRAM-SHA-256 PLAIN LOGIN");
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

/* ---- Restarts, crowds, enemies ---- */

static void *ask_in_thread(void *argument)
{
	struct fixture *f = argument;
	return (void *)(intptr_t)auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL);
}

static void a_restart_answers_what_waits(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	void *kind;
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	stop_server(f);
	assert_int_equal(pthread_create(&thread, NULL, ask_in_thread, f), 0);
	usleep(50 * 1000);
	/* The former auth process has read the request and died. */
	char taken[CALL_DATAGRAM_MAX];
	assert_true(recv(f->ends[0][1], taken, sizeof taken, 0) > 0);
	int64_t start = clock_monotonic_ms();
	start_server(f);
	pthread_join(thread, &kind);
	assert_int_equal((intptr_t)kind, RECIPIENT_LOCAL); /* asked again */
	assert_true(clock_monotonic_ms() - start < 5000);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_int_equal(check(f, "alice", "wonderland"), SIGN_IN_DONE);
}

static void count_wake(void *context)
{
	atomic_fetch_add((_Atomic int *)context, 1);
}

static void wait_for_wakes(_Atomic int *woken, int count)
{
	for (int64_t until = clock_monotonic_ms() + 10000; *woken < count; usleep(500))
		assert_true(clock_monotonic_ms() < until);
}

/* Nobody is there at first: far more is asked than the channel holds. One in ten gives up, one in ten asks something else. */
static void many_wait_without_a_thread(void **state)
{
	enum { MANY = 1000 };
	struct fixture *f = *state;
	static struct auth_wait waits[MANY];
	_Atomic int woken = 0, given_up = 0;
	stop_server(f);
	for (int i = 0; i < MANY; i++) {
		waits[i] = (struct auth_wait){.wake = count_wake, .context = i % 10 == 1 ? &given_up : &woken};
		assert_int_equal(auth_recipient(f->auth, &waits[i], SLICE("alice@example.test"), NULL), RECIPIENT_AWAITED);
		assert_int_equal(auth_recipient(f->auth, &waits[i], SLICE("alice@example.test"), NULL), RECIPIENT_AWAITED); /* not asked twice */
		assert_true(auth_is_awaited(&waits[i]));
		if (i % 10 == 1)
			auth_wait_end(&waits[i]);
		else if (i % 10 == 2) /* the answer to the former question is none to this one */
			assert_int_equal(auth_recipient(f->auth, &waits[i], SLICE("x@elsewhere.test"), NULL), RECIPIENT_AWAITED);
	}
	assert_int_equal(woken, 0);
	start_server(f);
	wait_for_wakes(&woken, MANY / 10 * 9);
	for (int i = 0; i < MANY; i++)
		if (i % 10 != 1) {
			bool other = i % 10 == 2;
			assert_int_equal(auth_recipient(f->auth, &waits[i], other ? SLICE("x@elsewhere.test") : SLICE("alice@example.test"), NULL),
					 other ? RECIPIENT_FOREIGN : RECIPIENT_LOCAL);
			assert_false(auth_is_awaited(&waits[i]));
		}
	assert_true(woken == MANY / 10 * 9 && given_up == 0);
}

static void a_restart_answers_who_waits_without_a_thread(void **state)
{
	struct fixture *f = *state;
	_Atomic int woken = 0, step_woken = 0;
	struct auth_wait wait = {.wake = count_wake, .context = &woken}, step_wait = {.wake = count_wake, .context = &step_woken};
	struct sign_in_client client = client_at("192.0.2.1");
	struct auth_account account;
	char taken[CALL_DATAGRAM_MAX];
	int delay_ms;
	struct buf challenge = BUF(WIRE_SASL_MAX);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	struct sign_in *sign_in = sign_in_begin(f->auth, SLICE("PLAIN"), &client);
	stop_server(f);
	assert_int_equal(auth_recipient(f->auth, &wait, SLICE("alice@example.test"), NULL), RECIPIENT_AWAITED);
	assert_int_equal(sign_in_step(sign_in, &step_wait, false, SLICE(""), &challenge, &account, &delay_ms), SIGN_IN_AWAITED);
	for (int i = 0; i < 2; i++) /* the former auth process has read both and died */
		assert_true(recv(f->ends[0][1], taken, sizeof taken, 0) > 0);
	start_server(f);
	wait_for_wakes(&woken, 1);
	wait_for_wakes(&step_woken, 1);
	assert_int_equal(auth_recipient(f->auth, &wait, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_int_equal(sign_in_step(sign_in, &step_wait, false, SLICE(""), &challenge, &account, &delay_ms), SIGN_IN_TEMPORARY);
	sign_in_end(&sign_in);
	buf_free(&challenge);
}

static void an_exchange_does_not_outlive_a_restart(void **state)
{
	struct fixture *f = *state;
	struct sign_in_client client = client_at("192.0.2.1");
	struct auth_account account;
	int delay_ms;
	struct buf challenge = BUF(WIRE_SASL_MAX);
	struct sign_in *sign_in = sign_in_begin(f->auth, SLICE("PLAIN"), &client);
	assert_int_equal(sign_in_step(sign_in, NULL, false, SLICE(""), &challenge, &account, &delay_ms), SIGN_IN_CONTINUE);
	stop_server(f);
	start_server(f);
	/* The hello may fail the request, or the new process doesn't know the exchange. */
	assert_int_equal(sign_in_step(sign_in, NULL, true, SLICE("\0alice\0wonderland"), &challenge, &account, &delay_ms), SIGN_IN_TEMPORARY);
	sign_in_end(&sign_in);
	buf_free(&challenge);
}

/* ---- What is announced ---- */

struct heard {
	pthread_mutex_t lock;
	pthread_cond_t news;
	int changes;
	struct auth_account last;
	char name[100], reason[200];
};

static void hear(void *context, const struct auth_change *change)
{
	struct heard *heard = context;
	pthread_mutex_lock(&heard->lock);
	heard->changes++;
	heard->last.identity = change->account.identity;
	snprintf(heard->name, sizeof heard->name, "%.*s", SLICE_ARG(change->account.name));
	snprintf(heard->reason, sizeof heard->reason, "%.*s", SLICE_ARG(change->reason));
	pthread_cond_broadcast(&heard->news);
	pthread_mutex_unlock(&heard->lock);
}

/* Waits until so many changes were heard, a second at most. */
static void wait_for_news(struct heard *heard, int changes)
{
	int64_t until = clock_monotonic_ms() + 1000;
	pthread_mutex_lock(&heard->lock);
	while (heard->changes < changes)
		assert_true(clock_wait(&heard->news, &heard->lock, until));
	assert_int_equal(heard->changes, changes);
	pthread_mutex_unlock(&heard->lock);
}

static void changes_are_announced(void **state)
{
	struct fixture *f = *state;
	struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct auth_account account;
	struct error error;
	int delay_ms;
	struct sign_in_client client = client_at("192.0.2.1");
	const struct auth_account_entry disabled = {.name = SLICE("alice@example.test")};
	clock_init_condition(&heard.news);
	stop_server(f);
	f->changed = hear;
	f->changed_context = &heard;
	start_server(f);
	assert_int_equal(auth_check_password(f->auth, NULL, SLICE("alice"), SLICE("wonderland"), &client, f->arena, &account, &delay_ms), SIGN_IN_DONE);
	assert_int_equal(auth_stands(f->auth, &account), AUTH_STANDS);
	assert_true(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("looking-glass"), &error));
	struct auth_account at_once = account, long_ago = account;
	at_once.asked_ms = clock_monotonic_ms();
	assert_int_equal(auth_stands(f->auth, &at_once), AUTH_STANDS); /* that it has ended will be heard */
	long_ago.asked_ms -= 1000;
	assert_int_equal(auth_stands(f->auth, &long_ago), AUTH_ENDED); /* whatever was heard */
	auth_note_change(f->auth);
	assert_int_equal(auth_stands(f->auth, &at_once), AUTH_ENDED);
	wait_for_news(&heard, 1);
	assert_string_equal(heard.name, "alice@example.test");
	assert_true(heard.last.identity != 0 && heard.last.identity != account.identity);
	assert_true(directory_set_account(f->directory, &disabled, &error));
	wait_for_news(&heard, 2);
	assert_int_equal(heard.last.identity, 0);
	assert_string_equal(heard.reason, "the account is disabled");
	assert_int_equal(auth_stands(f->auth, &(struct auth_account){.name = SLICE("alice@example.test")}), AUTH_ENDED);
	stop_server(f);
	f->changed = NULL;
	start_server(f);
	pthread_cond_destroy(&heard.news);
}

/* Nobody is there to be asked. */
static void what_was_just_answered_is_not_asked_again(void **state)
{
	struct fixture *f = *state;
	struct auth_account account;
	int delay_ms;
	struct sign_in_client client = client_at("192.0.2.1");
	assert_int_equal(auth_check_password(f->auth, NULL, SLICE("alice"), SLICE("wonderland"), &client, f->arena, &account, &delay_ms), SIGN_IN_DONE);
	stop_server(f);
	account.asked_ms = clock_monotonic_ms();
	assert_int_equal(auth_stands(f->auth, &account), AUTH_STANDS);
	assert_int_equal(recv(f->ends[0][1], &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK), -1);
	start_server(f);
}

static void *ask_a_lot(void *argument)
{
	struct fixture *f = argument;
	intptr_t wrong = 0;
	for (int i = 0; i < 300; i++) {
		wrong += auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL) != RECIPIENT_LOCAL;
		wrong += auth_recipient(f->auth, NULL, SLICE("x@elsewhere.test"), NULL) != RECIPIENT_FOREIGN;
	}
	return (void *)wrong;
}

static void *sign_in_a_lot(void *argument)
{
	struct fixture *f = argument;
	intptr_t wrong = 0;
	struct arena *arena = arena_new();
	struct sign_in_client client = client_at("192.0.2.1");
	struct auth_account account;
	int delay_ms;
	for (int i = 0; i < 5; i++) {
		wrong += auth_check_password(f->auth, NULL, SLICE("alice"), SLICE("wonderland"), &client, arena, &account, &delay_ms) != SIGN_IN_DONE;
	}
	arena_free(&arena);
	return (void *)wrong;
}

/* A stranger, who signs in by an exchange, step by step. */
struct stranger {
	struct fixture *f;
	char address[40];
	bool right;
	enum sign_in_status status;
};

static void *sign_in_as_stranger(void *argument)
{
	static const char *const words[] = {"alice@example.test", "wonderland", "alice@example.test", "wrong"};
	struct stranger *stranger = argument;
	struct sign_in_client client = client_at(stranger->address);
	struct auth_account account;
	int delay_ms;
	struct buf output = BUF(WIRE_SASL_MAX);
	struct sign_in *sign_in = sign_in_begin(stranger->f->auth, SLICE("LOGIN"), &client);
	stranger->status = sign_in_step(sign_in, NULL, false, SLICE(""), &output, &account, &delay_ms);
	for (int i = stranger->right ? 0 : 2; stranger->status == SIGN_IN_CONTINUE;)
		stranger->status = sign_in_step(sign_in, NULL, true, slice_of(words[i++]), &output, &account, &delay_ms);
	sign_in_end(&sign_in);
	buf_free(&output);
	return NULL;
}

/* Of many strangers a few are checked at a time; the others wait, and each has his answer in the end. */
static void a_crowd_of_strangers_waits(void **state)
{
	struct fixture *f = *state;
	enum { CROWD = 60 };
	pthread_t threads[CROWD];
	struct stranger *strangers = arena_array(f->arena, CROWD, sizeof *strangers);
	for (int i = 0; i < CROWD; i++) {
		strangers[i] = (struct stranger){.f = f, .right = i % 10 == 9};
		snprintf(strangers[i].address, sizeof strangers[i].address, "198.51.%d.7", i);
		assert_int_equal(pthread_create(&threads[i], NULL, sign_in_as_stranger, &strangers[i]), 0);
	}
	for (int i = 0; i < CROWD; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(strangers[i].status, strangers[i].right ? SIGN_IN_DONE : SIGN_IN_REFUSED);
	}
}

/* 300 guesses from one network wait, a question each and no thread; another stranger is the second to be looked at. */
static void a_crowd_does_not_hold_up_who_does_nothing_wrong(void **state)
{
	enum { GUESSES = 300 };
	struct fixture *f = *state;
	static struct auth_wait waits[GUESSES];
	_Atomic int woken = 0;
	struct sign_in_client client = client_at("198.51.100.66");
	struct auth_account account;
	int delay_ms;
	for (int i = 0; i < GUESSES; i++) {
		waits[i] = (struct auth_wait){.wake = count_wake, .context = &woken};
		assert_int_equal(auth_check_password(f->auth, &waits[i], SLICE("bob"), SLICE("guess"), &client, f->arena, &account, &delay_ms), SIGN_IN_AWAITED);
	}
	assert_int_equal(check_from(f, "203.0.113.5", "alice", SLICE("wonderland"), &delay_ms), SIGN_IN_DONE);
	assert_true(woken < 30);
	for (int i = 0; i < GUESSES; i++)
		auth_wait_end(&waits[i]);
}

static void many_ask_at_once(void **state)
{
	struct fixture *f = *state;
	enum { THREADS = 32 };
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? ask_a_lot : sign_in_a_lot, f), 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;
		pthread_join(threads[i], &wrong);
		assert_int_equal((intptr_t)wrong, 0);
	}
}

/* Who has taken over a role's end of a channel; `generation` of the auth role that has said hello over it. */
static uint64_t generation_at(int fd)
{
	static char bytes[CALL_DATAGRAM_MAX];
	struct call_datagram hello;
	assert_int_equal(call_receive(fd, bytes, &hello), 1);
	assert_int_equal(hello.kind, CALL_HELLO);
	return hello.generation;
}

static void fetch_answers(int fd)
{
	char answer[CALL_DATAGRAM_MAX];
	while (recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0)
		;
}

/* A question of ours, and then some bytes of it changed. */
static void send_damaged(int enemy, uint64_t generation, int how)
{
	struct sign_in_client client = client_at("192.0.2.66");
	struct buf text = BUF(WIRE_QUESTION_MAX);
	wire_put_number(&text, random_below(3));
	wire_put_text(&text, SLICE("SCRAM-SHA-256"));
	auth_wire_put_client(&text, &client);
	wire_put_number(&text, 1);
	wire_put_text(&text, SLICE("n,,n=alice,r=abc"));
	if (how > 1)
		text.at[random_below(text.len)] = (char)random_u64();
	struct slice said = slice_sub(buf_slice(&text), 0, how > 2 ? random_below(text.len) : text.len);
	unsigned verb = (unsigned)(WIRE_RECIPIENT + random_below(WIRE_SIGN_IN_END));
	while (!call_send(enemy, &(struct call_datagram){.kind = CALL_QUESTION, .verb = verb, .generation = generation, .id = random_u64(), .text = said}))
		fetch_answers(enemy); /* answers that nobody fetches stop the server's reading */
	buf_free(&text);
}

static void send_bytes(int enemy, size_t len)
{
	static char bytes[100 * 1024];
	random_bytes(bytes, len < 600 ? len : 600);
	while (send(enemy, bytes, len, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		fetch_answers(enemy);
}

/* A role that an attacker has taken over sends what it likes over its channel; the others are served all the same. */
static void damaged_questions_harm_nobody(void **state)
{
	struct fixture *f = *state;
	int enemy = f->ends[1][0];
	uint64_t generation = generation_at(enemy);
	for (int i = 0; i < 20000; i++)
		if (i % 4)
			send_damaged(enemy, generation, i % 4);
		else
			send_bytes(enemy, random_below(600) + 1);
	send_bytes(enemy, 100 * 1024);
	send_bytes(enemy, 0); /* empty: not the end of the channel */
	fetch_answers(enemy);
	struct buf text = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&text, SLICE("alice@example.test"));
	struct call_datagram question = {.kind = CALL_QUESTION, .verb = WIRE_RECIPIENT, .generation = generation, .id = 7, .text = buf_slice(&text)}, answer = {0};
	while (!call_send(enemy, &question))
		fetch_answers(enemy);
	static char bytes[CALL_DATAGRAM_MAX];
	for (struct pollfd polled = {.fd = enemy, .events = POLLIN}; answer.id != 7 && poll(&polled, 1, 20000) > 0;)
		call_receive(enemy, bytes, &answer);
	assert_true(answer.id == 7 && answer.kind == CALL_ANSWER);
	buf_free(&text);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_int_equal(check(f, "alice", "wonderland"), SIGN_IN_DONE);
}

static bool send_check(int enemy, uint64_t generation, uint64_t id, const char *address, struct slice name, struct slice password)
{
	struct sign_in_client client = client_at(address);
	struct buf text = BUF(WIRE_QUESTION_MAX);
	auth_wire_put_client(&text, &client);
	wire_put_text(&text, name);
	wire_put_text(&text, password);
	bool sent = call_send(enemy, &(struct call_datagram){.kind = CALL_QUESTION, .verb = WIRE_CHECK_PASSWORD, .generation = generation, .id = id,
		.time = clock_monotonic_ms() + 60 * 1000, .text = buf_slice(&text)});
	buf_free(&text);
	return sent;
}

static void one_channel_cannot_starve_another(void **state)
{
	struct fixture *f = *state;
	uint64_t generation = generation_at(f->ends[1][0]);
	int64_t start = clock_monotonic_ms();
	assert_int_equal(check(f, "alice", "a guess"), SIGN_IN_REFUSED);
	int64_t one = clock_monotonic_ms() - start;
	for (uint64_t i = 0; i < 500; i++) {
		struct slice name = arena_printf(f->arena, "user%d@example.test", (int)i);
		assert_true(send_check(f->ends[1][0], generation, i, "198.51.100.66", name, SLICE("guess")) || i > 100);
	}
	start = clock_monotonic_ms();
	assert_int_equal(check(f, "alice", "wonderland"), SIGN_IN_DONE);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_true(clock_monotonic_ms() - start < 2000 + 50 * one); /* as many passwords, not all that wait */
}

/* No hash and no key of an account ever crosses a channel. */
static void hashes_stay_inside(void **state)
{
	struct fixture *f = *state;
	char answer[CALL_DATAGRAM_MAX];
	ssize_t len;
	assert_true(send_check(f->ends[1][0], generation_at(f->ends[1][0]), 1, "192.0.2.1", SLICE("alice@example.test"), SLICE("wonderland")));
	while ((len = recv(f->ends[1][0], answer, sizeof answer, 0)) > 0 && answer[1] == CALL_HELLO)
		;
	assert_true(len > 0);
	assert_int_equal(slice_find(slice_make(answer, (size_t)len), SLICE("argon2")), SLICE_NONE);
	assert_int_equal(slice_find(slice_make(answer, (size_t)len), SLICE("wonderland")), SLICE_NONE);
}

#define AUTH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Digests are signed with the keys of a domain, for who may have that; the keys stay. */
static void what_goes_out_is_signed(void **state)
{
	struct fixture *f = *state;
	struct auth_signing_key *keys, *public;
	struct error error;
	size_t count, public_count;
	static const unsigned char digest[AUTH_DIGEST_SIZE] = "0123456789012345678901234567890";
	struct auth *other = auth_open(dup(f->ends[1][0]));
	assert_true(auth_signing_keys(f->auth, SLICE("example.test"), f->arena, &keys, &count) && count == 0);
	assert_true(directory_make_keys(f->directory, SLICE("example.test"), &error));
	assert_true(auth_signing_keys(f->auth, SLICE("Example.test"), f->arena, &keys, &count));
	assert_true(directory_list_keys(f->directory, SLICE("example.test"), f->arena, &public, &public_count, &error));
	assert_int_equal(count, 2);
	assert_int_equal(public_count, 2);
	for (size_t i = 0; i < count; i++) {
		struct buf signature = BUF(AUTH_SIGNATURE_MAX);
		struct lookup_record record = {.data = public[i].record};
		struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = &record, .count = 1};
		enum dkim_algorithm algorithm = keys[i].ed25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
		struct dkim_key key;
		assert_true(slice_equal(keys[i].selector, public[i].selector));
		assert_true(auth_sign(f->auth, SLICE("example.test"), keys[i].selector, digest, &signature));
		assert_int_equal(dkim_key_choose(&answer, algorithm, &key), DKIM_VALID);
		assert_true(dkim_key_verifies(&key, algorithm, digest, buf_slice(&signature)));
		dkim_key_clear(&key);
		buf_clear(&signature);
		assert_false(auth_sign(f->auth, SLICE("example.test"), SLICE("other"), digest, &signature));
		assert_false(auth_sign(f->auth, SLICE("other.test"), keys[i].selector, digest, &signature));
		assert_false(auth_sign(other, SLICE("example.test"), keys[i].selector, digest, &signature));
		buf_free(&signature);
	}
	assert_false(auth_signing_keys(other, SLICE("example.test"), f->arena, &keys, &count));
	auth_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AUTH_TEST(what_goes_out_is_signed),
		AUTH_TEST(look_ups_are_answered),
		AUTH_TEST(full_mailboxes_are_known),
		AUTH_TEST(long_answers_come_in_parts),
		AUTH_TEST(passwords_are_checked),
		AUTH_TEST(strangers_cost_the_same_time),
		AUTH_TEST(guessing_is_throttled),
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
		AUTH_TEST(a_restart_answers_what_waits),
		AUTH_TEST(many_wait_without_a_thread),
		AUTH_TEST(a_restart_answers_who_waits_without_a_thread),
		AUTH_TEST(an_exchange_does_not_outlive_a_restart),
		AUTH_TEST(changes_are_announced), AUTH_TEST(what_was_just_answered_is_not_asked_again),
		AUTH_TEST(many_ask_at_once),
		AUTH_TEST(a_crowd_of_strangers_waits), AUTH_TEST(a_crowd_does_not_hold_up_who_does_nothing_wrong),
		AUTH_TEST(damaged_questions_harm_nobody),
		AUTH_TEST(one_channel_cannot_starve_another),
		AUTH_TEST(hashes_stay_inside),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	config_free_all();
	return failed;
}
