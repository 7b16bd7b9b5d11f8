/* What a signature field says: DKIM-Signature (RFC 6376 §3.5), and those of ARC, which are read by the same rules (RFC 8617 §4.1). */
#ifndef DKIM_SIGNATURE_H
#define DKIM_SIGNATURE_H

#include "dkim/tags.h"
#include "message/header.h"

/** Which field it is; also bits of the table of tags. */
enum dkim_kind { DKIM_SIGNATURE = 1, DKIM_ARC_MESSAGE_SIGNATURE = 2, DKIM_ARC_SEAL = 4 };

struct dkim_signature {
	enum dkim_algorithm algorithm;
	bool simple_header, simple_body;
	bool limited;             /* there is l= */
	uint64_t limit;
	struct slice algorithm_text, domain, selector, identity; /* as they are written */
	struct slice body_hash;   /* DKIM_DIGEST_SIZE bytes */
	struct slice value;       /* of b=, decoded */
	struct slice value_text;  /* as it is written */
	struct slice value_room;  /* its place in the field: counts as empty in what is signed */
	struct slice *names;      /* h= */
	size_t name_count;
	int64_t made, expires;    /* -1: not said */
	uint64_t instance;        /* ARC's i= */
	struct slice chain;       /* ARC's cv= */
	const char *wrong;        /* the tag that DKIM_TAG_MISSING, DKIM_TAG_TWICE or DKIM_TAG_WRONG is about, or NULL */
};

/** Reads a field. DKIM_VALID, or why it is of no use; then *signature has what could be read. Slices point into the field or are in
 * `arena`. */
enum dkim_reason dkim_signature_read(const struct header_field *field, enum dkim_kind kind, struct arena *arena, struct dkim_signature *signature);
/** Appends the name of the key, "selector._domainkey.domain"; it is valid, since the signature could be read. */
struct slice dkim_signature_key_name(const struct dkim_signature *signature, struct arena *arena);

#endif
