/* Junk or not, for one account; see junk.h. */
#include "courier/junk.h"

static struct config_thresholds complete(struct config_thresholds own)
{
	return config_thresholds_over(own, config_thresholds_of(config_current()));
}

bool courier_junk_is(const struct queue_message *message, struct config_thresholds own, int more)
{
	if (own.junk == THRESHOLD_NEVER)
		return false;
	if (!message->weighed)
		return message->junk;
	return message->suspect || message->points + more >= complete(own).junk;
}

bool courier_junk_is_shut_out(const struct queue_message *message, struct config_thresholds own)
{
	return message->weighed && message->points >= config_thresholds_shut(complete(own));
}

void courier_junk_format(struct config_thresholds own, char out[THRESHOLDS_TEXT_MAX])
{
	struct config_thresholds all = complete(own);
	all.quarantine = config_thresholds_shut(all);
	all.reject = THRESHOLD_NEVER;
	config_thresholds_format(all, out);
}
