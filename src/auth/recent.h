/* A bounded table that remembers what was used most recently: when it is full, the entry that has rested longest makes room.
 * So a stream of made-up names costs a fixed amount of memory. Not thread-safe. */
#ifndef AUTH_RECENT_H
#define AUTH_RECENT_H

#include "base/slice.h"

struct recent;

/** A table of at most `capacity` values of `value_size` bytes. `dropped` (may be NULL) sees each value before it goes. */
struct recent *auth_recent_new(size_t capacity, size_t value_size, void (*dropped)(void *value));
/** The value under `key`, now the most recent, or NULL. Lives until it is removed or makes room. */
void *auth_recent_find(struct recent *recent, struct slice key);
/** The value under `key`, added zeroed if it wasn't there; now the most recent. */
void *auth_recent_add(struct recent *recent, struct slice key);
void auth_recent_remove(struct recent *recent, struct slice key);
/** The value that has rested longest, or NULL; and its removal. */
void *auth_recent_oldest(struct recent *recent);
void auth_recent_remove_oldest(struct recent *recent);
size_t auth_recent_count(const struct recent *recent);
/** Sets *recent to NULL. */
void auth_recent_free(struct recent **recent);

#endif
