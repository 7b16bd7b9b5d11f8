#include "cli/spam_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "message/unwrap.h"

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

void cli_spam_read(struct cli_spam_message *message, struct slice bytes)
{
	message->bytes = message_unwrap(bytes, mime_parse(bytes, message->arena));
	bytes = message->bytes;
	message->root = mime_parse(bytes, message->arena);
	shown_read(bytes, message->root, message->arena, &message->shown);
	classify_tokenize(slice_sub(bytes, 0, (size_t)message->root->header_size), message->root, &message->shown, message->arena, &message->tokens);
}

enum classify_outcome cli_spam_learn(struct classify_store *store, struct slice bytes, enum classify_kind kind, struct arena *arena)
{
	struct cli_spam_message message = {.arena = arena};
	cli_spam_read(&message, bytes);
	return classify_learn(store, &message.tokens, kind, clock_now());
}

static void read_one(struct walk *walk, const char *path)
{
	struct error error;
	struct buf file = BUF(MESSAGE_MAX);
	struct cli_spam_message message = {.path = path, .arena = walk->arena};
	bool input = slice_equal(slice_of(path), SLICE("-"));
	if (input ? command_read_file(walk->line, path, &file, &error) : file_read_regular(path, &file, &error)) {
		cli_spam_read(&message, buf_slice(&file));
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
	if (line->caller || slice_equal(slice_of(path), SLICE("-"))) /* standard input is all that who calls over HTTP may name */
		read_one(&walk, "-");
	else
		visit(&walk, path, 0);
	arena_free(&walk.arena);
	return walk.failed;
}
