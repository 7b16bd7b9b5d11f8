/* The configuration: one table, options.def, gives the fields of struct config, the parser, defaults, validation,
 * `pombal config`, the example file and the manual page.
 *
 * A loaded configuration is immutable. config_current() is what the process works by now; a reload puts another in its
 * place, and the former stays valid until the process ends (reloads are rare, a configuration is a few kilobytes), so a
 * session may keep the pointer it began with. */
#ifndef CONFIG_H
#define CONFIG_H

#include "base/error.h"
#include "base/slice.h"

struct string_list {
	const char **at;
	size_t count;
};

/* Types of options.def: a flag is bool; a number int64_t; a size int64_t in bytes ("25M" in the file); a duration
 * int64_t in seconds ("5m", "4h", "3d"); text const char *; a list struct string_list. */
struct config {
#define OPTION_FLAG(name, default_value, doc) bool name;
#define OPTION_NUMBER(name, default_value, least, most, doc) int64_t name;
#define OPTION_SIZE(name, default_value, least, most, doc) int64_t name;
#define OPTION_DURATION(name, default_value, least, most, doc) int64_t name;
#define OPTION_TEXT(name, default_value, check, doc) const char *name;
#define OPTION_LIST(name, default_value, check, doc) struct string_list name;
#include "config/options.def"
};

/** Parses `text` (the whole of a pombal.conf); NULL with *error "pombal.conf:12: …" on the first mistake. `path` is for messages. */
struct config *config_parse(struct slice text, const char *path, struct error *error);
/** Reads DIR/pombal.conf and parses it. */
struct config *config_load(const char *data, struct error *error);
/** For a configuration that was never made current (the command line, tests). Sets *config to NULL. */
void config_free(struct config **config);

const struct config *config_current(void);
/** Makes it current and takes it over. */
void config_set_current(struct config *config);
/** Frees all configurations that were ever current; at the process's end only. */
void config_free_all(void);

/** Does a list hold an entry equal to `text` (any case)? */
bool string_list_contains(const struct string_list *list, struct slice text);

#endif
