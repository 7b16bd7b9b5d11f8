/* The policy role: judges messages of strangers for the smtp role. It parses what is hostile and asks the DNS, and the
 * scanners of the option `engines`, to which a process beside it connects (dialer.h): without that one it ends, and is started anew. It also counts what
 * people call spam (policy/votes.h), and what other domains are to be told of mail in their names (policy/feedback.h). All that it can touch is
 * the folder policy/. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "main/dialer.h"
#include "main/role.h"
#include "policy/feedback.h"
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
	struct policy_feedback *feedback;
};

static void *hear_votes(void *argument)
{
	const struct listening *listening = argument;
	policy_votes_serve(listening->channel, listening->stop_fd, "policy");
	return NULL;
}

static void *hear_courier(void *argument)
{
	const struct listening *listening = argument;
	policy_feedback_serve(listening->feedback, listening->channel, listening->stop_fd);
	return NULL;
}

static pthread_t begin(void *(*hear)(void *argument), struct listening *listening)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, hear, listening) != 0)
		memory_exhausted(0);
	return thread;
}

/* Over which it is asked about messages. */
static size_t list_channels(const struct role *role, int channels[POLICY_CHANNELS_MAX])
{
	size_t count = 0;
	for (int i = 0; i < CHANNEL_COUNT && count < POLICY_CHANNELS_MAX; i++)
		if (channel_rows[i].kind == CHANNEL_POLICY && role->channels[i] >= 0)
			channels[count++] = role->channels[i];
	return count;
}

int role_policy_main(struct role *role)
{
	struct error error;
	int stop_fd = eventfd(0, EFD_CLOEXEC);
	if (stop_fd < 0)
		memory_exhausted(0);
	struct dialer *dialer = config_current()->engines.count > 0 ? dialer_new(&config_current()->engines, stop_fd, &error) : NULL;
	if ((config_current()->engines.count > 0 && !dialer) || !role_confine(role, &error))
		role_fail(role, &error);
	struct engine_pool *engines = engine_pool_new(&config_current()->engines, dialer_dial, dialer);
	role_serve(role, stop, &stop_fd);
	struct policy_feedback *feedback = policy_feedback_open("policy");
	struct listening votes = {.channel = role_channel(role, CHANNEL_VOTE), .stop_fd = stop_fd};
	struct listening courier = {.channel = role_channel(role, CHANNEL_FEEDBACK), .stop_fd = stop_fd, .feedback = feedback};
	pthread_t hearing_votes = begin(hear_votes, &votes), hearing_courier = begin(hear_courier, &courier);
	int channels[POLICY_CHANNELS_MAX];
	policy_serve(channels, list_channels(role, channels), stop_fd, "policy", engines, feedback);
	policy_feedback_stop(feedback);
	eventfd_write(stop_fd, 1);
	pthread_join(hearing_votes, NULL);
	pthread_join(hearing_courier, NULL);
	policy_feedback_close(&feedback);
	role_end(role);
	engine_pool_free(&engines);
	dialer_free(&dialer);
	close(stop_fd);
	return 0;
}
