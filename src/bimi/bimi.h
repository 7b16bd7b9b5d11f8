/* Brand indicators (BIMI): does the author's domain publish a logo for its mail, and who vouches for it? A pure function of the header, of what DMARC
 * has found and of the DNS, which it asks through a table (lookup/lookup.h). Only the record is looked at: nothing is fetched, so "pass" means that
 * mail clients may fetch what it names, not that the picture or its certificate are good. */
#ifndef BIMI_BIMI_H
#define BIMI_BIMI_H

#include "dmarc/dmarc.h"

enum {
	BIMI_RECORD_MAX = 4 * 1024,  /* bytes of a record; a longer one can't be read */
	BIMI_URI_MAX = 1024,
	BIMI_FIELD_MAX = 512,        /* of a BIMI-Selector field; a longer one is as none */
};

/** A record (tags v, l, a). */
enum bimi_read {
	BIMI_READ,
	BIMI_NO_RECORD,  /* it is a text of another use */
	BIMI_UNREADABLE, /* … of this one, and broken */
	BIMI_DECLINES,   /* the domain wants no logo shown: l= and a= are empty */
};
struct bimi_record {
	struct slice location;  /* l=: where the logo is, an https URI; may be empty if there is an authority */
	struct slice authority; /* a=: where the certificate is that vouches for it; may be empty */
};
/** `record` points into `text`. */
enum bimi_read bimi_record_read(struct slice text, struct bimi_record *record);

/** As Authentication-Results says it with the method "bimi". */
enum bimi_result { BIMI_PENDING, BIMI_PASS, BIMI_NONE, BIMI_SKIPPED, BIMI_DECLINED, BIMI_TEMPERROR, BIMI_PERMERROR };
/** "pass". */
const char *bimi_result_name(enum bimi_result result);

struct bimi_verdict {
	enum bimi_result result;
	struct slice domain;   /* whose record it is, or was looked for last; empty: nobody's */
	struct slice selector; /* "default" */
	struct bimi_record record; /* of PASS */
	const char *reason;    /* for people, a line */
};
/** Looks for the record of a message whose author DMARC has judged. Skipped: the author isn't proved, or the domain doesn't want forgeries of it
 * refused or set apart. Returns the verdict's result; BIMI_PENDING: the table has questions that are wanted, call again. */
enum bimi_result bimi_check(struct slice header, const struct dmarc_verdict *dmarc, struct lookup *table, struct arena *arena, struct bimi_verdict *verdict);

#endif
