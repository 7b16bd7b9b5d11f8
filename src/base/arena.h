/* An arena owns everything that was made for one session, command or message, and gives it back at once.
 * Not thread-safe: an arena belongs to whoever holds its session. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena;

/** A new, empty arena; memory is taken when first used. */
struct arena *arena_new(void);
/** Zeroed memory of `size` bytes, aligned for any type; lives until the arena is reset or freed. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);
/** As arena_alloc for `count` things of `size` bytes; ends the process on overflow. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/** A copy of `s`, followed by a NUL that the slice doesn't count. */
struct slice arena_copy(struct arena *arena, struct slice s);
/** The same as a C string; for APIs that need one. A NUL inside `s` ends it early: check before. */
char *arena_text(struct arena *arena, struct slice s);
__attribute__((format(printf, 2, 3), nonnull(2))) struct slice arena_printf(struct arena *arena, const char *format, ...);
/** Bytes handed out since it was new or reset; for limits. */
size_t arena_used(const struct arena *arena);
/** Gives everything back, keeping one chunk for reuse. */
void arena_reset(struct arena *arena);
/** Frees the arena and sets *arena to NULL; NULL is fine. */
void arena_free(struct arena **arena);
/** The same, and wipes what it held. */
void arena_free_secret(struct arena **arena);

#endif
