/* What is gathered within a period, to be reported to other domains: of each domain, each thing that was seen once, with how often. Whoever
 * sends us mail decides what is seen: so domains, rows and bytes are bounded, and what finds no room is counted alone. Pure: no input or output. */
#ifndef POLICY_TALLY_H
#define POLICY_TALLY_H

#include "base/map.h"
#include "report/report.h"

enum {
	POLICY_TALLY_DOMAINS_MAX = 2000,
	POLICY_TALLY_ROWS_MAX = 1000,              /* of a domain */
	POLICY_TALLY_SIZE_MAX = 8 * 1024 * 1024,   /* bytes of all rows */
	POLICY_TALLY_FILE_MAX = 2 * POLICY_TALLY_SIZE_MAX,
	POLICY_TALLY_WORD_MAX = 253,               /* bytes of a text in a row */
	POLICY_TALLY_RUA_MAX = 2048,
	POLICY_TALLY_SIGNATURES_MAX = 4,           /* of a row */
};

/** A domain that is to be told. */
struct policy_told {
	enum report_kind kind;
	struct slice domain;
	struct buf policy;    /* the last that was seen, and where it wants reports */
	struct map *rows;     /* their texts; the values are their counts, uint64_t */
	uint64_t left_off;    /* messages or sessions of which no row tells */
	bool done;            /* for who reports */
	int64_t not_before;
};

struct policy_tally {
	struct arena *arena;
	struct map *index;    /* of the domains */
	struct policy_told **told;
	size_t count, room, bytes;
	int64_t begin;        /* of the period, seconds since 1970 */
	uint64_t left_off;    /* of domains for which there was no room */
};

void policy_tally_begin(struct policy_tally *tally, int64_t begin);
/** Frees all that it holds. */
void policy_tally_end(struct policy_tally *tally);

/** Counts messages: `report` says the domain and its policy, `row` what was seen `row->count` times. All is copied. */
void policy_tally_add(struct policy_tally *tally, const struct report *report, struct slice rua, const struct report_row *row);

/** Appends it as the text of a file. False: it passes the buffer's maximum. */
bool policy_tally_write(const struct policy_tally *tally, struct buf *out);
/** Adds what such a file says to an empty tally; lines that can't be read are passed over. */
void policy_tally_read(struct policy_tally *tally, struct slice file);

/** What is to be told, in `arena`, rows in the order of their texts: of its report's head only kind, domain, policy and what was left off. *rua:
 * where its policy wants it. Valid as long as the tally. */
void policy_tally_report(const struct policy_told *told, struct arena *arena, struct report *report, struct slice *rua);
/** All messages or sessions. */
uint64_t policy_tally_sum(const struct policy_told *told);

#endif
