/* What the parts of the score share. Internal to this folder. */
#ifndef SCORE_INTERNAL_H
#define SCORE_INTERNAL_H

#include "score/score.h"

/** A message that is looked at, and what holds of it. */
struct score_message {
	const struct score_facts *facts;
	struct arena *arena;
	bool holds[SCORE_RULES];
};

void score_header(struct score_message *message);
void score_body(struct score_message *message);
void score_links(struct score_message *message);

/** Does the domain, as A-labels or U-labels, mix alphabets in a label, or is one written in letters that look like Latin ones alone? */
bool score_is_lookalike(struct slice domain, struct arena *arena);
/** How many words mix letters of several alphabets. */
size_t score_mixed_words(struct slice text);
/** Does the text hold a character that reverses the direction of writing (U+202D, U+202E)? */
bool score_is_reversed(struct slice text);

/** What so many points lead to. */

#endif
