/* The process of a role: it is set up by messages from the master, then it runs its main function. What goes wrong before
 * it is ready is told to the master, which decides; later the process just ends, and is started again. */
#include "main/role.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/distrust.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/challenge.h"
#include "main/certificates.h"
#include "main/control.h"
#include "main/measure.h"
#include "main/privileges.h"
#include "smtp/smtp.h"

enum {
	ROLE_CONFIG_MAX = 1024 * 1024,
	ROLE_USERS_MAX = 4 * 1024 * 1024,
	HTTP_CHALLENGES_MAX = 128, /* an order has fewer */
	CHANGES_PER_TURN = 64,   /* then the master is heard */
	ANSWER_WAIT_MS = 3000,   /* for the master to read what was said before */
	DISTRUST_PAUSE_MS = 500, /* for the answers to those who wait when a sync has failed */
};

/* ---- What the master sends ---- */

static bool use_config(int fd, struct error *error)
{
	struct buf text = BUF(ROLE_CONFIG_MAX);
	struct config *config = file_read_fd(fd, &text, error) ? config_parse(buf_slice(&text), "pombal.conf", error) : NULL;
	buf_free(&text);
	if (config)
		config_set_current(config);
	return config != NULL;
}

static bool use_certificates(struct role *role, int fd, struct error *error)
{
	struct buf packed = BUF(CERTIFICATES_MAX);
	bool done = file_read_fd(fd, &packed, error);
	if (done && role->tls)
		done = packed.len == 0 || certificates_replace(role->tls, buf_slice(&packed), config_current(), error);
	else if (done) {
		role->tls = certificates_new_tls(buf_slice(&packed), config_current(), error);
		done = role->tls || error->kind == ERROR_NONE;
	}
	buf_free_secret(&packed);
	return done;
}

/* Lines "TOKEN ANSWER" for http-01, an empty line, and certificates for tls-alpn-01, packed. */
static bool use_challenges(struct role *role, int fd, struct error *error)
{
	struct buf text = BUF_SECRET(CERTIFICATES_MAX);
	struct http_challenge list[HTTP_CHALLENGES_MAX];
	struct slice line, rest;
	size_t count = 0;
	bool done = file_read_fd(fd, &text, error);
	rest = buf_slice(&text);
	while (slice_cut(rest, '\n', &line, &rest) && line.len > 0)
		if (count < HTTP_CHALLENGES_MAX)
			count += slice_cut(line, ' ', &list[count].token, &list[count].answer);
	http_challenge_set(list, count);
	done = done && (!role->tls || certificates_replace_challenges(role->tls, rest, error));
	buf_free(&text);
	return done;
}

static bool use_users(int fd, struct error *error)
{
	struct buf lines = BUF(ROLE_USERS_MAX);
	bool done = file_read_fd(fd, &lines, error);
	if (done)
		smtp_set_users(buf_slice(&lines));
	buf_free(&lines);
	return done;
}

/* False: a number that the tables don't have. */
static bool use_channel(struct role *role, uint32_t channel, int fd)
{
	if (channel >= CHANNEL_COUNT)
		return false;
	role->channels[channel] = fd;
	return true;
}

static bool use_listener(struct role *role, uint32_t service, int fd)
{
	if (service >= SERVICE_COUNT || role->listener_count == ROLE_LISTENERS_MAX)
		return false;
	role->listeners[role->listener_count++] = (struct role_listener){fd, (enum service)service};
	return true;
}

static bool use_hearer(struct role *role, uint32_t hearer, int fd)
{
	if (hearer >= ROLE_COUNT)
		return false;
	bus_add(role->bus, fd, role_rows[hearer].hears & role_rows[role->name].announces);
	return true;
}

static bool use_directory(struct role *role, const struct control_message *message, struct error *error)
{
	if (getppid() != (pid_t)message->value) /* the master died before the death signal was asked for */
		return error_set(error, ERROR_TEMPORARY, "the master has gone");
	role->data = memory_copy(message->text, strlen(message->text));
	return chdir(role->data) == 0 || error_set_errno(error, errno, "%s", role->data);
}

/* Obeys one message of the set-up. Descriptors that are kept are taken out of the message. */
static bool set_up_by(struct role *role, struct control_message *message, struct error *error)
{
	int kept = message->fd;
	bool done = true;
	switch (message->type) {
	case CONTROL_DATA:
		return use_directory(role, message, error);
	case CONTROL_CONFIG:
		return use_config(message->fd, error);
	case CONTROL_CERTIFICATES:
		return use_certificates(role, message->fd, error);
	case CONTROL_CHALLENGES:
		return use_challenges(role, message->fd, error);
	case CONTROL_USERS:
		return use_users(message->fd, error);
	case CONTROL_CHANNEL:
		done = use_channel(role, message->value, kept);
		break;
	case CONTROL_LISTENER:
		done = use_listener(role, message->value, kept);
		break;
	case CONTROL_BUS_OUT:
		done = use_hearer(role, message->value, kept);
		break;
	case CONTROL_BUS_IN:
		role->bus_in = kept;
		break;
	case CONTROL_LOG:
		log_set_file(kept);
		break;
	default:
		return true;
	}
	if (!done)
		return error_set(error, ERROR_LIMIT, "the master sends more than a role has room for");
	message->fd = -1;
	return true;
}

static bool set_up(struct role *role, struct error *error)
{
	for (bool done = true;;) {
		struct control_message message;
		if (control_receive(role->control, true, &message) != CONTROL_MESSAGE)
			return error_set(error, ERROR_TEMPORARY, "the master has gone");
		done = set_up_by(role, &message, error);
		if (message.fd >= 0)
			close(message.fd);
		if (!done || message.type == CONTROL_START)
			return done;
	}
}

/* ---- While it runs ---- */

/* In as many packets as it takes, each of whole lines; waits for room, since a list of sessions may be long. */
static bool send_lines(struct role *role, struct slice rest)
{
	struct error error;
	do {
		char text[CONTROL_TEXT_MAX];
		struct slice part = slice_sub(rest, 0, sizeof text - 1);
		part = slice_sub(part, 0, slice_find_last_char(part, '\n') + 1);
		rest = slice_skip(rest, part.len);
		snprintf(text, sizeof text, "%.*s", SLICE_ARG(part));
		struct pollfd room = {.fd = role->control, .events = POLLOUT};
		if ((rest.len > 0 && part.len == 0) || poll(&room, 1, ANSWER_WAIT_MS) <= 0 ||
		    !control_send(role->control, CONTROL_ANSWER, rest.len == 0, text, -1, &error))
			return false;
	} while (rest.len > 0);
	return true;
}

static void answer(struct role *role, struct slice question)
{
	struct buf out = BUF(CONTROL_ANSWER_MAX);
	if (slice_equal(question, SLICE("metrics"))) {
		measure_process(&out, role->memory);
		if (role->measure)
			role->measure(role->context, &out);
	} else if (role->answer)
		role->answer(role->context, question, &out);
	if (!send_lines(role, buf_slice(&out)))
		log_warning("answer.unsent", log_slice("question", question));
	buf_free(&out);
}

static void set_log_level(const struct role *role)
{
	enum log_level level = LOG_LEVEL_INFO;
	log_level_parse(slice_of(config_current()->log_level), &level);
	log_set_role(role_names[role->name], level);
}

/* Takes over a configuration, certificates or challenges, and tells the master when they count. */
static void follow(struct role *role, const struct control_message *message)
{
	struct error error, unsaid;
	bool done = message->type == CONTROL_CONFIG ? use_config(message->fd, &error)
		    : message->type == CONTROL_CHALLENGES ? use_challenges(role, message->fd, &error) : use_certificates(role, message->fd, &error);
	if (!done)
		log_error("reload.failed", log_text("reason", error.text));
	else if (message->type == CONTROL_CONFIG) {
		set_log_level(role);
		if (role->follow)
			role->follow(role->context);
	}
	if (!control_send(role->control, CONTROL_FOLLOWED, 0, done ? NULL : error.text, -1, &unsaid))
		log_warning("reload.untold", log_text("reason", unsaid.text));
}

static void obey(struct role *role, struct control_message *message)
{
	struct error unused;
	if (message->type == CONTROL_STOP)
		role->stop(role->context, (int)message->value);
	else if (message->type == CONTROL_ASK)
		answer(role, slice_of(message->text));
	else if (message->type == CONTROL_USERS)
		use_users(message->fd, &unused);
	else if (message->type == CONTROL_CONFIG || message->type == CONTROL_CERTIFICATES || message->type == CONTROL_CHALLENGES)
		follow(role, message);
	else if (message->type == CONTROL_ACME_ANSWER && role->hear_acme)
		role->hear_acme(role->context, message);
	if (message->fd >= 0)
		close(message->fd);
}

/* In the loop of who serves: what is changed concerns his sessions, and every switch of threads on the way there makes it later. */
static void hear_changes(void *context)
{
	role_hear(context);
}

void role_hear(struct role *role)
{
	char room[BUS_DATAGRAM_MAX];
	struct bus_change change;
	for (int i = 0; i < CHANGES_PER_TURN && bus_hear(role->bus_in, room, &change); i++)
		if (role->hear && role_rows[role->name].hears & 1U << change.topic)
			role->hear(role->context, &change);
}

static void *listen_to_master(void *context)
{
	struct role *role = context;
	struct control_message message = {0};
	while (message.type != CONTROL_STOP) {
		if (control_receive(role->control, true, &message) != CONTROL_MESSAGE)
			_exit(1); /* without a master there is no point in going on, and nobody to end us in order */
		obey(role, &message);
	}
	return NULL;
}

/* ---- For the roles' main functions ---- */

int role_channel(const struct role *role, enum channel_kind kind)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		if (channel_rows[i].kind == kind && role->channels[i] >= 0)
			return role->channels[i];
	return -1;
}

void role_listen(struct role *role, struct server *server, void *(*context_of)(void *context, enum service service), void *context)
{
	for (size_t i = 0; i < role->listener_count; i++) {
		enum service service = role->listeners[i].service;
		server_listen(server, role->listeners[i].fd, serving_rows[service].protocol, service_rows[service].implicit_tls, context_of(context, service));
	}
	if (role->bus_in >= 0)
		server_watch(server, role->bus_in, hear_changes, role);
}

struct server_options role_server_options(struct tls_server *tls)
{
	const struct config *config = config_current();
	return (struct server_options){
		.workers = (int)config->workers,
		.connections = (int)config->connections,
		.connections_per_address = (int)config->connections_per_address,
		.tls = tls,
	};
}

void role_serve(struct role *role, void (*stop)(void *context, int seconds), void *context)
{
	role->stop = stop;
	role->context = context;
	malloc_trim(0); /* what setting up and confining took is several times what a role at rest needs */
	if (pthread_create(&role->listening, NULL, listen_to_master, role) != 0)
		memory_exhausted(0);
	struct error error;
	bus_announce_anything(role->bus, role_rows[role->name].announces); /* what a predecessor didn't come to say */
	if (!control_send(role->control, CONTROL_READY, 0, NULL, -1, &error))
		log_error("role.failed", log_text("reason", error.text));
}

void role_end(struct role *role)
{
	pthread_join(role->listening, NULL);
	tls_server_free(&role->tls);
}

_Noreturn void role_fail(struct role *role, const struct error *error)
{
	log_error("role.failed", log_text("reason", error->text));
	struct error ignored;
	control_send(role->control, CONTROL_FAILED, 0, error->text, -1, &ignored);
	_exit(1);
}

/* ---- Start ---- */

static void set_signals(void)
{
	/* The terminal sends SIGINT and SIGHUP to all processes at once; the roles wait for what the master decides. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool find_role(const char *name, enum role_name *role)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (slice_equal(slice_of(name), slice_of(role_names[i]))) {
			*role = (enum role_name)i;
			return true;
		}
	return false;
}

static void close_channels(struct role *role)
{
	bus_free(&role->bus);
	if (role->bus_in >= 0)
		close(role->bus_in);
	free(role->data);
	close(role->control);
	if (role->memory >= 0)
		close(role->memory);
	config_free_all();
	log_set_file(-1);
}

int role_start(const char *name)
{
	struct role role = {.control = ROLE_CONTROL_FD, .bus_in = -1, .bus = bus_new(true)};
	for (int i = 0; i < CHANNEL_COUNT; i++)
		role.channels[i] = -1;
	if (!find_role(name, &role.name))
		return 2;
	char title[16];
	snprintf(title, sizeof title, "pombal: %s", role_names[role.name]);
	prctl(PR_SET_NAME, title, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	set_signals();
	privileges_harden();
	log_set_role(role_names[role.name], LOG_LEVEL_INFO);
	role.memory = measure_open_memory();
	struct error error;
	if (!privileges_drop_capabilities(&error) || !set_up(&role, &error))
		role_fail(&role, &error);
	set_log_level(&role);
	distrust_ends_process(role_rows[role.name].pause ? DISTRUST_PAUSE_MS : 0);
	int status = role_rows[role.name].main(&role);
	close_channels(&role);
	return status;
}
