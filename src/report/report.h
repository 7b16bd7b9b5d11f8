/* Reports that servers send one another about their domains, once a day: what they made of mail that names one of them as its author (DMARC
 * aggregate reports, RFC 9990 and what came before it), and whether they could reach them over TLS (RFC 8460). Both kinds are one structure,
 * which is read from what others send us, and written for what we send.
 *
 * What comes is from strangers, packed, as XML and as JSON, and say what strangers want. All is bounded: bytes packed and unpacked, the ratio
 * between them, depth, rows, values. What is merely odd is read as far as it has a meaning, and `fault` says what was odd; what isn't a
 * report is an error with a reason. Pure: no input or output. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum {
	REPORT_PACKED_MAX = 8 * 1024 * 1024,   /* bytes of what a message has attached */
	REPORT_TEXT_MAX = 16 * 1024 * 1024,    /* of what comes out of it */
	REPORT_RATIO_MAX = 250,                /* between the two, from REPORT_RATIO_FROM bytes on; reports have 10 to 40 */
	REPORT_RATIO_FROM = 1024 * 1024,
	REPORT_ROWS_MAX = 10000,               /* of one report; further ones are left off */
	REPORT_SIGNATURES_MAX = 8,             /* of a row */
	REPORT_WORD_MAX = 512,                 /* bytes of any text in it; longer ones are cut */
};
#define REPORT_COUNT_MAX UINT64_C(1000000000000) /* messages of a row; sums of a million of them fit */
#define REPORT_TIME_MAX INT64_C(253402300799)    /* the end of the year 9999 */

enum report_kind { REPORT_DMARC, REPORT_TLS };
/** "dmarc", "tls". */
const char *report_kind_name(enum report_kind kind);

enum report_disposition { REPORT_NONE, REPORT_QUARANTINE, REPORT_REJECT };
/** "none", "quarantine", "reject". */
const char *report_disposition_name(enum report_disposition disposition);
/** Any case; what is neither quarantine nor reject is none. */
enum report_disposition report_disposition_of(struct slice name);

/* What the reporter found about a domain that a message names. */
struct report_result {
	struct slice domain, selector, result; /* selector: of signatures */
};

/* Messages (DMARC) or sessions (TLS) of which the same is said. Texts are UTF-8 without control characters. */
struct report_row {
	struct slice source;     /* DMARC: the client's address. TLS: the receiving server, by name or address; may be empty */
	uint64_t count;          /* at least 1 */
	struct slice domain;     /* DMARC: the author's. TLS: whose policy it was */
	bool passed;             /* DMARC: an aligned domain has vouched. TLS: the session was secured */
	struct slice reason;     /* DMARC: why the reporter didn't do as the policy says. TLS: what went wrong ("certificate-expired") */
	/* DMARC */
	struct slice comment;    /* to the reason; may be empty */
	struct slice envelope;   /* the domain of the envelope's sender */
	enum report_disposition disposition;
	bool dkim, spf;          /* which have vouched */
	struct report_result sender;
	struct report_result *signatures;
	size_t signature_count;
	/* TLS */
	struct slice policy;     /* "sts", "tlsa", "no-policy-found"; for who writes also "sts=mode:enforce|mx:mx.example.org|max_age:86400", with what the policy says */
	struct slice address;    /* of the receiving server; empty where it isn't said */
};

struct report {
	enum report_kind kind;
	struct slice reporter, contact, id;
	struct slice domain;     /* whose policy it is about, lower-case */
	int64_t begin, end;      /* seconds since 1970; 0: it doesn't say */
	/* DMARC: the policy that the reporter saw, as written; empty where it doesn't say */
	struct slice p, sp, np, adkim, aspf, testing;
	struct report_row *rows;
	size_t row_count, row_room;
	uint64_t left_off;       /* rows beyond REPORT_ROWS_MAX, and those without an address or a count */
	const char *fault;       /* what is odd about it; NULL: nothing */
};

/** Reads a report out of `bytes`, which may be packed (zip, gzip): what they are is seen from themselves, whatever they were called.
 * *report lives in `arena`, and doesn't point into `bytes`. False with *error: ERROR_INVALID, it isn't one or is damaged; ERROR_LIMIT, it
 * passes a bound. */
bool report_read(struct slice bytes, struct arena *arena, struct report *report, struct error *error);
/** The same of a message (RFC 5322), which has it attached, or is it: the first of its parts that is a report. */
bool report_read_message(struct slice message, struct arena *arena, struct report *report, struct error *error);
/** Does the message look as if it had a report attached? Looks at the types and names of its parts, not into them. */
bool report_is_likely(struct slice message, struct arena *arena);

/* ---- Writing ---- */

/** Appends a DMARC report as XML (RFC 9990 §3.1.1), with what isn't text in XML as spaces and question marks. False: it passes the buffer's
 * maximum. */
bool report_write_aggregate(const struct report *report, struct buf *out);
/** Appends a TLS report as JSON (RFC 8460 §4.4). Rows of the same domain and policy must follow one another. False as above. */
bool report_write_tls(const struct report *report, struct buf *out);
/** Appends `text` as gzip packs it (RFC 1952). False as above. */
bool report_pack(struct slice text, struct buf *out);

/* ---- Where a domain wants reports ---- */

enum {
	REPORT_DESTINATIONS_MAX = 4,  /* of a domain; further ones get nothing */
	REPORT_URI_MAX = 1024,        /* bytes of one; a longer one is passed over */
};

struct report_destination {
	struct slice address; /* local@domain */
	struct slice host;    /* its domain, as A-labels, lower-case */
	uint64_t most;        /* so many bytes of mail are wanted at most ("!10m": obsolete, and kept to all the same); 0: any number */
};
/** Reads an rua tag: a list of URIs (RFC 9989 §4.7), of which those that begin with mailto: count, each address once. What can't be read, or
 * is no address in ASCII, is passed over. Returns how many there are. */
size_t report_destinations(struct slice rua, struct arena *arena, struct report_destination list[REPORT_DESTINATIONS_MAX]);

#endif
