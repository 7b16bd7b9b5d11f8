/* The policy role: judges messages of strangers for the smtp role. It parses what is hostile, asks the DNS, and can touch no file at all. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "main/role.h"
#include "policy/judge.h"

/* Nobody asks any more: the master stops this role after smtp. */
static void stop(void *context, int seconds)
{
	(void)seconds;
	eventfd_write(*(int *)context, 1);
}

int role_policy_main(struct role *role)
{
	struct error error;
	int stop_fd = eventfd(0, EFD_CLOEXEC);
	if (stop_fd < 0)
		memory_exhausted(0);
	if (!role_confine(role, &error))
		role_fail(role, &error);
	role_serve(role, stop, &stop_fd);
	policy_serve(role_channel(role, CHANNEL_POLICY), stop_fd);
	role_end(role);
	close(stop_fd);
	return 0;
}
