/* Tests of the outgoing side of a connection against a peer that says what it is told to, and TLS against one that means
 * it and one that doesn't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/client.h"

/* A peer that takes one connection, runs `play` on it, and closes it. */
struct peer {
	int listener, port;
	void (*play)(int fd);
	pthread_t thread;
	struct sockaddr_storage address;
};

static void *peer_main(void *argument)
{
	struct peer *peer = argument;
	int fd = accept(peer->listener, NULL, NULL);
	if (fd >= 0) {
		peer->play(fd);
		close(fd);
	}
	return NULL;
}

static void peer_start(struct peer *peer, void (*play)(int fd))
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	*peer = (struct peer){.play = play, .listener = socket(AF_INET, SOCK_STREAM, 0)};
	assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(peer->listener, 1), 0);
	assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
	peer->port = ntohs(address.sin_port);
	memcpy(&peer->address, &address, sizeof address);
	assert_int_equal(pthread_create(&peer->thread, NULL, peer_main, peer), 0);
}

static struct client *peer_connect(struct peer *peer)
{
	struct error error = {0};
	struct client *client = client_connect(&peer->address, peer->port, NULL, 5, &error);
	assert_non_null(client);
	client_set_timeout(client, 5);
	return client;
}

static void peer_end(struct peer *peer, struct client **client)
{
	client_close(client);
	shutdown(peer->listener, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	close(peer->listener);
}

static void put(int fd, const char *text)
{
	assert_true(write(fd, text, strlen(text)) >= 0);
}

static void until_closed(int fd)
{
	char ignored[4096];
	while (read(fd, ignored, sizeof ignored) > 0)
		;
}

/* ---- Lines ---- */

static void play_lines(int fd)
{
	put(fd, "one\r\ntw");
	usleep(20000);
	put(fd, "o\r");
	usleep(20000);
	put(fd, "\nthree\n\r\nlast");
}

static void lines_come_whole(void **state)
{
	(void)state;
	struct peer peer;
	struct error error = {0};
	struct slice line;
	static const char *const wanted[] = {"one", "two", "three", ""};
	peer_start(&peer, play_lines);
	struct client *client = peer_connect(&peer);
	for (size_t i = 0; i < 4; i++) {
		assert_true(client_read_line(client, &line, &error));
		assert_true(slice_equal(line, slice_of(wanted[i])));
	}
	assert_false(client_read_line(client, &line, &error)); /* no line end, and closed */
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_true(client_has_input(client));
	assert_false(client_write(client, SLICE("x"), &error)); /* broken for good */
	peer_end(&peer, &client);
}

static void play_long(int fd)
{
	char block[5000];
	memset(block, 'x', sizeof block);
	send(fd, block, sizeof block, MSG_NOSIGNAL);
	usleep(20000);
	put(fd, "x\r\nnext\r\n");
}

static void long_lines_are_cut(void **state)
{
	(void)state;
	struct peer peer;
	struct error error = {0};
	struct slice line;
	peer_start(&peer, play_long);
	struct client *client = peer_connect(&peer);
	assert_true(client_read_line(client, &line, &error));
	assert_int_equal(line.len, CLIENT_LINE_MAX);
	assert_true(client_read_line(client, &line, &error));
	assert_true(slice_equal(line, SLICE("next")));
	peer_end(&peer, &client);
}

static void play_endless(int fd)
{
	char block[1000];
	memset(block, 'x', sizeof block);
	for (int i = 0; i < 100 && send(fd, block, sizeof block, MSG_NOSIGNAL) > 0; i++)
		;
	until_closed(fd);
}

static void endless_lines_end(void **state)
{
	(void)state;
	struct peer peer;
	struct error error = {0};
	struct slice line;
	peer_start(&peer, play_endless);
	struct client *client = peer_connect(&peer);
	assert_false(client_read_line(client, &line, &error));
	peer_end(&peer, &client);
}

static void play_drip(int fd)
{
	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		usleep(100000);
}

static void dripping_gains_no_time(void **state)
{
	(void)state;
	struct peer peer;
	struct error error = {0};
	struct slice line;
	peer_start(&peer, play_drip);
	struct client *client = peer_connect(&peer);
	client_set_timeout(client, 1);
	assert_false(client_read_line(client, &line, &error)); /* it never ends by itself, and is far from too long */
	assert_true(slice_find(slice_of(error.text), SLICE("timed out")) != SLICE_NONE);
	peer_end(&peer, &client);
}

static int given_up[2]; /* a pipe: its second end is closed then */

/* What it doesn't read stands before the end of the connection, which it so never hears of. */
static void play_nothing(int fd)
{
	(void)fd;
	poll(&(struct pollfd){.fd = given_up[0]}, 1, 120000);
}

static void who_does_not_read_is_given_up(void **state)
{
	(void)state;
	struct peer peer;
	struct error error = {0};
	static char block[1 << 20];
	bool going = true;
	assert_int_equal(pipe(given_up), 0);
	peer_start(&peer, play_nothing);
	struct client *client = peer_connect(&peer);
	client_set_timeout(client, 1);
	for (int i = 0; i < 64 && going; i++)
		going = client_write(client, slice_make(block, sizeof block), &error);
	assert_false(going);
	close(given_up[1]);
	peer_end(&peer, &client);
	close(given_up[0]);
}

static void waiting_can_be_stopped(void **state)
{
	(void)state;
	struct peer peer;
	struct error error = {0};
	struct slice line;
	int stop = eventfd(0, 0);
	peer_start(&peer, until_closed);
	struct client *client = peer_connect(&peer);
	client_set_timeout(client, 120);
	client_stop_on(stop);
	eventfd_write(stop, 1);
	assert_false(client_read_line(client, &line, &error));
	assert_int_equal(error.kind, ERROR_INTERRUPTED);
	client_stop_on(-1);
	peer_end(&peer, &client);
	close(stop);
}

static void refusals_are_told(void **state)
{
	(void)state;
	struct error error = {0};
	struct sockaddr_storage nobody = {.ss_family = AF_INET};
	inet_pton(AF_INET, "127.0.0.1", &((struct sockaddr_in *)&nobody)->sin_addr);
	assert_null(client_connect(&nobody, 1, NULL, 5, &error));
	assert_int_equal(error.kind, ERROR_TEMPORARY);
}

/* ---- TLS ---- */

static SSL_CTX *server_context;

static void make_certificate(const char *name, const char *path)
{
	char alternative[100];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	snprintf(alternative, sizeof alternative, "DNS:%s,IP:127.0.0.1", name);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, certificate), 1);
	fclose(file);
	server_context = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(server_context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(server_context, key), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* Says something before TLS that must not be heard after. */
static void play_tls(int fd)
{
	char got[100];
	put(fd, "220 go\r\n250 injected\r\n");
	if (read(fd, got, 1) != 1) /* "x": it has read both */
		return;
	SSL *ssl = SSL_new(server_context);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		SSL_write(ssl, "250 over TLS\r\n", 14);
		SSL_read(ssl, got, sizeof got);
	}
	SSL_free(ssl);
}

static bool try_tls(const char *name, enum tls_demand demand, char *text, size_t room)
{
	struct peer peer;
	struct error error = {0};
	struct slice line;
	peer_start(&peer, play_tls);
	struct client *client = peer_connect(&peer);
	assert_true(client_read_line(client, &line, &error));
	assert_true(slice_equal(line, SLICE("220 go")));
	assert_true(client_has_input(client));
	assert_true(client_write(client, SLICE("x"), &error));
	bool done = client_start_tls(client, name, demand, &error);
	snprintf(text, room, "%s", client_tls_text(client));
	if (done) {
		assert_true(client_read_line(client, &line, &error));
		assert_true(slice_equal(line, SLICE("250 over TLS")));
		assert_false(client_has_input(client));
	}
	peer_end(&peer, &client);
	return done;
}

static void tls_is_verified_when_asked(void **state)
{
	(void)state;
	char path[] = "/tmp/client-test-XXXXXX", text[200];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	make_certificate("mx.test", path);
	assert_true(try_tls("mx.test", TLS_OPPORTUNISTIC, text, sizeof text));
	assert_true(slice_ends_nocase(slice_of(text), SLICE(" unverified")));
	assert_false(try_tls("mx.test", TLS_VERIFIED, text, sizeof text)); /* nobody trusts it yet */
	assert_true(client_trust(path, NULL));
	assert_true(try_tls("mx.test", TLS_VERIFIED, text, sizeof text));
	assert_true(slice_ends_nocase(slice_of(text), SLICE(" verified")));
	assert_true(try_tls("127.0.0.1", TLS_VERIFIED, text, sizeof text));
	assert_false(try_tls("other.test", TLS_VERIFIED, text, sizeof text));
	assert_false(try_tls("", TLS_VERIFIED, text, sizeof text));
	assert_true(try_tls("other.test", TLS_OPPORTUNISTIC, text, sizeof text));
	assert_true(slice_ends_nocase(slice_of(text), SLICE(" unverified")));
	assert_false(client_trust("/nowhere/at/all", NULL));
	SSL_CTX_free(server_context);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_whole),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(endless_lines_end),
		cmocka_unit_test(dripping_gains_no_time),
		cmocka_unit_test(who_does_not_read_is_given_up),
		cmocka_unit_test(waiting_can_be_stopped),
		cmocka_unit_test(refusals_are_told),
		cmocka_unit_test(tls_is_verified_when_asked),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
