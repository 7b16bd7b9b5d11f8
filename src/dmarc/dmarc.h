/* DMARC (RFC 9989): is the author of a message who it says, and what does that domain want done if not? A pure function of what SPF and DKIM
 * have found and of the DNS, which it asks through a table (lookup/lookup.h). */
#ifndef DMARC_DMARC_H
#define DMARC_DMARC_H

#include "base/arena.h"
#include "lookup/lookup.h"

enum {
	DMARC_WALK_MAX = 8,           /* questions of one walk up the tree (RFC 9989 §4.10) */
	DMARC_AUTHORS_MAX = 8,        /* domains of authors that are judged; a message with more is (RFC 9989 §11.5) */
	DMARC_IDENTIFIERS_MAX = 16,   /* that are compared with an author */
	DMARC_RECORD_MAX = 8 * 1024,  /* bytes of a record; a longer one is none */
};

enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };
enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_NO, DMARC_PSD_YES };
/** "none", "quarantine", "reject". */
const char *dmarc_policy_name(enum dmarc_policy policy);

/* A DMARC Policy Record (RFC 9989 §4.7). */
struct dmarc_record {
	bool usable;                     /* false: policies that can't be read, and nobody to tell (RFC 9989 §4.10.1) */
	enum dmarc_policy p, sp, np;     /* sp and np: what counts, whether they are there or not */
	enum dmarc_psd psd;
	bool strict_dkim, strict_spf;    /* adkim=s, aspf=s */
	bool testing;                    /* t=y */
	struct slice rua, ruf, fo;       /* as written */
};
/** Reads a record. False: it isn't one, and is ignored. */
bool dmarc_record_read(struct slice text, struct dmarc_record *record);

/* A domain that has proved to have a part in the message. */
struct dmarc_identifier {
	struct slice domain; /* as A-labels */
	enum { DMARC_BY_SPF, DMARC_BY_DKIM } by;
};

enum dmarc_result { DMARC_PENDING, DMARC_NONE, DMARC_PASS, DMARC_FAIL, DMARC_TEMPERROR, DMARC_PERMERROR };
/** "none", "pass", … as RFC 8601 §2.7.3 and RFC 9989 §9.2 have them. */
const char *dmarc_result_name(enum dmarc_result result);

struct dmarc_verdict {
	enum dmarc_result result;
	struct slice author;             /* the domain whose result it is */
	struct slice policy_domain;      /* whose record is applied; empty: there is none */
	struct slice organization;       /* the author's organizational domain; empty: there was no need to know it */
	struct dmarc_record record;
	enum dmarc_policy policy;        /* what the domain wants done with what fails */
	enum dmarc_policy disposition;   /* what is to be done: NONE unless it fails, a step milder while the domain is testing */
	bool spf_aligned, dkim_aligned;
	struct slice reason;             /* for people, one line */
};

/** The domains of a message's authors, as A-labels, each once: those of all its From fields. Returns how many there are, DMARC_AUTHORS_MAX + 1
 * if there are more than DMARC_AUTHORS_MAX; *unreadable: an author without a domain is among them. */
size_t dmarc_authors(struct slice header, struct arena *arena, struct slice authors[DMARC_AUTHORS_MAX], bool *unreadable);

/** Judges one author's domain (RFC 9989 §5.3). Returns the verdict's result; DMARC_PENDING: `table` has new questions that are wanted, call again
 * when they are answered. */
enum dmarc_result dmarc_check(struct slice author, const struct dmarc_identifier *identifiers, size_t count, struct lookup *table, struct arena *arena,
			      struct dmarc_verdict *verdict);
/** Judges a message by the header's From: if it has several authors, each of them, and the worst counts (RFC 9989 §11.5). */
enum dmarc_result dmarc_check_message(struct slice header, const struct dmarc_identifier *identifiers, size_t count, struct lookup *table,
				      struct arena *arena, struct dmarc_verdict *verdict);

#endif
