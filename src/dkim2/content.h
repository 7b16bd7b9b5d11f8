/* What of a message is hashed besides the fields of DKIM2 themselves (DKIM2 "Computing the Header Fields Hash"): the header's, sorted. Its body is in
 * the form that DKIM calls simple (dkim/body.h). */
#ifndef DKIM2_CONTENT_H
#define DKIM2_CONTENT_H

#include "dkim2/dkim2.h"

struct dkim2_line {
	struct slice name;  /* of any case */
	struct slice whole; /* "Name: value", folded or not */
	size_t place;
};

/** The fields that count, the lowest first. */
struct dkim2_header {
	struct dkim2_line *list;
	size_t count;
	bool large; /* beyond DKIM_HEADER_MAX or DKIM2_HEADER_FIELDS_MAX: the list is empty */
};

/** Does a field of that name count? Those of the way (Received) and of other signatures don't. */
bool dkim2_counts(struct slice name);
void dkim2_header_read(struct slice text, struct arena *arena, struct dkim2_header *header);
void dkim2_header_hash(const struct dkim2_header *header, unsigned char digest[DKIM_DIGEST_SIZE]);

#endif
