/* Two clocks: the wall clock for what people and other machines see, the monotonic one for waiting. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/** Wall clock, seconds since 1970-01-01 UTC. */
int64_t clock_now(void);
/** Wall clock in milliseconds. */
int64_t clock_now_ms(void);
/** Monotonic milliseconds: never jumps; meaningful only as a difference, within one boot. */
int64_t clock_monotonic_ms(void);

enum { CLOCK_STAMP_MAX = 32 };
/** Writes "2026-11-22T23:19:32.123Z" and a NUL into `out` (CLOCK_STAMP_MAX bytes). */
void clock_stamp(int64_t now_ms, char *out);

#endif
