/* A report that is due, on its way from the policy role, which has made it, to the courier, which makes mail of it and queues that. What crosses is
 * checked at both ends: the policy role parses what strangers send, and may be theirs. */
#ifndef POLICY_OUTGOING_H
#define POLICY_OUTGOING_H

#include "report/report.h"

enum {
	POLICY_OUTGOING_NEXT = 1, /* the question for a report; its text is empty. The answer: a report, or nothing */
	POLICY_OUTGOING_DONE,     /* the report of this id is in the queue; its text is the id, a space, and how many bytes its mail has */
	POLICY_OUTGOING_SESSIONS, /* lines about sessions with other servers, see policy_outgoing_session() */
	POLICY_OUTGOING_SECONDS = 60, /* that an answer takes at most: the DNS is asked */
	POLICY_OUTGOING_PACKED_MAX = 3 * 1024 * 1024,
	POLICY_OUTGOING_ID_MAX = 600,
};

struct policy_outgoing {
	enum report_kind kind;
	struct slice id;       /* letters, digits, and ".-_@" */
	struct slice domain;   /* whom it is about, as A-labels */
	int64_t begin, end;    /* seconds since 1970 */
	uint64_t messages;     /* or sessions */
	struct report_destination to[REPORT_DESTINATIONS_MAX]; /* their addresses alone cross */
	size_t count;          /* at least 1 */
	struct slice packed;   /* the report, as gzip packs it */
};
bool policy_outgoing_encode(const struct policy_outgoing *outgoing, struct buf *out);
/** Points into `text`, or lives in `arena`. False: it is none, or holds what mustn't get into a message. */
bool policy_outgoing_decode(struct slice text, struct arena *arena, struct policy_outgoing *outgoing);

/** Appends a line about sessions with a server of `domain`: row->policy, passed, reason, source, address, count. */
bool policy_outgoing_session(struct slice domain, const struct report_row *row, struct buf *out);
/** Cuts the next such line off *text; false at the end. A line that is none has an empty domain. */
bool policy_outgoing_next_session(struct slice *text, struct slice *domain, struct report_row *row);

#endif
