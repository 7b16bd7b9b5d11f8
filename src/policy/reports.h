/* What was reported to us about our domains (report/report.h), kept by the policy role in the file policy/reports, for `pombal reports`.
 *
 * Whoever can write to a reporting address can report what he likes. So a report counts as proved only if it was shown that its mail is from
 * its author's domain; each is kept once; and neither those who proved nothing nor one domain alone can fill the file: when it is full, what is
 * oldest goes, and their shares are bounded. A line of the file is a report, or a row of the one before it; a line that can't be read is passed
 * over. */
#ifndef POLICY_REPORTS_H
#define POLICY_REPORTS_H

#include "report/report.h"

enum {
	POLICY_REPORTS_SIZE = 16 * 1024 * 1024, /* of the file; when it would be larger, it is brought down to half of that, */
	POLICY_REPORTS_UNPROVED = 8,            /* of which an eighth may be of senders who have proved nothing, */
	POLICY_REPORTS_SHARE = 4,               /* and a quarter of one domain */
	POLICY_REPORTS_ROWS = 2000,             /* of a report that are kept */
	POLICY_REPORTS_PER_DAY = 1000,          /* of one domain */
	POLICY_REPORTS_DAYS = 180,              /* so long reports are kept */
};

struct policy_kept_report {
	int64_t received;      /* seconds since 1970 */
	bool proved;
	struct slice author;   /* the domain of the mail it came with */
	struct report report;  /* of a row's signatures the one that says the most */
};

enum policy_report_outcome { POLICY_REPORT_KEPT, POLICY_REPORT_KNOWN, POLICY_REPORT_TOO_MANY, POLICY_REPORT_FAILED };
/** "kept", "known" (it was there), "too many", "failed". */
const char *policy_report_outcome_name(enum policy_report_outcome outcome);

/** Adds a report to the file. FAILED with *error. One thread of one process at a time. */
enum policy_report_outcome policy_reports_add(const char *path, const struct policy_kept_report *kept, struct error *error);

/** The same of the report that a message (RFC 5322) has attached, if it has one, and an event that says what became of it. `author`: its From's
 * domain; `proved`: that it is from there. */
void policy_reports_take(const char *path, struct slice message, struct slice author, bool proved, int64_t now);

/** Calls `each` for every report that isn't older than POLICY_REPORTS_DAYS at `now`, oldest first; what it is given lives until it returns.
 * A file that isn't there holds none. */
bool policy_reports_read(const char *path, int64_t now, void (*each)(void *context, const struct policy_kept_report *kept), void *context, struct error *error);

#endif
