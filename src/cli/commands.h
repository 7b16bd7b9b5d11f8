/* The tables of subcommands, one per file of this folder. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command cli_init_commands[];
extern const struct command cli_config_commands[];
extern const struct command cli_admin_commands[];
extern const struct command cli_check_commands[];
extern const struct command cli_server_commands[];
extern const struct command cli_metrics_commands[];
extern const struct command cli_metrics_history_commands[];
extern const struct command cli_domain_commands[];
extern const struct command cli_dns_commands[];
extern const struct command cli_account_commands[];
extern const struct command cli_account_app_password_commands[];
extern const struct command cli_account_import_commands[];
extern const struct command cli_expunged_commands[];
extern const struct command cli_special_use_commands[];
extern const struct command cli_vacation_commands[];
extern const struct command cli_contacts_commands[];
extern const struct command cli_alias_commands[];
extern const struct command cli_session_commands[];
extern const struct command cli_queue_commands[];
extern const struct command cli_quarantine_commands[];
extern const struct command cli_trace_commands[];
extern const struct command cli_verify_commands[];
extern const struct command cli_reports_commands[];
extern const struct command cli_reports_sent_commands[];
extern const struct command cli_certificate_commands[];
extern const struct command cli_greylist_commands[];
extern const struct command cli_push_commands[];
extern const struct command cli_spam_commands[];
extern const struct command cli_sendmail_commands[];
extern const struct command cli_import_commands[];
extern const struct command cli_export_commands[];
extern const struct command cli_fsck_commands[];
extern const struct command cli_backup_commands[];

/** All of them but init's and the program's own, which are its first group. */
#define CLI_COMMAND_GROUPS \
	{"", cli_server_commands}, {"", cli_metrics_history_commands}, {"", cli_metrics_commands}, {"", cli_check_commands}, {"", cli_certificate_commands}, {"", cli_config_commands}, {"", cli_admin_commands}, \
	{"People", cli_domain_commands}, {"", cli_dns_commands}, {"", cli_account_commands}, {"", cli_account_app_password_commands}, {"", cli_account_import_commands}, \
	{"", cli_expunged_commands}, {"", cli_special_use_commands}, {"", cli_vacation_commands}, {"", cli_contacts_commands}, {"", cli_alias_commands}, {"", cli_session_commands}, \
	{"Mail", cli_queue_commands}, {"", cli_quarantine_commands}, {"", cli_trace_commands}, {"", cli_verify_commands}, {"", cli_reports_sent_commands}, {"", cli_reports_commands}, \
	{"", cli_greylist_commands}, {"", cli_push_commands}, {"", cli_spam_commands}, {"", cli_sendmail_commands}, {"", cli_import_commands}, {"", cli_export_commands}, {"", cli_fsck_commands}, {"", cli_backup_commands}

#endif
