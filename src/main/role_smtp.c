/* The smtp role: talks to strangers. It can hand messages to the queue role, and nothing else: it has no path in the file system
 * that it could write to, and no call to write anywhere but at the end of what it was given. */
#include "auth/auth.h"
#include "main/measure.h"
#include "main/role.h"
#include "main/sessions.h"
#include "net/call.h"
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

static void hear(void *context, const struct bus_change *change) { sessions_hear(context, change); }

/* By kind. */
static void *context_of(void *context, enum service service) { return (struct smtp_service *)context + serving_rows[service].kind; }

int role_smtp_main(struct role *role)
{
	struct error error;
	if (!role_confine(role, &error))
		role_fail(role, &error);
	struct queue *queue = queue_open_remote(role_channel(role, CHANNEL_HANDIN));
	struct caller *policy = caller_new(role_channel(role, CHANNEL_POLICY));
	struct auth *auth = auth_open(role_channel(role, CHANNEL_AUTH));
	struct server_options options = role_server_options(role->tls);
	struct server *server = server_new(&options);
	struct smtp_service kinds[] = {
		[SMTP_RELAY] = {SMTP_RELAY, auth, queue, policy},
		[SMTP_LMTP] = {SMTP_LMTP, auth, queue},
		[SMTP_SUBMISSION] = {SMTP_SUBMISSION, auth, queue, policy},
		[SMTP_LOCAL] = {SMTP_LOCAL, auth, queue, policy},
	};
	auth_listen(auth);
	role_listen(role, server, context_of, kinds);
	struct sessions sessions = {server, auth};
	role->measure = measure;
	role->follow = follow;
	role->answer = answer;
	role->hear = hear;
	role_serve(role, stop, &sessions);
	server_run(server);
	role_end(role);
	server_free(&server);
	caller_free(&policy);
	queue_close(&queue);
	auth_close(&auth);
	return 0;
}
