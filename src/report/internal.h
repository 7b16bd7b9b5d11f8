/* What the files of this folder share. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include "report/report.h"

/** Is it packed, as its first bytes say? */
bool report_is_packed(struct slice bytes);
/** Appends what zip (its first file) or gzip holds to `out`, which is REPORT_TEXT_MAX at most. */
bool report_unpack(struct slice bytes, struct buf *out, struct error *error);

bool report_read_aggregate(struct slice xml, struct arena *arena, struct report *report, struct error *error);
bool report_read_tls(struct slice json, struct arena *arena, struct report *report, struct error *error);

/** A copy that may be shown and kept: at most REPORT_WORD_MAX bytes, trimmed, what is no UTF-8 as '?', control characters as spaces. */
struct slice report_clean(struct slice text, struct arena *arena);
/** The same of a domain or a result: lower-case, without a last dot. */
struct slice report_clean_name(struct slice text, struct arena *arena);
/** A row for the caller to fill; NULL: there are enough. */
struct report_row *report_add_row(struct report *report, struct arena *arena);
/** Notes the first thing that is odd. */
void report_note(struct report *report, const char *fault);

#endif
