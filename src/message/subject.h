/* What is left of a subject without what mail programs add to it when they answer, forward or distribute. Pure; linear. */
#ifndef MESSAGE_SUBJECT_H
#define MESSAGE_SUBJECT_H

#include "base/arena.h"

/** The base subject (RFC 5256 §2.1) of a Subject field's body, in UTF-8, in `arena`: what subjects are sorted by. */
struct slice subject_base(struct slice body, struct arena *arena);
/** What two subjects have in common if one answers the other (RFC 8621 §3): the base subject without case and white space, and without
 * what programs write in other languages than English. Its form is part of what is stored: it doesn't change. */
struct slice subject_topic(struct slice body, struct arena *arena);

#endif
