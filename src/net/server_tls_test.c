/* TLS, and a filter between session and socket. */
#include "net/echo_fixture.h"

static void nothing_clear_survives_starttls(void **state)
{
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->port);
	say(fd, "STARTTLS\r\ninjected\r\n");
	expect(fd, "hello\r\ngo\r\n");
	SSL *ssl = tls_client(context, fd);
	tls_say(ssl, "TLS\r\n", "TLSv1.3 32\r\n");
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
}

/* How a handshake with these names in it ends: what the server has chosen, "" if it says nothing of it, NULL if it refuses. */
static const char *agree_on(struct fixture *fixture, const char *offered, char chosen[256])
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->tls_port);
	SSL *ssl = SSL_new(context);
	const unsigned char *name;
	unsigned len;
	SSL_set_fd(ssl, fd);
	if (*offered)
		SSL_set_alpn_protos(ssl, (const unsigned char *)offered, (unsigned)strlen(offered));
	bool agreed = SSL_connect(ssl) == 1;
	bool refused = ERR_GET_REASON(ERR_get_error()) == SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL;
	assert_true(agreed != refused);
	if (agreed) {
		tls_expect(ssl, "hello\r\n");
		SSL_get0_alpn_selected(ssl, &name, &len);
		snprintf(chosen, 256, "%.*s", (int)len, (const char *)name);
	}
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
	return agreed ? chosen : NULL;
}

/* A client that means another protocol was led here by somebody; one that doesn't say what it means is served. */
static void tls_for_another_protocol_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char chosen[256];
	assert_string_equal(agree_on(fixture, "", chosen), "");
	assert_string_equal(agree_on(fixture, "\4echo", chosen), "echo");
	assert_string_equal(agree_on(fixture, "\2h2\4echo", chosen), "echo");
	assert_string_equal(agree_on(fixture, "\4echo\11loud-echo", chosen), "loud-echo"); /* the server's choice */
	assert_null(agree_on(fixture, "\2h2\10http/1.1", chosen));
	assert_null(agree_on(fixture, "\3ech", chosen));
	assert_null(agree_on(fixture, "\5echo ", chosen));
}

/* Reads through the filter, with or without TLS, exactly as many bytes as `text` has, or any `count` of them. */
static void filtered_expect(int fd, SSL *ssl, const char *text, size_t count)
{
	static unsigned char pair[2]; /* its rest: how much of a run is left */
	for (size_t have = 0; have < count; have++) {
		for (size_t got = pair[0] == 0 ? 0 : 2; got < 2; got++)
			assert_int_equal(ssl ? SSL_read(ssl, pair + got, 1) : recv(fd, pair + got, 1, 0), 1);
		if (text)
			assert_int_equal(pair[1], (unsigned char)text[have]);
		pair[0]--;
	}
}

static void filtered_say(int fd, SSL *ssl, struct slice bytes)
{
	assert_int_equal(ssl ? SSL_write(ssl, bytes.at, (int)bytes.len) : send(fd, bytes.at, bytes.len, MSG_NOSIGNAL), bytes.len);
}

/* "hi" and a line end, in pieces that end within a pair; what is long, and a file; many lines that come as few bytes. */
static void talk_through_a_filter(int fd, SSL *ssl)
{
	enum { LINES = 200 * 255 };
	static char lines[2 * 200];
	filtered_say(fd, ssl, SLICE("\1h\1"));
	usleep(10000);
	filtered_say(fd, ssl, SLICE("i\1\n\1B\1I\1G\1\n\1F\1I\1L\1E\1"));
	filtered_expect(fd, ssl, "hi\r\n", 4);
	filtered_expect(fd, ssl, NULL, BIG);
	filtered_expect(fd, ssl, "\r\nend\r\n", 7);
	filtered_say(fd, ssl, SLICE("\n"));
	filtered_expect(fd, ssl, "file\r\n", 6);
	filtered_expect(fd, ssl, NULL, BIG_FILE);
	filtered_expect(fd, ssl, "end\r\n", 5);
	for (size_t i = 0; i < sizeof lines; i += 2) {
		lines[i] = (char)255;
		lines[i + 1] = '\n';
	}
	filtered_say(fd, ssl, slice_make(lines, sizeof lines));
	for (int i = 0; i < LINES; i++)
		filtered_expect(fd, ssl, "\r\n", 2);
}

static void all_goes_through_the_filter(void **state)
{
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->port), secure = dial(fixture->tls_port);
	say(fd, "BIG\r\nFILTER\r\n");
	expect(fd, "hello\r\n");
	pass_over(fd, BIG);
	expect(fd, "\r\nend\r\nfiltered\r\n");
	talk_through_a_filter(fd, NULL);
	SSL *ssl = tls_client(context, secure);
	tls_expect(ssl, "hello\r\n");
	tls_say(ssl, "FILTER\r\n", "filtered\r\n");
	talk_through_a_filter(secure, ssl);
	SSL_free(ssl);
	close(secure);
	close(fd);
	SSL_CTX_free(context);
	for (int i = 0; open_filters > 0 && i < 5000; i++)
		usleep(1000);
	assert_int_equal(open_filters, 0);
}

/* However much stands for however little: no more than the protocol's maximum is ever in memory, and the end is the usual one. */
/* Who says nothing costs no filter's memory; and bytes that stand for nothing go on for so long only. */
static void a_filter_rests_and_has_no_patience(void **state)
{
	struct fixture *fixture = *state;
	static char nothing[FRUITLESS_MAX / 2];
	memset(nothing, 1, sizeof nothing);
	int fd = dial(fixture->port);
	char rest;
	say(fd, "FILTER\r\n");
	expect(fd, "hello\r\nfiltered\r\n");
	rests = 0;
	filtered_say(fd, NULL, SLICE("\1h\1"));
	for (int i = 0; rests == 0 && i < 5000; i++)
		usleep(1000);
	assert_true(rests > 0);
	filtered_say(fd, NULL, SLICE("i\1\n"));
	filtered_expect(fd, NULL, "hi\r\n", 4);
	for (size_t sent = 0; sent <= FRUITLESS_MAX; sent += sizeof nothing)
		filtered_say(fd, NULL, slice_make(nothing, sizeof nothing));
	assert_true(recv(fd, &rest, 1, 0) <= 0);
	close(fd);
}

static void a_filter_cannot_be_blown_up(void **state)
{
	struct fixture *fixture = *state;
	static char bomb[65536];
	char rest;
	for (size_t i = 0; i < sizeof bomb; i += 2) {
		bomb[i] = (char)255;
		bomb[i + 1] = 'x';
	}
	int fd = dial(fixture->port);
	say(fd, "FILTER\r\n");
	expect(fd, "hello\r\nfiltered\r\n");
	filtered_say(fd, NULL, slice_make(bomb, sizeof bomb));
	filtered_expect(fd, NULL, "expired 3\r\n", 11);
	close(fd);
	fd = dial(fixture->port);
	say(fd, "FILTER\r\n");
	expect(fd, "hello\r\nfiltered\r\n");
	filtered_say(fd, NULL, SLICE("\0x\1Q\1U\1I\1T\1\n")); /* no pair */
	assert_true(recv(fd, &rest, 1, 0) <= 0);
	close(fd);
}

/* A record's worth is one record, in however many pieces it was queued, and every byte comes in its place. */
static void tls_records_are_filled(void **state)
{
	enum { ROUNDS = 20, RECORD = 16384 };
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	static char got[RECORD * 2], all[(BIG + 20) * ROUNDS];
	size_t have = 0;
	int fd = dial(fixture->tls_port);
	SSL *ssl = tls_client(context, fd);
	tls_say(ssl, "work\r\n", "hello\r\nwork\r\n");
	for (int i = 0; i < ROUNDS; i++)
		SSL_write(ssl, "BIG\r\nwork\r\n", 11);
	usleep(200 * 1000); /* long enough for the answers to wait for us */
	for (int more; have < (BIG + 13) * ROUNDS && (more = SSL_read(ssl, got, sizeof got)) > 0; have += (size_t)more) {
		memcpy(all + have, got, (size_t)more);
		if (have == 0)
			assert_int_equal(more, RECORD);
	}
	for (size_t at = 0; at < have; at += BIG + 13) {
		for (size_t i = 0; i < BIG; i++)
			assert_int_equal(all[at + i], 'x');
		assert_memory_equal(all + at + BIG, "\r\nend\r\nwork\r\n", 13);
	}
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
}

/* The end of the handshake and the first command in one packet: OpenSSL has read both before anybody asks for the command. */
static void what_comes_with_the_handshake_is_run(void **state)
{
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	for (int starttls = 0; starttls <= 1; starttls++) {
		int fd = dial(starttls ? fixture->port : fixture->tls_port);
		if (starttls) {
			say(fd, "STARTTLS\r\n");
			expect(fd, "hello\r\ngo\r\n");
		}
		setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){1}, sizeof(int));
		SSL *ssl = tls_client(context, fd);
		SSL_write(ssl, "work\r\n", 6);
		setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){0}, sizeof(int));
		tls_expect(ssl, starttls ? "work\r\n" : "hello\r\nwork\r\n");
		SSL_free(ssl);
		close(fd);
	}
	SSL_CTX_free(context);
}

static void implicit_tls_serves_large_answers(void **state)
{
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->tls_port);
	SSL *ssl = tls_client(context, fd);
	tls_say(ssl, "work\r\n", "hello\r\nwork\r\n");
	SSL_write(ssl, "BIG\r\nFILE\r\nQUIT\r\n", 17);
	static char got[65536];
	size_t total = 0;
	for (int more; (more = SSL_read(ssl, got, sizeof got)) > 0;)
		total += (size_t)more;
	assert_int_equal(total, BIG + 7 + 6 + BIG_FILE + 5 + 5);
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
}

/* Some key updates are a careful client's; one that asks for nothing else is ended, and nobody waits for it (RFC 8446 §4.6.3). */
static void a_flood_of_key_updates_ends(void **state)
{
	enum { SOME = 10, FLOOD = 5000 };
	struct fixture *fixture = *state;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int fd = dial(fixture->tls_port), other = dial(fixture->port);
	SSL *ssl = tls_client(context, fd);
	tls_say(ssl, "work\r\n", "hello\r\nwork\r\n");
	for (int i = 0; i < SOME; i++) {
		assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		tls_say(ssl, "QUICK\r\n", "QUICK\r\n");
	}
	int sent = 0;
	while (sent < FLOOD && SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl) == 1)
		sent++;
	expect(other, "hello\r\n");
	say(other, "QUICK\r\n");
	expect(other, "QUICK\r\n");
	char byte;
	assert_true(SSL_read(ssl, &byte, 1) <= 0);
	SSL_free(ssl);
	close(fd);
	close(other);
	SSL_CTX_free(context);
}

static bool can_agree(struct fixture *fixture, const char *ciphers)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	assert_int_equal(SSL_CTX_set_cipher_list(context, ciphers), 1);
	int fd = dial(fixture->tls_port);
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	bool agreed = SSL_connect(ssl) == 1;
	SSL_free(ssl);
	close(fd);
	SSL_CTX_free(context);
	return agreed;
}

static void tls_1_2_has_forward_secrecy_and_aead_only(void **state)
{
	assert_true(can_agree(*state, "ECDHE+AESGCM"));
	assert_true(can_agree(*state, "ECDHE+CHACHA20"));
	assert_false(can_agree(*state, "ECDHE+AES:!AESGCM:!AESCCM"));
	assert_false(can_agree(*state, "kRSA+AES"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(nothing_clear_survives_starttls),
		SERVED(tls_for_another_protocol_is_refused),
		SERVED(all_goes_through_the_filter),
		SERVED(a_filter_rests_and_has_no_patience),
		SERVED(a_filter_cannot_be_blown_up),
		SERVED(tls_records_are_filled),
		SERVED(what_comes_with_the_handshake_is_run),
		SERVED(implicit_tls_serves_large_answers),
		SERVED(a_flood_of_key_updates_ends),
		SERVED(tls_1_2_has_forward_secrecy_and_aead_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
