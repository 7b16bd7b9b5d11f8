/* The policy role: judges messages of strangers for the smtp role. It parses what is hostile and asks the DNS. It also counts what
 * people call spam (policy/votes.h), and what is learned of that is all that it can touch: the folder policy/. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "main/role.h"
#include "policy/judge.h"
#include "policy/votes.h"

/* Nobody asks any more: the master stops this role after smtp. */
static void stop(void *context, int seconds)
{
	(void)seconds;
	eventfd_write(*(int *)context, 1);
}

struct listening {
	int channel, stop_fd;
};

static void *hear_votes(void *argument)
{
	const struct listening *listening = argument;
	policy_votes_serve(listening->channel, listening->stop_fd, "policy");
	return NULL;
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
	struct listening votes = {role_channel(role, CHANNEL_VOTE), stop_fd};
	pthread_t hearing;
	if (pthread_create(&hearing, NULL, hear_votes, &votes) != 0)
		memory_exhausted(0);
	policy_serve(role_channel(role, CHANNEL_POLICY), stop_fd, "policy");
	eventfd_write(stop_fd, 1);
	pthread_join(hearing, NULL);
	role_end(role);
	close(stop_fd);
	return 0;
}
