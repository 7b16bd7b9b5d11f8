/* What a message in a file is for one account of this server, and by the standing of its sender's domain: for the commands that judge. A file says of its
 * sender what stands in the field that this server puts above all notes of its way; of any other nothing is known. */
#ifndef CLI_SPAM_PERSONAL_H
#define CLI_SPAM_PERSONAL_H

#include "cli/spam_files.h"
#include "score/score.h"

struct cli_spam_personal;
/** `account`: whose own words and correspondents count; NULL: nobody's. NULL with *error. */
struct cli_spam_personal *cli_spam_personal_open(struct command_line *line, const char *account, struct error *error);
/** Sets *personal to NULL; NULL is fine. */
void cli_spam_personal_close(struct cli_spam_personal **personal);

/** The account's own words; NULL: none were learned, or no account is asked about. */
const struct classify_store *cli_spam_personal_words(const struct cli_spam_personal *personal);
/** Adds to the facts what is known of the sender. `now`: seconds since 1970. */
void cli_spam_personal_know(const struct cli_spam_personal *personal, const struct cli_spam_message *message, int64_t now, struct score_origin *origin);

#endif
