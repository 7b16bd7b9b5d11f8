/* Tests of the HTTP client against a little server that answers by the path it is asked for, and a name server that leads astray. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/dns.h"
#include "net/dns_fake.h"
#include "net/fetch.h"

enum { HEAD_MAX = 65536 };

static const struct dns_fake_record records[] = {
	{"here.test", "A", "127.0.0.1"},
	{"other.test", "A", "127.0.0.1"},
	{"tls.test", "A", "127.0.0.1"},
	{"private.test", "A", "10.0.0.1"},
	{"metadata.test", "A", "169.254.169.254"},
	{"both.test", "A", "127.0.0.1"},
	{"both.test", "A", "192.168.1.1"},
	{"six.test", "AAAA", "::1"},
	{"mapped.test", "AAAA", "::ffff:10.0.0.1"},
	{"nothing.test", "TXT", "no address"},
	{"away.test", "SERVFAIL", ""},
};

static struct {
	struct dns_fake *fake;
	struct dns *dns;
	struct arena *arena;
	int plain, secure, plain_port, secure_port;
	SSL_CTX *tls;
	char trusted[40];
	char heard[HEAD_MAX];     /* the last request */
	unsigned requests;
	pthread_t threads[2];
} test;

/* ---- The server ---- */

struct stream {
	int fd;
	SSL *ssl;
};

static ssize_t get(struct stream *stream, char *at, size_t room)
{
	return stream->ssl ? SSL_read(stream->ssl, at, (int)room) : recv(stream->fd, at, room, 0);
}

static bool put(struct stream *stream, struct slice bytes)
{
	ssize_t sent = stream->ssl ? SSL_write(stream->ssl, bytes.at, (int)bytes.len) : send(stream->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
	return sent == (ssize_t)bytes.len;
}

static void answer(struct stream *stream, const char *status, const char *fields, struct slice body)
{
	struct buf out = BUF(1 << 22);
	buf_printf(&out, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", status, fields, body.len);
	buf_append(&out, body);
	put(stream, buf_slice(&out));
	buf_free(&out);
}

/* '#' in `to` is the port. */
static void redirect(struct stream *stream, struct slice to, int port)
{
	struct slice before, after;
	struct buf field = BUF(1024);
	bool marked = slice_cut(to, '#', &before, &after);
	buf_append_text(&field, "Location: ");
	buf_append(&field, before);
	if (marked)
		buf_append_number(&field, (uint64_t)port);
	buf_append(&field, after);
	buf_append_text(&field, "\r\n");
	answer(stream, "302 Found", field.at, SLICE(""));
	buf_free(&field);
}

static void endless_header(struct stream *stream)
{
	put(stream, SLICE("HTTP/1.1 200 OK\r\n"));
	while (put(stream, SLICE("X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")))
		;
}

static void endless_line(struct stream *stream)
{
	put(stream, SLICE("HTTP/1.1 200 OK\r\nX-Line: "));
	while (put(stream, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")))
		;
}

static void endless_body(struct stream *stream)
{
	put(stream, SLICE("HTTP/1.1 200 OK\r\n\r\n"));
	while (put(stream, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")))
		;
}

static void endless_hints(struct stream *stream)
{
	while (put(stream, SLICE("HTTP/1.1 103 Early Hints\r\nLink: <https://here.test/>; rel=preload\r\n\r\n")))
		;
}

static void drip(struct stream *stream)
{
	put(stream, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
	while (put(stream, SLICE("a")))
		usleep(100000);
}

static void packed(struct stream *stream)
{
	answer(stream, "200 OK", "Content-Encoding: gzip\r\n", slice_make("\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0", 21));
}

static void trailers(struct stream *stream)
{
	put(stream, SLICE("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nX-Own: one\r\nX-Own: two\r\nTransfer-Encoding: chunked\r\n"
			  "Content-Type: text/plain; charset=utf-8\r\n\r\n3\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n"));
}

static void serve(struct stream *stream, struct slice path)
{
	static const struct { const char *path; void (*play)(struct stream *stream); } plays[] = {
		{"/header", endless_header}, {"/line", endless_line}, {"/body", endless_body}, {"/hints", endless_hints}, {"/drip", drip}, {"/packed", packed},
		{"/trailers", trailers}};
	static const struct { const char *path, *to; bool secure; } redirects[] = {
		{"/again", "/again"}, {"/relative", "hello?x=1"}, {"/to-private", "http://private.test/"}, {"/to-both", "http://both.test:#/hello"},
		{"/to-number", "http://0x7f000001.test/"}, {"/to-metadata", "http://169.254.169.254/latest"}, {"/to-file", "file:///etc/passwd"},
		{"/to-gopher", "gopher://here.test:#/x"}, {"/to-other", "http://other.test:#/hello"}, {"/to-plain", "http://here.test:#/hello"},
		{"/to-user", "http://a:b@here.test:#/hello"}, {"/to-secure", "https://tls.test:#/hello", true}};
	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++)
		if (slice_equal(path, slice_of(plays[i].path)))
			plays[i].play(stream);
	for (size_t i = 0; i < sizeof redirects / sizeof *redirects; i++)
		if (slice_equal(path, slice_of(redirects[i].path)))
			redirect(stream, slice_of(redirects[i].to), redirects[i].secure ? test.secure_port : test.plain_port);
	if (slice_equal(path, SLICE("/large")))
		answer(stream, "200 OK", "", slice_make(test.heard, 2000));
	else if (slice_starts(path, SLICE("/hello")))
		answer(stream, "200 OK", "Content-Type: text/plain\r\n", SLICE("hello"));
	else
		answer(stream, "404 Not Found", "", SLICE("no"));
}

/* Reads the head of a request, and its body. */
static void play(struct stream *stream)
{
	size_t len = 0, end = SLICE_NONE, wanted = SLICE_NONE;
	struct slice path, rest, method;
	memset(test.heard, 0, sizeof test.heard);
	while (wanted == SLICE_NONE || len < wanted) {
		ssize_t got = get(stream, test.heard + len, sizeof test.heard - 1 - len);
		if (got <= 0)
			return;
		len += (size_t)got;
		end = slice_find(slice_make(test.heard, len), SLICE("\r\n\r\n"));
		if (end == SLICE_NONE)
			continue;
		size_t at = slice_find(slice_make(test.heard, end), SLICE("Content-Length: "));
		wanted = end + 4 + (at == SLICE_NONE ? 0 : strtoul(test.heard + at + 16, NULL, 10));
	}
	test.requests++;
	slice_cut(slice_make(test.heard, len), ' ', &method, &path);
	slice_cut(path, ' ', &path, &rest);
	serve(stream, path);
}

static void take_one(int fd, bool secure)
{
	struct stream stream = {.fd = fd, .ssl = secure ? SSL_new(test.tls) : NULL};
	if (stream.ssl)
		SSL_set_fd(stream.ssl, fd);
	if (!stream.ssl || SSL_accept(stream.ssl) == 1)
		play(&stream);
	if (stream.ssl) {
		SSL_shutdown(stream.ssl);
		SSL_free(stream.ssl);
	}
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void *server_main(void *argument)
{
	const int *listener = argument;
	for (;;) {
		int fd = accept(*listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		take_one(fd, listener == &test.secure);
	}
}

static int listen_somewhere(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void make_certificate(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:tls.test");
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	int fd = mkstemp(test.trusted);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, certificate), 1);
	fclose(file);
	test.tls = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(test.tls, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(test.tls, key), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static int set_up(void **state)
{
	(void)state;
	struct error error = {0};
	const char *none = "none";
	test.fake = dns_fake_start(records, sizeof records / sizeof *records);
	struct dns_options options = {.resolver = dns_fake_resolver(test.fake), .trust_anchors = &none, .trust_anchor_count = 1};
	test.dns = dns_new(&options, &error);
	test.arena = arena_new();
	snprintf(test.trusted, sizeof test.trusted, "/tmp/fetch-test-XXXXXX");
	make_certificate();
	test.plain = listen_somewhere(&test.plain_port);
	test.secure = listen_somewhere(&test.secure_port);
	assert_int_equal(pthread_create(&test.threads[0], NULL, server_main, &test.plain), 0);
	assert_int_equal(pthread_create(&test.threads[1], NULL, server_main, &test.secure), 0);
	return test.dns ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	shutdown(test.plain, SHUT_RDWR);
	shutdown(test.secure, SHUT_RDWR);
	pthread_join(test.threads[0], NULL);
	pthread_join(test.threads[1], NULL);
	close(test.plain);
	close(test.secure);
	SSL_CTX_free(test.tls);
	unlink(test.trusted);
	dns_free(&test.dns);
	dns_fake_stop(&test.fake);
	arena_free(&test.arena);
	return 0;
}

/* ---- Asking ---- */

static bool loopback_may_be_reached(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET && (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24) == 127;
}

static struct fetch_rules usual_rules(void)
{
	return (struct fetch_rules){.dns = test.dns, .most = 1000, .seconds = 20, .redirects = 3, .plain = true,
				    .may_reach = loopback_may_be_reached, .trusted = test.trusted};
}

/* '#' in the URL is the port of the server. */
static struct slice url_of(const char *url, int port)
{
	const char *mark = strchr(url, '#');
	return mark ? arena_printf(test.arena, "%.*s%d%s", (int)(mark - url), url, port, mark + 1) : slice_of(url);
}

static bool try_url(const struct fetch_rules *rules, const char *url, struct fetch_answer *answer, struct error *error)
{
	bool secure = strncmp(url, "https", 5) == 0;
	struct fetch_request request = {.url = url_of(url, secure ? test.secure_port : test.plain_port)};
	*error = (struct error){0};
	return fetch(rules, &request, test.arena, answer, error);
}

static void assert_fails(const struct fetch_rules *rules, const char *url, enum error_kind kind, const char *words)
{
	struct error error;
	struct fetch_answer answer;
	bool done = try_url(rules, url, &answer, &error);
	if (done || error.kind != kind || slice_find(slice_of(error.text), slice_of(words)) == SLICE_NONE)
		fail_msg("%s: %s", url, done ? "fetched" : error.text);
}

static void assert_gives(const struct fetch_rules *rules, const char *url, int status, const char *body)
{
	struct error error;
	struct fetch_answer answer;
	if (!try_url(rules, url, &answer, &error))
		fail_msg("%s: %s", url, error.text);
	assert_int_equal(answer.status, status);
	assert_true(slice_equal(answer.body, slice_of(body)));
}

/* ---- The tests ---- */

static void answers_come_whole(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	struct error error;
	struct fetch_answer answer;
	struct slice value;
	assert_gives(&rules, "http://here.test:#/hello", 200, "hello");
	assert_gives(&rules, "http://127.0.0.1:#/hello", 200, "hello");
	assert_gives(&rules, "https://tls.test:#/hello", 200, "hello");
	assert_gives(&rules, "http://here.test:#/nothing", 404, "no");
	assert_true(try_url(&rules, "http://here.test:#/trailers", &answer, &error));
	assert_true(slice_equal(answer.body, SLICE("abc")) && slice_equal(answer.type, SLICE("text/plain")));
	assert_true(fetch_field(&answer, "x-own", &value) && slice_equal(value, SLICE("one")));
	assert_false(fetch_field(&answer, "X-Early", &value));
	assert_false(fetch_field(&answer, "X-Late", &value));
	assert_true(try_url(&rules, "http://here.test:#/packed", &answer, &error));
	assert_int_equal(answer.body.len, 21); /* as it came */
}

static void requests_say_what_they_are_told(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	struct error error;
	struct fetch_answer answer;
	struct fetch_field field = {SLICE("X-Key"), SLICE("secret")};
	struct fetch_request request = {.url = url_of("http://here.test:#/hello", test.plain_port), .type = SLICE("application/json"), .body = SLICE("{}"),
					.accept = SLICE("text/plain"), .fields = &field, .field_count = 1};
	assert_true(fetch(&rules, &request, test.arena, &answer, &error));
	struct slice heard = slice_of(test.heard);
	assert_true(slice_starts(heard, SLICE("POST /hello HTTP/1.1\r\n")) && slice_ends_nocase(heard, SLICE("\r\n\r\n{}")));
	static const char *const wanted[] = {"\r\nContent-Type: application/json\r\n", "\r\nAccept: text/plain\r\n", "\r\nX-Key: secret\r\n", "\r\nUser-Agent: Pombal/"};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		assert_true(slice_find(heard, slice_of(wanted[i])) != SLICE_NONE);
	static const char *const unwanted[] = {"Accept-Encoding", "Cookie", "Expect"};
	for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
		assert_true(slice_find_nocase(heard, slice_of(unwanted[i])) == SLICE_NONE);
	request = (struct fetch_request){.method = "HEAD", .url = request.url};
	assert_true(fetch(&rules, &request, test.arena, &answer, &error) && answer.body.len == 0);
	field.value = SLICE("a\r\nX-Other: b");
	request = (struct fetch_request){.url = request.url, .fields = &field, .field_count = 1};
	assert_false(fetch(&rules, &request, test.arena, &answer, &error));
	assert_int_equal(error.kind, ERROR_INVALID);
}

static void addresses_are_looked_at(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	unsigned before = test.requests;
	assert_fails(&rules, "http://private.test/", ERROR_DENIED, "private");
	assert_fails(&rules, "http://metadata.test/", ERROR_DENIED, "link-local");
	assert_fails(&rules, "http://both.test:#/hello", ERROR_DENIED, "private");
	assert_fails(&rules, "http://mapped.test/", ERROR_DENIED, "private");
	assert_fails(&rules, "http://six.test/", ERROR_DENIED, "loopback"); /* only IPv4's is allowed here */
	assert_fails(&rules, "http://[::1]:#/hello", ERROR_DENIED, "loopback");
	assert_fails(&rules, "http://[::ffff:10.0.0.1]/", ERROR_DENIED, "private");
	assert_fails(&rules, "http://[64:ff9b::a00:1]/", ERROR_DENIED, "private");
	assert_fails(&rules, "http://[fe80::1%25lo]/", ERROR_DENIED, "link-local");
	assert_fails(&rules, "http://0xa000001/", ERROR_DENIED, "private");
	assert_fails(&rules, "http://10.1/", ERROR_DENIED, "private");
	assert_fails(&rules, "http://nothing.test/", ERROR_NOT_FOUND, "no address");
	assert_fails(&rules, "http://unknown.test/", ERROR_NOT_FOUND, "no name");
	assert_fails(&rules, "http://away.test/", ERROR_TEMPORARY, "away.test");
	rules.may_reach = NULL;
	assert_fails(&rules, "http://here.test:#/hello", ERROR_DENIED, "loopback");
	assert_fails(&rules, "http://2130706433:#/hello", ERROR_DENIED, "loopback");
	assert_fails(&rules, "http://localhost:#/hello", ERROR_DENIED, "loopback");
	assert_int_equal(test.requests, before);
}

static bool asked;

static bool once(const struct sockaddr_storage *address)
{
	(void)address;
	bool first = !asked;
	asked = true;
	return first;
}

/* The second look is at the socket. */
static void the_connection_is_looked_at_again(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	unsigned before = test.requests;
	rules.may_reach = once;
	assert_fails(&rules, "http://here.test:#/hello", ERROR_DENIED, "isn't allowed");
	assert_int_equal(test.requests, before);
}

static void redirects_are_looked_at(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	assert_gives(&rules, "http://here.test:#/relative", 200, "hello");
	assert_true(slice_starts(slice_of(test.heard), SLICE("GET /hello?x=1 HTTP/1.1\r\n")));
	assert_gives(&rules, "http://here.test:#/to-other", 200, "hello");
	assert_gives(&rules, "http://here.test:#/to-secure", 200, "hello");
	assert_fails(&rules, "http://here.test:#/to-private", ERROR_DENIED, "private");
	assert_fails(&rules, "http://here.test:#/to-both", ERROR_DENIED, "private");
	assert_fails(&rules, "http://here.test:#/to-metadata", ERROR_DENIED, "link-local");
	assert_fails(&rules, "http://here.test:#/to-number", ERROR_NOT_FOUND, "no name");
	assert_fails(&rules, "http://here.test:#/to-file", ERROR_DENIED, "http and https");
	assert_fails(&rules, "http://here.test:#/to-gopher", ERROR_DENIED, "http and https");
	assert_fails(&rules, "http://here.test:#/to-user", ERROR_INVALID, "user's name");
	assert_fails(&rules, "https://tls.test:#/to-plain", ERROR_DENIED, "from https to http");
	assert_fails(&rules, "http://here.test:#/again", ERROR_LIMIT, "more than 3 times");
	rules.redirects = 0;
	assert_gives(&rules, "http://here.test:#/relative", 302, "");
}

static void secrets_stay_with_their_host(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	struct error error;
	struct fetch_answer answer;
	struct fetch_field field = {SLICE("Authorization"), SLICE("Bearer secret")};
	struct fetch_request request = {.url = url_of("http://here.test:#/relative", test.plain_port), .fields = &field, .field_count = 1};
	assert_true(fetch(&rules, &request, test.arena, &answer, &error));
	assert_true(slice_find(slice_of(test.heard), SLICE("Authorization: Bearer secret\r\n")) != SLICE_NONE);
	request.url = url_of("http://here.test:#/to-other", test.plain_port);
	assert_true(fetch(&rules, &request, test.arena, &answer, &error));
	assert_true(slice_starts(slice_of(test.heard), SLICE("GET /hello ")) && slice_find(slice_of(test.heard), SLICE("Authorization")) == SLICE_NONE);
	request.method = "POST";
	request.body = SLICE("x");
	assert_true(fetch(&rules, &request, test.arena, &answer, &error));
	assert_int_equal(answer.status, 302); /* it isn't said twice */
}

static void answers_are_bounded(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	assert_fails(&rules, "http://here.test:#/large", ERROR_LIMIT, "larger than 1000 bytes");
	assert_fails(&rules, "http://here.test:#/body", ERROR_LIMIT, "larger than 1000 bytes");
	assert_fails(&rules, "http://here.test:#/header", ERROR_LIMIT, "header");
	assert_fails(&rules, "http://here.test:#/hints", ERROR_LIMIT, "header");
	struct error error;
	struct fetch_answer answer;
	assert_false(try_url(&rules, "http://here.test:#/line", &answer, &error)); /* libcurl's own limit */
	rules.most = 2000;
	assert_true(try_url(&rules, "http://here.test:#/large", &answer, &error) && answer.body.len == 2000);
	rules.seconds = 1;
	int64_t begun = clock_monotonic_ms();
	assert_fails(&rules, "http://here.test:#/drip", ERROR_TEMPORARY, "in time");
	assert_true(clock_monotonic_ms() - begun < 60000); /* the whole would take longer */
}

static void a_stop_is_heard(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	atomic_bool stop = true;
	rules.stop = &stop;
	rules.seconds = 60;
	assert_fails(&rules, "http://here.test:#/drip", ERROR_INTERRUPTED, "stopping");
}

static void certificates_are_verified(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	assert_fails(&rules, "https://other.test:#/hello", ERROR_TEMPORARY, "of another name");
	rules.trusted = NULL;
	assert_fails(&rules, "https://tls.test:#/hello", ERROR_TEMPORARY, "isn't valid: self-signed certificate");
	rules.certificate_ignored = true;
	assert_gives(&rules, "https://other.test:#/hello", 200, "hello");
	rules = usual_rules();
	rules.trusted = "/nowhere/at/all";
	assert_fails(&rules, "https://tls.test:#/hello", ERROR_INVALID, "can't be read");
	rules = usual_rules();
	rules.plain = false;
	assert_fails(&rules, "http://here.test:#/hello", ERROR_DENIED, "https alone");
	assert_gives(&rules, "https://tls.test:#/hello", 200, "hello");
}

static void urls_are_looked_at(void **state)
{
	(void)state;
	struct fetch_rules rules = usual_rules();
	assert_fails(&rules, "", ERROR_INVALID, "URL");
	assert_fails(&rules, "hello", ERROR_INVALID, "");
	assert_fails(&rules, "http://", ERROR_INVALID, "");
	assert_fails(&rules, "http://here.test/a b", ERROR_INVALID, "URL");
	assert_fails(&rules, "http://here.test/a\r\nX: b", ERROR_INVALID, "URL");
	assert_fails(&rules, "http://h\xc3\xa9re.test/", ERROR_INVALID, "URL");
	assert_fails(&rules, "http://here.test./", ERROR_INVALID, "host");
	assert_fails(&rules, "http://user@here.test/", ERROR_INVALID, "user's name");
	assert_fails(&rules, "ftp://here.test/", ERROR_DENIED, "http and https");
	assert_fails(&rules, "http://here.test:1/", ERROR_TEMPORARY, "no connection to here.test port 1");
	rules.port = (uint16_t)test.plain_port;
	assert_gives(&rules, "http://here.test/hello", 200, "hello");
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	assert_gives(&rules, "http://here.test/hello", 200, "hello");
	unsetenv("http_proxy");
}

static void kinds_of_addresses(void **state)
{
	(void)state;
	static const struct { const char *address, *kind; } cases[] = {
		{"8.8.8.8", NULL}, {"172.32.0.1", NULL}, {"100.128.0.1", NULL}, {"2606:4700::1", NULL}, {"2a00::1", NULL}, {"64:ff9b::808:808", NULL}, {"2002:808:808::1", NULL},
		{"0.0.0.0", "unspecified"}, {"10.255.255.255", "private"}, {"172.16.0.1", "private"}, {"172.31.255.255", "private"}, {"192.168.0.1", "private"},
		{"127.0.0.1", "loopback"}, {"127.255.255.255", "loopback"}, {"169.254.169.254", "link-local"}, {"100.64.0.1", "carrier-grade NAT"},
		{"100.127.255.255", "carrier-grade NAT"}, {"224.0.0.1", "multicast"},
		{"255.255.255.255", "reserved"}, {"192.0.2.1", "documentation"}, {"198.19.0.1", "benchmarking"}, {"::1", "loopback"}, {"::", "unspecified"},
		{"fe80::1", "link-local"}, {"fd00::1", "private"}, {"fec0::1", "site-local"}, {"ff02::1", "multicast"}, {"2001::1", "reserved"}, {"2001:db8::1", "documentation"},
		{"3fff::1", "documentation"}, {"::ffff:127.0.0.1", "loopback"}, {"::127.0.0.1", "reserved"}, {"64:ff9b::a00:1", "private"}, {"64:ff9b:1::1", "reserved"},
		{"2002:a00:1::1", "private"}, {"4000::1", "reserved"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sockaddr_storage address = {.ss_family = strchr(cases[i].address, ':') ? AF_INET6 : AF_INET};
		void *bytes = address.ss_family == AF_INET6 ? (void *)&((struct sockaddr_in6 *)&address)->sin6_addr : (void *)&((struct sockaddr_in *)&address)->sin_addr;
		assert_int_equal(inet_pton(address.ss_family, cases[i].address, bytes), 1);
		const char *kind = fetch_address_kind(&address);
		if ((kind == NULL) != (cases[i].kind == NULL) || (kind && strcmp(kind, cases[i].kind) != 0))
			fail_msg("%s is %s", cases[i].address, kind ? kind : "public");
		if (strcmp(cases[i].address, "127.0.0.1") == 0)
			assert_true(fetch_address_is_own(&address));
		if (kind && strcmp(kind, "documentation") == 0)
			assert_false(fetch_address_is_own(&address));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_whole),
		cmocka_unit_test(requests_say_what_they_are_told),
		cmocka_unit_test(addresses_are_looked_at),
		cmocka_unit_test(the_connection_is_looked_at_again),
		cmocka_unit_test(redirects_are_looked_at),
		cmocka_unit_test(secrets_stay_with_their_host),
		cmocka_unit_test(answers_are_bounded),
		cmocka_unit_test(a_stop_is_heard),
		cmocka_unit_test(certificates_are_verified),
		cmocka_unit_test(urls_are_looked_at),
		cmocka_unit_test(kinds_of_addresses),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("fetch", tests, set_up, tear_down);
}
