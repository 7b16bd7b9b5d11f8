/* What the policy role reports to other domains: what it made of mail in their names (DMARC, RFC 9990), and what the courier tells it of sessions
 * with their servers (RFC 8460). While mail comes it is counted in memory (policy/tally.h), and written to the file policy/gathered every minute,
 * so a crash loses that much of it at most. With the UTC day the period ends: the file becomes policy/due-BEGIN-END, of which a report for each
 * domain is made within the next hours, and policy/sent says what became of each (policy/sent.h). What can't be had is given up after some days.
 *
 * A file policy/report-now, which the command line makes, ends the period at once. */
#ifndef POLICY_FEEDBACK_H
#define POLICY_FEEDBACK_H

#include "policy/judge.h"
#include "policy/policy.h"
#include "policy/sent.h"
#include "policy/tally.h"

struct policy_feedback;

/** Goes on with what is in the folder. What can't be read is said in the log, and left. */
struct policy_feedback *policy_feedback_open(const char *folder);
/** Writes what was gathered. Sets *feedback to NULL. */
void policy_feedback_close(struct policy_feedback **feedback);

/** Counts a stranger's message that was judged, if the author's domain wants reports (RFC 9990 §3.1). Any thread. */
void policy_feedback_note(struct policy_feedback *feedback, const struct policy_mail *mail, const struct policy_verdict *verdict, enum policy_action action);
/** Counts sessions with a server that takes mail for `domain`. Any thread. */
void policy_feedback_session(struct policy_feedback *feedback, struct slice domain, const struct report_row *row, int64_t now);

/* ---- For one thread, which reports ---- */

/** Writes what was gathered, if it has changed and that is due; ends a period whose time is over. */
void policy_feedback_tend(struct policy_feedback *feedback, int64_t now);
/** The next domain that is to be told at `now`; NULL: there is none yet. Its period is *begin to *end. It stays the next until policy_feedback_told()
 * or policy_feedback_put_off(). */
const struct policy_told *policy_feedback_next(struct policy_feedback *feedback, int64_t now, int64_t *begin, int64_t *end);
/** It was told, or won't be: `outcome`, `addresses` and `bytes` as in struct policy_sent; without an outcome nothing is written down of it. */
void policy_feedback_told(struct policy_feedback *feedback, const struct policy_told *told, const char *outcome, struct slice addresses, uint64_t bytes, int64_t now);
/** It comes again later. False: it was put off for long enough, and is given up. */
bool policy_feedback_put_off(struct policy_feedback *feedback, const struct policy_told *told, int64_t now);
/** The report's id: the same each time. */
struct slice policy_feedback_id(const struct policy_told *told, int64_t begin, struct arena *arena);

/* ---- The policy role's ear for the courier ---- */

/** Answers over the channel, which it takes over, until stop_fd is readable, or there is no other side any more (policy/outgoing.h). */
void policy_feedback_serve(struct policy_feedback *feedback, int channel, int stop_fd);
/** Whoever waits there for the DNS waits no longer. Any thread. */
void policy_feedback_stop(struct policy_feedback *feedback);

#endif
