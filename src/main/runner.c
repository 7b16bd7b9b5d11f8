/* See runner.h. A run is four descriptors: a memory file with what is asked, and pipes for standard output, standard error, and how it ended. Who asks reads these
 * until they are closed; what takes too long the kernel ends. */
#include "main/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/wire.h"
#include "config/config_history.h"
#include "main/sandbox.h"
#include "store/db/db.h"

enum {
	QUESTION_MAX = ADMIN_REQUEST_MAX + 4096,
	END_MAX = 1024,
	PIECE = 16384,
	LATE_MS = 5000,     /* beyond its time */
	LOOK_MS = 2000,     /* so often it is looked whether a change of the configuration is to be taken back */
	KEEP_MS = 60000,    /* so often the server's numbers are kept */
	PLACES_MAX = 64,
	NAME_MAX_BYTES = 1024,
	RUN_ASK = 0, RUN_OUT, RUN_NOTES, RUN_END, RUN_FDS,
};

struct runner {
	int channel;
};

/* ---- What is asked ---- */

static void put_who(struct buf *question, const struct auth_administrator *who, struct slice address)
{
	wire_put_text(question, who->who);
	wire_put_number(question, who->key);
	wire_put_number(question, who->rank);
	wire_put_text(question, who->domain);
	wire_put_number(question, who->reads);
	wire_put_number(question, (uint64_t)who->proved);
	wire_put_text(question, address);
}

static bool read_who(struct wire_reader *reader, struct auth_administrator *who, struct slice *address)
{
	who->who = wire_text(reader, NAME_MAX_BYTES);
	who->key = wire_flag(reader);
	who->rank = (enum auth_rank)wire_number(reader, RANK_SERVER);
	who->domain = wire_text(reader, NAME_MAX_BYTES);
	who->reads = wire_flag(reader);
	who->proved = (int64_t)wire_number(reader, INT64_MAX);
	*address = wire_text(reader, ADMIN_ADDRESS_MAX);
	return !reader->broken;
}

/* ---- A run's process ---- */

/* One run, in its process. */
struct run {
	const char *data;
	int end;
	struct arena *arena;
	struct auth_administrator who;
	struct slice body;
	struct command_caller caller;
};

static _Noreturn void end_run(const struct run *run, enum admin_code code, const char *message)
{
	struct buf end = BUF(END_MAX);
	fflush(stdout);
	fflush(stderr);
	wire_put_number(&end, code);
	wire_put_text(&end, slice_sub(slice_of(message), 0, sizeof ((struct runner_end *)NULL)->message - 1));
	file_write_all(run->end, buf_slice(&end), NULL);
	_exit(0);
}

static void limit(int resource, rlim_t most) { setrlimit(resource, &(struct rlimit){most, most}); }

/* Its addresses can't be limited under a sanitizer, which reserves more than there are. */
static void set_limits(void)
{
	limit(RLIMIT_CPU, RUNNER_CPU_SECONDS);
	limit(RLIMIT_CORE, 0);
	if (!sandbox_sanitizers())
		limit(RLIMIT_AS, RUNNER_MEMORY);
	signal(SIGPIPE, SIG_DFL); /* whose output nobody reads any more is ended */
	signal(SIGTERM, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	alarm(ADMIN_SECONDS);
}

struct places {
	const char *at[PLACES_MAX]; /* ended by NULL */
	size_t count;
};

static void add_place(struct places *places, const struct run *run, const char *path)
{
	if (path && *path && places->count < PLACES_MAX - 1)
		places->at[places->count++] = path[0] == '/' ? path : arena_printf(run->arena, "%s/%s", run->data, path).at;
}

/* What the configuration names outside of the data directory, and rows look at. */
static void add_configured(struct places *places, const struct run *run, const struct config *config)
{
	struct slice path, rest;
	add_place(places, run, config->smarthost_password_file);
	add_place(places, run, config->trusted_certificates);
	add_place(places, run, config->country_file);
	for (size_t i = 0; i < config->trust_anchors.count; i++)
		add_place(places, run, config->trust_anchors.at[i]);
	for (size_t i = 0; i < config->certificates.count; i++)
		for (rest = slice_of(config->certificates.at[i]); rest.len > 0;) {
			slice_cut(rest, ' ', &path, &rest);
			add_place(places, run, arena_text(run->arena, path));
		}
}

static bool confine(const struct run *run, bool network, struct error *error)
{
	struct places readable = {0};
	const char *const writable[] = {run->data, NULL};
	struct config *config = config_load(run->data, error); /* one that is broken names nothing */
	const char *const storages[] = {config ? config->storage : "", config ? config->queue_storage : "", config ? config->directory_storage : ""};
	for (size_t i = 0; i < sizeof storages / sizeof *storages; i++) {
		struct db_needs database = db_needs(storages[i], run->arena);
		network |= database.network;
		for (const char *const *file = database.files; file && *file; file++)
			add_place(&readable, run, *file);
	}
	if (config)
		add_configured(&readable, run, config);
	struct sandbox sandbox = {.writable = writable, .readable = readable.at, .network = network, .local_sockets = true, .files = true, .memory_files = true, .moves = true};
	bool done = sandbox_enter(&sandbox, error);
	config_free(&config);
	return done;
}

/* What the command reads from standard input. */
static bool give_input(struct slice input, struct error *error)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	bool done = fd >= 0 && file_write_all(fd, input, error) && lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO;
	if (fd >= 0)
		close(fd);
	return done || error_set_errno(error, errno, "standard input");
}

static enum admin_code code_of(const struct run *run, int status)
{
	if (status == COMMAND_DONE)
		return ADMIN_DONE;
	return status == COMMAND_USAGE ? ADMIN_USAGE : run->caller.failure == ERROR_NONE ? ADMIN_FAILED : admin_code_of(run->caller.failure);
}

static _Noreturn void run_command(struct run *run)
{
	struct admin_request request;
	struct command_line line;
	struct cli_refusal refusal;
	struct error error;
	if (!admin_request_read(run->body, run->arena, &request, &error))
		end_run(run, ADMIN_MALFORMED, error.text);
	if (!cli_offered_find(&request, &run->who, run->arena, &line, &refusal))
		end_run(run, refusal.code, refusal.text);
	line.data = run->data;
	line.user = getuid();
	line.caller = &run->caller;
	if (!cli_offered_may(&line, &refusal))
		end_run(run, refusal.code, refusal.text);
	if (!give_input(request.input, &error))
		end_run(run, ADMIN_TEMPORARY, error.text);
	end_run(run, code_of(run, line.command->run(&line)), "");
}

/* Reads what is asked, and has it done. Its number of descriptors is what the process has beside standard input, output and error. */
static _Noreturn void run_here(const char *data, const int fds[RUN_FDS], bool network)
{
	struct run run = {.data = data, .end = fds[RUN_END], .arena = arena_new()};
	struct buf question = BUF_SECRET(QUESTION_MAX);
	struct slice address;
	struct error error;
	set_limits();
	setenv("SQLITE_TMPDIR", arena_printf(run.arena, "%s/run/admin", data).at, 1);
	if (dup2(fds[RUN_OUT], STDOUT_FILENO) < 0 || dup2(fds[RUN_NOTES], STDERR_FILENO) < 0 || !file_make_folders("run/admin", 0700, &error) || !confine(&run, network, &error))
		end_run(&run, ADMIN_TEMPORARY, "the command can't be confined");
	log_set_role("command", LOG_LEVEL_WARNING);
	setvbuf(stdout, NULL, _IOFBF, PIECE);
	if (!file_read_fd(fds[RUN_ASK], &question, &error))
		end_run(&run, ADMIN_TEMPORARY, error.text);
	struct wire_reader reader = {.rest = buf_slice(&question)};
	if (!read_who(&reader, &run.who, &address))
		end_run(&run, ADMIN_TEMPORARY, "what was asked is malformed");
	run.body = reader.rest;
	run.caller = (struct command_caller){.who = run.who.who, .key = run.who.key, .address = address, .domain = run.who.domain};
	run_command(&run);
}

/* ---- The process that starts those ---- */

static void close_others(int channel)
{
	if (channel > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)channel - 1, 0);
	close_range((unsigned)channel + 1, ~0U, 0);
}

static void start(int channel, const char *data, const int fds[RUN_FDS], bool network)
{
	pid_t parent = getpid(), pid = fork();
	if (pid != 0)
		return; /* one that can't be started has closed pipes */
	prctl(PR_SET_NAME, "pombal: command");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(channel);
	if (getppid() == parent)
		run_here(data, fds, network);
	_exit(1);
}

/* On nobody's behalf: a change of the configuration that wasn't confirmed in time is taken back by a command like others, and so are the server's numbers kept. */
static _Noreturn void run_for_itself(const char *data, const struct command *command)
{
	struct run run = {.data = data, .end = -1, .arena = arena_new(), .caller = {.who = SLICE("server"), .address = SLICE("")}};
	struct command_line line = {.groups = cli_offered_groups, .data = data, .arena = run.arena, .caller = &run.caller};
	struct error error;
	set_limits();
	line.command = command;
	if (confine(&run, false, &error))
		line.command->run(&line);
	_exit(0);
}

static void start_for_itself(int channel, const char *data, const struct command *command)
{
	if (fork() != 0)
		return; /* one that can't be started now is another time */
	close(channel);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run_for_itself(data, command);
}

static bool is_due(int64_t *at, int64_t every)
{
	int64_t now = clock_monotonic_ms();
	bool due = now >= *at;
	if (due)
		*at = now + every;
	return due;
}

/* Waits for something to do, and looks meanwhile whether anything is due. False: the role has gone. */
static bool await_question(int channel, const char *data, int64_t *keep_at)
{
	for (;;) {
		if (is_due(keep_at, KEEP_MS))
			start_for_itself(channel, data, cli_offered_keep());
		struct pollfd polled = {.fd = channel, .events = POLLIN};
		int ready = poll(&polled, 1, LOOK_MS);
		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return false;
		if (ready == 0 && config_history_is_due(data, clock_now()))
			start_for_itself(channel, data, cli_offered_revert());
	}
}

_Noreturn static void serve(int channel, const char *data)
{
	unsigned char network;
	int fds[RUN_FDS];
	size_t count;
	bool lost;
	int64_t keep_at = clock_monotonic_ms() + KEEP_MS;
	prctl(PR_SET_NAME, "pombal: runner");
	log_set_file(-1);
	log_set_role("command", LOG_LEVEL_ERROR); /* a kernel without Landlock would be told of each time */
	signal(SIGTERM, SIG_IGN); /* it ends with the role */
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them: they say how they end */
	while (await_question(channel, data, &keep_at) && descriptors_receive(channel, true, &network, sizeof network, fds, RUN_FDS, &count, &lost) == sizeof network) {
		if (count == RUN_FDS)
			start(channel, data, fds, network != 0);
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
	}
	_exit(0);
}

/* ---- The role's side ---- */

struct runner *runner_new(const char *data, struct error *error)
{
	int ends[2];
	pid_t pid = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? fork() : -1;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close_others(ends[1]);
		serve(ends[1], data);
	}
	if (pid < 0) {
		error_set_errno(error, errno, "starting a process that runs commands");
		return NULL;
	}
	close(ends[1]);
	struct runner *runner = memory_new(sizeof *runner);
	runner->channel = ends[0];
	return runner;
}

void runner_stop(struct runner *runner) { shutdown(runner->channel, SHUT_RDWR); } /* then the process ends, and those that it has started with it */

void runner_free(struct runner **runner)
{
	if (!*runner)
		return;
	close((*runner)->channel); /* who has confined itself may not wait for the process */
	free(*runner);
	*runner = NULL;
}

static void fail(struct runner_end *end, enum admin_code code, const char *message)
{
	end->code = code;
	snprintf(end->message, sizeof end->message, "%s", message);
}

/* A piece of one pipe; false: it is closed now. */
static bool read_piece(int fd, struct buf *into, bool *large)
{
	char *at = buf_reserve(into, PIECE);
	ssize_t got = at ? read(fd, at, PIECE) : 0;
	*large |= !at;
	if (got > 0)
		buf_claim(into, (size_t)got);
	return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Until the pipes are closed. False: it wasn't come to in time, or there is more than may be. */
static bool hear(const int from[RUN_FDS], struct buf *into[RUN_FDS], bool *large)
{
	int64_t end = clock_monotonic_ms() + ADMIN_SECONDS * 1000 + LATE_MS;
	struct pollfd polled[RUN_FDS] = {[RUN_ASK] = {.fd = -1}};
	unsigned open = 0;
	for (int i = RUN_OUT; i < RUN_FDS; i++, open++)
		polled[i] = (struct pollfd){.fd = from[i], .events = POLLIN};
	while (open > 0 && !*large) {
		int64_t left = end - clock_monotonic_ms();
		if (left <= 0 || (poll(polled, RUN_FDS, (int)left) < 0 && errno != EINTR))
			return false;
		for (int i = RUN_OUT; i < RUN_FDS; i++)
			if (polled[i].fd >= 0 && polled[i].revents && !read_piece(from[i], into[i], large)) {
				polled[i].fd = -1;
				open--;
			}
	}
	return !*large;
}

static void take_end(struct slice said, struct runner_end *end)
{
	struct wire_reader reader = {.rest = said};
	enum admin_code code = (enum admin_code)wire_number(&reader, ADMIN_DONE);
	struct slice message = wire_text(&reader, sizeof end->message - 1);
	if (said.len == 0 || !wire_end(&reader)) {
		fail(end, ADMIN_TIME, "it has ended before it was done: it may have taken more time, or memory, than it may");
		return;
	}
	end->code = code;
	snprintf(end->message, sizeof end->message, "%.*s", SLICE_ARG(message));
}

static void close_all(int fds[RUN_FDS])
{
	for (int i = 0; i < RUN_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* The reading ends come to `here`, the others to `there`. */
static bool open_pipes(int here[RUN_FDS], int there[RUN_FDS])
{
	bool done = true;
	for (int i = RUN_OUT; i < RUN_FDS && done; i++) {
		int ends[2];
		done = pipe2(ends, O_CLOEXEC) == 0;
		here[i] = done ? ends[0] : -1;
		there[i] = done ? ends[1] : -1;
	}
	return done;
}

static bool begin(struct runner *runner, struct slice question, bool network, int here[RUN_FDS])
{
	int there[RUN_FDS] = {-1, -1, -1, -1};
	unsigned char flag = network;
	there[RUN_ASK] = memfd_create("call", MFD_CLOEXEC);
	bool done = there[RUN_ASK] >= 0 && file_write_all(there[RUN_ASK], question, NULL) && open_pipes(here, there) &&
		    descriptors_send(runner->channel, &(struct iovec){&flag, sizeof flag}, 1, there, RUN_FDS);
	close_all(there);
	return done;
}

void runner_run(struct runner *runner, const struct auth_administrator *who, struct slice address, struct slice body, bool network, struct runner_end *end)
{
	int here[RUN_FDS] = {-1, -1, -1, -1};
	bool large = false;
	*end = (struct runner_end){.output = BUF_SECRET(ADMIN_OUTPUT_MAX + PIECE), .notes = BUF(RUNNER_NOTES_MAX + PIECE)};
	struct buf question = BUF_SECRET(QUESTION_MAX), said = BUF(END_MAX + PIECE);
	put_who(&question, who, address);
	buf_append(&question, body);
	if (question.overflow || !begin(runner, buf_slice(&question), network, here))
		fail(end, ADMIN_TEMPORARY, "the command can't be started now");
	else if (hear(here, (struct buf *[]){NULL, &end->output, &end->notes, &said}, &large))
		take_end(buf_slice(&said), end);
	else if (large)
		fail(end, ADMIN_TOO_LARGE, "the answer is too large: ask for a page of it (limit, after)");
	else
		fail(end, ADMIN_TIME, "it took longer than it may");
	close_all(here);
	buf_free(&question);
	buf_free(&said);
}
