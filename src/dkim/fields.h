/* The fields of a header as signatures name them: from the bottom up (RFC 6376 §5.4.2), in canonical form (RFC 6376 §3.4). */
#ifndef DKIM_FIELDS_H
#define DKIM_FIELDS_H

#include "dkim/dkim.h"
#include "message/header.h"

#define DKIM_NO_FIELD ((size_t)-1)

struct dkim_field {
	struct header_field field;
	size_t above; /* the next one of its name, upwards, or DKIM_NO_FIELD */
};

struct dkim_header {
	struct dkim_field *list;
	size_t count;
	size_t *last;      /* by a name's number: the lowest field of that name */
	size_t name_count;
	struct map *names;
	bool large;        /* beyond DKIM_HEADER_MAX or DKIM_HEADER_FIELDS_MAX: the list is empty */
};

/** Finds the fields; the list is in `arena`, the rest is freed by dkim_header_clear(). Linear. */
void dkim_header_read(struct slice text, struct arena *arena, struct dkim_header *header);
void dkim_header_clear(struct dkim_header *header);
/** How often there is a field of that name. */
size_t dkim_header_count(const struct dkim_header *header, struct slice name);

/** Adds the fields that are named to a hash, in the order of `names`: of each name the lowest that wasn't added yet, nothing where none is
 * left. `self` is passed over: the signature itself. */
void dkim_header_hash(const struct dkim_header *header, const struct slice *names, size_t count, size_t self, bool simple, EVP_MD_CTX *hash);
/** Adds one field. `without`: a part of it that counts as empty, the value of b=. `last`: its line end isn't added. */
void dkim_field_hash(const struct header_field *field, struct slice without, bool simple, bool last, EVP_MD_CTX *hash);
/** Appends a field in canonical form, with CR LF; it never grows by more than that. */
void dkim_field_write(struct slice whole, bool simple, struct buf *out);

#endif
