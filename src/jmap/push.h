/* Who hears of an account's changes: push.c. */
#ifndef JMAP_PUSH_H
#define JMAP_PUSH_H

#include "jmap/internal.h"

/** What a client that stays connected was told last. */
struct jmap_listener {
	struct store *store;
	struct slice account;    /* malloc'ed */
	char account_id[JMAP_ID_SIZE];
	unsigned types;          /* it wants to hear of: bits, by the places in jmap_types */
	char (*states)[JMAP_STATE_MAX + 1];
	struct subscription *subscription; /* wakes the connection */
};
/** From now on the connection of the request is woken when the account changes. */
void jmap_listener_begin(struct jmap_listener *listener, const struct jmap_request *request);
void jmap_listener_end(struct jmap_listener *listener);
/** Looks which of the types have another state than when it was looked last. */
unsigned jmap_listener_look(struct jmap_listener *listener);
/** A StateChange object (RFC 8620 §7.1). */
json_t *jmap_state_change(const struct jmap_listener *listener, unsigned types);
/** All states that it hears of in one short text, by which a client says what it knows. */
void jmap_push_state(const struct jmap_listener *listener, char out[JMAP_STATE_MAX + 1]);
/** Types by their names: divided by commas, or "*"; a list of JSON, or null for all. Unknown ones are passed over. */
unsigned jmap_types_of(struct slice names);
unsigned jmap_types_in(const json_t *names);

#endif
