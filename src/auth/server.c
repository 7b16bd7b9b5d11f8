/* The auth role's loop: questions in, answers out, over one channel per role (net/call.h). Nothing a client sends can make it fail, block
 * or grow without bound: questions are decoded strictly, a client that doesn't fetch its answers isn't read from, and what
 * waits for a thread is limited. The loop itself asks nobody: whatever has to be looked up is a job (jobs.h). */
#include "auth/server_internal.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/usage/usage.h"

enum {
	EXPIRE_EVERY_MS = 10 * 1000,
	LOOK_EVERY_MS = 250, /* for what the command line has changed: sessions end within a second */
	MMAP_FROM = 256 * 1024,
};

struct auth_server *auth_server_new(const char *data, struct error *error)
{
	const char *storage = config_current()->directory_storage;
	return auth_server_new_for(*storage ? &auth_backend_shared_directory : &auth_backend_directory, data, error);
}

struct auth_server *auth_server_new_for(const struct auth_backend_kind *kind, const char *data, struct error *error)
{
	struct auth_backend *backend = kind->open(data, error);
	if (!backend)
		return NULL;
	struct auth_server *server = memory_new(sizeof *server);
	if (!kind->last_change(backend, &server->change, error) || !kind->all_have_scram(backend, &server->scram, error)) {
		kind->close(backend);
		free(server);
		return NULL;
	}
	server->backend = backend;
	server->data = memory_copy(data, strlen(data));
	server->usage = usage_open(data, false);
	server->sasl = sasl_new();
	server->throttle = auth_throttle_new();
	server->verified = auth_verified_new();
	server->known = auth_known_open_in(data, config_current()->directory_storage);
	server->log = sign_in_log_new();
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->stop_fd < 0 || server->done_fd < 0) {
		error_set_errno(error, errno, "eventfd");
		auth_server_free(&server);
	}
	return server;
}

/* ---- Sending ---- */

void auth_server_send(struct auth_channel *channel, uint64_t id, struct buf *answer)
{
	answerer_answer(channel->answerer, id, buf_slice(answer), NULL, 0);
	buf_free(answer);
}

static void ring(int fd)
{
	uint64_t one = 1;
	ssize_t ignored = write(fd, &one, sizeof one);
	(void)ignored; /* it fails only when the counter is full: then a wake-up is due anyway */
}

/* ---- What has changed ---- */

void auth_server_on_change(struct auth_server *server, void (*changed)(void *context, const struct auth_change *change), void *context)
{
	server->changed = changed;
	server->changed_context = context;
}

static void announce(struct auth_server *server, const struct auth_change *change)
{
	if (server->changed)
		server->changed(server->changed_context, change);
}

/** Whose accounts have changed, and whether all have keys for SCRAM. */
struct look {
	struct auth_job job;
	struct auth_server *server;
	struct arena *arena;
	bool done, all, scram;
	int64_t last;
	struct auth_change *changes;
	size_t count;
};

static struct auth_change change_of(struct auth_backend *backend, struct slice account)
{
	struct error error;
	struct auth_change change = {.account.name = account};
	const char *why;
	if (!backend->kind->identity(backend, account, &change.account.identity, &why, &error)) {
		log_error("directory.failed", log_slice("account", account), log_text("reason", error.text));
		return (struct auth_change){.any = true};
	}
	change.reason = slice_of(why ? why : "another password, or another account of that name");
	return change;
}

/* The command line changes the directory in its own process; here that is noticed. */
static void run_look(struct auth_job *job, struct auth_backend *backend)
{
	struct look *look = (struct look *)job;
	struct slice *accounts;
	struct error error;
	if (!backend)
		return;
	int64_t before = look->last;
	look->done = backend->kind->changes(backend, &look->last, &look->all, look->arena, &accounts, &look->count, &error) &&
		     (look->last == before || backend->kind->all_have_scram(backend, &look->scram, &error));
	if (!look->done) {
		log_error("directory.failed", log_text("reason", error.text));
		return;
	}
	look->changes = arena_array(look->arena, look->count, sizeof *look->changes);
	for (size_t i = 0; look->all && i < look->count; i++)
		look->changes[i] = change_of(backend, accounts[i]);
}

static void drop_look(struct auth_job *job)
{
	struct look *look = (struct look *)job;
	arena_free(&look->arena);
	free(look);
}

static void end_look(void *context, struct auth_job *job)
{
	struct auth_server *server = context;
	struct look *look = (struct look *)job;
	server->looking = false;
	if (look->done && look->last != server->change) {
		server->change = look->last;
		auth_server_set_scram(server, look->scram);
		if (!look->all)
			announce(server, &(struct auth_change){.any = true});
		for (size_t i = 0; look->all && i < look->count; i++)
			announce(server, &look->changes[i]);
	} else if (!look->done)
		server->looked_ms += EXPIRE_EVERY_MS; /* what is broken isn't said four times a second */
	drop_look(job);
}

static void look_for_changes(struct auth_server *server)
{
	server->looked_ms = clock_monotonic_ms();
	if (server->looking)
		return;
	struct look *look = memory_new(sizeof *look);
	look->job = (struct auth_job){.kind = JOB_ADDRESS, .run = run_look, .done = end_look, .drop = drop_look};
	look->arena = arena_new();
	look->last = server->change;
	server->looking = true;
	auth_server_submit(server, &look->job);
}

/* The news of every channel. */
static void tell_scram(struct auth_server *server, struct auth_channel *channel)
{
	struct buf news = BUF(CALL_NEWS_MAX);
	wire_put_number(&news, server->scram);
	answerer_tell(channel->answerer, buf_slice(&news));
	buf_free(&news);
}

void auth_server_set_scram(struct auth_server *server, bool scram)
{
	if (scram == server->scram)
		return;
	server->scram = scram;
	for (size_t i = 0; i < server->channel_count; i++)
		tell_scram(server, &server->channels[i]);
}

/* ---- Jobs ---- */

void auth_server_submit(struct auth_server *server, struct auth_job *job)
{
	if (server->jobs && (!server->backend || job->changes)) {
		auth_job_pool_submit(server->jobs, job);
		return;
	}
	void (*done)(void *context, struct auth_job *job) = job->done; /* without it the job is gone when it has run */
	job->run(job, server->backend);
	if (done)
		done(server, job);
}

static void finish_jobs(struct auth_server *server)
{
	struct auth_job *job;
	while ((job = auth_job_pool_collect(server->jobs)))
		job->done(server, job);
}

/* ---- Channels ---- */

void auth_server_let_sign(struct auth_server *server)
{
	if (server->channel_count > 0)
		server->channels[server->channel_count - 1].signs = true;
}

void auth_server_let_web(struct auth_server *server)
{
	if (server->channel_count > 0)
		server->channels[server->channel_count - 1].web = true;
	if (server->channel_count > 0 && !server->channels[server->channel_count - 1].shown)
		server->channels[server->channel_count - 1].shown = memory_array(AUTH_SHOWN_MAX, sizeof(struct auth_shown));
}

void auth_server_let_admin(struct auth_server *server)
{
	if (server->channel_count > 0)
		server->channels[server->channel_count - 1].admin = true;
}

void auth_server_add_channel(struct auth_server *server, int fd)
{
	if (server->channel_count == AUTH_CHANNELS_MAX) {
		log_error("auth.too_many_channels");
		close(fd);
		return;
	}
	struct auth_channel *channel = &server->channels[server->channel_count++];
	channel->answerer = answerer_new(fd);
	channel->exchanges = auth_recent_new(EXCHANGES_PER_CHANNEL_MAX, sizeof(struct auth_exchange), auth_server_drop_exchange);
	for (int kind = 0; kind < CHECK_KINDS; kind++)
		auth_lines_init(&channel->checks[kind]);
	tell_scram(server, channel);
}

static void read_channel(struct auth_server *server, struct auth_channel *channel)
{
	struct call_received question;
	enum call_result result = CALL_RECEIVED;
	for (int i = 0; i < QUESTIONS_PER_TURN && result == CALL_RECEIVED; i++) {
		result = answerer_receive(channel->answerer, &question);
		if (result != CALL_RECEIVED)
			break;
		auth_server_handle(server, channel, &question);
		call_received_free(&question);
	}
	channel->ended |= result == CALL_ENDED;
}

/* ---- The loop ---- */

static void drain(int fd)
{
	uint64_t count;
	while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
		;
}

/* The first two, and then two for each channel. */
enum { POLL_STOP, POLL_DONE, POLL_CHANNELS, POLLED_MAX = POLL_CHANNELS + 2 * AUTH_CHANNELS_MAX };

static size_t fill_polled(const struct auth_server *server, struct pollfd polled[POLLED_MAX])
{
	size_t count = POLL_CHANNELS;
	polled[POLL_STOP] = (struct pollfd){.fd = server->stop_fd, .events = POLLIN};
	polled[POLL_DONE] = (struct pollfd){.fd = server->done_fd, .events = POLLIN};
	for (size_t i = 0; i < server->channel_count; i++) {
		const struct auth_channel *channel = &server->channels[i];
		int fd = channel->ended ? -1 : answerer_channel(channel->answerer);
		polled[count++] = (struct pollfd){.fd = fd, .events = answerer_events(channel->answerer)};
		polled[count++] = (struct pollfd){.fd = answerer_wake_fd(channel->answerer), .events = POLLIN};
	}
	return count;
}

static void turn(struct auth_server *server, const struct pollfd *polled)
{
	if (polled[POLL_DONE].revents)
		drain(server->done_fd);
	finish_jobs(server);
	for (size_t i = 0; i < server->channel_count; i++)
		if (polled[POLL_CHANNELS + 2 * i].revents || polled[POLL_CHANNELS + 2 * i + 1].revents)
			read_channel(server, &server->channels[i]);
	auth_server_run_checks(server);
}

void auth_server_run(struct auth_server *server)
{
	/* Argon2's memory goes back to the system after each hash; by default glibc learns to keep such blocks. */
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
	struct pollfd polled[POLLED_MAX] = {0};
	int64_t expired_ms = clock_monotonic_ms();
	server->pool = password_pool_new(server->done_fd);
	const struct auth_backend_kind *kind = server->backend->kind;
	server->jobs = auth_job_pool_new(kind, kind->at_once ? NULL : server->backend, server->data, server->done_fd);
	server->backend = kind->at_once ? server->backend : NULL;
	for (;;) {
		size_t count = fill_polled(server, polled);
		bool waiting = auth_job_pool_tend(server->jobs);
		if (poll(polled, count, waiting ? JOB_WAIT_MS : LOOK_EVERY_MS) < 0)
			continue;
		if (polled[POLL_STOP].revents)
			break;
		turn(server, polled);
		if (clock_monotonic_ms() - server->looked_ms >= LOOK_EVERY_MS)
			look_for_changes(server);
		if (clock_monotonic_ms() - expired_ms >= EXPIRE_EVERY_MS) {
			for (size_t i = 0; i < server->channel_count; i++)
				auth_server_expire_exchanges(&server->channels[i]);
			auth_server_log_unsaid(server);
			auth_server_sweep(server);
			expired_ms = clock_monotonic_ms();
		}
	}
	password_pool_free(&server->pool);
	auth_job_pool_free(&server->jobs);
	auth_server_drop_checks(server);
}

void auth_server_stop(struct auth_server *server)
{
	ring(server->stop_fd);
}

static void free_channel(struct auth_channel *channel)
{
	free(channel->shown);
	answerer_free(&channel->answerer);
	auth_recent_free(&channel->exchanges);
}

void auth_server_free(struct auth_server **server)
{
	if (!*server)
		return;
	auth_server_drop_checks(*server);
	for (size_t i = 0; i < (*server)->channel_count; i++)
		free_channel(&(*server)->channels[i]);
	if ((*server)->stop_fd >= 0)
		close((*server)->stop_fd);
	if ((*server)->done_fd >= 0)
		close((*server)->done_fd);
	if ((*server)->usage >= 0)
		close((*server)->usage);
	sasl_free(&(*server)->sasl);
	auth_throttle_free(&(*server)->throttle);
	auth_verified_free(&(*server)->verified);
	auth_known_close(&(*server)->known);
	sign_in_log_free(&(*server)->log);
	if ((*server)->backend)
		(*server)->backend->kind->close((*server)->backend);
	free((*server)->data);
	free(*server);
	*server = NULL;
}
