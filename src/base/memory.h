/* Memory that is never NULL. Running out of it ends the process with a log line, and the master restarts the role:
 * nothing acknowledged is lost, and no code path for half-made objects needs to exist. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/** Zeroed memory of `size` bytes; the caller owns it and gives it to free(). */
void *memory_new(size_t size);
/** Zeroed memory for `count` things of `size` bytes; ends the process on overflow. */
void *memory_array(size_t count, size_t size);
/** As realloc, never NULL; new bytes are not zeroed. */
void *memory_resize(void *old, size_t size);
/** A NUL-terminated copy of `len` bytes. */
char *memory_copy(const char *at, size_t len);
/** Overwrites a secret so that the compiler cannot leave it out. */
void memory_wipe(void *at, size_t len);
/** Ends the process: what every allocator here does when memory has run out. */
_Noreturn void memory_exhausted(size_t wanted);

#endif
