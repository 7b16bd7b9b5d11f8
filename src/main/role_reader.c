/* The reader role: IMAP and POP3. It can open mailboxes, and connect to nobody. */
#include <sys/socket.h>

#include "auth/auth.h"
#include "imap/imap.h"
#include "main/measure.h"
#include "main/role.h"
#include "message/address.h"
#include "pop3/pop3.h"
#include "store/store.h"

struct reader {
	struct store *store;
	struct imap_service imap;
	struct pop3_service pop3;
};

/* The courier (or, through the master, the command line) has changed accounts: their sessions here are woken. */
static void hear_changes(void *context, int fd)
{
	struct reader *reader = context;
	char name[ADDRESS_MAX + 1];
	for (ssize_t len; (len = recv(fd, name, sizeof name, MSG_DONTWAIT)) > 0;)
		store_announced(reader->store, slice_make(name, (size_t)len));
}

static void stop(void *context, int seconds) { server_stop(context, seconds); }

static void measure(void *context, struct buf *out) { measure_server(out, context); }

static void listen_all(struct role *role, struct server *server, struct reader *reader)
{
	for (size_t i = 0; i < role->listener_count; i++) {
		enum service service = role->listeners[i].service;
		bool imap = service == SERVICE_IMAP || service == SERVICE_IMAPS;
		server_listen(server, role->listeners[i].fd, imap ? &imap_protocol : &pop3_protocol, services[service].implicit_tls,
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
	struct server *server = server_new(&(struct server_options){
		.workers = (int)config->workers,
		.connections = (int)config->connections,
		.connections_per_address = (int)config->connections_per_address,
		.tls = role->tls,
	});
	listen_all(role, server, &reader);
	server_watch(server, role->changes_in, hear_changes, &reader);
	role->measure = measure;
	role_serve(role, stop, server);
	server_run(server);
	role_end(role);
	server_free(&server);
	auth_close(&auth);
	store_close(&reader.store);
	return 0;
}
