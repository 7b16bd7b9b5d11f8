/* From which networks people have signed in to their accounts before: DIR/directory/known.db, so that a restart doesn't make everybody
 * a stranger. An entry holds for one identity of the account (auth.h): a new password forgets them all. Bounded: the last
 * KNOWN_PER_ACCOUNT networks of an account, for KNOWN_DAYS. A power cut may lose the newest entries, which costs their owners the
 * treatment of strangers. What goes wrong is logged, and nobody is known then. Not thread-safe. */
#ifndef AUTH_KNOWN_H
#define AUTH_KNOWN_H

#include "base/slice.h"

struct known;

enum { KNOWN_PER_ACCOUNT = 64, KNOWN_DAYS = 90 };

/** Opens the file, or makes a new one in the place of one that is damaged. */
struct known *auth_known_open(const char *data);
/** Likewise; and what is noted is told to other nodes, and heard of them, through the database that `storage` names (db_place(); empty: there are none). */
struct known *auth_known_open_in(const char *data, const char *storage);
void auth_known_close(struct known **known);
/** Was this account, with this identity, signed in to from the network of this address? `now`: seconds since 1970. */
bool auth_known_has(struct known *known, struct slice account, int64_t identity, struct slice address, int64_t now);
void auth_known_add(struct known *known, struct slice account, int64_t identity, struct slice address, int64_t now);

#endif
