/* What we have reported to other domains: a line for each report in the file policy/sent, for `pombal reports --sent`, and so that none is sent
 * twice. When the file is full, its older half goes. */
#ifndef POLICY_SENT_H
#define POLICY_SENT_H

#include "report/report.h"

/* In the folder policy/: */
#define POLICY_SENT "sent"
#define POLICY_SENT_NOW "report-now" /* who makes this file wants reports at once */

enum { POLICY_SENT_SIZE = 2 * 1024 * 1024, POLICY_SENT_LINE_MAX = 4 * 1024 };

struct policy_sent {
	int64_t when;           /* seconds since 1970 */
	enum report_kind kind;
	struct slice domain;
	int64_t begin, end;     /* what it tells of */
	struct slice id;
	struct slice outcome;   /* "queued", or why there was no report */
	uint64_t messages, rows, bytes; /* bytes: of the mail; 0: there was none */
	struct slice addresses; /* separated by spaces */
};

/** Adds one. One thread of one process at a time. */
bool policy_sent_add(const char *path, const struct policy_sent *sent, struct error *error);
/** Calls `each` for all, oldest first; what it is given lives until it returns. A file that isn't there holds none. */
bool policy_sent_read(const char *path, void (*each)(void *context, const struct policy_sent *sent), void *context, struct error *error);

#endif
