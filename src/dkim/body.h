/* The body in canonical form (RFC 6376 §3.4.3, §3.4.4), hashed as it comes. */
#ifndef DKIM_BODY_H
#define DKIM_BODY_H

#include "dkim/dkim.h"

#define DKIM_WHOLE_BODY UINT64_MAX

enum { DKIM_BODY_STEP = 4096 };

struct dkim_body {
	bool simple;
	uint64_t limit;     /* l=: of the canonical form no more is hashed; or DKIM_WHOLE_BODY */
	uint64_t seen;      /* bytes of the canonical form so far; what is held back excepted */
	EVP_MD_CTX *hash;
	uint64_t line_ends; /* CR LF that have come and count only if something follows */
	bool blank;         /* white space, likewise */
	bool cr;            /* the last byte was a CR */
	size_t used;
	unsigned char digest[DKIM_DIGEST_SIZE]; /* after the end */
	char *out;          /* DKIM_BODY_STEP bytes, until the end */
};

void dkim_body_begin(struct dkim_body *body, bool simple, uint64_t limit);
void dkim_body_add(struct dkim_body *body, struct slice piece);
void dkim_body_end(struct dkim_body *body);
/** Gives back what it has, at any time. */
void dkim_body_clear(struct dkim_body *body);

#endif
