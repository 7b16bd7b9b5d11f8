/* A hash map from byte strings to pointers. Keys are hashed with SipHash under a key drawn at start-up, so nobody outside
 * can choose keys that collide (CVE-2021-33582). Not thread-safe: who shares one locks it. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/slice.h"

struct map;

struct map *map_new(void);
/** The value under `key`, or NULL. */
void *map_get(const struct map *map, struct slice key);
/** Puts `value` (not NULL) under a copy of `key`; returns the former value or NULL. */
void *map_put(struct map *map, struct slice key, void *value);
/** Takes `key` out; returns its value or NULL. */
void *map_remove(struct map *map, struct slice key);
size_t map_count(const struct map *map);
/** Visits every entry in no order: start with *cursor = 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *map, size_t *cursor, struct slice *key, void **value);
/** Frees the map and its keys, not the values; sets *map to NULL. */
void map_free(struct map **map);

/** SipHash-2-4 of `data` under this process's key. */
uint64_t map_hash(struct slice data);

#endif
