/* The smtp role: talks to strangers. It can hand messages to the queue role, and nothing else: it has no path in the file system
 * that it could write to, and no call to write anywhere but at the end of what it was given. */
#include "auth/auth.h"
#include "main/measure.h"
#include "main/role.h"
#include "main/sessions.h"
#include "queue/queue.h"
#include "smtp/smtp.h"

static void stop(void *context, int seconds) { server_stop(((struct sessions *)context)->server, seconds); }

static void follow(void *context)
{
	struct server_options limits = role_server_options(NULL);
	server_set_limits(((struct sessions *)context)->server, &limits);
}

static void measure(void *context, struct buf *out) { measure_server(out, ((struct sessions *)context)->server); }

static void answer(void *context, struct slice question, struct buf *out) { sessions_answer(context, question, out); }

static void listen_all(struct role *role, struct server *server, struct smtp_service kinds[SERVICE_COUNT])
{
	for (size_t i = 0; i < role->listener_count; i++) {
		enum service service = role->listeners[i].service;
		server_listen(server, role->listeners[i].fd, &smtp_protocol, services[service].implicit_tls, &kinds[service]);
	}
}

int role_smtp_main(struct role *role)
{
	struct error error;
	if (!role_confine(role, &error))
		role_fail(role, &error);
	struct queue *queue = queue_open_remote(role->queue);
	struct auth *auth = auth_open(role->auth[0]);
	struct server_options options = role_server_options(role->tls);
	struct server *server = server_new(&options);
	struct smtp_service kinds[SERVICE_COUNT] = {
		[SERVICE_SMTP] = {SMTP_RELAY, auth, queue},
		[SERVICE_LMTP] = {SMTP_LMTP, auth, queue},
		[SERVICE_SUBMISSION] = {SMTP_SUBMISSION, auth, queue},
		[SERVICE_SUBMISSIONS] = {SMTP_SUBMISSION, auth, queue},
		[SERVICE_SENDMAIL] = {SMTP_LOCAL, auth, queue},
	};
	listen_all(role, server, kinds);
	struct sessions sessions = {server, auth};
	sessions_watch(&sessions);
	role->measure = measure;
	role->follow = follow;
	role->answer = answer;
	role_serve(role, stop, &sessions);
	server_run(server);
	role_end(role);
	sessions_leave(&sessions);
	server_free(&server);
	queue_close(&queue);
	auth_close(&auth);
	return 0;
}
