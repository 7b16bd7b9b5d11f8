/* Which country an address is in, as a file in MaxMind's format says (option country_file). Thread-safe. */
#ifndef POLICY_COUNTRY_H
#define POLICY_COUNTRY_H

#include "base/arena.h"

/** "DE" (ISO 3166-1), copied into `arena`; empty: not known. `client`: 4 or 16 bytes. The file is opened by the first call with a path that isn't
 * empty, and stays open; that it can't be is logged, once. */
struct slice policy_country_of(const char *path, struct slice client, struct arena *arena);

#endif
