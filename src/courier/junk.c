/* Junk or not, for one account; see junk.h. */
#include "courier/junk.h"

#include "config/config.h"
#include "score/score.h"

static int configured(void)
{
	int points;
	return score_parse_points(slice_of(config_current()->spam_junk), &points) ? points : SCORE_POINTS_MAX; /* it was checked when it was read */
}

bool courier_junk_is(const struct queue_message *message, int junk_from, int more)
{
	if (junk_from == AUTH_JUNK_NEVER)
		return false;
	if (!message->weighed)
		return message->junk;
	return message->suspect || message->points + more >= (junk_from == AUTH_JUNK_CONFIGURED ? configured() : junk_from);
}
