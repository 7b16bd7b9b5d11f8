/* The options of the score; see settings.h. */
#include "policy/settings.h"

void policy_settings_apply(struct score_settings *settings, struct config_thresholds thresholds)
{
	const int points[SCORE_VERDICTS] = {[SCORE_TAG] = thresholds.tag, [SCORE_JUNK] = thresholds.junk, [SCORE_QUARANTINE] = thresholds.quarantine, [SCORE_REJECT] = thresholds.reject};
	for (enum score_verdict i = SCORE_TAG; i < SCORE_VERDICTS; i++)
		if (points[i] != THRESHOLD_CONFIGURED)
			settings->threshold[i] = points[i];
}

bool policy_settings_read(const struct config *config, struct score_settings *settings, struct error *error)
{
	const char *const thresholds[SCORE_VERDICTS] = {NULL, config->spam_tag, config->spam_junk, config->spam_quarantine, config->spam_reject};
	bool done = true;
	score_settings_default(settings);
	for (enum score_verdict i = SCORE_TAG; done && i < SCORE_VERDICTS; i++)
		done = score_settings_threshold(settings, i, slice_of(thresholds[i]), error);
	for (size_t i = 0; done && i < config->spam_points.count; i++)
		done = score_settings_rule(settings, slice_of(config->spam_points.at[i]), error);
	return done;
}
