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

static bool import_from(struct command_line *line, struct cli_import *import, struct error *error)
{
	const char *path = line->arguments[1], *format = command_value(line, "format"), *mailbox = command_value(line, "mailbox");
	struct slice target = slice_of(mailbox ? mailbox : "INBOX");
	bool folder = is_folder(path);
	const char *cur = arena_printf(line->arena, "%s/cur", path).at;
	import->by_label = !mailbox;
	if (format ? slice_equal(slice_of(format), SLICE("maildir")) : folder && is_folder(cur))
		return cli_import_maildir(import, path, target, error);
	return folder ? cli_import_mbox_tree(import, path, target, error) : cli_import_mbox_file(import, path, target, error);
}

static bool open_account(struct command_line *line, struct cli_import *import, struct error *error)
{
	struct slice name;
	struct store_options options = {.data = line->data, .storage = config_current()->storage}; /* without a limit: what is there already is let in */
	return instance_address(line, command_argument(line, 0), &name, error) && (import->store = instance_open_store(line, &options, error)) &&
	       (import->account = store_open_account(import->store, name, error));
}

static void print_counts(const struct cli_import *import)
{
	const struct { uint64_t count; const char *what; } more[] = {
		{import->changed, "have other flags now"}, {import->moved, "moved"}, {import->left, "left, see above"}};
	printf("%llu messages added, %llu were there already", (unsigned long long)import->added, (unsigned long long)import->known);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		if (more[i].count > 0)
			printf(", %llu %s", (unsigned long long)more[i].count, more[i].what);
	putchar('\n');
}

static int finish(struct command_line *line, struct cli_import *import, bool done, struct error *error)
{
	done = done && cli_import_finish(import, error);
	uint64_t failed = import->failed;
	cli_import_free(import);
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
			print_counts(import);
		}
	}
	if (import->store)
		store_close(&import->store);
	if (!done)
		return command_fail_with(line, error);
	return failed > 0 ? command_fail(line, "%llu could not be read, see above", (unsigned long long)failed) : COMMAND_DONE;
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
	const char *map = command_value(line, "map");
	struct cli_import import = {.arena = line->arena, .map = slice_of(map ? map : ""), .seen = map_new(), .seen_ids = map_new(), .visited = map_new()};
	bool done = open_account(line, &import, &error) && import_from(line, &import, &error);
	int status = finish(line, &import, done, &error);
	config_free_all();
	return status;
}

static const struct command_option options[] = {
	{"mailbox", "NAME", "where the messages go (default: INBOX, or where Gmail's labels tell; folders become mailboxes of their names)"},
	{"format", "maildir|mbox", "what PATH is (default: a folder with a folder cur is a Maildir, another one holds mbox files, a file is an mbox)"},
	{"map", "OLD=NEW", "the folder OLD becomes the mailbox NEW; may be given several times. Names that other programs have for Sent, Trash, "
		"Drafts, Junk and Archive lead there without being told", .many = true},
	{0},
};

const struct command cli_import_commands[] = {
	{"import", "ADDRESS PATH", "Puts the messages of a Maildir, an mbox or a folder of them into an account; what is there already is not added "
		"again, but gets the flags and the place that it has there now.", run, options, 2, 2, 0},
	{0},
};
