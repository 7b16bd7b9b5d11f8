/* From how many points on accounts and domains want what done with mail; see spam_settings.h. */
#include "cli/spam_settings.h"

#include <stddef.h>

#include "cli/instance.h"
#include "policy/settings.h"

/* Each of the four. */
static const struct setting {
	const char *option, *key;
	size_t at;              /* in struct config_thresholds */
	const char *from, *off; /* how it is shown */
} each[] = {
	{"spam-tag", "spam_tag", offsetof(struct config_thresholds, tag), "marked", "nothing is marked"},
	{"spam-junk", "spam_junk", offsetof(struct config_thresholds, junk), "junk", "nothing is junk"},
	{"spam-quarantine", "spam_quarantine", offsetof(struct config_thresholds, quarantine), "set apart", "nothing is set apart"},
	{"spam-reject", "spam_reject", offsetof(struct config_thresholds, reject), "refused", "nothing is refused by points"},
};
enum { SETTINGS = sizeof each / sizeof *each };

static int *threshold_of(struct config_thresholds *thresholds, const struct setting *setting)
{
	return (int *)(void *)((char *)thresholds + setting->at);
}

static bool parse(const struct setting *setting, const char *text, int *points, struct error *error)
{
	if (!*text || strcmp(text, "off") == 0) {
		*points = *text ? THRESHOLD_NEVER : THRESHOLD_CONFIGURED;
		return true;
	}
	return (config_parse_points(slice_of(text), points) && *points > 0 && *points <= THRESHOLD_MOST) ||
	       error_set(error, ERROR_INVALID, "--%s: \"%s\" is not a number of points such as 4.5, nor \"off\"", setting->option, text);
}

bool cli_spam_settings_read(struct command_line *line, struct config_thresholds *thresholds, struct error *error)
{
	bool done = true;
	for (size_t i = 0; done && i < SETTINGS; i++) {
		const char *text = command_value(line, each[i].option);
		done = !text || parse(&each[i], text, threshold_of(thresholds, &each[i]), error);
	}
	return done;
}

static json_t *json_of(int points)
{
	return points == THRESHOLD_CONFIGURED ? json_null() : points == THRESHOLD_NEVER ? json_string("off") : json_real((double)points / 100);
}

void cli_spam_settings_json(json_t *object, struct config_thresholds thresholds)
{
	for (size_t i = 0; i < SETTINGS; i++)
		json_object_set_new(object, each[i].key, json_of(*threshold_of(&thresholds, &each[i])));
}

static void print_one(const struct setting *setting, int threshold)
{
	struct buf points = BUF(32);
	score_write_points(&points, threshold);
	printf("  %s from %.*s points", setting->from, SLICE_ARG(buf_slice(&points)));
	buf_free(&points);
}

void cli_spam_settings_print(struct config_thresholds thresholds)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		int threshold = *threshold_of(&thresholds, &each[i]);
		if (threshold == THRESHOLD_NEVER)
			printf("  %s", each[i].off);
		else if (threshold != THRESHOLD_CONFIGURED)
			print_one(&each[i], threshold);
	}
}

bool cli_spam_settings_apply(const struct command_line *line, const char *address, struct score_settings *settings, struct error *error)
{
	struct auth_recipient_accounts accounts;
	struct slice name;
	if (!instance_address(line, slice_of(address), &name, error))
		return false;
	struct directory *directory = directory_open(line->data, error);
	if (!directory)
		return false;
	enum auth_recipient_kind kind = directory_recipient(directory, name, &accounts);
	directory_close(&directory);
	if (kind != RECIPIENT_LOCAL)
		return error_set(error, ERROR_NOT_FOUND, "nobody here has the address %.*s", SLICE_ARG(name));
	policy_settings_apply(settings, accounts.thresholds);
	return true;
}
