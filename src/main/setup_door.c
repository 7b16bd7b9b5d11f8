/* The process that strangers reach while there is no instance: HTTP, with a few static files and two questions that it hands on. See setup.h. */
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "main/certificates.h"
#include "main/sandbox.h"
#include "main/setup.h"
#include "net/call.h"
#include "web/web.h"

enum { DOOR_CONNECTIONS = 500, DOOR_CONNECTIONS_OF_ONE = 40, DOOR_WORKERS = 2, DOOR_STOP_SECONDS = 3 };

struct stopping {
	struct server *server;
	int event;
};

static void stop(void *context)
{
	const struct stopping *self = context;
	eventfd_t count;
	if (eventfd_read(self->event, &count) == 0)
		server_stop(self->server, DOOR_STOP_SECONDS);
}

/* Nothing of who has started it is left. */
static bool confine(const struct setup_door *door, struct error *error)
{
	return privileges_become(&door->owner, error) && privileges_drop_capabilities(error) && sandbox_enter(&(struct sandbox){.listeners = true, .memory_files = true}, error);
}

_Noreturn void setup_door_run(const struct setup_door *door)
{
	struct error error;
	prctl(PR_SET_NAME, "pombal: setup");
	signal(SIGINT, SIG_IGN); /* it ends with who has started it */
	signal(SIGPIPE, SIG_IGN);
	struct tls_server *tls = certificates_new_tls(door->certificates, config_current(), &error);
	if (!tls || !confine(door, &error)) {
		log_error("role.failed", log_text("reason", error.text));
		_exit(1);
	}
	struct web_service service = {.admin = caller_new(door->channel)};
	struct http_service http = {.tables = {{web_setup_routes, web_setup_route_count, &service}}};
	struct server *server = server_new(&(struct server_options){DOOR_WORKERS, DOOR_CONNECTIONS, DOOR_CONNECTIONS_OF_ONE, tls});
	struct stopping stopping = {server, door->stop};
	web_keep_json_secret();
	for (size_t i = 0; i < door->listener_count; i++) {
		enum service which = door->listeners[i].service;
		server_listen(server, door->listeners[i].fd, serving_rows[which].protocol, service_rows[which].implicit_tls, &http);
	}
	server_watch(server, door->stop, stop, &stopping);
	server_run(server);
	_exit(0);
}
