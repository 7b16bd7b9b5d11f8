/* Arenas: a list of chunks, filled from the front. The first chunk is small, since most commands need little, and one that waits
 * (IDLE) keeps it; each further one doubles up to a limit, and what is larger than that gets a chunk of its own. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdalign.h>

#include "base/memory.h"

enum { ARENA_FIRST_CHUNK = 512, ARENA_LARGEST_CHUNK = 64 * 1024 };

struct chunk {
	struct chunk *next;
	size_t size, used;
	alignas(max_align_t) char bytes[];
};

struct arena {
	struct chunk *newest;
	size_t used;
};

struct arena *arena_new(void)
{
	return memory_new(sizeof(struct arena));
}

static struct chunk *arena_grow(struct arena *arena, size_t size)
{
	size_t chunk_size = arena->newest ? arena->newest->size * 2 : ARENA_FIRST_CHUNK;
	if (chunk_size > ARENA_LARGEST_CHUNK)
		chunk_size = ARENA_LARGEST_CHUNK;
	if (chunk_size < size)
		chunk_size = size;
	struct chunk *chunk = malloc(sizeof *chunk + chunk_size);
	if (!chunk)
		memory_exhausted(chunk_size);
	*chunk = (struct chunk){.next = arena->newest, .size = chunk_size};
	arena->newest = chunk;
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		memory_exhausted(size);
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct chunk *chunk = arena->newest;
	if (!chunk || chunk->size - chunk->used < size)
		chunk = arena_grow(arena, size);
	void *at = chunk->bytes + chunk->used;
	chunk->used += size;
	arena->used += size;
	return memset(at, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	if (size > 0 && count > SIZE_MAX / 2 / size)
		memory_exhausted(count);
	return arena_alloc(arena, count * size);
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
	return slice_make(arena_text(arena, s), s.len);
}

char *arena_text(struct arena *arena, struct slice s)
{
	char *text = arena_alloc(arena, s.len + 1);
	if (s.len > 0)
		memcpy(text, s.at, s.len);
	return text;
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return slice_make("", 0);
	char *text = arena_alloc(arena, (size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return slice_make(text, (size_t)len);
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}

/* Keeps the oldest chunk, which is the smallest. */
void arena_reset(struct arena *arena)
{
	struct chunk *chunk = arena->newest;
	while (chunk && chunk->next) {
		struct chunk *older = chunk->next;
		free(chunk);
		chunk = older;
	}
	if (chunk)
		chunk->used = 0;
	arena->newest = chunk;
	arena->used = 0;
}

void arena_free(struct arena **arena)
{
	if (!*arena)
		return;
	arena_reset(*arena);
	free((*arena)->newest);
	free(*arena);
	*arena = NULL;
}

void arena_free_secret(struct arena **arena)
{
	for (struct chunk *chunk = *arena ? (*arena)->newest : NULL; chunk; chunk = chunk->next)
		memory_wipe(chunk->bytes, chunk->used);
	arena_free(arena);
}
