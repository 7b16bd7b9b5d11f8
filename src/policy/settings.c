/* The options of the score; see settings.h. */
#include "policy/settings.h"

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
