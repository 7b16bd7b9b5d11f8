/* What this server was told of its backups, which others make (docs/backup.md): DIR/backups.json. */
#ifndef CLI_BACKUP_NOTES_H
#define CLI_BACKUP_NOTES_H

#include <jansson.h>

#include "base/arena.h"
#include "base/error.h"

enum {
	CLI_BACKUPS_MAX = 20,          /* so many are remembered */
	CLI_BACKUP_WHERE_MAX = 300,    /* bytes */
	CLI_BACKUP_OLD_SECONDS = 8 * 86400, /* one whose maker doesn't say how often he comes is old then */
};

/** What `pombal fsck` has found in a copy. */
enum cli_backup_found { CLI_BACKUP_NOT_LOOKED, CLI_BACKUP_WHOLE, CLI_BACKUP_DAMAGED };
struct cli_backup {
	struct slice where, by;
	int64_t made;    /* as of when it is, seconds since 1970 */
	int64_t noted;   /* when it was told of */
	int64_t size;    /* bytes; -1: not told */
	int64_t every;   /* seconds after which another one is to be made; 0: not told */
	enum cli_backup_found found;
};

/** How things are: the first that applies. */
enum cli_backup_state { CLI_BACKUP_NEVER, CLI_BACKUP_IS_DAMAGED, CLI_BACKUP_OLD, CLI_BACKUP_NOT_VERIFIED, CLI_BACKUP_GOOD };
extern const char *const cli_backup_state_names[];
enum cli_backup_state cli_backup_judge(const struct cli_backup *list, size_t count, int64_t now);

/** All that is remembered, the newest first, in `arena`; none is no failure. False with *error: the file is damaged, or can't be read. */
bool cli_backup_read(const char *data, struct arena *arena, struct cli_backup **list, size_t *count, struct error *error);
/** Remembers one more; the oldest is forgotten where there are too many. */
bool cli_backup_add(const char *data, const struct cli_backup *backup, struct arena *arena, struct error *error);
json_t *cli_backup_json(const struct cli_backup *backup);

#endif
