/* Messages in files, for the commands that judge and learn. */
#ifndef CLI_SPAM_FILES_H
#define CLI_SPAM_FILES_H

#include "classify/classify.h"
#include "cli/command.h"

/** A message that was read, with what a person sees of it. All lives in `arena`. */
struct cli_spam_message {
	const char *path;
	struct slice bytes;
	struct mime_part *root;
	struct shown shown;
	struct classify_tokens tokens;
	struct arena *arena;
};

/** Reads each file, and each file in each folder and those inside, in the order of their names; gives each to `act`. A file that can't be read
 * is named on standard error and passed over. Returns how many of them there were. */
size_t cli_spam_each(struct command_line *line, const char *path, void (*act)(void *context, struct cli_spam_message *message), void *context);

/** Fills in what is read of a message; message->arena is set. */
void cli_spam_read(struct cli_spam_message *message, struct slice bytes);

/** Learns a message; its tokens live in `arena` meanwhile. */
enum classify_outcome cli_spam_learn(struct classify_store *store, struct slice message, enum classify_kind kind, struct arena *arena);

#endif
