/* What is asked of a submitted message before it goes, and when it is held for what was said of it (options spam_outgoing, submission_habit, country_file). */
#include "config/config.h"
#include "submit/weigh.h"

enum { OUTGOING_OFF = 99900 /* hundredths */ };

bool submit_is_weighed(const struct config *config, const struct queue_message *message)
{
	int points;
	return config->spam_checks && message->allowance.counts && config_parse_points(slice_of(config->spam_outgoing), &points) && points < OUTGOING_OFF;
}

bool submit_is_located(const struct config *config, const struct queue_message *message)
{
	return *config->country_file && config->submission_habit > 0 && message->allowance.counts;
}

bool submit_is_held(const struct config *config, int points, struct queue_suspicion *doubt)
{
	int most = 0;
	if (!config_parse_points(slice_of(config->spam_outgoing), &most) || points < most)
		return false;
	*doubt = (struct queue_suspicion){REASON_SPAM, points / 100, most / 100};
	return true;
}
