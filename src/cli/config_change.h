/* pombal config set and its kin: changing pombal.conf by command. */
#ifndef CLI_CONFIG_CHANGE_H
#define CLI_CONFIG_CHANGE_H

#include "cli/command.h"
#include "config/config.h"

int cli_config_list_options(struct command_line *line);
int cli_config_set(struct command_line *line);
int cli_config_confirm(struct command_line *line);
int cli_config_list_history(struct command_line *line);
int cli_config_undo(struct command_line *line);
int cli_config_revert(struct command_line *line);
/** An option's value as JSON. (config.c) */
json_t *cli_config_json(const struct config *config, const struct option *option);

#endif
