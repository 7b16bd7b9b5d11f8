/* pombal backup: what this server knows of its backups. Others make them, with a snapshot or by copying the data directory (docs/backup.md), and tell of it here: so there is
 * one place that says when the last one was made, and somebody who warns when there is none. */
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/backup_notes.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "message/text.h"

enum { DEPTH_MAX = 40, DAY_SECONDS = 86400, PATH_SIZE = 4096 };

/* ---- Telling ---- */

static bool read_place(const struct command_line *line, struct cli_backup *backup, struct error *error)
{
	const char *every = command_value(line, "every");
	backup->where = command_argument(line, 0);
	if (backup->where.len == 0 || backup->where.len > CLI_BACKUP_WHERE_MAX || !slice_is_utf8(backup->where) || text_has_controls(backup->where))
		return error_set(error, ERROR_INVALID, "where it is isn't one line of %d bytes at most", CLI_BACKUP_WHERE_MAX);
	return !every || (config_parse_duration(slice_of(every), &backup->every) && backup->every > 0) || error_set(error, ERROR_INVALID, "--every: \"%s\" is not a time such as 1d", every);
}

static bool read_rest(const struct command_line *line, struct cli_backup *backup, struct error *error)
{
	const char *size = command_value(line, "size");
	uint64_t made;
	int64_t now = clock_now();
	if (!command_number(line, "made", (uint64_t)now + DAY_SECONDS, (uint64_t)now, &made, error))
		return false;
	backup->made = (int64_t)made;
	backup->found = command_value(line, "damaged") ? CLI_BACKUP_DAMAGED : command_value(line, "verified") ? CLI_BACKUP_WHOLE : CLI_BACKUP_NOT_LOOKED;
	return !size || config_parse_size(slice_of(size), &backup->size) || error_set(error, ERROR_INVALID, "--size: \"%s\" is not a size such as 12G", size);
}

static bool note(const struct command_line *line, struct cli_backup *backup, struct error *error)
{
	static const char *const found[] = {[CLI_BACKUP_NOT_LOOKED] = "", [CLI_BACKUP_WHOLE] = "yes", [CLI_BACKUP_DAMAGED] = "damaged"};
	backup->noted = clock_now();
	backup->by = line->caller ? line->caller->who : SLICE("");
	if (!cli_backup_add(line->data, backup, line->arena, error))
		return false;
	instance_note(line, "admin.backup_noted", log_slice("where", backup->where), log_number("made", backup->made), log_number("bytes", backup->size), log_text("verified", found[backup->found]));
	return true;
}

static int run_note(struct command_line *line)
{
	struct cli_backup backup = {.size = -1};
	struct error error;
	int status = COMMAND_FAILED;
	if (command_value(line, "verified") && command_value(line, "damaged"))
		return command_misuse(line, "it is either --verified or --damaged");
	if (!instance_enter(line))
		return status;
	bool done = read_place(line, &backup, &error) && read_rest(line, &backup, &error) && note(line, &backup, &error);
	status = done ? COMMAND_DONE : command_fail_with(line, &error);
	config_free_all();
	return status;
}

/* ---- Looking a copy over ---- */

/* What lies there: how much, and when something in it was changed last. A running server writes to its files all the time, so that is when the copy was made. */
static void measure(const char *path, struct cli_backup *backup, int depth)
{
	char inside[PATH_SIZE];
	struct stat status;
	DIR *folder = depth < DEPTH_MAX ? opendir(path) : NULL;
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		if (slice_equal(slice_of(entry->d_name), SLICE(".")) || slice_equal(slice_of(entry->d_name), SLICE("..")) || snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name) >= PATH_SIZE ||
		    lstat(inside, &status) != 0)
			continue;
		if (S_ISDIR(status.st_mode))
			measure(inside, backup, depth + 1);
		if (!S_ISREG(status.st_mode))
			continue;
		backup->size += status.st_size;
		backup->made = status.st_mtime > backup->made ? status.st_mtime : backup->made;
	}
	if (folder)
		closedir(folder);
}

/* fsck becomes the owner of what it looks at, and stays so: it is another process's. */
static enum cli_backup_found look_over(const struct command_line *line, const char *copy)
{
	int status = 0;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct command_line other = {.command = cli_fsck_commands, .groups = line->groups, .data = copy, .arena = line->arena, .user = line->user};
		int ended = other.command->run(&other);
		fflush(stdout);
		_exit(ended);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return CLI_BACKUP_NOT_LOOKED;
	return WEXITSTATUS(status) == COMMAND_DONE ? CLI_BACKUP_WHOLE : CLI_BACKUP_DAMAGED;
}

static int run_verify(struct command_line *line)
{
	struct cli_backup backup = {0};
	struct stat status;
	struct error error;
	const char *place = command_value(line, "where"), *copy = line->arguments[0];
	if (!instance_find(line))
		return COMMAND_FAILED;
	if (stat(copy, &status) != 0 || !S_ISDIR(status.st_mode))
		return command_fail(line, "%s is no folder", copy);
	if (!read_place(line, &backup, &error))
		return command_fail_with(line, &error);
	measure(copy, &backup, 0);
	backup.found = look_over(line, copy);
	if (backup.found == CLI_BACKUP_NOT_LOOKED)
		return command_fail(line, "fsck couldn't be run");
	if (!instance_enter(line))
		return COMMAND_FAILED;
	backup.where = place ? slice_of(place) : backup.where;
	int ended = note(line, &backup, &error) ? COMMAND_DONE : command_fail_with(line, &error);
	config_free_all();
	return backup.found == CLI_BACKUP_DAMAGED ? COMMAND_FAILED : ended;
}

/* ---- Showing ---- */

static void print_one(const struct cli_backup *backup)
{
	static const char *const found[] = {[CLI_BACKUP_NOT_LOOKED] = "", [CLI_BACKUP_WHOLE] = "  verified", [CLI_BACKUP_DAMAGED] = "  DAMAGED"};
	char when[32], size[32];
	printf("%s  ", cli_time_text(backup->made, when));
	cli_print_safe(backup->where);
	if (backup->size >= 0)
		printf("  %s", cli_size_text((uint64_t)backup->size, size));
	puts(found[backup->found]);
}

static int show(const struct command_line *line, const struct cli_backup *list, size_t count)
{
	enum cli_backup_state state = cli_backup_judge(list, count, clock_now());
	if (line->json) {
		json_t *array = json_array();
		for (size_t i = 0; i < count; i++)
			json_array_append_new(array, cli_backup_json(&list[i]));
		return command_print_json(json_pack("{s:s, s:o}", "state", cli_backup_state_names[state], "backups", array));
	}
	for (size_t i = 0; i < count; i++)
		print_one(&list[i]);
	printf(count > 0 ? "the last one: %s\n" : "%s\n", count > 0 ? cli_backup_state_names[state] : "this server was told of none");
	return COMMAND_DONE;
}

static int run_state(struct command_line *line)
{
	struct cli_backup *list;
	size_t count;
	struct error error;
	if (!instance_enter(line))
		return COMMAND_FAILED;
	int status = cli_backup_read(line->data, line->arena, &list, &count, &error) ? show(line, list, count) : command_fail_with(line, &error);
	config_free_all();
	return status;
}

#define EVERY {"every", "TIME", "how often one is made, for example 1d: after twice that time without another `check` warns; by default after eight days"}
static const struct command_option note_options[] = {
	{"made", "SECONDS", "as of when it is, in seconds since 1970 (date +%s); by default now"},
	{"size", "SIZE", "how large it is"},
	{"verified", NULL, "`fsck` was run on it, and found nothing"},
	{"damaged", NULL, "`fsck` was run on it, and found something"},
	EVERY,
	{0},
};
static const struct command_option verify_options[] = {{"where", "TEXT", "what is remembered as its place; by default COPY"}, EVERY, {0}};

const struct command cli_backup_commands[] = {
	{"backup state", "", "Shows what this server was told of its backups, the newest first: when and where, how large, and whether `fsck` found them whole.", run_state, NULL, 0, 0, COMMAND_JSON, ADMIN_READS},
	{"backup note", "WHERE", "Tells the server that a backup was made.", run_note, note_options, 1, 1, 0, ADMIN_CHANGES},
	{"backup verify", "COPY", "Runs `fsck` on a copy of the data directory, and tells the server of it.", run_verify, verify_options, 1, 1, 0},
	{0},
};
