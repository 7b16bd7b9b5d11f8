/* The auth role: the only process that can read the directory with its password hashes. */
#include "auth/server.h"
#include "main/role.h"

static void stop(void *context, int seconds)
{
	(void)seconds; /* nobody asks any more: the master stops this role last */
	auth_server_stop(context);
}

static void announce(void *context, const struct auth_change *change)
{
	const struct role *role = context;
	if (change->any)
		bus_announce_anything(role->bus, BUS(SIGN_IN));
	else
		bus_announce(role->bus, &(struct bus_change){BUS_SIGN_IN, change->account.name, change->account.identity, change->reason});
}

int role_auth_main(struct role *role)
{
	struct error error;
	struct auth_server *server = NULL;
	if (!role_confine(role, &error) || !(server = auth_server_new(role->data, &error)))
		role_fail(role, &error);
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		if (channel_rows[i].kind == CHANNEL_AUTH && role->channels[i] >= 0) {
			auth_server_add_channel(server, role->channels[i]);
			if (channel_rows[i].from == ROLE_COURIER)
				auth_server_let_sign(server);
			if (channel_rows[i].from == ROLE_WEB)
				auth_server_let_web(server);
			if (channel_rows[i].from == ROLE_ADMIN)
				auth_server_let_admin(server);
		}
	auth_server_on_change(server, announce, role);
	role_serve(role, stop, server);
	auth_server_run(server);
	role_end(role);
	auth_server_free(&server);
	return 0;
}
