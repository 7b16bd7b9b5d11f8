/* Which lists in the DNS are believed at the moment. Internal to this folder. */
#ifndef POLICY_LISTS_H
#define POLICY_LISTS_H

#include "dnslist/dnslist.h"
#include "policy/door.h"

/** False: it is to be tested. *state and *six: as last found; PENDING: never tested. */
bool policy_lists_get(struct policy_lists *lists, struct slice zone, enum dnslist_state *state, bool *six);
/** What a test, or an answer, has shown. */
void policy_lists_set(struct policy_lists *lists, struct slice zone, enum dnslist_state state, bool six);
/** Some question had no answer: it is tested before it is asked again. */
void policy_lists_doubt(struct policy_lists *lists, struct slice zone);

#endif
