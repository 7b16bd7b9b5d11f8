/* The setting of accounts and domains from how many points on mail is junk; see spam_setting.h. */
#include "cli/spam_setting.h"

#include "cli/command.h"
#include "score/score.h"

bool cli_spam_setting_read(struct command_line *line, int *junk_from, struct error *error)
{
	const char *text = command_value(line, "spam-junk");
	if (!text)
		return true;
	if (!*text || strcmp(text, "off") == 0) {
		*junk_from = *text ? AUTH_JUNK_NEVER : AUTH_JUNK_CONFIGURED;
		return true;
	}
	return (score_parse_points(slice_of(text), junk_from) && *junk_from > 0 && *junk_from <= AUTH_JUNK_MOST) ||
	       error_set(error, ERROR_INVALID, "--spam-junk: \"%s\" is not a number of points such as 4.5, nor \"off\"", text);
}

json_t *cli_spam_setting_json(int junk_from)
{
	return junk_from == AUTH_JUNK_CONFIGURED ? json_null() : junk_from == AUTH_JUNK_NEVER ? json_string("off") : json_real((double)junk_from / 100);
}

void cli_spam_setting_print(int junk_from)
{
	struct buf points = BUF(32);
	if (junk_from == AUTH_JUNK_NEVER)
		printf("  nothing is junk");
	else if (junk_from != AUTH_JUNK_CONFIGURED) {
		score_write_points(&points, junk_from);
		printf("  junk from %.*s points", SLICE_ARG(buf_slice(&points)));
	}
	buf_free(&points);
}
