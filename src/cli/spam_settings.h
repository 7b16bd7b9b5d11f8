/* From how many points on mail is marked, junk, set apart, refused: the options --spam-tag, --spam-junk, --spam-quarantine and --spam-reject of accounts
 * and domains. */
#ifndef CLI_SPAM_SETTINGS_H
#define CLI_SPAM_SETTINGS_H

#include <jansson.h>

#include "cli/command.h"
#include "config/thresholds.h"
#include "score/score.h"

/** Rows for tables of options. `whose`: what an empty value means. */
#define CLI_SPAM_SETTINGS(whose)                                                                                                     \
	{"spam-tag", "POINTS", "mail for it is marked from so many points on; off: it isn't; \"\": " whose},                         \
	{"spam-junk", "POINTS", "mail is junk for it from so many points on; off: nothing is put into Junk; \"\": likewise"},        \
	{"spam-quarantine", "POINTS", "mail is set apart for it from so many points on; off: nothing is; \"\": likewise"},           \
	{"spam-reject", "POINTS", "mail for it is refused from so many points on; off: none is; \"\": likewise"}

/** Reads those of the options that are given over what there was. False with *error. */
bool cli_spam_settings_read(struct command_line *line, struct config_thresholds *thresholds, struct error *error);
/** Adds "spam_tag", "spam_junk", …: a number, "off", or null, if it is as it is further away. */
void cli_spam_settings_json(json_t *object, struct config_thresholds thresholds);
/** "  junk from 4.5 points"; nothing of what is as it is further away. */
void cli_spam_settings_print(struct config_thresholds thresholds);
/** Puts the thresholds of whom an address of ours leads to into the settings, in the place of the options'. False with *error. */
bool cli_spam_settings_apply(const struct command_line *line, const char *address, struct score_settings *settings, struct error *error);

#endif
