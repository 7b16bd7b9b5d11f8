/* pombal spam replay, of mail that is kept here. */
#ifndef CLI_SPAM_REPLAY_H
#define CLI_SPAM_REPLAY_H

#include "cli/command.h"
#include "score/score.h"

/** Weighs anew what is in quarantine (--quarantine) or in an account's folders (--of), changes nothing, and tells what would become of it; returns the exit status. */
int cli_spam_replay_kept(struct command_line *line);

/** The points of what was found of a message by asking others when it came, with the points that its rules have now; what is no rule of the table keeps those it had. `total`: the sum
 * then. `rules`: its findings' names; `points`: and their points then, NULL if only the sum is known. */
int cli_spam_replay_asked(const struct score_settings *settings, const struct slice *names, const int *points, size_t count, int total);
/** Reads "score=4.5 … tests=A,B" of an X-Spam-Status field of ours. *names in `arena`. False: it is none. */
bool cli_spam_replay_field(struct slice field, struct arena *arena, int *total, struct slice **names, size_t *count);

#endif
