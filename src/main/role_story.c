/* The story role: tells people what became of their own messages, out of the event files (story/story.h). It reads those, where what strangers have said stands in quotes, and has nothing
 * else: no mail, no key, no way to anybody but the web role, which asks it. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "main/role.h"
#include "story/story.h"

/* Nobody asks any more: the master stops this role after web. */
static void stop(void *context, int seconds)
{
	(void)seconds;
	eventfd_write(*(int *)context, 1);
}

int role_story_main(struct role *role)
{
	struct error error;
	int stop_fd = eventfd(0, EFD_CLOEXEC);
	if (stop_fd < 0)
		memory_exhausted(0);
	if (!role_confine(role, &error))
		role_fail(role, &error);
	role_serve(role, stop, &stop_fd);
	story_serve(role_channel(role, CHANNEL_STORY), role->data, stop_fd);
	role_end(role);
	close(stop_fd);
	return 0;
}
