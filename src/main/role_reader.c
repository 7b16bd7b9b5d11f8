/* The reader role: IMAP and POP3. It can open mailboxes, and connect to nobody. */
#include <sys/socket.h>

#include "auth/auth.h"
#include "imap/imap.h"
#include "main/measure.h"
#include "main/role.h"
#include "main/sessions.h"
#include "message/address.h"
#include "pop3/pop3.h"
#include "store/store.h"

struct reader {
	struct store *store;
	struct imap_service imap;
	struct pop3_service pop3;
	struct sessions sessions;
};

/* The courier (or, through the master, the command line) has changed accounts: their sessions here are woken. */
static void hear_changes(void *context, int fd)
{
	struct reader *reader = context;
	char name[ADDRESS_MAX + 1];
	for (ssize_t len; (len = recv(fd, name, sizeof name, MSG_DONTWAIT)) > 0;)
		store_announced(reader->store, slice_make(name, (size_t)len));
}

static void stop(void *context, int seconds)
{
	struct reader *reader = context;
	server_stop(reader->sessions.server, seconds);
}

static void measure(void *context, struct buf *out)
{
	struct reader *reader = context;
	measure_server(out, reader->sessions.server);
}

static void answer(void *context, struct slice question, struct buf *out)
{
	struct reader *reader = context;
	sessions_answer(&reader->sessions, question, out);
}

static void follow(void *context)
{
	struct reader *reader = context;
	const struct config *config = config_current();
	struct server_options limits = role_server_options(NULL);
	server_set_limits(reader->sessions.server, &limits);
	store_set_limits(reader->store, (uint64_t)config->max_message, config->undelete_for);
}

static void listen_all(struct role *role, struct reader *reader)
{
	for (size_t i = 0; i < role->listener_count; i++) {
		enum service service = role->listeners[i].service;
		bool imap = service == SERVICE_IMAP || service == SERVICE_IMAPS;
		server_listen(reader->sessions.server, role->listeners[i].fd, imap ? &imap_protocol : &pop3_protocol, services[service].implicit_tls,
			      imap ? (void *)&reader->imap : (void *)&reader->pop3);
	}
}

int role_reader_main(struct role *role)
{
	struct error error;
	struct reader reader = {0};
	const struct config *config = config_current();
	struct store_options options = {
		.data = role->data,
		.max_message = (uint64_t)config->max_message,
		.undelete_seconds = config->undelete_for,
		.journal = true,
	};
	if (!role_confine(role, &error) || !(reader.store = store_open(&options, &error)))
		role_fail(role, &error);
	struct auth *auth = auth_open(role->auth[0]);
	reader.imap = (struct imap_service){auth, reader.store};
	reader.pop3 = (struct pop3_service){auth, reader.store};
	struct server_options limits = role_server_options(role->tls);
	reader.sessions = (struct sessions){server_new(&limits), auth};
	listen_all(role, &reader);
	server_watch(reader.sessions.server, role->changes_in, hear_changes, &reader);
	sessions_watch(&reader.sessions);
	role->measure = measure;
	role->follow = follow;
	role->answer = answer;
	role_serve(role, stop, &reader);
	server_run(reader.sessions.server);
	role_end(role);
	sessions_leave(&reader.sessions);
	server_free(&reader.sessions.server);
	auth_close(&auth);
	store_close(&reader.store);
	return 0;
}
