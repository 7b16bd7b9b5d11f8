/* The DNS questions and answers of one evaluation, as a table. What judges a sender (SPF, DKIM, DMARC) is a pure function that
 * asks the table; where the answer isn't there yet, the question is noted as wanted, and the function says that it can't know yet.
 * Its caller has everything that is wanted answered, all at once, and calls it anew: with what it now finds it goes further. So an
 * evaluation is straight-line code without input or output, and a test fills a table beforehand.
 *
 * What evaluates may ask again and again, and hears the same each time. A table belongs to one thread at a time. */
#ifndef LOOKUP_LOOKUP_H
#define LOOKUP_LOOKUP_H

#include "base/arena.h"

enum lookup_type { LOOKUP_A, LOOKUP_AAAA, LOOKUP_MX, LOOKUP_TXT, LOOKUP_PTR, LOOKUP_SRV, LOOKUP_CNAME, LOOKUP_CAA, LOOKUP_TLSA, LOOKUP_TYPES };
enum lookup_status {
	LOOKUP_WANTED,  /* not answered yet */
	LOOKUP_FOUND,
	LOOKUP_NO_DATA, /* the name exists, not with this type */
	LOOKUP_NO_NAME, /* there is no such name, or it can't be one (RFC 1035 §2.3.4) */
	LOOKUP_FAILED,  /* nothing is known: no answer, or a forged one; or more was asked than a table holds */
};

enum {
	LOOKUP_NAME_MAX = 253,          /* bytes of a name, without the root's dot */
	LOOKUP_LABEL_MAX = 63,
	LOOKUP_QUESTIONS_MAX = 300,     /* of a table; later ones fail */
	LOOKUP_RECORDS_MAX = 100,       /* of an answer; the rest is left out */
	LOOKUP_TLSA_FIXED = 3,          /* bytes of a TLSA record before what is matched (RFC 6698 §2.1) */
	LOOKUP_BYTES_MAX = 1024 * 1024, /* of all answers of a table; what would pass it fails */
};

struct lookup_record {
	struct slice data;   /* A, AAAA: 4 or 16 bytes; TXT: its strings, joined; CAA: its tag, a space, its value; TLSA: a byte each of usage, selector and matching, and what is matched; else: a name without final dot, the root empty */
	uint16_t preference; /* MX; the priority of SRV; the flags of CAA */
	uint16_t weight, port; /* SRV */
};
struct lookup_answer {
	enum lookup_status status;
	const struct lookup_record *records; /* FOUND: in the order of the answer */
	size_t count;
	uint32_t ttl; /* seconds for which it may be kept */
};

struct lookup;

struct lookup *lookup_new(void);
void lookup_free(struct lookup **table);

/** The answer to a question, never NULL; it lives as long as the table. `name`: without or with its final dot, any case. */
const struct lookup_answer *lookup_get(struct lookup *table, enum lookup_type type, struct slice name);

/** The questions that are wanted: start with *cursor = 0; false at the end. The name is lower-case. */
bool lookup_next_wanted(const struct lookup *table, size_t *cursor, enum lookup_type *type, struct slice *name);
/** Puts in an answer, whether it is wanted or not; what it holds is copied. An answer that is there stays. FOUND without records is
 * NO_DATA. */
void lookup_put(struct lookup *table, enum lookup_type type, struct slice name, const struct lookup_answer *answer);
/** Answers what is still wanted with LOOKUP_FAILED: nobody waits any longer. */
void lookup_give_up(struct lookup *table);

/** How many questions the table knows. */
size_t lookup_count(const struct lookup *table);

/** "A", "AAAA", … */
const char *lookup_type_name(enum lookup_type type);
/** Can the DNS be asked for it: labels of 1 to LOOKUP_LABEL_MAX bytes, LOOKUP_NAME_MAX in all? A final dot is allowed. */
bool lookup_name_is_askable(struct slice name);
/** The name under which an address has its PTR records (RFC 1035 §3.5, RFC 3596 §2.5); `bytes`: 4 or 16. */
struct slice lookup_reverse_name(struct slice bytes, struct arena *arena);

#endif
