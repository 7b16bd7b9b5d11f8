/* A mail server for tests; see smtp_fake.h. Ends the test process when it can't work. */
#include "courier/smtp_fake.h"

#include <arpa/inet.h>
#include <gsasl.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"
#include "base/threads.h"

enum { MESSAGE_MAX = 64 << 20, TRANSCRIPT_MAX = 16 << 20, LINE_LENGTH_MAX = 8192, RULES_MAX = 20 };

struct smtp_fake {
	struct smtp_fake_options options;
	struct smtp_fake_rule rules[RULES_MAX];
	int used[RULES_MAX];
	int fd, stop, port;
	SSL_CTX *tls;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below, and used */
	struct threads dialogues;
	size_t messages, connections;
	struct buf last, transcript;
};

struct dialogue {
	struct smtp_fake *fake;
	int fd;
	SSL *ssl;
	char in[65536];
	size_t in_at, in_len;
};

/* ---- Bytes ---- */

static bool fill(struct dialogue *dialogue)
{
	struct pollfd polled[2] = {{.fd = dialogue->fd, .events = POLLIN}, {.fd = dialogue->fake->stop, .events = POLLIN}};
	if (!dialogue->ssl || SSL_pending(dialogue->ssl) == 0)
		poll(polled, 2, -1);
	if (polled[1].revents)
		return false;
	dialogue->in_at = 0;
	ssize_t got = dialogue->ssl ? SSL_read(dialogue->ssl, dialogue->in, sizeof dialogue->in) : read(dialogue->fd, dialogue->in, sizeof dialogue->in);
	dialogue->in_len = got > 0 ? (size_t)got : 0;
	return got > 0;
}

/* A line ends with CRLF and with nothing else. */
static bool read_line(struct dialogue *dialogue, struct buf *line)
{
	buf_clear(line);
	while (dialogue->in_at < dialogue->in_len || fill(dialogue)) {
		struct slice input = slice_make(dialogue->in + dialogue->in_at, dialogue->in_len - dialogue->in_at);
		size_t end = slice_find_char(input, '\n');
		size_t len = end == SLICE_NONE ? input.len : end + 1;
		buf_append(line, slice_sub(input, 0, len));
		dialogue->in_at += len;
		if (end != SLICE_NONE && line->len >= 2 && line->at[line->len - 2] == '\r') {
			line->at[line->len -= 2] = '\0';
			return true;
		}
	}
	return false;
}

static void say(struct dialogue *dialogue, const char *text)
{
	struct buf out = BUF(LINE_LENGTH_MAX * 64);
	buf_printf(&out, "%s\r\n", text);
	if (dialogue->ssl)
		SSL_write(dialogue->ssl, out.at, (int)out.len);
	else
		send(dialogue->fd, out.at, out.len, MSG_NOSIGNAL);
	buf_free(&out);
}

/* ---- Answers ---- */

static const char *rule_for(struct smtp_fake *fake, struct slice line)
{
	const char *reply = NULL;
	pthread_mutex_lock(&fake->lock);
	buf_printf(&fake->transcript, "%.*s\n", SLICE_ARG(line));
	for (size_t i = 0; i < fake->options.rule_count && !reply; i++) {
		const struct smtp_fake_rule *rule = &fake->rules[i];
		if (!slice_starts_nocase(line, slice_of(rule->when)) || (rule->times > 0 && fake->used[i] >= rule->times))
			continue;
		fake->used[i]++;
		reply = rule->reply;
	}
	pthread_mutex_unlock(&fake->lock);
	return reply;
}

static void say_extensions(struct dialogue *dialogue)
{
	struct slice rest = slice_of(dialogue->fake->options.extensions), name;
	struct buf line = BUF(LINE_LENGTH_MAX);
	say(dialogue, rest.len > 0 ? "250-fake.test" : "250 fake.test");
	while (rest.len > 0) {
		slice_cut(rest, '\n', &name, &rest);
		buf_clear(&line);
		buf_printf(&line, "250%c%.*s", rest.len > 0 ? '-' : ' ', SLICE_ARG(name));
		say(dialogue, line.at);
	}
	buf_free(&line);
}

/* Says what the rule says; false: closes. */
static bool say_reply(struct dialogue *dialogue, const char *reply)
{
	if (slice_equal(slice_of(reply), SLICE("(close)")))
		return false;
	if (slice_starts(slice_of(reply), SLICE("(last)"))) {
		say(dialogue, reply + strlen("(last)"));
		return false;
	}
	if (!slice_equal(slice_of(reply), SLICE("(silence)")))
		say(dialogue, reply);
	return true;
}

static bool take_message(struct dialogue *dialogue)
{
	struct smtp_fake *fake = dialogue->fake;
	struct buf line = BUF(MESSAGE_MAX), message = BUF(MESSAGE_MAX);
	bool ended = false;
	while (!ended && read_line(dialogue, &line)) {
		ended = slice_equal(buf_slice(&line), SLICE("."));
		if (!ended) {
			buf_append(&message, buf_slice(&line));
			buf_append(&message, SLICE("\r\n"));
		}
	}
	const char *reply = ended ? rule_for(fake, SLICE("(data)")) : "(close)";
	if (!reply) {
		pthread_mutex_lock(&fake->lock);
		fake->messages++;
		buf_clear(&fake->last);
		buf_append(&fake->last, buf_slice(&message));
		pthread_mutex_unlock(&fake->lock);
		reply = "250 2.0.0 taken";
	}
	buf_free(&line);
	buf_free(&message);
	return say_reply(dialogue, reply);
}

static bool start_tls(struct dialogue *dialogue)
{
	dialogue->in_at = dialogue->in_len = 0;
	dialogue->ssl = SSL_new(dialogue->fake->tls);
	SSL_set_fd(dialogue->ssl, dialogue->fd);
	return SSL_accept(dialogue->ssl) == 1;
}

static int scram_property(Gsasl *context, Gsasl_session *sasl, Gsasl_property property)
{
	if (property != GSASL_PASSWORD)
		return GSASL_NO_CALLBACK;
	gsasl_property_set(sasl, GSASL_PASSWORD, gsasl_callback_hook_get(context));
	return GSASL_OK;
}

/* The server's side of RFC 5802, step by step; `first` is the initial response. */
static bool scram(struct dialogue *dialogue, struct slice first)
{
	Gsasl *context = NULL;
	Gsasl_session *sasl = NULL;
	struct buf line = BUF(LINE_LENGTH_MAX), reply = BUF(LINE_LENGTH_MAX);
	char *output = NULL;
	if (gsasl_init(&context) != GSASL_OK)
		abort();
	gsasl_callback_hook_set(context, (void *)(uintptr_t)dialogue->fake->options.scram_password);
	gsasl_callback_set(context, scram_property);
	int result = gsasl_server_start(context, "SCRAM-SHA-256", &sasl);
	buf_append(&line, first);
	if (result == GSASL_OK)
		result = gsasl_step64(sasl, line.at, &output);
	while (result == GSASL_NEEDS_MORE || (result == GSASL_OK && output && *output)) {
		bool last = result == GSASL_OK;
		buf_clear(&reply);
		buf_printf(&reply, "334 %s", output);
		gsasl_free(output);
		output = NULL;
		say(dialogue, reply.at);
		if (!read_line(dialogue, &line) || last)
			break;
		result = gsasl_step64(sasl, line.at ? line.at : "", &output);
	}
	say(dialogue, result == GSASL_OK ? "235 2.7.0 welcome" : "535 5.7.8 no");
	gsasl_free(output);
	gsasl_finish(sasl);
	gsasl_done(context);
	buf_free(&line);
	buf_free(&reply);
	return true;
}

static bool obey(struct dialogue *dialogue, struct slice line)
{
	const char *reply = rule_for(dialogue->fake, line);
	bool is_data = slice_starts_nocase(line, SLICE("DATA"));
	if (reply && !(is_data && slice_starts(slice_of(reply), SLICE("354"))))
		return say_reply(dialogue, reply);
	if (dialogue->fake->options.scram_password && slice_starts_nocase(line, SLICE("AUTH SCRAM-SHA-256 ")))
		return scram(dialogue, slice_skip(line, 19));
	if (slice_starts_nocase(line, SLICE("EHLO")))
		say_extensions(dialogue);
	else if (is_data) {
		say(dialogue, "354 go on");
		return take_message(dialogue);
	} else if (slice_starts_nocase(line, SLICE("STARTTLS"))) {
		say(dialogue, "220 ready");
		return dialogue->fake->tls && start_tls(dialogue);
	} else if (slice_starts_nocase(line, SLICE("QUIT"))) {
		say(dialogue, "221 bye");
		return false;
	} else
		say(dialogue, "250 2.1.0 ok");
	return true;
}

static void *converse(void *argument)
{
	struct dialogue *dialogue = argument;
	struct smtp_fake *fake = dialogue->fake;
	struct buf line = BUF(MESSAGE_MAX);
	bool going = !fake->options.implicit_tls || start_tls(dialogue);
	if (going) {
		const char *greeting = rule_for(fake, SLICE("(connect)"));
		going = say_reply(dialogue, greeting ? greeting : "220 fake.test ready");
	}
	while (going && read_line(dialogue, &line))
		going = obey(dialogue, buf_slice(&line));
	buf_free(&line);
	SSL_free(dialogue->ssl);
	close(dialogue->fd);
	free(dialogue);
	pthread_mutex_lock(&fake->lock);
	return threads_leave(&fake->dialogues, &fake->lock);
}

static void *serve(void *argument)
{
	struct smtp_fake *fake = argument;
	struct pollfd polled[2] = {{.fd = fake->fd, .events = POLLIN}, {.fd = fake->stop, .events = POLLIN}};
	int on = 1;
	while (poll(polled, 2, -1) >= 0 && !polled[1].revents) {
		int fd = accept(fake->fd, NULL, NULL);
		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		struct dialogue *dialogue = memory_new(sizeof *dialogue);
		dialogue->fake = fake;
		dialogue->fd = fd;
		pthread_mutex_lock(&fake->lock);
		fake->connections++;
		if (!threads_start(&fake->dialogues, 0, "dialogue", converse, dialogue))
			abort();
		pthread_mutex_unlock(&fake->lock);
	}
	return NULL;
}

/* ---- Starting, asking, stopping ---- */

struct smtp_fake *smtp_fake_start(const struct smtp_fake_options *options)
{
	struct smtp_fake *fake = memory_new(sizeof *fake);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
	socklen_t size = sizeof address;
	int on = 1;
	fake->options = *options;
	for (size_t i = 0; i < options->rule_count; i++)
		fake->rules[i] = options->rules[i];
	fake->last = BUF(MESSAGE_MAX);
	fake->transcript = BUF(TRANSCRIPT_MAX);
	pthread_mutex_init(&fake->lock, NULL);
	threads_init(&fake->dialogues);
	inet_pton(AF_INET, options->address ? options->address : "127.0.0.1", &address.sin_addr);
	fake->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fake->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	fake->stop = eventfd(0, EFD_CLOEXEC);
	signal(SIGPIPE, SIG_IGN); /* who doesn't trust it hangs up while OpenSSL writes */
	if (options->certificate) {
		fake->tls = SSL_CTX_new(TLS_server_method());
		if (SSL_CTX_use_certificate_file(fake->tls, options->certificate, SSL_FILETYPE_PEM) != 1 ||
		    SSL_CTX_use_PrivateKey_file(fake->tls, options->certificate, SSL_FILETYPE_PEM) != 1)
			abort();
	}
	if (bind(fake->fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fake->fd, 128) != 0 ||
	    getsockname(fake->fd, (struct sockaddr *)&address, &size) != 0 || pthread_create(&fake->thread, NULL, serve, fake) != 0)
		abort();
	fake->port = ntohs(address.sin_port);
	return fake;
}

int smtp_fake_port(const struct smtp_fake *fake)
{
	return fake->port;
}

static size_t locked(struct smtp_fake *fake, const size_t *number)
{
	pthread_mutex_lock(&fake->lock);
	size_t value = *number;
	pthread_mutex_unlock(&fake->lock);
	return value;
}

size_t smtp_fake_messages(struct smtp_fake *fake)
{
	return locked(fake, &fake->messages);
}

size_t smtp_fake_connections(struct smtp_fake *fake)
{
	return locked(fake, &fake->connections);
}

struct slice smtp_fake_last(struct smtp_fake *fake)
{
	pthread_mutex_lock(&fake->lock);
	struct slice last = buf_slice(&fake->last);
	pthread_mutex_unlock(&fake->lock);
	return last;
}

size_t smtp_fake_heard(struct smtp_fake *fake, const char *prefix)
{
	size_t count = 0;
	pthread_mutex_lock(&fake->lock);
	struct slice rest = buf_slice(&fake->transcript), line;
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		count += slice_starts_nocase(line, slice_of(prefix));
	}
	pthread_mutex_unlock(&fake->lock);
	return count;
}

void smtp_fake_stop(struct smtp_fake **stopped)
{
	struct smtp_fake *fake = *stopped;
	if (!fake)
		return;
	*stopped = NULL;
	eventfd_write(fake->stop, 1);
	pthread_join(fake->thread, NULL);
	pthread_mutex_lock(&fake->lock);
	threads_join(&fake->dialogues, &fake->lock);
	pthread_mutex_unlock(&fake->lock);
	threads_free(&fake->dialogues);
	close(fake->fd);
	close(fake->stop);
	SSL_CTX_free(fake->tls);
	buf_free(&fake->last);
	buf_free(&fake->transcript);
	free(fake);
}

void smtp_fake_certificate(const char *path, const char *name)
{
	static int made; /* each has a subject of its own: who trusts one is not confused by the next */
	char alternative[300], subject_name[60];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	snprintf(alternative, sizeof alternative, "DNS:%s", name);
	snprintf(subject_name, sizeof subject_name, "fake server %d", ++made);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)subject_name, -1, -1, 0);
	X509_set_issuer_name(certificate, subject);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	FILE *file = fopen(path, "w");
	if (!X509_sign(certificate, key, EVP_sha256()) || !file || PEM_write_X509(file, certificate) != 1 ||
	    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}
