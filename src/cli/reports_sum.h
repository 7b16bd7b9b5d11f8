/* Sums over what was reported to us: by domain, and of each by source; and what is to be done about them. */
#ifndef CLI_REPORTS_SUM_H
#define CLI_REPORTS_SUM_H

#include "policy/reports.h"

/* Messages of one source in the name of one domain (DMARC), or sessions with one of our servers (TLS). */
struct cli_report_source {
	struct slice source;     /* address or name; empty: not said */
	struct slice name;       /* of the address, where it is known */
	uint64_t both, dkim, spf, failed; /* passed by both, by one alone; not at all. TLS: dkim: secured */
	uint64_t quarantined, rejected;   /* of those that failed */
	struct slice signer, signer_result;     /* the last signature of those that failed; empty: none */
	struct slice envelope, envelope_result; /* and the last envelope's domain, and SPF's result */
	struct slice reason;     /* TLS: what went wrong last */
};

struct cli_report_domain {
	enum report_kind kind;
	struct slice domain;
	uint64_t passed, failed;
	size_t reports;
	int64_t begin, end;      /* of all reports, seconds since 1970; 0: not said */
	struct slice policy;     /* DMARC: the last that a reporter saw */
	struct slice *reporters; /* each once */
	size_t reporter_count, reporter_room;
	struct cli_report_source **sources; /* most failures first */
	size_t source_count, source_room;
};

struct cli_report_sums {
	struct arena *arena;
	struct map *index;       /* of domains and sources */
	struct cli_report_domain **domains; /* by name */
	size_t domain_count, domain_room;
	size_t unproved;         /* reports that aren't counted, since nothing shows that they are from whom they say */
};

void cli_reports_begin(struct cli_report_sums *sums, struct arena *arena);
/** Adds what it says; copies what it keeps. */
void cli_reports_add(struct cli_report_sums *sums, const struct report *report);
/** Puts all in order; nothing is added after it. */
void cli_reports_end(struct cli_report_sums *sums);

/** What is to be made of a source, and to be done: one sentence, without a point. */
const char *cli_reports_advise_source(const struct cli_report_domain *domain, const struct cli_report_source *source, struct arena *arena);
/** And of a domain. */
const char *cli_reports_advise(const struct cli_report_domain *domain);

#endif
