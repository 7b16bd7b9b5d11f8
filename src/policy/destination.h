/* May a domain have its reports sent to another's (RFC 9990 §4)? A pure function of the DNS's answers (lookup/lookup.h). */
#ifndef POLICY_DESTINATION_H
#define POLICY_DESTINATION_H

#include "lookup/lookup.h"
#include "report/report.h"

enum policy_destination {
	POLICY_DESTINATION_PENDING, /* `table` has new questions that are wanted; call again */
	POLICY_DESTINATION_GRANTED,
	POLICY_DESTINATION_REFUSED, /* whoever has the address doesn't say that he wants them */
	POLICY_DESTINATION_FAILED,  /* the DNS has no answer */
};
/** `domain`: whose policy it is, as A-labels. Where it and the destination are of one organization, or the destination's domain says that it
 * takes reports about it, they may; the latter may name another address of its own, which then is destination->address, in `arena`. */
enum policy_destination policy_destination_check(struct slice domain, struct report_destination *destination, struct lookup *table, struct arena *arena);

#endif
