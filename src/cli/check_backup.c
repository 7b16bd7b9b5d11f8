/* pombal check: is there a backup? */
#include "base/clock.h"
#include "cli/backup_notes.h"
#include "cli/check.h"

enum { DAY_SECONDS = 86400 };

/* A server that was set up a moment ago needs none yet. */
static bool is_young(const struct cli_check *check)
{
	struct error error;
	struct auth_account_entry *accounts;
	size_t count = 0;
	int64_t first = INT64_MAX;
	struct directory *directory = directory_open(check->line->data, &error);
	if (directory && directory_list_accounts(directory, SLICE(""), check->line->arena, &accounts, &count, &error))
		for (size_t i = 0; i < count; i++)
			first = accounts[i].created < first ? accounts[i].created : first;
	directory_close(&directory);
	return clock_now() - first < CLI_BACKUP_OLD_SECONDS;
}

void cli_check_backup(struct cli_check *check)
{
	struct cli_backup *list;
	size_t count;
	struct error error;
	if (!cli_backup_read(check->line->data, check->line->arena, &list, &count, &error)) {
		cli_check_warning(check, "Make a backup, and tell of it: it begins anew then.", "what is known of backups can't be read: %s", error.text);
		return;
	}
	switch (cli_backup_judge(list, count, clock_now())) {
	case CLI_BACKUP_NEVER:
		if (!is_young(check))
			cli_check_warning(check, "Make one (docs/backup.md), and have who makes it tell of it with `pombal backup note`.", "this server was told of no backup");
		break;
	case CLI_BACKUP_IS_DAMAGED:
		cli_check_warning(check, "Make another one.", "the last backup, at %.*s, is damaged", SLICE_ARG(list[0].where));
		break;
	case CLI_BACKUP_OLD:
		cli_check_warning(check, "Look why there is no newer one.", "the last backup, at %.*s, was made %lld days ago", SLICE_ARG(list[0].where), (long long)((clock_now() - list[0].made) / DAY_SECONDS));
		break;
	case CLI_BACKUP_NOT_VERIFIED:
		cli_check_warning(check, "Run `pombal backup verify` on a copy.", "no backup was looked over");
		break;
	case CLI_BACKUP_GOOD:
		break;
	}
}
