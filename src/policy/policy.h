/* What is found out about the sender of a message: SPF, the signatures (DKIM, ARC, DKIM2), the address's name (iprev), and what DMARC makes of them.
 * A pure function of the message and of the DNS, which it asks through a table (lookup/lookup.h). */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "arc/arc.h"
#include "bimi/bimi.h"
#include "dkim/dkim.h"
#include "dkim2/dkim2.h"
#include "dmarc/dmarc.h"
#include "spf/spf.h"

struct policy_mail {
	struct slice client;   /* its address, 4 or 16 bytes; empty: nobody knows, and SPF and iprev aren't asked */
	struct slice helo;     /* what it said after HELO or EHLO */
	struct slice sender;   /* the reverse-path without brackets */
	struct slice receiver; /* our host's name */
	struct slice header;   /* lines that end with CR LF, the empty one included */
	int64_t now;           /* seconds since 1970 */
	const char *const *trusted_sealers; /* domains whose seals (ARC) are believed */
	size_t trusted_sealer_count;
	bool dkim2;            /* look at signatures of the second kind, too */
	const struct dkim2_envelope *envelope; /* for them; NULL: nobody knows it */
	bool brand;            /* look for the author's brand indicator (BIMI), too */
};

/** RFC 8601 §3. */
enum policy_iprev { POLICY_IPREV_PENDING, POLICY_IPREV_PASS, POLICY_IPREV_FAIL, POLICY_IPREV_TEMPERROR, POLICY_IPREV_PERMERROR };
/** "pass". */
const char *policy_iprev_name(enum policy_iprev iprev);
/** Has the address a name that has the address? *name: that one, or the first that hasn't. */
enum policy_iprev policy_iprev_check(struct slice client, struct lookup *table, struct arena *arena, struct slice *name);

struct policy_verdict {
	struct spf_verdict spf;
	enum policy_iprev iprev;
	struct slice client_name;
	const struct dkim_verdict *dkim;
	size_t dkim_count;
	const struct arc_verdict *arc;
	const struct dkim2_verdict *dkim2; /* if mail.dkim2, else NULL; it vouches for nobody towards DMARC, which doesn't know it */
	struct dmarc_verdict dmarc;
	struct bimi_verdict bimi; /* if mail.brand */
	struct slice override;  /* DMARC fails, and the message is taken all the same: why, as a report to the domain says it; else empty */
};

/** If DMARC fails, but trusted seals say that it or SPF passed when the message was first sealed: sets verdict->override, and that nothing is to
 * be done. For policy_check_run(). */
void policy_trust_seals(const struct policy_mail *mail, struct policy_verdict *verdict, struct arena *arena);

struct policy_check;
/** What `mail` holds must live as long as the check. */
struct policy_check *policy_check_new(const struct policy_mail *mail);
/** The next piece of the body; all of it comes before the first policy_check_run(). */
void policy_check_body(struct policy_check *check, struct slice piece);
/** Goes as far as it can. NULL: `table` has new questions that are wanted; call again when they are answered. The verdict lives as long as the
 * check and the table. */
const struct policy_verdict *policy_check_run(struct policy_check *check, struct lookup *table);
/** Sets *check to NULL; NULL is fine. */
void policy_check_free(struct policy_check **check);

/** Appends the Authentication-Results field that says it, with its line end (RFC 8601); AUTHRES_FIELD_MAX bytes at most. */
void policy_write_results(const struct policy_mail *mail, const struct policy_verdict *verdict, struct buf *out);

#endif
