/* The mail that a report to another domain goes out with (RFC 9990 §3.5.2, RFC 8460 §5.3). Pure; no I/O. */
#ifndef COURIER_FEEDBACK_LETTER_H
#define COURIER_FEEDBACK_LETTER_H

#include "policy/outgoing.h"

enum { COURIER_FEEDBACK_MAX = 5 * 1024 * 1024 };

struct courier_feedback_letter {
	const struct policy_outgoing *report;
	const char *hostname;   /* who reports */
	struct slice from, to;  /* addresses */
	int64_t id, now;        /* the mail's own, for its Message-ID */
	const char *boundary;
};

/** Appends the whole message. False: it passed the buffer's maximum. */
bool courier_feedback_write(const struct courier_feedback_letter *letter, struct buf *out);

#endif
