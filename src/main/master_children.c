/* Starting, stopping and restarting the roles' processes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/distrust.h"
#include "base/log.h"
#include "main/master.h"
#include "store/store.h"

enum {
	STEADY_MS = 10000,       /* who ran so long has not failed at its start */
	RESTART_FIRST_MS = 100,  /* after the first end at once; then this, and twice as long each time */
	RESTART_MOST_MS = 30000,
	ANEW_PAUSE_MS = 5000,    /* after the disk has failed at the beginning of service, too */
};

/* ---- Starting ---- */

/* In the new process: becomes the owner and executes the program anew. */
static _Noreturn void become_role(struct master *master, enum role_name name, int control)
{
	struct error error = {0};
	int null = open("/dev/null", O_RDWR);
	if (!privileges_become(&master->owner, &error) || null < 0 || dup2(null, STDIN_FILENO) < 0) {
		log_error("role.failed", log_text("name", role_names[name]), log_text("reason", error.text));
		_exit(1);
	}
	close(null);
	dup2(STDERR_FILENO, STDOUT_FILENO); /* standard output is the master's, for "ready" */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The lock stays with every role, by a descriptor that none of them knows. */
	fcntl(master->lock, F_SETFD, 0);
	dup2(control, ROLE_CONTROL_FD);
	/* Finding a library's function at its first call writes the processor's registers to the stack, and with them what was copied
	 * last: a password. So all are found at the start. */
	setenv("LD_BIND_NOW", "1", 1);
	char *arguments[] = {(char[]){"pombal"}, (char[]){"role"}, (char *)(uintptr_t)role_names[name], NULL};
	execveat(master->program, "", arguments, environ, AT_EMPTY_PATH);
	_exit(127);
}

static bool send_channels(struct master *master, enum role_name name, int control, struct error *error)
{
	bool done = true;
	for (size_t i = 0; i < CHANNEL_COUNT && done; i++)
		for (int end = 0; end < 2 && done; end++)
			if ((end == 0 ? channel_rows[i].from : channel_rows[i].to) == name)
				done = control_send(control, CONTROL_CHANNEL, (uint32_t)i, NULL, master->channels[i].ends[end], error);
	return done;
}

/* Its own end, and those of the others that hear what it announces. */
static bool send_bus(struct master *master, enum role_name name, int control, struct error *error)
{
	bool done = !role_rows[name].hears || control_send(control, CONTROL_BUS_IN, 0, NULL, master->bus_ends[name].ends[1], error);
	for (size_t i = 0; i < ROLE_COUNT && done; i++)
		if (i != name && role_rows[i].hears & role_rows[name].announces)
			done = control_send(control, CONTROL_BUS_OUT, (uint32_t)i, NULL, master->bus_ends[i].ends[0], error);
	return done;
}

static bool send_listeners(struct master *master, enum role_name name, int control, struct error *error)
{
	for (size_t i = 0; i < master->listener_count; i++) {
		const struct master_listener *listener = &master->listeners[i];
		if (service_rows[listener->service].role == name &&
		    !control_send(control, CONTROL_LISTENER, listener->service, listener->address, listener->fd, error))
			return false;
	}
	return true;
}

static bool send_log(struct master *master, enum role_name name, int control, struct error *error)
{
	int fd = log_keeper_add(master->log_keeper, role_names[name], error);
	bool done = fd >= 0 && control_send(control, CONTROL_LOG, 0, NULL, fd, error);
	if (fd >= 0)
		close(fd);
	return done;
}

/* All of it waits in the channel until the new process reads. Keys go to those only that serve TLS. */
static bool send_setup(struct master *master, enum role_name name, int control, struct error *error)
{
	const struct role_row *row = &role_rows[name];
	return control_send(control, CONTROL_DATA, (uint32_t)getpid(), master->data, -1, error) &&
	       send_log(master, name, control, error) &&
	       control_send(control, CONTROL_CONFIG, 0, NULL, master->config, error) &&
	       (!row->tls || control_send(control, CONTROL_CERTIFICATES, 0, NULL, master->certificates, error)) &&
	       (!row->tls || master->challenges < 0 || control_send(control, CONTROL_CHALLENGES, 0, NULL, master->challenges, error)) &&
	       (!row->users || master->users < 0 || control_send(control, CONTROL_USERS, 0, NULL, master->users, error)) &&
	       send_channels(master, name, control, error) && send_bus(master, name, control, error) && send_listeners(master, name, control, error) &&
	       control_send(control, CONTROL_START, 0, NULL, -1, error);
}

static void plan_restart(struct master_child *child)
{
	int64_t wait = 0;
	if (child->failures > 1) {
		unsigned doublings = child->failures - 2 < 10 ? child->failures - 2 : 10;
		wait = (int64_t)RESTART_FIRST_MS << doublings;
		wait = wait < RESTART_MOST_MS ? wait : RESTART_MOST_MS;
	}
	child->start_at = clock_monotonic_ms() + wait;
}

bool master_child_rests(const struct master *master, enum role_name name)
{
	return role_rows[name].on_demand && master->children[name].pid == 0 && master->children[name].start_at == 0;
}

void master_start_child(struct master *master, enum role_name name)
{
	struct master_child *child = &master->children[name];
	struct error error = {0};
	int ends[2];
	child->start_at = 0;
	child->ready = child->stopping = false;
	child->unfollowed = 0;
	child->reason[0] = '\0';
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		error_set_errno(&error, errno, "socketpair");
	else if (!send_setup(master, name, ends[0], &error) || (child->pid = fork()) < 0) {
		if (error.kind == ERROR_NONE)
			error_set_errno(&error, errno, "fork");
		close(ends[0]);
		close(ends[1]);
		child->pid = 0;
	} else if (child->pid == 0)
		become_role(master, name, ends[1]);
	if (child->pid == 0) {
		log_error("role.failed", log_text("name", role_names[name]), log_text("reason", error.text));
		child->failures++;
		plan_restart(child);
		return;
	}
	close(ends[1]);
	child->control = ends[0];
	child->started = clock_monotonic_ms();
	log_debug("role.started", log_text("name", role_names[name]), log_number("pid", child->pid));
}

/* ---- Ending ---- */

static void describe_end(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}

/* The last words of a role may still be in its channel. */
static void hear_last_words(struct master *master, enum role_name name)
{
	struct master_child *child = &master->children[name];
	while (child->control >= 0)
		master_hear_child(master, name);
}

static void note_end(struct master *master, enum role_name name, int status)
{
	struct master_child *child = &master->children[name];
	pid_t pid = child->pid;
	char how[80];
	describe_end(status, how, sizeof how);
	child->pid = 0;
	hear_last_words(master, name);
	if (name == ROLE_ACME)
		master_forget_acme(master);
	int64_t ran = clock_monotonic_ms() - child->started;
	bool was_told = child->stopping;
	/* Who was told to stop and didn't within its time was killed by us: nothing is lost by that. */
	enum log_level level = !child->stopping ? LOG_LEVEL_ERROR : status == 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;
	log_write(level, "role.ended",
		  LOG_FIELDS(log_text("name", role_names[name]), log_number("pid", pid), log_text("how", how), log_number("ran_ms", ran)));
	master->distrust |= WIFEXITED(status) && WEXITSTATUS(status) == DISTRUST_STATUS;
	bool was_ready = child->ready;
	child->ready = child->asked = child->stopping = false;
	child->unfollowed = 0;
	if (master->stopping)
		return;
	if (!master->serving && !was_ready) { /* what can't start the first time needs a person */
		fprintf(stderr, "pombal: %s can't start: %s\n", role_names[name], child->reason[0] ? child->reason : how);
		master->status = 1;
		master_stop(master);
		return;
	}
	if (was_told) { /* no failure */
		child->failures = 0;
		child->start_at = clock_monotonic_ms();
		return;
	}
	if (child->anew && !was_ready) { /* it can't work by what it was restarted for */
		snprintf(master->trouble, sizeof master->trouble, "%s can't start: %.*s", role_names[name], CONTROL_TEXT_MAX - 48, child->reason[0] ? child->reason : how);
		child->anew = false;
	}
	child->failures = ran >= STEADY_MS ? 1 : child->failures + 1;
	child->restarts++;
	plan_restart(child);
}

void master_reap(struct master *master)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (int i = 0; i < ROLE_COUNT; i++)
			if (master->children[i].pid == pid)
				note_end(master, (enum role_name)i, status);
}

void master_hear_child(struct master *master, enum role_name name)
{
	struct master_child *child = &master->children[name];
	struct control_message message;
	enum control_result result = control_receive(child->control, false, &message);
	if (result != CONTROL_MESSAGE) {
		/* Nothing more to hear: closed by the role, or (when its end is being noted) empty. */
		if (result == CONTROL_CLOSED || child->pid == 0) {
			close(child->control);
			child->control = -1;
		}
		return;
	}
	if (message.type == CONTROL_ACME && name == ROLE_ACME)
		master_hear_acme(master, &message);
	if (message.fd >= 0)
		close(message.fd);
	if (message.type == CONTROL_READY) {
		child->ready = true;
		child->anew = child->anew && child->stopping; /* told once more, before it was there */
		log_info("role.ready", log_text("name", role_names[name]), log_number("pid", child->pid),
			 log_number("after_ms", clock_monotonic_ms() - child->started));
	} else if (message.type == CONTROL_FAILED)
		snprintf(child->reason, sizeof child->reason, "%s", message.text);
	else if (message.type == CONTROL_ANSWER)
		master_hear_answer(master, name, &message);
	else if (message.type == CONTROL_FOLLOWED && child->unfollowed > 0) {
		child->unfollowed--;
		if (message.text[0])
			snprintf(master->trouble, sizeof master->trouble, "%s: %.*s", role_names[name], CONTROL_TEXT_MAX - 32, message.text);
	}
}

/* ---- Telling ---- */

bool master_tell_child(struct master *master, enum role_name name, enum control_type type, int fd)
{
	struct error error;
	int control = master->children[name].control;
	if (control < 0 || control_send(control, type, 0, NULL, fd, &error))
		return control >= 0;
	log_error("role.unreachable", log_text("name", role_names[name]), log_text("reason", error.text));
	return false;
}

void master_tell_children(struct master *master, enum control_type type, int fd)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		master_tell_child(master, (enum role_name)i, type, fd);
}

void master_stop_child(struct master *master, enum role_name name)
{
	struct master_child *child = &master->children[name];
	struct error error;
	int64_t seconds = master->hurried ? 0 : config_current()->drain_time;
	child->start_at = 0;
	if (child->pid == 0 || child->stopping)
		return;
	child->stopping = true;
	child->stop_deadline = clock_monotonic_ms() + seconds * 1000 + MASTER_STOP_GRACE_MS;
	if (child->control < 0 || !control_send(child->control, CONTROL_STOP, (uint32_t)seconds, NULL, -1, &error))
		kill(child->pid, SIGKILL);
}

void master_restart_child(struct master *master, enum role_name name)
{
	struct master_child *child = &master->children[name];
	if (master_child_rests(master, name))
		return;
	log_info("role.restarting", log_text("name", role_names[name]), log_number("pid", child->pid));
	child->anew = true;
	child->failures = 0;
	master_stop_child(master, name);
	if (child->pid == 0)
		child->start_at = clock_monotonic_ms();
}

void master_kill_late(struct master *master)
{
	for (int i = 0; i < ROLE_COUNT; i++) {
		struct master_child *child = &master->children[i];
		if (child->pid > 0 && child->stopping && clock_monotonic_ms() > child->stop_deadline)
			kill(child->pid, SIGKILL);
	}
}

void master_begin_anew(struct master *master)
{
	struct error error;
	bool any = false;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (!role_rows[i].outlives_disk && master->children[i].pid > 0) {
			kill(master->children[i].pid, SIGKILL);
			any = true;
		}
	if (any || clock_monotonic_ms() < master->anew_at)
		return;
	store_forget_cached(master->data);
	if (store_begin_service(master->data, &error)) {
		log_warning("server.begun_anew", log_text("reason", "a sync of the disk had failed"));
		master->distrust = false;
		return;
	}
	log_error("server.disk_failing", log_text("reason", error.text));
	master->anew_at = clock_monotonic_ms() + ANEW_PAUSE_MS;
}
