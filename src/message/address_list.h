/* Address lists that grow: for fields that stand in a header several times (RFC 5322 §4.5.3 joins them). Internal to this
 * folder. */
#ifndef MESSAGE_ADDRESS_LIST_H
#define MESSAGE_ADDRESS_LIST_H

#include "message/address.h"

struct address_list {
	struct address *at; /* in the arena; NULL while empty */
	size_t count, room;
	bool seen; /* a field was read into it */
};

/** Appends what address_parse_list() finds in `body`, up to `max` entries in all. */
void address_list_append(struct address_list *list, struct slice body, size_t max, struct arena *arena);

#endif
