/* Junk that the courier has put into a report of its own (option report_safe): who judges or learns it wants the message itself. */
#ifndef MESSAGE_UNWRAP_H
#define MESSAGE_UNWRAP_H

#include "message/mime.h"

/** The field that marks such a report. From strangers' mail it is removed as it comes in, so that nobody else can say what is learned of his message. */
#define MESSAGE_WRAPPED_FIELD "X-Spam-Wrapped"

/** The message that is wrapped in this one, inside of it; this one, if none is. `root`: of mime_parse(). */
struct slice message_unwrap(struct slice message, const struct mime_part *root);

#endif
