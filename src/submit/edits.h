/* What engines want changed of a message, done to it, for whatever way it came in. */
#ifndef SUBMIT_EDITS_H
#define SUBMIT_EDITS_H

#include "policy/judge.h"

/** Maps the new body that came with an answer, as a memory file that nobody can change any more, of at most `max` bytes; to be given back with
 * submit_unmap_body(). What is in it is still to be looked at. False: it is none. */
bool submit_map_body(int fd, int64_t max, struct slice *body);
void submit_unmap_body(struct slice *body);
/** Writes the message with the answer's cuts and edits done, which fit it (policy_edits_fit()), in pieces. `body`: in the place of its own, if the edits say so. */
void submit_write_changed(struct slice message, const struct policy_answer *answer, struct slice body, void (*put)(void *context, struct slice text), void *context);

#endif
