/* pombal import: puts existing mail into an account. What root names is read as root could read it, while all that is written is
 * written as the data directory's owner. */
#include "cli/import.h"

#include <sys/stat.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/instance.h"

static bool is_folder(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool import_from(struct command_line *line, struct import *import, struct error *error)
{
	const char *path = line->arguments[1], *format = command_value(line, "format"), *mailbox = command_value(line, "mailbox");
	struct slice target = slice_of(mailbox ? mailbox : "INBOX"), kind = slice_of(format ? format : is_folder(path) ? "maildir" : "mbox");
	return slice_equal(kind, SLICE("mbox")) ? import_mbox_file(import, path, target, error) : import_maildir(import, path, target, error);
}

static bool open_account(struct command_line *line, struct import *import, struct error *error)
{
	struct slice name;
	struct store_options options = {.data = line->data}; /* without a limit: what is there already is let in */
	return instance_address(line, command_argument(line, 0), &name, error) && (import->store = instance_open_store(line, &options, error)) &&
	       (import->account = store_open_account(import->store, name, error));
}

static int finish(struct command_line *line, struct import *import, bool done, struct error *error)
{
	for (size_t i = 0; i < import->gathered; i++)
		draft_abort(&import->drafts[i]);
	if (import->account) {
		struct slice name = arena_copy(import->arena, account_name(import->account));
		store_release_account(&import->account);
		struct error unsynced;
		if (!store_sync(import->store, &unsynced) && done) {
			done = false;
			*error = unsynced;
		}
		instance_tell_changed(line, name);
		if (done || import->added > 0) {
			instance_note(line, "admin.imported", log_slice("account", name), log_number("added", (int64_t)import->added));
			printf("%llu messages added, %llu were there already\n", (unsigned long long)import->added, (unsigned long long)import->known);
		}
	}
	if (import->store)
		store_close(&import->store);
	map_free(&import->seen);
	return done ? COMMAND_DONE : command_fail(line, "%s", error->text);
}

static int run(struct command_line *line)
{
	struct error error;
	const char *format = command_value(line, "format");
	if (format && !slice_equal(slice_of(format), SLICE("maildir")) && !slice_equal(slice_of(format), SLICE("mbox")))
		return command_misuse(line, "--format is maildir or mbox");
	log_set_role("import", LOG_LEVEL_WARNING);
	if (!instance_enter_reading(line))
		return COMMAND_FAILED;
	struct import import = {.arena = line->arena, .seen = map_new()};
	bool done = open_account(line, &import, &error) && import_from(line, &import, &error);
	int status = finish(line, &import, done, &error);
	config_free_all();
	return status;
}

static const struct command_option options[] = {
	{"mailbox", "NAME", "where the messages go (default: INBOX; folders of a Maildir become mailboxes of their names)"},
	{"format", "maildir|mbox", "what PATH is (default: a folder is a Maildir, a file an mbox)"},
	{0},
};

const struct command import_commands[] = {
	{"import", "ADDRESS PATH", "Puts the messages of a Maildir or an mbox into an account; what is there already is not added again.", run, options, 2, 2, 0},
	{0},
};
