/* The auth role: the only process that can read the directory with its password hashes. */
#include "auth/server.h"
#include "main/role.h"

static void stop(void *context, int seconds)
{
	(void)seconds; /* nobody asks any more: the master stops this role last */
	auth_server_stop(context);
}

int role_auth_main(struct role *role)
{
	struct error error;
	struct auth_server *server = NULL;
	if (!role_confine(role, &error) || !(server = auth_server_new(role->data, &error)))
		role_fail(role, &error);
	for (int i = 0; i < ROLE_COUNT; i++)
		if (role->auth[i] >= 0)
			auth_server_add_channel(server, role->auth[i]);
	role_serve(role, stop, server);
	auth_server_run(server);
	role_end(role);
	auth_server_free(&server);
	return 0;
}
