/* Allocation that never returns NULL; see memory.h for why. */
#include "base/memory.h"

#include <unistd.h>

_Noreturn void memory_exhausted(size_t wanted)
{
	char line[96];
	int len = snprintf(line, sizeof line, "level=error event=memory.exhausted wanted=%zu\n", wanted);
	if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
		_exit(71);
	_exit(70);
}

void *memory_new(size_t size)
{
	return memory_array(1, size);
}

void *memory_array(size_t count, size_t size)
{
	void *at = calloc(count ? count : 1, size ? size : 1);
	if (!at)
		memory_exhausted(count * size);
	return at;
}

void *memory_resize(void *old, size_t size)
{
	void *at = realloc(old, size ? size : 1);
	if (!at)
		memory_exhausted(size);
	return at;
}

char *memory_copy(const char *at, size_t len)
{
	char *copy = memory_array(len + 1, 1);
	if (len > 0)
		memcpy(copy, at, len);
	return copy;
}

void memory_wipe(void *at, size_t len)
{
	if (len > 0)
		explicit_bzero(at, len);
}
