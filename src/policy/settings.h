/* How the score's points are set in the configuration. */
#ifndef POLICY_SETTINGS_H
#define POLICY_SETTINGS_H

#include "config/thresholds.h"
#include "score/score.h"

/** The thresholds and points that the options spam_* say. False with *error: one of them can't be read. */
bool policy_settings_read(const struct config *config, struct score_settings *settings, struct error *error);
/** Where somebody's thresholds say something, they take the place of those of the settings. */
void policy_settings_apply(struct score_settings *settings, struct config_thresholds thresholds);

#endif
