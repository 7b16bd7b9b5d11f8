/* What was found of a message, as clients are told it: rules, points and what a rule means. Details stay here: they say how this server looks. */
#ifndef JMAP_FINDING_H
#define JMAP_FINDING_H

#include "jmap/internal.h"
#include "policy/record.h"

struct jmap_findings {
	const struct score_found *list, *main; /* main: that which says most; NULL: there is none */
	size_t count;
	int points; /* in hundredths, of all */
};
/** The language that the client asks for, or else the account's. */
enum score_language jmap_findings_language(const struct jmap_call *call);
/** Reads a record (policy/record.h), in `arena`. */
void jmap_findings_read(struct slice record, char separator, enum score_language language, struct arena *arena, struct jmap_findings *findings);
/** [{rule, points, text}]. */
json_t *jmap_findings_json(const struct jmap_findings *findings);

#endif
