/* What decides in `pombal setup`; see setup.h. One thread: what it does takes as long as the row of the command line that it waits for. */
#include "main/setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acme/key.h"
#include "admin/admin.h"
#include "admin/codes.h"
#include "admin/request.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/offered.h"
#include "cli/setup.h"
#include "main/certificates.h"
#include "main/master.h"

enum { WRONG_CODE_MS = 1000, OUTPUT_MAX = 256 * 1024, CODE_FILE_MAX = 256, BODY_MAX = OUTPUT_MAX + 64 * 1024 };

#define UNIT "pombal.service"

struct setup {
	const char *data, *port_base; /* the latter NULL: not given */
	bool dev;
	int program;                  /* this program's file, to execute */
	struct setup_door door;
	struct master sockets;        /* its listeners alone */
	struct answerer *answerer;
	struct buf code;
	char fingerprint[CLI_FINGERPRINT_SIZE];
	struct setup_guesses guesses;
	bool made;                    /* there is an instance */
};

/* ---- Rows of the command line ---- */

/* In the new process. The user of the data directory runs what needs no more. */
_Noreturn static void become_row(const struct setup *self, const int fds[3], char *const *words, bool as_owner)
{
	struct error error;
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) != i)
			_exit(COMMAND_FAILED);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(ADMIN_SECONDS);
	if (!as_owner || privileges_become(&self->door.owner, &error))
		fexecve(self->program, words, environ);
	_exit(COMMAND_FAILED);
}

/* Runs one with that standard input; returns its exit status. */
static int run_row(const struct setup *self, char *const *words, bool as_owner, struct slice input, struct buf *output, struct buf *notes)
{
	int fds[3], status = COMMAND_FAILED;
	struct error error;
	for (int i = 0; i < 3; i++)
		fds[i] = memfd_create("row", MFD_CLOEXEC);
	if (fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0 && file_write_all(fds[0], input, &error) && lseek(fds[0], 0, SEEK_SET) == 0) {
		pid_t pid = fork();
		if (pid == 0)
			become_row(self, fds, words, as_owner);
		while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		status = pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : COMMAND_FAILED;
		if (!file_read_fd(fds[1], output, &error) || !file_read_fd(fds[2], notes, &error))
			status = COMMAND_FAILED;
	}
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return status;
}

/* ---- Answers ---- */

/* A question of the door's. */
struct asked {
	struct setup *setup;
	struct arena *arena;
	struct admin_answer answer;
	struct buf text;
};

static void refuse(struct asked *asked, enum admin_code code, const char *message)
{
	buf_clear(&asked->text);
	admin_write_error(&asked->text, code, slice_of(message));
	asked->answer.status = admin_code_rows[code].status;
}

static void tell_who(struct asked *asked)
{
	char name[256] = "";
	if (gethostname(name, sizeof name - 1) != 0 || !strchr(name, '.'))
		name[0] = '\0';
	json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "who", "setup", "rank", "setup", "hostname", slice_is_utf8(slice_of(name)) ? name : "", "version", POMBAL_VERSION);
	char *text = json_dumps(object, JSON_COMPACT);
	if (!text)
		memory_exhausted(0);
	buf_append_text(&asked->text, text);
	asked->answer.status = 200;
	free(text);
	json_decref(object);
}

static void tell_end(struct asked *asked, const char *command, int status, const struct buf *output, struct buf *notes, bool json)
{
	if (status == COMMAND_DONE) {
		asked->answer.status = 200;
		admin_write_done(&asked->text, json ? buf_slice(output) : SLICE(""), json, SLICE(""));
		return;
	}
	const char *why = arena_text(asked->arena, admin_last_line(buf_slice(notes), command));
	refuse(asked, ADMIN_INVALID, why[0] ? why : "the command has failed");
}

static void look_at_name(struct asked *asked, const struct admin_request *request)
{
	if (request->argument_count != 1 || request->option_count > 0) {
		refuse(asked, ADMIN_USAGE, "it takes a name");
		return;
	}
	const struct setup *self = asked->setup;
	const char *words[] = {"pombal", "dns", "name", "--json", "--data", self->data, "--", request->arguments[0].at, NULL};
	struct buf output = BUF(OUTPUT_MAX), notes = BUF(OUTPUT_MAX);
	int status = run_row(self, (char *const *)(uintptr_t)words, true, SLICE(""), &output, &notes);
	tell_end(asked, "dns name", status, &output, &notes, true);
	buf_free(&output);
	buf_free(&notes);
}

/* The value of an option that init is given, as one word; NULL: there is none. */
static const char *word_of(struct asked *asked, const struct admin_request *request, const char *name)
{
	for (size_t i = 0; i < request->option_count; i++)
		if (slice_equal(request->options[i].name, slice_of(name)) && !request->options[i].flag)
			return arena_printf(asked->arena, "--%s=%.*s", name, SLICE_ARG(request->options[i].value)).at;
	return NULL;
}

/* Its sockets listen no more, so that their ports are free for what comes; or they listen again. */
static void listen_again(struct setup *self, bool on)
{
	for (size_t i = 0; i < self->door.listener_count; i++)
		if (on)
			listen(self->door.listeners[i].fd, SOMAXCONN);
		else
			shutdown(self->door.listeners[i].fd, SHUT_RD);
}

static void make_instance(struct asked *asked, const struct admin_request *request)
{
	struct setup *self = asked->setup;
	const char *domain = word_of(asked, request, "domain"), *hostname = word_of(asked, request, "hostname"), *administrator = word_of(asked, request, "administrator");
	if (request->argument_count > 0 || request->option_count != 3 || !domain || !hostname || !administrator) {
		refuse(asked, ADMIN_USAGE, "it takes the options domain, hostname and administrator, and a password in input");
		return;
	}
	const char *words[] = {"pombal", "init", "--data", self->data, domain, hostname, administrator, "--password-stdin", self->dev ? "--dev" : NULL, self->port_base, NULL};
	struct buf output = BUF_SECRET(OUTPUT_MAX), notes = BUF(OUTPUT_MAX);
	listen_again(self, false);
	int status = run_row(self, (char *const *)(uintptr_t)words, false, request->input, &output, &notes);
	self->made = status == COMMAND_DONE;
	if (!self->made)
		listen_again(self, true);
	tell_end(asked, "init", status, &output, &notes, false);
	buf_free(&output);
	buf_free(&notes);
}

static void call(struct asked *asked, struct slice body)
{
	struct admin_request request;
	struct error error;
	if (!admin_request_read(body, asked->arena, &request, &error))
		refuse(asked, ADMIN_MALFORMED, error.text);
	else if (slice_equal(request.command, SLICE("dns name")))
		look_at_name(asked, &request);
	else if (!slice_equal(request.command, SLICE("init")))
		refuse(asked, ADMIN_NO_COMMAND, "there is no such command before the server is set up");
	else if (!asked->setup->made)
		make_instance(asked, &request);
	else
		refuse(asked, ADMIN_EXISTS, "the server has been set up already");
}

/* Nothing of the question but the code is read before it is right. */
static void answer(struct setup *self, const struct call_received *question)
{
	struct asked asked = {.setup = self, .arena = arena_new(), .text = {.max = BODY_MAX, .secret = true}};
	struct buf out = {.max = CALL_ANSWER_MAX, .secret = true};
	struct admin_asker asker;
	struct slice body;
	if (!admin_question_read(question->text, &asker, &body))
		refuse(&asked, ADMIN_MALFORMED, "that is no call");
	else if (!setup_may_guess(&self->guesses, asker.address, clock_monotonic_ms()))
		refuse(&asked, ADMIN_TOO_MANY, "there were too many wrong codes, try again in some minutes");
	else if (!asker.key || !cli_setup_code_fits(buf_slice(&self->code), asker.proof)) {
		setup_guessed(&self->guesses, asker.address, clock_monotonic_ms());
		refuse(&asked, ADMIN_SIGN_IN, "that isn't the code");
		asked.answer.delay_ms = WRONG_CODE_MS;
	} else if (question->verb == ADMIN_WHO)
		tell_who(&asked);
	else
		call(&asked, body);
	asked.answer.body = buf_slice(&asked.text);
	admin_answer_write(&asked.answer, &out);
	answerer_answer(self->answerer, question->id, buf_slice(&out), NULL, 0);
	buf_free(&out);
	buf_free(&asked.text);
	arena_free_secret(&asked.arena);
}

/* Until there is an instance. False: the door's process has ended. */
static bool serve(struct setup *self)
{
	while (!self->made) {
		struct call_received question;
		struct pollfd polled[] = {
			{.fd = answerer_wake_fd(self->answerer), .events = POLLIN},
			{.fd = answerer_channel(self->answerer), .events = answerer_events(self->answerer)},
		};
		if (poll(polled, sizeof polled / sizeof *polled, -1) < 0)
			continue;
		enum call_result result;
		while ((result = answerer_receive(self->answerer, &question)) == CALL_RECEIVED) {
			answer(self, &question);
			call_received_free(&question);
		}
		if (result == CALL_ENDED)
			return false;
	}
	return true;
}

/* ---- The beginning ---- */

/* In a process of its own, which becomes the directory's owner. */
static bool make_ready(struct command_line *line)
{
	int status = COMMAND_FAILED;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(cli_setup_begin(line));
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == COMMAND_DONE;
}

/* A browser comes over TLS; on a developer's own machine without, too. */
static bool configure(const struct setup *self, struct error *error)
{
	uint64_t base = 0;
	bool six = access("/proc/net/if_inet6", F_OK) == 0;
	struct buf text = BUF(4096);
	if (self->port_base)
		slice_to_number(slice_skip(slice_of(self->port_base), strlen("--port-base=")), UINT16_MAX, &base);
	buf_printf(&text, "certificates = {\"%s\"}\n", ACME_SELF_SIGNED);
	for (const struct service_row *service = service_rows; service < service_rows + SERVICE_COUNT; service++)
		if (service->role != ROLE_WEB || (!self->dev && !service->implicit_tls))
			continue;
		else if (self->dev)
			buf_printf(&text, "%s = {\"127.0.0.1:%u\"}\n", service->option, service->dev_port + (unsigned)base);
		else
			buf_printf(&text, six ? "%s = {\"0.0.0.0:%u\", \"[::]:%u\"}\n" : "%s = {\"0.0.0.0:%u\"}\n", service->option, service->port, service->port);
	struct config *config = config_parse(buf_slice(&text), "settings", error);
	buf_free(&text);
	if (config)
		config_set_current(config);
	return config != NULL;
}

static bool open_listeners(struct setup *self, struct error *error)
{
	if (!master_follow_listeners(&self->sockets, config_current(), error))
		return false;
	for (size_t i = 0; i < self->sockets.listener_count; i++)
		self->door.listeners[self->door.listener_count++] = (struct role_listener){self->sockets.listeners[i].fd, self->sockets.listeners[i].service};
	return true;
}

/* The door is opened before the code is read, so that it has never been in its memory. */
static bool open_door(struct setup *self, struct error *error)
{
	int ends[2];
	char path[PATH_MAX];
	struct buf packed = BUF_SECRET(CERTIFICATES_MAX);
	privileges_borrow(&self->door.owner);
	bool done = certificates_pack(config_current(), self->data, false, &packed, error);
	if (done && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		done = error_set_errno(error, errno, "socketpair");
	privileges_return();
	self->door.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pid_t parent = getpid(), pid = done && self->door.stop >= 0 ? fork() : -1;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		close(self->program);
		self->door.channel = ends[1];
		self->door.certificates = buf_slice(&packed);
		if (getppid() == parent)
			setup_door_run(&self->door);
		_exit(1);
	}
	cli_setup_fingerprint(buf_slice(&packed), self->fingerprint);
	buf_free(&packed);
	if (!done)
		return false;
	close(ends[1]);
	self->answerer = answerer_new(ends[0]);
	snprintf(path, sizeof path, "%s/" CLI_SETUP_CODE, self->data);
	privileges_borrow(&self->door.owner);
	done = (pid > 0 || error_set(error, ERROR_TEMPORARY, "no process can be started")) && file_read(path, &self->code, error);
	privileges_return();
	return done;
}

/* ---- What is said at the terminal ---- */

static void print_address(const char *scheme, const char *host, bool six, unsigned port, bool usual)
{
	printf("    %s://%s%s%s", scheme, six ? "[" : "", host, six ? "]" : "");
	if (!usual)
		printf(":%u", port);
	puts("/");
}

/* The machine's addresses, but those that nobody else reaches it by. False: there is none. */
static bool print_own_addresses(unsigned port)
{
	struct ifaddrs *list = NULL;
	bool any = false;
	if (getifaddrs(&list) != 0)
		return false;
	for (const struct ifaddrs *one = list; one; one = one->ifa_next) {
		char text[INET6_ADDRSTRLEN];
		bool six = one->ifa_addr && one->ifa_addr->sa_family == AF_INET6;
		if (!one->ifa_addr || !(one->ifa_flags & IFF_UP) || (one->ifa_flags & IFF_LOOPBACK) || (!six && one->ifa_addr->sa_family != AF_INET))
			continue;
		const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)one->ifa_addr)->sin6_addr;
		const void *bytes = six ? (const void *)v6 : (const void *)&((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr;
		if ((six && IN6_IS_ADDR_LINKLOCAL(v6)) || !inet_ntop(one->ifa_addr->sa_family, bytes, text, sizeof text))
			continue;
		print_address("https", text, six, port, port == service_rows[SERVICE_HTTPS].port);
		any = true;
	}
	freeifaddrs(list);
	return any;
}

static void print_how(const struct setup *self)
{
	const struct config *config = config_current();
	puts("Open this in a browser, and go on there:");
	if (self->dev)
		print_address("http", "127.0.0.1", false, service_port(config, SERVICE_HTTP), false);
	else if (!print_own_addresses(service_port(config, SERVICE_HTTPS)))
		print_address("https", "localhost", false, 0, true);
	printf("It warns of a certificate that nobody has signed yet. Its fingerprint (SHA-256) is\n    %s\n", self->fingerprint);
	printf("The code: %.*s\nIt stands in %s/%s, too, until the server is set up. Ctrl-C ends this; `pombal setup` goes on with the same code.\n", SLICE_ARG(slice_trim(buf_slice(&self->code))),
	       self->data, CLI_SETUP_CODE);
	fflush(stdout);
}

/* ---- The end ---- */

static void close_door(struct setup *self)
{
	eventfd_write(self->door.stop, 1);
	while (wait(NULL) >= 0 || errno == EINTR) /* it lets its last answer out */
		;
}

static bool has_unit(const struct setup *self)
{
	return slice_equal(slice_of(self->data), SLICE(COMMAND_DATA)) && access("/usr/lib/systemd/system/" UNIT, F_OK) == 0 && access("/run/systemd/system", F_OK) == 0;
}

/* Where the service manager looks after the server it is told; elsewhere this becomes it. */
static int go_on(const struct setup *self)
{
	const char *words[] = {"pombal", "serve", "--data", self->data, NULL};
	printf("%s is set up.\n", self->data);
	fflush(stdout);
	if (has_unit(self))
		execlp("systemctl", "systemctl", "enable", "--now", UNIT, (char *)NULL);
	else
		fexecve(self->program, (char *const *)(uintptr_t)words, environ);
	return COMMAND_FAILED;
}

static bool begin(struct setup *self, struct error *error)
{
	return identity_of(self->data, &self->door.owner, error) && configure(self, error) && open_listeners(self, error) && open_door(self, error);
}

int setup_run(struct command_line *line)
{
	char data[PATH_MAX], port_base[32];
	struct error error;
	const char *base = command_value(line, "port-base");
	struct setup self = {.dev = command_value(line, "dev") != NULL, .program = open("/proc/self/exe", O_PATH | O_CLOEXEC), .code = BUF_SECRET(CODE_FILE_MAX)};
	privileges_harden();
	if (!make_ready(line))
		return COMMAND_FAILED;
	if (!realpath(line->data, data))
		return command_fail(line, "no data directory %s", line->data);
	snprintf(port_base, sizeof port_base, "--port-base=%s", base ? base : "");
	self.data = data;
	self.port_base = base ? port_base : NULL;
	log_set_role("setup", LOG_LEVEL_WARNING);
	signal(SIGPIPE, SIG_IGN);
	if (!begin(&self, &error))
		return command_fail_with(line, &error);
	print_how(&self);
	bool done = serve(&self);
	answerer_free(&self.answerer);
	if (!done)
		return command_fail(line, "the process that serves the page has ended");
	close_door(&self);
	return go_on(&self);
}

const struct command_option setup_options[] = {
	{"dev", NULL, "for development: loopback only, high ports, without TLS, too"},
	{"port-base", "N", "with --dev: N is added to each port"},
	{0},
};
