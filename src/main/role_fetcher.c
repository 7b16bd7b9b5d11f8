/* The fetcher role: goes out for people who read their mail in a browser (fetcher/fetcher.h). It talks to whatever server a letter names, and so has nothing
 * that could be taken from it: no file, no key, no way to anybody but the web role, which asks it. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "fetcher/fetcher.h"
#include "main/role.h"

/* Nobody asks any more: the master stops this role after web. */
static void stop(void *context, int seconds)
{
	(void)seconds;
	eventfd_write(*(int *)context, 1);
}

int role_fetcher_main(struct role *role)
{
	struct error error;
	int stop_fd = eventfd(0, EFD_CLOEXEC);
	if (stop_fd < 0)
		memory_exhausted(0);
	if (!role_confine(role, &error))
		role_fail(role, &error);
	role_serve(role, stop, &stop_fd);
	fetcher_serve(role_channel(role, CHANNEL_FETCH), stop_fd);
	role_end(role);
	close(stop_fd);
	return 0;
}
