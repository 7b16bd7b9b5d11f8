/* POP3 over real sockets, with a real store and a real auth role in a thread. Dialogues are the transcripts in
 * tests/transcripts/pop3/ (the folder is the first argument); what needs a program's hand is here: STLS, big maildrops,
 * clients that don't read.
 *
 * A transcript's lines: "C: text" is sent with CRLF, "S: text" must come ("..." at its end: whatever follows; {v}: a number;
 * "<closed>": the end of the connection; spaces at the end don't matter). C2 and S2 belong to a second connection, which is
 * opened when it is first named. "raw: text" is sent as it is, with \r \n \0; "fill: n" sends n bytes without a line end, then
 * CRLF; "mail: text" puts a message into alice's INBOX, "expunge n" takes the one with UID n out; "config: line" changes the
 * configuration; "close n" closes a connection; "retry n command" repeats it while the answer is [IN-USE]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <gsasl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "auth/directory.h"
#include "auth/server.h"
#include "auth/test_folder.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "net/fixture.h"
#include "pop3/pop3.h"
#include "store/store.h"

enum { CONNECTIONS_MAX = 4, LINE_MAX_SIZE = 2000, PATIENCE_MS = 20000, ALL_MAX = 64 * 1024 * 1024 };
#define ALICE SLICE("alice@example.test")

static const char *transcripts;

/* Of the whole run: people don't change. */
static struct {
	struct test_folder folder;
	int ends[2];
	struct auth_server *server;
	pthread_t thread;
	struct auth *auth;
	struct tls_server *tls;
} people;

/* Of one test. */
static struct {
	struct test_folder folder;
	struct store *store;
	struct pop3_service service;
	struct server *server;
	pthread_t thread;
	int port;
	int connections[CONNECTIONS_MAX];
} t;

static void configure(const char *line)
{
	struct error error;
	char text[500];
	snprintf(text, sizeof text, "hostname = mail.example.test\nauth_failures = 1000\nauth_failures_per_address = 0\n%s%s\n",
		 strstr(line, "plaintext_auth") ? "" : "plaintext_auth = yes\n", line);
	struct config *config = config_parse(slice_of(text), "test", &error);
	assert_non_null(config);
	config_set_current(config);
}

/* ---- The servers ---- */

static void *serve_people(void *argument)
{
	(void)argument;
	auth_server_run(people.server);
	return NULL;
}

static int people_set_up(void **state)
{
	(void)state;
	struct error error;
	log_set_role("test", LOG_LEVEL_ERROR + 1);
	configure("");
	test_folder_make(&people.folder);
	struct directory *directory = directory_open(people.folder.path, &error);
	const char *const names[][2] = {{"alice@example.test", "wonderland"}, {"bob@example.test", "builder"}, {"carol@example.test", " two words "}};
	assert_true(directory_add_domain(directory, &(struct auth_domain_entry){.name = SLICE("example.test")}, &error));
	for (size_t i = 0; i < 3; i++) {
		assert_true(directory_add_account(directory, &(struct auth_account_entry){.name = slice_of(names[i][0]), .enabled = true}, &error));
		assert_true(directory_set_password(directory, slice_of(names[i][0]), slice_of(names[i][1]), &error));
	}
	directory_close(&directory);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, people.ends), 0);
	people.server = auth_server_new(people.folder.path, &error);
	auth_server_add_channel(people.server, people.ends[1]);
	pthread_create(&people.thread, NULL, serve_people, NULL);
	people.auth = auth_open(people.ends[0]);
	people.tls = test_tls_server();
	return people.tls ? 0 : -1;
}

static int people_tear_down(void **state)
{
	(void)state;
	auth_close(&people.auth);
	auth_server_stop(people.server);
	pthread_join(people.thread, NULL);
	auth_server_free(&people.server);
	tls_server_free(&people.tls);
	test_folder_remove(&people.folder);
	config_free_all();
	return 0;
}

static void *serve_mail(void *argument)
{
	(void)argument;
	server_run(t.server);
	return NULL;
}

static int set_up(void **state)
{
	(void)state;
	struct error error;
	configure("");
	memset(t.connections, -1, sizeof t.connections);
	test_folder_make(&t.folder);
	t.store = store_open(&(struct store_options){.data = t.folder.path, .undelete_seconds = 3600}, &error);
	assert_non_null(t.store);
	assert_true(store_create_account(t.store, ALICE, &error));
	assert_true(store_create_account(t.store, SLICE("bob@example.test"), &error));
	assert_true(store_create_account(t.store, SLICE("carol@example.test"), &error));
	t.service = (struct pop3_service){.auth = people.auth, .store = t.store};
	t.server = server_new(&(struct server_options){.workers = 4, .connections = 100, .tls = people.tls});
	server_listen(t.server, test_listen(&t.port), &pop3_protocol, false, &t.service);
	assert_int_equal(pthread_create(&t.thread, NULL, serve_mail, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (t.connections[i] >= 0)
			close(t.connections[i]);
	server_stop(t.server, 10);
	pthread_join(t.thread, NULL);
	server_free(&t.server);
	store_close(&t.store);
	test_folder_remove(&t.folder);
	return 0;
}

/* ---- A client ---- */

static int connect_to_server(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)t.port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static int connection(int number)
{
	assert_in_range(number, 1, CONNECTIONS_MAX);
	if (t.connections[number - 1] < 0)
		t.connections[number - 1] = connect_to_server();
	return t.connections[number - 1];
}

static void send_all(int fd, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t sent = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* the server has closed: what comes next will say so */
		bytes = slice_skip(bytes, (size_t)sent);
	}
}

static void send_line(int fd, const char *text)
{
	send_all(fd, slice_of(text));
	send_all(fd, SLICE("\r\n"));
}

/* One line without CRLF and spaces at its end; "<closed>" at the end of the connection. */
static const char *read_line(int fd, char line[LINE_MAX_SIZE])
{
	size_t len = 0;
	while (len < LINE_MAX_SIZE - 1) {
		struct pollfd polled = {.fd = fd, .events = POLLIN}; /* SO_RCVTIMEO would let the kernel's own affairs interrupt it (io_uring) */
		if (poll(&polled, 1, PATIENCE_MS) != 1)
			return "<nothing came>";
		if (recv(fd, line + len, 1, 0) <= 0)
			return "<closed>";
		if (line[len++] == '\n')
			break;
	}
	while (len > 0 && ascii_is_space(line[len - 1]))
		len--;
	line[len] = '\0';
	return line;
}

static bool matches(const char *wanted, const char *line)
{
	while (*wanted) {
		if (strncmp(wanted, "...", 3) == 0 && wanted[3] == '\0')
			return true;
		if (strncmp(wanted, "{v}", 3) == 0) {
			if (!ascii_is_digit(*line))
				return false;
			while (ascii_is_digit(*line))
				line++;
			wanted += 3;
		} else if (*wanted++ != *line++)
			return false;
	}
	return *line == '\0';
}

/* ---- Transcripts ---- */

static struct buf unescape(const char *text)
{
	struct buf out = BUF(1 << 20);
	for (; *text; text++) {
		if (*text != '\\' || !text[1])
			buf_append_char(&out, *text);
		else {
			text++;
			buf_append_char(&out, *text == 'r' ? '\r' : *text == 'n' ? '\n' : *text == '0' ? '\0' : *text);
		}
	}
	return out;
}

static void add_mail(struct slice text)
{
	struct error error;
	struct mailbox inbox;
	struct arena *arena = arena_new();
	struct account *account = store_open_account(t.store, ALICE, &error);
	assert_non_null(account);
	assert_true(mailbox_find(account, SLICE("INBOX"), arena, &inbox, &error));
	struct draft *draft = draft_new(account);
	assert_true(draft_write(draft, text, &error));
	struct placement placement = {.mailbox = inbox.id};
	assert_true(draft_commit(account, &draft, &placement, 1, &error));
	store_release_account(&account);
	arena_free(&arena);
}

static void expunge_through(struct store *store, uint32_t uid)
{
	struct error error;
	struct mailbox inbox;
	struct arena *arena = arena_new();
	uint32_t *removed;
	size_t count;
	struct account *account = store_open_account(store, ALICE, &error);
	assert_true(mailbox_find(account, SLICE("INBOX"), arena, &inbox, &error));
	assert_true(message_expunge(account, inbox.id, &uid, 1, true, arena, &removed, &count, &error));
	assert_int_equal(count, 1);
	store_release_account(&account);
	arena_free(&arena);
}

static void send_escaped(int fd, const char *text)
{
	struct buf bytes = unescape(text);
	send_all(fd, buf_slice(&bytes));
	buf_free(&bytes);
}

static void fill(int fd, const char *text)
{
	uint64_t count;
	assert_true(slice_to_number(slice_of(text), 1000000, &count));
	char *bytes = memory_new(count + 2);
	memset(bytes, 'x', count);
	memcpy(bytes + count, "\r\n", 2);
	send_all(fd, slice_make(bytes, count + 2));
	free(bytes);
}

static void retry(int fd, const char *command)
{
	char line[LINE_MAX_SIZE];
	for (int i = 0; i < 100; i++) {
		send_line(fd, command);
		int got = 0;
		while (recv(fd, line, sizeof line, MSG_PEEK) > 0 && !memchr(line, '\n', 20) && got++ < 100)
			usleep(1000);
		if (strncmp(line, "-ERR [IN-USE]", 13) != 0)
			return;
		read_line(fd, line);
		usleep(20000);
		send_line(fd, "USER alice");
		read_line(fd, line);
	}
}

/* "C2: text": the number after the word, 1 if there is none, and the text. */
static bool is_step(const char *line, const char *word, int *number, const char **text)
{
	size_t len = strlen(word);
	if (strncmp(line, word, len) != 0)
		return false;
	line += len;
	*number = ascii_is_digit(*line) ? *line++ - '0' : 1;
	if (*line++ != ':')
		return false;
	*text = *line == ' ' ? line + 1 : line;
	return true;
}

static void expect(const char *wanted, int number, const char *place)
{
	char line[LINE_MAX_SIZE];
	const char *got = read_line(connection(number), line);
	if (matches(wanted, got))
		return;
	fprintf(stderr, "%s: wanted \"%s\", got \"%s\"\n", place, wanted, got);
	fail();
}

static void run_step(const char *line, const char *place)
{
	int number;
	const char *text;
	if (is_step(line, "C", &number, &text))
		send_line(connection(number), text);
	else if (is_step(line, "S", &number, &text))
		expect(text, number, place);
	else if (is_step(line, "raw", &number, &text))
		send_escaped(connection(number), text);
	else if (is_step(line, "fill", &number, &text))
		fill(connection(number), text);
	else if (is_step(line, "config", &number, &text))
		configure(text);
	else if (is_step(line, "mail", &number, &text)) {
		struct buf mail = unescape(text);
		add_mail(buf_slice(&mail));
		buf_free(&mail);
	} else if (strncmp(line, "expunge ", 8) == 0)
		expunge_through(t.store, (uint32_t)(line[8] - '0'));
	else if (strncmp(line, "close ", 6) == 0) {
		close(t.connections[line[6] - '1']);
		t.connections[line[6] - '1'] = -1;
	} else if (strncmp(line, "retry ", 6) == 0)
		retry(connection(line[6] - '0'), line + 8);
	else if (*line != '#' && *line != '\0') {
		fprintf(stderr, "%s: not a step\n", place);
		fail();
	}
}

static void transcript(void **state)
{
	const char *name = *state;
	char path[600], place[700], step[LINE_MAX_SIZE];
	struct buf text = BUF(1 << 20);
	struct error error;
	snprintf(path, sizeof path, "%s/%s", transcripts, name);
	assert_true(file_read(path, &text, &error));
	struct slice line, rest = buf_slice(&text);
	for (int number = 1; rest.len > 0; number++) {
		slice_cut(rest, '\n', &line, &rest);
		snprintf(step, sizeof step, "%.*s", SLICE_ARG(line));
		snprintf(place, sizeof place, "%s:%d", name, number);
		/* Spaces at the end matter in what the client sends. */
		run_step(step, place);
	}
	buf_free(&text);
}

/* ---- What transcripts can't show ---- */

static void greet(int fd)
{
	char line[LINE_MAX_SIZE];
	assert_true(matches("+OK ...", read_line(fd, line)));
}

static void command(int fd, const char *text, const char *wanted)
{
	char line[LINE_MAX_SIZE];
	send_line(fd, text);
	const char *got = read_line(fd, line);
	if (!matches(wanted, got)) {
		fprintf(stderr, "%s: wanted \"%s\", got \"%s\"\n", text, wanted, got);
		fail();
	}
}

static void sign_in(int fd, const char *wanted)
{
	greet(fd);
	command(fd, "USER alice", "+OK ...");
	command(fd, "PASS wonderland", wanted);
}

static const char *read_tls(SSL *ssl, char line[LINE_MAX_SIZE])
{
	size_t len = 0;
	while (len < LINE_MAX_SIZE - 1 && SSL_read(ssl, line + len, 1) == 1)
		if (line[len++] == '\n')
			break;
	while (len > 0 && ascii_is_space(line[len - 1]))
		len--;
	line[len] = '\0';
	return line;
}

static void command_tls(SSL *ssl, const char *text, const char *wanted)
{
	char line[LINE_MAX_SIZE];
	SSL_write(ssl, text, (int)strlen(text));
	SSL_write(ssl, "\r\n", 2);
	const char *got = read_tls(ssl, line);
	if (!matches(wanted, got)) {
		fprintf(stderr, "%s: wanted \"%s\", got \"%s\"\n", text, wanted, got);
		fail();
	}
}

static void nothing_pipelined_survives_stls(void **state)
{
	(void)state;
	char line[LINE_MAX_SIZE];
	configure("plaintext_auth = no");
	int fd = connect_to_server();
	greet(fd);
	send_all(fd, SLICE("STLS\r\nUSER alice\r\nCAPA\r\n"));
	assert_true(matches("+OK go ahead", read_line(fd, line)));
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_connect(ssl), 1);
	command_tls(ssl, "PASS wonderland", "-ERR USER comes first"); /* and the first answer is to this */
	command_tls(ssl, "STLS", "-ERR this is TLS already");
	command_tls(ssl, "USER alice", "+OK ...");
	command_tls(ssl, "PASS wonderland", "+OK 0 messages, 0 octets");
	command_tls(ssl, "QUIT", "+OK ...");
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
}

/* SCRAM-SHA-256-PLUS with libgsasl as the client: both ends must see the same TLS (RFC 5802 §6, RFC 9266). */
static int on_property(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
	(void)library;
	const unsigned char *binding = gsasl_session_hook_get(session);
	unsigned char text[64];
	switch ((int)property) {
	case GSASL_AUTHID:
		return gsasl_property_set(session, property, "alice");
	case GSASL_PASSWORD:
		return gsasl_property_set(session, property, "wonderland");
	case GSASL_CB_TLS_EXPORTER:
		EVP_EncodeBlock(text, binding, 32);
		return gsasl_property_set(session, property, (const char *)text);
	default:
		return GSASL_NO_CALLBACK;
	}
}

/* Runs the exchange and gives the server's last line. */
static const char *exchange_scram(SSL *ssl, unsigned char binding[32], char line[LINE_MAX_SIZE])
{
	Gsasl *library;
	Gsasl_session *session;
	char *answer;
	assert_int_equal(gsasl_init(&library), GSASL_OK);
	gsasl_callback_set(library, on_property);
	assert_int_equal(gsasl_client_start(library, "SCRAM-SHA-256-PLUS", &session), GSASL_OK);
	gsasl_session_hook_set(session, binding);
	assert_int_equal(gsasl_step64(session, NULL, &answer), GSASL_NEEDS_MORE);
	snprintf(line, LINE_MAX_SIZE, "AUTH SCRAM-SHA-256-PLUS %s\r\n", answer);
	gsasl_free(answer);
	SSL_write(ssl, line, (int)strlen(line));
	while (strncmp(read_tls(ssl, line), "+ ", 2) == 0) {
		assert_in_range(gsasl_step64(session, line + 2, &answer), GSASL_OK, GSASL_NEEDS_MORE);
		snprintf(line, LINE_MAX_SIZE, "%s\r\n", answer);
		gsasl_free(answer);
		SSL_write(ssl, line, (int)strlen(line));
	}
	gsasl_finish(session);
	gsasl_done(library);
	return line;
}

static void scram_is_bound_to_the_channel(void **state)
{
	(void)state;
	unsigned char binding[32];
	char line[LINE_MAX_SIZE];
	configure("plaintext_auth = no");
	int fd = connect_to_server();
	greet(fd);
	command(fd, "STLS", "+OK ...");
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_connect(ssl), 1);
	assert_int_equal(SSL_export_keying_material(ssl, binding, sizeof binding, "EXPORTER-Channel-Binding", 24, NULL, 0, 0), 1);
	command_tls(ssl, "AUTH SCRAM-SHA-256 eSwsbj1hbGljZSxyPWFiY2RlZmdo", "+ ..."); /* "y,,…": saw no -PLUS, and rightly so */
	command_tls(ssl, "*", "-ERR ...");
	binding[0] ^= 1;
	assert_true(matches("-ERR [AUTH] ...", exchange_scram(ssl, binding, line)));
	binding[0] ^= 1;
	assert_true(matches("+OK 0 messages, 0 octets", exchange_scram(ssl, binding, line)));
	command_tls(ssl, "QUIT", "+OK ...");
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
}

static struct buf read_to_end(int fd)
{
	struct buf all = BUF(ALL_MAX);
	char *room;
	while ((room = buf_reserve(&all, 65536))) {
		ssize_t got = recv(fd, room, 65536, 0);
		if (got <= 0)
			break;
		buf_claim(&all, (size_t)got);
	}
	return all;
}

/* 20 MB with every kind of line end at every place in the pieces, for a client that doesn't read for a while. */
static void a_large_message_arrives_whole(void **state)
{
	(void)state;
	struct buf mail = BUF(ALL_MAX), wanted = BUF(ALL_MAX);
	buf_append_text(&mail, "Subject: large\r\n\r\n");
	for (int i = 0; mail.len < 20 * 1024 * 1024; i++)
		buf_printf(&mail, "%s%.*s\r\n", i % 3 ? "" : i % 2 ? "." : "..", i % 70, "0123456789.....0123456789.....0123456789.....0123456789.....0123456789....");
	struct slice line, rest = buf_slice(&mail);
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (line.at[0] == '.')
			buf_append_char(&wanted, '.');
		buf_append(&wanted, slice_make(line.at, line.len + 1));
	}
	buf_append_text(&wanted, ".\r\n+OK goodbye, 0 removed\r\n");
	add_mail(buf_slice(&mail));
	int fd = connect_to_server();
	sign_in(fd, "+OK 1 messages, ...");
	send_all(fd, SLICE("RETR 1\r\nQUIT\r\n"));
	char reply[LINE_MAX_SIZE];
	assert_true(matches("+OK ...", read_line(fd, reply)));
	usleep(300 * 1000);
	struct buf all = read_to_end(fd);
	assert_int_equal(all.len, wanted.len);
	assert_true(slice_equal(buf_slice(&all), buf_slice(&wanted)));
	buf_free(&all);
	buf_free(&mail);
	buf_free(&wanted);
	close(fd);
}

static void a_client_that_vanishes_frees_the_maildrop(void **state)
{
	(void)state;
	struct buf mail = BUF(ALL_MAX);
	while (mail.len < 5 * 1024 * 1024)
		buf_append_text(&mail, "a line of a message that nobody will ever read to its end\r\n");
	add_mail(buf_slice(&mail));
	buf_free(&mail);
	int fd = connect_to_server();
	sign_in(fd, "+OK 1 messages, ...");
	command(fd, "RETR 1", "+OK ...");
	close(fd); /* with a reset: much is unread */
	fd = connect_to_server();
	greet(fd);
	command(fd, "USER alice", "+OK ...");
	retry(fd, "PASS wonderland");
	char line[LINE_MAX_SIZE];
	assert_true(matches("+OK 1 messages, ...", read_line(fd, line)));
	close(fd);
}

static void a_full_maildrop_is_listed(void **state)
{
	(void)state;
	enum { MANY = 2500 };
	for (int i = 0; i < MANY; i++)
		add_mail(SLICE("Subject: x\r\n\r\nx\r\n"));
	int fd = connect_to_server();
	sign_in(fd, "+OK 2500 messages, 42500 octets");
	send_all(fd, SLICE("LIST\r\nUIDL\r\nDELE 1\r\nDELE 2500\r\nSTAT\r\nQUIT\r\n"));
	struct buf all = read_to_end(fd);
	assert_non_null(strstr(all.at, "+OK 2500 messages\r\n1 17\r\n2 17\r\n"));
	assert_non_null(strstr(all.at, "\r\n2500 17\r\n.\r\n+OK 2500 messages\r\n1 "));
	assert_non_null(strstr(all.at, ".2500\r\n.\r\n"));
	assert_non_null(strstr(all.at, "+OK 2498 42466\r\n+OK goodbye, 2 removed\r\n"));
	buf_free(&all);
	close(fd);
}

/* A store of its own is what another process has. Its change counts from when it is announced here; until then the message is
 * given, as it was in the maildrop when the session began. */
static void another_process_is_heard_of(void **state)
{
	(void)state;
	struct error error;
	char line[LINE_MAX_SIZE];
	add_mail(SLICE("Subject: one\r\n"));
	add_mail(SLICE("Subject: two\r\n"));
	int fd = connect_to_server();
	sign_in(fd, "+OK 2 messages, ...");
	struct store *other = store_open(&(struct store_options){.data = t.folder.path, .undelete_seconds = 3600}, &error);
	assert_non_null(other);
	expunge_through(other, 1);
	store_close(&other);
	command(fd, "RETR 1", "+OK 14 octets");
	assert_string_equal(read_line(fd, line), "Subject: one");
	assert_string_equal(read_line(fd, line), ".");
	store_announced(t.store, ALICE);
	command(fd, "RETR 1", "-ERR that message was removed by another session");
	command(fd, "RETR 2", "+OK 14 octets");
	close(fd);
}

/* Calls `change` with the path of each of alice's message files. */
static void each_file(const char *folder, void (*change)(const char *path))
{
	char path[600];
	DIR *list = opendir(folder);
	assert_non_null(list);
	for (const struct dirent *entry; (entry = readdir(list));) {
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			each_file(path, change);
		else if (slice_ends_nocase(slice_of(entry->d_name), SLICE(".eml")))
			change(path);
	}
	closedir(list);
}

static void lengthen(const char *path)
{
	FILE *file = fopen(path, "a");
	fputs("\r\n", file);
	fclose(file);
}

static void cut(const char *path) { assert_int_equal(truncate(path, 5), 0); }
static void lose(const char *path) { assert_int_equal(unlink(path), 0); }

static void a_damaged_file_is_not_sent(void **state)
{
	(void)state;
	char folder[500];
	void (*const damages[])(const char *path) = {lengthen, cut, lose};
	snprintf(folder, sizeof folder, "%s/accounts/example.test/alice/mail", t.folder.path);
	add_mail(SLICE("Subject: one\r\n"));
	int fd = connect_to_server();
	sign_in(fd, "+OK 1 messages, ...");
	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		each_file(folder, damages[i]);
		command(fd, "RETR 1", "-ERR [SYS/TEMP] the message can't be read; try again later");
		command(fd, "TOP 1 0", "-ERR [SYS/TEMP] the message can't be read; try again later");
	}
	close(fd);
}

/* Around the size up to which a message is read in one piece. */
static void messages_of_every_size_arrive(void **state)
{
	(void)state;
	enum { PIECE = 32 * 1024, SIZES = 4 };
	const size_t sizes[SIZES] = {0, PIECE - 1, PIECE, PIECE + 1};
	static char mail[PIECE + 2], got[PIECE + 2];
	memset(mail, 'x', sizeof mail);
	for (int i = 0; i < SIZES; i++)
		add_mail(slice_make(mail, sizes[i]));
	int fd = connect_to_server();
	sign_in(fd, "+OK 4 messages, ...");
	for (int i = 0; i < SIZES; i++) {
		char text[40], wanted[40], line[LINE_MAX_SIZE];
		snprintf(text, sizeof text, "RETR %d", i + 1);
		snprintf(wanted, sizeof wanted, "+OK %zu octets", sizes[i]);
		command(fd, text, wanted);
		if (sizes[i] > 0) {
			assert_int_equal(recv(fd, got, sizes[i], MSG_WAITALL), sizes[i]);
			assert_memory_equal(got, mail, sizes[i]);
			assert_string_equal(read_line(fd, line), "");
		}
		assert_string_equal(read_line(fd, line), ".");
	}
	close(fd);
}

static void a_client_that_does_not_sign_in_is_closed(void **state)
{
	(void)state;
	char line[LINE_MAX_SIZE];
	configure("login_time = 1s");
	int fd = connect_to_server();
	greet(fd);
	send_all(fd, SLICE("US"));
	assert_true(matches("-ERR [SYS/TEMP] ...", read_line(fd, line)));
	assert_string_equal(read_line(fd, line), "<closed>");
	close(fd);
}

/* ---- */

enum { TESTS_MAX = 64 };

static size_t add_transcripts(struct CMUnitTest *tests, size_t count)
{
	DIR *folder = opendir(transcripts);
	const struct dirent *entry;
	while (folder && (entry = readdir(folder)) && count < TESTS_MAX)
		if (slice_ends_nocase(slice_of(entry->d_name), SLICE(".txt"))) {
			char *name = memory_copy(entry->d_name, strlen(entry->d_name));
			tests[count++] = (struct CMUnitTest){name, transcript, set_up, tear_down, name};
		}
	if (folder)
		closedir(folder);
	return count;
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[TESTS_MAX] = {
		cmocka_unit_test_setup_teardown(nothing_pipelined_survives_stls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scram_is_bound_to_the_channel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_large_message_arrives_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_client_that_vanishes_frees_the_maildrop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_maildrop_is_listed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_process_is_heard_of, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_not_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(messages_of_every_size_arrive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_client_that_does_not_sign_in_is_closed, set_up, tear_down),
	};
	enum { OWN = 9 };
	transcripts = argc > 1 ? argv[1] : "tests/transcripts/pop3";
	size_t count = add_transcripts(tests, OWN);
	if (count == OWN) {
		fprintf(stderr, "no transcripts in %s\n", transcripts);
		return 1;
	}
	int failed = _cmocka_run_group_tests("pop3", tests, count, people_set_up, people_tear_down);
	for (size_t i = OWN; i < count; i++)
		free((char *)tests[i].name);
	return failed;
}
