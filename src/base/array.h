/* Arrays that grow by one thing at a time: their room doubles when it is used up. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include "base/arena.h"

/** Sees that `list` has room for one more behind the `count` things in it. `list` is a pointer, `room` the size_t that says for how many
 * there is room: NULL and 0 at first, and nobody else's to change. The things may move. What is new isn't zeroed. The caller free()s it. */
#define ARRAY_GROW(list, count, room) ((list) = array_grow((list), (count), &(room), sizeof *(list)))
void *array_grow(void *list, size_t count, size_t *room, size_t size);

/** The same in an arena, where what is new is zeroed, and what was there before stays behind as it was. */
#define ARENA_GROW(arena, list, count, room) ((list) = arena_grow((arena), (list), (count), &(room), sizeof *(list)))
void *arena_grow(struct arena *arena, const void *list, size_t count, size_t *room, size_t size);

#endif
