/* Random bytes from the kernel, and the ids that messages and sessions carry through logs and replies. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/** Fills `len` bytes from getrandom(2); ends the process if the kernel has none to give. */
void random_bytes(void *out, size_t len);
uint64_t random_u64(void);
/** Evenly distributed in [0, bound); bound must not be 0. */
uint64_t random_below(uint64_t bound);

enum { ID_TEXT_LEN = 13 };
/** A new id: positive, never 0, rising with time (42 bits of milliseconds, 21 bits random). A process never makes one
 * twice (but for a clock that is set back); two processes do once in two million, in the same millisecond: who stores ids keeps
 * them unique. Thread-safe. */
int64_t id_new(void);
/** Writes the id as ID_TEXT_LEN characters of base 32 (0-9, a-v: sorts as the number) and a NUL. */
void id_format(int64_t id, char out[ID_TEXT_LEN + 1]);
/** When the id was made: milliseconds since 1970, exact until the 42 bits are used up in the year 2109. */
int64_t id_time(int64_t id);
/** Reads what id_format wrote; 0 if it isn't that. */
int64_t id_parse(struct slice text);

#endif
