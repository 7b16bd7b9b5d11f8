/* See array.h. */
#include "base/array.h"

#include "base/memory.h"

enum { ARRAY_FIRST = 4 };

static size_t next_room(size_t room, size_t size)
{
	if (room > SIZE_MAX / 2 / size)
		memory_exhausted(SIZE_MAX);
	return room ? room * 2 : ARRAY_FIRST;
}

void *array_grow(void *list, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return list;
	*room = next_room(*room, size);
	return memory_resize(list, *room * size);
}

void *arena_grow(struct arena *arena, const void *list, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return (void *)(uintptr_t)list;
	*room = next_room(*room, size);
	void *wider = arena_array(arena, *room, size);
	if (count > 0)
		memcpy(wider, list, count * size);
	return wider;
}
