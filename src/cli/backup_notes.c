/* Remembering what was told of backups; see backup_notes.h. */
#include "cli/backup_notes.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/command.h"

enum { FILE_MAX = 64 * 1024 };

const char *const cli_backup_state_names[] = {[CLI_BACKUP_NEVER] = "never", [CLI_BACKUP_IS_DAMAGED] = "damaged", [CLI_BACKUP_OLD] = "old", [CLI_BACKUP_NOT_VERIFIED] = "not verified",
	[CLI_BACKUP_GOOD] = "good"};
static const char *const found_names[] = {[CLI_BACKUP_NOT_LOOKED] = "not looked over", [CLI_BACKUP_WHOLE] = "whole", [CLI_BACKUP_DAMAGED] = "damaged"};

enum cli_backup_state cli_backup_judge(const struct cli_backup *list, size_t count, int64_t now)
{
	bool verified = false;
	if (count == 0)
		return CLI_BACKUP_NEVER;
	if (list[0].found == CLI_BACKUP_DAMAGED)
		return CLI_BACKUP_IS_DAMAGED;
	if (now - list[0].made > (list[0].every > 0 ? 2 * list[0].every : CLI_BACKUP_OLD_SECONDS))
		return CLI_BACKUP_OLD;
	for (size_t i = 0; i < count; i++)
		verified |= list[i].found == CLI_BACKUP_WHOLE;
	return verified ? CLI_BACKUP_GOOD : CLI_BACKUP_NOT_VERIFIED;
}

json_t *cli_backup_json(const struct cli_backup *backup)
{
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:s}", "where", cli_json_of_slice(backup->where), "by", cli_json_of_slice(backup->by), "made", (json_int_t)backup->made,
			 "noted", (json_int_t)backup->noted, "size", (json_int_t)backup->size, "every", (json_int_t)backup->every, "found", found_names[backup->found]);
}

static bool read_one(json_t *object, struct arena *arena, struct cli_backup *backup)
{
	const char *where, *by, *found;
	json_int_t made, noted, size, every;
	if (json_unpack(object, "{s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "where", &where, "by", &by, "made", &made, "noted", &noted, "size", &size, "every", &every, "found", &found) != 0)
		return false;
	*backup = (struct cli_backup){arena_copy(arena, slice_of(where)), arena_copy(arena, slice_of(by)), made, noted, size, every, CLI_BACKUP_NOT_LOOKED};
	for (enum cli_backup_found i = CLI_BACKUP_NOT_LOOKED; i <= CLI_BACKUP_DAMAGED; i++)
		if (slice_equal(slice_of(found), slice_of(found_names[i])))
			backup->found = i;
	return true;
}

static struct slice path_of(const char *data, struct arena *arena) { return arena_printf(arena, "%s/backups.json", data); }

static bool read_all(json_t *array, struct arena *arena, struct cli_backup *list, size_t *count)
{
	size_t index;
	json_t *object;
	bool done = json_is_array(array) && json_array_size(array) <= CLI_BACKUPS_MAX;
	json_array_foreach(array, index, object)
		done = done && read_one(object, arena, &list[(*count)++]);
	return done;
}

bool cli_backup_read(const char *data, struct arena *arena, struct cli_backup **list, size_t *count, struct error *error)
{
	struct buf text = BUF(FILE_MAX);
	*list = arena_array(arena, CLI_BACKUPS_MAX, sizeof **list);
	*count = 0;
	if (access(path_of(data, arena).at, F_OK) != 0 && errno == ENOENT)
		return true;
	bool done = file_read(path_of(data, arena).at, &text, error);
	json_t *array = done ? json_loadb(text.at ? text.at : "", text.len, 0, NULL) : NULL;
	bool whole = done && read_all(array, arena, *list, count);
	json_decref(array);
	buf_free(&text);
	return done && (whole || error_set(error, ERROR_INVALID, "%s/backups.json is damaged", data));
}

bool cli_backup_add(const char *data, const struct cli_backup *backup, struct arena *arena, struct error *error)
{
	struct cli_backup *list;
	size_t count;
	if (!cli_backup_read(data, arena, &list, &count, error)) {
		if (error->kind != ERROR_INVALID)
			return false;
		count = 0; /* what can't be read tells nobody anything: it begins anew */
	}
	json_t *array = json_array();
	json_array_append_new(array, cli_backup_json(backup));
	for (size_t i = 0; i < count && i + 1 < CLI_BACKUPS_MAX; i++)
		json_array_append_new(array, cli_backup_json(&list[i]));
	char *text = json_dumps(array, JSON_INDENT(1));
	bool done = file_replace(path_of(data, arena).at, slice_of(text), 0600, error);
	free(text);
	json_decref(array);
	return done;
}
