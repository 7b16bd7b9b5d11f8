/* See transcript.h. */
#include "testing/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "config/config.h"

enum {
	CONNECTIONS = 9,
	WAIT_MS = 20000,
	FILE_LARGEST = 1024 * 1024,
	OUTPUT_LARGEST = 64 * 1024 * 1024,
};

struct client {
	int fd; /* -1: not connected */
	SSL *ssl;
	struct buf input;
};

struct transcript {
	const struct transcript_protocol *protocol;
	const char *file;
	int line;
	char data[256];
	struct server *server;
	struct tls_server *tls;
	bool implicit_tls;
	pthread_t thread;
	int port;
	struct client clients[CONNECTIONS];
};

/* Of the run: the protocol and where its transcripts are. */
static const struct transcript_protocol *played;
static const char *folder;

void transcript_give_up(const struct transcript *transcript, const char *what, struct slice wanted, struct slice got)
{
	fprintf(stderr, "%s:%d: %s\n  wanted: %.*s\n  got:    %.*s\n", transcript->file, transcript->line, what, SLICE_ARG(wanted), SLICE_ARG(got));
	exit(1);
}

/* ---- The server ---- */

static void *serve(void *server)
{
	server_run(server);
	return NULL;
}

/* Does the transcript set the option that this line of the protocol's own configuration sets? */
static bool is_set_anew(struct slice own, struct slice text)
{
	struct slice line, name, value, other;
	slice_cut(own, '=', &name, &value);
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		if (slice_starts(line, SLICE("!: ")) && slice_cut(slice_skip(line, 3), '=', &other, &value) && slice_equal(slice_trim(other), slice_trim(name)))
			return true;
	}
	return false;
}

static void configure(struct transcript *transcript, struct slice text)
{
	struct error error;
	struct buf configuration = BUF(FILE_LARGEST);
	struct slice line, own = slice_of(transcript->protocol->configuration);
	while (own.len > 0) {
		slice_cut(own, '\n', &line, &own);
		if (!is_set_anew(line, text)) {
			buf_append(&configuration, line);
			buf_append_char(&configuration, '\n');
		}
	}
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		if (!slice_starts(line, SLICE("!: ")))
			continue;
		buf_append(&configuration, slice_skip(line, 3));
		buf_append_char(&configuration, '\n');
	}
	struct config *config = config_parse(buf_slice(&configuration), "transcript", &error);
	if (!config)
		transcript_give_up(transcript, error.text, buf_slice(&configuration), SLICE(""));
	config_set_current(config);
	buf_free(&configuration);
}

static void start(struct transcript *transcript, struct slice text)
{
	const char *base = getenv("TMPDIR");
	bool offers_tls = true;
	snprintf(transcript->data, sizeof transcript->data, "%s/%s-test-XXXXXX", base ? base : "/tmp", transcript->protocol->name);
	assert_non_null(mkdtemp(transcript->data));
	configure(transcript, text);
	void *context = transcript->protocol->start(transcript, transcript->data, text, &transcript->implicit_tls, &offers_tls);
	if (offers_tls)
		transcript->tls = test_tls_server();
	transcript->server = server_new(&(struct server_options){.workers = 4, .connections = 100, .tls = transcript->tls});
	server_listen(transcript->server, test_listen(&transcript->port), transcript->protocol->protocol, transcript->implicit_tls, context);
	assert_int_equal(pthread_create(&transcript->thread, NULL, serve, transcript->server), 0);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info;
	(void)type;
	(void)walk;
	return remove(path);
}

static void stop(struct transcript *transcript)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		SSL_free(transcript->clients[i].ssl);
		if (transcript->clients[i].fd >= 0)
			close(transcript->clients[i].fd);
		buf_free(&transcript->clients[i].input);
	}
	server_stop(transcript->server, 2);
	pthread_join(transcript->thread, NULL);
	server_free(&transcript->server);
	tls_server_free(&transcript->tls);
	transcript->protocol->stop();
	nftw(transcript->data, remove_entry, 20, FTW_DEPTH | FTW_PHYS);
}

/* ---- The clients ---- */

static void begin_tls(struct client *client)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	client->ssl = SSL_new(context);
	SSL_CTX_free(context);
	SSL_set_fd(client->ssl, client->fd);
	assert_int_equal(SSL_connect(client->ssl), 1);
}

static struct client *client_of(struct transcript *transcript, char number)
{
	struct client *client = &transcript->clients[number - '1'];
	if (client->fd >= 0)
		return client;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)transcript->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
	if (transcript->implicit_tls)
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

static void client_send(struct client *client, struct slice text, bool line_end)
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
	send_all(client, buf_slice(&out));
	buf_free(&out);
}

/* False: the server has closed. */
static bool receive_more(struct transcript *transcript, struct client *client, struct slice wanted)
{
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
	if (!(client->ssl && SSL_pending(client->ssl)) && poll(&poll_fd, 1, WAIT_MS) <= 0)
		transcript_give_up(transcript, "nothing comes", wanted, buf_slice(&client->input));
	char bytes[16384];
	ssize_t got = client->ssl ? SSL_read(client->ssl, bytes, sizeof bytes) : recv(client->fd, bytes, sizeof bytes, 0);
	return got > 0 && buf_append(&client->input, slice_make(bytes, (size_t)got));
}

/* One line without its end; at == NULL when the server has closed. */
static struct slice receive_line(struct transcript *transcript, struct client *client, struct slice wanted)
{
	size_t end;
	while ((end = slice_find(buf_slice(&client->input), SLICE("\r\n"))) == SLICE_NONE) {
		if (receive_more(transcript, client, wanted))
			continue;
		if (client->input.len > 0)
			transcript_give_up(transcript, "closed within a line", wanted, buf_slice(&client->input));
		return slice_make(NULL, 0);
	}
	return slice_sub(buf_slice(&client->input), 0, end);
}

void transcript_take_line(struct transcript *transcript, struct slice wanted, struct buf *line)
{
	struct client *client = client_of(transcript, '1');
	struct slice got = receive_line(transcript, client, wanted);
	if (!got.at)
		transcript_give_up(transcript, "closed", wanted, SLICE(""));
	buf_clear(line);
	buf_append(line, got);
	buf_consume(&client->input, got.len + 2);
}

void transcript_take_bytes(struct transcript *transcript, struct slice wanted, size_t count, struct buf *bytes)
{
	struct client *client = client_of(transcript, '1');
	while (client->input.len < count)
		if (!receive_more(transcript, client, wanted))
			transcript_give_up(transcript, "closed", wanted, buf_slice(&client->input));
	buf_clear(bytes);
	buf_append(bytes, slice_sub(buf_slice(&client->input), 0, count));
	buf_consume(&client->input, count);
}

bool transcript_matches(struct slice pattern, struct slice line)
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
		if (transcript_matches(pattern, slice_skip(line, i)))
			return true;
	return false;
}

static void client_expect(struct transcript *transcript, struct client *client, struct slice wanted)
{
	struct slice line = receive_line(transcript, client, wanted);
	if (slice_equal(wanted, SLICE("(closed)"))) {
		if (line.at)
			transcript_give_up(transcript, "still open", wanted, line);
		return;
	}
	if (!line.at)
		transcript_give_up(transcript, "closed", wanted, SLICE(""));
	if (!transcript_matches(wanted, line))
		transcript_give_up(transcript, "another line", wanted, line);
	buf_consume(&client->input, line.len + 2);
}

/* ---- Playing ---- */

struct step {
	char kind, number;  /* number: of the connection, '1' to '9' */
	bool plain;         /* without "!" */
	uint64_t times;
	struct slice text;
};

static bool is_kind(const struct transcript *transcript, char kind)
{
	return kind == 'C' || kind == 'S' || kind == 'T' || (transcript->protocol->steps && strchr(transcript->protocol->steps, kind));
}

/* "C2!*3: text". False for a comment. */
static bool parse_step(const struct transcript *transcript, struct slice line, struct step *step)
{
	struct slice head, times;
	if (!slice_cut(line, ':', &head, &step->text) || head.len == 0 || head.at[0] == '\0' || !is_kind(transcript, head.at[0]))
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

static void play_step(struct transcript *transcript, const struct step *step)
{
	if (step->kind == 'T')
		begin_tls(client_of(transcript, step->number));
	else if (step->kind == 'C')
		client_send(client_of(transcript, step->number), step->text, step->plain);
	else if (step->kind == 'S')
		client_expect(transcript, client_of(transcript, step->number), step->text);
	else
		transcript->protocol->step(transcript, step->kind, step->plain, step->text);
}

static void play(void **state)
{
	char path[1024];
	struct error error;
	struct transcript transcript = {.protocol = played, .file = *state};
	struct buf text = BUF(FILE_LARGEST);
	snprintf(path, sizeof path, "%s/%s", folder, transcript.file);
	assert_true(file_read(path, &text, &error));
	for (int i = 0; i < CONNECTIONS; i++)
		transcript.clients[i] = (struct client){-1, NULL, BUF(OUTPUT_LARGEST)};
	start(&transcript, buf_slice(&text));
	for (struct slice line, rest = buf_slice(&text); rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		struct step step;
		transcript.line++;
		if (!parse_step(&transcript, line, &step))
			continue;
		for (uint64_t i = 0; i < step.times; i++)
			play_step(&transcript, &step);
	}
	stop(&transcript);
	buf_free(&text);
}

static int is_transcript(const struct dirent *entry)
{
	return slice_ends_nocase(slice_of(entry->d_name), SLICE(".txt"));
}

int transcript_main(int argc, char **argv, const struct transcript_protocol *protocol)
{
	struct dirent **entries;
	if (argc < 2) {
		fprintf(stderr, "%s_test FOLDER [FILE]\n", protocol->name);
		return 2;
	}
	played = protocol;
	folder = argv[1];
	log_set_role("test", LOG_LEVEL_ERROR + 1);
	int count = scandir(folder, &entries, is_transcript, alphasort);
	struct CMUnitTest *tests = calloc(count > 0 ? (size_t)count : 1, sizeof *tests);
	size_t chosen = 0;
	for (int i = 0; i < count; i++)
		if (argc < 3 || slice_equal(slice_of(argv[2]), slice_of(entries[i]->d_name)))
			tests[chosen++] = (struct CMUnitTest){.name = entries[i]->d_name, .test_func = play, .initial_state = entries[i]->d_name};
	int failed = chosen > 0 ? _cmocka_run_group_tests("transcripts", tests, chosen, NULL, NULL) : 1;
	for (int i = 0; i < count; i++)
		free(entries[i]);
	if (count >= 0)
		free(entries);
	free(tests);
	config_free_all();
	return failed;
}
