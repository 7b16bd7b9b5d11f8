/* What may be asked for, as the master tells the acme role: see work.h. No input or output. */
#ifndef ACME_SETS_H
#define ACME_SETS_H

#include "acme/key.h"

/** Names that are to be in one certificate. */
struct acme_set {
	struct slice id;            /* the server's name, or a domain's */
	struct slice *names;
	size_t count;
	bool has_certificate;
	struct acme_certificate certificate; /* dates, names and id alone */
};
/** Appends a set as lines. */
void acme_set_write(const struct acme_set *set, struct buf *out);
/** Reads what acme_set_write() wrote. False: it isn't that. */
bool acme_sets_read(struct slice text, struct arena *arena, struct acme_set **list, size_t *count);
/** Is the name in the set? */
bool acme_set_allows(const struct acme_set *set, struct slice name);
/** Does its certificate have all of these names? */
bool acme_set_covers(const struct acme_set *set, const struct slice *names, size_t count);

/** Lines of a payload: names; up to an empty line, or the end. What follows is *rest. False: a name that is none, none at all, or too many. */
bool acme_names_read(struct slice text, struct arena *arena, struct slice **names, size_t *count, struct slice *rest);

#endif
