#include "cli/spam_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/file.h"

enum { DEPTH_MAX = 20, MESSAGE_MAX = 64 * 1024 * 1024 };

struct walk {
	struct command_line *line;
	void (*act)(void *context, struct cli_spam_message *message);
	void *context;
	struct arena *arena; /* of one message */
	size_t failed;
};

static void pass_over(struct walk *walk, const char *path, const char *why)
{
	command_fail(walk->line, "%s: %s", path, why);
	walk->failed++;
}

static void read_one(struct walk *walk, const char *path)
{
	struct error error;
	struct buf file = BUF(MESSAGE_MAX);
	struct cli_spam_message message = {.path = path, .arena = walk->arena};
	if (file_read_regular(path, &file, &error)) {
		message.bytes = buf_slice(&file);
		message.root = mime_parse(message.bytes, walk->arena);
		shown_read(message.bytes, message.root, walk->arena, &message.shown);
		classify_tokenize(slice_sub(message.bytes, 0, (size_t)message.root->header_size), message.root, &message.shown, walk->arena, &message.tokens);
		walk->act(walk->context, &message);
	} else
		pass_over(walk, path, error.text);
	buf_free(&file);
	arena_reset(walk->arena);
}

static int is_shown(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void visit(struct walk *walk, const char *path, int depth)
{
	char inside[PATH_MAX], reason[128];
	struct stat status;
	struct dirent **entries = NULL;
	bool there = stat(path, &status) == 0;
	int count = there && S_ISDIR(status.st_mode) && depth < DEPTH_MAX ? scandir(path, &entries, is_shown, alphasort) : 0;
	if (!there || count < 0)
		pass_over(walk, path, strerror_r(errno, reason, sizeof reason));
	else if (S_ISREG(status.st_mode))
		read_one(walk, path);
	for (int i = 0; i < count; i++) {
		if (snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name) < PATH_MAX)
			visit(walk, inside, depth + 1);
		free(entries[i]);
	}
	free(entries);
}

size_t cli_spam_each(struct command_line *line, const char *path, void (*act)(void *context, struct cli_spam_message *message), void *context)
{
	struct walk walk = {line, act, context, arena_new(), 0};
	visit(&walk, path, 0);
	arena_free(&walk.arena);
	return walk.failed;
}
