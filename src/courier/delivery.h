/* What a remote thread does with a job. */
#ifndef COURIER_DELIVERY_H
#define COURIER_DELIVERY_H

#include "courier/internal.h"

enum courier_end {
	COURIER_THROUGH, /* each addressee has a verdict, or something noted that makes one */
	COURIER_WAITS,   /* it went back among those who wait, and isn't the caller's any more */
};
/** Works on a job that was given out, asking each host's address for room. *outcome: what that says about the destination; with
 * COURIER_UNREACHABLE *why. */
enum courier_end courier_deliver(struct courier *courier, struct courier_job *job, enum courier_outcome *outcome, struct courier_trouble *why);
/** Notes what is so for all addressees of a job that have no verdict. */
void courier_note_all(struct courier_job *job, const struct courier_trouble *trouble, const struct courier_via *via);
/** As the options have it now. */
struct courier_limits courier_limits(void);

#endif
