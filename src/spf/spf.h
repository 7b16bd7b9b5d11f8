/* Sender Policy Framework (RFC 7208): may this client send mail for this domain? A pure function of what the client said, of its
 * address and of the DNS, which it asks through a table (lookup/lookup.h). */
#ifndef SPF_SPF_H
#define SPF_SPF_H

#include "base/arena.h"
#include "lookup/lookup.h"

enum {
	SPF_TERMS_MAX = 10,          /* mechanisms and modifiers that ask the DNS (RFC 7208 §4.6.4) */
	SPF_VOIDS_MAX = 2,           /* their questions that find nothing */
	SPF_HOSTS_MAX = 10,          /* of one mx (more is an error), and names of one ptr that are looked at */
	SPF_RECORD_MAX = 16 * 1024,  /* bytes of a record; a longer one is an error */
	SPF_EXPLANATION_MAX = 1024,  /* bytes of an expanded explanation; a longer one is left out */
	SPF_STEPS_MAX = 200,         /* that are recorded */
};

enum spf_result { SPF_PENDING, SPF_NONE, SPF_NEUTRAL, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_TEMPERROR, SPF_PERMERROR };
/** "none", "pass", … as RFC 8601 §2.7.2 has them. */
const char *spf_result_name(enum spf_result result);

struct spf_query {
	struct slice client;   /* its address, 4 or 16 bytes; an IPv4 address mapped into IPv6 is taken for IPv4 (RFC 7208 §5) */
	struct slice helo;     /* what it said after HELO or EHLO */
	struct slice sender;   /* the reverse-path without brackets; empty: the HELO identity is checked (RFC 7208 §2.4) */
	struct slice receiver; /* our name, for explanations */
	int64_t now;           /* seconds since 1970, for explanations */
};

/* What was done, in order. */
struct spf_step {
	unsigned depth;      /* 0: the domain's own record, 1: one that it includes, … */
	struct slice domain; /* whose record */
	struct slice term;   /* as it is written there; the whole record when it was found */
	struct slice said;   /* what became of it */
};

struct spf_verdict {
	enum spf_result result;
	struct slice domain;      /* that was checked, as A-labels */
	struct slice mechanism;   /* the term of its record, or of one that it redirects to, that decided; empty: none did */
	struct slice reason;      /* for people, one line */
	struct slice explanation; /* FAIL: what the domain wants the sender to be told (RFC 7208 §6.2); empty: nothing. Printable ASCII, a stranger's words */
	struct spf_step *steps;
	size_t step_count;
};

/** Evaluates check_host() (RFC 7208 §4). Returns the verdict's result; SPF_PENDING: `table` has new questions that are wanted, call again
 * when they are answered. What the verdict holds lives in `arena`, or in the query and the table. */
enum spf_result spf_check(const struct spf_query *query, struct lookup *table, struct arena *arena, struct spf_verdict *verdict);

#endif
