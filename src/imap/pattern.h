/* LIST and LSUB patterns (RFC 3501 §6.3.8): '*' matches anything, '%' anything but the hierarchy delimiter. Pure. */
#ifndef IMAP_PATTERN_H
#define IMAP_PATTERN_H

#include "base/arena.h"

struct imap_pattern;

/** Prepares `text` (UTF-8). Runs of wildcards become one, so "%*%*%" costs what "*" costs. */
struct imap_pattern *imap_pattern_new(struct slice text, struct arena *arena);
/** What LIST asks for: the reference with the pattern behind it. NULL if no mailbox can have such a name. */
struct imap_pattern *imap_pattern_of(struct slice reference, struct slice text, struct arena *arena);
/** Does the whole of `name` match? INBOX at its start matches in any case. Time: at most length of pattern times length of
 * name, whatever the wildcards. */
bool imap_pattern_match(struct imap_pattern *pattern, struct slice name);

#endif
