/* Changing one option in the text of a pombal.conf, as a person would: comments, order and everything else stay. Pure. */
#ifndef CONFIG_CONFIG_EDIT_H
#define CONFIG_CONFIG_EDIT_H

#include "config/config.h"

/** *written: how `value`, as it would stand in the file (the quotes of a text may be missing), is written there; in `out`. ERROR_INVALID: it isn't one of that option. */
bool config_edit_value(const struct option *option, struct slice value, struct buf *out, struct error *error);
/** Appends the text with that option set to what config_edit_value() has written, or, if `written` is empty, not set at all. ERROR_INVALID: the text, or what would come
 * of it, is no configuration, or other options would change. */
bool config_edit(struct slice text, const struct option *option, struct slice written, struct buf *out, struct error *error);

#endif
