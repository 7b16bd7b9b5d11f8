/* The tables of subcommands, one per file of this folder. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command init_commands[];
extern const struct command config_commands[];
extern const struct command check_commands[];
extern const struct command server_commands[];
extern const struct command metrics_commands[];
extern const struct command domain_commands[];
extern const struct command account_commands[];
extern const struct command account_import_commands[];
extern const struct command expunged_commands[];
extern const struct command special_use_commands[];
extern const struct command alias_commands[];
extern const struct command session_commands[];
extern const struct command queue_commands[];
extern const struct command trace_commands[];
extern const struct command sendmail_commands[];
extern const struct command import_commands[];
extern const struct command export_commands[];
extern const struct command fsck_commands[];

#endif
