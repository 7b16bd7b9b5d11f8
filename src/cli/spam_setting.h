/* From how many points on mail is junk: the option --spam-junk of accounts and domains. */
#ifndef CLI_SPAM_SETTING_H
#define CLI_SPAM_SETTING_H

#include <jansson.h>

#include "auth/directory.h"

struct command_line;

#define CLI_SPAM_SETTING(whose) \
	{"spam-junk", "POINTS", "mail is junk for it from so many points on; off: nothing is put into Junk; \"\": " whose}

/** Reads the option, if it is given, into *junk_from (AUTH_JUNK_*, or hundredths). False with *error. */
bool cli_spam_setting_read(struct command_line *line, int *junk_from, struct error *error);
/** A number, "off", or null where nothing is set. */
json_t *cli_spam_setting_json(int junk_from);
/** What is set, as part of a line that begins with an account or a domain; else nothing. */
void cli_spam_setting_print(int junk_from);

#endif
