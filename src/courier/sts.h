/* What the policies of other domains about TLS (MTA-STS, RFC 8461) demand of a delivery: finding them, in the DNS, at the domain's policy host, or among those
 * that were fetched before. */
#ifndef COURIER_STS_H
#define COURIER_STS_H

#include "sts/sts.h"

struct courier;

struct courier_sts {
	bool found;               /* there is a policy */
	enum sts_mode mode;       /* what is made of it: never more than the option mta_sts says; STS_NONE: nothing */
	struct sts_policy policy;
	struct slice told;        /* the policy as TLS reports tell of it (report_row.policy) */
	const char *fault;        /* why no policy could be had where there is one, or its successor, as RFC 8460 §4.3.2.2 names it; NULL: nothing of the kind */
	bool interrupted;         /* the courier is being stopped */
};

/** The policy by which mail goes to a domain (A-labels), in `arena`. Blocks, for a minute and a half at most: for the DNS and, where a policy is new or to be
 * renewed, for the policy host. */
struct courier_sts courier_sts_find(struct courier *courier, struct slice domain, struct arena *arena);
/** No host could be delivered to by the policy: the next time it is looked whether there is another, whatever the DNS says (RFC 8461 §5.1). */
void courier_sts_doubt(struct courier *courier, struct slice domain);

#endif
