/* The master's loop: signals, roles, the command line's requests. It does little, so that there is little in it that can
 * go wrong: no network input reaches it, and what the roles tell it is a handful of fixed messages. */
#include "main/master.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/reserve.h"
#include "config/config_history.h"
#include "store/store.h"

enum {
	MASTER_TICK_MS = 10000, /* how often the event file is looked at */
	MASTER_STEP_MS = 100,   /* how often the end of killed roles is looked for; it is also signalled */
	OTHERS_AFTER_MS = 100,   /* roles that serve no clients wait for the others for so long */
};

/* ---- Stop ---- */

/* Tells the service manager, if one has started us and asked to be told (sd_notify(3)): a datagram to the socket that
 * NOTIFY_SOCKET names. One that can't be told has its own timeouts. */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
		return;
	memcpy(address.sun_path, path, strlen(path));
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* an abstract name */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, len) < 0)
		log_warning("server.manager_untold", log_number("error", errno));
	if (fd >= 0)
		close(fd);
}

void master_stop(struct master *master)
{
	if (master->stopping)
		return;
	master->stopping = true;
	log_info("server.stopping");
	notify("STOPPING=1");
}

/* Roles end in the order in which mail moves: first those that take requests, then the queue and the courier, then auth, which
 * is asked by others. True when all have ended. */
static bool continue_stop(struct master *master)
{
	unsigned first = UINT_MAX;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (master->children[i].pid > 0 && role_rows[i].stop < first)
			first = role_rows[i].stop;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (role_rows[i].stop == first)
			master_stop_child(master, (enum role_name)i);
	return first == UINT_MAX;
}

/* ---- The loop ---- */

static void hear_signals(struct master *master)
{
	struct signalfd_siginfo signal;
	struct error ignored;
	struct buf unsaid = BUF(RELOAD_SAID_MAX);
	while (read(master->signals, &signal, sizeof signal) == (ssize_t)sizeof signal) {
		if (signal.ssi_signo == SIGCHLD)
			master_reap(master);
		else if (signal.ssi_signo == SIGHUP)
			master_reload(master, &unsaid, &ignored); /* the log says it */
		else if (master->stopping && signal.ssi_signo == SIGINT) { /* Ctrl-C again: somebody is waiting */
			master->hurried = true;
			for (int i = 0; i < ROLE_COUNT; i++)
				master->children[i].stop_deadline = 0;
		} else if (!master->stopping)
			master_stop(master);
	}
	buf_free(&unsaid);
}

/* Roles that have data open start only when the service has begun anew. */
static bool waits_for_disk(const struct master *master, int role)
{
	return master->distrust && !role_rows[role].outlives_disk;
}

/* Those first that clients wait for; the others when these are there, or have taken long; those on demand when they are asked. What they are asked before waits in a
 * channel. */
static void start_all(struct master *master)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (role_rows[i].rights.listeners)
			master_start_child(master, (enum role_name)i);
		else if (!role_rows[i].on_demand)
			master->children[i].start_at = clock_monotonic_ms() + OTHERS_AFTER_MS;
}

static bool clients_are_served(const struct master *master)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (role_rows[i].rights.listeners && !master->children[i].ready)
			return false;
	return true;
}

static void start_due(struct master *master)
{
	bool served = clients_are_served(master);
	for (int i = 0; i < ROLE_COUNT; i++) {
		const struct master_child *child = &master->children[i];
		bool due = child->start_at > 0 && (clock_monotonic_ms() >= child->start_at || (served && child->started == 0));
		if (child->pid == 0 && due && !waits_for_disk(master, i))
			master_start_child(master, (enum role_name)i);
	}
}

static bool is_same_file(int one, int other)
{
	struct stat a, b;
	return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A line of its own on standard output; and on standard error, should somebody wait for it where the log goes. */
static void print_ready(void)
{
	puts("ready");
	fflush(stdout);
	if (!is_same_file(STDOUT_FILENO, STDERR_FILENO))
		fputs("ready\n", stderr);
}

/* Says that all is up, once, to who started us. */
static void say_ready(struct master *master)
{
	if (master->serving || master->stopping)
		return;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (!master->children[i].ready && !master_child_rests(master, (enum role_name)i))
			return;
	master->serving = true;
	log_info("server.ready", log_text("data", master->data), log_text("version", POMBAL_VERSION));
	print_ready();
	notify("READY=1");
}

/* How long poll may wait: until the next start that is planned, or somebody's deadline. */
static int next_wait(const struct master *master)
{
	int64_t now = clock_monotonic_ms(), wait = MASTER_TICK_MS;
	for (int i = 0; i < ROLE_COUNT; i++) {
		const struct master_child *child = &master->children[i];
		if (child->start_at > 0 && child->start_at - now < wait && !waits_for_disk(master, i))
			wait = child->start_at - now;
		if (child->pid > 0 && child->stopping && child->stop_deadline - now + 1 < wait)
			wait = child->stop_deadline - now + 1;
	}
	if (master->distrust && master->anew_at - now < wait)
		wait = master->anew_at - now < 0 ? MASTER_STEP_MS : master->anew_at - now;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (master->children[i].asked && master->question_deadline - now + 1 < wait)
			wait = master->question_deadline - now + 1;
	if (!bus_flush(master->bus) && MASTER_STEP_MS < wait)
		wait = MASTER_STEP_MS;
	if (master_acme_deadline(master) > 0 && master_acme_deadline(master) - now + 1 < wait)
		wait = master_acme_deadline(master) - now + 1;
	if (master->reloading && master->reload_deadline - now + 1 < wait)
		wait = master->reload_deadline - now + 1;
	return wait < 0 ? 0 : (int)wait;
}

/* Fills `fds` (CHANNEL_COUNT of them) with the channels to roles that rest. */
static void watch_channels(const struct master *master, struct pollfd *fds)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++) {
		enum role_name to = channel_rows[i].to;
		bool watched = !master->stopping && master_child_rests(master, to) && !waits_for_disk(master, (int)to);
		fds[i] = (struct pollfd){.fd = watched ? master->channels[i].ends[1] : -1, .events = POLLIN};
	}
}

static void wake_those_asked(struct master *master, const struct pollfd *fds)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		if (fds[i].revents & POLLIN)
			master->children[channel_rows[i].to].start_at = clock_monotonic_ms();
}

static void wait_and_serve(struct master *master)
{
	enum { CHILDREN = 1, CHANNELS = CHILDREN + ROLE_COUNT, CLIENTS = CHANNELS + CHANNEL_COUNT };
	struct pollfd fds[CLIENTS + MASTER_CLIENTS_MAX + 1];
	fds[0] = (struct pollfd){.fd = master->signals, .events = POLLIN};
	for (int i = 0; i < ROLE_COUNT; i++)
		fds[CHILDREN + i] = (struct pollfd){.fd = master->children[i].control, .events = POLLIN};
	watch_channels(master, fds + CHANNELS);
	size_t clients = master_control_fds(master, fds + CLIENTS);
	if (poll(fds, CLIENTS + clients, next_wait(master)) < 0)
		return;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (fds[CHILDREN + i].revents && master->children[i].control >= 0)
			master_hear_child(master, (enum role_name)i);
	if (fds[0].revents)
		hear_signals(master);
	wake_those_asked(master, fds + CHANNELS);
	master_serve_control(master, fds + CLIENTS, clients);
}

/* Room for removing things when the disk is full. */
static void keep_reserves(struct master *master)
{
	if (clock_monotonic_ms() < master->reserve_at)
		return;
	master->reserve_at = clock_monotonic_ms() + MASTER_TICK_MS;
	for (size_t i = 0; i < CONFIG_FOLDER_COUNT; i++)
		if (config_folders[i].has_reserve)
			reserve_keep(config_folders[i].name);
}

static void run(struct master *master)
{
	master_follow_users(master);
	start_all(master);
	for (;;) {
		if (master->stopping && continue_stop(master))
			return;
		if (!master->stopping && master->distrust)
			master_begin_anew(master);
		if (!master->stopping)
			start_due(master);
		master_kill_late(master);
		keep_reserves(master);
		wait_and_serve(master);
		master_continue_acme(master);
		say_ready(master);
		master_rotate_log(master);
		master_follow_users(master);
		if (!master->stopping)
			master_follow_countries(master);
	}
}

/* ---- From beginning to end ---- */

static bool catch_signals(struct master *master, struct error *error)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || (master->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return error_set_errno(error, errno, "signalfd");
	return true;
}

static void warn_of_root(const struct master *master)
{
	if (getuid() == 0 && master->owner.user == 0)
		log_warning("server.root", log_text("reason", "the data directory belongs to root: the roles run as root without any privilege; "
								 "give the directory to a user of its own"));
}

/* A change of the configuration that waits to be confirmed, and whose time is over, is taken back before anything is read; and so is one with which the server can't even
 * be started. */
static void take_back_change(struct master *master, const char *why)
{
	struct config_change change;
	struct error error;
	struct arena *arena = arena_new();
	bool done = false;
	int lock = config_history_lock(".", &error);
	bool known = lock >= 0 && config_history_waiting(".", arena, &change, &error);
	if (known && change.number != 0 && config_history_take_back(".", &change, &done, &error))
		log_warning(done ? "admin.config_taken_back" : "admin.config_kept", log_number("number", (int64_t)change.number), log_slice("changed_by", change.by), log_text("reason", why));
	else if (!known || change.number != 0)
		log_error("server.failed", log_text("data", master->data), log_text("reason", error.text));
	if (lock >= 0)
		close(lock);
	arena_free(&arena);
}

static bool load_first(struct master *master, struct error *error)
{
	if (config_history_is_due(".", clock_now()))
		take_back_change(master, "it wasn't confirmed in time");
	if (master_load(master, false, error))
		return true;
	struct error why = *error;
	if (!config_history_is_due(".", INT64_MAX))
		return false;
	take_back_change(master, why.text);
	return master_load(master, false, error);
}

/* What needs the owner's rights only. The listeners are opened as root, where we are. */
static bool set_up(struct master *master, struct error *error)
{
	if (!identity_of(master->data, &master->owner, error))
		return false;
	if (chdir(master->data) != 0)
		return error_set_errno(error, errno, "%s", master->data);
	privileges_borrow(&master->owner);
	if (!master_make_folders(master, error) || !master_lock(master, error) || !load_first(master, error))
		return false;
	enum log_level level = LOG_LEVEL_INFO;
	log_level_parse(slice_of(config_current()->log_level), &level);
	log_set_role("master", level);
	if (!(master->log_keeper = log_keeper_new(error)) || !master_open_log(master, error))
		return false;
	warn_of_root(master);
	privileges_return();
	bool done = master_follow_listeners(master, config_current(), error);
	privileges_borrow(&master->owner);
	return done && master_make_channels(master, error) && master_open_control(master, error) && catch_signals(master, error) &&
	       store_begin_service(master->data, error);
}

static void tear_down(struct master *master)
{
	master_close_control(master);
	for (size_t i = 0; i < master->listener_count; i++) {
		master_close_listener(&master->listeners[i]);
	}
	for (int i = 0; i < ROLE_COUNT; i++) {
		if (master->children[i].control >= 0)
			close(master->children[i].control);
		buf_free(&master->children[i].answer);
	}
	master_free_acme(master);
	bus_free(&master->bus);
	master_close_channels(master);
	int fds[] = {master->program, master->log, master->users, master->signals, master->config, master->certificates, master->challenges, master->lock};
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	log_keeper_free(&master->log_keeper);
	log_set_file(-1);
	free(master->data);
	config_free_all();
}

/* Occupies the standard descriptors, should they be closed, and the one that becomes a role's control channel, so that
 * nothing of ours gets these numbers. */
static void reserve_descriptors(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < ROLE_CONTROL_FD);
	if (fd > ROLE_CONTROL_FD) {
		dup2(fd, ROLE_CONTROL_FD); /* what was inherited there is nobody's */
		close(fd);
	}
}

static void make_empty(struct master *master, const char *data)
{
	*master = (struct master){.data = memory_copy(data, strlen(data)), .started = clock_monotonic_ms(), .lock = -1, .log = -1, .users = -1, .signals = -1, .config = -1, .certificates = -1, .challenges = -1};
	for (int i = 0; i < ROLE_COUNT; i++)
		master->children[i].control = -1;
	master_empty_channels(master);
	master->program = open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

int master_serve(const char *data)
{
	struct master master;
	struct error error;
	reserve_descriptors();
	make_empty(&master, data);
	privileges_harden();
	log_set_role("master", LOG_LEVEL_INFO);
	if (!set_up(&master, &error)) {
		fprintf(stderr, "pombal serve: %s\n", error.text);
		tear_down(&master);
		return 1;
	}
	run(&master);
	if (master.distrust)
		store_forget_cached(master.data); /* the next start finds that this was no clean stop */
	else if (!store_end_service(master.data, &error))
		log_error("server.failed", log_text("reason", error.text));
	log_info("server.stopped");
	int status = master.status;
	tear_down(&master);
	return status;
}
