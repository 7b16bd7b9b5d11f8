/* SMTP dialogues from data files (tests/transcripts/smtp/), played over real connections against the real event loop and
 * queue, in a data directory of their own; only the auth client is a stand-in (auth_fake.c, which says who lives there).
 *
 * A transcript is read line by line:
 *   L: kind      the kind of listener: relay (without any), submission, submissions (TLS from the start) or lmtp
 *   !: text      a line of the configuration; before anything else, as L
 *   C: text      the client sends the text and CRLF; C2: is a second connection, up to C9:
 *   C!: text     … without CRLF
 *   S: text      the server must send exactly this line; "…" in it stands for anything; S2: likewise
 *   S: (closed)  the server must close the connection
 *   C*9: S2*9:   nine times
 *   T:           the client begins TLS
 *   Q: number    so many messages must be in the queue
 *   E: text      the envelope of the newest of them must be this; see describe()
 *   M: text      its text must have this line; M!: must not
 *   B: number    … must have so many bytes
 * In the client's text {{0d 0a}} stands for bytes in hexadecimal and {{61*9000}} for 9000 times a byte. Everything else is a
 * comment. A connection is made where it is first used, and its greeting is the first line it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/file.h"
#include "base/log.h"
#include "config/config.h"
#include "queue/queue.h"
#include "smtp/smtp.h"

enum { CONNECTIONS = 9, WAIT_MS = 20000, FILE_LARGEST = 1024 * 1024, OUTPUT_LARGEST = 64 * 1024 * 1024 };

static const char *folder;

struct play {
	char data[256];
	struct server *server;
	struct tls_server *tls;
	struct smtp_service service;
	bool implicit_tls;
	pthread_t thread;
	int port;
	struct client {
		int fd; /* -1: not connected */
		SSL *ssl;
		struct buf input;
	} clients[CONNECTIONS];
	const char *file;
	int line;
};

static _Noreturn void give_up(const struct play *play, const char *what, struct slice wanted, struct slice got)
{
	fprintf(stderr, "%s:%d: %s\n  wanted: %.*s\n  got:    %.*s\n", play->file, play->line, what, SLICE_ARG(wanted), SLICE_ARG(got));
	exit(1);
}

/* ---- the server ---- */

static void *serve(void *server)
{
	server_run(server);
	return NULL;
}

static int listen_somewhere(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 20), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static struct tls_server *make_tls(void)
{
	struct error error;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	BIO *chain = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());
	X509_set_version(certificate, 2);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	PEM_write_bio_X509(chain, certificate);
	PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL);
	struct tls_certificate pair = {.name = "test"};
	char *at;
	pair.chain.len = (size_t)BIO_get_mem_data(chain, &at);
	pair.chain.at = at;
	pair.key.len = (size_t)BIO_get_mem_data(secret, &at);
	pair.key.at = at;
	struct tls_server *tls = tls_server_new(&pair, 1, "1.2", &error);
	assert_non_null(tls);
	BIO_free(chain);
	BIO_free(secret);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return tls;
}

/* What the lines "L:" and "!:" say. */
static void read_settings(struct play *play, struct slice rest, struct buf *configuration)
{
	play->service.kind = SMTP_RELAY;
	while (rest.len > 0) {
		struct slice line;
		slice_cut(rest, '\n', &line, &rest);
		if (slice_starts(line, SLICE("!: "))) {
			buf_append(configuration, slice_skip(line, 3));
			buf_append_char(configuration, '\n');
		} else if (slice_starts(line, SLICE("L: "))) {
			struct slice kind = slice_skip(line, 3);
			play->implicit_tls = slice_equal(kind, SLICE("submissions"));
			play->service.kind = slice_equal(kind, SLICE("lmtp")) ? SMTP_LMTP : slice_equal(kind, SLICE("relay")) ? SMTP_RELAY : SMTP_SUBMISSION;
		}
	}
}

static void start(struct play *play, struct slice text)
{
	struct error error;
	struct buf configuration = BUF(FILE_LARGEST);
	const char *base = getenv("TMPDIR");
	snprintf(play->data, sizeof play->data, "%s/smtp-test-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(play->data));
	buf_append_text(&configuration, "hostname = \"mail.example.test\"\n");
	read_settings(play, text, &configuration);
	struct config *config = config_parse(buf_slice(&configuration), "transcript", &error);
	if (!config)
		give_up(play, error.text, buf_slice(&configuration), SLICE(""));
	buf_free(&configuration);
	config_set_current(config);
	play->service.queue = queue_open(play->data, false, &error);
	assert_non_null(play->service.queue);
	play->tls = make_tls();
	play->server = server_new(&(struct server_options){.workers = 4, .connections = 100, .tls = play->tls});
	server_listen(play->server, listen_somewhere(&play->port), &smtp_protocol, play->implicit_tls, &play->service);
	assert_int_equal(pthread_create(&play->thread, NULL, serve, play->server), 0);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info;
	(void)type;
	(void)walk;
	return remove(path);
}

static void stop(struct play *play)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		SSL_free(play->clients[i].ssl);
		if (play->clients[i].fd >= 0)
			close(play->clients[i].fd);
		buf_free(&play->clients[i].input);
	}
	server_stop(play->server, 2);
	pthread_join(play->thread, NULL);
	server_free(&play->server);
	tls_server_free(&play->tls);
	queue_close(&play->service.queue);
	nftw(play->data, remove_entry, 20, FTW_DEPTH | FTW_PHYS);
}

/* ---- the clients ---- */

static void begin_tls(struct client *client)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	client->ssl = SSL_new(context);
	SSL_CTX_free(context);
	SSL_set_fd(client->ssl, client->fd);
	assert_int_equal(SSL_connect(client->ssl), 1);
}

static struct client *client_of(struct play *play, char number)
{
	struct client *client = &play->clients[number - '1'];
	if (client->fd >= 0)
		return client;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)play->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
	if (play->implicit_tls)
		begin_tls(client);
	return client;
}

static void send_all(struct client *client, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t sent = client->ssl ? SSL_write(client->ssl, bytes.at, (int)bytes.len) : send(client->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* closed: the lines that follow will tell */
		bytes = slice_skip(bytes, (size_t)sent);
	}
}

/* The inside of {{…}}: "0d 0a" or "61*9000". */
static void append_bytes(struct buf *out, struct slice inside)
{
	while (inside.len > 0) {
		struct slice word, value, count;
		uint64_t times = 1;
		slice_cut(inside, ' ', &word, &inside);
		if (slice_cut(word, '*', &value, &count))
			assert_true(slice_to_number(count, OUTPUT_LARGEST, &times));
		char byte = (char)strtol(value.at, NULL, 16);
		while (times-- > 0)
			buf_append_char(out, byte);
	}
}

static void client_send(struct play *play, char number, struct slice text, bool line_end)
{
	struct buf out = BUF(OUTPUT_LARGEST);
	for (;;) {
		size_t from = slice_find(text, SLICE("{{")), to = slice_find(text, SLICE("}}"));
		buf_append(&out, slice_sub(text, 0, from));
		if (from == SLICE_NONE || to == SLICE_NONE)
			break;
		append_bytes(&out, slice_sub(text, from + 2, to - from - 2));
		text = slice_skip(text, to + 2);
	}
	if (line_end)
		buf_append_text(&out, "\r\n");
	send_all(client_of(play, number), buf_slice(&out));
	buf_free(&out);
}

/* One line without its end; at == NULL when the server has closed. */
static struct slice receive_line(struct play *play, struct client *client, struct slice wanted)
{
	size_t end;
	while ((end = slice_find(buf_slice(&client->input), SLICE("\r\n"))) == SLICE_NONE) {
		struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
		if (!(client->ssl && SSL_pending(client->ssl)) && poll(&poll_fd, 1, WAIT_MS) <= 0)
			give_up(play, "nothing comes", wanted, buf_slice(&client->input));
		char bytes[16384];
		ssize_t got = client->ssl ? SSL_read(client->ssl, bytes, sizeof bytes) : recv(client->fd, bytes, sizeof bytes, 0);
		if (got <= 0 && client->input.len > 0)
			give_up(play, "closed within a line", wanted, buf_slice(&client->input));
		if (got <= 0)
			return slice_make(NULL, 0);
		buf_append(&client->input, slice_make(bytes, (size_t)got));
	}
	return slice_sub(buf_slice(&client->input), 0, end);
}

/* Does `line` match, with "…" for anything? */
static bool line_matches(struct slice pattern, struct slice line)
{
	struct slice any = SLICE("…");
	size_t at = slice_find(pattern, any);
	if (at == SLICE_NONE)
		return slice_equal(pattern, line);
	if (!slice_equal(slice_sub(pattern, 0, at), slice_sub(line, 0, at)))
		return false;
	pattern = slice_skip(pattern, at + any.len);
	line = slice_skip(line, at);
	for (size_t i = 0; i <= line.len; i++)
		if (line_matches(pattern, slice_skip(line, i)))
			return true;
	return false;
}

static void client_expect(struct play *play, char number, struct slice wanted)
{
	struct client *client = client_of(play, number);
	struct slice line = receive_line(play, client, wanted);
	if (slice_equal(wanted, SLICE("(closed)"))) {
		if (line.at)
			give_up(play, "still open", wanted, line);
		return;
	}
	if (!line.at)
		give_up(play, "closed", wanted, slice_make("", 0));
	if (!line_matches(wanted, line))
		give_up(play, "another line", wanted, line);
	buf_consume(&client->input, line.len + 2);
}

/* ---- the queue ---- */

static void append_flag(struct buf *out, bool set, const char *text)
{
	if (set)
		buf_append_text(out, text);
}

/* "<sender> for <recipient> notify=6 orcpt=rfc822;a@b, <recipient> body=8BITMIME smtputf8 ret=HDRS envid=x account=y": only what isn't
 * as it is without any parameter. */
static void describe(const struct queue_message *message, struct buf *out)
{
	static const char *const bodies[] = {"", " body=8BITMIME", " body=BINARYMIME"}, *const returns[] = {"", " ret=FULL", " ret=HDRS"};
	buf_printf(out, "<%.*s> for", SLICE_ARG(message->from));
	for (size_t i = 0; i < message->recipient_count; i++) {
		const struct queue_recipient *recipient = &message->recipients[i];
		buf_printf(out, "%s <%.*s>", i ? "," : "", SLICE_ARG(recipient->address));
		if (recipient->notify)
			buf_printf(out, " notify=%u", recipient->notify);
		if (recipient->original.len > 0)
			buf_printf(out, " orcpt=%.*s", SLICE_ARG(recipient->original));
	}
	buf_append_text(out, bodies[message->body]);
	append_flag(out, message->smtputf8, " smtputf8");
	buf_append_text(out, returns[message->ret]);
	if (message->envid.len > 0)
		buf_printf(out, " envid=%.*s", SLICE_ARG(message->envid));
	if (message->account.len > 0)
		buf_printf(out, " account=%.*s", SLICE_ARG(message->account));
}

static void read_body(struct play *play, int64_t id, struct arena *arena, struct buf *body)
{
	struct error error;
	struct slice bytes;
	int fd;
	if (!queue_body(play->service.queue, id, arena, &bytes, &fd, &error))
		give_up(play, error.text, SLICE("a body"), SLICE(""));
	if (fd < 0)
		buf_append(body, bytes);
	else {
		assert_true(file_read_fd(fd, body, &error));
		close(fd);
	}
}

static bool has_line(struct slice body, struct slice pattern)
{
	while (body.len > 0) {
		size_t end = slice_find(body, SLICE("\r\n"));
		if (line_matches(pattern, slice_sub(body, 0, end)))
			return true;
		body = slice_skip(body, end == SLICE_NONE ? body.len : end + 2);
	}
	return false;
}

static void queue_expect(struct play *play, char kind, bool wanted, struct slice text)
{
	struct arena *arena = arena_new();
	struct buf found = BUF(OUTPUT_LARGEST);
	struct queue_message *list;
	struct error error;
	size_t count;
	uint64_t number = 0;
	bool right = true;
	assert_true(queue_list(play->service.queue, &(struct queue_filter){0}, arena, &list, &count, &error));
	if (kind != 'Q' && count == 0)
		give_up(play, "the queue is empty", text, SLICE(""));
	if (kind == 'Q' || kind == 'B')
		assert_true(slice_to_number(text, UINT64_MAX, &number));
	if (kind == 'Q') {
		buf_append_number(&found, count);
		right = count == number;
	} else if (kind == 'E') {
		describe(&list[count - 1], &found);
		right = line_matches(text, buf_slice(&found));
	} else {
		read_body(play, list[count - 1].id, arena, &found);
		right = kind == 'M' ? has_line(buf_slice(&found), text) == wanted : found.len == number && list[count - 1].size == number;
	}
	if (!right)
		give_up(play, "the queue holds something else", text, slice_sub(buf_slice(&found), 0, 2000));
	buf_free(&found);
	arena_free(&arena);
}

/* ---- playing ---- */

struct step {
	char kind, number;  /* number: of the connection, '1' to '9' */
	bool plain;         /* without "!" */
	uint64_t times;
	struct slice text;
};

/* "C2!*3: text". False for a comment. */
static bool parse_step(struct slice line, struct step *step)
{
	struct slice head, times;
	if (!slice_cut(line, ':', &head, &step->text) || head.len == 0 || !memchr("CSTQEMB", head.at[0], 7))
		return false;
	step->times = 1;
	if (slice_cut(head, '*', &head, &times) && !slice_to_number(times, OUTPUT_LARGEST, &step->times))
		return false;
	step->kind = head.at[0];
	step->plain = head.at[head.len - 1] != '!';
	if (!step->plain)
		head.len--;
	step->number = head.len > 1 ? head.at[1] : '1';
	if (slice_starts(step->text, SLICE(" ")))
		step->text = slice_skip(step->text, 1);
	return head.len <= 2 && step->number >= '1' && step->number <= '9';
}

static void play_step(struct play *play, const struct step *step)
{
	if (step->kind == 'T')
		begin_tls(client_of(play, step->number));
	else if (step->kind == 'C')
		client_send(play, step->number, step->text, step->plain);
	else if (step->kind == 'S')
		client_expect(play, step->number, step->text);
	else
		queue_expect(play, step->kind, step->plain, step->text);
}

static void play_transcript(void **state)
{
	char path[1024];
	struct error error;
	struct play play = {.file = *state};
	struct buf text = BUF(FILE_LARGEST);
	snprintf(path, sizeof path, "%s/%s", folder, play.file);
	assert_true(file_read(path, &text, &error));
	for (int i = 0; i < CONNECTIONS; i++)
		play.clients[i] = (struct client){-1, NULL, BUF(OUTPUT_LARGEST)};
	start(&play, buf_slice(&text));
	for (struct slice line, rest = buf_slice(&text); rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		struct step step;
		play.line++;
		if (!parse_step(line, &step))
			continue;
		for (uint64_t i = 0; i < step.times; i++)
			play_step(&play, &step);
	}
	stop(&play);
	buf_free(&text);
}

static int is_transcript(const struct dirent *entry)
{
	return slice_ends_nocase(slice_of(entry->d_name), SLICE(".txt"));
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	if (argc < 2) {
		fprintf(stderr, "smtp_test FOLDER [FILE]\n");
		return 2;
	}
	folder = argv[1];
	log_set_role("test", LOG_LEVEL_ERROR + 1);
	int count = scandir(folder, &entries, is_transcript, alphasort);
	struct CMUnitTest *tests = calloc(count > 0 ? (size_t)count : 1, sizeof *tests);
	size_t chosen = 0;
	for (int i = 0; i < count; i++)
		if (argc < 3 || slice_equal(slice_of(argv[2]), slice_of(entries[i]->d_name)))
			tests[chosen++] = (struct CMUnitTest){.name = entries[i]->d_name, .test_func = play_transcript, .initial_state = entries[i]->d_name};
	int failed = chosen > 0 ? _cmocka_run_group_tests("transcripts", tests, chosen, NULL, NULL) : 1;
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	free(tests);
	config_free_all();
	return failed;
}
