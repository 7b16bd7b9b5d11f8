/* A load generator for mail servers, ours and others': many sessions, each a thread with a blocking socket, so that what
 * is measured is the server. It knows just enough of each protocol to keep a server busy, and stops at the first
 * unexpected reply. Prints one line: what was done, in how many seconds, how many a second.
 *
 *   load smtp   HOST:PORT SESSIONS MESSAGES SIZE PER-CONNECTION RECIPIENT [USERS [SENDER [FILE]]]
 *                                                                FILE: the text of each message, with CRLF and dots as they go over the wire
 *   load append HOST:PORT SESSIONS MESSAGES SIZE NAME PASSWORD [USERS]
 *   load retr   HOST:PORT SESSIONS NAME PASSWORD [USERS]
 *   load login  HOST:PORT SESSIONS LOGINS NAME PASSWORD [USERS]
 *   load idle   HOST:PORT CONNECTIONS NAME PASSWORD SECONDS
 *   load noop   HOST:PORT SESSIONS NOOPS NAME PASSWORD USERS [wait]
 *                                                                USERS IMAP sessions with INBOX selected, in turn, from SESSIONS threads;
 *                                                                with "wait" they begin when standard input has ended
 *   load ask    HOST:PORT SESSIONS COMMANDS NAME PASSWORD COMMAND [USERS]
 *                                                                the same IMAP command again and again, with INBOX selected
 *   load guess  HOST:PORT CONNECTIONS NAME SECONDS               wrong passwords over IMAP, each connection from an address of its own
 *   load events HOST:PORT CONNECTIONS COOKIE SECONDS             event sources of HTTP, of whose session this is
 *
 * After HOST:PORT may stand /tls: TLS from the first byte, whatever the certificate.
 * RECIPIENT, SENDER and NAME may hold one %d, the number of a user below USERS (default 1). */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ID_DIGITS = 18, LINE_MAX_BYTES = 64 * 1024, STACK_BYTES = 256 * 1024, GUESS_PAUSE_US = 100 * 1000 };

struct line_socket {
	int fd;
	SSL *ssl; /* NULL: clear text */
	size_t from, to;
	char bytes[LINE_MAX_BYTES];
};

struct job {
	const char *host, *port;
	const char *sender, *recipient, *password, *command;
	int sessions, users, per_connection;
	long total, size, first_id;
	bool wait;
	char *message;
	size_t message_len, id_at; /* id_at: where its number stands in it; 0: it is sent as it is */
	_Atomic long next, done;
	SSL_CTX *tls; /* NULL: clear text */
};

static struct job job;

static _Noreturn void stop(const char *what, const char *got)
{
	fprintf(stderr, "load: %s: %s\n", what, got);
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void dial(struct line_socket *s)
{
	struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM};
	if (getaddrinfo(job.host, job.port, &hints, &found) != 0)
		stop("address", job.host);
	s->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, found->ai_addr, found->ai_addrlen) != 0)
		stop("connect", job.port);
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	freeaddrinfo(found);
	s->from = s->to = 0;
	s->ssl = job.tls ? SSL_new(job.tls) : NULL;
	if (s->ssl && (SSL_set_fd(s->ssl, s->fd) != 1 || SSL_connect(s->ssl) != 1))
		stop("TLS", "no handshake");
}

static void hang_up(struct line_socket *s)
{
	SSL_free(s->ssl);
	close(s->fd);
}

static void say(struct line_socket *s, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t sent = s->ssl ? SSL_write(s->ssl, at, (int)len) : send(s->fd, at, len, MSG_NOSIGNAL);
		if (sent <= 0)
			stop("send", "connection lost");
		at += sent;
		len -= (size_t)sent;
	}
}

__attribute__((format(printf, 2, 3))) static void sayf(struct line_socket *s, const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	say(s, line, (size_t)len);
}

static void fill(struct line_socket *s)
{
	if (s->from == s->to)
		s->from = s->to = 0;
	if (s->to == sizeof s->bytes) {
		memmove(s->bytes, s->bytes + s->from, s->to - s->from);
		s->to -= s->from;
		s->from = 0;
	}
	size_t room = sizeof s->bytes - s->to;
	ssize_t got = s->ssl ? SSL_read(s->ssl, s->bytes + s->to, (int)room) : recv(s->fd, s->bytes + s->to, room, 0);
	if (got <= 0)
		stop("receive", "connection lost");
	s->to += (size_t)got;
}

/* The next line, NUL-terminated in place of its CR or LF. */
static char *line(struct line_socket *s)
{
	for (;;) {
		char *end = memchr(s->bytes + s->from, '\n', s->to - s->from);
		if (end) {
			char *at = s->bytes + s->from;
			*end = '\0';
			s->from = (size_t)(end + 1 - s->bytes);
			return at;
		}
		fill(s);
	}
}

static void smtp_reply(struct line_socket *s, char class)
{
	char *at;
	do
		at = line(s);
	while (at[0] && at[1] && at[2] && at[3] == '-');
	if (at[0] != class)
		stop("reply", at);
}

static void tagged(struct line_socket *s, const char *ok)
{
	for (;;) {
		char *at = line(s);
		if (strncmp(at, ok, strlen(ok)) == 0)
			return;
		if (at[0] != '*' && at[0] != '+' && at[0] != ' ')
			stop("reply", at);
	}
}

static void user_name(char *out, size_t size, const char *pattern, int number)
{
	const char *mark = strstr(pattern, "%d");
	if (mark)
		snprintf(out, size, "%.*s%d%s", (int)(mark - pattern), pattern, number, mark + 2);
	else
		snprintf(out, size, "%s", pattern);
}

/* The message, as number `n`: no two have the same Message-ID, as among people. */
static void say_message(struct line_socket *s, long n)
{
	static _Thread_local char *own;
	if (job.id_at == 0) {
		say(s, job.message, job.message_len);
		return;
	}
	if (!own) {
		own = malloc(job.message_len);
		memcpy(own, job.message, job.message_len);
	}
	char digits[ID_DIGITS + 1];
	snprintf(digits, sizeof digits, "%0*ld", ID_DIGITS, n + job.first_id);
	memcpy(own + job.id_at, digits, ID_DIGITS);
	say(s, own, job.message_len);
}

static void *smtp_session(void *unused)
{
	struct line_socket s;
	char from[256], to[256];
	(void)unused;
	long n = job.next++;
	while (n < job.total) {
		dial(&s);
		smtp_reply(&s, '2');
		sayf(&s, "EHLO client.example\r\n");
		smtp_reply(&s, '2');
		for (int i = 0; i < job.per_connection && n < job.total; i++, n = job.next++) {
			user_name(to, sizeof to, job.recipient, (int)(n % job.users));
			user_name(from, sizeof from, job.sender, (int)(n % job.users));
			sayf(&s, "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n", from, to);
			smtp_reply(&s, '2');
			smtp_reply(&s, '2');
			smtp_reply(&s, '3');
			say_message(&s, n);
			say(&s, ".\r\n", 3);
			smtp_reply(&s, '2');
			job.done++;
		}
		sayf(&s, "QUIT\r\n");
		smtp_reply(&s, '2');
		hang_up(&s);
	}
	return NULL;
}

static void imap_login(struct line_socket *s, int number)
{
	char name[256];
	user_name(name, sizeof name, job.recipient, number % job.users);
	dial(s);
	line(s);
	sayf(s, "a LOGIN %s %s\r\n", name, job.password);
	tagged(s, "a OK");
}

static void *append_session(void *number)
{
	struct line_socket s;
	imap_login(&s, (int)(intptr_t)number);
	for (long n = job.next++; n < job.total; n = job.next++) {
		sayf(&s, "b APPEND INBOX {%zu}\r\n", job.message_len);
		while (line(&s)[0] != '+')
			;
		say_message(&s, n);
		say(&s, "\r\n", 2);
		tagged(&s, "b OK");
		job.done++;
	}
	hang_up(&s);
	return NULL;
}

static void *login_session(void *number)
{
	struct line_socket s;
	while (job.next++ < job.total) {
		imap_login(&s, (int)(intptr_t)number);
		job.done++;
		hang_up(&s);
	}
	return NULL;
}

static void pop3_ok(struct line_socket *s)
{
	char *at = line(s);
	if (at[0] != '+')
		stop("reply", at);
}

/* Reads to the end of a multi-line answer, looking at as little as possible: the generator must not be what is measured. */
static void pass_over_body(struct line_socket *s)
{
	for (;;) {
		char *end = memmem(s->bytes + s->from, s->to - s->from, "\r\n.\r\n", 5);
		if (end) {
			s->from = (size_t)(end + 5 - s->bytes);
			return;
		}
		if (s->to - s->from > 4)
			s->from = s->to - 4;
		if (s->to == sizeof s->bytes) {
			memmove(s->bytes, s->bytes + s->from, s->to - s->from);
			s->to -= s->from;
			s->from = 0;
		}
		fill(s);
	}
}

static void *retr_session(void *number)
{
	struct line_socket s;
	char name[256];
	user_name(name, sizeof name, job.recipient, (int)(intptr_t)number % job.users);
	dial(&s);
	pop3_ok(&s);
	sayf(&s, "USER %s\r\n", name);
	pop3_ok(&s);
	sayf(&s, "PASS %s\r\nSTAT\r\n", job.password);
	pop3_ok(&s);
	char *status = line(&s);
	long count = strncmp(status, "+OK ", 4) == 0 ? strtol(status + 4, NULL, 10) : 0;
	for (long i = 1; i <= count; i++) {
		sayf(&s, "RETR %ld\r\n", i);
		pop3_ok(&s);
		pass_over_body(&s);
		job.done++;
	}
	sayf(&s, "QUIT\r\n");
	pop3_ok(&s);
	hang_up(&s);
	return NULL;
}

/* ---- Many sessions, one command at a time ---- */

static struct line_socket *selected; /* one for each user */
static pthread_barrier_t all_selected;

static void imap_select(struct line_socket *s, int number)
{
	imap_login(s, number);
	sayf(s, "b SELECT INBOX\r\n");
	tagged(s, "b OK");
}

/* The sessions of this thread are every job.sessions-th one; what counts begins when all are signed in. */
static void *noop_session(void *number)
{
	int first = (int)(intptr_t)number, user = first;
	for (int i = first; i < job.users; i += job.sessions)
		imap_select(&selected[i], i);
	pthread_barrier_wait(&all_selected);
	while (job.next++ < job.total) {
		sayf(&selected[user], "c NOOP\r\n");
		tagged(&selected[user], "c OK");
		job.done++;
		user = user + job.sessions < job.users ? user + job.sessions : first;
	}
	return NULL;
}

/* ---- Long answers ---- */

/* Reads up to the tagged answer, looking at as little as possible, as pass_over_body() does; its tag stands in no mail. */
static void pass_over_answer(struct line_socket *s)
{
	static const char end[] = "last-of-load ";
	const char *at;
	size_t kept = sizeof end - 2;
	while (!(at = memmem(s->bytes + s->from, s->to - s->from, end, sizeof end - 1))) {
		if (s->to - s->from > kept)
			s->from = s->to - kept;
		memmove(s->bytes, s->bytes + s->from, s->to - s->from);
		s->to -= s->from;
		s->from = 0;
		fill(s);
	}
	s->from = (size_t)(at - s->bytes);
	tagged(s, "last-of-load OK");
}

static void *ask_session(void *number)
{
	struct line_socket s;
	imap_select(&s, (int)(intptr_t)number);
	while (job.next++ < job.total) {
		sayf(&s, "last-of-load %s\r\n", job.command);
		pass_over_answer(&s);
		job.done++;
	}
	hang_up(&s);
	return NULL;
}

/* ---- Guessing ---- */

/* Signs in with a wrong password again and again, from 127.1.x.y; an answer or the end of the connection is all the same. */
static void *guess_session(void *number)
{
	unsigned n = (unsigned)(intptr_t)number;
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001u + (n / 250 << 8) + n % 250)};
	struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
	char name[256], bytes[1024];
	user_name(name, sizeof name, job.recipient, (int)n);
	if (getaddrinfo(job.host, job.port, &hints, &found) != 0)
		stop("address", job.host);
	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool open = fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof from) == 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
			    recv(fd, bytes, sizeof bytes, 0) > 0;
		int len = snprintf(bytes, sizeof bytes, "a LOGIN %s wrong-%ld\r\n", name, (long)job.next++);
		while (open && send(fd, bytes, (size_t)len, MSG_NOSIGNAL) == len && recv(fd, bytes + len, sizeof bytes - (size_t)len, 0) > 0)
			job.done++;
		close(fd);
		usleep(GUESS_PAUSE_US);
	}
	return NULL;
}

static void make_message(long size)
{
	static const char header[] = "From: Sender <sender@client.example>\r\nTo: someone@example.test\r\nSubject: load\r\n"
				     "Date: Sun, 22 Nov 2026 23:19:32 +0000\r\nMessage-ID: <";
	static const char rest[] = "@client.example>\r\n\r\n";
	size_t room = (size_t)size + sizeof header + ID_DIGITS + sizeof rest + 80;
	job.message = calloc(1, room);
	job.id_at = sizeof header - 1;
	job.first_id = (long)getpid() * 1000000000L; /* nor the messages of another run */
	job.message_len = (size_t)snprintf(job.message, room, "%s%0*d%s", header, ID_DIGITS, 0, rest);
	while (job.message_len < (size_t)size)
		job.message_len += (size_t)snprintf(job.message + job.message_len, room - job.message_len,
			"The quick brown fox jumps over the lazy dog, again and again and again.\r\n");
}

static void read_message(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file || fseek(file, 0, SEEK_END) != 0 || (job.size = ftell(file)) <= 0)
		stop("file", path);
	rewind(file);
	job.message = malloc((size_t)job.size);
	job.message_len = fread(job.message, 1, (size_t)job.size, file);
	fclose(file);
}

static void run(void *(*session)(void *), const char *what)
{
	pthread_t *threads = calloc((size_t)job.sessions, sizeof *threads);
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	double start = now();
	for (int i = 0; i < job.sessions; i++)
		if (pthread_create(&threads[i], &attributes, session, (void *)(intptr_t)i) != 0)
			stop("thread", "can't be started");
	if (session == noop_session) {
		if (job.wait) {
			printf("ready\n");
			fflush(stdout);
			while (getchar() != EOF)
				;
		}
		pthread_barrier_wait(&all_selected);
		start = now();
	}
	for (int i = 0; i < job.sessions; i++)
		pthread_join(threads[i], NULL);
	double seconds = now() - start;
	printf("%s %ld in %.3f s: %.3f a second\n", what, (long)job.done, seconds, (double)job.done / seconds);
}

static void hold_idle(long seconds)
{
	struct line_socket s;
	double start = now();
	for (int i = 0; i < job.sessions; i++) {
		imap_select(&s, i);
		sayf(&s, "c IDLE\r\n");
		while (line(&s)[0] != '+')
			;
		job.done++; /* the socket stays open until the process ends */
	}
	printf("idle %ld in %.3f s\n", (long)job.done, now() - start);
	fflush(stdout);
	sleep((unsigned)seconds);
}

static void hold_events(const char *cookie, long seconds)
{
	struct line_socket s;
	double start = now();
	for (int i = 0; i < job.sessions; i++) {
		dial(&s);
		sayf(&s, "GET /events HTTP/1.1\r\nHost: %s:%s\r\nCookie: %s\r\n\r\n", job.host, job.port, cookie);
		const char *answer = line(&s);
		if (!strstr(answer, " 200 "))
			stop("events", answer);
		job.done++; /* the socket stays open until the process ends */
	}
	printf("events %ld in %.3f s\n", (long)job.done, now() - start);
	fflush(stdout);
	sleep((unsigned)seconds);
}

static void guess(long seconds)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (int i = 0; i < job.sessions; i++)
		if (pthread_create(&thread, &attributes, guess_session, (void *)(intptr_t)i) != 0)
			stop("thread", "can't be started");
	printf("guessing\n");
	fflush(stdout);
	sleep((unsigned)seconds);
}

static long number(char **arguments, int count, int index)
{
	if (index >= count)
		stop("usage", "see the head of load.c");
	return strtol(arguments[index], NULL, 10);
}

static const char *text(char **arguments, int count, int index)
{
	if (index >= count)
		stop("usage", "see the head of load.c");
	return arguments[index];
}

int main(int count, char **arguments)
{
	const char *mode = text(arguments, count, 1);
	char *host = strdup(text(arguments, count, 2)), *colon = strrchr(host, ':');
	if (!colon)
		stop("usage", "HOST:PORT");
	*colon = '\0';
	char *slash = strchr(colon + 1, '/');
	if (slash) {
		*slash = '\0';
		job.tls = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_mode(job.tls, SSL_MODE_RELEASE_BUFFERS);
	}
	job.host = host;
	job.port = colon + 1;
	job.sessions = (int)number(arguments, count, 3);
	struct rlimit files = {65536, 65536};
	setrlimit(RLIMIT_NOFILE, &files);
	int users_at = 0;
	if (strcmp(mode, "smtp") == 0) {
		job.total = number(arguments, count, 4);
		if (count > 10)
			read_message(arguments[10]);
		else
			make_message(number(arguments, count, 5));
		job.per_connection = (int)number(arguments, count, 6);
		job.recipient = text(arguments, count, 7);
		job.sender = count > 9 ? arguments[9] : "sender@client.example";
		users_at = 8;
	} else if (strcmp(mode, "append") == 0) {
		job.total = number(arguments, count, 4);
		make_message(number(arguments, count, 5));
		job.recipient = text(arguments, count, 6);
		job.password = text(arguments, count, 7);
		users_at = 8;
	} else if (strcmp(mode, "ask") == 0) {
		job.total = number(arguments, count, 4);
		job.recipient = text(arguments, count, 5);
		job.password = text(arguments, count, 6);
		job.command = text(arguments, count, 7);
		users_at = 8;
	} else if (strcmp(mode, "login") == 0 || strcmp(mode, "noop") == 0) {
		job.total = number(arguments, count, 4);
		job.recipient = text(arguments, count, 5);
		job.password = text(arguments, count, 6);
		users_at = 7;
		job.wait = count > 8;
	} else {
		job.recipient = text(arguments, count, 4);
		job.password = text(arguments, count, 5); /* guess, events: the seconds */
		users_at = 6;
	}
	job.users = users_at < count && strcmp(mode, "idle") != 0 ? (int)number(arguments, count, users_at) : 1;
	if (strcmp(mode, "smtp") == 0)
		run(smtp_session, "smtp");
	else if (strcmp(mode, "append") == 0)
		run(append_session, "append");
	else if (strcmp(mode, "login") == 0)
		run(login_session, "login");
	else if (strcmp(mode, "ask") == 0)
		run(ask_session, "ask");
	else if (strcmp(mode, "retr") == 0)
		run(retr_session, "retr");
	else if (strcmp(mode, "noop") == 0) {
		selected = calloc((size_t)job.users, sizeof *selected);
		pthread_barrier_init(&all_selected, NULL, (unsigned)job.sessions + 1);
		run(noop_session, "noop");
	} else if (strcmp(mode, "guess") == 0)
		guess(number(arguments, count, 5));
	else if (strcmp(mode, "events") == 0)
		hold_events(job.recipient, number(arguments, count, 5));
	else
		hold_idle(number(arguments, count, 6));
	return 0;
}
