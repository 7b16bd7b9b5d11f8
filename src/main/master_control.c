/* DIR/run/control: a stream socket on which the command line of the directory's owner (or root) says one line and gets
 * an answer:
 *
 *   status            one line per role: "role smtp pid 12 state ready seconds 9 restarts 0"; then "ok"
 *   reload            as SIGHUP; when every role follows, one line per option that has changed: "option NAME how it takes
 *                     effect"; then "ok", or "error <reason>"
 *   stop              as SIGTERM; "ok" at once: the end of the process is the end of the server
 *   metrics           numbers, one a line: "smtp value connections_open 3"; see measure.h; then "ok"
 *   sessions          who is signed in, a line each; see sessions.h; then "ok"
 *   end WHOM          ends sessions; see sessions.h
 *   flush             the courier looks at the queue at once
 *   reports           … and whether there are reports to other domains
 *   changed ACCOUNT   the account's mail was changed from outside: sessions are told
 *   events            what was told of before is in the event file when this is answered
 *
 * Who may connect is decided by the folder's and the socket's permissions (0700, 0600). A client that is slow is cut off. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "main/master.h"

enum { STATUS_ANSWER_MAX = 32 * 1024, ANSWERS_MAX = ROLE_COUNT * CONTROL_ANSWER_MAX, CONTROL_CLIENT_MS = 5000 };

enum waiting { WAITS_NOT, WAITS_ANSWERS, WAITS_RELOAD };

struct client_of_master {
	int fd; /* -1: free place */
	size_t len;
	int64_t deadline;
	enum waiting waiting; /* for what: nothing more is read from it */
	size_t line_len;      /* of its question, with WAITS_ANSWERS */
	struct buf output;    /* what it hasn't taken yet of its answer; then nothing more is read from it either */
	char line[CONTROL_LINE_MAX];
	struct buf said;      /* the answer so far, of one who waits */
};

struct control_server {
	int fd;
	struct client_of_master clients[MASTER_CLIENTS_MAX];
};

bool master_open_control(struct master *master, struct error *error)
{
	/* A relative path: the data directory's own may be longer than a socket's may be. */
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "run/control"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(address.sun_path); /* left by a server that was killed: we hold the lock */
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || chmod(address.sun_path, 0600) != 0 || listen(fd, 16) != 0)
		return error_set_errno(error, errno, "%s/run/control", master->data);
	master->server = memory_new(sizeof *master->server);
	master->server->fd = fd;
	for (size_t i = 0; i < MASTER_CLIENTS_MAX; i++)
		master->server->clients[i].fd = -1;
	return true;
}

static void drop(struct client_of_master *client)
{
	close(client->fd);
	client->fd = -1;
	client->len = 0;
	client->waiting = WAITS_NOT;
	buf_free(&client->said);
	buf_free(&client->output);
}

void master_close_control(struct master *master)
{
	if (!master->server)
		return;
	for (size_t i = 0; i < MASTER_CLIENTS_MAX; i++)
		if (master->server->clients[i].fd >= 0)
			drop(&master->server->clients[i]);
	close(master->server->fd);
	unlink("run/control");
	free(master->server);
	master->server = NULL;
}

size_t master_control_fds(struct master *master, struct pollfd *fds)
{
	if (!master->server)
		return 0;
	fds[0] = (struct pollfd){.fd = master->server->fd, .events = POLLIN};
	for (size_t i = 0; i < MASTER_CLIENTS_MAX; i++) {
		const struct client_of_master *client = &master->server->clients[i];
		fds[i + 1] = (struct pollfd){.fd = client->fd, .events = client->output.len > 0 ? POLLOUT : client->waiting ? 0 : POLLIN};
	}
	return MASTER_CLIENTS_MAX + 1;
}

/* ---- What is asked for ---- */

static void say_status(struct master *master, struct buf *answer)
{
	for (int i = 0; i < ROLE_COUNT; i++) {
		const struct master_child *child = &master->children[i];
		buf_printf(answer, "role %s pid %d state %s seconds %lld restarts %u\n", role_names[i], (int)child->pid,
			   child->stopping ? "stopping" : child->ready ? "ready" : child->pid ? "starting" : master_child_rests(master, (enum role_name)i) ? "resting" : "down",
			   child->pid ? (long long)((clock_monotonic_ms() - child->started) / 1000) : 0LL, child->restarts);
	}
	for (size_t i = 0; i < master->listener_count; i++)
		buf_printf(answer, "listener %s address %s\n", service_rows[master->listeners[i].service].name, master->listeners[i].address);
	buf_append_text(answer, "ok\n");
}

/* A full channel means that it has been told often enough. */
static void poke_courier(struct master *master, struct slice word)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		if (channel_rows[i].kind == CHANNEL_POKE && send(master->channels[i].ends[0], word.at, word.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			log_warning("channel.failed", log_number("error", errno));
}

static void obey(struct master *master, struct slice line, struct buf *answer)
{
	struct slice verb, argument;
	slice_cut(line, ' ', &verb, &argument);
	if (slice_equal(verb, SLICE("status"))) {
		say_status(master, answer);
		return;
	}
	if (slice_equal(verb, SLICE("stop")))
		master_stop(master);
	else if (slice_equal(verb, SLICE("flush")) || slice_equal(verb, SLICE("reports")))
		poke_courier(master, verb);
	else if (slice_equal(verb, SLICE("changed")) && argument.len > 0)
		bus_announce_mail(master->bus, argument);
	else if (slice_equal(verb, SLICE("events")))
		log_keeper_catch_up(master->log_keeper);
	else {
		buf_append_text(answer, "error unknown request\n");
		return;
	}
	buf_append_text(answer, "ok\n");
}

/* Sends what the client takes now; when that was all, or it has gone, it is dropped. */
static void flush(struct client_of_master *client)
{
	while (client->output.len > 0) {
		ssize_t sent = send(client->fd, client->output.at, client->output.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0 && errno != EINTR)
			break;
		buf_consume(&client->output, sent > 0 ? (size_t)sent : 0);
	}
	drop(client);
}

static void give(struct client_of_master *client, const struct buf *answer)
{
	client->waiting = WAITS_NOT;
	client->deadline = clock_monotonic_ms() + CONTROL_CLIENT_MS;
	client->output = BUF(answer->len);
	buf_append(&client->output, buf_slice(answer));
	flush(client);
}

static void answer_client(struct master *master, struct client_of_master *client, size_t line_len)
{
	struct slice line = slice_trim(slice_make(client->line, line_len));
	struct buf answer = BUF(STATUS_ANSWER_MAX);
	struct error error;
	if (slice_find_char(line, '\0') != SLICE_NONE) { /* it would be another line for whoever it is handed on to as a text */
		buf_append_text(&answer, "error there is a NUL in this command\n");
		give(client, &answer);
	} else if (master_is_question(line)) {
		client->waiting = WAITS_ANSWERS;
		client->line_len = line_len;
	} else if (slice_equal(line, SLICE("reload"))) {
		client->said = BUF(RELOAD_SAID_MAX);
		client->waiting = WAITS_RELOAD;
		if (!master_reload(master, &client->said, &error)) {
			buf_printf(&answer, "error %s\n", error.text);
			give(client, &answer);
		}
	} else {
		obey(master, line, &answer);
		give(client, &answer);
	}
	buf_free(&answer);
}

/* Those who wait for a reload hear of it when the last role follows. */
static void answer_reloads(struct master *master)
{
	master_continue_reload(master);
	for (size_t i = 0; !master->reloading && i < MASTER_CLIENTS_MAX; i++) {
		struct client_of_master *client = &master->server->clients[i];
		if (client->fd < 0 || client->waiting != WAITS_RELOAD)
			continue;
		if (master->trouble[0]) {
			buf_clear(&client->said);
			buf_printf(&client->said, "error %s\n", master->trouble);
		} else
			buf_append_text(&client->said, "ok\n");
		give(client, &client->said);
	}
}

static struct slice question_of(const struct client_of_master *client)
{
	return client->fd >= 0 && client->waiting == WAITS_ANSWERS ? slice_trim(slice_make(client->line, client->line_len)) : SLICE("");
}

/* Those who wait get the answers when the last role has said its own. Who asks the same meanwhile shares them. */
static void give_answers(struct master *master)
{
	struct buf answer = BUF(ANSWERS_MAX);
	master_say_answers(master, &answer);
	buf_append_text(&answer, "ok\n");
	for (size_t i = 0; i < MASTER_CLIENTS_MAX; i++)
		if (slice_equal(question_of(&master->server->clients[i]), slice_of(master->question)))
			give(&master->server->clients[i], &answer);
	buf_free(&answer);
}

static void serve_questions(struct master *master)
{
	for (;;) {
		struct slice next = SLICE("");
		for (size_t i = 0; i < MASTER_CLIENTS_MAX && slice_empty(next); i++)
			next = question_of(&master->server->clients[i]);
		if (!master->question[0] && !slice_empty(next))
			master_ask(master, next);
		if (!master->question[0] || !master_has_answers(master))
			return;
		give_answers(master);
		master_end_question(master);
	}
}

static void read_client(struct master *master, struct client_of_master *client)
{
	ssize_t got = recv(client->fd, client->line + client->len, sizeof client->line - client->len, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	client->len += got > 0 ? (size_t)got : 0;
	size_t end = slice_find_char(slice_make(client->line, client->len), '\n');
	if (end != SLICE_NONE)
		answer_client(master, client, end);
	else if (got <= 0 || client->len == sizeof client->line)
		drop(client);
}

static void accept_client(struct control_server *server)
{
	int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
	for (size_t i = 0; fd >= 0 && i < MASTER_CLIENTS_MAX; i++)
		if (server->clients[i].fd < 0) {
			server->clients[i].fd = fd;
			server->clients[i].len = 0;
			server->clients[i].deadline = clock_monotonic_ms() + CONTROL_CLIENT_MS;
			return;
		}
	if (fd >= 0)
		close(fd);
}

void master_serve_control(struct master *master, const struct pollfd *fds, size_t count)
{
	struct control_server *server = master->server;
	int64_t now = clock_monotonic_ms();
	for (size_t i = 1; i < count; i++) {
		struct client_of_master *client = &server->clients[i - 1];
		if (client->fd >= 0 && client->waiting && fds[i].revents)
			drop(client); /* it has gone */
		else if (client->fd >= 0 && client->output.len > 0 && fds[i].revents)
			flush(client);
		else if (client->fd >= 0 && fds[i].revents)
			read_client(master, client);
		else if (client->fd >= 0 && !client->waiting && now > client->deadline)
			drop(client);
	}
	if (count > 0 && fds[0].revents)
		accept_client(server);
	if (server)
		serve_questions(master);
	answer_reloads(master);
}
