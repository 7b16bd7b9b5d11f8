/* Entries of options that end in settings, "kind=sender,helo do=reject": each setting is a row of its option's table. */
#ifndef CONFIG_CONFIG_SETTINGS_H
#define CONFIG_CONFIG_SETTINGS_H

#include "base/error.h"
#include "base/slice.h"

enum { CONFIG_SETTINGS_MAX = 32 }; /* rows of a table */

struct config_setting {
	const char *name;
	bool (*set)(struct slice value, void *target); /* false: it isn't what `allowed` says */
	const char *allowed;                           /* "accept, tag or defer" */
};

/** Cuts the next word off *rest. Empty: there is none. */
struct slice config_next_word(struct slice *rest);

/** Is it a name of the DNS of at most `most` bytes: labels of letters, digits, hyphens and underscores? */
bool config_is_dns_name(struct slice name, size_t most);

/** Takes all words of `rest` for settings of `target`. False: one isn't in the table, is there twice, or has another value than it may.
 * `whose`: "a list". */
bool config_take_settings(struct slice rest, const struct config_setting *table, size_t count, const char *whose, void *target, struct error *error);

#endif
