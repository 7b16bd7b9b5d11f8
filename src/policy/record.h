/* What was found of a message when it came, read back from where it was written down: beside it in the queue, and in the event log. */
#ifndef POLICY_RECORD_H
#define POLICY_RECORD_H

#include "score/score.h"

enum { POLICY_RECORD_FINDINGS_MAX = 200 };

/** What a finding of that name means, whoever has found it; "" if nobody here knows it. */
const char *policy_record_text(struct slice name, enum score_language language);
/** Reads findings "RULE POINTS detail", which `separator` divides: '\n' in the queue, ';' in the log, where details may hold it, too. What isn't one
 * belongs to the detail before it. *list in `arena`, its slices in `record`; POLICY_RECORD_FINDINGS_MAX at most. Returns how many. */
size_t policy_record_read(struct slice record, char separator, enum score_language language, struct arena *arena, struct score_found **list);
/** The one that says most: of those without points, which are demands, a virus or an attachment; else that with the most points. NULL: there is none. */
const struct score_found *policy_record_main(const struct score_found *list, size_t count);
/** "-0.25", with two digits at most behind the point. False: it is none, or too much for one. */
bool policy_record_points(struct slice text, int *points);

#endif
